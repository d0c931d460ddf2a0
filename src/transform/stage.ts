/**
 * Staging: running a function on tracers that write down each primitive, to get its jaxpr.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  type Jaxpr,
  type JaxprEqn,
  JaxprVar,
  Literal,
  makeJaxprOf,
  primitiveOf,
} from "../core/jaxpr.ts";
import { currentChecks } from "../core/checks.ts";
import { verifyJaxpr } from "../core/jaxpr_verify.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import {
  bind,
  currentTrace,
  escapedTracer,
  getEvaluator,
  Trace,
  Tracer,
  withTrace,
} from "../core/trace.ts";
import { checkMeaning } from "../ops/expansion.ts";

/** A value of a jaxpr under construction. */
export class JaxprTracer extends Tracer {
  /**
   * @param trace The trace that writes the jaxpr.
   * @param variable The value's name in it.
   */
  constructor(override readonly trace: JaxprTrace, readonly variable: JaxprVar) {
    super(trace);
  }
  override get aval(): ShapedArray {
    return this.variable.aval;
  }
  override get origins(): readonly string[] {
    return this.trace.originsOf(this.variable);
  }
}

/** Writes an equation for each primitive. Values of outer traces, and concrete arrays, become constants. */
export class JaxprTrace extends Trace {
  private readonly invars: JaxprVar[] = [];
  private readonly paths: string[] = [];
  private readonly eqns: JaxprEqn[] = [];
  private readonly constants = new Map<NDArray, JaxprVar>();

  /** A further input. */
  newInput(aval: ShapedArray, path = ""): JaxprTracer {
    const variable = new JaxprVar(aval);
    this.invars.push(variable);
    this.paths.push(path);
    return new JaxprTracer(this, variable);
  }

  /** The paths of the arguments that a value depends on; where it depends on none, those of the outer traces. */
  originsOf(variable: JaxprVar): string[] {
    const needed = new Set<Atom>([variable]);
    for (const { invars, outvars } of this.eqns.toReversed()) {
      if (outvars.some((v) => needed.has(v))) invars.forEach((atom) => needed.add(atom));
    }
    const own = this.paths.filter((path, i) => path !== "" && needed.has(this.invars[i]));
    if (own.length > 0) return own;
    const outer = [...this.constants].flatMap(([x, v]) =>
      needed.has(v) && x instanceof Tracer ? x.origins : []
    );
    return [...new Set(outer)];
  }

  /** Whether a value belongs to this trace. */
  owns(x: NDArray): x is JaxprTracer {
    return x instanceof JaxprTracer && x.trace === this;
  }

  override process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[] {
    const invars = operands.map((x) => this.atom(x, primitive.name));
    const ins = operands.map((x) => x.aval);
    const avals = primitive.abstractEval(ins, params);
    checkMeaning(primitive, ins, avals);
    return this.record(primitive, invars, avals, params);
  }

  /** Writes an equation whose operands are already atoms. */
  record(
    primitive: AnyPrimitive,
    invars: readonly Atom[],
    avals: readonly ShapedArray[],
    params: unknown,
  ): JaxprTracer[] {
    const outvars = avals.map((aval) => new JaxprVar(aval));
    this.eqns.push({ primitive, invars, outvars, params: params as JaxprEqn["params"] });
    return outvars.map((v) => new JaxprTracer(this, v));
  }

  /** How equations of this trace refer to a value. */
  atom(x: NDArray, where: string): Atom {
    if (x instanceof JaxprTracer && x.trace === this) return x.variable;
    if (x instanceof Tracer) {
      if (!x.trace.isLive) throw escapedTracer(x, where);
    } else {
      const value = getEvaluator().literalValue(x);
      if (value !== undefined) return new Literal(value, x.aval);
    }
    let variable = this.constants.get(x);
    if (variable === undefined) {
      variable = new JaxprVar(x.aval);
      this.constants.set(x, variable);
    }
    return variable;
  }

