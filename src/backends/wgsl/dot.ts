/**
 * Matrix products: which shader computes one, by its shape and by the adapter.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Dot, DotOperand, Nest, Stmt } from "../../loopnest/ir.ts";
import type { Kernel, NestContext } from "./nest.ts";
import { isProductDType, productOfDot } from "./product.ts";
import { planProduct, productKernel } from "./product_plan.ts";

/** Products of fewer steps than this are nests. */
const tiny = 4096;

/** A product as nests, or as shaders of its own. */
export type DotPart = { readonly nest: Nest } | { readonly kernel: Kernel };

/** What computes a product, in order.
 *
 * @param newBuffer Makes buffers for partial results.
 */
export function dotParts(
  dot: Dot,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
): DotPart[] {
  const steps = dot.batch * dot.m * dot.n * dot.k;
  if (steps < tiny || !isProductDType(dot.dtype)) return [{ nest: dotNest(dot) }];
  const product = productOfDot(dot, dot.out, context);
  const plan = planProduct(product, context.traits);
  if (plan === null) return [{ nest: dotNest(dot) }];
  const { splits } = plan.plan;
  if (splits === 1) return [{ kernel: productKernel(product, plan, null, context.traits) }];
  const size = dot.batch * dot.m * dot.n;
  const partial = newBuffer(dot.dtype, size * splits);
  const part = productOfDot(dot, partial, context);
  return [
    { kernel: productKernel(part, plan, null, context.traits) },
    { nest: joinNest(dot, partial, size, splits) },
  ];
}

/** The sum of partial results. */
function joinNest(dot: Dot, partial: number, size: number, splits: number): Nest {
  const e = makeVar("e");
  const parts = Array.from(
    { length: splits },
    (_, s) => load(partial, dot.dtype, binary("add", e, index(s * size))),
  );
  const value = parts.reduce((sum, part) => binary("add", sum, part));
  return {
    kind: "nest",
    name: dot.name,
    body: [{
      kind: "for",
      v: e,
      extent: size,
      mode: "parallel",
      body: [{ kind: "store", buffer: dot.out, index: e, value }],
    }],
  };
}

/** A product as a plain nest. */
export function dotNest(dot: Dot): Nest {
  const [b, i, j, k] = ["b", "i", "j", "k"].map((name) => makeVar(name));
  const acc = makeVar("acc", dot.dtype);
  const at = (x: DotOperand, row: Expr, col: Expr): Expr =>
    [[b, x.batchStride], [row, x.rowStride], [col, x.colStride]].reduce<Expr>(
      (sum, [v, stride]) => binary("add", sum, binary("mul", v as Expr, index(stride as number))),
      index(x.offset),
    );
  const product = binary(
    "mul",
    load(dot.lhs.buffer, dot.dtype, at(dot.lhs, i, k)),
    load(dot.rhs.buffer, dot.dtype, at(dot.rhs, k, j)),
  );
  const out = binary(
    "add",
    binary("mul", binary("add", binary("mul", b, index(dot.m)), i), index(dot.n)),
    j,
  );
  let body: Stmt[] = [
    { kind: "accumulator", v: acc, op: "add" },
    {
      kind: "for",
      v: k,
      extent: dot.k,
      mode: "serial",
      body: [{ kind: "accumulate", v: acc, value: product }],
    },
    { kind: "store", buffer: dot.out, index: out, value: acc },
  ];
  for (const [v, extent] of [[j, dot.n], [i, dot.m], [b, dot.batch]] as const) {
    body = [{ kind: "for", v, extent, mode: "parallel", body }];
  }
  return { kind: "nest", name: dot.name, body };
}
