"""Equinox's layers of complex numbers."""

from cases.inputs import uniform
from record import close, nn, random, tree, ulp

tol = close(1e-5, 3e-6)
weights = ulp(1, 6e-8)


def write(file):
    add = file.add
    key = lambda: random.PRNGKey(0)
    draw = lambda shape: (uniform(shape) + 1j * uniform(shape, seed=1)).astype("complex64")
    x, image = draw(4), draw((2, 5, 5))
    linear = lambda: nn.Linear(4, 3, dtype="complex64", key=key())
    conv = lambda **kw: nn.Conv2d(2, 3, 3, dtype="complex64", key=key(), **kw)
    add("nn.Linear/complex64 weights", lambda: tree.leaves(linear()), tol=weights)
    add("nn.Linear/complex64", lambda x: linear()(x), x, tol=tol)
    add("nn.LayerNorm/complex64", lambda x: nn.LayerNorm(4, dtype="complex64")(x), x, tol=tol)
    add("nn.RMSNorm/complex64", lambda x: nn.RMSNorm(4, dtype="complex64")(x), x, tol=tol)
    add("nn.WeightNorm/complex64", lambda x: nn.WeightNorm(linear())(x), x, tol=tol)
    add("nn.Conv2d/complex64 weights", lambda: tree.leaves(conv()), tol=weights)
    add("nn.Conv2d/complex64", lambda x: conv(padding=1)(x), image, tol=tol)
    add("nn.ConvTranspose2d/complex64", lambda x: nn.ConvTranspose2d(2, 3, 3, stride=2, dtype="complex64", key=key())(x), image, tol=tol)
    add("nn.AvgPool2d/complex64", lambda x: nn.AvgPool2d(2)(x), image, tol=tol)
