/**
 * QR, eigenvalues and singular values of matrices that are hard for iterations: graded, clustered, of less than full rank, with zeros where a step
 * divides, near the ends of the range. Factors multiply to the matrix, and are orthonormal, to a small multiple of n · ε.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  eighScratchBytes,
  qrScratchBytes,
  svdScratchBytes,
} from "../../src/loopnest/factor_plan.ts";
import { Arena, randoms } from "./arena.ts";

type Floats = Float32Array | Float64Array;
type Entry = (i: number, j: number) => number;

const arena = new Arena(256);
const kernels = arena.kernels as unknown as Record<string, (...args: number[]) => void>;
const random = randoms(7);

/** Matrices [m, n] by name: element (i, j). */
function spectra(m: number, n: number): Readonly<Record<string, Entry>> {
  const at = (x: Float64Array): Entry => (i, j) => x[i * n + j];
  const uniform = Float64Array.from({ length: m * n }, random);
  const place = (i: number, j: number) => (i + j) / (m + n);
  return {
    random: at(uniform),
    zero: () => 0,
    ones: () => 1 / Math.sqrt(m * n),
    identity: (i, j) => Number(i === j),
    "graded down": (i, j) => uniform[i * n + j] * 10 ** (-12 * place(i, j)),
    "graded up": (i, j) => uniform[i * n + j] * 10 ** (12 * (place(i, j) - 1)),
    "close to the identity": (i, j) => Number(i === j) + 1e-7 * uniform[i * n + j],
    "Wilkinson's": (i, j) =>
      (i === j ? Math.abs(i - n / 2) : Number(Math.abs(i - j) === 1)) / Math.max(1, n),
    "of rank two": (i, j) => Math.sin(i) * Math.cos(j) + Math.cos(2 * i) * Math.sin(3 * j),
    "zeros on a bidiagonal": (i, j) => i === j ? Number(i % 3 > 0) : Number(j === i + 1),
    nilpotent: (i, j) => Number(j === i + 1),
    Hilbert: (i, j) => 1 / (i + j + 1),
    tiny: (i, j) => uniform[i * n + j] * 1e-37,
    huge: (i, j) => uniform[i * n + j] * 1e37,
    subnormal: (i, j) => uniform[i * n + j] * 2 ** -1060,
  };
}

/** The largest size of Σ_l a(i, l) · b(l, j) - c(i, j). */
function residual(
  [m, n, k]: readonly [number, number, number],
  a: Entry,
  b: Entry,
  c: Entry,
): number {
  let largest = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = -c(i, j);
      for (let l = 0; l < k; l++) sum += a(i, l) * b(l, j);
      if (!(Math.abs(sum) <= largest)) largest = Math.abs(sum);
    }
  }
  return largest;
}

const same: Entry = (i, j) => Number(i === j);

