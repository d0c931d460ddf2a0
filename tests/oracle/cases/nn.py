"""``nn``: activations, and Equinox's layers built from a key."""

import numpy as onp

from cases.elementwise import fn_of
from cases.inputs import FLOATS, specials, uniform
from record import close, nn, np, random, ulp, vn

ACT = ["relu", "relu6", "sigmoid", "softplus", "silu", "swish", "soft_sign", "log_sigmoid", "elu", "selu", "celu", "gelu",
       "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_silu", "tanh", "squareplus", "mish", "identity"]


def write(file):
    add = file.add
    tol = {"float32": close(2e-6, 3e-7), "float64": close(2e-14, 1e-15)}
    for name in ACT:
        f = fn_of(f"nn.{name}")
        for dtype in FLOATS:
            x64 = dtype == "float64"
            add(f"{f.ts}/{dtype}", lambda x: f(x), uniform((3, 11), dtype, -6, 6), tol=tol[dtype], x64=x64)
            s = specials(dtype)
            # Finite but huge values overflow inside some of them, each library in its own way.
            s = s[(onp.abs(s) < 1e6) | ~onp.isfinite(s)]
            add(f"{f.ts}/{dtype} special", lambda x: f(x), s, tol=tol[dtype], x64=x64)
        if name in ("relu", "relu6", "gelu"):  # JAX refuses integers for some others; this library need not
            add(f"{f.ts}/int32", lambda x: f(x), uniform(5, "int32"), tol=tol["float32"], weak=False)
    for dtype in FLOATS:
        x, x64, t = uniform((3, 11), dtype, -6, 6), dtype == "float64", tol[dtype]
        add(f"nn.gelu/exact {dtype}", lambda x: nn.gelu(x, approximate=False), x, tol=t, x64=x64)
        add(f"nn.elu/alpha {dtype}", lambda x: nn.elu(x, alpha=0.5), x, tol=t, x64=x64)
        add(f"nn.celu/alpha {dtype}", lambda x: nn.celu(x, alpha=0.5), x, tol=t, x64=x64)
        add(f"nn.leakyRelu/slope {dtype}", lambda x: nn.leaky_relu(x, negative_slope=0.2), x, tol=t, x64=x64)
        add(f"nn.glu/{dtype}", lambda x: nn.glu(x[:, :10]), x, tol=t, x64=x64)
        add(f"nn.glu/axis {dtype}", lambda x: nn.glu(x[:2], axis=0), x, tol=t, x64=x64)
        for name in ("softmax", "log_softmax", "logsumexp", "standardize"):
            f = fn_of(f"nn.{name}")
            if name == "standardize":  # JAX takes the variance as a difference of large numbers
                t = close(t["rtol"] * 3, t["atol"] * 40)
            add(f"{f.ts}/{dtype}", lambda x: f(x), x, tol=close(t["rtol"] * 3, t["atol"] * 4), x64=x64)
            for axis in (0, -1, (0, 1)):
                add(f"{f.ts}/{axis} {dtype}", lambda x: f(x, axis=axis), x, tol=close(t["rtol"] * 3, t["atol"] * 4), x64=x64)
    big = onp.array([[1000.0, 1001.0, 999.0], [-1000.0, -1000.0, -1001.0], [onp.inf, 1.0, 2.0], [-onp.inf, -onp.inf, -onp.inf],
                     [onp.nan, 1.0, 2.0], [-onp.inf, 0.0, 1.0]], "float32")
    for name in ("softmax", "log_softmax", "logsumexp"):
        f = fn_of(f"nn.{name}")
        add(f"{f.ts}/large", lambda x: f(x, axis=-1), big, tol=close(3e-6, 1e-6))
        add(f"{f.ts}/where", lambda x, w: f(x, axis=-1, where=w), uniform((2, 5)), uniform((2, 5), "bool"), tol=close(3e-6, 1e-6))
    add("nn.logsumexp/weights", lambda x, b: nn.logsumexp(x, b=b), uniform(5), uniform(5, lo=0, hi=1, seed=1), tol=close(3e-6, 1e-6))
    add("nn.logsumexp/keepdims", lambda x: nn.logsumexp(x, axis=1, keepdims=True), uniform((2, 5)), tol=close(3e-6, 1e-6))
    add("nn.logsumexp/empty", lambda x: nn.logsumexp(x), onp.zeros(0, "float32"))
    add("nn.softmax/zero size", lambda x: nn.softmax(x, axis=1), onp.zeros((0, 3), "float32"))
    labels = onp.array([0, 2, 1, 3, -1, 5], "int32")
    add("nn.oneHot", lambda x: nn.one_hot(x, 4), labels)
    add("nn.oneHot/dtype", lambda x: nn.one_hot(x, 4, dtype="int32"), labels)
    add("nn.oneHot/axis", lambda x: nn.one_hot(x, 4, axis=0), labels)
    add("nn.oneHot/2-d", lambda x: nn.one_hot(x, 3), labels.reshape(2, 3))
    add("nn.logmeanexp", lambda x: nn.logmeanexp(x), uniform(5), tol=close(3e-6, 1e-6))

    # Layers. Uniform initialisation is plain arithmetic on random bits: exact, but for the fused
    # product and sum that random.py tells of.
    key = lambda n=0: random.PRNGKey(n)
    weights = ulp(1, 6e-8)
    out = close(3e-6, 2e-6)
    for i, o in [(2, 3), (5, 1), (1, 7), (64, 32), (0, 3), (3, 0), ("scalar", 3), (3, "scalar"), ("scalar", "scalar")]:
        add(f"nn.Linear/{i} {o} weights", lambda: (lambda m: [m.weight, m.bias])(nn.Linear(i, o, key=key())), tol=weights)
        x = uniform(() if i == "scalar" else (i,), lo=-1, hi=1)
        add(f"nn.Linear/{i} {o}", lambda x: nn.Linear(i, o, key=key())(x), x, tol=out)
    add("nn.Linear/no bias", lambda x: (lambda m: [m.weight, m.bias, m(x)])(nn.Linear(4, 3, use_bias=False, key=key(7))), uniform(4), tol=out)
    add("nn.Linear/typed key", lambda: nn.Linear(4, 3, key=random.key(7)).weight, tol=weights)
    add("nn.Linear/float64", lambda x: (lambda m: [m.weight, m.bias, m(x)])(nn.Linear(4, 3, dtype="float64", key=key(7))), uniform(4, "float64"), tol=close(1e-14, 1e-14), x64=True)
    add("nn.Linear/wrong shape", lambda x: nn.Linear(4, 3, key=key())(x), uniform(5), throws=True)
    add("nn.Linear/batch", lambda x: nn.Linear(4, 3, key=key())(x), uniform((2, 4)), throws=True)
    for args in [(2, 1, 2, 1), (2, 2, 2, 2), (3, 4, 8, 0), (3, 4, 8, 3), ("scalar", "scalar", 5, 1)]:
        x = uniform(() if args[0] == "scalar" else (args[0],), lo=-1, hi=1)
        add(f"nn.MLP/{args}", lambda x: nn.MLP(*args, key=key())(x), x, tol=out)
        add(f"nn.MLP/{args} weights", lambda: [nn.MLP(*args, key=key()).layers[0].weight, nn.MLP(*args, key=key()).layers[-1].bias] if args[3] == 0
            else [nn.MLP(*args, key=key()).layers[n].weight for n in range(args[3] + 1)], tol=weights)
    add("nn.MLP/tanh", lambda x: nn.MLP(3, 2, 8, 2, activation=np.tanh, key=key(1))(x), uniform(3), tol=out)
    add("nn.MLP/final activation", lambda x: nn.MLP(3, 2, 8, 2, final_activation=nn.sigmoid, key=key(1))(x), uniform(3), tol=out)
    add("nn.MLP/no biases", lambda x: nn.MLP(3, 2, 8, 2, use_bias=False, use_final_bias=False, key=key(1))(x), uniform(3), tol=out)
    add("nn.MLP/784-512-512-10", lambda x: nn.MLP(784, 10, 512, 2, key=key(1))(x), uniform(784, lo=0, hi=1), tol=close(1e-5, 2e-6))
    add("nn.MLP/vmap", lambda x: vn.filter_vmap(nn.MLP(3, 2, 8, 2, key=key(1)))(x), uniform((6, 3)), tol=out)
    add("nn.MLP/ensemble", lambda x: vn.filter_vmap(lambda k: nn.MLP(3, 2, 4, 1, key=k)(x))(random.split(key(1), num=3)), uniform(3), tol=out)

    add("nn.LayerNorm", lambda x: nn.LayerNorm((5,))(x), uniform(5), tol=out)
    add("nn.LayerNorm/number", lambda x: nn.LayerNorm(5)(x), uniform(5), tol=out)
    add("nn.LayerNorm/2-d", lambda x: nn.LayerNorm((3, 5))(x), uniform((3, 5)), tol=out)
    add("nn.LayerNorm/eps", lambda x: nn.LayerNorm(5, eps=0.1)(x), uniform(5), tol=out)
    add("nn.LayerNorm/plain", lambda x: (lambda m: [m.weight, m.bias, m(x)])(nn.LayerNorm(5, use_weight=False, use_bias=False)), uniform(5), tol=out)
    add("nn.LayerNorm/weights", lambda: (lambda m: [m.weight, m.bias])(nn.LayerNorm(5)))
    add("nn.LayerNorm/constant", lambda x: nn.LayerNorm(5)(x), onp.full(5, 3.0, "float32"), tol=out)
    add("nn.LayerNorm/wrong shape", lambda x: nn.LayerNorm(5)(x), uniform((3, 5)), throws=True)
    add("nn.LayerNorm/vmap", lambda x: vn.filter_vmap(nn.LayerNorm(5))(x), uniform((4, 5)), tol=out)
    add("nn.RMSNorm", lambda x: nn.RMSNorm(5)(x), uniform(5), tol=out)
    # Embedding draws from a normal: see random.py for what that allows.
    add("nn.Embedding/weights", lambda: nn.Embedding(num_embeddings=7, embedding_size=3, key=key()).weight, tol=ulp(24, 3e-7))
    add("nn.Embedding", lambda i: nn.Embedding(num_embeddings=7, embedding_size=3, key=key())(i), onp.array(4, "int32"), tol=ulp(24, 3e-7))
    add("nn.Embedding/weight given", lambda w, i: nn.Embedding(weight=w)(i), uniform((4, 2)), onp.array(3, "int32"))
    add("nn.Embedding/vmap", lambda i: vn.filter_vmap(nn.Embedding(num_embeddings=7, embedding_size=3, key=key()))(i), onp.array([4, 0, 6], "int32"), tol=ulp(24, 3e-7))
    add("nn.Embedding/not a scalar", lambda i: nn.Embedding(num_embeddings=7, embedding_size=3, key=key())(i), onp.array([4], "int32"), throws=True)
    for p in (0.0, 0.3, 0.5, 0.9):
        add(f"nn.Dropout/{p}", lambda x: nn.Dropout(p=p)(x, key=random.PRNGKey(3)), uniform((4, 5)), tol=ulp(1))
    add("nn.Dropout/inference", lambda x: nn.Dropout(p=0.5, inference=True)(x), uniform((4, 5)))
    add("nn.Dropout/inference at call", lambda x: nn.Dropout(p=0.5)(x, inference=True), uniform((4, 5)))
    add("nn.Dropout/no key", lambda x: nn.Dropout(p=0.5)(x), uniform((4, 5)), throws=True)
    add("nn.Identity", lambda x: nn.Identity()(x), uniform(3))
    add("nn.Lambda", lambda x: nn.Lambda(np.tanh)(x), uniform(3), tol=ulp(3))
    add("nn.Sequential", lambda x: nn.Sequential([nn.Linear(3, 4, key=key()), nn.Lambda(nn.relu), nn.Linear(4, 2, key=key(1))])(x), uniform(3), tol=out)
    add("nn.Sequential/dropout", lambda x: nn.Sequential([nn.Linear(3, 4, key=key()), nn.Dropout(p=0.5), nn.Lambda(np.tanh)])(x, key=key(5)), uniform(3), tol=out)
    add("nn.Sequential/index", lambda x: nn.Sequential([nn.Linear(3, 4, key=key()), nn.Lambda(nn.relu)]).layers[0](x), uniform(3), tol=out)
    add("nn.inferenceMode", lambda x: nn.inference_mode(nn.Sequential([nn.Linear(3, 4, key=key()), nn.Dropout(p=0.5)]))(x), uniform(3), tol=out)
