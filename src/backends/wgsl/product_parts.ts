/**
 * A product as steps of a device's program: a nest where it is small, otherwise a shader of its own, and another step where the sums were cut into
 * partial results.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { binary, cast, type Expr, index, load, makeVar, type Var } from "../../loopnest/expr.ts";
import type { Nest, Stmt } from "../../loopnest/ir.ts";
import type { Consumer } from "./finish.ts";
import type { Kernel, NestContext } from "./nest.ts";
import { type Axis, isProductDType, type Product, sizeOfAxes, type Which } from "./product.ts";
import {
  mostSplits,
  planProduct,
  productKernel,
  type ProductPlan,
  resultsOfInvocation,
} from "./product_plan.ts";

/** Products of fewer multiplications than this are nests. */
const tiny = 4096;

/** A step: a nest, or a shader. */
export type Part = { readonly nest: Nest } | { readonly kernel: Kernel };

/** Instructions that an invocation may spend on what becomes of its results; on the processor, where each of them is compiled longer. */
const mostFinishing = 4096;
const mostFinishingSoftware = 2048;

/** Whether what follows products can be the end of their shaders. */
export function canFinish(
  products: readonly Product[],
  consumer: Consumer,
  context: NestContext,
): boolean {
  const { loads, here, elsewhere, weight, keeps } = consumer;
  const bound = [...loads, ...elsewhere, ...here.map((stmt) => stmt.buffer)].map((id) =>
    context.canonical(id)
  );
  const most = context.traits.isSoftware ? mostFinishingSoftware : mostFinishing;
  return products.every((product) => {
    const { lhs, rhs, out } = product.buffers;
    const all = new Set([...bound, ...[lhs, rhs, ...keeps ? [out] : []].map(context.canonical)]);
    const plan = planOf(product, context);
    if (plan === null || plan.plan.splits > 1 || all.size > context.traits.maxBuffers) return false;
    return resultsOfInvocation(plan) * weight <= most;
  });
}

/** How a product's own shader is to be; `null` where it has none. */
function planOf(product: Product, context: NestContext): ProductPlan | null {
  const { dtype, batch, rows, cols, terms, buffers } = product;
  const [results, length] = [sizeOfAxes([...batch, ...rows, ...cols]), sizeOfAxes(terms)];
  if (results * length < tiny || !isProductDType(dtype)) return null;
  // Partial results are laid out as the array is.
  const whole = results === context.sizeOf(buffers.out);
  return planProduct(product, context.traits, whole ? mostSplits : 1);
}

/** What computes a product, in order.
 *
 * @param newBuffer Makes buffers for partial results.
 * @param consumer What becomes of it, if that can be the end of its shader.
 */
export function productParts(
  product: Product,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
  consumer: Consumer | null,
): Part[] {
  const { dtype, batch, rows, cols, buffers } = product;
  if (sizeOfAxes([...batch, ...rows, ...cols]) === 0) return [];
  const plan = planOf(product, context);
  if (plan === null) return [{ nest: productNest(product, context.dtypeOf) }];
  const { splits } = plan.plan;
  if (splits === 1) return [{ kernel: productKernel(product, plan, consumer, context) }];
  const size = context.sizeOf(buffers.out);
  const partial = newBuffer(dtype, size * splits);
  const split = { ...product, buffers: { ...buffers, out: partial } };
  return [
    { kernel: productKernel(split, plan, null, context) },
    { nest: joinNest(product, partial, size, splits) },
  ];
}

/** The sum of partial results. */
function joinNest(
  { name, dtype, buffers }: Product,
  partial: number,
  size: number,
  splits: number,
): Nest {
  const e = makeVar("e");
  const parts = Array.from(
    { length: splits },
    (_, s) => load(partial, dtype, binary("add", e, index(s * size))),
  );
  const value = parts.reduce((sum, part) => binary("add", sum, part));
  const store: Stmt = { kind: "store", buffer: buffers.out, index: e, value };
  return {
    kind: "nest",
    name,
    body: [{ kind: "for", v: e, extent: size, mode: "parallel", body: [store] }],
  };
}

/** A product as a plain nest.
 *
 * @param dtypeOf What buffers hold.
 */
function productNest(
  { name, dtype, buffers, offsets, ...axes }: Product,
  dtypeOf: (buffer: number) => DType,
): Nest {
  const named = (list: readonly Axis[], letter: string): (Axis & { v: Var })[] =>
    list.map((axis) => ({ ...axis, v: makeVar(letter) }));
  const free = [...named(axes.batch, "b"), ...named(axes.rows, "i"), ...named(axes.cols, "j")];
  const terms = named(axes.terms, "k");
  const at = (which: Which): Expr =>
    [...free, ...terms].reduce<Expr>(
      (sum, axis) => binary("add", sum, binary("mul", axis.v, index(axis[which]))),
      index(offsets[which]),
    );
  const acc = makeVar("acc", dtype);
  const element = (which: "lhs" | "rhs"): Expr =>
    cast(load(buffers[which], dtypeOf(buffers[which]), at(which)), dtype);
  const value = binary("mul", element("lhs"), element("rhs"));
  const around = (list: readonly { v: Var; size: number }[], inner: Stmt[], parallel: boolean) =>
    [...list].reverse().reduce<Stmt[]>((body, { v, size }) => [
      { kind: "for", v, extent: size, mode: parallel ? "parallel" : "serial", body },
    ], inner);
  const sum = around(terms, [{ kind: "accumulate", v: acc, value }], false);
  const body: Stmt[] = [
    { kind: "accumulator", v: acc, op: "add" },
    ...sum,
    { kind: "store", buffer: buffers.out, index: at("out"), value: acc },
  ];
  return { kind: "nest", name, body: around(free, body, true) };
}
