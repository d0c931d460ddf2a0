/**
 * Identities that refuse a transformation.
 *
 * @module
 */
import { DifferentiationError, TracerError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { Lowered } from "../core/lowering.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { literal } from "../ops/common.ts";
import { reduceMax, reduceMin, reduceOr } from "../ops/reduce.ts";
import { ne } from "../ops/logic.ts";
import { moveAxis, reshape } from "../ops/shape.ts";
import { slice } from "../ops/slicing.ts";
import { unaryBatch } from "../ops/rules.ts";
import { errorIfP } from "./error_if.ts";

/** What all of them are when nothing is transformed. */
const identity = {
  abstractEval: <A>([x]: readonly A[]) => [x],
  evaluate: ([x]: readonly NDArray[]) => [x],
  lower: (): readonly Lowered[] => [{ kind: "alias", operand: 0 }],
  onParts: "each" as const,
  finalise: ([x]: readonly NDArray[]) => [x],
};

/** Parameters of the identities that say what is wrong. */
export interface GuardParams {
  readonly message: string;
}

/** `nondifferentiable`: refuses tangents. */
export const nondifferentiableP: Primitive<GuardParams> = {
  name: "nondifferentiable",
  ...identity,
  jvp: (_primals, _tangents, { message }) => {
    throw new DifferentiationError(message);
  },
  batch: (xs, dims, p) => unaryBatch(nondifferentiableP, xs, dims, p),
};

/** Parameters of {@linkcode nondifferentiableBackwardP}. */
export interface NondifferentiableBackwardParams extends GuardParams {
  /** Whether any cotangent is refused, while tracing; otherwise one that is not zero, at run time. */
  readonly symbolic: boolean;
}

/** `nondifferentiable_backward`: lets tangents through, and refuses cotangents. */
export const nondifferentiableBackwardP: Primitive<NondifferentiableBackwardParams> = {
  name: "nondifferentiable_backward",
  ...identity,
  jvp: ([x], [t], p) => {
    const out = bind1(nondifferentiableBackwardP, [x], p);
    return [[out], [t instanceof Zero ? t : bind1(nondifferentiableBackwardP, [t], p)]];
  },
  transpose: ([ct], [x], { message, symbolic }) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    if (symbolic) throw new DifferentiationError(message);
    const wrong = reduceOr(ne(ct, literal(0, ct.dtype)), ct.shape.map((_, i) => i));
    return [bind1(errorIfP, [ct, wrong, literal(0, "int32")], {
      messages: [message],
      onError: "raise",
    })];
  },
  batch: (xs, dims, p) => unaryBatch(nondifferentiableBackwardP, xs, dims, p),
};

/** `nontraceable`: refuses every transformation. */
export const nontraceableP: Primitive<{ readonly name: string }> = {
  name: "nontraceable",
  ...identity,
  jvp: (_primals, _tangents, { name }) => refuse("differentiation", name),
  transpose: (_cts, _operands, { name }) => refuse("transposition", name),
  batch: (_xs, _dims, { name }) => refuse("batching", name),
};

function refuse(what: string, name: string): never {
  throw new TracerError(`detected ${what} of ${name}, which must not be transformed`);
}

/** Parameters of {@linkcode nonbatchableP}. */
export interface NonbatchableParams extends GuardParams {
  /** Whether a mapped axis is allowed along which the value does not change; that it does not is checked at run time. */
  readonly allowConstantAcrossBatch: boolean;
}

/** `nonbatchable`: refuses a mapped axis. */
export const nonbatchableP: Primitive<NonbatchableParams> = {
  name: "nonbatchable",
  ...identity,
  jvp: ([x], [t], p) => [[bind1(nonbatchableP, [x], p)], [t]],
  batch: ([x], [dim], p) => {
    if (dim === null) return [[bind1(nonbatchableP, [x], p)], [null]];
    if (!p.allowConstantAcrossBatch) throw new TracerError(p.message);
    const wrong = ne(reduceMin(x, [dim]), reduceMax(x, [dim]));
    const first = moveAxis(x, dim, 0);
    const shape = first.shape.slice(1);
    const one = reshape(slice(first, first.shape.map(() => 0), [1, ...shape]), shape);
    const checked = bind1(errorIfP, [
      one,
      reduceOr(wrong, wrong.shape.map((_, i) => i)),
      literal(0, "int32"),
    ], { messages: [p.message], onError: "raise" });
    return [[bind1(nonbatchableP, [checked], p)], [null]];
  },
};
