"""Elementwise functions against correctly rounded values.

The references of transcendental functions are not JAX's, whose own are up to several ulp off and
flush subnormals to zero, but NumPy's and SciPy's in the next wider float, rounded once. JAX must
agree with them within 64 ulp where they are normal numbers; where it does not, the generator says so.
"""

import math

import jax
import numpy as onp
import scipy.special as sp

from cases.inputs import ALL, FLOATS, INTS, specials, subnormals, uniform
from record import array, close, lax, nn, np, record, replay, ulp

WIDE = {"float32": onp.float64, "float64": onp.longdouble}


def _sigmoid(x):
    return onp.where(x >= 0, 1 / (1 + onp.exp(-onp.abs(x))), onp.exp(-onp.abs(x)) / (1 + onp.exp(-onp.abs(x))))


def _via64(f):
    return lambda x: f(x.astype(onp.float64))


# name -> (truth, ulp, domain, more points)
UNARY = {
    "np.exp": (onp.exp, 2, (-80, 80)),
    "np.exp2": (onp.exp2, 2, (-100, 100)),
    "np.expm1": (onp.expm1, 2, (-5, 20)),
    "np.log": (onp.log, 2, (0, 100)),
    "np.log2": (onp.log2, 2, (0, 100)),
    "np.log10": (onp.log10, 2, (0, 100)),
    "np.log1p": (onp.log1p, 2, (-1, 10)),
    "np.sqrt": (onp.sqrt, 1, (0, 1e6)),
    "np.square": (onp.square, 1, (-1e3, 1e3)),
    "np.reciprocal": (lambda x: 1 / x, 1, (-10, 10)),
    "lax.rsqrt": (lambda x: 1 / onp.sqrt(x), 2, (0, 1e6)),
    "np.cbrt": (onp.cbrt, 2, (-1e3, 1e3)),
    "np.sin": (onp.sin, 2, (-20, 20)),
    "np.cos": (onp.cos, 2, (-20, 20)),
    "np.tan": (onp.tan, 3, (-10, 10)),
    "np.arcsin": (onp.arcsin, 3, (-1, 1)),
    "np.arccos": (onp.arccos, 3, (-1, 1)),
    "np.arctan": (onp.arctan, 2, (-10, 10)),
    "np.sinh": (onp.sinh, 3, (-10, 10)),
    "np.cosh": (onp.cosh, 3, (-10, 10)),
    "np.tanh": (onp.tanh, 2, (-6, 6)),
    "np.arcsinh": (onp.arcsinh, 4, (-20, 20)),
    "np.arccosh": (onp.arccosh, 4, (1, 50)),
    "np.arctanh": (onp.arctanh, 4, (-1, 1)),
    "lax.logistic": (_sigmoid, 3, (-20, 20)),
    "lax.erf": (_via64(onp.vectorize(math.erf)), 4, (-4, 4)),
    "lax.erfc": (_via64(onp.vectorize(math.erfc)), 16, (-4, 6)),
    "lax.erf_inv": (_via64(sp.erfinv), 8, (-1, 1)),
    "lax.lgamma": (_via64(lambda x: onp.where(onp.isinf(x), onp.inf, sp.gammaln(x))), 16, (0, 30)),
    "lax.digamma": (_via64(sp.psi), 16, (0, 30)),
    "np.degrees": (onp.degrees, 2, (-10, 10)),
    "np.radians": (onp.radians, 2, (-400, 400)),
}
EXACT = ["np.floor", "np.ceil", "np.round", "np.rint", "np.trunc", "np.sign", "np.abs", "np.fabs", "np.negative",
         "np.positive", "np.isnan", "np.isinf", "np.isfinite", "np.signbit", "np.logicalNot",
         "lax.floor", "lax.ceil", "lax.neg", "lax.abs", "lax.sign", "lax.isFinite", "lax.square"]
