"""Fits the polynomials of the kernels and writes `poly.ts`.

Each fit is the best in the maximum norm of the weighted error (the exchange algorithm of Remez, on a dense
grid of Chebyshev points, in 50 digits); then the coefficients are rounded to the working precision one after the
other, lowest power first, with a new fit of the others after each, so that rounding costs almost nothing.

Run: python kernels/math/fit.py [name ...]   (needs mpmath; without names, all)
"""

import os
import re
import struct
import sys

import mpmath as mp

mp.mp.dps = 50


def round32(x):
    """The nearest float32."""
    return mp.mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def round64(x):
    """The nearest float64."""
    return mp.mpf(float(x))


def minimax(grid, target, weight, powers):
    """Coefficients of the powers that minimise max |weight (poly - target)| over the grid."""
    n = len(powers)
    pick = [round(i * (len(grid) - 1) / n) for i in range(n + 1)]
    basis = [[x**p for p in powers] for x in grid]
    for _ in range(60):
        rows = mp.matrix(n + 1, n + 1)
        right = mp.matrix(n + 1, 1)
        for i, g in enumerate(pick):
            for j in range(n):
                rows[i, j] = basis[g][j] * weight[g]
            rows[i, n] = (-1) ** i
            right[i] = target[g] * weight[g]
        solution = mp.lu_solve(rows, right)
        coefficients = [solution[j] for j in range(n)]
        level = abs(solution[n])
        errors = [
            w * (mp.fdot(b, coefficients) - t) for b, t, w in zip(basis, target, weight)
        ]
        worst = max(abs(e) for e in errors)
        if worst <= level * mp.mpf("1.0001") or worst < mp.mpf(10) ** -40:
            break
        # One extremum from each run of equal signs; then the best run of n + 1 neighbours.
        extrema = [0]
        for i in range(1, len(grid)):
            if (errors[i] > 0) == (errors[extrema[-1]] > 0):
                if abs(errors[i]) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > n + 1:
            first, last = abs(errors[extrema[0]]), abs(errors[extrema[-1]])
            del extrema[0 if first < last else -1]
        if len(extrema) < n + 1 or extrema == pick:
            break
        pick = extrema
    return coefficients, worst


def fit(function, low, high, powers, weight=None, fixed=None, to=round64, points=None):
    """
    Coefficients, rounded, of `powers` so that their polynomial is near `function` on [low, high].

    `weight(x, f)` defaults to 1 / f: relative error. `fixed` maps powers to coefficients
    that are given. Returns {power: coefficient} and the largest weighted error.
    """
    low, high = mp.mpf(low), mp.mpf(high)
    points = points or 30 * len(powers) + 60
    grid = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / points) for i in range(points + 1)
    ]
    grid = [x for x in grid if abs(x) > 1e-9] if low <= 0 <= high else grid
    target = [function(x) for x in grid]
    weights = [weight(x, f) if weight else 1 / f for x, f in zip(grid, target)]
    given = dict(fixed or {})

    def error_of(done):
        return max(
            abs(w * (mp.fsum(c * x**p for p, c in done.items()) - t))
            for x, t, w in zip(grid, target, weights)
        )

    def best(done, free):
        rest = [t - mp.fsum(c * x**p for p, c in done.items()) for x, t in zip(grid, target)]
        return minimax(grid, rest, weights, free)[0]

    # Rounding one after the other is better, except where it leaves powers that all vanish inside the
    # interval and the exchange fails: then rounding all at once.
    free = [p for p in powers if p not in given]
    plain = given | {p: to(c) for p, c in zip(free, best(given, free))}
    done = dict(given)
    while free:
        done[free[0]] = to(best(done, free)[0])
        free = free[1:]
    done = min(done, plain, key=error_of)
    error = error_of(done)
    return done, error


def tail(function, head, k, low, high, degree, to=round64, points=None):
    """
    Coefficients of q of the given degree so that head(x) + x^k q(x) is near `function` in relative
    error. The weight x^k / f, which vanishes at 0, is held above a twentieth of its largest value, because otherwise
    the problem has no unique solution there.
    """
    low, high = mp.mpf(low), mp.mpf(high)
    top = max(abs(x**k / function(x)) for x in (low, high) if x)
    q = lambda x: (function(x) - head(x)) / x**k
    weight = lambda x, _: max(abs(x**k / function(x)), top / 20)
    return dense(fit(q, low, high, range(degree + 1), weight=weight, to=to, points=points))


FITS = {}


def poly(name, bits, doc, split=False):
    """Registers a function that returns (coefficients from power 0 up, error)."""

    def register(make):
        FITS[name] = (bits, doc, split, make)
        return make

    return register


def dense(result, shift=0, step=1):
    """Coefficients as a list: powers shift, shift + step, ... become 0, 1, ..."""
    done, error = result
    return [done[p] for p in sorted(done) if p >= shift and (p - shift) % step == 0], error


