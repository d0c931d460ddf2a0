/**
 * Sorting, running sums, Fourier transforms and factorisations in Vernal.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import type { Prepared } from "./work.ts";
import { kernelData, kernelError, type KernelWork, sides, sidesData } from "./work_kernels.ts";

const { lax, numpy: np } = vn;

/** What each function is called with, and gives. */
const functions: Record<KernelWork["name"], (x: vn.NDArray, b: vn.NDArray) => vn.NDArray[]> = {
  sort: (x) => [np.sort(x)],
  cumsum: (x) => [np.cumsum(x)],
  fft: (x) => [np.fft.fft(x)],
  cholesky: (x) => [np.linalg.cholesky(x)],
  solve: (x, b) => [np.linalg.solve(x, b)],
  qr: (x) => [...np.linalg.qr(x)],
  eigh: (x) => [...np.linalg.eigh(x)],
  svd: (x) => [...np.linalg.svd(x)],
};

/** Prepares the work.
 *
 * @param put Puts arrays where they are to be used.
 */
export function oursOfKernels(work: KernelWork, put: <T>(x: T) => T): Prepared {
  const { name, size } = work;
  const data = kernelData(work);
  const isVector = name === "sort" || name === "cumsum";
  const pair = (part: number) => np.array(data.filter((_, i) => i % 2 === part));
  const x = put(
    name === "fft"
      ? lax.complex(pair(0), pair(1))
      : isVector
      ? np.array(data)
      : np.array(data).reshape([size, size]),
  );
  const b = put(np.array(sidesData(work).subarray(0, isVector ? 1 : size * sides)));
  const right = name === "solve" ? b.reshape([size, sides]) : b;
  const f = vn.filterJit((x: vn.NDArray, b: vn.NDArray) => functions[name](x, b));
  return {
    run: () => {
      for (const out of f(x, right)) out.delete();
    },
    facts: async () => {
      const outs: ArrayLike<number>[] = [];
      for (const out of f(x, right)) {
        const parts = name === "fft" ? np.stack([np.real(out), np.imag(out)], { axis: -1 }) : out;
        outs.push(await parts.data() as Float32Array);
      }
      return { error: kernelError(work, outs) };
    },
  };
}
