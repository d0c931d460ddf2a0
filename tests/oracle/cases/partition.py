"""Eight logical devices: what XLA partitions over them, and where it leaves results. The steps of training put their results where the arguments were."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, nn, np, random, sharding, vn


def write(file):
    file.tol = close(1e-5, 2e-6)
    meshes = {
        "data": ([8], ["data"]),
        "model": ([4], ["model"]),
        "mixed": ([2, 4], ["data", "model"]),
        "deep": ([2, 2, 2], ["data", "model", "pipe"]),
    }
    x, y = uniform((16, 8)), uniform((16, 8))
    up, bias, down = uniform((8, 32)), uniform(32), uniform((32, 8))

    def loss(up, bias, down, x, y):
        return np.mean((np.matmul(np.tanh(np.matmul(x, up) + bias), down) - y) ** 2)

    def add(name, mesh, f, arrays, specs, result_specs=None):
        """A compiled function of arrays that are split so; its results, split so, or wherever the compiler leaves them."""
        at = lambda spec: sharding.named(*meshes[mesh], list(spec))

        def run(*args):
            put = [vn.device_put(a, at(spec)) for a, spec in zip(args, specs)]

            def wrapped(*xs):
                out = f(*xs)
                if result_specs is None:
                    return out
                return [vn.filter_shard(r, at(spec)) for r, spec in zip(out, result_specs)]

            out = {
                1: lambda: vn.jit(lambda a: wrapped(a))(*put),
                2: lambda: vn.jit(lambda a, b: wrapped(a, b))(*put),
                5: lambda: vn.jit(lambda a, b, c, d, e: wrapped(a, b, c, d, e))(*put),
            }[len(arrays)]()
            return [out, sharding.of(out)]

        program = {
            1: lambda a: run(a),
            2: lambda a, b: run(a, b),
            5: lambda a, b, c, d, e: run(a, b, c, d, e),
        }[len(arrays)]
        file.add(name, program, *arrays, jit=False)

    def step(up, bias, down, x, y):
        grads = vn.grad(lambda w: loss(w[0], w[1], w[2], x, y))([up, bias, down])
        return [up - 0.1 * grads[0], bias - 0.1 * grads[1], down - 0.1 * grads[2]]

    arrays = [up, bias, down, x, y]
    layouts = {
        "data parallel": ("data", [[], [], [], ["data"], ["data"]]),
        "tensor parallel": ("model", [[None, "model"], ["model"], ["model"], [], []]),
        "data and tensor parallel": ("mixed", [[None, "model"], ["model"], ["model"], ["data"], ["data"]]),
        "fully sharded": ("data", [["data"], ["data"], ["data"], ["data"], ["data"]]),
        "fully sharded and tensor parallel": ("mixed", [["data", "model"], ["model"], ["model", "data"], ["data"], ["data"]]),
        "three axes": ("deep", [["pipe", "model"], ["model"], ["model", "pipe"], ["data"], ["data"]]),
    }
    for name, (mesh, specs) in layouts.items():
        add(f"training/{name}", mesh, step, arrays, specs, specs[:3])

    both = ["data", "model"]
    add("operations/matmul over two axes", "mixed", lambda a, b: np.matmul(a, b), [x, up], [both, ["model"]])
    add("operations/contracted over both axes", "mixed", lambda a, b: np.matmul(a, np.transpose(b)), [x, y], [["data", "model"], [None, "model"]])
    add("operations/sum over eight", "data", lambda a: [np.sum(a), np.max(a), np.argmax(a, axis=0)], [x], [["data"]], [[], [], []])
    add("operations/an axis moved", "data", lambda a: [a * 2.0], [uniform((8, 16))], [["data"]], [[None, "data"]])
    add("operations/axes exchanged", "mixed", lambda a: [a * 2.0], [x], [["data", "model"]], [["model", "data"]])
    add("operations/both axes on one", "mixed", lambda a: [a * 2.0], [x], [["data", "model"]], [[["data", "model"]]])
    add("operations/both axes on one, inner first", "mixed", lambda a: [a + 1.0], [x], [[["data", "model"]]], [[["model", "data"]]])
    add("operations/softmax along the split axis", "model", lambda a: [nn.softmax(a)], [x], [[None, "model"]], [[None, "model"]])
    add("operations/cumsum along the split axis", "data", lambda a: [np.cumsum(a, axis=0)], [x], [["data"]], [["data"]])
    add("operations/sorted along the split axis", "data", lambda a: [np.sort(a, axis=0)], [x], [["data"]], [["data"]])
    add("operations/argmax and argmin along the split axis", "mixed", lambda a: [np.argmax(a, axis=0), np.argmin(a, axis=1)], [x], [["data", "model"]], [["model"], ["data"]])
    add("operations/argmax among equals, two mesh axes on one", "mixed", lambda a: [np.argmax(np.floor(a * 3.0), axis=0)], [x], [[["model", "data"]]], [[]])
    add("operations/product along the split axis", "data", lambda a: [np.prod(a, axis=0), np.all(a < 0.9, axis=0), np.any(a < 0.1)], [x], [["data"]], [[], [], []])
    # One to a program: XLA of JAX 0.10.2 gives wrong maxima (1, the start of the product) beside running products of the same split array.
    for name, run in {
        "products": lambda a: [np.cumprod(a, axis=0)],
        "maxima": lambda a: [lax.cummax(a, axis=0)],
        "sums from the end": lambda a: [lax.cumsum(a, axis=0, reverse=True)],
    }.items():
        add(f"operations/running {name} along the split axis", "mixed", run, [x], [["data", "model"]], [["data", "model"]])
        add(f"operations/running {name}, two mesh axes on one", "mixed", run, [x], [[["model", "data"]]], [[["model", "data"]]])
    add("operations/gradient of running sums", "data", lambda a: [vn.grad(lambda a: np.sum(np.cumsum(a * a, axis=0) ** 2))(a)], [x], [["data"]], [["data"]])
    drawn = lambda a: [random.normal(random.key(3), (16, 8)) * 0.1 + np.arange(8) * 0.0, a * random.uniform(random.key(4), (16, 8))]
    add("operations/random numbers where they are wanted", "mixed", drawn, [x], [["data"]], [["model", "data"], ["data"]])
    indices = (onp.arange(16, dtype="int32") * 5) % 8
    add("operations/lookup", "mixed", lambda t, i: [t[i]], [uniform((8, 4)), indices], [["model"], ["data"]], [["data"]])
    add("operations/gradient of a lookup", "mixed", lambda t, i: [vn.grad(lambda t: np.sum(np.sin(t[i])))(t)], [uniform((8, 4)), indices], [[None, "model"], ["data"]], [[None, "model"]])
    add("operations/loop with sums", "data", lambda a: [lax.scan(lambda c, _: (c / (1.0 + np.sum(np.abs(c))), np.mean(c)), a, None, length=4)[0]], [x], [["data"]], [["data"]])
    image, kernel = uniform((8, 2, 6)), uniform((4, 2, 3))
    conv = lambda x, w: lax.conv_general_dilated(x, w, (1,), "SAME")
    add("operations/gradient of a convolution", "data", lambda x, w: [vn.grad(lambda w: np.sum(conv(x, w) ** 2))(w)], [image, kernel], [["data"], []], [[]])
