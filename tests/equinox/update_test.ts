/**
 * Equinox's tests of `apply_updates`.
 *
 * @module
 */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const np = vn.numpy;

Deno.test("equinox/update/test_apply_updates1: null keeps, the rest is added", () => {
  const thing = new Date(0);
  const params = [
    thing,
    np.array([5], { dtype: "int32" }),
    np.array([2], { dtype: "int32" }),
  ] as const;
  const updated = vn.applyUpdates(params, [null, -1, 1]);
  assertStrictEquals(updated[0], thing);
  assertEquals([updated[1].tolist(), updated[2].tolist()], [[4], [3]]);
  assertEquals(updated[1].dtype, "int32");
});

Deno.test("equinox/update/test_apply_updates2: an update of what is no array is an error", () => {
  const params = [new Date(0), np.array([2])];
  assertThrows(
    () => vn.applyUpdates(params, [0, 1]),
    vn.ArgumentError,
    "applyUpdates: model[0]: cannot add an update to a leaf of class Date; pass null as updates[0]",
  );
});
