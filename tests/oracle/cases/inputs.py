"""Inputs that several modules share: special values, odd shapes, seeded random numbers."""

import numpy as onp

FLOATS = ["float32", "float64"]
INTS = ["int32", "int64", "uint32", "uint8"]
ALL = FLOATS + INTS + ["bool"]


def f32(*v):
    return onp.array(v, "float32")


def i32(*v):
    return onp.array(v, "int32")


def specials(dtype):
    """The values of a dtype at which functions go wrong."""
    if dtype == "bool":
        return onp.array([False, True])
    if dtype in FLOATS:
        i = onp.finfo(dtype)
        values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, 2.5, -2.5, 3.0, 10.0, -10.0,
                  onp.inf, -onp.inf, onp.nan, i.max, i.min, i.tiny, -i.tiny, i.eps, 1 + i.eps,
                  1 - i.epsneg, onp.pi, -onp.pi, onp.e, 1e-3, -1e-3, 1e-8, 88.0, -88.0, 1e4, -1e4]
        return onp.array(values, dtype)
    i = onp.iinfo(dtype)
    values = [0, 1, 2, 3, 7, 100, i.max, i.max - 1, i.min, i.min + 1]
    if i.min < 0:
        values += [-1, -2, -3, -7, -100]
    return onp.array(values, dtype)


def subnormals(dtype):
    i = onp.finfo(dtype)
    return onp.array([i.smallest_subnormal, -i.smallest_subnormal, i.tiny / 2, -i.tiny / 4], dtype)


def uniform(shape, dtype="float32", lo=-2.0, hi=2.0, seed=0):
    """Seeded numbers of any dtype; integers between lo and hi."""
    rng = onp.random.default_rng([seed, *onp.atleast_1d(shape)])
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype in FLOATS:
        return rng.uniform(lo, hi, shape).astype(dtype)
    lo, hi = (lo, hi) if (lo, hi) != (-2.0, 2.0) else (-9, 10)
    if dtype.startswith("u"):
        lo = max(lo, 0)
    return rng.integers(lo, hi, shape).astype(dtype)


def distinct(shape, dtype="float32", seed=0):
    """A shuffled range: no ties."""
    n = int(onp.prod(shape))
    rng = onp.random.default_rng([seed, n])
    return (rng.permutation(n).reshape(shape) - n // 3).astype(dtype)
