/**
 * A text that tells jaxprs apart by what they compute: equal texts mean equal jaxprs, whatever their variables are called.
 *
 * Inner jaxprs compare by structure too; functions among the parameters by identity, or by an equality of their own
 * (`[Symbol.for("vernal.equals")]`); arrays that a jaxpr is closed over by identity. Another text is the same in every process: jaxprs
 * that hold what has an identity only have none.
 *
 * @module
 */
import { canonicalOf, equalsKey, type Equatable } from "../tree/static_value.ts";
import { formatAval, type ShapedArray } from "./aval.ts";
import { type Atom, type ClosedJaxpr, type Jaxpr, JaxprVar, primitiveOf } from "./jaxpr.ts";
import { identityOf, valueKey } from "./params_key.ts";
import type { AnyPrimitive } from "./primitive.ts";

/** What stands for the objects of a jaxpr. */
interface Naming {
  aval(aval: ShapedArray): string;
  primitive(primitive: AnyPrimitive): string;
  /** A function, an array, or whatever else has a class. */
  object(object: object): string;
}

/** By identity. */
const inProcess: Naming = {
  aval: (aval) => String(aval.id),
  primitive: (primitive) => String(identityOf(primitive)),
  object: valueKey,
};

/** Thrown where a jaxpr holds what has no name in other processes. */
const nameless = Symbol("nameless");

/** By names: those of primitives are unique. */
const everywhere: Naming = {
  aval: (aval) => `${aval.weakType ? "~" : ""}${formatAval(aval)}`,
  primitive: (primitive) => primitive.name,
  object: (object) => {
    if (ArrayBuffer.isView(object) && !(object instanceof DataView)) return valueKey(object);
    throw nameless;
  },
};

/** The text of a jaxpr and the arrays that it is closed over. */
export function closedJaxprKey(closed: ClosedJaxpr): string {
  return closedKey(closed, inProcess);
}

/** The text of a jaxpr. */
export function jaxprKey(jaxpr: Jaxpr): string {
  return keyOf(jaxpr, inProcess);
}

/** The text of a primitive's parameters, in which jaxprs compare by structure; see `paramsKey` for the cheaper one, in which they are themselves. */
export function structuralKey(params: unknown): string {
  return paramsKeyOf(params, inProcess);
}

/**
 * A text that is the same in every process that runs the same version of this package; `null` for a jaxpr that is closed over arrays, or
 * whose parameters hold functions, symbols or instances of classes.
 *
 * @param closed A simplified jaxpr: its primitives are this package's own.
 */
export function portableJaxprKey(closed: ClosedJaxpr): string | null {
  try {
    const outs = closed.outAvals.map(everywhere.aval).join();
    return `${outs}|${closedKey(closed, everywhere)}`;
  } catch (error) {
    if (error === nameless) return null;
    throw error;
  }
}

function closedKey({ jaxpr, consts }: ClosedJaxpr, naming: Naming): string {
  const key = keyOf(jaxpr, naming);
  return consts.length === 0 ? key : `${key}{${consts.map((x) => naming.object(x)).join()}}`;
}

function keyOf({ constvars, invars, outvars, eqns }: Jaxpr, naming: Naming): string {
  const numbers = new Map<JaxprVar, number>();
  const bound = (v: JaxprVar): string => {
    numbers.set(v, numbers.size);
    return naming.aval(v.aval);
  };
  const atom = (x: Atom): string =>
    x instanceof JaxprVar
      ? String(numbers.get(x))
      : `${paramKey(x.value, naming)}:${naming.aval(x.aval)}`;
  let key = `${constvars.map(bound).join()};${invars.map(bound).join()}`;
  for (const eqn of eqns) {
    key += `\n${naming.primitive(primitiveOf(eqn))}(`;
    for (const x of eqn.invars) key += atom(x) + ",";
    key += ")" + paramsKeyOf(eqn.params, naming);
    for (const v of eqn.outvars) key += ">" + bound(v);
  }
  return `${key}\n${outvars.map(atom).join()}`;
}

function paramsKeyOf(params: unknown, naming: Naming): string {
  let key = "";
  for (const name in params as object) {
    key += `${name}=${paramKey((params as Record<string, unknown>)[name], naming)};`;
  }
  return key;
}

function paramKey(value: unknown, naming: Naming): string {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    if (typeof value === "symbol" && naming === everywhere) throw nameless;
    return valueKey(value);
  }
  if (equalsKey in value) return `=${naming.object(canonicalOf(value as Equatable))}`;
  if (typeof value === "function") return naming.object(value);
  if ("jaxpr" in value && "inAvals" in value) return `(${closedKey(value as ClosedJaxpr, naming)})`;
  if ("eqns" in value) return `(${keyOf(value as Jaxpr, naming)})`;
  if (Array.isArray(value)) return `[${value.map((x) => paramKey(x, naming)).join()}]`;
  if ("weakType" in value && "stored" in value) return naming.aval(value as ShapedArray);
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    let key = "{";
    for (const name in value) {
      key += `${name}:${paramKey((value as Record<string, unknown>)[name], naming)},`;
    }
    return `${key}}`;
  }
  return naming.object(value);
}
