/**
 * treeAt beyond Equinox's own tests: what where may not return.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { Linear, MLP } from "../equinox/layers.ts";

const np = vn.numpy;

Deno.test("subtrees and leaves of equal value are told apart by their place", () => {
  const pair = [1, 1];
  assertEquals(vn.treeAt((t) => t[1], [pair, pair], "x"), [[1, 1], "x"] as never);
  assertEquals(vn.treeAt((t) => t[0]![1], [pair, pair], 9), [[1, 9], [1, 1]]);
  const x = np.ones([2]);
  const replaced = vn.treeAt((t) => t.b, { a: x, b: x }, 0 as never);
  assertStrictEquals(replaced.a, x);
  assertEquals(replaced.b, 0 as never);
});

Deno.test("the whole tree is a node", () => {
  assertEquals(vn.treeAt((t) => t, [1, 2] as unknown, "x"), "x");
  assertEquals(vn.treeAt((t) => t, 5 as unknown, { replaceFn: (x: number) => x + 1 }), 6);
});

Deno.test("replacements may be null, arrays, trees", () => {
  const model = new Linear(2, 2);
  assertStrictEquals(vn.treeAt((m) => m.bias, model, null).bias, null);
  assertEquals(vn.treeAt((t) => t[0], [1, 2] as unknown[], [7, 8]), [[7, 8], 2]);
  assertEquals(vn.treeAt((t) => [t[0]], [1, 2] as unknown[], [[7, 8]]), [[7, 8], 2]);
  const options = { isLeaf: 3 };
  assertEquals(vn.treeAt((t) => t[0], [1] as unknown[], options), [options]);
});

Deno.test("checks and constructors do not run", () => {
  class Positive extends vn.Module {
    x: number;
    constructor(x: number) {
      super();
      this.x = x;
    }
    checkInit() {
      if (this.x <= 0) throw new RangeError();
    }
  }
  assertEquals(vn.treeAt((p) => p.x, new Positive(1), -1).x, -1);
});

Deno.test("where must return nodes: not static fields, values, computed leaves, or what is not there", () => {
  const model = new Linear(2, 3);
  const refuse = (where: (m: Linear) => unknown, type: typeof vn.TreeError, message: string) =>
    assertThrows(() => vn.treeAt(where, model, 1), type, message);
  refuse((m) => m.inFeatures, vn.ArgumentError, "number 2, which is not a node of the tree");
  refuse(() => 5, vn.ArgumentError, "number 5, which is not a node");
  refuse(
    (m) => (m as unknown as { wieght: unknown }).wieght,
    vn.TreeError,
    "the tree has no such node",
  );
  refuse((m) => ({ w: m.weight }), vn.TreeError, "must return a node of the tree");
  refuse((m) => m.weight.shape, vn.TreeError, "the tree has no such node");
});

Deno.test("where cannot compute with the leaves", () => {
  const error = assertThrows(() => vn.treeAt((t) => t[0]! + 1, [1, 2], 3), vn.ArgumentError);
  assert(error.message.includes("it cannot compute with the leaves"));
});

Deno.test("nodes may not overlap, nor be returned twice", () => {
  const mlp = new MLP(2, 1);
  assertThrows(
    () => vn.treeAt((m) => [m.layers, m.layers[0]], mlp, [1, 2]),
    vn.TreeError,
    "none of which holds another",
  );
  assertThrows(
    () => vn.treeAt((t) => [t[0], t[0]], [1, 2], [3, 4]),
    vn.TreeError,
    "the same node twice, at 0 and 1",
  );
  const nested = { a: 1, b: 2 };
  assertThrows(
    () => vn.treeAt((t) => [t.a, [t.b]], nested, [1, 2]),
    vn.TreeError,
    "must return a node",
  );
});

Deno.test("replaceFn gets the node as it is in the tree", () => {
  const model = new MLP(2, 1);
  const seen: unknown[] = [];
  const where = (m: MLP) => [m.layers[0], m.activation];
  const result = vn.treeAt(where, model, { replaceFn: (node: unknown) => (seen.push(node), node) });
  assert(seen[0] instanceof vn.nn.Linear);
  assertStrictEquals(seen[0].weight, model.layers[0]!.weight);
  assertStrictEquals(seen[1], vn.nn.relu);
  assertStrictEquals(
    vn.treeEqual(
      vn.filter(result, vn.isArray, { inverse: true }),
      vn.filter(model, vn.isArray, { inverse: true }),
    ),
    true,
  );
});

Deno.test("under a jit, traced leaves are replaced as others are", () => {
  const f = vn.filterJit((m: Linear, x: vn.NDArray) => vn.treeAt((l) => l.bias, m, x));
  assertEquals(f(new Linear(1, 2), np.array([5, 6])).bias!.tolist(), [5, 6]);
});
