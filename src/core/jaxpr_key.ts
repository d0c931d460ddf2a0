/**
 * A text that tells jaxprs apart by what they compute: equal texts mean equal jaxprs, whatever their variables are called.
 *
 * Inner jaxprs compare by structure too; functions among the parameters by identity, or by an equality of their own
 * (`[Symbol.for("vernal.equals")]`); arrays that a jaxpr is closed over by identity.
 *
 * @module
 */
import { canonicalOf, equalsKey, type Equatable } from "../tree/static_value.ts";
import { type Atom, type ClosedJaxpr, type Jaxpr, JaxprVar, primitiveOf } from "./jaxpr.ts";
import { identityOf, valueKey } from "./params_key.ts";

/** The text of a jaxpr and the arrays that it is closed over. */
export function closedJaxprKey({ jaxpr, consts }: ClosedJaxpr): string {
  const key = jaxprKey(jaxpr);
  return consts.length === 0 ? key : `${key}{${consts.map(identityOf).join()}}`;
}

/** The text of a jaxpr. */
export function jaxprKey({ constvars, invars, outvars, eqns }: Jaxpr): string {
  const numbers = new Map<JaxprVar, number>();
  const bound = (v: JaxprVar): string => {
    numbers.set(v, numbers.size);
    return String(v.aval.id);
  };
  const atom = (x: Atom): string =>
    x instanceof JaxprVar ? String(numbers.get(x)) : `${valueKey(x.value)}:${x.aval.id}`;
  let key = `${constvars.map(bound).join()};${invars.map(bound).join()}`;
  for (const eqn of eqns) {
    key += `\n${identityOf(primitiveOf(eqn))}(`;
    for (const x of eqn.invars) key += atom(x) + ",";
    key += ")" + structuralKey(eqn.params);
    for (const v of eqn.outvars) key += ">" + bound(v);
  }
  return `${key}\n${outvars.map(atom).join()}`;
}

/** The text of a primitive's parameters, in which jaxprs compare by structure; see `paramsKey` for the cheaper one, in which they are themselves. */
export function structuralKey(params: unknown): string {
  let key = "";
  for (const name in params as object) {
    key += `${name}=${paramKey((params as Record<string, unknown>)[name])};`;
  }
  return key;
}

function paramKey(value: unknown): string {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    return valueKey(value);
  }
  if (equalsKey in value) return `=${identityOf(canonicalOf(value as Equatable))}`;
  if (typeof value === "function") return valueKey(value);
  if ("jaxpr" in value && "inAvals" in value) return `(${closedJaxprKey(value as ClosedJaxpr)})`;
  if ("eqns" in value) return `(${jaxprKey(value as Jaxpr)})`;
  if (Array.isArray(value)) return `[${value.map(paramKey).join()}]`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    let key = "{";
    for (const name in value) {
      key += `${name}:${paramKey((value as Record<string, unknown>)[name])},`;
    }
    return `${key}}`;
  }
  return valueKey(value);
}
