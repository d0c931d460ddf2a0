/**
 * The behaviours of Equinox's `test_stateful.py`, each under its upstream name; and what its pages promise of State.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

Deno.test("equinox/stateful/test_delete_init_state: a model without initial values gives no state", () => {
  const model = new nn.BatchNorm(3, "batch", { mode: "ema" });
  new nn.State(model);
  const without = nn.deleteInitState(model);
  new nn.State(model);
  assertThrows(() => new nn.State(without), vn.ArgumentError, "makeWithState");
  const arrays = (tree: unknown) => vn.tree.leaves(tree).filter(vn.isArray).length;
  assertEquals(arrays(model), arrays(without) + 3);
});

class Counter extends vn.Module {
  readonly index = new nn.StateIndex(np.array(0));
  call(x: vn.NDArray, state: vn.nn.State): [vn.NDArray, vn.nn.State] {
    const value = state.get(this.index);
    return [x.add(value), state.set(this.index, value.add(1))];
  }
}

class Model extends vn.Module {
  readonly linear: vn.nn.Linear;
  readonly counter: Counter;
  readonly mapped: Counter;
  constructor(key: vn.NDArray) {
    super();
    this.linear = new nn.Linear(2, 2, { key });
    this.counter = new Counter();
    // Its initial state has a batch axis.
    this.mapped = vn.filterVmap(() => new Counter(), { axisSize: 2 })();
  }
  call(x: vn.NDArray, state: vn.nn.State): [vn.NDArray, vn.nn.State] {
    let [y, next] = this.counter.call(this.linear.call(x), state);
    let part = next.substate(this.mapped);
    [y, part] = vn.filterVmap((counter: Counter, y: vn.NDArray, s: vn.nn.State) =>
      counter.call(y, s)
    )(this.mapped, y, part);
    return [y, next.update(part)];
  }
}

Deno.test("equinox/stateful/test_double_state: states of two runs fit one model; part of a state is mapped", () => {
  const [model, state] = nn.makeWithState(Model)(random.PRNGKey(0));
  const x = np.array([5, -1]);
  const plain = model.linear.call(x);
  const [first, next] = model.call(x, state);
  assertEquals(first.tolist(), plain.tolist());
  assertEquals(model.call(x, next)[0].tolist(), plain.add(2).tolist());
  const makeState = vn.filterJit((key: vn.NDArray) => nn.makeWithState(Model)(key)[1]);
  const [again] = model.call(x, makeState(random.PRNGKey(1)));
  assertEquals(again.tolist(), plain.tolist());
});

Deno.test("equinox/stateful/test_double_state: the model and its state go through filterJit and filterGrad", () => {
  const [model, state] = nn.makeWithState(Model)(random.PRNGKey(0));
  const loss = (m: Model, x: vn.NDArray, s: vn.nn.State): [vn.NDArray, vn.nn.State] => {
    const [y, next] = m.call(x, s);
    return [y.sum(), next];
  };
  const step = vn.filterJit(vn.filterGrad(loss, { hasAux: true }));
  const x = np.array([5, -1]);
  const [grads, next] = step(model, x, state);
  assertEquals(grads.linear.weight.tolist(), [[5, -1], [5, -1]]);
  const [, last] = step(model, x, next);
  assertEquals(last.get(model.counter.index).item(), 2);
  assertEquals(last.get(model.mapped.index).tolist(), [2, 2]);
  // A compiled function gets a copy: the states handed in are as they were.
  assertEquals(state.get(model.counter.index).item(), 0);
});

Deno.test("an old state is refused, by get, set, substate, update and as a tree, and prints as old", () => {
  const counter = new Counter();
  const state = new nn.State(counter);
  const copy = vn.tree.map((leaf: unknown) => leaf, state);
  const next = state.set(counter.index, np.array(7));
  const uses = [
    () => state.get(counter.index),
    () => state.set(counter.index, np.array(1)),
    () => state.substate(counter),
    () => state.update(next),
    () => next.update(state),
    () => vn.tree.leaves(state),
  ];
  for (const use of uses) assertThrows(use, vn.ArgumentError, "attempted to use an old state");
  assertEquals(String(state), "State(~old~)");
  assertEquals(vn.treePformat([state]), "[State(~old~)]");
  assertEquals(copy.get(counter.index).item(), 0);
  assertEquals(next.get(counter.index).item(), 7);
});

Deno.test("a value may not change its structure, shape, dtype or weak type", () => {
  const counter = new Counter();
  const state = new nn.State(counter);
  const wrong: unknown[] = [
    [np.array(0)],
    np.zeros([1]),
    np.array(0, { dtype: "int32" }),
    1,
  ];
  for (const value of wrong) {
    const error = assertThrows(
      () => state.set(counter.index as vn.nn.StateIndex<unknown>, value),
      vn.TreeError,
    );
    assert(error.message.includes("The old one is f32[]"), error.message);
  }
  assertEquals(state.get(counter.index).item(), 0);
});

Deno.test("states are looked up by their own indices alone", () => {
  const [counter, other] = [new Counter(), new Counter()];
  const state = new nn.State(counter);
  assertThrows(() => state.get(other.index), vn.ArgumentError, "does not have the index");
  assertThrows(() => state.substate(other), vn.ArgumentError, "does not have the index");
  assertThrows(
    () => state.update(new nn.State(other)),
    vn.ArgumentError,
    "needs a state2 that is a substate",
  );
  assertThrows(() => state.get("index" as never), vn.ArgumentError, "StateIndex");
  assertThrows(() => new nn.StateIndex(() => np.array(0)), vn.ArgumentError, "got a function");
});

Deno.test("a state prints by the paths of its indices, and messages name them", () => {
  const [, state] = nn.makeWithState(Model)(random.PRNGKey(0));
  assertEquals(
    vn.treePformat(state),
    "State(Model.counter.index=f32[], Model.mapped.index=f32[2])",
  );
  const [entries] = vn.tree.flattenWithPath({ state });
  assertEquals(vn.tree.keystr(entries[0][0]), 'state["Model.counter.index"]');
});

Deno.test("inferenceMode sets every flag of a model with state", () => {
  const key = keys();
  const [model] = nn.makeWithState(() =>
    new nn.Sequential([
      new nn.BatchNorm(3, "batch", { mode: "batch" }),
      new nn.SpectralNorm(new nn.Linear(3, 3, { key: key() }), "weight", { key: key() }),
      new nn.Sequential([new nn.Dropout()]),
    ])
  )();
  const flags = (m: vn.nn.Sequential) =>
    [m.at(0), m.at(1), (m.at(2) as vn.nn.Sequential).at(0)].map((layer) =>
      (layer as vn.nn.Dropout).inference
    );
  assertEquals(flags(model), [false, false, false]);
  assertEquals(flags(nn.inferenceMode(model)), [true, true, true]);
  assertEquals(flags(nn.inferenceMode(nn.inferenceMode(model), false)), [false, false, false]);
});

Deno.test("an ensemble of models with state: made, run and trained under filterVmap", () => {
  const make = nn.makeWithState((key: vn.NDArray) =>
    new nn.Sequential([
      new nn.Linear(3, 4, { key }),
      new nn.BatchNorm(4, "batch", { mode: "batch" }),
    ])
  );
  const [models, states] = vn.filterVmap(make)(random.split(random.key(0), 5));
  const batch = (model: vn.nn.Sequential, state: vn.nn.State, x: vn.NDArray) =>
    vn.filterVmap((row: vn.NDArray, s: vn.nn.State) => model.call(row, { state: s }), {
      axisName: "batch",
      inAxes: [0, null],
      outAxes: [0, null],
    })(x, state);
  const each = vn.filterJit(vn.filterVmap(batch, { inAxes: [vn.ifArray(0), vn.ifArray(0), null] }));
  const x = random.normal(random.key(1), [8, 3]);
  const [y, next] = each(models, states, x);
  assertEquals(y.shape, [5, 8, 4]);
  const index = (models.at(1) as vn.nn.BatchNorm).batchStateIndex!;
  assertEquals(next.get(index)[0].shape, [5, 4]);
  const [alone, own] = make(random.split(random.key(0), 5).get(2));
  const [one] = batch(alone, own, x);
  assertEquals(np.allclose(y.get(2), one, { atol: 1e-5 }).item(), 1);
});

Deno.test("a training loop with state traces once, and may donate model and state", () => {
  let traces = 0;
  const make = nn.makeWithState(() =>
    new nn.Sequential([
      new nn.Linear(3, 4, { key: random.key(0) }),
      new nn.BatchNorm(4, "batch", { mode: "ema" }),
    ])
  );
  type Model = vn.nn.Sequential;
  const loss = (model: Model, state: vn.nn.State, x: vn.NDArray): [vn.NDArray, vn.nn.State] => {
    traces++;
    const [y, next] = vn.filterVmap(
      (row: vn.NDArray, s: vn.nn.State) => model.call(row, { state: s }),
      { axisName: "batch", inAxes: [0, null], outAxes: [0, null] },
    )(x, state);
    return [y.pow(4).mean(), next];
  };
  const step = vn.filterJit(
    (x: vn.NDArray, model: Model, state: vn.nn.State): [Model, vn.nn.State] => {
      const [grads, next] = vn.filterGrad(loss, { hasAux: true })(model, state, x);
      const scaled = vn.tree.map((g: vn.NDArray) => g.mul(-0.1), grads);
      return [vn.applyUpdates(model, scaled), next];
    },
    { donate: "all-except-first" },
  );
  let [model, state] = make();
  for (let i = 0; i < 5; i++) {
    [model, state] = step(random.normal(random.key(i), [8, 3]), model, state);
  }
  assertEquals(traces, 1);
  const index = (model.at(1) as vn.nn.BatchNorm).emaFirstTimeIndex!;
  assertEquals(state.get(index).item(), 0);
});
