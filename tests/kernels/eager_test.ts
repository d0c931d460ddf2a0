/**
 * The eager kernels against the interpreter's meaning of each operation, over lengths around the vector
 * sizes, single-element operands and special values.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { binaryFunction, castFunction, unaryFunction } from "../../src/backends/interp/scalar.ts";
import { BINARY_CODES, COMPARE_CODES, UNARY_CODES } from "../../src/backends/wasm/opcodes.ts";
import type { DType } from "../../src/core/dtype.ts";
import type { BinaryOp, UnaryOp } from "../../src/loopnest/expr.ts";
import { Arena, type ArrayType, type Placed, randoms } from "./arena.ts";

type Value = number | bigint | boolean;
interface AnyArray {
  length: number;
  [i: number]: number | bigint;
  fill(x: never): unknown;
  set(x: never): void;
}

interface Kind {
  readonly dtype: DType;
  readonly suffix: string;
  readonly type: ArrayType<AnyArray>;
  readonly specials: readonly (number | bigint)[];
}

const FLOAT_SPECIALS = [0, -0, 1, -1, 0.5, -2.5, 3.5, NaN, Infinity, -Infinity, 1e-40, 7, -7, 3];
const BIG = 2n ** 63n;

const KINDS: readonly Kind[] = [
  { dtype: "float32", suffix: "f32", type: Float32Array, specials: [...FLOAT_SPECIALS, 3e38] },
  { dtype: "float64", suffix: "f64", type: Float64Array, specials: [...FLOAT_SPECIALS, 1e308] },
  {
    dtype: "int32",
    suffix: "i32",
    type: Int32Array,
    specials: [0, 1, -1, 2, -2, 31, 32, 33, -(2 ** 31), 2 ** 31 - 1, 7, -7, 100],
  },
  {
    dtype: "uint32",
    suffix: "u32",
    type: Uint32Array,
    specials: [0, 1, 2, 31, 32, 2 ** 31, 2 ** 32 - 1, 7, 3, 100],
  },
  {
    dtype: "int64",
    suffix: "i64",
    type: BigInt64Array,
    specials: [0n, 1n, -1n, 2n, -2n, 63n, 64n, -BIG, BIG - 1n, 7n, -7n, 2n ** 40n],
  },
  {
    dtype: "uint8",
    suffix: "u8",
    type: Uint8Array,
    specials: [0, 1, 2, 7, 8, 9, 128, 255, 100, 3],
  },
  { dtype: "bool", suffix: "bool", type: Uint8Array, specials: [0, 1] },
];

const arena = new Arena(64);
// deno-lint-ignore no-explicit-any -- kernels are looked up by dtype, so that no static type fits
const kernels = arena.kernels as any;

/** Specials first, then random values, in an order that pairs specials of two operands with each other. */
function samples(kind: Kind, n: number, seed: number): (number | bigint)[] {
  const random = randoms(seed);
  return Array.from({ length: n }, (_, i) => {
    const s = kind.specials;
    if (i < s.length * s.length) {
      return seed % 2 ? s[i % s.length]! : s[Math.floor(i / s.length) % s.length]!;
    }
    const r = random();
    if (kind.dtype === "bool") return r > 0 ? 1 : 0;
    if (kind.dtype === "int64") return BigInt(Math.round(r * 2 ** 50));
    if (kind.dtype === "uint32" || kind.dtype === "uint8") return Math.floor((r + 1) * 100);
    return kind.dtype === "int32" ? Math.round(r * 1000) : r * 10;
  });
}

/** What the interpreter holds for an element. */
function value(kind: Kind, x: number | bigint): Value {
  return kind.dtype === "bool" ? x !== 0 : x;
}

function plain(x: Value): number | bigint {
  return typeof x === "boolean" ? Number(x) : x;
}

function same(
  got: number | bigint,
  expected: number | bigint,
  ulps: number,
  single: boolean,
): boolean {
  if (Object.is(got, expected) || got === expected) return true;
  if (typeof got === "bigint" || typeof expected === "bigint") return false;
  if (Number.isNaN(got) || Number.isNaN(expected)) {
    return Number.isNaN(got) && Number.isNaN(expected);
  }
  const unit = single
    ? Math.max(Math.abs(expected) * 2 ** -23, 2 ** -149)
    : Math.max(Math.abs(expected) * 2 ** -52, 5e-324);
  return Math.abs(got - expected) <= ulps * unit;
}

