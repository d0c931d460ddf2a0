/**
 * `filterPmap` beyond Equinox's tests: devices, donation, errors, what it nests with.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;
const devices = await vn.init("cpu", { devices: 4 });
const double = (x: vn.NDArray) => x.mul(2);
const names = (x: vn.NDArray) => x.sharding.devices.join(" ");
// deno-lint-ignore no-explicit-any -- mistakes are no well-typed options
const wrong = (options: any) => options;

Deno.test("filterPmap: uses the first devices, or those it is given, and moves what is elsewhere", () => {
  assertEquals(names(vn.filterPmap(double)(np.ones([2]))), "cpu:0 cpu:1");
  const [, one, two, three] = devices;
  const f = vn.filterPmap(double, { devices: [three, one] });
  assertEquals(names(f(np.ones([2]))), "cpu:3 cpu:1");
  assertEquals(names(f(vn.devicePut(np.ones([2]), two))), "cpu:3 cpu:1");
  const [first, second] = f(np.array([1, 2])).addressableShards;
  assertEquals([first.device, first.data.tolist(), second.data.tolist()], [three, [2], [4]]);
});

Deno.test("filterPmap: more examples than devices is an error that says what to do", () => {
  assertThrows(
    () => vn.filterPmap(double)(np.ones([6])),
    vn.DeviceError,
    'filterPmap: needs 6 devices, but there are 4; await init("cpu", { devices: 6 })',
  );
  assertThrows(
    () => vn.filterPmap(double, { devices: devices.slice(0, 1) })(np.ones([2])),
    vn.DeviceError,
    "needs 2 devices, but there is 1",
  );
  assertThrows(() => vn.filterPmap(double)(np.ones([0])), vn.ArgumentError, "at least one example");
});

Deno.test("filterPmap: mistakes are told under its own name", () => {
  const x = np.ones([2, 3]);
  assertThrows(
    () => vn.filterPmap(double, wrong({ donate: "all-except-first" })),
    vn.ArgumentError,
    'filterPmap: donate must be one of "all", "warn", "none"',
  );
  assertThrows(
    () => vn.filterPmap(double, wrong({ devices: ["cpu"] })),
    vn.ArgumentError,
    "devices",
  );
  assertThrows(() => vn.filterPmap(double, wrong({ staticArgnums: 0 })), vn.ArgumentError);
  for (const outAxes of [2, -3]) {
    assertThrows(() => vn.filterPmap(double, { outAxes })(x), vn.ShapeError, "filterPmap: output");
  }
  assertThrows(() => vn.filterPmap(double, { outAxes: null })(x), vn.ArgumentError, "filterPmap");
  assertThrows(() => vn.filterPmap(double, { outAxes: "0" })(x), vn.ArgumentError, "filterPmap");
  assertThrows(
    () => vn.filterPmap((x: vn.NDArray, y: vn.NDArray) => x.add(y))(x, np.ones([3])),
    vn.ShapeError,
    "size 3: axis 0 of args[1] (y)",
  );
  assertThrows(
    () => vn.filterPmap((x: vn.NDArray) => lax.psum(x, "j"), { axisName: "i" })(x),
    vn.AxisNameError,
    "bound: i",
  );
  assertEquals(vn.filterPmap(double)(x).shape, [2, 3]);
});

Deno.test("filterPmap: axes given from the end are the same as from the front", () => {
  const x = np.arange(8).reshape(2, 4).astype("float32");
  const last = vn.filterPmap(double, { inAxes: -1, outAxes: -1 })(x);
  assertEquals(last.tolist(), x.mul(2).tolist());
  assertEquals(String((last.sharding as vn.NamedSharding).spec), 'P(null, "devices")');
});

Deno.test("filterPmap: a donated array is given up, and others are not", () => {
  const [x, y] = [np.ones([2, 100]), np.ones([2, 100])];
  const f = vn.filterPmap((x: vn.NDArray) => x.add(1), { donate: "all" });
  const z = f(x);
  assert(x.isDeleted);
  assertThrows(() => f(x), vn.DonatedError, "donation");
  assert(!vn.filterPmap(double)(y).isDeleted && !y.isDeleted);
  assertEquals(f(z).get(0, 0).item(), 3);
});

Deno.test("filterPmap: inside of a compiled function, of a gradient, and with one inside", () => {
  const share = (x: vn.NDArray) => x.div(lax.psum(x, "i"));
  const f = vn.filterPmap(share, { axisName: "i" });
  const x = np.array([1, 2, 5]);
  const compiled = vn.filterJit((x: vn.NDArray) => f(x.add(0)))(x);
  assertEquals([compiled.tolist(), names(compiled)], [[0.125, 0.25, 0.625], "cpu:0 cpu:1 cpu:2"]);
  const gradient = (g: (x: vn.NDArray) => vn.NDArray) => vn.grad((x) => g(x).get(0))(x).tolist();
  const plain = vn.filterVmap(share, { axisName: "i" });
  assertEquals(gradient(f), gradient(plain));
  const stacked = np.stack([x, x.mul(3)]);
  assertEquals(vn.filterVmap(f)(stacked).tolist(), vn.filterVmap(plain)(stacked).tolist());
  // The devices are taken: the inner one is mapped on each, whether it was called before or not.
  for (const inner of [f, vn.filterPmap(share, { axisName: "i" })]) {
    const nested = vn.filterPmap((x: vn.NDArray) => inner(x))(stacked);
    assertEquals(nested.tolist(), [[0.125, 0.25, 0.625], [0.125, 0.25, 0.625]]);
    assertEquals(names(nested), "cpu:0 cpu:1");
  }
  assertEquals(f(x).tolist(), [0.125, 0.25, 0.625]);
});

Deno.test("filterPmap: a wrapper made afresh finds what was compiled before, and lower shows it", () => {
  let traces = 0;
  const f = (x: vn.NDArray) => {
    traces++;
    return x.mul(2);
  };
  for (let i = 0; i < 3; i++) vn.filterPmap(f, { axisName: "i" })(np.ones([2]));
  assertEquals(traces, 1);
  const text = vn.filterPmap(f, { axisName: "i" }).lower(np.ones([2])).jaxpr();
  assert(text.includes("sharding_constraint") && text.includes('P("i")'), text);
});

Deno.test("filterPmap: a weight of the model is whole on each device, and is not mapped", () => {
  const layer = new vn.nn.Linear(3, 2, { key: vn.random.key(0) });
  const f = vn.filterPmap(layer);
  const x = np.ones([4, 3]);
  assertEquals(f(x).tolist(), vn.filterVmap(layer)(x).tolist());
  assertEquals(names(f(x)), "cpu:0 cpu:1 cpu:2 cpu:3");
  const grads = vn.filterGrad((g: typeof f, x: vn.NDArray) => g(x).sum())(f, x);
  assertEquals((vn.tree.leaves(grads)[0] as vn.NDArray).shape, [2, 3]);
});

Deno.test("filterPmap: every transformation of it gives what it gives of filterVmap", () => {
  const each = (x: vn.NDArray) => lax.psum(x.pow(3), "i").mul(x);
  const [p, v] = [
    vn.filterPmap(each, { axisName: "i" }),
    vn.filterVmap(each, { axisName: "i" }),
  ] as ((x: vn.NDArray) => vn.NDArray)[];
  const x = np.array([1, 2, 3]);
  type F = (x: vn.NDArray) => vn.NDArray;
  const uses: Record<string, (f: F) => unknown> = {
    jvp: (f) => vn.jvp(f, [x], [x])[1],
    linearize: (f) => vn.linearize(f, x)[1](x),
    jacfwd: (f) => vn.jacfwd(f)(x),
    jacrev: (f) => vn.jacrev(f)(x),
    hessian: (f) => vn.hessian((x: vn.NDArray) => f(x).sum())(x),
    checkpoint: (f) => vn.grad((x: vn.NDArray) => vn.filterCheckpoint(f)(x).sum())(x),
    closureConvert: (f) => vn.filterClosureConvert(f, x)(x),
    cond: (f) => lax.cond(x.sum().greater(0), f, (x: vn.NDArray) => x, x),
    vmap: (f) => vn.vmap(f)(np.stack([x, x.neg()])),
    jit: (f) => vn.filterJit(vn.filterJit(f))(x),
    "gradient of a scan": (f) =>
      vn.grad((x: vn.NDArray) =>
        lax.scan((c: vn.NDArray, _: null) => [f(c).div(100), null], x, null, { length: 3 })[0].sum()
      )(x),
  };
  for (const [name, use] of Object.entries(uses)) {
    assertEquals((use(p) as vn.NDArray).tolist(), (use(v) as vn.NDArray).tolist(), name);
  }
  assertEquals(vn.filterEvalShape(p, x).shape, [3]);
});
