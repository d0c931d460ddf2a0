/**
 * What the factorisation kernels compute, plainly: the references that the interpreter runs. All arithmetic is in float64, results are rounded when
 * they are stored.
 *
 * @module
 */
import type { TypedArray } from "../core/dtype.ts";
import { choleskyRounds, luRounds, qrRounds } from "./factor_plan.ts";
import type { KernelSpec } from "./kernels.ts";

type Floats = Float32Array | Float64Array;
type Arg = TypedArray | number | readonly number[];

/** A matrix of float64 in rows. */
class Matrix {
  readonly data: Float64Array;

  constructor(readonly rows: number, readonly columns: number, data?: ArrayLike<number>) {
    this.data = data === undefined ? new Float64Array(rows * columns) : Float64Array.from(data);
  }

  at(i: number, j: number): number {
    return this.data[i * this.columns + j];
  }

  set(i: number, j: number, value: number): void {
    this.data[i * this.columns + j] = value;
  }
}

/** Matrix `b` of a stack. */
function matrixOf(stack: Floats, b: number, rows: number, columns: number): Matrix {
  const size = rows * columns;
  return new Matrix(rows, columns, stack.subarray(b * size, (b + 1) * size));
}

function put(stack: Floats, b: number, values: ArrayLike<number>): void {
  stack.set(values, b * values.length);
}

/** `(batch, n, x, out, scratch)`: lower triangular factors. */
const cholesky: KernelSpec = {
  params: ["number", "number", "read", "write", "scratch"],
  rowCost: ([, n]) => 10 * n * n + n ** 3 / 8,
  rounds: choleskyRounds,
  reference: (args: readonly Arg[]) => {
    const [batch, n, x, out] = args as [number, number, Floats, Floats];
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(x, b, n, n);
      const l = new Matrix(n, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) {
          let sum = a.at(i, j);
          for (let k = 0; k < j; k++) sum -= l.at(i, k) * l.at(j, k);
          if (i !== j) l.set(i, j, sum / l.at(j, j));
          else l.set(i, i, sum > 0 ? Math.sqrt(sum) : NaN);
        }
      }
      const failed = l.data.some(Number.isNaN);
      put(out, b, l.data.map((v, i) => failed && i % n <= Math.floor(i / n) ? NaN : v));
    }
  },
};

/** `(batch, n, m, lower, transposed, unit, a, b, out, scratch)`: systems with triangular matrices. */
const triangularSolve: KernelSpec = {
  params: [...Array<"number">(6).fill("number"), "read", "read", "write", "scratch"],
  rowCost: ([, n, m]) => 5 * n * (n + m) + n * n * m / 4,
  reference: (args: readonly Arg[]) => {
    const [batch, n, m, lower, transposed, unit] = args as number[];
    const [stack, right, out] = args.slice(6) as Floats[];
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(stack, b, n, n);
      const x = matrixOf(right, b, n, m);
      const at = (i: number, j: number) => transposed ? a.at(j, i) : a.at(i, j);
      const forwards = Boolean(lower) !== Boolean(transposed);
      for (let step = 0; step < n; step++) {
        const i = forwards ? step : n - 1 - step;
        for (let c = 0; c < m; c++) {
          let sum = x.at(i, c);
          for (let before = 0; before < step; before++) {
            const j = forwards ? before : n - 1 - before;
            sum -= at(i, j) * x.at(j, c);
          }
          x.set(i, c, unit ? sum : sum / at(i, i));
        }
      }
      put(out, b, x.data);
    }
  },
};

/** `(batch, m, n, x, out, pivots, permutation, scratch)`: both triangular factors, and the exchanges of rows. */
const lu: KernelSpec = {
  params: ["number", "number", "number", "read", "write", "write", "write", "scratch"],
  rowCost: ([, m, n]) => 10 * m * n + m * n * Math.min(m, n) / 4,
  rounds: luRounds,
  reference: (args: readonly Arg[]) => {
    const [batch, m, n] = args as number[];
    const [x, out] = args.slice(3) as Floats[];
    const [pivots, permutation] = args.slice(5) as Int32Array[];
    const steps = Math.min(m, n);
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(x, b, m, n);
      const order = Int32Array.from({ length: m }, (_, i) => i);
      for (let k = 0; k < steps; k++) {
        let p = k;
        for (let i = k + 1; i < m; i++) {
          const [size, largest] = [Math.abs(a.at(i, k)), Math.abs(a.at(p, k))];
          if (size > largest || (Number.isNaN(size) && !Number.isNaN(largest))) p = i;
        }
        pivots[b * steps + k] = p;
        if (p !== k) {
          [order[k], order[p]] = [order[p], order[k]];
          for (let j = 0; j < n; j++) {
            const kept = a.at(k, j);
            a.set(k, j, a.at(p, j));
            a.set(p, j, kept);
          }
        }
        if (a.at(k, k) === 0) continue;
        for (let i = k + 1; i < m; i++) {
          const l = a.at(i, k) / a.at(k, k);
          a.set(i, k, l);
          for (let j = k + 1; j < n; j++) a.set(i, j, a.at(i, j) - l * a.at(k, j));
        }
      }
      put(out, b, a.data);
      permutation.set(order, b * m);
    }
  },
};

