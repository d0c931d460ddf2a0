"""The dtypes beside float32, int32 and their neighbours: short and unsigned integers, floats of 16 bits.

Promotion over every pair of dtypes and with scalars; arithmetic, functions, reductions, contractions, sorting and indexing
at each dtype; conversions between all pairs, saturating and wrapping; random numbers; gradients in short floats.

JAX with 64-bit types off has no room for what uint64 meets int64 in, nor for uint32 with signed integers; those pairs are
left to ``x64=True``.
"""

import ml_dtypes
import numpy as onp

from cases.elementwise import fn_of
from record import array, close, lax, nn, np, random, ulp, vn

HALVES = ["float16", "bfloat16"]
SHORT = ["int8", "int16", "uint16"]
NEW = HALVES + SHORT + ["uint64"]
FLOATS = ["float32", "float64", *HALVES]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
ALL = FLOATS + SIGNED + UNSIGNED + ["bool"]


def typed(values, dtype):
    return onp.array(values, onp.float64).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def exact(values, dtype):
    return onp.array(values, dtype)


def wide(a, b):
    """Pairs that JAX without 64-bit types gives no room: they meet in int64 or in the default float."""
    pair = {a, b}
    return ("uint32" in pair and pair & set(SIGNED)) or ("uint64" in pair and pair & set(SIGNED))


def specials(dtype):
    if dtype in FLOATS:
        i = ml_dtypes.finfo(dtype)
        return typed([0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 10, -10, onp.inf, -onp.inf, onp.nan,
                      float(i.max), float(i.min), float(i.tiny), float(i.eps), 1 + float(i.eps), 0.1, -0.3, 1 / 3], dtype)
    i = onp.iinfo(dtype)
    values = [0, 1, 2, 3, 7, 100, i.max, i.max - 1, i.min, i.min + 1]
    return onp.array(values + ([-1, -2, -3, -7, -100] if i.min < 0 else []), dtype)


