"""Reductions, running sums, and what is built of them."""

import numpy as onp

from cases.elementwise import fn_of
from cases.inputs import ALL, FLOATS, INTS, specials, uniform
from record import close, lax, np, ulp


def sums(dtype):
    return close(2e-6, 1e-6) if dtype == "float32" else close(1e-14, 1e-14)


def write(file):
    add = file.add
    nan = onp.array([[1.0, onp.nan, 3.0], [4.0, 2.0, -onp.inf]], "float32")
    for name in ("np.sum", "np.prod", "np.mean", "np.max", "np.min", "np.any", "np.all", "np.var", "np.std", "np.ptp"):
        f = fn_of(name)
        for dtype in ALL:
            if (name in ("np.ptp",) and dtype == "bool") or (name in ("np.var", "np.std") and dtype == "bool"):
                continue
            x = uniform((3, 4), dtype, *((0, 4) if dtype not in FLOATS + ["bool"] else (-2.0, 2.0)))
            tol = sums("float32" if dtype != "float64" else dtype)
            x64 = name in ("np.max", "np.min", "np.ptp") and dtype in ("int64", "float64")
            add(f"{f.ts}/{dtype}", lambda x: f(x), x, tol=tol, x64=x64)
            add(f"{f.ts}/{dtype} axis", lambda x: f(x, axis=0), x, tol=tol, x64=x64)
        x = uniform((2, 3, 4))
        for axis in (0, 1, 2, -1, (0, 1), (0, 2), (-1, 0), (0, 1, 2), ()):
            for keep in (False, True):
                add(f"{f.ts}/axis {axis} {keep}", lambda x: f(x, axis=axis, keepdims=keep), x, tol=sums("float32"))
        add(f"{f.ts}/keepdims", lambda x: f(x, keepdims=True), x, tol=sums("float32"))
        add(f"{f.ts}/scalar", lambda x: f(x), uniform(()), tol=sums("float32"))
        add(f"{f.ts}/NaN", lambda x: f(x, axis=1), nan, tol=sums("float32"))
        add(f"{f.ts}/wrong axis", lambda x: f(x, axis=3), x, throws=True)
        add(f"{f.ts}/twice the axis", lambda x: f(x, axis=(0, 0)), x, throws=True)
        if name in ("np.max", "np.min", "np.ptp"):
            add(f"{f.ts}/empty", lambda x: f(x), onp.zeros((0,), "float32"), throws=True)
            add(f"{f.ts}/empty elsewhere", lambda x: f(x, axis=1), onp.zeros((0, 3), "float32"))
        else:
            add(f"{f.ts}/empty", lambda x: f(x), onp.zeros((0,), "float32"))
            add(f"{f.ts}/empty axis", lambda x: f(x, axis=0), onp.zeros((0, 3), "float32"))
            add(f"{f.ts}/empty elsewhere", lambda x: f(x, axis=1), onp.zeros((0, 3), "float32"))
    for name in ("sum", "prod", "mean", "max", "min", "any", "all"):
        x = uniform((3, 4))
        add(f".{name}/method", lambda x: [getattr(x, name)(), getattr(x, name)(axis=1, keepdims=True)], x, tol=sums("float32"))
    add("np.sum/dtype", lambda x: np.sum(x, dtype="float64"), uniform(9), tol=ulp(4), x64=True)
    add("np.sum/dtype int to float", lambda x: np.sum(x, dtype="float32"), uniform(9, "int32"))
    add("np.sum/where", lambda x: np.sum(x, where=x > 0), uniform(9), tol=sums("float32"))
    add("np.sum/initial", lambda x: np.sum(x, initial=10.0), uniform(9), tol=sums("float32"))
    add("np.max/initial", lambda x: np.max(x, initial=-1.0), onp.zeros((0,), "float32"))
    add("np.max/where", lambda x: np.max(x, where=x < 0, initial=-9.0), uniform(9))
    add("np.mean/where", lambda x: np.mean(x, where=x > 0), uniform(9), tol=sums("float32"))
    add("np.var/ddof", lambda x: np.var(x, ddof=1), uniform(9), tol=sums("float32"))
    add("np.std/ddof", lambda x: np.std(x, axis=0, ddof=1), uniform((4, 3)), tol=sums("float32"))
    add("np.sum/int32 wraps", lambda x: np.sum(x), onp.full(3, 2**30, "int32"))
    add("np.prod/int32 wraps", lambda x: np.prod(x), onp.full(5, 2**7, "int32"))
    add("np.sum/uint8 widens", lambda x: np.sum(x), onp.full(300, 255, "uint8"))
    for n in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 63, 64, 65, 127, 1000, 4099):
        x = uniform(n)
        want = onp.float32(x.astype("float64").sum())
        add(f"np.sum/length {n}", lambda x: np.sum(x), x, out=want, tol=close(0, 3e-6 * max(1, n**0.5)))
        add(f"np.max/length {n}", lambda x: np.max(x), x)
    add("np.sum/long", lambda: np.sum(np.full((1000003,), 0.1, dtype="float32")), out=onp.float32(1000003 * float(onp.float32(0.1))), tol=close(1e-6))
    add("np.mean/long", lambda: np.mean(np.full((1000003,), 0.1, dtype="float32")), out=onp.float32(0.1), tol=close(1e-6))
    for shape, axis in [((5, 7), 0), ((5, 7), 1), ((33, 65), 0), ((33, 65), 1), ((3, 5, 17), 1), ((16, 3), 0), ((3, 16), 1)]:
        x = uniform(shape)
        add(f"np.sum/{shape} over {axis}", lambda x: np.sum(x, axis=axis), x, tol=close(1e-6, 4e-6))
        add(f"np.max/{shape} over {axis}", lambda x: np.max(x, axis=axis), x)
    for name in ("np.argmax", "np.argmin"):
        f = fn_of(name)
        for dtype in ALL:
            x64 = dtype in ("float64", "int64")
            x = uniform((3, 5), dtype)
            # The index is int64 with 64-bit types on; here it is int32, as asked for by the cast.
            if x64:
                want = getattr(onp, name[3:])(x, axis=1).astype("int32")
                add(f"{f.ts}/{dtype}", lambda x: f(x, axis=1), x, out=want)
            else:
                add(f"{f.ts}/{dtype}", lambda x: f(x, axis=1), x)
        add(f"{f.ts}/flat", lambda x: f(x), uniform((3, 5)))
        add(f"{f.ts}/keepdims", lambda x: f(x, axis=0, keepdims=True), uniform((3, 5)))
        add(f"{f.ts}/negative axis", lambda x: f(x, axis=-2), uniform((2, 3, 4)))
        add(f"{f.ts}/NaN", lambda x: f(x, axis=1), onp.array([[1, onp.nan, 9], [onp.nan, onp.nan, -onp.inf], [3, 2, onp.nan], [1, 9, 9]], "float32"))
        add(f"{f.ts}/ties", lambda x: f(x), onp.array([2, 7, 1, 7, 1], "int32"))
        add(f"{f.ts}/zeros", lambda x: f(x), onp.array([-0.0, 0.0, -0.0], "float32"))
        add(f"{f.ts}/empty", lambda x: f(x), onp.zeros((0,), "float32"), throws=True)
        add(f"{f.ts}/method", lambda x: getattr(x, name[3:])(axis=1), uniform((3, 5)))
    for name in ("np.cumsum", "np.cumprod", "np.cummax" , "np.cummin"):
        if name in ("np.cummax", "np.cummin"):
            name = name.replace("np.", "lax.")
        f = fn_of(name)
        for dtype in (ALL if name.startswith("np") else FLOATS + ["int32"]):
            x = uniform((3, 5), dtype, *((0, 4) if dtype not in FLOATS + ["bool"] else (-2.0, 2.0)))
            tol = sums("float32" if dtype != "float64" else dtype)
            for axis in (0, 1):
                add(f"{f.ts}/{dtype} {axis}", lambda x: f(x, axis=axis), x, tol=tol)
        if name.startswith("np"):
            add(f"{f.ts}/flat", lambda x: f(x), uniform((3, 5)), tol=sums("float32"))
            add(f"{f.ts}/empty", lambda x: f(x, axis=0), onp.zeros((0, 3), "float32"))
        else:
            add(f"{f.ts}/reverse", lambda x: f(x, axis=1, reverse=True), uniform((3, 5)))
            add(f"{f.ts}/NaN", lambda x: f(x, axis=0), onp.array([1, 3, onp.nan, 2, 9], "float32"))
    add("lax.cumsum/reverse", lambda x: lax.cumsum(x, axis=1, reverse=True), uniform((3, 5)), tol=sums("float32"))
    add("lax.cumlogsumexp", lambda x: lax.cumlogsumexp(x, axis=0), uniform(9), tol=close(2e-6, 1e-6))
    add("np.average", lambda x, w: np.average(x, weights=w), uniform(5), uniform(5, lo=0, hi=1, seed=1), tol=sums("float32"))
    add("np.countNonzero", lambda x: np.count_nonzero(x), uniform((3, 5), "int32", 0, 2))
    add("np.countNonzero/axis", lambda x: np.count_nonzero(x, axis=0), uniform((3, 5), "int32", 0, 2))
    add("np.median", lambda x: np.median(x), uniform(7))
    add("np.median/even", lambda x: np.median(x, axis=1), uniform((2, 6)), tol=ulp(2))
    add("np.nansum", lambda x: np.nansum(x), onp.array([1, onp.nan, 3], "float32"))
    add("np.nanmean", lambda x: np.nanmean(x), onp.array([1, onp.nan, 3], "float32"))
    add("np.nanmax", lambda x: np.nanmax(x), onp.array([1, onp.nan, 3], "float32"))
    for kw in ({}, {"ord": 1}, {"ord": onp.inf}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": 0, "ord": 1},
               {"axis": 1, "ord": float("inf")}, {"axis": 1, "ord": 3}):
        add(f"np.linalg.norm/{kw}", lambda x: np.linalg.norm(x, **kw), uniform((3, 4)), tol=close(2e-6, 1e-6))
    add("np.linalg.norm/vector", lambda x: np.linalg.norm(x), uniform(7), tol=close(2e-6))
    add("np.linalg.norm/vector ord", lambda x: [np.linalg.norm(x, ord=1), np.linalg.norm(x, ord=2), np.linalg.norm(x, ord=0)], uniform(7), tol=close(2e-6))
