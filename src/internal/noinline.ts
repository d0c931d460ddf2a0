/**
 * `noinline`: a function that is compiled once, as a program of its own, however often it is called.
 *
 * @module
 */
import { ArgumentError, TracerError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { onHost } from "../core/placement.ts";
import { bind, Tracer, withEager } from "../core/trace.ts";
import { addTarget, type CallSite, noinlineP } from "../control/noinline.ts";
import { combine, partition } from "../filter/filters.ts";
import { staticEqual } from "../filter/jit_entry.ts";
import { isArrayLeaf, splitLeaves, staticParts, toNDArray } from "../filter/leaves.ts";
import { isArray } from "../filter/predicates.ts";
import { invoke, makeWrapper, type Transformation } from "../filter/wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";
import { literal } from "../ops/common.ts";
import { copy } from "../ops/shape.ts";
import { callableName, isCallable } from "../tree/callable.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { keyOfParts, shortHash } from "../tree/keyed.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { equalsKey, hashKey } from "../tree/static_value.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { stage } from "../transform/stage.ts";

/** Options of {@linkcode noinline}. */
export interface NoinlineOptions {
  /**
   * Tells shapes, dtypes and structure of the result: a function of `fn`'s arrays (`fn` with `null` for all other leaves), then of what `fn` takes. It is
   * traced only. Functions of one `abstractFn` are exchangeable without compiling their caller anew.
   */
  // deno-lint-ignore no-explicit-any -- arguments are those of any function
  readonly abstractFn?: ((arrays: any, ...args: any[]) => unknown) | null;
}

/** A function of the arrays of what was wrapped, and of its arguments. */
type Call = (arrays: unknown, args: readonly unknown[]) => unknown;

/** What a function gives: the structure, and the leaves, `null` for arrays. */
interface Output {
  readonly def: TreeDef;
  readonly leaves: readonly unknown[];
  readonly places: readonly number[];
}

interface Traced {
  readonly closed: ClosedJaxpr;
  readonly output: Output;
}

/** What a call takes beside arrays, and what it is to give. */
class Site implements CallSite {
  readonly key: string;
  private readonly places: readonly number[];
  output: Output | null = null;

  constructor(private readonly treedef: TreeDef, private readonly leaves: readonly unknown[]) {
    this.places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
    this.leaves = leaves.map((x) => isArrayLeaf(x) ? null : x);
    this.key = keyOfParts([treedef, this.places.join(), ...this.leaves]);
  }

  /** The arrays of the function and its arguments, as they are at this site. */
  fill(arrays: readonly NDArray[]): [arrays: unknown, args: unknown[]] {
    const filled = [...this.leaves];
    this.places.forEach((place, i) => filled[place] = arrays[i]);
    return unflatten(this.treedef, filled) as [unknown, unknown[]];
  }

  [equalsKey](other: unknown): boolean {
    return other instanceof Site && other.key === this.key;
  }
  [hashKey](): number {
    return shortHash(this.key);
  }
}

/** Traces a function as it is called at a site. */
function traceAt(call: Call, site: Site, avals: readonly ShapedArray[], name: string): Traced {
  let output: Output | null = null;
  const closed = stage((xs) => {
    const [leaves, def] = flatten(call(...site.fill(xs)));
    const places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
    output = { def, leaves: leaves.map((x) => isArrayLeaf(x) ? null : x), places };
    return splitLeaves(leaves, isArrayLeaf, `internal.noinline(${name}): output`).arrays;
  }, avals);
  if (closed.consts.some((x) => x instanceof Tracer)) {
    throw new TracerError(
      `internal.noinline(${name}): the function closes over a traced array; pass it as an argument, because the function is compiled apart from its caller`,
    );
  }
  return { closed, output: output! };
}

/** Traces of one function are kept up to this number. */
const MAX_TRACED = 64;

/** What stands for a function when only its results' types are wanted. Wrappers that share one are exchangeable. */
class Abstract {
  private readonly traced = new Map<string, Traced>();

  constructor(
    readonly name: string,
    private readonly call: Call,
    /** Whether it is the function itself. */
    readonly isExact: boolean,
  ) {}

  at(site: Site, avals: readonly ShapedArray[]): Traced {
    const key = `${site.key}|${avals.map((a) => a.id).join()}`;
    let traced = this.traced.get(key);
    if (traced === undefined) {
      traced = traceAt(this.call, site, avals, this.name);
      if (this.traced.size >= MAX_TRACED) this.traced.clear();
      this.traced.set(key, traced);
    }
    return traced;
  }
}

function checkOutput(given: Output, expected: Output, name: string): void {
  const same = given.def === expected.def && given.places.join() === expected.places.join() &&
    given.leaves.every((x, i) => staticEqual(expected.leaves[i], x));
  if (same) return;
  const why = describeDifference(expected.def, given.def, "output") ??
    "leaves that are no arrays differ";
  throw new TreeError(
    `internal.noinline(${name}): the function gives another tree than its abstractFn: ${why}`,
  );
}

/** Functions by what they are, their arrays aside: their number, and themselves for their types. */
const numbered = new Map<string, { readonly index: number; readonly abstract: Abstract }>();
const abstracts = new WeakMap<object, Abstract>();

function numberOf(fn: unknown): { readonly index: number; readonly abstract: Abstract } {
  const [leaves, def] = flatten(fn);
  const key = keyOfParts([def, ...staticParts(leaves)]);
  let entry = numbered.get(key);
  if (entry === undefined) {
    const name = callableName(fn);
    const [, statics] = partition(fn, isArray);
    const call: Call = (arrays, args) => invoke(combine(arrays, statics), args);
    const index = addTarget({
      name,
      trace: (site, avals) => {
        const { closed, output } = traceAt(call, site as Site, avals, name);
        checkOutput(output, (site as Site).output!, name);
        return closed;
      },
    });
    entry = { index, abstract: new Abstract(name, call, true) };
    numbered.set(key, entry);
  }
  return entry;
}

function abstractOf(fn: NonNullable<NoinlineOptions["abstractFn"]>): Abstract {
  let abstract = abstracts.get(fn);
  if (abstract === undefined) {
    const call: Call = (arrays, args) => fn(arrays, ...args);
    abstracts.set(fn, abstract = new Abstract(callableName(fn), call, false));
  }
  return abstract;
}

const noinlineT: Transformation = {
  name: "internal.noinline",
  call: (parts, [abstract], args) => {
    const { name, isExact } = abstract as Abstract;
    const [index, arrays] = parts as [NDArray, unknown];
    const [leaves, def] = flatten([arrays, args]);
    const site = new Site(def, leaves);
    const inputs = leaves.filter(isArrayLeaf).map((x) => toNDArray(x, "internal.noinline"));
    const inAvals = inputs.map((x) => x.aval);
    const { closed, output } = (abstract as Abstract).at(site, inAvals);
    site.output = output;
    const outs = bind(noinlineP, [index, ...inputs], {
      name,
      site,
      inAvals,
      baseAvals: closed.outAvals,
      jaxpr: isExact && closed.consts.length === 0 ? closed : null,
      transforms: [],
      outAvals: closed.outAvals,
    });
    const filled = [...output.leaves];
    output.places.forEach((place, i) => filled[place] = outs[i]);
    return unflatten(output.def, filled);
  },
};

/**
 * The same function, compiled apart: as one program, shared by all calls of one type, of whatever programs they are part of. Callers compile sooner and run slower, as every
 * call goes through the host.
 *
 * It is traced twice for each type of call: to tell what it gives, and when it is compiled. Under a transformation that is done to the function, and compiled as
 * another program; nothing is kept for a derivative, which computes the function again. The result is a tree of a number and of `fn`'s arrays:
 * as an argument of a compiled function it can be exchanged for another function of the same `abstractFn`, and nothing is compiled but that. Written after Equinox's
 * `internal.noinline`. What was wrapped is never forgotten: wrap outside of loops.
 *
 * @param fn A function, class, or Module with `call`, whose arrays are inputs. It must not close over traced arrays.
 * @param options `abstractFn`; see {@linkcode NoinlineOptions}.
 * @throws {ArgumentError} For something that cannot be called.
 * @throws {TreeError} Where `fn` gives another tree than `abstractFn`; `ShapeError` and `DTypeError` for arrays of another type.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { noinline } from "@vernal/vernal/internal";
 *
 * const square = noinline((x: vn.NDArray) => x.mul(x));
 * const f = vn.filterJit((x: vn.NDArray) => square(x).add(square(x.add(1))));
 * f(vn.numpy.array(2)).item(); // 13: square is compiled once, and called twice
 * ```
 */
export function noinline<F extends (...args: never[]) => unknown>(
  fn: F,
  options?: NoinlineOptions,
): F;
/** As above, for a Module. */
export function noinline<A extends unknown[], R>(
  fn: { call(...args: A): R },
  options?: NoinlineOptions,
): (...args: A) => R;
export function noinline(fn: unknown, options: NoinlineOptions = {}): unknown {
  checkOptions("internal.noinline", options, ["abstractFn"]);
  if (!isCallable(fn)) {
    throw new ArgumentError(
      `internal.noinline: expected a function, or a Module with a call method; got ${String(fn)}`,
    );
  }
  const { index, abstract } = numberOf(fn);
  const { abstractFn = null } = options;
  const [arrays] = partition(fn, isArray);
  // An array, not a literal: programs are to be the same for every number. On the host, where it is read.
  const number = onHost(() => withEager(() => copy(literal(index, "int32"))));
  const types = abstractFn === null ? abstract : abstractOf(abstractFn);
  return makeWrapper(noinlineT, [number, arrays], [types]);
}
