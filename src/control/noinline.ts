/**
 * The `noinline` primitive: a call of a function that is compiled as a program of its own, once, and called from wherever it is used.
 *
 * Which function is called is an operand, a number: programs that call one of several need not be compiled again for another. Transformations are
 * written down, and done to the function's jaxpr when it is compiled; nothing of a call is kept for its derivative, which computes all of it again.
 *
 * @module
 */
import { DTypeError, InternalError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapedArray, withWeakType } from "../core/aval.ts";
import type { AxisName } from "../core/axis_env.ts";
import { isInexact } from "../core/dtype.ts";
import { type ClosedJaxpr, closeJaxpr, hoistConsts, makeJaxprOf } from "../core/jaxpr.ts";
import { paramsKey } from "../core/params_key.ts";
import { isOnHost } from "../core/placement.ts";
import { type Primitive, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind, getEvaluator, withEager } from "../core/trace.ts";
import { axisToFront } from "../ops/common.ts";
import { axisTools, reshape } from "../ops/shape.ts";
import { slice } from "../ops/slicing.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { splitJaxpr, transposeJaxpr } from "../transform/linearize.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import type { Equatable } from "../tree/static_value.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { callLowering, callWithParts, pureCallbackP } from "./callback.ts";
import { isPresent } from "./common.ts";
import { type CompiledProgram, jitBackend } from "./jit_call.ts";

/** Where and how a function is called: what of a call is static. Equal sites have equal keys. */
export interface CallSite extends Equatable {
  /** Tells it from other sites. */
  readonly key: string;
}

/** A function that can be called by number. */
export interface Target {
  /** Its name, for messages. */
  readonly name: string;
  /** Traces it as it is called at a site, on arrays of these avals. */
  trace(site: CallSite, avals: readonly ShapedArray[]): ClosedJaxpr;
}

/** A transformation of the function, to be done when it is compiled. */
type Transform =
  | {
    /** From primals and tangents (where `nonzero`) to the tangents of the results that `outs` names. */
    readonly kind: "jvp";
    readonly nonzero: readonly boolean[];
    readonly outs: readonly boolean[];
  }
  | {
    /** From the inputs that are not `linear` and cotangents (where `nonzero`) to the cotangents of those that are. */
    readonly kind: "transpose";
    readonly linear: readonly boolean[];
    readonly nonzero: readonly boolean[];
  }
  | {
    /** Over axis 0 of the inputs that are `mapped`, and of all results. */
    readonly kind: "batch";
    readonly mapped: readonly boolean[];
    readonly size: number;
    readonly axisName: AxisName | null;
  };

/** Parameters of {@linkcode noinlineP}. */
export interface NoinlineParams {
  readonly name: string;
  readonly site: CallSite;
  /** What the function itself takes and gives. */
  readonly inAvals: readonly ShapedArray[];
  readonly baseAvals: readonly ShapedArray[];
  /** Which results have a tangent for which tangents of the inputs, if that is known: the function's own jaxpr. */
  readonly jaxpr: ClosedJaxpr | null;
  readonly transforms: readonly Transform[];
  /** What the call gives. */
  readonly outAvals: readonly ShapedArray[];
}

interface Compiled {
  readonly consts: readonly NDArray[];
  readonly program: CompiledProgram;
}

/** Programs kept of one function. */
const MAX_PROGRAMS = 256;

const targets: { readonly target: Target; programs: Map<string, Compiled> }[] = [];

/** Gives a function a number. It is never forgotten. */
export function addTarget(target: Target): number {
  targets.push({ target, programs: new Map() });
  return targets.length - 1;
}

/** Forgets what was compiled of functions that are called by number. */
export function clearTargets(): void {
  for (const entry of targets) entry.programs = new Map();
}

