"""Writes ``data/serialised.eqx`` by Equinox: a tree that ``tests/equinox/serialisation_test.ts`` makes too, for both directions.

    .venv/bin/python tests/oracle/serialised.py

The elements are counted up, so that no library's arithmetic is in the file.
"""

import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


def counted(leaf):
    """An array of the same shape and dtype that counts up in quarters, or in ones."""
    if not eqx.is_array(leaf):
        return leaf
    step = 0.25 if jnp.issubdtype(leaf.dtype, jnp.floating) else 1
    return jnp.asarray((np.arange(leaf.size) * step).reshape(leaf.shape), leaf.dtype)


def main():
    key = jax.random.key(0)
    model, state = eqx.nn.make_with_state(
        lambda: eqx.nn.Sequential([
            eqx.nn.MLP(3, 4, 5, 2, key=key),
            eqx.nn.BatchNorm(4, "batch", mode="batch"),
            eqx.nn.BatchNorm(4, "batch", mode="ema"),
            eqx.nn.Dropout(0.25),
            eqx.nn.GRUCell(2, 3, key=key),
            eqx.nn.LSTMCell(2, 3, use_bias=False, key=key),
            eqx.nn.MultiheadAttention(2, 4, key=key),
            eqx.nn.GroupNorm(2, 4),
            eqx.nn.LayerNorm((2, 3)),
            eqx.nn.WeightNorm(eqx.nn.Linear(2, "scalar", key=key)),
            eqx.nn.SpectralNorm(eqx.nn.Linear(2, 3, key=key), "weight", key=key),
            eqx.nn.PReLU(),
            eqx.nn.Embedding(3, 2, key=key),
        ])
    )()
    arrays = {
        dtype: [jnp.zeros(shape, dtype) for shape in [(), (3,), (0, 2), (2, 1, 3)]]
        for dtype in ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "complex64", "complex128")
    }
    flags = jnp.array([[True, False], [False, True]])
    scalars = {"b": True, "c": 1 + 2j, "x": 2.5, "negative zero": -0.0}
    tree = (jax.tree.map(counted, (model, state)), jax.tree.map(counted, arrays), flags, scalars, np.arange(3.0))
    path = pathlib.Path(__file__).parent / "data" / "serialised.eqx"
    eqx.tree_serialise_leaves(path, tree)
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", False)
    jax.config.update("jax_explicit_x64_dtypes", "allow")
    main()