def write(file):
    file.tol = ulp(1)
    # --- promotion
    for a in ALL:
        x = typed([1, 0, 1] if a == "bool" else [3, 5, 9], a)
        for b in ALL:
            if a not in NEW and b not in NEW:
                continue  # in promotion.py
            y = typed([1, 1, 0] if b == "bool" else [1, 2, 3], b)
            x64 = bool(wide(a, b))
            file.add(f"np.add/{a} {b}", lambda x, y: x + y, x, y, x64=x64)
            file.add(f"np.multiply/{a} {b}, empty", lambda: np.zeros((1,), dtype=a) * np.zeros((1,), dtype=b), x64=x64)
            file.add(f"np.where/{a} {b}", lambda c, x, y: np.where(c, x, y), onp.array([True, False, True]), x, y, x64=x64)
            if a != b:
                values = typed([0, 1, 2, 100, 3], a)
                file.add(f".astype/{a} {b}", lambda x: x.astype(b), values)
        if a not in NEW:
            continue
        for scalar in (2, 2.5, True, -3):
            if scalar == -3 and a in UNSIGNED:
                continue
            for name in ("np.add", "np.multiply", "np.divide", "np.maximum", "np.less", "np.power"):
                if name == "np.power" and scalar == -3:
                    continue
                f = fn_of(name)
                file.add(f"{f.ts}/{a} with {scalar}", lambda x: f(x, scalar), x, tol=ulp(2))
        file.add(f".mul/{a} by a weak array", lambda x: np.sin(0.5) * x, x, tol=ulp(4))
        file.add(f"np.full/{a}", lambda: [np.full((2,), 3, dtype=a), np.zeros((2, 0), dtype=a), np.ones((3,), dtype=a)])
        file.add(f"np.arange/{a}", lambda: np.arange(7, dtype=a))
    # --- arithmetic
    for a in NEW:
        v = specials(a)
        x, y = (m.ravel() for m in onp.meshgrid(v, v))
        x, y = onp.ascontiguousarray(x), onp.ascontiguousarray(y)
        names = ["np.add", "np.subtract", "np.multiply", "np.maximum", "np.minimum", "np.equal", "np.less", "np.greaterEqual"]
        for name in names:
            f = fn_of(name)
            keep = onp.ones(x.shape, bool)
            if a == "bfloat16":  # XLA takes subnormal products for zero
                product = onp.abs(x.astype("float64") * y.astype("float64"))
                keep = ~((product > 0) & (product < 2.0**-126))
            file.add(f"{f.ts}/{a}", lambda x, y: f(x, y), x[keep], y[keep])
        for name in ["np.negative", "np.abs", "np.sign", "np.square"]:
            f = fn_of(name)
            file.add(f"{f.ts}/{a}", lambda x: f(x), v)
        if a in HALVES:
            for name in ["np.divide", "np.remainder", "np.floor_divide", "np.nextafter", "np.copysign"]:
                f = fn_of(name)
                keep = onp.isfinite(y.astype("float32")) & onp.isfinite(x.astype("float32")) & (y.astype("float32") != 0)
                if a == "bfloat16":
                    keep &= (onp.abs(x.astype("float32")) > 2.0**-100) & (onp.abs(y.astype("float32")) < 2.0**100)
                file.add(f"{f.ts}/{a}", lambda x, y: f(x, y), x[keep], y[keep], tol=ulp(2))
            for name in ["np.exp", "np.log", "np.sin", "np.cos", "np.tanh", "np.sqrt", "np.floor", "np.ceil", "np.round",
                         "np.isfinite", "np.isnan", "np.signbit", "np.log1p", "np.expm1", "np.cbrt", "np.arctan"]:
                f = fn_of(name)
                u = typed([0.0, 0.1, 0.25, 0.5, 1, 1.5, 2, 3.25, 7], a)
                file.add(f"{f.ts}/{a}", lambda x: f(x), u, tol=ulp(2))
            file.add(f"np.frexp/{a}", lambda x: np.frexp(x), typed([1, 0.1, 100, 3, -7], a))
            file.add(f"np.finfo/{a}", lambda: np.finfo(a).bits, weak=False)
        else:
            for name in ["lax.div", "lax.rem", "np.floor_divide", "np.remainder", "np.bitwise_and", "np.bitwise_or", "np.bitwise_xor",
                         "np.left_shift", "np.right_shift"]:
                f = fn_of(name)
                if "shift" in name:
                    keep = (y.astype("float64") >= 0) & (y.astype("float64") < 8 * v.itemsize)
                elif "lax" in name:
                    keep = onp.ones(x.shape, bool)
                else:
                    keep = y != 0
                file.add(f"{f.ts}/{a}", lambda x, y: f(x, y), x[keep], y[keep])
            for name in ["np.bitwise_not", "lax.population_count", "lax.clz"]:
                f = fn_of(name)
                file.add(f"{f.ts}/{a}", lambda x: f(x), v)
            for name in ["lax.shift_left", "lax.shift_right_logical", "lax.shift_right_arithmetic"]:
                f = fn_of(name)
                file.add(f"{f.ts}/{a}", lambda x, y: f(x, y), v, onp.arange(len(v)).astype(a))
            file.add(f"np.power/{a}", lambda x, y: np.power(x, y), onp.array([0, 1, 2, 3, 5], a), onp.array([3, 7, 6, 5, 2], a))
            file.add(f"np.gcd/{a}", lambda x, y: [np.gcd(x, y), np.lcm(x, y)], onp.array([12, 7, 100], a), onp.array([8, 21, 75], a))
    # --- conversions at the limits
    for a in HALVES + ["float32", "float64"]:
        x = typed([1.9, -1.9, 0.5, -0.5, 127.5, 128, 255.5, 32768, 65535, 3e9, -3e9, onp.nan, onp.inf, -onp.inf], a)
        for b in SIGNED + UNSIGNED + ["bool"]:
            if a in HALVES or b in NEW:
                file.add(f".astype/{a} to {b}, out of range", lambda x: x.astype(b), x)
        for b in FLOATS:
            if a != b and (a in NEW or b in NEW):
                z = typed([1 / 3, 1 + 2**-8, 1 + 2**-9, 1 + 3 * 2**-9, 65504, 65519.9, 65520, 1e6, 2**-24, 2**-25, 1.01 * 2**-25, -1e-8,
                           3.39e38, onp.inf, onp.nan, 1 + 2**-11 + 2**-30, 1 + 2**-8 + 2**-40], a)
                file.add(f".astype/{a} to {b}, rounds", lambda x: x.astype(b), z)
    for a in SIGNED + UNSIGNED:
        i = onp.iinfo(a)
        x = onp.array([i.max, i.max // 2, i.min, 1, 77], a)
        for b in ALL:
            if a != b and (a in NEW or b in NEW):
                file.add(f".astype/{a} to {b}, wraps or rounds", lambda x: x.astype(b), x)
    for a, b in (("float16", "int16"), ("bfloat16", "uint16"), ("int8", "uint8"), ("uint64", "float64"), ("int16", "float16"),
                 ("float32", "uint16"), ("uint64", "uint16"), ("int64", "bfloat16")):
        shape = (4, 2) if a != "float32" else (3,)
        x = onp.arange(8 if len(shape) == 2 else 3).reshape(shape)
        file.add(f"lax.bitcastConvertType/{a} to {b}", lambda x: lax.bitcast_convert_type(x, b), typed(x + 1, a))
    # --- reductions, contractions, order
    rng = onp.random.default_rng(5)
    for a in NEW:
        values = rng.normal(0, 2, (5, 33)) if a in HALVES else rng.integers(0, 90, (5, 33))
        x = typed(values, a)
        for name in ("np.sum", "np.prod", "np.max", "np.min", "np.mean", "np.argmax", "np.argmin", "np.cumsum", "np.cumprod"):
            f = fn_of(name)
            # Running sums and products of short floats JAX rounds at each step, this library once.
            if a == "uint64" and "arg" in name:
                continue  # JAX's positions are int64 where it has room for uint64
            tol = close(4e-2, 8e-2) if "cum" in name else ulp(3)
            file.add(f"{f.ts}/{a} rows", lambda x: f(x, axis=1), x, tol=tol, x64=a == "uint64")
            file.add(f"{f.ts}/{a} columns", lambda x: f(x, axis=0), x, tol=tol, x64=a == "uint64")
        for name in ("lax.reduce_sum", "lax.reduce_max", "lax.reduce_min"):
            f = fn_of(name)
            # JAX adds short floats in their own precision here; this library once, in float32.
            file.add(f"{f.ts}/{a}", lambda x: f(x, (1,)), x[:, :4], tol=close(4e-3 if a == "float16" else 3e-2, 1e-1))
        file.add(f"lax.reduceMax/{a} of nothing", lambda x: [lax.reduce_max(x, (1,)), lax.reduce_min(x, (1,))], x[:, :0])
        file.add(f"np.var/{a}", lambda x: [np.var(x), np.std(x, axis=0)], x, tol=ulp(4))
        file.add(f"np.sort/{a}", lambda x: [np.sort(x, axis=1), np.argsort(x, axis=0)], x)
        file.add(f"lax.cummax/{a}", lambda x: [lax.cummax(x, axis=1), lax.cummin(x, axis=0)], x)
        file.add(f"np.matmul/{a}", lambda x, y: np.matmul(x, y), x, onp.ascontiguousarray(x.T), tol=ulp(2))
        file.add(f"np.dot/{a}", lambda x: np.dot(x, x), x[0], tol=ulp(2))
        file.add(f"np.matmul/{a} larger", lambda x: np.matmul(x, x),
                 typed(rng.normal(0, 1, (40, 40)) if a in HALVES else rng.integers(0, 9, (40, 40)), a), tol=close(1e-2, 3e-2))
        file.add(f".get/{a} by index", lambda x, i: x[i], x, onp.array([4, 0, 2], "int16" if a != "int16" else "uint16"))
        file.add(f".at.add/{a}", lambda x: x.at[np.array([1, 1, 3], dtype="int32")].add(2), x, tol=ulp(2))
        file.add(f".at.set/{a}", lambda x: x.at[2].set(7), x)
        file.add(f"np.concatenate/{a}", lambda x: [np.concatenate([x, x]), np.pad(x, 1), np.roll(x, 3), np.transpose(x)], x)
        file.add(f"np.take/{a} out of bounds", lambda x: np.take(x, np.array([0, 9], dtype="int32"), axis=0, mode="fill"), x)
        file.add(f"lax.scan/{a}", lambda x: lax.scan(lambda c, y: [c + y, c], np.zeros((33,), dtype=a), x), x, tol=ulp(2))
    # --- random
    for a in HALVES:
        file.add(f"random.uniform/{a}", lambda: random.uniform(random.key(3), (50,), dtype=a), tol=ulp(0))
        file.add(f"random.normal/{a}", lambda: random.normal(random.key(3), (50,), dtype=a), tol=ulp(2))
    for a in SHORT + ["uint64"]:
        file.add(f"random.randint/{a}", lambda: random.randint(random.key(3), (20,), 2, 90, dtype=a), x64=a == "uint64")
    for a in ("uint16", "uint64"):
        file.add(f"random.bits/{a}", lambda: random.bits(random.key(3), (20,), dtype=a), x64=a == "uint64")
    # --- gradients and layers
    for a in HALVES:
        x = typed(rng.normal(0, 1, (4, 6)), a)
        file.add(f"vn.grad/{a}", lambda x: vn.grad(lambda x: np.sum(np.sin(x) * x * x))(x), x, tol=close(3e-2, 2e-2))
        file.add(f"vn.grad/{a} matmul", lambda x: vn.grad(lambda x: np.sum(np.matmul(x, np.transpose(x))))(x), x, tol=close(3e-2, 5e-2))
        file.add(f"vn.vmap/{a}", lambda x: vn.vmap(lambda r: np.sum(r) * r)(x), x, tol=close(3e-2, 2e-2))
        file.add(f"nn.softmax/{a}", lambda x: [nn.softmax(x), nn.gelu(x), nn.relu(x), nn.sigmoid(x), nn.logsumexp(x)], x,
                 tol=close(2e-2, 2e-2))
        file.add(f"vn.nn.Linear/{a}", lambda x: nn.Linear(6, 3, key=random.key(0), dtype=a)(x[0]), x, tol=close(3e-2, 2e-2))
        file.add(f"vn.nn.LayerNorm/{a}", lambda x: nn.LayerNorm((6,), dtype=a)(x[0]), x, tol=close(3e-2, 2e-2))
    _ = array, exact