LN2 = mp.log(2)


# --- exponentials -------------------------------------------------------------------------------

# Reductions round, so that arguments pass their bound a little.
HALF = LN2 / 2 * mp.mpf("1.003")


@poly("exp_tail_f32", 32, "(exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2")
def _():
    return tail(mp.exp, lambda r: 1 + r, 2, -HALF, HALF, 4, round32)


@poly("exp2_tail_f32", 32, "(2^r - 1) / r for |r| <= 1 / 2")
def _():
    return tail(lambda r: 2**r, lambda r: 1, 1, -0.501, 0.501, 5, round32)


@poly("expm1_tail_f32", 32, "(exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2")
def _():
    return tail(mp.expm1, lambda r: r, 2, -HALF, HALF, 4, round32)


@poly("tanh_tail_f32", 32, "(exp(2 r) - 1 - 2 r) / r^2 for |r| <= ln 2 / 4")
def _():
    return tail(lambda r: mp.expm1(2 * r), lambda r: 2 * r, 2, -HALF / 2, HALF / 2, 4, round32)


@poly("exp_tail_f64", 64, "(exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2", split=True)
def _():
    return tail(mp.expm1, lambda r: r, 2, -HALF, HALF, 10)


# --- logarithms ---------------------------------------------------------------------------------


@poly("log_tail_f32", 32, "(log(1 + f) - f + f^2 / 2) / f^3 for 1 + f in [sqrt 1/2, sqrt 2]", split=True)
def _():
    low, high = mp.sqrt(0.5) - 1.001, mp.sqrt(2) - 0.999
    return tail(mp.log1p, lambda f: f - f * f / 2, 3, low, high, 8, round32)


@poly("log_z_f64", 64, "(log((1 + s) / (1 - s)) - 2 s) / s^3 in z = s^2, |s| <= 3 - 2 sqrt 2")
def _():
    def f(z):
        s = mp.sqrt(z)
        return (mp.log((1 + s) / (1 - s)) - 2 * s) / s**3

    weight = lambda z, f: z / 2 + mp.mpf("1e-4")
    return dense(fit(f, 1e-12, (3 - 2 * mp.sqrt(2)) ** 2 * 1.001, range(7), weight=weight))


@poly("log2_f32", 32, "log2(1 + f) / f for 1 + f in [sqrt 1/2, sqrt 2]", split=True)
def _():
    low, high = mp.sqrt(0.5) - 1.001, mp.sqrt(2) - 0.999
    return dense(fit(lambda f: mp.log1p(f) / LN2 / f, low, high, range(12), to=round32))


def atanh_series(z, first):
    """sum of 2 / (2 k + 1) z^(k - first) from k = first on."""
    return mp.nsum(lambda k: 2 / (2 * k + 1) * z ** (k - first), [first, mp.inf])


@poly("pow_log_f64", 64, "(log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 in z = s^2")
def _():
    top = (3 - 2 * mp.sqrt(2)) ** 2 * 1.001
    return dense(fit(lambda z: atanh_series(z, 2), 0, top, range(8)))


@poly("log2_wide", 64, "log2((1 + s) / (1 - s)) / s in z = s^2, |s| <= 3 - 2 sqrt 2; f64 for results in f32")
def _():
    top = (3 - 2 * mp.sqrt(2)) ** 2 * 1.001
    return dense(fit(lambda z: atanh_series(z, 0) / LN2, 0, top, range(5)))


@poly("exp2_wide", 64, "2^f for |f| <= 1 / 2; f64 for results in f32", split=True)
def _():
    return dense(fit(lambda f: 2**f, -0.5005, 0.5005, range(8)))


# --- erf ----------------------------------------------------------------------------------------


@poly("erf_small_f32", 32, "erf(x) / x - 1 in z = x^2 for |x| <= 1.1", split=True)
def _():
    f = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z)
    weight = lambda z, _: 1 / f(z)
    return dense(fit(lambda z: f(z) - 1, 1e-9, 1.21, range(7), weight=weight, to=round32))


@poly("erf_large_f32", 32, "erfc(a)^(-1/8) for 1.1 <= a <= 4, weighted as erf(a) needs it", split=True)
def _():
    f = lambda a: mp.erfc(a) ** (-mp.mpf(1) / 8)
    weight = lambda a, f: 8 * f**-9 / mp.erf(a) + mp.mpf("1e-12")
    return dense(fit(f, 1.1, 4, range(8), weight=weight, to=round32))


@poly("erf_small_f64", 64, "erf(x) / x - 1 in z = x^2 for |x| <= 1", split=True)
def _():
    f = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z)
    return dense(fit(lambda z: f(z) - 1, 1e-12, 1.001, range(13), weight=lambda z, _: 1 / f(z)))