function run(operands: readonly NDArray[], params: NoinlineParams): readonly NDArray[] {
  const [index, ...inputs] = operands;
  const entry = targets[index.item()];
  if (entry === undefined) throw new InternalError(`noinline: no function ${index.item()}`);
  const { site, transforms } = params;
  const avals = params.inAvals.map((a) => a.id).join();
  const key = `${site.key}|${avals}|${paramsKey({ transforms })}`;
  let compiled = entry.programs.get(key);
  if (compiled === undefined) {
    if (entry.programs.size >= MAX_PROGRAMS) entry.programs.clear();
    entry.programs.set(key, compiled = withEager(() => compile(entry.target, params)));
  }
  return compiled.program.run([...compiled.consts, ...inputs]);
}

function compile(target: Target, params: NoinlineParams): Compiled {
  const traced = target.trace(params.site, params.inAvals);
  checkResults(traced.outAvals, params.baseAvals, target.name);
  let consts = traced.consts;
  let closed = hoistConsts(traced);
  for (const transform of params.transforms) {
    const result = transformed(closed, transform, consts.map(() => false));
    consts = [...result.consts, ...consts];
    closed = hoistConsts(result);
  }
  for (const x of consts) getEvaluator().keepAlive(x);
  return { consts, program: jitBackend().compile(closed, { name: target.name }) };
}

/** Applies a transformation to a jaxpr whose leading inputs are constants. */
function transformed(
  closed: ClosedJaxpr,
  transform: Transform,
  consts: readonly boolean[],
): ClosedJaxpr {
  switch (transform.kind) {
    case "jvp": {
      const result = jvpJaxpr(closed, [...consts, ...transform.nonzero], transform.outs);
      const { constvars, invars, outvars, eqns } = result.closed.jaxpr;
      const tangents = outvars.slice(closed.outAvals.length);
      let next = 0;
      const wanted = result.nonzeroOuts.flatMap((nonzero, i) => {
        if (!nonzero) return [];
        const tangent = tangents[next++];
        return transform.outs[i] ? [tangent] : [];
      });
      return closeJaxpr(makeJaxprOf(constvars, invars, wanted, eqns), result.closed.consts);
    }
    case "transpose": {
      return transposed(closed, [...consts, ...transform.linear], transform.nonzero);
    }
    case "batch": {
      const all = closed.outAvals.map(() => true);
      const mapped = [...consts, ...transform.mapped];
      return batchJaxpr(closed, transform.size, mapped, transform.axisName, all).closed;
    }
    default: {
      const never: never = transform;
      return never;
    }
  }
}

/**
 * The transpose of a jaxpr that is linear in some inputs as a whole, and not equation by equation: the derivative of a loop carries values and tangents in one. What
 * the linear part needs of the rest is computed first.
 */
function transposed(
  closed: ClosedJaxpr,
  linear: readonly boolean[],
  nonzero: readonly boolean[],
): ClosedJaxpr {
  const { known, unknown, knownOuts } = splitJaxpr(closed, linear.map((l) => !l));
  const numKnown = knownOuts.filter(Boolean).length;
  const numResiduals = known.outAvals.length - numKnown;
  const pulled = transposeJaxpr(
    unknown,
    unknown.inAvals.map((_, i) => i >= numResiduals),
    nonzero.filter((_, o) => !knownOuts[o]),
    true,
  ).closed;
  const defined = closed.inAvals.filter((_, i) => !linear[i]);
  return stage((xs) => {
    const residuals = evalClosedJaxpr(known, xs.slice(0, defined.length)).slice(numKnown);
    let next = defined.length;
    const cts = nonzero.flatMap((n, o) => {
      const ct = n ? [xs[next++]] : [];
      return knownOuts[o] ? [] : ct;
    });
    return evalClosedJaxpr(pulled, [...residuals, ...cts]);
  }, [...defined, ...closed.outAvals.filter((_, o) => nonzero[o])]);
}