  /** The jaxpr that gives `outs`, closed over the constants met. */
  finish(outs: readonly NDArray[]): ClosedJaxpr {
    const outvars = outs.map((x) => this.atom(x, "output"));
    const jaxpr = makeJaxprOf([...this.constants.values()], this.invars, outvars, this.eqns);
    if (currentChecks().verify) verifyJaxpr(jaxpr, "tracing");
    return closeJaxpr(jaxpr, [...this.constants.keys()]);
  }
}

/**
 * Traces a function of flat arrays.
 *
 * @param fn Called once, on tracers.
 * @param avals One for each input.
 * @param paths The arguments' paths, for messages.
 */
export function stage(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  avals: readonly ShapedArray[],
  paths: readonly string[] = [],
): ClosedJaxpr {
  const trace = new JaxprTrace();
  const inputs = avals.map((aval, i) => trace.newInput(aval, paths[i]));
  try {
    return trace.finish(withTrace(trace, () => fn(inputs)));
  } finally {
    trace.invalidate();
  }
}

/** Applies a jaxpr's equations, one after the other, under the current trace. */
export function evalJaxpr(
  jaxpr: Jaxpr,
  consts: readonly NDArray[],
  inputs: readonly NDArray[],
): NDArray[] {
  const env = new Map<JaxprVar, NDArray>();
  jaxpr.constvars.forEach((v, i) => env.set(v, consts[i]));
  jaxpr.invars.forEach((v, i) => env.set(v, inputs[i]));
  const read = (atom: Atom) => readAtom(env, atom);
  for (const eqn of jaxpr.eqns) {
    const outs = bind(primitiveOf(eqn), eqn.invars.map(read), eqn.params);
    eqn.outvars.forEach((v, i) => env.set(v, outs[i]));
  }
  return jaxpr.outvars.map(read);
}

/** The value of an atom: a literal's array, or the variable's. */
export function readAtom(env: ReadonlyMap<JaxprVar, NDArray>, atom: Atom): NDArray {
  if (atom instanceof Literal) {
    return getEvaluator().literal(atom.value, atom.aval.dtype, atom.aval.weakType);
  }
  const value = env.get(atom);
  if (value === undefined) throw new InternalError("a jaxpr reads a variable before it is bound");
  return value;
}

/** Applies a closed jaxpr. */
export function evalClosedJaxpr(closed: ClosedJaxpr, inputs: readonly NDArray[]): NDArray[] {
  return evalJaxpr(closed.jaxpr, closed.consts, inputs);
}

/**
 * A staging trace that lets its parent compute whatever does not depend on its own inputs: what it writes down is just
 * the part that is unknown, and its constants are the residuals.
 */
export class PartialTrace extends JaxprTrace {
  /** The trace that computes what is known. */
  readonly parent: Trace = currentTrace();

  override process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[] {
    const known = operands.map((x) => !this.owns(x));
    if (!known.includes(false)) {
      return withTrace(this.parent, () => bind(primitive, operands, params));
    }
    const rule = primitive.higherOrder?.partialEval;
    if (rule === undefined || !known.includes(true)) {
      return super.process(primitive, operands, params);
    }
    const avals = operands.map((x) => x.aval);
    const values = operands.map((x, i) => known[i] ? x : null);
    const rest = withTrace(this.parent, () => rule(known, values, avals, params));
    const available = [...rest.residuals, ...operands.filter((_, i) => !known[i])];
    const inputs = rest.inputOrder?.map((at) => available[at]) ?? available;
    const unknown = this.record(
      rest.primitive,
      inputs.map((x) => this.atom(x, primitive.name)),
      rest.unknownAvals,
      rest.params,
    );
    let next = 0;
    return rest.knownOuts.map((x) => {
      if (x !== null) return x;
      const at = next++;
      return unknown[rest.outputOrder?.[at] ?? at];
    });
  }
}
