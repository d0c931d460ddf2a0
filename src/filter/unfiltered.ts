/**
 * JAX's own transformations, without filters: every leaf of every argument must be an array or a number, and which arguments are
 * differentiated, mapped or static is said by position.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import type { AxisName } from "../core/axis_env.ts";
import { isInexact } from "../core/dtype.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { asArray, isHostScalar } from "../numpy/promote.ts";
import { literal } from "../ops/common.ts";
import { instantiate } from "../ops/shape.ts";
import { convertElementType } from "../ops/convert.ts";
import { forwardColumns, reverseRows } from "../transform/jacobian.ts";
import { jvpFlat } from "../transform/jvp.ts";
import { applyLinear, applyTranspose, linearizeFlat, vjpFlat } from "../transform/linearize.ts";
import { stage } from "../transform/stage.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { callCheckpointed, type CheckpointOptions, readCheckpointOptions } from "./checkpoint.ts";
import { filterEvalShape } from "./eval_shape.ts";
import { filterJit } from "./jit.ts";
import type { Donate } from "./jit_program.ts";
import { checkInputs, checkOutput, type HolomorphicOptions } from "./holomorphic.ts";
import { describeValue, isArrayLeaf } from "./leaves.ts";
import { ShapeDtypeStruct, type Structs } from "./struct.ts";
import { callMapped, type MapRequest } from "./vmap.ts";
import { checkCallable } from "./wrapper.ts";

/** The type that every function has. */
// deno-lint-ignore no-explicit-any -- see above
export type AnyFunction = (...args: any[]) => any;

/** A leaf as an array: arrays, TypedArrays and host scalars. */
function leafArray(leaf: unknown, where: string): NDArray {
  if (isArrayLeaf(leaf) || isHostScalar(leaf)) return asArray(leaf as NDArray, where);
  throw new ArgumentError(
    `${where}: expected an array or a number; got ${describeValue(leaf)}. ` +
      "The filtered transformations (filterGrad, filterVmap, …) take any leaf",
  );
}

/** A tree as arrays, with what puts it together again. */
function flattenArrays(tree: unknown, root: string, caller: string): [NDArray[], TreeDef] {
  const [leaves, def] = flatten(tree);
  const paths = leafPaths(def);
  return [leaves.map((leaf, i) => leafArray(leaf, `${caller}: ${keystr(paths[i], root)}`)), def];
}

/** Runs a function of trees as one of flat arrays; tells the structure of its output. */
function flatFunction(fn: AnyFunction, def: TreeDef, caller: string) {
  const state: { outDef: TreeDef | null } = { outDef: null };
  const flat = (xs: readonly NDArray[]): NDArray[] => {
    const out = fn(...unflatten(def, xs) as unknown[]);
    const [arrays, outDef] = flattenArrays(out, "output", caller);
    state.outDef = outDef;
    return arrays;
  };
  return { flat, outDef: () => state.outDef! };
}

// ---------------------------------------------------------------- grad

/** Options of {@linkcode grad} and {@linkcode valueAndGrad}. */
export interface GradArgOptions extends HolomorphicOptions {
  /** Which arguments to differentiate; 0 unless given. A list gives a list of gradients. */
  readonly argnums?: number | readonly number[];
  /** Whether the function returns a pair, of which only the first is differentiated. */
  readonly hasAux?: boolean;
  /** Whether integers and booleans may be among what is differentiated; their gradients are `null`, where JAX has zeros that take no room. */
  readonly allowInt?: boolean;
}

/** A function that gives value and gradient, as `jax.value_and_grad`. Every leaf of the differentiated arguments must be floating, but with `allowInt`. */
export function valueAndGrad<F extends AnyFunction>(
  fun: F,
  options: GradArgOptions = {},
): AnyFunction {
  return (...args) => differentiated("valueAndGrad", fun, options, args);
}

/** A function that gives the gradient of a scalar function, as `jax.grad`. */
export function grad<F extends AnyFunction>(fun: F, options: GradArgOptions = {}): AnyFunction {
  return (...args) => {
    const [value, grads] = differentiated("grad", fun, options, args);
    return options.hasAux ? [grads, (value as unknown[])[1]] : grads;
  };
}

