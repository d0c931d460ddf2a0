/**
 * Operations on a device's arrays outside of any transformation: whatever the processor would read there becomes a program.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { deviceTest } from "./adapter.ts";

const { lax, numpy: np } = vn;
type NDArray = vn.NDArray;

/** A test with the device as the default one. */
function atOnce(name: string, fn: () => Promise<void>): void {
  deviceTest(`at once: ${name}`, async () => {
    const [gpu] = await vn.init("webgpu");
    vn.defaultDevice(gpu);
    try {
      await fn();
    } finally {
      vn.defaultDevice(null);
    }
  });
}

atOnce("the device chooses between branches", async () => {
  const x = np.array([1, 2, 3]);
  const f = (pred: NDArray) =>
    lax.cond(pred, (x: NDArray) => x.mul(2), (x: NDArray) => x.sub(1), x) as NDArray;
  assertEquals(await f(np.less(x.sum(), 10)).data(), Float32Array.of(2, 4, 6));
  assertEquals(await f(np.less(x.sum(), 5)).data(), Float32Array.of(0, 1, 2));
  const gradient = vn.grad((x: NDArray) => lax.cond(x.less(1), np.sin, np.cos, x) as NDArray);
  const [slope] = await gradient(np.array(2)).data();
  assert(Math.abs(Number(slope) + Math.sin(2)) < 1e-6);
});

atOnce("a check that fails reaches whoever reads, and one that holds nobody", async () => {
  const x = np.array([1, -1]);
  const checked = vn.errorIf(x, np.less(x, 0), "x is negative");
  await assertRejects(() => checked.data(), vn.RuntimeCheckError, "x is negative");
  assertEquals(await vn.errorIf(x, np.less(x, -5), "x is low").data(), Float32Array.of(1, -1));
  const poisoned = vn.errorIf(x, np.less(x, 0), "x is negative", { onError: "nan" });
  assertEquals(await poisoned.data(), Float32Array.of(NaN, NaN));
  const index = np.array([0, 1]).sum().astype("int32");
  const branched = vn.branchedErrorIf(x, np.less(x.sum(), 1), index, ["first", "second"]);
  await assertRejects(() => branched.data(), vn.RuntimeCheckError, "second");
});

atOnce("functions of the host read what they are given, and what they make", async () => {
  const twice = (x: NDArray) =>
    vn.filterPureCallback(
      (y: NDArray) => np.array([y.mul(2).sum().item()]),
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([1], "float32") }),
    ) as NDArray;
  const x = np.array([1, 2]);
  for (const f of [twice, vn.filterJit(twice)]) {
    assertEquals(await f(x.add(1)).add(1).data(), Float32Array.of(11));
  }
});

atOnce("complex numbers are computed in parts", async () => {
  const z = np.array([new vn.Complex(1, 2), new vn.Complex(-3, 4)]);
  assertEquals(await np.conj(z).data(), Float32Array.of(1, -2, -3, -4));
  assertEquals(await z.mul(z).data(), Float32Array.of(-3, 4, -7, -24));
});

atOnce("a number that is another each time is no part of the program", async () => {
  const x = np.array([1, 2, 3]);
  const add = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => x.mul(from + i).data()));
  await add(0, 20);
  const before = webGpu().memory().pipelines;
  const products = await add(20, 60);
  assertEquals(webGpu().memory().pipelines, before);
  products.forEach((y, i) => assertEquals(y, Float32Array.of(20 + i, 40 + 2 * i, 60 + 3 * i)));
  assertEquals(await x.mul(-0).data(), Float32Array.of(-0, -0, -0));
});

atOnce("what needs elements to know a size says so, by its name", async () => {
  const x = np.array([3, 0, 1], { dtype: "int32" });
  const cases: Record<string, () => unknown> = {
    "numpy.nonzero": () => np.nonzero(x),
    "numpy.unique": () => np.unique(x),
    "numpy.bincount": () => np.bincount(x),
    "numpy.repeat": () => np.repeat(x, x),
    "get": () => x.get(np.greater(x, 0)),
  };
  for (const [name, call] of Object.entries(cases)) {
    const error = assertThrows(call, vn.DeviceError, "await x.data()");
    assert(error.message.includes(name), error.message);
  }
  const [places] = np.nonzero(x, { size: 2 });
  assertEquals(await places.data(), Int32Array.of(0, 2));
  // What the caller's text says is known.
  assertEquals(await np.repeat(x, [0, 2, 1]).data(), Int32Array.of(0, 0, 1));
});

atOnce("items of an enumeration say where they are", async () => {
  const Results = vn.Enumeration.define("Results", { good: "all is well", bad: "all is lost" });
  const chosen = Results.where(np.less(np.array(1), 2), Results.good, Results.bad);
  assertEquals(Results.message(chosen), "on webgpu:0");
  assertEquals(await chosen.value.data(), Int32Array.of(0));
  assertEquals(Results.message(Results.bad), "all is lost");
});

atOnce("what the device has no dtype for names the operation and the operand", async () => {
  const x = np.array([1, 2]);
  const message = "computes in float64, which WebGPU lacks, but operand 0 is there";
  assertThrows(() => x.astype("float64"), vn.DTypeError, message);
  assertThrows(() => x.astype("complex128"), vn.DTypeError, "operand 0 is there");
  // What was made in float64 is the processor's.
  const y = np.ones([2], { dtype: "float64" });
  assertEquals(y.add(1).tolist(), [2, 2]);
  assertThrows(() => x.add(y), vn.DTypeError, "float64");
  assertEquals(await x.add(1).data(), Float32Array.of(2, 3));
});
