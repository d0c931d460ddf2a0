/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: attention and rotary embeddings.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { setChecks } from "../../src/core/checks.ts";
import { same } from "./layers.ts";
import { assertClose, counted, keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

const query = np.array([[0, Math.SQRT2]]);
const key = np.array([[1, 0], [0, 1]]);
const onlyFirst = np.array([[true, false]]);

Deno.test("equinox/nn/test_dot_product_attention_weights: softmax of the products; masked positions get none", () => {
  const weights = nn.dotProductAttentionWeights(query, key);
  assertEquals(weights.shape, [1, 2]);
  assertClose(weights, np.array([[1, Math.E]]).div(1 + Math.E));
  assertClose(nn.dotProductAttentionWeights(query, key, { mask: onlyFirst }), [[1, 0]]);
  // In float16 the softmax of 9 and 1 would round to 1.
  const half = { dtype: "float16" } as const;
  const short = nn.dotProductAttentionWeights(np.array([[1]], half), np.array([[9], [1]], half));
  assertEquals(short.dtype, "float16");
  assert(short.max().item() < 1);
});

Deno.test("equinox/nn/test_dot_product_attention: the weighted mean of the values", () => {
  const value = np.array([[1], [0]]);
  assertClose(nn.dotProductAttention(query, key, value), [[1 / (1 + Math.E)]]);
  assertEquals(nn.dotProductAttention(query, key, value, { mask: onlyFirst }).tolist(), [[1]]);
});

Deno.test("attention says which shape is wrong", () => {
  const mask = np.array([true, false]);
  assertThrows(
    () => nn.dotProductAttentionWeights(query, key, { mask }),
    vn.ShapeError,
    "mask must have shape [queries, keys], [1, 2]; got [2]",
  );
  assertThrows(
    () => nn.dotProductAttention(query, key, np.zeros([2])),
    vn.ShapeError,
    "keys and values of one length, the heads of queries a multiple of theirs; got [1, 2], [2, 2], [2]",
  );
  const attention = new nn.MultiheadAttention(2, 4, { key: random.key(0) });
  const x = np.ones([3, 4]);
  assertThrows(
    () => attention.call(x, np.ones([2, 4]), x),
    vn.ShapeError,
    "key and value must be sequences of one length; got 2 and 3",
  );
  assertThrows(
    () => attention.call(x, x, np.ones([3, 5])),
    vn.ShapeError,
    "value must have shape [sequence, 4]; got [3, 5]",
  );
  assertThrows(
    () => attention.call(x, x, x, { processHeads: (q, k, v) => [q, k, v.get(0)] }),
    vn.ShapeError,
    "processHeads must leave the shapes",
  );
});

Deno.test("equinox/nn/test_multihead_attention: sizes, values, masks for all heads or for each", () => {
  const next = keys();
  const sized = new nn.MultiheadAttention(2, 3, {
    keySize: 5,
    valueSize: 7,
    outputSize: 11,
    qkSize: 13,
    voSize: 17,
    key: next(),
  });
  const [q, k, v] = [[19, 3], [23, 5], [23, 7]].map((shape) => random.uniform(next(), shape));
  assertEquals(sized.call(q, k, v).shape, [19, 11]);

  const attention = vn.treeAt(
    (a) => [a.queryProj.weight, a.keyProj.weight, a.valueProj.weight, a.outputProj.weight],
    new nn.MultiheadAttention(2, 4, { key: next() }),
    { replaceFn: () => counted([4, 4]) },
  );
  const row = np.array([[1, 2, 3, 4]]);
  const answer = [680, 1960, 3240, 4520];
  assertClose(attention.call(row, row, row), [answer]);
  const x = counted([3, 4], 1);
  for (const shape of [[2, 3, 3], [3, 3]]) {
    const mask = np.broadcastTo(np.array([true, false, false]), shape);
    assertClose(attention.call(x, x, x, { mask }), [answer, answer, answer]);
  }
});

Deno.test("equinox/nn/test_multihead_attention_inference: dropout by key, not at inference", () => {
  const next = keys();
  const make = (inference: boolean) =>
    new nn.MultiheadAttention(2, 10, { dropoutP: 0.5, inference, key: next() });
  const attention = make(false);
  const x = random.normal(next(), [3, 10]);
  const quiet = attention.call(x, x, x, { key: next(), inference: true });
  assert(same(quiet, attention.call(x, x, x, { inference: true })));
  assert(!same(attention.call(x, x, x, { key: next() }), attention.call(x, x, x, { key: next() })));
  const off = make(true);
  assert(same(off.call(x, x, x, { key: next() }), off.call(x, x, x, { key: next() })));
  assertThrows(() => attention.call(x, x, x), vn.ArgumentError, "key");
});

Deno.test("equinox/nn/test_rope_embeddings_shapes: over the heads of queries and keys", () => {
  const rope = new nn.RotaryPositionalEmbedding(32);
  const turn = vn.filterVmap((head: vn.NDArray) => rope.call(head), { inAxes: 1, outAxes: 1 });
  assertEquals(turn(random.normal(random.key(0), [8, 4, 32])).shape, [8, 4, 32]);
});

Deno.test("equinox/nn/test_rope_embeddings_freqs_cis: the cosines and sines of Meta's code", () => {
  const [cosines, sines] = nn.RotaryPositionalEmbedding.precomputeFreqsCis(8, 16, 1e4, "float32");
  const rates = [1, 0.1, 0.01, 0.001];
  const angles = Array.from({ length: 16 }, (_, t) => rates.map((rate) => t * rate));
  assertClose(cosines, angles.map((row) => row.map(Math.cos)), { atol: 1e-4 });
  assertClose(sines, angles.map((row) => row.map(Math.sin)), { atol: 1e-4 });
  // Of the published table, one row.
  assertClose(cosines.get(9), [-0.9111, 0.6216, 0.9960, 1.0000], { atol: 1e-4 });
  assertClose(sines.get(9), [0.4121, 0.7833, 0.0899, 0.0090], { atol: 1e-4 });
  const short = nn.RotaryPositionalEmbedding.precomputeFreqsCis(8, 16, 1e4, "float16");
  assertEquals(short.map((table) => table.dtype), ["float16", "float16"]);
  assertClose(short[0].astype("float32"), cosines, { rtol: 1e-2, atol: 1e-3 });
  assertClose(short[1].astype("float32"), sines, { rtol: 1e-2, atol: 1e-3 });
});

const turned = [
  [0.0, 1.0, 2.0, 3.0],
  [-2.887617, 4.9297514, 6.6076975, 7.0496492],
  [-12.422148, 8.778215, 3.1129112, 11.177788],
  [-13.85559, 12.544218, -12.166454, 15.383192],
  [3.1641474, 16.226604, -23.874424, 19.664621],
  [26.769577, 19.824234, -12.937918, 24.020819],
  [30.30889, 23.335985, 18.258457, 28.450514],
  [1.3996639, 26.760752, 41.01269, 32.952423],
];

Deno.test("equinox/nn/test_rope_embeddings_values: those of HuggingFace's code", () => {
  const rope = new nn.RotaryPositionalEmbedding(4, { dtype: "float32" });
  assertClose(rope.call(counted([8, 4])), turned, { atol: 1e-5 });
  assertClose(vn.filterJit(rope)(counted([8, 4])), turned, { atol: 1e-5 });
  // A short input is promoted to the tables' dtype, unless promotion is refused, and comes back short.
  const half = rope.call(counted([8, 4]).astype("float16"));
  assertEquals(half.dtype, "float16");
  const exact = np.array(turned).astype("float16").astype("float32");
  assertClose(half.astype("float32"), exact, { rtol: 1e-3, atol: 1e-5 });
  const previous = setChecks({ strictPromotion: true });
  try {
    assertThrows(() => rope.call(half), vn.DTypeError, "would be promoted");
  } finally {
    setChecks(previous);
  }
  const short = new nn.RotaryPositionalEmbedding(4, { dtype: "float16" });
  const rough = short.call(counted([8, 4]).astype("float16"));
  assertEquals(rough.dtype, "float16");
  assertClose(rough.astype("float32"), turned, { rtol: 1e-2, atol: 1e-5 });
});

Deno.test("rotary embeddings that differ in theta alone differ, where the oracle's cache mixes them up", () => {
  const x = counted([5, 6]);
  const make = (theta: number) => new nn.RotaryPositionalEmbedding(6, { theta }).call(x);
  const [slow, fast] = [make(1e4), make(10)];
  assert(!same(slow, fast));
  assert(same(make(1e4), slow));
  assertClose(vn.filterJit(() => make(10))(), fast, { atol: 1e-5 });
});

Deno.test("rotary tables made inside of a scope or a compiled function stay for later calls", () => {
  const x = counted([7, 10]);
  const rope = new nn.RotaryPositionalEmbedding(10, { theta: 77 });
  const inScope = vn.scope(() => vn.filterJit(rope)(x).tolist());
  assertClose(rope.call(x), inScope, { atol: 1e-5 });
  const short = rope.call(x.get(vn.slice(0, 3)));
  assertClose(short, (inScope as number[][]).slice(0, 3), { atol: 1e-5 });
});
