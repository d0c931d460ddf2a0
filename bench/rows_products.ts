/**
 * Rows of matrix products and convolutions.
 *
 * @module
 */
import type { Row } from "./rows.ts";
import { convBytes, convFlops, type ConvWork, matmulFlops, type MatmulWork } from "./work.ts";

function matmul(
  name: string,
  share: number,
  work: Partial<MatmulWork> & { m: number; k: number; n: number },
): Row {
  const full: MatmulWork = {
    kind: "matmul",
    batch: null,
    transposed: false,
    dtype: "float32",
    ...work,
  };
  return {
    id: `matmul_${name}`,
    title: matmulTitle(full),
    mode: "warm",
    work: full,
    unit: "GFLOP/s",
    amount: matmulFlops(full),
    limit: full.dtype === "float32" ? "madd32" : "madd64",
    reach: { shareOfLimit: share },
  };
}

/** How a product is named in the table. */
export function matmulTitle({ m, k, n, batch, transposed, dtype }: MatmulWork): string {
  const type = dtype === "float32" ? "f32" : "f64";
  if (batch !== null) return `${type} matmul, batched [${batch},${m},${k}]·[${batch},${k},${n}]`;
  if (transposed) return `${type} matmul AᵀBᵀ, n = ${n}`;
  if (m === n && n === k) return `${type} matmul, n = ${n}`;
  return `${type} matmul [${m},${k}]·[${k},${n}]`;
}

const square = (n: number) => ({ m: n, k: n, n });

function conv(
  id: string,
  title: string,
  share: number,
  work: Partial<ConvWork>,
): Row {
  const full: ConvWork = {
    kind: "conv",
    features: 64,
    size: 56,
    window: 3,
    depthwise: false,
    gradients: false,
    ...work,
  };
  // Of a depthwise one little is computed with what is read.
  const rate = full.depthwise
    ? { unit: "GB/s", amount: convBytes(full), limit: "copy" } as const
    : { unit: "GFLOP/s", amount: convFlops(full), limit: "madd32" } as const;
  return { id, title, mode: "warm", work: full, ...rate, reach: { shareOfLimit: share } };
}

/** Rows of products and convolutions. */
export const productRows: readonly Row[] = [
  matmul("64", 0.75, square(64)),
  matmul("128", 0.75, square(128)),
  matmul("256", 0.92, square(256)),
  matmul("512", 0.92, square(512)),
  matmul("1024", 0.92, square(1024)),
  matmul("2048", 0.92, square(2048)),
  matmul("511", 0.92, square(511)),
  matmul("513", 0.92, square(513)),
  matmul("transposed", 0.92, { ...square(512), transposed: true }),
  matmul("thin", 0.7, { m: 512, k: 512, n: 10 }),
  matmul("batched", 0.75, { ...square(128), batch: 16 }),
  matmul("f64", 0.85, { ...square(512), dtype: "float64" }),
  conv("conv", "f32 conv 3×3, 64 → 64 features, 56×56", 0.75, {}),
  conv("conv_gradients", "the gradients of both operands of the same", 0.75, { gradients: true }),
  conv("conv_1x1", "f32 conv 1×1, 64 → 64 features, 56×56", 0.75, { window: 1 }),
  conv("conv_depthwise", "f32 conv 3×3, depthwise, 128 features, 112×112", 0.75, {
    features: 128,
    size: 112,
    depthwise: true,
  }),
];
