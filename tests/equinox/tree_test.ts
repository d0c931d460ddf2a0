/**
 * Equinox's tests of trees.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { Linear, MLP, same } from "./layers.ts";

const np = vn.numpy;
const { tree } = vn;

type Mixed = [unknown, unknown, { a: unknown }, Linear];
const mixed = (): Mixed => [1, 2, { a: np.array([1, 2]) }, new Linear(1, 2, 1)];

Deno.test("equinox/tree/test_tree_at_replace: one node, several nodes, and lengths that differ", () => {
  const pytree = mixed();
  const pytree1 = vn.treeAt((t) => t[2].a, pytree, "hi");
  assert(same(pytree1, [1, 2, { a: "hi" }, pytree[3]]));
  assertStrictEquals(pytree1[3].weight, pytree[3].weight);

  const other = new Linear(1, 2, 2);
  const pytree2 = vn.treeAt((t) => [t[3].weight, t[3].bias], pytree, [other.weight, other.bias]);
  assert(same(pytree2, [1, 2, pytree[2], other]));

  const where = (t: Mixed) => [t[0], t[2].a];
  assert(same(vn.treeAt(where, pytree, ["hi", 4]), ["hi", 2, { a: 4 }, pytree[3]]));
  assert(same(pytree, mixed()), "the tree itself stays as it is");

  assertThrows(
    () => vn.treeAt(where, pytree, 4),
    vn.ArgumentError,
    "replace must be an array too; got number 4",
  );
  assertThrows(
    () => vn.treeAt(where, pytree, [3, 4, 5]),
    vn.ArgumentError,
    "where returned 2 nodes",
  );
});

Deno.test("equinox/tree/test_tree_at_empty_tuple: empty arrays are told apart, and shared ones", () => {
  const empty: unknown[] = [];
  const one = [1];
  const trees: unknown[][][] = [[empty], [empty, empty], [[], []], [one], [one, one], [[1], [1]]];
  for (const x of trees) {
    const replaced = vn.treeAt((t) => t[0], x, "hello");
    assertEquals(replaced, ["hello", ...x.slice(1)] as never);
    const lengths = vn.treeAt((t) => t[0], x, { replaceFn: (node: unknown[]) => node.length });
    assertEquals(lengths[0], x[0]!.length as never);
  }
});

Deno.test("equinox/tree/test_tree_at_replace_fn: called with each node; not beside replace", () => {
  const pytree = mixed();
  const where = (t: Mixed) => [t[0], t[1]];
  const replaceFn = (x: unknown) => typeof x === "number" ? "found a number" : x;
  const replaced = vn.treeAt(where, pytree, { replaceFn });
  assert(same(replaced, ["found a number", "found a number", pytree[2], pytree[3]]));
  assert(same(vn.treeAt(where, pytree, vn.kwargs({ replaceFn })), replaced));
  assertThrows(
    () => vn.treeAt(where, pytree, [0, 1], { replaceFn }),
    vn.ArgumentError,
    "exactly one of replace and replaceFn",
  );
  assertThrows(
    () => vn.treeAt(where, pytree, vn.kwargs({}) as never),
    vn.ArgumentError,
    "exactly one of replace and replaceFn",
  );
});

Deno.test("equinox/tree/test_tree_at_subtree: a node that is an array, and an array of nodes", () => {
  class L extends vn.Module {
    call(x: vn.NDArray): vn.NDArray {
      return x;
    }
  }
  const mlp = new MLP(2, 2);
  const layers = mlp.layers.map(() => new L());
  const mlp1 = vn.treeAt((m) => m.layers, mlp, layers);
  const mlp2 = vn.treeAt((m) => [...m.layers], mlp, layers);
  const x = np.array([-1.5, 2]);
  assertEquals(mlp1.call(x).tolist(), [0, 2]);
  assertEquals(mlp2.call(x).tolist(), [0, 2]);
});

Deno.test("equinox/tree/test_tree_at_dependent_where: where must not look at leaves", () => {
  const mlp = new MLP(2, 2);
  const where = (m: MLP) => tree.leaves(vn.filter(m, vn.isArray));
  assertThrows(
    () => vn.treeAt(where, mlp, where(mlp)),
    vn.ArgumentError,
    "by the structure of the tree alone",
  );
});

Deno.test("equinox/tree/test_tree_at_none_leaf: nulls are alike unless they are leaves", () => {
  const pytree: (number | null | boolean)[] = [null, null, 0];
  assertThrows(() => vn.treeAt((t) => t[0], pytree, true), vn.TreeError, "several nulls");
  const replaced = vn.treeAt((t) => t[0], pytree, true, { isLeaf: (x) => x === null });
  assertEquals(replaced, [true, null, 0]);
  // One null alone is found.
  assertEquals(vn.treeAt((t) => t[0], [null, 0] as unknown[], true), [true, 0]);
});

/** Whether a result is an array holding `value`, not a boolean. */
function isArrayOf(x: boolean | vn.NDArray, value: boolean): boolean {
  return x instanceof vn.NDArray && x.dtype === "bool" && x.ndim === 0 &&
    x.item() === Number(value);
}

