/**
 * The `dot_product_attention` primitive: softmax(q kᵀ scale + bias, masked) v, whose logits are never all in memory at once on the
 * processor, neither forwards nor backwards (`kernels/attention/`). Of float32.
 *
 * Forwards it keeps, beside its result, the largest logit of each query and the sum that softmax divides by; reverse mode computes the
 * weights again from those, block by block (Dao et al. 2022, https://arxiv.org/abs/2205.14135). Forward mode, derivatives beyond the first, the
 * cotangent of a bias, which is as large as the logits, and WebGPU take the plain form (`attention_forms.ts`).
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray, stridesOf } from "../core/aval.ts";
import type { LoweredKernel, LoweredKernelArg } from "../core/lowering.ts";
import {
  isUndefinedPrimal,
  isZero,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { bind, bind1 } from "../core/trace.ts";
import {
  attentionList,
  attentionScratchBytes,
  type AttentionShape,
  type AttentionStrides,
  attentionUnits,
  gradientScratchBytes,
  gradientUnits,
} from "../loopnest/attention_plan.ts";
import { broadcastInDim, moveAxis } from "../ops/shape.ts";
import { jvpFlat } from "../transform/jvp.ts";
import {
  attentionCotangents,
  attentionOperands,
  type AttentionParams,
  attentionTangent,
  attentionWithStatistics,
} from "./attention_forms.ts";
import { attentionSplit, partitionAttention } from "./attention_split.ts";

/** How many operands an attention has. */
function arity({ hasBias, hasMask }: AttentionParams): number {
  return 3 + Number(hasBias) + Number(hasMask);
}

/** What lies where in memory, for the kernels. */
function shapeOf(avals: readonly ShapedArray[], p: AttentionParams): AttentionShape {
  const [q, k, v] = avals;
  const rank = p.query.length - 2;
  const pick = (x: ShapedArray, order: readonly number[]) => order.map((a) => x.shape[a]);
  const [...batch] = pick(q, p.query);
  const size = batch.pop()!;
  const queries = batch.pop()!;
  const [keys, valueSize] = pick(v, p.value).slice(-2);
  const strides = (shape: readonly number[], order: readonly number[]): AttentionStrides => {
    const all = stridesOf(shape);
    const own = order.slice(0, -2).map((a) => shape[a] === 1 ? 0 : all[a]);
    while (own.length < rank) own.push(0);
    const [row, column] = order.slice(-2).map((a) => shape[a] === 1 ? 0 : all[a]);
    return { batch: own, row, column };
  };
  // Vectors of one element still have a distance, which is never used to repeat them.
  const vectors = (x: ShapedArray, order: readonly number[]) => {
    const all = stridesOf(x.shape);
    const [row, column] = order.slice(-2).map((a) => all[a]);
    return { ...strides(x.shape, order), row, column };
  };
  const inOrder = p.query.map((_, i) => i);
  const outShape = [...q.shape];
  outShape[p.query[rank + 1]] = valueSize;
  return {
    batch,
    outer: p.outer,
    queries,
    keys,
    size,
    valueSize,
    scale: p.scale,
    window: p.window,
    q: vectors(q, p.query),
    k: vectors(k, p.key),
    v: vectors(v, p.value),
    bias: p.hasBias ? strides(avals[3].shape, inOrder) : null,
    mask: p.hasMask ? strides(avals[3 + Number(p.hasBias)].shape, inOrder) : null,
    out: vectors(shapedArray(outShape, q.dtype), p.query),
  };
}

/** The arguments that both kernels begin with; where there is no bias or mask, anything stands for it. */
function leading(list: readonly number[], p: AttentionParams): LoweredKernelArg[] {
  const operand = (i: number): LoweredKernelArg => ({ kind: "operand", operand: i });
  return [
    { kind: "list", values: list },
    operand(0),
    operand(1),
    operand(2),
    operand(p.hasBias ? 3 : 0),
    operand(p.hasMask ? 3 + Number(p.hasBias) : 0),
  ];
}

/** The end of both: scratch, and the units of work. */
function ending(bytes: number, units: number): LoweredKernelArg[] {
  return [
    { kind: "scratch", bytes },
    { kind: "number", value: 0 },
    { kind: "number", value: units },
  ];
}

const result = (i: number): LoweredKernelArg => ({ kind: "result", result: i });

/** The avals of the result and of what is kept of each query. */
function avalsOf(
  [q, , v]: readonly ShapedArray[],
  { query, value }: AttentionParams,
): ShapedArray[] {
  const [sequence, vector] = query.slice(-2);
  const shape = [...q.shape];
  shape[vector] = v.shape[value[value.length - 1]];
  const batch = query.slice(0, -2).map((a) => q.shape[a]);
  return [
    shapedArray(shape, "float32"),
    shapedArray([...batch, 2, q.shape[sequence]], "float32"),
  ];
}

