/**
 * `filterJvp`: values and tangents of trees, symbolic zeros, nesting, errors.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
const jvp = vn.filterJvp as (...args: any[]) => [any, any];
const int = (x: number | number[]) => np.array(x, { dtype: "int32" });

Deno.test("filterJvp: a primal without tangent reaches the function untouched", () => {
  const [out, tangent] = jvp((x: number) => x * 2, [1], [null]);
  assertStrictEquals(out, 2);
  assertStrictEquals(tangent, null);
  const x = np.array(1);
  jvp((y: vn.NDArray, z: vn.NDArray) => assertStrictEquals(y, x) ?? z, [x, x], [null, 1]);
});

Deno.test("filterJvp: a number with a tangent becomes a traced array", () => {
  const [out, tangent] = jvp((x: vn.NDArray) => x.mul(x), [3], [2]);
  assertEquals([value(out), value(tangent)], [9, 12]);
  assertEquals(tangent.dtype, "float32");
});

Deno.test("filterJvp: undefined counts as null", () => {
  const [, tangents] = jvp((x: vn.NDArray, y: vn.NDArray) => [x, y], [np.array(1), np.array(2)], [
    undefined,
    1,
  ]);
  assertEquals(tangents.map(value), [null, 1]);
});

Deno.test("filterJvp: the output is any tree, with null where nothing has a tangent", () => {
  class Pair extends vn.Module {
    readonly a: vn.NDArray;
    readonly tag: string;
    constructor(a: vn.NDArray, tag: string) {
      super();
      this.a = a;
      this.tag = tag;
    }
  }
  const [out, tangent] = jvp(
    (x: vn.NDArray, n: vn.NDArray) => ({ p: new Pair(x.mul(2), "t"), n, k: 1, none: null }),
    [np.array([1, 2]), int(3)],
    [np.array([1, 0]), null],
  );
  assertEquals([value(out.p.a), out.p.tag, value(out.n), out.k, out.none], [
    [2, 4],
    "t",
    3,
    1,
    null,
  ]);
  assert(tangent.p instanceof Pair);
  assertEquals([value(tangent.p.a), tangent.p.tag, tangent.n, tangent.k, tangent.none], [
    [2, 0],
    null,
    null,
    null,
    null,
  ]);
});

Deno.test("filterJvp: keyword arguments are handed on and not differentiated", () => {
  const f = (x: vn.NDArray, { by }: { by: vn.NDArray }) => [x.mul(by), by];
  const [out, tangent] = jvp(f, [np.array(2)], [1], vn.kwargs({ by: np.array(5) }));
  assertEquals([out.map(value), tangent.map(value)], [[10, 5], [5, null]]);
  assertThrows(() => jvp(f, [np.array(2)], [1], { by: 1 }), vn.ArgumentError, "kwargs");
});

Deno.test("filterJvp: a Module is not differentiated as the function", () => {
  const linear = new vn.nn.Linear(2, 2, { key: vn.random.key(0) });
  const [out, tangent] = jvp(linear, [np.ones([2])], [np.ones([2])]);
  assertEquals(value(out), value(linear.call(np.ones([2]))));
  const expected = np.matmul(linear.weight, np.ones([2]));
  assertEquals(value(tangent), value(expected));
});

Deno.test("filterJvp: floating outputs only have tangents, of their own dtype", () => {
  const [, tangent] = jvp((x: vn.NDArray) => x.astype("float64"), [np.array(1)], [1]);
  assertEquals(tangent.dtype, "float64");
});

Deno.test("filterJvp nests: a second derivative", () => {
  const first = (x: vn.NDArray) => jvp((y: vn.NDArray) => y.pow(3), [x], [1])[1];
  const [out, tangent] = jvp(first, [np.array(2)], [1]);
  assertEquals([value(out), value(tangent)], [12, 12]);
});

Deno.test("filterJvp inside and outside of filterJit, filterVmap and filterGrad gives one derivative", () => {
  const cube = (x: vn.NDArray) => x.pow(3);
  const slope = (x: vn.NDArray) => jvp(cube, [x], [np.ones(x.shape)])[1] as vn.NDArray;
  const xs = np.array([1, 2]);
  assertEquals(value(slope(xs)), [3, 12]);
  assertEquals(value(vn.filterJit(slope)(xs)), [3, 12]);
  assertEquals(value(vn.filterVmap(slope)(xs)), [3, 12]);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => slope(x).sum())(xs)), [6, 12]);
  assertEquals(value(jvp(vn.filterJit(cube), [xs], [np.ones([2])])[1]), [3, 12]);
  assertEquals(value(jvp(vn.filterVmap(cube), [xs], [np.ones([2])])[1]), [3, 12]);
  assertEquals(
    value(jvp(vn.filterGrad((x: vn.NDArray) => cube(x).sum()), [xs], [np.ones([2])])[1]),
    [6, 12],
  );
  assertEquals(
    value(vn.filterJit(vn.filterVmap(vn.filterGrad((x: vn.NDArray) => slope(x))))(xs)),
    [6, 12],
  );
});

Deno.test("filterJvp: primals and tangents must have one structure", () => {
  const f = (x: unknown) => x;
  const x = np.array(1);
  assertThrows(() => jvp(f, [{ a: x }], [{ b: x }]), vn.TreeError, "one structure");
  assertThrows(() => jvp(f, [{ a: x }], [null]), vn.TreeError, "tangents[0]");
  assertThrows(() => jvp(f, [x], [x, x]), vn.TreeError, "one structure");
  assertThrows(() => jvp(f, x, x), vn.ArgumentError, "arrays with one entry for each argument");
});

Deno.test("filterJvp: a tangent must fit its primal, which must be floating", () => {
  const f = (x: unknown) => x;
  assertThrows(() => jvp(f, [int(1)], [np.array(1)]), vn.DTypeError, "tangents[0] must be null");
  assertThrows(() => jvp(f, [int(1)], [int(1)]), vn.DTypeError, "i32[]");
  assertThrows(
    () => jvp(f, [np.array(1)], [np.array(1, { dtype: "float64" })]),
    vn.DTypeError,
    "primals[0] is f32[], tangents[0] is f64[]",
  );
  assertThrows(
    () => jvp(f, [{ w: np.array([1, 2, 3]) }], [{ w: np.array([1, 2]) }]),
    vn.ShapeError,
    "primals[0].w is f32[3], tangents[0].w is f32[2]",
  );
  assertThrows(() => jvp(f, [np.array(1)], ["a"]), vn.ArgumentError, "tangents[0]");
  assertThrows(() => jvp(f, ["a"], [np.array(1)]), vn.ArgumentError, "primals[0]");
});