Deno.test("equinox/tree/test_tree_equal: an array where arrays were compared, false where they need not be", () => {
  const pytree = (three: number, two: number, seed: number) => [
    1,
    2,
    three,
    { a: np.array([1, two]) },
    new Linear(1, 2, seed),
  ];
  const first = pytree(3, 2, 1);
  assert(isArrayOf(vn.treeEqual(first, first, first), true));
  assert(isArrayOf(vn.treeEqual(first, pytree(3, 2, 1)), true));
  assert(isArrayOf(vn.treeEqual(first, pytree(3, 2, 2)), false));
  assert(isArrayOf(vn.treeEqual(first, pytree(3, 4, 1)), false));
  assertStrictEquals(vn.treeEqual(first, pytree(4, 2, 1)), false);
});

Deno.test("equinox/tree/test_tree_equal_jit: traced where arrays are, known where they are not", () => {
  const a = np.array(0);
  const b = np.array(0);
  vn.filterJit(() => {
    assertStrictEquals(vn.treeEqual(a, 0), false);
  })();
  assert(isArrayOf(vn.filterJit(() => vn.treeEqual(a, b))(), true));
  const run = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => vn.treeEqual(x, y));
  assert(isArrayOf(run(a, b), true));
  assert(isArrayOf(run(a, np.array(1)), false));
});

Deno.test("equinox/tree/test_tree_equal_numpy: typed arrays are compared at once", () => {
  const x = new Float32Array([1, 2]);
  const x2 = new Float32Array([1, 2]);
  const y = np.array([1, 2]);
  const z = np.array([1, 2], { dtype: "float64" });
  const typematch = vn.kwargs({ typematch: true });
  assertStrictEquals(vn.treeEqual(x, x), true);
  assertStrictEquals(vn.treeEqual(x, x2), true);
  assertStrictEquals(vn.treeEqual(x, x2, typematch), true);
  assert(isArrayOf(vn.treeEqual(x, y), true));
  assertStrictEquals(vn.treeEqual(x, y, typematch), false);
  assert(isArrayOf(vn.treeEqual(y, y), true));
  assert(isArrayOf(vn.treeEqual(y, y, typematch), true));
  assertStrictEquals(vn.treeEqual(x, z), false);
  assertStrictEquals(vn.treeEqual(y, z), false);
  const f = vn.filterJit(() => {
    assertStrictEquals(vn.treeEqual(x, x), true);
    assertStrictEquals(vn.treeEqual(x, y, typematch), false);
    return vn.treeEqual(x, y);
  });
  assert(isArrayOf(f(), true));
});

Deno.test("equinox/tree/test_tree_equal_scalars: host scalars by value, arrays by dtype too", () => {
  assertStrictEquals(vn.treeEqual(1, 1n), true);
  assertStrictEquals(vn.treeEqual(1, true), true);
  assertStrictEquals(vn.treeEqual(1, 1n, vn.kwargs({ typematch: true })), false);
  assertStrictEquals(vn.treeEqual(NaN, NaN), false);
  assertStrictEquals(vn.treeEqual("1", 1), false);
  assertStrictEquals(vn.treeEqual(np.array(1), np.array(1, { dtype: "float64" })), false);
  assertStrictEquals(vn.treeEqual(np.array([1]), np.array(1)), false);
});

