/**
 * Matrix products: which shader computes one, by its shape and by the adapter.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Dot, DotOperand, Nest, Stmt } from "../../loopnest/ir.ts";
import { directKernel, type DirectPlan, directTurns } from "./direct.ts";
import type { Kernel, NestContext } from "./nest.ts";
import { isProductDType, type Product, productOfDot, sizeOfAxes } from "./product.ts";
import type { AdapterTraits } from "./traits.ts";

/** Products of fewer steps than this are nests. */
const tiny = 4096;
/** Drivers stop an invocation's loops after 65,535 turns (Mesa, silently). */
const tooLong = 30000;

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
  const product = productOfDot(dot, context.canonical);
  const plan = directPlan(product, context.traits);
  if (plan === null) return [{ nest: dotNest(dot) }];
  if (plan.splits === 1) return [{ kernel: directKernel(product, plan, null) }];
  const size = dot.batch * dot.m * dot.n;
  const partial = newBuffer(dot.dtype, size * plan.splits);
  const split = { ...product, buffers: { ...product.buffers, out: partial } };
  return [
    { kernel: directKernel(split, plan, null) },
    { nest: joinNest(dot, partial, size, plan.splits) },
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

/** A number of blocks that all are of one size, at most `most`, wasting little. */
function block(extent: number, most: number, byFour: boolean): number {
  const each = Math.ceil(extent / Math.ceil(extent / most));
  return byFour && (each > 3 || extent % 4 === 0) ? Math.ceil(each / 4) * 4 : each;
}

/** How a product is cut into blocks of registers; `null` where its sums are too long. */
function directPlan(product: Product, traits: AdapterTraits): DirectPlan | null {
  const [rows, cols, terms, batch] = [product.rows, product.cols, product.terms, product.batch]
    .map(sizeOfAxes);
  const blocksOf = (r: number, c: number) => Math.ceil(rows / r) * Math.ceil(cols / c) * batch;
  const plan = (most: number): { rows: number; cols: number } => ({
    rows: block(rows, most, product.rows.at(-1)!.lhs === 1),
    cols: block(cols, most, true),
  });
  if (traits.isSoftware) {
    // What is read once serves more sums in a larger block, which takes the driver longer to compile.
    const large = rows * cols * terms * batch >= 2 ** 27;
    const most = large && blocksOf(16, 16) >= 128 ? 16 : blocksOf(8, 8) >= 64 ? 8 : 4;
    const { rows: r, cols: c } = plan(most);
    const blocks = blocksOf(r, c);
    const fill = Math.min(16, Math.max(1, Math.floor(64 / blocks)), Math.ceil(terms / 512));
    const width = blocks >= 512 ? 32 : 8;
    return cutToLength(product, { rows: r, cols: c, width, sharing: 1, splits: fill });
  }
  const { rows: r, cols: c } = plan(4);
  const blocks = blocksOf(r, c);
  let sharing = 1;
  while (sharing < 64 && blocks * sharing < 16384 && terms / sharing > 32) sharing *= 2;
  const splits = Math.min(16, Math.floor(16384 / (blocks * sharing)), Math.floor(terms / 4096));
  const width = Math.min(256, traits.maxInvocations);
  return cutToLength(product, { rows: r, cols: c, width, sharing, splits: Math.max(1, splits) });
}

/** With as many partial results as keep loops below what drivers allow. */
function cutToLength(product: Product, plan: DirectPlan): DirectPlan | null {
  for (let { splits } = plan; splits <= 16; splits++) {
    const cut = { ...plan, splits };
    if (directTurns(product, cut) <= tooLong) return cut;
  }
  return null;
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
