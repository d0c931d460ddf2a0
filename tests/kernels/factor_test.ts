/**
 * Factorisations: their products give the matrix back, their factors have the form they should, and they agree with the references
 * where the answer is unique.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { findKernel } from "../../src/loopnest/kernels.ts";
import {
  choleskyScratchBytes,
  eighScratchBytes,
  luScratchBytes,
  qrScratchBytes,
  svdScratchBytes,
  triangularScratchBytes,
} from "../../src/loopnest/factor_plan.ts";
import { Arena, randoms } from "./arena.ts";

type Floats = Float32Array | Float64Array;

const arena = new Arena(2048);
const kernels = arena.kernels as unknown as Record<string, (...args: number[]) => void>;

const random = randoms(1);

const dtypes = [
  { dtype: "float32", Type: Float32Array, size: 4, eps: 2 ** -23 },
  { dtype: "float64", Type: Float64Array, size: 8, eps: 2 ** -52 },
] as const;

/** Entry (i, j) of matrix `b` of a stack of [rows, columns]. */
function entry(x: Floats, rows: number, columns: number) {
  return (b: number, i: number, j: number): number => x[(b * rows + i) * columns + j];
}

/** The largest difference from zero of Σ_k a(b, i, k) · c(b, k, j) - d(b, i, j). */
function residual(
  [batch, m, n, k]: readonly number[],
  a: (b: number, i: number, j: number) => number,
  c: (b: number, i: number, j: number) => number,
  d: (b: number, i: number, j: number) => number,
): number {
  let largest = 0;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = -d(b, i, j);
        for (let l = 0; l < k; l++) sum += a(b, i, l) * c(b, l, j);
        largest = Math.max(largest, Number.isNaN(sum) ? Infinity : Math.abs(sum));
      }
    }
  }
  return largest;
}

const same = (_b: number, i: number, j: number) => Number(i === j);
type Entry = (b: number, i: number, j: number) => number;
const flipped = (a: Entry): Entry => (b, i, j) => a(b, j, i);

const squares = [[1, 0], [2, 1], [3, 2], [2, 5], [1, 17], [2, 47], [1, 48], [1, 49], [1, 97], [
  1,
  200,
]];
const shapes = [[1, 1, 1], [2, 3, 2], [2, 2, 3], [1, 5, 5], [1, 60, 7], [1, 7, 60], [1, 97, 50], [
  1,
  130,
  130,
]];

