/**
 * Fourier transforms: every kind, of lengths that go each way, agrees with the plain reference; rows do not depend on their neighbours.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type FourierKind,
  fourierKinds,
  fourierScratchBytes,
  fourierTable,
  fourierTableElements,
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

/** Elements of a row of operand and result. */
function rowsOf(kind: FourierKind, n: number): [number, number] {
  const half = 2 * (Math.floor(n / 2) + 1);
  return [
    kind === "irfft" ? half : kind === "rfft" ? n : 2 * n,
    kind === "irfft" ? n : kind === "rfft" ? half : 2 * n,
  ];
}

/** What the kernel makes of rows, with all other memory full of NaN before. */
function run(
  { dtype, Type, size }: typeof dtypes[number],
  kind: FourierKind,
  n: number,
  given: Float64Array,
): { x: Floats; out: Floats } {
  arena.reset();
  const [from, to] = rowsOf(kind, n);
  const rows = given.length / from;
  const x = arena.place<Floats>(Type, given);
  const table = arena.place<Floats>(Type, fourierTable(kind, n, size));
  const out = arena.place<Floats>(Type, rows * to);
  out.data.fill(NaN);
  const scratch = arena.place(Uint8Array, fourierScratchBytes(kind, n, size));
  scratch.data.fill(0xff);
  const [at, number] = [[x, table, out, scratch].map((a) => a.at), fourierKinds.indexOf(kind)];
  kernels[`fft_${dtype}`](rows, n, number, 0.5, ...at);
  arena.checkGuards(`fft_${dtype}, ${kind} of ${n}`);
  return { x: x.data, out: out.data };
}

const lengths = [
  ...Array.from({ length: 40 }, (_, i) => i + 1),
  ...[49, 60, 64, 77, 97, 98, 121, 125, 128, 131, 243, 256, 262, 419, 512, 1000, 1009, 1024, 2310],
];

for (const float of dtypes) {
  Deno.test(`fft_${float.dtype} of any length is as exact as its numbers`, () => {
    for (const n of lengths) {
      for (const kind of fourierKinds) {
        const [from, to] = rowsOf(kind, n);
        for (const rows of n < 200 ? [1, 3, 9] : [2]) {
          const { x, out } = run(
            float,
            kind,
            n,
            Float64Array.from({ length: rows * from }, random),
          );
          const expected = new Float64Array(rows * to);
          runFourier(rows, n, kind, 0.5, x, expected);
          let [wrong, size] = [0, 0];
          for (let i = 0; i < expected.length; i++) {
            wrong += (out[i] - expected[i]) ** 2;
            size += expected[i] ** 2;
          }
          // A prime's reference is a sum, with an error that grows with its length.
          const far = Math.sqrt(wrong / size) / float.eps;
          assert(far < (float.size === 8 && n > 130 ? 20 : 6), `${kind} of ${n}: ${far} eps apart`);
        }
      }
    }
  });

  Deno.test(`fft_${float.dtype}: a row has the same bits beside any others`, () => {
    for (const n of [1, 6, 7, 16, 31, 60, 67, 131]) {
      for (const kind of fourierKinds) {
        const [from, to] = rowsOf(kind, n);
        const all = Float64Array.from({ length: 11 * from }, random);
        const together = run(float, kind, n, all).out.slice();
        for (const row of [0, 3, 10]) {
          const alone = run(float, kind, n, all.slice(row * from, (row + 1) * from)).out;
          assertEquals(
            alone,
            together.slice(row * to, (row + 1) * to),
            `${kind} of ${n}, row ${row}`,
          );
        }
        all.fill(NaN, from, 2 * from);
        const beside = run(float, kind, n, all).out;
        assertEquals(beside.slice(0, to), together.slice(0, to), `${kind} of ${n} beside NaN`);
        assert(Number.isNaN(beside[to]));
      }
    }
  });
}

Deno.test("tables are as long as is said, whatever the length", () => {
  for (const n of [...lengths, 4096, 5000, 10007]) {
    for (const kind of fourierKinds) {
      for (const size of [4, 8] as const) {
        assertEquals(fourierTable(kind, n, size).length, fourierTableElements(kind, n, size));
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
