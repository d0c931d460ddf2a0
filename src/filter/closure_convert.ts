/**
 * `filterClosureConvert`: a function as a tree of what it closes over.
 *
 * @module
 */
import { ArgumentError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, withWeakType } from "../core/aval.ts";
import { type Atom, type Jaxpr, makeJaxprOf } from "../core/jaxpr.ts";
import { jaxprKey } from "../core/jaxpr_key.ts";
import { convertElementType } from "../ops/convert.ts";
import { evalJaxpr, stage } from "../transform/stage.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { shortHash } from "../tree/keyed.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import {
  canonicalOf,
  equalsKey,
  type Equatable,
  hasEquality,
  hashKey,
  staticKey,
} from "../tree/static_value.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { staticEqual } from "./jit_entry.ts";
import { isArrayLeaf, splitLeaves, toNDArray } from "./leaves.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import { checkCallable, invoke, makeWrapper, type Transformation } from "./wrapper.ts";

const structOf = ({ shape, dtype }: ShapedArray) => new ShapeDtypeStruct(shape, dtype);

/** What one leaf of the arguments must be: an array of this aval, or this very value. */
type ArgumentSpec = { readonly aval: ShapedArray } | { readonly value: unknown };

/** What a converted function is, beside its constants. Two are equal if they compute the same, whichever functions they were traced from. */
class Converted implements Equatable {
  #key: string | null = null;

  constructor(
    readonly jaxpr: Jaxpr,
    readonly inDef: TreeDef,
    /** Avals of array arguments, and the values of the others. */
    readonly specs: readonly ArgumentSpec[],
    readonly outDef: TreeDef,
    readonly outLeaves: readonly unknown[],
    readonly outPlaces: readonly number[],
  ) {}

  /** A text that tells it from all that are not equal to it. */
  get key(): string {
    if (this.#key === null) {
      const { inDef, outDef, outPlaces } = this;
      const value = (x: unknown) => staticKey(hasEquality(x) ? canonicalOf(x) : x, []);
      const specs = this.specs.map((s) => "aval" in s ? `a${s.aval.id}` : value(s.value));
      const outs = this.outLeaves.map((x, i) => outPlaces.includes(i) ? "a" : value(x));
      this.#key = [inDef.id, specs, outDef.id, outs, jaxprKey(this.jaxpr)].join("|");
    }
    return this.#key;
  }

  get inStruct(): readonly unknown[] {
    const leaves = this.specs.map((s) => "aval" in s ? structOf(s.aval) : s.value);
    return unflatten(this.inDef, leaves) as unknown[];
  }

  get outStruct(): unknown {
    const leaves = [...this.outLeaves];
    this.outPlaces.forEach((place, i) => leaves[place] = structOf(this.jaxpr.outvars[i].aval));
    return unflatten(this.outDef, leaves);
  }

  [equalsKey](other: unknown): boolean {
    return other instanceof Converted && other.key === this.key;
  }

  [hashKey](): number {
    return shortHash(this.key);
  }

  /** For messages: the types, and how long it is. */
  toString(): string {
    const { jaxpr: { invars, outvars, eqns } } = this;
    const types = (atoms: readonly Atom[]) =>
      `(${atoms.map((x) => formatAval(x.aval)).join(", ")})`;
    return `${types(invars)} -> ${types(outvars)} in ${eqns.length} equations`;
  }
}

/** A converted function: called like the original; a tree whose leaves are `consts`. */
export type ClosureConverted<F> = F & {
  /** The arrays that the function closed over, once each: the very objects. */
  readonly consts: readonly NDArray[];
  /** What it computes: a function of `consts` and the arrays of the arguments. */
  readonly jaxpr: Jaxpr;
  /** The arguments that it takes, a list, with a `ShapeDtypeStruct` for every array. */
  readonly inStruct: readonly unknown[];
  /** What it returns, with a `ShapeDtypeStruct` for every array. */
  readonly outStruct: unknown;
};

/** The arrays of a call, checked to be like the example's. */
function readArguments(info: Converted, args: readonly unknown[]): NDArray[] {
  const name = "filterClosureConvert";
  const [leaves, def] = flatten(args);
  if (def !== info.inDef) {
    const why = describeDifference(info.inDef, def, "args") ?? `expected ${info.inDef}; got ${def}`;
    throw new TreeError(
      `${name}: the converted function was called with arguments of another structure: ${why}`,
    );
  }
  const paths = leafPaths(def);
  return info.specs.flatMap((spec, i) => {
    const leaf = leaves[i];
    const path = keystr(paths[i], "args");
    if (!("aval" in spec)) {
      if (isArrayLeaf(leaf) || !staticEqual(spec.value, leaf)) {
        throw new ArgumentError(
          `${name}: the converted function was called with a different static argument: ${path} was ${
            String(spec.value)
          } in the example, is ${String(leaf)}`,
        );
      }
      return [];
    }
    const array = isArrayLeaf(leaf) ? toNDArray(leaf, name) : null;
    if (array === null || withWeakType(array.aval, false) !== spec.aval) {
      throw new ArgumentError(
        `${name}: the converted function was called with a different argument: ${path} was ${
          formatAval(spec.aval)
        } in the example, is ${array === null ? String(leaf) : formatAval(array.aval)}`,
      );
    }
    return [convertElementType(array, array.dtype)];
  });
}

