"""``optim``: optimisers over five steps on a small tree with empty leaves, and schedules."""

import numpy as onp

from cases.inputs import uniform
from record import close, nn, np, optim, random, vn

PARAMS = {"b": uniform(3), "frozen": None, "layers": [uniform((2, 3), seed=1), None], "s": onp.array(0.5, "float32")}
STEPS = 5


def write(file):
    add = file.add
    tol = close(4e-6, 1e-6)

    def run(make, params=PARAMS, steps=STEPS, **kw):
        def program(p):
            tx = make()
            state = tx.init(p)
            out = []
            for n in range(steps):
                grads = vn.grad(lambda q: np.sum(q["b"] ** 2 * (n + 1.0)) + np.sum(np.sin(q["layers"][0]) * 3.0) + q["s"] ** 3)(p)
                pair = tx.update(grads, state, p)
                p, state = vn.apply_updates(p, pair[0]), pair[1]
                out.append(p)
            return [out, state]
        return program

    txs = {
        "sgd": lambda: optim.sgd(0.1),
        "sgd momentum": lambda: optim.sgd(0.1, momentum=0.9),
        "sgd nesterov": lambda: optim.sgd(0.1, momentum=0.9, nesterov=True),
        "sgd schedule": lambda: optim.sgd(optim.linear_schedule(0.1, 0.01, 4)),
        "adam": lambda: optim.adam(1e-2),
        "adam options": lambda: optim.adam(1e-2, b1=0.8, b2=0.95, eps=1e-4, eps_root=1e-6),
        "adam nesterov": lambda: optim.adam(1e-2, nesterov=True),
        "adam schedule": lambda: optim.adam(optim.cosine_decay_schedule(1e-2, 4)),
        "adamw": lambda: optim.adamw(1e-2),
        "adamw options": lambda: optim.adamw(1e-2, weight_decay=0.1, b1=0.8),
        "clip": lambda: optim.chain(optim.clip(0.5), optim.sgd(0.1)),
        "clip by global norm": lambda: optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1)),
        "clip by large norm": lambda: optim.chain(optim.clip_by_global_norm(1e3), optim.sgd(0.1)),
        "chain": lambda: optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(1e-2, weight_decay=0.01)),
        "chain of parts": lambda: optim.chain(optim.scale_by_adam(), optim.add_decayed_weights(0.1), optim.scale(-0.01)),
        "scale by schedule": lambda: optim.chain(optim.trace(0.9), optim.scale_by_schedule(optim.exponential_decay(-0.1, 2, 0.5))),
        "scale by learning rate": lambda: optim.chain(optim.scale_by_learning_rate(0.1)),
        "identity": lambda: optim.chain(optim.identity(), optim.scale(-1.0)),
    }
    for name, make in txs.items():
        add(f"optim/{name}", run(make), PARAMS, tol=tol, weak=False)
    add("optim/adam float64", lambda p: (lambda tx: tx.update({"w": np.cos(p["w"])}, tx.init(p), p))(optim.adam(1e-2)), {"w": uniform(3, "float64")}, tol=close(1e-13, 1e-14), weak=False, x64=True)
    add("optim/state of adam", lambda p: optim.adam(1e-2).init(p), PARAMS, weak=False)
    add("optim/state of sgd", lambda p: [optim.sgd(1e-2).init(p), optim.sgd(1e-2, momentum=0.9).init(p)], PARAMS, weak=False)
    add("optim.globalNorm", lambda p: optim.global_norm(p), PARAMS, tol=tol)
    add("optim.applyUpdates", lambda p: optim.apply_updates(p, {"b": p["b"] * 2.0, "frozen": None, "layers": [p["layers"][0], None], "s": p["s"]}), PARAMS, weak=False)

    # A model trained for a few steps, all of it under one compiled step.
    x, y = uniform((32, 8), seed=3), onp.arange(32, dtype="int32") % 3

    def training(make):
        def loss(model, x, y):
            logits = vn.filter_vmap(model)(x)
            picked = np.take_along_axis(nn.log_softmax(logits, axis=1), y[:, None], 1)
            return -np.mean(picked)

        def program(x, y):
            tx = make()
            model = nn.MLP(8, 3, 17, 2, key=random.PRNGKey(5))
            state = tx.init(vn.filter(model, vn.is_inexact_array))

            def one(model, state, x, y):
                value = vn.filter_value_and_grad(loss)(model, x, y)
                pair = tx.update(value[1], state, model)
                return [vn.apply_updates(model, pair[0]), pair[1], value[0]]

            step = vn.filter_jit(one)
            losses = []
            for _ in range(4):
                out = step(model, state, x, y)
                model, state = out[0], out[1]
                losses.append(out[2])
            return [losses, [model.layers[n].weight for n in range(3)], model.layers[2].bias]

        return program

    add("training/adam", training(lambda: optim.adam(1e-2)), x, y, tol=close(2e-4, 2e-5))
    add("training/sgd", training(lambda: optim.sgd(0.1, momentum=0.9)), x, y, tol=close(2e-5, 2e-6))

    schedules = {
        "constant": lambda: optim.constant_schedule(0.3),
        "exponential": lambda: optim.exponential_decay(0.5, 4, 0.7),
        "exponential options": lambda: optim.exponential_decay(0.5, 4, 0.7, transition_begin=2, staircase=True, end_value=0.2),
        "exponential growing": lambda: optim.exponential_decay(0.5, 4, 1.5, end_value=1.0),
        "cosine": lambda: optim.cosine_decay_schedule(0.5, 8),
        "cosine options": lambda: optim.cosine_decay_schedule(0.5, 8, alpha=0.1, exponent=2.0),
        "warmup cosine": lambda: optim.warmup_cosine_decay_schedule(0.0, 0.5, 3, 9),
        "warmup cosine options": lambda: optim.warmup_cosine_decay_schedule(0.1, 0.5, 3, 9, end_value=0.05, exponent=1.5),
        "piecewise constant": lambda: optim.piecewise_constant_schedule(0.5, {2: 0.5, 5: 0.1}),
        "linear": lambda: optim.linear_schedule(0.5, 0.1, 6),
        "linear begin": lambda: optim.linear_schedule(0.5, 0.1, 6, transition_begin=2),
        "polynomial": lambda: optim.polynomial_schedule(0.5, 0.1, 2.0, 6),
        "polynomial options": lambda: optim.polynomial_schedule(0.5, 0.1, 0.5, 6, transition_begin=1),
        "warmup exponential": lambda: optim.warmup_exponential_decay_schedule(0.0, 0.5, 2, 3, 0.6),
        "join": lambda: optim.join_schedules([optim.linear_schedule(0.0, 1.0, 3), optim.constant_schedule(0.25)], [3]),
    }
    for name, make in schedules.items():
        def program(c):
            s = make()
            return [s(c + n) for n in range(12)]
        add(f"schedule/{name}", program, onp.array(0, "int32"), tol=close(3e-6, 1e-7), weak=False)
        add(f"schedule/{name} at a number", lambda: [make()(n) for n in (0, 3, 20)], tol=close(3e-6, 1e-7), weak=False)
