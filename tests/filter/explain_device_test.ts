/**
 * `explainDevice` where WebGPU was never opened.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;
type NDArray = vn.NDArray;

Deno.test("each trace that was called has a record, in order", () => {
  const f = vn.filterJit((x: NDArray, n: number) => x.mul(n));
  assertEquals(vn.explainDevice(f), []);
  f(np.ones([2]), 2);
  f(np.ones([3]), 2);
  f(np.ones([2]), 2);
  const records = vn.explainDevice(f);
  assertEquals(records.map((r) => [r.trace, r.platform, r.reason, r.cpu, r.webgpu]), [
    [1, "cpu", "only", null, null],
    [2, "cpu", "only", null, null],
  ]);
  assertEquals(
    String(records[1]),
    'trace 2: cpu, because only the processor was open; await init("webgpu") opens WebGPU',
  );
});

Deno.test("a wrapper around a compiled function, and a decorated method, are looked through", () => {
  const f = vn.filterJit((x: NDArray) => x.mul(2));
  vn.filterVmap(f)(np.ones([2, 3])); // its program is another's
  assertEquals(vn.explainDevice(f), []);
  class Scale {
    @vn.filterJit
    call(x: NDArray): NDArray {
      return x.mul(3);
    }
  }
  const scale = new Scale();
  scale.call(np.ones([2]));
  assertEquals(vn.explainDevice(scale.call).length, 1);
});

Deno.test("what filterJit did not make is refused", () => {
  for (const wrong of [(x: NDArray) => x, 3, null, "f"]) {
    assertThrows(() => vn.explainDevice(wrong), vn.ArgumentError, "explainDevice: expected a");
  }
});
