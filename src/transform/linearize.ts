/**
 * Linearisation and reverse mode.
 *
 * `linearize` is forward mode over partial evaluation: primals are known and computed at once, tangents are unknown
 * and written down, which leaves a jaxpr that is linear in the tangents and whose constants are the residuals. Reverse mode runs that
 * jaxpr backwards with each primitive's transpose rule. After Radul et al., "You Only Linearize Once" (2022),
 * https://arxiv.org/abs/2204.10923.
 *
 * @module
 */
import { DifferentiationError, InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  type JaxprVar,
  Literal,
  primitiveOf,
} from "../core/jaxpr.ts";
import { type Tangent, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind, withTrace } from "../core/trace.ts";
import { convertElementType } from "../ops/convert.ts";
import { addTangents } from "../ops/rules.ts";
import { instantiate } from "../ops/shape.ts";
import { JvpTrace, maskKey, memoize } from "./jvp.ts";
import { evalClosedJaxpr, evalJaxpr, JaxprTrace, PartialTrace, readAtom, stage } from "./stage.ts";

/** A function at a point, and its derivative there. */
export interface Linearized {
  /** The function's value. */
  readonly outs: readonly NDArray[];
  /** The derivative: from input tangents (all of them) to the tangents of the outputs that have one. */
  readonly linear: ClosedJaxpr;
  /** Which outputs have a tangent that is not a symbolic zero. */
  readonly nonzeroOuts: readonly boolean[];
}

/** Evaluates `fn` at `primals` and linearises it there. */
export function linearizeFlat(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
): Linearized {
  const partial = new PartialTrace();
  const tangents = primals.map((x) => partial.newInput(x.aval));
  const jvp = withTrace(partial, () => new JvpTrace());
  try {
    const inputs = primals.map((x, i) => jvp.lift(x, tangents[i]));
    const pairs = withTrace(jvp, () => fn(inputs)).map((x) => jvp.split(x));
    const outs = pairs.map(([primal]) => {
      if (partial.owns(primal)) throw new InternalError("a primal output depends on a tangent");
      return primal;
    });
    const nonzeroOuts = pairs.map(([, t]) => !(t instanceof Zero));
    const linear = partial.finish(
      pairs.map(([, t]) => t).filter((t): t is NDArray => !(t instanceof Zero)),
    );
    return { outs, linear, nonzeroOuts };
  } finally {
    jvp.invalidate();
    partial.invalidate();
  }
}

/** Applies a linearised function: tangents of all its outputs from those of its inputs. */
export function applyLinear(lin: Linearized, tangents: readonly NDArray[]): NDArray[] {
  const results = evalClosedJaxpr(lin.linear, tangents);
  let next = 0;
  return lin.nonzeroOuts.map((nonzero, i) =>
    nonzero ? results[next++] : instantiate(new Zero(lin.outs[i].aval))
  );
}

/** Applies the transpose of a linearised function: cotangents of its inputs from those of its outputs. */
export function applyTranspose(lin: Linearized, cotangents: readonly Tangent[]): Tangent[] {
  const cts = cotangents.filter((_, i) => lin.nonzeroOuts[i]);
  return pullBack(lin.linear.jaxpr, lin.linear.consts, lin.linear.inAvals, cts);
}

/** The cotangents of a linear jaxpr's inputs, weakly typed where those are. */
export function pullBack(
  linear: Jaxpr,
  consts: readonly NDArray[],
  inAvals: readonly ShapedArray[],
  cotangents: readonly Tangent[],
): Tangent[] {
  const inputs = inAvals.map((aval) => new UndefinedPrimal(aval));
  return backwardPass(linear, consts, inputs, cotangents).map((ct, i) => {
    const { dtype, weakType } = inAvals[i];
    return weakType && !(ct! instanceof Zero) ? convertElementType(ct!, dtype, true) : ct!;
  });
}

/** Value and pullback of a flat function. */
export function vjpFlat(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
): [outs: readonly NDArray[], pullback: (cotangents: readonly Tangent[]) => Tangent[]] {
  const lin = linearizeFlat(fn, primals);
  return [lin.outs, (cotangents) => applyTranspose(lin, cotangents)];
}

/**
 * Runs a jaxpr backwards.
 *
 * @param inputs The operands: `UndefinedPrimal` for those in which the jaxpr is linear.
 * @returns The cotangents of the undefined inputs; `null` for the others.
 */
