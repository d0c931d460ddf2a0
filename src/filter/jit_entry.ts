/**
 * One compiled specialisation of a function, and the table of them.
 *
 * @module
 */
import { TracerError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray } from "../core/aval.ts";
import { axisEnvKey } from "../core/axis_env.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { getEvaluator, Tracer } from "../core/trace.ts";
import { stage } from "../transform/stage.ts";
import { flatten, flattenInto, leafPaths, unflatten } from "../tree/flatten.ts";
import { keystr, type Path } from "../tree/path.ts";
import { equalsKey, type Equatable } from "../tree/static_value.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { isArrayLeaf, isTypedArray, splitLeaves, toNDArray } from "./leaves.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import { invoke } from "./wrapper.ts";

/** What one leaf of a call must be for an entry to serve it: an array of this aval, or this very value. */
export type LeafSpec =
  | { readonly kind: "array"; readonly aval: ShapedArray }
  | { readonly kind: "static"; readonly value: unknown };

/** What of a call decides which entry serves it. */
export interface Signature {
  /** The structure of `[fun, args]`. */
  readonly treedef: TreeDef;
  readonly specs: readonly LeafSpec[];
  /** Which named axes were bound. */
  readonly axisEnv: string;
}

/** A function traced for one structure of arguments, one set of avals, and one set of static leaves. */
export interface JitEntry extends Signature {
  /** What each leaf must be as an array; `null` for static leaves. Beside `specs`, because a call asks this of each. */
  readonly avals: readonly (ShapedArray | null)[];
  /** The traced function: inputs are the consts, then the dynamic leaves in order. */
  readonly jaxpr: ClosedJaxpr;
  /** What the function closed over. */
  readonly consts: readonly NDArray[];
  readonly outDef: TreeDef;
  /** The static leaves of the output; arrays are missing. */
  readonly outLeaves: readonly unknown[];
  /** Where the output's arrays go. */
  readonly outPlaces: readonly number[];
}

/** Whether two static leaves are the same. */
export function staticEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if ((typeof a !== "object" && typeof a !== "function") || a === null) return false;
  const equals = (a as Partial<Equatable>)[equalsKey];
  return typeof equals === "function" && equals.call(a, b);
}

/** The arrays of a call, in order, if an entry serves it; else `null`. The list is all that is allocated. */
export function matches(entry: JitEntry, call: unknown): NDArray[] | null {
  if (entry.axisEnv !== axisEnvKey()) return null;
  const { avals } = entry;
  const leaves = new Array<unknown>(avals.length);
  if (!flattenInto(entry.treedef, call, leaves)) return null;
  // The arrays move up in the list, so that no other one is needed.
  let count = 0;
  for (let i = 0; i < avals.length; i++) {
    const aval = avals[i];
    const leaf = leaves[i];
    if (aval === null) {
      if (!isSameStatic(entry.specs[i], leaf)) return null;
    } else if (leaf instanceof NDArray) {
      if (leaf.aval !== aval) return null;
      leaves[count++] = leaf;
    } else {
      if (!isTypedArray(leaf)) return null;
      const array = toNDArray(leaf, "filterJit");
      if (array.aval !== aval) return null;
      leaves[count++] = array;
    }
  }
  leaves.length = count;
  return leaves as NDArray[];
}

function isSameStatic(spec: LeafSpec, leaf: unknown): boolean {
  const { value } = spec as { readonly value: unknown };
  return Object.is(leaf, value) || (!isArrayLeaf(leaf) && staticEqual(value, leaf));
}

/** The path of a leaf of `[fun, args]`, as messages write it: `args[0].weight`, `fun.weight`. */
export function callPath(path: Path): string {
  const [head, ...rest] = path;
  const isFun = head?.kind === "index" && head.index === 0;
  return keystr(rest, isFun ? "fun" : "args");
}

