/**
 * Checks that a jaxpr is well formed: what every pass may rely on, and every pass must leave behind.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import { formatAval, type ShapedArray } from "./aval.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  JaxprVar,
  primitiveOf,
} from "./jaxpr.ts";

/**
 * Checks that variables are bound once and before they are read, that each equation's results are what its primitive's shape rule gives
 * for its operands, and the same of inner jaxprs.
 *
 * @param where Who made it, for the message.
 * @throws {InternalError} At the first fault; the message holds the jaxpr.
 */
export function verifyJaxpr(jaxpr: Jaxpr, where: string): void {
  const bound = new Set<JaxprVar>();
  const fail = (what: string): never => {
    throw new InternalError(`${where} made a bad jaxpr: ${what}\n${jaxpr}`);
  };
  const bind = (v: JaxprVar) => {
    if (bound.has(v)) fail(`a variable ${formatAval(v.aval)} is bound twice`);
    bound.add(v);
  };
  const read = (atom: Atom, by: string) => {
    if (atom instanceof JaxprVar && !bound.has(atom)) {
      fail(`${by} reads a variable ${formatAval(atom.aval)} that is not bound yet`);
    }
  };
  for (const v of jaxpr.constvars) bind(v);
  for (const v of jaxpr.invars) bind(v);
  for (const eqn of jaxpr.eqns) {
    const { name } = eqn.primitive;
    for (const atom of eqn.invars) read(atom, name);
    checkResults(eqn, fail);
    for (const inner of innerJaxprs(eqn)) verifyJaxpr(inner.jaxpr, `${where}, inside ${name},`);
    for (const v of eqn.outvars) bind(v);
  }
  for (const atom of jaxpr.outvars) read(atom, "the output");
}

function checkResults(eqn: JaxprEqn, fail: (what: string) => never): void {
  const { name } = eqn.primitive;
  let expected: readonly ShapedArray[];
  try {
    expected = primitiveOf(eqn).abstractEval(eqn.invars.map((a) => a.aval), eqn.params);
  } catch (error) {
    return fail(`${name} refuses its operands: ${error instanceof Error ? error.message : error}`);
  }
  if (expected.length !== eqn.outvars.length) {
    fail(`${name} has ${eqn.outvars.length} results; its shape rule says ${expected.length}`);
  }
  eqn.outvars.forEach((v, i) => {
    const { shape, dtype } = v.aval;
    if (dtype !== expected[i].dtype || String(shape) !== String(expected[i].shape)) {
      fail(
        `result ${i} of ${name} is ${formatAval(v.aval)}; its shape rule says ${
          formatAval(expected[i])
        }`,
      );
    }
  });
}

function innerJaxprs(eqn: JaxprEqn): ClosedJaxpr[] {
  return Object.values(eqn.params ?? {}).filter((p): p is ClosedJaxpr =>
    typeof p === "object" && p !== null && "jaxpr" in p && "consts" in p
  );
}
