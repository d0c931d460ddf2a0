/**
 * Fourier transforms: every kind, of lengths that go each way, agrees with the plain reference; rows do not depend on their neighbours.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  fourierElements,
  fourierScratchBytes,
  fourierTable,
  fourierTableElements,
  type FourierWork,
  fourierWorks,
  rootOfUnity,
  runFourier,
} from "../../src/loopnest/fourier_plan.ts";
import { Arena, randoms } from "./arena.ts";

type Floats = Float32Array | Float64Array;

const arena = new Arena(512);
const kernels = arena.kernels as unknown as Record<string, (...args: number[]) => void>;
const random = randoms(1);

const dtypes = [
  { dtype: "float32", Type: Float32Array, size: 4, eps: 2 ** -24 },
  { dtype: "float64", Type: Float64Array, size: 8, eps: 2 ** -53 },
] as const;

/** What the kernel makes of rows, with all other memory full of NaN before. */
function run(
  { dtype, Type, size }: typeof dtypes[number],
  work: FourierWork,
  n: number,
  given: Float64Array,
  inner = 1,
): { x: Floats; out: Floats } {
  arena.reset();
  const [from, to] = fourierElements(work, n);
  const rows = given.length / from / inner;
  const x = arena.place<Floats>(Type, given);
  const table = arena.place<Floats>(Type, fourierTable(work, n, size));
  const out = arena.place<Floats>(Type, rows * to * inner);
  out.data.fill(NaN);
  const scratch = arena.place(Uint8Array, fourierScratchBytes(work, n, inner, size));
  scratch.data.fill(0xff);
  const [at, number] = [[x, table, out, scratch].map((a) => a.at), fourierWorks.indexOf(work)];
  kernels[`fft_${dtype}`](rows, n, inner, number, 0.5, ...at);
  arena.checkGuards(`fft_${dtype}, ${work} of ${n}`);
  return { x: x.data, out: out.data };
}

/** [outer, m, n] as [outer, n, m], of elements of so many parts. */
function turnedOver(x: ArrayLike<number>, outer: number, m: number, n: number, parts: number) {
  const out = new Float64Array(x.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let p = 0; p < parts; p++) {
          out[((o * n + j) * m + i) * parts + p] = x[((o * m + i) * n + j) * parts + p];
        }
      }
    }
  }
  return out;
}

const lengths = [
  ...Array.from({ length: 40 }, (_, i) => i + 1),
  ...[49, 60, 64, 77, 97, 98, 121, 125, 128, 131, 243, 256, 262, 419, 512, 1000, 1009, 1024, 2310],
];

for (const float of dtypes) {
  Deno.test(`fft_${float.dtype} of any length is as exact as its numbers`, () => {
    for (const n of lengths) {
      for (const work of fourierWorks) {
        const [from, to] = fourierElements(work, n);
        for (const rows of n < 200 ? [1, 3, 9] : [2]) {
          const { x, out } = run(
            float,
            work,
            n,
            Float64Array.from({ length: rows * from }, random),
          );
          const expected = new Float64Array(rows * to);
          runFourier([rows, n, 1], work, 0.5, x, expected);
          let [wrong, size] = [0, 0];
          for (let i = 0; i < expected.length; i++) {
            wrong += (out[i] - expected[i]) ** 2;
            size += expected[i] ** 2;
          }
          // A prime's reference is a sum, with an error that grows with its length.
          const far = Math.sqrt(wrong / size) / float.eps;
          assert(far < (float.size === 8 && n > 130 ? 20 : 6), `${work} of ${n}: ${far} eps apart`);
        }
      }
    }
  });

  Deno.test(`fft_${float.dtype} along another axis has the bits of rows`, () => {
    for (const n of [1, 2, 9, 32, 45, 48, 131]) {
      for (const work of fourierWorks) {
        const [from, to] = fourierElements(work, n);
        for (const [outer, inner] of [[1, 2], [2, 3], [1, 9], [3, 17]]) {
          const columns = Float64Array.from({ length: outer * from * inner }, random);
          // Complex numbers stay together.
          const [xParts, outParts] = [
            work === "rfft" || work.endsWith("reals") ? 1 : 2,
            work === "irfft" ? 1 : 2,
          ];
          const rows = turnedOver(columns, outer, from / xParts, inner, xParts);
          const expected = turnedOver(
            run(float, work, n, rows).out,
            outer,
            inner,
            to / outParts,
            outParts,
          );
          const { out } = run(float, work, n, columns, inner);
          assertEquals(Float64Array.from(out), expected, `${work} of ${n}, ${outer} by ${inner}`);
        }
      }
    }
  });

  Deno.test(`fft_${float.dtype}: a row has the same bits beside any others`, () => {
    for (const n of [1, 6, 7, 16, 31, 60, 67, 131]) {
      for (const work of fourierWorks) {
        const [from, to] = fourierElements(work, n);
        const all = Float64Array.from({ length: 11 * from }, random);
        const together = run(float, work, n, all).out.slice();
        for (const row of [0, 3, 10]) {
          const alone = run(float, work, n, all.slice(row * from, (row + 1) * from)).out;
          assertEquals(
            alone,
            together.slice(row * to, (row + 1) * to),
            `${work} of ${n}, row ${row}`,
          );
        }
        all.fill(NaN, from, 2 * from);
        const beside = run(float, work, n, all).out;
        assertEquals(beside.slice(0, to), together.slice(0, to), `${work} of ${n} beside NaN`);
        assert(Number.isNaN(beside[to]));
      }
    }
  });
}

Deno.test("tables are as long as is said, whatever the length", () => {
  for (const n of [...lengths, 4096, 5000, 10007]) {
    for (const work of fourierWorks) {
      for (const size of [4, 8] as const) {
        assertEquals(fourierTable(work, n, size).length, fourierTableElements(work, n, size));
      }
    }
  }
});

Deno.test("roots of unity are exact on the axes, and conjugates of each other", () => {
  const axes = [[1, 0], [0, -1], [-1, 0], [0, 1]];
  for (let k = 0; k < 8; k++) {
    // Zeros may be negative.
    assertEquals(rootOfUnity(25 * k, 100).map((x) => x + 0), axes[k % 4]);
  }
  for (let k = 1; k < 100; k++) {
    const [[a, b], [c, d]] = [rootOfUnity(k, 100), rootOfUnity(100 - k, 100)];
    assertEquals([a + 0, b + 0], [c + 0, 0 - d]);
  }
});
