/**
 * Primitives of one's own: over any trees, or over arrays with a batching rule that makes itself.
 *
 * @module
 */
import { TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import type { AxisName } from "../core/axis_env.ts";
import { type Primitive, type Tangent, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { isArrayLeaf, toNDArray } from "../filter/leaves.ts";
import { ShapeDtypeStruct, structOf } from "../filter/struct.ts";
import { treeEqual } from "../filter/tree_equal.ts";
import type { AnyTree } from "../filter/types.ts";
import { instantiate, reduceSum } from "../ops/shape.ts";
import { stage } from "../transform/stage.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";
import { flatten, isNull, unflatten } from "../tree/flatten.ts";
import { describeDifference } from "../tree/mismatch.ts";
import type { TreeDef } from "../tree/treedef.ts";

/** The rules of a primitive over trees; see {@linkcode filterPrimitiveDef}. */
export interface FilterPrimitiveRules {
  /** What it computes, from any trees to any tree. Compiled by being traced. */
  // deno-lint-ignore no-explicit-any -- any function
  readonly impl: (...args: any[]) => unknown;
  /** The output with a `ShapeDtypeStruct` for each array, from arguments with structs for arrays. By tracing `impl` unless given. */
  // deno-lint-ignore no-explicit-any -- any function
  readonly abstractEval?: (...args: any[]) => unknown;
  /**
   * Forward mode: gets the arguments, and a list of the same structure with tangents, `null` for zero and for what is no array; gives the output and its tangents, in the same
   * way.
   */
  readonly jvp?: (primals: AnyTree[], tangents: AnyTree[]) => readonly [unknown, unknown];
  /**
   * Reverse mode, for what is linear: gets the arguments with an `UndefinedPrimal` for each array that it is linear in, and the output's structure with cotangents, `null` for zero;
   * gives the structure of the arguments with cotangents, `null` for zero and for all others.
   */
  readonly transpose?: (inputs: AnyTree[], cotangents: AnyTree) => readonly unknown[];
  /** Gets the arguments, and a list of the same structure with the mapped axis of each array or `null`; gives the output and its axes. */
  readonly batching?: (inputs: AnyTree[], axes: AnyTree[]) => readonly [unknown, unknown];
}

/** What a call gives, beside arrays: known once any rule has run. */
class OutputShape {
  def: TreeDef | null = null;
  /** The leaves; arrays are `null`. */
  statics: unknown[] = [];
  places: number[] = [];

  /** Takes the arrays, or structs, out of an output; all rules must give the same. */
  read(out: unknown, name: string): unknown[] {
    const [leaves, def] = flatten(out);
    const isDynamic = (x: unknown) => isArrayLeaf(x) || x instanceof ShapeDtypeStruct;
    const places = leaves.flatMap((x, i) => isDynamic(x) ? [i] : []);
    const statics = leaves.map((x) => isDynamic(x) ? null : x);
    if (this.def === null) {
      this.def = def;
      this.places = places;
      this.statics = statics;
    } else if (
      def !== this.def || String(places) !== String(this.places) ||
      treeEqual(statics, this.statics) !== true
    ) {
      const why = describeDifference(this.def, def, "output") ?? "other leaves are arrays";
      throw new TreeError(`${name}: two rules of the primitive give different outputs: ${why}`);
    }
    return places.map((i) => leaves[i]);
  }

  fill(arrays: readonly unknown[]): unknown {
    const filled = [...this.statics];
    this.places.forEach((place, i) => filled[place] = arrays[i]);
    return unflatten(this.def!, filled);
  }

  /** What belongs to each array of `out` in a tree like it, in which `null` may stand for anything. */
  beside(tree: unknown, out: unknown, what: string, name: string): unknown[] {
    return besideArrays(tree, out, isArrayLeaf, what, name);
  }
}

/** The leaves of `tree` that stand where `isPlace` holds in `like`; both have one structure, `null` counted as a leaf. */
function besideArrays(
  tree: unknown,
  like: unknown,
  isPlace: (x: unknown) => boolean,
  what: string,
  name: string,
): unknown[] {
  const [leaves, def] = flatten(like, { isLeaf: isNull });
  const [values, valuesDef] = flatten(tree, { isLeaf: isNull });
  if (def !== valuesDef) {
    const why = describeDifference(def, valuesDef, what) ?? `${def} and ${valuesDef}`;
    throw new TreeError(`${name}: ${what} must have the structure of what they belong to: ${why}`);
  }
  return values.filter((_, i) => isPlace(leaves[i]));
}

/** Parameters of a primitive over trees. */
interface CallParams {
  readonly def: TreeDef;
  /** The leaves of the arguments; arrays are `null`. */
  readonly statics: readonly unknown[];
  readonly places: readonly number[];
  readonly output: OutputShape;
}

function argumentsOf(p: CallParams, values: readonly unknown[], others = p.statics): unknown[] {
  const filled = [...others];
  p.places.forEach((place, i) => filled[place] = values[i]);
  return unflatten(p.def, filled) as unknown[];
}

/** `values` where the arguments have arrays, `null` elsewhere. */
function likeArguments(p: CallParams, values: readonly unknown[]): unknown[] {
  return argumentsOf(p, values, p.statics.map(() => null));
}

/** A primitive over trees, made by {@linkcode filterPrimitiveDef}. */
export interface FilterPrimitive {
  /** Its name, as in jaxprs. */
  readonly name: string;
}

/** `null` for a symbolic zero. */
function orNull(t: Tangent): NDArray | null {
  return t instanceof Zero ? null : t;
}

/**
 * Makes a primitive whose arguments and results are any trees: arrays are its operands, all other leaves its parameters.
 *
 * @param name Its name, for jaxprs and messages.
 * @param rules See {@linkcode FilterPrimitiveRules}. A transformation whose rule is missing throws.
 * @returns What {@linkcode filterPrimitiveBind} calls.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { type FilterPrimitive, filterPrimitiveBind, filterPrimitiveDef } from "@vernal/vernal/internal";
 *
 * const scale: FilterPrimitive = filterPrimitiveDef("scale", {
 *   impl: (x: vn.NDArray, by: number) => x.mul(by),
 *   jvp: ([x, by], [t]) => [filterPrimitiveBind(scale, x, by), t && filterPrimitiveBind(scale, t, by)],
 *   transpose: ([, by], ct) => [filterPrimitiveBind(scale, ct, by), null],
 *   batching: ([x, by], [axis]) => [filterPrimitiveBind(scale, x, by), axis],
 * });
 * const f = (x: vn.NDArray) => filterPrimitiveBind(scale, x, 3) as vn.NDArray;
 * vn.filterJit(vn.grad(f))(vn.numpy.array(2)).item(); // 3
 * ```
 */
export function filterPrimitiveDef(name: string, rules: FilterPrimitiveRules): FilterPrimitive {
  const { impl, abstractEval, jvp, transpose, batching } = rules;
  const flat = (p: CallParams) => (xs: readonly NDArray[]) =>
    p.output.read(impl(...argumentsOf(p, xs)), name).map((x) => toNDArray(x as NDArray, name));
  const self: Primitive<CallParams> = {
    name,
    abstractEval: (ins, p) => {
      if (abstractEval === undefined) return stage(flat(p), ins).outAvals;
      const out = abstractEval(...argumentsOf(p, ins.map(structOf)));
      return p.output.read(out, name).map((s) => (s as ShapeDtypeStruct).aval);
    },
    evaluate: (xs, p) => flat(p)(xs),
    higherOrder: { inline: (p, ins) => stage(flat(p), ins) },
    ...jvp && {
      jvp: (primals, tangents, p) => {
        const [out, outTangents] = jvp(
          argumentsOf(p, primals),
          likeArguments(p, tangents.map(orNull)),
        );
        const outs = p.output.read(out, name) as NDArray[];
        const given = p.output.beside(outTangents, out, "tangents", name);
        return [outs, outs.map((x, i) => (given[i] as NDArray | null) ?? new Zero(x.aval))];
      },
    },
    ...transpose && {
      transpose: (cts, operands, p) => {
        const inputs = argumentsOf(p, operands);
        const pulled = transpose(inputs, fillWithNull(p.output, cts.map(orNull)));
        const isOperand = (x: unknown) => isArrayLeaf(x) || x instanceof UndefinedPrimal;
        const given = besideArrays(pulled, inputs, isOperand, "cotangents", name);
        return operands.map((x, i) =>
          x instanceof UndefinedPrimal ? (given[i] as NDArray | null) ?? new Zero(x.aval) : null
        );
      },
    },
    ...batching && {
      batch: (operands, dims, p) => {
        // Under a named axis even what is not mapped comes by.
        if (dims.every((d) => d === null)) {
          const outs = bind(self, operands, p);
          return [outs, outs.map(() => null)];
        }
        const [out, axes] = batching(argumentsOf(p, operands), likeArguments(p, dims));
        const outs = p.output.read(out, name) as NDArray[];
        return [outs, p.output.beside(axes, out, "axes", name) as (number | null)[]];
      },
    },
  };
  return self;
}

/** The output's structure with `null` for all that is no array. */
function fillWithNull(output: OutputShape, values: readonly unknown[]): unknown {
  const filled: unknown[] = output.statics.map(() => null);
  output.places.forEach((place, i) => filled[place] = values[i]);
  return unflatten(output.def!, filled);
}

/**
 * Calls a primitive that {@linkcode filterPrimitiveDef} made.
 *
 * @param primitive The primitive.
 * @param args Any trees.
 * @returns What its rules give: any tree.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { filterPrimitiveBind, filterPrimitiveDef } from "@vernal/vernal/internal";
 *
 * const tag = filterPrimitiveDef("tag", { impl: (x: vn.NDArray, text: string) => ({ x, text }) });
 * filterPrimitiveBind(tag, vn.numpy.array(1), "one"); // { x: 1, text: "one" }
 * ```
 */
export function filterPrimitiveBind(primitive: FilterPrimitive, ...args: unknown[]): AnyTree {
  const [leaves, def] = flatten(args);
  const places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
  const statics = leaves.map((x) => isArrayLeaf(x) ? null : x);
  const output = new OutputShape();
  const operands = places.map((i) => toNDArray(leaves[i] as NDArray, primitive.name));
  const outs = bind(primitive as Primitive<CallParams>, operands, { def, statics, places, output });
  return output.fill(outs);
}

/** A tangent, or zeros like the primal in place of `null`. */
export function materialiseZeros(primal: NDArray, tangent: NDArray | null): NDArray {
  return tangent ?? instantiate(new Zero(primal.aval));
}

/** Applies a primitive over arrays that {@linkcode createVprim} made. */
export type Vprim<P = null> = (inputs: readonly NDArray[], params: P) => readonly NDArray[];

/** The rules of a primitive over arrays; see {@linkcode createVprim}. */
export interface VprimRules<P> {
  /** What it computes. */
  readonly impl: (inputs: readonly NDArray[], params: P) => readonly NDArray[];
  /** Forward mode; tangents are `null` where they are zero, in and out. */
  readonly jvp?: (
    primals: readonly NDArray[],
    tangents: readonly (NDArray | null)[],
    params: P,
  ) => readonly [readonly NDArray[], readonly (NDArray | null)[]];
  /** Reverse mode, for what is linear in the undefined inputs: their cotangents, `null` for zero and for the others. */
  readonly transpose?: (
    cotangents: readonly (NDArray | null)[],
    inputs: readonly (NDArray | UndefinedPrimal)[],
    params: P,
  ) => readonly (NDArray | null)[];
}

/**
 * Makes a primitive without a batching rule: `vmap` of it is a primitive again, whose rules are those given, mapped.
 *
 * @param name Its name, for jaxprs and messages.
 * @param rules See {@linkcode VprimRules}.
 * @returns The function that applies it to arrays.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { createVprim, type Vprim } from "@vernal/vernal/internal";
 *
 * const double: Vprim = createVprim("double", {
 *   impl: ([x]) => [x.mul(2)],
 *   jvp: ([x], [t]) => [double([x], null), [t && double([t], null)[0]]],
 *   transpose: ([ct]) => [ct && double([ct], null)[0]],
 * });
 * vn.vmap((x: vn.NDArray) => double([x], null)[0])(vn.numpy.array([1, 2])).tolist(); // [2, 4]
 * ```
 */
export function createVprim<P = null>(
  name: string,
  rules: VprimRules<P>,
): Vprim<P> {
  const self = vprim(name, rules);
  return (inputs, params) => bind(self, inputs, params);
}

function vprim<P>(name: string, rules: VprimRules<P>): Primitive<P> {
  const { impl, jvp, transpose } = rules;
  const mapped = new Map<AxisName | null, Map<string, Primitive<P>>>();
  const self: Primitive<P> = {
    name,
    abstractEval: (ins, params) => stage((xs) => impl(xs, params), ins).outAvals,
    evaluate: (xs, params) => impl(xs, params),
    higherOrder: { inline: (params, ins) => stage((xs) => impl(xs, params), ins) },
    ...jvp && {
      jvp: (primals, tangents, params) => {
        const [outs, given] = jvp(primals, tangents.map(orNull), params);
        return [outs, outs.map((x, i) => given[i] ?? new Zero(x.aval))];
      },
    },
    ...transpose && {
      transpose: (cts, operands, params) => {
        const pulled = transpose(cts.map(orNull), operands, params);
        return operands.map((x, i) =>
          x instanceof UndefinedPrimal ? pulled[i] ?? new Zero(x.aval) : null
        );
      },
    },
    batch: (operands, dims, params, size, axisName) => {
      let known = mapped.get(axisName);
      if (known === undefined) mapped.set(axisName, known = new Map());
      const key = `${dims}|${size}`;
      let batched = known.get(key);
      if (batched === undefined) {
        known.set(key, batched = vprim(name, mappedRules(rules, dims, size, axisName)));
      }
      const outs = bind(batched, operands, params);
      return [outs, outs.map(() => 0)];
    },
  };
  return self;
}

/** An aval without its mapped axis. */
function single(aval: ShapedArray, dim: number | null): ShapedArray {
  if (dim === null) return aval;
  return shapedArray(aval.shape.filter((_, k) => k !== dim), aval.dtype);
}

/** The rules of a primitive that does for a whole batch what `rules` do for an example; results have the mapped axis in front. */
function mappedRules<P>(
  { impl, jvp, transpose }: VprimRules<P>,
  dims: readonly (number | null)[],
  size: number,
  axisName: AxisName | null,
): VprimRules<P> {
  /** Maps a function some of whose inputs and outputs are missing. */
  const map = (
    fn: (inputs: readonly (NDArray | null)[]) => readonly (NDArray | null)[],
    inputs: readonly (NDArray | null)[],
    inputDims: readonly (number | null)[],
    place: (x: NDArray, dim: number | null, i: number) => NDArray,
  ): (NDArray | null)[] => {
    let present: boolean[] = [];
    const there = inputs.map((x) => x !== null);
    const [outs, outDims] = vmapFlat(
      (xs) => {
        let next = 0;
        const all = fn(there.map((t) => t ? xs[next++] : null));
        present = all.map((x) => x !== null);
        return all.filter((x): x is NDArray => x !== null);
      },
      inputs.filter((x): x is NDArray => x !== null),
      inputDims.filter((_, i) => there[i]),
      size,
      axisName,
    );
    let next = 0;
    return present.map((p, i) => {
      if (!p) return null;
      const at = next++;
      return place(outs[at], outDims[at], i);
    });
  };
  const toFront = (x: NDArray, dim: number | null) => placeAxis(x, dim, 0, size);
  return {
    impl: (inputs, params) =>
      map((xs) => impl(xs as NDArray[], params), inputs, dims, toFront) as NDArray[],
    ...jvp && {
      jvp: (primals, tangents, params) => {
        let count = 0;
        const all = map(
          (xs) => {
            const own = xs.slice(0, primals.length) as NDArray[];
            const [outs, outTangents] = jvp(own, xs.slice(primals.length), params);
            count = outs.length;
            return [...outs, ...outTangents];
          },
          [...primals, ...tangents],
          [...dims, ...dims],
          toFront,
        );
        return [all.slice(0, count) as NDArray[], all.slice(count)];
      },
    },
    ...transpose && {
      transpose: (cts, inputs, params) => {
        const defined = inputs.map((x) => x instanceof UndefinedPrimal ? null : x);
        return map(
          (xs) => {
            const own = inputs.map((x, i) =>
              x instanceof UndefinedPrimal
                ? new UndefinedPrimal(single(x.aval, dims[i]))
                : xs[cts.length + i]!
            );
            return transpose(xs.slice(0, cts.length), own, params);
          },
          [...cts, ...defined],
          [...cts.map(() => 0), ...dims],
          (x, dim, i) => {
            if (dims[i] !== null) return placeAxis(x, dim, dims[i], size);
            // What all examples share gets the sum of their cotangents.
            return reduceSum(dim === null ? placeAxis(x, dim, 0, size) : x, [dim ?? 0]);
          },
        );
      },
    },
  };
}