const closureT: Transformation = {
  name: "closureConverted",
  call: (consts, [known], args) => {
    const info = known as Converted;
    const outs = evalJaxpr(info.jaxpr, consts as NDArray[], readArguments(info, args));
    const leaves = [...info.outLeaves];
    info.outPlaces.forEach((place, i) => leaves[place] = outs[i]);
    return unflatten(info.outDef, leaves);
  },
  finish: (wrapper, consts, [known]) => {
    const info = known as Converted;
    Object.defineProperties(wrapper, {
      consts: { value: consts },
      jaxpr: { value: info.jaxpr },
      inStruct: { get: () => info.inStruct },
      outStruct: { get: () => info.outStruct },
    });
  },
};

/**
 * Traces a function once, and gives it back as a tree of the arrays it closes over, tracers among them: so that they can cross the border of a
 * transformation. Written after Equinox's `filter_closure_convert`.
 *
 * Two conversions are the same option, field or argument to every cache if they compute the same, though their functions were made afresh: a compiled
 * function that takes one is not traced again for the next.
 *
 * @param fn The function. It is not called again.
 * @param args Example arguments; arrays and `ShapeDtypeStruct`s stand for any of their shape and dtype, other leaves must be the same in later calls.
 * @returns The converted function, with `.consts`, `.jaxpr`, `.inStruct` and `.outStruct`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const z = vn.numpy.array(3);
 * const g = vn.filterClosureConvert((a: vn.NDArray) => a.add(z), vn.numpy.array(1));
 * g.consts[0] === z; // true
 * g(vn.numpy.array(4)).item(); // 7
 * ```
 */
export function filterClosureConvert<A extends unknown[], R>(
  fn: (...args: A) => R,
  ...args: { [K in keyof A]: A[K] | ShapeDtypeStruct }
): ClosureConverted<(...args: A) => R> {
  checkCallable(fn, "filterClosureConvert");
  const [leaves, inDef] = flatten(args);
  const isDynamic = (leaf: unknown) => isArrayLeaf(leaf) || leaf instanceof ShapeDtypeStruct;
  const places = leaves.flatMap((leaf, i) => isDynamic(leaf) ? [i] : []);
  const specs = leaves.map((leaf) => {
    if (leaf instanceof ShapeDtypeStruct) return { aval: withWeakType(leaf.aval, false) };
    return isArrayLeaf(leaf)
      ? { aval: withWeakType(toNDArray(leaf, "filterClosureConvert").aval, false) }
      : { value: leaf };
  });
  let outDef: TreeDef | null = null;
  let outLeaves: unknown[] = [];
  let outPlaces: number[] = [];
  const closed = stage(
    (inputs) => {
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = inputs[i]);
      const [values, def] = flatten(invoke(fn, unflatten(inDef, filled) as unknown[]));
      outDef = def;
      outPlaces = values.flatMap((v, i) => isArrayLeaf(v) ? [i] : []);
      outLeaves = values.map((v) => isArrayLeaf(v) ? null : v);
      return splitLeaves(values, isArrayLeaf, "filterClosureConvert: output").arrays;
    },
    places.map((i) => (specs[i] as { aval: ShapedArray }).aval),
  );
  // Constants that the result does not need are dropped.
  const used = usedConstants(closed.jaxpr);
  const keep = closed.jaxpr.constvars.map((v) => used.has(v));
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const jaxpr = makeJaxprOf(constvars.filter((_, i) => keep[i]), invars, outvars, eqns);
  const info = new Converted(jaxpr, inDef, specs, outDef!, outLeaves, outPlaces);
  const consts = closed.consts.filter((_, i) => keep[i]);
  return makeWrapper(closureT, consts, [info]) as unknown as ClosureConverted<
    (...args: A) => R
  >;
}

function usedConstants(jaxpr: Jaxpr): Set<unknown> {
  const used = new Set<unknown>(jaxpr.outvars);
  for (const eqn of jaxpr.eqns) for (const atom of eqn.invars) used.add(atom);
  return used;
}
