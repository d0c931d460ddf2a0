/**
 * Equinox's test of `clear_caches`, by behaviour.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

Deno.test("equinox/caches/test_clear_caches: the caches are empty afterwards, and everything works on", () => {
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray) => {
    traces++;
    return x.add(1);
  });
  const x = vn.numpy.array([1, 2]);
  f(x);
  vn.clearCaches();
  assertEquals(f(x).tolist(), [2, 3]);
  f(x);
  assertEquals(traces, 2);
  vn.clearCaches();
  vn.clearCaches();
  assertEquals(x.mul(2).tolist(), [2, 4]);
});