/** Applies I - tau · v · vᵀ, whose v begins in row `first`, to the columns of `a` from `from` on. */
function reflect(a: Matrix, first: number, from: number, v: Float64Array, tau: number): void {
  for (let j = from; j < a.columns; j++) {
    let sum = 0;
    for (let i = first; i < a.rows; i++) sum += v[i - first] * a.at(i, j);
    for (let i = first; i < a.rows; i++) a.set(i, j, a.at(i, j) - tau * v[i - first] * sum);
  }
}

/** `(batch, m, n, full, x, q, r, scratch)`: orthonormal columns and an upper triangle, with LAPACK's signs. */
const qr: KernelSpec = {
  params: ["number", "number", "number", "number", "read", "write", "write", "scratch"],
  rowCost: ([, m, n]) => 20 * m * n + m * n * Math.min(m, n) / 3,
  rounds: qrRounds,
  reference: (args: readonly Arg[]) => {
    const [batch, m, n, full] = args as number[];
    const [x, q, r] = args.slice(4) as Floats[];
    const steps = Math.min(m, n);
    const columns = full ? m : steps;
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(x, b, m, n);
      const reflections: { readonly v: Float64Array; readonly tau: number }[] = [];
      for (let k = 0; k < steps; k++) {
        const v = Float64Array.from({ length: m - k }, (_, i) => a.at(k + i, k));
        let tau = 0;
        if (v.subarray(1).some((value) => value !== 0)) {
          const norm = Math.hypot(...v);
          const beta = v[0] < 0 || Object.is(v[0], -0) ? norm : -norm;
          tau = (beta - v[0]) / beta;
          const scale = v[0] - beta;
          v.forEach((value, i) => v[i] = value / scale);
        }
        v[0] = 1;
        reflect(a, k, k, v, tau);
        reflections.push({ v, tau });
      }
      const orthonormal = new Matrix(m, columns);
      for (let i = 0; i < columns; i++) orthonormal.set(i, i, 1);
      for (let k = steps - 1; k >= 0; k--) {
        reflect(orthonormal, k, k, reflections[k].v, reflections[k].tau);
      }
      put(q, b, orthonormal.data);
      put(r, b, a.data.subarray(0, columns * n).map((v, i) => i % n < Math.floor(i / n) ? 0 : v));
    }
  },
};

/** Turns rows `p` and `q` of a matrix. */
function turn(a: Matrix, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < a.columns; i++) {
    const [x, y] = [a.at(p, i), a.at(q, i)];
    a.set(p, i, c * x - s * y);
    a.set(q, i, s * x + c * y);
  }
}

function identity(n: number): Matrix {
  const out = new Matrix(n, n);
  for (let i = 0; i < n; i++) out.set(i, i, 1);
  return out;
}

/**
 * Jacobi's one-sided method: turns the rows of `w` until they are orthogonal, those of `v` alike; gives the rows' lengths and an order in which they
 * descend.
 */
function orthogonalise(w: Matrix, v: Matrix): { lengths: number[]; order: number[] } {
  const row = (i: number) => w.data.subarray(i * w.columns, (i + 1) * w.columns);
  const inner = (i: number, j: number) => {
    const y = row(j);
    return row(i).reduce((sum, x, k) => sum + x * y[k], 0);
  };
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let p = 0; p < w.rows; p++) {
      for (let q = p + 1; q < w.rows; q++) {
        const [a, b, g] = [inner(p, p), inner(q, q), inner(p, q)];
        if (!(Math.abs(g) > 1e-15 * Math.sqrt(a) * Math.sqrt(b)) || g === 0) continue;
        turned = true;
        const zeta = (b - a) / (2 * g);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        turn(w, p, q, c, c * t);
        turn(v, p, q, c, c * t);
      }
    }
  }
  const lengths = Array.from({ length: w.rows }, (_, i) => Math.sqrt(inner(i, i)));
  const order = lengths.map((_, i) => i).sort((i, j) => lengths[j] - lengths[i]);
  return { lengths, order };
}

/** A unit vector orthogonal to `rows`. */
function another(rows: readonly Float64Array[], length: number): Float64Array {
  const covered = (i: number) => rows.reduce((sum, row) => sum + row[i] ** 2, 0);
  let axis = 0;
  for (let i = 1; i < length; i++) if (covered(i) < covered(axis)) axis = i;
  const x = new Float64Array(length);
  x[axis] = 1;
  for (let again = 0; again < 2; again++) {
    for (const row of rows) {
      const part = x.reduce((sum, v, i) => sum + v * row[i], 0);
      row.forEach((v, i) => x[i] -= part * v);
    }
  }
  const norm = Math.hypot(...x);
  return x.map((v) => v / norm);
}

