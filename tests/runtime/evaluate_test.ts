/**
 * Eager evaluation against the interpreter of the primitive's own program, whichever way it takes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { type Shape, type ShapedArray, shapedArray, sizeOf } from "../../src/core/aval.ts";
import { type DType, isFloating, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";
import type { AnyPrimitive } from "../../src/core/primitive.ts";
import { bind } from "../../src/core/trace.ts";
import * as arith from "../../src/ops/arith.ts";
import * as convert from "../../src/ops/convert.ts";
import * as dot from "../../src/ops/dot.ts";
import * as dynamic from "../../src/ops/dynamic.ts";
import * as gather from "../../src/ops/gather.ts";
import * as randomBits from "../../src/ops/random_bits.ts";
import * as elementary from "../../src/ops/elementary.ts";
import * as logic from "../../src/ops/logic.ts";
import * as reduce from "../../src/ops/reduce.ts";
import * as shape from "../../src/ops/shape.ts";
import * as slicing from "../../src/ops/slicing.ts";
import { arrayFromTypedArray, type ConcreteArray } from "../../src/runtime/concrete.ts";
import { equationProgram } from "../../src/runtime/eager_program.ts";
import { installRuntime } from "../../src/runtime/evaluate.ts";
import { spillAll } from "../../src/runtime/storage.ts";

installRuntime();

const primitives = new Map<string, AnyPrimitive>();
const modules = [
  ...[arith, convert, dot, dynamic, elementary, gather],
  ...[logic, randomBits, reduce, shape, slicing],
];
for (const module of modules) {
  for (const value of Object.values(module) as unknown[]) {
    if (typeof value === "object" && value !== null && "abstractEval" in value) {
      const primitive = value as AnyPrimitive;
      primitives.set(primitive.name, primitive);
    }
  }
}

let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return seed / 2 ** 31;
}

/** Repeatable values of both signs, with zeros and special values among them. */
function values(dtype: DType, size: number): TypedArray {
  const data = new (typedArrayClass(dtype))(size);
  for (let i = 0; i < size; i++) {
    const x = (random() - 0.5) * 8;
    if (dtype === "bool") data[i] = x > 0 ? 1 : 0;
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      data[i] = BigInt(Math.floor(x * 100)) << BigInt(i % 3 * 20);
    } else if (isFloating(dtype)) {
      const special = [0, -0, NaN, Infinity, -Infinity, 1, -1];
      data[i] = i % 11 === 10 ? special[Math.floor(random() * special.length)] : x;
    } else data[i] = Math.floor(x * 10);
  }
  return data;
}

/** Asserts that two results agree: integers exactly, floats to `ulps` units in the last place of the largest operand. */
function assertClose(actual: TypedArray, expected: TypedArray, tolerance: number, what: string) {
  assertEquals(actual.constructor, expected.constructor, what);
  assertEquals(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++) {
    const [x, y] = [actual[i], expected[i]];
    if (Object.is(x, y)) continue;
    const isNear = typeof x === "number" && typeof y === "number" &&
      Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y), 1e-30);
    assert(isNear || (x === 0 && y === 0 && tolerance > 0), `${what}: at ${i} ${x}, not ${y}`);
  }
}

interface Case {
  readonly name: string;
  readonly ins: readonly (readonly [DType, Shape])[];
  readonly params?: object;
  /** Operands that are not at random. */
  readonly data?: readonly (readonly number[] | undefined)[];
  /** Relative; 0 for exact. */
  readonly tolerance?: number;
}

function run({ name, ins, params = {}, tolerance = 0, data: given = [] }: Case): void {
  const primitive = primitives.get(name);
  assert(primitive !== undefined, `no primitive ${name}`);
  const avals = ins.map(([dtype, shape]) => shapedArray(shape, dtype));
  const data = avals.map((aval, i) => {
    const list = given[i];
    if (list === undefined) return values(aval.dtype, aval.size);
    return Int32Array.from({ length: aval.size }, (_, k) => list[k % list.length]);
  });
  const outs: readonly ShapedArray[] = primitive.abstractEval(avals, params);
  const expected = interpret(equationProgram(primitive, avals, outs, params), data);
  const what = `${name} of ${ins.map(([dtype, shape]) => `${dtype}[${shape}]`).join(", ")} ${
    JSON.stringify(params)
  }`;
  const arrays = data.map((d, i) => arrayFromTypedArray(d, avals[i].shape, avals[i].dtype));
  for (const round of ["first", "again", "after a spill"]) {
    if (round === "after a spill") spillAll();
    const results = bind(primitive, arrays, params) as readonly ConcreteArray[];
    assertEquals(results.map((r) => r.aval), outs);
    results.forEach((r, i) =>
      assertClose(r.dataSync(), expected[i], tolerance, `${what}, ${round}`)
    );
  }
  arrays.forEach((x, i) => assertEquals(x.dataSync(), data[i], `${what}: an operand changed`));
}