function differentiated(
  caller: string,
  fun: AnyFunction,
  options: GradArgOptions,
  args: unknown[],
): [unknown, unknown] {
  checkCallable(fun, caller);
  const { argnums = 0, hasAux = false, holomorphic = false, allowInt = false } = options;
  const list = typeof argnums === "number" ? [argnums] : argnums;
  const places = list.map((i) => i < 0 ? i + args.length : i);
  for (const i of places) {
    if (!(i >= 0 && i < args.length)) {
      throw new ArgumentError(
        `${caller}: argnums ${i} names no argument; there are ${args.length}`,
      );
    }
  }
  const [given, def] = flattenArrays(places.map((i) => args[i]), "args", caller);
  const arrays = given.filter((x) => isInexact(x.dtype));
  if (arrays.length < given.length && !allowInt) {
    const at = given.findIndex((x) => !isInexact(x.dtype));
    const [head, ...rest] = leafPaths(def)[at];
    const place = head?.kind === "index" ? places[head.index] : 0;
    throw new DTypeError(
      `${caller}: differentiated arguments must be floating; ${keystr(rest, `args[${place}]`)} is ${
        formatAval(given[at].aval)
      }. Convert it with x.astype("float32"), give it the gradient null with { allowInt: true }, or use filterGrad, which leaves other leaves alone`,
    );
  }
  /** All leaves, from what is differentiated and what stands for the others. */
  const among = (xs: readonly unknown[], others: readonly unknown[] | null): unknown[] => {
    let next = 0;
    return given.map((x, i) => isInexact(x.dtype) ? xs[next++] : others?.[i] ?? null);
  };
  checkInputs(caller, arrays, holomorphic, "reverse");
  let aux: unknown;
  const lin = linearizeFlat((xs) => {
    const filled = [...args];
    (unflatten(def, among(xs, given)) as unknown[]).forEach((arg, k) => filled[places[k]] = arg);
    const out = fun(...filled);
    if (hasAux && !(Array.isArray(out) && out.length === 2)) {
      throw new ArgumentError(
        `${caller}: with hasAux the function must return a pair [value, aux]`,
      );
    }
    const value = leafArray(hasAux ? out[0] : out, `${caller}: output`);
    if (value.ndim !== 0) {
      throw new ShapeError(
        `${caller}: gradients are only defined for functions that return a scalar; the output had shape [${value.shape}]`,
      );
    }
    checkOutput(caller, value, holomorphic);
    if (!hasAux) return [value];
    const [auxArrays, auxDef] = flattenArrays(out[1], "aux", caller);
    aux = auxDef;
    return [value, ...auxArrays];
  }, arrays);
  const cts: Tangent[] = lin.outs.map((x, i) => i === 0 ? literal(1, x.dtype) : new Zero(x.aval));
  const found = applyTranspose(lin, cts).map(instantiate);
  const grads = unflatten(def, among(found, null)) as unknown[];
  const value = hasAux ? [lin.outs[0], unflatten(aux as TreeDef, lin.outs.slice(1))] : lin.outs[0];
  return [value, typeof argnums === "number" ? grads[0] : grads];
}

// ---------------------------------------------------------------- jvp, vjp, linearize

function matchTangents(
  primals: readonly NDArray[],
  tangents: readonly NDArray[],
  caller: string,
  def: TreeDef,
  root: string,
): Tangent[] {
  return tangents.map((t, i) => {
    const x = primals[i];
    if (String(t.shape) !== String(x.shape)) {
      throw new ShapeError(
        `${caller}: ${keystr(leafPaths(def)[i], root)} should be ${formatAval(x.aval)}; it is ${
          formatAval(t.aval)
        }`,
      );
    }
    if (!isInexact(x.dtype)) return new Zero(x.aval);
    return convertElementType(t, x.dtype);
  });
}

/** Value and derivative along tangents, as `jax.jvp`: `[primalsOut, tangentsOut]`. Zero derivatives are arrays of zeros. */
export function jvp(
  fun: AnyFunction,
  primals: readonly unknown[],
  tangents: readonly unknown[],
  // deno-lint-ignore no-explicit-any -- trees like the function's output
): [any, any] {
  const [xs, def] = flattenArrays(primals, "primals", "jvp");
  const [ts, tangentDef] = flattenArrays(tangents, "tangents", "jvp");
  if (def !== tangentDef) {
    throw new TreeError(
      `jvp: primals and tangents must have one structure; got ${def} and ${tangentDef}`,
    );
  }
  const f = flatFunction(fun, def, "jvp");
  const [outs, outTangents] = jvpFlat(f.flat, xs, matchTangents(xs, ts, "jvp", def, "tangents"));
  return [unflatten(f.outDef(), outs), unflatten(f.outDef(), outTangents.map(instantiate))];
}

/** Options of {@linkcode vjp}. */
export interface VjpOptions {
  /** Whether the function returns a pair, of which only the first is differentiated. */
  readonly hasAux?: boolean;
}

