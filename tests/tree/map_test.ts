/**
 * Functions over whole trees, paths, prefixes and their messages.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ArgumentError, TreeError } from "../../src/errors.ts";
import { describeDifference } from "../../src/tree/mismatch.ts";
import {
  all,
  broadcastPrefix,
  flattenUpTo,
  flattenWithPath,
  keystr,
  kwargs,
  map,
  mapWithPath,
  reduce,
  registerPytreeNode,
  structure,
  transpose,
  treeCheck,
} from "../../src/tree/mod.ts";
import { Couple, Unit } from "./random_trees.ts";

const add = (x: number, y: number) => x + y;
const isNull = (x: unknown) => x === null;

Deno.test("map keeps the structure and goes by the first tree", () => {
  assertEquals(map((x: number) => x + 1, { a: 1, b: [2, null] }), { a: 2, b: [3, null] });
  assertEquals(map(add, [1, { x: 2 }], [10, { x: 20 }]), [11, { x: 22 }]);
  assertEquals(map((_x: number, y: unknown) => y, [1, 2], [[3, 4], null]), [[3, 4], null]);
  const doubled = map<Couple>((x: number) => 2 * x, new Couple(1, [2]));
  assert(doubled instanceof Couple);
  assertEquals([doubled.first, doubled.second], [2, [4]]);
});

Deno.test("map takes isLeaf as options or kwargs, and a dictionary of that name as data", () => {
  const zero = (x: unknown) => x ?? 0;
  assertEquals(map(zero, [1, null], { isLeaf: isNull }), [1, 0]);
  assertEquals(map(zero, [1, null], kwargs({ isLeaf: isNull })), [1, 0]);
  assertEquals(map((x: unknown, y: unknown) => [x, y], { isLeaf: isNull }, { isLeaf: isNull }), {
    isLeaf: [isNull, isNull],
  });
});

Deno.test("map names the place where a further tree does not fit", () => {
  assertThrows(
    () => map(add, { a: [1, 2] }, { a: [1] }),
    TreeError,
    "at rest[0].a: expected an array of length 2; got an array of length 1",
  );
  assertThrows(
    () => map(add, [1], [1], { a: 1 }),
    TreeError,
    "rest[1]: expected an array of length 1",
  );
  assertThrows(() => map(add, { a: 1 }, { b: 1 }), TreeError, 'key "a" is missing');
  assertThrows(() => map(add, { a: 1 }, { a: 1, b: 1 }), TreeError, 'key "b" is not expected');
  assertThrows(
    () => map(add, [null, 1], [2, 1]),
    TreeError,
    "rest[0][0]: expected null; got number 2",
  );
  assertThrows(
    () => map(add, new Unit(1, "x"), new Unit(1, "y")),
    TreeError,
    `static field 'tag' differs: expected "x"; got "y"`,
  );
  assertThrows(
    () => map(add, [new Unit(1, "x")], [new Couple(1, 2)]),
    TreeError,
    "at rest[0][0]: expected a Unit; got a Couple",
  );
});

Deno.test("paths are written as code would be", () => {
  class Box {
    constructor(readonly inside: unknown) {}
  }
  class Crate {
    constructor(readonly inside: unknown) {}
  }
  registerPytreeNode(Box, (b) => [[b.inside], null], (_, [x]) => new Box(x), {
    flattenWithKeys: (b) => [[["inside", b.inside]], null],
  });
  registerPytreeNode(Crate, (b) => [[b.inside], null], (_, [x]) => new Crate(x));
  const tree = {
    layers: [new Unit(1, 0)],
    "odd key": new Map<unknown, unknown>([[3, 2], ["k", 3]]),
    box: new Box(4),
    crate: new Crate(5),
    weiß$_1: 6,
  };
  const [entries] = flattenWithPath(tree);
  assertEquals(entries.map(([path, leaf]) => [keystr(path, "args[0]"), leaf]), [
    ["args[0].box.inside", 4],
    ["args[0].crate[0]", 5],
    ["args[0].layers[0].child", 1],
    ['args[0]["odd key"].get(3)', 2],
    ['args[0]["odd key"].get("k")', 3],
    ["args[0].weiß$_1", 6],
  ]);
  assertEquals(keystr(entries[0]![0]), "box.inside");
  assertEquals(keystr([]), "");
});

Deno.test("mapWithPath hands over the path before the leaves", () => {
  const result = mapWithPath((path, x, y) => `${keystr(path)}:${x}${y}`, { a: [1] }, { a: [2] });
  assertEquals(result, { a: ["a[0]:12"] });
});

Deno.test("reduce folds from the left, with or without an initial value", () => {
  const subtract = (a: number, b: number) => a - b;
  assertEquals(reduce(subtract, { b: 2, a: 10 }), 8);
  assertEquals(reduce(subtract, [1, 2], 10), 7);
  assertEquals(reduce(subtract, [1, 2], { initializer: 10 }), 7);
  assertEquals(reduce((n: number) => n + 1, [null, 1], 0, { isLeaf: isNull }), 2);
  assertEquals(reduce((o: object, x: number) => ({ ...o, [x]: x }), [1], {}), { 1: 1 });
  assertThrows(() => reduce(subtract, []), TreeError, "no leaves");
});

Deno.test("all asks every leaf, and an array for its one element", () => {
  assert(all([true, 1, "x", { a: true }]));
  assert(all([]));
  assert(!all([true, [0]]));
  class Fake {
    constructor(readonly value: boolean) {}
    item() {
      return Number(this.value);
    }
    get [Symbol.for("vernal.array")]() {
      return true;
    }
  }
  assert(all([new Fake(true)]));
  assert(!all([new Fake(true), new Fake(false)]));
});

Deno.test("a prefix is repeated over the leaves below it", () => {
  assertEquals(broadcastPrefix(7, { a: [1, 2], b: 3 }), [7, 7, 7]);
  assertEquals(broadcastPrefix([0, [1, 2]], [["x", "y", null], ["z", "w"]]), [0, 0, 1, 2]);
  assertEquals(broadcastPrefix([null, 1], [["x"], "y"], { isLeaf: isNull }), [null, 1]);
});

Deno.test("a prefix that does not fit is refused with the path", () => {
  const options = { caller: "filterVmap", name: "args" };
  const error = assertThrows(
    () => broadcastPrefix([0, { a: 1 }], [["x"], { b: 1 }], options),
    TreeError,
  );
  assert(
    error.message.startsWith(
      'filterVmap: the prefix does not fit the tree: at args[1]: key "a" is missing',
    ),
    error.message,
  );
  assertThrows(
    () => broadcastPrefix([0, 1, 2], [1, 2]),
    TreeError,
    "expected an array of length 3; got an array of length 2",
  );
  assertThrows(
    () => broadcastPrefix([[0]], [5]),
    TreeError,
    "at tree[0]: expected an array of length 1; got number 5",
  );
});

Deno.test("flattenUpTo gives the subtrees at the leaves of a structure", () => {
  assertEquals(flattenUpTo(structure({ a: 0, b: 0 }), { a: [1], b: null }), [[1], null]);
  assertThrows(
    () => flattenUpTo(structure([0]), 3),
    TreeError,
    "at tree: expected an array of length 1; got number 3",
  );
});

Deno.test("the first difference of two structures is found", () => {
  const of = (a: unknown, b: unknown) => describeDifference(structure(a), structure(b), "args");
  assertStrictEquals(of([1, { a: 2 }], [3, { a: 4 }]), null);
  assertEquals(
    of([1, { a: 2 }], [3, { a: [4] }]),
    "at args[1].a: expected a leaf; got an array of length 1",
  );
  assertEquals(
    of([new Unit(1, "x")], [new Unit(1, "y")]),
    `at args[0]: static field 'tag' differs: expected "x"; got "y"`,
  );
});

Deno.test("transpose turns a tree of trees inside out", () => {
  const [outer, inner] = [structure([0, 0]), structure({ a: 0, b: 0 })];
  assertEquals(transpose(outer, inner, [{ a: 1, b: 2 }, { a: 3, b: 4 }]), { a: [1, 3], b: [2, 4] });
  assertThrows(
    () => transpose(outer, inner, [{ a: 1, b: 2 }, { a: 3 }]),
    TreeError,
    "inner tree 1",
  );
  assertThrows(() => transpose([0] as never, inner, []), ArgumentError);
});

Deno.test("treeCheck refuses shared containers and loops, and nothing else", () => {
  const shared = { x: 1 };
  assertThrows(() => treeCheck({ a: [shared], b: shared }), TreeError, "tree.a[0] and at tree.b");
  const [a, b]: [unknown[], unknown[]] = [[], []];
  a.push(b, 1);
  b.push(a, 1);
  assertThrows(() => treeCheck(a), TreeError, "contains itself");
  const empty: unknown[] = [];
  treeCheck([empty, empty, null, null, 1, 1, [shared], new Unit([], 1)]);
});
