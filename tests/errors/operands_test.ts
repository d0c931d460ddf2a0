/**
 * Wrong shapes, dtypes and values, and what is said of them.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, nn, numpy: np, random } = vn;

/** Each error: what causes it, its class, and what its message must say. */
const rows: readonly [
  what: string,
  cause: () => unknown,
  cls: new (m: string) => Error,
  parts: string[],
][] = [
  ["broadcasting", () => np.add(np.zeros([2, 3]), np.zeros([4])), vn.ShapeError, [
    "numpy.add",
    "[2, 3]",
    "[4]",
  ]],
  ["lax shapes", () => lax.add(np.zeros([2]), np.zeros([3])), vn.ShapeError, [
    "lax.add",
    "[2]",
    "[3]",
    "broadcast",
  ]],
  ["lax dtypes", () => lax.add(np.zeros([2]), np.zeros([2], { dtype: "int32" })), vn.DTypeError, [
    "f32[2]",
    "i32[2]",
    "astype",
  ]],
  ["matmul", () => np.matmul(np.zeros([2, 3]), np.zeros([4, 5])), vn.ShapeError, [
    "[2, 3]",
    "[4, 5]",
    "3",
    "4",
  ]],
  [
    "a batch to a layer",
    () => new nn.Linear(3, 4, { key: random.key(0) }).call(np.zeros([7, 3])),
    vn.ShapeError,
    ["nn.Linear", "[3]", "[7, 3]", "filterVmap"],
  ],
  ["reshape", () => np.zeros([2, 3]).reshape(4), vn.ShapeError, ["[2, 3]", "6", "[4]"]],
  ["reshape with -1", () => np.zeros([2, 3]).reshape(4, -1), vn.ShapeError, ["6", "[4, -1]"]],
  ["axis", () => np.sum(np.zeros([2]), 1), vn.ShapeError, ["numpy.sum", "axis 1"]],
  ["equal axes", () => np.sum(np.zeros([2]), [0, -1]), vn.ShapeError, ["distinct"]],
  ["concatenate", () => np.concatenate([np.zeros([2, 3]), np.zeros([2, 4])]), vn.ShapeError, [
    "[2, 3]",
    "[2, 4]",
  ]],
  ["index", () => np.zeros([3]).get(5), vn.ShapeError, ["index 5", "size 3"]],
  ["too many indices", () => np.zeros([3]).get(0, 0), vn.ShapeError, ["too many"]],
  ["fractional index", () => np.zeros([3]).get(0.5), vn.ArgumentError, ["0.5"]],
  ["float index array", () => np.zeros([3]).get(np.array([0.5])), vn.DTypeError, ["float32"]],
  ["ragged lists", () => np.array([[1, 2], [3]]), vn.ShapeError, ["equal lengths", "x[1]"]],
  ["mixed lists", () => np.array([1, [2]] as never), vn.ShapeError, ["mixes"]],
  ["no number", () => np.array([1, "2"] as never), vn.ArgumentError, ["x[1]", "2"]],
  ["a list as operand", () => np.add([1, 2] as never, 1), vn.ArgumentError, ["numpy.array"]],
  ["unknown dtype", () => np.zeros([2], { dtype: "float31" as never }), vn.DTypeError, [
    "float31",
    "bfloat16",
  ]],
  ["negative size", () => np.zeros([-1]), vn.ShapeError, ["-1"]],
  ["empty maximum", () => np.max(np.zeros([0])), vn.ShapeError, ["numpy.max", "initial"]],
  ["arithmetic of keys", () => random.key(0).add(1), vn.DTypeError, ["key"]],
  ["no key", () => random.normal(3 as never), vn.ArgumentError, ["random.normal", "random.key"]],
  ["many keys", () => random.normal(random.split(random.key(0), 3), [2]), vn.ShapeError, [
    "single key",
    "filterVmap",
  ]],
  ["dropout without a key", () => new nn.Dropout().call(np.zeros([2])), vn.ArgumentError, [
    "nn.Dropout",
    "key",
  ]],
  ["layer norm", () => new nn.LayerNorm(3).call(np.zeros([4])), vn.ShapeError, [
    "nn.LayerNorm",
    "[3]",
    "[4]",
  ]],
  ["layer without a key", () => new nn.Linear(2, 2, {} as never), vn.ArgumentError, [
    "nn.Linear",
    "key",
  ]],
  ["transpose", () => np.transpose(np.zeros([2, 3]), [0, 0]), vn.ShapeError, ["permutation"]],
  [
    "padding that crops more than there is",
    () => lax.pad(np.zeros([0, 3]), 0.5, [[-1, 0, 0], [0, 0, 0]]),
    vn.ShapeError,
    ["lax.pad", "[0, 3]", "axis 0", "-1"],
  ],
  [
    "padding between by less than nothing",
    () => lax.pad(np.zeros([3]), 0, [[0, 0, -1]]),
    vn.ShapeError,
    [
      "lax.pad",
      "axis 0",
      "-1",
    ],
  ],
  ["dynamicSlice", () => lax.dynamicSlice(np.zeros([3]), [0], [4]), vn.ShapeError, [
    "lax.dynamicSlice",
    "[4]",
    "[3]",
  ]],
  ["psum outside of its axis", () => lax.psum(np.zeros([2]), "i"), vn.AxisNameError, [
    "i",
    "axisName",
  ]],
  ["topK", () => lax.topK(np.zeros([3]), 4), vn.ArgumentError, ["lax.topK", "4"]],
];

for (const [what, cause, cls, parts] of rows) {
  Deno.test(`bad operands: ${what}`, () => {
    const error = assertThrows(cause, cls);
    for (const part of parts) assertStringIncludes((error as Error).message, part);
  });
}

Deno.test("bad operands cost nothing: arrays used in a refused call are whole", () => {
  const x = np.array([1, 2, 3]);
  for (const [, cause] of rows) assertThrows(cause);
  assertThrows(() => x.add(np.zeros([2])));
  assertEquals(x.tolist(), [1, 2, 3]);
});

Deno.test("the same mistakes inside compiled functions give the same errors", () => {
  for (const [what, cause, cls] of rows) {
    assertThrows(() => vn.filterJit((x: vn.NDArray) => (cause(), x))(np.array(1)), cls, "", what);
  }
});

Deno.test("NaN and infinities are values, not errors", () => {
  const x = np.array([NaN, Infinity, -Infinity, 0]);
  assertEquals(np.divide(x, 0).tolist(), [NaN, Infinity, -Infinity, NaN]);
  assertEquals(vn.filterJit((v: vn.NDArray) => np.max(v))(x).item(), NaN);
  assertEquals(np.isnan(x).tolist(), [true, false, false, false]);
});

Deno.test("empty arrays go through everything", () => {
  const x = np.zeros([0, 3]);
  const f = (
    v: vn.NDArray,
  ) => [v.add(1), v.sum(), v.sum(0), v.T.matmul(v), np.concatenate([v, v]), v.reshape(3, 0)];
  for (const run of [f, vn.filterJit(f)]) {
    assertEquals(run(x).map((y) => y.shape), [[0, 3], [], [3], [3, 3], [0, 3], [3, 0]]);
    assertEquals(run(x)[2].tolist(), [0, 0, 0]);
  }
  assertEquals(vn.filterVmap((v: vn.NDArray) => v.sum())(x).shape, [0]);
  assertEquals(vn.filterGrad((v: vn.NDArray) => v.sum())(x).shape, [0, 3]);
});
