"""Attention: options, shapes, dtypes, derivatives of both modes and batches, below and above the size of a block."""

import numpy as onp

from cases.inputs import uniform
from record import close, nn, np, random, tree, vn

# JAX takes the softmax of float64 in float32: what is more exact here differs by that much.
TOL = {"float32": close(1e-5, 3e-6), "float64": close(1e-6, 2e-7)}
TIGHT = close(1e-12, 1e-13)


def heads(queries, keys, many=4, groups=None, size=8, values=None, dtype="float32", batch=()):
    """Queries, keys, values, and a cotangent."""
    groups, values = groups or many, values or size
    shapes = [(queries, many, size), (keys, groups, size), (keys, groups, values), (queries, many, values)]
    return [uniform((*batch, *s), dtype, seed=i, lo=-1, hi=1) for i, s in enumerate(shapes)]


def write(file):
    add = file.add
    attend = nn.dot_product_attention

    def family(name, make, *extra, dtypes=("float32", "float64"), second=False, **options):
        """The value, all first derivatives in both modes, and where asked one of the second order."""
        for dtype in dtypes:
            q, k, v, w = make(dtype)
            more = [e.astype(dtype) if e.dtype.kind == "f" else e for e in extra]
            floats = [e for e in more if e.dtype.kind == "f"]
            names = [e for e, kind in (("bias", "f"), ("mask", "b")) if any(x.dtype.kind == kind for x in more)]
            options_of = lambda given: {**options, **dict(zip(names, given))}
            f = lambda q, k, v, *given: attend(q, k, v, **options_of(given))
            tol = TOL[dtype]
            group = f"{name} {dtype}"
            if len(more) == 0:
                add(f"nn.dotProductAttention/{group}", lambda q, k, v: f(q, k, v), q, k, v, tol=tol)
                loss = lambda q, k, v, w: np.sum(f(q, k, v) * w)
                add(f"gradients of nn.dotProductAttention/{group}", lambda q, k, v, w: vn.grad(loss, argnums=(0, 1, 2))(q, k, v, w), q, k, v, w, tol=tol)
                if dtype == "float32":
                    add(f"tangents of nn.dotProductAttention/{group}", lambda q, k, v: vn.jvp(lambda a, b, c: f(a, b, c), [q, k, v], [np.sin(q), np.cos(k), np.sin(v)])[1], q, k, v, tol=tol)
                if second:
                    sines = lambda q, k, v, w: np.sum(np.sin(f(q, k, v)) * w)
                    add(f"second derivatives of nn.dotProductAttention/{group}", lambda q, k, v, w: vn.jvp(lambda a: vn.grad(sines, argnums=(0, 1, 2))(a, k, v, w), [q], [np.cos(q)])[1], q, k, v, w, tol=tol)
                    add(f"second derivatives of nn.dotProductAttention/reverse over reverse {group}", lambda q, k, v, w: vn.grad(lambda b: np.sum(vn.grad(sines)(q, b, v, w) ** 2))(k), q, k, v, w, tol=close(1e-4, 1e-5) if dtype == "float32" else tol)
            elif len(more) == 1:
                add(f"nn.dotProductAttention/{group}", lambda q, k, v, e: f(q, k, v, e), q, k, v, more[0], tol=tol)
                loss = lambda q, k, v, e, w: np.sum(f(q, k, v, e) * w)
                by = (0, 1, 2, 3) if floats else (0, 1, 2)
                add(f"gradients of nn.dotProductAttention/{group}", lambda q, k, v, e, w: vn.grad(loss, argnums=by)(q, k, v, e, w), q, k, v, more[0], w, tol=tol)
            else:
                add(f"nn.dotProductAttention/{group}", lambda q, k, v, b, m: f(q, k, v, b, m), q, k, v, *more, tol=tol)
                loss = lambda q, k, v, b, m, w: np.sum(f(q, k, v, b, m) * w)
                add(f"gradients of nn.dotProductAttention/{group}", lambda q, k, v, b, m, w: vn.grad(loss, argnums=(0, 1, 2, 3))(q, k, v, b, m, w), q, k, v, *more, w, tol=tol)

    family("plain", lambda d: heads(5, 6, dtype=d), second=True)
    family("a batch", lambda d: heads(5, 6, dtype=d, batch=(3,)))
    family("causal", lambda d: heads(6, 6, dtype=d), is_causal=True, second=True)
    family("causal, more keys", lambda d: heads(4, 7, dtype=d), is_causal=True)
    family("causal, more queries", lambda d: heads(7, 4, dtype=d), is_causal=True)
    family("scale", lambda d: heads(5, 6, dtype=d), scale=0.3)
    family("one query", lambda d: heads(1, 6, dtype=d))
    family("one key", lambda d: heads(5, 1, dtype=d))
    family("vectors of one", lambda d: heads(3, 4, size=1, dtype=d))
    family("groups", lambda d: heads(5, 6, many=6, groups=2, dtype=d), is_causal=True)
    family("one group of a batch", lambda d: heads(5, 6, many=4, groups=1, dtype=d, batch=(2,)))
    family("window", lambda d: heads(7, 7, dtype=d), local_window_size=(2, 1))
    family("window of one number, causal", lambda d: heads(7, 7, dtype=d), local_window_size=2, is_causal=True)

    # Masks: of each head, of all, of keys alone; of a query that may look nowhere.
    family("mask", lambda d: heads(5, 6, dtype=d), uniform((4, 5, 6), "bool"))
    family("mask of all heads", lambda d: heads(5, 6, dtype=d), uniform((1, 5, 6), "bool"))
    family("mask of padding", lambda d: heads(5, 6, dtype=d, batch=(3,)), onp.arange(6) < onp.array([6, 2, 4])[:, None, None, None])
    family("mask and causal", lambda d: heads(6, 6, dtype=d), uniform((4, 6, 6), "bool") | onp.eye(6, dtype=bool), is_causal=True)
    blind = uniform((4, 5, 6), "bool")
    blind[1, 2] = blind[3, 0] = False
    family("a query that sees nothing", lambda d: heads(5, 6, dtype=d), blind)
    family("mask with groups", lambda d: heads(5, 6, many=4, groups=2, dtype=d, batch=(2,)), uniform((2, 4, 5, 6), "bool"))

    # Biases, with their gradients; with masks.
    family("bias", lambda d: heads(5, 6, dtype=d), uniform((4, 5, 6)))
    family("bias of all heads", lambda d: heads(5, 6, dtype=d, batch=(2,)), uniform((1, 1, 5, 6)))
    family("bias with groups", lambda d: heads(5, 6, many=4, groups=2, dtype=d), uniform((4, 5, 6)), is_causal=True)
    family("bias and mask", lambda d: heads(5, 6, dtype=d), uniform((4, 5, 6)), uniform((4, 5, 6), "bool", seed=1))

    # Beyond one block of queries and keys, with rests.
    family("long", lambda d: heads(101, 263, many=1, size=5, dtype=d), dtypes=("float32",))
    family("long, causal", lambda d: heads(261, 261, many=1, size=4, dtype=d), dtypes=("float32",), is_causal=True)
    family("long, in a window", lambda d: heads(270, 270, many=1, size=3, dtype=d), dtypes=("float32",), local_window_size=(20, 3))

    # Logits that overflow an exponential.
    big = [x * 40 for x in heads(5, 6)[:2]] + heads(5, 6)[2:3]
    add("nn.dotProductAttention/large logits", lambda q, k, v: attend(q, k, v, scale=1.0), *big, tol=close(1e-4, 1e-4))

    # Batches by vmap: of each operand, of all, of what is masked, of gradients.
    for dtype in ("float32", "float64"):
        q, k, v, w = heads(5, 6, dtype=dtype)
        qs, ks, vs, ws = heads(5, 6, dtype=dtype, batch=(3,))
        masks, biases = uniform((3, 4, 5, 6), "bool"), uniform((3, 4, 5, 6), dtype)
        tol = TOL[dtype]
        name = "vmap of nn.dotProductAttention"
        add(f"{name}/queries {dtype}", lambda q, k, v: vn.vmap(lambda a: attend(a, k, v))(q), qs, k, v, tol=tol)
        add(f"{name}/keys {dtype}", lambda q, k, v: vn.vmap(lambda a: attend(q, a, v))(k), q, ks, v, tol=tol)
        add(f"{name}/values {dtype}", lambda q, k, v: vn.vmap(lambda a: attend(q, k, a))(v), q, k, vs, tol=tol)
        add(f"{name}/all {dtype}", lambda q, k, v: vn.vmap(lambda a, b, c: attend(a, b, c, is_causal=True))(q, k, v), qs, ks, vs, tol=tol)
        add(f"{name}/inner axes {dtype}", lambda q, k, v: vn.vmap(lambda a, b, c: attend(a, b, c), in_axes=(1, 2, 0), out_axes=1)(q, k, v), onp.moveaxis(qs, 0, 1), onp.moveaxis(ks, 0, 2), vs, tol=tol)
        add(f"{name}/masks {dtype}", lambda q, k, v, m: vn.vmap(lambda n: attend(q, k, v, mask=n))(m), q, k, v, masks, tol=tol)
        add(f"{name}/biases {dtype}", lambda q, k, v, b: vn.vmap(lambda a, c: attend(a, k, v, bias=c))(q, b), qs, k, v, biases, tol=tol)
        loss = lambda q, k, v, w: np.sum(attend(q, k, v, is_causal=True) * w)
        add(f"{name}/of gradients {dtype}", lambda q, k, v, w: vn.vmap(vn.grad(loss, argnums=(0, 1, 2)))(q, k, v, w), qs, ks, vs, ws, tol=tol)
        add(f"{name}/gradient of it {dtype}", lambda q, k, v, w: vn.grad(lambda a, b: np.sum(vn.vmap(lambda c: loss(c, b, v, w))(a) ** 2), argnums=(0, 1))(q, k), qs, k, v, w, tol=tol)
        add(f"{name}/twice {dtype}", lambda q, k, v: vn.vmap(lambda a: vn.vmap(lambda b: attend(a, b, v))(k))(q), qs, ks, v, tol=tol)

    # What the axes do not fit.
    q, k, v, _ = heads(5, 6)
    add("nn.dotProductAttention/keys of another size", lambda q, k, v: attend(q, k, v), q, k[..., :7], v, throws=True)
    add("nn.dotProductAttention/fewer values", lambda q, k, v: attend(q, k, v), q, k, v[:5], throws=True)
    add("nn.dotProductAttention/a bias that does not fit", lambda q, k, v, b: attend(q, k, v, bias=b), q, k, v, uniform((3, 5, 6)), throws=True)
    add("nn.dotProductAttention/a mask that does not fit", lambda q, k, v, m: attend(q, k, v, mask=m), q, k, v, onp.ones((4, 5, 5), "bool"), throws=True)

    # Equinox's weights of one head.
    for dtype, tol in (("float32", TOL["float32"]), ("float64", TIGHT)):
        q, k = uniform((5, 8), dtype), uniform((6, 8), dtype, seed=1)
        f = nn.dot_product_attention_weights
        add(f"nn.dotProductAttentionWeights/plain {dtype}", lambda q, k: f(q, k), q, k, tol=tol, x64=dtype == "float64")
        add(f"nn.dotProductAttentionWeights/mask {dtype}", lambda q, k, m: f(q, k, mask=m), q, k, uniform((5, 6), "bool"), tol=tol, x64=dtype == "float64")
        add(f"nn.dotProductAttentionWeights/gradients {dtype}", lambda q, k, w: vn.grad(lambda a, b: np.sum(f(a, b) * w), argnums=(0, 1))(q, k), q, k, uniform((5, 6), dtype, seed=2), tol=tol, x64=dtype == "float64")

    # Equinox's layer: gradients of parameters and inputs, causal masks, batches, in either dtype.
    biases = dict(use_query_bias=True, use_key_bias=True, use_value_bias=True, use_output_bias=True)
    sizes = dict(key_size=5, value_size=7, output_size=6, qk_size=3, vo_size=4)
    for dtype, tol in (("float32", close(1e-5, 5e-6)), ("float64", TIGHT)):
        x = uniform((5, 8), dtype, lo=-1, hi=1)
        xs = uniform((3, 5, 8), dtype, lo=-1, hi=1)
        causal = onp.tril(onp.ones((5, 5), "bool"))
        layer = lambda **kw: nn.MultiheadAttention(2, 8, dtype=dtype, key=random.key(5), **kw)
        name = "derivatives of nn.MultiheadAttention"
        case = lambda label, f, *xs: add(f"{name}/{label} {dtype}", f, *xs, tol=tol, x64=dtype == "float64")
        loss = lambda m, q, k, v, mask: np.sum(np.sin(m(q, k, v, mask=mask)))
        case("parameters", lambda x, m: tree.leaves(vn.filter_grad(loss)(layer(**biases), x, x, x, m)), x, causal)
        case("parameters, no mask", lambda x: tree.leaves(vn.filter_grad(lambda a: np.sum(np.sin(a(x, x, x))))(layer())), x)
        case("inputs", lambda q, k, v, m: vn.grad(lambda a, b, c: loss(layer(), a, b, c, m), argnums=(0, 1, 2))(q, k, v), x, x[::-1].copy(), -x, causal)
        case("other sizes", lambda q, k, v: vn.grad(lambda a, b, c: np.sum(np.sin(layer(**sizes)(a, b, c))), argnums=(0, 1, 2))(q, k, v), x, uniform((6, 5), dtype), uniform((6, 7), dtype))
        case("masks of heads", lambda x, m: vn.grad(lambda a: loss(layer(), a, a, a, m))(x), x, onp.stack([causal, causal.T]))
        case("batch of inputs", lambda x, m: vn.grad(lambda a: np.sum(vn.vmap(lambda b: loss(layer(), b, b, b, m))(a)))(x), xs, causal)
        case("parameters over a batch", lambda x, m: tree.leaves(vn.filter_grad(lambda a: np.sum(vn.vmap(lambda b: loss(a, b, b, b, m))(x)))(layer(**biases))), xs, causal)
        case("tangents", lambda x, m: vn.jvp(lambda a: layer()(a, a, a, mask=m), [x], [np.cos(x)])[1], x, causal)
        case("second", lambda x, m: vn.jvp(vn.grad(lambda a: loss(layer(), a, a, a, m)), [x], [np.cos(x)])[1], x, causal)
