/**
 * `filterPmap`: each element of the mapped axis is a device's own work, between collectives.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { type Span, watchSpans } from "../../src/core/spans.ts";
import { deviceThreadCount, threadCount, threadPool } from "../../src/runtime/threads.ts";

const { lax, numpy: np, random } = vn;
await vn.init("cpu", { devices: 8 });

type F = (...xs: vn.NDArray[]) => vn.NDArray;

/** Small integers, so that sums are exact in any order. */
const numbers = (shape: number[], seed = 0) =>
  random.randint(random.key(seed), shape, -4, 5).astype("float32");

Deno.test("filterPmap: work enough is done by as many threads as there are devices and processors", () => {
  const f = vn.filterPmap((x: vn.NDArray) => np.tanh(x).sum());
  const x = random.normal(random.key(0), [8, 100_000]);
  const first = f(x).tolist();
  const before = threadPool().helped;
  for (let turn = 0; turn < 100; turn++) assertEquals(f(x).tolist(), first);
  if (deviceThreadCount() > 1) assert(threadPool().helped > before);
  // Programs of one device have as many as before.
  assert(deviceThreadCount() === 1 || deviceThreadCount() > threadCount() || threadCount() > 1);
});

Deno.test("filterPmap: collectives are those of filterVmap, from 1 device to 8", () => {
  const uses: Record<string, F> = {
    psum: (x) => lax.psum(x, "i").mul(x),
    pmean: (x) => x.sub(lax.pmean(x, "i")),
    pmax: (x) => x.sub(lax.pmax(x, "i")),
    "all_gather": (x) => lax.allGather(x, "i").sum(0).add(x),
    "axis_index": (x) => x.mul(lax.axisIndex("i")),
    "in a scan": (x) =>
      lax.scan(
        (c: vn.NDArray, y: vn.NDArray) => [c.add(lax.psum(y, "i")), c],
        x.sum(),
        x,
      )[1] as vn.NDArray,
    "within vmap": (x) =>
      vn.filterVmap((y: vn.NDArray) => lax.psum(y, "j").add(lax.psum(y, "i")), { axisName: "j" })(
        x,
      ),
  };
  for (const [name, use] of Object.entries(uses)) {
    for (const n of [1, 2, 3, 8]) {
      const x = numbers([n, 6], n);
      const p = vn.filterPmap(use, { axisName: "i" })(x);
      const v = vn.filterVmap(use, { axisName: "i" })(x);
      assertEquals(p.tolist(), v.tolist(), `${name}, ${n}`);
      assertEquals(p.addressableShards.length, n);
    }
  }
});

Deno.test("filterPmap: axes, whole arguments and closed-over arrays", () => {
  const table = numbers([6], 7);
  const use = (x: vn.NDArray, w: vn.NDArray) =>
    [x.mul(table).matmul(w), lax.psum(x.sum(), 5)] as const;
  const options = { inAxes: [1, null], outAxes: [-1, null], axisName: 5 } as const;
  const [x, w] = [numbers([6, 4]), numbers([6, 3], 1)];
  const p = vn.filterPmap(use, options)(x, w);
  const v = vn.filterVmap(use, options)(x, w);
  assertEquals(p.map((y) => y.tolist()), v.map((y) => y.tolist()));
  assertEquals(String((p[0].sharding as vn.NamedSharding).spec), 'P(null, "5")');
});

Deno.test("filterPmap: a check inside is the whole call's error, and the next call is as ever", () => {
  const f = vn.filterPmap((x: vn.NDArray) => vn.errorIf(x, x.less(0), "negative").mul(2));
  assertThrows(() => f(np.array([1, -1, 3])), Error, "negative");
  assertEquals(f(np.array([1, 2, 3])).tolist(), [2, 4, 6]);
});

Deno.test("filterPmap: a training step, the gradients' mean over devices", () => {
  const model = new vn.nn.MLP(3, 2, 8, 2, { key: random.key(0) });
  const loss = (m: vn.nn.MLP, x: vn.NDArray) => vn.filterVmap(m)(x).pow(2).mean();
  const step = (m: vn.nn.MLP, x: vn.NDArray) => {
    const [value, grads] = vn.filterValueAndGrad(loss)(m, x);
    const mean = vn.tree.map(
      (g: unknown) => g instanceof vn.NDArray ? lax.pmean(g, "i") : g,
      grads,
    );
    return [
      vn.applyUpdates(
        m,
        vn.tree.map((g: unknown) => g instanceof vn.NDArray ? g.mul(-0.1) : g, mean),
      ),
      lax.pmean(value, "i"),
    ];
  };
  const options = { axisName: "i", inAxes: [null, 0], outAxes: null } as const;
  const [p, v] = [
    vn.filterPmap(step as never, options),
    vn.filterVmap(step as never, options),
  ] as unknown as ((m: vn.nn.MLP, x: vn.NDArray) => [vn.nn.MLP, vn.NDArray])[];
  const x = random.normal(random.key(1), [4, 16, 3]);
  let [a, b] = [model, model];
  for (let turn = 0; turn < 3; turn++) {
    const [[ma, la], [mb, lb]] = [p(a, x), v(b, x)];
    assert(Math.abs(la.item() - lb.item()) < 1e-6 * Math.abs(lb.item()));
    [a, b] = [ma, mb];
  }
});

Deno.test("filterPmap: who watches is told on how many devices a program ran", () => {
  const seen: Span[] = [];
  const f = vn.filterPmap((x: vn.NDArray) => lax.psum(x.mul(3), "i"), { axisName: "i" });
  const end = watchSpans((span) => seen.push(span));
  try {
    f(np.ones([4]));
  } finally {
    end();
  }
  const devices = (kind: string) =>
    seen.filter((s) => s.kind === kind).map((s) => s.details?.devices);
  assert(devices("compile").includes(4));
  assertEquals(devices("run"), [4]);
});
