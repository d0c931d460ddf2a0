/**
 * Rows of dtypes other than float32, and of tables read and added to by rows.
 *
 * @module
 */
import type { Row } from "./rows.ts";
import type { MaddWork, ProductWork } from "./work.ts";

const size = 1_000_000;

function madd(dtype: MaddWork["dtype"]): Row {
  return {
    id: `madd_${dtype}`,
    title: `x·y + z, 10⁶ of ${dtype}`,
    mode: "warm",
    work: { kind: "madd", size, dtype },
    unit: "ns/element",
    amount: size,
    reach: { notOver: "JAX" },
  };
}

function product(n: number, isVector: boolean, dtype: ProductWork["dtype"]): Row {
  return {
    id: `product_${dtype}${isVector ? "_vector" : ""}`,
    title: `${dtype} [${n},${n}] times a ${isVector ? "vector" : "matrix of the same size"}`,
    mode: "warm",
    work: { kind: "product", n, isVector, dtype },
    unit: "GFLOP/s",
    amount: (dtype === "complex64" ? 8 : 2) * n * n * (isVector ? 1 : n),
    limit: "madd32",
    // A vector's product reads 8 bytes for 8 operations.
    reach: { shareOfLimit: isVector ? 0.25 : 0.85 },
  };
}

/** A table of words as MiniLM's, and 16 sentences of 128. */
const table = { rows: 30_522, width: 384, ids: 2048 };

/** Rows of dtypes and of tables. */
export const dtypeRows: readonly Row[] = [
  madd("complex64"),
  madd("bfloat16"),
  madd("float16"),
  product(512, false, "bfloat16"),
  product(512, false, "complex64"),
  product(1024, true, "complex64"),
  {
    id: "embedding",
    title: "2048 rows of a table [30522,384]",
    mode: "warm",
    work: { kind: "embedding", ...table, gradient: false },
    unit: "GB/s",
    // Each is read and written.
    amount: 8 * table.ids * table.width,
    limit: "copy",
    reach: { shareOfLimit: 0.8 },
  },
  {
    id: "embedding_gradient",
    title: "the table's gradient",
    mode: "warm",
    work: { kind: "embedding", ...table, gradient: true },
    unit: "ms",
    amount: 1,
    reach: { notOver: "JAX" },
  },
];
