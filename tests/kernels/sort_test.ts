/**
 * Sorting and running results against plain JavaScript.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { DType } from "../../src/core/dtype.ts";
import { argsortScratchBytes, sortScratchBytes } from "../../src/loopnest/sort_plan.ts";
import { Arena, type ArrayType, randoms } from "./arena.ts";

interface AnyArray {
  length: number;
  [i: number]: number | bigint;
  fill(x: never): unknown;
  set(x: never): void;
}

const arena = new Arena(128);
// deno-lint-ignore no-explicit-any -- kernels are looked up by dtype, so that no static type fits
const kernels = arena.kernels as any;

const FLOATS = [0, -0, NaN, Infinity, -Infinity, 1, -1, 1e-42, -1e-42, 2.5];
const TYPES: Record<
  string,
  [type: ArrayType<AnyArray>, specials: (number | bigint)[], scale: number]
> = {
  float32: [Float32Array, FLOATS, 1],
  float64: [Float64Array, FLOATS, 1e100],
  int32: [Int32Array, [0, -1, 1, -(2 ** 31), 2 ** 31 - 1], 2 ** 31],
  uint32: [Uint32Array, [0, 1, 2 ** 31, 2 ** 32 - 1], 2 ** 32],
  int64: [BigInt64Array, [0n, -1n, 1n, -(2n ** 63n), 2n ** 63n - 1n], 2 ** 62],
  uint8: [Uint8Array, [0, 1, 127, 128, 255], 256],
  bool: [Uint8Array, [0, 1], 1],
};

function sample(
  dtype: string,
  n: number,
  scale: number,
  random: () => number,
): (number | bigint)[] {
  const [, specials] = TYPES[dtype]!;
  return Array.from({ length: n }, () => {
    const r = random();
    if (random() > 0.7) return specials[Math.floor((r + 1) / 2 * specials.length)]!;
    if (dtype === "bool") return r > 0 ? 1 : 0;
    if (dtype === "int64") return BigInt(Math.floor(r * scale));
    if (dtype.startsWith("float")) return r * scale;
    return dtype === "int32" ? Math.floor(r * scale) : Math.floor((r + 1) / 2 * scale);
  });
}

/** The order of JAX: NaN last and equal to each other, -0 equal to 0. */
function before(x: number | bigint, y: number | bigint): number {
  const xNaN = x !== x, yNaN = y !== y;
  if (xNaN || yNaN) return Number(xNaN) - Number(yNaN);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Rows and lengths that are sorted. */
const SORTED = [[0, 3], [3, 0], [2, 1], [5, 2], [7, 13], [3, 48], [3, 49], [2, 300], [1, 20000]];

for (const [dtype, [type, , scale]] of Object.entries(TYPES)) {
  Deno.test(`argsort_${dtype} and sort_${dtype} are the stable order of each row`, () => {
    const size = type.BYTES_PER_ELEMENT;
    for (const [rows, n] of SORTED) {
      // A narrow range makes ties, and keys that agree in most bytes.
      for (const range of [scale, Math.min(scale, 300), 5]) {
        arena.reset();
        const x = arena.place(
          type,
          sample(dtype, rows! * n!, range, randoms(n! + range)) as number[],
        );
        // NaN of other bits than the usual one.
        const bits = new Uint8Array(arena.memory.buffer, x.at, rows! * n! * size);
        for (let i = 0; i < rows! * n!; i++) {
          if (x.data[i] !== x.data[i]) {
            bits[i * size] = i & 255;
            bits[(i + 1) * size - 1]! ^= i % 3 === 0 ? 0x80 : 0;
          }
        }
        const order = arena.place(Int32Array, rows! * n!), out = arena.place(type, rows! * n!);
        const scratch = arena.place(Uint8Array, argsortScratchBytes(n!, dtype as DType));
        const keys = arena.place(Uint8Array, sortScratchBytes(n!, dtype as DType));
        kernels[`argsort_${dtype}`](rows, n, x.at, order.at, scratch.at);
        kernels[`sort_${dtype}`](rows, n, x.at, out.at, keys.at);
        arena.checkGuards(`${dtype} ${rows},${n}`);
        for (let r = 0; r < rows!; r++) {
          const row = Array.from({ length: n! }, (_, i) => x.data[r * n! + i]!);
          const expected = row.map((_, i) => i).sort((i, j) => before(row[i]!, row[j]!) || i - j);
          const where = `${dtype} ${rows},${n} range ${range}`;
          assertEquals([...order.data.subarray(r * n!, (r + 1) * n!)], expected, where);
          const found = new Uint8Array(arena.memory.buffer, out.at + r * n! * size, n! * size);
          const moved = expected.flatMap((i) => [
            ...bits.subarray((r * n! + i) * size, (r * n! + i + 1) * size),
          ]);
          assertEquals(found.every((byte, i) => byte === moved[i]), true, `bits of ${where}`);
        }
      }
    }
  });
}

type Combine = (x: number | bigint, y: number | bigint) => number | bigint;

const COMBINES: Record<string, Combine> = {
  cumsum: (x, y) => (x as number) + (y as number),
  cumprod: (x, y) => (x as number) * (y as number),
  cummax: (x, y) => typeof x === "bigint" ? (x > y ? x : y) : Math.max(x, y as number),
  cummin: (x, y) => typeof x === "bigint" ? (x < y ? x : y) : Math.min(x, y as number),
};

/** Integers wrap; by way of BigInt, since a product of two 32-bit integers does not fit a number. */
function wrapping(dtype: string, combine: Combine): Combine {
  if (dtype.startsWith("float")) return combine;
  return (x, y) => {
    const whole = combine(BigInt(x), BigInt(y)) as bigint;
    if (dtype === "int64") return BigInt.asIntN(64, whole);
    if (dtype === "int32") return Number(BigInt.asIntN(32, whole));
    return Number(BigInt.asUintN(dtype === "uint8" ? 8 : 32, whole));
  };
}

for (const [dtype, [type]] of Object.entries(TYPES)) {
  if (dtype === "bool") continue;
  for (const [name, plain] of Object.entries(COMBINES)) {
    Deno.test(`${name}_${dtype} runs along the middle axis from either end`, () => {
      const combine = wrapping(dtype, plain);
      const floating = dtype.startsWith("float");
      for (
        const [outer, n, inner] of [
          [0, 4, 2],
          [2, 0, 3],
          [2, 3, 0],
          [1, 1, 1],
          [3, 7, 1],
          [2, 9, 5],
          [2, 5, 40],
          [1, 9000, 1],
          [1, 70, 17],
        ] as const
      ) {
        for (const reverse of [0, 1]) {
          arena.reset();
          const random = randoms(n + inner);
          const values = sample(dtype, outer * n * inner, 3, random).map((v) =>
            // Finite numbers near 1 keep sums and products in range; extremes see NaN and infinities.
            floating && (name === "cumsum" || name === "cumprod") ? 1 + random() / 8 : v
          );
          const x = arena.place(type, values as number[]), out = arena.place(type, values.length);
          kernels[`${name}_${dtype}`](outer, n, inner, reverse, x.at, out.at);
          arena.checkGuards(`${name}_${dtype} ${outer},${n},${inner}`);
          for (let o = 0; o < outer; o++) {
            for (let i = 0; i < inner; i++) {
              let r: number | bigint | undefined;
              for (let j = 0; j < n; j++) {
                const at = (o * n + (reverse ? n - 1 - j : j)) * inner + i;
                r = r === undefined ? x.data[at]! : combine(r, x.data[at]!);
                const got = out.data[at]!;
                const close = floating && typeof r === "number" && Number.isFinite(r) &&
                  Math.abs((got as number) - r) <=
                    Math.abs(r) * (dtype === "float32" ? 2 ** -23 : 1e-12);
                assert(
                  close || Object.is(got, r) || got === r,
                  `${name}_${dtype} [${outer},${n},${inner}] ${reverse} at ${at} is ${got}, expected ${r}`,
                );
              }
            }
          }
          // In place.
          const copy = Array.from({ length: values.length }, (_, i) => out.data[i]!);
          kernels[`${name}_${dtype}`](outer, n, inner, reverse, x.at, x.at);
          assertEquals(Array.from({ length: values.length }, (_, i) => x.data[i]!), copy);
        }
      }
    });
  }
}
