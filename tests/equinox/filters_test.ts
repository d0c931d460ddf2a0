/**
 * Equinox's tests of its filters.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { Linear, MLP, same } from "./layers.ts";

const np = vn.numpy;

// [value, isArray, isArrayLike, isInexactArray, isInexactArrayLike]; a number is inexact whether whole or not.
const table = (): [unknown, boolean, boolean, boolean, boolean][] => [
  [1, false, true, false, true],
  [2.5, false, true, false, true],
  [1n, false, true, false, false],
  [[2.0], false, false, false, false],
  [true, false, true, false, false],
  [{}, false, false, false, false],
  ["1", false, false, false, false],
  [null, false, false, false, false],
  [np.array([1], { dtype: "int32" }), true, true, false, false],
  [np.array(1), true, true, true, true],
  [np.array(true), true, true, false, false],
  [np.array([1], { dtype: "float64" }), true, true, true, true],
  [new Float32Array(1), true, true, true, true],
  [new Float64Array(1), true, true, true, true],
  [new Int32Array(1), true, true, false, false],
  [new DataView(new ArrayBuffer(4)), false, false, false, false],
  [new ArrayBuffer(4), false, false, false, false],
  [new vn.ShapeDtypeStruct([2], "float32"), false, false, false, false],
  [new Linear(1, 1), false, false, false, false],
];

function check(predicate: (x: unknown) => boolean, column: 1 | 2 | 3 | 4): void {
  table().forEach((row, i) => assertStrictEquals(predicate(row[0]), row[column], `row ${i}`));
}

Deno.test("equinox/filters/test_is_array: arrays and typed arrays", () => check(vn.isArray, 1));

Deno.test("equinox/filters/test_is_array_like: and numbers, bigints, booleans", () => {
  check(vn.isArrayLike, 2);
});

Deno.test("equinox/filters/test_is_inexact_array: floating dtypes alone", () => {
  check(vn.isInexactArray, 3);
});

Deno.test("equinox/filters/test_is_inexact_array_like: and numbers", () => {
  check(vn.isInexactArrayLike, 4);
});

const isNumber = (x: unknown) => typeof x === "number";

const mixed = (): unknown[] => [
  [1, 2, [3, "hi", { a: np.array(1), b: 4, c: new MLP(2, 2) }]],
  [1, 1, 1, 1, "hi"],
];

Deno.test("equinox/filters/test_filter: by predicate, by prefix; a prefix that does not fit is an error", () => {
  mixed().forEach((pytree, i) => {
    const kept = vn.tree.leaves(vn.filter(pytree, isNumber));
    assert(kept.every(isNumber));
    assertEquals(kept.length, [4, 4][i]);
  });

  const spec = [false, true, [isNumber, true]];
  const sentinel = { marks: () => "a leaf" }.marks;
  const pytree = [new Linear(1, 1), new Linear(1, 1), [new Linear(1, 1), sentinel]] as const;
  const filtered = vn.filter(pytree, spec);
  assertEquals(vn.tree.leaves(filtered[0]), []);
  assert(filtered[0] instanceof Linear);
  assertStrictEquals(filtered[1].weight, pytree[1].weight);
  assertEquals(vn.tree.leaves(filtered[2][0]), []);
  assertStrictEquals(filtered[2][1], sentinel);
  assertThrows(
    () => vn.filter(pytree, spec.slice(1)),
    vn.TreeError,
    "filter: at pytree: expected an array of length 2",
  );
});

Deno.test("equinox/filters/test_partition_and_combine: combined in either order", () => {
  for (const pytree of mixed()) {
    const [kept, rest] = vn.partition(pytree, isNumber);
    assert(vn.tree.leaves(kept).every(isNumber));
    assert(!vn.tree.leaves(rest).some(isNumber));
    assert(same(vn.combine(kept, rest), pytree));
    assert(same(vn.combine(rest, kept), pytree));
  }
});

Deno.test("equinox/filters/test_partition_subtree: a boolean for a subtree", () => {
  const [a, b] = vn.partition([[1], 2], [true, false]);
  assertEquals([a, b], [[[1], null], [[null], 2]] as unknown);
  assertEquals(vn.combine(a, b), [[1], 2]);
});

Deno.test("equinox/filters/test_is_leaf: nodes kept or rejected whole", () => {
  class M extends vn.Module {
    value: unknown;
    constructor(value: unknown) {
      super();
      this.value = value;
    }
  }
  const isLeaf = (x: unknown) => x instanceof M;
  const spec = (x: unknown) => x instanceof M ? x.value === 1 : true;
  const pytree = [new M(1), new M(2), 3];
  assert(same(vn.filter(pytree, spec, { isLeaf }), [new M(1), null, 3]));
  const [kept, rest] = vn.partition(pytree, spec, { isLeaf });
  assert(same(kept, [new M(1), null, 3]));
  assert(same(rest, [null, new M(2), null]));
});
