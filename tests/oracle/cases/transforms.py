"""The filtered transformations and the tree functions beside them: what comes out for which leaves."""

import numpy as onp

from cases.inputs import i32, uniform
from record import close, lax, nn, np, random, tree, ulp, vn


def write(file):
    file.tol = close(5e-6, 2e-6)
    add = file.add
    v, w, m, m24 = uniform(3), uniform(3, seed=1), uniform((3, 4)), uniform((2, 4))
    mixed = {"w": v, "n": 3, "name": "hi", "i": i32(1, 2, 3), "f": 1.5, "none": None, "flag": True, "list": [w, 2]}

    # filterJit: arrays traced, all else static and returned as it was.
    add("filterJit/tree", lambda t: vn.filter_jit(lambda t: t)(t), mixed)
    add("filterJit/arrays of a tree", lambda t: vn.filter_jit(lambda t: {"a": t["w"] * t["f"], "b": t["n"], "c": t["i"] + t["n"]})(t), mixed)
    add("filterJit/constant", lambda x: vn.filter_jit(lambda x: [x, 1.5, "s", None])(x), v)
    add("filterJit/no arguments", lambda: vn.filter_jit(lambda: np.ones((2,)))())
    add("filterJit/nested", lambda x: vn.filter_jit(lambda x: vn.filter_jit(lambda y: y * 2.0)(x) + 1.0)(x), v)
    add("filterJit/of a grad", lambda x: vn.filter_jit(vn.filter_grad(lambda x: np.sum(x**3)))(x), v)
    add("filterJit/of a model", lambda x: vn.filter_jit(nn.MLP(3, 2, 4, 1, key=random.PRNGKey(0)))(x), v)
    add("filterJit/closure", lambda x, y: vn.filter_jit(lambda z: z * y)(x), v, w)

    # filterGrad: null for what cannot be differentiated.
    loss = lambda t: np.sum(t["w"] ** 2 * t["f"]) + np.sum(t["i"]) + np.sum(t["list"][0])
    add("filterGrad/tree", lambda t: vn.filter_grad(loss)(t), mixed)
    add("filterValueAndGrad/tree", lambda t: vn.filter_value_and_grad(loss)(t), mixed)
    add("filterGrad/hasAux", lambda t: vn.filter_grad(lambda t: [loss(t), {"aux": t["w"] * 2.0, "s": "text"}], has_aux=True)(t), mixed)
    add("filterValueAndGrad/hasAux", lambda t: vn.filter_value_and_grad(lambda t: [loss(t), [t["name"], t["i"]]], has_aux=True)(t), mixed)
    add("filterGrad/second argument is constant", lambda x, y: vn.filter_grad(lambda x, y: np.sum(x * y))(x, y), v, w)
    add("filterGrad/list", lambda x, y: vn.filter_grad(lambda p: np.sum(p[0] * np.sin(p[1])))([x, y]), v, w)
    add("filterGrad/int array", lambda x: vn.filter_grad(lambda t: np.sum(t[0] * t[1]))([x, i32(1, 2, 3)]), v)
    add("filterGrad/not a scalar", lambda x: vn.filter_grad(lambda x: x)(x), v, throws=True)
    add("filterGrad/int output", lambda x: vn.filter_grad(lambda x: np.sum(x.astype("int32")))(x), v, throws=True)
    add("filterGrad/of jit", lambda x: vn.filter_grad(vn.filter_jit(lambda x: np.sum(np.sin(x))))(x), v)
    add("filterGrad/of vmap", lambda x: vn.filter_grad(lambda x: np.sum(vn.filter_vmap(lambda r: np.prod(r))(x)))(x), m)
    add("filterGrad/of grad", lambda x: vn.filter_grad(lambda x: np.sum(vn.filter_grad(lambda y: np.sum(y**3))(x) ** 2))(x), v)
    def model_loss(model, x):
        return np.sum(vn.filter_vmap(model)(x) ** 2)
    grads = lambda g: [g.layers[0].weight, g.layers[0].bias, g.layers[1].weight, g.layers[1].bias]
    add("filterGrad/model", lambda x: grads(vn.filter_grad(model_loss)(nn.MLP(4, 2, 3, 1, key=random.PRNGKey(0)), x)), m)
    add("filterJit/gradient of a model", lambda x: grads(vn.filter_jit(vn.filter_grad(model_loss))(nn.MLP(4, 2, 3, 1, key=random.PRNGKey(0)), x)), m)

    # filterVmap.
    square = lambda x: x * x
    add("filterVmap/plain", lambda x: vn.filter_vmap(square)(x), m)
    for axes in (0, 1, -1, -2):
        add(f"filterVmap/inAxes {axes}", lambda x: vn.filter_vmap(lambda r: np.sum(r), in_axes=axes)(x), m)
        add(f"filterVmap/outAxes {axes}", lambda x: vn.filter_vmap(lambda r: r * 2.0, out_axes=axes)(x), m)
    add("filterVmap/two, one constant", lambda x, y: vn.filter_vmap(lambda a, b: a * b, in_axes=(0, None))(x, y), m, uniform(4))
    add("filterVmap/two, both", lambda x, y: vn.filter_vmap(lambda a, b: np.dot(a, b))(x, y), m, m)
    add("filterVmap/unlike axes", lambda x, y: vn.filter_vmap(lambda a, b: np.dot(a, b), in_axes=(0, 1))(x, y), m, m.T.copy())
    add("filterVmap/unlike sizes", lambda x, y: vn.filter_vmap(lambda a, b: a)(x, y), m, m24, throws=True)
    add("filterVmap/number argument", lambda x: vn.filter_vmap(lambda a, n: a * n)(x, 2), m)
    add("filterVmap/tree", lambda t: vn.filter_vmap(lambda t: t["w"] * t["n"])(t), {"w": m, "n": 3, "s": "x"})
    add("filterVmap/tree axes", lambda t: vn.filter_vmap(lambda t: t["a"] * t["b"], in_axes=({"a": 0, "b": None},))(t), {"a": m, "b": uniform(4)})
    add("filterVmap/prefix of a tree", lambda t: vn.filter_vmap(lambda t: t["a"] * t["b"], in_axes=(1,))(t), {"a": m, "b": m * 2})
    add("filterVmap/ifArray", lambda x: vn.filter_vmap(lambda a: a * 2.0, in_axes=vn.if_array(1))(x), m)
    add("filterVmap/constant output", lambda x: vn.filter_vmap(lambda a: [a, np.ones((2,)), 3.5])(x), v)
    add("filterVmap/outAxes null", lambda x: vn.filter_vmap(lambda a: np.ones((2,)), out_axes=None)(x), v)
    add("filterVmap/outAxes null but batched", lambda x: vn.filter_vmap(lambda a: a, out_axes=None)(x), v, throws=True)
    add("filterVmap/outAxes list", lambda x: vn.filter_vmap(lambda a: (a, a * 2.0), out_axes=[0, 1])(x), m)
    add("filterVmap/axisSize", lambda: vn.filter_vmap(lambda: np.ones((2,)), axis_size=3)())
    add("filterVmap/scalar", lambda x: vn.filter_vmap(square)(x), onp.array(1.0, "float32"), throws=True)
    add("filterVmap/nothing mapped", lambda x: vn.filter_vmap(square, in_axes=None)(x), v, throws=True)
    add("filterVmap/nested", lambda x, y: vn.filter_vmap(vn.filter_vmap(lambda a, b: a + b, in_axes=(None, 0)), in_axes=(0, None))(x, y), v, uniform(4))
    add("filterVmap/zero size", lambda x: vn.filter_vmap(lambda r: np.sum(r))(x), onp.zeros((0, 3), "float32"))
    add("filterVmap/psum", lambda x: vn.filter_vmap(lambda a: a / lax.psum(a, "i"), axis_name="i")(x), uniform(3, lo=1, hi=2))
    add("filterVmap/collectives", lambda x: vn.filter_vmap(lambda a: [lax.pmean(a, "i"), lax.pmax(a, "i"), lax.pmin(a, "i"), lax.axis_index("i")], axis_name="i")(x), m)
    add("filterVmap/random", lambda k: vn.filter_vmap(lambda k: random.uniform(k, (2,)))(random.split(k)), onp.array([0, 5], "uint32"))
    for name, f in {
        "matmul": lambda a: a @ np.ones((4, 2)), "reductions": lambda a: [np.max(a), np.argmax(a), np.cumsum(a), np.sort(a)],
        "shapes": lambda a: [np.reshape(a, (2, 2)), np.stack([a, a]), np.pad(a, 1), np.roll(a, 1), np.flip(a)],
        "index": lambda a: [a[i32(0, -1, 9)], a[1:3], a.at[1].set(5.0), a.at[i32(0, 0)].add(1.0)],
        "where": lambda a: np.where(a > 0, a, 0.0), "softmax": lambda a: nn.softmax(a), "iota": lambda a: a + np.arange(4),
        "dynamic slice": lambda a: lax.dynamic_slice(a, (np.argmax(a),), (2,)), "dynamic update": lambda a: lax.dynamic_update_slice(a, a[:2] * 2.0, (np.argmax(a),)),
        "own index": lambda a: a[np.argmax(a)], "take": lambda a: np.take(a, np.argsort(a)), "einsum": lambda a: np.einsum("i,j->ij", a, a),
        "clamp": lambda a: lax.clamp(-0.5, a, 0.5), "scan": lambda a: lax.scan(lambda c, x: [c + x, c], np.zeros(()), a)[0],
        "cond": lambda a: lax.cond(a[0] > 0, lambda x: x, lambda x: -x, a), "while": lambda a: lax.while_loop(lambda c: np.sum(c * c) < 30.0, lambda c: c * 2.0, a),
        "variance": lambda a: [np.var(a), np.std(a), np.mean(a), np.prod(a), np.any(a > 1), np.all(a > -1)],
        "scatter by own index": lambda a: np.zeros((4,)).at[np.argsort(a)].set(a), "one hot": lambda a: nn.one_hot(np.argmax(a), 4),
    }.items():
        add(f"filterVmap/of {name}", lambda x: vn.filter_vmap(f)(x), m)
        add(f"filterVmap/axis 1 of {name}", lambda x: vn.filter_vmap(f, in_axes=1, out_axes=-1)(x), m.T.copy())

    # Abstract results.
    add("filterEvalShape", lambda x: vn.filter_eval_shape(lambda x: [x.T, np.sum(x), 3, "s"], x), m, jit=False)
    add("filterEvalShape/promotion", lambda x: vn.filter_eval_shape(lambda x: [x + 1, x * 2.5, x > 0, np.argmax(x)], x), i32(1, 2), jit=False)
    add("evalShape", lambda x: vn.eval_shape(lambda x: {"a": x @ x.T}, x), m, jit=False)

    # Trees.
    add("filter/arrays", lambda t: vn.filter(t, vn.is_array), mixed)
    add("filter/inexact", lambda t: vn.filter(t, vn.is_inexact_array), mixed)
    add("filter/inverse", lambda t: vn.filter(t, vn.is_array, inverse=True), mixed)
    add("filter/replace", lambda t: vn.filter(t, vn.is_array, replace=0), mixed)
    add("filter/prefix", lambda t: vn.filter(t, [True, False, vn.is_array]), [[v, 1], w, {"a": m, "b": 2}])
    add("filter/bad spec", lambda t: vn.filter(t, [True, 1]), [v, w], throws=True)
    add("partition", lambda t: vn.partition(t, vn.is_inexact_array), mixed)
    add("combine", lambda t: vn.combine(vn.filter(t, vn.is_array), vn.filter(t, vn.is_array, inverse=True)), mixed)
    add("combine/first wins", lambda x, y: vn.combine([x, None], [y, y]), v, w)
    add("applyUpdates", lambda t: vn.apply_updates(t, {"a": v, "b": None, "c": [None, w]}), {"a": v, "b": 3, "c": [w, w]})
    add("treeAt", lambda t: vn.tree_at(lambda t: t["a"], t, np.ones((2,))), {"a": v, "b": [w]})
    add("treeAt/subtree", lambda t: vn.tree_at(lambda t: t["b"], t, 5), {"a": v, "b": [w]})
    add("treeAt/replaceFn", lambda t: vn.tree_at(lambda t: [t["a"], t["b"][0]], t, replace_fn=lambda x: x * 2.0), {"a": v, "b": [w]})
    add("treeEqual", lambda t: [vn.tree_equal(t, t), vn.tree_equal(t, [v, 4]), vn.tree_equal(t, [v])], [v, 3], weak=False)
    add("tree.leaves", lambda t: tree.leaves(t), mixed)
    add("tree.map", lambda t: tree.map(lambda x: x * 2, t), {"b": v, "a": [w, None]})
    add("tree.map/two", lambda t, u: tree.map(lambda x, y: x + y, t, u), [v, {"a": w}], [w, {"a": v}])
    add("tree.map/unlike", lambda t, u: tree.map(lambda x, y: x + y, t, u), [v, w], [v], throws=True)
    add("tree.reduce", lambda t: tree.reduce(lambda a, x: np.add(a, np.sum(x)), t, 0.0), [v, {"a": w}])
    add("tree.all", lambda: [tree.all([True, [True]]), tree.all([True, False])])
    add("jit", lambda x, y: vn.jit(lambda x, y: {"a": x * y})(x, y), v, w)
    add("vmap", lambda x, y: vn.vmap(lambda x, y: x * y, in_axes=(0, None))(x, y), v, w)
