/**
 * Rows of what numpy has in its own libraries too: sorting, running sums, Fourier transforms, factorisations.
 *
 * @module
 */
import type { Row } from "./rows.ts";
import { type KernelWork, sides } from "./work_kernels.ts";

function kernel(name: KernelWork["name"], size: number, title: string): Row {
  return {
    id: `kernel_${name}`,
    title,
    mode: "warm",
    work: { kind: "kernel", name, size },
    unit: "ms",
    amount: 1,
    reach: { notOver: "numpy", times: 1.5 },
  };
}

/** Rows beside numpy. */
export const kernelRows: readonly Row[] = [
  kernel("sort", 1_000_000, "sort of 10⁶ float32"),
  kernel("cumsum", 10_000_000, "cumsum of 10⁷ float32"),
  kernel("fft", 65_536, "fft of 65536 complex64"),
  kernel("cholesky", 512, "linalg.cholesky, n = 512"),
  kernel("solve", 512, `linalg.solve, n = 512, ${sides} right-hand sides`),
  kernel("qr", 256, "linalg.qr, n = 256"),
  kernel("eigh", 256, "linalg.eigh, n = 256"),
  kernel("svd", 256, "linalg.svd, n = 256"),
];
