/**
 * Every scalar operation at every dtype, compiled in lanes, in lanes of 8 bytes and as a scalar loop, against the interpreter.
 *
 * @module
 */
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import { dtypeInfo, isFloating, typedArrayClass } from "../../src/core/dtype.ts";
import {
  binary,
  type BinaryOp,
  bitcast,
  cast,
  type Expr,
  load,
  makeVar,
  select,
  unary,
  type UnaryOp,
} from "../../src/loopnest/expr.ts";
import type { BufferDecl, Program, Stmt } from "../../src/loopnest/ir.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { assertClose, specialValues, type Tolerance } from "./compare.ts";
import { Compiled } from "./run.ts";

const binaryen = await loadBinaryen();

const dtypes: DType[] = [
  ...["float32", "float64", "float16", "bfloat16"] as const,
  ...["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"] as const,
];

type Way = "lanes" | "wide lanes" | "scalar";
const ways: Way[] = ["lanes", "wide lanes", "scalar"];

/** A loop that stores `value(i)` in output 0. */
function elementwise(
  inputs: readonly TypedArray[],
  dtypesOf: readonly DType[],
  way: Way,
  value: (args: Expr[]) => Expr,
): Program {
  const size = inputs[0]!.length;
  const i = makeVar("i");
  const buffers: BufferDecl[] = dtypesOf.map((dtype, id) => {
    return { id, dtype, size, role: "input", position: id, offset: 0, donor: -1 };
  });
  const result = value(dtypesOf.map((dtype, id) => load(id, dtype, i)));
  const add = (dtype: DType, role: "input" | "output", position: number) => {
    const id = buffers.length;
    buffers.push({ id, dtype, size, role, position, offset: 0, donor: -1 });
    return id;
  };
  const out = add(result.dtype, "output", 0);
  const body: Stmt[] = [{ kind: "store", buffer: out, index: i, value: result }];
  if (way === "wide lanes") {
    // An element of 8 bytes in the same loop, so that there are two lanes only.
    const from = add("int64", "input", inputs.length);
    const to = add("int64", "output", 1);
    body.push({ kind: "store", buffer: to, index: i, value: load(from, "int64", i) });
  }
  const mode = way === "scalar" ? "serial" : "vector";
  const nest = {
    kind: "nest",
    name: "op",
    body: [{ kind: "for", v: i, extent: size, mode, body }],
  };
  return { name: "op", buffers, steps: [nest as Program["steps"][number]], scratchBytes: 0 };
}

function check(
  name: string,
  inputs: readonly TypedArray[],
  dtypesOf: readonly DType[],
  tolerance: Tolerance,
  value: (args: Expr[]) => Expr,
  deterministic = false,
): void {
  for (const way of ways) {
    const program = elementwise(inputs, dtypesOf, way, value);
    verifyProgram(program);
    const extra = way === "wide lanes" ? [new BigInt64Array(inputs[0]!.length)] : [];
    const all = [...inputs, ...extra];
    const [expected] = interpret(program, all);
    const compiled = new Compiled(binaryen, program, { deterministic });
    const [actual] = compiled.call(all);
    assertClose(actual!, expected!, tolerance, (i) => {
      return `${name} (${way}) of ${inputs.map((x) => x[i]).join(", ")}`;
    }, program.buffers[inputs.length]!.dtype);
    if (!compiled.isIntact()) throw new Error(`${name} (${way}) writes beyond its output`);
  }
}

/** All pairs of the special values. */
function pairs(dtype: DType): [TypedArray, TypedArray] {
  const values = Array.from(specialValues(dtype) as Float64Array);
  const make = (pick: (i: number, j: number) => number) => {
    const flat = values.flatMap((_, i) => values.map((_, j) => values[pick(i, j)]!));
    return new (typedArrayClass(dtype) as Float64ArrayConstructor)(flat);
  };
  return [make((i) => i), make((_, j) => j)];
}

const exact: UnaryOp[] = ["neg", "abs", "sign", "floor", "ceil", "round", "isFinite", "sqrt"];
const elementary: UnaryOp[] = [
  ...["rsqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p", "logistic", "sin", "cos", "tan"],
  ...["asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc"],
  ...["erfInv"],
] as UnaryOp[];
const integerOps: UnaryOp[] = ["neg", "abs", "sign", "not", "popcount", "clz", "isFinite"];

for (const dtype of dtypes) {
  Deno.test(`unary operations of ${dtype} agree with the interpreter`, () => {
    const values = specialValues(dtype);
    if (dtype === "bool") {
      return check("not", [values], [dtype], { ulps: 0 }, ([x]) => unary("not", x!));
    }
    for (const op of isFloating(dtype) ? exact : integerOps) {
      check(`${op} ${dtype}`, [values], [dtype], { ulps: 0 }, ([x]) => unary(op, x!));
    }
    if (!isFloating(dtype)) return;
    for (const op of elementary) {
      // The interpreter's own error counts too.
      const tolerance = { ulps: dtype === "float32" ? 3 : 8 };
      check(`${op} ${dtype}`, [values], [dtype], tolerance, ([x]) => unary(op, x!));
    }
    for (const op of ["lgamma", "digamma"] as const) {
      const absolute = dtype === "float32" ? 1e-6 : 1e-14;
      check(`${op} ${dtype}`, [values], [dtype], { ulps: 16, absolute }, ([x]) => unary(op, x!));
    }
  });
}

