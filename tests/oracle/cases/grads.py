"""Derivatives of small functions: first and second order, forward and reverse, batched, compiled."""

import numpy as onp

from cases.inputs import distinct, uniform
from record import close, lax, nn, np, ulp, vn

T = close(5e-6, 2e-6)
T2 = close(3e-5, 2e-5)


def write(file):
    add = file.add
    x5, x34, p5 = uniform(5), uniform((3, 4)), uniform(5, lo=0.3, hi=2)
    i32 = lambda *v: onp.array(v, "int32")

    # name -> (scalar function, inputs, smooth enough for a second derivative)
    f1 = {
        "sin": (lambda x: np.sum(np.sin(x)), x5), "cos": (lambda x: np.sum(np.cos(x)), x5), "tan": (lambda x: np.sum(np.tan(x * 0.5)), x5),
        "exp": (lambda x: np.sum(np.exp(x)), x5), "log": (lambda x: np.sum(np.log(x)), p5), "sqrt": (lambda x: np.sum(np.sqrt(x)), p5),
        "tanh": (lambda x: np.sum(np.tanh(x)), x5), "rsqrt": (lambda x: np.sum(lax.rsqrt(x)), p5), "log1p": (lambda x: np.sum(np.log1p(x)), p5),
        "expm1": (lambda x: np.sum(np.expm1(x)), x5), "logistic": (lambda x: np.sum(lax.logistic(x)), x5), "erf": (lambda x: np.sum(lax.erf(x)), x5),
        "arcsin": (lambda x: np.sum(np.arcsin(x * 0.4)), x5), "arctan": (lambda x: np.sum(np.arctan(x)), x5), "sinh": (lambda x: np.sum(np.sinh(x)), x5),
        "arcsinh": (lambda x: np.sum(np.arcsinh(x)), x5), "square": (lambda x: np.sum(np.square(x)), x5), "reciprocal": (lambda x: np.sum(1.0 / x), p5),
        "cube": (lambda x: np.sum(x**3), x5), "power": (lambda x: np.sum(x**2.5), p5), "negative power": (lambda x: np.sum(x**-2), p5),
        "exponent": (lambda x: np.sum(np.power(2.0, x)), x5), "erf_inv": (lambda x: np.sum(lax.erf_inv(x * 0.4)), x5), "cbrt": (lambda x: np.sum(np.cbrt(x)), p5),
        "logaddexp": (lambda x: np.sum(np.logaddexp(x, 0.3)), x5), "arctan2": (lambda x: np.sum(np.arctan2(x, 0.7)), x5),
        "sum of squares": (lambda x: np.sum(x * x), x34), "mean": (lambda x: np.mean(x * x * x), x34), "variance": (lambda x: np.var(x), x34),
        "std": (lambda x: np.sum(np.std(x, axis=0)), x34), "prod": (lambda x: np.prod(x), p5), "prod with zero": (lambda x: np.prod(x), onp.array([2.0, 0.0, 3.0], "float32")),
        "prod with zeros": (lambda x: np.prod(x), onp.array([2.0, 0.0, 0.0], "float32")),
        "norm": (lambda x: np.linalg.norm(x), x34), "cumsum": (lambda x: np.sum(np.cumsum(x) ** 2), x5), "cumprod": (lambda x: np.sum(np.cumprod(x)), p5),
        "logsumexp": (lambda x: np.sum(nn.logsumexp(x, axis=1)), x34), "softmax": (lambda x: np.sum(nn.softmax(x, axis=1) ** 2), x34),
        "log softmax": (lambda x: np.sum(nn.log_softmax(x, axis=1)[:, 0]), x34), "gelu": (lambda x: np.sum(nn.gelu(x)), x5), "silu": (lambda x: np.sum(nn.silu(x)), x5),
        "softplus": (lambda x: np.sum(nn.softplus(x)), x5), "elu": (lambda x: np.sum(nn.elu(x)), x5), "standardize": (lambda x: np.sum(nn.standardize(x) ** 3), x34),
        "reshape and transpose": (lambda x: np.sum(np.reshape(x.T, (2, 6))[0] ** 3), x34), "slices": (lambda x: np.sum(x[1:, ::2] ** 3), x34),
        "gather": (lambda x: np.sum(x[onp.array([0, 2, 2, -1], "int32")] ** 3), x5), "two index arrays": (lambda x: np.sum(x[onp.array([0, 2, 2], "int32"), onp.array([1, 1, -1], "int32")] ** 3), x34),
        "concatenate": (lambda x: np.sum(np.concatenate([x, x * x, x[:2]]) ** 2), x5), "stack": (lambda x: np.sum(np.stack([x, x * x]) ** 2), x5),
        "pad": (lambda x: np.sum(np.pad(x, 2, constant_values=1.5) ** 3), x5), "roll": (lambda x: np.sum(np.roll(x, 2) * x * x), x5), "flip": (lambda x: np.sum(np.flip(x) * x * x), x5),
        "tile": (lambda x: np.sum(np.tile(x, 2) ** 3), x5), "repeat": (lambda x: np.sum(np.repeat(x, 2) ** 3), x5), "tril": (lambda x: np.sum(np.tril(x) ** 3), x34),
        "diag": (lambda x: np.sum(np.diag(x[:, :3]) ** 3), x34), "broadcast": (lambda x: np.sum(np.broadcast_to(x, (3, 5)) ** 3), x5),
        "outer": (lambda x: np.sum(np.outer(x, x * x)), x5), "matmul": (lambda x: np.sum((x @ x.T) ** 2), x34), "einsum": (lambda x: np.sum(np.einsum("ij,kj->ik", x, x * x)), x34),
        "einsum trace": (lambda x: np.einsum("ii->", x[:, :3] @ x[:, :3]), x34), "at set": (lambda x: np.sum(x.at[1].set(x[0] * x[2]) ** 2), x5),
        "at add": (lambda x: np.sum(x.at[onp.array([0, 0, 3], "int32")].add(x[:3] * x[1:4]) ** 2), x5), "at mul": (lambda x: np.sum(x.at[1].mul(x[0]) ** 2), x5),
        "dynamic slice": (lambda x: np.sum(lax.dynamic_slice(x, (2,), (2,)) ** 3), x5), "dynamic update": (lambda x: np.sum(lax.dynamic_update_slice(x, x[:2] ** 2, (3,)) ** 2), x5),
        "sort": (lambda x: np.sum(np.sort(x) ** 3 * onp.array([1, 2, 3, 4, 5], "float32")), x5),
        "take along axis": (lambda x: np.sum(np.take_along_axis(x, onp.array([[1], [0], [3]], "int32"), 1) ** 3), x34),
        "quotient": (lambda x: np.sum(np.sin(x) / (1.0 + x * x)), x5), "chain": (lambda x: np.sum(np.exp(np.sin(x * x)) * np.cos(x)), x5),
        "lgamma": (lambda x: np.sum(lax.lgamma(x)), p5), "digamma": (lambda x: np.sum(lax.digamma(x)), p5),
        "at min": (lambda x: np.sum(x.at[onp.array([0, 0, 3], "int32")].min(np.sin(x[2:5])) ** 2), x5),
        "at max": (lambda x: np.sum(x.at[onp.array([0, 0, 3], "int32")].max(np.sin(x[2:5])) ** 2), x5),
        "stop gradient": (lambda x: np.sum(x * lax.stop_gradient(x * x)), x5), "unused": (lambda x: np.sum(x[0] * x[0]), x5),
        "float64": (lambda x: np.sum(np.exp(np.sin(x)) * x), uniform(5, "float64")),
        "astype": (lambda x: np.sum(x.astype("float64") ** 3), x5), "scan": (lambda x: lax.scan(lambda c, v: [np.sin(c + v), c * v], np.zeros(()), x)[0], x5),
        "cond": (lambda x: lax.cond(x[0] > 0, lambda v: np.sum(v**2), lambda v: np.sum(v**3), x), x5),
        "mean of a where": (lambda x: np.mean(np.where(x > 0, x * x, np.exp(x))), x5),
        "safe where": (lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)), x5),
    }
    # Kinked: first order only. Not here: the gradient of x[i] with i out of bounds. JAX reads the nearest
    # element and drops its cotangent, since such an index breaks a promise; here it goes to the element read.
    f0 = {
        "relu": (lambda x: np.sum(nn.relu(x) * 2.0), onp.array([-1, 0, -0.0, 2], "float32")), "relu6": (lambda x: np.sum(nn.relu6(x)), onp.array([-1, 0, 3, 6, 7], "float32")),
        "abs": (lambda x: np.sum(np.abs(x)), onp.array([-1, 0, 2], "float32")), "sign": (lambda x: np.sum(np.sign(x) * x), x5),
        "max": (lambda x: np.max(x), x5), "max ties": (lambda x: np.max(x), onp.array([1, 3, 3, 2, 3], "float32")), "min ties": (lambda x: np.sum(np.min(x, axis=1)), onp.array([[1, 1, 2], [2, 2, 2]], "float32")),
        "max axis": (lambda x: np.sum(np.max(x, axis=0)), x34), "maximum ties": (lambda x: np.sum(np.maximum(x, 1.0)), onp.array([0, 1, 2], "float32")),
        "minimum of both": (lambda x: np.sum(np.minimum(x, x * 1.0)), x5), "clip": (lambda x: np.sum(np.clip(x, min=-1.0, max=1.0)), onp.array([-2, -1, 0, 1, 2], "float32")),
        "leaky relu": (lambda x: np.sum(nn.leaky_relu(x)), onp.array([-1, 0, 2], "float32")), "hard tanh": (lambda x: np.sum(nn.hard_tanh(x)), onp.array([-2, -1, 0, 1, 2], "float32")),
        "floor": (lambda x: np.sum(np.floor(x) * x), x5), "round": (lambda x: np.sum(np.round(x) * x), x5), "mod": (lambda x: np.sum(np.mod(x, 0.75)), x5),
        "at min ties": (lambda x: np.sum(x.at[onp.array([0, 0, 2], "int32")].min(onp.array([1, 1, 3], "float32")) * onp.array([1, 2, 3], "float32")), onp.array([1, 3, 2], "float32")),
        "at max of ties": (lambda x: np.sum(np.asarray(onp.array([2, 3, 1], "float32")).at[onp.array([0, 0, 2], "int32")].max(x) ** 2), onp.array([3, 3, 1], "float32")),
        "selu": (lambda x: np.sum(nn.selu(x)), onp.array([-1, 0, 2], "float32")), "celu": (lambda x: np.sum(nn.celu(x)), onp.array([-1, 0, 2], "float32")),
        "sqrt at zero": (lambda x: np.sum(np.sqrt(x)), onp.array([0.0, 1.0], "float32")), "norm at zero": (lambda x: np.linalg.norm(x), onp.zeros(3, "float32")),
        "square at zero": (lambda x: np.sum(x**2), onp.zeros(2, "float32")), "power at zero": (lambda x: np.sum(x**1.5), onp.array([0.0, 1.0], "float32")),
        "cummax": (lambda x: np.sum(lax.cummax(x) * onp.array([1, 2, 3, 4, 5], "float32")), x5), "sort ties": (lambda x: np.sum(np.sort(x) * onp.array([1, 2, 3], "float32")), onp.array([2, 1, 2], "float32")),
        "argmax pick": (lambda x: x[np.argmax(x)], x5), "std of a constant": (lambda x: np.sum(np.var(x)), onp.ones(3, "float32")),
        "log of zero": (lambda x: np.sum(np.log(x)), onp.array([0.0, 1.0], "float32")), "where NaN": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), onp.array([-1.0, 0.0, 4.0], "float32")),
        "logsumexp of infinities": (lambda x: nn.logsumexp(x), onp.array([-onp.inf, 0.0, 1.0], "float32")),
    }
    for name, (f, x) in {**f1, **f0}.items():
        wide = x.dtype == "float64"
        t, t2 = (close(1e-13, 1e-13),) * 2 if wide else (T, T2)
        if name == "standardize":  # JAX takes the variance as a difference of large numbers
            t, t2 = close(5e-5, 5e-5), close(5e-4, 5e-4)
        add(f"grad/{name}", lambda x: vn.value_and_grad(f)(x), x, tol=t, x64=wide)
        if name in f1:
            # The Hessian times a vector, reverse over reverse and forward over reverse.
            add(f"grad of grad/{name}", lambda x: vn.grad(lambda y: np.sum(vn.grad(f)(y) * np.cos(y)))(x), x, tol=t2, x64=wide)
            add(f"jvp of grad/{name}", lambda x: vn.jvp(vn.grad(f), [x], [np.cos(x)]), x, tol=t2, x64=wide)
            add(f"jvp/{name}", lambda x: vn.jvp(f, [x], [np.cos(x)]), x, tol=t, x64=wide)
    for name in ("sin", "prod", "softmax", "matmul", "sort", "gather", "at add", "logsumexp", "cumsum", "pad", "norm", "where", "scan", "cond", "dynamic slice", "einsum"):
        if name not in f1:
            continue
        f, x = f1[name]
        xs = onp.stack([x, x[::-1], x * onp.float32(0.5)])
        add(f"vmap of grad/{name}", lambda x: vn.vmap(vn.grad(f))(x), xs, tol=T2)
        add(f"grad of vmap/{name}", lambda x: vn.grad(lambda x: np.sum(vn.vmap(f)(x) ** 2))(x), xs, tol=T2)
        add(f"vmap over axis 1 of grad/{name}", lambda x: vn.vmap(vn.grad(f), in_axes=1, out_axes=1)(x), onp.moveaxis(xs, 0, 1).copy(), tol=T2)
        add(f"jit of grad/{name}", lambda x: vn.jit(vn.grad(f))(x), x, tol=T)
        add(f"grad of jit/{name}", lambda x: vn.grad(vn.jit(f))(x), x, tol=T)
    add("hessian/rosenbrock", lambda x: vn.hessian(lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))(x), uniform(4), tol=T2)
    add("jacfwd", lambda x: vn.jacfwd(lambda x: np.sin(x[:3]) * x[2])(x), x5, tol=T)
    add("jacrev", lambda x: vn.jacrev(lambda x: np.sin(x[:3]) * x[2])(x), x5, tol=T)
    add("third derivative", lambda x: vn.grad(vn.grad(vn.grad(lambda x: np.exp(np.sin(x)))))(x), onp.array(0.7, "float32"), tol=T2)
    add("fourth derivative of tanh", lambda x: vn.grad(vn.grad(vn.grad(vn.grad(np.tanh))))(x), onp.array(0.3, "float32"), tol=close(1e-4, 1e-4))
    add("vjp", lambda x, ct: vn.vjp(lambda x: np.sin(x) * 2.0, x)[1](ct), x5, uniform(5, seed=4), tol=T)
    add("vjp/primal", lambda x: vn.vjp(lambda x: np.sin(x) * 2.0, x)[0], x5, tol=T)
    add("argnums/1", lambda x, y: vn.grad(lambda x, y: np.sum(x * np.sin(y)), argnums=1)(x, y), x5, uniform(5, seed=1), tol=T)
    add("argnums/both", lambda x, y: vn.grad(lambda x, y: np.sum(x * np.sin(y)), argnums=(0, 1))(x, y), x5, uniform(5, seed=1), tol=T)
    add("hasAux", lambda x: vn.value_and_grad(lambda x: [np.sum(x * x), {"twice": x * 2.0}], has_aux=True)(x), x5, tol=T)
    add("tree", lambda p: vn.grad(lambda p: np.sum(p["w"] @ p["x"] + p["b"]) ** 2)(p), {"w": x34, "x": uniform(4), "b": uniform(3)}, tol=T)
    add("integer input", lambda x: vn.grad(lambda x: np.sum(x))(x), i32(1, 2), throws=True)
    add("integer output", lambda x: vn.grad(lambda x: np.argmax(x))(x), x5, throws=True)
    add("not a scalar", lambda x: vn.grad(lambda x: x)(x), x5, throws=True)
    add("matmul of two", lambda a, b: vn.grad(lambda a, b: np.sum(np.tanh(a @ b)), argnums=(0, 1))(a, b), x34, uniform((4, 2)), tol=T)
    for a, b in [((4,), (4,)), ((4,), (4, 2)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((1, 3, 4), (2, 4, 5))]:
        add(f"matmul/{a} {b}", lambda a, b: vn.grad(lambda a, b: np.sum(np.sin(np.matmul(a, b))), argnums=(0, 1))(a, b), uniform(a), uniform(b, seed=1), tol=T)
    for spec, a, b in [("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 4)), ("ij,j->", (2, 3), (3,)), ("i,j->ij", (2,), (3,)), ("bhqd,bhkd->bhqk", (1, 2, 3, 4), (1, 2, 5, 4)), ("ij,ij->ij", (2, 3), (2, 3))]:
        add(f"einsum/{spec}", lambda a, b: vn.grad(lambda a, b: np.sum(np.sin(np.einsum(spec, a, b))), argnums=(0, 1))(a, b), uniform(a), uniform(b, seed=1), tol=T)
    labels = i32(0, 2, 1)
    ce = lambda w, x, y: -np.mean(np.take_along_axis(nn.log_softmax(x @ w, axis=1), y[:, None], 1))
    add("cross entropy", lambda w, x, y: vn.value_and_grad(ce)(w, x, y), uniform((4, 3)), x34, labels, tol=T)
    add("cross entropy by one hot", lambda w, x, y: vn.value_and_grad(lambda w, x, y: -np.mean(np.sum(nn.one_hot(y, 3) * nn.log_softmax(x @ w), axis=-1)))(w, x, y), uniform((4, 3)), x34, labels, tol=T)
    add("cross entropy/vmap of grad", lambda w, x, y: vn.vmap(vn.grad(lambda w, x, y: -nn.log_softmax(x @ w)[y]), in_axes=(None, 0, 0))(w, x, y), uniform((4, 3)), x34, labels, tol=T)
    attention = lambda q, k, v: np.sum(np.sin(np.einsum("hqk,hkd->hqd", nn.softmax(np.einsum("hqd,hkd->hqk", q, k) / 2.0), v)))
    add("attention", lambda q, k, v: vn.grad(attention, argnums=(0, 1, 2))(q, k, v), uniform((2, 3, 4)), uniform((2, 5, 4), seed=1), uniform((2, 5, 4), seed=2), tol=T2)
    ln = lambda x, g, b: np.sum(np.sin((x - np.mean(x, axis=-1, keepdims=True)) * lax.rsqrt(np.var(x, axis=-1, keepdims=True) + 1e-5) * g + b))
    add("layer norm", lambda x, g, b: vn.grad(ln, argnums=(0, 1, 2))(x, g, b), x34, uniform(4, seed=1), uniform(4, seed=2), tol=T2)
    mlp = lambda p, x: np.mean((np.tanh(np.tanh(x @ p[0] + p[1]) @ p[2] + p[3]) - 0.5) ** 2)
    params = [uniform((4, 8)), uniform(8), uniform((8, 2)), uniform(2)]
    add("two layers", lambda p, x: vn.value_and_grad(mlp)(p, x), params, x34, tol=T)
    add("two layers/hessian diagonal block", lambda p, x: vn.hessian(lambda b: mlp([p[0], p[1], p[2], b], x))(p[3]), params, x34, tol=T2)
    add("linearize", lambda x: vn.linearize(np.sin, x)[1](np.ones((5,))), x5, tol=T)
    add("grad/where with NaN branch", lambda x: vn.grad(lambda x: np.sum(np.where(x > 0, x, x / 0.0)))(x), onp.array([1.0, 2.0], "float32"))
    add("grad/take mode fill", lambda x: vn.grad(lambda x: np.sum(x.at[onp.array([1, 9], "int32")].get(mode="fill", fill_value=0.0)))(x), x5)
    add("grad/sqrt of sum of squares", lambda x: vn.grad(lambda x: np.sqrt(np.sum(x * x)))(x), x5, tol=T)
