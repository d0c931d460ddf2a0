/**
 * `filterClosureConvert`: a function as a tree of what it closes over.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
const convert = vn.filterClosureConvert as (...args: any[]) => any;
const int = (x: number | number[]) => np.array(x, { dtype: "int32" });

Deno.test("filterClosureConvert: the constants are the arrays closed over, once each, the very objects", () => {
  const z = np.array([1, 2]);
  const n = int(3);
  const unused = np.array(9);
  const k = 5;
  const g = convert((a: vn.NDArray) => {
    void unused;
    return a.mul(z).add(z).mul(n).mul(k);
  }, np.array(1));
  assertEquals(g.consts.length, 2);
  assertStrictEquals(g.consts[0], z);
  assertStrictEquals(g.consts[1], n);
  assertEquals(value(g(np.array(2))), [45, 90]);
});

Deno.test("filterClosureConvert: calls replay the trace", () => {
  let calls = 0;
  const g = convert((a: vn.NDArray) => {
    calls++;
    return a.add(1);
  }, np.array(1));
  assertEquals([value(g(np.array(1))), value(g(np.array(2)))], [2, 3]);
  assertEquals(calls, 1);
});

Deno.test("filterClosureConvert: structs stand for arrays; weak and strong types are one", () => {
  const g = convert((a: vn.NDArray) => a.mul(2), new vn.ShapeDtypeStruct([2], "float32"));
  assertEquals(value(g(np.array([1, 2]))), [2, 4]);
  const weak = np.add(1, 1.5);
  const strong = np.array(2.5);
  const byWeak = convert((a: vn.NDArray) => a.mul(2), weak);
  const byStrong = convert((a: vn.NDArray) => a.mul(2), strong);
  for (const h of [byWeak, byStrong]) {
    assertEquals([value(h(weak)), value(h(strong))], [5, 5]);
  }
});

Deno.test("filterClosureConvert: arguments and outputs are trees, keyword arguments included", () => {
  const z = np.array(10);
  const f = (t: { a: vn.NDArray; s: string }, { by }: { by: vn.NDArray }) => ({
    y: t.a.mul(by).add(z),
    s: t.s,
    k: 3,
  });
  const g = convert(f, { a: np.array(1), s: "s" }, vn.kwargs({ by: np.array(2) }));
  const out = g({ a: np.array(4), s: "s" }, vn.kwargs({ by: np.array(5) }));
  assertEquals([value(out.y), out.s, out.k], [30, "s", 3]);
});

Deno.test("filterClosureConvert: calls must be like the example", () => {
  const g = convert(
    (x: { w: vn.NDArray }, k: number) => x.w.mul(k),
    { w: np.array([1, 2]) },
    3,
  );
  const w = np.array([1, 2]);
  assertEquals(value(g({ w }, 3)), [3, 6]);
  assertThrows(() => g([w], 3), vn.TreeError, "arguments of another structure");
  assertThrows(() => g({ w }), vn.TreeError, "arguments of another structure");
  assertThrows(
    () => g({ w: np.array([1, 2, 3]) }, 3),
    vn.ArgumentError,
    "args[0].w was f32[2] in the example, is f32[3]",
  );
  assertThrows(() => g({ w: int([1, 2]) }, 3), vn.ArgumentError, "is i32[2]");
  assertThrows(() => g({ w: 1 }, 3), vn.ArgumentError, "is 1");
  assertThrows(
    () => g({ w }, 4),
    vn.ArgumentError,
    "a different static argument: args[1] was 3 in the example, is 4",
  );
});

Deno.test("filterClosureConvert: the result is a tree of its constants", () => {
  const z = np.array(3);
  const g = convert((a: vn.NDArray) => a.mul(z), np.array(1));
  assertEquals(vn.tree.leaves(g).length, 1);
  assertStrictEquals(vn.tree.leaves(g)[0], z);
  const doubled = vn.tree.map((x: unknown) => (x as vn.NDArray).mul(2), g) as typeof g;
  assertEquals([value(doubled(np.array(2))), value(g(np.array(2)))], [12, 6]);
  // deno-lint-ignore no-explicit-any -- the converted function
  const replaced = vn.treeAt((c: any) => c.consts[0], g, np.array(7));
  assertEquals(value(replaced(np.array(2))), 14);
  assertEquals(value(replaced.consts[0]), 7);
});

Deno.test("filterClosureConvert: constants are differentiated, mapped and compiled as arguments", () => {
  const z = np.array(3);
  const g = convert((a: vn.NDArray) => a.mul(z), np.array(1));
  // deno-lint-ignore no-explicit-any -- the converted function
  type Converted = any;
  const grad = vn.filterGrad((c: Converted, a: vn.NDArray) => c(a) as vn.NDArray)(g, np.array(5));
  assertEquals(vn.tree.leaves(grad).map(value), [5]);
  assertEquals(value(vn.filterJit((c: Converted, a: vn.NDArray) => c(a))(g, np.array(5))), 15);
  const many = vn.tree.map(() => np.array([1, 2, 3]), g) as Converted;
  const mapped = vn.filterVmap((c: Converted, a: vn.NDArray) => c(a) as vn.NDArray, {
    inAxes: [0, null],
  });
  assertEquals(value(mapped(many, np.array(2))), [2, 4, 6]);
  // The argument is differentiated too, whatever wraps it.
  assertEquals(value(vn.filterGrad(g as (a: vn.NDArray) => vn.NDArray)(np.array(5))), 3);
  assertEquals(value(vn.filterVmap(g as (a: vn.NDArray) => vn.NDArray)(np.array([1, 2]))), [3, 6]);
});

Deno.test("filterClosureConvert: tracers closed over cross the border of a function with rules", () => {
  // deno-lint-ignore no-explicit-any -- the converted function
  const apply = vn.filterCustomVjp(([f, x]: [any, vn.NDArray]) => f(x) as vn.NDArray);
  apply.defFwd((_p, [f, x]) => [f(x), null]);
  apply.defBwd((_r, ct, perturbed, [f, x]) => {
    const [df, dx] = vn.filterVjp(([f, x]) => f(x), [f, x])[1](ct)[0];
    assert(vn.tree.leaves(perturbed).includes(true));
    return [df, dx.mul(10)];
  });
  const run = (x: vn.NDArray) => {
    const f = convert((a: vn.NDArray) => a.mul(x), np.array(1));
    return apply([f, np.array(4)]);
  };
  assertEquals(value(vn.filterGrad(run)(np.array(3))), 4);
  assertEquals(value(vn.filterJit(vn.filterGrad(run))(np.array(3))), 4);
  const both = vn.filterGrad((x: vn.NDArray) => {
    const f = convert((a: vn.NDArray) => a.mul(x), np.array(1));
    return apply([f, x]);
  });
  assertEquals(value(both(np.array(3))), 33);
});

Deno.test("filterClosureConvert inside of compiled, mapped and differentiated functions", () => {
  const f = (x: vn.NDArray) => {
    const g = convert((a: vn.NDArray) => a.mul(x).mul(x), np.array(1));
    return g(np.array(2)) as vn.NDArray;
  };
  assertEquals(value(f(np.array(3))), 18);
  assertEquals(value(vn.filterJit(f)(np.array(3))), 18);
  assertEquals(value(vn.filterGrad(f)(np.array(3))), 12);
  assertEquals(value(vn.filterVmap(f)(np.array([1, 2]))), [2, 8]);
  assertEquals(value(vn.filterJit(vn.filterVmap(vn.filterGrad(f)))(np.array([1, 2]))), [4, 8]);
});

Deno.test("filterClosureConvert: inStruct, outStruct and jaxpr say what it takes, gives and does", () => {
  const z = np.array([1, 2]);
  const g = convert(
    (t: { a: vn.NDArray; n: number }) => ({ y: t.a.mul(z).mul(t.n), tag: "s" }),
    { a: int(1), n: 2 },
  );
  const struct = (shape: number[], dtype: vn.DType) => new vn.ShapeDtypeStruct(shape, dtype);
  assert(vn.treeEqual(g.inStruct, [{ a: struct([], "int32"), n: 2 }]));
  assert(vn.treeEqual(g.outStruct, { y: struct([2], "float32"), tag: "s" }));
  assertEquals([g.jaxpr.constvars.length, g.jaxpr.invars.length], [1, 1]);
  // A gradient has its structure, and so knows it too.
  const grad = vn.filterGrad((c: typeof g) => c({ a: int(1), n: 2 }).y.sum())(g) as typeof g;
  assertEquals([value(grad.consts[0]), grad.jaxpr], [[2, 2], g.jaxpr]);
});
