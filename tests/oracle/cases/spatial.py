"""Equinox's convolutions and pools: weights for the same key, values, gradients."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, nn, np, random, tree, ulp, vn

out = close(1e-5, 3e-6)
weights = ulp(1, 6e-8)
sizes = {1: (7,), 2: (7, 6), 3: (4, 5, 3)}


def key(n=0):
    return random.PRNGKey(n)


def write(file):
    add = file.add
    loss = lambda m, x: np.sum(m(x) ** 2)
    grads = lambda m, x: tree.leaves(vn.filter_grad(loss)(m, x))
    ingrad = lambda m, x: vn.filter_grad(lambda x: loss(m, x))(x)

    for n, spatial in sizes.items():
        x = uniform((4, *spatial), lo=-1, hi=1)
        for name, make in {
            "Conv": lambda *args, **kw: getattr(nn, f"Conv{n}d")(4, *args, key=key(), **kw),
            "ConvTranspose": lambda *args, **kw: getattr(nn, f"ConvTranspose{n}d")(4, *args, key=key(), **kw),
        }.items():
            layer = f"nn.{name}{n}d"
            add(f"{layer}/weights", lambda: tree.leaves(make(6, 3)), tol=weights)
            add(f"{layer}/groups weights", lambda: tree.leaves(make(6, 2, groups=2, use_bias=False)), tol=weights)
            for label, kw in {
                "plain": {}, "stride": dict(stride=2), "padding": dict(padding=1), "dilation": dict(dilation=2, padding=2), "groups": dict(groups=2),
                "no bias": dict(use_bias=False), "same": dict(padding="SAME"), "same lower": dict(padding="same_lower", stride=2), "valid": dict(padding="VALID", stride=3),
                "all": dict(stride=2, padding=2, dilation=2, groups=2), "pairs": dict(padding=[(i, 2) for i in range(n)]), "list": dict(stride=[1 + i % 2 for i in range(n)]),
            }.items():
                add(f"{layer}/{label}", lambda x: make(6, 3, **kw)(x), x, tol=out)
            add(f"{layer}/gradient", lambda x: grads(make(6, 3, stride=2, padding=1), x), x, tol=close(3e-5, 3e-5))
            add(f"{layer}/gradient of the input", lambda x: ingrad(make(6, 3, stride=2, groups=2), x), x, tol=close(3e-5, 3e-5))
            add(f"{layer}/batch", lambda x: vn.filter_vmap(make(6, 3, padding=1))(x), uniform((2, 4, *spatial), lo=-1, hi=1), tol=out)
            add(f"{layer}/wrong rank", lambda x: make(6, 3)(x), x[0], throws=True)
            add(f"{layer}/wrong channels", lambda x: make(6, 3)(x), x[:3], throws=True)
            add(f"{layer}/wrong padding", lambda: make(6, 3, padding="all"), throws=True)
        for mode in ("REFLECT", "REPLICATE", "CIRCULAR"):
            for label, kw in {"2": dict(padding=2), "same": dict(padding="SAME", stride=2), "lower": dict(padding="SAME_LOWER", dilation=2)}.items():
                add(f"nn.Conv{n}d/{mode} {label}", lambda x: getattr(nn, f"Conv{n}d")(4, 2, 3, padding_mode=mode, key=key(), **kw)(x), x, tol=out)
        up = lambda **kw: getattr(nn, f"ConvTranspose{n}d")(4, 2, 3, key=key(), **kw)
        for label, kw in {"output padding": dict(stride=2, output_padding=1), "same output padding": dict(stride=3, output_padding=2, padding="SAME"), "same wide stride": dict(stride=4, padding="SAME"),
                          "circular": dict(padding="SAME", padding_mode="CIRCULAR"), "circular stride": dict(padding="SAME_LOWER", stride=2, dilation=2, padding_mode="CIRCULAR")}.items():
            add(f"nn.ConvTranspose{n}d/{label}", lambda x: up(**kw)(x), x, tol=out)
        add(f"nn.ConvTranspose{n}d/too much output padding", lambda: up(stride=2, output_padding=2), throws=True)
        add(f"nn.ConvTranspose{n}d/reflect", lambda: up(padding_mode="REFLECT"), throws=True)
        add(f"nn.ConvTranspose{n}d/circular valid", lambda: up(padding_mode="CIRCULAR"), throws=True)

        for name in ("AvgPool", "MaxPool"):
            make = lambda *args, **kw: getattr(nn, f"{name}{n}d")(*args, **kw)
            layer = f"nn.{name}{n}d"
            for label, args, kw in [("plain", (2,), {}), ("stride", (2,), dict(stride=2)), ("padding", (3,), dict(stride=2, padding=1)), ("pairs", (2,), dict(padding=[(0, 1)] * n)),
                                    ("ceil", (3,), dict(stride=2, use_ceil=True)), ("lists", ([2 + i % 2 for i in range(n)],), dict(stride=[1 + i % 2 for i in range(n)]))]:
                add(f"{layer}/{label}", lambda x: make(*args, **kw)(x), x, tol=ulp(4, 1e-7))
                add(f"{layer}/{label} gradient", lambda x: ingrad(make(*args, **kw), x), x, tol=ulp(8, 1e-6))
            add(f"{layer}/integers", lambda x: make(2, stride=2)(x), uniform((4, *spatial), "int32"), tol=ulp(2))
            add(f"{layer}/batch", lambda x: vn.filter_vmap(make(2))(x), uniform((2, 4, *spatial)), tol=ulp(4, 1e-7))
            add(f"{layer}/wrong rank", lambda x: make(2)(x), x[0], throws=True)
            add(f"{layer}/too much padding", lambda x: make(1, padding=2)(x), x, throws=True)
        for name in ("AdaptiveAvgPool", "AdaptiveMaxPool"):
            make = lambda *args: getattr(nn, f"{name}{n}d")(*args)
            for target in (1, 2, 3, [s - 1 for s in spatial], list(spatial)):
                add(f"nn.{name}{n}d/{target}", lambda x: make(target)(x), x, tol=ulp(8, 1e-6))
            add(f"nn.{name}{n}d/gradient", lambda x: ingrad(make(2), x), x, tol=ulp(8, 1e-6))
            add(f"nn.{name}{n}d/wrong rank", lambda x: make(2)(x), x[0], throws=True)
    x = uniform((2, 6))
    add("nn.Pool/minimum", lambda x: nn.Pool(onp.inf, lax.min, 1, 2)(x), x)
    add("nn.Pool/product", lambda x: nn.Pool(1.0, lambda a, b: a * b, 1, 2, stride=2)(x), x, tol=ulp(2))
    add("nn.AdaptivePool", lambda x: nn.AdaptivePool(4, 1, lambda v: np.sum(v))(x), x, tol=ulp(4))
    add("nn.Conv", lambda x: nn.Conv(4, 2, 3, 2, key=key())(x), uniform((2, 3, 2, 3, 2)), tol=out)
    add("nn.Conv/a network", lambda x: nn.Sequential([nn.Conv2d(1, 3, 3, key=key()), nn.MaxPool2d(2, stride=2), nn.Lambda(nn.relu), nn.Lambda(np.ravel), nn.Linear(27, 4, key=key(1))])(x), uniform((1, 8, 8)), tol=out)
    add("nn.Conv/a network's gradient", lambda x: tree.leaves(vn.filter_grad(loss)(nn.Sequential([nn.Conv2d(1, 3, 3, key=key()), nn.MaxPool2d(2, stride=2), nn.Lambda(nn.relu), nn.Lambda(np.ravel), nn.Linear(27, 4, key=key(1))]), x)), uniform((1, 8, 8)), tol=close(3e-5, 3e-6))
    add("nn.SpectralNorm/convolution", lambda x: (lambda pair: pair[0](x, state=pair[1])[0])(nn.make_with_state(lambda: nn.SpectralNorm(nn.Conv2d(2, 3, 3, key=key()), "weight", key=key(1)))()), uniform((2, 5, 5)), tol=close(1e-4, 1e-5))
    add("nn.WeightNorm/convolution", lambda x: nn.WeightNorm(nn.Conv3d(2, 3, 2, key=key()))(x), uniform((2, 3, 3, 3)), tol=out)
    for dtype, t in (("float16", close(4e-3, 4e-3)), ("bfloat16", close(3e-2, 3e-2))):
        short = lambda shape: uniform(shape).astype(dtype)
        add(f"nn.Conv2d/{dtype}", lambda x: nn.Conv2d(2, 3, 3, padding=1, dtype=dtype, key=key())(x), short((2, 5, 5)), tol=t)
        add(f"nn.ConvTranspose2d/{dtype}", lambda x: nn.ConvTranspose2d(2, 3, 3, stride=2, dtype=dtype, key=key())(x), short((2, 4, 4)), tol=t)
        for name in ("MaxPool2d", "AvgPool2d"):
            add(f"nn.{name}/{dtype}", lambda x: getattr(nn, name)(2, stride=2)(x), short((2, 5, 5)), tol=t)
        add(f"nn.AdaptiveAvgPool2d/{dtype}", lambda x: nn.AdaptiveAvgPool2d(2)(x), short((2, 5, 5)), tol=t)