const sizes: readonly Shape[] = [[], [0], [3], [4, 4], [7, 9], [70], [33, 129], [5, 3, 2, 11], [
  9000,
]];
const numeric: readonly DType[] = ["float32", "float64", "int32", "int64", "uint32", "uint8"];
const two = (dtype: DType, shape: Shape) => [[dtype, shape], [dtype, shape]] as const;

Deno.test("arithmetic, comparison and logic agree for every dtype and size, 0-d operands too", () => {
  for (const size of sizes) {
    for (const dtype of numeric) {
      const some: Shape[] = [size, []];
      for (const name of ["add", "sub", "mul", "max", "min", "eq", "lt", "ge", "ne", "le", "gt"]) {
        for (const other of some) {
          run({ name, ins: [[dtype, size], [dtype, other]] });
          run({ name, ins: [[dtype, other], [dtype, size]] });
        }
      }
      run({ name: "div", ins: two(dtype, size) });
      run({ name: "rem", ins: two(dtype, size) });
      if (dtype !== "uint32" && dtype !== "uint8") {
        for (const name of ["neg", "abs", "sign"]) run({ name, ins: [[dtype, size]] });
      }
      if (!isFloating(dtype)) {
        for (const name of ["and", "or", "xor", "shift_left", "shift_right_arithmetic"]) {
          run({ name, ins: two(dtype, size) });
        }
        for (const name of ["not", "population_count", "clz"]) run({ name, ins: [[dtype, size]] });
      } else {
        for (const name of ["floor", "ceil", "is_finite", "square"]) {
          run({ name, ins: [[dtype, size]] });
        }
        run({ name: "integer_pow", ins: [[dtype, size]], params: { y: 3 }, tolerance: 1e-6 });
        run({ name: "clamp", ins: [[dtype, []], [dtype, size], [dtype, []]] });
      }
    }
    for (const name of ["and", "or", "xor", "eq", "ne"]) run({ name, ins: two("bool", size) });
    run({ name: "not", ins: [["bool", size]] });
  }
});

Deno.test("elementary functions agree to a few units in the last place", () => {
  for (const size of sizes) {
    for (
      const name of ["exp", "log", "tanh", "logistic", "sin", "sqrt", "rsqrt", "log1p", "expm1"]
    ) {
      run({ name, ins: [["float32", size]], tolerance: 1e-6 });
      run({ name, ins: [["float64", size]], tolerance: 1e-14 });
    }
    run({ name: "pow", ins: two("float32", size), tolerance: 1e-5 });
    run({ name: "atan2", ins: two("float64", size), tolerance: 1e-14 });
  }
});

Deno.test("selection and conversion agree between all dtypes", () => {
  for (const size of sizes) {
    for (const dtype of [...numeric, "bool", "key<fry>"] as const) {
      run({ name: "select_n", ins: [["bool", size], ...two(dtype, size)] });
      run({ name: "select_n", ins: [["bool", []], ...two(dtype, size)] });
      for (const newDtype of [...numeric, "bool"] as const) {
        if (dtype === "key<fry>") continue;
        const params = { newDtype, weakType: false, sharding: null };
        run({ name: "convert_element_type", ins: [[dtype, size]], params });
      }
    }
    run({ name: "select_n", ins: [["int32", size], ["float32", size], ["float32", size]] });
    run({ name: "bitcast_convert_type", ins: [["float32", size]], params: { newDtype: "int32" } });
    run({ name: "bitcast_convert_type", ins: [["int64", size]], params: { newDtype: "float64" } });
  }
});

