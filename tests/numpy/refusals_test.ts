import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, ArgumentError, DTypeError, ShapeError } = vn;
const matrix = np.array([[1, 2, 3], [4, 5, 6]]);

/** Checks that a call is refused, and that the message says each of some things. */
function refuses(
  call: () => unknown,
  kind: typeof ArgumentError | typeof ShapeError | typeof DTypeError,
  ...says: string[]
): void {
  const error = assertThrows(call, kind);
  for (const part of says) assertStringIncludes(error.message, part);
}

Deno.test("einsum names the subscripts and what is wrong with them", () => {
  refuses(() => np.einsum("ij,jk->ik", matrix), ArgumentError, "numpy.einsum", "2 operands", "1");
  refuses(() => np.einsum("i$->i", matrix), ArgumentError, '"i$"', "letters");
  refuses(() => np.einsum("ij->iz", matrix), ArgumentError, '"z"', "no operand");
  refuses(() => np.einsum("ij->ii", matrix), ArgumentError, '"i" twice');
  refuses(() => np.einsum("ijk->i", matrix), ShapeError, '"ijk" names 3 axes', "[2, 3]");
  refuses(() => np.einsum("ij,ij->ij", matrix, matrix.transpose()), ShapeError, "size 2", "3");
  refuses(() => np.einsum(matrix as never, matrix), ArgumentError, "first argument", "subscripts");
});

Deno.test("einsum contracts from left to right where it is told to, with the same result", () => {
  const [a, b, c] = [np.ones([2, 3]), np.ones([3, 4]), np.ones([4])];
  const spec = "ij,jk,k->i";
  const plain = np.einsum(spec, a, b, c, vn.kwargs({ optimize: false }));
  assertEquals(plain.tolist(), np.einsum(spec, a, b, c).tolist());
});

Deno.test("einsum contracts a long chain from its cheap end", () => {
  const jaxpr = vn.makeJaxpr((a: vn.NDArray, b: vn.NDArray, v: vn.NDArray) =>
    np.einsum("ij,jk,k->i", a, b, v)
  )(np.ones([8, 8]), np.ones([8, 8]), np.ones([8]));
  const ranks = jaxpr.jaxpr.eqns
    .filter((e) => e.primitive.name === "dot_general")
    .map((e) => e.outvars[0]!.aval.shape.length);
  assertEquals(ranks, [1, 1]); // two products with vectors, none of matrices
});

Deno.test("pad refuses what it cannot do, and says what it takes", () => {
  refuses(() => np.pad(matrix, -1), ArgumentError, "numpy.pad", "non-negative", "-1");
  refuses(() => np.pad(matrix, [[1, 1], [1, 1], [1, 1]]), ArgumentError, "each of the 2 axes");
  refuses(() => np.pad(matrix, 1, { mode: "mirror" as never }), ArgumentError, '"mirror"', "edge");
  refuses(() => np.pad(matrix, 1, "edge" as never), ArgumentError, "options", '"edge"');
  refuses(() => np.pad(np.zeros([0]), 1, { mode: "wrap" }), ArgumentError, "no elements");
});

Deno.test("options that are no object are refused, not passed over", () => {
  refuses(() => np.tril(matrix, 1 as never), ArgumentError, "numpy.tril", "{ k: 1 }", "1");
  refuses(() => np.diff(matrix, 2 as never), ArgumentError, "numpy.diff", "{ n: 2 }");
  refuses(() => np.repeat(matrix, 2, "0" as never), ArgumentError, "numpy.repeat");
});

Deno.test("results whose size depends on data are refused under a transformation, with the way out", () => {
  const traced = (f: (x: vn.NDArray) => unknown) => () =>
    vn.filterJit((x: vn.NDArray) => {
      f(x);
      return x;
    })(np.array([1, 0, 2], { dtype: "int32" }));
  refuses(traced((x) => np.nonzero(x)), ArgumentError, "numpy.nonzero", "options.size");
  refuses(traced((x) => np.unique(x)), ArgumentError, "numpy.unique", "concrete");
  refuses(traced((x) => np.bincount(x)), ArgumentError, "numpy.bincount", "options.length");
  refuses(traced((x) => np.repeat(x, x)), ArgumentError, "numpy.repeat", "totalRepeatLength");
});

Deno.test("a norm of a matrix wants two axes", () => {
  refuses(() => np.linalg.norm(np.ones([2, 2, 2]), 1), ShapeError, "options.axis");
  refuses(() => np.linalg.norm(np.ones([2, 2, 2]), 2), ShapeError, "options.axis");
});

Deno.test("quantiles refuse unknown methods and no elements", () => {
  refuses(() => np.quantile(matrix, 0.5, { method: "x" as never }), ArgumentError, "linear");
  refuses(() => np.median(np.zeros([0])), ShapeError, "numpy.median", "no elements");
});

Deno.test("ldexp and gcd take integers alone", () => {
  refuses(() => np.ldexp(matrix, np.array([0.5, 1, 2])), DTypeError, "numpy.ldexp", "exp2");
  refuses(() => np.gcd(matrix, 2), DTypeError, "numpy.gcd", "float32");
});

Deno.test("questions about dtypes give what NumPy and JAX give", () => {
  const { eps, max, tiny } = np.finfo("float32");
  assertEquals([eps, max, tiny], [2 ** -23, Math.fround(3.4028234663852886e38), 2 ** -126]);
  assertEquals(np.finfo(np.zeros([1], { dtype: "float64" })).eps, Number.EPSILON);
  assertEquals([np.iinfo("int32").min, np.iinfo("uint8").max], [-(2 ** 31), 255]);
  assertEquals(np.iinfo("int64").max, 2n ** 63n - 1n);
  assertEquals(np.resultType("int32", np.ones([1])), "float32");
  assertEquals(np.resultType(1, "uint8"), "uint8");
  assertEquals(np.promoteTypes("uint32", "int32"), "int64");
  assertEquals(np.issubdtype("int32", "integer"), true);
  assertEquals(np.issubdtype("bool", "number"), false);
  assertEquals(np.isdtype("float64", ["bool", "real floating"]), true);
  assertEquals([np.canCast("int32", "float32"), np.canCast("int32", "float64")], [false, true]);
  refuses(() => np.finfo("int32"), DTypeError, "numpy.finfo", "iinfo");
  assertInstanceOf(assertThrows(() => np.iinfo("float32")), DTypeError);
});

Deno.test("arange names what is no number, and says what to do about a traced one", () => {
  const any = (x: unknown) => x as number;
  const three = vn.devicePut(np.array(3), vn.devices("cpu")[0]);
  assertEquals(np.arange(any(three)).size, 3);
  assertThrows(() => np.arange(NaN), vn.ArgumentError, "numpy.arange: stop: ");
  assertThrows(
    () => np.arange(0, any("3")),
    vn.ArgumentError,
    'numpy.arange: stop: expected a finite number, got "3"',
  );
  assertThrows(() => np.arange(any(np.ones([2])), 3), vn.ArgumentError, "numpy.arange: start: ");
  const counted = vn.filterJit((n: vn.NDArray) => np.arange(0, any(n)));
  assertThrows(() => counted(np.array(3)), vn.TracerError, "numpy.arange: stop: ");
});
