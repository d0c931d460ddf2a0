/**
 * The behaviours of Equinox's `test_misc.py`, each under its upstream name.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { unvmapAll, unvmapAny, unvmapMax } from "../../src/internal/mod.ts";

const { numpy: np } = vn;

Deno.test("equinox/misc/test_unvmap: reductions over everything, however it is mapped, give one value for all", () => {
  const flags = np.array([[true, false], [false, false]]);
  const numbers = np.array([[1, 7], [3, 4]], { dtype: "int32" });
  const all = [unvmapAny, unvmapAll, unvmapMax];
  const expected = [1, 0, 7];
  all.forEach((reduce, i) => {
    const x = reduce === unvmapMax ? numbers : flags;
    const once = vn.vmap(reduce, { outAxes: null });
    const twice = vn.vmap(vn.vmap(reduce, { inAxes: 1, outAxes: null }), { outAxes: null });
    for (const f of [reduce, once, vn.vmap(reduce, { inAxes: 1, outAxes: null })]) {
      for (const g of [f, vn.filterJit(f)]) {
        assertEquals(g(x).shape, []);
        assertEquals(g(x).item(), expected[i]);
      }
    }
    assertEquals(twice(np.stack([x, x])).item(), expected[i]);
    assertEquals(
      vn.vmap(reduce)(x).tolist().toString(),
      [expected[i], expected[i]].map((v) => reduce === unvmapMax ? v : v === 1).toString(),
    );
  });
  assertThrows(() => unvmapAny(np.array([1])), vn.DTypeError, "internal.unvmapAny");
});