/** Refuses an output that would carry a tracer out of its trace, in a static place, where no call can put the result. */
function refuseStaticTracers(def: TreeDef, name: string): void {
  const check = (x: unknown): void => {
    if (x instanceof Tracer) {
      throw new TracerError(
        `${name}: the output holds a traced array, ${
          formatAval(x.aval)
        }, in a static place: a static field, or inside of Static. Return it as an ordinary leaf`,
      );
    }
    if (typeof x === "object" && x !== null && isPlain(x)) Object.values(x).forEach(check);
  };
  def.data.statics.forEach(check);
  for (const child of def.childDefs) refuseStaticTracers(child, name);
}

function isPlain(x: object): boolean {
  return Array.isArray(x) || Object.getPrototypeOf(x) === Object.prototype;
}

/** What to call an input of an entry's program: an argument's path, as in messages. */
export function inputName(entry: JitEntry, i: number): string {
  if (i < entry.consts.length) return "an array that the function closes over";
  const paths = leafPaths(entry.treedef).filter((_, k) => entry.specs[k].kind === "array");
  return callPath(paths[i - entry.consts.length]);
}

/** The signature of a call; a `ShapeDtypeStruct` among `leaves` counts as an array if `structs` says so. */
function signatureOf(leaves: readonly unknown[], treedef: TreeDef, structs: boolean): Signature {
  return {
    treedef,
    specs: leaves.map((leaf): LeafSpec => {
      if (isArrayLeaf(leaf)) return { kind: "array", aval: toNDArray(leaf, "filterJit").aval };
      return structs && leaf instanceof ShapeDtypeStruct
        ? { kind: "array", aval: leaf.aval }
        : { kind: "static", value: leaf };
    }),
    axisEnv: axisEnvKey(),
  };
}

/** The signature of a call. */
export function callSignature(fun: unknown, args: readonly unknown[]): Signature {
  const [leaves, treedef] = flatten([fun, args]);
  return signatureOf(leaves, treedef, false);
}

/**
 * Traces a function for a call.
 *
 * @param structs Whether a `ShapeDtypeStruct` stands for an array, or is static.
 */
export function traceEntry(
  fun: unknown,
  args: readonly unknown[],
  name: string,
  structs = false,
): JitEntry {
  const [leaves, treedef] = flatten([fun, args]);
  const signature = signatureOf(leaves, treedef, structs);
  const places = signature.specs.flatMap(({ kind }, i) => kind === "array" ? [i] : []);
  const avals = signature.specs.flatMap((spec) => spec.kind === "array" ? [spec.aval] : []);
  const paths = leafPaths(treedef);
  let outDef: TreeDef | null = null;
  let outLeaves: unknown[] = [];
  let outPlaces: number[] = [];
  const closed = stage(
    (inputs) => {
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = inputs[i]);
      const [tracedFun, tracedArgs] = unflatten(treedef, filled) as [unknown, unknown[]];
      const out = invoke(tracedFun, tracedArgs);
      const [values, def] = flatten(out);
      refuseStaticTracers(def, name);
      outDef = def;
      outPlaces = values.flatMap((v, i) => isArrayLeaf(v) ? [i] : []);
      outLeaves = values.map((v) => isArrayLeaf(v) ? null : v);
      return splitLeaves(values, isArrayLeaf, `${name}: output`).arrays;
    },
    avals,
    places.map((i) => callPath(paths[i])),
  );
  for (const x of closed.consts) getEvaluator().keepAlive(x);
  return {
    ...signature,
    avals: signature.specs.map((spec) => spec.kind === "array" ? spec.aval : null),
    jaxpr: hoistConsts(closed),
    consts: closed.consts,
    outDef: outDef!,
    outLeaves,
    outPlaces,
  };
}

/** Puts a call's result together. */
export function assemble(entry: JitEntry, outs: readonly NDArray[]): unknown {
  if (entry.outPlaces.length === 1 && entry.outDef.kind === "leaf") return outs[0];
  const leaves = [...entry.outLeaves];
  entry.outPlaces.forEach((place, i) => leaves[place] = outs[i]);
  return unflatten(entry.outDef, leaves);
}

/** Whether an entry may be kept: not if the function closed over a value of a transformation in progress. */
export function isReusable(entry: JitEntry): boolean {
  return !entry.consts.some((x) => x instanceof Tracer);
}
