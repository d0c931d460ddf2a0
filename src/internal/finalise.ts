/**
 * Finalisation: a traced function without all that is there for transformations.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { bind } from "../core/trace.ts";
import { type ClosedJaxpr, type JaxprEqn, type JaxprVar, primitiveOf } from "../core/jaxpr.ts";
import { asArray } from "../numpy/promote.ts";
import { ShapeDtypeStruct } from "../filter/struct.ts";
import { invoke } from "../filter/wrapper.ts";
import { readAtom, stage } from "../transform/stage.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import type { TreeDef } from "../tree/treedef.ts";

const isClosed = (x: unknown): x is ClosedJaxpr =>
  typeof x === "object" && x !== null && "jaxpr" in x && "inAvals" in x;

/** The jaxprs among an equation's parameters, finalised. */
function finalisedParams(params: JaxprEqn["params"]): JaxprEqn["params"] {
  const entries = Object.entries(params ?? {}).map(([key, value]): [string, unknown] => {
    if (isClosed(value)) return [key, finaliseJaxpr(value)];
    if (Array.isArray(value) && value.length > 0 && value.every(isClosed)) {
      return [key, value.map(finaliseJaxpr)];
    }
    return [key, value];
  });
  return Object.fromEntries(entries);
}

/** What an equation comes to, under the current trace. */
function evalEquation(eqn: JaxprEqn, operands: readonly NDArray[]): readonly NDArray[] {
  const primitive = primitiveOf(eqn);
  const simple = primitive.finalise?.(operands, eqn.params) ?? null;
  if (simple !== null) return simple;
  const inner = primitive.higherOrder?.inline?.(eqn.params, operands.map((x) => x.aval));
  if (inner !== undefined) return evalFinal(inner, operands);
  return bind(primitive, operands, finalisedParams(eqn.params));
}

/** Applies a jaxpr, finalised, under the current trace. */
function evalFinal({ jaxpr, consts }: ClosedJaxpr, inputs: readonly NDArray[]): NDArray[] {
  const { constvars, invars, outvars, eqns } = jaxpr;
  const env = new Map<JaxprVar, NDArray>();
  constvars.forEach((v, i) => env.set(v, consts[i]));
  invars.forEach((v, i) => env.set(v, inputs[i]));
  for (const eqn of eqns) {
    const outs = evalEquation(eqn, eqn.invars.map((x) => readAtom(env, x)));
    eqn.outvars.forEach((v, i) => env.set(v, outs[i]));
  }
  return outvars.map((x) => readAtom(env, x));
}

/**
 * A jaxpr without what is there for transformations: calls (compiled functions, checkpoints, functions with derivative rules) give way to
 * what they call, identities that name, guard or cut off a derivative to their operands, reductions over mapped axes to reductions; in the jaxprs of loops and branches
 * too. For export, and to read what is computed. It computes the same. Do not transform the result: rules are gone. After Equinox's `internal.finalise_jaxpr`.
 *
 * @param closed What `filterMakeJaxpr` or `makeJaxpr` gave.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { finaliseJaxpr } from "@vernal/vernal/internal";
 *
 * const jaxpr = vn.makeJaxpr((x: vn.NDArray) => vn.nn.relu(vn.lax.stopGradient(x)))(vn.numpy.ones([2]));
 * String(finaliseJaxpr(jaxpr)); // { lambda ; a:f32[2]. let b:f32[2] = max a 0.0:f32[] in (b,) }
 * ```
 */
export function finaliseJaxpr(closed: ClosedJaxpr): ClosedJaxpr {
  return stage((inputs) => evalFinal(closed, inputs), closed.inAvals);
}

/** A tree of arrays, host numbers and structs as arrays of avals. */
function traced(fn: unknown, args: readonly unknown[]): { closed: ClosedJaxpr; outDef: TreeDef } {
  const [leaves, def] = flatten(args);
  const avals = leaves.map((leaf) =>
    leaf instanceof ShapeDtypeStruct
      ? leaf.aval
      : asArray(leaf as NDArray, "internal.finalise").aval
  );
  let outDef: TreeDef | null = null;
  const closed = stage((inputs) => {
    const [outs, out] = flatten(invoke(fn, unflatten(def, inputs) as unknown[]));
    outDef = out;
    return outs.map((x) => asArray(x as NDArray, "internal.finalise: output"));
  }, avals);
  return { closed, outDef: outDef! };
}

/**
 * The same function, finalised: see {@linkcode finaliseJaxpr}. Every leaf of its arguments and results must be an array or a number.
 *
 * @param fn A function, class, or Module with `call`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { finaliseFn } from "@vernal/vernal/internal";
 *
 * const f = finaliseFn((x: vn.NDArray) => vn.checkpoint((y: vn.NDArray) => y.mul(2))(x));
 * f(vn.numpy.array(3)).item(); // 6
 * ```
 */
export function finaliseFn<F extends (...args: never[]) => unknown>(fn: F): F;
/** As above, for a Module. */
export function finaliseFn<A extends unknown[], R>(
  fn: { call(...args: A): R },
): (...args: A) => R;
export function finaliseFn(fn: unknown): unknown {
  return (...args: unknown[]) => {
    const { closed, outDef } = traced(fn, args);
    const inputs = flatten(args)[0].map((leaf) => asArray(leaf as NDArray, "internal.finaliseFn"));
    return unflatten(outDef, evalFinal(closed, inputs));
  };
}

/**
 * A function that gives the finalised jaxpr of `fn` at some arguments, of which any may be structs: see {@linkcode finaliseJaxpr}.
 *
 * @param fn A function, class, or Module with `call`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { finaliseMakeJaxpr } from "@vernal/vernal/internal";
 *
 * const x = new vn.ShapeDtypeStruct([2], "float32");
 * String(finaliseMakeJaxpr((x: vn.NDArray) => vn.checkpointName(x.mul(2), "a"))(x)).includes("name"); // false
 * ```
 */
export function finaliseMakeJaxpr(
  // deno-lint-ignore no-explicit-any -- any function or Module
  fn: ((...args: any[]) => unknown) | { call(...args: any[]): unknown },
): (...args: unknown[]) => ClosedJaxpr {
  return (...args) => finaliseJaxpr(traced(fn, args).closed);
}
