/**
 * `filterVjp`: values and pullbacks of trees, nesting, errors.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
const vjp = vn.filterVjp as (...args: any[]) => any[];
const int = (x: number | number[]) => np.array(x, { dtype: "int32" });

Deno.test("filterVjp: gradients for the floating arrays of all arguments, null for the rest", () => {
  const [out, pull] = vjp(
    (t: { w: vn.NDArray; n: vn.NDArray; s: string }, x: vn.NDArray, k: number) => t.w.mul(x).mul(k),
    { w: np.array([1, 2]), n: int(1), s: "s" },
    np.array(3),
    2,
  );
  assertEquals(value(out), [6, 12]);
  const grads = pull(np.array([1, 10]));
  assert(Array.isArray(grads) && grads.length === 3);
  assertEquals([value(grads[0].w), grads[0].n, grads[0].s], [[6, 60], null, null]);
  assertEquals(value(grads[1]), 42);
  assertEquals(grads[2], null);
});

Deno.test("filterVjp: an argument that does not matter gets zeros", () => {
  const [, pull] = vjp((x: vn.NDArray, _y: vn.NDArray) => x, np.array(1), np.array([1, 2]));
  assertEquals(pull(np.array(1)).map(value), [1, [0, 0]]);
  const [, constant] = vjp((_x: vn.NDArray) => np.array(5), np.array([1, 2]));
  assertEquals(constant(np.array(1)).map(value), [[0, 0]]);
});

Deno.test("filterVjp: the pullback may be called again, and with a number", () => {
  const [, pull] = vjp((x: vn.NDArray) => x.mul(x), np.array(3));
  assertEquals(value(pull(np.array(1))[0]), 6);
  assertEquals(value(pull(2)[0]), 12);
});

Deno.test("filterVjp: outputs of any kind; the cotangent has null for all but floating arrays", () => {
  const [out, pull] = vjp(
    (x: vn.NDArray) => ({ y: x.mul(2), i: x.astype("int32"), s: "s", none: null, k: 2 }),
    np.array(3),
  );
  assertEquals([value(out.y), value(out.i), out.s, out.none, out.k], [6, 3, "s", null, 2]);
  const ct = { y: np.array(1), i: null, s: null, none: null, k: null };
  assertEquals(value(pull(ct)[0]), 2);
  assertThrows(() => pull({ ...ct, y: null }), vn.TreeError, "ct.y must not be null");
  assertThrows(() => pull({ ...ct, i: int(1) }), vn.TreeError, "ct.i must be null");
  assertThrows(() => pull({ ...ct, k: 1 }), vn.TreeError, "ct.k must be null");
  assertThrows(() => pull([np.array(1)]), vn.TreeError, "structure of the output");
  assertThrows(() => pull(), vn.ArgumentError, "one cotangent");
});

Deno.test("filterVjp: a cotangent fits its output exactly", () => {
  const [, pull] = vjp((x: vn.NDArray) => x, np.array(3));
  assertThrows(() => pull(np.array([1, 2, 3])), vn.ShapeError, "ct must be f32[]; got f32[3]");
  assertThrows(
    () => pull(np.array(1, { dtype: "float64" })),
    vn.DTypeError,
    "ct must be f32[]; got f64[]",
  );
  assertThrows(() => pull("a"), vn.ArgumentError, "ct must be an array");
});

Deno.test("filterVjp: with hasAux, whatever comes beside the output is handed through", () => {
  const token = Symbol("token");
  const [out, pull, aux] = vjp(
    (x: vn.NDArray) => [x.mul(2), { x: x.mul(3), token }],
    np.array(1),
    vn.kwargs({ hasAux: true }),
  );
  assertEquals([value(out), value(aux.x)], [2, 3]);
  assertStrictEquals(aux.token, token);
  assertEquals(value(pull(1)[0]), 2);
  assertThrows(
    () => vjp((x: vn.NDArray) => x, np.array(1), vn.kwargs({ hasAux: true })),
    vn.ArgumentError,
    "a pair [out, aux]",
  );
});

Deno.test("filterVjp: other keyword arguments go to the function, undifferentiated", () => {
  const f = (x: vn.NDArray, { by }: { by: vn.NDArray }) => [x.mul(by), "aux"];
  const by = np.array(5);
  const [out, pull, aux] = vjp(f, np.array(2), vn.kwargs({ by, hasAux: true }));
  assertEquals([value(out), aux], [10, "aux"]);
  assertEquals(pull(1).map(value), [5]);
});

Deno.test("filterVjp: the pullback is a tree, and crosses the border of a compiled function both ways", () => {
  const [, pull] = vjp((x: vn.NDArray) => np.sin(x), np.array([1, 2]));
  assert(vn.tree.leaves(pull).every((x: unknown) => x instanceof vn.NDArray));
  // deno-lint-ignore no-explicit-any -- the pullback
  const apply = vn.filterJit((p: any, ct: vn.NDArray) => p(ct)[0]);
  const ones = np.ones([2]);
  const expected = value(pull(ones)[0]);
  assertEquals(value(apply(pull, ones)), expected);
  const make = vn.filterJit((x: vn.NDArray) => vjp((y: vn.NDArray) => np.sin(y), x));
  const [out, inner] = make(np.array([1, 2]));
  assertEquals(value(out), value(np.sin(np.array([1, 2]))));
  (value(inner(ones)[0]) as number[]).forEach((g, i) =>
    assert(Math.abs(g - (expected as number[])[i]) < 1e-6)
  );
});

Deno.test("filterVjp: the pullback can be mapped over cotangents", () => {
  const [, pull] = vjp((x: vn.NDArray) => x.mul(x), np.array([1, 2]));
  const rows = vn.filterVmap((ct: vn.NDArray) => pull(ct)[0] as vn.NDArray)(np.eye(2));
  assertEquals(value(rows), [[2, 0], [0, 4]]);
});

Deno.test("filterVjp inside and outside of filterJit, filterVmap and filterGrad", () => {
  const cube = (x: vn.NDArray) => x.pow(3);
  const slope = (x: vn.NDArray): vn.NDArray => {
    const [out, pull] = vjp(cube, x);
    return pull(np.ones(out.shape))[0];
  };
  const xs = np.array([1, 2]);
  assertEquals(value(slope(xs)), [3, 12]);
  assertEquals(value(vn.filterJit(slope)(xs)), [3, 12]);
  assertEquals(value(vn.filterVmap(slope)(xs)), [3, 12]);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => slope(x).sum())(xs)), [6, 12]);
  assertEquals(value(vjp(vn.filterJit(cube), xs)[1](np.ones([2]))[0]), [3, 12]);
  assertEquals(value(vjp(vn.filterVmap(cube), xs)[1](np.ones([2]))[0]), [3, 12]);
  const grad = vn.filterGrad((x: vn.NDArray) => cube(x).sum());
  assertEquals(value(vjp(grad, xs)[1](np.ones([2]))[0]), [6, 12]);
});

Deno.test("filterVjp: the same array in two places has two gradients", () => {
  const x = np.array(3);
  const [, pull] = vjp((a: vn.NDArray, b: vn.NDArray) => a.mul(b).mul(b), x, x);
  assertEquals(pull(1).map(value), [9, 18]);
});

Deno.test("gradients of weakly typed arrays are weakly typed, in every reverse mode", () => {
  const weak = np.multiply(1, 2.5);
  const strong = np.array(2);
  for (const f of [(x: vn.NDArray) => x.mul(2), (x: vn.NDArray) => x.mul(strong)]) {
    const given: [string, unknown][] = [
      ["filterGrad", vn.filterGrad(f)(weak)],
      ["filterVjp", vn.filterVjp(f, weak)[1](1)[0]],
      ["filterJacrev", vn.filterJacrev(f)(weak)],
      ["compiled", vn.filterJit(vn.filterGrad(f))(weak)],
    ];
    for (const [how, x] of given) {
      assertEquals([(x as vn.NDArray).weakType, (x as vn.NDArray).item()], [true, 2], how);
    }
    assertEquals((vn.filterGrad(f)(strong) as vn.NDArray).weakType, false);
  }
});
