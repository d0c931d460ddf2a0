/**
 * `debug.announceTransform`: which transformations reach a value.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { isArrayLeaf, splitLeaves } from "../filter/leaves.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { emit } from "./print.ts";

/** Parameters of {@linkcode announceP}. */
interface AnnounceParams {
  /** The transformations so far. */
  readonly stack: readonly string[];
  readonly announce: (text: string) => void;
  readonly prefix: string;
  readonly intermediates: boolean;
}

function tell({ stack, announce, prefix }: AnnounceParams, last: string): void {
  announce(prefix + [...stack, last].join(":"));
}

function pushed(p: AnnounceParams, transform: string): AnnounceParams {
  return { ...p, stack: [...p.stack, transform] };
}

function note(p: AnnounceParams, transform: string): void {
  if (p.intermediates) tell(p, transform);
}

/** `announce_jaxpr`: the identity, which says what is done to it. */
const announceP: Primitive<AnnounceParams> = {
  name: "announce_jaxpr",
  abstractEval: (ins, p) => {
    tell(p, "abstract");
    return ins;
  },
  evaluate: (xs, p) => {
    tell(p, "impl");
    return xs;
  },
  finalise: (xs) => xs,
  lower: (reads, _ins, _outs, p) => {
    tell(p, "lower");
    return reads.map((_, operand) => ({ kind: "alias", operand }));
  },
  jvp: (primals, tangents, p) => {
    note(p, "jvp");
    const outs = bind(announceP, primals, pushed(p, "jvp_p"));
    const live = tangents.filter((t): t is NDArray => !(t instanceof Zero));
    const through = bind(announceP, live, pushed(p, "jvp_t"));
    let next = 0;
    return [outs, tangents.map((t) => t instanceof Zero ? t : through[next++])];
  },
  transpose: (cts, operands, p) => {
    note(p, "transpose");
    const live = cts.filter((t): t is NDArray => !(t instanceof Zero));
    const through = bind(announceP, live, pushed(p, "transpose"));
    let next = 0;
    return cts.map((ct, i) => ct instanceof Zero ? new Zero(operands[i].aval) : through[next++]);
  },
  batch: (xs, dims, p) => {
    note(p, "vmap");
    return [bind(announceP, xs, pushed(p, "vmap")), dims];
  },
};

/** Options of {@linkcode announceTransform}. */
export interface AnnounceOptions {
  /** What to call it in the text. */
  readonly name?: string;
  /** Whether to announce each transformation as it is applied, too. False unless told. */
  readonly intermediates?: boolean;
  /** Where to; where `debug.setPrinter` says unless given. */
  readonly announce?: (text: string) => void;
}

/**
 * The identity, which prints the transformations that reach a value, each time when all are done: `vmap:jvp_p:abstract`. The last word tells how it ended: `impl`, computed at
 * once; `abstract`, written into a jaxpr; `lower`, compiled. Written after Equinox's `debug.announce_transform`.
 *
 * @param x Any tree; its arrays are watched.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const texts: string[] = [];
 * const f = (x: vn.NDArray) => vn.debug.announceTransform(x, { announce: (text) => texts.push(text) });
 * vn.vmap(f)(vn.numpy.ones([3]));
 * texts; // ["vmap:impl"]
 * ```
 */
export function announceTransform<T>(x: T, options: AnnounceOptions = {}): T {
  const { name, intermediates = false, announce = emit } = options;
  const [leaves, def] = flatten(x);
  const split = splitLeaves(leaves, isArrayLeaf, "debug.announceTransform");
  const prefix = name === undefined ? "" : `(${name}) `;
  const outs = bind(announceP, split.arrays, {
    stack: [],
    // A function of its own, so that no other function's program, compiled before, is taken for this one's.
    announce: (text: string) => announce(text),
    prefix,
    intermediates,
  });
  return unflatten(def, split.fill(outs)) as T;
}
