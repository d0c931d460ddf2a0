/**
 * Operations in shaders, one element and four at a time, against the interpreter, at the values where they go wrong.
 *
 * @module
 */
import { assert } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { deviceProgram, programText } from "../../src/backends/wgsl/program.ts";
import { type DType, isFloating, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";
import {
  binary,
  type BinaryOp,
  cast,
  type Expr,
  load,
  makeVar,
  select,
  unary,
  type UnaryOp,
} from "../../src/loopnest/expr.ts";
import type { BufferDecl, For, Program } from "../../src/loopnest/ir.ts";
import { assertClose, specialValues } from "../backends/compare.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

/** A program that stores each of some values at every index, a nest for each. */
function elementwise(
  inputs: readonly TypedArray[],
  dtypes: readonly DType[],
  mode: For["mode"],
  values: readonly ((args: Expr[]) => Expr)[],
): Program {
  const size = inputs[0].length;
  const buffers: BufferDecl[] = dtypes.map((dtype, id) => {
    return { id, dtype, size, role: "input", position: id, offset: 0, donor: -1 };
  });
  const steps = values.map((value, position) => {
    const i = makeVar("i");
    const result = value(dtypes.map((dtype, id) => load(id, dtype, i)));
    const id = buffers.length;
    buffers.push({
      id,
      dtype: result.dtype,
      size,
      role: "output",
      position,
      offset: 0,
      donor: -1,
    });
    return {
      kind: "nest" as const,
      name: "op",
      body: [{
        kind: "for" as const,
        v: i,
        extent: size,
        mode,
        body: [{ kind: "store" as const, buffer: id, index: i, value: result }],
      }],
    };
  });
  return { name: "ops", buffers, steps, scratchBytes: 0 };
}

/** All pairs of the special values, twice, and one more, so that they do not come in fours. */
function pairs(dtype: DType): [TypedArray, TypedArray] {
  const values = Array.from(specialValues(dtype) as Float64Array);
  const make = (pick: (i: number, j: number) => number) => {
    const flat = values.flatMap((_, i) => values.map((_, j) => values[pick(i, j)]));
    return new (typedArrayClass(dtype) as Float64ArrayConstructor)([...flat, ...flat, values[1]]);
  };
  return [make((i) => i), make((_, j) => j)];
}

const exact: UnaryOp[] = ["neg", "abs", "sign", "floor", "ceil", "round", "isFinite", "sqrt"];
const elementary: UnaryOp[] = [
  ...["rsqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p", "logistic", "sin", "cos", "tan"],
  ...["asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc"],
  ...["erfInv"],
] as UnaryOp[];
const wholeUnary: UnaryOp[] = ["neg", "abs", "sign", "not", "popcount", "clz", "isFinite"];
const arithmetic: BinaryOp[] = ["add", "sub", "mul", "div", "rem", "min", "max"];
const comparisons: BinaryOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];
const bitwise: BinaryOp[] = ["and", "or", "xor", "shl", "shrLogical", "shrArithmetic"];

interface Group {
  readonly ops: readonly (readonly [name: string, value: (args: Expr[]) => Expr])[];
  readonly ulps: number;
}

function groupsOf(dtype: DType, targets: readonly DType[]): Group[] {
  const one = (ops: readonly UnaryOp[]) =>
    ops.map((op) => [op, ([x]: Expr[]) => unary(op, x)] as const);
  const two = (ops: readonly BinaryOp[]) =>
    ops.map((op) => [op, ([x, y]: Expr[]) => binary(op, x, y)] as const);
  const casts = targets.map((to) => [`to ${to}`, ([x]: Expr[]) => cast(x, to)] as const);
  const chosen = [
    "select",
    ([x, y]: Expr[]) => select(binary("lt", x, y), x, y),
  ] as const;
  if (dtype === "bool") {
    return [{ ops: [...one(["not"]), ...two(["and", "or", "xor", ...comparisons])], ulps: 0 }, {
      ops: [...casts, chosen],
      ulps: 0,
    }];
  }
  if (!isFloating(dtype)) {
    return [{ ops: one(wholeUnary), ulps: 0 }, { ops: two(comparisons), ulps: 0 }, {
      ops: two([...arithmetic, ...bitwise, "pow"]),
      ulps: 0,
    }, { ops: [...casts, chosen], ulps: 0 }];
  }
  const loose = dtype === "float32" ? 4 : 8;
  return [
    { ops: one(exact), ulps: 0 },
    { ops: one(elementary.slice(0, 12)), ulps: loose },
    { ops: one(elementary.slice(12)), ulps: loose },
    { ops: [...two(comparisons), chosen], ulps: 0 },
    { ops: two([...arithmetic, "nextafter"]), ulps: 0 },
    { ops: two(["pow", "atan2"]), ulps: loose },
    { ops: casts, ulps: 0 },
  ];
}

const dtypes: readonly DType[] = [
  ...["float32", "float16", "int32", "uint32", "int8", "uint8", "int16", "uint16", "bool"],
] as DType[];

for (const dtype of dtypes) {
  deviceTest(
    `operations of ${dtype}, one and four at a time, are the interpreter's`,
    async (device) => {
      const inputs = pairs(dtype);
      for (const { ops, ulps } of groupsOf(dtype, dtypes)) {
        for (const mode of ["vector", "parallel"] as const) {
          const program = elementwise(inputs, [dtype, dtype], mode, ops.map(([, value]) => value));
          const there = deviceProgram(program, device.traits);
          // All but what has no form of its own for four.
          const isFour = programText(there).includes("vec4<");
          assert(isFour === (mode === "vector") || ops.some(([name]) => name === "pow"));
          const expected = interpret(program, inputs);
          const actual = await execute(device, there, inputs);
          expected.forEach((e, k) => {
            const where = (i: number) =>
              `${ops[k][0]} of ${dtype}, ${mode}: ${inputs.map((x) => x[i])}`;
            assertClose(actual[k], e, { ulps }, where);
          });
        }
      }
    },
  );
}
