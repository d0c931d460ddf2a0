/**
 * `filterVmap` at its edges: specs of every form, sizes, outputs, and what each mistake is told.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np, random } = vn;
const x23 = np.array([[1, 2, 3], [4, 5, 6]]);
const double = (x: vn.NDArray) => x.mul(2);
// deno-lint-ignore no-explicit-any -- mistakes are no well-typed specs
const wrong = (spec: any) => spec;

Deno.test("filterVmap: a bare spec covers all positional arguments, and each leaf is asked in turn", () => {
  const asked: unknown[] = [];
  const f = vn.filterVmap((x: vn.NDArray, t: { y: vn.NDArray; n: number }) => x.add(t.y).mul(t.n), {
    inAxes: (leaf) => {
      asked.push(leaf);
      return vn.isArray(leaf) ? 1 : null;
    },
  });
  assertEquals(f(x23, { y: x23, n: 2 }).tolist(), [[4, 16], [8, 20], [12, 24]]);
  assert(asked[0] === x23 && asked.length === 3 && asked.includes(2));
});

Deno.test("filterVmap: a spec inside of a list is a tree; at the top an object goes by parameter names", () => {
  const f = (t: { a: vn.NDArray; b: vn.NDArray }) => t.a.mul(t.b);
  const t = { a: np.array([1, 2]), b: np.array([3, 4]) };
  assertEquals(vn.filterVmap(f, { inAxes: [{ a: 0, b: null }] })(t).tolist(), [[3, 4], [6, 8]]);
  assertEquals(vn.filterVmap(f, { inAxes: { t: 0 } })(t).tolist(), [3, 8]);
  assertThrows(
    () => vn.filterVmap(f, { inAxes: { a: 0, b: null } })(t),
    vn.ArgumentError,
    "inAxes names no argument of this call: a, b; the arguments are t",
  );
});

Deno.test("filterVmap: what has axis null is handed on as it is, and may be anything", () => {
  const thing = { toString: () => "thing" };
  class Box {
    constructor(readonly value: unknown) {}
  }
  const box = new Box(thing);
  const f = vn.filterVmap((x: vn.NDArray, b: Box, s: string) => [x, b, s], {
    inAxes: [0, null, null],
  });
  const [x, b, s] = f(np.array([1, 2]), box, "a") as [vn.NDArray, Box, string];
  assertStrictEquals(b, box);
  assertEquals([x.tolist(), s], [[1, 2], "a"]);
});

Deno.test("filterVmap: keyword arguments are mapped along axis 0 whatever the others are, unless they are named", () => {
  const f = (x: vn.NDArray, { y, n }: { y: vn.NDArray; n: number }) => x.add(y.sum()).mul(n);
  const call = (inAxes: unknown, x: vn.NDArray) =>
    (vn.filterVmap(f, { inAxes: wrong(inAxes), argNames: ["x"] }) as (
      ...args: unknown[]
    ) => vn.NDArray)(x, vn.kwargs({ y: x23, n: 2 })).tolist();
  assertEquals(call(0, np.array([1, 2])), [14, 34]);
  assertEquals(call([0], np.array([1, 2])), [14, 34]);
  assertEquals(call([null], np.array(1)), [14, 32]);
  assertEquals(call({ y: 1 }, np.array([1, 2, 3])), [12, 18, 24]);
  assertEquals(call({ y: null }, np.array([1, 2])), [44, 46]);
});

Deno.test("filterVmap: a function that takes nothing is run axisSize times over, in one trace", () => {
  let traces = 0;
  const out = vn.filterVmap(() => {
    traces++;
    return [lax.axisIndex("i"), np.array(1), "s", 3];
  }, { axisSize: 3, axisName: "i" })();
  assertEquals([(out[0] as vn.NDArray).tolist(), (out[1] as vn.NDArray).tolist()], [[0, 1, 2], [
    1,
    1,
    1,
  ]]);
  assertEquals([out[2], out[3], traces], ["s", 3, 1]);
});

Deno.test("filterVmap: axes count from either end, in and out", () => {
  for (const [axis, same] of [[-1, 1], [-2, 0]]) {
    const sum = (inAxes: number) => vn.filterVmap((v: vn.NDArray) => v.sum(), { inAxes })(x23);
    assertEquals(sum(axis).tolist(), sum(same).tolist());
    const out = (outAxes: number) => vn.filterVmap(double, { outAxes })(x23);
    assertEquals(out(axis).tolist(), out(same).tolist());
  }
});

Deno.test("filterVmap: keys are mapped as arrays are", () => {
  const keys = random.split(random.key(0), 3);
  const draw = (key: vn.NDArray) => random.normal(key, [2]);
  const each = [...keys].map((key) => draw(key).tolist());
  assertEquals(vn.filterVmap(draw)(keys).tolist(), each);
  const split = vn.filterVmap((key: vn.NDArray) => random.split(key))(keys);
  assertEquals([split.shape, split.dtype], [[3, 2], "key<fry>"]);
});

Deno.test("filterVmap: an axis of no examples gives results of none", () => {
  const f = vn.filterVmap((x: vn.NDArray) => [x.sum(), x, lax.psum(x, "i"), np.ones([2])], {
    axisName: "i",
    outAxes: [0, 1, null, 0],
  });
  const shapes = (f(np.zeros([0, 3])) as vn.NDArray[]).map((x) => x.shape);
  assertEquals(shapes, [[0], [3, 0], [3], [0, 2]]);
});

Deno.test("filterVmap: numbers and booleans become arrays where an output has an axis; else they stay", () => {
  const f = (x: vn.NDArray) => [x, 2.5, true];
  const arrays = vn.filterVmap(f, { outAxes: 0 })(np.array([1, 2])) as vn.NDArray[];
  assertEquals(arrays.map((x) => [x.dtype, x.tolist()]), [
    ["float32", [1, 2]],
    ["float32", [2.5, 2.5]],
    ["bool", [true, true]],
  ]);
  assertEquals((vn.filterVmap(f)(np.array([1, 2])) as unknown[]).slice(1), [2.5, true]);
});

Deno.test("filterVmap: outAxes sees the outputs of one example, and may be a function", () => {
  const ranks: number[] = [];
  const f = vn.filterVmap((x: vn.NDArray) => [x, x.sum()], {
    outAxes: (leaf: unknown) => {
      const { ndim } = leaf as vn.NDArray;
      ranks.push(ndim);
      return ndim === 1 ? 1 : 0;
    },
  });
  const [a, b] = f(x23) as vn.NDArray[];
  assertEquals([ranks, a.shape, b.shape], [[1, 0], [3, 2], [2]]);
});

Deno.test("filterVmap: without a mapped argument and a size the function runs once, if no output asks for an axis", () => {
  const f = vn.filterVmap((x: vn.NDArray) => [x.shape, "s"], { inAxes: null, outAxes: null });
  assertEquals(f(x23), [[2, 3], "s"]);
  assertEquals(vn.filterVmap(() => "s")(), "s");
  assertThrows(
    () => vn.filterVmap(double, { inAxes: null })(x23),
    vn.ArgumentError,
    "cannot tell the number of examples",
  );
});

Deno.test("filterVmap: unequal sizes are all listed, by path and parameter name", () => {
  const f = vn.filterVmap((x: vn.NDArray, t: { y: vn.NDArray }, z: vn.NDArray) => [x, t, z]);
  const error = assertThrows(
    () => f(np.ones([2]), { y: np.ones([3, 1]) }, np.ones([2])),
    vn.ShapeError,
  );
  assertEquals(error.message.split("\n").map((line) => line.trim()), [
    "filterVmap: got inconsistent sizes for the axes to be mapped:",
    "size 2: axis 0 of args[0] (x), axis 0 of args[2] (z)",
    "size 3: axis 0 of args[1].y (t)",
  ]);
  const sized = vn.filterVmap(double, { axisSize: 5, inAxes: -1 });
  const other = assertThrows(() => sized(x23), vn.ShapeError);
  assert(other.message.includes("size 5: the axisSize option"), other.message);
  assert(other.message.includes("size 3: axis -1 of args[0] (x)"), other.message);
});

Deno.test("filterVmap: an argument that has no such axis, or is no array, is named", () => {
  const f = (x: unknown, y: unknown) => [x, y];
  const call = (inAxes: unknown, ...args: unknown[]) => () =>
    (vn.filterVmap(f, { inAxes: wrong(inAxes) }) as (...args: unknown[]) => unknown)(...args);
  assertThrows(call(0, np.ones([]), np.ones([2])), vn.ShapeError, "args[0] (x) along axis 0");
  assertThrows(call([0, 2], x23, x23), vn.ShapeError, "needs rank 3 or more; it has shape [2, 3]");
  assertThrows(call([0, -3], x23, x23), vn.ShapeError, "axis -3");
  assertThrows(call(0, x23, 1), vn.ShapeError, "args[1] (y)");
  assertThrows(call(0, x23, "text"), vn.ArgumentError, "args[1] (y)");
  assertThrows(call([{ a: 0 }, null], { a: "s" }, 1), vn.ArgumentError, "args[0].a (x)");
});

Deno.test("filterVmap: specs that are none, and specs that do not fit, are refused", () => {
  const f = (x: unknown, y: unknown) => [x, y];
  const call = (inAxes: unknown) => () =>
    (vn.filterVmap(f, { inAxes: wrong(inAxes) }) as (...args: unknown[]) => unknown)(x23, {
      a: x23,
    });
  for (const [spec, came] of [["0", '"0"'], [[0.5, 0], "0.5"], [[true, 0], "true"]] as const) {
    assertThrows(call(spec), vn.ArgumentError, came);
  }
  assertThrows(call(() => "0"), vn.ArgumentError, 'a function that gave "0"');
  assertThrows(call(() => true), vn.ArgumentError, "a function that gave true");
  assertThrows(call([0]), vn.TreeError, "inAxes has 1 entries for 2 arguments");
  assertThrows(call([0, [0]]), vn.TreeError, "args[1]");
  assertThrows(call([0, { b: 0 }]), vn.TreeError, "args[1]");
  assertThrows(call({ z: 0 }), vn.ArgumentError, "inAxes names no argument of this call: z");
  assertThrows(call(new Map([["x", 0]])), vn.ArgumentError, "inAxes must be");
});

Deno.test("filterVmap: outAxes that do not fit are refused, the output named", () => {
  const call = (outAxes: unknown) => () =>
    vn.filterVmap((x: vn.NDArray) => ({ a: x, s: "text" }), { outAxes })(x23);
  assertThrows(call({ a: 2, s: null }), vn.ShapeError, "output.a has outAxes 2");
  assertThrows(call({ a: -3, s: null }), vn.ShapeError, "output.a has outAxes -3");
  assertThrows(call({ a: null, s: null }), vn.ArgumentError, "output.a has outAxes null");
  assertThrows(call(0), vn.ArgumentError, "output.s has outAxes 0, but it is no array");
  assertThrows(call({ a: "0", s: null }), vn.ArgumentError, "outAxes must consist of");
  assertThrows(call([0, 0]), vn.TreeError, "outAxes");
});

Deno.test("filterVmap: options that are none are refused when it is made", () => {
  assertThrows(() => vn.filterVmap(double, wrong({ in_axes: 0 })), vn.ArgumentError, "in_axes");
  assertThrows(() => vn.filterVmap(double, wrong({ spmdAxisName: "x" })), vn.ArgumentError);
  assertThrows(() => vn.filterVmap(double, { axisSize: -1 }), vn.ArgumentError, "axisSize");
  assertThrows(() => vn.filterVmap(wrong(3)), vn.ArgumentError, "filterVmap");
});

Deno.test("filterVmap: the arrays of what is mapped are not, and stay inputs of what is around", () => {
  const layer = new vn.nn.Linear(3, 2, { key: random.key(0) });
  const mapped = vn.filterVmap(layer);
  assertEquals(vn.tree.leaves(mapped).length, vn.tree.leaves(layer).length);
  assertEquals(mapped(np.ones([4, 3])).shape, [4, 2]);
  const grads = vn.filterGrad((f: typeof mapped, x: vn.NDArray) => f(x).sum())(
    mapped,
    np.ones([4, 3]),
  );
  assertEquals((vn.tree.leaves(grads)[0] as vn.NDArray).shape, [2, 3]);
});

Deno.test("filterVmap: after every kind of error the library works on", () => {
  assertThrows(() => vn.filterVmap(() => lax.psum(np.ones([2]), "j"), { axisSize: 2 })());
  assertThrows(
    () =>
      vn.filterVmap((_x: vn.NDArray) => {
        throw new Error("of the user");
      }, { axisName: "i" })(x23),
    Error,
    "of the user",
  );
  assertThrows(() => lax.psum(x23, "i"), vn.AxisNameError, "none is bound");
  assertEquals(vn.filterVmap(double)(x23).shape, [2, 3]);
});