const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 300, 9000];

function place(kind: Kind, values: (number | bigint)[]): Placed<AnyArray> {
  return arena.place(kind.type, values as number[]);
}

for (const kind of KINDS) {
  const single = kind.dtype === "float32";

  Deno.test(`binary_${kind.suffix} computes what the interpreter does`, () => {
    for (const [op, code] of Object.entries(BINARY_CODES)) {
      let reference: (x: Value, y: Value) => Value;
      try {
        reference = binaryFunction(op as BinaryOp, kind.dtype) as typeof reference;
      } catch {
        continue;
      }
      for (const n of LENGTHS) {
        for (const [as, bs] of n === 0 ? [[1, 1]] : [[1, 1], [0, 1], [1, 0], [0, 0]]) {
          arena.reset();
          const a = place(kind, samples(kind, as ? n : 1, 2 * n + 1));
          const b = place(kind, samples(kind, bs ? n : 1, 2 * n + 2));
          const out = arena.place(kind.type, n);
          if (!kernels[`binary_${kind.suffix}`](code, n, a.at, as, b.at, bs, out.at)) continue;
          arena.checkGuards(`${op} ${kind.dtype} ${n}`);
          for (let i = 0; i < n; i++) {
            const x = a.data[as * i]!, y = b.data[bs * i]!;
            const expected = plain(reference(value(kind, x), value(kind, y)));
            assert(
              same(out.data[i]!, expected, op === "pow" || op === "atan2" ? 2 : 0, single),
              `${op}_${kind.suffix}(${x}, ${y}) is ${
                out.data[i]
              }, expected ${expected} (n ${n}, i ${i})`,
            );
          }
        }
      }
    }
  });

  Deno.test(`unary_${kind.suffix} computes what the interpreter does`, () => {
    if (kind.dtype === "bool") {
      for (const n of LENGTHS) {
        arena.reset();
        const x = place(kind, samples(kind, n, n)), out = arena.place(kind.type, n);
        kernels.not_bool(n, x.at, out.at);
        arena.checkGuards("not_bool");
        for (let i = 0; i < n; i++) assertEquals(out.data[i], 1 - Number(x.data[i]));
      }
      return;
    }
    for (const [op, code] of Object.entries(UNARY_CODES)) {
      let reference: (x: Value) => Value;
      try {
        reference = unaryFunction(op as UnaryOp, kind.dtype) as typeof reference;
      } catch {
        continue;
      }
      for (const n of LENGTHS) {
        arena.reset();
        const x = place(kind, samples(kind, n, 2 * n + 1)), out = arena.place(kind.type, n);
        if (!kernels[`unary_${kind.suffix}`](code, n, x.at, out.at)) continue;
        arena.checkGuards(`${op} ${kind.dtype} ${n}`);
        // The elementary functions have their own tests, over all of their range.
        const gamma = op === "lgamma" || op === "digamma";
        const ulps = gamma ? 16 : code >= UNARY_CODES.sqrt ? 4 : 0;
        for (let i = 0; i < n; i++) {
          const expected = plain(reference(value(kind, x.data[i]!)));
          // Near their zeros, which are no round numbers, these are only absolutely exact.
          const scale = gamma && Math.abs(expected as number) < 1 ? 1 / (expected as number) : 1;
          assert(
            same(out.data[i]!, expected, ulps * Math.abs(scale), single),
            `${op}_${kind.suffix}(${x.data[i]}) is ${out.data[i]}, expected ${expected} (n ${n})`,
          );
        }
      }
    }
  });

  Deno.test(`compare_${kind.suffix} computes what the interpreter does`, () => {
    const suffix = kind.dtype === "bool" ? "u8" : kind.suffix;
    for (const [op, code] of Object.entries(COMPARE_CODES)) {
      const reference = binaryFunction(op as BinaryOp, kind.dtype) as (x: Value, y: Value) => Value;
      for (const n of LENGTHS) {
        for (const [as, bs] of n === 0 ? [[1, 1]] : [[1, 1], [0, 1], [1, 0]]) {
          arena.reset();
          const a = place(kind, samples(kind, as ? n : 1, 2 * n + 1));
          const b = place(kind, samples(kind, bs ? n : 1, 2 * n + 2));
          const out = arena.place(Uint8Array, n);
          kernels[`compare_${suffix}`](code, n, a.at, as, b.at, bs, out.at);
          arena.checkGuards(`${op} ${kind.dtype} ${n}`);
          for (let i = 0; i < n; i++) {
            const x = a.data[as * i]!, y = b.data[bs * i]!;
            const expected = Number(reference(value(kind, x), value(kind, y)));
            assertEquals(out.data[i], expected, `${op}_${kind.suffix}(${x}, ${y})`);
          }
        }
      }
    }
  });

  // A bool converts as the u8 that it is.
  if (kind.dtype === "bool") continue;
  Deno.test(`convert_${kind.suffix}_* computes what the interpreter does`, () => {
    for (const to of KINDS) {
      const kernel = kernels[`convert_${kind.suffix}_${to.suffix}`];
      if (!kernel) continue;
      const reference = castFunction(kind.dtype, to.dtype) as (x: Value) => Value;
      for (const n of LENGTHS) {
        arena.reset();
        const x = place(kind, samples(kind, n, 2 * n + 1)), out = arena.place(to.type, n);
        kernel(n, x.at, out.at);
        arena.checkGuards(`${kind.dtype} to ${to.dtype} ${n}`);
        for (let i = 0; i < n; i++) {
          const expected = plain(reference(value(kind, x.data[i]!)));
          assert(
            same(out.data[i]!, expected, 0, false),
            `${kind.suffix} to ${to.suffix} of ${x.data[i]} is ${
              out.data[i]
            }, expected ${expected}`,
          );
        }
      }
    }
  });
}

