/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: normalisations.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { same } from "./layers.ts";
import { assertClose, close, keys, overBatch } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

/** Mean 0 and variance 1, as the definition has it. */
function normalised(x: vn.NDArray, axis: number): vn.NDArray {
  const spread = np.sqrt(np.var(x, { axis, keepdims: true }).add(1e-5));
  return x.sub(np.mean(x, { axis, keepdims: true })).div(spread);
}

Deno.test("equinox/nn/test_layer_norm: shapes and values", () => {
  const key = keys();
  assertEquals(new nn.LayerNorm(128).call(random.uniform(key(), [128])).shape, [128]);
  const plain = new nn.LayerNorm([128, 128], { useWeight: false, useBias: false });
  assertEquals(plain.call(random.uniform(key(), [128, 128])).shape, [128, 128]);
  const norm = new nn.LayerNorm(10);
  const [x1, x2] = [0.1, 0].map((start) => np.linspace(start, 1, { num: 10 }));
  assertClose(norm.call(x1), norm.call(x2), { atol: 1e-4 });
  assertClose(norm.call(x1), normalised(x1, 0), { atol: 1e-4 });
  const short = new nn.LayerNorm(128, { dtype: "bfloat16" });
  assertEquals(
    short.call(random.uniform(key(), [128], { dtype: "bfloat16" })).dtype,
    "bfloat16",
  );
});

Deno.test("statistics of 16-bit inputs are taken in float32", () => {
  // The mean of squares would be infinite in float16.
  const x = np.array([300, 400, 500, 600], { dtype: "float16" });
  const expected = normalised(x.astype("float32"), 0);
  for (
    const norm of [
      new nn.LayerNorm(4, { dtype: "float16" }),
      new nn.GroupNorm(1, { channels: 4, dtype: "float16" }),
    ]
  ) {
    assertClose(norm.call(x).astype("float32"), expected, { rtol: 1e-3 });
  }
  const rms = new nn.RMSNorm(4, { dtype: "float16" }).call(x);
  assertClose(rms.astype("float32"), x.astype("float32").div(Math.sqrt(215000)), { rtol: 1e-3 });
});

Deno.test("equinox/nn/test_group_norm: shapes, values, channels that do not divide", () => {
  const key = keys();
  const shapeOf = (norm: vn.nn.GroupNorm, shape: number[]) =>
    norm.call(random.uniform(key(), shape)).shape;
  const norm = new nn.GroupNorm(4, { channels: 128 });
  assertEquals(shapeOf(norm, [128]), [128]);
  assertEquals(shapeOf(norm, [128, 4, 5]), [128, 4, 5]);
  const short = new nn.GroupNorm(4, { channels: 128, dtype: "bfloat16" });
  assertEquals(
    short.call(random.uniform(key(), [128], { dtype: "bfloat16" })).dtype,
    "bfloat16",
  );
  const plain = new nn.GroupNorm(4, { channels: 128, channelwiseAffine: false });
  assertEquals(shapeOf(plain, [128, 4, 5]), [128, 4, 5]);
  const [x1, x2] = [0.1, 0].map((start) => np.linspace(start, 1, { num: 10 }));
  for (const groups of [1, 2]) {
    const own = new nn.GroupNorm(groups, { channels: 10 });
    assertClose(own.call(x1), own.call(x2), { atol: 1e-4 });
    const expected = normalised(x1.reshape([groups, 10 / groups]), 1).reshape([10]);
    assertClose(own.call(x1), expected, { atol: 1e-4 });
  }
  assertThrows(
    () => new nn.GroupNorm(3, { channels: 4 }),
    vn.ArgumentError,
    "groups must divide the number of channels",
  );
  const any = new nn.GroupNorm(4, { channelwiseAffine: false });
  assertEquals(shapeOf(any, [128]), [128]);
  assertThrows(() => any.call(np.ones([6])), vn.ArgumentError, "groups must divide");
  assertThrows(() => new nn.GroupNorm(4), vn.ArgumentError, "needs the number of channels");
  assertThrows(() => norm.call(np.ones([64])), vn.ShapeError, "shape [128, ...]; got [64]");
});

/** The running statistics of a layer, of either mode. */
function running(norm: vn.nn.BatchNorm, state: vn.nn.State): readonly vn.NDArray[] {
  return state.get((norm.emaStateIndex ?? norm.batchStateIndex)!);
}