function checkResults(
  given: readonly ShapedArray[],
  expected: readonly ShapedArray[],
  name: string,
): void {
  const list = (avals: readonly ShapedArray[]) =>
    `[${avals.map((a) => formatAval(withWeakType(a, false))).join(", ")}]`;
  const [is, should] = [list(given), list(expected)];
  if (is === should) return;
  const shapes = (avals: readonly ShapedArray[]) => avals.map((a) => a.shape.join()).join(";");
  throw new (shapes(given) === shapes(expected) ? DTypeError : ShapeError)(
    `internal.noinline(${name}): the function gives ${is}, where its abstractFn gives ${should}; both must agree`,
  );
}

/** `noinline`: operands are the function's number, then its inputs. */
export const noinlineP: Primitive<NoinlineParams> = {
  name: "noinline",
  abstractEval: (_ins, { outAvals }) => outAvals,
  evaluate: (operands, params) => isOnHost(operands[0]) ? run(operands, params) : null,
  lower: (reads, ins, outs, params) => {
    const callback = (args: readonly NDArray[]) => run(args, params);
    Object.defineProperty(callback, "name", { value: params.name });
    return callLowering("noinline", reads.length, ins, outs, callback, false);
  },
  onParts: (operands, params) => {
    const callback = (args: readonly NDArray[]) => run(args, params);
    Object.defineProperty(callback, "name", { value: params.name });
    return callWithParts(pureCallbackP, operands, {
      callback,
      resultAvals: params.outAvals,
      vmapMethod: "sequential",
    });
  },
  jvp: (primals, [, ...tangents], params) => {
    const nonzero = tangents.map(isPresent);
    const outs = bind(noinlineP, primals, params);
    const { jaxpr, outAvals, transforms } = params;
    // Mapping changes nothing about which results depend on what.
    const live = jaxpr !== null && transforms.every((t) => t.kind === "batch")
      ? jvpJaxpr(jaxpr, nonzero).nonzeroOuts
      : outAvals.map((a) => isInexact(a.dtype));
    if (!live.includes(true)) return [outs, outs.map((x) => new Zero(x.aval))];
    const results = bind(noinlineP, [...primals, ...tangents.filter(isPresent)], {
      ...params,
      transforms: [...transforms, { kind: "jvp", nonzero, outs: live }],
      outAvals: outAvals.filter((_, i) => live[i]),
    });
    let next = 0;
    return [outs, live.map((l, i) => l ? results[next++] : new Zero(outAvals[i]))];
  },
  transpose: (cts, [index, ...operands], params) => {
    const linear = operands.map((x) => x instanceof UndefinedPrimal);
    const defined = operands.filter((x): x is NDArray => !(x instanceof UndefinedPrimal));
    const nonzero = cts.map(isPresent);
    const results = bind(
      noinlineP,
      [index as NDArray, ...defined, ...cts.filter(isPresent)],
      {
        ...params,
        transforms: [...params.transforms, { kind: "transpose", linear, nonzero }],
        outAvals: operands.flatMap((x) => x instanceof UndefinedPrimal ? [x.aval] : []),
      },
    );
    let next = 0;
    return [null, ...linear.map((l) => l ? results[next++] : null)];
  },
  batch: ([index, ...operands], [indexDim, ...dims], params, size, axisName) => {
    const mapped = dims.map((d) => d !== null);
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    // A branch that is chosen by example gets all it takes stretched, the number too: one function for all all the same.
    const single = indexDim === null ? index : reshape(slice(index, [0], [1]), []);
    const outAvals = params.outAvals.map((a) => shapedArray([size, ...a.shape], a.dtype));
    const outs = bind(noinlineP, [single, ...moved], {
      ...params,
      transforms: [...params.transforms, { kind: "batch", mapped, size, axisName }],
      outAvals,
    });
    return [outs, outs.map(() => 0)];
  },
  finalise: (operands, { jaxpr, transforms }) =>
    jaxpr !== null && transforms.length === 0 ? evalClosedJaxpr(jaxpr, operands.slice(1)) : null,
};