export function backwardPass(
  jaxpr: Jaxpr,
  consts: readonly NDArray[],
  inputs: readonly (NDArray | UndefinedPrimal)[],
  cotangents: readonly Tangent[],
): (Tangent | null)[] {
  const linear = new Set<JaxprVar>();
  const env = new Map<JaxprVar, NDArray>();
  jaxpr.constvars.forEach((v, i) => env.set(v, consts[i]));
  jaxpr.invars.forEach((v, i) => {
    const x = inputs[i];
    if (x instanceof UndefinedPrimal) linear.add(v);
    else env.set(v, x);
  });
  const isLinear = (atom: Atom): atom is JaxprVar => !(atom instanceof Literal) && linear.has(atom);

  // What does not depend on the linear inputs is computed forwards.
  const linearEqns: JaxprEqn[] = [];
  for (const eqn of jaxpr.eqns) {
    if (eqn.invars.some(isLinear)) {
      linearEqns.push(eqn);
      for (const v of eqn.outvars) linear.add(v);
    } else {
      const outs = bind(primitiveOf(eqn), eqn.invars.map((a) => readAtom(env, a)), eqn.params);
      eqn.outvars.forEach((v, i) => env.set(v, outs[i]));
    }
  }

  const cts = new Map<JaxprVar, Tangent>();
  const accumulate = (v: JaxprVar, ct: Tangent) => {
    if (ct instanceof Zero) return;
    const old = cts.get(v);
    cts.set(v, old === undefined ? ct : addTangents(old, ct));
  };
  jaxpr.outvars.forEach((atom, i) => {
    if (isLinear(atom)) accumulate(atom, cotangents[i]);
  });
  for (let i = linearEqns.length - 1; i >= 0; i--) {
    const eqn = linearEqns[i];
    if (!eqn.outvars.some((v) => cts.has(v))) continue;
    const outCts = eqn.outvars.map((v) => {
      const ct = cts.get(v) ?? new Zero(v.aval);
      cts.delete(v);
      return ct;
    });
    const { transpose, name } = primitiveOf(eqn);
    if (transpose === undefined) {
      throw new DifferentiationError(
        `reverse-mode differentiation reached the primitive ${name}, which has no transpose rule; use forward mode`,
      );
    }
    const operands = eqn.invars.map((a) =>
      isLinear(a) ? new UndefinedPrimal(a.aval) : readAtom(env, a)
    );
    const inCts = transpose(outCts, operands, eqn.params);
    eqn.invars.forEach((a, j) => {
      const ct = inCts[j];
      if (isLinear(a) && ct !== null && ct !== undefined) accumulate(a, ct);
    });
  }
  return jaxpr.invars.map((v, i) =>
    inputs[i] instanceof UndefinedPrimal ? cts.get(v) ?? new Zero(v.aval) : null
  );
}

/** A jaxpr cut in two: what can be computed from the known inputs, and the rest. */
export interface SplitJaxpr {
  /** From the known inputs to the known outputs, then the residuals. */
  readonly known: ClosedJaxpr;
  /** From the residuals, then the unknown inputs, to the unknown outputs. */
  readonly unknown: ClosedJaxpr;
  /** Which outputs are known. */
  readonly knownOuts: readonly boolean[];
}

const splitCache = new WeakMap<ClosedJaxpr, Map<string, SplitJaxpr>>();

/**
 * Cuts a jaxpr (without constants) by which of its inputs are known.
 *
 * @param forceUnknown Outputs that count as unknown even where they are not.
 */
export function splitJaxpr(
  closed: ClosedJaxpr,
  known: readonly boolean[],
  forceUnknown: readonly boolean[] = [],
): SplitJaxpr {
  return memoize(splitCache, closed, `${maskKey(known)}|${maskKey(forceUnknown)}`, () => {
    const outer = new JaxprTrace();
    const inputs = closed.inAvals.map((aval, i) => known[i] ? outer.newInput(aval) : null);
    const partial = withTrace(outer, () => new PartialTrace());
    const all = inputs.map((x, i) => x ?? partial.newInput(closed.inAvals[i]));
    const outs = withTrace(partial, () => evalClosedJaxpr(closed, all));
    const knownOuts = outs.map((x, i) => !partial.owns(x) && forceUnknown[i] !== true);
    const rest = partial.finish(outs.filter((_, i) => !knownOuts[i]));
    const knownClosed = outer.finish([...outs.filter((_, i) => knownOuts[i]), ...rest.consts]);
    outer.invalidate();
    partial.invalidate();
    const unknown = stage(
      (xs) => evalJaxpr(rest.jaxpr, xs.slice(0, rest.consts.length), xs.slice(rest.consts.length)),
      [...rest.consts.map((x) => x.aval), ...rest.inAvals],
    );
    return { known: knownClosed, unknown, knownOuts };
  });
}

