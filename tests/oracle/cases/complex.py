"""complex64 and complex128: promotion, arithmetic, functions and their branch cuts, linear algebra, control flow, derivatives.

On branch cuts the sign of a zero part says on which side a number is, as in C99 and NumPy, which are the reference there; XLA takes
all zeros for positive in some functions. Where JAX itself is a few units off (its complex functions are made of real ones, as here), the tolerance is relative to the
modulus: ``close``.
"""

import numpy as onp

from cases.elementwise import fn_of
from record import close, lax, nn, np, optim, random, tree, ulp, vn

COMPLEX = ["complex64", "complex128"]
REAL = ["float32", "float64", "float16", "bfloat16", "int8", "int32", "int64", "uint8", "uint32", "bool"]


def grid(dtype):
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.5, -4.0, 0.01]
    re, im = (m.ravel() for m in onp.meshgrid(values, values))
    return (re + 1j * im).astype(dtype) + onp.zeros(len(re), dtype)


def signed(dtype):
    """The grid with its zeros' signs kept."""
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.5, -4.0, 0.01]
    z = onp.empty(len(values) ** 2, dtype)
    re, im = (m.ravel() for m in onp.meshgrid(values, values))
    z.real, z.imag = re, im
    return z


def typed(values, dtype):
    import ml_dtypes

    return onp.array(values, onp.float64).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


class Wide:
    """Adds cases with room for 64 bits where their name asks for it."""

    def __init__(self, file):
        self.file = file

    def add(self, ident, *rest, **options):
        wide = any(word in ident for word in ("complex128", "float64", "int64")) and "with 1j" not in ident
        self.file.add(ident, *rest, x64=wide, **options)


