/**
 * Jaxpr to jaxpr: what can be said more simply before anything is scheduled. Calls are inlined; then one walk forwards
 * replaces equations by simpler ones, computes those of literals alone, and keeps one of several equal ones; then one walk
 * backwards drops what nobody uses; what is left of the runtime checks becomes effects.
 *
 * @module
 */
import { eliminateDeadCode } from "../core/dead_code.ts";
import { inlineCalls, inlineUsed } from "../core/inline.ts";
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  hasEffect,
  type JaxprEqn,
  JaxprVar,
  Literal,
  makeJaxprOf,
  primitiveOf,
} from "../core/jaxpr.ts";
import { isBig } from "../core/dtype.ts";
import { identityOf, paramsKey, valueKey } from "../core/params_key.ts";
import { constant } from "../loopnest/expr.ts";
import { expandEquations } from "./expand.ts";
import { type Rewrite, simplerForm } from "./simplify_rules.ts";
import { Terms } from "./term.ts";

/** Inlines calls, simplifies, and drops what nobody uses; `isPortable` as in {@linkcode expandEquations}. */
export function simplify(closed: ClosedJaxpr, isPortable = false): ClosedJaxpr {
  const expanded = expandEquations(inlineCalls(closed), isPortable);
  return inlineUsed(eliminateDeadCode(simplifyEquations(expanded)));
}

/** Simplifies equations, computes those of literals alone, and merges equal ones. */
export function simplifyEquations(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const env = new Map<JaxprVar, Atom>();
  const definitions = new Map<JaxprVar, JaxprEqn>();
  const known = new Map<string, JaxprEqn>();
  const out: JaxprEqn[] = [];
  const terms = new Terms();
  let changed = false;
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? x : x;
  const define = (x: Atom) => x instanceof JaxprVar ? definitions.get(x) : undefined;
  for (const original of eqns) {
    let eqn: JaxprEqn = original;
    if (original.invars.some((x) => x instanceof JaxprVar && env.has(x))) {
      eqn = { ...original, invars: original.invars.map(read) };
    }
    if (hasEffect(eqn)) {
      out.push(eqn);
      continue;
    }
    if (eqn.outvars.length === 1) {
      const [v] = eqn.outvars;
      const form: Rewrite = foldLiterals(eqn, terms) ?? simplerForm(eqn, define);
      if (form instanceof JaxprVar || form instanceof Literal) {
        env.set(v, form);
        changed = true;
        continue;
      }
      if (form !== null) {
        changed = true;
        eqn = { ...form, outvars: eqn.outvars, params: form.params as JaxprEqn["params"] };
      }
    }
    const key = keyOf(eqn);
    const same = known.get(key);
    if (same !== undefined) {
      eqn.outvars.forEach((v, i) => env.set(v, same.outvars[i]));
      changed = true;
      continue;
    }
    known.set(key, eqn);
    for (const v of eqn.outvars) definitions.set(v, eqn);
    out.push(eqn);
  }
  if (!changed) return closed;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars.map(read), out), closed.consts);
}

/** A text that equal equations share. */
function keyOf({ primitive, invars, outvars, params }: JaxprEqn): string {
  let key = `${identityOf(primitive)}(`;
  for (const x of invars) {
    key += x instanceof JaxprVar ? `${x.id},` : `${valueKey(x.value)}:${x.aval.id},`;
  }
  for (const v of outvars) key += `>${v.aval.id}`;
  return key + paramsKey(params);
}

/** The literal that an equation of 0-d literals comes to, where that is exact on every backend. */
function foldLiterals(eqn: JaxprEqn, terms: Terms): Literal | null {
  const { invars, outvars: [v], params } = eqn;
  const primitive = primitiveOf(eqn);
  if (v.aval.shape.length > 0 || invars.length === 0 || primitive.lower === undefined) return null;
  if (isBig(v.aval.dtype)) return null;
  if (!invars.every((x) => x instanceof Literal && x.aval.shape.length === 0)) return null;
  const values = invars.map((x) => constant((x as Literal).value, x.aval.dtype));
  const [l] = primitive.lower(
    values.map((value) => () => value),
    invars.map((x) => x.aval),
    [v.aval],
    params,
  );
  if (l.kind !== "map") return null;
  const t = terms.termOf(l.at([]));
  return t.kind === "const" ? new Literal(t.value, v.aval) : null;
}
