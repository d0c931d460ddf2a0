/**
 * Contractions as plain loops: for dtypes that have no matrix-product kernel, and for products so small that packing
 * would cost more than it brings.
 *
 * @module
 */
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Dot, DotOperand, For, Nest, Stmt } from "../../loopnest/ir.ts";

function at(operand: DotOperand, b: Expr, row: Expr, col: Expr): Expr {
  const steps: [Expr, number][] = [
    [b, operand.batchStride],
    [row, operand.rowStride],
    [col, operand.colStride],
  ];
  let sum = index(operand.offset);
  for (const [v, stride] of steps) sum = binary("add", sum, binary("mul", v, index(stride)));
  return sum;
}

/** The loops of a contraction. */
export function dotNest(dot: Dot): Nest {
  const { dtype, lhs, rhs, m, n, k } = dot;
  const [b, i, j, p] = ["b", "i", "j", "k"].map((name) => makeVar(name)) as [
    ReturnType<typeof makeVar>,
    ReturnType<typeof makeVar>,
    ReturnType<typeof makeVar>,
    ReturnType<typeof makeVar>,
  ];
  const sum = makeVar("sum", dtype);
  const isBool = dtype === "bool";
  const product = binary(
    isBool ? "and" : "mul",
    load(lhs.buffer, dtype, at(lhs, b, i, p)),
    load(rhs.buffer, dtype, at(rhs, b, p, j)),
  );
  // Lanes along columns, unless that would gather and along k it would not.
  const alongK = rhs.colStride !== 1 && rhs.rowStride === 1 && lhs.colStride === 1 && k >= 8;
  const row = binary("add", binary("mul", b, index(m)), i);
  const store: Stmt = {
    kind: "store",
    buffer: dot.out,
    index: binary("add", binary("mul", row, index(n)), j),
    value: sum,
  };
  const loop = (v: typeof b, extent: number, mode: For["mode"], body: Stmt[]): For => ({
    kind: "for",
    v,
    extent,
    mode,
    body,
  });
  const inner = loop(p, k, alongK ? "vector" : "serial", [
    { kind: "accumulate", v: sum, value: product },
  ]);
  const element: Stmt[] = [
    { kind: "accumulator", v: sum, op: isBool ? "or" : "add" },
    inner,
    store,
  ];
  const columns = loop(j, n, alongK ? "serial" : "vector", element);
  // The outermost loop of more than one turn is what threads share.
  const mode = dot.batch > 1 ? "serial" : "parallel";
  const body = [loop(b, dot.batch, "parallel", [loop(i, m, mode, [columns])])];
  return { kind: "nest", name: dot.name, body };
}
