/**
 * Programs that ask for more than an adapter gives at once.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { type DeviceProgram, deviceProgram } from "../../src/backends/wgsl/program.ts";
import { baselineTraits } from "../../src/backends/wgsl/traits.ts";
import { innerPrograms } from "../../src/loopnest/ir.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { assertClose } from "../backends/compare.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

const { lax, nn, numpy: np, random } = vn;
type NDArray = vn.NDArray;

/** The most buffers that a kernel of a program binds. */
function mostBindings({ steps }: DeviceProgram): number {
  return Math.max(
    0,
    ...steps.map((step) =>
      step.kind === "dispatch"
        ? step.kernel.bindings.length
        : step.kind === "control"
        ? Math.max(0, ...innerPrograms(step.control).map(mostBindings))
        : 0
    ),
  );
}

/** A test that a function computes the same on a device that binds eight buffers at once as in the interpreter. */
function withFewBindings(
  name: string,
  fn: (...xs: NDArray[]) => NDArray | readonly NDArray[],
  xs: () => NDArray[],
  donated = false,
): void {
  deviceTest(`with eight bindings: ${name}`, async (device) => {
    const args = xs();
    const closed = vn.makeJaxpr(fn)(...args);
    const program = schedule(closed, { name, donated: args.map(() => donated) });
    const inputs = [...closed.consts, ...args].map((x) => x.dataSync());
    const expected = interpret(program, inputs.map((x) => x.slice()));
    const wide = deviceProgram(program, { ...device.traits, maxBuffers: 1000 });
    assert(mostBindings(wide) > 8, `${mostBindings(wide)} bindings`);
    const narrow = deviceProgram(program, { ...device.traits, maxBuffers: 8 });
    assert(mostBindings(narrow) <= 8, `${mostBindings(narrow)} bindings`);
    const actual = await execute(device, narrow, inputs);
    expected.forEach((e, k) =>
      assertClose(actual[k], e, { ulps: 20, absolute: 1e-5 }, (i) => `${k}[${i}]`)
    );
  });
}

const many = (count: number, ...shape: number[]): NDArray[] =>
  Array.from({ length: count }, (_, i) => random.normal(random.key(i), shape));
const sum = (xs: readonly NDArray[]): NDArray => xs.reduce((a, x) => a.add(np.tanh(x)));

withFewBindings("forty inputs", (...xs) => sum(xs), () => many(40, 33));
withFewBindings("forty inputs of unlike sizes", (...xs) => sum(xs), () => [
  ...many(20, 7, 1),
  ...many(20, 1, 5),
]);
withFewBindings(
  "forty inputs that are reduced",
  (...xs) => nn.softmax(sum(xs)),
  () => many(40, 9, 70),
);
withFewBindings(
  "as many outputs as inputs",
  (...xs) => {
    const total = xs.reduce((a, x) => a.add(x)).sum();
    return xs.map((x) => x.sub(total));
  },
  () => many(12, 20),
);
withFewBindings(
  "inputs of all kinds",
  (...xs) => xs.reduce((a, x) => a.add(x.astype("float32")), np.zeros([50])),
  () =>
    many(30, 50).map((x, i) =>
      x.mul(20).astype((["float32", "int32", "uint8", "bool", "float16", "int8"] as const)[i % 6])
    ),
);
withFewBindings(
  "inputs of 64 bits beside",
  (...xs) => {
    const whole = xs.slice(0, 10).reduce((a, x) => a.add(x));
    return whole.astype("int32").astype("float32").add(sum(xs.slice(10)));
  },
  () => [...many(10, 40).map((x) => x.mul(1e6).astype("int32").astype("int64")), ...many(10, 40)],
);
withFewBindings(
  "a loop's turns",
  (...xs) =>
    lax.scan((c: NDArray) => [sum([c, ...xs]).mul(0.1), null], xs[0], null, { length: 3 })[0],
  () => many(20, 30),
);
withFewBindings(
  "what a product ends in",
  (a, b, ...xs) => xs.reduce((y, x) => y.add(x).mul(0.9), a.matmul(b)),
  () => [...many(2, 64, 64), ...many(20, 64, 64)],
);
withFewBindings(
  "updates in place",
  (...xs) => {
    const total = sum(xs);
    return xs.slice(0, 4).map((x) => x.mul(0.5).add(total));
  },
  () => many(20, 64),
  true,
);

