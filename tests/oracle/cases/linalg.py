"""Products of matrices: ``matmul``, ``dot``, ``tensordot``, ``einsum`` and their kin."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, ulp

F32, F64 = close(2e-6, 4e-6), close(1e-14, 1e-14)


def write(file):
    file.tol = F32
    add = file.add
    shapes = [((3, 4), (4, 5)), ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
              ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((1, 3, 4), (6, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((0, 4), (4, 5)),
              ((3, 0), (0, 5)), ((3, 4), (4, 0)), ((1, 1), (1, 1)), ((17, 33), (33, 9)), ((5, 64), (64, 1)), ((64, 5), (5, 65)),
              ((7, 127), (127, 31))]
    for a, b in shapes:
        add(f"np.matmul/{a} {b}", lambda x, y: np.matmul(x, y), uniform(a), uniform(b, seed=1))
    add("np.matmul/float64", lambda x, y: np.matmul(x, y), uniform((5, 7), "float64"), uniform((7, 3), "float64"), tol=F64)
    for dtype in ("int32", "int64", "uint8", "uint32", "bool"):
        add(f"np.matmul/{dtype}", lambda x, y: np.matmul(x, y), uniform((3, 7), dtype), uniform((7, 5), dtype, seed=1))
    add("np.matmul/NaN and infinity", lambda x, y: np.matmul(x, y), onp.array([[1, onp.nan], [onp.inf, 0], [1, 2]], "float32"), onp.array([[1, 2], [0, -1]], "float32"))
    add("np.matmul/method", lambda x, y: x @ y, uniform((3, 4)), uniform((4, 2), seed=1))
    add("np.matmul/transposed", lambda x, y: x.T @ y.T, uniform((9, 5)), uniform((7, 9), seed=1))
    add("np.matmul/left transposed", lambda x, y: x.T @ y, uniform((9, 5)), uniform((9, 7), seed=1))
    add("np.matmul/right transposed", lambda x, y: x @ y.T, uniform((5, 9)), uniform((7, 9), seed=1))
    add("np.matmul/wrong", lambda x, y: np.matmul(x, y), uniform((3, 4)), uniform((3, 4)), throws=True)
    add("np.matmul/scalar", lambda x, y: np.matmul(x, y), uniform(()), uniform((3, 4)), throws=True)
    add("np.matmul/wrong batch", lambda x, y: np.matmul(x, y), uniform((2, 3, 4)), uniform((3, 4, 5)), throws=True)
    for a, b in [((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((2, 3, 4), (5, 4, 6)), ((), (2, 3)), ((2, 3), ()), ((2, 2, 3), (3,))]:
        add(f"np.dot/{a} {b}", lambda x, y: np.dot(x, y), uniform(a), uniform(b, seed=1))
    for a, b in [((3,), (4,)), ((2, 3), (4,)), ((), (3,))]:
        add(f"np.outer/{a} {b}", lambda x, y: np.outer(x, y), uniform(a), uniform(b, seed=1))
    for a, b in [((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (6,))]:
        add(f"np.vdot/{a} {b}", lambda x, y: np.vdot(x, y), uniform(a), uniform(b, seed=1))
    for a, b in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((), (3,))]:
        add(f"np.inner/{a} {b}", lambda x, y: np.inner(x, y), uniform(a), uniform(b, seed=1))
    for a, b, axes in [((2, 3, 4), (3, 4, 5), 2), ((2, 3), (3, 4), 1), ((2, 3), (4, 5), 0), ((2, 3, 4), (4, 3, 5), ((1, 2), (1, 0))),
                       ((2, 3, 4), (2, 5), (0, 0)), ((3, 4), (4, 3), ((0, 1), (1, 0)))]:
        add(f"np.tensordot/{a} {b} {axes}", lambda x, y: np.tensordot(x, y, axes=axes), uniform(a), uniform(b, seed=1))
    add("np.tensordot/default", lambda x, y: np.tensordot(x, y), uniform((2, 3, 4)), uniform((3, 4, 5), seed=1))
    add("np.kron", lambda x, y: np.kron(x, y), uniform((2, 2)), uniform((1, 3), seed=1))
    add("np.cross", lambda x, y: np.cross(x, y), uniform((2, 3)), uniform((2, 3), seed=1))
    add("np.vecdot", lambda x, y: np.vecdot(x, y), uniform((2, 3)), uniform((2, 3), seed=1))

    one = ["ij->ji", "ii->i", "ii->", "ii", "ij->", "ij->i", "ij->j", "ijk->kji", "...i->i...", "iij->j", "ij->ij", "ijk->ik"]
    dims = dict(i=3, j=4, k=5, l=2, b=2, h=3, q=4, d=6, n=3, m=2)

    def shape(spec, batch=(2,)):
        out = []
        for c in spec.replace("...", "."):
            out += list(batch) if c == "." else [dims[c]]
        return tuple(out)

    for spec in one:
        add(f"np.einsum/{spec}", lambda x: np.einsum(spec, x), uniform(shape(spec.split("->")[0])))
    two = ["ij,jk->ik", "ij,jk", "ij,kj->ik", "ij,ij->", "ij,ij->ij", "ij,ij->i", "i,j->ij", "i,i->", "i,i->i", "bij,bjk->bik",
           "bij,jk->bik", "bij,bkj->ikb", "...ij,...jk->...ik", "...i,i->...", "bhqd,bhkd->bhqk", "ijk,ijl->kl", "ij,j->i",
           "ijk,k->ij", "ij,kl->ijkl", "iij,j->i", "ij,ik->jk", "i,->i", "ij,jk->", "ij,k->k"]
    for spec in two:
        a, b = spec.split("->")[0].split(",")
        add(f"np.einsum/{spec}", lambda x, y: np.einsum(spec, x, y), uniform(shape(a)), uniform(shape(b), seed=1))
    for spec in ["ij,jk,kl->il", "i,j,k->ijk", "bqd,bkd,bkn->bqn", "ij,jk,ki->", "i,ij,j->"]:
        a, b, c = spec.split("->")[0].split(",")
        add(f"np.einsum/{spec}", lambda x, y, z: np.einsum(spec, x, y, z), uniform(shape(a)), uniform(shape(b), seed=1), uniform(shape(c), seed=2), tol=close(4e-6, 1e-5))
    add("np.einsum/broadcast one", lambda x, y: np.einsum("...ij,...jk->...ik", x, y), uniform((2, 1, 3, 4)), uniform((3, 4, 5), seed=1))
    add("np.einsum/ellipsis of unlike ranks", lambda x, y: np.einsum("...i,...i->...", x, y), uniform((2, 3, 4)), uniform((4,), seed=1))
    add("np.einsum/spaces", lambda x, y: np.einsum("i j , j k -> i k", x, y), uniform((2, 3)), uniform((3, 4), seed=1))
    add("np.einsum/int32", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((2, 3), "int32"), uniform((3, 4), "int32", seed=1))
    add("np.einsum/float64", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((2, 3), "float64"), uniform((3, 4), "float64", seed=1), tol=F64)
    add("np.einsum/mixed dtypes", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((2, 3), "int32"), uniform((3, 4), seed=1))
    add("np.einsum/zero size", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((2, 0)), uniform((0, 4)))
    add("np.einsum/wrong sizes", lambda x, y: np.einsum("ij,jk->ik", x, y), uniform((2, 3)), uniform((4, 5)), throws=True)
    add("np.einsum/wrong rank", lambda x, y: np.einsum("ijk,jk->ik", x, y), uniform((2, 3)), uniform((3, 5)), throws=True)
    add("np.einsum/unknown output", lambda x, y: np.einsum("ij,jk->iz", x, y), uniform((2, 3)), uniform((3, 5)), throws=True)
    add("np.einsum/output twice", lambda x, y: np.einsum("ij,jk->ii", x, y), uniform((2, 3)), uniform((3, 5)), throws=True)

    for name, a, b, dn in [
        ("matmul", (3, 4), (4, 5), (((1,), (0,)), ((), ()))), ("batch", (2, 3, 4), (2, 4, 5), (((2,), (1,)), ((0,), (0,)))),
        ("batch last", (3, 4, 2), (4, 5, 2), (((1,), (0,)), ((2,), (2,)))), ("two contracted", (3, 4, 5), (5, 4, 2), (((1, 2), (1, 0)), ((), ()))),
        ("outer", (3,), (4,), (((), ()), ((), ()))), ("two batches", (2, 3, 4, 5), (3, 2, 5, 4), (((3,), (2,)), ((0, 1), (1, 0)))),
        ("contract first", (4, 3), (4, 5), (((0,), (0,)), ((), ()))), ("vector", (4,), (4,), (((0,), (0,)), ((), ()))),
        ("zero", (3, 0), (0, 5), (((1,), (0,)), ((), ()))), ("only batch", (3,), (3,), (((), ()), ((0,), (0,)))),
    ]:
        add(f"lax.dotGeneral/{name}", lambda x, y: lax.dot_general(x, y, dn), uniform(a), uniform(b, seed=1))
    add("lax.dotGeneral/preferred", lambda x, y: lax.dot_general(x, y, (((1,), (0,)), ((), ())), preferred_element_type="int32"), uniform((3, 4), "uint8"), uniform((4, 5), "uint8", seed=1))
    add("lax.dotGeneral/wrong", lambda x, y: lax.dot_general(x, y, (((1,), (1,)), ((), ()))), uniform((3, 4)), uniform((4, 5)), throws=True)
    add("lax.dot", lambda x, y: lax.dot(x, y), uniform((3, 4)), uniform((4, 5), seed=1))
