/**
 * Attention, its tangents and its cotangents in terms of products and sums: what they are where no kernel does them in blocks, and
 * what is differentiated once more. All of it has the whole matrix of logits.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { add, div, mul, sub } from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { stopGradient } from "../ops/convert.ts";
import { dotGeneral } from "../ops/dot.ts";
import { exp } from "../ops/elementary.ts";
import { and, ge, le, select } from "../ops/logic.ts";
import { reduceMax } from "../ops/reduce.ts";
import { addTangents } from "../ops/rules.ts";
import { broadcastInDim, iota, reduceSum, reshape, transpose } from "../ops/shape.ts";

/** Parameters of attention. Batch axes are all of the queries'; keys and values have the first `outer` of them. */
export interface AttentionParams {
  readonly scale: number;
  /** How many keys each query sees before and after its own index; `null` for all. */
  readonly window: readonly [back: number | null, ahead: number | null];
  readonly hasBias: boolean;
  readonly hasMask: boolean;
  readonly outer: number;
  /** Which axes of queries, and results, are the batch axes, the sequence, and the vectors. */
  readonly query: readonly number[];
  /** The same of keys. */
  readonly key: readonly number[];
  /** The same of values. */
  readonly value: readonly number[];
}

/** The operands of attention by name. Bias and mask have all batch axes, queries and keys, or 1 for each. */
export interface AttentionOperands {
  readonly q: NDArray;
  readonly k: NDArray;
  readonly v: NDArray;
  readonly bias: NDArray | null;
  readonly mask: NDArray | null;
}

/** Operands by name. */
export function attentionOperands(
  [q, k, v, ...rest]: readonly NDArray[],
  { hasBias, hasMask }: AttentionParams,
): AttentionOperands {
  return {
    q,
    k,
    v,
    bias: hasBias ? rest[0] : null,
    mask: hasMask ? rest[Number(hasBias)] : null,
  };
}

