/**
 * Work on other dtypes, and on tables, in Vernal.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import {
  type EmbeddingWork,
  type MaddWork,
  type Prepared,
  type ProductWork,
  uniform,
} from "./work.ts";

const { lax, numpy: np } = vn;

/** Prepares the work.
 *
 * @param put Puts arrays where they are to be used.
 */
export function oursOfDtypes(
  work: MaddWork | ProductWork | EmbeddingWork,
  put: <T>(x: T) => T,
): Prepared {
  if (work.kind === "product") return product(work, put);
  return work.kind === "madd" ? madd(work, put) : embedding(work, put);
}

function madd({ size, dtype }: MaddWork, put: <T>(x: T) => T): Prepared {
  const parts = [1, 2, 3].map((seed) => uniform(size, seed));
  const isComplex = dtype === "complex64";
  const [x, y, z] = parts.map((part) => {
    const real = np.array(part);
    return put(isComplex ? lax.complex(real, real) : real.astype(dtype));
  }) as [vn.NDArray, vn.NDArray, vn.NDArray];
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray, z: vn.NDArray) => x.mul(y).add(z));
  return {
    run: () => f(x, y, z).delete(),
    facts: async () => {
      // Both parts alike: x·y is 2i times the parts' product.
      const out = f(x, y, z);
      const numbers = await (isComplex ? np.imag(out) : out.astype("float32")).data();
      const [a, b, c] = parts as [Float32Array, Float32Array, Float32Array];
      let error = 0;
      for (let i = 0; i < size; i += 997) {
        const expected = (isComplex ? 2 : 1) * a[i]! * b[i]! + c[i]!;
        error = Math.max(error, Math.abs(numbers[i] as number - expected));
      }
      return { error };
    },
  };
}

function product({ n, isVector, dtype }: ProductWork, put: <T>(x: T) => T): Prepared {
  const isComplex = dtype === "complex64";
  const [hx, hy] = [uniform(n * n, 1), uniform(isVector ? n : n * n, 2)];
  const [x, y] = [hx, hy].map((h) => {
    const real = np.array(h);
    const whole = isComplex ? lax.complex(real, real) : real.astype(dtype);
    return put(h.length === n ? whole : whole.reshape([n, n]));
  }) as [vn.NDArray, vn.NDArray];
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => np.matmul(x, y));
  return {
    run: () => f(x, y).delete(),
    facts: async () => {
      const out = f(x, y);
      const numbers = await (isComplex ? np.imag(out) : out.astype("float32")).data();
      // The first column, of some rows.
      const columns = isVector ? 1 : n;
      let error = 0;
      for (let i = 0; i < n; i += 97) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += hx[i * n + k]! * hy[k * columns]!;
        const expected = isComplex ? 2 * sum : sum;
        error = Math.max(error, Math.abs(numbers[i * columns] as number - expected));
      }
      return { error };
    },
  };
}

function embedding(
  { rows, width, ids, gradient }: EmbeddingWork,
  put: <T>(x: T) => T,
): Prepared {
  const values = uniform(rows * width, 1);
  const places = Int32Array.from(uniform(ids, 2), (u) => Math.floor((u + 1) / 2 * rows));
  const table = put(np.array(values).reshape([rows, width]));
  const at = put(np.array(places));
  const look = (table: vn.NDArray, at: vn.NDArray) => np.take(table, at, { axis: 0 });
  const loss = (table: vn.NDArray, at: vn.NDArray) => np.sum(np.square(look(table, at))).mul(0.5);
  const f = vn.filterJit(gradient ? vn.filterGrad(loss) : look);
  return {
    run: () => f(table, at).delete(),
    facts: async () => {
      const out = await f(table, at).data() as Float32Array;
      let error = 0;
      for (let i = 0; i < ids; i += 7) {
        const row = places[i]! * width;
        const times = gradient ? places.filter((place) => place === places[i]).length : 1;
        const found = out[gradient ? row : i * width]!;
        error = Math.max(error, Math.abs(found - times * values[row]!));
      }
      return { error };
    },
  };
}
