"""Equinox's layers: weights for the same key, values, gradients, state. (``nn.py`` has those of the first version.)"""

import numpy as onp

from cases.inputs import uniform
from record import close, nn, np, random, tree, ulp, vn

out = close(3e-6, 2e-6)
weights = ulp(1, 6e-8)
# Where weights come from a normal distribution, see random.py for what that allows.
normals = close(3e-5, 2e-6)


def key(n=0):
    return random.PRNGKey(n)


def apply_twice(run, x, state):
    """Two calls, each with the state of the one before: both results and the last state."""
    first = run(x, state)
    second = run(x * 2 + 1, first[1])
    return [first[0], second[0], second[1]]


def mapped(layer, **kwargs):
    """A layer with state over a batch, axis 0."""
    call = lambda x, s: (lambda r: [r[0], r[1]])(layer(x, state=s, **kwargs))
    return vn.filter_vmap(call, axis_name="batch", in_axes=(0, None), out_axes=[0, None])


def write(file):
    add = file.add
    loss = lambda m, x: np.sum(m(x) ** 2)
    grads = lambda m, x: tree.leaves(vn.filter_grad(loss)(m, x))

    # MLP: scalar sizes, scan, activations with parameters.
    for depth in (0, 1, 2, 3):
        add(f"nn.MLP/scan {depth} weights", lambda: tree.leaves(vn.filter(nn.MLP(2, 3, 8, depth, scan=True, key=key()), vn.is_array)), tol=weights)
        add(f"nn.MLP/scan {depth}", lambda x: nn.MLP(2, 3, 8, depth, scan=True, key=key())(x), uniform(2), tol=out)
        add(f"nn.MLP/scan {depth} gradient", lambda x: grads(nn.MLP(2, 3, 8, depth, scan=True, key=key()), x), uniform(2), tol=out)
    for scan in (False, True):
        mlp = lambda: nn.MLP(2, 5, 8, 3, activation=nn.PReLU(), final_activation=nn.PReLU(init_alpha=0.5), scan=scan, key=key(1))
        add(f"nn.MLP/PReLU {scan} leaves", lambda: (lambda m: [m.activation.negative_slope, m.final_activation.negative_slope])(mlp()))
        add(f"nn.MLP/PReLU {scan}", lambda x: mlp()(x), uniform(2), tol=out)
        add(f"nn.MLP/PReLU {scan} gradient", lambda x: grads(mlp(), x), uniform(2), tol=out, weak=False)
        for sizes in [("scalar", 2), (2, "scalar"), ("scalar", "scalar")]:
            x = uniform(() if sizes[0] == "scalar" else (2,))
            add(f"nn.MLP/{sizes} {scan}", lambda x: nn.MLP(*sizes, 4, 2, scan=scan, key=key(2))(x), x, tol=out)

    # Activations.
    add("nn.PReLU", lambda x: nn.PReLU()(x), uniform((3, 4), lo=-2, hi=2), tol=ulp(1))
    add("nn.PReLU/slope", lambda: nn.PReLU(init_alpha=0.1).negative_slope)
    add("nn.PReLU/channels", lambda x, a: nn.PReLU(init_alpha=a)(x), uniform((3, 4), lo=-2, hi=2), uniform(4, seed=1), tol=ulp(1))
    add("nn.PReLU/gradient", lambda x: grads(nn.PReLU(), x), uniform((3, 4), lo=-2, hi=2), tol=out, weak=False)

    # Recurrent cells.
    for use_bias in (True, False):
        gru = lambda: nn.GRUCell(3, 5, use_bias=use_bias, key=key())
        lstm = lambda: nn.LSTMCell(3, 5, use_bias=use_bias, key=key())
        x, h, c = uniform(3), uniform(5, seed=1), uniform(5, seed=2)
        add(f"nn.GRUCell/weights {use_bias}", lambda: tree.leaves(gru()), tol=weights)
        add(f"nn.GRUCell/{use_bias}", lambda x, h: gru()(x, h), x, h, tol=out)
        add(f"nn.GRUCell/gradient {use_bias}", lambda x, h: tree.leaves(vn.filter_grad(lambda m: np.sum(m(x, m(x, h)) ** 2))(gru())), x, h, tol=out)
        add(f"nn.LSTMCell/weights {use_bias}", lambda: tree.leaves(lstm()), tol=weights)
        add(f"nn.LSTMCell/{use_bias}", lambda x, h, c: lstm()(x, [h, c]), x, h, c, tol=out)
        add(f"nn.LSTMCell/gradient {use_bias}", lambda x, h, c: tree.leaves(vn.filter_grad(lambda m: np.sum(m(x, m(x, [h, c]))[0] ** 2))(lstm())), x, h, c, tol=out)
    add("nn.GRUCell/wrong shape", lambda x, h: nn.GRUCell(3, 5, key=key())(x, h), uniform(4), uniform(5), throws=True)
    add("nn.LSTMCell/float64", lambda: tree.leaves(nn.LSTMCell(3, 5, dtype="float64", key=key())), tol=close(1e-14, 1e-14), x64=True)

    # Attention.
    attention = lambda **kw: nn.MultiheadAttention(2, 8, key=key(), **kw)
    sizes = dict(key_size=5, value_size=7, output_size=11, qk_size=13, vo_size=17)
    biases = dict(use_query_bias=True, use_key_bias=True, use_value_bias=True, use_output_bias=True)
    x = uniform((5, 8), lo=-1, hi=1)
    add("nn.MultiheadAttention/weights", lambda: tree.leaves(vn.filter(attention(**sizes, **biases), vn.is_array)), tol=weights)
    add("nn.MultiheadAttention/sizes", lambda q, k, v: nn.MultiheadAttention(2, 3, key=key(), **sizes)(q, k, v), uniform((4, 3)), uniform((6, 5)), uniform((6, 7)), tol=out)
    add("nn.MultiheadAttention", lambda x: attention()(x, x, x), x, tol=out)
    add("nn.MultiheadAttention/biases", lambda x: attention(**biases)(x, x, x), x, tol=out)
    mask = onp.tril(onp.ones((5, 5), "bool"))
    add("nn.MultiheadAttention/mask", lambda x, m: attention()(x, x, x, mask=m), x, mask, tol=out)
    add("nn.MultiheadAttention/mask of each head", lambda x, m: attention()(x, x, x, mask=m), x, onp.stack([mask, mask.T]), tol=out)
    add("nn.MultiheadAttention/gradient", lambda x, m: tree.leaves(vn.filter_grad(lambda a: np.sum(a(x, x, x, mask=m) ** 2))(attention())), x, mask, tol=close(1e-5, 5e-6))
    add("nn.MultiheadAttention/dropout", lambda x: attention(dropout_p=0.5)(x, x, x, key=random.PRNGKey(3)), x, tol=out)
    add("nn.MultiheadAttention/inference", lambda x: attention(dropout_p=0.5)(x, x, x, inference=True), x, tol=out)
    add("nn.MultiheadAttention/inference mode", lambda x: nn.inference_mode(attention(dropout_p=0.5))(x, x, x), x, tol=out)
    add("nn.MultiheadAttention/no key", lambda x: attention(dropout_p=0.5)(x, x, x), x, throws=True)
    add("nn.MultiheadAttention/processed heads", lambda x: attention()(x, x, x, process_heads=lambda q, k, v: [q * 2, k, v + 1]), x, tol=out)
    add("nn.MultiheadAttention/batch", lambda x: vn.filter_vmap(lambda r: attention()(r, r, r))(x), uniform((3, 5, 8), lo=-1, hi=1), tol=out)
    add("nn.MultiheadAttention/unequal lengths", lambda x, y: attention()(x, x, y), x, x[:4], throws=True)
    add("nn.MultiheadAttention/wrong mask", lambda x, m: attention()(x, x, x, mask=m), x, mask[:4], throws=True)

    # jax.nn's function, of several heads and batches.
    q, k, v = uniform((5, 4, 8), lo=-1, hi=1), uniform((6, 4, 8), lo=-1, hi=1, seed=1), uniform((6, 4, 8), lo=-1, hi=1, seed=2)
    many = uniform((2, 5, 4, 8), lo=-1, hi=1)
    add("nn.dotProductAttention", lambda q, k, v: nn.dot_product_attention(q, k, v), q, k, v, tol=out)
    add("nn.dotProductAttention/batch", lambda x: nn.dot_product_attention(x, x, x), many, tol=out)
    add("nn.dotProductAttention/causal", lambda x: nn.dot_product_attention(x, x, x, is_causal=True, scale=0.5), many, tol=out)
    add("nn.dotProductAttention/mask", lambda q, k, v, m: nn.dot_product_attention(q, k, v, mask=m), q, k, v, uniform((4, 5, 6), "bool"), tol=out)
    add("nn.dotProductAttention/bias", lambda x, b: nn.dot_product_attention(x, x, x, bias=b), many, uniform((1, 4, 5, 5)), tol=out)
    add("nn.dotProductAttention/window", lambda x: nn.dot_product_attention(x, x, x, local_window_size=(2, 1)), many, tol=out)
    add("nn.dotProductAttention/groups", lambda x: nn.dot_product_attention(x, x[:, :, :2], x[:, :, 2:], is_causal=True), many, tol=out)
    add("nn.dotProductAttention/gradient", lambda x: vn.filter_grad(lambda x: np.sum(nn.dot_product_attention(x, x, x, is_causal=True) ** 2))(x), many, tol=close(1e-5, 5e-6))
    add("nn.dotProductAttention/heads that do not fit", lambda x: nn.dot_product_attention(x, x[:, :, :3], x[:, :, :3]), many, throws=True)

    # Rotary embeddings.
    for n, e in [(1, 4), (8, 4), (16, 32)]:
        add(f"nn.RotaryPositionalEmbedding/{n} {e}", lambda x: nn.RotaryPositionalEmbedding(e)(x), uniform((n, e)), tol=close(1e-5, 1e-5))
    add("nn.RotaryPositionalEmbedding/longer, then shorter", lambda x: [nn.RotaryPositionalEmbedding(6)(x[:2]), nn.RotaryPositionalEmbedding(6)(x), nn.RotaryPositionalEmbedding(6)(x[:3])], uniform((5, 6)), tol=close(1e-5, 1e-5))
    # The oracle's cache mixes up two layers that differ in theta alone: this size occurs once.
    add("nn.RotaryPositionalEmbedding/theta", lambda x: nn.RotaryPositionalEmbedding(10, theta=500.0)(x), uniform((5, 10)), tol=close(1e-5, 1e-5))
    add("nn.RotaryPositionalEmbedding/heads", lambda x: vn.filter_vmap(nn.RotaryPositionalEmbedding(4), in_axes=1, out_axes=1)(x), uniform((5, 3, 4)), tol=close(1e-5, 1e-5))
    add("nn.RotaryPositionalEmbedding/odd", lambda: nn.RotaryPositionalEmbedding(3), throws=True)
    add("nn.RotaryPositionalEmbedding/wrong size", lambda x: nn.RotaryPositionalEmbedding(4)(x), uniform((3, 6)), throws=True)

    # Normalisations.
    for shape in [(8,), (8, 3), (8, 2, 3)]:
        x = uniform(shape)
        add(f"nn.GroupNorm/{shape}", lambda x: nn.GroupNorm(4, channels=8)(x), x, tol=out)
        add(f"nn.GroupNorm/plain {shape}", lambda x: nn.GroupNorm(2, channelwise_affine=False)(x), x, tol=out)
        add(f"nn.GroupNorm/gradient {shape}", lambda x: tree.leaves(vn.filter_grad(lambda m: np.sum(m(x) ** 3))(nn.GroupNorm(4, channels=8))), x, tol=close(1e-5, 1e-5))
    add("nn.GroupNorm/eps", lambda x: nn.GroupNorm(2, channels=8, eps=0.1)(x), uniform(8), tol=out)
    add("nn.GroupNorm/indivisible", lambda: nn.GroupNorm(3, channels=4), throws=True)
    add("nn.GroupNorm/no channels", lambda: nn.GroupNorm(3), throws=True)
    add("nn.LayerNorm/gradient", lambda x: tree.leaves(vn.filter_grad(lambda m: np.sum(m(x) ** 3))(nn.LayerNorm(5))), uniform(5), tol=close(1e-5, 1e-5))
    add("nn.RMSNorm/options", lambda x: nn.RMSNorm(5, eps=0.1, use_weight=False)(x), uniform(5), tol=out)

    linear = lambda: nn.Linear(4, 3, key=key(2))
    for axis in (0, 1, None):
        norm = lambda: nn.WeightNorm(linear(), axis=axis)
        add(f"nn.WeightNorm/{axis} g", lambda: norm().g, tol=out)
        add(f"nn.WeightNorm/{axis}", lambda x: norm()(x), uniform(4), tol=out)
        add(f"nn.WeightNorm/{axis} gradient", lambda x: tree.leaves(vn.filter_grad(loss)(norm(), x)), uniform(4), tol=close(1e-5, 1e-6))

    spectral = lambda: nn.make_with_state(lambda: nn.SpectralNorm(linear(), "weight", key=key(5)))()
    add("nn.SpectralNorm/vectors", lambda: (lambda pair: pair[1].get(pair[0].uv_index))(spectral()), tol=close(1e-4, 1e-5))
    add("nn.SpectralNorm", lambda x: (lambda pair: (lambda r: [r[0], r[1].get(pair[0].uv_index)])(pair[0](x, state=pair[1])))(spectral()), uniform(4), tol=close(1e-4, 1e-5))
    add("nn.SpectralNorm/inference", lambda x: (lambda pair: (lambda r: [r[0], r[1].get(pair[0].uv_index)])(pair[0](x, state=pair[1], inference=True)))(spectral()), uniform(4), tol=close(1e-4, 1e-5))
    add("nn.SpectralNorm/no iterations", lambda x: (lambda pair: pair[0](x, state=pair[1])[0])(nn.make_with_state(lambda: nn.SpectralNorm(linear(), "weight", num_power_iterations=0, key=key(5)))()), uniform(4), tol=close(1e-4, 1e-5))
    add("nn.SpectralNorm/gradient", lambda x: (lambda pair: tree.leaves(vn.filter_grad(lambda m: np.sum(m(x, state=pair[1])[0] ** 2))(vn.filter(pair[0], vn.is_array_like))))(spectral()), uniform(4), tol=close(1e-3, 1e-4), jit=False)
    add("nn.SpectralNorm/a vector", lambda: nn.SpectralNorm(linear(), "bias", key=key(5)), throws=True)

    for mode in ("ema", "batch"):
        for shape in [(6, 3), (6, 3, 4), (6, 3, 2, 2)]:
            make = lambda **kw: nn.make_with_state(nn.BatchNorm)(3, "batch", mode=mode, **kw)
            index = (lambda m: m.ema_state_index) if mode == "ema" else (lambda m: m.batch_state_index)
            both = lambda pair, x: (lambda r: [r[0], r[1], r[2].get(index(pair[0]))])(apply_twice(mapped(pair[0]), x, pair[1]))
            x = uniform(shape)
            add(f"nn.BatchNorm/{mode} {shape}", lambda x: both(make(), x), x, tol=out)
            add(f"nn.BatchNorm/{mode} {shape} plain", lambda x: both(make(channelwise_affine=False, eps=0.1, momentum=0.5), x), x, tol=out)
            trained = lambda pair, x: mapped(pair[0], inference=True)(x, apply_twice(mapped(pair[0]), x, pair[1])[2])[0]
            add(f"nn.BatchNorm/{mode} {shape} inference", lambda x: trained(make(momentum=0.9), x), x, tol=close(1e-5, 1e-5))
        # JAX makes the first statistics of "ema" by jnp.empty; they are not looked at before a batch has come.
        add(f"nn.BatchNorm/{mode} gradient", lambda x: (lambda pair: vn.filter_grad(lambda x: np.sum(mapped(pair[0])(x, pair[1])[0] ** 3))(x))(make()), uniform((6, 3)), tol=close(1e-4, 1e-4))
        add(f"nn.BatchNorm/{mode} gradient of the weights", lambda x: (lambda pair: tree.leaves(vn.filter_grad(lambda m: np.sum(mapped(m)(x, pair[1])[0] ** 3))(pair[0])))(make()), uniform((6, 3)), tol=close(1e-4, 1e-4))
        add(f"nn.BatchNorm/{mode} no axis", lambda x: (lambda pair: pair[0](x, state=pair[1])[0])(make()), uniform(3), throws=True)
    add("nn.BatchNorm/no training", lambda x: (lambda pair: mapped(pair[0])(x, pair[1])[0])(nn.make_with_state(nn.BatchNorm)(3, "batch", mode="batch", inference=True)), uniform((5, 3)), tol=out)
    add("nn.BatchNorm/counter", lambda x: (lambda pair: apply_twice(mapped(pair[0]), x, pair[1])[2].get(pair[0].batch_counter))(nn.make_with_state(nn.BatchNorm)(3, "batch", mode="batch")), uniform((6, 3)), weak=False)

    # State through Sequential.
    network = lambda: nn.make_with_state(lambda: nn.Sequential([nn.Linear(3, 4, key=key()), nn.BatchNorm(4, "batch", mode="batch"), nn.Lambda(nn.relu), nn.Dropout(p=0.5), nn.Linear(4, 2, key=key(1))]))()
    add("nn.Sequential/state", lambda x: (lambda pair: apply_twice(mapped(pair[0], key=random.PRNGKey(3)), x, pair[1])[:2])(network()), uniform((6, 3)), tol=out)
    add("nn.Sequential/state at inference", lambda x: (lambda pair: mapped(nn.inference_mode(pair[0]))(x, pair[1])[0])(network()), uniform((6, 3)), tol=out)
    add("nn.Sequential/state through stateless layers", lambda x: nn.Sequential([nn.Linear(3, 4, key=key()), nn.Lambda(np.tanh)])(x), uniform(3), tol=out)
    add("nn.LayerNorm/state", lambda x: (lambda pair: nn.LayerNorm(3)(x, state=pair[1])[0])(network()), uniform(3), tol=out)

    # Floats of 16 bits: statistics and softmax in float32, the rest as it comes.
    for dtype, t in (("float16", close(4e-3, 2e-3)), ("bfloat16", close(3e-2, 1.5e-2))):
        draw = ulp(1, 1e-3)
        short = lambda shape, lo=-2.0, hi=2.0, seed=0: uniform(shape, "float32", lo, hi, seed).astype(dtype)
        add(f"nn.Linear/{dtype} weights", lambda: tree.leaves(nn.Linear(4, 3, dtype=dtype, key=key())), tol=draw)
        add(f"nn.Linear/{dtype}", lambda x: nn.Linear(4, 3, dtype=dtype, key=key())(x), short(4), tol=t)
        add(f"nn.MLP/{dtype}", lambda x: nn.MLP(4, 3, 8, 2, dtype=dtype, key=key())(x), short(4), tol=t)
        add(f"nn.MLP/{dtype} scan", lambda x: nn.MLP(4, 3, 8, 3, scan=True, dtype=dtype, key=key())(x), short(4), tol=t)
        add(f"nn.MLP/{dtype} gradient", lambda x: grads(nn.MLP(4, 3, 8, 2, dtype=dtype, key=key()), x), short(4), tol=t)
        add(f"nn.LayerNorm/{dtype}", lambda x: nn.LayerNorm(8, dtype=dtype)(x), short(8), tol=t)
        add(f"nn.RMSNorm/{dtype}", lambda x: nn.RMSNorm(8, dtype=dtype)(x), short(8), tol=t)
        add(f"nn.GroupNorm/{dtype}", lambda x: nn.GroupNorm(2, channels=8, dtype=dtype)(x), short((8, 3)), tol=t)
        add(f"nn.GroupNorm/{dtype} parameters of float32", lambda x: nn.GroupNorm(2, channels=8)(x), short((8, 3)), tol=t)
        add(f"nn.MultiheadAttention/{dtype}", lambda x, m: nn.MultiheadAttention(2, 8, dtype=dtype, key=key())(x, x, x, mask=m), short((5, 8)), mask, tol=t)
        add(f"nn.GRUCell/{dtype}", lambda x, h: nn.GRUCell(3, 5, dtype=dtype, key=key())(x, h), short(3), short(5, seed=1), tol=t)
        add(f"nn.LSTMCell/{dtype}", lambda x, h: nn.LSTMCell(3, 5, dtype=dtype, key=key())(x, [h, h]), short(3), short(5, seed=1), tol=t)
        add(f"nn.RotaryPositionalEmbedding/{dtype}", lambda x: nn.RotaryPositionalEmbedding(8, dtype=dtype)(x), short((5, 8)), tol=t)
        add(f"nn.PReLU/{dtype}", lambda x: nn.PReLU()(x), short((3, 4)), tol=t)
        add(f"nn.Embedding/{dtype}", lambda i: nn.Embedding(num_embeddings=7, embedding_size=3, dtype=dtype, key=key())(i), onp.array(4, "int32"), tol=t)
        add(f"nn.Dropout/{dtype}", lambda x: nn.Dropout(p=0.5)(x, key=random.PRNGKey(3)), short((4, 5)), tol=t)
        add(f"nn.BatchNorm/{dtype}", lambda x: (lambda pair: apply_twice(mapped(pair[0]), x, pair[1])[:2])(nn.make_with_state(nn.BatchNorm)(3, "batch", mode="batch", dtype=dtype)), short((6, 3)), tol=t)
