/**
 * Matrix products as products of strided views.
 *
 * @module
 */
import type { Dot } from "../../loopnest/ir.ts";
import type { Product } from "./product.ts";

/** A matrix product. */
export function dotProduct(dot: Dot): Product {
  const { lhs, rhs, batch, m, n, k } = dot;
  return {
    name: dot.name,
    dtype: dot.dtype,
    buffers: { lhs: lhs.buffer, rhs: rhs.buffer, out: dot.out },
    offsets: { lhs: lhs.offset, rhs: rhs.offset, out: 0 },
    batch: [{ size: batch, lhs: lhs.batchStride, rhs: rhs.batchStride, out: m * n }],
    rows: [{ size: m, lhs: lhs.rowStride, rhs: 0, out: n }],
    cols: [{ size: n, lhs: 0, rhs: rhs.colStride, out: 1 }],
    terms: [{ size: k, lhs: lhs.colStride, rhs: rhs.rowStride, out: 0 }],
  };
}
