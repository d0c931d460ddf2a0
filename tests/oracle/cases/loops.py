"""Loops and solvers: their values and derivatives, alone and under the transformations."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, vn


def modes(add, name, fn, x, t, tol):
    """``fn`` of one array: its value, both modes, mapped, and the second derivative along ``t``."""
    add(f"{name}/value", lambda x: fn(x), x, tol=tol)
    add(f"{name}/jvp", lambda x, t: vn.jvp(lambda x: fn(x), [x], [t])[1], x, t, tol=tol)
    add(f"{name}/grad", lambda x: vn.grad(lambda x: np.sum(np.sin(fn(x))))(x), x, tol=tol)
    add(f"{name}/vmap", lambda x: vn.vmap(lambda x: fn(x))(x), onp.stack([x, x * 0.9, x * 1.1]), tol=tol)
    add(f"{name}/vmap of grad", lambda x: vn.vmap(vn.grad(lambda x: np.sum(np.sin(fn(x)))))(x), onp.stack([x, x * 0.9]), tol=tol)
    add(f"{name}/grad of vmap", lambda x: vn.grad(lambda x: np.sum(np.sin(vn.vmap(lambda x: fn(x))(x))))(x),
        onp.stack([x, x * 0.9]), tol=tol)
    add(f"{name}/jit of grad", lambda x: vn.jit(vn.grad(lambda x: np.sum(np.sin(fn(x)))))(x), x, tol=tol)


def second(add, name, fn, x, t, tol):
    add(f"{name}/forward over reverse", lambda x, t: vn.jvp(vn.grad(lambda x: np.sum(np.sin(fn(x)))), [x], [t])[1], x, t, tol=tol)
    add(f"{name}/reverse over reverse", lambda x, t: vn.grad(lambda x: np.sum(vn.grad(lambda x: np.sum(np.sin(fn(x))))(x) * t))(x), x, t, tol=tol)


def factorisations_in_loops(add):
    """What has jaxprs of its own (solve), or is a kernel, inside of each loop and branch."""
    tol = close(2e-4, 2e-5)
    x, t = onp.eye(3, dtype="float32") * 2 + uniform((3, 3)) * 0.5, uniform((3, 3), seed=1)
    of = {
        "solve": lambda a: np.linalg.solve(a, a[0]).sum(),
        "inv": lambda a: np.linalg.inv(a).sum(),
        "slogdet": lambda a: np.linalg.slogdet(a)[1],
        "cholesky": lambda a: np.linalg.cholesky(np.matmul(a, a.T)).sum(),
        "eigh": lambda a: np.linalg.eigh(np.matmul(a, a.T))[0][0],
    }
    branch = lambda f: lambda a: vn.grad(lambda a: lax.cond(a[0, 0] > 0, lambda a: f(a), lambda a: f(a * 2), a))(a)
    until = lambda f: lambda a: lax.while_loop(lambda c: c < 3, lambda c: c + np.abs(f(a)) + 0.5, np.zeros(()))
    for name, f in of.items():
        scan = lambda a, f=f: lax.scan(lambda c, _: [c + f(a + c * 0.01), c], np.zeros(()), np.zeros(3))[0]
        modes(add, f"lax.scan/of {name}", scan, x, t, tol)
        add(f"lax.cond/of {name}", branch(f), x, tol=tol)
        add(f"lax.whileLoop/of {name}", until(f), x, tol=tol)


def associative_scans(add):
    tol = close(2e-5, 2e-6)
    for n in (0, 1, 2, 3, 4, 5, 8, 13):
        add(f"lax.associativeScan/sum of {n}", lambda x: lax.associative_scan(lambda a, b: a + b, x), uniform((n,), "int32"))
    x = uniform((5, 3), lo=0.5, hi=1.5)
    add("lax.associativeScan/axis", lambda x: lax.associative_scan(lambda a, b: a * b, x, axis=1), x, tol=tol)
    add("lax.associativeScan/last axis", lambda x: lax.associative_scan(lambda a, b: a * b, x, axis=-1), x, tol=tol)
    add("lax.associativeScan/reverse", lambda x: lax.associative_scan(lambda a, b: a * b, x, reverse=True), x, tol=tol)
    add("lax.associativeScan/matrices", lambda x: lax.associative_scan(lambda a, b: np.matmul(a, b), x), uniform((6, 2, 2)), tol=tol)
    add("lax.associativeScan/matrices in reverse", lambda x: lax.associative_scan(lambda a, b: np.matmul(a, b), x, reverse=True),
        uniform((7, 2, 2)), tol=tol)
    # A linear recurrence, the combination of state-space models: a tree of two arrays.
    recurrence = lambda a, b: {"a": a["a"] * b["a"], "b": b["a"] * a["b"] + b["b"]}
    add("lax.associativeScan/tree", lambda a, b: lax.associative_scan(recurrence, {"a": a, "b": b}), uniform((9, 2)), uniform((9, 2), seed=1), tol=tol)
    modes(add, "lax.associativeScan", lambda x: lax.associative_scan(lambda a, b: a * b, x), uniform(6, lo=0.5, hi=1.5), uniform(6, seed=1), tol)
    second(add, "lax.associativeScan", lambda x: lax.associative_scan(lambda a, b: a * b, x), uniform(6, lo=0.5, hi=1.5), uniform(6, seed=1), tol)
    add("lax.associativeScan/0-d", lambda x: lax.associative_scan(lambda a, b: a + b, x), uniform(()), throws=True)
    add("lax.associativeScan/unlike sizes", lambda x, y: lax.associative_scan(lambda a, b: [a[0] + b[0], a[1] + b[1]], [x, y]),
        uniform(3), uniform(4), throws=True)


def linear_solves(add):
    tol = close(5e-5, 5e-6)
    b = onp.array([1.0, -2.0, 0.5], "float32")
    # Jacobi's iteration for a matrix with a strong diagonal: a solver that has no gradient of its own in reverse mode.
    matrix = lambda x: np.outer(x, np.array([0.1, 0.2, -0.1])) + np.diag(x + 2.0)
    jacobi = lambda mv, b: lax.while_loop(
        lambda s: s["n"] < 60, lambda s: {"n": s["n"] + 1, "v": s["v"] + 0.4 * (b - mv(s["v"]))}, {"n": np.zeros((), dtype="int32"), "v": b * 0.0})["v"]

    def solution(x, **options):
        m = matrix(x)
        return lax.custom_linear_solve(lambda v: np.matmul(m, v), np.array(b) * x[0], lambda mv, r: jacobi(mv, r), **options)

    both = lambda x: solution(x, transpose_solve=lambda mv, r: jacobi(mv, r))
    x, t = onp.array([0.4, 0.7, 0.2], "float32"), uniform(3, seed=1)
    modes(add, "lax.customLinearSolve", both, x, t, tol)
    second(add, "lax.customLinearSolve", both, x, t, tol)
    symmetric = lambda x: lax.custom_linear_solve(lambda v: v * (x + 1.0), np.array(b), lambda mv, r: jacobi(mv, r), symmetric=True)
    modes(add, "lax.customLinearSolve, symmetric", symmetric, x, t, tol)
    add("lax.customLinearSolve/tree",
        lambda x: lax.custom_linear_solve(lambda v: {"p": v["p"] * x + v["q"], "q": v["q"] * 2.0}, {"p": x, "q": x * x},
                                          lambda mv, r: {"p": (r["p"] - r["q"] / 2.0) / x, "q": r["q"] / 2.0}), x, tol=tol)
    add("lax.customLinearSolve/auxiliary",
        lambda x: lax.custom_linear_solve(lambda v: v * x, np.array(b), lambda mv, r: [r / x, {"steps": np.full((), 3, dtype="int32")}], has_aux=True), x, tol=tol)
    add("lax.customLinearSolve/closed over under vmap", lambda d: vn.vmap(lambda d: lax.custom_linear_solve(
        lambda v: v * d, np.array(b), lambda mv, r: r / d, symmetric=True))(d), uniform((4, 3), lo=1, hi=2), tol=tol)
    add("lax.customLinearSolve/no transposed solver", lambda x: vn.grad(lambda x: np.sum(solution(x)))(x), x, throws=True)
    add("lax.customLinearSolve/unlike shapes", lambda x: lax.custom_linear_solve(lambda v: np.sum(v), x, lambda mv, r: r), x, throws=True)


def roots(add):
    tol = close(5e-5, 5e-6)
    newton = lambda f, x0: lax.while_loop(
        lambda s: s["n"] < 30, lambda s: {"n": s["n"] + 1, "v": s["v"] - f(s["v"]) / vn.grad(lambda v: f(v))(s["v"])},
        {"n": np.zeros((), dtype="int32"), "v": x0})["v"]
    scalar = lambda x: lax.custom_root(lambda v: v * v * v + v - x, np.array(1.0), lambda f, x0: newton(f, x0), lambda g, y: y / g(1.0))
    modes(add, "lax.customRoot", lambda x: scalar(x), onp.float32(3.0) * onp.ones((), "float32"), onp.array(0.7, "float32"), tol)
    second(add, "lax.customRoot", lambda x: scalar(x), onp.array(3.0, "float32"), onp.array(0.7, "float32"), tol)
    # Two unknowns, a diagonal system: the tangent's system is solved with its diagonal.
    vector = lambda p: lax.custom_root(lambda v: v * v - p, np.array([1.0, 1.0]),
                                       lambda f, x0: lax.fori_loop(0, 30, lambda i, v: v - f(v) / (2.0 * v), x0),
                                       lambda g, y: y / g(np.ones(2)))
    modes(add, "lax.customRoot, vector", vector, onp.array([2.0, 3.0], "float32"), uniform(2, seed=1), tol)
    add("lax.customRoot/auxiliary", lambda p: lax.custom_root(lambda v: v * v - p, np.array(1.0),
        lambda f, x0: [lax.fori_loop(0, 30, lambda i, v: v - f(v) / (2.0 * v), x0), f(x0)], lambda g, y: y / g(1.0), has_aux=True),
        onp.array(2.0, "float32"), tol=tol)
    add("lax.customRoot/unlike trees", lambda p: lax.custom_root(lambda v: [v, v], p, lambda f, x0: x0, lambda g, y: y), onp.array(2.0, "float32"), throws=True)


# A carry that turns, so that it comes to no fixed point, and a table that each step writes one place of.
def loop(x, w, table, steps, **options):
    init = {"i": np.zeros((), dtype="int32"), "x": x, "table": table}
    cond = lambda c: c["i"] < steps
    body = lambda c: {
        "i": c["i"] + 1,
        "x": np.array([[0.8, -0.6], [0.6, 0.8]]) @ c["x"] + 0.1 * np.sin(w * c["x"]),
        "table": c["table"].at[c["i"]].set(np.sum(c["x"])),
    }
    return vn.filter_while_loop(cond, body, init, **options)


def while_loops(add):
    tol = close(5e-5, 5e-6)
    x, w, table = uniform(2), uniform(2, seed=1), uniform(20, seed=2)
    loss = lambda c: np.sum(np.sin(c["x"])) + np.sum(c["table"] * np.cos(np.arange(20.0)))
    for kind, options in (("lax", {}), ("bounded", {"max_steps": 16, "base": 4}), ("bounded", {"max_steps": 10}), ("checkpointed", {"checkpoints": 3}),
                          ("checkpointed", {"max_steps": 13}), ("checkpointed", {"checkpoints": 1})):
        name = f"vn.filterWhileLoop, {kind} {options}"
        for buffers in (False, True):
            o = {**options, "kind": kind, **({"buffers": lambda c: c["table"]} if buffers else {})}
            tag = " with a buffer" if buffers else ""
            run = lambda x, w, t, n: loop(x, w, t, n, **o)
            add(f"{name}/value{tag}", lambda x, w, t: run(x, w, t, 13), x, w, table, tol=tol)
            if kind == "lax":
                add(f"{name}/jvp{tag}", lambda x, w, t: vn.jvp(lambda x, w: run(x, w, t, 13), [x, w], [w, x])[1]["x"], x, w, table, tol=tol)
                add(f"{name}/grad{tag}", lambda x, w, t: vn.grad(lambda x: loss(run(x, w, t, 13)))(x), x, w, table, throws=True)
                add(f"{name}/vmap{tag}", lambda x, w, t, n: vn.vmap(lambda x, n: run(x, w, t, n))(x, n), uniform((3, 2)), w, table,
                    onp.array([4, 0, 13], "int32"), tol=tol)
                continue
            # The reference's gradient of a buffer's first value is not zero where it is written; ours is.
            args = (0, 1) if buffers else (0, 1, 2)
            add(f"{name}/grad{tag}", lambda x, w, t: vn.grad(lambda x, w, t: loss(run(x, w, t, 13)), argnums=args)(x, w, t), x, w, table, tol=tol)
            add(f"{name}/vmap of grad{tag}", lambda x, w, t, n: vn.vmap(vn.grad(lambda x, n: loss(run(x, w, t, n))))(x, n),
                uniform((3, 2)), w, table, onp.array([4, 0, 13], "int32"), tol=tol)
            if buffers:
                continue
            add(f"{name}/grad of vmap{tag}", lambda x, w, t, n: vn.grad(lambda w: np.sum(vn.vmap(lambda x, n: loss(run(x, w, t, n)))(x, n)))(w),
                uniform((3, 2)), w, table, onp.array([4, 0, 13], "int32"), tol=tol)
            add(f"{name}/forward over reverse{tag}", lambda x, w, t: vn.jvp(lambda w: vn.grad(lambda x: loss(run(x, w, t, 6)))(x), [w], [x])[1],
                x, w, table, tol=tol)
            if kind == "checkpointed":
                add(f"{name}/jvp{tag}", lambda x, w, t: vn.jvp(lambda x: run(x, w, t, 5)["x"], [x], [x]), x, w, table, throws=True)
                add(f"{name}/reverse over reverse{tag}", lambda x, w, t: vn.grad(lambda w: np.sum(vn.grad(lambda x: loss(run(x, w, t, 6)))(x)))(w), x, w, table, throws=True)
            else:
                add(f"{name}/jvp{tag}", lambda x, w, t: vn.jvp(lambda x, w: run(x, w, t, 13), [x, w], [w, x])[1]["x"], x, w, table, tol=tol)


def scans(add):
    tol = close(5e-5, 5e-6)
    init, xs, w = uniform(3), uniform((7, 3), seed=1), uniform(3, seed=2)
    # The reference wants tuples of a scan's function, and lists are what is recorded: the arrays are carried bare.
    step = lambda w: lambda c, x: [np.tanh(w * c + x), c * x]
    loss = lambda out: np.sum(np.sin(out[0])) + np.sum(np.cos(out[1]))
    for options in ({"kind": "lax"}, {"kind": "checkpointed"}, {"kind": "checkpointed", "checkpoints": 1}, {"kind": "checkpointed", "checkpoints": "all"}):
        name = f"vn.filterScan, {options}"
        run = lambda c, xs, w: vn.filter_scan(step(w), c, xs, **options)
        add(f"{name}/value", lambda c, xs, w: run(c, xs, w), init, xs, w, tol=tol)
        add(f"{name}/grad", lambda c, xs, w: vn.grad(lambda c, xs, w: loss(run(c, xs, w)), argnums=(0, 1, 2))(c, xs, w), init, xs, w, tol=tol)
        add(f"{name}/vmap of grad", lambda c, xs, w: vn.vmap(vn.grad(lambda c, xs: loss(run(c, xs, w)), argnums=(0, 1)))(c, xs),
            uniform((2, 3)), uniform((2, 7, 3), seed=1), w, tol=tol)
        add(f"{name}/grad of vmap", lambda c, xs, w: vn.grad(lambda w: np.sum(vn.vmap(lambda c, xs: loss(run(c, xs, w)))(c, xs)))(w),
            uniform((2, 3)), uniform((2, 7, 3), seed=1), w, tol=tol)
        add(f"{name}/forward over reverse", lambda c, xs, w: vn.jvp(lambda w: vn.grad(lambda c: loss(run(c, xs, w)))(c), [w], [w])[1], init, xs, w, tol=tol)
    add("vn.filterScan/inconsistent lengths", lambda c, xs: vn.filter_scan(lambda c, x: [c, x[0]], c, [xs, xs[1:]], kind="checkpointed"), init, xs, throws=True)


def write(file):
    file.tol = close(2e-5, 2e-6)
    associative_scans(file.add)
    factorisations_in_loops(file.add)
    linear_solves(file.add)
    roots(file.add)
    while_loops(file.add)
    scans(file.add)