def write(file):
    file.tol = close(2e-6, 2e-6)
    file = Wide(file)
    # --- promotion
    for a in COMPLEX:
        x = onp.array([1 + 2j, -3 + 0.5j, 4], a)
        for b in COMPLEX + REAL:
            y = x[::-1].copy().astype(b) if b in COMPLEX else typed([1, 0, 1] if b == "bool" else [3, 5, 9], b)
            file.add(f"np.add/{a} {b}", lambda x, y: x + y, x, y)
            file.add(f"np.multiply/{a} {b}", lambda x, y: [x * y, y * x], x, y)
            file.add(f"np.where/{a} {b}", lambda c, x, y: np.where(c, x, y), onp.array([True, False, True]), x, y)
            if b not in COMPLEX:
                file.add(f".astype/{b} to {a}", lambda y: y.astype(a), y)
            else:
                file.add(f".astype/{b} to {a}", lambda y: y.astype(a), y)
        for scalar in (2, 2.5, 1j, 1 - 2j):
            for name in ("np.add", "np.multiply", "np.subtract", "np.divide", "np.power"):
                f = fn_of(name)
                file.add(f"{f.ts}/{a} with {scalar}", lambda x: f(x, scalar), x)
        file.add(f"np.full/{a}", lambda: [np.full((2,), 3, dtype=a), np.zeros((2, 0), dtype=a), np.ones((3,), dtype=a)])
        file.add(f"np.eye/{a}", lambda: np.eye(3, dtype=a))
        file.add(f".astype/{a} to bool", lambda x: x.astype("bool"), onp.array([0, 1j, 1, 0j], a))
    for b in REAL:
        y = typed([1, 0, 1] if b == "bool" else [3, 5, 9], b)
        file.add(f"np.multiply/{b} with 1j", lambda y: [y * 1j, y + (1 - 2j)], y)
    # --- angles
    turns = onp.array([[0, 3, -3, 2.5, -2.5, 0.5], [6, 12, 1, -20, 3, 3]], "float32")
    file.add("np.unwrap/angles", lambda x: np.unwrap(x), turns, tol=close(1e-6, 2e-6))
    file.add("np.unwrap/axis", lambda x: np.unwrap(x, axis=0), turns, tol=close(1e-6, 2e-6))
    file.add("np.unwrap/period", lambda x: np.unwrap(x, period=8), turns, tol=close(1e-6, 2e-6))
    file.add("np.unwrap/discont", lambda x: np.unwrap(x, discont=5), turns, tol=close(1e-6, 2e-6))
    file.add("np.unwrap/int32", lambda x: np.unwrap(x, period=10), onp.array([1, 9, 2, 7, 30], "int32"))
    file.add("np.unwrap/int32, odd period", lambda x: np.unwrap(x, period=7), onp.array([1, 9, 2, 7, 30], "int32"))
    file.add("np.unwrap/int32 angles", lambda x: np.unwrap(x), onp.array([1, 9, 2, 7, 30], "int32"), tol=close(1e-6, 4e-6))
    file.add("np.unwrap/none", lambda x: np.unwrap(x), onp.zeros((2, 0), "float32"))
    file.add("np.unwrap/half a turn", lambda x: np.unwrap(x, period=4), onp.array([0, 2, 0, -2, 1], "float32"))
    # --- elementwise
    for a in COMPLEX:
        z = signed(a)
        tight = close(1e-6, 1e-6) if a == "complex64" else close(1e-13, 1e-13)
        for name in ("np.real", "np.imag", "np.conj", "np.abs", "np.angle", "np.negative", "np.square", "np.isfinite", "np.isnan",
                     "np.iscomplex", "np.isreal", "lax.real", "lax.imag", "lax.conj"):
            f = fn_of(name)
            file.add(f"{f.ts}/{a}", lambda z: f(z), z, tol=tight)
        file.add(f"np.iscomplexobj/{a}", lambda z: [np.iscomplexobj(z), np.isrealobj(z), np.iscomplexobj(np.abs(z)), np.isrealobj(np.abs(z))], z)
        file.add(f"np.conjugate/{a}", lambda z: np.conjugate(z), z)
        file.add(f"np.angle/{a} in degrees", lambda z: np.angle(z, deg=True), z, tol=close(1e-5, 1e-4))
        file.add(f"np.unwrap/{a}", lambda z: np.unwrap(z), z, throws=True)
        file.add(f"np.sqrt/{a}", lambda z: np.sqrt(z), z, out=onp.sqrt(z), tol=tight)
        for name in ("np.exp", "np.expm1", "np.sin", "np.cos", "np.sinh", "np.cosh", "np.tanh", "np.tan", "lax.logistic",
                     "np.exp2"):
            f = fn_of(name)
            file.add(f"{f.ts}/{a}", lambda z: f(z), z, tol=close(2e-5, 1e-5) if a == "complex64" else close(1e-12, 1e-12))
        inside = z[(onp.abs(z) > 0) & ~((onp.abs(z.real) == 1) & (z.imag == 0))]
        inside = inside[onp.abs(inside + 1) > 0]
        for name in ("np.log", "np.log1p", "np.arcsin", "np.arccos", "np.arctan", "np.arcsinh", "np.arccosh", "np.arctanh", "lax.rsqrt",
                     "np.log2", "np.log10", "np.sign", "np.reciprocal"):
            f = fn_of(name)
            keep = inside
            if name in ("np.arctan",):
                keep = inside[onp.abs(inside**2 + 1) > 1e-3]
            tol = close(3e-5, 1e-5) if a == "complex64" else close(1e-12, 1e-12)
            if name.startswith("np.arc"):
                with onp.errstate(all="ignore"):
                    out = getattr(onp, name[3:])(keep.astype("complex128")).astype(a)
                file.add(f"{f.ts}/{a}", lambda z: f(z), keep, tol=tol, out=out)
            else:
                file.add(f"{f.ts}/{a}", lambda z: f(z), keep, tol=tol)
        x, y = (m.ravel() for m in onp.meshgrid(z, onp.array([1 + 1j, -0.5 + 2j, 3, -2j, 0.1 - 0.2j], a)))
        x, y = onp.ascontiguousarray(x), onp.ascontiguousarray(y)
        for name in ("np.add", "np.subtract", "np.multiply", "np.divide", "np.equal", "np.notEqual"):
            f = fn_of({"np.notEqual": "np.not_equal"}.get(name, name))
            file.add(f"{f.ts}/{a}", lambda x, y: f(x, y), x, y, tol=tight)
        file.add(f"np.power/{a}", lambda x, y: np.power(x, y), x[onp.abs(x) > 0], y[onp.abs(x) > 0],
                 tol=close(1e-4, 1e-4) if a == "complex64" else close(1e-11, 1e-11))
        file.add(f"np.power/{a} whole", lambda z: [z**3, z**2, z**0], z, tol=close(1e-5, 1e-5))
        file.add(f"lax.complex/{a}", lambda x, y: lax.complex(x, y), z.real.copy(), z.imag.copy())
    # --- shapes, sums, products
    rng = onp.random.default_rng(7)
    for a in COMPLEX:
        m = (rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))).astype(a)
        n = (rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3))).astype(a)
        tol = close(1e-5, 1e-5) if a == "complex64" else close(1e-13, 1e-13)
        file.add(f"np.sum/{a}", lambda m: [np.sum(m), np.sum(m, axis=1), np.mean(m, axis=0), np.var(m), np.cumsum(m, axis=1)], m, tol=tol)
        file.add(f"np.matmul/{a}", lambda m, n: [np.matmul(m, n), np.dot(m[0], m[1]), np.vdot(m[0], m[1])], m, n, tol=tol)
        file.add(f"np.einsum/{a}", lambda m, n: np.einsum("ij,jk->ki", m, n), m, n, tol=tol)
        file.add(f"np.transpose/{a}", lambda m: [np.transpose(m), np.reshape(m, (2, 10)), np.concatenate([m, m]), np.stack([m, m]),
                                                 np.flip(m, axis=0), np.roll(m, 2), np.pad(m, 1), np.tile(m, (2, 1)), m[1:3, ::2],
                                                 np.squeeze(m[:1], axis=0), np.broadcast_to(m[0], (3, 5))], m)
        file.add(f".get/{a}", lambda m, i: [m[i], np.take(m, i, axis=1), m.at[i].add(1j), m.at[0].set(2)], m,
                 onp.array([2, 0, 2], "int32"))
        file.add(f"np.take/{a} out of bounds", lambda m: np.take(m, np.array([0, 9], dtype="int32"), axis=0, mode="fill"), m)
        file.add(f"lax.dynamicSlice/{a}", lambda m: [lax.dynamic_slice(m, (1, 2), (2, 2)), lax.dynamic_update_slice(m, m[:2, :2], (1, 2))], m)
        file.add(f"lax.scan/{a}", lambda m: lax.scan(lambda c, x: [c * x + 1, c], m[0], m), m, tol=tol)
        file.add(f"lax.cond/{a}", lambda m: lax.cond(True, lambda x: x * 2, lambda x: x * 1j, m), m, tol=tol)
        file.add(f"lax.while_loop/{a}", lambda m: lax.while_loop(lambda c: np.max(np.abs(c)) < 100.0, lambda c: c * (1 + 1j), m), m, tol=tol)
        file.add(f"vn.vmap/{a}", lambda m: vn.vmap(lambda r: r * np.sum(r))(m), m, tol=tol)
        # --- derivatives
        z = m[0]
        part = "float32" if a == "complex64" else "float64"
        w = rng.normal(size=(5,)).astype(part)
        for name, f in (
            ("square", lambda z: np.sum(np.real(z * z))),
            ("abs", lambda z: np.sum(np.abs(z))),
            ("imag", lambda z: np.sum(np.imag(z) ** 3)),
            ("conj", lambda z: np.sum(np.real(z * np.conj(z) * z))),
            ("exp", lambda z: np.sum(np.real(np.exp(z)))),
            ("functions", lambda z: np.sum(np.imag(np.sin(z) * np.log(z) + np.sqrt(z) / z))),
            ("tanh", lambda z: np.sum(np.abs(np.tanh(z)) ** 2)),
            ("power", lambda z: np.sum(np.real(z**3))),
            ("matmul", lambda z: np.real(np.dot(z, np.conj(z)) * np.sum(z))),
            ("convert", lambda z: np.sum(np.real(np.real(z) * z))),
        ):
            file.add(f"vn.grad/{a} {name}", lambda z: vn.grad(f)(z), z, tol=close(5e-5, 5e-5) if a == "complex64" else close(1e-12, 1e-12))
            file.add(f"vn.hessian/{a} {name} of a real one",
                     lambda w: vn.grad(lambda v: np.sum(vn.grad(lambda u: f(u + u * 1j))(v) * v))(w), w,
                     tol=close(2e-4, 2e-4) if a == "complex64" else close(1e-11, 1e-11), jit=False)
        file.add(f"vn.jvp/{a}", lambda z: vn.jvp(lambda z: np.exp(z) * z, [z], [np.conj(z)]), z, tol=tol)
        file.add(f"vn.grad/{a} of real parameters", lambda w, z: vn.grad(lambda w: np.sum(np.abs(w * z) ** 2))(w), w, z,
                 tol=close(1e-5, 1e-5))
        file.add(f"vn.grad/{a} through scan",
                 lambda z: vn.grad(lambda z: np.real(np.sum(lax.scan(lambda c, x: [c * x, c], z[0], z)[1])))(z), z, tol=close(1e-4, 1e-4))
        file.add(f"vn.makeJaxpr/{a}", lambda z: vn.make_jaxpr(lambda z: np.real(z * np.conj(z)))(z), z, jit=False)
    # --- layers, optimisers, random numbers, norms
    z4 = (rng.normal(size=(4,)) + 1j * rng.normal(size=(4,))).astype("complex64")
    image = (rng.normal(size=(2, 7)) + 1j * rng.normal(size=(2, 7))).astype("complex64")
    key = lambda: random.PRNGKey(3)
    file.add("nn.Linear/complex64", lambda x: [nn.Linear(4, 3, dtype="complex64", key=key())(x), tree.leaves(nn.Linear(4, 3, dtype="complex64", key=key()))],
             z4, tol=close(1e-5, 1e-5))
    file.add("nn.Conv1d/complex64", lambda x: nn.Conv1d(2, 3, 3, padding=1, dtype="complex64", key=key())(x), image, tol=close(1e-5, 1e-5))
    file.add("nn.Linear/complex64 gradient", lambda x: tree.leaves(vn.filter_grad(lambda m, x: np.sum(np.abs(m(x)) ** 2))(
        nn.Linear(4, 3, dtype="complex64", key=key()), x)), z4, tol=close(1e-4, 1e-4))
    file.add("random.normal/complex64", lambda: random.normal(random.key(5), (20,), dtype="complex64"), tol=close(1e-5, 1e-6))
    for name in ("sgd", "adam", "adamw"):

        def steps(x):
            o = getattr(optim, name)(0.1)
            state = o.init(x)
            for _ in range(2):
                pair = o.update(vn.grad(lambda z: np.sum(np.abs(z - 1j) ** 2))(x), state, x)
                x, state = x + pair[0], pair[1]
            return x

        file.add(f"optim.{name}/complex64", steps, z4, tol=close(1e-4, 1e-5), jit=False)
    file.add("np.linalg.norm/complex64", lambda x, m: [np.linalg.norm(x), np.linalg.norm(m, axis=0), np.linalg.norm(x, ord=1)], z4, image,
             tol=close(1e-5, 1e-5))
    file.add("np.prod/complex64", lambda x: np.prod(x), z4, tol=close(1e-5, 1e-5))
    for reverse in (False, True):
        file.add(f"lax.cumprod/complex64 {reverse}", lambda x, m: [lax.cumprod(x, axis=0, reverse=reverse), lax.cumprod(m, axis=1, reverse=reverse)],
                 z4, image, tol=close(1e-5, 1e-5))
        file.add(f"lax.cumprod/gradient complex64 {reverse}", lambda x: vn.grad(lambda x: np.sum(np.abs(lax.cumprod(x, axis=0, reverse=reverse)) ** 2))(x),
                 z4, tol=close(1e-4, 1e-5))
    file.add("np.outer/complex64", lambda x, m: [np.outer(x, x), np.inner(x, x), np.tensordot(m, m, axes=2), np.trace(np.outer(x, x)),
                                                 np.tril(np.outer(x, x)), np.allclose(x, x), np.array_equal(x, x), np.any(x), np.count_nonzero(x)],
             z4, image, tol=close(1e-5, 1e-5))
    for name in ("lax.max", "lax.floor", "lax.lt", "lax.rem", "lax.erf"):
        f = fn_of(name)
        z = onp.array([1 + 2j], "complex64")
        file.add(f"{f.ts}/of complex numbers", (lambda z: f(z)) if name in ("lax.floor", "lax.erf") else (lambda z: f(z, z)), z,
                 throws=name not in ("lax.max",)) if name != "lax.max" else None
    _ = random, ulp, grid
