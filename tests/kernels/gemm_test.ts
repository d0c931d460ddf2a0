/**
 * The product kernels against a plain triple loop.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { gemmScratchBytes } from "../../src/loopnest/gemm_plan.ts";
import { Arena, type ArrayType, randoms } from "./arena.ts";

const arena = new Arena(1024);

interface Kind {
  readonly name: "gemm_f32" | "gemm_f64";
  readonly type: ArrayType<Float32Array | Float64Array>;
  readonly epsilon: number;
}

const KINDS: Kind[] = [
  { name: "gemm_f32", type: Float32Array, epsilon: 2 ** -23 },
  { name: "gemm_f64", type: Float64Array, epsilon: 2 ** -52 },
];

/** A matrix in memory: `origin` is the index of element [0, 0], strides may be 0 or negative. */
interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly length: number;
  readonly origin: number;
}

/** The layouts that callers make: row-major, transposed, a strided view, reversed rows, broadcast. */
const LAYOUTS: Record<string, (r: number, c: number) => Layout> = {
  n: (r, c) => ({ rows: c, columns: 1, length: r * c, origin: 0 }),
  t: (r, c) => ({ rows: 1, columns: r, length: r * c, origin: 0 }),
  s: (r, c) => ({ rows: 2 * c + 3, columns: 2, length: r * (2 * c + 3), origin: 0 }),
  r: (r, c) => ({ rows: -c, columns: 1, length: r * c, origin: (r - 1) * c }),
  b: (_r, c) => ({ rows: 0, columns: 1, length: c, origin: 0 }),
};

/** Runs one product and compares every element of C, the gaps of C and the guards. */
function check(
  kind: Kind,
  m: number,
  n: number,
  k: number,
  how: string,
  accumulate: boolean,
): void {
  const what = `${kind.name} ${m}x${n}x${k} ${how}${accumulate ? " +" : ""}`;
  const size = kind.type.BYTES_PER_ELEMENT;
  const random = randoms(m * 7919 + n * 104729 + k);
  arena.reset();
  const la = LAYOUTS[how[0]!]!(m, k), lb = LAYOUTS[how[1]!]!(k, n);
  const a = arena.place(kind.type, Array.from({ length: la.length }, random));
  const b = arena.place(kind.type, Array.from({ length: lb.length }, random));
  const stride = n + 3;
  const c = arena.place(kind.type, Array.from({ length: m * stride }, random));
  const scratch = arena.place(Uint8Array, gemmScratchBytes(m, n, k, size as 4 | 8));
  const before = c.data.slice();
  arena.kernels[kind.name](
    m,
    n,
    k,
    a.at + la.origin * size,
    la.rows,
    la.columns,
    b.at + lb.origin * size,
    lb.rows,
    lb.columns,
    c.at,
    stride,
    scratch.at,
    accumulate ? 1 : 0,
  );
  arena.checkGuards(what);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < stride; j++) {
      const old = before[i * stride + j]!, got = c.data[i * stride + j]!;
      if (j >= n) {
        assertEquals(got, old, `${what}: wrote beyond row ${i}`);
        continue;
      }
      let sum = accumulate ? old : 0;
      let magnitude = Math.abs(sum);
      for (let p = 0; p < k; p++) {
        const term = a.data[la.origin + i * la.rows + p * la.columns]! *
          b.data[lb.origin + p * lb.rows + j * lb.columns]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      const bound = kind.epsilon * magnitude * (4 + Math.sqrt(k));
      assert(Math.abs(got - sum) <= bound, `${what}: [${i}, ${j}] is ${got}, expected ${sum}`);
    }
  }
}

const SHAPES: [number, number, number][] = [
  ...[[1, 1, 1], [2, 3, 4], [4, 4, 4], [5, 7, 3], [6, 8, 10], [7, 9, 11], [8, 8, 8], [12, 12, 1]],
  ...[[13, 17, 300], [16, 10, 512], [17, 1, 33], [1, 17, 33], [1, 300, 259], [300, 1, 259], [
    3,
    100,
    50,
  ]],
  ...[[100, 3, 50], [31, 33, 35], [64, 64, 64], [67, 65, 300], [200, 30, 20], [195, 21, 257]],
  ...[[11, 1030, 17], [40, 10, 100], [10, 40, 100], [14, 15, 16], [15, 14, 1025], [26, 12, 64]],
  ...[
    [1, 1, 700],
    [1, 9000, 7],
    [9000, 1, 7],
    [50, 70, 1],
    [2, 2, 1100],
    [33, 9, 70],
    [21, 11, 301],
    [9, 50, 303],
    [10, 64, 530],
    [197, 45, 645],
    [25, 70, 1301],
    [200, 1030, 7],
  ],
] as [number, number, number][];

