/**
 * What is donated to programs of several devices: results are written over it.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { ledger } from "../../src/runtime/storage.ts";

const { numpy: np, random, P } = vn;
await vn.init("cpu", { devices: 4 });

const mesh = vn.makeMesh([4], ["data"]);
const size = 128;
const put = (x: vn.NDArray, ...spec: vn.SpecEntry[]) => {
  using _ = x; // a handle on the same elements would keep them from being overwritten
  return vn.devicePut(x, new vn.NamedSharding(mesh, P(...spec)));
};

interface State {
  readonly weights: readonly vn.NDArray[];
  readonly momentum: readonly vn.NDArray[];
}

function step({ weights, momentum }: State, x: vn.NDArray): State {
  const loss = (weights: readonly vn.NDArray[], x: vn.NDArray) =>
    np.mean(weights.reduce((x, w) => np.tanh(x.matmul(w)), x).pow(2));
  const grads = vn.filterGrad(loss)(weights, x) as readonly vn.NDArray[];
  const next = momentum.map((m, i) => m.mul(0.9).add(grads[i]));
  // The momentum first: what takes over what is a matter of what is made of what, not of the order.
  return { momentum: next, weights: weights.map((w, i) => w.sub(next[i].mul(0.1))) };
}

function stateOf(...spec: vn.SpecEntry[]): State {
  const make = (i: number) => put(random.normal(random.key(i), [size, size]).mul(0.1), ...spec);
  return { weights: [0, 1, 2].map(make), momentum: [3, 4, 5].map(make) };
}

const x = random.normal(random.key(9), [16, size]);
const bytes = 4 * size * size;

for (
  const [name, state, data] of [
    ["fully sharded", ["data"], ["data"]],
    ["replicated, examples split", [], ["data"]],
  ] as const
) {
  Deno.test(`a donated training step, ${name}: old and new parameters are not held at once`, () => {
    const jitted = vn.filterJit(
      (x: vn.NDArray, state: State) => step(state, x),
      { donate: "all-except-first" },
    );
    const examples = put(np.copy(x), ...data);
    const expected = step(stateOf(), x);
    const memory = jitted.lower(examples, stateOf(...state)).compile().memoryAnalysis();
    assertEquals(memory.aliasSizeInBytes, 6 * bytes);
    jitted(examples, stateOf(...state)); // compiles
    const given = stateOf(...state);
    const account = ledger();
    account.peakBytes = account.residentBytes;
    const before = account.residentBytes;
    const result = jitted(examples, given) as State;
    assert(account.peakBytes - before < bytes, `${account.peakBytes - before} bytes more`);
    for (const old of [...given.weights, ...given.momentum]) assert(old.isDeleted);
    for (const key of ["weights", "momentum"] as const) {
      result[key].forEach((w, i) =>
        assert(np.allclose(w, vn.devicePut(expected[key][i], w.sharding), { atol: 1e-5 }).item())
      );
    }
  });
}

Deno.test("parts that are not contiguous are given up too, though they are copied", () => {
  const state = stateOf(null, "data");
  const jitted = vn.filterJit((s: State, x: vn.NDArray) => step(s, x), { donate: "all" });
  const compiled = jitted.lower(state, put(np.copy(x))).compile();
  assertEquals(compiled.memoryAnalysis().aliasSizeInBytes, 6 * bytes);
  const expected = step(stateOf(), x);
  const result = compiled(state, put(np.copy(x))) as State;
  assert(
    np.allclose(result.weights[0], put(expected.weights[0], null, "data"), { atol: 1e-5 }).item(),
  );
});

Deno.test("a donated shard used afterwards, twice in a call, or held by somebody else", () => {
  const f = vn.filterJit((x: vn.NDArray, ys: readonly vn.NDArray[]) => [
    x.add(1),
    ys.map((y) => y.mul(2)),
  ], { donate: "all" });
  const make = () => put(np.arange(4 * size).astype("float32").reshape([4, size]), "data");
  const [a, b] = [make(), make()];
  f(a, [b]);
  assertEquals([a.isDeleted, b.isDeleted], [true, true]);
  assertThrows(() => b.add(1), vn.DonatedError, "donation");
  const again = assertThrows(() => f(make(), [b]), vn.DonatedError);
  assert(again.message.includes("args[1][0]"), again.message);
  const c = make();
  const twice = assertThrows(() => f(c, [c]), vn.DonatedError);
  assert(twice.message.includes("args[0]") && twice.message.includes("args[1][0]"), twice.message);
  assert(!c.isDeleted);
  // Another handle on the same elements keeps them.
  const d = make();
  const view = d.reshape([size, 4]);
  const before = view.tolist();
  f(d, [make()]);
  assertEquals(view.tolist(), before);
});