for (
  const { dtype, Type, size, eps } of [
    { dtype: "float32", Type: Float32Array, size: 4, eps: 2 ** -23 },
    { dtype: "float64", Type: Float64Array, size: 8, eps: 2 ** -52 },
  ] as const
) {
  const empty = (n: number) => arena.place<Floats>(Type, n);
  /** Scratch space of any content. */
  const scratch = (bytes: number) => {
    const space = arena.place(Uint8Array, bytes);
    space.data.fill(0xff);
    return space.at;
  };
  const entry = (x: Floats, columns: number, scale = 1): Entry => (i, j) =>
    x[i * columns + j] / scale;
  const given = (m: number, n: number, of: Entry) => {
    arena.reset();
    const x = arena.place<Floats>(
      Type,
      Float64Array.from({ length: m * n }, (_, k) => of(Math.floor(k / n), k % n)),
    );
    // A lower bound of the matrix's norm.
    let scale = 0;
    for (let i = 0; i < m; i++) {
      const row = Array.from(x.data.subarray(i * n, (i + 1) * n), Math.abs);
      scale = Math.max(scale, ...row, row.reduce((sum, v) => sum + v, 0) / Math.sqrt(n));
    }
    // Results are no more precise than the smallest number.
    return {
      x,
      scale: scale || 1,
      last: 4 * m * (size === 4 ? 2 ** -149 : 2 ** -1074) / (scale || 1),
    };
  };

  Deno.test(`qr_${dtype}: matrices of many kinds`, () => {
    for (const [m, n] of [[2, 2], [9, 3], [33, 33], [20, 70], [70, 33], [3, 100], [66, 65]]) {
      for (const [name, of] of Object.entries(spectra(m, n))) {
        const { x, scale, last } = given(m, n, of);
        const [q, r] = [empty(m * m), empty(m * n)];
        kernels[`qr_${dtype}`](1, m, n, 1, x.at, q.at, r.at, scratch(qrScratchBytes(m, n, size)));
        const where = `${name} [${m}, ${n}]`;
        arena.checkGuards(where);
        const [qs, rs] = [entry(q.data, m), entry(r.data, n, scale)];
        const tolerance = 4 * eps * Math.max(m, n);
        assert(residual([m, m, m], (i, j) => qs(j, i), qs, same) <= tolerance, where);
        assert(residual([m, n, m], qs, rs, entry(x.data, n, scale)) <= tolerance + last, where);
      }
    }
  });

  Deno.test(`eigh_${dtype}: matrices of many kinds`, () => {
    for (const n of [1, 2, 3, 9, 32, 33, 64, 70]) {
      for (const [name, of] of Object.entries(spectra(n, n))) {
        const { x, scale, last } = given(n, n, (i, j) => of(Math.max(i, j), Math.min(i, j)));
        const [w, v] = [empty(n), empty(n * n)];
        kernels[`eigh_${dtype}`](1, n, x.at, w.at, v.at, scratch(eighScratchBytes(n, size)));
        const where = `${name} ${n}`;
        arena.checkGuards(where);
        const vs = entry(v.data, n);
        assert(residual([n, n, n], (i, j) => vs(j, i), vs, same) <= 4 * eps * n, where);
        const turned: Entry = (i, j) => vs(i, j) * (w.data[j] / scale);
        assert(
          residual([n, n, n], entry(x.data, n, scale), vs, turned) <= 4 * eps * n + last,
          where,
        );
        assert(w.data.every((value, i) => i === 0 || w.data[i - 1] <= value), where);
      }
    }
  });

  Deno.test(`svd_${dtype}: matrices of many kinds`, () => {
    for (
      const [m, n] of [[1, 1], [2, 2], [9, 3], [32, 32], [33, 33], [66, 65], [70, 33], [70, 70]]
    ) {
      for (const [name, of] of Object.entries(spectra(m, n))) {
        const { x, scale, last } = given(m, n, of);
        const [u, s, v] = [empty(m * m), empty(n), empty(n * n)];
        const space = scratch(svdScratchBytes(m, n, m, size));
        kernels[`svd_${dtype}`](1, m, n, 1, x.at, u.at, s.at, v.at, space);
        const where = `${name} [${m}, ${n}]`;
        arena.checkGuards(where);
        const [us, vs] = [entry(u.data, m), entry(v.data, n)];
        assert(residual([m, m, m], (i, j) => us(j, i), us, same) <= 4 * eps * m, where);
        assert(residual([n, n, n], (i, j) => vs(j, i), vs, same) <= 4 * eps * m, where);
        const scaled: Entry = (i, j) => us(i, j) * (s.data[j] / scale);
        assert(
          residual([m, n, n], scaled, vs, entry(x.data, n, scale)) <= 4 * eps * m + last,
          where,
        );
        assert(
          s.data.every((value, i) => value >= 0 && (i === 0 || s.data[i - 1] >= value)),
          where,
        );
      }
    }
  });

  Deno.test(`eigh_${dtype} and svd_${dtype}: what is not finite gives NaN`, () => {
    for (const n of [1, 5, 40]) {
      for (const value of [NaN, Infinity, -Infinity]) {
        const { x } = given(n, n, (i, j) => i === n - 1 && j === 0 ? value : Number(i === j));
        const [u, s, v] = [empty(n * n), empty(n), empty(n * n)];
        kernels[`eigh_${dtype}`](1, n, x.at, s.at, v.at, scratch(eighScratchBytes(n, size)));
        assert([...s.data, ...v.data].every(Number.isNaN), `eigh ${n} ${value}`);
        const space = scratch(svdScratchBytes(n, n, n, size));
        kernels[`svd_${dtype}`](1, n, n, 1, x.at, u.at, s.at, v.at, space);
        assert([...u.data, ...s.data, ...v.data].every(Number.isNaN), `svd ${n} ${value}`);
      }
    }
  });
}
