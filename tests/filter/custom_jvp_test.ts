/**
 * `filterCustomJvp`: rules, what they are told, nesting, errors.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
const int = (x: number | number[]) => np.array(x, { dtype: "int32" });

/** x², said to have the derivative 3x: so that a derivative tells who computed it. */
function marked() {
  let calls = 0;
  const f = vn.filterCustomJvp((x: vn.NDArray) => x.mul(x));
  f.defJvp(([x], [tx]) => {
    calls++;
    return [f(x), tx.mul(x).mul(3)];
  });
  return { f, calls: () => calls };
}

Deno.test("filterCustomJvp: a call without a rule throws, differentiated or not", () => {
  const plain = vn.filterCustomJvp(function square(x: vn.NDArray) {
    return x.mul(x);
  });
  const message = "filterCustomJvp(square): no rule is defined";
  assertThrows(() => plain(np.array(1)), vn.DifferentiationError, message);
  assertThrows(() => vn.filterGrad(plain)(np.array(1)), vn.DifferentiationError, message);
  assertStrictEquals(plain.defJvp(([x], [tx]) => [x, tx]), undefined);
  assertEquals(value(plain(np.array(3))), 9);
  assertThrows(() => vn.filterCustomJvp(3 as never), vn.ArgumentError, "expected a function");
});

Deno.test("filterCustomJvp: the rule runs only where something is differentiated", () => {
  const { f, calls } = marked();
  assertEquals(value(f(np.array(3))), 9);
  assertEquals(value(vn.filterJit(f)(np.array(3))), 9);
  assertEquals(value(vn.filterVmap(f)(np.array([1, 2]))), [1, 4]);
  vn.filterJvp((x: vn.NDArray, y: vn.NDArray) => [x, f(y)], [np.array(1), np.array(1)], [1, null]);
  vn.filterGrad((x: vn.NDArray) => f(lax.stopGradient(x)).add(x))(np.array(1));
  assertEquals(calls(), 0);
  assertEquals(value(vn.filterGrad(f)(np.array(2))), 6);
  assertEquals(calls(), 1);
});

Deno.test("filterCustomJvp: under every transformation, both ways round", () => {
  const { f } = marked();
  const xs = np.array([1, 2]);
  const sum = (x: vn.NDArray) => f(x).sum();
  assertEquals(value(vn.filterJvp(f, [xs], [np.ones([2])])[1]), [3, 6]);
  assertEquals(value(vn.filterGrad(sum)(xs)), [3, 6]);
  assertEquals(value(vn.filterJit(vn.filterGrad(sum))(xs)), [3, 6]);
  assertEquals(value(vn.filterGrad(vn.filterJit(sum))(xs)), [3, 6]);
  assertEquals(value(vn.filterVmap(vn.filterGrad(f))(xs)), [3, 6]);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => vn.filterVmap(f)(x).sum())(xs)), [3, 6]);
  assertEquals(value(vn.filterJit(vn.filterVmap(vn.filterGrad(f)))(xs)), [3, 6]);
  assertEquals(
    value(vn.filterGrad((x: vn.NDArray) => vn.filterJit(vn.filterVmap(f))(x).sum())(xs)),
    [3, 6],
  );
  assertEquals(value(vn.filterJacfwd(f)(xs)), [[3, 0], [0, 6]]);
  assertEquals(value(vn.filterJacrev(f)(xs)), [[3, 0], [0, 6]]);
  assertEquals(value(vn.filterVjp(f, xs)[1](np.ones([2]))[0]), [3, 6]);
});

Deno.test("filterCustomJvp: second derivatives differentiate the rule, which may call its function", () => {
  const { f } = marked();
  assertEquals(value(vn.filterGrad(vn.filterGrad(f))(np.array(2))), 3);
  const g = vn.filterCustomJvp((x: vn.NDArray) => x.mul(x));
  g.defJvp(([x], [tx]) => [g(x), g(x).mul(tx)]);
  const d1 = vn.filterGrad(g);
  const d2 = vn.filterGrad(d1);
  const d3 = vn.filterJit(vn.filterGrad(d2));
  // d g = g, so every derivative is g again.
  for (const d of [d1, d2, d3]) assertEquals(value(d(np.array(3))), 9);
  assertEquals(value(vn.filterHessian(g)(np.array(3))), 9);
});