Deno.test("arrays that are too large to be laid together are refused by the nest's name", () => {
  const closed = vn.makeJaxpr((...xs: NDArray[]) => sum(xs))(...many(20, 100));
  const program = schedule(closed, { name: "sum" });
  const traits = { ...baselineTraits, maxBindingBytes: 512 };
  assertThrows(() => deviceProgram(program, traits), vn.CompileError, "21 arrays at once");
});

deviceTest("a program with too many bindings for the adapter itself runs", async () => {
  const [gpu] = await vn.init("webgpu");
  const count = Math.min(100, webGpu().traits.maxBuffers + 8);
  const xs = many(count, 100);
  const f = vn.filterJit((...xs: NDArray[]) => sum(xs), { device: gpu });
  const expected = vn.filterJit((...xs: NDArray[]) => sum(xs))(...xs).dataSync();
  const actual = await f(...xs).data();
  actual.forEach((x, i) => assert(Math.abs(Number(x) - Number(expected[i])) < 1e-4));
});

deviceTest("more workgroups than one dimension holds", async () => {
  const [gpu] = await vn.init("webgpu");
  const n = 65_535 * 64 + 1000;
  const x = vn.devicePut(np.arange(n), gpu);
  const y = await vn.filterJit((x: NDArray) => x.mul(3).add(1))(x).data();
  for (const i of [0, 1, 65_535 * 64 - 1, 65_535 * 64, n - 1]) assertEquals(y[i], 3 * i + 1);
  // Rows that are reduced by a workgroup each.
  const rows = vn.devicePut(np.arange(70_000).mul(2).reshape([70_000, 1]), gpu);
  const sums = vn.filterJit((r: NDArray) => np.broadcastTo(r, [70_000, 200]).add(1).sum(1));
  const totals = await sums(rows).data();
  for (const i of [0, 65_534, 65_535, 69_999]) assertEquals(totals[i], 200 * (2 * i + 1));
});

deviceTest("an array that the adapter does not allow is named before anything runs", async () => {
  const [gpu] = await vn.init("webgpu");
  const { maxBindingBytes } = webGpu().traits;
  if (maxBindingBytes > 2 ** 28) return; // it would take too much memory here
  const before = webGpu().memory().buffers;
  const elements = maxBindingBytes + 64; // a byte each on the processor
  const flags = np.zeros([elements], { dtype: "bool" });
  const refused = (fn: () => unknown, ...parts: string[]): void => {
    const { message } = assertThrows(fn, vn.OutOfMemoryError);
    for (const part of [...parts, String(4 * elements), String(maxBindingBytes)]) {
      assert(message.includes(part), message);
    }
  };
  const count = vn.filterJit((m: { mask: NDArray }) => m.mask.sum(), { device: gpu });
  refused(() => count({ mask: flags }), "args[0].mask");
  refused(() => vn.devicePut({ mask: flags }, gpu), "devicePut", "x.mask");
  const spread = vn.filterJit((x: NDArray) => np.broadcastTo(x, [elements]));
  const one = vn.devicePut(np.ones([1]), gpu);
  refused(() => spread(one), "one of its results");
  one.delete();
  assertEquals(webGpu().memory().buffers, before);
  // Nothing is lost here, and what nobody binds there runs here.
  assertEquals(vn.filterJit((m: { mask: NDArray }) => m.mask.sum())({ mask: flags }).item(), 0);
  vn.defaultDevice(gpu);
  try {
    const here = vn.filterJit((m: { mask: NDArray }) => m.mask.sum());
    assertEquals(here({ mask: flags }).item(), 0);
    assertEquals(vn.explainDevice(here)[0].reason, "size");
  } finally {
    vn.defaultDevice(null);
  }
});
