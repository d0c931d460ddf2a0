"""Collectives under the named axis of a vmap: values, gradients in both modes, further axes, loops and branches around them."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, vn


def write(file):
    file.tol = close(5e-6, 2e-6)
    add = file.add
    n = 3
    a, m, t = uniform(n), uniform((n, 3)), uniform((n, 6, 4))
    cube = uniform((n, 3, 2, 3))
    ints = onp.array([[5, 2, 7], [1, 1, 4], [9, 8, 0]], "int32")
    flags = onp.array([True, False, True])
    cycle = [[0, 1], [1, 2], [2, 0]]
    swap = [[0, 2], [1, 1], [2, 0]]

    over = {
        "psum": (lambda x: lax.psum(x, "i"), m),
        "pmean": (lambda x: lax.pmean(x, "i"), m),
        "allGather": (lambda x: lax.all_gather(x, "i"), m),
        "allGather, last axis": (lambda x: lax.all_gather(x, "i", axis=-1), m),
        "allGather, axis 1": (lambda x: lax.all_gather(x, "i", axis=1), t),
        "allGather, tiled": (lambda x: lax.all_gather(x, "i", tiled=True), m),
        "allGather, tiled along axis 1": (lambda x: lax.all_gather(x, "i", axis=1, tiled=True), t),
        "psumScatter": (lambda x: lax.psum_scatter(x, "i"), m),
        "psumScatter, axis 2": (lambda x: lax.psum_scatter(x, "i", scatter_dimension=2), cube),
        "psumScatter, tiled": (lambda x: lax.psum_scatter(x, "i", tiled=True), t),
        "psumScatter, tiled along axis 2": (lambda x: lax.psum_scatter(x, "i", scatter_dimension=2, tiled=True), cube),
        "allToAll, 0 to 0": (lambda x: lax.all_to_all(x, "i", 0, 0), cube),
        "allToAll, 0 to 1": (lambda x: lax.all_to_all(x, "i", 0, 1), cube),
        "allToAll, 0 to 2": (lambda x: lax.all_to_all(x, "i", 0, 2), cube),
        "allToAll, 2 to 0": (lambda x: lax.all_to_all(x, "i", 2, 0), cube),
        "allToAll, 2 to 1": (lambda x: lax.all_to_all(x, "i", 2, 1), cube),
        "allToAll, tiled, 0 to 1": (lambda x: lax.all_to_all(x, "i", 0, 1, tiled=True), t),
        "allToAll, tiled, 0 to 0": (lambda x: lax.all_to_all(x, "i", 0, 0, tiled=True), t),
        "allToAll, tiled, 2 to 0": (lambda x: lax.all_to_all(x, "i", 2, 0, tiled=True), cube),
        "allToAll, tiled, 2 to 1": (lambda x: lax.all_to_all(x, "i", 2, 1, tiled=True), cube),
        "ppermute, cyclic": (lambda x: lax.ppermute(x, "i", cycle), m),
        "ppermute, a swap": (lambda x: lax.ppermute(x, "i", swap), m),
        "pshuffle": (lambda x: lax.pshuffle(x, "i", [2, 0, 1]), m),
    }
    for name, (f, x) in over.items():
        mapped = lambda x: vn.vmap(f, axis_name="i")(x)
        # The weights tell results apart that a plain sum would not.
        loss = lambda x: np.sum(np.sin(vn.vmap(f, axis_name="i")(np.sin(x))) * np.cos(np.sum(x)))
        two = onp.stack([x, x[::-1] * 2])
        add(f"{name}/values", mapped, x)
        add(f"{name}/mapped along the last axis", lambda x: vn.vmap(f, axis_name="i", in_axes=-1)(x), onp.moveaxis(x, 0, -1).copy())
        add(f"{name}/gradient", lambda x: vn.grad(loss)(x), x)
        add(f"{name}/gradient, compiled inside", lambda x: vn.grad(lambda x: np.sum(vn.vmap(vn.jit(f), axis_name="i")(x) ** 2))(x), x)
        add(f"{name}/forward mode", lambda x: vn.jvp(mapped, [x], [np.cos(x)]), x)
        add(f"{name}/forward over reverse", lambda x: vn.jvp(vn.grad(loss), [x], [np.cos(x)])[1], x, tol=close(2e-5, 1e-5))  # terms of size 1 that cancel
        # JAX's transpose of an untiled all_to_all between two axes, and its psum_scatter under a further axis that is last, fail on shapes; its
        # all_to_all of what is not mapped has too many axes.
        exchange, scatter = name.startswith("allToAll"), name.startswith("psumScatter")
        untiled = "tiled" not in name
        if not (exchange and untiled and name != "allToAll, 0 to 0"):
            add(f"{name}/gradient inside of the map", lambda x: vn.vmap(vn.grad(lambda x: np.sum(np.sin(f(np.sin(x))))), axis_name="i")(x), x)
        add(f"{name}/mapped once more", lambda x: vn.vmap(mapped)(x), two)
        if not (scatter and untiled):
            add(f"{name}/another axis inside", lambda x: vn.vmap(vn.vmap(f, in_axes=-1, out_axes=-1), axis_name="i")(x), onp.stack([x, x * 2], axis=-1))
        if not exchange:
            add(f"{name}/of what is not mapped", lambda y, x: vn.vmap(lambda y, x: f(x) + 0.0 * y, in_axes=(0, None), axis_name="i")(y, x), a, x[0])
        add(f"{name}/in a scan", lambda x: vn.vmap(lambda r: lax.scan(lambda c, _: (c * 0.5 + np.sum(f(r * c)), f(r)), 1.0, None, length=2), axis_name="i")(x), x)
        add(f"{name}/gradient in a scan", lambda x: vn.grad(lambda x: np.sum(vn.vmap(lambda r: lax.scan(lambda c, _: (c * 0.5 + np.sum(f(r * c)), None), 1.0, None, length=2)[0], axis_name="i")(x)))(x), x)
        add(f"{name}/in a branch", lambda x: vn.vmap(lambda r: lax.cond(np.sum(r) > 0.0, f, lambda r: f(r * 2.0), r), axis_name="i")(x), x)
        add(f"{name}/in a while loop", lambda x: vn.vmap(lambda r: lax.while_loop(lambda c: c["n"] < 3, lambda c: {"n": c["n"] + 1, "sum": c["sum"] + np.sum(f(r))}, {"n": 0, "sum": 0.0})["sum"], axis_name="i")(x), x)

    for name, f in (("pmax", lambda x: lax.pmax(x, "i")), ("pmin", lambda x: lax.pmin(x, "i"))):
        add(f"{name}/values", lambda x: vn.vmap(f, axis_name="i")(x), m)
        add(f"{name}/of integers", lambda x: vn.vmap(f, axis_name="i")(x), ints)
        add(f"{name}/mapped once more", lambda x: vn.vmap(vn.vmap(f, axis_name="i"))(x), onp.stack([m, -m]))
    add("psum/of integers", lambda x: vn.vmap(lambda x: lax.psum(x, "i"), axis_name="i")(x), ints)
    add("psum/of booleans", lambda x: vn.vmap(lambda x: lax.psum(x, "i"), axis_name="i")(x), flags)
    add("psum/of a tree", lambda x, y: vn.vmap(lambda x, y: lax.psum({"a": x, "b": [y, 2]}, "i"), axis_name="i", out_axes=None)(x, y), m, a)
    add("psum/of a number", lambda x: vn.vmap(lambda x: x * lax.psum(2, "i"), axis_name="i")(x), m)
    add("pmean/of integers", lambda x: vn.vmap(lambda x: lax.pmean(x, "i"), axis_name="i")(x), ints)
    add("psum/unmapped result", lambda x: vn.vmap(lambda x: lax.psum(x, "i"), axis_name="i", out_axes=None)(x), m)
    add("psum/inner axis of one name", lambda x: vn.vmap(lambda x: lax.psum(vn.vmap(lambda y: lax.psum(y, "i"), axis_name="i")(x), "i"), axis_name="i")(x), m)

    # Two names.
    two = lambda f: lambda x: vn.vmap(vn.vmap(f, axis_name="j"), axis_name="i")(x)
    pair = uniform((3, 2, 6, 6))
    for name, f in {
        "psum": lambda x: lax.psum(x, ("i", "j")),
        "pmean": lambda x: lax.pmean(x, ("j", "i")),
        "pmax": lambda x: lax.pmax(x, ("i", "j")),
        "axisIndex": lambda x: lax.axis_index(("i", "j")),
        "inner": lambda x: lax.psum(x, "j") * lax.psum(1, "i"),
        "outer": lambda x: lax.all_gather(x, "i"),
        "one after the other": lambda x: lax.all_to_all(lax.all_to_all(x, "i", 0, 1, tiled=True), "j", 1, 0, tiled=True),
    }.items():
        add(f"two names/{name}", two(f), pair)
        add(f"two names/{name}, compiled inside", two(lambda x: vn.jit(f)(x)), pair)
    # JAX gathers over one name at a time; this library composes them.
    add("two names/allGather", two(lambda x: np.reshape(lax.all_gather(lax.all_gather(x, "j"), "i"), (6, 6, 6))), pair)
    add("axisSize/in arithmetic", lambda x: vn.vmap(lambda x: x * lax.axis_size("i"), axis_name="i")(x), m)

    # What is refused.
    for name, f in {
        "an axis that is not there": lambda x: lax.psum(x, "j"),
        "groups": lambda x: lax.psum(x, "i", axis_index_groups=[[0, 1], [2]]),
        "not all examples": lambda x: lax.ppermute(x, "i", [[0, 1], [1, 0]]),
        "indivisible": lambda x: lax.all_to_all(x, "i", 1, 0, tiled=True),
        "not as many parts": lambda x: lax.all_to_all(x, "i", 1, 0),
    }.items():
        add(f"refused/{name}", lambda x: vn.vmap(f, axis_name="i")(x), uniform((3, 3, 4)), throws=True)