Deno.test("movements of elements agree: broadcast, transposition, slices, reversal, padding, iota", () => {
  for (const dtype of ["float32", "float64", "uint8", "bool", "key<fry>"] as const) {
    for (const k of [1, 40]) {
      const cases: [string, Shape, object][] = [
        ["broadcast_in_dim", [], { shape: [3, k], broadcastDimensions: [] }],
        ["broadcast_in_dim", [k], { shape: [3, k, 2], broadcastDimensions: [1] }],
        ["broadcast_in_dim", [k, 1], { shape: [k, 5], broadcastDimensions: [0, 1] }],
        ["transpose", [2, 3, k], { permutation: [2, 0, 1] }],
        ["transpose", [k, 130], { permutation: [1, 0] }],
        ["reshape", [2, k, 3], { newSizes: [k * 6] }],
        ["squeeze", [1, k, 1], { dimensions: [0, 2] }],
        ["slice", [5, k + 4], { startIndices: [1, 2], limitIndices: [4, k + 3], strides: [2, 1] }],
        ["slice", [5, k + 4], { startIndices: [1, 2], limitIndices: [4, k + 3], strides: null }],
        ["rev", [3, k, 2], { dimensions: [0, 2] }],
        ["copy", [3, k], {}],
      ];
      for (const [name, size, params] of cases) run({ name, ins: [[dtype, size]], params });
      const concatenated = [[dtype, [2, k]], [dtype, [2, 3]], [dtype, [2, 0]]] as const;
      run({ name: "concatenate", ins: concatenated, params: { dimension: 1 } });
      const paddingConfig = [[1, 2, 0], [0, -1, 2]];
      run({ name: "pad", ins: [[dtype, [3, k + 2]], [dtype, []]], params: { paddingConfig } });
    }
  }
  for (const dtype of ["int32", "float32", "float64", "uint8"] as const) {
    for (const [size, dimension] of [[[5], 0], [[3, 4], 0], [[40, 30], 1], [[3000], 0]] as const) {
      run({ name: "iota", ins: [], params: { dtype, shape: size, dimension, sharding: null } });
    }
  }
});

Deno.test("reductions agree over any axes", () => {
  const axesOf: [Shape, number[]][] = [
    [[4], [0]],
    [[70], [0]],
    [[0, 3], [0]],
    [[3, 0], [0, 1]],
    [[40, 30], [0]],
    [[40, 30], [1]],
    [[40, 30], [0, 1]],
    [[6, 7, 8, 9], [1, 2]],
    [[6, 7, 8, 9], [0, 2]],
    [[6, 7, 8, 9], [1, 3]],
    [[6, 7, 8, 9], [0, 3]],
    [[1, 500, 1], [0, 1]],
    [[5, 6], []],
  ];
  for (const [size, axes] of axesOf) {
    for (const dtype of ["int32", "int64", "uint32", "uint8"] as const) {
      for (const name of ["reduce_sum", "reduce_prod"]) {
        run({ name, ins: [[dtype, size]], params: { axes } });
      }
    }
    for (const dtype of numeric) {
      for (const name of ["reduce_max", "reduce_min"]) {
        run({ name, ins: [[dtype, size]], params: { axes } });
      }
    }
    for (const name of ["reduce_and", "reduce_or"]) {
      run({ name, ins: [["bool", size]], params: { axes } });
    }
    if (axes.length === 1 && sizeOf(size) > 0) {
      for (const dtype of numeric) {
        const params = { axes, indexDtype: "int32" };
        run({ name: "argmax", ins: [[dtype, size]], params });
        run({ name: "argmin", ins: [[dtype, size]], params });
      }
    }
  }
});

Deno.test("contractions agree, for any axes", () => {
  const all: [Shape, Shape, number[][]][] = [
    [[2, 3], [3, 2], [[1], [0], [], []]],
    [[40, 30], [30, 20], [[1], [0], [], []]],
    [[30, 40], [20, 30], [[0], [1], [], []]],
    [[5, 40, 30], [5, 30, 20], [[2], [1], [0], [0]]],
    [[40, 5, 30], [20, 30, 5], [[2], [1], [1], [2]]],
    [[6, 7, 8], [8, 9, 7], [[1, 2], [2, 0], [], []]],
    [[6, 7, 8], [7, 8, 9], [[1, 2], [0, 1], [], []]],
    [[50], [50], [[0], [0], [], []]],
    [[30], [20], [[], [], [], []]],
    [[4, 0], [0, 5], [[1], [0], [], []]],
    [[0, 4], [4, 5], [[1], [0], [], []]],
  ];
  for (const [left, right, [lc, rc, lb, rb]] of all) {
    const params = {
      dimensionNumbers: [[lc, rc], [lb, rb]],
      precision: null,
      preferredElementType: null,
    };
    // Small whole numbers, so that all sums are exact in every order.
    const data = [[1, -2, 3, 0, 5, -1, 2], [2, 0, -3, 1, 4]];
    for (const dtype of ["int32", "float32", "float64"] as const) {
      const ins = [["int32", left], ["int32", right]] as const;
      run({ name: "dot_general", ins, params, data });
      const primitive = primitives.get("dot_general")!;
      const arrays = [left, right].map((shape, i) => {
        const Class = typedArrayClass(dtype) as typeof Float32Array;
        const list = data[i];
        const array = Class.from({ length: sizeOf(shape) }, (_, k) => list[k % list.length]);
        return arrayFromTypedArray(array, shape, dtype);
      });
      const [result] = bind(primitive, arrays, params);
      const avals = arrays.map((x) => x.aval);
      const program = equationProgram(primitive, avals, [result.aval], params);
      const [expected] = interpret(program, arrays.map((x) => x.dataSync()));
      assertEquals(result.dataSync(), expected);
    }
  }
});

