/**
 * Errors of filterJit, filterVmap, filterMakeJaxpr, filterEvalShape, filterClosureConvert, loops and branches, and the unfiltered transformations: the
 * message names the public function, the place by its path, what was expected and what came.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { errorTests } from "./rows.ts";

const { lax, numpy: np } = vn;

/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
type Any = any;
const t = vn as Any;

const x = np.array([1, 2, 3]);
const s = np.array(1);
const i = np.array([1, 2, 3], { dtype: "int32" });
const { kwargs } = vn;

errorTests({
  "filterJit": [
    [
      "a donation of no known kind",
      () => t.filterJit((x: unknown) => x, { donate: "some" }),
      vn.ArgumentError,
      [
        "filterJit: donate must be one of",
        '"all-except-first"',
        'got "some"',
      ],
    ],
    ["an unknown option", () => t.filterJit((x: unknown) => x, { fast: 1 }), vn.ArgumentError, [
      "filterJit",
      "fast",
      "donate",
    ]],
    [
      "an option of jit's",
      () => t.filterJit((x: unknown) => x, { staticArgnums: 1 }),
      vn.ArgumentError,
      ["filterJit", "staticArgnums"],
    ],
    ["what cannot be called", () => t.filterJit(3), vn.ArgumentError, [
      "filterJit",
      "function",
      "3",
    ]],
    [
      "a condition on a traced array",
      () => vn.filterJit((p: Any) => p.a > 0 ? 1 : 2)({ a: s }),
      vn.TracerError,
      ["f32[]", "args[0].a", "lax.cond"],
    ],
    ["a shape that is data", () => vn.filterJit((n: Any) => np.zeros([n]))(s), vn.ShapeError, [
      "numpy.zeros",
      "f32[]",
    ]],
  ],
  "filterMakeJaxpr, filterEvalShape": [
    ["what cannot be called", () => t.filterMakeJaxpr(3), vn.ArgumentError, [
      "filterMakeJaxpr",
      "3",
    ]],
    ["what cannot be called, at once", () => t.filterEvalShape({}, x), vn.ArgumentError, [
      "filterEvalShape",
    ]],
    [
      "a condition",
      () => t.filterEvalShape((p: Any) => p.a > 0 ? 1 : 2, { a: s }),
      vn.TracerError,
      ["f32[]", "args[0].a"],
    ],
    [
      "a condition in a jaxpr",
      () => t.filterMakeJaxpr((p: Any) => p.a > 0 ? 1 : 2)({ a: s }),
      vn.TracerError,
      ["f32[]", "args[0].a"],
    ],
  ],
  "filterClosureConvert": [
    ["what cannot be called", () => t.filterClosureConvert("f", x), vn.ArgumentError, [
      "filterClosureConvert",
      '"f"',
    ]],
    [
      "another structure",
      () => t.filterClosureConvert((x: Any) => x, { a: x })([x]),
      vn.TreeError,
      ["filterClosureConvert", "args[0]"],
    ],
    [
      "another shape",
      () => t.filterClosureConvert((x: Any) => x, { a: x })({ a: s }),
      vn.ArgumentError,
      ["args[0].a was f32[3]", "is f32[]"],
    ],
    [
      "another static argument",
      () => t.filterClosureConvert((x: Any) => x, x, 3)(x, 4),
      vn.ArgumentError,
      ["args[1] was 3", "is 4"],
    ],
    [
      "by keyword and not by position",
      () => t.filterClosureConvert((x: Any) => x, x)(kwargs({ x })),
      vn.TreeError,
      ["filterClosureConvert", "kwargs"],
    ],
  ],
  "filterCheckpoint": [
    ["what cannot be called", () => t.filterCheckpoint(3), vn.ArgumentError, [
      "filterCheckpoint",
      "3",
    ]],
    [
      "a policy that cannot be called",
      () => t.filterCheckpoint((x: Any) => x, { policy: 3 }),
      vn.ArgumentError,
      ["filterCheckpoint: policy", "checkpointPolicies", "3"],
    ],
    [
      "a policy that gives no answer",
      () => {
        const f = t.filterCheckpoint((x: Any) => np.sin(x).sum(), { policy: () => "keep" });
        return vn.filterGrad(f)(x);
      },
      vn.ArgumentError,
      ["filterCheckpoint", '"saveable"', "keep", "of "],
    ],
  ],
  "filterVmap": [
    ["a scalar", () => t.filterVmap((p: Any) => p)({ a: s }), vn.ShapeError, [
      "filterVmap",
      "args[0].a",
      "axis 0",
      "[]",
    ]],
    [
      "what is no array",
      () => t.filterVmap((p: Any) => p, { inAxes: 0 })("abc"),
      vn.ArgumentError,
      ["filterVmap", "args[0]", '"abc"', "ifArray"],
    ],
    [
      "unlike sizes",
      () => t.filterVmap((a: Any) => a)({ w: x, v: x }, np.zeros([4, 2])),
      vn.ShapeError,
      [
        "filterVmap: got inconsistent sizes",
        "size 3: axis 0 of args[0].v (a), axis 0 of args[0].w (a)",
        "size 4: axis 0 of args[1]",
      ],
    ],
    [
      "a size unlike axisSize",
      () => t.filterVmap((a: Any) => a, { axisSize: 5 })(x),
      vn.ShapeError,
      ["size 5: the axisSize option", "size 3: axis 0 of args[0] (a)"],
    ],
    [
      "axes of no known kind",
      () => t.filterVmap((a: Any) => a, { inAxes: "a" })(x),
      vn.ArgumentError,
      ["filterVmap: inAxes", '"a"'],
    ],
    [
      "axes that are no integers",
      () => t.filterVmap((a: Any) => a, { inAxes: 0.5 })(x),
      vn.ArgumentError,
      ["inAxes", "integers", "0.5"],
    ],
    [
      "a function that gives no axis",
      () => t.filterVmap((a: Any) => a, { inAxes: () => "q" })(x),
      vn.ArgumentError,
      ["inAxes", '"q"'],
    ],
    [
      "axes for too few arguments",
      () => t.filterVmap((a: Any, b: Any) => [a, b], { inAxes: [0] })(x, x),
      vn.TreeError,
      ["inAxes", "1 entries for 2 arguments"],
    ],
    [
      "axes that are no prefix",
      () => t.filterVmap((a: Any) => a, { inAxes: [[0, 0, 0]] })([x, x]),
      vn.TreeError,
      ["inAxes", "args[0]", "length 3", "length 2"],
    ],
    [
      "axes by a name that there is not",
      () => t.filterVmap((a: Any) => a, { inAxes: { b: 0 } })(x),
      vn.ArgumentError,
      ["inAxes", "b", "the arguments are a"],
    ],
    [
      "an axis that there is not",
      () => t.filterVmap((a: Any) => a, { inAxes: 2 })(x),
      vn.ShapeError,
      ["args[0] (a)", "axis 2", "[3]"],
    ],
    [
      "an output axis that there is not",
      () => t.filterVmap((a: Any) => ({ o: a }), { outAxes: 5 })(x),
      vn.ShapeError,
      ["output.o", "outAxes 5"],
    ],
    [
      "null for a mapped output",
      () => t.filterVmap((a: Any) => ({ o: a }), { outAxes: null })(x),
      vn.ArgumentError,
      ["output.o", "outAxes null", "lax.psum"],
    ],
    [
      "an axis for what is no array",
      () => t.filterVmap(() => ({ o: "abc" }), { outAxes: 0 })(x),
      vn.ArgumentError,
      ["output.o", "abc"],
    ],
    [
      "output axes that are no prefix",
      () => t.filterVmap((a: Any) => ({ o: a }), { outAxes: [0, 1] })(x),
      vn.TreeError,
      ["outAxes", "output", "{o}"],
    ],
    ["nothing to map", () => t.filterVmap((a: Any) => a, { inAxes: null })(x), vn.ArgumentError, [
      "filterVmap",
      "axisSize",
      "inAxes",
    ]],
    [
      "an axis name that is not bound",
      () => t.filterVmap((a: Any) => lax.psum(a, "j"), { axisName: "i" })(x),
      vn.AxisNameError,
      ["lax.psum", "j", "bound: i"],
    ],
    ["an unknown option", () => t.filterVmap((a: Any) => a, { axes: 1 }), vn.ArgumentError, [
      "filterVmap",
      "axes",
      "inAxes",
    ]],
  ],
  "loops and branches": [
    ["a body that cannot be called", () => t.lax.scan(3, x, x), vn.ArgumentError, [
      "lax.scan",
      "3",
    ]],
    [
      "scan: a carry of another dtype",
      () => t.lax.scan((c: Any) => [{ a: [c.a[0].astype("int32")] }, null], { a: [s] }, x),
      vn.DTypeError,
      ["lax.scan", "carry.a[0] is f32[] going in, i32[] coming out"],
    ],
    [
      "scan: a carry of another shape",
      () => t.lax.scan((c: Any) => [{ a: np.stack([c.a, c.a]) }, null], { a: s }, x),
      vn.ShapeError,
      ["lax.scan", "carry.a is f32[] going in, f32[2] coming out"],
    ],
    [
      "scan: a carry of another structure",
      () => t.lax.scan((c: Any) => [[c.a], null], { a: s }, x),
      vn.TreeError,
      ["lax.scan", "carry", "{a}", "length 1"],
    ],
    [
      "whileLoop: a carry of another dtype",
      () =>
        t.lax.whileLoop((c: Any) => c.a.less(3), (c: Any) => ({ a: c.a.astype("float64") }), {
          a: s,
        }),
      vn.DTypeError,
      ["lax.whileLoop", "carry.a is f32[] going in, f64[] coming out"],
    ],
    [
      "whileLoop: a condition that is none",
      () => t.lax.whileLoop((c: Any) => c, (c: Any) => c, s),
      vn.DTypeError,
      ["lax.whileLoop", "0-d bool", "f32[]"],
    ],
    [
      "foriLoop: a value of another dtype",
      () => t.lax.foriLoop(0, 3, (_i: Any, c: Any) => ({ a: c.a.astype("float64") }), { a: s }),
      vn.DTypeError,
      ["lax.foriLoop", "carry.a is f32[] going in, f64[] coming out"],
    ],
    [
      "foriLoop with a bound that is data, the same",
      () => t.lax.foriLoop(0, np.array(3, { dtype: "int32" }), (_i: Any, c: Any) => [c], s),
      vn.TreeError,
      ["lax.foriLoop", "carry", "a leaf"],
    ],
    [
      "cond: branches of unlike dtypes",
      () => t.lax.cond(true, (c: Any) => ({ a: c }), (c: Any) => ({ a: c.astype("int32") }), s),
      vn.DTypeError,
      ["lax.cond", "output.a is i32[] in onFalse, f32[] in onTrue"],
    ],
    [
      "cond: branches of unlike structures",
      () => t.lax.cond(true, (c: Any) => [c], (c: Any) => c, s),
      vn.TreeError,
      ["lax.cond", "onTrue differs from onFalse", "output"],
    ],
    [
      "switch: branches of unlike shapes",
      () => t.lax.switch(0, [(c: Any) => c, (c: Any) => np.stack([c, c])], s),
      vn.ShapeError,
      ["lax.switch", "output is f32[] in branches[0], f32[2] in branches[1]"],
    ],
    [
      "reverse mode of a while loop",
      () =>
        vn.filterGrad((v: vn.NDArray) =>
          lax.whileLoop((c: vn.NDArray) => c.less(9), (c: vn.NDArray) => c.mul(2), v)
        )(s),
      vn.DifferentiationError,
      ["reverse-mode", "lax.whileLoop", "lax.scan"],
    ],
  ],
  "the unfiltered": [
    ["jit of what cannot be called", () => t.jit(3), vn.ArgumentError, ["jit", "3"]],
    ["grad of what cannot be called", () => t.grad(3)(x), vn.ArgumentError, ["grad", "3"]],
    ["a leaf that is no array", () => t.jit((a: Any) => a)({ b: "s" }), vn.ArgumentError, [
      "jit",
      "args[0].b",
    ]],
    ["grad of an integer", () => t.grad((a: Any) => a.sum())(i), vn.DTypeError, [
      "grad",
      "args[0] is i32[3]",
      "filterGrad",
    ]],
    ["vmap of unlike sizes", () => t.vmap((a: Any) => a)({ p: x }, np.zeros([4])), vn.ShapeError, [
      "vmap: got inconsistent sizes",
      "size 3: axis 0 of args[0].p",
      "size 4: axis 0 of args[1]",
    ]],
    ["jvp of unlike shapes", () => t.jvp((a: Any) => a, [{ p: x }], [{ p: s }]), vn.ShapeError, [
      "jvp: tangents[0].p should be f32[3]; it is f32[]",
    ]],
    ["vjp of unlike shapes", () => t.vjp((a: Any) => [a], x)[1]([s]), vn.ShapeError, [
      "vjp: ct[0] should be f32[3]; it is f32[]",
    ]],
    ["linearize of unlike shapes", () => t.linearize((a: Any) => a, x)[1](s), vn.ShapeError, [
      "linearize: tangents[0] should be f32[3]; it is f32[]",
    ]],
  ],
});
