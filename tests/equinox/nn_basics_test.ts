/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: linear layers, dropout, embeddings, cells,
 * activations.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { same } from "./layers.ts";
import { assertClose, keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

Deno.test("equinox/nn/test_custom_init: a layer that lacks its key or a size says so", () => {
  // @ts-expect-error -- the key is missing
  assertThrows(() => new nn.Linear(3, 4), vn.ArgumentError, "key");
  // @ts-expect-error -- the size of the output is missing
  assertThrows(() => new nn.Linear(3), vn.ArgumentError, "outFeatures");
  // @ts-expect-error -- sizes are positional
  assertThrows(() => new nn.Linear({ outFeatures: 4 }), vn.ArgumentError, "inFeatures");
});

Deno.test("equinox/nn/test_linear: sizes 0, numbers and scalars", () => {
  const key = keys();
  const shape = (i: vn.nn.Features, o: vn.nn.Features, x: number[]) =>
    new nn.Linear(i, o, { key: key() }).call(random.normal(key(), x)).shape;
  assertEquals(shape(0, 4, [0]), [4]);
  assertEquals(shape(4, 0, [4]), [0]);
  assertEquals(shape(3, 4, [3]), [4]);
  assertEquals(shape("scalar", 2, []), [2]);
  assertEquals(shape(2, "scalar", [2]), []);
  assertEquals(shape("scalar", "scalar", []), []);
  const half = new nn.Linear(2, "scalar", { key: key(), dtype: "float16" });
  assertEquals(half.call(random.normal(key(), [2], { dtype: "float16" })).dtype, "float16");
  const complex = new nn.Linear(2, "scalar", { key: key(), dtype: "complex64" });
  assertEquals(complex.call(np.ones([2], { dtype: "complex64" })).dtype, "complex64");
});

Deno.test("equinox/nn/test_identity: it takes anything and hands its input on", () => {
  const layers = [
    new nn.Identity(),
    new nn.Identity(1),
    new nn.Identity(2, { hi: true }),
    new nn.Identity(new nn.Identity()),
  ];
  const x = random.normal(random.key(0), [3, 5, 9]);
  for (const layer of layers) {
    assert(vn.treeEqual(layers[0], layer) === true);
    assert(layer.call(x) === x);
  }
});

Deno.test("equinox/nn/test_dropout_basic: elements are dropped, or scaled", () => {
  const key = keys();
  const x = random.normal(key(), [3, 4, 5]);
  const y = new nn.Dropout().call(x, { key: key() });
  assertEquals(np.logicalOr(y.equal(0), y.equal(x.div(0.5))).all().item(), 1);
  assertEquals(y.equal(0).any().item(), 1);
  assertEquals(y.equal(0).all().item(), 0);
});

Deno.test("equinox/nn/test_dropout_inference: by the call, by the field, by treeAt", () => {
  const key = keys();
  const dropout = new nn.Dropout();
  const x = random.normal(key(), [3, 4, 5]);
  assert(same(dropout.call(x, { key: key(), inference: true }), x));
  assert(same(dropout.call(x, { inference: true }), x));
  const off = new nn.Dropout({ inference: true });
  assert(same(off.call(x), x));
  const on = vn.treeAt((d) => d.inference, off, false);
  assert(!same(on.call(x, { key: random.PRNGKey(0) }), x));
});

Deno.test("equinox/nn/test_gru_cell: steps keep the shape of the hidden state", () => {
  const key = keys();
  const gru = new nn.GRUCell(2, 8, { key: key() });
  let h = random.normal(key(), [8]);
  for (const x of random.normal(key(), [5, 2])) {
    h = gru.call(x, h);
    assertEquals(h.shape, [8]);
  }
});

Deno.test("equinox/nn/test_lstm_cell: steps keep the shapes of hidden state and memory", () => {
  const key = keys();
  const lstm = new nn.LSTMCell(2, 8, { key: key() });
  let h: [vn.NDArray, vn.NDArray] = [random.normal(key(), [8]), random.normal(key(), [8])];
  for (const x of random.normal(key(), [5, 2])) {
    h = lstm.call(x, h);
    assertEquals(h.map((part) => part.shape), [[8], [8]]);
  }
});

Deno.test("equinox/nn/test_embedding: random or given tables, negative indices", () => {
  const key = keys();
  const sized = (numEmbeddings: number, embeddingSize: number) =>
    new nn.Embedding({ numEmbeddings, embeddingSize, key: key() });
  const index = (i: number) => np.array(i, { dtype: "int32" });
  assertEquals(sized(100, 512).call(index(1)).shape, [512]);
  assertEquals(sized(10, 20).call(index(0)).shape, [20]);
  const weight = np.linspace(0.1, 10, { num: 100 }).reshape([10, 10]);
  const last = np.linspace(9.1, 10, { num: 10 });
  const both = new nn.Embedding({ numEmbeddings: 10, embeddingSize: 10, weight, key: key() });
  assertClose(both.call(index(-1)), last);
  assertClose(new nn.Embedding({ weight }).call(index(-1)), last);
});

Deno.test("an embedding says which argument is wrong", () => {
  const make = (options: vn.nn.EmbeddingOptions) => () => new nn.Embedding(options);
  const key = random.key(0);
  assertThrows(
    make({ numEmbeddings: -1, embeddingSize: 2, key }),
    vn.ArgumentError,
    "nn.Embedding: numEmbeddings must be a non-negative integer; got -1",
  );
  assertThrows(make({ numEmbeddings: 1, key }), vn.ArgumentError, "or a weight");
  assertThrows(make({ weight: np.ones([3]) }), vn.ShapeError, "weight must have shape");
  assertThrows(
    () => new nn.Embedding({ weight: np.ones([3, 2]) }).call(np.zeros([2], { dtype: "int32" })),
    vn.ShapeError,
    "filterVmap",
  );
});

Deno.test("equinox/nn/test_lambda_layer: a function as a layer", () => {
  const net = new nn.Sequential([new nn.Identity(), new nn.Lambda(nn.relu)]);
  const output = net.call(np.array([[-1, -2, -3], [1, 2, 3]]));
  assertEquals(output.tolist(), [[0, 0, 0], [1, 2, 3]]);
});

Deno.test("equinox/nn/test_prelu: one slope, or one for every channel", () => {
  const x = np.array([[-1, -2, -3], [-1, 2, 3]]);
  assertClose(new nn.PReLU({ initAlpha: 0.1 }).call(x), [[-0.1, -0.2, -0.3], [-0.1, 2, 3]]);
  const channels = new nn.PReLU({ initAlpha: np.array([0.2, 0.1, 0.1]) });
  assertEquals(channels.negativeSlope.shape, [3]);
  assertClose(channels.call(x), [[-0.2, -0.2, -0.3], [-0.2, 2, 3]]);
  assertEquals(channels.call(x.astype("int32")).dtype, "float32");
});
