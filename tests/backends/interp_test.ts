/**
 * The interpreter against sums done by hand, and its checks.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { DType } from "../../src/core/dtype.ts";
import { InternalError } from "../../src/errors.ts";
import {
  binary,
  cast,
  constant,
  type Expr,
  index,
  load,
  makeVar,
  unary,
} from "../../src/loopnest/expr.ts";
import type { BufferDecl, Program, Stmt } from "../../src/loopnest/ir.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import { interpret } from "../../src/backends/interp/mod.ts";

function buffer(id: number, dtype: DType, size: number, role: BufferDecl["role"]): BufferDecl {
  return { id, dtype, size, role, position: 0, offset: 0, donor: -1 };
}

function program(buffers: BufferDecl[], body: Stmt[]): Program {
  const nest = { kind: "nest", name: "test", body } as const;
  return { name: "test", buffers, steps: [nest], scratchBytes: 0 };
}

const i = makeVar("i");
const j = makeVar("j");

function rowSums(): Program {
  const sum = makeVar("sum", "float32");
  const at = binary("add", binary("mul", i, index(3)), j);
  return program([buffer(0, "float32", 6, "input"), buffer(1, "float32", 2, "output")], [{
    kind: "for",
    v: i,
    extent: 2,
    mode: "parallel",
    body: [
      { kind: "accumulator", v: sum, op: "add" },
      {
        kind: "for",
        v: j,
        extent: 3,
        mode: "vector",
        body: [{
          kind: "accumulate",
          v: sum,
          value: unary("exp", load(0, "float32", at)),
        }],
      },
      { kind: "store", buffer: 1, index: i, value: sum },
    ],
  }]);
}

Deno.test("the interpreter sums rows", () => {
  const p = rowSums();
  verifyProgram(p);
  const [out] = interpret(p, [new Float32Array([0, 0, 0, 1, 1, 0])]);
  assertEquals(out, new Float32Array([3, 2 * Math.E + 1]));
});

Deno.test("a program prints as loops", () => {
  assertEquals(
    printProgram(rowSums()),
    `program test (scratch 0 bytes)
  b0: f32[6] input 0
  b1: f32[2] output 0
step 0: nest test
  for i < 2 parallel
    accumulator sum: f32 of add
    for j < 3 vector
      accumulate sum with exp(b0[i * 3 + j])
    b1[i] = sum
`,
  );
});

Deno.test("an access out of bounds is refused, by the verifier and by the interpreter", () => {
  const at = binary("add", i, index(1));
  const p = program([buffer(0, "int32", 4, "input"), buffer(1, "int32", 4, "output")], [{
    kind: "for",
    v: i,
    extent: 4,
    mode: "serial",
    body: [{ kind: "store", buffer: 1, index: i, value: load(0, "int32", at) }],
  }]);
  const error = assertThrows(() => verifyProgram(p), InternalError);
  assertStringIncludes(error.message, "1..4 in b0 of size 4");
  assertThrows(() => interpret(p, [new Int32Array(4)]), InternalError, "index 4 into b0");
});

Deno.test("the verifier refuses a variable out of its scope and mixed dtypes", () => {
  const store = (value: Expr): Program =>
    program([buffer(0, value.dtype, 1, "output")], [
      { kind: "store", buffer: 0, index: index(0), value },
    ]);
  assertThrows(() => verifyProgram(store(j)), InternalError, "out of its scope");
  const sum = binary("add", constant(1, "float32"), constant(2, "float32"));
  const mixed = { ...sum, y: index(1) } as Expr;
  assertThrows(() => verifyProgram(store(mixed)), InternalError, "add of float32 and int32");
});

Deno.test("integers wrap, divide and convert as the contract says", () => {
  const results = (op: Parameters<typeof binary>[0], dtype: DType, pairs: [number, number][]) =>
    pairs.map(([x, y]) => {
      const make = (v: number) => cast(load(0, "float64", index(v)), dtype);
      const p = program([buffer(0, "float64", 2, "input"), buffer(1, dtype, 1, "output")], [
        { kind: "store", buffer: 1, index: index(0), value: binary(op, make(0), make(1)) },
      ]);
      verifyProgram(p);
      return Number(interpret(p, [new Float64Array([x, y])])[0]![0]);
    });
  assertEquals(results("add", "int32", [[2147483647, 1]]), [-2147483648]);
  assertEquals(results("mul", "uint8", [[200, 2], [16, 16]]), [144, 0]);
  assertEquals(results("div", "int32", [[7, 0], [-7, 2], [-2147483648, -1]]), [
    -1,
    -3,
    -2147483648,
  ]);
  assertEquals(results("div", "uint32", [[7, 0]]), [4294967295]);
  assertEquals(results("rem", "int64", [[-7, 3], [7, 0]]), [-1, 7]);
  assertEquals(results("shl", "int32", [[1, 32], [1, 31]]), [0, -2147483648]);
  assertEquals(results("shrArithmetic", "int32", [[-8, 40], [-8, 1]]), [-1, -4]);
  assertEquals(results("add", "int32", [[1e20, 0], [NaN, 0], [-1e20, 0]]), [
    2147483647,
    0,
    -2147483648,
  ]);
});
