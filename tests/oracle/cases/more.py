"""Less common functions of ``np``: one case for each option, and their gradients."""

import numpy as onp

from cases.inputs import distinct, f32, i32, specials, uniform
from record import close, np, ulp, vn

T = close(2e-6, 2e-6)


def write(file):
    file.tol = ulp(4)
    add = file.add
    x34, x234, y34 = uniform((3, 4)), uniform((2, 3, 4)), uniform((3, 4), seed=1)
    nan = f32(1, onp.nan, 3, -2, onp.nan, 7).reshape(2, 3)

    # Quantiles.
    for f in (np.quantile, np.nanquantile):
        for method in ("linear", "lower", "higher", "midpoint", "nearest"):
            add(f"{f.ts}/{method}", lambda x, q: f(x, q, method=method), uniform(7), f32(0, 0.3, 0.5, 1))
            add(f"{f.ts}/{method} NaN", lambda x: f(x, 0.4, axis=1, method=method), nan)
        add(f"{f.ts}/axes", lambda x: f(x, 0.25, axis=(0, 2)), x234)
        add(f"{f.ts}/keepdims", lambda x, q: f(x, q, axis=1, keepdims=True), x234, f32(0.1, 0.9))
        add(f"{f.ts}/int32", lambda x: f(x, 0.5, axis=0), uniform((3, 4), "int32"))
    add("np.nanquantile/nothing", lambda x: np.nanquantile(x, 0.5, axis=1), f32(onp.nan, onp.nan, 1, 2).reshape(2, 2))
    for f in (np.percentile, np.nanpercentile):
        add(f"{f.ts}/axis", lambda x, q: f(x, q, axis=0), x34, f32(10, 50, 99))
    add("np.nanmedian", lambda x: np.nanmedian(x, axis=1), nan)
    add("np.median/NaN", lambda x: np.median(x, axis=1), nan)
    add("np.median/keepdims", lambda x: np.median(x, axis=(0, 1), keepdims=True), x234)

    for name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd", "nanargmax", "nanargmin", "nancumsum", "nancumprod"):
        f = getattr(np, name)
        add(f"{f.ts}/flat", lambda x: f(x), nan)
        add(f"{f.ts}/axis", lambda x: f(x, axis=0), nan)
        add(f"{f.ts}/int32", lambda x: f(x, axis=1), uniform((3, 4), "int32"))
        if not name.startswith("nancum"):
            add(f"{f.ts}/keepdims", lambda x: f(x, axis=1, keepdims=True), nan)
            add(f"{f.ts}/nothing but NaN", lambda x: f(x, axis=1), f32(onp.nan, onp.nan, 1, 2).reshape(2, 2))
    for f in (np.nanvar, np.nanstd):
        add(f"{f.ts}/ddof", lambda x: f(x, axis=1, ddof=1), nan)
        add(f"{f.ts}/where", lambda x: f(x, axis=1, where=x > 0), nan)

    # Covariances.
    for kw in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}):
        add(f"np.cov/{kw}", lambda x: np.cov(x, **kw), x34, tol=T)
        add(f"np.cov/y {kw}", lambda x, y: np.cov(x, y=y, **kw), x34, y34, tol=T)
    add("np.cov/vector", lambda x: np.cov(x), uniform(5), tol=T)
    add("np.cov/weights", lambda x, f, w: np.cov(x, fweights=f, aweights=w), x34, i32(1, 2, 0, 3), f32(0.5, 1, 2, 0.1), tol=T)
    add("np.corrcoef", lambda x: np.corrcoef(x), x34, tol=T)
    add("np.corrcoef/vector", lambda x: np.corrcoef(x), uniform(5), tol=T)

    # Differences, integrals, interpolation, counting.
    add("np.diff/2", lambda x: np.diff(x, n=2, axis=0), x34)
    add("np.diff/ends", lambda x, y: np.diff(x, axis=1, prepend=1.5, append=y), x34, uniform((3, 2)))
    add("np.diff/bool", lambda x: np.diff(x), uniform(7, "bool"))
    add("np.ediff1d/ends", lambda x, e: np.ediff1d(x, to_end=e, to_begin=2.5), x34, f32(8, 9))
    add("np.trapezoid", lambda y: np.trapezoid(y, dx=0.5), x34)
    add("np.trapezoid/x", lambda y, x: np.trapezoid(y, x=x, axis=0), x34, f32(0, 1, 3))
    xs, xp, fp = f32(-1, 0, 0.5, 2, 3, 4.5), f32(0, 1, 3, 4), f32(5, -1, 2, 7)
    # JAX 0.10.2 gives the options of one call of interp to the next; NumPy does not.
    for name, kw in (("left", {"left": -9.5}), ("right", {"right": 9.5}), ("period", {"period": 5.5})):
        add(f"np.interp/{name}", lambda x, xp, fp: np.interp(x, xp, fp, **kw), xs, xp, fp, out=onp.interp(xs, xp, fp, **kw).astype("float32"))
    add("np.interp/extrapolate", lambda x, xp, fp: np.interp(x, xp, fp, left="extrapolate", right="extrapolate"), xs, xp, fp,
        out=f32(11, 5, 2, 0.5, 2, 9.5))
    add("np.interp/together", lambda x, xp, fp: np.interp(x, xp, fp), xs, f32(0, 1, 1, 4), fp)
    add("np.bincount/weights", lambda x, w: np.bincount(x, weights=w, length=4), i32(0, 2, 2, 9, -1), f32(1, 2, 3, 4, 5))
    add("np.bincount/minlength", lambda x: np.bincount(x, minlength=7), i32(0, 2, 2), jit=False)
    add("np.bincount/no length", lambda x: np.bincount(x), i32(0, 2, 5), jit=False)
    for right in (False, True):
        add(f"np.digitize/{right}", lambda x, b: np.digitize(x, b, right=right), f32(0, 1, 2.5, 4, 9), f32(1, 2, 4))
        add(f"np.digitize/descending {right}", lambda x, b: np.digitize(x, b, right=right), f32(0, 1, 2.5, 4, 9), f32(4, 2, 1))

    # Padding.
    for mode in ("maximum", "minimum", "mean", "median"):
        add(f"np.pad/{mode}", lambda x: np.pad(x, ((1, 2), (2, 0)), mode=mode), x34)
        add(f"np.pad/{mode} length", lambda x: np.pad(x, 2, mode=mode, stat_length=((1, 2), (3, 2))), x34)
    add("np.pad/mean int32", lambda x: np.pad(x, 2, mode="mean", stat_length=2), i32(1, 4, 7, 8))
    add("np.pad/linear_ramp", lambda x: np.pad(x, (2, 3), mode="linear_ramp", end_values=((1, 2), (3, 4))), x34, tol=T)
    add("np.pad/linear_ramp int32", lambda x: np.pad(x, 3, mode="linear_ramp", end_values=-5), i32(7, 1, 9))
    add("np.pad/constants", lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), x34)
    add("np.pad/constant pair", lambda x: np.pad(x, (0, 2), constant_values=(1, 2)), x34)
    add("np.pad/one row", lambda x: np.pad(x, ((1, 2),)), x34)
    for mode in ("reflect", "symmetric", "wrap", "edge"):
        add(f"np.pad/{mode} one element", lambda x: np.pad(x, (3, 2), mode=mode), uniform(1))
        add(f"np.pad/{mode} far", lambda x: np.pad(x, (60, 61), mode=mode), uniform(2))
        add(f"np.pad/{mode} nothing", lambda x: np.pad(x, 1, mode=mode), onp.zeros(0, "float32"), throws=True)
    add("np.pad/negative", lambda x: np.pad(x, -1), x34, throws=True)
    add("np.pad/too many", lambda x: np.pad(x, ((1, 1), (1, 1), (1, 1))), x34, throws=True)

    # Arranging.
    add("np.roll/traced", lambda x, n: np.roll(x, n, axis=1), x34, onp.array(-3, "int32"))
    add("np.roll/traced, flat", lambda x, n: np.roll(x, n), x34, onp.array(17, "int32"))
    add("np.roll/empty", lambda x: np.roll(x, 2), onp.zeros((0, 3), "float32"))
    add("np.roll/twice the axis", lambda x: np.roll(x, (1, 2), axis=(1, 1)), x34)
    for k in (0, 2, 3, -1, 5):
        add(f"np.rot90/{k}", lambda x: np.rot90(x, k=k), x34)
    add("np.rot90/axes", lambda x: np.rot90(x, axes=(2, 0)), x234)
    add("np.rollaxis/start", lambda x: np.rollaxis(x, 0, start=3), x234)
    add("np.rollaxis/2", lambda x: np.rollaxis(x, -1, start=1), x234)
    add("np.tile/3-d", lambda x: np.tile(x, (2, 1, 3)), uniform(2))
    add("np.repeat/numbers", lambda x: np.repeat(x, onp.array([2, 0, 1], "int32"), axis=0), x34)
    add("np.repeat/longer", lambda x, n: np.repeat(x, n, total_repeat_length=7), uniform(3), i32(2, 0, 1))
    add("np.repeat/shorter", lambda x, n: np.repeat(x, n, total_repeat_length=2), uniform(3), i32(2, 0, 1))
    add("np.append/axis", lambda x, y: np.append(x, y, axis=0), x34, y34)
    add("np.dstack/vectors", lambda x, y: np.dstack([x, y]), uniform(3), uniform(3, seed=1))
    add("np.hsplit/vector", lambda x: np.hsplit(x, 2), uniform(4))
    add("np.dsplit", lambda x: np.dsplit(x, (1, 3)), x234)
    add("np.unstack/axis", lambda x: np.unstack(x, axis=1), x234)
    add("np.indices/sparse", lambda: np.indices((2, 3), sparse=True))
    add("np.indices/float32", lambda: np.indices((2, 3), dtype="float32"))
    add("np.meshgrid/sparse", lambda x, y: np.meshgrid(x, y, sparse=True), uniform(3), uniform(2))
    add("np.meshgrid/one", lambda x: np.meshgrid(x), uniform(3))
    add("np.meshgrid/three", lambda x, y, z: np.meshgrid(x, y, z), uniform(3), uniform(2), uniform(4))
    add("np.unravelIndex/out of bounds", lambda x: np.unravel_index(x, (2, 3)), i32(-1, -7, 6, 100))
    for mode in ("clip", "wrap"):
        add(f"np.ravelMultiIndex/{mode}", lambda x, y: np.ravel_multi_index([x, y], (2, 3), mode=mode), i32(0, 1, 3, -1), i32(2, -4, 0, 5))
    add("np.select/two hold", lambda c, x: np.select([c, c], [x, -x]), uniform((3, 4), "bool"), x34)

    # Triangles and diagonals.
    add("np.diagonal/axes", lambda x: np.diagonal(x, offset=1, axis1=2, axis2=0), x234)
    add("np.diagonal/last axes", lambda x: np.diagonal(x, axis1=1, axis2=2), x234)
    add("np.diagonal/beyond", lambda x: np.diagonal(x, offset=9), x34)
    add("np.diagflat/k", lambda x: np.diagflat(x, k=-1), uniform(2))
    add("np.diag/empty", lambda x: np.diag(x, k=2), onp.zeros(0, "float32"))
    add("np.diagIndices", lambda: np.diag_indices(3, ndim=3))
    add("np.trilIndicesFrom", lambda x: np.tril_indices_from(x, k=1), x34)
    add("np.triuIndicesFrom", lambda x: np.triu_indices_from(x), x34)
    add("np.triuIndices/m", lambda: np.triu_indices(3, k=-1, m=5))
    add("np.vander/N", lambda x: np.vander(x, N=4), f32(1, 2, -3))
    add("np.vander/increasing", lambda x: np.vander(x, increasing=True), i32(1, 2, -3))
    add("np.tril/vector", lambda x: np.tril(x), uniform(3), throws=True)

    # Numbers and their parts.
    s = onp.concatenate([specials("float32"), f32(1e-45, -3e-41, 5e-39)])
    # JAX flushes subnormals. The exponent of what is not finite is left open: 0 here and in JAX.
    add("np.frexp/special", lambda x: np.frexp(x), s[onp.isfinite(s)], out=list(onp.frexp(s[onp.isfinite(s)])))
    add("np.frexp/not finite", lambda x: np.frexp(x), f32(onp.inf, -onp.inf, onp.nan))
    add("np.frexp/float64", lambda x: np.frexp(x), specials("float64")[:14], x64=True)
    # With infinities JAX's fraction is NaN, and it flushes subnormals.
    add("np.modf/special", lambda x: np.modf(x), s[onp.isfinite(s)], out=list(onp.modf(s[onp.isfinite(s)])))
    add("np.ldexp/far", lambda x, y: np.ldexp(x, y), f32(1, 1e-45, 3e38, -1.5, 0, onp.inf, 1, 1), i32(-149, 200, -250, 126, 5, -9, 127, -126),
        out=onp.ldexp(f32(1, 1e-45, 3e38, -1.5, 0, onp.inf, 1, 1), i32(-149, 200, -250, 126, 5, -9, 127, -126)))
    big = i32(0, 0, 12, -18, 2**31 - 1, 1836311903, 2**30, -6), i32(0, 5, 18, 12, 2**31 - 2, 1134903170, 96, 0)
    add("np.gcd/int32", lambda x, y: np.gcd(x, y), *big)
    add("np.lcm", lambda x, y: np.lcm(x, y), i32(0, 4, -6, 7, 5), i32(3, 6, 4, 0, 5))
    add("np.gcd/uint8", lambda x, y: np.gcd(x, y), uniform(50, "uint8", 0, 255), uniform(50, "uint8", 0, 255, seed=1))
    add("np.gcd/uint32", lambda x, y: np.gcd(x, y), onp.array([2**32 - 1, 2971215073], "uint32"), onp.array([3, 1836311903], "uint32"))
    add("np.gcd/int64", lambda x, y: np.gcd(x, y), onp.array([7540113804746346429, 2**62], "int64"), onp.array([4660046610375530309, 6], "int64"), x64=True)
    add("np.arrayEquiv", lambda x, y: [np.array_equiv(x, y), np.array_equiv(x, y[:1]), np.array_equiv(x, y[:0])], onp.ones((2, 3), "float32"), onp.ones(3, "float32"))
    add("np.isclose/int32", lambda x, y: np.isclose(x, y), i32(1, 100000000, 3), i32(1, 100000001, 4))

    # Products and norms.
    for a, b in (((2, 3), (3,)), ((2,), (2,)), ((4, 2), (4, 3)), ((1, 3), (4, 1, 3))):
        add(f"np.cross/{a} {b}", lambda x, y: np.cross(x, y), uniform(a), uniform(b, seed=1))
    add("np.cross/axes", lambda x, y: np.cross(x, y, axisa=0, axisb=0, axisc=0), uniform((3, 4)), uniform((3, 4), seed=1))
    add("np.cross/axis", lambda x, y: np.cross(x, y, axis=0), uniform((3, 4)), uniform((3, 4), seed=1))
    add("np.cross/wrong", lambda x, y: np.cross(x, y), uniform(4), uniform(4), throws=True)
    add("np.kron/ranks", lambda x, y: np.kron(x, y), uniform(3), uniform((2, 1, 2), seed=1))
    add("np.vecdot/axis", lambda x, y: np.vecdot(x, y, axis=0), x34, uniform((3, 1), seed=1), tol=T)
    add("np.matvec", lambda x, y: np.matvec(x, y), x234, uniform((2, 4), seed=1), tol=T)
    add("np.vecmat", lambda x, y: np.vecmat(x, y), uniform((2, 3), seed=1), x234, tol=T)
    for kw in ({"ord": "fro"}, {"ord": -1}, {"ord": -onp.inf}, {"ord": 1, "axis": (0, 1), "keepdims": True}, {"ord": onp.inf, "axis": (1, 0)}):
        add(f"np.linalg.norm/{kw}", lambda x: np.linalg.norm(x, **kw), x34, tol=T)
    for kw in ({"axis": (0, 2)}, {"axis": (2, 0), "ord": 1}, {"axis": (-1, -2), "ord": -1}, {"axis": 1, "ord": -onp.inf}, {"axis": 1, "ord": 0}, {"axis": 0, "ord": 2.5}):
        add(f"np.linalg.norm/3-d {kw}", lambda x: np.linalg.norm(x, **kw), x234, tol=T)
    add("np.linalg.norm/int32", lambda x: np.linalg.norm(x, axis=0), uniform((3, 4), "int32"), tol=T)
    add("np.linalg.norm/wrong order", lambda x: np.linalg.norm(x, ord=3), x34, throws=True)
    add("np.linalg.vectorNorm", lambda x: [np.linalg.vector_norm(x), np.linalg.vector_norm(x, axis=(0, 1), ord=3, keepdims=True)], x234, tol=T)
    add("np.linalg.matrixNorm", lambda x: [np.linalg.matrix_norm(x), np.linalg.matrix_norm(x, ord=1, keepdims=True)], x234, tol=T)
    add("np.linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), x234)
    add("np.linalg.trace", lambda x: np.linalg.trace(x), x234, tol=T)
    for n in (0, 1, 2, 5):
        add(f"np.linalg.matrixPower/{n}", lambda x: np.linalg.matrix_power(x, n), uniform((2, 3, 3)), tol=close(2e-5, 2e-5))
    add("np.linalg.multiDot", lambda a, b, c, d: np.linalg.multi_dot([a, b, c, d]), uniform(3), x34, uniform((4, 2)), uniform(2), tol=close(1e-5, 1e-5))

    # Sets and positions.
    z = uniform((3, 5), "int32", 0, 3)
    add("np.nonzero", lambda x: np.nonzero(x), z, jit=False)
    add("np.nonzero/size", lambda x: np.nonzero(x, size=4), z)
    add("np.nonzero/filled", lambda x: np.nonzero(x, size=20, fill_value=-1), z)
    add("np.flatnonzero", lambda x: np.flatnonzero(x), z, jit=False)
    add("np.argwhere", lambda x: np.argwhere(x), z, jit=False)
    add("np.argwhere/size", lambda x: np.argwhere(x, size=6), z)
    u = f32(3, onp.nan, 1, 3, -0.0, 0.0, onp.nan, 2)
    add("np.unique", lambda x: np.unique(x), u, jit=False)
    add("np.unique/all", lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True), z, jit=False)
    add("np.unique/empty", lambda x: np.unique(x), onp.zeros(0, "int32"), jit=False)
    add("np.isin", lambda x, y: np.isin(x, y), z, i32(0, 2, 9))
    add("np.isin/invert", lambda x, y: np.isin(x, y, invert=True), z, i32(0, 2, 9))
    for name in ("union1d", "intersect1d", "setdiff1d"):
        f = getattr(np, name)
        add(f"{f.ts}", lambda x, y: f(x, y), i32(4, 1, 2, 4, 0), i32(2, 9, 4), jit=False)

    # Sums of products.
    for spec in ("...", "i...", "...ij->ji...", "...ij->...", "ba"):
        add(f"np.einsum/{spec}", lambda x: np.einsum(spec, x), uniform((2, 3)) if spec == "ba" else x234, tol=T)
    for spec in ("ij", "jk,k", "ii,jj->ij", "aab,bcc->ac"):
        shapes = {"ij": [(3, 4)], "jk,k": [(3, 4), (4,)], "ii,jj->ij": [(3, 3), (2, 2)], "aab,bcc->ac": [(3, 3, 2), (2, 4, 4)]}[spec]
        ins = [uniform(sh, seed=i) for i, sh in enumerate(shapes)]
        add(f"np.einsum/{spec}", (lambda x: np.einsum(spec, x)) if len(ins) == 1 else (lambda x, y: np.einsum(spec, x, y)), *ins, tol=T)
    add("np.einsum/four", lambda a, b, c, d: np.einsum("ab,bc,cd,de->ae", a, b, c, d), uniform((2, 3)), x34, uniform((4, 5)), uniform((5, 2)), tol=close(1e-5, 1e-5))
    add("np.einsum/apart", lambda a, b, c: np.einsum("a,b,ac->bc", a, b, c), uniform(3), uniform(2), x34, tol=T)
    add("np.einsum/size 1 stretches", lambda x, y: np.einsum("ij,ij->ij", x, y), uniform((3, 1)), y34, tol=T)
    add("np.einsum/bool", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((3, 4), "bool"), uniform((4, 2), "bool", seed=1))
    add("np.einsum/uint8", lambda x, y: np.einsum("ij,jk", x, y), uniform((3, 4), "uint8"), uniform((4, 2), "uint8", seed=1))
    add("np.einsum/preferred", lambda x, y: np.einsum("ij,jk", x, y, preferred_element_type="float32"), uniform((3, 4), "int32"), uniform((4, 2), "int32", seed=1))
    add("np.einsum/scalars", lambda x, y: np.einsum(",->", x, y), uniform(()), uniform((), seed=1))
    add("np.einsum/two arrows", lambda x: np.einsum("ij->i->j", x), x34, throws=True)
    add("np.einsum/operands", lambda x: np.einsum("ij,jk", x), x34, throws=True)

    # Gradients.
    x5 = uniform(5)
    grads = {
        "pad reflect": (lambda x: np.sum(np.pad(x, (2, 7), mode="reflect") ** 3), x5),
        "pad wrap": (lambda x: np.sum(np.pad(x, (60, 3), mode="wrap") ** 3), x5),
        "pad edge": (lambda x: np.sum(np.pad(x, 2, mode="edge") ** 3), x34),
        "pad mean": (lambda x: np.sum(np.pad(x, 2, mode="mean") ** 3), x34),
        "pad ramp": (lambda x: np.sum(np.pad(x, 2, mode="linear_ramp") ** 3), x34),
        "quantile": (lambda x: np.quantile(x, 0.3) ** 2, x5), "nanmedian": (lambda x: np.nanmedian(x), x5),
        "interp": (lambda x: np.sum(np.interp(x, xp, fp) ** 2), x5), "interp values": (lambda y: np.sum(np.interp(xs, xp, y) ** 2), fp),
        "interp points": (lambda p: np.sum(np.interp(xs, p, fp) ** 2), xp),
        "cov": (lambda x: np.sum(np.cov(x) ** 2), x34), "diag of vector": (lambda x: np.sum(np.diag(x, k=1) ** 3), x5),
        "diagonal": (lambda x: np.sum(np.diagonal(x, axis1=1, axis2=2) ** 3), x234), "vander": (lambda x: np.sum(np.vander(x) ** 2), x5),
        "cross": (lambda x: np.sum(np.cross(x[:, :3], x[:, 1:]) ** 2), x34), "kron": (lambda x: np.sum(np.kron(x, x) ** 2), x5),
        "traced roll": (lambda x: np.sum(np.roll(x, onp.array(2, "int32")) * x * x), x5), "ldexp": (lambda x: np.sum(np.ldexp(x, 3) ** 2), x5),
        "norm 3": (lambda x: np.sum(np.linalg.norm(x, ord=3, axis=0)), x34), "norm 1": (lambda x: np.linalg.norm(x, ord=1), x34),
        "repeat": (lambda x: np.sum(np.repeat(x, onp.array([2, 0, 1, 1, 3], "int32")) ** 3), x5), "rot90": (lambda x: np.sum(np.rot90(x)[0] ** 3), x34),
        "bincount": (lambda w: np.sum(np.bincount(onp.array([0, 2, 2, 1, 0], "int32"), weights=w, length=3) ** 2), x5),
        "einsum diagonal": (lambda x: np.sum(np.einsum("iij->j", x[:, :, :2]) ** 2), uniform((3, 3, 4))),
        "einsum chain": (lambda x: np.einsum("ij,kj,kl,il->", x, x, x, x), x34), "matrix power": (lambda x: np.sum(np.linalg.matrix_power(x, 5)), uniform((3, 3))),
    }
    for name, (f, x) in grads.items():
        add(f"grad/{name}", lambda x: vn.grad(f)(x), x, tol=close(1e-5, 1e-5))
    for name in ("pad reflect", "quantile", "interp", "diag of vector", "diagonal", "traced roll", "einsum diagonal", "cov"):
        f, x = grads[name]
        batch = onp.stack([x, x[::-1]])
        add(f"vmap of grad/{name}", lambda x: vn.vmap(vn.grad(f))(x), batch, tol=close(1e-5, 1e-5))
