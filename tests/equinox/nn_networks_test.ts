/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: Sequential and MLP.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { same } from "./layers.ts";
import { assertClose, keys, overBatch } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

Deno.test("equinox/nn/test_sequential: state goes through; at() and slice() for indexing", () => {
  const key = keys();
  const seq = new nn.Sequential([
    new nn.Linear(2, 4, { key: key() }),
    new nn.Linear(4, 1, { key: key() }),
    new nn.BatchNorm(1, "batch", { mode: "ema" }),
    new nn.Linear(1, 3, { key: key() }),
  ]);
  assert(seq.isStateful());
  let state = new nn.State(seq);
  let output: vn.NDArray;
  [output, state] = overBatch(seq)(random.normal(key(), [1, 2]), state);
  assertEquals(output.get(0).shape, [3]);
  assert(seq.at(0) instanceof nn.Linear);
  assert(seq.at(-1) === seq.layers[3]);
  assert(seq.slice(1) instanceof nn.Sequential);
  [output, state] = overBatch(seq.slice(1))(random.normal(key(), [1, 4]), state);
  assertEquals(output.get(0).shape, [3]);
  assertEquals(seq.length, 4);
  assert(same(new nn.Sequential([...seq]), seq));
});

for (const innerStateful of [false, true]) {
  for (const outerStateful of [false, true]) {
    Deno.test(`equinox/nn/test_nested_sequential: state ${innerStateful} inside, ${outerStateful} outside`, () => {
      const key = keys();
      const maybe = (stateful: boolean, n: number) =>
        stateful ? new nn.BatchNorm(n, "batch", { mode: "ema" }) : new nn.Identity();
      const make = () =>
        new nn.Sequential([
          new nn.Linear(5, 2, { key: key() }),
          new nn.Sequential([
            new nn.Linear(2, 4, { key: key() }),
            maybe(innerStateful, 4),
            new nn.Linear(4, 3, { key: key() }),
          ]),
          maybe(outerStateful, 3),
          new nn.Linear(3, 6, { key: key() }),
        ]);
      const x = random.normal(key(), [1, 5]);
      if (innerStateful || outerStateful) {
        const [model, state] = nn.makeWithState(make)();
        const [out, next] = overBatch(model)(x, state);
        assert(next instanceof nn.State);
        assertEquals(out.shape, [1, 6]);
      } else {
        const model = make();
        const out = vn.filterVmap((row: vn.NDArray) => model.call(row), { axisName: "batch" })(x);
        assertEquals(out.shape, [1, 6]);
      }
    });
  }
}

function assertBias(mlp: vn.nn.MLP, useBias: boolean, useFinalBias: boolean): void {
  const has = mlp.layers.map((layer) => layer.bias !== null);
  assertEquals(has, mlp.layers.map((layer) => layer.useBias));
  assertEquals(has.at(-1), useFinalBias);
  assert(has.slice(0, -1).every((b) => b === useBias));
  assertEquals(has.length, mlp.scan && mlp.depth > 0 ? 3 : mlp.depth + 1);
}

for (const scan of [false, true]) {
  for (const depth of [0, 1, 2]) {
    Deno.test(`equinox/nn/test_mlp: sizes, scalars and biases at depth ${depth}${scan ? ", scanned" : ""}`, () => {
      const key = keys();
      const make = (
        i: vn.nn.Features,
        o: vn.nn.Features,
        width: number,
        options: Partial<vn.nn.MLPOptions> = {},
      ) => new nn.MLP(i, o, width, depth, { scan, key: key(), ...options });
      assertEquals(make(2, 3, 8).call(random.normal(key(), [2])).shape, [3]);
      assertEquals(make("scalar", 2, 2).call(random.normal(key(), [])).shape, [2]);
      const scalar = make(2, "scalar", 2);
      assertEquals(scalar.call(random.normal(key(), [2])).shape, []);
      assertBias(scalar, true, true);
      for (const [useBias, useFinalBias] of [[false, true], [true, false]] as const) {
        const mlp = make(2, 3, 8, { useBias, useFinalBias });
        assertEquals(mlp.call(random.normal(key(), [2])).shape, [3]);
        assertBias(mlp, useBias, useFinalBias);
      }
    });
  }
}

Deno.test("a perceptron without hidden layers has its final activation, which the oracle leaves out", () => {
  const mlp = new nn.MLP(2, 3, 8, 0, { finalActivation: nn.sigmoid, key: random.key(0) });
  const x = np.array([1, 2]);
  assertClose(mlp.call(x), nn.sigmoid(mlp.layers[0].call(x)));
});

Deno.test("equinox/nn/test_scan_over_mlp_depth_one: no hidden layers to scan over", () => {
  const key = keys();
  const [own, x] = [key(), random.normal(key(), [2])];
  const scanned = new nn.MLP(2, 3, 8, 1, { scan: true, key: own });
  assertClose(scanned.call(x), new nn.MLP(2, 3, 8, 1, { key: own }).call(x));
  const scalarIn = new nn.MLP("scalar", 3, 8, 1, { scan: true, key: key() });
  assertEquals(scalarIn.call(random.normal(key(), [])).shape, [3]);
  const scalarOut = new nn.MLP(2, "scalar", 8, 1, { scan: true, key: key() });
  assertEquals(scalarOut.call(x).shape, []);
  const [first, hidden, last] = scanned.layers;
  assert(first instanceof nn.Linear && last instanceof nn.Linear);
  assertEquals(hidden.weight.shape, [0, 8, 8]);
  const loss = (model: vn.nn.MLP, x: vn.NDArray) => model.call(x).pow(2).sum();
  const grads = vn.filterJit(vn.filterGrad(loss))(scanned, x);
  assertEquals(grads.layers.map((layer) => layer.weight.shape), [[8, 2], [0, 8, 8], [3, 8]]);
  assert(np.any(grads.layers[0].weight.notEqual(0)).item() === 1);
});

function checkLearntActivation(scan: boolean): void {
  const mlp = new nn.MLP(2, 5, 8, 2, {
    activation: new nn.PReLU(),
    finalActivation: new nn.PReLU(),
    scan,
    key: random.PRNGKey(5678),
  });
  const slopes = (m: { activation: unknown; finalActivation: unknown }) =>
    [m.activation, m.finalActivation].map((a) => (a as vn.nn.PReLU).negativeSlope.shape);
  assertEquals(slopes(mlp), [[2, 8], [5]]);
  const loss = (model: vn.nn.MLP, x: vn.NDArray) => model.call(x).sum();
  const grads = vn.filterJit(vn.filterGrad(loss))(mlp, np.array([0.5, 0.7]));
  assertEquals(slopes(grads), [[2, 8], [5]]);
}

Deno.test("equinox/nn/test_mlp_learnt_activation: an activation with parameters has its own for every unit", () => {
  checkLearntActivation(false);
});

Deno.test("equinox/nn/test_scan_over_mlp_learnt_activation: the same where layers are scanned", () => {
  checkLearntActivation(true);
});
