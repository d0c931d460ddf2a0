"""Factorisations of matrices and what is computed by them, with their derivatives. Where the sign of a vector is any, its square is compared."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, vn

T, T64 = close(2e-5, 2e-5), close(1e-11, 1e-11)
# Derivatives, and what is computed of inverses.
LOOSE = close(3e-4, 3e-4)


def definite(n, dtype="float32", batch=()):
    x = uniform((*batch, n, n), dtype, lo=-1, hi=1)
    return (x @ onp.swapaxes(x, -1, -2) + n * onp.eye(n)).astype(dtype)


def symmetric(n, dtype="float32", batch=()):
    x = uniform((*batch, n, n), dtype)
    return ((x + onp.swapaxes(x, -1, -2)) / 2).astype(dtype)


def regular(n, dtype="float32", batch=()):
    return (uniform((*batch, n, n), dtype, lo=-1, hi=1) + 2 * onp.eye(n)).astype(dtype)


def write(file):
    file.tol = T
    add = file.add
    f32 = lambda *v: onp.array(v, "float32")

    for n in (1, 2, 5, 60):
        add(f"np.linalg.cholesky/{n}", lambda x: np.linalg.cholesky(x), definite(n))
    add("np.linalg.cholesky/batch", lambda x: np.linalg.cholesky(x), definite(3, batch=(2, 2)))
    add("np.linalg.cholesky/empty", lambda x: np.linalg.cholesky(x), onp.zeros((0, 0), "float32"))
    add("np.linalg.cholesky/float64", lambda x: np.linalg.cholesky(x), definite(4, "float64"), tol=T64)
    add("np.linalg.cholesky/int32", lambda x: np.linalg.cholesky(x), onp.array([[4, 2], [2, 5]], "int32"))
    add("np.linalg.cholesky/upper", lambda x: np.linalg.cholesky(x, upper=True), definite(4))
    add("np.linalg.cholesky/unsymmetric", lambda x: np.linalg.cholesky(x), definite(4) + 0.1 * uniform((4, 4)))
    add("np.linalg.cholesky/lower half", lambda x: np.linalg.cholesky(x, symmetrize_input=False), definite(4))
    add("np.linalg.cholesky/not definite", lambda x: np.linalg.cholesky(x), f32([1, 2], [2, 1]))
    add("np.linalg.cholesky/not square", lambda x: np.linalg.cholesky(x), uniform((2, 3)), throws=True)
    for left in (True, False):
        for lower in (True, False):
            for turned in (True, False):
                add(f"lax.linalg.triangularSolve/{left} {lower} {turned}", lambda a, b: lax.linalg.triangular_solve(a, b, left_side=left, lower=lower, transpose_a=turned),
                    regular(5), uniform((5, 3) if left else (3, 5), seed=1))
    add("lax.linalg.triangularSolve/unit", lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True, unit_diagonal=True), regular(5), uniform((5, 3), seed=1))
    for shape in ((1, 1), (4, 4), (5, 3), (3, 5), (2, 3, 3), (60, 60)):
        for k in range(3):
            add(f"lax.linalg.lu/{shape} {k}", lambda x: lax.linalg.lu(x)[k], uniform(shape), tol=LOOSE)
    for shape in ((1, 1), (4, 4), (5, 3), (3, 5), (2, 4, 2), (60, 20)):
        for mode in ("reduced", "complete"):
            for k in range(2):
                add(f"np.linalg.qr/{shape} {mode} {k}", lambda x: np.linalg.qr(x, mode)[k], uniform(shape), tol=LOOSE)
    add("np.linalg.qr/r", lambda x: np.linalg.qr(x, "r"), uniform((4, 3)))
    add("np.linalg.qr/zero column", lambda x: np.linalg.qr(x)[1], f32([0, 1], [0, 2], [0, 2]))
    add("np.linalg.qr/float64", lambda x: np.linalg.qr(x)[0], uniform((4, 3), "float64"), tol=T64)
    for n in (1, 2, 5, 40):
        add(f"np.linalg.eigh/values {n}", lambda x: np.linalg.eigh(x)[0], symmetric(n), tol=LOOSE)
        add(f"np.linalg.eigh/vectors {n}", lambda x: np.linalg.eigh(x)[1] ** 2, symmetric(n), tol=close(2e-3, 2e-4))
    add("np.linalg.eigh/batch", lambda x: np.linalg.eigh(x)[0], symmetric(3, batch=(2, 2)))
    add("np.linalg.eigh/unsymmetric", lambda x: np.linalg.eigh(x)[0], uniform((4, 4)))
    add("np.linalg.eigh/float64", lambda x: np.linalg.eigh(x)[0], symmetric(6, "float64"), tol=T64)
    add("np.linalg.eigvalsh", lambda x: np.linalg.eigvalsh(x), symmetric(4))
    add("lax.linalg.eigh/order", lambda x: lax.linalg.eigh(x)[1], symmetric(4))
    for shape in ((1, 1), (4, 4), (5, 3), (3, 5), (2, 4, 2), (30, 20)):
        add(f"np.linalg.svd/values {shape}", lambda x: np.linalg.svd(x)[1], uniform(shape))
        add(f"np.linalg.svd/thin u {shape}", lambda x: np.linalg.svd(x, full_matrices=False)[0] ** 2, uniform(shape), tol=LOOSE)
        add(f"np.linalg.svd/thin v {shape}", lambda x: np.linalg.svd(x, full_matrices=False)[2] ** 2, uniform(shape), tol=LOOSE)
    add("np.linalg.svd/shape of full u", lambda x: np.linalg.svd(x)[0] @ np.linalg.svd(x)[0].T, uniform((4, 2)))
    add("np.linalg.svd/values alone", lambda x: np.linalg.svd(x, compute_uv=False), uniform((4, 3)))
    add("np.linalg.svdvals", lambda x: np.linalg.svdvals(x), uniform((4, 3), "float64"), tol=T64)

    for a, b in (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 4)), ((2, 3, 3), (3,)), ((2, 3, 3), (3, 4)), ((50, 50), (50,)), ((1, 1), (1,))):
        add(f"np.linalg.solve/{a} {b}", lambda x, y: np.linalg.solve(x, y), regular(a[-1], batch=a[:-2]), uniform(b, seed=1), tol=LOOSE)
    add("np.linalg.solve/float64", lambda x, y: np.linalg.solve(x, y), regular(4, "float64"), uniform(4, "float64"), tol=T64)
    add("np.linalg.solve/int32", lambda x, y: np.linalg.solve(x, y), onp.array([[2, 1], [1, 3]], "int32"), onp.array([1, 2], "int32"))
    add("np.linalg.solve/wrong", lambda x, y: np.linalg.solve(x, y), regular(3), uniform(4), throws=True)
    add("np.linalg.solve/not square", lambda x, y: np.linalg.solve(x, y), uniform((2, 3)), uniform(2), throws=True)
    for n in (1, 2, 3, 4, 30):
        add(f"np.linalg.inv/{n}", lambda x: np.linalg.inv(x), regular(n), tol=LOOSE)
    for n in (1, 2, 3, 4, 7):
        add(f"np.linalg.det/{n}", lambda x: np.linalg.det(x), regular(n), tol=LOOSE)
        for k in range(2):
            add(f"np.linalg.slogdet/{n} {k}", lambda x: np.linalg.slogdet(x)[k], uniform((n, n)), tol=LOOSE)
    add("np.linalg.det/batch", lambda x: np.linalg.det(x), regular(4, batch=(2, 3)), tol=LOOSE)
    add("np.linalg.det/singular", lambda x: np.linalg.det(x), onp.zeros((4, 4), "float32"))
    for k in range(2):
        add(f"np.linalg.slogdet/singular {k}", lambda x: np.linalg.slogdet(x)[k], onp.zeros((3, 3), "float32"))
    for shape in ((4, 4), (5, 3), (3, 5), (2, 4, 3)):
        add(f"np.linalg.pinv/{shape}", lambda x: np.linalg.pinv(x), uniform(shape), tol=LOOSE)
        add(f"np.linalg.matrix_rank/{shape}", lambda x: np.linalg.matrix_rank(x), uniform(shape))
        add(f"np.linalg.cond/{shape}", lambda x: np.linalg.cond(x), uniform(shape), tol=LOOSE)
        for order in ("nuc", 2, -2):
            add(f"np.linalg.norm/{order} {shape}", lambda x: np.linalg.norm(x, ord=order, axis=(-2, -1)), uniform(shape), tol=LOOSE)
    deficient = uniform((4, 2)) @ uniform((2, 5), seed=1)
    add("np.linalg.pinv/deficient", lambda x: np.linalg.pinv(x), deficient.astype("float32"), tol=LOOSE)
    add("np.linalg.matrix_rank/deficient", lambda x: np.linalg.matrix_rank(x), deficient.astype("float32"))
    add("np.linalg.matrix_power/negative", lambda x: np.linalg.matrix_power(x, -3), regular(3), tol=LOOSE)
    for k in range(4):
        add(f"np.linalg.lstsq/vector {k}", lambda x, y: np.linalg.lstsq(x, y)[k], uniform((6, 3)), uniform(6, seed=1), tol=LOOSE)
        add(f"np.linalg.lstsq/matrix {k}", lambda x, y: np.linalg.lstsq(x, y)[k], uniform((6, 3)), uniform((6, 2), seed=1), tol=LOOSE)
        add(f"np.linalg.lstsq/wide {k}", lambda x, y: np.linalg.lstsq(x, y)[k], uniform((3, 6)), uniform(3, seed=1), tol=LOOSE)
    add("np.linalg.tensorinv", lambda x: np.linalg.tensorinv(x), regular(6).reshape(2, 3, 3, 2), tol=LOOSE)
    add("np.linalg.tensorsolve", lambda x, y: np.linalg.tensorsolve(x, y), regular(6).reshape(6, 2, 3), uniform(6), tol=LOOSE)

    # Derivatives of functions that do not depend on the signs of vectors.
    functions = {
        "cholesky": (lambda x: np.sum(np.sin(np.linalg.cholesky(x))), definite(4)),
        "triangular": (lambda x: np.sum(np.sin(lax.linalg.triangular_solve(x, x[:, :2], left_side=True, lower=True))), regular(4)),
        "triangular, from the right": (lambda x: np.sum(np.sin(lax.linalg.triangular_solve(x, x[:2], transpose_a=True))), regular(4)),
        "lu": (lambda x: np.sum(np.sin(lax.linalg.lu(x)[0])), regular(4)),
        "lu, tall": (lambda x: np.sum(np.sin(lax.linalg.lu(x)[0])), uniform((5, 3))),
        "lu, wide": (lambda x: np.sum(np.sin(lax.linalg.lu(x)[0])), uniform((3, 5))),
        "qr": (lambda x: np.sum(np.sin(np.linalg.qr(x)[0])) + np.sum(np.sin(np.linalg.qr(x)[1])), uniform((5, 3))),
        "eigh": (lambda x: np.sum(np.linalg.eigh(x)[0] ** 3) + np.sum(np.linalg.eigh(x)[1] ** 4), symmetric(4)),
        "svd": (lambda x: np.sum(np.linalg.svd(x, full_matrices=False)[0] ** 4) + np.sum(np.linalg.svd(x, full_matrices=False)[1] ** 3)
                + np.sum(np.linalg.svd(x, full_matrices=False)[2] ** 4), uniform((5, 3))),
        "svd, wide": (lambda x: np.sum(np.linalg.svd(x, full_matrices=False)[0] ** 4) + np.sum(np.linalg.svd(x, full_matrices=False)[2] ** 4), uniform((3, 4))),
        "solve": (lambda x: np.sum(np.sin(np.linalg.solve(x, x[0]))), regular(4)),
        "inv": (lambda x: np.sum(np.sin(np.linalg.inv(x))), regular(4)),
        "det": (lambda x: np.linalg.det(x), regular(5)),
        "det, 2": (lambda x: np.linalg.det(x), regular(2)),
        "det, singular 3": (lambda x: np.linalg.det(x), f32([1, 0, 0], [0, 2, 0], [0, 0, 0])),
        "slogdet": (lambda x: np.linalg.slogdet(x)[1], regular(5)),
        "pinv": (lambda x: np.sum(np.sin(np.linalg.pinv(x))), uniform((4, 3))),
        "pinv, equal singular values": (lambda x: np.sum(np.sin(np.linalg.pinv(x))), onp.eye(3, dtype="float32")),
        "lstsq": (lambda x: np.sum(np.sin(np.linalg.lstsq(x, x[:, 0] ** 2)[0])), uniform((5, 3))),
        "nuclear norm": (lambda x: np.linalg.norm(x, ord="nuc"), uniform((4, 3))),
    }
    for name, (f, x) in functions.items():
        add(f"grad/{name}", lambda v: vn.grad(f)(v), x, tol=close(1e-3, 1e-3))
        add(f"jvp/{name}", lambda v, t: vn.jvp(f, (v,), (t,))[1], x, uniform(x.shape, seed=3), tol=close(1e-3, 1e-3))
    # Of rank n - 1 (its last pivot or an earlier one is zero), and of less, where the derivative is zero.
    singular = regular(5)
    singular[3] = singular[2]
    add("grad/det, singular 5", lambda v: vn.grad(lambda x: np.linalg.det(x))(v), singular, tol=close(1e-3, 1e-3))
    add("jvp/det, singular 5", lambda v, t: vn.jvp(lambda x: np.linalg.det(x), (v,), (t,))[1], singular, uniform((5, 5), seed=3), tol=close(1e-3, 1e-3))
    add("grad/det, singular 4", lambda v: vn.grad(lambda x: np.linalg.det(x))(v), f32([1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 0]))
    add("grad/det, rank 2 of 4", lambda v: vn.grad(lambda x: np.linalg.det(x))(v), f32([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 2, 1], [1, 1, 1, 3])[[0, 1, 0, 2]])
    add("grad/det, zero", lambda v: vn.grad(lambda x: np.linalg.det(x))(v), onp.zeros((4, 4), "float32"))
    add("grad/det, stack", lambda v: vn.grad(lambda x: np.sum(np.linalg.det(x) ** 2))(v), regular(4, batch=(2, 3)), tol=close(1e-3, 1e-3))
    add("second order/det", lambda v, t: vn.jvp(vn.grad(lambda x: np.linalg.det(x)), (v,), (t,))[1], regular(4), uniform((4, 4), seed=3), tol=close(1e-2, 1e-2))
    for name in ("cholesky", "solve", "inv", "slogdet", "eigh"):
        f, x = functions[name]
        add(f"second order/{name}", lambda v, t: vn.jvp(vn.grad(f), (v,), (t,))[1], x, uniform(x.shape, seed=3), tol=close(1e-2, 1e-2))
        add(f"vmap of grad/{name}", lambda v: vn.vmap(vn.grad(f))(v), onp.stack([x, x + 0.1 * onp.eye(len(x), dtype="float32")]), tol=close(1e-3, 1e-3))