Deno.test("float16 is widened and narrowed as the host does it", () => {
  const halves = new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
  arena.reset();
  const x = arena.place(Uint16Array, Array.from(new Uint16Array(halves.buffer)));
  const wide = arena.place(Float32Array, 65536);
  kernels.convert_f16_f32(65536, x.at, wide.at);
  for (let i = 0; i < 65536; i++) assert(Object.is(wide.data[i], halves[i]), `${halves[i]}`);
  // Every float16, halfway to its neighbour, and to either side of that.
  for (const beyond of [0, 0x0fff, 0x1000, 0x1001]) {
    arena.reset();
    const y = arena.place(Float32Array, Array.from(halves));
    const bits = new Int32Array(y.data.buffer, y.data.byteOffset, 65536);
    for (let i = 0; i < 65536; i++) if (!Number.isNaN(halves[i])) bits[i]! += beyond;
    const expected = new Float16Array(y.data);
    const narrow = arena.place(Uint16Array, 65536);
    kernels.convert_f32_f16(65536, y.at, narrow.at);
    const actual = new Float16Array(Uint16Array.from(narrow.data).buffer);
    for (let i = 0; i < 65536; i++) assert(Object.is(actual[i], expected[i]), `${y.data[i]}`);
  }
});

Deno.test("small integers keep their sign, and what does not fit is cut off", () => {
  const types = { i8: Int8Array, i16: Int16Array, u16: Uint16Array };
  for (const [suffix, type] of Object.entries(types)) {
    for (const n of LENGTHS) {
      arena.reset();
      const x = arena.place(Int32Array, Array.from({ length: n }, (_, i) => (i * 7919123) | 0));
      const small = arena.place(type as typeof Int16Array, n);
      const back = arena.place(Int32Array, n);
      kernels[`convert_i32_${suffix}`](n, x.at, small.at);
      kernels[`convert_${suffix}_i32`](n, small.at, back.at);
      arena.checkGuards(`${suffix} ${n}`);
      assertEquals(Array.from(small.data), Array.from(new type(x.data)));
      assertEquals(Array.from(back.data), Array.from(small.data));
    }
  }
});

Deno.test("binary kernels may write over an operand", () => {
  for (const n of [3, 17, 5000]) {
    arena.reset();
    const a = arena.place(Float32Array, Array.from({ length: n }, (_, i) => i));
    kernels.binary_f32(BINARY_CODES.mul, n, a.at, 1, a.at, 1, a.at);
    for (let i = 0; i < n; i++) assertEquals(a.data[i], Math.fround(i * i));
  }
});

