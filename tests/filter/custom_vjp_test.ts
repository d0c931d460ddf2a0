/**
 * `filterCustomVjp`: rules, what they are told, nesting, errors.
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
  const calls = { fwd: 0, bwd: 0 };
  const f = vn.filterCustomVjp(function square(x: vn.NDArray) {
    return x.mul(x);
  });
  f.defBwd((x, g) => {
    calls.bwd++;
    return g.mul(x).mul(3);
  });
  f.defFwd((_perturbed, x) => {
    calls.fwd++;
    return [x.mul(x), x];
  });
  return { f, calls };
}

Deno.test("filterCustomVjp: a call without both rules throws, differentiated or not", () => {
  const f = vn.filterCustomVjp(function own(x: vn.NDArray) {
    return x;
  });
  const x = np.array(1);
  assertThrows(() => f(x), vn.DifferentiationError, "filterCustomVjp(own): defFwd was not called");
  assertStrictEquals(f.defFwd((_p, x) => [x, null]), undefined);
  assertThrows(() => f(x), vn.DifferentiationError, "filterCustomVjp(own): defBwd was not called");
  assertStrictEquals(f.defBwd((_r, g) => g), undefined);
  assertEquals(value(f(x)), 1);
  assertThrows(() => vn.filterCustomVjp(3 as never), vn.ArgumentError, "expected a function");
  const loose = f as unknown as (...args: unknown[]) => unknown;
  assertThrows(() => loose(), vn.ArgumentError, "vjpArg, must be passed by position");
  assertThrows(() => loose(vn.kwargs({ x })), vn.ArgumentError, "must be passed by position");
});

Deno.test("filterCustomVjp: rules run only under differentiation", () => {
  const { f, calls } = marked();
  assertEquals(value(f(np.array(3))), 9);
  assertEquals(value(vn.filterJit(f)(np.array(3))), 9);
  assertEquals(value(vn.filterVmap(f)(np.array([1, 2]))), [1, 4]);
  vn.filterGrad((x: vn.NDArray) => f(lax.stopGradient(x)).add(f(np.zerosLike(x))).add(x))(
    np.array(1),
  );
  assertEquals(calls, { fwd: 0, bwd: 0 });
  assertEquals(value(vn.filterGrad(f)(np.array(2))), 6);
  assertEquals(calls, { fwd: 1, bwd: 1 });
});

Deno.test("filterCustomVjp: under every transformation, both ways round", () => {
  const { f } = marked();
  const xs = np.array([1, 2]);
  const sum = (x: vn.NDArray) => f(x).sum();
  assertEquals(value(vn.filterGrad(sum)(xs)), [3, 6]);
  assertEquals(value(vn.filterJit(vn.filterGrad(sum))(xs)), [3, 6]);
  assertEquals(value(vn.filterGrad(vn.filterJit(sum))(xs)), [3, 6]);
  assertEquals(value(vn.filterVmap(vn.filterGrad(f))(xs)), [3, 6]);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => vn.filterVmap(f)(x).sum())(xs)), [3, 6]);
  assertEquals(value(vn.filterJit(vn.filterVmap(vn.filterGrad(f)))(xs)), [3, 6]);
  assertEquals(value(vn.filterVmap(vn.filterJit(vn.filterGrad(f)))(xs)), [3, 6]);
  assertEquals(value(vn.filterVmap(vn.filterGrad(vn.filterJit(f)))(xs)), [3, 6]);
  assertEquals(
    value(vn.filterGrad((x: vn.NDArray) => vn.filterJit(vn.filterVmap(f))(x).sum())(xs)),
    [3, 6],
  );
  assertEquals(value(vn.filterJacrev(f)(xs)), [[3, 0], [0, 6]]);
  assertEquals(value(vn.filterVjp(f, xs)[1](np.ones([2]))[0]), [3, 6]);
});

Deno.test("filterCustomVjp: second derivatives go through the rules", () => {
  const { f } = marked();
  assertEquals(value(vn.filterGrad(vn.filterGrad(f))(np.array(2))), 3);
  assertEquals(value(vn.filterHessian(f)(np.array(2))), 3);
  assertEquals(value(vn.filterJvp(vn.filterGrad(f), [np.array(2)], [1])[1]), 3);
  assertEquals(value(vn.filterJit(vn.filterGrad(vn.filterGrad(f)))(np.array(2))), 3);
  const sum = (x: vn.NDArray) => f(x).sum();
  assertEquals(value(vn.filterHessian(sum)(np.array([1, 2]))), [[3, 0], [0, 3]]);
});

Deno.test("filterCustomVjp: forward mode is refused, wherever it is asked for", () => {
  const { f } = marked();
  const xs = np.array([1, 2]);
  const push = (x: vn.NDArray) => vn.filterJvp(f, [x], [np.ones(x.shape)]);
  const message = "forward-mode differentiation (jvp) to square, which has a custom vjp";
  for (
    const attempt of [
      () => push(xs),
      () => vn.filterJit(push)(xs),
      () => vn.filterVmap(push)(xs),
      () => vn.filterJvp(vn.filterJit(f), [xs], [xs]),
      () => vn.filterJvp(vn.filterVmap(f), [xs], [xs]),
      () => vn.filterJacfwd(f)(xs),
    ]
  ) assertThrows(attempt, vn.DifferentiationError, message);
});

Deno.test("filterCustomVjp: perturbed tells statically which floating arrays are differentiated", () => {
  const seen: unknown[] = [];
  type Arg = { x: vn.NDArray; y: vn.NDArray; i: vn.NDArray; s: string };
  const f = vn.filterCustomVjp((t: Arg) => t.x.mul(t.y));
  f.defFwd((perturbed, t) => {
    seen.push(perturbed);
    return [t.x.mul(t.y), null];
  });
  f.defBwd((_r, g, perturbed, t) => {
    seen.push(perturbed);
    return { x: g.mul(t.y), y: g.mul(t.x), i: null, s: null };
  });
  const arg = (x: vn.NDArray, y: vn.NDArray): Arg => ({ x, y, i: int(1), s: "s" });
  const y = np.array(5);
  const only = { x: true, y: false, i: false, s: false };
  const plain = (x: vn.NDArray, y: vn.NDArray) => f(arg(x, y));
  const inner = vn.filterJit(plain);
  const variants: ((x: vn.NDArray, y: vn.NDArray) => vn.NDArray)[] = [
    plain,
    inner,
    (x, y) => f(arg(x, lax.stopGradient(y.mul(x)))),
    (x, y) => vn.filterVmap((x: vn.NDArray) => plain(x, y))(np.stack([x, x])).sum(),
  ];
  for (const g of variants) {
    seen.length = 0;
    vn.filterGrad(g)(np.array(2), y);
    assertEquals(seen, [only, only]);
  }
  seen.length = 0;
  // What the backward rule gives for arrays that are not differentiated is ignored.
  assertEquals(value(vn.filterGrad(plain)(np.array(2), y)), 5);
});

Deno.test("filterCustomVjp: gradOut is null for what is no floating array and for outputs that are not used", () => {
  const seen: unknown[][] = [];
  const f = vn.filterCustomVjp((x: vn.NDArray) => ({
    a: x.mul(2) as vn.NDArray,
    b: x.mul(3) as vn.NDArray,
    i: x.astype("int32") as vn.NDArray,
    s: "s",
  }));
  f.defFwd((_p, x) => [f(x), null]);
  f.defBwd((_r, g) => {
    seen.push([g.a, g.b, g.i, g.s]);
    return g.a ?? g.b;
  });
  const x = np.array(1);
  for (const h of [f, vn.filterJit(f)]) {
    seen.length = 0;
    assertEquals(value(vn.filterGrad((x: vn.NDArray) => h(x).a)(x)), 1);
    assertEquals(seen.length, 1);
    assert(seen[0][0] instanceof vn.NDArray);
    assertEquals(seen[0].slice(1), [null, null, null]);
    // With no output used at all, the rule is not asked.
    const zero = vn.filterGrad((x: vn.NDArray) => h(x).i.astype("float32").add(x))(x);
    assertEquals([value(zero), seen.length], [1, 1]);
  }
  // A zero that is there as an array is a cotangent like any other.
  seen.length = 0;
  vn.filterGrad((x: vn.NDArray) => f(x).a.mul(0))(x);
  assertEquals(seen.length, 1);
  assert(seen[0][0] instanceof vn.NDArray);
});

Deno.test("filterCustomVjp: arguments, outputs and residuals may be anything", () => {
  const token = Symbol("token");
  let seen: unknown[] = [];
  const f = vn.filterCustomVjp((
    x: vn.NDArray,
    k: number,
    t: { w: vn.NDArray; token: symbol },
    { by }: { by: number },
  ) => [x.mul(k).mul(t.w).mul(by), t.token] as const);
  f.defFwd((_p, x, k, t, { by }) => [
    [x.mul(k).mul(t.w).mul(by), t.token],
    { token, twice: t.w.mul(2) },
  ]);
  f.defBwd((residuals, [g, none], _p, x, k, t, { by }) => {
    seen = [residuals.token, none, k, t.token, by, x instanceof vn.NDArray];
    return g.mul(residuals.twice);
  });
  const g = (x: vn.NDArray, w: vn.NDArray) => f(x, 3, { w, token }, vn.kwargs({ by: 7 }));
  const [out, same] = g(np.array(1), np.array(2));
  assertEquals(value(out), 42);
  assertStrictEquals(same, token);
  assertEquals(value(vn.filterGrad((x: vn.NDArray) => g(x, np.array(2))[0])(np.array(1))), 4);
  assertEquals(seen, [token, null, 3, token, 7, true]);
  // Further arguments may be mapped.
  const each = vn.filterVmap(vn.filterGrad((x: vn.NDArray, w: vn.NDArray) => g(x, w)[0]), {
    inAxes: [null, 0],
  });
  assertEquals(value(each(np.array(1), np.array([2, 3]))), [4, 6]);
});

Deno.test("filterCustomVjp: other arguments than the first cannot be differentiated", () => {
  const f = vn.filterCustomVjp((x: vn.NDArray, y: vn.NDArray, { z }: { z: vn.NDArray }) =>
    x.add(y).add(z)
  );
  f.defFwd((_p, x, y, { z }) => [x.add(y).add(z), null]);
  f.defBwd((_r, g) => g);
  const one = np.array(1);
  const grad = (g: (x: vn.NDArray) => vn.NDArray) => vn.filterGrad(g)(np.array(1));
  assertEquals(value(grad((x) => f(x, one, vn.kwargs({ z: one })))), 1);
  const message = "only the first argument can be differentiated";
  assertThrows(() => grad((x) => f(x, x, vn.kwargs({ z: one }))), vn.DifferentiationError, message);
  assertThrows(
    () => grad((x) => f(one, x, vn.kwargs({ z: one }))),
    vn.DifferentiationError,
    message,
  );
  assertThrows(
    () => grad((x) => f(one, one, vn.kwargs({ z: x }))),
    vn.DifferentiationError,
    message,
  );
});

Deno.test("filterCustomVjp: the gradient has the structure, shapes and dtypes of vjpArg", () => {
  const withBwd = (bwd: (g: vn.NDArray) => unknown) => {
    const f = vn.filterCustomVjp(function own(t: { w: vn.NDArray; n: number }) {
      return t.w.mul(t.n);
    });
    f.defFwd((_p, t) => [t.w.mul(t.n), null]);
    f.defBwd((_r, g) => bwd(g));
    return () => vn.filterGrad((w: vn.NDArray) => f({ w, n: 2 }))(np.array(1));
  };
  const where = "filterCustomVjp(own).defBwd: gradVjpArg.w should be f32[]; it is ";
  assertEquals(value(withBwd((g) => ({ w: g.mul(9), n: null }))()), 9);
  assertEquals(value(withBwd(() => ({ w: 4, n: null }))()), 4);
  assertEquals(value(withBwd(() => ({ w: null, n: null }))()), 0);
  assertThrows(withBwd((g) => g), vn.TreeError, "must have the structure of vjpArg");
  assertThrows(withBwd((g) => ({ w: g })), vn.TreeError, "must have the structure of vjpArg");
  assertThrows(withBwd((g) => ({ w: g.mul(np.ones([3])), n: null })), vn.ShapeError, where);
  assertThrows(withBwd((g) => ({ w: g.astype("int32"), n: null })), vn.DTypeError, where + "i32[]");
  assertThrows(withBwd(() => ({ w: "a", n: null })), vn.ArgumentError, "gradVjpArg.w");
});

Deno.test("filterCustomVjp: the forward rule gives what the function gives", () => {
  const withFwd = (fwd: (x: vn.NDArray) => unknown) => {
    const f = vn.filterCustomVjp(function own(x: vn.NDArray) {
      return x.mul(2);
    });
    f.defFwd((_p, x) => fwd(x) as [unknown, unknown]);
    f.defBwd((_r, g) => g);
    return () => vn.filterGrad((x: vn.NDArray) => f(x).sum())(np.array(1));
  };
  const where = "filterCustomVjp(own).defFwd: the rule must give the function's own outputs: out ";
  assertEquals(value(withFwd((x) => [x, null])()), 1);
  assertThrows(withFwd((x) => x), vn.ArgumentError, "a pair [out, residuals]");
  assertThrows(withFwd((x) => [[x], null]), vn.TreeError, "structure of the function's");
  assertThrows(withFwd((x) => [x.mul(np.ones([3])), null]), vn.ShapeError, where);
  assertThrows(withFwd((x) => [x.astype("float64"), null]), vn.DTypeError, where);
  assertThrows(withFwd(() => [3, null]), vn.ShapeError, "it is no array");
});

Deno.test("filterCustomVjp: it may close over arrays and tracers, but not over what is being differentiated", () => {
  const scaleBy = (w: vn.NDArray, x: vn.NDArray) => {
    const f = vn.filterCustomVjp((y: vn.NDArray) => y.mul(w));
    f.defFwd((_p, y) => [y.mul(w), null]);
    f.defBwd((_r, g) => g.mul(w).mul(10));
    return f(x);
  };
  const [w, x] = [np.array(2), np.array(3)];
  const grad = vn.filterGrad((x: vn.NDArray, w: vn.NDArray) => scaleBy(w, x));
  assertEquals(value(grad(x, w)), 20);
  assertEquals(value(vn.filterJit(grad)(x, w)), 20);
  assertEquals(value(vn.filterVmap(grad)(np.array([3, 4]), np.array([1, 2]))), [10, 20]);
  assertThrows(
    () => vn.filterGrad((w: vn.NDArray) => scaleBy(w, x))(w),
    vn.TracerError,
    "closes over a value that is being differentiated",
  );
  const inRule = (fwd: boolean) =>
    vn.filterGrad((x: vn.NDArray) => {
      const f = vn.filterCustomVjp((y: vn.NDArray) => y);
      f.defFwd((_p, y) => [fwd ? y.mul(x) : y, null]);
      f.defBwd((_r, g) => fwd ? g : g.mul(x));
      return f(x);
    });
  for (const fwd of [true, false]) {
    assertThrows(() => inRule(fwd)(x), vn.TracerError);
    assertThrows(() => vn.filterJit(inRule(fwd))(x), vn.TracerError);
  }
});

Deno.test("filterCustomVjp: an argument shared by all examples gets the sum of their gradients", () => {
  const f = vn.filterCustomVjp(([x, y]: [vn.NDArray, vn.NDArray]) => x.mul(y));
  f.defFwd((_p, [x, y]) => [x.mul(y), null]);
  f.defBwd((_r, g, _p, [x, y]) => [g.mul(y), g.mul(x)]);
  const ys = np.array([1, 2, 3]);
  const total = (x: vn.NDArray) => vn.filterVmap((y: vn.NDArray) => f([x, y]))(ys).sum();
  assertEquals(value(vn.filterGrad(total)(np.array(2))), 6);
  assertEquals(value(vn.filterJit(vn.filterGrad(total))(np.array(2))), 6);
  // A rule whose gradient is the same for all examples counts once for each.
  const g = vn.filterCustomVjp(([x, y]: [vn.NDArray, vn.NDArray]) => x.mul(y));
  g.defFwd((_p, [x, y]) => [x.mul(y), null]);
  g.defBwd(() => [np.array(1), null]);
  const count = (x: vn.NDArray) => vn.filterVmap((y: vn.NDArray) => g([x, y]))(ys).sum();
  assertEquals(value(vn.filterGrad(count)(np.array(2))), 3);
});

Deno.test("filterCustomVjp: an output may be the same for all examples, and its gradient not", () => {
  const f = vn.filterCustomVjp((_x: vn.NDArray) => np.array(1));
  f.defFwd((_p, x) => [x.mul(0).add(1), null]);
  f.defBwd((_r, g) => g.mul(7));
  const grad = vn.filterGrad((x: vn.NDArray) => vn.filterVmap(f)(x).sum());
  assertEquals(value(grad(np.array([1, 2, 3]))), [7, 7, 7]);
});

Deno.test("filterCustomVjp: a number as vjpArg of an unfiltered gradient is differentiated", () => {
  const { f } = marked();
  assertEquals(value(vn.grad(f)(2)), 6);
});

Deno.test("filterCustomVjp: an object with rules is a leaf, not a tree", () => {
  const { f } = marked();
  assertEquals(vn.tree.leaves(f), [f]);
  assertEquals(f.name, "square");
});

Deno.test("filterCustomVjp: function and rules may close over arrays, compiled and mapped too", () => {
  const m = np.array([[1, 2], [3, 4]]);
  const tens = np.array([10, 100]);
  const f = vn.filterCustomVjp((x: vn.NDArray) => np.matmul(m, x));
  f.defFwd((_p, x) => [np.matmul(m, x), tens]);
  f.defBwd((r, g) => np.matmul(m.T, g).mul(r).add(tens));
  const sum = (x: vn.NDArray) => f(x).sum();
  const x = np.array([1, 2]);
  const xs = np.stack([x, x]);
  const expected = [50, 700];
  assertEquals(value(vn.filterGrad(sum)(x)), expected);
  assertEquals(value(vn.filterGrad(vn.filterJit(sum))(x)), expected);
  assertEquals(value(vn.filterJit(vn.filterGrad(sum))(x)), expected);
  assertEquals(value(vn.filterVmap(vn.filterGrad(vn.filterJit(sum)))(xs)), [expected, expected]);
  const total = vn.filterGrad((xs: vn.NDArray) => vn.filterVmap(vn.filterJit(sum))(xs).sum());
  assertEquals(value(total(xs)), [expected, expected]);
  // An array made by the rule itself outlives the scope in which it was first traced.
  const g = vn.filterCustomVjp((x: vn.NDArray) => x.mul(2));
  g.defFwd((_p, x) => [x.mul(2), null]);
  g.defBwd((_r, ct) => ct.mul(np.array([5, 6])));
  const grad = vn.filterGrad(vn.filterJit((x: vn.NDArray) => g(x).sum()));
  for (let i = 0; i < 3; i++) assertEquals(vn.scope(() => value(grad(x))), [5, 6]);
});

Deno.test("filterCustomVjp: a Module with call is a function too, closed over", () => {
  const layer = new vn.nn.PReLU({ initAlpha: 3 });
  const f = vn.filterCustomVjp(layer);
  f.defFwd((_perturbed, x) => [layer.call(x), null]);
  f.defBwd((_residuals, g) => g.mul(10));
  assertEquals(f(np.array(-2)).tolist(), -6);
  assertEquals(vn.filterGrad((x: vn.NDArray) => f(x))(np.array(-2)).tolist(), 10);
});

Deno.test("filterCustomVjp: on complex arrays", () => {
  const f = vn.filterCustomVjp((z: vn.NDArray) => z.mul(z));
  f.defFwd((_perturbed, z) => [z.mul(z), z]);
  f.defBwd((z, g) => (g as vn.NDArray).mul(z as vn.NDArray).mul(3));
  const z = lax.complex(np.array([1, 2]), np.array([-1, 0.5]));
  const pull = (z: vn.NDArray) => vn.vjp(f, z)[1](np.onesLike(z))[0];
  const expected = z.mul(3).tolist();
  assertEquals(pull(z).tolist(), expected);
  assertEquals(vn.filterJit(pull)(z).tolist(), expected);
});
