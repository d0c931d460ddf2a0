"""Writes data/math_reference.bin: correctly rounded values of the elementary functions.

Each function is computed by mpmath in 200 bits at dense and at special points, for f32 and f64 arguments, and rounded once
(to subnormals too). Exact operations (remainder, neighbours, rounding) come from Python's and numpy's.

The file: the length of a JSON header (u32, little endian), the header, then the arrays. The header lists
{name, dtype, args, count, offset}: `args` input arrays and one output array of `count` elements each, at `offset`
from the end of the header.

Run: python tests/oracle/math_reference.py   (needs mpmath and numpy)
"""

import json
import math
import os
import struct

import mpmath as mp
import numpy as np

mp.mp.prec = 200
rng = np.random.default_rng(20260101)
INF, NAN = math.inf, math.nan


def rounded(value, dtype):
    """The mpf, rounded once to the nearest element of dtype, ties to even."""
    if mp.isnan(value):
        return NAN
    if mp.isinf(value) or value == 0:
        return float(value)
    digits, lowest, top = (24, -149, 128) if dtype == np.float32 else (53, -1074, 1024)
    _, exponent = mp.frexp(value)
    quantum = max(exponent - digits, lowest)
    scaled = mp.nint(mp.ldexp(value, -quantum))
    result = abs(mp.ldexp(scaled, quantum))
    return math.copysign(INF if result >= mp.ldexp(1, top) else float(result), value)


def real(function):
    """The real value of a function, NaN where it is complex."""

    def call(*xs):
        y = function(*xs)
        return mp.mpf("nan") if isinstance(y, mp.mpc) and y.imag != 0 else mp.mpf(y.real)

    return call


def spread(low, high, n):
    """Numbers of both signs, uniform in their logarithm to base 10."""
    return 10 ** rng.uniform(low, high, n) * rng.choice([-1, 1], n)


def near(center, low, high, n):
    return center + spread(low, high, n)


def c_pow(x, y):
    """C's pow, whose special values Python's has, but for those that it reports as errors."""
    odd = math.isfinite(y) and y == math.floor(y) and math.fmod(y, 2) != 0
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0 and odd else INF
    except ValueError:
        return NAN if x != 0 else math.copysign(INF, x) if odd else INF


def log_gamma(x):
    return mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x).real