/** Value and pullback, as `jax.vjp`: `[out, vjpFn]`. `vjpFn(ct)` gives a list with one cotangent for each primal. */
export function vjp(
  fun: AnyFunction,
  ...primals: unknown[]
  // deno-lint-ignore no-explicit-any -- trees like the function's output and arguments
): [any, (ct: any) => any[]] {
  const [xs, def] = flattenArrays(primals, "primals", "vjp");
  const f = flatFunction(fun, def, "vjp");
  const [outs, pullback] = vjpFlat(f.flat, xs);
  const pull = (ct: unknown) => {
    const [cts, ctDef] = flattenArrays(ct, "ct", "vjp");
    if (ctDef !== f.outDef()) {
      throw new TreeError(
        `vjp: the cotangent must have the structure of the output, ${f.outDef()}; got ${ctDef}`,
      );
    }
    const matched = matchTangents(outs, cts, "vjp", ctDef, "ct");
    return unflatten(def, pullback(matched).map(instantiate)) as unknown[];
  };
  return [unflatten(f.outDef(), outs), pull];
}

/** Value and derivative as a linear function, as `jax.linearize`: `[out, tangentFn]`. */
export function linearize(
  fun: AnyFunction,
  ...primals: unknown[]
  // deno-lint-ignore no-explicit-any -- trees like the function's output
): [any, (...tangents: any[]) => any] {
  const [xs, def] = flattenArrays(primals, "primals", "linearize");
  const f = flatFunction(fun, def, "linearize");
  const lin = linearizeFlat(f.flat, xs);
  const apply = (...tangents: unknown[]) => {
    const [ts, tangentDef] = flattenArrays(tangents, "tangents", "linearize");
    if (tangentDef !== def) {
      throw new TreeError(
        `linearize: tangents must have the structure of the primals, ${def}; got ${tangentDef}`,
      );
    }
    const matched = matchTangents(xs, ts, "linearize", def, "tangents");
    return unflatten(f.outDef(), applyLinear(lin, matched.map(instantiate)));
  };
  return [unflatten(f.outDef(), lin.outs), apply];
}

// ---------------------------------------------------------------- jacobians

/** Options of the jacobians. */
export interface JacobianOptions extends HolomorphicOptions {
  /** Which argument to differentiate; 0 unless given. */
  readonly argnums?: number;
}

function jacobian(
  caller: string,
  fun: AnyFunction,
  options: JacobianOptions,
  compute: (f: (xs: readonly NDArray[]) => NDArray[], xs: NDArray[]) => NDArray[][],
): AnyFunction {
  return (...args) => {
    const at = options.argnums ?? 0;
    if (!(at >= 0 && at < args.length)) {
      throw new ArgumentError(
        `${caller}: argnums ${at} names no argument; there are ${args.length}`,
      );
    }
    const [xs, def] = flattenArrays([args[at]], "args", caller);
    checkInputs(
      caller,
      xs,
      options.holomorphic ?? false,
      caller === "jacfwd" ? "forward" : "reverse",
    );
    const f = flatFunction((x) => fun(...args.slice(0, at), x, ...args.slice(at + 1)), def, caller);
    const rows = compute(f.flat, xs);
    return unflatten(f.outDef(), rows.map((row) => (unflatten(def, row) as unknown[])[0]));
  };
}

/** The jacobian by forward mode: for each output and input leaf, an array of shape `out.shape + in.shape`. */
export function jacfwd(fun: AnyFunction, options: JacobianOptions = {}): AnyFunction {
  return jacobian("jacfwd", fun, options, (f, xs) => {
    const columns = forwardColumns(
      (tangents) => jvpFlat(f, xs, tangents)[1].map(instantiate),
      xs,
    );
    const count = columns[0]?.length ?? 0;
    return Array.from({ length: count }, (_, o) => columns.map((c) => c[o]));
  });
}

/** The jacobian by reverse mode: for each output and input leaf, an array of shape `out.shape + in.shape`. */
export function jacrev(fun: AnyFunction, options: JacobianOptions = {}): AnyFunction {
  return jacobian("jacrev", fun, options, (f, xs) => {
    const [outs, pullback] = vjpFlat(f, xs);
    for (const out of outs) checkOutput("jacrev", out, options.holomorphic ?? false);
    return reverseRows(pullback, outs);
  });
}

/** The hessian: forward mode over reverse mode. */
export function hessian(fun: AnyFunction, options: JacobianOptions = {}): AnyFunction {
  return jacfwd(jacrev(fun, options), options);
}

// ---------------------------------------------------------------- vmap, jit, makeJaxpr, evalShape

/** Options of {@linkcode vmap}. */
export interface VmapArgOptions {
  /** The mapped axis of each argument, or a prefix tree of axes; 0 unless given. */
  readonly inAxes?: unknown;
  /** Where the mapped axis goes in the outputs; 0 unless given. */
  readonly outAxes?: unknown;
  /** A name by which collectives know the mapped axis. */
  readonly axisName?: AxisName | null;
  /** The number of examples, where no argument tells. */
  readonly axisSize?: number | null;
}