Deno.test("slices at computed places, gathers and scatters agree, in and out of bounds", () => {
  for (const dtype of ["float32", "int64", "uint8", "bool"] as const) {
    for (const [rows, columns] of [[4, 3], [50, 40]]) {
      for (const [i, j] of [[1, 2], [-5, 1], [100, 100]]) {
        const start = [["int32", []], ["int32", []]] as const;
        run({
          name: "dynamic_slice",
          ins: [[dtype, [rows, columns]], ...start],
          params: { sliceSizes: [2, columns - 1] },
          data: [undefined, [i], [j]],
        });
        run({
          name: "dynamic_update_slice",
          ins: [[dtype, [rows, columns]], [dtype, [2, columns - 1]], ...start],
          data: [undefined, undefined, [i], [j]],
        });
      }
      for (const mode of ["clip", "fill_or_drop", "promise_in_bounds"] as const) {
        const indices = mode === "promise_in_bounds" ? [1, 3, 0, 3] : [1, 3, -1, 99, 3, 0];
        const params = {
          dimensionNumbers: {
            offsetDims: [1],
            collapsedSliceDims: [0],
            startIndexMap: [0],
            operandBatchingDims: [],
            startIndicesBatchingDims: [],
          },
          sliceSizes: [1, columns],
          mode,
          fillValue: null,
          uniqueIndices: false,
        };
        const ins = [[dtype, [rows, columns]], ["int32", [6, 1]]] as const;
        run({ name: "gather", ins, params, data: [undefined, indices] });
        if (dtype === "bool") continue;
        for (const name of ["scatter", "scatter-add", "scatter_mul", "scatter_max"]) {
          run({
            name,
            ins: [...ins, [dtype, [6, columns]]],
            params: {
              dimensionNumbers: {
                updateWindowDims: [1],
                insertedWindowDims: [0],
                scatterDimsToOperandDims: [0],
                operandBatchingDims: [],
                scatterIndicesBatchingDims: [],
              },
              mode,
              uniqueIndices: false,
            },
            data: [undefined, indices],
          });
        }
      }
    }
  }
});

Deno.test("random bits agree", () => {
  for (const size of [[], [5], [7, 300]]) {
    for (const bitWidth of [8, 32, 64]) {
      run({ name: "random_bits", ins: [["key<fry>", []]], params: { bitWidth, shape: size } });
    }
    run({ name: "random_split", ins: [["key<fry>", []]], params: { shape: size } });
    run({ name: "threefry2x32", ins: [...two("uint32", size), ...two("uint32", size)] });
    run({ name: "random_seed", ins: [["int32", size]], params: { impl: "fry" } });
    run({ name: "random_wrap", ins: [["uint32", [...size, 2]]], params: { impl: "fry" } });
    run({ name: "random_unwrap", ins: [["key<fry>", size]] });
  }
});

Deno.test("sums of floats agree to rounding", () => {
  const primitive = primitives.get("reduce_sum")!;
  for (const [size, axes] of [[[9000], [0]], [[40, 300], [0]], [[40, 300], [1]]] as const) {
    for (const dtype of ["float32", "float64"] as const) {
      const Class = typedArrayClass(dtype) as typeof Float32Array;
      const data = Class.from({ length: sizeOf(size) }, () => random() + 0.5);
      const x = arrayFromTypedArray(data, size, dtype);
      const [result] = bind(primitive, [x], { axes });
      const [expected] = interpret(
        equationProgram(primitive, [x.aval], [result.aval], { axes }),
        [data],
      );
      assertClose(
        result.dataSync(),
        expected,
        dtype === "float32" ? 5e-7 : 1e-15,
        `reduce_sum ${dtype}[${size}] over ${axes}`,
      );
    }
  }
});