@poly("erfc_tail_f64", 64, "(h(q) - h(0)) / q for h((a - 4) / (a + 4)) = (1 + 2 a) exp(a^2) erfc(a), 0 <= a <= 28", split=True)
def _():
    def f(q):
        a = 4 * (1 + q) / (1 - q)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)

    center = f(mp.mpf(0))
    return tail(f, lambda q: center, 1, -1, mp.mpf(24) / 32, 21)


@poly("erfc_f32", 32, "(1 + 2 a) exp(a^2) erfc(a) in (a - 2) / (a + 2), 0.5 <= a <= 10.2", split=True)
def _():
    def f(q):
        a = 2 * (1 + q) / (1 - q)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)

    return dense(fit(f, mp.mpf(-1.51) / 2.49, mp.mpf(8.21) / 12.19, range(11), to=round32))


# --- trigonometric ------------------------------------------------------------------------------


def odd(function, top, degree, to=round64):
    """(function(x) - x) / x^3 in z = x^2 for x <= top."""

    def f(z):
        x = mp.sqrt(z)
        return (function(x) - x) / x**3

    weight = lambda z, _: max(z ** mp.mpf(1.5) / function(mp.sqrt(z)), mp.mpf(top) ** 2 / 100)
    return dense(fit(f, 1e-12, mp.mpf(top) ** 2, range(degree + 1), weight=weight, to=to))


@poly("sin_tail_f32", 32, "(sin(r) - r) / r^3 in z = r^2 for |r| <= pi / 2")
def _():
    return odd(mp.sin, mp.pi / 2 * 1.01, 4, round32)


@poly("sin_tail_f64", 64, "(sin(r) - r) / r^3 in z = r^2 for |r| <= pi / 2", split=True)
def _():
    return odd(mp.sin, mp.pi / 2 * 1.0001, 8)


@poly("tan_tail_f32", 32, "(tan(r) - r) / r^3 in z = r^2 for |r| <= pi / 4")
def _():
    return odd(mp.tan, mp.pi / 4 * 1.01, 5, round32)


@poly("tan_tail_f64", 64, "(tan(r) - r) / r^3 in z = r^2 for |r| <= pi / 4", split=True)
def _():
    return odd(mp.tan, mp.pi / 4 * 1.0001, 13)


@poly("asin_tail_f32", 32, "(asin(x) - x) / x^3 in z = x^2 for |x| <= 1 / 2")
def _():
    return odd(mp.asin, 0.5005, 4, round32)


@poly("asin_tail_f64", 64, "(asin(x) - x) / x^3 in z = x^2 for |x| <= 1 / 2", split=True)
def _():
    return odd(mp.asin, 0.5005, 12)


@poly("atan_tail_f32", 32, "(atan(x) - x) / x^3 in z = x^2 for |x| <= 1", split=True)
def _():
    return odd(mp.atan, 1.0005, 9, round32)


@poly("atan_tail_f64", 64, "(atan(x) - x) / x^3 in z = x^2 for |x| <= 7 / 16", split=True)
def _():
    return odd(mp.atan, 0.438, 10)


@poly("sinh_tail_f32", 32, "(sinh(x) - x) / x^3 in z = x^2 for |x| <= 1")
def _():
    return odd(mp.sinh, 1.0005, 3, round32)


@poly("sinh_tail_f64", 64, "(sinh(x) - x) / x^3 in z = x^2 for |x| <= 1")
def _():
    return odd(mp.sinh, 1.0005, 7)


# --- inverse error function -----------------------------------------------------------------------


def erf_inv_of(w):
    """erf_inv(x) / x where w = -log(1 - x^2)."""
    if w < 20:
        x = mp.sqrt(-mp.expm1(-w))
        return mp.erfinv(x) / x
    # Near 1, Newton on erfc, which keeps what erf loses.
    with mp.workdps(80):
        x = mp.sqrt(1 - mp.exp(-w))
        y = mp.sqrt(w)
        for _ in range(12):
            y += (mp.erfc(y) - (1 - x)) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        return +(y / x)


@poly("erf_inv_middle_f32", 32, "erf_inv(x) / x in -log(1 - x^2) - 5/2, up to 5", split=True)
def _():
    return dense(fit(lambda w: erf_inv_of(w + 2.5), -2.4999999, 2.501, range(10), to=round32))


@poly("erf_inv_tail_f32", 32, "erf_inv(x) / x in sqrt(-log(1 - x^2)) - 3, from sqrt 5 to 4.2", split=True)
def _():
    return dense(fit(lambda s: erf_inv_of((s + 3) ** 2), mp.sqrt(5) - 3.001, 1.2, range(9), to=round32))