for (const { dtype, Type, size, eps } of dtypes) {
  const filled = (n: number) => arena.place<Floats>(Type, Float64Array.from({ length: n }, random));
  const empty = (n: number) => arena.place<Floats>(Type, n);
  const bytes = (n: number) => arena.place(Uint8Array, n);
  /** Positive definite matrices. */
  const definite = (batch: number, n: number) => {
    const x = filled(batch * n * n);
    const at = entry(x.data.slice(), n, n);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let sum = i === j ? 0.5 * n : 0;
          for (let k = 0; k < n; k++) sum += at(b, i, k) * at(b, j, k);
          x.data[(b * n + i) * n + j] = sum;
        }
      }
    }
    return x;
  };
  const reference = (family: string, ...args: (number | Floats | Int32Array)[]) =>
    findKernel(`${family}_${dtype}`)!.reference(args);

  Deno.test(`cholesky_${dtype}: L · Lᵀ is the matrix, as the reference has it`, () => {
    for (const [batch, n] of squares) {
      arena.reset();
      const [x, out] = [definite(batch, n), empty(batch * n * n)];
      const scratch = bytes(choleskyScratchBytes(n, size));
      kernels[`cholesky_${dtype}`](batch, n, x.at, out.at, scratch.at);
      arena.checkGuards(`cholesky ${batch},${n}`);
      const l = entry(out.data, n, n);
      const error = residual([batch, n, n, n], l, flipped(l), entry(x.data, n, n));
      assert(error <= 8 * eps * n * n, `${batch},${n}: ${error}`);
      const expected = new Type(batch * n * n);
      reference("cholesky", batch, n, x.data, expected, 0);
      out.data.forEach((v, i) => assert(Math.abs(v - expected[i]) <= 40 * eps * n, `${n}: ${i}`));
    }
  });

  Deno.test(`cholesky_${dtype}: a matrix that is not positive definite gives NaN, its neighbours are right`, () => {
    arena.reset();
    const x = arena.place<Floats>(Type, [4, 0, 2, 5, /**/ 1, 0, 2, 1, /**/ 9, 0, 0, 4]);
    const out = empty(12);
    kernels[`cholesky_${dtype}`](3, 2, x.at, out.at, bytes(choleskyScratchBytes(2, size)).at);
    assertEquals([...out.data], [2, 0, 1, 2, NaN, 0, NaN, NaN, 3, 0, 0, 2]);
  });

  Deno.test(`triangularSolve_${dtype}: the product with the solution is the right-hand side`, () => {
    for (const [batch, n] of squares) {
      for (const m of [1, 2, 7, 33]) {
        for (let form = 0; form < 8; form++) {
          const [lower, transposed, unit] = [form & 1, (form >> 1) & 1, form >> 2];
          if (n > 60 && (m === 2 || unit)) continue;
          arena.reset();
          const [a, b, out] = [filled(batch * n * n), filled(batch * n * m), empty(batch * n * m)];
          for (let i = 0; i < batch * n; i++) {
            for (let j = 0; j < n; j++) a.data[i * n + j] *= i % n === j ? 0 : 1 / n;
            a.data[i * n + i % n] = 1.5 + random();
          }
          const scratch = bytes(triangularScratchBytes(n, m, size));
          kernels[`triangularSolve_${dtype}`](
            ...[batch, n, m, lower, transposed, unit],
            ...[a.at, b.at, out.at, scratch.at],
          );
          const where = `${batch},${n},${m} lower=${lower} transposed=${transposed} unit=${unit}`;
          arena.checkGuards(where);
          const given = entry(a.data, n, n);
          const half: Entry = (s, i, j) =>
            i === j ? (unit ? 1 : given(s, i, j)) : (i > j) === Boolean(lower) ? given(s, i, j) : 0;
          const error = residual(
            [batch, n, m, n],
            transposed ? flipped(half) : half,
            entry(out.data, n, m),
            entry(b.data, n, m),
          );
          assert(error <= 16 * eps * Math.max(1, n), `${where}: ${error}`);
          const expected = new Type(batch * n * m);
          reference(
            "triangularSolve",
            batch,
            n,
            m,
            lower,
            transposed,
            unit,
            a.data,
            b.data,
            expected,
            0,
          );
          out.data.forEach((v, i) => assert(Math.abs(v - expected[i]) <= 100 * eps * n, where));
        }
      }
    }
  });

  Deno.test(`lu_${dtype}: L · U is the matrix with its rows exchanged`, () => {
    for (const [batch, m, n] of shapes) {
      arena.reset();
      const k = Math.min(m, n);
      const [x, out] = [filled(batch * m * n), empty(batch * m * n)];
      const [pivots, order] = [
        arena.place(Int32Array, batch * k),
        arena.place(Int32Array, batch * m),
      ];
      const scratch = bytes(luScratchBytes(m, size));
      kernels[`lu_${dtype}`](batch, m, n, x.at, out.at, pivots.at, order.at, scratch.at);
      arena.checkGuards(`lu ${m},${n}`);
      const [lu, given] = [entry(out.data, m, n), entry(x.data, m, n)];
      const error = residual(
        [batch, m, n, k],
        (b, i, j) => i === j ? 1 : i > j ? lu(b, i, j) : 0,
        (b, i, j) => i <= j ? lu(b, i, j) : 0,
        (b, i, j) => given(b, order.data[b * m + i], j),
      );
      assert(error <= 8 * eps * k, `${m},${n}: ${error}`);
      const expected = [
        new Type(batch * m * n),
        new Int32Array(batch * k),
        new Int32Array(batch * m),
      ];
      reference("lu", batch, m, n, x.data, ...expected as [Floats, Int32Array, Int32Array], 0);
      assertEquals([...pivots.data, ...order.data], [...expected[1], ...expected[2]]);
    }
  });

  Deno.test(`qr_${dtype}: Q · R is the matrix, Q has orthonormal columns, R is upper triangular`, () => {
    for (const [batch, m, n] of shapes) {
      for (const full of [0, 1]) {
        arena.reset();
        const columns = full ? m : Math.min(m, n);
        const [x, q, r] = [
          filled(batch * m * n),
          empty(batch * m * columns),
          empty(batch * columns * n),
        ];
        const scratch = bytes(qrScratchBytes(m, n, size));
        kernels[`qr_${dtype}`](batch, m, n, full, x.at, q.at, r.at, scratch.at);
        arena.checkGuards(`qr ${m},${n}`);
        const [qs, rs] = [entry(q.data, m, columns), entry(r.data, columns, n)];
        const tolerance = 8 * eps * Math.max(m, n);
        const error = residual([batch, m, n, columns], qs, rs, entry(x.data, m, n));
        assert(error <= tolerance, `${m},${n}: ${error}`);
        assert(residual([batch, columns, columns, m], flipped(qs), qs, same) <= tolerance);
        for (let i = 1; i < columns; i++) {
          for (let j = 0; j < Math.min(i, n); j++) assertEquals(rs(0, i, j), 0);
        }
        const expected = [new Type(q.data.length), new Type(r.data.length)];
        reference("qr", batch, m, n, full, x.data, expected[0], expected[1], 0);
        r.data.forEach((v, i) =>
          assert(Math.abs(v - expected[1][i]) <= 50 * tolerance, `${m},${n}`)
        );
      }
    }
  });

  Deno.test(`eigh_${dtype}: A · V is V · diag(w), V is orthonormal, w ascends`, () => {
    for (const [batch, n] of squares) {
      arena.reset();
      const x = filled(batch * n * n);
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < i; j++) x.data[(b * n + i) * n + j] = x.data[(b * n + j) * n + i];
        }
      }
      const [w, v] = [empty(batch * n), empty(batch * n * n)];
      kernels[`eigh_${dtype}`](batch, n, x.at, w.at, v.at, bytes(eighScratchBytes(n, size)).at);
      const alone = empty(batch * n);
      const scratch = bytes(eighScratchBytes(n, size));
      kernels[`eigvalsh_${dtype}`](batch, n, x.at, alone.at, scratch.at);
      arena.checkGuards(`eigh ${n}`);
      assertEquals(alone.data, w.data, `${n}, values alone`);
      const vs = entry(v.data, n, n);
      const tolerance = 8 * eps * n;
      const error = residual(
        [batch, n, n, n],
        entry(x.data, n, n),
        vs,
        (b, i, j) => vs(b, i, j) * w.data[b * n + j],
      );
      assert(error <= tolerance, `${n}: ${error}`);
      assert(residual([batch, n, n, n], flipped(vs), vs, same) <= tolerance, `${n}`);
      for (let i = 1; i < n; i++) assert(w.data[i - 1] <= w.data[i]);
      if (n > 60) continue;
      const expected = [new Type(batch * n), new Type(batch * n * n)];
      reference("eigh", batch, n, x.data, expected[0], expected[1], 0);
      const values = new Type(batch * n);
      reference("eigvalsh", batch, n, x.data, values, 0);
      assertEquals(values, expected[0]);
      w.data.forEach((value, i) => assert(Math.abs(value - expected[0][i]) <= tolerance, `${n}`));
    }
  });

  Deno.test(`eigh_${dtype}: matrices that are diagonal, of rank one, zero, not numbers`, () => {
    const n = 6;
    const of = (f: (i: number, j: number) => number) => {
      arena.reset();
      const x = arena.place<Floats>(
        Type,
        Float64Array.from({ length: n * n }, (_, k) => f(Math.floor(k / n), k % n)),
      );
      const [w, v] = [empty(n), empty(n * n)];
      kernels[`eigh_${dtype}`](1, n, x.at, w.at, v.at, bytes(eighScratchBytes(n, size)).at);
      return [...w.data].map((value) => Math.round(value * 1e4) / 1e4 + 0);
    };
    assertEquals(of((i, j) => i === j ? 3 - i : 0), [-2, -1, 0, 1, 2, 3]);
    assertEquals(of(() => 1), [0, 0, 0, 0, 0, 6]);
    assertEquals(of(() => 0), [0, 0, 0, 0, 0, 0]);
    assertEquals(of((i, j) => i === j && i === 2 ? NaN : 1), Array(n).fill(NaN));
  });

  Deno.test(`svd_${dtype}: U · diag(s) · V is the matrix, U and V are orthonormal, s descends`, () => {
    for (const [batch, m, n] of shapes.filter(([, m, n]) => m >= n)) {
      for (const full of [0, 1]) {
        arena.reset();
        const columns = full ? m : n;
        const x = filled(batch * m * n);
        if (n > 2) { for (let i = 0; i < m; i++) x.data[i * n + 1] = 2 * x.data[i * n]; // of less than full rank
         }
        const [u, s, v] = [empty(batch * m * columns), empty(batch * n), empty(batch * n * n)];
        const scratch = bytes(svdScratchBytes(m, n, columns, size));
        kernels[`svd_${dtype}`](batch, m, n, full, x.at, u.at, s.at, v.at, scratch.at);
        const alone = empty(batch * n);
        const less = bytes(svdScratchBytes(m, n, 0, size));
        kernels[`svdvals_${dtype}`](batch, m, n, x.at, alone.at, less.at);
        arena.checkGuards(`svd ${m},${n}`);
        assertEquals(alone.data, s.data, `${m},${n}, values alone`);
        const [us, vs] = [entry(u.data, m, columns), entry(v.data, n, n)];
        const tolerance = 16 * eps * m;
        const error = residual(
          [batch, m, n, n],
          us,
          (b, i, j) => s.data[b * n + i] * vs(b, i, j),
          entry(x.data, m, n),
        );
        assert(error <= tolerance, `${m},${n}: ${error}`);
        assert(
          residual([batch, columns, columns, m], flipped(us), us, same) <= tolerance,
          `${m},${n}`,
        );
        assert(residual([batch, n, n, n], vs, flipped(vs), same) <= tolerance, `${m},${n}`);
        for (let i = 1; i < n; i++) assert(s.data[i - 1] >= s.data[i]);
        if (m > 60) continue;
        const expected = [
          new Type(u.data.length),
          new Type(s.data.length),
          new Type(v.data.length),
        ];
        reference("svd", batch, m, n, full, x.data, ...expected, 0);
        const values = new Type(s.data.length);
        reference("svdvals", batch, m, n, x.data, values, 0);
        assertEquals(values, expected[1]);
        s.data.forEach((value, i) => assert(Math.abs(value - expected[1][i]) <= tolerance));
      }
    }
  });
}