Deno.test("equinox/tree/test_tree_allclose: within a tolerance", () => {
  const x = new Float32Array([1]);
  const y = new Float32Array([1.00001]);
  const z = np.array([1.00001]);
  const atol = 1e-3;
  assertStrictEquals(vn.treeEqual(x, y), false);
  assertStrictEquals(vn.treeEqual(x, y, vn.kwargs({ atol })), true);
  assertStrictEquals(vn.treeEqual(x, y, { atol }), true);
  assert(isArrayOf(vn.treeEqual(x, z, vn.kwargs({ atol })), true));
  assertStrictEquals(vn.treeEqual(x, z, vn.kwargs({ typematch: true, atol })), false);
  const special = np.array([Infinity, -Infinity, 1]);
  assert(isArrayOf(vn.treeEqual(special, special, vn.kwargs({ atol })), true));
  assert(
    isArrayOf(vn.treeEqual(np.array([5]), np.array([Infinity]), vn.kwargs({ rtol: 0.1 })), false),
  );
  assert(isArrayOf(vn.treeEqual(np.array([NaN]), np.array([NaN]), vn.kwargs({ atol })), false));
});

Deno.test("equinox/tree/test_inference_mode: every flag set, in a copy", () => {
  class Attention extends vn.Module {
    dropout = new vn.nn.Dropout({ p: 0.5 });
    nested = { deep: [new Wrapper(new vn.nn.Dropout({ p: 0.1 }))] };
  }
  class Wrapper extends vn.Module {
    inference = false;
    inner: vn.nn.Dropout;
    constructor(inner: vn.nn.Dropout) {
      super();
      this.inner = inner;
    }
  }
  const { inferenceMode } = vn.nn;
  const attention = new Attention();
  const inferring = inferenceMode(attention);
  assertStrictEquals(attention.dropout.inference, false);
  assertStrictEquals(inferring.dropout.inference, true);
  assertStrictEquals(inferring.nested.deep[0]!.inference, true);
  assertStrictEquals(inferring.nested.deep[0]!.inner.inference, true);
  assert(same(inferenceMode(inferring, false), attention));
  assertEquals(inferenceMode([1, 2]), [1, 2]);
});

Deno.test("equinox/tree/test_tree_flatten_one_level: children, and no node that is its own child", () => {
  const [children, treedef] = tree.flattenOneLevel({ a: 3, b: [1, 2] });
  assertEquals(children, [3, [1, 2]]);
  assertStrictEquals(treedef, tree.structure({ a: 0, b: 0 }));
  assertEquals(tree.flattenOneLevel(4), [[4], tree.structure(0)]);

  const [x, y]: unknown[][] = [[], []];
  x!.push(y);
  y!.push(x);
  assertStrictEquals(tree.flattenOneLevel(x)[0][0], y);
  const loop: unknown[] = [];
  loop.push(loop);
  assertThrows(() => tree.flattenOneLevel(loop), vn.TreeError);
});

Deno.test("equinox/tree/test_tree_flatten_one_level_special: null and empty Modules are children", () => {
  class Empty extends vn.Module {}
  const empty = new Empty();
  const [children, treedef] = tree.flattenOneLevel([null, null, empty, 1, 2]);
  assertStrictEquals(children[2], empty);
  assertEquals(children.length, 5);
  assertStrictEquals(treedef, tree.structure([0, 0, 0, 0, 0]));
});

Deno.test("equinox/tree/test_tree_check: loops are errors", () => {
  const [x, y]: unknown[][] = [[], []];
  x!.push(y);
  y!.push(x);
  assertThrows(() => tree.treeCheck(x), vn.TreeError);
  const loop: unknown[] = [];
  loop.push(loop);
  assertThrows(() => tree.treeCheck(loop), vn.TreeError);
});

Deno.test("equinox/tree/test_tree_check_none: null may occur twice", () =>
  tree.treeCheck([null, null]));

Deno.test("equinox/tree/test_tree_check_integer: leaves may occur twice", () =>
  tree.treeCheck([0, 0]));

Deno.test("equinox/tree/test_tree_check_module: empty Modules may occur twice", () => {
  class Empty extends vn.Module {}
  const a = new Empty();
  tree.treeCheck([a, a]);
  const full = new Linear(1, 1);
  assertThrows(() => tree.treeCheck([full, full]), vn.TreeError);
});
