/**
 * Printing trees beyond Equinox's own tests: layout and every kind of node.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const np = vn.numpy;

Deno.test("every kind of leaf and node has a form", () => {
  class Thing {}
  class Empty extends vn.Module {}
  const cases: [unknown, string][] = [
    [null, "null"],
    [undefined, "null"],
    [true, "true"],
    [2.5, "2.5"],
    [3n, "3n"],
    ['a"b', '"a\\"b"'],
    [[], "[]"],
    [{}, "{}"],
    [[1, [2]], "[1, [2]]"],
    [{ b: 1, "a b": 2 }, '{ b: 1, "a b": 2 }'],
    [vn.kwargs({ x: 1 }), "kwargs({ x: 1 })"],
    [new Map<unknown, unknown>([["k", 1], [2, null]]), 'Map { "k" => 1, 2 => null }'],
    [new Set([1]), "Set { 1 }"],
    [new Thing(), "<Thing>"],
    [Thing, "<class Thing>"],
    [(x: number) => x, "<function (anonymous)>"],
    [Symbol("s"), "Symbol(s)"],
    [new Empty(), "Empty()"],
    [np.ones([2, 3]), "f32[2,3]"],
    [np.ones([], { dtype: "bool" }), "bool[]"],
    [new BigUint64Array(2), "u64[2](BigUint64Array)"],
    [vn.tree.structure([1]), "TreeDef([*])"],
  ];
  for (const [value, text] of cases) assertEquals(vn.treePformat(value), text);
});

Deno.test("what does not fit on a line is written one part to a line", () => {
  const tree = { first: [1, 2, 3], second: { deep: "text" } };
  assertEquals(
    vn.treePformat(tree, { width: 60 }),
    '{ first: [1, 2, 3], second: { deep: "text" } }',
  );
  assertEquals(
    vn.treePformat(tree, { width: 26, indent: 4 }),
    `{
    first: [1, 2, 3],
    second: {
        deep: "text"
    }
}`,
  );
  assertEquals(vn.treePformat([1, 2], { width: 1 }), "[\n  1,\n  2\n]");
  const exact = vn.treePformat(tree);
  assertEquals(vn.treePformat(tree, { width: exact.length }), exact);
  assertEquals(vn.treePformat(tree, { width: exact.length - 1 }).includes("\n"), true);
});

Deno.test("inside a transformation arrays are still written", () => {
  let short = "";
  let long = "";
  vn.filterJit((x: vn.NDArray) => {
    short = vn.treePformat([x]);
    long = vn.treePformat([x], { shortArrays: false });
    return x;
  })(np.ones([2]));
  assertEquals([short, long], ["[f32[2]]", "[Traced<f32[2]>]"]);
});

Deno.test("a tree that contains itself is written up to there", () => {
  const loop: unknown[] = [1];
  loop.push(loop);
  assertEquals(vn.treePformat(loop), "[1, <itself>]");
});

Deno.test("treePprint prints", () => {
  const lines: unknown[] = [];
  const { log } = console;
  console.log = (...args) => lines.push(...args);
  try {
    vn.treePprint({ a: 1 });
  } finally {
    console.log = log;
  }
  assertEquals(lines, ["{ a: 1 }"]);
});
