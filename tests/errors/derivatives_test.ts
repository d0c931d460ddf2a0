/**
 * Errors of the derivatives and of custom rules: the message names the public function, the place by its path, what was expected and what came.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { errorTests } from "./rows.ts";

const { numpy: np } = vn;

/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
type Any = any;
const t = vn as Any;

const x = np.array([1, 2, 3]);
const s = np.array(1);
const i = np.array([1, 2, 3], { dtype: "int32" });
const { kwargs } = vn;

/** A custom jvp over `a => 2 a` with some rule, differentiated. */
const byJvp = (rule: (x: vn.NDArray, t: vn.NDArray) => unknown) => () => {
  const f = t.filterCustomJvp(function mine(a: vn.NDArray) {
    return { y: a.mul(2) };
  });
  f.defJvp(([a]: vn.NDArray[], [da]: vn.NDArray[]) => rule(a, da));
  return vn.filterJvp(f, [x], [x]);
};

/** A custom vjp over `{a} => 2 a` with some rules, differentiated. */
const byVjp =
  (bwd: (ct: vn.NDArray) => unknown, fwd = (a: vn.NDArray): unknown => [a.mul(2), null]) => () => {
    const f = t.filterCustomVjp(function mine({ a }: { a: vn.NDArray }) {
      return a.mul(2);
    });
    f.defFwd((_perturbed: unknown, { a }: { a: vn.NDArray }) => fwd(a));
    f.defBwd((_residuals: unknown, ct: vn.NDArray) => bwd(ct));
    return vn.filterGrad((x: vn.NDArray) => f({ a: x }).sum())(x);
  };

/** A function with a vjp rule. */
const ruled = () => {
  const f = t.filterCustomVjp(function mine(a: vn.NDArray, b?: unknown, ...rest: unknown[]) {
    void b;
    void rest;
    return a;
  });
  f.defFwd((_p: unknown, a: vn.NDArray) => [a, null]);
  f.defBwd((_r: unknown, ct: vn.NDArray) => ct);
  return f;
};

