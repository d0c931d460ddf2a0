/**
 * The jaxpr: a traced function as a list of equations, in JAX's form and with JAX's names.
 *
 * @module
 */
import type { NDArray } from "./array.ts";
import type { ShapedArray } from "./aval.ts";
import type { HostScalar } from "./dtype.ts";
import type { AnyPrimitive } from "./primitive.ts";

let nextVarId = 0;

/** A variable of a jaxpr, bound once: as input, constant, or output of an equation. */
export class JaxprVar {
  /** Distinguishes variables; grows with creation. */
  readonly id: number = nextVarId++;
  /**
   * Makes a fresh variable.
   *
   * @param aval Shape and dtype of what it stands for.
   */
  constructor(readonly aval: ShapedArray) {}
}

/** A 0-d constant written into an equation. */
export class Literal {
  /**
   * Makes a literal.
   *
   * @param value The host scalar: `bigint` for int64, `boolean` for bool.
   * @param aval Its 0-d aval.
   */
  constructor(readonly value: HostScalar, readonly aval: ShapedArray) {}
}

/** What an equation reads. */
export type Atom = JaxprVar | Literal;

/** A primitive as a reader of jaxprs sees it. */
export interface NamedPrimitive {
  /** JAX's name for it. */
  readonly name: string;
}

/** `outvars = primitive[params] invars`. */
export interface JaxprEqn {
  /** What is applied. */
  readonly primitive: NamedPrimitive;
  /** What it is applied to. */
  readonly invars: readonly Atom[];
  /** The variables that its results are bound to. */
  readonly outvars: readonly JaxprVar[];
  /** Its static parameters; inner jaxprs among them. */
  readonly params: Readonly<Record<string, unknown>>;
}

/** The primitive of an equation, with its rules. */
export function primitiveOf(eqn: JaxprEqn): AnyPrimitive {
  return eqn.primitive as AnyPrimitive;
}

const effectful = new WeakMap<Jaxpr, boolean>();

/** Whether an equation has an effect, itself or in a jaxpr that it holds, and stays though its results are unused. */
export function hasEffect(eqn: JaxprEqn): boolean {
  const primitive = primitiveOf(eqn);
  if (primitive.effect === true) return true;
  if (primitive.higherOrder === undefined) return false;
  return Object.values(eqn.params).some((x) =>
    Array.isArray(x) ? x.some(holdsEffect) : holdsEffect(x)
  );
}

function holdsEffect(x: unknown): boolean {
  if (typeof x !== "object" || x === null || !("jaxpr" in x)) return false;
  const { jaxpr } = x as ClosedJaxpr;
  let known = effectful.get(jaxpr);
  if (known === undefined) effectful.set(jaxpr, known = jaxpr.eqns.some(hasEffect));
  return known;
}

/** A traced function whose constants are variables. */
export interface Jaxpr {
  /** What it closes over. */
  readonly constvars: readonly JaxprVar[];
  /** The inputs. */
  readonly invars: readonly JaxprVar[];
  /** The outputs. */
  readonly outvars: readonly Atom[];
  /** What is computed, in order. */
  readonly eqns: readonly JaxprEqn[];
  /** As JAX prints it. */
  toString(): string;
}

/** A jaxpr and the values of its constants (tracers, where it was closed over some). */
export interface ClosedJaxpr {
  /** The function. */
  readonly jaxpr: Jaxpr;
  /** Values for its constvars. */
  readonly consts: readonly NDArray[];
  /** Avals of the inputs. */
  readonly inAvals: readonly ShapedArray[];
  /** Avals of the outputs. */
  readonly outAvals: readonly ShapedArray[];
  /** As JAX prints it. */
  toString(): string;
}

let print: (jaxpr: Jaxpr) => string = () => "<jaxpr>";

/** Sets the printer behind `toString`; `core/jaxpr_print.ts` does, where printing is wanted at all. */
export function installJaxprPrinter(printer: (jaxpr: Jaxpr) => string): void {
  print = printer;
}

/** Makes a jaxpr of its parts. */
export function makeJaxprOf(
  constvars: readonly JaxprVar[],
  invars: readonly JaxprVar[],
  outvars: readonly Atom[],
  eqns: readonly JaxprEqn[],
): Jaxpr {
  const jaxpr: Jaxpr = { constvars, invars, outvars, eqns, toString: () => print(jaxpr) };
  return jaxpr;
}

/** Closes a jaxpr over values for its constvars. */
export function closeJaxpr(jaxpr: Jaxpr, consts: readonly NDArray[]): ClosedJaxpr {
  return {
    jaxpr,
    consts,
    inAvals: jaxpr.invars.map((v) => v.aval),
    outAvals: jaxpr.outvars.map((v) => v.aval),
    toString: () => print(jaxpr),
  };
}

/** The same jaxpr with its constvars as leading inputs, and nothing closed over. */
export function hoistConsts(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  if (constvars.length === 0) return closed;
  return closeJaxpr(makeJaxprOf([], [...constvars, ...invars], outvars, eqns), []);
}
