/**
 * The behaviours of Equinox's `test_enum.py`, each under its upstream name. Enumerations are made by `Enumeration.define`, and extended by `extend`; items compare
 * by `eq` and `ne`.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { Enumeration, numpy: np } = vn;

const A = Enumeration.define("A", { a: "hi", b: "bye" });
const B = Enumeration.define("B", { a: "hi", b: "bye" });

Deno.test("equinox/enum/test_equality: items equal themselves, and compare only within their enumeration", () => {
  for (
    const compare of [
      (x: typeof A.a, y: typeof A.a) => [x.eq(y), x.ne(y)] as const,
      vn.filterJit((x: typeof A.a, y: typeof A.a) => [x.eq(y), x.ne(y)] as const),
    ]
  ) {
    assertEquals(compare(A.a, A.a).map((x) => x.item()), [1, 0]);
    assertEquals(compare(A.a, A.b).map((x) => x.item()), [0, 1]);
    assertThrows(() => compare(A.a, B.a as never), vn.ArgumentError, "A with B");
    assertThrows(() => compare(A.a, 0 as never), vn.ArgumentError, "one enumeration");
  }
  assertEquals(A.a.eq(A.a).dtype, "bool");
});

Deno.test("equinox/enum/test_where: chooses by a scalar bool, known or traced", () => {
  assertEquals(A.where(true, A.a, A.b).eq(A.a).item(), 1);
  assertEquals(A.where(np.array(false), A.a, A.b).eq(A.b).item(), 1);
  const f = vn.filterJit((p: vn.NDArray) => A.where(p, A.a, A.b));
  assertEquals(f(np.array(true)).eq(A.a).item(), 1);
  assertEquals(f(np.array(false)).eq(A.b).item(), 1);
  assert(A.has(f(np.array(true))));
  assertThrows(() => A.where(true, A.a, B.a as never), vn.ArgumentError, "must be of A");
  assertThrows(() => A.where(np.array([true]), A.a, A.b), vn.DTypeError, "0-d predicate");
  assertThrows(() => A.where(np.array(1), A.a, A.b), vn.DTypeError, "bool");
  const mapped = vn.filterVmap((p: vn.NDArray) => A.where(p, A.a, A.b))(np.array([true, false]));
  assertEquals(A.message(mapped), '["hi","bye"]');
});

Deno.test("equinox/enum/test_repr: an item is written by its message", () => {
  assertEquals(String(A.a), "A<hi>");
  assertEquals(vn.treePformat([A.b]), "[A<bye>]");
  let traced = "";
  vn.filterJit((x: typeof A.a) => {
    traced = String(x);
    return x;
  })(A.a);
  assertEquals(traced, "A<traced>");
});

Deno.test("equinox/enum/test_inheritance_and_len: an extension has the items of both, and promotes those of what it extends", () => {
  const More = A.extend("More", { c: "what?" });
  const Most = More.extend("Most", { d: "!" });
  assertEquals([A.length, More.length, Most.length], [2, 3, 4]);
  assertEquals(More.message(More.a), "hi");
  assertEquals(More.message(More.c), "what?");
  assertThrows(() => More.a.eq(A.a as never), vn.ArgumentError, "one enumeration");
  for (
    const promote of [
      (x: typeof A.b) => Most.promote(x),
      vn.filterJit((x: typeof A.b) => Most.promote(x)),
    ]
  ) {
    const b = promote(A.b);
    assertEquals(b.eq(Most.b).item(), 1);
    assertEquals(Most.message(b), "bye");
  }
  assertEquals(Most.promote(More.c).eq(Most.c).item(), 1);
  assertThrows(() => A.promote(More.a), vn.ArgumentError, "one of More");
  assertThrows(() => More.promote(More.a), vn.ArgumentError, "More takes items");
  assertThrows(() => More.promote(B.a), vn.ArgumentError, "one of B");
  assertThrows(() => More.promote(1 as never), vn.ArgumentError, "got 1");
});

Deno.test("equinox/enum/test_getitem: the message of an item, of its own enumeration only", () => {
  assertEquals(A.message(A.a), "hi");
  assertThrows(() => A.message(B.a as never), vn.ArgumentError, "one of B");
  assertThrows(() => A.message(0 as never), vn.ArgumentError, "got 0");
});

Deno.test("equinox/enum/test_isinstance: an enumeration has its items and no others", () => {
  const More = A.extend("More", { c: "what?" });
  assert(A.has(A.a) && More.has(More.a));
  assert(!A.has(B.a) && !A.has(More.a) && !More.has(A.a) && !A.has(0) && !A.has("hi"));
});

Deno.test("equinox/enum/test_duplicate_fields: a name in both warns if the messages differ, and the latter holds", () => {
  const warnings: string[] = [];
  const before = vn.setWarningHandler((text) => warnings.push(text));
  try {
    const Same = A.extend("Same", { a: "hi" });
    assertEquals([Same.length, warnings.length], [2, 0]);
    const Other = A.extend("Other", { a: "not hi", c: "c" });
    assertEquals([Other.length, warnings.length], [3, 1]);
    assertEquals(Other.message(Other.a), "not hi");
    assert(warnings[0].includes('"hi" and "not hi"'));
  } finally {
    vn.setWarningHandler(before);
  }
  for (const taken of ["promote", "where", "toString"]) {
    assertThrows(() => Enumeration.define("E", { [taken]: "m" }), vn.ArgumentError, taken);
  }
});

Deno.test("equinox/enum/test_error_if: an item throws with its message", () => {
  const token = np.array(1);
  assertEquals(A.a.errorIf(token, false).item(), 1);
  assertThrows(() => A.a.errorIf(token, true), vn.RuntimeCheckError, "hi");
  assertThrows(() => A.b.errorIf(token, np.array(true)), vn.RuntimeCheckError, "bye");
  const f = vn.filterJit((x: vn.NDArray, item: typeof A.a, pred: vn.NDArray) =>
    item.errorIf(x, pred)
  );
  assertEquals(f(token, A.a, np.array(false)).item(), 1);
  assertThrows(() => f(token, A.a, np.array(true)), vn.RuntimeCheckError, "hi");
  assertThrows(() => f(token, A.b, np.array(true)), vn.RuntimeCheckError, "bye");
});

Deno.test("equinox/enum/test_compile_time_eval: what is known of items is known while tracing", () => {
  vn.filterJit((x: vn.NDArray) => {
    assertEquals(A.a.eq(A.a).item(), 1);
    assertEquals(A.a.ne(A.a).item(), 0);
    assert(!A.where(np.array(1).dtype === "float32", A.a, A.b).isTraced());
    const More = A.extend("More", { c: "c" });
    assertEquals(More.promote(A.a).eq(More.a).item(), 1);
    assert(A.where(x.greater(0), A.a, A.b).isTraced());
    return x;
  })(np.array(1));
});

Deno.test("equinox/enum/test_where_traced_bool_same_branches: one item on both sides is the result, known while tracing", () => {
  vn.filterJit((p: vn.NDArray) => {
    assertStrictEquals(A.where(p, A.a, A.a), A.a);
    return p;
  })(np.array(true));
});

Deno.test("items pass through loops, maps and trees as arrays", () => {
  const run = vn.filterJit((n: vn.NDArray) => {
    const body = ([i, r]: [vn.NDArray, typeof A.a]): [vn.NDArray, typeof A.a] => [
      i.add(1),
      A.where(i.greater(2), A.b, r),
    ];
    return vn.lax.whileLoop(([i]) => i.less(n), body, [np.array(0), A.a])[1];
  });
  assertEquals(A.message(run(np.array(2))), "hi");
  assertEquals(A.message(run(np.array(5))), "bye");
  assertEquals(vn.tree.leaves(A.b).map((x) => (x as vn.NDArray).item()), [1]);
  assertEquals(vn.treeEqual(A.b, A.b), vn.treeEqual(np.array(1), np.array(1)));
  assertEquals(vn.treeEqual(A.b, B.b), false);
});