errorTests({
  "filterGrad, filterValueAndGrad": [
    ["an output that is no scalar", () => t.filterGrad((x: Any) => x)(x), vn.ShapeError, [
      "filterGrad",
      "scalar",
      "[3]",
      "filterJacrev",
    ]],
    ["the same with the value", () => t.filterValueAndGrad((x: Any) => x)(x), vn.ShapeError, [
      "filterValueAndGrad",
      "[3]",
    ]],
    ["no output", () => t.filterGrad(() => null)(x), vn.ShapeError, ["filterGrad", "null"]],
    ["two outputs", () => t.filterGrad((x: Any) => [x.sum(), 1])(x), vn.ShapeError, [
      "filterGrad",
      "2 values",
    ]],
    [
      "an integer output",
      () => t.filterGrad((x: Any) => x.sum().astype("int32"))(x),
      vn.DTypeError,
      ["filterGrad", "floating", "int32"],
    ],
    ["a bool", () => t.filterGrad((x: Any) => x.sum().greater(0))(x), vn.DTypeError, [
      "filterGrad",
      "bool",
    ]],
    [
      "hasAux without a pair",
      () => t.filterGrad((x: Any) => x.sum(), { hasAux: true })(x),
      vn.ArgumentError,
      ["filterGrad", "pair", "f32[]"],
    ],
    [
      "hasAux with three",
      () => t.filterGrad((x: Any) => [x.sum(), 1, 2], { hasAux: true })(x),
      vn.ArgumentError,
      ["pair", "3 values"],
    ],
    ["no argument", () => t.filterGrad((x: Any) => x)(), vn.ArgumentError, [
      "filterGrad",
      "at least one positional",
    ]],
    ["none by position", () => t.filterGrad((x: Any) => x)(kwargs({ x })), vn.ArgumentError, [
      "filterGrad",
      "by position",
    ]],
    ["argnums", () => t.filterGrad((x: Any) => x, { argnums: 1 }), vn.ArgumentError, [
      "filterGrad",
      "argnums",
      "one array",
    ]],
  ],
  "filterJvp": [
    ["what cannot be called", () => t.filterJvp(3, [x], [x]), vn.ArgumentError, ["filterJvp", "3"]],
    ["unlike structures", () => t.filterJvp((x: Any) => x, [{ a: x }], [{ b: x }]), vn.TreeError, [
      "filterJvp",
      "tangents[0]",
      'key "a" is missing',
    ]],
    [
      "a tangent for an integer",
      () => t.filterJvp((x: Any) => x, [{ n: i }], [{ n: i }]),
      vn.DTypeError,
      ["filterJvp", "tangents[0].n", "null", "i32[3]"],
    ],
    ["another dtype", () => t.filterJvp((x: Any) => x, [x], [x.astype("float64")]), vn.DTypeError, [
      "primals[0] is f32[3]",
      "tangents[0] is f64[3]",
    ]],
    ["another shape", () => t.filterJvp((x: Any) => x, [{ a: [x] }], [{ a: [s] }]), vn.ShapeError, [
      "primals[0].a[0] is f32[3]",
      "tangents[0].a[0] is f32[]",
    ]],
    ["a tangent that is no array", () => t.filterJvp((x: Any) => x, [x], ["a"]), vn.ArgumentError, [
      "filterJvp",
      "tangents[0]",
    ]],
  ],
  "filterVjp": [
    ["what cannot be called", () => t.filterVjp(3, x), vn.ArgumentError, ["filterVjp", "3"]],
    [
      "null for a floating output",
      () => t.filterVjp((x: Any) => ({ a: x }), x)[1]({ a: null }),
      vn.TreeError,
      ["filterVjp", "ct.a", "null", "f32[3]"],
    ],
    [
      "a cotangent of another shape",
      () => t.filterVjp((x: Any) => ({ a: x.sum() }), x)[1]({ a: x }),
      vn.ShapeError,
      ["filterVjp", "ct.a must be f32[]", "f32[3]"],
    ],
    [
      "of another dtype",
      () => t.filterVjp((x: Any) => x, x)[1](x.astype("float64")),
      vn.DTypeError,
      ["filterVjp", "f32[3]", "f64[3]"],
    ],
    ["of another structure", () => t.filterVjp((x: Any) => [x, x], x)[1]([x]), vn.TreeError, [
      "filterVjp",
      "length 2",
      "length 1",
    ]],
    ["for an integer output", () => t.filterVjp((x: Any) => [x, i], x)[1]([x, i]), vn.TreeError, [
      "filterVjp",
      "ct[1]",
      "null",
    ]],
    [
      "hasAux without a pair",
      () => t.filterVjp((x: Any) => x, x, kwargs({ hasAux: true })),
      vn.ArgumentError,
      ["filterVjp", "pair", "f32[3]"],
    ],
  ],
  "filterJacfwd, filterJacrev, filterHessian": [
    ["what cannot be called", () => t.filterHessian(null), vn.ArgumentError, [
      "filterHessian",
      "null",
    ]],
    [
      "an output that is no array",
      () => t.filterJacfwd((x: Any) => ({ a: [x, "s"] }))(x),
      vn.ArgumentError,
      ["filterJacfwd", "output.a[1]", '"s"'],
    ],
    [
      "the same in reverse",
      () => t.filterJacrev((x: Any) => ({ a: [x, "s"] }))(x),
      vn.ArgumentError,
      ["filterJacrev", "output.a[1]"],
    ],
    ["the same twice", () => t.filterHessian(() => ({ a: "s" }))(x), vn.ArgumentError, [
      "filterHessian",
      "output.a",
    ]],
    ["an integer output", () => t.filterJacrev(() => ({ b: [i] }))(x), vn.DTypeError, [
      "filterJacrev",
      "output.b[0]",
      "i32[3]",
      "floating",
    ]],
    ["an integer output, twice", () => t.filterHessian(() => ({ b: i }))(x), vn.DTypeError, [
      "filterHessian",
      "output.b",
      "i32[3]",
    ]],
    [
      "hasAux without a pair",
      () => t.filterHessian((x: Any) => x, { hasAux: true })(x),
      vn.ArgumentError,
      ["filterHessian", "pair", "f32[3]"],
    ],
    ["none by position", () => t.filterJacfwd((x: Any) => x)(kwargs({ x })), vn.ArgumentError, [
      "filterJacfwd",
      "by position",
    ]],
  ],
  "filterCustomJvp": [
    [
      "no rule",
      () =>
        t.filterCustomJvp(function mine(x: Any) {
          return x;
        })(x),
      vn.DifferentiationError,
      ["filterCustomJvp(mine)", "defJvp"],
    ],
    ["no pair", byJvp((a) => ({ y: a })), vn.ArgumentError, [
      "filterCustomJvp(mine).defJvp",
      "pair [out, tangentOut]",
    ]],
    ["an output of another structure", byJvp((a, da) => [[a], { y: da }]), vn.TreeError, [
      "filterCustomJvp(mine).defJvp",
      "structure",
      "{y}",
    ]],
    [
      "an output of another shape",
      byJvp((a, da) => [{ y: a.sum() }, { y: da.sum() }]),
      vn.ShapeError,
      ["filterCustomJvp(mine)", "out.y should be f32[3]", "f32[]"],
    ],
    ["a tangent of another structure", byJvp((a, da) => [{ y: a }, [da]]), vn.TreeError, [
      "filterCustomJvp(mine).defJvp",
      "tangentOut",
    ]],
    ["a tangent of another shape", byJvp((a, da) => [{ y: a }, { y: da.sum() }]), vn.ShapeError, [
      "tangentOut.y should be f32[3]",
      "f32[]",
    ]],
    [
      "a tangent of another dtype",
      byJvp((a, da) => [{ y: a }, { y: da.astype("float64") }]),
      vn.DTypeError,
      ["tangentOut.y should be f32[3]", "f64[3]"],
    ],
    ["a tangent that is no array", byJvp((a) => [{ y: a }, { y: "t" }]), vn.ArgumentError, [
      "tangentOut.y",
      "null",
    ]],
    [
      "an output that is no array",
      () => {
        const f = t.filterCustomJvp(function mine() {
          return { a: "s" };
        });
        f.defJvp((p: unknown) => p);
        return f(x);
      },
      vn.ArgumentError,
      ["filterCustomJvp(mine)", "output.a"],
    ],
    [
      "a keyword argument being differentiated",
      () => {
        const f = t.filterCustomJvp(function mine(x: Any) {
          return x;
        });
        f.defJvp(([x]: Any, [tx]: Any) => [x, tx]);
        return vn.filterGrad((x: vn.NDArray) => f(s, kwargs({ by: x })))(s);
      },
      vn.DifferentiationError,
      ["filterCustomJvp(mine)", "keyword argument", "position"],
    ],
    [
      "a function that closes over what is differentiated",
      () =>
        vn.filterGrad((w: vn.NDArray) => {
          const f = t.filterCustomJvp(function mine(x: Any) {
            return x.mul(w);
          });
          f.defJvp(([x]: Any, [tx]: Any) => [x, tx]);
          return f(s);
        })(s),
      vn.TracerError,
      ["mine", "closes over a value that is being differentiated", "argument"],
    ],
    [
      "a rule that closes over what is differentiated",
      () =>
        vn.filterGrad((w: vn.NDArray) => {
          const f = t.filterCustomJvp(function mine(x: Any) {
            return x;
          });
          f.defJvp(([x]: Any, [tx]: Any) => [x, tx.mul(w)]);
          return f(w);
        })(s),
      vn.TracerError,
      ["f32[]"],
    ],
  ],
  "filterCustomVjp": [
    [
      "no rules",
      () =>
        t.filterCustomVjp(function mine(x: Any) {
          return x;
        })(x),
      vn.DifferentiationError,
      ["filterCustomVjp(mine)", "defFwd"],
    ],
    [
      "one rule",
      () => {
        const f = t.filterCustomVjp(function mine(x: Any) {
          return x;
        });
        f.defFwd((_p: unknown, x: unknown) => [x, null]);
        return f(x);
      },
      vn.DifferentiationError,
      ["filterCustomVjp(mine)", "defBwd"],
    ],
    ["vjpArg by keyword", () => ruled()(kwargs({ a: x })), vn.ArgumentError, [
      "filterCustomVjp(mine)",
      "vjpArg",
      "by position",
    ]],
    ["a gradient of another structure", byVjp((ct) => [ct]), vn.TreeError, [
      "filterCustomVjp(mine).defBwd",
      "gradVjpArg",
      "{a}",
    ]],
    ["a gradient of another shape", byVjp((ct) => ({ a: ct.sum() })), vn.ShapeError, [
      "filterCustomVjp(mine).defBwd",
      "gradVjpArg.a should be f32[3]",
      "f32[]",
    ]],
    ["a gradient of another dtype", byVjp((ct) => ({ a: ct.astype("int32") })), vn.DTypeError, [
      "gradVjpArg.a should be f32[3]",
      "i32[3]",
    ]],
    ["a forward rule without residuals", byVjp((ct) => ({ a: ct }), (a) => a), vn.ArgumentError, [
      "filterCustomVjp(mine).defFwd",
      "pair [out, residuals]",
    ]],
    [
      "a forward rule with another output",
      byVjp((ct) => ({ a: ct }), (a) => [a.sum(), null]),
      vn.ShapeError,
      ["filterCustomVjp(mine).defFwd", "f32[3]", "f32[]"],
    ],
    [
      "another argument being differentiated",
      () => vn.filterGrad((w: vn.NDArray) => ruled()(s, w))(s),
      vn.DifferentiationError,
      ["filterCustomVjp(mine)", "only the first argument"],
    ],
    [
      "a keyword argument being differentiated",
      () => vn.filterGrad((w: vn.NDArray) => ruled()(s, kwargs({ w })))(s),
      vn.DifferentiationError,
      ["filterCustomVjp(mine)", "only the first argument"],
    ],
    ["forward mode", () => vn.filterJvp(ruled(), [s], [s]), vn.DifferentiationError, [
      "forward-mode",
      "mine",
      "filterCustomJvp",
    ]],
    [
      "a function that closes over what is differentiated",
      () =>
        vn.filterGrad((w: vn.NDArray) => {
          const f = t.filterCustomVjp(function mine(x: Any) {
            return x.mul(w);
          });
          f.defFwd((_p: unknown, x: Any) => [x, null]);
          f.defBwd((_r: unknown, ct: unknown) => ct);
          return f(s);
        })(s),
      vn.TracerError,
      ["mine", "closes over a value that is being differentiated"],
    ],
  ],
});