INTEGER = ["np.abs", "np.negative", "np.sign", "np.square", "np.invert", "np.bitwiseNot", "np.logicalNot", "np.floor",
           "np.ceil", "np.round", "np.trunc", "np.isnan", "np.isfinite", "np.isinf", "np.positive",
           "np.signbit", "np.absolute", "lax.neg", "lax.sign", "lax.abs", "lax.bitwiseNot",
           "lax.populationCount", "lax.clz"]
LIFTED = ["np.exp", "np.log", "np.sqrt", "np.sin", "np.tanh", "np.log1p", "np.reciprocal"]

COMPARE = ["np.equal", "np.notEqual", "np.less", "np.lessEqual", "np.greater", "np.greaterEqual"]
LOGICAL = ["np.logicalAnd", "np.logicalOr", "np.logicalXor"]
BITWISE = ["np.bitwiseAnd", "np.bitwiseOr", "np.bitwiseXor"]


def fn_of(name):
    """``np.logicalNot`` or ``np.logical_not`` as a recorded function."""
    space, rest = name.split(".")
    snake = "".join("_" + c.lower() if c.isupper() else c for c in rest)
    return getattr({"np": np, "lax": lax, "nn": nn}[space], snake)


def ulps(a, b):
    """Distance in units of the last place; NaN equals NaN, and the zeros one another."""
    kind = {4: onp.int32, 8: onp.int64}[a.dtype.itemsize]
    order = lambda x: onp.where(x.view(kind) < 0, onp.iinfo(kind).min - x.view(kind), x.view(kind)).astype(float)
    return onp.where((a == b) | (onp.isnan(a) & onp.isnan(b)), 0, onp.abs(order(a) - order(b)))


def truth_of(truth, x, dtype):
    with onp.errstate(all="ignore"):
        return truth(x.astype(WIDE[dtype])).astype(dtype)


def check(ident, fn, args, want, dtype):
    """Says where JAX is far from the reference."""
    try:
        with jax.enable_x64(dtype == "float64"):
            got = onp.asarray(replay(record(fn), [array(a) for a in args]))
    except Exception as error:
        print(f"note: {ident}: JAX refuses: {str(error)[:80]}")
        return
    tiny = onp.finfo(dtype).tiny
    normal = (onp.abs(want) >= tiny) | (want == 0)
    for a in args:
        normal &= (onp.abs(a) >= tiny) | (a == 0) | onp.isnan(a)
    far = (ulps(got, want) > 64) & (normal | onp.isnan(want)) & ((onp.abs(got - want) > 1e-6) | (onp.isnan(got) != onp.isnan(want)))
    if far.any():
        print(f"note: {ident}: JAX differs at", *[a[far][:4] for a in args], "gives", got[far][:4], "not", want[far][:4])