/** Puts axes back where `order` took them from. */
export function restored(x: NDArray, order: readonly number[]): NDArray {
  return transpose(x, order.map((_, axis) => order.indexOf(axis)));
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Products over the batch axes that keys and values have; other batch axes of `x` are rows. */
function perMatrix(x: NDArray, y: NDArray, outer: number, xAxes: number[], yAxes: number[]) {
  return dotGeneral(x, y, [[xAxes, yAxes], [upTo(outer), upTo(outer)]]);
}

/** What all forms begin with, axes in order. */
interface Softmax {
  readonly q: NDArray;
  readonly k: NDArray;
  readonly v: NDArray;
  /** Of all batch axes, queries and keys. */
  readonly weights: NDArray;
  /** Which logits are seen; `null` for all. */
  readonly seen: NDArray | null;
}

function full(x: NDArray, shape: Shape): NDArray {
  const kept = upTo(shape.length).filter((a) => x.shape[a] === shape[a]);
  return broadcastInDim(reshape(x, kept.map((a) => shape[a])), shape, kept);
}

/** An array without its last axis, over all of `shape`. */
function alongRows(x: NDArray, shape: Shape): NDArray {
  return broadcastInDim(x, shape, upTo(shape.length - 1));
}

function seenLogits(mask: NDArray | null, p: AttentionParams, shape: Shape): NDArray | null {
  const [back, ahead] = p.window;
  let seen = mask === null ? null : full(mask, shape);
  if (back === null && ahead === null) return seen;
  const distance = sub(
    iota("int32", shape, shape.length - 1),
    iota("int32", shape, shape.length - 2),
  );
  const parts = [
    ...back === null ? [] : [ge(distance, lit(distance, -back))],
    ...ahead === null ? [] : [le(distance, lit(distance, ahead))],
  ];
  for (const part of parts) seen = seen === null ? part : and(seen, part);
  return seen;
}

function softmaxOf(operands: AttentionOperands, p: AttentionParams): Softmax {
  const q = transpose(operands.q, p.query);
  const k = transpose(operands.k, p.key);
  const v = transpose(operands.v, p.value);
  const last = q.ndim - 1;
  const scaled = mul(q, lit(q, p.scale));
  let logits = perMatrix(scaled, k, p.outer, [last], [p.outer + 1]);
  const { shape } = logits;
  if (operands.bias !== null) logits = add(logits, full(operands.bias, shape));
  const seen = seenLogits(operands.mask, p, shape);
  if (seen !== null) {
    const least = broadcastInDim(lit(logits, -3.4028234663852886e38), shape, []);
    logits = select(seen, logits, least);
  }
  const largest = stopGradient(alongRows(reduceMax(logits, [last]), shape));
  const terms = exp(sub(logits, largest));
  const weights = div(terms, alongRows(reduceSum(terms, [last]), shape));
  return { q, k, v, weights, seen };
}

function weighted(weights: NDArray, v: NDArray, p: AttentionParams): NDArray {
  return perMatrix(weights, v, p.outer, [weights.ndim - 1], [p.outer]);
}

/** What is left of values for logits that are not seen: 0. */
function onSeen(x: NDArray, seen: NDArray | null): NDArray {
  return seen === null ? x : select(seen, x, broadcastInDim(lit(x, 0), x.shape, []));
}

/** The result of attention. */
export function attentionForm(operands: AttentionOperands, p: AttentionParams): NDArray {
  const { weights, v } = softmaxOf(operands, p);
  return restored(weighted(weights, v, p), p.query);
}

/** The result, the largest logit of each query and the sum of what softmax divides by. */
export function attentionWithStatistics(
  operands: AttentionOperands,
  p: AttentionParams,
): [NDArray, NDArray] {
  const out = attentionForm(operands, p);
  const q = transpose(operands.q, p.query);
  // Nobody reads them where there is no kernel: the gradients' form does not.
  const shape = [...q.shape.slice(0, -2), 2, q.shape[q.ndim - 2]];
  return [out, broadcastInDim(lit(q, 0), shape, [])];
}

/** The tangents of operands: `null` for those that have none. */
export interface AttentionTangents {
  readonly q: NDArray | null;
  readonly k: NDArray | null;
  readonly v: NDArray | null;
  readonly bias: NDArray | null;
}

/** The tangent of the result. */
export function attentionTangent(
  operands: AttentionOperands,
  tangents: AttentionTangents,
  p: AttentionParams,
): NDArray {
  const { q, k, v, weights, seen } = softmaxOf(operands, p);
  const { shape } = weights;
  const last = q.ndim - 1;
  const products = (x: NDArray, y: NDArray) =>
    perMatrix(mul(x, lit(x, p.scale)), y, p.outer, [last], [p.outer + 1]);
  const zero = new Zero(weights.aval);
  let moved: Tangent = zero;
  if (tangents.q !== null) moved = products(transpose(tangents.q, p.query), k);
  if (tangents.k !== null) moved = addTangents(moved, products(q, transpose(tangents.k, p.key)));
  if (tangents.bias !== null) moved = addTangents(moved, full(tangents.bias, shape));
  let result: Tangent = new Zero(operands.q.aval);
  if (!(moved instanceof Zero)) {
    const change = mul(weights, onSeen(moved, seen));
    const mean = alongRows(reduceSum(change, [last]), shape);
    result = weighted(sub(change, mul(weights, mean)), v, p);
  }
  if (tangents.v !== null) {
    result = addTangents(result, weighted(weights, transpose(tangents.v, p.value), p));
  }
  return restored(result as NDArray, p.query);
}

/** The cotangents of queries, keys and values, and of a bias where there is one. */
export function attentionCotangents(
  operands: AttentionOperands,
  cotangent: NDArray,
  p: AttentionParams,
): NDArray[] {
  const { q, k, v, weights, seen } = softmaxOf(operands, p);
  const ct = transpose(cotangent, p.query);
  const { shape } = weights;
  const last = q.ndim - 1;
  // Batch axes that keys do not have, and queries.
  const rows = upTo(last).slice(p.outer);
  const ofWeights = perMatrix(ct, v, p.outer, [last], [p.outer + 1]);
  const mean = alongRows(reduceSum(mul(weights, ofWeights), [last]), shape);
  const ofLogits = onSeen(mul(weights, sub(ofWeights, mean)), seen);
  const scaled = mul(ofLogits, lit(ofLogits, p.scale));
  const results = [
    restored(perMatrix(scaled, k, p.outer, [last], [p.outer]), p.query),
    restored(perMatrix(scaled, q, p.outer, rows, rows), p.key),
    restored(perMatrix(weights, ct, p.outer, rows, rows), p.value),
  ];
  const { bias } = operands;
  if (bias === null) return results;
  const shared = upTo(shape.length).filter((a) => bias.shape[a] !== shape[a]);
  return [...results, reshape(reduceSum(ofLogits, shared), bias.shape)];
}