/** A transposed jaxpr: from the defined inputs, then the nonzero output cotangents, to the nonzero input cotangents. */
export interface TransposedJaxpr {
  readonly closed: ClosedJaxpr;
  /** Which of the undefined inputs get a cotangent that is not a symbolic zero. */
  readonly nonzeroIns: readonly boolean[];
}

const transposeCache = new WeakMap<ClosedJaxpr, Map<string, TransposedJaxpr>>();

/**
 * Transposes a jaxpr (without constants) in the inputs that `linear` names.
 *
 * @param force Whether every linear input gets a cotangent, zeros where it would be a symbolic zero.
 */
export function transposeJaxpr(
  closed: ClosedJaxpr,
  linear: readonly boolean[],
  nonzeroCts: readonly boolean[],
  force = false,
): TransposedJaxpr {
  const key = `${maskKey(linear)}|${maskKey(nonzeroCts)}|${force}`;
  return memoize(transposeCache, closed, key, () => {
    const defined: ShapedArray[] = closed.inAvals.filter((_, i) => !linear[i]);
    const ctAvals = closed.outAvals.filter((_, i) => nonzeroCts[i]);
    let nonzeroIns: boolean[] = [];
    const traced = stage((inputs) => {
      let next = 0;
      const operands = closed.inAvals.map((aval, i) =>
        linear[i] ? new UndefinedPrimal(aval) : inputs[next++]
      );
      const cts = closed.outAvals.map((aval, i) => nonzeroCts[i] ? inputs[next++] : new Zero(aval));
      const results = backwardPass(closed.jaxpr, closed.consts, operands, cts)
        .filter((t): t is Tangent => t !== null)
        .map((t) => force ? instantiate(t) : t);
      nonzeroIns = results.map((t) => !(t instanceof Zero));
      return results.filter((t): t is NDArray => !(t instanceof Zero));
    }, [...defined, ...ctAvals]);
    return { closed: traced, nonzeroIns };
  });
}

/** The pullback of a jaxpr: from all its inputs, then the nonzero output cotangents, to the nonzero input cotangents. */
export interface VjpJaxpr {
  readonly closed: ClosedJaxpr;
  /** Which inputs get a cotangent that is not a symbolic zero. */
  readonly nonzeroIns: readonly boolean[];
}

const vjpCache = new WeakMap<ClosedJaxpr, Map<string, VjpJaxpr>>();

/**
 * The pullback of a jaxpr (without constants) with respect to the inputs that `perturbed` names: no rule of what does not depend on them is asked.
 *
 * @param nonzeroCts Which outputs have a cotangent.
 */
export function vjpJaxpr(
  closed: ClosedJaxpr,
  perturbed: readonly boolean[],
  nonzeroCts: readonly boolean[],
): VjpJaxpr {
  const key = `${maskKey(perturbed)}|${maskKey(nonzeroCts)}`;
  return memoize(vjpCache, closed, key, () => {
    const count = closed.inAvals.length;
    let nonzeroIns: boolean[] = [];
    const traced = stage((inputs) => {
      const primals = inputs.slice(0, count);
      const lin = linearizeFlat((xs) => {
        let next = 0;
        return evalClosedJaxpr(closed, primals.map((x, i) => perturbed[i] ? xs[next++] : x));
      }, primals.filter((_, i) => perturbed[i]));
      let next = count;
      const pulled = applyTranspose(
        lin,
        closed.outAvals.map((aval, i) => nonzeroCts[i] ? inputs[next++] : new Zero(aval)),
      );
      let at = 0;
      const all = perturbed.map((p, i) => p ? pulled[at++] : new Zero(closed.inAvals[i]));
      nonzeroIns = all.map((t) => !(t instanceof Zero));
      return all.filter((t): t is NDArray => !(t instanceof Zero));
    }, [...closed.inAvals, ...closed.outAvals.filter((_, i) => nonzeroCts[i])]);
    return { closed: traced, nonzeroIns };
  });
}