/**
 * A function mapped over axes of its arguments, as `jax.vmap`.
 *
 * @throws {ShapeError} Where mapped axes differ in size, or an array has no such axis.
 * @throws {ArgumentError} Where something to be mapped is no array, or nothing is mapped.
 */
export function vmap<F extends AnyFunction>(fun: F, options: VmapArgOptions = {}): F {
  checkCallable(fun, "vmap");
  const { inAxes = 0, outAxes = 0, axisName = null, axisSize = null } = options;
  const request: MapRequest = {
    caller: "vmap",
    inAxes,
    outAxes,
    axisName,
    axisSize,
    argNames: null,
    mustMap: true,
  };
  return ((...args: unknown[]) => callMapped(fun, args, request)) as F;
}

/** Options of {@linkcode jit}. */
export interface JitArgOptions {
  /** Which arguments are static: part of the cache key, not traced. */
  readonly staticArgnums?: number | readonly number[];
  /** Which arguments are given up. */
  readonly donateArgnums?: number | readonly number[];
}

/** A compiled function, as `jax.jit`: host numbers among the arguments are traced unless static. */
export function jit<F extends AnyFunction>(fun: F, options: JitArgOptions = {}): F {
  checkCallable(fun, "jit");
  const statics = new Set([options.staticArgnums ?? []].flat() as number[]);
  const donated = new Set([options.donateArgnums ?? []].flat() as number[]);
  const donate: Donate = donated.size > 0 ? "all-except-first" : "none";
  // Kept arguments travel in the first place, donated ones in the second, so that donation follows `donateArgnums`.
  const call = (kept: unknown[], given: unknown[]) => {
    const args: unknown[] = [];
    kept.forEach((arg, i) => args[i] = donated.has(i) ? given[i] : arg);
    return fun(...args);
  };
  Object.defineProperty(call, "name", { value: fun.name });
  const run = filterJit(call, { donate });
  const arrays = (arg: unknown, i: number): unknown => {
    const [leaves, def] = flattenArrays(arg, `args[${i}]`, "jit");
    return unflatten(def, leaves.map((x) => x));
  };
  const jitted = (...args: unknown[]) => {
    const ready = args.map((arg, i) => statics.has(i) ? arg : arrays(arg, i));
    return run(
      ready.map((arg, i) => donated.has(i) ? null : arg),
      ready.map((arg, i) => donated.has(i) ? arg : null),
    );
  };
  return jitted as F;
}

/** Options of {@linkcode checkpoint}. */
export interface CheckpointArgOptions extends CheckpointOptions {
  /** Which arguments are static: not traced, passed on as they are. */
  readonly staticArgnums?: number | readonly number[];
}

/**
 * The same function, whose derivative computes its residuals again, as `jax.checkpoint`. Every leaf of the arguments must be an array or a number unless
 * static; {@linkcode filterCheckpoint} takes any.
 */
export function checkpoint<F extends AnyFunction>(fun: F, options: CheckpointArgOptions = {}): F {
  const { staticArgnums = [], ...rest } = options;
  const statics = new Set([staticArgnums].flat() as number[]);
  const read = readCheckpointOptions("checkpoint", rest);
  const run = (...args: unknown[]) => {
    const ready = args.map((arg, i) => {
      if (statics.has(i)) return arg;
      const [leaves, def] = flattenArrays(arg, `args[${i}]`, "checkpoint");
      return unflatten(def, leaves);
    });
    return callCheckpointed(fun, ready, read, "checkpoint");
  };
  return run as F;
}

/** A function that gives the jaxpr of `fun` at some arguments, as `jax.make_jaxpr`. */
export function makeJaxpr(fun: AnyFunction): (...args: unknown[]) => ClosedJaxpr {
  return (...args) => {
    const [leaves, def] = flatten(args);
    const avals = leaves.map((leaf, i) =>
      leaf instanceof ShapeDtypeStruct ? leaf.aval : leafArray(leaf, `makeJaxpr: leaf ${i}`).aval
    );
    const f = flatFunction(fun, def, "makeJaxpr");
    return stage(f.flat, avals);
  };
}

/** Shapes and dtypes of what a function would return, as `jax.eval_shape`. */
export function evalShape<A extends unknown[], R>(
  fun: (...args: A) => R,
  ...args: unknown[]
): Structs<R> {
  const ready = args.map((arg) => {
    const [leaves, def] = flatten(arg);
    return unflatten(def, leaves.map((x) => isHostScalar(x) ? asArray(x, "evalShape") : x));
  });
  return filterEvalShape((xs: unknown[]) => fun(...xs as A), ready) as Structs<R>;
}