/** Axes with one more in place `at`, which is axis `axis`. */
function withAxis(order: readonly number[], at: number, axis: number): number[] {
  const moved = order.map((a) => a < axis ? a : a + 1);
  return [...moved.slice(0, at), axis, ...moved.slice(at)];
}

/** An array with the mapped axis in place `at`: where it is mapped, or as often as it takes. */
function mappedAt(x: NDArray, dim: number | null, at: number, size: number): NDArray {
  if (dim !== null) return moveAxis(x, dim, at);
  const shape = [...x.shape.slice(0, at), size, ...x.shape.slice(at)];
  return broadcastInDim(x, shape, x.shape.map((_, a) => a < at ? a : a + 1));
}

/** A bias or mask with the mapped axis in place `at`, of size 1 where it is not mapped. */
function sharedAt(x: NDArray, dim: number | null, at: number): NDArray {
  return mappedAt(x, dim, at, 1);
}

/**
 * `dot_product_attention`: operands `q`, `k`, `v`, and a bias and a mask where the parameters say so; gives the result, and what is kept of
 * each query for its gradients, which has no derivative of its own.
 */
export const attentionP: Primitive<AttentionParams> = {
  name: "dot_product_attention",
  abstractEval: avalsOf,
  split: attentionSplit(false),
  partition: partitionAttention(false),
  lower: (_reads, ins, _outs, p) => {
    const list = attentionList(shapeOf(ins, p));
    const call: LoweredKernel = {
      name: "attention_float32",
      args: [
        ...leading(list, p),
        result(0),
        result(1),
        ...ending(attentionScratchBytes(list), attentionUnits(list)),
      ],
    };
    return [0, 1].map((i) => ({ kind: "kernel", result: i, call }));
  },
  withoutKernel: (_ins, p) => (xs) => attentionWithStatistics(attentionOperands(xs, p), p),
  jvp: (primals, tangents, p) => {
    const [out, statistics] = bind(attentionP, primals, p);
    const live = tangents.map((t, i) => !isZero(t) && primals[i].dtype === "float32");
    const moving = tangents.filter((t, i): t is NDArray => live[i] && !isZero(t));
    const none = new Zero(statistics.aval);
    if (moving.length === 0) return [[out, statistics], [new Zero(out.aval), none]];
    const operands = [...primals, out, statistics, ...moving];
    return [[out, statistics], [bind1(tangentP, operands, { ...p, live }), none]];
  },
  batch: (operands, dims, p, size) => {
    const isOuter = dims[1] !== null || dims[2] !== null;
    const at = isOuter ? 0 : p.outer;
    const dim = dims[0] ?? 0;
    const vectors = (i: number, order: readonly number[]): [NDArray, number[]] => {
      if (i > 0 && !isOuter) return [operands[i], [...order]];
      const axis = dims[i] ?? 0;
      return [mappedAt(operands[i], dims[i], axis, size), withAxis(order, at, axis)];
    };
    const [q, query] = vectors(0, p.query);
    const [k, key] = vectors(1, p.key);
    const [v, value] = vectors(2, p.value);
    const others = operands.slice(3).map((x, i) => sharedAt(x, dims[3 + i], at));
    const outer = p.outer + Number(isOuter);
    return [bind(attentionP, [q, k, v, ...others], { ...p, outer, query, key, value }), [dim, at]];
  },
};

/** Parameters of the tangent: which operands have one. */
export interface TangentParams extends AttentionParams {
  readonly live: readonly boolean[];
}

/** The parameters of the attention alone. */
function attentionParams({ live: _, ...p }: TangentParams): AttentionParams {
  return p;
}

/** Operands of attention, its results, and the tangents by the operand they belong to. */
function tangentParts<T>(operands: readonly T[], p: TangentParams) {
  const n = arity(p);
  const tangents: (T | null)[] = [];
  let next = n + 2;
  for (let i = 0; i < n; i++) tangents.push(p.live[i] ? operands[next++] : null);
  return { primals: operands.slice(0, n), kept: operands.slice(n, n + 2), tangents };
}

function tangentForm(xs: readonly NDArray[], p: TangentParams): NDArray {
  const { primals, tangents } = tangentParts(xs, p);
  const [q, k, v, bias] = tangents;
  return attentionTangent(
    attentionOperands(primals, p),
    { q, k, v, bias: p.hasBias ? bias : null },
    p,
  );
}