Deno.test("every operation that has a kernel at one floating dtype has it at the other", () => {
  for (const [prefix, codes] of [["binary", BINARY_CODES], ["unary", UNARY_CODES]] as const) {
    for (const [op, code] of Object.entries(codes)) {
      arena.reset();
      const x = arena.place(Float64Array, 4).at;
      const args = prefix === "binary" ? [code, 1, x, 1, x, 1, x] : [code, 1, x, x];
      assertEquals(kernels[`${prefix}_f32`](...args), kernels[`${prefix}_f64`](...args), op);
    }
  }
});

Deno.test("select takes each element from the side that its condition names", () => {
  for (const [bytes, type] of [[1, Uint8Array], [4, Int32Array], [8, Float64Array]] as const) {
    for (const n of LENGTHS) {
      for (
        const [cs, as, bs] of n
          ? [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0]]
          : [[1, 1, 1]]
      ) {
        arena.reset();
        const random = randoms(n + 5);
        const cond = arena.place(
          Uint8Array,
          Array.from({ length: cs ? n : 1 }, () => random() > 0 ? 1 : 0),
        );
        const a = arena.place(
          type as ArrayType<AnyArray>,
          Array.from({ length: as ? n : 1 }, (_, i) => i % 100),
        );
        const b = arena.place(
          type as ArrayType<AnyArray>,
          Array.from({ length: bs ? n : 1 }, (_, i) => 100 + i % 100),
        );
        const out = arena.place(type as ArrayType<AnyArray>, n);
        kernels[`select_${bytes}`](n, cond.at, cs, a.at, as, b.at, bs, out.at);
        arena.checkGuards(`select_${bytes} ${n}`);
        for (let i = 0; i < n; i++) {
          const expected = cond.data[cs * i] ? a.data[as * i] : b.data[bs * i];
          assertEquals(out.data[i], expected, `select_${bytes} n ${n} i ${i}`);
        }
      }
    }
  }
});

const ELEMENTS = [[1, Uint8Array], [4, Uint32Array], [8, Float64Array]] as const;

/** Copies a box between two strided arrays, plainly. */
function copyPlainly(
  shape: readonly number[],
  from: ArrayLike<number>,
  fromStrides: readonly number[],
  fromStart: number,
  to: Record<number, number>,
  toStrides: readonly number[],
  toStart: number,
): void {
  if (shape.length === 0) {
    to[toStart] = from[fromStart]!;
    return;
  }
  for (let i = 0; i < shape[0]!; i++) {
    copyPlainly(
      shape.slice(1),
      from,
      fromStrides.slice(1),
      fromStart + i * fromStrides[0]!,
      to,
      toStrides.slice(1),
      toStart + i * toStrides[0]!,
    );
  }
}

/** Row-major strides. */
function rowMajor(shape: readonly number[]): number[] {
  let step = 1;
  return shape.map((_, i) => shape[shape.length - 1 - i]!).map((n) => {
    const s = step;
    step *= n;
    return s;
  }).reverse();
}

