/**
 * What was allocated comes back: live buffers return to where they were, whatever was computed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { cases, operandsOf } from "../conformance/table.ts";
import { settled } from "../runtime/helpers.ts";

const { nn, numpy: np, optim, random } = vn;

/** Runs something a few times to fill the caches, then often, and compares. */
async function keepsNothing(run: () => void): Promise<void> {
  for (let i = 0; i < 10; i++) run();
  const before = await settled();
  for (let i = 0; i < 30; i++) run();
  const after = await settled();
  assert(after <= before, `${after} live buffers, before ${before}`);
}

Deno.test("every primitive, at once, compiled and differentiated, keeps nothing", async () => {
  const runs = cases.map((c) => {
    const xs = operandsOf(c, "float32", 40);
    const batched = vn.vmap(c.call);
    const compiled = vn.filterJit(batched);
    return () => {
      batched(...xs);
      compiled(...xs);
    };
  });
  await keepsNothing(() => runs.forEach((run) => run()));
});

Deno.test("a training loop keeps its parameters and nothing else", async () => {
  const tx = optim.adam(1e-3);
  let model = new nn.MLP(16, 4, 64, 2, { key: random.key(0) });
  let state = tx.init(model);
  const x = random.normal(random.key(1), [32, 16]);
  const loss = (m: vn.nn.MLP, x: vn.NDArray) => vn.filterVmap(m)(x).pow(2).mean();
  const step = vn.filterJit((m: vn.nn.MLP, s: unknown, x: vn.NDArray) => {
    const [value, grads] = vn.filterValueAndGrad(loss)(m, x);
    const [updates, next] = tx.update(grads, s, m);
    return [vn.applyUpdates(m, updates), next, value] as const;
  });
  let first = NaN;
  let last = NaN;
  await keepsNothing(() => {
    let value: vn.NDArray;
    [model, state, value] = step(model, state, x);
    last = value.item();
    if (Number.isNaN(first)) first = last;
  });
  assert(last < first);
});

Deno.test("an error in the middle of a function keeps nothing", async () => {
  const f = vn.filterJit((x: vn.NDArray) => {
    x.mul(2);
    throw new Error("mine");
  });
  await keepsNothing(() => {
    try {
      f(np.ones([1000]));
    } catch { /* that is the point */ }
    try {
      np.ones([1000]).add(np.ones([999]));
    } catch { /* that is the point */ }
  });
});

Deno.test("callbacks and checks keep nothing, whether they end the program or not", async () => {
  let mode = 0;
  const resultShapeDtypes = new vn.ShapeDtypeStruct([1000], "float32");
  const given = (x: vn.NDArray): vn.NDArray => {
    if (mode === 1) throw new Error("mine");
    return mode === 2 ? x.get(vn.slice(0, 10)) : x.mul(2);
  };
  const call = (x: vn.NDArray) =>
    vn.filterPureCallback(given, x.add(1), vn.kwargs({ resultShapeDtypes }));
  const check = (x: vn.NDArray) => vn.errorIf(x.add(1), x.get(0).less(0), "negative");
  const loop = (f: (x: vn.NDArray) => vn.NDArray) => (x: vn.NDArray) =>
    vn.lax.foriLoop(0, 3, (_, c: vn.NDArray) => f(c), x);
  const mapped = vn.filterVmap(call, { inAxes: [0] });
  const one = np.ones([1000]);
  const many = np.ones([3, 1000]);
  const runs = [call, check, loop(call), loop(check)].map((f) => [
    () => f(one),
    () => vn.filterJit(f)(one),
  ]).flat();
  const compiled = [call, check, loop(call), loop(check)].map((f) => vn.filterJit(f));
  const donating = vn.filterJit(call, { donate: "all" });
  const failing = vn.filterJit(check);
  await keepsNothing(() => {
    for (mode = 0; mode < 3; mode++) {
      for (
        const run of [
          ...runs,
          ...compiled.map((f) => () => f(one)),
          () => mapped(many),
          () => donating(np.ones([1000])),
          () => failing(one.mul(-1)),
        ]
      ) {
        try {
          run();
        } catch (error) {
          assert(error instanceof vn.CallbackError || error instanceof vn.RuntimeCheckError);
        }
      }
    }
  });
});

Deno.test("scope gives everything back at once, but for what it returns", () => {
  const before = vn.memory().liveBuffers;
  const kept = vn.scope(() => {
    const a = np.ones([1000]).mul(3);
    for (let i = 0; i < 10; i++) np.ones([1000]).add(i);
    return a;
  });
  assertEquals(vn.memory().liveBuffers, before + 1);
  assertEquals(kept.get(999).item(), 3);
  kept.delete();
  assertEquals(vn.memory().liveBuffers, before);
});

Deno.test("arrays that move between devices, and calls over a mesh, keep nothing", async () => {
  const [zero, one] = await vn.init("cpu", { devices: 2 });
  const mesh = new vn.Mesh([zero, one], ["x"]);
  const split = new vn.NamedSharding(mesh, vn.P("x"));
  const x = random.normal(random.key(0), [2, 300]);
  const f = vn.filterJit((x: vn.NDArray) => vn.filterShard(x.mul(2), split).sum(1));
  const p = vn.filterPmap((x: vn.NDArray) => x.div(vn.lax.psum(x.sum(), "i")), { axisName: "i" });
  const donating = vn.filterJit((x: vn.NDArray) => x.add(1), { donate: "all", device: one });
  await keepsNothing(() => {
    const y = vn.devicePut(x, one);
    donating(vn.devicePut(y, zero));
    f(vn.devicePut(y, split)).add(1);
    p(y);
    vn.grad((x: vn.NDArray) => p(x).sum())(x);
    for (
      const bad of [() => y.add(vn.devicePut(x, zero)), () => f(y), () => p(np.ones([3, 300]))]
    ) {
      try {
        bad();
      } catch (error) {
        if (!(error instanceof vn.DeviceError)) throw error;
      }
    }
  });
  await vn.init("cpu", { devices: 1 });
});