/** The derivative of a form, of which the values are known otherwise. */
function formJvp(
  form: (xs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
): Tangent[] {
  return jvpFlat(form, primals, tangents)[1];
}

/**
 * The tangent of an attention's result: operands are those of the attention, its results, and the tangents that there are, in which it is
 * linear. Its transpose is {@linkcode cotangentP}.
 */
export const tangentP: Primitive<TangentParams> = {
  name: "dot_product_attention_jvp",
  abstractEval: (ins, p) => [avalsOf(ins, p)[0]],
  expand: (_ins, p) => (xs) => [tangentForm(xs, p)],
  jvp: (primals, tangents, p) => [
    [bind1(tangentP, primals, p)],
    formJvp((xs) => [tangentForm(xs, p)], primals, tangents),
  ],
  transpose: ([ct], operands, p) => {
    const { primals, kept, tangents } = tangentParts(operands, p);
    const given = [...primals, ...kept].map(() => null);
    const linear = tangents.filter((t): t is NDArray | UndefinedPrimal => t !== null);
    if (isZero(ct)) {
      return [...given, ...linear.map((t) => isUndefinedPrimal(t) ? new Zero(t.aval) : null)];
    }
    const known = primals as NDArray[];
    const pulled = p.hasBias && tangents[3] !== null && isUndefinedPrimal(tangents[3])
      ? attentionCotangents(attentionOperands(known, p), ct as NDArray, p)
      : bind(cotangentP, [...known, ...kept as NDArray[], ct as NDArray], attentionParams(p));
    const cotangents = tangents.flatMap((t, i) =>
      t === null ? [] : [isUndefinedPrimal(t) ? pulled[i] : null]
    );
    return [...given, ...cotangents];
  },
  batch: (operands, dims, p, size) => {
    const n = arity(p);
    // After the operands and the two results come tangents, each of which is as its operand is.
    const live = p.live.flatMap((l, i) => l ? [i] : []);
    const moved = operands.map((x, i) => {
      if (i === n + 1) return mappedAt(x, dims[i], 0, size);
      const of = i < n ? i : i === n ? 0 : live[i - n - 2];
      const isBias = p.hasBias && of === 3;
      return of < 3 || isBias ? mappedAt(x, dims[i], 0, size) : sharedAt(x, dims[i], 0);
    });
    return [[bind1(tangentP, moved, { ...p, ...inFront(p) })], [0]];
  },
};

/** Parameters where an axis that all operands have was put before the others. */
function inFront(p: AttentionParams): AttentionParams {
  const [query, key, value] = [p.query, p.key, p.value].map((order) => withAxis(order, 0, 0));
  return { ...p, outer: p.outer + 1, query, key, value };
}

function cotangentForm(xs: readonly NDArray[], p: AttentionParams): NDArray[] {
  const operands = attentionOperands(xs, p);
  return attentionCotangents(operands, xs[arity(p) + 2], p).slice(0, 3);
}

/**
 * The cotangents of queries, keys and values: operands are those of the attention, its results, and the cotangent of the first of these.
 */
export const cotangentP: Primitive<AttentionParams> = {
  name: "dot_product_attention_vjp",
  abstractEval: (ins) => ins.slice(0, 3).map((x) => shapedArray(x.shape, x.dtype)),
  split: attentionSplit(true),
  partition: partitionAttention(true),
  lower: (_reads, ins, _outs, p) => {
    const list = attentionList(shapeOf(ins, p));
    const n = arity(p);
    const call: LoweredKernel = {
      name: "attentiongrad_float32",
      args: [
        ...leading(list, p),
        ...[n, n + 1, n + 2].map((operand) => ({ kind: "operand", operand }) as const),
        ...[0, 1, 2].map(result),
        ...ending(gradientScratchBytes(list), gradientUnits(list)),
      ],
    };
    return [0, 1, 2].map((i) => ({ kind: "kernel", result: i, call }));
  },
  withoutKernel: (_ins, p) => (xs) => cotangentForm(xs, p),
  // What was kept follows from the operands: their tangents say all.
  jvp: (primals, tangents, p) => [
    bind(cotangentP, primals, p),
    formJvp((xs) => cotangentForm(xs, p), primals, tangents),
  ],
  transpose: (cts, operands, p) => {
    const given = operands.slice(0, -1) as NDArray[];
    const nothing = given.map(() => null);
    const last = operands[operands.length - 1] as UndefinedPrimal;
    if (cts.every(isZero)) return [...nothing, new Zero(last.aval)];
    const live = operands.slice(0, arity(p)).map((_, i) => i < 3 && !isZero(cts[i]));
    const moving = cts.filter((ct): ct is NDArray => !isZero(ct));
    return [...nothing, bind1(tangentP, [...given, ...moving], { ...p, live })];
  },
  batch: (operands, dims, p, size) => {
    const n = arity(p);
    const moved = operands.map((x, i) =>
      i >= 3 && i < n ? sharedAt(x, dims[i], 0) : mappedAt(x, dims[i], 0, size)
    );
    return [bind(cotangentP, moved, inFront(p)), [0, 0, 0]];
  },
};

/**
 * Attention of float32 operands, none of which is empty.
 *
 * @returns Of the queries' axes, with the size of the values.
 */
export function attend(
  operands: readonly NDArray[],
  p: AttentionParams,
): NDArray {
  return bind(attentionP, operands, p)[0];
}
