"""Four logical devices: values and shardings of what is computed from arrays that are committed to some of them.

Shardings are compared where a rule by dimensions tells them. What XLA finds by going backwards (from a constraint on a result to its
operands), and results that do not depend on any committed argument, are left out: this library goes forwards only.
"""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, nn, np, sharding, vn


def write(file):
    file.tol = close(5e-6, 2e-6)
    grid = ([2, 2], ["a", "b"])
    ab = lambda *spec: sharding.named(*grid, list(spec))
    x, y, v, ints = uniform((4, 8)), uniform((8, 4)), uniform(8), onp.array([1, 0], "int32")

    def add(name, f, *pairs):
        """Each pair is an array and its spec over the grid, or ``None`` where it is not committed."""
        arrays = [p[0] for p in pairs]
        specs = [p[1] for p in pairs]

        def put(args):
            return [a if s is None else vn.device_put(a, ab(*s)) for a, s in zip(args, specs)]

        def both(out):
            return [out, sharding.of(out)]

        cases = {1: (lambda a: both(f(*put([a]))), lambda a: both(vn.jit(lambda a: f(a))(*put([a])))),
                 2: (lambda a, b: both(f(*put([a, b]))), lambda a, b: both(vn.jit(lambda a, b: f(a, b))(*put([a, b]))))}
        eager, jitted = cases[len(arrays)]
        file.add(f"{name}, at once", eager, *arrays, jit=False)
        file.add(f"{name}, compiled", jitted, *arrays, jit=False)

    whole = ["a", "b"]
    add("elementwise/one", lambda x: np.sin(x) * 2.0 + 1.0, (x, whole))
    add("elementwise/beside an uncommitted one", lambda x, y: x + y, (x, None), (x, [None, "b"]))
    add("elementwise/split along different axes", lambda x, y: x * y, (x, ["a"]), (x, [None, "b"]))
    add("elementwise/a row stretched", lambda x, v: x - v, (x, ["a"]), (v, ["b"]))
    add("elementwise/where", lambda x: np.where(x > 0.0, x, 0.0), (x, ["a"]))
    add("elementwise/conversion", lambda x: x.astype("int32"), (x, ["a"]))
    add("elementwise/over two mesh axes", lambda v: v + 1.0, (v, [["a", "b"]]))
    add("moving/transpose", lambda x: np.transpose(x), (x, whole))
    add("moving/stretched", lambda x: np.broadcast_to(x, (3, 4, 8)), (x, whole))
    add("moving/new axis", lambda x: np.expand_dims(x, 1), (x, whole))
    add("moving/an axis less", lambda x: np.squeeze(np.expand_dims(x, 1), 1), (x, whole))
    add("reshape/parted in two", lambda x: np.reshape(x, (2, 2, 8)), (x, whole))
    add("reshape/last axis parted", lambda x: np.reshape(x, (4, 2, 4)), (x, whole))
    add("reshape/an axis of one", lambda x: np.reshape(x, (1, 4, 8)), (x, whole))
    add("reshape/joined", lambda x: np.reshape(x, (32,)), (x, whole))
    add("reshape/joined, first split", lambda x: np.reshape(x, (32,)), (x, ["a"]))
    add("reshape/joined, last split", lambda x: np.reshape(x, (32,)), (x, [None, "b"]))
    add("reshape/other sizes", lambda x: np.reshape(x, (8, 4)), (x, ["a"]))
    add("reshape/over two mesh axes", lambda v: np.reshape(v, (4, 2)), (v, [["a", "b"]]))
    add("reshape/over two mesh axes, parted", lambda v: np.reshape(v, (2, 4)), (v, [["a", "b"]]))
    add("reduction/first axis", lambda x: np.sum(x, axis=0), (x, whole))
    add("reduction/last axis", lambda x: np.max(x, axis=1), (x, whole))
    add("reduction/all", lambda x: np.sum(x), (x, whole))
    add("reduction/argmax", lambda x: np.argmax(x, axis=1), (x, whole))
    add("reduction/mean, kept", lambda x: np.mean(x, axis=1, keepdims=True), (x, whole))
    add("reduction/softmax", lambda x: nn.softmax(x), (x, ["a"]))
    add("dot/both split, contracted too", lambda x, y: np.matmul(x, y), (x, whole), (y, ["b", "a"]))
    add("dot/rows", lambda x, y: np.matmul(x, y), (x, ["a"]), (y, None))
    add("dot/rows and columns", lambda x, y: np.matmul(x, y), (x, ["a"]), (y, [None, "b"]))
    add("dot/columns", lambda x, y: np.matmul(x, y), (x, None), (y, [None, "b"]))
    add("dot/one mesh axis twice", lambda x, y: np.matmul(x, y), (x, ["a"]), (y, [None, "a"]))
    add("dot/contracted", lambda x, y: np.matmul(x, y), (x, [None, "b"]), (y, ["b"]))
    add("dot/outer", lambda v: np.outer(v, v), (v, ["b"]))
    add("dot/einsum", lambda x: np.einsum("ij,kj->ik", x, x), (x, ["a"]))
    add("cutting/other axis", lambda x: lax.slice(x, (0, 1), (4, 5)), (x, ["a"]))
    add("cutting/padded", lambda x: np.pad(x, ((0, 0), (1, 1))), (x, ["a"]))
    add("cutting/reversed", lambda x: lax.rev(x, (0,)), (x, ["a"]))
    add("cutting/joined along the split axis", lambda x: np.concatenate([x, x], axis=0), (x, whole))
    add("cutting/joined along the other", lambda x: np.concatenate([x, x], axis=1), (x, ["a"]))
    add("cutting/stacked", lambda x: np.stack([x, x]), (x, ["a"]))
    add("cutting/gathered along the split axis", lambda x, i: x[i], (x, ["a"]), (ints, None))
    add("cutting/gathered along the other", lambda x, i: np.take(x, i, axis=1), (x, ["a"]), (ints, None))
    add("cutting/gathered by split indices", lambda x, i: x[i], (x, None), (onp.arange(4, dtype="int32"), ["b"]))
    add("cutting/updated", lambda x: x.at[0].set(0.0), (x, ["a"]))
    add("along an axis/cumsum", lambda x: lax.cumsum(x, axis=0), (x, ["a"]))
    add("along an axis/sort", lambda x: np.sort(x, axis=1), (x, ["a"]))
    image, kernel = uniform((4, 2, 6)), uniform((4, 2, 3))
    conv = lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID")
    add("windows/convolution, examples", conv, (image, ["a"]), (kernel, None))
    add("windows/convolution, examples and features", conv, (image, ["a"]), (kernel, ["b"]))
    add("windows/maximum", lambda x: lax.reduce_window(x, -onp.inf, lax.max, (1, 1, 2), window_strides=(1, 1, 2), padding="VALID"), (image, ["a", "b"]))
    add("loops/carry", lambda x: lax.scan(lambda c, _: (c + 1.0, np.sum(c, axis=1)), x, None, length=3), (x, ["a"]))
    add("loops/over the split axis", lambda x: lax.scan(lambda c, r: (c + np.sum(r), r * 2.0), 0.0, x), (x, ["a"]))
    add("loops/over the other", lambda x: lax.scan(lambda c, r: (c + np.sum(r), r * 2.0), 0.0, x), (x, [None, "b"]))
    add("loops/while", lambda x: lax.while_loop(lambda c: np.sum(c) < 99.0, lambda c: c + 1.0, x), (x, ["a"]))
    add("loops/cond", lambda x: lax.cond(np.sum(x) > 0.0, lambda x: x + 1.0, lambda x: x * 2.0, x), (x, ["a"]))
    add("transforms/jit inside", lambda x: vn.jit(lambda x: x * 2.0)(x) + 1.0, (x, whole))
    add("transforms/grad", lambda x: vn.grad(lambda x: np.sum(np.sin(x)))(x), (x, whole))
    add("transforms/grad of a product", lambda x, y: vn.grad(lambda x: np.sum(np.matmul(x, y) ** 2))(x), (x, ["a"]), (y, None))
    add("transforms/vmap", lambda x: vn.vmap(lambda r: np.sum(r))(x), (x, ["a"]))
    add("transforms/vmap of a product", lambda x, y: vn.vmap(lambda r: np.matmul(r, y))(x), (x, ["a"]), (y, [None, "b"]))
    add("filterShard/constraint", lambda x: vn.filter_shard(x, ab(None, "b")), (x, ["a"]))
    add("filterShard/on the way", lambda x: np.sum(vn.filter_shard(x + 1.0, ab(None, "b")), axis=0), (x, ["a"]))
    add("filterShard/of what is not committed", lambda x: vn.filter_shard(x, ab("a", None)), (x, None))
    add("filterShard/mapped", lambda x: vn.vmap(lambda r: vn.filter_shard(r, ab("b")))(x), (x, [None, "a"]))
    add("filterShard/differentiated", lambda x: vn.grad(lambda x: np.sum(vn.filter_shard(x, ab("a", "b")) ** 2))(x), (x, None))
    add("filterShard/tree", lambda x, v: vn.filter_shard({"x": x, "y": [v, "text"]}, {"x": ab("a"), "y": ab("b")})["y"][0], (x, None), (v, None))

    # One device.
    on = lambda x, i: vn.device_put(x, sharding.device(i))
    one = lambda name, f, *xs: file.add(f"one device/{name}", f, *xs, jit=False)
    both = lambda out: [out, sharding.of(out)]
    one("put", lambda x: both(on(x, 1)), x)
    one("operation", lambda x: both(np.sin(on(x, 2)) + x), x)
    one("compiled", lambda x: both(vn.filter_jit(lambda x, y: {"sum": x + y, "product": np.matmul(x, np.transpose(y))})(on(x, 3), x)), x)
    one("gradient", lambda x: both(vn.grad(lambda x: np.sum(x**2))(on(x, 1))), x)
    one("gradient moves back", lambda x: both(vn.grad(lambda x: np.sum(on(x, 1) ** 2))(on(x, 0))), x)
    one("moved", lambda x: both(on(on(x, 1) + 1.0, 2)), x)
    one("uncommitted", lambda x: both(x + 1.0), x)
    one("filterShard", lambda x: both(vn.filter_shard({"x": x, "s": "text"}, sharding.device(1))["x"]), x)
    one("filterShard compiled", lambda x: both(vn.filter_jit(lambda x: vn.filter_shard(x, sharding.device(1)) + 1.0)(x)), x)
    refused = lambda name, f, *xs: file.add(f"refused/{name}", f, *xs, throws=True, jit=False)
    refused("two devices", lambda x: on(x, 0) + on(x, 1), x)
    refused("two devices, compiled", lambda x: vn.filter_jit(lambda x, y: x + y)(on(x, 0), on(x, 1)), x)
    refused("device and mesh", lambda x: on(x, 0) + vn.device_put(x, ab("a")), x)
    refused("two meshes", lambda x: vn.device_put(x, ab("a")) + vn.device_put(x, sharding.named([2], ["a"], ["a"])), x)
    refused("constraint elsewhere, compiled", lambda x: vn.filter_jit(lambda x: vn.filter_shard(x, sharding.device(1)))(on(x, 0)), x)
    refused("indivisible", lambda x: vn.filter_shard(x, ab(["a", "b"])), uniform(6))
    refused("too few axes", lambda x: vn.filter_shard(x, ab(None, "a")), uniform(4))
    refused("no prefix", lambda x: vn.filter_shard([x], [ab(), ab()]), x)
    refused("null", lambda x: vn.filter_shard([x], None), x)
    refused("a name that the mesh does not have", lambda x: vn.filter_shard(x, ab("c")), x)
    refused("a name twice", lambda x: vn.filter_shard(x, ab("a", "a")), x)

    # filter_pmap: values, and the axis that is split.
    p, q = uniform(4), uniform((4, 3))
    def pmap(name, f, *xs, **options):
        def program(*xs):
            out = vn.filter_pmap(f, axis_name="i", **options)(*xs)
            return [out, sharding.of(out)]
        wrapped = {1: lambda x: program(x), 2: lambda x, y: program(x, y)}[len(xs)]
        file.add(f"filterPmap/{name}", wrapped, *xs, jit=False)
    pmap("elementwise", lambda x: x * 2.0, p)
    pmap("two of four devices", lambda x: x * 2.0, uniform(2))
    pmap("psum", lambda x: x / lax.psum(x, "i"), p)
    pmap("psum, unmapped", lambda x: lax.psum(x, "i"), q, out_axes=None)
    pmap("outAxes 1", lambda x: x * 2.0, q, out_axes=1)
    pmap("one argument unmapped", lambda x, y: x + y, p, q, in_axes=(0, None))
    pmap("a product", lambda x, y: np.dot(x, y), q, q)
    pmap("axisIndex", lambda x: x * lax.axis_index("i"), p)
    pmap("allGather", lambda x: lax.all_gather(x, "i"), p)
    pmap("grad inside", lambda x: vn.grad(lambda x: np.sum(np.sin(x)))(x), q)
    pmap("vmap inside, both names", lambda x: vn.vmap(lambda y: y / lax.psum(y, ("i", "j")), axis_name="j")(x), q)
    file.add("filterPmap/gradient of it", lambda x: vn.grad(lambda x: np.sum(vn.filter_pmap(lambda x: np.sum(x**3))(x)))(x), q, jit=False)
    file.add("filterPmap/in a compiled function", lambda x: vn.filter_jit(lambda x: np.sum(vn.filter_pmap(lambda x: x * 2.0)(x)))(x), q, jit=False)