Deno.test("copy_strided copies any box between any strides", () => {
  const cases: [shape: number[], srcStrides: number[], start: number, size: number][] = [
    [[], [], 0, 1],
    [[5], [1], 0, 5],
    [[100], [1], 0, 100],
    [[70], [-1], 69, 70],
    [[9], [0], 0, 1],
    [[50], [3], 2, 150],
    [[0, 4], [4, 1], 0, 4],
    [[4, 0], [4, 1], 0, 4],
    [[37, 45], [1, 37], 0, 37 * 45], // transpose
    [[64, 64], [1, 64], 0, 64 * 64],
    [[3, 2], [1, 3], 0, 6],
    [[33, 7], [14, 2], 0, 33 * 14],
    [[20, 50], [0, 1], 0, 50], // broadcast of a row
    [[20, 50], [1, 0], 0, 20], // and of a column
    [[6, 40], [-40, 1], 200, 240],
    [[6, 40], [-40, -1], 239, 240],
    [[3, 4, 5], [20, 5, 1], 0, 60],
    [[5, 3, 4], [1, 20, 5], 0, 60],
    [[4, 3, 5], [1, 20, 4], 0, 60],
    [[2, 9, 3, 8], [216, 8, 72, 1], 0, 432], // heads and tokens
    [[3, 1, 40, 2, 3], [1, 0, 3, 120, 240], 0, 720],
  ];
  for (const [bytes, type] of ELEMENTS) {
    for (const [shape, strides, start, size] of cases) {
      for (const spread of [1, 2]) {
        arena.reset();
        const toStrides = rowMajor(shape).map((s) => s * spread);
        const total = shape.reduce((a, b) => a * b, 1) * spread;
        const src = arena.place(
          type as ArrayType<AnyArray>,
          Array.from({ length: size }, (_, i) => i % 251),
        );
        const dst = arena.place(type as ArrayType<AnyArray>, total);
        const lists = [shape, strides, toStrides].map((l) => arena.place(Int32Array, l).at);
        const expected: number[] = new Array(total).fill(0);
        copyPlainly(shape, src.data as unknown as number[], strides, start, expected, toStrides, 0);
        kernels[`copy_strided_${bytes}`](shape.length, ...lists, src.at + start * bytes, dst.at);
        arena.checkGuards(`copy_strided_${bytes} ${shape} by ${strides}`);
        assertEquals(
          Array.from(dst.data as unknown as number[]),
          expected,
          `${shape} by ${strides}`,
        );
      }
    }
  }
});

const REDUCTIONS: Record<string, (x: Value, y: Value, dtype: DType) => Value> = Object.fromEntries(
  ([["sum", "add"], ["prod", "mul"], ["max", "max"], ["min", "min"], ["and", "and"], ["or", "or"], [
    "xor",
    "xor",
  ]] as const)
    .map((
      [name, op],
    ) => [
      name,
      (x: Value, y: Value, dtype: DType) =>
        (binaryFunction(op, dtype) as (x: Value, y: Value) => Value)(x, y),
    ]),
);

const SHAPES: readonly (readonly [outer: number, n: number, inner: number])[] = [
  ...[[1, 0, 1], [2, 0, 3], [0, 5, 1], [1, 1, 1], [3, 5, 1], [1, 70, 1], [2, 300, 1], [1, 9001, 1]],
  ...[[1, 3, 2], [2, 5, 7], [1, 40, 16], [2, 33, 37], [1, 100, 70], [1, 1, 9]],
] as [number, number, number][];