for (const kind of KINDS) {
  Deno.test(`${kind.name} is the product for all shapes, layouts and both modes`, () => {
    for (const [m, n, k] of SHAPES) {
      for (const how of ["nn", "nt", "tn", "tt", "ss", "sn", "rr", "bn", "nb", "tr"]) {
        check(kind, m, n, k, how, false);
        check(kind, m, n, k, how, true);
      }
    }
  });

  Deno.test(`${kind.name} is the product for few rows and contiguous columns`, () => {
    for (let m = 1; m <= 33; m++) {
      for (const [n, k] of [[m, 19], [41, 33], [67, 21]] as const) {
        check(kind, m, n, k, "nt", false);
        check(kind, m, n, k, "rt", true);
        check(kind, n, m, k, "nt", m % 2 === 0);
      }
    }
    for (
      const [m, n, k] of [
        ...[[17, 260, 519], [16, 50, 1301], [30, 47, 650], [48, 70, 80]] as const,
        ...[[21, 58, 90], [16, 49, 1301], [64, 84, 650], [80, 83, 90], [81, 83, 90]] as const,
      ]
    ) {
      check(kind, m, n, k, "nt", false);
      check(kind, m, n, k, "tt", true);
    }
  });

  Deno.test(`${kind.name} makes the same bits of a range of columns as of all`, () => {
    const size = kind.type.BYTES_PER_ELEMENT;
    for (const m of [1, 2, 5, 8, 9, 10, 13, 16, 17, 20, 31, 33, 48, 49, 64, 80, 81]) {
      for (const [n, k] of [[96, 384], [131, 1030], [400, 411]] as const) {
        arena.reset();
        const random = randoms(m + n);
        const a = arena.place(kind.type, Array.from({ length: m * k }, random));
        const b = arena.place(kind.type, Array.from({ length: n * k }, random));
        const whole = arena.place(kind.type, m * n), parts = arena.place(kind.type, m * n);
        const scratch = arena.place(Uint8Array, gemmScratchBytes(m, n, k, size as 4 | 8)).at;
        const multiply = (from: number, count: number, c: number) =>
          arena.kernels[kind.name](
            ...[m, count, k, a.at, k, 1, b.at + from * k * size, 1, k] as const,
            ...[c + from * size, n, scratch, 0] as const,
          );
        multiply(0, n, whole.at);
        for (const [from, count] of [[0, 32], [32, 48], [80, n - 80]] as const) {
          multiply(from, count, parts.at);
        }
        assertEquals(parts.data, whole.data, `${kind.name} ${m}x${n}x${k}`);
      }
    }
  });

  Deno.test(`${kind.name} of an empty inner axis is zero, and empty results touch nothing`, () => {
    for (const [m, n, k] of [[5, 5, 0], [1, 4, 0], [0, 4, 4], [4, 0, 4], [0, 0, 0]] as const) {
      check(kind, m, n, k, "nn", false);
      check(kind, m, n, k, "nn", true);
    }
  });

  Deno.test(`${kind.name} keeps NaN and infinities in their rows and columns`, () => {
    const size = kind.type.BYTES_PER_ELEMENT;
    for (
      const [m, n, k] of [[7, 9, 5], [4, 3, 40], [40, 5, 40], [5, 40, 40], [1, 9, 9], [
        9,
        1,
        9,
      ]] as const
    ) {
      for (const how of ["nn", "nt", "tn", "tt"]) {
        arena.reset();
        const la = LAYOUTS[how[0]!]!(m, k), lb = LAYOUTS[how[1]!]!(k, n);
        const a = arena.place(kind.type, new Array(m * k).fill(1));
        const b = arena.place(kind.type, new Array(k * n).fill(1));
        const c = arena.place(kind.type, m * n);
        const scratch = arena.place(kind.type, gemmScratchBytes(m, n, k, size as 4 | 8) / size);
        scratch.data.fill(NaN);
        // The last row of A and the last column of B lie beside the padding.
        a.data[(m - 1) * la.rows + (k - 1) * la.columns] = Infinity;
        b.data[(n - 1) * lb.columns] = NaN;
        const { name } = kind;
        arena.kernels[name](
          m,
          n,
          k,
          a.at,
          la.rows,
          la.columns,
          b.at,
          lb.rows,
          lb.columns,
          c.at,
          n,
          scratch.at,
          0,
        );
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const expected = j === n - 1 ? NaN : i === m - 1 ? Infinity : k;
            assertEquals(c.data[i * n + j], expected, `${name} ${m}x${n}x${k} ${how} [${i}, ${j}]`);
          }
        }
      }
    }
  });
}