/** `(batch, m, n, full, x, u, s, v, scratch)`, m ≥ n: singular values, descending, and their vectors. */
const svd: KernelSpec = {
  params: ["number", "number", "number", "number", "read", "write", "write", "write", "scratch"],
  rowCost: ([, m, n]) => m * n * (200 + 4 * n),
  reference: (args: readonly Arg[]) => {
    const [batch, m, n, full] = args as number[];
    const [x, u, s, v] = args.slice(4) as Floats[];
    const columns = full ? m : n;
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(x, b, m, n);
      if (!a.data.every(Number.isFinite)) {
        put(u, b, new Float64Array(m * columns).fill(NaN));
        put(s, b, new Float64Array(n).fill(NaN));
        put(v, b, new Float64Array(n * n).fill(NaN));
        continue;
      }
      const w = new Matrix(n, m);
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) w.set(j, i, a.at(i, j));
      const turns = identity(n);
      const { lengths, order } = orthogonalise(w, turns);
      const rows: Float64Array[] = [];
      for (const k of order) {
        const row = w.data.subarray(k * m, (k + 1) * m);
        rows.push(lengths[k] > 0 ? row.map((value) => value / lengths[k]) : another(rows, m));
      }
      while (rows.length < columns) rows.push(another(rows, m));
      const left = new Matrix(m, columns);
      rows.forEach((row, k) => row.forEach((value, i) => left.set(i, k, value)));
      put(u, b, left.data);
      put(s, b, order.map((k) => lengths[k]));
      put(v, b, order.flatMap((k) => [...turns.data.subarray(k * n, (k + 1) * n)]));
    }
  },
};

/** `(batch, n, x, values, vectors, scratch)`: eigenvalues, ascending, and eigenvectors, in columns, by Jacobi's method. */
const eigh: KernelSpec = {
  params: ["number", "number", "read", "write", "write", "scratch"],
  rowCost: ([, n]) => n * n * (100 + 2 * n),
  reference: (args: readonly Arg[]) => {
    const [batch, n, x, values, vectors] = args as [number, number, Floats, Floats, Floats];
    for (let b = 0; b < batch; b++) {
      const a = matrixOf(x, b, n, n);
      for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a.set(j, i, a.at(i, j));
      const given = new Matrix(n, n, a.data);
      const z = identity(n);
      const rotateBoth = (p: number, q: number) => {
        const theta = (a.at(q, q) - a.at(p, p)) / (2 * a.at(p, q));
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(1, theta));
        const c = 1 / Math.hypot(1, t);
        turn(a, p, q, c, c * t);
        for (let i = 0; i < n; i++) {
          const [y, w] = [a.at(i, p), a.at(i, q)];
          a.set(i, p, c * y - c * t * w);
          a.set(i, q, c * t * y + c * w);
        }
        turn(z, p, q, c, c * t);
      };
      for (let sweep = 0; sweep < 60; sweep++) {
        for (let p = 0; p < n; p++) {
          for (let q = p + 1; q < n; q++) if (a.at(p, q) !== 0) rotateBoth(p, q);
        }
      }
      // Rayleigh's quotients, which thousands of rotations have not rounded.
      const quotient = (k: number): number => {
        const row = z.data.subarray(k * n, (k + 1) * n);
        let [above, below] = [0, 0];
        row.forEach((x, i) => {
          below += x * x;
          row.forEach((y, j) => above += x * given.at(i, j) * y);
        });
        return above / below;
      };
      const quotients = Array.from({ length: n }, (_, k) => quotient(k));
      const order = quotients.map((_, i) => i).sort((i, j) => quotients[i] - quotients[j]);
      const columns = new Matrix(n, n);
      order.forEach((k, j) => {
        for (let i = 0; i < n; i++) columns.set(i, j, z.at(k, i));
      });
      const broken = a.data.some(Number.isNaN);
      put(values, b, order.map((k) => broken ? NaN : quotients[k]));
      put(vectors, b, columns.data.map((v) => broken ? NaN : v));
    }
  },
};

/** `(batch, n, x, values, scratch)`: the eigenvalues alone. */
const eigvalsh: KernelSpec = {
  params: ["number", "number", "read", "write", "scratch"],
  rowCost: ([, n]) => n * n * (50 + n / 2),
  reference: (args: readonly Arg[]) => {
    const [batch, n, x, values] = args as [number, number, Floats, Floats];
    eigh.reference([batch, n, x, values, new Float64Array(batch * n * n)]);
  },
};

/** `(batch, m, n, x, s, scratch)`, m ≥ n: the singular values alone. */
const svdvals: KernelSpec = {
  params: ["number", "number", "number", "read", "write", "scratch"],
  rowCost: ([, m, n]) => m * n * (100 + n),
  reference: (args: readonly Arg[]) => {
    const [batch, m, n, x, s] = args as [number, number, number, Floats, Floats];
    const [u, v] = [new Float64Array(batch * m * n), new Float64Array(batch * n * n)];
    svd.reference([batch, m, n, 0, x, u, s, v]);
  },
};

/** The factorisation kernels by name. */
export const factorisations: Readonly<Record<string, KernelSpec>> = {
  cholesky,
  eigh,
  eigvalsh,
  lu,
  qr,
  svd,
  svdvals,
  triangularSolve,
};