for (const kind of KINDS) {
  Deno.test(`reduce_*_${kind.suffix} combine the middle axis`, () => {
    for (const [name, combine] of Object.entries(REDUCTIONS)) {
      const suffix = kind.dtype === "bool" ? "u8" : kind.suffix;
      const kernel = kernels[`reduce_${name}_${suffix}`];
      if (!kernel || (kind.dtype === "bool" && (name === "sum" || name === "prod"))) continue;
      for (const [outer, n, inner] of SHAPES) {
        arena.reset();
        const random = randoms(n * 31 + inner);
        const count = outer * n * inner;
        // Products stay within range; the rest sees everything but infinities.
        const pool = samples(kind, count, 1).map((x) => {
          if (typeof x === "bigint" || kind.dtype === "uint8" || kind.dtype === "bool") return x;
          if (name === "prod" || !(Math.abs(x) < 1e30)) {
            return kind.dtype.startsWith("float") ? 1 + random() / 64 : x || 3;
          }
          return x;
        });
        const x = place(kind, pool), out = arena.place(kind.type, outer * inner);
        kernel(outer, n, inner, x.at, out.at);
        arena.checkGuards(`reduce_${name}_${suffix} ${outer},${n},${inner}`);
        for (let o = 0; o < outer; o++) {
          for (let i = 0; i < inner; i++) {
            let expected: Value | undefined;
            let magnitude = 0;
            for (let j = 0; j < n; j++) {
              const v = value(kind, x.data[(o * n + j) * inner + i]!);
              magnitude += Math.abs(Number(v));
              const exact = kind.dtype === "float32" ? "float64" : kind.dtype;
              expected = expected === undefined ? v : combine(expected, v, exact);
            }
            const got = out.data[o * inner + i]!;
            if (expected === undefined) {
              const one = kind.dtype === "bool" ? true : value(kind, samples(kind, 1, 1)[0]!);
              assert(
                Object.is(plain(combine(value(kind, got), one, kind.dtype)), plain(one)),
                `${name} of nothing is ${got}`,
              );
              continue;
            }
            const bound = !kind.dtype.startsWith("float") || name === "max" || name === "min"
              ? 0
              : (name === "prod" ? Math.abs(Number(expected)) * n : magnitude) *
                (kind.dtype === "float32" ? 2e-7 : 4e-16);
            const e = plain(expected);
            assert(
              got === e || Math.abs(Number(got) - Number(e)) <= bound,
              `reduce_${name}_${suffix} [${outer},${n},${inner}] at ${o},${i} is ${got}, expected ${e}`,
            );
          }
        }
      }
    }
  });

  Deno.test(`argreduce_*_${kind.suffix} find the first extreme`, () => {
    const suffix = kind.dtype === "bool" ? "u8" : kind.suffix;
    for (const name of ["max", "min"] as const) {
      for (const [outer, n, inner] of SHAPES) {
        if (n === 0) continue;
        arena.reset();
        const x = place(kind, samples(kind, outer * n * inner, 1)),
          out = arena.place(Int32Array, outer * inner);
        kernels[`argreduce_${name}_${suffix}`](outer, n, inner, x.at, out.at);
        arena.checkGuards(`argreduce_${name}_${suffix} ${outer},${n},${inner}`);
        for (let o = 0; o < outer; o++) {
          for (let i = 0; i < inner; i++) {
            const at = (j: number): number | bigint => x.data[(o * n + j) * inner + i]!;
            let best = 0;
            for (let j = 1; j < n; j++) {
              const v = at(j), b = at(best);
              // Only NaN differs from itself.
              if (b !== b) break;
              if (v !== v || (name === "max" ? v > b : v < b)) best = j;
            }
            assertEquals(
              out.data[o * inner + i],
              best,
              `argreduce_${name}_${suffix} [${outer},${n},${inner}]`,
            );
          }
        }
      }
    }
  });
}

Deno.test("maxima and minima hand on NaN, and sums of infinities are what they should be", () => {
  for (const [suffix, type] of [["f32", Float32Array], ["f64", Float64Array]] as const) {
    for (const [n, inner] of [[5, 1], [400, 1], [3, 5], [70, 20]] as const) {
      for (
        const [values, sum, max, min] of [
          [[1, NaN, 2], NaN, NaN, NaN],
          [[Infinity, 1, 2], Infinity, Infinity, 1],
          [[-Infinity, 1, 2], -Infinity, 2, -Infinity],
          [[Infinity, -Infinity, 2], NaN, Infinity, -Infinity],
        ] as const
      ) {
        arena.reset();
        const x = arena.place(
          type as ArrayType<Float64Array>,
          Array.from({ length: n * inner }, (_, i) => values[Math.floor(i / inner)] ?? 1.5),
        );
        const out = arena.place(type as ArrayType<Float64Array>, inner);
        for (const [name, expected] of [["sum", sum], ["max", max], ["min", min]] as const) {
          kernels[`reduce_${name}_${suffix}`](1, n, inner, x.at, out.at);
          for (const got of out.data) {
            assertEquals(got, expected, `reduce_${name}_${suffix} of ${values} (n ${n})`);
          }
        }
      }
    }
  }
});

Deno.test("the sum of ten million times 0.1 is right to 1e-6 along rows and along columns", () => {
  const large = new Arena(800);
  const n = 1e7;
  const x = large.place(Float32Array, n), out = large.place(Float32Array, 8);
  x.data.fill(0.1);
  const exact = n * Math.fround(0.1);
  large.kernels.reduce_sum_f32(1, n, 1, x.at, out.at);
  assert(Math.abs(out.data[0]! / exact - 1) <= 1e-7, `rows: ${out.data[0]}`);
  large.kernels.reduce_sum_f32(1, n / 8, 8, x.at, out.at);
  for (const got of out.data) assert(Math.abs(got * 8 / exact - 1) <= 1e-6, `columns: ${got * 8}`);
});