# name: (function, limits(dtype) -> points, values at +0, -0, +inf, -inf)
def points(dtype):
    big = 38 if dtype == np.float32 else 307
    small = -44 if dtype == np.float32 else -322
    top = 89 if dtype == np.float32 else 710
    low = -104 if dtype == np.float32 else -746
    eps = -7 if dtype == np.float32 else -15
    n = 150
    u = lambda a, b: rng.uniform(a, b, n)
    wide = lambda: spread(small, big, n)
    return {
        "exp": (mp.exp, [u(low, top), u(-2, 2), spread(small, 0, n)], [1, 1, INF, 0]),
        "exp2": (lambda x: mp.mpf(2) ** x, [u(low * 1.4427, top * 1.4427), u(-2, 2), np.arange(-30, 30)], [1, 1, INF, 0]),
        "expm1": (mp.expm1, [u(-20, top), u(-2, 2), spread(small, 0, n)], [0.0, -0.0, INF, -1]),
        "log": (mp.log, [abs(wide()), u(0.4, 2.5), near(1, eps, -1, n), -u(0, 9)], [-INF, -INF, INF, NAN]),
        "log2": (lambda x: mp.log(x) / mp.log(2), [abs(wide()), u(0.4, 2.5), near(1, eps, -1, n)], [-INF, -INF, INF, NAN]),
        "log1p": (mp.log1p, [abs(wide()), u(-1, 3), spread(small, 0, n), -u(1, 9)], [0.0, -0.0, INF, NAN]),
        "tanh": (mp.tanh, [u(-9.5, 9.5), u(-1, 1), spread(small, 0, n), u(-25, 25)], [0.0, -0.0, 1, -1]),
        "logistic": (lambda x: 1 / (1 + mp.exp(-x)), [u(low, -low), u(-6, 6)], [0.5, 0.5, 1, 0]),
        "sinh": (mp.sinh, [u(-top, top), u(-2, 2), spread(small, 0, n)], [0.0, -0.0, INF, -INF]),
        "cosh": (mp.cosh, [u(-top, top), u(-2, 2)], [1, 1, INF, INF]),
        "sin": (mp.sin, [u(-8, 8), u(-1e5, 1e5), spread(5, big, n), np.pi * np.arange(1, n)], [0.0, -0.0, NAN, NAN]),
        "cos": (mp.cos, [u(-8, 8), u(-1e5, 1e5), spread(5, big, n), np.pi * (np.arange(1, n) + 0.5)], [1, 1, NAN, NAN]),
        "tan": (mp.tan, [u(-8, 8), u(-1e5, 1e5), spread(5, big, n), np.pi / 2 * np.arange(1, n)], [0.0, -0.0, NAN, NAN]),
        "asin": (real(mp.asin), [u(-1, 1), near(1, eps, -1, n), spread(small, 0, n)], [0.0, -0.0, NAN, NAN]),
        "acos": (real(mp.acos), [u(-1, 1), near(-1, eps, -1, n), near(1, eps, -1, n)], [math.pi / 2, math.pi / 2, NAN, NAN]),
        "atan": (mp.atan, [u(-5, 5), wide(), u(0.4, 2.6)], [0.0, -0.0, math.pi / 2, -math.pi / 2]),
        "asinh": (mp.asinh, [u(-5, 5), wide(), spread(-3, 3, n)], [0.0, -0.0, INF, -INF]),
        "acosh": (real(mp.acosh), [1 + u(-1, 5), 1 + abs(spread(eps, 0, n)), abs(spread(0, big, n))], [NAN, NAN, INF, NAN]),
        "atanh": (real(mp.atanh), [u(-1, 1), near(1, eps, -1, n), spread(small, 0, n)], [0.0, -0.0, NAN, NAN]),
        "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), [wide(), u(-30, 30), np.arange(-9, 10) ** 3 * 1.0], [0.0, -0.0, INF, -INF]),
        "rsqrt": (lambda x: 1 / mp.sqrt(x) if x > 0 else mp.mpf("nan"), [abs(wide()), u(-1, 9)], [INF, -INF, 0.0, NAN]),
        "erf": (mp.erf, [u(-4, 4), u(-1.3, 1.3), spread(small, 0, n)], [0.0, -0.0, 1, -1]),
        "erfc": (mp.erfc, [u(-4, 10), u(-1, 2), u(8, 27)], [1, 1, 0, 2]),
        "erf_inv": (mp.erfinv, [u(-1, 1)[:40], (1 - abs(spread(eps, -1, 40)))], [0.0, -0.0, NAN, NAN]),
        "lgamma": (log_gamma, [u(0, 12), abs(spread(-30, 30, n)), near(1, eps, -1, n), near(2, eps, -1, n)], [INF, INF, INF, INF]),
        "digamma": (mp.digamma, [u(0, 12), abs(spread(-30, 30, n)), near(1.4616321449683623, eps + 2, -1, n)], [NAN, NAN, INF, NAN]),
    }


def common(dtype):
    """Points that every function of one argument gets, if it is defined there."""
    info = np.finfo(dtype)
    smallest = float(np.nextafter(dtype(0), dtype(1)))
    values = [smallest, float(info.tiny), float(info.tiny) * 0.75, 0.5, 1, 2, 3, float(info.eps), 1 - float(info.epsneg)]
    return np.array(values + [-v for v in values])


# Exact at the poles, where mpmath raises.
POLES = {("log1p", -1.0): -INF, ("atanh", 1.0): INF, ("atanh", -1.0): -INF, ("erf_inv", 1.0): INF, ("erf_inv", -1.0): -INF}


def unary(name, function, x):
    if (name, x) in POLES:
        return mp.mpf(POLES[name, x])
    outside = {
        "log": x < 0, "log2": x < 0, "log1p": x < -1, "erf_inv": abs(x) > 1, "atanh": abs(x) > 1,
        "asin": abs(x) > 1, "acos": abs(x) > 1, "acosh": x < 1, "rsqrt": x < 0,
    }
    if outside.get(name, False):
        return mp.mpf("nan")
    if name in ("lgamma", "digamma") and x < 0 and x == math.floor(x):
        return mp.mpf("inf" if name == "lgamma" else "nan")
    return function(mp.mpf(x))


