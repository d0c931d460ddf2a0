"""Every transformation inside of every other, over a table of small functions.

A function takes and gives a float64 vector of three; so does a transformed function, whatever the transformation: jacobians are
multiplied by a vector, mapped results are summed. Hence they nest. A further function or transformation is one line here.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as onp

from record import array, internal, lax, nn, np, record, replay, vn

i32 = lambda *v: onp.array(v, "int32")
f64 = lambda v: onp.array(v, "float64")
W = f64([[0.5, -1.2, 0.3], [0.8, 0.1, -0.6], [-0.4, 0.9, 0.7]])
X = f64([0.6, -0.35, 0.85])


def custom_jvp(x):
    f = vn.filter_custom_jvp(lambda x: np.sin(x) * x)
    f.def_jvp(lambda primals, tangents: [f(primals[0]), tangents[0] * np.cos(primals[0]) * 3.0])
    return f(x)


def custom_vjp(x):
    f = vn.filter_custom_vjp(lambda x: np.sin(x) * x)
    f.def_fwd(lambda perturbed, x: [f(x), np.cos(x)])
    f.def_bwd(lambda cos, g, perturbed, x: g * cos * 3.0)
    return f(x)


FUNCTIONS = {
    "elementwise": lambda x: np.sin(x) * np.exp(-x) + x**3 / (np.abs(x) + 2.0),
    "matmul": lambda x: np.tanh(np.matmul(W, x)) + np.einsum("i,j->ij", x, np.cos(x)) @ x,
    "reductions": lambda x: x * np.sum(x * x) + np.max(x) + np.prod(x) - np.mean(x) * np.min(x),
    "softmax": lambda x: nn.softmax(x) * x + nn.logsumexp(x),
    "where": lambda x: np.where(x > 0.2, np.sin(x), x * x) + lax.clamp(-0.3, x, 0.7) * x,
    "gather": lambda x: x[i32(2, 0, 0)] * x + x[np.argmin(x)],
    "scatter": lambda x: np.zeros_like(x).at[i32(1, 1, 2)].add(np.sin(x)) * x.at[1].set(x[0] * x[2]),
    "scatter by data": lambda x: x.at[np.argsort(x)].set(np.cos(x)) * x,
    "sort": lambda x: np.sort(x) * x,
    "cumsum": lambda x: np.cumsum(x) * np.cumprod(x),
    "dynamic slice": lambda x: lax.dynamic_slice(np.concatenate([x, x * x]), (np.argmax(x),), (3,)) * x,
    "dynamic update": lambda x: lax.dynamic_update_slice(np.concatenate([x, x * 2.0]), np.sin(x)[:2], (np.argmin(x),))[1:4],
    "stop gradient": lambda x: x * lax.stop_gradient(np.exp(x)) + np.floor(x) * x,
    "custom jvp": custom_jvp,
    "custom vjp": custom_vjp,
    "scan": lambda x: lax.scan(lambda c, a: [np.sin(c) * a + x[0], c * x], np.sum(x), x)[1][2] * x,
    "fori": lambda x: lax.fori_loop(0, 3, lambda i, c: np.sin(c) + x * i, x),
    "while": lambda x: lax.while_loop(lambda c: np.sum(c * c) < 4.0, lambda c: c * (x * x + 1.1), x),
    "cond": lambda x: lax.cond(np.sum(x) > 0.1, lambda a: np.sin(a) * x, lambda a: a * a, x),
    "switch": lambda x: lax.switch(np.argmax(x), [lambda a: a, lambda a: np.cos(a), lambda a: a * np.sum(a)], x),
    "associative scan": lambda x: lax.associative_scan(lambda a, b: a * b + b, x) * x,
    "convolution": lambda x: lax.conv_general_dilated(np.reshape(x, (1, 1, 3)), W[None, :1], (1,), "SAME")[0, 0] * x,
    "windows": lambda x: lax.reduce_window(x, -float("inf"), lax.max, (2,), window_strides=(1,), padding="SAME") * x,
    "errorIf": lambda x: np.sin(vn.error_if(x, x > 1e9, "never")) * x,
}


def scalar(f):
    return lambda x: np.sum(np.sin(f(x)))


def value_and_grad(f, x):
    both = vn.filter_value_and_grad(scalar(f))(x)
    return both[0] * both[1]


def vjp(f, x):
    both = vn.filter_vjp(f, x)
    return both[1](np.cos(both[0]))[0]


def linearize(f, x):
    both = vn.linearize(f, x)
    return both[0] + both[1](np.cos(x))


def with_jvp(f, x):
    g = vn.filter_custom_jvp(f)
    g.def_jvp(lambda primals, tangents: [g(primals[0]), vn.filter_jvp(f, [primals[0]], [tangents[0]])[1] * 2.0])
    return g(x)


def with_vjp(f, x):
    g = vn.filter_custom_vjp(f)
    g.def_fwd(lambda perturbed, x: [g(x), x])
    g.def_bwd(lambda x, ct, perturbed, _: vn.filter_vjp(f, x)[1](ct)[0] * 2.0)
    return g(x)


TRANSFORMATIONS = {
    "none": lambda f, x: f(x),
    "filterJit": lambda f, x: vn.filter_jit(f)(x),
    "filterGrad": lambda f, x: vn.filter_grad(scalar(f))(x),
    "filterValueAndGrad": value_and_grad,
    "filterJvp": lambda f, x: vn.filter_jvp(f, [x], [np.cos(x)])[1],
    "filterVjp": vjp,
    "linearize": linearize,
    "filterJacfwd": lambda f, x: vn.filter_jacfwd(f)(x) @ x,
    "filterJacrev": lambda f, x: x @ vn.filter_jacrev(f)(x),
    "filterHessian": lambda f, x: vn.filter_hessian(scalar(f))(x) @ x,
    "filterVmap": lambda f, x: np.sum(vn.filter_vmap(f)(np.stack([x, x * 0.5])), axis=0),
    "filterVmap, last axes": lambda f, x: np.sum(vn.filter_vmap(f, in_axes=-1, out_axes=-1)(np.stack([x, x * 0.5], axis=-1)), axis=-1),
    "filterClosureConvert": lambda f, x: vn.filter_closure_convert(lambda y: f(y) * x, x)(np.sin(x)),
    "filterCustomJvp": with_jvp,
    "filterCustomVjp": with_vjp,
    "filterMakeJaxpr": lambda f, x: f(x) + np.zeros(vn.filter_make_jaxpr(f)(x)[1].shape),
    "filterEvalShape": lambda f, x: f(x) + np.zeros(vn.filter_eval_shape(f, x).shape),
    "scan": lambda f, x: lax.scan(lambda c, a: [f(c), f(a)], x, np.stack([x, np.cos(x)]))[0],
    "cond": lambda f, x: lax.cond(np.sum(x) > 0.0, f, lambda a: a, x),
    "filterCheckpoint": lambda f, x: vn.filter_checkpoint(f)(x),
    "filterPmap": lambda f, x: np.sum(vn.filter_pmap(f)(np.stack([x, x * 0.5])), axis=0),
    "filterCheckpoint, dotsSaveable": lambda f, x: vn.filter_checkpoint(f, policy=vn.checkpoint_policies.dots_saveable)(x),
    "noinline": lambda f, x: internal.noinline(f)(x),
    "filterShard": lambda f, x: f(vn.filter_shard(x, vn.devices()[0])),
    "filterScan": lambda f, x: vn.filter_scan(lambda c, a: [f(c), f(a)], x, np.stack([x, np.cos(x)]))[0],
    "filterCond": lambda f, x: vn.filter_cond(np.sum(x) > 0.0, f, lambda a: a, x),
    "filterWhileLoop, bounded": lambda f, x: vn.filter_while_loop(
        lambda c: c[0] < 2, lambda c: [c[0] + 1, f(c[1])], [onp.array(0, "int32"), x], kind="bounded", max_steps=3
    )[1],
}

# What JAX runs in place of a transformation that it does not have or does not nest, where the numbers are the same by definition.
ON_JAX = {
    "filterPmap": "filterVmap",
    "filterCheckpoint, dotsSaveable": "none",
    "noinline": "none",
    "filterShard": "none",
    "filterScan": "scan",
    "filterCond": "cond",
    "filterWhileLoop, bounded": "scan",  # f twice
}

# Second derivatives by reverse mode of a scan over a function with a jvp rule come out wrong in JAX 0.10.2: they differ from its own
# by forward mode, and from those of the loop written out, which stand here.
WRITTEN_OUT = {("filterHessian", "scan", "custom jvp"): lambda f, x: f(f(x))}


def write(file):
    """For each pair what JAX gives for each function, in the order of the table; null where it refuses."""
    transformations = {name: record(t) for name, t in TRANSFORMATIONS.items()}
    written_out = {key: record(t) for key, t in WRITTEN_OUT.items()}
    functions = {name: record(f) for name, f in FUNCTIONS.items()}
    # Optimisation of thousands of small programs takes most of the time, and changes roundings only.
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.enable_x64(True):
        x = array(X)
        rows = []
        known = {}
        for outer, inner in itertools.product(transformations, transformations):
            key = tuple(ON_JAX.get(name, name) for name in (outer, inner))

            def apply(name):
                own = lambda v: replay(functions[name], [v])
                nested = lambda v: replay(written_out.get((*key, name), transformations[key[1]]), [own, v])
                return lambda v: replay(transformations[key[0]], [nested, v])

            if key not in known:
                known[key] = evaluate({name: apply(name) for name in functions}, x)
            values = known[key]
            stack = onp.array([values.get(name, jnp.full(3, jnp.nan)) for name in functions])
            refused = [name for name in functions if name not in values]
            rows.append([outer, inner, file.index_of(stack), refused])
            print(f"{len(rows)} of {len(transformations)**2}: {outer} of {inner}; refused: {len(refused)}", flush=True)
    jax.config.update("jax_disable_most_optimizations", before)
    file.tables = {
        "x": file.index_of(X),
        "functions": {name: file.program(p) for name, p in functions.items()},
        "transformations": {name: file.program(p) for name, p in transformations.items()},
        "pairs": rows,
    }


REFUSALS = [
    "forward-mode autodiff (jvp) to a custom_vjp",
    "custom_lin",
    "Reverse-mode differentiation does not work for lax.while_loop",
]


def evaluate(calls, x):
    """What JAX gives, all in one compilation: what is compiled and what is not differs by rounding only.

    What JAX refuses, such as forward mode of a custom vjp, is left out: this library must refuse it too.
    """
    allowed = {name: g for name, g in calls.items() if allows(lambda: jax.eval_shape(g, x))}
    together = lambda calls: jax.jit(lambda v: {name: g(v) for name, g in calls.items()})(x)
    found = {}
    # Some refusals come only when code is made.
    if not allows(lambda: found.update(together(allowed))):
        found = together({name: g for name, g in allowed.items() if allows(lambda: jax.jit(g).lower(x))})
    return found


def allows(attempt):
    try:
        attempt()
        return True
    except Exception as error:
        if not any(words in str(error) for words in REFUSALS):
            raise
        return False
