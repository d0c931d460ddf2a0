import { assertEquals, assertThrows } from "@std/assert";
import { shapedArray } from "../../src/core/aval.ts";
import type { DType } from "../../src/core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors.ts";
import {
  aliasArray,
  arrayFromTypedArray,
  fromCells,
  fullArray,
  literalArray,
} from "../../src/runtime/concrete.ts";
import { evaluator } from "../../src/runtime/evaluate.ts";

const f32 = (data: number[], shape = [data.length]) =>
  arrayFromTypedArray(new Float32Array(data), shape);

for (const size of [0, 1, 5, 300]) {
  Deno.test(`arrays of ${size} elements give back what went in, as copies, for every dtype`, async () => {
    const ramp = Array.from({ length: size }, (_, i) => i - 2);
    const cases: [DType, Parameters<typeof arrayFromTypedArray>[0]][] = [
      ["float32", new Float32Array(ramp)],
      ["float64", new Float64Array(ramp.map((x) => x / 3))],
      ["int32", new Int32Array(ramp)],
      ["uint32", new Uint32Array(ramp)],
      ["int64", new BigInt64Array(ramp.map((x) => BigInt(x) << 40n))],
      ["uint8", new Uint8Array(ramp)],
      ["bool", new Uint8Array(ramp.map((x) => x & 1))],
      ["key<fry>", new BigUint64Array(ramp.map((x) => BigInt.asUintN(64, BigInt(x))))],
    ];
    for (const [dtype, data] of cases) {
      const x = arrayFromTypedArray(data, [size], dtype);
      const expected = data.slice();
      new Uint8Array(data.buffer).fill(0);
      const out = x.dataSync();
      assertEquals(out, expected);
      assertEquals(out.buffer instanceof ArrayBuffer, true);
      new Uint8Array(out.buffer).fill(0);
      assertEquals(await x.data(), expected);
      assertEquals(x.nbytes, expected.byteLength);
    }
  });
}

Deno.test("tolist nests by shape; bool gives booleans, int64 bigints", () => {
  assertEquals(f32([1, 2, 3, 4, 5, 6], [2, 3]).tolist(), [[1, 2, 3], [4, 5, 6]]);
  assertEquals(f32([7], []).tolist(), 7);
  assertEquals(f32([], [2, 0]).tolist(), [[], []]);
  const flags = arrayFromTypedArray(new Uint8Array(20).fill(1, 3, 4), [20], "bool");
  assertEquals((flags.tolist() as unknown[]).slice(2, 5), [false, true, false]);
  assertEquals(arrayFromTypedArray(new BigInt64Array([2n ** 60n])).tolist(), [2n ** 60n]);
  assertEquals(JSON.stringify({ x: f32([1, 2.5], [2, 1]) }), '{"x":[[1],[2.5]]}');
  assertEquals(JSON.stringify(arrayFromTypedArray(new BigInt64Array([3n]))), "[3]");
});

Deno.test("item and number contexts take one-element arrays only", () => {
  assertEquals(f32([2.5], [1, 1]).item(), 2.5);
  assertEquals(fullArray(shapedArray([], "bool"), true).item(), 1);
  assertEquals(+f32([2.5], []) + 1, 3.5);
  assertEquals(f32([2.5], []) as unknown as number > 2, true);
  assertEquals(`${f32([2.5], [])}`, "Array(2.5, dtype=float32)");
  assertThrows(() => f32([1, 2]).item(), ShapeError, "f32[2]");
  assertThrows(() => (f32([1, 2]) as unknown as number) * 2, ArgumentError, "x.add(y)");
  const key = arrayFromTypedArray(new BigUint64Array(1), [], "key<fry>");
  assertThrows(() => key.item(), DTypeError, "keyData");
  assertThrows(() => key.tolist(), DTypeError, "keyData");
});

Deno.test("data that does not fit is refused", () => {
  assertThrows(() => f32([1, 2, 3], [2, 2]), ShapeError, "3 elements");
  assertThrows(() => arrayFromTypedArray(new Int32Array(2), [2], "float32"), DTypeError);
});

Deno.test("values are rounded and wrapped as the dtype wants", () => {
  const of = (value: number | bigint | boolean, dtype: DType, n = 1) =>
    fullArray(shapedArray([n], dtype), value).tolist();
  for (const n of [1, 100]) {
    assertEquals((of(0.1, "float32", n) as number[])[n - 1], Math.fround(0.1));
    assertEquals((of(-1, "uint32", n) as number[])[n - 1], 2 ** 32 - 1);
    assertEquals((of(2n ** 63n, "int64", n) as bigint[])[n - 1], -(2n ** 63n));
    assertEquals((of(3, "bool", n) as boolean[])[n - 1], true);
    assertEquals((of(300n, "uint8", n) as number[])[n - 1], 44);
  }
  const key = fullArray(shapedArray([100], "key<fry>"), -1n);
  assertEquals(key.dataSync()[99], 2n ** 64n - 1n);
});

Deno.test("literals remember their host scalar, other arrays have none", () => {
  const x = evaluator.literal(2, "float32", true);
  assertEquals([x.weakType, x.ndim, evaluator.literalValue(x)], [true, 0, 2]);
  assertEquals(evaluator.literalValue(literalArray(5n, "int64", false)), 5n);
  assertEquals(evaluator.literalValue(literalArray(true, "bool", false)), true);
  assertEquals(evaluator.literalValue(f32([2], [])), undefined);
});

Deno.test("an alias has the same elements in another shape or dtype", () => {
  for (const n of [4, 400]) {
    const x = arrayFromTypedArray(new Uint32Array(n).fill(0x3f800000));
    assertEquals(aliasArray(x, shapedArray([n / 4, 4], "uint32")).tolist(), [
      ...Array.from({ length: n / 4 }, () => new Array(4).fill(0x3f800000)),
    ]);
    const bits = aliasArray(x, shapedArray([n], "float32"));
    assertEquals(bits.dataSync()[n - 1], 1);
    x.delete();
    assertEquals(bits.dataSync()[n - 1], 1);
  }
});

Deno.test("arrays print as NumPy prints them", () => {
  assertEquals(String(f32([1, 2.5, -3], [3])), "Array([ 1. ,  2.5, -3. ], dtype=float32)");
  assertEquals(
    String(f32([1, 2, 3, 4], [2, 2])),
    "Array([[1., 2.],\n       [3., 4.]], dtype=float32)",
  );
  assertEquals(String(f32([0.1, 100], [2])), "Array([  0.1, 100. ], dtype=float32)");
  assertEquals(
    String(f32([1e-10, 1, 1e10, NaN, -Infinity])),
    "Array([1.e-10, 1.e+00, 1.e+10,    nan,   -inf], dtype=float32)",
  );
  assertEquals(
    String(fromCells(shapedArray([2], "bool"), [true, false])),
    "Array([ true, false], dtype=bool)",
  );
  assertEquals(String(literalArray(3, "int32", true)), "Array(3, dtype=int32, weakType=true)");
  assertEquals(String(f32([], [0, 3])), "Array([], shape=[0, 3], dtype=float32)");
  assertEquals(
    Deno.inspect(fullArray(shapedArray([2000], "int32"), 7)),
    "Array([7, 7, 7, ..., 7, 7, 7], dtype=int32)",
  );
  assertEquals(
    String(fullArray(shapedArray([2, 2, 1], "uint8"), 1)),
    "Array([[[1],\n        [1]],\n\n       [[1],\n        [1]]], dtype=uint8)",
  );
});
