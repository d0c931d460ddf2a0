"""Every pair of dtypes through the binary functions, and every dtype with scalars and weak arrays.

JAX has two promotion tables, with 64-bit types on and off. This library's 64-bit types are always
there while its defaults are 32-bit, so the table with them off (and allowed where named) holds,
except where that one has no room for the result:

    uint32 with int32 (either order): int64, and float64 where they are divided, as with 64-bit
    types on; int32 and float32 with them off

``write`` checks that this is the only pair of strong dtypes on which the two tables differ.
With scalars the default float stays float32: ``int64 + 2.5`` is a weak float32 here, as with
64-bit types off.
"""

import jax
import jax.numpy as jnp
import numpy as onp

from cases.elementwise import fn_of
from cases.inputs import ALL, FLOATS, INTS
from record import array, np, record, replay, ulp

PAIRS = ["np.add", "np.subtract", "np.multiply", "np.divide", "np.power", "np.floorDivide", "np.mod", "np.maximum",
         "np.equal", "np.less", "np.greaterEqual", "np.logicalAnd", "np.bitwiseOr", "np.arctan2"]


def left(dtype):
    return onp.array([1, 0, 1]).astype(dtype) if dtype == "bool" else onp.array([3, 5, 200 if dtype != "int8" else 9]).astype(dtype)


def right(dtype):
    return onp.array([1, 1, 0]).astype(dtype) if dtype == "bool" else onp.array([1, 2, 3]).astype(dtype)


def widens(a, b):
    return {a, b} == {"uint32", "int32"}


def refused(name, a, b):
    if name == "np.subtract":
        return a == b == "bool"
    if name == "np.bitwiseOr":
        return a in FLOATS or b in FLOATS
    return False


def write(file):
    file.tol = ulp(2)
    for name in PAIRS:
        f = fn_of(name)
        for a in ALL:
            for b in ALL:
                x, y = left(a), right(b)
                if name in ("np.floorDivide", "np.mod", "np.divide") and b == "bool":
                    y = onp.array([True, True, True])
                if refused(name, a, b):
                    file.add(f"{f.ts}/{a} {b}", lambda x, y: f(x, y), x, y, throws=True)
                    continue
                outs = []
                for x64 in (False, True):
                    with jax.enable_x64(x64):
                        outs.append(replay(record(lambda x, y: f(x, y)), [array(x), array(y)]).dtype)
                both32 = not {"float64", "int64"} & {a, b}
                if outs[0] != outs[1] and not widens(a, b) and not (both32 and str(outs[0]) == "float32"):
                    print(f"note: promotion: {f.ts} {a} {b}: {outs[0]} or, with 64-bit types on, {outs[1]}")
                file.add(f"{f.ts}/{a} {b}", lambda x, y: f(x, y), x, y, x64=widens(a, b))
    for a in ALL:
        for b in ALL:
            file.add(f"np.where/{a} {b}", lambda c, x, y: np.where(c, x, y), onp.array([True, False, True]), left(a), right(b), x64=widens(a, b))
            file.add(f"np.concatenate/{a} {b}", lambda x, y: np.concatenate([x, y]), left(a), right(b), x64=widens(a, b))
            file.add(f"np.matmul/{a} {b}", lambda x, y: np.matmul(x, y), left(a), right(b), x64=widens(a, b))
            if a != b:
                values = onp.array([0, 1, 2, 255, 3], onp.float64).astype(a)
                file.add(f".astype/{a} {b}", lambda x: x.astype(b), values)
        for name in ("np.add", "np.multiply", "np.divide", "np.power", "np.less", "np.maximum", "np.subtract"):
            f = fn_of(name)
            for scalar in (2, 2.5, True, -3):
                if scalar == -3 and (name == "np.power" or a in ("uint8", "uint32", "bool")):
                    continue
                if name in ("np.subtract",) and a == "bool" and scalar is True:
                    continue
                file.add(f"{f.ts}/{a} with {scalar}", lambda x: f(x, scalar), left(a),
                         weak=(name, a) != ("np.power", "bool"))
                if name in ("np.subtract", "np.divide"):
                    file.add(f"{f.ts}/{scalar} with {a}", lambda x: f(scalar, x), right(a) if a != "bool" else onp.array([True]))
        file.add(f".add/{a} weak float array", lambda x: x + np.add(np.multiply(2.5, 1.5), 0.25), left(a))
        file.add(f".mul/{a} by itself plus scalars", lambda x: (x * 2 + 0.5) * x, left(a))
        file.add(f"np.where/{a} scalar", lambda x: [np.where(x, x, 0), np.where(x, 1.5, x)], left(a))
        file.add(f"np.full/{a}", lambda: np.full((2,), 3, dtype=a))
        file.add(f"np.zeros/{a}", lambda: [np.zeros((2, 0), dtype=a), np.ones((3,), dtype=a)])
        file.add(f"np.zerosLike/{a}", lambda x: [np.zeros_like(x), np.ones_like(x), np.full_like(x, 2)], left(a))
    # Scalars alone are weak, and stay so through arithmetic.
    file.add("np.add/scalars", lambda: [np.add(1.5, 2.25), np.sin(0.5), np.exp(np.add(0.5, 0.25))], tol=ulp(2))
    # A weak result meets strong ones.
    for a in ALL:
        file.add(f"np.add/weak {a}", lambda x: np.sin(0.5) * x, left(a), tol=ulp(4))
    for a in ("float32", "float64"):
        for x in (onp.array([1.9, -1.9, 0.5, -0.5, 255.0, 3e9, -3e9, onp.nan, onp.inf, -onp.inf, 1e20], a),):
            # Out of range JAX saturates, NaN becomes 0; for uint8 that is XLA's choice too.
            for b in INTS + ["bool"]:
                file.add(f".astype/{a} to {b}, out of range", lambda x: x.astype(b), x)
    wide = onp.array([2**40 + 5, -(2**35) - 1, 2**31, -1, 2**24 + 1, 2**53 + 1], "int64")
    for b in ALL:
        if b != "int64":
            file.add(f".astype/int64 to {b}, out of range", lambda x: x.astype(b), wide)
    for a, b in (("int32", "uint8"), ("uint32", "int32"), ("int32", "uint32"), ("uint32", "uint8"), ("uint8", "int64")):
        x = onp.array([300, 255, 256, 2**31 - 1, 65], "int64").astype(a)
        file.add(f".astype/{a} to {b}, wraps", lambda x: x.astype(b), x)
    file.add("np.resultType", lambda x, y: np.add(x, y), left("uint8"), right("float32"))
