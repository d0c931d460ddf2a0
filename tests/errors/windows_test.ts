/**
 * What convolutions and windows say when they refuse: which argument, what was expected, what came.
 *
 * @module
 */
import { assert, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;
const x = np.ones([2, 6, 8, 8]);
const w = np.ones([4, 6, 3, 3]);

function says(fn: () => unknown, error: typeof vn.VernalError, ...parts: readonly string[]): void {
  const { message } = assertThrows(fn, error);
  for (const part of parts) assert(message.includes(part), `"${message}" lacks "${part}"`);
}

Deno.test("a convolution names the features that do not match, with shapes and axes", () => {
  says(
    () => lax.conv(x, np.ones([4, 5, 3, 3]), [1, 1], "SAME"),
    vn.ShapeError,
    "lax.convGeneralDilated",
    "lhs has 6 features",
    "rhs takes 5",
    "[2, 6, 8, 8]",
    "[4, 5, 3, 3]",
    "axis 1 of lhs",
  );
});

Deno.test("a convolution names the group count that does not divide", () => {
  const grouped = (featureGroupCount: number, batchGroupCount = 1) => () =>
    lax.convGeneralDilated(x, w, [1, 1], "SAME", { featureGroupCount, batchGroupCount });
  says(grouped(4), vn.ShapeError, "featureGroupCount = 4", "features of lhs, 6");
  says(grouped(3), vn.ShapeError, "featureGroupCount = 3", "output features of rhs, 4");
  says(grouped(1, 4), vn.ShapeError, "batchGroupCount = 4", "examples of lhs, 2");
  says(grouped(2, 2), vn.ArgumentError, "featureGroupCount and batchGroupCount", "2 and 2");
  says(grouped(0), vn.ArgumentError, "featureGroupCount", "positive integer", "0");
});

Deno.test("a convolution names the list that is too long, and the entry that is no stride", () => {
  says(() => lax.conv(x, w, [1], "SAME"), vn.ShapeError, "windowStrides", "2 axes", "[1]");
  says(() => lax.conv(x, w, [1, 0], "SAME"), vn.ArgumentError, "windowStrides[1]", "0");
  says(() => lax.conv(x, w, [1, 1], [[0, 0]]), vn.ShapeError, "padding", "[[0,0]]");
  const rhsDilation = [1, 1, 1];
  says(
    () => lax.convGeneralDilated(x, w, [1, 1], "SAME", { rhsDilation }),
    vn.ShapeError,
    "rhsDilation",
    "[1,1,1]",
  );
});

Deno.test("a convolution says which paddings there are, and when cropping goes too far", () => {
  says(() => lax.conv(x, w, [1, 1], "WIDE"), vn.ArgumentError, '"SAME_LOWER"', '"WIDE"');
  says(
    () => lax.conv(x, w, [1, 1], [[0, 0], [-5, -6]]),
    vn.ShapeError,
    "padding[1] is [-5, -6]",
    "size 8",
  );
  says(
    () => lax.convGeneralDilated(x, w, [1, 1], "SAME", { lhsDilation: [2, 2] }),
    vn.ArgumentError,
    '"SAME"',
    "lhsDilation [2,2]",
    "convTranspose",
  );
});

Deno.test("dimension numbers say which string is wrong, and how", () => {
  const numbers = (...d: readonly string[]) => () =>
    lax.convDimensionNumbers([1, 2, 3], [1, 2, 3], d as unknown as vn.lax.ConvDimensions);
  says(numbers("NCH", "OIH"), vn.ArgumentError, "three strings");
  says(numbers("NCHW", "OIH", "NCH"), vn.ArgumentError, "dimensionNumbers[0]", "3 letters", "NCHW");
  says(numbers("NHH", "OIH", "NCH"), vn.ArgumentError, "dimensionNumbers[0]", '"C"');
  says(numbers("NCH", "OIW", "NCW"), vn.ArgumentError, "dimensionNumbers[0]", "OIW", "NCH");
  says(() => lax.convDimensionNumbers([1, 2], [1, 2, 3]), vn.ShapeError, "[1, 2]", "[1, 2, 3]");
});

Deno.test("a windowed reduction names its argument", () => {
  const a = np.ones([4, 5]);
  const reduce = (dims: readonly number[], options = {}) => () =>
    lax.reduceWindow(a, 0, lax.add, dims, options);
  says(reduce([2]), vn.ShapeError, "lax.reduceWindow", "windowDimensions", "2 axes", "[2]");
  says(reduce([2, 2], { windowStrides: [0, 1] }), vn.ArgumentError, "windowStrides[0]", "0");
  says(reduce([2, 2], { padding: "WIDE" }), vn.ArgumentError, '"VALID"', '"WIDE"');
  says(
    () => lax.reduceWindow(a, np.zeros([2]), lax.add, [2, 2]),
    vn.ShapeError,
    "init",
    "0-d",
    "[2]",
  );
  says(
    () => lax.reduceWindow(a, np.array(0, { dtype: "int32" }), lax.add, [2, 2]),
    vn.DTypeError,
    "init",
    "float32",
    "int32",
  );
  says(
    () => lax.reduceWindow(a, 0, (u: vn.NDArray) => u.reshape([1]), [2, 2]),
    vn.ShapeError,
    "op must return a 0-d float32",
    "[1]",
  );
  says(
    () => lax.reduceWindow(a, 0, "add" as unknown as typeof lax.add, [2, 2]),
    vn.ArgumentError,
    "op must be a function",
  );
});