def main():
    rows, blobs, offset = [], [], 0

    def add(name, dtype, inputs, output):
        nonlocal offset
        arrays = [np.asarray(a, dtype) for a in (*inputs, output)]
        rows.append({
            "name": name, "dtype": np.dtype(dtype).name, "args": len(inputs),
            "count": len(output), "offset": offset,
        })
        for array in arrays:
            blobs.append(array.tobytes())
            offset += array.nbytes

    def padded(values):
        return np.concatenate([values, values[: -len(values) % 4]])

    for dtype in (np.float32, np.float64):
        for name, (function, sets, limits) in points(dtype).items():
            xs = np.concatenate([*sets, common(dtype)]).astype(dtype)
            xs = xs[(xs != 0) & np.isfinite(xs)]
            if name in ("lgamma", "digamma"):
                xs = xs[(xs > 0) | (xs == np.floor(xs))]
            ys = [rounded(unary(name, function, float(x)), dtype) for x in xs]
            xs = np.concatenate([xs, np.array([0.0, -0.0, INF, -INF, NAN], dtype)])
            ys = np.array([*ys, *limits, NAN], dtype)
            add(name, dtype, [padded(xs)], padded(ys))
            print(name, np.dtype(dtype).name, len(xs), flush=True)

        info = np.finfo(dtype)
        special = [0.0, INF, NAN, 1, 0.5, 2, 3, 1 / 3, 1.5, 2.5, float(info.max), float(info.tiny),
                   float(np.nextafter(dtype(0), dtype(1))), 2.0**24 - 1, 2.0**24, 1 - float(info.epsneg)]
        special = np.array([*special, *[-v for v in special]], dtype)
        a, b = (m.ravel() for m in np.meshgrid(special, special))

        def pairs(x, y):
            return np.concatenate([a, x]).astype(dtype), np.concatenate([b, y]).astype(dtype)

        n = 400
        with np.errstate(all="ignore"):
            # C's functions give the special pairs; mpmath the rest.
            exact = lambda f: lambda x, y: rounded(f(mp.mpf(float(x)), mp.mpf(float(y))), dtype)

            def power(x, y):
                plain = np.isfinite(x) and np.isfinite(y) and x > 0 and abs(float(y) * math.log(float(x))) < 1e4
                return exact(lambda p, q: p**q)(x, y) if plain else c_pow(float(x), float(y))

            def angle(y, x):
                plain = np.isfinite(x) and np.isfinite(y) and x != 0 and y != 0
                return exact(mp.atan2)(y, x) if plain else math.atan2(y, x)

            top = 300 if dtype == np.float64 else 30
            small = np.concatenate([10 ** rng.uniform(-4, 4, n), 1 + spread(-6, -1, n)])
            two = {
                "pow": (power, *pairs(np.concatenate([small, -np.arange(1, 41) / 4]),
                                      np.concatenate([rng.uniform(-top / 4.1, top / 4.1, n), spread(0, 3, n), np.arange(-20, 20)]))),
                "atan2": (angle, *pairs(np.concatenate([rng.uniform(-3, 3, n), spread(-20, 20, n)]),
                                        np.concatenate([rng.uniform(-3, 3, n), spread(-20, 20, n)]))),
                "rem": (lambda x, y: np.fmod(np.float64(x), np.float64(y)),
                        *pairs(spread(-10, top, 2 * n), spread(-10, 10, 2 * n))),
                "nextafter": (np.nextafter, *pairs(spread(-top, top, 80), spread(-top, top, 80))),
            }
            for name, (function, x, y) in two.items():
                z = np.array([function(p, q) for p, q in zip(x, y)]).astype(dtype)
                add(name, dtype, [padded(x), padded(y)], padded(z))
                print(name, np.dtype(dtype).name, len(x), flush=True)

    header = json.dumps(rows, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 4) % 8)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "math_reference.bin")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<I", len(header)) + header + b"".join(blobs))
    print(os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