Deno.test("filterCustomJvp: tangents are null for what is no floating array and for symbolic zeros, arrays otherwise", () => {
  const seen: unknown[][] = [];
  const f = vn.filterCustomJvp((
    t: { x: vn.NDArray; i: vn.NDArray; s: string },
    y: vn.NDArray,
    k: number,
    none: null,
  ) => t.x.mul(y).mul(k).mul(none === null ? 1 : 2));
  f.defJvp((primals, tangents) => {
    const [t, y, k, none] = primals;
    seen.push([tangents[0].x, tangents[0].i, tangents[0].s, ...tangents.slice(1)]);
    assertEquals([t.s, k, none], ["s", 2, null]);
    return [f(t, y, k, none), tangents[0].x === null ? null : tangents[0].x.mul(y)];
  });
  const t = (x: vn.NDArray) => ({ x, i: int(3), s: "s" });
  const y = np.array(5);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => f(t(x), y, 2, null))(np.array(1))), 5);
  assertEquals(seen[0].slice(1), [null, null, null, null, null]);
  assert(seen[0][0] instanceof vn.NDArray);
  // A zero that is there as an array is not null.
  vn.filterGrad((x: vn.NDArray) => f(t(x), x.mul(0), 2, null))(np.array(1));
  assert(seen[1][3] instanceof vn.NDArray);
  // Zeros stay symbolic through a compiled function.
  const inner = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => f(t(x), y, 2, null));
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => inner(x, y))(np.array(1))), 5);
  assertEquals(seen[2][3], null);
  // A rule may answer with null.
  const byY = (y: vn.NDArray) => f(t(np.array(1)), y, 2, null);
  assertEquals(value(vn.filterGrad(byY)(y)), 0);
  assertStrictEquals(vn.filterJvp(byY, [y], [1])[1], null);
});

Deno.test("filterCustomJvp: outputs are a tree of arrays and numbers; integers have tangent null", () => {
  const f = vn.filterCustomJvp((x: vn.NDArray) => ({
    y: x.mul(2) as vn.NDArray,
    i: x.astype("int32") as vn.NDArray,
    k: 3 as unknown,
  }));
  f.defJvp(([x], [tx]) => [f(x), { y: tx.mul(7), i: null, k: null }]);
  const out = f(np.array(1));
  assertEquals([value(out.y), value(out.i), value(out.k)], [2, 1, 3]);
  const [, tangent] = vn.filterJvp(f, [np.array(1)], [1]);
  assertEquals([value(tangent.y), tangent.i, tangent.k as unknown], [7, null, null]);
  const bad = vn.filterCustomJvp((x: vn.NDArray) => ({ x, a: "a" }));
  bad.defJvp((primals, tangents) => [primals[0], tangents[0]]);
  assertThrows(() => bad(np.array(1)), vn.ArgumentError, 'output.a is string "a"');
});

Deno.test("filterCustomJvp: a keyword argument must not be differentiated", () => {
  const f = vn.filterCustomJvp((x: vn.NDArray, { by }: { by: vn.NDArray }) => x.mul(by));
  let given: unknown = null;
  f.defJvp(([x], [tx], { by }) => {
    given = by;
    return [f(x, vn.kwargs({ by })), tx.mul(by)];
  });
  const by = np.array(4);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => f(x, vn.kwargs({ by })))(np.array(1))), 4);
  assert(given instanceof vn.NDArray);
  assertThrows(
    () => vn.filterGrad((x: vn.NDArray) => f(x, vn.kwargs({ by: x })))(np.array(1)),
    vn.DifferentiationError,
    "a keyword argument is being differentiated: kwargs.by",
  );
});

Deno.test("filterCustomJvp: what the rule gives is held against the function", () => {
  const withRule = (rule: Parameters<ReturnType<typeof marked>["f"]["defJvp"]>[0]) => {
    const f = vn.filterCustomJvp(function own(x: vn.NDArray) {
      return x.mul(2);
    });
    f.defJvp(rule);
    return () => vn.filterJvp(f, [np.array(1)], [1]);
  };
  const three = np.ones([3]);
  assertThrows(
    withRule(([x], [tx]) => [x, tx.mul(three)]),
    vn.ShapeError,
    "tangentOut should be f32[]; it is f32[3]",
  );
  assertThrows(
    withRule(([x], [tx]) => [x, tx.astype("float64")]),
    vn.DTypeError,
    "tangentOut should be f32[]; it is f64[]",
  );
  assertThrows(withRule(([x], [tx]) => [x, [tx]]), vn.TreeError, "structure of the output");
  assertThrows(withRule(([x]) => [x, "a"]), vn.ArgumentError, "tangentOut must be an array");
  assertThrows(
    withRule(([x], [tx]) => [x.mul(three), tx.mul(three)]),
    vn.ShapeError,
    "filterCustomJvp(own).defJvp: the rule must give the function's own outputs: out should be f32[]; it is f32[3]",
  );
  assertThrows(
    withRule(([x], [tx]) => [x.astype("float64"), tx.astype("float64")]),
    vn.DTypeError,
    "out should be f32[]; it is f64[]",
  );
  assertThrows(withRule(([x], [tx]) => [[x], [tx]]), vn.TreeError, "structure of the function's");
  assertThrows(withRule(([x]) => x), vn.ArgumentError, "a pair [out, tangentOut]");
});

