/**
 * Forward mode: each value carries its tangent along.
 *
 * @module
 */
import { DifferentiationError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { type AnyPrimitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind, currentTrace, Trace, Tracer, withTrace } from "../core/trace.ts";
import { instantiate } from "../ops/shape.ts";
import { evalClosedJaxpr, stage } from "./stage.ts";

/** A value with a tangent that is not a symbolic zero. */
export class JvpTracer extends Tracer {
  /**
   * @param trace The differentiation it belongs to.
   * @param primal The value, in the parent trace.
   * @param tangent Its tangent, in the parent trace.
   */
  constructor(trace: JvpTrace, readonly primal: NDArray, readonly tangent: NDArray) {
    super(trace);
  }
  override get aval(): ShapedArray {
    return this.primal.aval;
  }
  override get origins(): readonly string[] {
    return this.primal instanceof Tracer ? this.primal.origins : [];
  }
}

/** Applies the jvp rule of each primitive that meets a tangent. */
export class JvpTrace extends Trace {
  /** The trace that computes primals and tangents. */
  readonly parent: Trace = currentTrace();

  /** A value and its tangent; a symbolic zero leaves the value as it is. */
  lift(primal: NDArray, tangent: Tangent): NDArray {
    return tangent instanceof Zero ? primal : new JvpTracer(this, primal, tangent);
  }

  /** The value and tangent of `x` as this trace sees it. */
  split(x: NDArray): readonly [primal: NDArray, tangent: Tangent] {
    if (x instanceof JvpTracer && x.trace === this) return [x.primal, x.tangent];
    return [x, new Zero(x.aval)];
  }

  override process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[] {
    return withTrace(this.parent, () => {
      const primals: NDArray[] = [];
      const tangents: Tangent[] = [];
      let live = false;
      for (const x of operands) {
        const [primal, tangent] = this.split(x);
        primals.push(primal);
        tangents.push(tangent);
        live ||= !(tangent instanceof Zero);
      }
      if (!live) return bind(primitive, primals, params);
      if (primitive.jvp === undefined) {
        throw new DifferentiationError(`the primitive ${primitive.name} has no derivative`);
      }
      const [outs, outTangents] = primitive.jvp(primals, tangents, params);
      return outs.map((x, i) => this.lift(x, outTangents[i]));
    });
  }
}

/** Evaluates `fn` and its derivative along `tangents`. */
export function jvpFlat(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
): [outs: NDArray[], tangents: Tangent[]] {
  const trace = new JvpTrace();
  try {
    const inputs = primals.map((x, i) => trace.lift(x, tangents[i]));
    const pairs = withTrace(trace, () => fn(inputs)).map((x) => trace.split(x));
    return [pairs.map((p) => p[0]), pairs.map((p) => p[1])];
  } finally {
    trace.invalidate();
  }
}

/** The jvp of a jaxpr: inputs are the primals, then the tangents that are not zero; outputs likewise. */
export interface JvpJaxpr {
  readonly closed: ClosedJaxpr;
  /** Which outputs have a tangent. */
  readonly nonzeroOuts: readonly boolean[];
}

const jvpCache = new WeakMap<ClosedJaxpr, Map<string, JvpJaxpr>>();

/**
 * Differentiates a jaxpr (without constants) along the inputs that `nonzero` names.
 *
 * @param force Outputs whose tangent is given even where it is zero.
 */
export function jvpJaxpr(
  closed: ClosedJaxpr,
  nonzero: readonly boolean[],
  force: readonly boolean[] = [],
): JvpJaxpr {
  return memoize(jvpCache, closed, `${maskKey(nonzero)}|${maskKey(force)}`, () => {
    const tangentAvals = closed.inAvals.filter((_, i) => nonzero[i]);
    let nonzeroOuts: boolean[] = [];
    const traced = stage((inputs) => {
      const primals = inputs.slice(0, closed.inAvals.length);
      let next = closed.inAvals.length;
      const tangents = closed.inAvals.map((aval, i) =>
        nonzero[i] ? inputs[next++] : new Zero(aval)
      );
      const [outs, outTangents] = jvpFlat((xs) => evalClosedJaxpr(closed, xs), primals, tangents);
      force.forEach((f, i) => {
        if (f) outTangents[i] = instantiate(outTangents[i]);
      });
      nonzeroOuts = outTangents.map((t) => !(t instanceof Zero));
      return [...outs, ...outTangents.filter((t): t is NDArray => !(t instanceof Zero))];
    }, [...closed.inAvals, ...tangentAvals]);
    return { closed: traced, nonzeroOuts };
  });
}

/** A mask as a key. */
export function maskKey(mask: readonly boolean[]): string {
  return mask.map(Number).join("");
}

/** Looks up, or makes, what belongs to a jaxpr and a key. The jaxpr's life bounds the entry's. */
export function memoize<V>(
  cache: WeakMap<ClosedJaxpr, Map<string, V>>,
  closed: ClosedJaxpr,
  key: string,
  make: () => V,
): V {
  let entries = cache.get(closed);
  if (entries === undefined) cache.set(closed, entries = new Map());
  let value = entries.get(key);
  if (value === undefined) entries.set(key, value = make());
  return value;
}
