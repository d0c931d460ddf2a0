"""Functions that make arrays, move their elements about, or choose among them."""

import numpy as onp

from cases.inputs import ALL, distinct, specials, uniform
from record import lax, np, ulp


def write(file):
    file.tol = ulp(1)
    add = file.add
    x23, x234 = uniform((2, 3)), uniform((2, 3, 4))
    empty = onp.zeros((0, 3), "float32")

    # Making arrays.
    for args, kw in [((5,), {}), ((2, 7), {}), ((7, 2, -2), {}), ((0,), {}), ((5, 2), {}), ((0, 10, 3), {}),
                     ((5,), {"dtype": "float32"}), ((3,), {"dtype": "uint8"}), ((4,), {"dtype": "int64"}),
                     ((0, 1, 0.25), {}), ((0.5, 3.5), {}), ((1, 0, -0.3), {"dtype": "float64"})]:
        add(f"np.arange/{args} {kw or ''}", lambda: np.arange(*args, **kw), tol=ulp(1, 2e-16 if kw else 1e-7), x64=kw.get("dtype") in ("float64", "int64"))
    for args, kw in [((0, 1), {"num": 5}), ((0.5, -2.5), {"num": 4}), ((0, 1), {}), ((0, 10), {"num": 5, "endpoint": False}),
                     ((3, 3), {"num": 2}), ((0, 1), {"num": 1}), ((0, 1), {"num": 0}), ((0, 1), {"num": 7, "dtype": "float64"}),
                     ((0, 9), {"num": 4, "dtype": "int32"})]:
        add(f"np.linspace/{args} {kw}", lambda: np.linspace(*args, **kw), tol=ulp(2, 1e-7),
            x64=kw.get("dtype") == "float64")
    add("np.logspace", lambda: np.logspace(0, 2, num=3), tol=ulp(16))
    for kw in [{}, {"M": 4}, {"k": 1}, {"k": -2}, {"dtype": "int32"}, {"dtype": "bool"}]:
        add(f"np.eye/{kw}", lambda: np.eye(3, **kw))
    add("np.eye/zero", lambda: np.eye(0))
    add("np.identity", lambda: np.identity(3))
    for dtype in ALL:
        add(f"np.tri/{dtype}", lambda: np.tri(3, M=4, k=1, dtype=dtype))
    for shape in [(), (3,), (0,), (2, 0, 3), (2, 3)]:
        add(f"np.zeros/{shape}", lambda: np.zeros(shape))
        add(f"np.ones/{shape}", lambda: np.ones(shape, dtype="int32"))
        add(f"np.full/{shape}", lambda: np.full(shape, 2.5))
    add("np.array/nested", lambda: np.array([[1.5, 2.5], [3.5, 4.5]]))
    add("np.array/dtype", lambda: np.array([[1, 2], [3, 4]], dtype="int32"))
    add("np.array/bools", lambda: np.array([[True, False]]))
    add("np.array/of arrays", lambda x: np.array([x, x + 1]), uniform(3))
    add("np.asarray", lambda x: np.asarray(x, dtype="float64"), uniform(3), x64=True)
    add("np.copy", lambda x: np.copy(x), x23)
    add("np.zerosLike", lambda x: np.zeros_like(x), x23)
    add("np.onesLike", lambda x: np.ones_like(x, dtype="int32"), x23)
    add("np.fullLike", lambda x: np.full_like(x, 7.5), x23)
    add("np.fullLike/shape", lambda x: np.full_like(x, 7.5, shape=(4,)), x23)
    add("np.meshgrid", lambda x, y: np.meshgrid(x, y), uniform(3), uniform(2, seed=1))
    add("np.meshgrid/ij", lambda x, y: np.meshgrid(x, y, indexing="ij"), uniform(3), uniform(2, seed=1))
    add("np.indices", lambda: np.indices((2, 3)))

    # Shapes.
    for shape in [(6,), (3, 2), (-1,), (3, -1), (1, 2, 1, 3), (2, 3)]:
        add(f"np.reshape/{shape}", lambda x: np.reshape(x, shape), x23)
    add("np.reshape/zero size", lambda x: np.reshape(x, (3, 0, 2)), empty)
    add("np.reshape/zero size -1", lambda x: np.reshape(x, (-1, 3)), empty)
    add("np.reshape/scalar", lambda x: np.reshape(x, ()), uniform((1, 1)))
    add("np.reshape/method", lambda x: x.reshape(3, 2), x23)
    add("np.reshape/wrong", lambda x: np.reshape(x, (4, 2)), x23, throws=True)
    add("np.reshape/two unknown", lambda x: np.reshape(x, (-1, -1)), x23, throws=True)
    add("np.ravel", lambda x: np.ravel(x), x234)
    for axes in [None, (0, 2, 1), (2, 0, 1), (-1, 0, 1)]:
        add(f"np.transpose/{axes}", (lambda x: np.transpose(x)) if axes is None else (lambda x: np.transpose(x, axes=axes)), x234)
    add("np.transpose/method", lambda x: x.transpose(1, 0, 2), x234)
    add("np.transpose/wrong", lambda x: np.transpose(x, axes=(0, 0, 1)), x234, throws=True)
    add(".T", lambda x: x.T, x234)
    add("np.swapaxes", lambda x: np.swapaxes(x, 0, -1), x234)
    for a, b in [(0, -1), (-1, 0), (1, 0), ((0, 1), (-1, 0)), ((2, 0), (0, 1))]:
        add(f"np.moveaxis/{a} {b}", lambda x: np.moveaxis(x, a, b), x234)
    add("np.rollaxis", lambda x: np.rollaxis(x, 2), x234)
    for axis in (0, 1, -1, (0, -1), (1, 2)):
        add(f"np.expandDims/{axis}", lambda x: np.expand_dims(x, axis), x23)
    x1213 = uniform((1, 2, 1, 3))
    for kw in ({}, {"axis": 0}, {"axis": -2}, {"axis": (0, 2)}):
        add(f"np.squeeze/{kw}", lambda x: np.squeeze(x, **kw), x1213)
    add("np.squeeze/wrong", lambda x: np.squeeze(x, axis=1), x1213, throws=True)
    for shape, x in [((2, 3), uniform(3)), ((4, 2, 3), uniform((2, 1))), ((2, 0), uniform((2, 1))), ((3,), uniform(())), ((2, 3), x23)]:
        add(f"np.broadcastTo/{x.shape} {shape}", lambda x: np.broadcast_to(x, shape), x)
    add("np.broadcastTo/wrong", lambda x: np.broadcast_to(x, (2, 4)), x23, throws=True)
    add("np.broadcastArrays", lambda x, y: np.broadcast_arrays(x, y), uniform((3, 1)), uniform((1, 2), "int32"))
    add("np.add/wrong shapes", lambda x, y: np.add(x, y), uniform(3), uniform(4), throws=True)
    for n in (1, 2, 3):
        f = [None, np.atleast_1d, np.atleast_2d, np.atleast_3d][n]
        for x in (uniform(()), uniform(3), x23):
            add(f"{f.ts}/{x.ndim}", lambda x: f(x), x)

    # Joining and splitting.
    y23 = uniform((2, 3), seed=5)
    for axis in (0, 1, -1):
        add(f"np.concatenate/{axis}", lambda x, y: np.concatenate([x, y], axis=axis), x23, y23)
        add(f"np.stack/{axis}", lambda x, y: np.stack([x, y], axis=axis), x23, y23)
    add("np.stack/2", lambda x, y: np.stack([x, y], axis=2), x23, y23)
    add("np.concatenate/three", lambda x, y: np.concatenate([x, y, x]), x23, y23)
    add("np.concatenate/uneven", lambda x, y: np.concatenate([x, y], axis=1), x23, uniform((2, 1)))
    add("np.concatenate/with empty", lambda x, y: np.concatenate([x, y]), x23, empty)
    add("np.concatenate/flat", lambda x, y: np.concatenate([x, y], axis=None), x23, uniform(2))
    add("np.concatenate/wrong", lambda x, y: np.concatenate([x, y]), x23, uniform((2, 2)), throws=True)
    add("np.concatenate/nothing", lambda: np.concatenate([]), throws=True)
    add("np.vstack", lambda x, y: np.vstack([x, y]), uniform(3), uniform((2, 3)))
    add("np.hstack", lambda x, y: np.hstack([x, y]), uniform(3), uniform(2))
    add("np.dstack", lambda x, y: np.dstack([x, y]), x23, y23)
    add("np.columnStack", lambda x, y: np.column_stack([x, y]), uniform(3), uniform((3, 2)))
    add("np.append", lambda x, y: np.append(x, y), uniform(3), uniform(2))
    x6 = uniform((6, 4))
    for arg, axis in [(3, 0), (2, 1), (2, -1), ((2, 3), 0), ((0, 5), 0), ((1,), 1)]:
        add(f"np.split/{arg} {axis}", lambda x: np.split(x, arg, axis=axis), x6)
    add("np.split/wrong", lambda x: np.split(x, 4), x6, throws=True)
    add("np.arraySplit", lambda x: np.array_split(x, 4), x6)
    add("np.hsplit", lambda x: np.hsplit(x, 2), x6)
    add("np.vsplit", lambda x: np.vsplit(x, 2), x6)
    add("np.unstack", lambda x: np.unstack(x), uniform((3, 2)))

    # Padding, rolling, repeating.
    for widths in [1, (1, 2), ((1, 2), (0, 3)), ((0, 0), (2, 2))]:
        add(f"np.pad/{widths}", lambda x: np.pad(x, widths), x23)
        add(f"np.pad/{widths} constant", lambda x: np.pad(x, widths, mode="constant", constant_values=7.5), x23)
        add(f"np.pad/{widths} edge", lambda x: np.pad(x, widths, mode="edge"), x23)
        add(f"np.pad/{widths} wrap", lambda x: np.pad(x, widths, mode="wrap"), x23)
        add(f"np.pad/{widths} symmetric", lambda x: np.pad(x, widths, mode="symmetric"), x23)
        add(f"np.pad/{widths} reflect", lambda x: np.pad(x, widths, mode="reflect"), uniform((4, 5)))
    add("np.pad/int32", lambda x: np.pad(x, (1, 1), constant_values=9), uniform(3, "int32"))
    add("np.pad/wide reflect", lambda x: np.pad(x, (5, 7), mode="reflect"), uniform(3))
    add("np.pad/wide wrap", lambda x: np.pad(x, (5, 7), mode="wrap"), uniform(3))
    for shift, axis in [(1, None), (-2, None), (5, 0), (1, 1), (-1, -1), ((1, 2), (0, 1)), (0, 0), (7, 1)]:
        add(f"np.roll/{shift} {axis}", lambda x: np.roll(x, shift, axis=axis) if axis is not None else np.roll(x, shift), x23)
    for kw in ({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}):
        add(f"np.flip/{kw}", lambda x: np.flip(x, **kw), x234)
    add("np.flipud", lambda x: np.flipud(x), x23)
    add("np.fliplr", lambda x: np.fliplr(x), x23)
    add("np.rot90", lambda x: np.rot90(x), x23)
    for reps in (2, (2,), (2, 3), (1, 2, 1), (0, 2), ()):
        add(f"np.tile/{reps}", lambda x: np.tile(x, reps), x23)
    for n, kw in [(2, {}), (3, {"axis": 0}), (2, {"axis": 1}), (0, {"axis": 0})]:
        add(f"np.repeat/{n} {kw}", lambda x: np.repeat(x, n, **kw), x23)
    add("np.repeat/array", lambda x, n: np.repeat(x, n, axis=0, total_repeat_length=4), x23, onp.array([1, 3], "int32"))

    # Triangles and diagonals.
    sq = uniform((4, 4))
    for k in (0, 1, -1, 3, -5):
        add(f"np.tril/{k}", lambda x: np.tril(x, k=k), sq)
        add(f"np.triu/{k}", lambda x: np.triu(x, k=k), sq)
        add(f"np.diag/of matrix {k}", lambda x: np.diag(x, k=k), sq if abs(k) < 4 else uniform((5, 5)))
        add(f"np.diagonal/{k}", lambda x: np.diagonal(x, offset=k), uniform((4, 5)))
    for k in (0, 1, -2):
        add(f"np.diag/of vector {k}", lambda x: np.diag(x, k=k), uniform(3))
    add("np.tril/batch", lambda x: np.tril(x), x234)
    add("np.trace", lambda x: np.trace(x), sq, tol=ulp(4))
    add("np.trace/int", lambda x: np.trace(x, offset=1), uniform((3, 4), "int32"))
    add("np.diagflat", lambda x: np.diagflat(x), x23)

    # Choosing.
    c = uniform((2, 3), "bool")
    add("np.where", lambda c, x, y: np.where(c, x, y), c, x23, y23)
    add("np.where/int condition", lambda c, x: np.where(c, x, 0.5), uniform((2, 3), "int32", 0, 2), x23)
    add("np.where/float condition", lambda c, x: np.where(c, x, -x), onp.array([[0.0, -0.0, onp.nan], [1, -1, 1e-30]], "float32"), x23)
    add("np.select", lambda c, d, x, y: np.select([c, d], [x, y], default=9.5), c, ~c & (x23 > 0), x23, y23)
    for dtype in ALL[:-1]:
        s = specials(dtype)
        add(f"np.clip/{dtype}", lambda x: np.clip(x, min=1, max=3), s)
        add(f"np.clip/{dtype} min", lambda x: np.clip(x, min=2), s)
        add(f"np.clip/{dtype} max", lambda x: np.clip(x, max=2), s)
    add("np.clip/arrays", lambda x, a, b: np.clip(x, min=a, max=b), x23, uniform(3, lo=-1, hi=0), uniform((2, 1), lo=0, hi=1))
    add("np.clip/min above max", lambda x: np.clip(x, min=1.5, max=-1.5), x23)
    add("np.take", lambda x, i: np.take(x, i), x23, onp.array([5, 0, -1, 2], "int32"))
    for axis in (0, 1, -1):
        add(f"np.take/{axis}", lambda x, i: np.take(x, i, axis=axis), x234, onp.array([[1, 0], [-1, 1]], "int32"))
    add("np.take/out of bounds", lambda x, i: np.take(x, i, axis=0), x23, onp.array([2, 5, -3, -1], "int32"))
    add("np.take/clip", lambda x, i: np.take(x, i, axis=0, mode="clip"), x23, onp.array([2, 5, -3, -1], "int32"))
    add("np.take/wrap", lambda x, i: np.take(x, i, axis=0, mode="wrap"), x23, onp.array([2, 5, -3, -1], "int32"))
    add("np.takeAlongAxis", lambda x, i: np.take_along_axis(x, i, 1), x23, onp.array([[2, 0], [1, -1]], "int32"))
    add("np.takeAlongAxis/0", lambda x, i: np.take_along_axis(x, i, 0), x23, onp.array([[1, 0, 1]], "int32"))

    # Sorting.
    for dtype in ALL:
        s = specials(dtype)
        add(f"np.sort/{dtype}", lambda x: np.sort(x), s, x64=dtype in ("float64", "int64"))
        add(f"np.argsort/{dtype}", lambda x: np.argsort(x), s)
    for axis in (0, 1, -1):
        add(f"np.sort/axis {axis}", lambda x: np.sort(x, axis=axis), distinct((3, 5)))
        add(f"np.argsort/axis {axis}", lambda x: np.argsort(x, axis=axis), distinct((3, 5)))
    add("np.sort/axis null", lambda x: np.sort(x, axis=None), distinct((3, 5)))
    add("np.sort/descending", lambda x: np.sort(x, descending=True), distinct(17))
    add("np.argsort/descending", lambda x: np.argsort(x, descending=True), distinct(17))
    add("np.argsort/stable", lambda x: np.argsort(x), onp.array([2, 1, 2, 1, 0, 2, 0], "int32"))
    add("np.argsort/ties and NaN", lambda x: np.argsort(x), onp.array([onp.nan, 1, -0.0, 0.0, onp.nan, -1, 1], "float32"))
    add("np.sort/long", lambda x: np.sort(x), distinct(1000))
    add("np.sort/empty", lambda x: np.sort(x, axis=0), empty)
    add("np.searchsorted", lambda a, v: np.searchsorted(a, v), onp.array([1.0, 2, 2, 5], "float32"), onp.array([0, 2, 3, 9], "float32"))
    add("np.searchsorted/right", lambda a, v: np.searchsorted(a, v, side="right"), onp.array([1.0, 2, 2, 5], "float32"), onp.array([0, 2, 3, 9], "float32"))
    add("np.bincount", lambda x: np.bincount(x, length=6), onp.array([1, 1, 5, 0], "int32"))
    add("np.vander", lambda x: np.vander(x), onp.array([1, 2, 3], "float32"))
    add("np.diff", lambda x: np.diff(x), x234)
    add("np.ediff1d", lambda x: np.ediff1d(x), uniform(5))
    add("np.interp", lambda x, a, b: np.interp(x, a, b), onp.array([0.5, 1.5, 9, -1], "float32"), onp.array([0, 1, 2], "float32"), onp.array([0, 10, 5], "float32"), tol=ulp(4))
    add("np.triuIndices", lambda: np.triu_indices(3))
    add("np.trilIndices", lambda: np.tril_indices(3, k=-1))
    add("np.unravelIndex", lambda x: np.unravel_index(x, (2, 3)), onp.array([0, 4, 5], "int32"))