def write(file):
    for name, (truth, n, (lo, hi)) in UNARY.items():
        for dtype in FLOATS:
            f = fn_of(name)
            special = specials(dtype)
            if name in ("np.cos", "np.sin", "np.tan"):
                special = special[~(onp.abs(special) > 1e5) | ~onp.isfinite(special)]
            if name == "lax.digamma":  # at the poles JAX's answers count: SciPy has an infinity at 0
                poles = (special <= 0) & (special == onp.floor(special)) & onp.isfinite(special)
                file.add(f"lax.digamma/{dtype}/poles", lambda x: lax.digamma(x), special[poles], x64=dtype == "float64")
                special = special[~poles]
            if name == "lax.lgamma":
                special = special[special != -onp.pi]
            parts = {"special": special, "random": uniform(61, dtype, lo, hi, seed=1)}
            if name not in ("lax.erfInv", "lax.lgamma", "lax.digamma"):
                parts["subnormal"] = subnormals(dtype)
            for part, x in parts.items():
                want = truth_of(truth, x, dtype)
                ident = f"{f.ts}/{dtype}/{part}"
                if part != "subnormal":  # JAX flushes them
                    check(ident, lambda x: f(x), [x], want, dtype)
                tiny = float(onp.finfo(dtype).tiny)
                # Some values pass through zero inside their domain: near it the error is absolute.
                atol = {"lax.lgamma": 2e-7, "lax.digamma": 2e-7}.get(name, 0) * (1 if dtype == "float32" else 1e-8)
                file.add(ident, lambda x: f(x), x, out=want, tol=ulp(n, max(tiny, atol)))
    for name in EXACT:
        for dtype in FLOATS:
            f = fn_of(name)
            x = onp.concatenate([specials(dtype), uniform(37, dtype, -4, 4)])
            file.add(f"{f.ts}/{dtype}", lambda x: f(x), x, tol=ulp(0))
    for name in INTEGER:
        for dtype in INTS + ["bool"]:
            if dtype == "bool" and name in ("np.negative", "lax.neg", "np.positive", "np.sign", "lax.sign", "lax.abs",
                                            "lax.populationCount", "lax.clz", "np.square", "np.round"):
                continue
            if name in ("lax.abs", "lax.sign", "lax.neg") and dtype.startswith("u"):
                continue
            f = fn_of(name)
            file.add(f"{f.ts}/{dtype}", lambda x: f(x), specials(dtype))
    for name in LIFTED:
        for dtype in INTS + ["bool"]:
            f = fn_of(name)
            x = uniform(9, dtype, 0, 20)
            want = onp.asarray(replay(record(lambda x: f(x)), [array(x)]))
            file.add(f"{f.ts}/{dtype}", lambda x: f(x), x, tol=ulp(2),
                     out=truth_of(UNARY[name][0], x, str(want.dtype)))
    large = onp.array([1e5, -1e5, 1e6, 123456.789, 1e8, 1e15, 3e22, -1e30], "float32")
    for name in ("np.sin", "np.cos", "np.tan"):
        f = fn_of(name)
        file.add(f"{f.ts}/float32/large", lambda x: f(x), large, tol=ulp(4),
                 out=truth_of(UNARY[name][0], large, "float32"))
        file.add(f"{f.ts}/float64/large", lambda x: f(x), large.astype("float64"), tol=ulp(4),
                 out=truth_of(UNARY[name][0], large.astype("float64"), "float64"))
    x = onp.array([[1.25, -2.675, 1e5 + 0.5], [0.05, 2.5, -0.5]], "float32")
    file.add("np.round/decimals", lambda x: np.round(x, decimals=1), x, tol=ulp(1))
    file.add("np.round/decimals 0 ties", lambda x: np.round(x), onp.arange(-4.5, 5, 1, dtype="float32"))
    file.add("np.nanToNum", lambda x: np.nan_to_num(x), specials("float32"), tol=ulp(0))
    file.add("np.nanToNum/options", lambda x: np.nan_to_num(x, nan=1.5, posinf=7.0, neginf=-7.0),
             specials("float32"), tol=ulp(0))
    file.add("np.sinc", lambda x: np.sinc(x), uniform(17), tol=ulp(8, 1e-7))
    for shape in [(), (1,), (0,), (3, 0), (7,), (2, 3), (5, 1, 3), (65,), (1, 1, 1, 2)]:
        file.add(f"np.exp/shape {shape}", lambda x: np.exp(x), uniform(shape), tol=ulp(3))
        file.add(f"np.tanh/shape {shape}", lambda x: np.tanh(x), uniform(shape, "float64"), tol=ulp(3))

    # Two arguments.
    for name in COMPARE + ["np.maximum", "np.minimum", "np.fmax", "np.fmin"]:
        for dtype in ALL:
            f = fn_of(name)
            x = specials(dtype)
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), x[:, None], x[None, :],
                     tol=close(0) if name in ("np.fmax", "np.fmin") else ulp(0))
    for name in LOGICAL + BITWISE:
        for dtype in INTS + ["bool"] + (FLOATS if name in LOGICAL else []):
            f = fn_of(name)
            x = specials(dtype)
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), x[:, None], x[None, :])
    for name in ("np.add", "np.subtract", "np.multiply"):
        for dtype in ALL:
            if dtype == "bool" and name == "np.subtract":
                continue
            f = fn_of(name)
            x = specials(dtype)
            # No value between the smallest normal number and zero may come out: JAX flushes it.
            if dtype in FLOATS and name == "np.multiply":
                x = x[(onp.abs(x) > 1e-9) | (x == 0) | onp.isnan(x)]
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), x[:, None], x[None, :],
                     tol=ulp(0, float(onp.finfo(dtype).tiny) if dtype in FLOATS else None))
    for name in ("np.divide", "np.floorDivide", "np.mod", "np.remainder", "np.fmod", "lax.div", "lax.rem"):
        for dtype in FLOATS + INTS:
            f = fn_of(name)
            x = specials(dtype)
            if dtype in FLOATS:
                x = x[((onp.abs(x) > 1e-5) & (onp.abs(x) < 1e6)) | (x == 0) | ~onp.isfinite(x)]
            tol = ulp(1) if name in ("np.divide", "lax.div") else ulp(8, 1e-6 if dtype == "float32" else 1e-14)
            y = x
            if name in ("np.mod", "np.remainder", "np.fmod", "lax.rem", "np.floorDivide") and dtype in FLOATS:
                tol = ulp(0)
                x = onp.array([0.0, -0.0, 1.0, -1.0, 5.5, -5.5, 7.0, -7.0, onp.inf, -onp.inf, onp.nan], dtype)
                y = onp.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.75, -0.75, 3.0, onp.inf, -onp.inf, onp.nan], dtype)
            x, y = x[:, None], y[None, :]
            if name.startswith("lax."):  # no broadcasting
                x, y = (a.copy() for a in onp.broadcast_arrays(x, y))
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), x, y, tol=tol)
    base = onp.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.5, -3.5, 10.0, onp.inf, -onp.inf, onp.nan])
    expo = onp.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 2.5, 7.0, 1 / 3, onp.inf, -onp.inf, onp.nan])
    for dtype in FLOATS:
        x, y = base.astype(dtype)[:, None], expo.astype(dtype)[None, :]
        with onp.errstate(all="ignore"):
            want = onp.power(x.astype(WIDE[dtype]), y.astype(WIDE[dtype])).astype(dtype)
        check(f"np.power/{dtype}", lambda x, y: np.power(x, y),
              [a.copy() for a in onp.broadcast_arrays(x, y)], want, dtype)
        file.add(f"np.power/{dtype}", lambda x, y: np.power(x, y), x, y, out=want, tol=ulp(2))
        x, y = uniform(40, dtype, 0, 20), uniform(40, dtype, -8, 8, seed=2)
        want = onp.power(x.astype(WIDE[dtype]), y.astype(WIDE[dtype])).astype(dtype)
        file.add(f"np.power/{dtype}/random", lambda x, y: np.power(x, y), x, y, out=want, tol=ulp(2))
        file.add(f"np.power/{dtype}/integer array exponent", lambda x, y: np.power(x, y),
                 base.astype(dtype)[:, None], onp.array([0, 1, 2, 3, 5, -1, -2], "int32"), tol=ulp(4))
        for n in (0, 1, 2, 3, 5, -1, -2):
            file.add(f".pow/{dtype}/{n}", lambda x: x**n, base.astype(dtype), tol=ulp(4))
        for name, truth in (("np.arctan2", onp.arctan2), ("np.hypot", onp.hypot), ("np.logaddexp", onp.logaddexp),
                            ("np.copysign", onp.copysign), ("np.heaviside", onp.heaviside),
                            ("np.logaddexp2", onp.logaddexp2)):
            f = fn_of(name)
            x = onp.concatenate([base, uniform(9, "float64")]).astype(dtype)
            with onp.errstate(all="ignore"):
                want = truth(x[:, None].astype(WIDE[dtype]), x[None].astype(WIDE[dtype])).astype(dtype)
            grid = onp.broadcast_arrays(x[:, None], x[None])
            check(f"{f.ts}/{dtype}", lambda x, y: f(x, y), [grid[0].copy(), grid[1].copy()], want, dtype)
            atol = onp.finfo(dtype).eps if "logaddexp" in name else None
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), x[:, None], x[None, :], out=want,
                     tol=ulp(4, atol and float(atol)))
        f = lax.nextafter
        x = specials(dtype)
        file.add(f"lax.nextafter/{dtype}", lambda x, y: lax.nextafter(x, y), x[:, None] + 0 * x[None], 0 * x[:, None] + x[None],
                 out=onp.nextafter(x[:, None] + 0 * x[None], 0 * x[:, None] + x[None]), tol=ulp(0))
    for dtype in INTS:
        file.add(f"np.power/{dtype}", lambda x, y: np.power(x, y), uniform(9, dtype, -5, 6)[:, None],
                 onp.array([0, 1, 2, 3, 4, 7], dtype)[None, :])
        shift = onp.array([0, 1, 3, 7, 8, 31, 32, 33, 63, 64, 100], dtype)
        for name in ("np.leftShift", "np.rightShift", "lax.shiftLeft", "lax.shiftRightLogical",
                     "lax.shiftRightArithmetic"):
            f = fn_of(name)
            x = specials(dtype)
            grid = [a.copy() for a in onp.broadcast_arrays(x[:, None], shift[None, :])]
            file.add(f"{f.ts}/{dtype}", lambda x, y: f(x, y), *grid)
    for i, (a, b) in enumerate([((3, 1), (1, 4)), ((2, 3), (3,)), ((), (2, 2)), ((1,), (0,)), ((4, 1, 2), (3, 1)),
                                ((0, 3), (1, 3)), ((5,), (1,)), ((2, 1, 3), (1, 4, 1)), ((1, 1), (7, 9))]):
        file.add(f"np.add/broadcast {a} {b}", lambda x, y: np.add(x, y), uniform(a), uniform(b, seed=1), tol=ulp(0))
        file.add(f"np.multiply/broadcast {a} {b}", lambda x, y: np.multiply(x, y), uniform(a, "int32"), uniform(b, "int32", seed=1))
        file.add(f"np.less/broadcast {a} {b}", lambda x, y: np.less(x, y), uniform(a, "float64"), uniform(b, "float64", seed=1))
        file.add(f"np.where/broadcast {a} {b}", lambda c, x, y: np.where(c, x, y), uniform(b, "bool"), uniform(a), uniform(b, seed=1))
    for name in ("np.isclose", "np.allclose", "np.arrayEqual"):
        f = fn_of(name)
        x = onp.array([1.0, 2.0, onp.nan, onp.inf, 0.0], "float32")
        y = onp.array([1.0 + 1e-6, 2.1, onp.nan, onp.inf, -0.0], "float32")
        file.add(f"{f.ts}", lambda x, y: f(x, y), x, y)
        file.add(f"{f.ts}/equalNan", lambda x, y: f(x, y, equal_nan=True), x, y)
        file.add(f"{f.ts}/same", lambda x, y: f(x, y), x[:2], x[:2])
    file.add("np.isclose/tolerances", lambda x, y: np.isclose(x, y, rtol=0.1, atol=0.0), x, y)
    file.add("np.arrayEqual/shapes", lambda x, y: np.array_equal(x, y), x[:2], x[:3])
    file.add("np.divmod", lambda x, y: np.divmod(x, y), uniform(9, "int32"), uniform(9, "int32", 1, 5))
    file.add("np.modf", lambda x: np.modf(x), onp.array([1.5, -2.25, 0.0], "float32"))
    file.add("np.gcd", lambda x, y: np.gcd(x, y), uniform(9, "int32"), uniform(9, "int32", 1, 20))
    file.add("np.floatPower", lambda x, y: np.float_power(x, y), uniform(9, "int32", 1, 5), uniform(9, "int32", -3, 3, seed=1), tol=ulp(4))
    file.add("np.ldexp", lambda x, y: np.ldexp(x, y), uniform(9), uniform(9, "int32"))