for (const mode of ["ema", "batch"] as const) {
  const make = (options: vn.nn.BatchNormOptions = {}) =>
    new nn.BatchNorm(5, "batch", { mode, ...options });

  Deno.test(`equinox/nn/test_batch_norm: inputs of any rank, in mode ${mode}`, () => {
    const key = keys();
    const norm = make();
    let state = new nn.State(norm);
    let out: vn.NDArray;
    for (const shape of [[10, 5], [10, 5, 6], [10, 5, 7, 8]]) {
      [out, state] = overBatch(norm)(random.uniform(key(), shape), state);
      assertEquals(out.shape, shape);
      assertEquals(running(norm, state).map((x) => x.shape), [[5], [5]]);
    }
  });

  Deno.test(`equinox/nn/test_batch_norm: no axis of that name is an error, in mode ${mode}`, () => {
    const norm = make();
    const unnamed = vn.filterVmap(
      (x: vn.NDArray, state: vn.nn.State) => norm.call(x, { state }),
      { inAxes: [0, null], outAxes: [0, null] },
    );
    assertThrows(() => unnamed(np.ones([10, 5]), new nn.State(norm)), vn.AxisNameError, "batch");
    const state = new nn.State(norm);
    assertThrows(() => norm.call(np.ones([5]), { state }), vn.AxisNameError, "batch");
    // Nothing is lost by a call that throws.
    overBatch(norm)(np.ones([2, 5]), state);
  });

  Deno.test(`equinox/nn/test_batch_norm: inside of other maps, in mode ${mode}`, () => {
    const norm = make();
    const x = random.uniform(random.key(1), [10, 5, 6]);
    const outer = vn.filterVmap(
      (x: vn.NDArray, state: vn.nn.State) => overBatch(norm, "batch", 1)(x, state),
      { inAxes: [0, null] },
    );
    const [out, state] = outer(x, new nn.State(norm));
    assertEquals(out.shape, x.shape);
    assertEquals(running(norm, state).map((s) => s.shape), [[10, 5], [10, 5]]);
  });

  Deno.test(`equinox/nn/test_batch_norm: over several axes, in mode ${mode}`, () => {
    const norm = new nn.BatchNorm(6, ["batch1", "batch2"], { mode });
    const x = random.uniform(random.key(1), [10, 5, 6]);
    const rows = (x: vn.NDArray, state: vn.nn.State) => overBatch(norm, "batch1")(x, state);
    const both = vn.filterVmap(rows, {
      axisName: "batch2",
      inAxes: [0, null],
      outAxes: [0, null],
    });
    const [out, state] = both(x, new nn.State(norm));
    assertEquals(out.shape, x.shape);
    assertEquals(running(norm, state).map((s) => s.shape), [[6], [6]]);
    assertClose(out.reshape([50, 6]), normalised(x.reshape([50, 6]), 0), { atol: 1e-4 });
  });

  Deno.test(`equinox/nn/test_batch_norm: statistics move in training and stay at inference, in mode ${mode}`, () => {
    const key = keys();
    const norm = make({ channelwiseAffine: false });
    const train = overBatch(norm);
    const x = random.normal(key(), [10, 5]);
    let [out, state] = train(x, new nn.State(norm));
    assertClose(out, normalised(x, 0), { atol: 1e-5 });
    [out, state] = train(random.uniform(key(), [10, 5]), state);
    const before = running(norm, state);
    [out, state] = train(x.mul(3).add(10), state);
    const after = running(norm, state);
    assert(!close(before[0], after[0]) && !close(before[1], after[1]));
    [out, state] = overBatch(nn.inferenceMode(norm))(x.mul(4).add(20), state);
    assert(same(running(norm, state), after));
    assert(vn.treeEqual(vn.tree.structure(after), vn.tree.structure(before)) === true);
    const loss = (x: vn.NDArray) => train(x, vn.tree.map((s: unknown) => s, state))[0].sum();
    assertEquals(vn.filterGrad(loss)(random.normal(key(), [1, 5])).shape, [1, 5]);
  });
}

Deno.test("equinox/nn/test_batch_norm_zero_training_steps: untrained, inference hands its input on", () => {
  const [norm, state] = nn.makeWithState(nn.BatchNorm)(3, "foo", {
    mode: "batch",
    inference: true,
  });
  const x = random.normal(random.key(0), [5, 3]);
  assertClose(overBatch(norm, "foo")(x, state)[0], x, { rtol: 1e-5, atol: 1e-5 });
});

Deno.test("batch normalisation without a mode warns, without a state says how to get one", () => {
  const seen: string[] = [];
  const previous = vn.setWarningHandler((message) => seen.push(message));
  try {
    assertEquals(new nn.BatchNorm(3, "batch").mode, "ema");
    new nn.BatchNorm(3, "batch", { mode: "batch" });
  } finally {
    vn.setWarningHandler(previous);
  }
  assertEquals(seen.length, 1);
  assert(seen[0].includes('no mode was given, so it is "ema"'));
  const norm = new nn.BatchNorm(3, "batch", { mode: "batch" });
  // @ts-expect-error -- the state is missing
  assertThrows(() => norm.call(np.ones([3])), vn.ArgumentError, "makeWithState");
  assertThrows(
    () => new nn.BatchNorm(3, "batch", { mode: "other" as "ema" }),
    vn.ArgumentError,
    'mode must be "ema" or "batch"; got other',
  );
  assertThrows(
    () => norm.call(np.ones([4]), { state: new nn.State(norm) }),
    vn.ShapeError,
    "expected one example of shape [3, ...]; got [4]",
  );
});