Deno.test("elementary functions without fused multiply-add agree with the interpreter", () => {
  for (const dtype of ["float32", "float64"] as const) {
    const values = specialValues(dtype);
    const tolerance = { ulps: dtype === "float32" ? 3 : 8 };
    for (const op of elementary) {
      check(`${op} ${dtype}`, [values], [dtype], tolerance, ([x]) => unary(op, x!), true);
    }
    const [x, y] = pairs(dtype);
    for (const op of ["pow", "atan2"] as const) {
      // The product of exponent and logarithm is split in two by a fused operation, or else rounded.
      if (op === "pow" && dtype === "float64") continue;
      const make = ([a, b]: Expr[]) => binary(op, a!, b!);
      check(`${op} ${dtype}`, [x, y], [dtype, dtype], tolerance, make, true);
    }
  }
});

const arithmetic: BinaryOp[] = ["add", "sub", "mul", "div", "rem", "min", "max"];
const comparisons: BinaryOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];
const bitwise: BinaryOp[] = ["and", "or", "xor"];
const shifts: BinaryOp[] = ["shl", "shrLogical", "shrArithmetic"];

for (const dtype of dtypes) {
  Deno.test(`binary operations of ${dtype} agree with the interpreter`, () => {
    const [x, y] = pairs(dtype);
    const run = (ops: BinaryOp[], ulps: number) => {
      for (const op of ops) {
        check(`${op} ${dtype}`, [x, y], [dtype, dtype], { ulps }, ([a, b]) => binary(op, a!, b!));
      }
    };
    run(comparisons, 0);
    if (dtype === "bool") return run(bitwise, 0);
    run(arithmetic, 0);
    if (isFloating(dtype)) {
      run(["pow", "atan2"], dtype === "float32" ? 3 : 8);
      run(["nextafter"], 0);
    } else run([...bitwise, ...shifts, "pow"], 0);
  });
}

for (const dtype of dtypes) {
  Deno.test(`conversions from ${dtype} agree with the interpreter`, () => {
    const values = specialValues(dtype);
    for (const to of dtypes) {
      check(`${dtype} to ${to}`, [values], [dtype], { ulps: 0 }, ([x]) => cast(x!, to));
      const isSame = dtypeInfo(dtype).bytes === dtypeInfo(to).bytes;
      if (isSame && to !== "bool") {
        check(`bits ${dtype} to ${to}`, [values], [dtype], { ulps: 0 }, ([x]) => bitcast(x!, to));
      }
    }
  });
}

Deno.test("keys keep their bits", () => {
  const keys = specialValues("key<fry>");
  check("key", [keys], ["key<fry>"], { ulps: 0 }, ([x]) => bitcast(x!, "int64"));
  check("key", [keys], ["key<fry>"], { ulps: 0 }, ([x]) => x!);
});

Deno.test("shifts by one number for all lanes agree with the interpreter", () => {
  for (
    const dtype of [
      "int32",
      "int64",
      "uint32",
      "uint8",
      "int8",
      "int16",
      "uint16",
      "uint64",
    ] as const
  ) {
    const values = specialValues(dtype);
    for (const count of [0, 1, 5, 7, 8, 31, 32, 63, 64, 100]) {
      for (const op of shifts) {
        check(`${op} by ${count}`, [values], [dtype], { ulps: 0 }, ([x]) => {
          return binary(op, x!, cast(constantOf(count), dtype));
        });
      }
    }
  }
});

function constantOf(value: number): Expr {
  return unary("abs", cast({ kind: "const", id: -1, dtype: "int32", value }, "int32"));
}

Deno.test("division by constants agrees with the interpreter", () => {
  const values = new Int32Array([0, 1, 2, 5, 6, 7, 99, 100, 101, 65535, 65536, 2 ** 31 - 1]);
  for (const divisor of [1, 2, 3, 5, 7, 10, 64, 100, 641, 65537, 2 ** 30 + 1, 2 ** 31 - 1]) {
    for (const op of ["div", "rem"] as const) {
      check(`${op} ${divisor}`, [values], ["int32"], { ulps: 0 }, ([x]) => {
        const by: Expr = { kind: "const", id: -2, dtype: "int32", value: divisor };
        // The maximum tells the compiler that no lane is negative.
        const zero: Expr = { kind: "const", id: -3, dtype: "int32", value: 0 };
        return binary(op, binary("max", x!, zero), by);
      });
    }
  }
});

for (const dtype of dtypes) {
  Deno.test(`selection of ${dtype} agrees with the interpreter`, () => {
    const [x, y] = pairs(dtype);
    check(`select ${dtype}`, [x, y], [dtype, dtype], { ulps: 0 }, ([a, b]) => {
      return select(binary("lt", a!, b!), a!, b!);
    });
  });
}