@poly("erf_inv_middle_f64", 64, "erf_inv(x) / x in -log(1 - x^2) - 25/8, up to 25/4", split=True)
def _():
    return dense(fit(lambda w: erf_inv_of(w + 3.125), -3.12499999, 3.126, range(23)))


@poly("erf_inv_tail_f64", 64, "erf_inv(x) / x in sqrt(-log(1 - x^2)) - 13/4, from 5/2 to 4", split=True)
def _():
    return dense(fit(lambda s: erf_inv_of((s + 3.25) ** 2), -0.751, 0.751, range(18)))


@poly("erf_inv_far_f64", 64, "erf_inv(x) / x in sqrt(-log(1 - x^2)) - 5, from 4 to 6.1", split=True)
def _():
    return dense(fit(lambda s: erf_inv_of((s + 5) ** 2), -1.001, 1.1, range(17)))


# --- gamma function -------------------------------------------------------------------------------


@poly("lgamma_f64", 64, "log(gamma(2 + t)) / t for |t| <= 1 / 2", split=True)
def _():
    return dense(fit(lambda t: mp.loggamma(2 + t).real / t, -0.5005, 0.5005, range(20)))


@poly("stirling_f64", 64, "(log(gamma(x)) - (x - 1/2) log x + x - log(2 pi) / 2) x in 1 / x^2, x >= 8")
def _():
    def f(z):
        x = 1 / mp.sqrt(z)
        with mp.workdps(80):
            r = mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2
            return +(r * x)

    return dense(fit(f, 1e-8, mp.mpf(1) / 64, range(7), weight=lambda z, f: 1))


# The zero of digamma, in two parts for the exact difference.
ZERO = mp.findroot(mp.digamma, 1.46)


@poly("digamma_root_f64", 64, "digamma(x) / (x - x0) in x - 3/2 for 1 <= x <= 2, x0 being its zero", split=True)
def _():
    return dense(fit(lambda t: mp.digamma(t + 1.5) / (t + 1.5 - ZERO), -0.5005, 0.5005, range(23)))


@poly("digamma_far_f64", 64, "(log x - 1 / (2 x) - digamma(x)) x^2 in 1 / x^2, x >= 10")
def _():
    def f(z):
        x = 1 / mp.sqrt(z)
        with mp.workdps(80):
            return +((mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x)

    return dense(fit(f, 1e-8, mp.mpf(1) / 100, range(7), weight=lambda z, f: 1))


def number(value, bits):
    """A literal that reads back as the same float."""
    if bits == 32:
        for digits in range(6, 12):
            text = f"{float(value):.{digits}g}"
            if round32(mp.mpf(text)) == value:
                break
    else:
        text = repr(float(value))
    return text if re.search(r"[.e]", text) else text + ".0"


def emit(name):
    bits, doc, split, make = FITS[name]
    coefficients, error = make()
    kind = f"f{bits}"
    lanes = f"{kind}x{128 // bits}"
    splat = lambda c: f"{lanes}.splat({number(c, bits)})"
    print(f"{name}: degree {len(coefficients) - 1}, error 2^{float(mp.log(error, 2)):.2f}", flush=True)
    lines = [f"// {doc}; error 2^{float(mp.log(error, 2)):.1f}.", "@inline"]
    lines.append(f"export function {name}(x: v128): v128 {{")
    if split:
        # Two interleaved chains halve the latency, which long polynomials are bound by.
        lines.append(f"  const y = {lanes}.mul(x, x);")
        chains = []
        for parity, var in ((0, "a"), (1, "b")):
            chain = coefficients[parity::2]
            lines.append(f"  let {var} = {splat(chain[-1])};")
            chains.append((var, chain[-2::-1]))
        for step in range(max(len(c) for _, c in chains)):
            for var, chain in chains:
                if step < len(chain):
                    lines.append(f"  {var} = madd<{kind}>({var}, y, {splat(chain[step])});")
        lines.append(f"  return madd<{kind}>(b, x, a);")
    else:
        lines.append(f"  let p = {splat(coefficients[-1])};")
        for c in coefficients[-2::-1]:
            lines.append(f"  p = madd<{kind}>(p, x, {splat(c)});")
        lines.append("  return p;")
    lines.append("}")
    return "\n".join(lines) + "\n"


def main(names):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "poly.ts")
    parts = {}
    if names and os.path.exists(path):
        for block in open(path).read().split("\n\n")[1:]:
            parts[re.search(r"function (\w+)", block).group(1)] = block.rstrip() + "\n"
    for name in FITS:
        if not names or name in names or name not in parts:
            parts[name] = emit(name)
    head = '// Written by fit.py; do not edit.\nimport { madd } from "./madd";\n'
    with open(path, "w") as file:
        file.write("\n".join([head] + [parts[name] for name in FITS]))


if __name__ == "__main__":
    main(sys.argv[1:])