/** The largest singular value, by many steps of the power iteration. */
function largestSingularValue(matrix: vn.NDArray): number {
  let v = np.ones([matrix.shape[1]]);
  for (let i = 0; i < 300; i++) {
    v = matrix.T.matmul(matrix.matmul(v));
    v = v.div(np.sqrt(v.mul(v).sum()));
  }
  const u = matrix.matmul(v);
  return Math.sqrt(u.mul(u).sum().item());
}

Deno.test("equinox/nn/test_spectral_norm: the weight's norm becomes 1 in training, and stays behind at inference", () => {
  const key = keys();
  const x = random.normal(key(), [5]);
  let layer = new nn.SpectralNorm(new nn.Linear(5, 6, { key: key() }), "weight", { key: key() });
  let state = new nn.State(layer);
  const lambda = () => {
    const [u, v] = state.get(layer.uvIndex);
    const sigma = u.matmul(layer.layer.weight.matmul(v));
    return largestSingularValue(layer.layer.weight.div(sigma));
  };
  const isOne = () => Math.abs(lambda() - 1) < 1e-4;
  const run = vn.filterJit((layer: vn.nn.SpectralNorm, state: vn.nn.State) =>
    layer.call(x, { state })
  );
  const train = (steps: number) => {
    for (let i = 0; i < steps; i++) [, state] = run(layer, state);
  };
  const step = () => vn.treeAt((l) => l.layer.weight, layer, layer.layer.weight.add(1));
  train(100);
  assert(isOne());
  layer = step();
  assert(!isOne());
  train(100);
  assert(isOne());
  layer = nn.inferenceMode(step());
  assert(!isOne());
  train(100);
  assert(!isOne());
});

Deno.test("equinox/nn/test_spectral_norm: a weight of more than two axes", () => {
  const key = keys();
  const conv = new nn.Conv3d(5, 4, 3, { key: key() });
  const layer = new nn.SpectralNorm(conv, "weight", { key: key() });
  const x = random.normal(key(), [5, 8, 8, 8]);
  const [out] = layer.call(x, { state: new nn.State(layer) });
  assertEquals(out.shape, [4, 6, 6, 6]);
});

Deno.test("spectral normalisation says which weight it cannot take", () => {
  const linear = new nn.Linear(5, 6, { key: random.key(0) });
  const wrap = (name: string) => () => new nn.SpectralNorm(linear, name, { key: random.key(1) });
  assertThrows(wrap("bias"), vn.ShapeError, "at least two axes; 'bias' has shape [6]");
  assertThrows(wrap("wieght"), vn.ArgumentError, "Linear has no array 'wieght'");
});

Deno.test("equinox/nn/test_weight_norm: it does what the layer does, and its own parameters learn", () => {
  const key = keys();
  const linear = new nn.Linear(4, 4, { key: key() });
  const x = random.normal(key(), [4]);
  for (const axis of [0, null]) {
    const norm = new nn.WeightNorm(linear, { weightName: "weight", axis });
    assertClose(norm.call(x), linear.call(x), { atol: 1e-4, rtol: 1e-4 });
  }
  const conv = new nn.Conv3d(2, 3, 3, { key: key() });
  const image = random.normal(key(), [2, 3, 3, 3]);
  const ofConv = new nn.WeightNorm(conv, { weightName: "weight" });
  assertClose(ofConv.call(image), conv.call(image), { atol: 1e-4, rtol: 1e-4 });
  const norm = new nn.WeightNorm(linear);
  const grads = vn.filterGrad((m: vn.nn.WeightNorm<vn.nn.Linear>) => m.call(x).mean())(norm);
  assertEquals(np.any(grads.layer.weight.notEqual(0)).item(), 1);
  assertEquals(np.any(grads.g.notEqual(0)).item(), 1);
});

Deno.test("equinox/nn/test_weight_norm_equality: two of the same layer are the same, and share a trace", () => {
  const linear = new nn.Linear(4, 4, { key: random.key(0) });
  for (const axis of [0, null]) {
    assert(same(new nn.WeightNorm(linear, { axis }), new nn.WeightNorm(linear, { axis })));
  }
  let traces = 0;
  const f = vn.filterJit((model: vn.nn.WeightNorm, x: vn.NDArray) => {
    traces++;
    return model.call(x);
  });
  const x = random.normal(random.key(1), [4]);
  f(new nn.WeightNorm(linear), x);
  f(new nn.WeightNorm(linear), x);
  assertEquals(traces, 1);
});