Deno.test("filterCustomJvp: it may close over arrays and tracers, but not over what is being differentiated", () => {
  const scaleBy = (w: vn.NDArray, x: vn.NDArray) => {
    const f = vn.filterCustomJvp((y: vn.NDArray) => y.mul(w));
    f.defJvp(([y], [ty]) => [y.mul(w), ty.mul(w).mul(10)]);
    return f(x);
  };
  const [w, x] = [np.array(2), np.array(3)];
  const grad = vn.filterGrad((x: vn.NDArray, w: vn.NDArray) => scaleBy(w, x));
  assertEquals(value(grad(x, w)), 20);
  assertEquals(value(vn.filterJit(grad)(x, w)), 20);
  const each = vn.filterVmap(grad);
  assertEquals(value(each(np.array([3, 4]), np.array([1, 2]))), [10, 20]);
  const byW = vn.filterGrad((w: vn.NDArray) => scaleBy(w, x));
  assertThrows(() => byW(w), vn.TracerError, "closes over a value that is being differentiated");
  const inRule = vn.filterGrad((x: vn.NDArray) => {
    const f = vn.filterCustomJvp((y: vn.NDArray) => y);
    f.defJvp(([y], [ty]) => [y, ty.mul(x)]);
    return f(x);
  });
  assertThrows(() => inRule(x), vn.TracerError);
  assertThrows(() => vn.filterJit(inRule)(x), vn.TracerError);
});

Deno.test("filterCustomJvp: a tangent may depend on the mapped axis where the output does not", () => {
  const f = vn.filterCustomJvp((x: vn.NDArray, _y: vn.NDArray) => x);
  f.defJvp(([x], [, ty]) => [x, ty]);
  const mapped = vn.filterVmap(f, { inAxes: [null, 0] });
  const ys = np.array([0, 1, 2]);
  const [out, tangent] = vn.filterJvp(mapped, [np.array(1), ys], [null, ys]);
  assertEquals([value(out), value(tangent)], [[1, 1, 1], [0, 1, 2]]);
  const grad = vn.filterGrad((y: vn.NDArray) => mapped(np.array(1), y).mul(ys).sum())(ys);
  assertEquals(value(grad), [0, 1, 2]);
});

Deno.test("filterCustomJvp: an object with a rule is a leaf, not a tree", () => {
  const { f } = marked();
  assertEquals(vn.tree.leaves(f), [f]);
  assertEquals(f.name, "function");
});

Deno.test("filterCustomJvp: function and rule may close over arrays, compiled and mapped too", () => {
  const m = np.array([[1, 2], [3, 4]]);
  const f = vn.filterCustomJvp((x: vn.NDArray) => np.matmul(m, x));
  f.defJvp(([x], [tx]) => [f(x), np.matmul(m, tx).mul(np.array([1, 10]))]);
  const sum = (x: vn.NDArray) => f(x).sum();
  const x = np.array([1, 2]);
  const xs = np.stack([x, x]);
  const expected = [31, 42];
  assertEquals(value(vn.filterGrad(vn.filterJit(sum))(x)), expected);
  assertEquals(value(vn.filterJit(vn.filterGrad(sum))(x)), expected);
  assertEquals(value(vn.filterVmap(vn.filterGrad(vn.filterJit(sum)))(xs)), [expected, expected]);
  const total = vn.filterGrad((xs: vn.NDArray) => vn.filterVmap(vn.filterJit(sum))(xs).sum());
  assertEquals(value(total(xs)), [expected, expected]);
  const inScope = vn.filterGrad(vn.filterJit((x: vn.NDArray) => f(x).mul(2).sum()));
  for (let i = 0; i < 3; i++) {
    assertEquals(vn.scope(() => value(inScope(x))), [62, 84]);
  }
});

Deno.test("filterCustomJvp: a Module with call is a function too, closed over", () => {
  const layer = new vn.nn.PReLU({ initAlpha: 3 });
  const f = vn.filterCustomJvp(layer);
  f.defJvp(([x], [t]) => [layer.call(x), t.mul(10)]);
  assertEquals(value(f(np.array(-2))), -6);
  assertEquals(value(vn.filterGrad(f)(np.array(-2))), 10);
});
