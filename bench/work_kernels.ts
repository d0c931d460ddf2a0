/**
 * Work that is one kernel of the library: its inputs, and how a result is judged.
 *
 * @module
 */
import { uniform } from "./work.ts";

/** Which function; `size` is a length, or the rows of a square matrix. */
export interface KernelWork {
  readonly kind: "kernel";
  readonly name: "sort" | "cumsum" | "fft" | "cholesky" | "solve" | "qr" | "eigh" | "svd";
  readonly size: number;
}

/** Right-hand sides of the systems of equations. */
export const sides = 64;

/**
 * Numbers in [-1, 1), twice as many for complex ones, or a matrix: symmetric for Cholesky and eigenvalues, and positive definite, as are a
 * multiple of the identity and anything smaller.
 */
export function kernelData({ name, size }: KernelWork): Float32Array {
  if (name === "sort" || name === "cumsum") return uniform(size, 1);
  if (name === "fft") return uniform(2 * size, 1);
  const x = uniform(size * size, 1);
  if (name !== "cholesky" && name !== "eigh") return x;
  return x.map((v, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return Math.fround((v + x[j * size + i]!) / 2) + (i === j ? 2 * Math.sqrt(size) : 0);
  });
}

/** The right-hand sides, `[size, sides]`. */
export function sidesData({ size }: KernelWork): Float32Array {
  return uniform(size * sides, 2);
}

/**
 * The largest error: of sorted numbers absolute, of running sums relative to the sum of all sizes, of a transform relative to the root of the
 * sum of squares, of the matrices relative to the largest element of what they multiply to.
 *
 * @param outs What the function gave, one array after the other; complex numbers as pairs.
 */
export function kernelError(work: KernelWork, outs: readonly ArrayLike<number>[]): number {
  const { name, size: n } = work;
  const x = kernelData(work);
  const out = outs[0]!;
  let worst = 0;
  switch (name) {
    case "sort": {
      x.toSorted().forEach((v, i) => worst = Math.max(worst, Math.abs(v - out[i]!)));
      return worst;
    }
    case "cumsum": {
      let [sum, sizes] = [0, 0];
      x.forEach((v, i) => {
        sum += v;
        sizes += Math.abs(v);
        worst = Math.max(worst, Math.abs(sum - out[i]!));
      });
      return worst / sizes;
    }
    case "fft": {
      const length = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
      for (let probe = 0; probe < 8; probe++) {
        const k = (probe * 7919) % n;
        let [re, im] = [0, 0];
        for (let j = 0; j < n; j++) {
          const angle = -2 * Math.PI * ((j * k) % n) / n;
          const [c, s] = [Math.cos(angle), Math.sin(angle)];
          re += x[2 * j]! * c - x[2 * j + 1]! * s;
          im += x[2 * j]! * s + x[2 * j + 1]! * c;
        }
        worst = Math.max(worst, Math.hypot(out[2 * k]! - re, out[2 * k + 1]! - im));
      }
      return worst / length;
    }
  }
  // What some element of the matrix, or of the right-hand sides, should be, by what was found.
  const [truth, columns] = name === "solve" ? [sidesData(work), sides] : [x, n];
  const [first, second, third] = outs as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];
  const term: Record<typeof name, (i: number, j: number, k: number) => number> = {
    cholesky: (i, j, k) => first[i * n + k]! * first[j * n + k]!,
    solve: (i, j, k) => x[i * n + k]! * first[k * columns + j]!,
    qr: (i, j, k) => first[i * n + k]! * second[k * n + j]!,
    eigh: (i, j, k) => second[i * n + k]! * first[k]! * second[j * n + k]!,
    svd: (i, j, k) => first[i * n + k]! * second[k]! * third[k * n + j]!,
  };
  let most = 0;
  for (let probe = 0; probe < 256; probe++) {
    const [i, j] = [(probe * 7919) % n, (probe * 104729) % columns];
    let [sum, sizes] = [0, 0];
    for (let k = 0; k < n; k++) {
      const value = term[name](i, j, k);
      sum += value;
      sizes += Math.abs(value);
    }
    worst = Math.max(worst, Math.abs(sum - truth[i * columns + j]!));
    most = Math.max(most, sizes);
  }
  return Number.isNaN(worst) ? Infinity : worst / most;
}
