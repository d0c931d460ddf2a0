/**
 * The behaviours of Equinox's `test_misc.py`, each under its upstream name.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { omega, unvmapAll, unvmapAny, unvmapMax } from "../../src/internal/mod.ts";

const { numpy: np } = vn;
const isNull = (x: unknown) => x === null;

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

Deno.test("equinox/misc/test_ω_add_mul: arithmetic on trees is arithmetic on leaves", () => {
  const a = { x: np.array([1, 2]), y: [3, np.array(4)] };
  const b = { x: np.array([10, 20]), y: [30, np.array(40)] };
  const sum = omega(a).add(omega(b)).value;
  assertEquals([sum.x.tolist(), sum.y[0], sum.y[1].item()], [[11, 22], 33, 44]);
  const scaled = omega(a).mul(2).value;
  assertEquals([scaled.x.tolist(), scaled.y[0], scaled.y[1].item()], [[2, 4], 6, 8]);
  const all = omega({ x: 7, y: np.array(7) });
  const results = [
    [all.sub(2), 5],
    [all.div(2), 3.5],
    [all.pow(2), 49],
    [all.mod(4), 3],
    [all.neg(), -7],
    [all.neg().abs(), 7],
    [all.mul(omega({ x: 2, y: np.array(3) })).sub(omega({ x: 0, y: np.array(7) })), 14],
    [all.call((x) => typeof x === "number" ? x + 1 : x.add(1)), 8],
  ] as const;
  for (const [made, expected] of results) {
    assertEquals([made.value.x, made.value.y.item()], [expected, expected]);
  }
  for (
    const name of ["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const
  ) {
    const { x, y } = all[name](8).value;
    assertEquals(Number(x), y.item(), name);
    assertEquals(x, ["notEqual", "less", "lessEqual"].includes(name), name);
  }
  assertEquals(omega([np.eye(2)]).matmul(omega([np.array([1, 2])])).value[0].tolist(), [1, 2]);
  assertThrows(
    () => omega([1]).add(omega([1, 2])),
    vn.TreeError,
    "omega.add: trees must have one structure",
  );
  assertThrows(() => omega([1]).add([1] as never), vn.ArgumentError, "omega(tree)");
});

Deno.test("equinox/misc/test_ω_inplace: indexed updates of each leaf", () => {
  const a = [np.array([1, 2, 3]), np.array([[1, 2], [3, 4]])];
  const set = omega(a).at(0).set(9).value;
  assertEquals(set.map((x: vn.NDArray) => x.tolist()), [[9, 2, 3], [[9, 9], [3, 4]]]);
  const added = omega(a).at(-1).add(omega([np.array(1), np.array([10, 20])])).value;
  assertEquals(added.map((x: vn.NDArray) => x.tolist()), [[1, 2, 4], [[1, 2], [13, 24]]]);
  assertEquals(omega(a).at(0).mul(5).value[0].tolist(), [5, 2, 3]);
  assertEquals(omega(a).at(1).div(2).value[0].tolist(), [1, 1, 3]);
  assertEquals(omega(a).at(1).pow(2).value[0].tolist(), [1, 4, 3]);
  assertEquals(omega(a).at(1).min(1).value[0].tolist(), [1, 1, 3]);
  assertEquals(omega(a).at(0).max(7).value[0].tolist(), [7, 2, 3]);
  assertEquals(omega(a).get(1).value.map((x: vn.NDArray) => x.tolist()), [2, [3, 4]]);
});

Deno.test("equinox/misc/test_ω_is_leaf: isLeaf says where trees stop, and must be the same on both sides", () => {
  const isLeaf = (x: unknown) => Array.isArray(x);
  const merged = omega({ a: [1, 2] }, { isLeaf }).call((x: number[]) => x.length).value;
  assertEquals(merged, { a: 2 });
  assertThrows(
    () => omega({ a: [1, 2] }, { isLeaf }).add(omega({ a: [1, 2] })),
    vn.ArgumentError,
    "isLeaf must be the same",
  );
  const same = omega({ a: null }, { isLeaf: isNull });
  assertEquals(same.call((x) => x ?? 5).value, { a: 5 });
});
