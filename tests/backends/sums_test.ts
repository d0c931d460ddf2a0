/**
 * Long reductions: right for every length, and sums as accurate as their blocks promise.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import { binary, type Expr, index, load, makeVar } from "../../src/loopnest/expr.ts";
import type { BufferDecl, Program, ReduceOp, Stmt } from "../../src/loopnest/ir.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { assertClose } from "./compare.ts";
import { Compiled } from "./run.ts";

const binaryen = await loadBinaryen();

function program(
  sizes: readonly [input: number, output: number],
  dtype: DType,
  body: readonly Stmt[],
): Program {
  const buffer = (id: number, role: "input" | "output"): BufferDecl => {
    return { id, dtype, size: sizes[id]!, role, position: 0, offset: 0, donor: -1 };
  };
  return {
    name: "sum",
    buffers: [buffer(0, "input"), buffer(1, "output")],
    steps: [{ kind: "nest", name: "sum", body }],
    scratchBytes: 0,
  };
}

/** `out[i] = op over r of x[i, r]`, lanes along r. */
function rows(m: number, n: number, dtype: DType, op: ReduceOp): Program {
  const [i, r, v] = [makeVar("i"), makeVar("r"), makeVar("v", dtype)];
  const value = load(0, dtype, binary("add", binary("mul", i, index(n)), r));
  return program([m * n, m], dtype, [{
    kind: "for",
    v: i,
    extent: m,
    mode: "parallel",
    body: [
      { kind: "accumulator", v, op },
      { kind: "for", v: r, extent: n, mode: "vector", body: [{ kind: "accumulate", v, value }] },
      { kind: "store", buffer: 1, index: i, value: v },
    ],
  }]);
}

/** `out[j] = op over r of x[r, j]`, lanes along j. */
function columns(m: number, n: number, dtype: DType, op: ReduceOp): Program {
  const [j, r, v] = [makeVar("j"), makeVar("r"), makeVar("v", dtype)];
  const value: Expr = load(0, dtype, binary("add", binary("mul", r, index(n)), j));
  return program([m * n, n], dtype, [{
    kind: "for",
    v: j,
    extent: n,
    mode: "vector",
    body: [
      { kind: "accumulator", v, op },
      { kind: "for", v: r, extent: m, mode: "serial", body: [{ kind: "accumulate", v, value }] },
      { kind: "store", buffer: 1, index: j, value: v },
    ],
  }]);
}

function fill(array: TypedArray): TypedArray {
  for (let i = 0; i < array.length; i++) {
    const x = (i * 7919) % 1000;
    array[i] = array instanceof BigInt64Array
      ? BigInt(x)
      : x / (array instanceof Int32Array ? 1 : 8);
  }
  return array;
}

Deno.test("reductions of every length agree with the interpreter", () => {
  for (const op of ["add", "max", "min"] as const) {
    for (const n of [63, 64, 255, 256, 257, 1000, 1024, 1027, 4096, 4099, 40_000, 100_003]) {
      for (const [dtype, make] of [["float32", Float32Array], ["int64", BigInt64Array]] as const) {
        const p = rows(1, n, dtype, op);
        const x = fill(new make(n));
        assertClose(
          new Compiled(binaryen, p).call([x])[0]!,
          interpret(p, [x])[0]!,
          { ulps: 2 },
          () => {
            return `${op} of ${n} ${dtype}`;
          },
        );
      }
    }
  }
});

Deno.test("reductions of long columns agree with the interpreter", () => {
  for (const op of ["add", "max"] as const) {
    for (const [m, n] of [[63, 5], [64, 33], [65, 1], [200, 34], [1000, 3], [5000, 40]] as const) {
      for (const [dtype, make] of [["float32", Float32Array], ["float64", Float64Array]] as const) {
        const p = columns(m, n, dtype, op);
        const x = fill(new make(m * n));
        assertClose(
          new Compiled(binaryen, p).call([x])[0]!,
          interpret(p, [x])[0]!,
          { ulps: 2 },
          (i) => {
            return `${op} of column ${i} of [${m}, ${n}] ${dtype}`;
          },
        );
      }
    }
  }
});

Deno.test("an extreme of a column with a NaN is NaN wherever it stands, in one chunk and in many", () => {
  for (const op of ["max", "min"] as const) {
    for (const [m, n] of [[2, 9], [5, 9], [70, 33], [1000, 6]] as const) {
      for (const [dtype, make] of [["float32", Float32Array], ["float64", Float64Array]] as const) {
        const x = fill(new make(m * n)) as Float32Array | Float64Array;
        x[0] = NaN; // the first of column 0
        x[(m >> 1) * n + 2] = NaN; // in the middle of column 2
        x[(m - 1) * n + 5] = NaN; // the last of column 5
        for (let r = 0; r < m; r++) x[r * n + 3] = op === "max" ? -Infinity : Infinity;
        const p = columns(m, n, dtype, op);
        const expected = interpret(p, [x])[0] as Float32Array;
        assert([0, 2, 5].every((j) => Number.isNaN(expected[j])) && !Number.isNaN(expected[1]));
        for (const chunkCost of [20, 100_000]) {
          const actual = new Compiled(binaryen, p, { chunkCost }).call([x])[0] as Float32Array;
          for (let j = 0; j < n; j++) {
            assert(
              Object.is(actual[j], expected[j]),
              `${op} of column ${j} of [${m}, ${n}] ${dtype}: ${actual[j]}, not ${expected[j]}`,
            );
          }
        }
      }
    }
  }
});

function error(p: Program, x: Float32Array, exact: number): number {
  const [out] = new Compiled(binaryen, p).call([x]);
  return Math.abs(Number(out![0]) - exact) / Math.abs(exact);
}

Deno.test("the sum of ten million tenths is right to 1e-6", () => {
  const n = 10_000_000;
  const x = new Float32Array(n).fill(0.1);
  const relative = error(rows(1, n, "float32", "add"), x, n * x[0]!);
  assert(relative <= 1e-6, `relative error ${relative}`);
});

Deno.test("the sum of a column of a million tenths is right to 1e-6", () => {
  const n = 1_000_000;
  const x = new Float32Array(n * 4).fill(0.1);
  const relative = error(columns(n, 4, "float32", "add"), x, n * x[0]!);
  assert(relative <= 1e-6, `relative error ${relative}`);
});
