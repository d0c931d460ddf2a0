"""Runtime checks and callbacks: what passes, what refuses, and what becomes of derivatives and mapped axes."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, vn


def write(file):
    file.tol = close(2e-6, 1e-6)
    add = file.add
    v, w, m = uniform(3), uniform(3, seed=1), uniform((2, 3))
    i = lambda *x: onp.array(x, "int32")

    # What passes is as it was; what does not, throws: eagerly and compiled.
    never, always = (lambda x: np.any(x > 100.0)), (lambda x: np.any(x < 100.0))
    add("errorIf/passes", lambda x: vn.error_if(x, never(x), "m") * 2.0, v)
    add("errorIf/raises", lambda x: vn.error_if(x, always(x), "m") * 2.0, v, throws=True)
    add("errorIf/any element", lambda x: vn.error_if(x, x > 0.5, "m"), onp.array([0.1, 0.9], "float32"), throws=True)
    add("errorIf/no element", lambda x: vn.error_if(x, x > 2.0, "m"), v)
    add("errorIf/tree", lambda x, y: vn.error_if({"a": x, "b": [y, 3, "s", None]}, never(x), "m"), v, w)
    add("errorIf/false", lambda x: vn.error_if(x, False, "m"), v)
    add("errorIf/true", lambda x: vn.error_if(x, True, "m"), v, throws=True)
    for mode in ("nan", "off"):
        add(f"errorIf/on error {mode}", lambda x: vn.error_if([x, i(1, 2)], always(x), "m", on_error=mode), v)
        add(f"errorIf/on error {mode}, passes", lambda x: vn.error_if([x, i(1, 2)], never(x), "m", on_error=mode), v)
    branches = lambda x, k: vn.branched_error_if(x, np.any(x > 100.0), k, ["a", "b"])
    add("branchedErrorIf/passes", branches, v, i(1)[0])
    add("branchedErrorIf/raises", lambda x, k: vn.branched_error_if(x, always(x), k, ["a", "b"]), v, i(1)[0], throws=True)

    # The identity for derivatives and mapped axes.
    cube = lambda x: np.sum(vn.error_if(x, never(x), "m") ** 3)
    add("errorIf/gradient", lambda x: vn.filter_grad(cube)(x), v)
    add("errorIf/second derivative", lambda x: vn.filter_hessian(cube)(x), v)
    add("errorIf/jvp", lambda x, t: vn.filter_jvp(cube, [x], [t]), v, w)
    add("errorIf/symbolic zeros", lambda x, y, t: vn.filter_jvp(lambda x, y: vn.error_if([x, y], never(x), "m"), [x, y], [t, None]), v, w, v)
    add("errorIf/mapped", lambda x: vn.filter_vmap(lambda r: vn.error_if(r, never(r), "m") * 2.0)(x), m)
    add("errorIf/mapped, raises", lambda x: vn.filter_vmap(lambda r: vn.error_if(r, r[0] > 0.0, "m") * 2.0)(x),
        onp.array([[-1, 1], [1, 1]], "float32"), throws=True)
    add("errorIf/mapped predicate alone", lambda x, y: vn.filter_vmap(lambda r: vn.error_if(y, never(r), "m"), out_axes=None)(x), m, v)
    add("errorIf/mapped gradient", lambda x: vn.filter_vmap(vn.filter_grad(cube))(x), m)
    add("errorIf/nan, mapped", lambda x: vn.filter_vmap(lambda r: vn.error_if(r, r[0] > 0.0, "m", on_error="nan"))(x),
        onp.array([[-1, 1], [1, 1]], "float32"))

    # In loops and branches.
    add("errorIf/scan", lambda xs: lax.scan(lambda c, x: [vn.error_if(c + x, never(c), "m"), c * x], onp.float32(0.0), xs), v)
    add("errorIf/scan, raises", lambda xs: lax.scan(lambda c, x: [vn.error_if(c + x, c > 0.0, "m"), x], onp.float32(1.0), xs), v, throws=True)
    add("errorIf/gradient of scan",
        lambda xs: vn.filter_grad(lambda xs: lax.scan(lambda c, x: [vn.error_if(np.sin(c + x), never(c), "m"), None], onp.float32(0.0), xs)[0])(xs), v)
    add("errorIf/cond, not taken", lambda x: lax.cond(x[0] > 100.0, lambda y: vn.error_if(y, True, "m"), lambda y: y * 2.0, x), v, throws=True)
    add("errorIf/cond, not taken, traced", lambda x: lax.cond(x[0] > 100.0, lambda y: vn.error_if(y, always(y), "m"), lambda y: y * 2.0, x), v)

    # Callbacks: the host computes the same.
    call = lambda f, *xs, like, **more: vn.filter_pure_callback(f, *xs, result_shape_dtypes=like, **more)
    add("filterPureCallback/plain", lambda x, y: call(lambda a, b: np.sin(a) + b, x, y, like=x), v, w)
    add("filterPureCallback/tree", lambda x: call(lambda t, s: {"y": t["x"] * 2.0, "s": s}, {"x": x, "n": 3}, "text", like={"y": x, "s": "text"}), v)
    add("filterPureCallback/wrong static", lambda x: call(lambda a: [a, "no"], x, like=[x, "yes"]), v, throws=True)
    add("filterPureCallback/wrong shape", lambda x: call(lambda a: a[:2], x, like=x), v, throws=True)
    add("filterPureCallback/wrong dtype", lambda x: call(lambda a: a.astype("int32"), x, like=x), v, throws=True)
    add("filterPureCallback/number for an array", lambda x: call(lambda a: 1.5, x, like=x), v, throws=True)
    add("filterPureCallback/gradient", lambda x: vn.filter_grad(lambda x: np.sum(call(lambda a: a * 2.0, x, like=x)))(x), v, throws=True)
    add("filterPureCallback/gradient, cut off",
        lambda x: vn.filter_grad(lambda x: np.sum(x * call(lambda a: a * 2.0, lax.stop_gradient(x), like=x)))(x), v)
    for method in ("sequential", "expand_dims", "broadcast_all", "legacy_vectorized"):
        add(f"filterPureCallback/mapped, {method}",
            lambda x, y: vn.filter_vmap(lambda a, b: call(lambda a, b: np.sin(a) * b, a, b, like=a, vmap_method=method), in_axes=(0, None))(x, y),
            uniform(4), onp.float32(0.5))
    add("filterPureCallback/scan", lambda xs: lax.scan(lambda c, x: [call(lambda a, b: a + b, c, x, like=c), c], onp.float32(0.0), xs), v)
