"""Where formulas break: derivatives at ties and at zero, lookups in empty axes, bools among numbers."""

import numpy as onp

from cases.inputs import f32, i32, uniform
from record import close, lax, nn, np, vn

T = close(2e-6, 2e-6)
T2 = close(1e-5, 1e-5)


def write(file):
    add = file.add

    # Derivatives where both operands are equal, or at zero; of first and second order, and forwards.
    at = f32(-2, -1, 0, 0.5, 1, 3)
    one = {
        "softplus": nn.softplus, "log_sigmoid": nn.log_sigmoid, "mish": nn.mish, "sinc": np.sinc, "sparse_plus": nn.sparse_plus, "sparse_sigmoid": nn.sparse_sigmoid,
        "hard_swish": nn.hard_swish, "logaddexp left": lambda x: np.logaddexp(x, 0.5), "logaddexp right": lambda x: np.logaddexp(-1, x), "logaddexp both": lambda x: np.logaddexp(x, x),
        "logaddexp2 left": lambda x: np.logaddexp2(x, 0.5), "logaddexp2 right": lambda x: np.logaddexp2(3, x),
    }
    for name, f in one.items():
        total = lambda x: np.sum(f(x))
        add(f"value/{name}", lambda x: f(x), at, tol=T)
        add(f"grad/{name}", lambda x: vn.grad(total)(x), at, tol=T)
        add(f"grad, mapped/{name}", lambda x: vn.vmap(vn.grad(lambda y: f(y)))(x), at, tol=T)
        if name != "sparse_sigmoid":
            add(f"grad of grad/{name}", lambda x: vn.grad(lambda y: np.sum(vn.grad(total)(y) ** 2))(x), at, tol=T2)
    add("jvp/logaddexp, a number with an array", lambda x, y: vn.grad(lambda x, y: np.sum(np.logaddexp(x, y)), argnums=(0, 1))(x, y), onp.float32(1), at, tol=T)
    add("grad/logaddexp of -inf", lambda x: vn.grad(lambda x: np.sum(np.logaddexp(x, 1.0)))(x), f32(-onp.inf, 1), tol=T)

    # Axes of size 0: nothing can be looked up, and nothing is asked for.
    empty, none = onp.zeros((0, 2), "float32"), onp.zeros((0,), "int32")
    add("empty/get", lambda x, i: x[i], empty, none)
    add("empty/get a column", lambda x, i: x[i, 1], empty, none)
    add("empty/take", lambda x, i: np.take(x, i, axis=0), empty, none)
    add("empty/set", lambda x, i: x.at[i].set(1), empty, none)
    add("empty/add, reversed", lambda x: x.at[1:1:-1, 1:-2:-1].add(1), onp.zeros((1, 0), "float32"))
    add("empty/median forwards", lambda x: vn.jvp(lambda x: np.median(x, axis=1), (x,), (x,))[1], empty)
    add("empty/grad of a lookup", lambda x, i: vn.grad(lambda x: np.sum(x[i] ** 2))(x), empty, none)

    # Bools where numbers are expected, and the dtype that is asked for.
    b = onp.array([True, False, True])
    add("bool/outer", lambda x: np.outer(x, x), b)
    add("bool/left_shift", lambda x: np.left_shift(x, x), b)
    add("bool/right_shift", lambda x: np.right_shift(x, x), b)
    add("bool/bitwise_count", lambda x: np.bitwise_count(x), b)
    add("bool/sum in bools", lambda x: np.sum(x, dtype="bool"), i32(0, 0, 3))
    add("bool/prod in bools", lambda x: np.prod(x, dtype="bool"), i32(1, 0, 3))
    for dtype in ("float32", "int8", "uint16", "bfloat16"):
        add(f"cumsum in {dtype}", lambda x: np.cumsum(x, dtype=dtype), i32(1, 2, 100, 3))
        add(f"cumprod in {dtype}", lambda x: np.cumprod(x, dtype=dtype), b)
        add(f"nancumsum in {dtype}", lambda x: np.nancumsum(x, dtype=dtype), f32(1, onp.nan, 3) if "float" in dtype else i32(1, 2, 3))
    add("astype", lambda x: np.astype(x, "int8"), f32(1.5, -2.5, 100))

    # Different elements, as many as are asked for; traces of stacks, and of short integers.
    few, nan = i32(3, 1, 3, 2, 1, 5), f32(onp.nan, 1, onp.nan, -onp.inf)
    everything = dict(return_index=True, return_inverse=True, return_counts=True)
    for size in (1, 2, 4, 6, 9):
        add(f"unique/{size}", lambda x: np.unique(x, size=size, **everything), few)
        add(f"unique, filled/{size}", lambda x: np.unique(x, size=size, fill_value=-7), few)
        add(f"unique, NaN/{size}", lambda x: np.unique(x, size=size, return_counts=True), nan)
    add("unique/of a matrix", lambda x: np.unique(x, size=5, fill_value=0, **everything), uniform((2, 3), "int32"))
    add("unique/nothing of nothing", lambda x: np.unique(x, size=0), f32())
    add("unique/gradient", lambda x: vn.grad(lambda x: np.sum(np.unique(x, size=4) ** 2))(x), f32(3, 1, 3, 2))
    add("unique/mapped", lambda x: vn.vmap(lambda y: np.unique(y, size=3, fill_value=9))(x), i32(2, 1, 2, 5, 5, 5).reshape(2, 3))
    add("trace/stacks", lambda x: np.trace(x), uniform((3, 4, 2)))
    add("trace/axes", lambda x: np.trace(x, offset=1, axis1=2, axis2=0), uniform((3, 4, 2)))
    for dtype in ("bool", "uint8", "int16", "bfloat16"):
        add(f"trace/{dtype}", lambda x: np.trace(x, offset=-1), uniform((3, 3), dtype))
    add("trace/dtype", lambda x: np.trace(x, dtype="float32"), uniform((3, 3), "int32"))
    add("one_hot/of floats", lambda x: nn.one_hot(x, 3), f32(0, 1, 1.5, 2, -1, onp.nan))

    # Updates by JAX's names.
    x = uniform(4)
    for name in ("subtract", "multiply", "divide", "power"):
        add(f".at.{name}", lambda x: getattr(x.at[i32(1, 1, 3)], name)(2), x, tol=T)
        add(f".at.{name}/gradient", lambda x: vn.grad(lambda x: np.sum(getattr(x.at[1:3], name)(2) * x))(x), x, tol=T)
    add(".at.divide/integers", lambda x: x.at[1].divide(4), i32(3, 6, 8))
    add("power/negative power of integers", lambda x: np.power(x, -1), i32(2, 3), throws=True)
