"""``jax.ops``: reductions by segment, with their derivatives and batches."""

import numpy as onp

from cases.inputs import distinct, uniform
from record import close, np, ops, vn

T, T64 = close(1e-5, 1e-5), close(1e-13, 1e-13)
IDS = onp.array([2, 0, 2, 5, 0, -1, 3, 2], "int32")
N = len(IDS)
KINDS = ("sum", "prod", "max", "min")


def ids(dtype):
    return IDS.astype(dtype)


def write(file):
    add = file.add
    for kind in KINDS:
        f = getattr(ops, f"segment_{kind}")
        name = f"ops.segment{kind.capitalize()}"
        for dtype in ("float32", "float64", "float16", "bfloat16", "int32", "int64", "uint8", "int8", "uint32"):
            tol = {"float64": T64, "float16": close(1e-2, 1e-2), "bfloat16": close(5e-2, 5e-2)}.get(dtype, T)
            if dtype == "bfloat16":
                add(f"{name}/{dtype}", lambda x, i: np.asarray(f(x.astype("bfloat16"), i, num_segments=6), dtype="float32"), uniform(N), IDS, tol=tol)
            else:
                x = uniform(N).astype("float16") if dtype == "float16" else uniform(N, dtype)
                add(f"{name}/{dtype}", lambda x, i: f(x, i, num_segments=6), x, IDS, tol=tol)
        if kind in ("max", "min"):
            add(f"{name}/bool", lambda x, i: f(x, i, num_segments=6), uniform(N, "bool"), IDS)
            add(f"{name}/nan", lambda x, i: f(x, i, num_segments=6), onp.where(onp.arange(N) == 4, onp.nan, uniform(N)).astype("float32"), IDS)
        else:
            add(f"{name}/bool", lambda x, i: f(x, i, num_segments=6), uniform(N, "bool"), IDS, throws=True)
        # Any rank of rows; ids of every kind; segments without rows; more and fewer segments than ids speak of.
        add(f"{name}/rows", lambda x, i: f(x, i, num_segments=4), uniform((N, 5)), IDS, tol=T)
        add(f"{name}/rows of rows", lambda x, i: f(x, i, num_segments=7), uniform((N, 3, 2)), IDS, tol=T)
        add(f"{name}/float64 rows", lambda x, i: f(x, i, num_segments=4), uniform((N, 9), "float64"), IDS, tol=T64)
        for dtype in ("int64", "uint8", "uint32", "int8", "int16", "uint64"):
            add(f"{name}/{dtype} ids", lambda x, i: f(x, i, num_segments=4), uniform(N), ids(dtype), tol=T)
        add(f"{name}/one segment", lambda x, i: f(x, i, num_segments=1), uniform(N), onp.zeros(N, "int32"), tol=T)
        add(f"{name}/no segment", lambda x, i: f(x, i, num_segments=0), uniform(N), IDS)
        add(f"{name}/no rows", lambda x, i: f(x, i, num_segments=3), onp.zeros((0, 2), "float32"), onp.zeros(0, "int32"))
        add(f"{name}/default count", lambda x, i: f(x, i), uniform((N, 2)), IDS, tol=T, jit=False)
        add(f"{name}/default count of int64 ids", lambda x, i: f(x, i), uniform(N), ids("int64"), tol=T, jit=False, x64=True)
        add(f"{name}/hints", lambda x, i: f(x, i, num_segments=4, indices_are_sorted=True, unique_indices=True), uniform((4, 2)), onp.array([0, 1, 3, 9], "int32"), tol=T)
        for mode in ("drop", "fill", "clip"):
            add(f"{name}/{mode}", lambda x, i: f(x, i, num_segments=4, mode=mode), uniform((N, 2)), IDS, tol=T)
        add(f"{name}/promised", lambda x, i: f(x, i, num_segments=4, mode="promise_in_bounds"), uniform(4), onp.array([3, 0, 3, 1], "int32"), tol=T)
        for bucket in (1, 3, 8, 20):
            add(f"{name}/buckets of {bucket}", lambda x, i: f(x, i, num_segments=4, bucket_size=bucket), uniform((N, 2)), IDS, tol=T)
        add(f"{name}/buckets, clip", lambda x, i: f(x, i, num_segments=4, bucket_size=3, mode="clip"), uniform(N), IDS, tol=T)
        add(f"{name}/buckets of int8", lambda x, i: f(x, i, num_segments=4, bucket_size=3), uniform(N, "int8"), IDS)
        add(f"{name}/one row for all ids", lambda x, i: f(x, i, num_segments=4), uniform((1, 3)), IDS, tol=T)
        # What does not fit.
        add(f"{name}/fewer ids than rows", lambda x, i: f(x, i, num_segments=4), uniform((N, 2)), IDS[:-1], throws=True)
        add(f"{name}/ids of two axes", lambda x, i: f(x, i, num_segments=4), uniform((N, 2)), IDS[:, None], throws=True)
        add(f"{name}/float ids", lambda x, i: f(x, i, num_segments=4), uniform(N), uniform(N), throws=True)
        add(f"{name}/negative count", lambda x, i: f(x, i, num_segments=-1), uniform(N), IDS, throws=True)
        add(f"{name}/another mode", lambda x, i: f(x, i, num_segments=4, mode="wrap"), uniform(N), IDS, throws=True)
        add(f"{name}/no ids to count by", lambda x, i: f(x, i), onp.zeros((0, 2), "float32"), onp.zeros(0, "int32"), throws=True)
        add(f"{name}/traced without a count", lambda x, i: vn.jit(lambda j: f(x, j))(i), uniform(N), IDS, throws=True)
        # Batches: of data, of ids, of both.
        add(f"{name}/vmap of data", lambda x, i: vn.vmap(lambda a: f(a, i, num_segments=4))(x), uniform((3, N)), IDS, tol=T)
        many = onp.stack([IDS, IDS[::-1], onp.roll(IDS, 3)])
        add(f"{name}/vmap of ids", lambda x, i: vn.vmap(lambda j: f(x, j, num_segments=4))(i), uniform((N, 2)), many, tol=T)
        add(f"{name}/vmap of both", lambda x, i: vn.vmap(lambda a, j: f(a, j, num_segments=4))(x, i), uniform((3, N, 2)), many, tol=T)
        add(f"{name}/vmap along axis 1", lambda x, i: vn.vmap(lambda a: f(a, i, num_segments=4), in_axes=1)(x), uniform((N, 3)), IDS, tol=T)
        add(f"{name}/vmap with buckets", lambda x, i: vn.vmap(lambda a, j: f(a, j, num_segments=4, bucket_size=3))(x, i), uniform((3, N)), many, tol=T)
    add("ops.segmentSum/complex64", lambda x, i: ops.segment_sum(x, i, num_segments=4), (uniform((N, 2)) + 1j * uniform((N, 2), seed=1)).astype("complex64"), IDS, tol=T)

    # Derivatives: weights make every element's gradient its own; ties share theirs.
    for dtype, tol in (("float32", T), ("float64", T64)):
        x, t, w = distinct((N, 3), dtype) / 8, uniform((N, 3), dtype, seed=1), uniform((4, 3), dtype, seed=2)
        for kind in ("sum", "max", "min"):
            f = getattr(ops, f"segment_{kind}")
            name = f"derivatives of ops.segment{kind.capitalize()}"
            # Without the segments that have no rows: theirs is infinite.
            kept = lambda a, i: np.where(np.isfinite(f(a, i, num_segments=4)), f(a, i, num_segments=4), 0.0)
            loss = lambda a, i, v: np.sum(np.sin(kept(a, i)) * v)
            add(f"{name}/jvp {dtype}", lambda x, t, i: vn.jvp(lambda a: f(a, i, num_segments=4), [x], [t])[1], x, t, IDS, tol=tol)
            add(f"{name}/vjp {dtype}", lambda x, w, i: vn.vjp(lambda a: f(a, i, num_segments=4), x)[1](w), x, w, IDS, tol=tol)
            add(f"{name}/grad {dtype}", lambda x, w, i: vn.grad(lambda a: loss(a, i, w))(x), x, w, IDS, tol=tol)
            add(f"{name}/second {dtype}", lambda x, t, w, i: vn.jvp(vn.grad(lambda a: loss(a, i, w)), [x], [t])[1], x, t, w, IDS, tol=tol)
            add(f"{name}/grad of vmap {dtype}", lambda x, w, i: vn.grad(lambda a: np.sum(vn.vmap(lambda c: f(c, i, num_segments=4), in_axes=1)(a)[:, 2:3] * np.sum(w)))(x), x, w, IDS, tol=tol)
            add(f"{name}/ties {dtype}", lambda x, w, i: vn.vjp(lambda a: f(a, i, num_segments=4), x)[1](w), onp.round(t), w, IDS, tol=tol)
            if kind == "sum":  # JAX divides the others' by zero, where an id is moved
                add(f"{name}/clip {dtype}", lambda x, w, i: vn.vjp(lambda a: f(a, i, num_segments=4, mode="clip"), x)[1](w), x, w, IDS, tol=tol)
            add(f"{name}/buckets {dtype}", lambda x, w, i: vn.vjp(lambda a: f(a, i, num_segments=4, bucket_size=3), x)[1](w), x, w, IDS, tol=tol)
        unique = onp.array([3, -1, 0, 7, 1, 9, 8, 10], "int32")
        f = ops.segment_prod
        add(f"derivatives of ops.segmentProd/jvp {dtype}", lambda x, t, i: vn.jvp(lambda a: f(a, i, num_segments=4, unique_indices=True), [x], [t])[1], x, t, unique, tol=tol)
        add(f"derivatives of ops.segmentProd/vjp {dtype}", lambda x, w, i: vn.vjp(lambda a: f(a, i, num_segments=4, unique_indices=True), x)[1](w), x, w, unique, tol=tol)
        add(f"derivatives of ops.segmentProd/repeated ids {dtype}", lambda x, i: vn.grad(lambda a: np.sum(f(a, i, num_segments=4)))(x), x, IDS, throws=True)
