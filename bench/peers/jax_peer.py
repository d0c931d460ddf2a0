"""The work in JAX and Equinox, compiled by XLA for the processor, one thread.

Called as `python jax_peer.py WORK PLAN MODE`, the first two in JSON; prints one line of JSON, as the TypeScript
contenders do. The arithmetic is native AVX-512 or AVX2 here, so it is no like for like: it is there to
show how far WebAssembly is from the machine.
"""

import json
import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

from measuring import kernel_data, measure, np, uniform  # noqa: E402


def prepare(work):
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    kind = work["kind"]
    if kind == "matmul":
        m, k, n, t = work["m"], work["k"], work["n"], work["transposed"]
        if work["dtype"] == "float64":
            jax.config.update("jax_enable_x64", True)
        b = [] if work["batch"] is None else [work["batch"]]
        size = work["batch"] or 1
        x = uniform(size * m * k, 1).reshape(b + ([k, m] if t else [m, k])).astype(work["dtype"])
        y = uniform(size * k * n, 2).reshape(b + ([n, k] if t else [k, n])).astype(work["dtype"])
        f = jax.jit((lambda x, y: x.T @ y.T) if t else jnp.matmul)
        truth = (x.T.astype(float) @ y.T.astype(float)) if t else x.astype(float) @ y.astype(float)
        x, y = jnp.asarray(x), jnp.asarray(y)
        return (
            lambda: f(x, y).block_until_ready(),
            lambda: {"error": float(np.abs(f(x, y) - truth).max() / k)},
        )
    if kind == "fused":
        h = [uniform(work["size"], s) for s in (1, 2, 3)]
        d = [v.astype(np.float64) for v in h]
        terms = np.tanh(d[0] * d[1] + d[2]) * d[0]
        truth, size = float(terms.sum()), float(np.abs(terms).sum())
        x, y, z = map(jnp.asarray, h)
        f = jax.jit(lambda x, y, z: (jnp.tanh(x * y + z) * x).sum())
        return (
            lambda: f(x, y, z).block_until_ready(),
            lambda: {"error": abs(float(f(x, y, z)) - truth) / size},
        )
    if kind in ("softmax", "layerNorm"):
        h = uniform(work["rows"] * work["cols"], 1).reshape(work["rows"], work["cols"])

        def norm(x):
            mean = x.mean(1, keepdims=True)
            var = ((x - mean) ** 2).mean(1, keepdims=True)
            return (x - mean) / jnp.sqrt(var + 1e-5)

        f = jax.jit(jax.nn.softmax if kind == "softmax" else norm)
        x = jnp.asarray(h)
        return lambda: f(x).block_until_ready(), lambda: {}
    if kind == "sum":
        x = jnp.full(work["size"], 0.1, jnp.float32)
        f = jax.jit(jnp.sum)
        truth = work["size"] * float(np.float32(0.1))
        return lambda: f(x).block_until_ready(), lambda: {"error": abs(float(f(x)) / truth - 1)}
    if kind == "madd":
        parts = [jnp.asarray(uniform(work["size"], s)) for s in (1, 2, 3)]
        x, y, z = [
            p + 1j * p if work["dtype"] == "complex64" else p.astype(work["dtype"]) for p in parts
        ]
        f = jax.jit(lambda x, y, z: x * y + z)
        return lambda: f(x, y, z).block_until_ready(), lambda: {}
    if kind == "product":
        n, rows = work["n"], uniform(work["n"] ** 2, 1).reshape(work["n"], work["n"])
        other = uniform(n, 2) if work["isVector"] else uniform(n * n, 2).reshape(n, n)
        x, y = [
            jnp.asarray(h + 1j * h).astype(jnp.complex64)
            if work["dtype"] == "complex64"
            else jnp.asarray(h).astype(work["dtype"])
            for h in (rows, other)
        ]
        f = jax.jit(jnp.matmul)
        return lambda: f(x, y).block_until_ready(), lambda: {}
    if kind == "embedding":
        n, width = work["rows"], work["width"]
        table = jnp.asarray(uniform(n * width, 1).reshape(n, width))
        at = jnp.asarray(((uniform(work["ids"], 2) + 1) / 2 * n).astype(np.int32))
        loss = lambda table, at: 0.5 * jnp.sum(jnp.square(table[at]))
        f = jax.jit(jax.grad(loss) if work["gradient"] else lambda table, at: table[at])
        return lambda: f(table, at).block_until_ready(), lambda: {}
    if kind == "adam":
        n = work["size"]

        def step(p, m, v, t, g):
            t = t + 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            return p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v, t

        f = jax.jit(step, donate_argnums=(0, 1, 2, 3))
        g = jnp.asarray(uniform(n, 2))
        state = [(jnp.asarray(uniform(n, 1)), jnp.zeros(n), jnp.zeros(n), jnp.float32(0))]

        def run():
            state[0] = jax.block_until_ready(f(*state[0], g))

        return run, lambda: {}
    if kind in ("attention", "encoder"):
        n = work["length"]
        if kind == "attention":
            heads, size = work["heads"], work["size"]
            q, k, v = (jnp.asarray(uniform(heads * n * size, s).reshape(1, heads, n, size).swapaxes(1, 2)) for s in (1, 2, 3))
            f = jax.jit(jax.nn.dot_product_attention)
            return lambda: f(q, k, v).block_until_ready(), lambda: {}
        width, hidden, heads = work["width"], work["hidden"], work["heads"]

        def dense(outs, ins, seed):
            bound = np.float64(1 / np.sqrt(ins))
            w = (uniform(outs * ins, seed) * bound).astype(np.float32).reshape(outs, ins)
            return jnp.asarray(w), jnp.asarray((uniform(outs, seed + 20) * bound).astype(np.float32))

        sizes = [(width, width)] * 4 + [(hidden, width), (width, hidden)]
        blocks = [[dense(o, i, 100 * b + 2 + j) for j, (o, i) in enumerate(sizes)] for b in range(work["layers"])]
        x = jnp.asarray(uniform(n * width, 1).reshape(n, width))
        norm = lambda x: jax.nn.standardize(x, -1, epsilon=1e-5)

        def encoder(blocks, x):
            for block in blocks:
                apply = lambda i, x: x @ block[i][0].T + block[i][1]
                q, k, v = (apply(i, x).reshape(n, heads, width // heads) for i in range(3))
                h = norm(x + apply(3, jax.nn.dot_product_attention(q, k, v).reshape(n, width)))
                x = norm(h + apply(5, jax.nn.gelu(apply(4, h), approximate=False)))
            return x

        f = jax.jit(encoder)
        return lambda: f(blocks, x).block_until_ready(), lambda: {}
    if kind == "train":
        sizes, batch = work["sizes"], work["batch"]
        x = jnp.asarray(uniform(batch * sizes[0], 1).reshape(batch, sizes[0]))
        labels = jnp.arange(batch) * 7 % sizes[-1]
        model = eqx.nn.MLP(sizes[0], sizes[-1], sizes[1], len(sizes) - 2, key=jax.random.PRNGKey(0))
        for i in range(len(sizes) - 1):
            bound = np.float64(1 / np.sqrt(sizes[i]))
            w = (uniform(sizes[i] * sizes[i + 1], 2 + i) * bound).astype(np.float32)
            b = (uniform(sizes[i + 1], 20 + i) * bound).astype(np.float32)
            model = eqx.tree_at(
                lambda m: (m.layers[i].weight, m.layers[i].bias),
                model,
                (jnp.asarray(w.reshape(sizes[i + 1], sizes[i])), jnp.asarray(b)),
            )

        def loss(model, x, labels):
            logits = jax.vmap(model)(x)
            return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()

        @eqx.filter_jit(donate="all-except-first")
        def step(batch, model):
            value, grads = eqx.filter_value_and_grad(loss)(model, *batch)
            updates = jax.tree.map(lambda g: -0.01 * g, grads)
            return value, eqx.apply_updates(model, updates)

        state = {"model": model, "first": None, "last": None}

        def run():
            value, state["model"] = step((x, labels), state["model"])
            state["last"] = float(value)
            jax.block_until_ready(state["model"].layers[0].weight)
            if state["first"] is None:
                state["first"] = state["last"]

        return run, lambda: {"firstLoss": state["first"], "lastLoss": state["last"]}
    if kind == "conv":
        c, n, k = work["features"], work["size"], work["window"]
        x = jnp.asarray(uniform(c * n * n, 1).reshape(1, c, n, n))
        g = c if work["depthwise"] else 1
        w = jnp.asarray(uniform(c * c // g * k * k, 2).reshape(c, c // g, k, k))
        ct = jnp.asarray(uniform(c * n * n, 3).reshape(1, c, n, n))
        conv = lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", feature_group_count=g)
        f = jax.jit(lambda x, w, ct: jax.vjp(conv, x, w)[1](ct) if work["gradients"] else conv(x, w))
        return lambda: jax.block_until_ready(f(x, w, ct)), lambda: {}
    if kind == "rnn":
        n, steps = work["hidden"], work["steps"]
        scaled = lambda size, seed: jnp.asarray((uniform(size, seed) / np.sqrt(n)).astype(np.float32))
        params = (scaled(n * n, 1).reshape(n, n), scaled(n * n, 2).reshape(n, n), scaled(n, 3))
        xs = jnp.asarray(uniform(steps * n, 4).reshape(steps, n))

        def last(params, xs):
            w, u, b = params
            return jax.lax.scan(lambda h, x: (jnp.tanh(w @ h + u @ x + b), None), jnp.zeros(n), xs)[0]

        f = jax.jit(jax.value_and_grad(lambda p, xs: last(p, xs).sum()) if work["gradients"] else last)
        return lambda: jax.block_until_ready(f(params, xs)), lambda: {}
    if kind == "ensemble":
        n = work["models"]
        weights = [jnp.asarray(uniform(n * 4, s).reshape(n, 2, 2)) for s in (2, 3, 4)]
        biases = [jnp.asarray(uniform(n * 2, s).reshape(n, 2)) for s in (20, 21, 22)]
        model = eqx.filter_vmap(lambda key: eqx.nn.MLP(2, 2, 2, 2, key=key))(jax.random.split(jax.random.PRNGKey(0), n))
        model = eqx.tree_at(lambda m: [p for l in m.layers for p in (l.weight, l.bias)], model, [p for pair in zip(weights, biases) for p in pair])
        x = jnp.array([0.5, -0.25])

        def apply(params, x):
            for i in range(3):
                x = params[2 * i] @ x + params[2 * i + 1]
                x = jax.nn.relu(x) if i < 2 else x
            return x

        params = [p for pair in zip(weights, biases) for p in pair]
        f = jax.jit(jax.vmap(apply, (0, None)))
        g = eqx.filter_jit(eqx.filter_vmap(lambda m, x: m(x), in_axes=(eqx.if_array(0), None)))

        def facts():
            once = measure(lambda: g(model, x).block_until_ready(), {**plan, "warm": 0.2})
            return {"note": "jax.jit; eqx.filter_jit in `equinox`", "equinox": once["median"]}

        return lambda: f(params, x).block_until_ready(), facts
    if kind == "gradients":
        sizes, batch = work["sizes"], work["batch"]
        x = jnp.asarray(uniform(batch * sizes[0], 1).reshape(batch, sizes[0]))
        labels = jnp.arange(batch) * 7 % sizes[-1]
        params = []
        for i in range(len(sizes) - 1):
            bound = np.float64(1 / np.sqrt(sizes[i]))
            params.append(jnp.asarray((uniform(sizes[i] * sizes[i + 1], 2 + i) * bound).astype(np.float32).reshape(sizes[i + 1], sizes[i])))
            params.append(jnp.asarray((uniform(sizes[i + 1], 20 + i) * bound).astype(np.float32)))

        def loss(params, x, label):
            for i in range(0, len(params), 2):
                x = params[i] @ x + params[i + 1]
                x = jax.nn.relu(x) if i + 2 < len(params) else x
            return -jax.nn.log_softmax(x)[label]

        if work["perExample"]:
            f = jax.jit(jax.vmap(jax.grad(loss), (None, 0, 0)))
        else:
            f = jax.jit(jax.grad(lambda p, x, y: jax.vmap(loss, (None, 0, 0))(p, x, y).mean()))
        return lambda: jax.block_until_ready(f(params, x, labels)), lambda: {}
    if kind == "kernel":
        name = work["name"]
        linalg = ("cholesky", "solve", "qr", "eigh", "svd")
        f = jax.jit(getattr(jnp.linalg if name in linalg else jnp, name) if name != "fft" else jnp.fft.fft)
        args = [jnp.asarray(x) for x in kernel_data(name, work["size"])]
        return lambda: jax.block_until_ready(f(*args)), lambda: {}
    if kind == "increment":
        x = jnp.arange(1.0, 5.0)
        f = jax.jit(lambda x: x + 1)
        g = eqx.filter_jit(lambda x: x + 1)
        note = {"note": "jax.jit; eqx.filter_jit in `equinox`"}

        def facts():
            once = measure(lambda: g(x).block_until_ready(), {**plan, "warm": 0.2})
            return {**note, "equinox": once["median"]}

        return lambda: f(x).block_until_ready(), facts
    if kind == "eagerAdd":
        x, y = jnp.arange(1.0, 5.0), jnp.arange(4.0, 0.0, -1.0)
        return lambda: (x + y).block_until_ready(), lambda: {}
    if kind == "leaves":
        model = [{"w": jnp.ones(4), "b": jnp.zeros(4)} for _ in range(work["count"] // 2)]

        def apply(model, x):
            for layer in model:
                x = x * layer["w"] + layer["b"]
            return x

        f = jax.jit(apply)
        x = jnp.arange(1.0, 5.0)
        return lambda: f(model, x).block_until_ready(), lambda: {}
    return None


work, plan = (json.loads(a) for a in sys.argv[1:3])
mode = sys.argv[3]
if mode == "import":
    import equinox  # noqa: F401

    sys.exit(0)
ready = prepare(work)
if ready is None:
    print("@@" + json.dumps({"able": False}))
elif mode == "first":
    t = time.perf_counter()
    ready[0]()
    print("@@" + json.dumps({"able": True, "seconds": time.perf_counter() - t, "facts": ready[1]()}))
else:
    timing = measure(ready[0], plan)
    print("@@" + json.dumps({"able": True, "timing": timing, "facts": ready[1]()}))
