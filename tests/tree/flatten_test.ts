/**
 * Taking trees apart and putting them together.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { TreeError } from "../../src/errors.ts";
import { flattenInto, flattenUpToInto } from "../../src/tree/flatten.ts";
import {
  flatten,
  flattenOneLevel,
  isKwargs,
  kwargs,
  leaves,
  registerPytreeNode,
  structure,
  unflatten,
} from "../../src/tree/mod.ts";
import { Couple, randomSource, randomTree, Unit } from "./random_trees.ts";

Deno.test("arrays keep their order, objects are sorted by key", () => {
  assertEquals(leaves([3, [1, 2]]), [3, 1, 2]);
  assertEquals(leaves({ b: 1, a: 2, 10: 3, 9: 4 }), [3, 4, 2, 1]);
});

Deno.test("keys are sorted by code point, not by UTF-16 unit", () => {
  // U+1F600 is written with surrogates, which lie below U+FFFD as units and above it as code points.
  assertEquals(leaves({ "\u{1F600}": "emoji", "\uFFFD": "replacement" }), ["replacement", "emoji"]);
  assertEquals(leaves({ ab: 2, a: 1, "": 0 }), [0, 1, 2]);
});

Deno.test("Maps keep their order, and another order is another structure", () => {
  const tree = new Map<unknown, unknown>([["b", 1], ["a", [2]]]);
  const [list, treedef] = flatten(tree);
  assertEquals(list, [1, 2]);
  const back = unflatten(treedef, [10, 20]) as Map<unknown, unknown>;
  assertEquals([...back], [["b", 10], ["a", [20]]]);
  assert(structure(new Map([["a", 1], ["b", 2]])) !== structure(new Map([["b", 1], ["a", 2]])));
});

Deno.test("null and undefined are empty subtrees, and the same", () => {
  assertEquals(leaves([null, undefined, 1]), [1]);
  assertStrictEquals(structure([null, 0]), structure([undefined, 0]));
  assertEquals(unflatten(structure([undefined, 0]), [5]), [null, 5]);
  assert(structure({ a: undefined }) !== structure({}));
});

Deno.test("what is not a node is a leaf: class instances, functions, Sets, Dates, typed arrays", () => {
  class Point {
    x = 1;
  }
  const things = [
    new Point(),
    () => 1,
    new Set([1]),
    new Date(0),
    new Float32Array(2),
    Symbol("s"),
  ];
  assertEquals(leaves(things).length, things.length);
  things.forEach((thing, i) => assertStrictEquals(leaves(things)[i], thing));
  class List extends Array {}
  assertEquals(leaves(List.from([1, 2, 3])).length, 1);
});

Deno.test("objects without a prototype are dictionaries", () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  assertStrictEquals(structure(bare), structure({ a: 0 }));
});

Deno.test("a key named __proto__ is a key like any other", () => {
  const tree = JSON.parse('{"__proto__": 1, "a": 2}');
  const [list, treedef] = flatten(tree);
  assertEquals(list, [1, 2]);
  const back = unflatten(treedef, list) as object;
  assertStrictEquals(Object.getPrototypeOf(back), Object.prototype);
  assertEquals(Object.keys(back), ["__proto__", "a"]);
});

Deno.test("isLeaf takes nodes whole, and null too", () => {
  assertEquals(
    leaves([[1, 2], 3], { isLeaf: (x) => Array.isArray(x) && x.length === 2 && x[0] === 1 }),
    [
      [1, 2],
      3,
    ],
  );
  assertEquals(leaves([null, 1], { isLeaf: (x) => x === null }), [null, 1]);
  assertEquals(leaves([undefined], { isLeaf: (x) => x === null }), [null]);
});

Deno.test("a tree that contains itself is an error, a deep one is not", () => {
  const loop: unknown[] = [];
  loop.push(loop);
  assertThrows(() => flatten(loop), TreeError, "contains itself");
  let deep: unknown = 1;
  for (let i = 0; i < 1500; i++) deep = [deep];
  assertEquals(leaves(deep), [1]);
});

Deno.test("unflatten wants as many leaves as the structure has, of whatever kind", () => {
  const treedef = structure({ a: 1, b: [2] });
  assertThrows(() => unflatten(treedef, [1]), TreeError, "expected 2 leaves");
  assertThrows(() => unflatten(treedef, [1, 2, 3]), TreeError, "got 3");
  assertEquals(unflatten(treedef, new Set([null, [7]])), { a: null, b: [[7]] });
  assertThrows(() => unflatten([1] as never, treedef as never), TreeError, "tree definition");
});

Deno.test("kwargs stay kwargs, and are not the structure of a dictionary", () => {
  const options = kwargs({ b: 1, a: [2] });
  const [list, treedef] = flatten(options);
  assertEquals(list, [2, 1]);
  const back = unflatten(treedef, list) as Record<string, unknown>;
  assert(isKwargs(back));
  assertEquals({ ...back }, { a: [2], b: 1 });
  assert(treedef !== structure({ b: 1, a: [2] }));
});

Deno.test("registered classes are nodes; their metadata is part of the structure", () => {
  class Ring {
    constructor(readonly items: unknown[], readonly name: string) {}
  }
  class Subring extends Ring {}
  assertEquals(leaves(new Ring([1], "x")).length, 1);
  const asLeaf = structure([new Ring([1], "x")]);
  registerPytreeNode(
    Ring,
    (r) => [r.items, r.name],
    (name: string, items) => new Ring([...items], name),
  );
  assertEquals(leaves(new Ring([1, 2], "x")), [1, 2]);
  assert(structure([new Ring([1], "x")]) !== asLeaf);
  assert(!flattenInto(asLeaf, [new Ring([1], "x")], []), "what was a leaf is one no more");
  assertStrictEquals(structure(new Ring([1], "x")), structure(new Ring([2], "x")));
  assert(structure(new Ring([1], "x")) !== structure(new Ring([1], "y")));
  assert(structure(new Ring([1], "x")) !== structure(new Ring([1, 1], "x")));
  const back = unflatten(structure(new Ring([1], "x")), [5]) as Ring;
  assertEquals([back.items, back.name], [[5], "x"]);
  assertEquals(leaves(new Subring([1], "x")).length, 1);
  assertThrows(
    () => registerPytreeNode(Ring, () => [[], null], () => new Ring([], "")),
    TreeError,
    "already",
  );
  assertThrows(
    () => registerPytreeNode(Couple, () => [[], null], () => new Couple(1, 2)),
    TreeError,
  );
});

Deno.test("flattenOneLevel gives the children, null among them, and a leaf itself", () => {
  assertEquals(flattenOneLevel([1, [2], null])[0], [1, [2], null]);
  const [children, treedef] = flattenOneLevel(4);
  assertEquals(children, [4]);
  assertStrictEquals(treedef, structure(0));
  const loop: unknown[] = [];
  loop.push(loop);
  assertThrows(() => flattenOneLevel(loop), TreeError, "child of itself");
});

Deno.test("any tree comes back as it was", () => {
  for (let seed = 0; seed < 300; seed++) {
    const tree = randomTree(randomSource(seed), 4);
    const [list, treedef] = flatten(tree);
    assertEquals(list.length, treedef.numLeaves);
    const back = unflatten(treedef, list);
    const [list2, treedef2] = flatten(back);
    assertStrictEquals(treedef2, treedef, `seed ${seed}`);
    assertEquals(list2, list, `seed ${seed}`);
  }
});

Deno.test("walking along a structure finds the leaves of just the trees of that structure", () => {
  const trees = Array.from({ length: 120 }, (_, seed) => randomTree(randomSource(seed), 3));
  // Copies too: what unflattening makes is walked differently from what constructors make.
  for (const tree of trees.slice(0, 60)) trees.push(unflatten(structure(tree), leaves(tree)));
  for (const a of trees) {
    const treedef = structure(a);
    for (const b of trees) {
      const found: unknown[] = [];
      const fits = flattenInto(treedef, b, found);
      assertEquals(fits, treedef === structure(b));
      if (fits) assertEquals(found, leaves(b));
    }
  }
});

Deno.test("walking tells 0 from -0 and NaN from other numbers in static fields", () => {
  const treedef = structure(new Unit(1, 0));
  assert(flattenInto(treedef, new Unit(2, 0), []));
  assert(!flattenInto(treedef, new Unit(2, -0), []));
  assert(flattenInto(structure(new Unit(1, NaN)), new Unit(1, NaN), []));
});

Deno.test("walking up to a structure takes what stands at its leaves whole", () => {
  const found: unknown[] = [];
  assert(flattenUpToInto(structure({ a: 0, b: [0] }), { b: [{ x: 1 }], a: null }, found));
  assertEquals(found, [null, { x: 1 }]);
  assert(!flattenUpToInto(structure([0, null]), [1, 2], []));
});

Deno.test("flattenInto takes plain objects with their keys in any order, and no others", () => {
  const tree = (order: string[]) => {
    const parts: Record<string, unknown> = { a: 1, b: [2, { y: 3, x: 4 }], c: null, d: { e: 5 } };
    return Object.fromEntries(order.map((key) => [key, parts[key] ?? null]));
  };
  const [leaves, def] = flatten(tree(["a", "b", "c", "d"]));
  assertEquals(leaves, [1, 2, 4, 3, 5]);
  const into = (x: unknown): unknown[] | null => {
    const out = new Array(def.numLeaves);
    return flattenInto(def, x, out) ? out : null;
  };
  const orders = [["a", "b", "c", "d"], ["d", "c", "b", "a"], ["b", "d", "a", "c"]];
  for (const order of [...orders, ...orders]) assertEquals(into(tree(order)), leaves);
  assertEquals(into({ f: 1, ...tree(["a", "b", "c"]) }), null);
  assertEquals(into(tree(["a", "b", "c"])), null);
  assertEquals(into({ ...tree(["a", "b", "c", "d"]), f: 1 }), null);
  assertEquals(into({ ...tree(["a", "b", "c", "d"]), d: 5 }), null);
  assertEquals(into({}), null);
  assertEquals(into(Object.assign(Object.create({ a: 1 }), tree(["b", "c", "d"]))), null);
  assertEquals(into(tree(["d", "a", "c", "b"])), leaves, "after others");
  const numbered = { 2: 1, 1: 2, z: 3 };
  const [, numberedDef] = flatten(numbered);
  const out = new Array(3);
  assertEquals([flattenInto(numberedDef, { z: 3, 1: 2, 2: 1 }, out), out], [true, [2, 1, 3]]);
});
