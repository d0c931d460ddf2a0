/**
 * What tests of scatters of rows are made of: some rows of values, where each goes, and what it is added to.
 *
 * @module
 */
import {
  binary,
  constant,
  type Expr,
  index as number,
  load,
  makeVar,
} from "../../src/loopnest/expr.ts";
import type { BufferDecl, Nest } from "../../src/loopnest/ir.ts";

/** The buffers' numbers: what is scattered to, where each row goes, and the rows. */
export const [out, ids, values] = [0, 1, 2];

const buffer = (id: number, dtype: BufferDecl["dtype"], size: number): BufferDecl => ({
  id,
  dtype,
  size,
  role: id === out ? "output" : "input",
  position: id === out ? 0 : id - 1,
  offset: 0,
  donor: -1,
});

/** Buffers of so many elements of the output, and so many rows of values. */
export function scatterBuffers(size: number, count: number, columns: number): BufferDecl[] {
  return [
    buffer(out, "float32", size),
    buffer(ids, "int32", count),
    buffer(values, "float32", count * columns),
  ];
}

/** A sum. */
export const add = (x: Expr, y: Expr): Expr => binary("add", x, y);
/** A product. */
export const mul = (x: Expr, y: Expr): Expr => binary("mul", x, y);

/** Where row `at` of the values goes, kept among the output's `rows`. */
export function rowOf(at: Expr, rows: number): Expr {
  return binary("min", binary("max", load(ids, "int32", at), number(0)), number(rows - 1));
}

/** Fills the output with ones. */
export function ones(size: number): Nest {
  const i = makeVar("i");
  const store = { kind: "store", buffer: out, index: i, value: constant(1, "float32") } as const;
  return {
    kind: "nest",
    name: "ones",
    body: [{ kind: "for", v: i, extent: size, mode: "vector", body: [store] }],
  };
}
