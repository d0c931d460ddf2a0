/**
 * `filterScan`: a loop of known length over trees of anything.
 *
 * @module
 */
import { ArgumentError, ShapeError, TreeError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { bindCheckpointed } from "../control/checkpointed.ts";
import { defaultCheckpoints } from "../control/checkpoint_schedule.ts";
import { bindScan } from "../control/scan.ts";
import { rev } from "../ops/slicing.ts";
import { stage } from "../transform/stage.ts";
import {
  avalsOf,
  type BufferPicker,
  type Carry,
  presentCarry,
  readCarry,
  readNext,
} from "./loop_carry.ts";
import { settleWeakTypes, takeArrays, type Template } from "./loop_trees.ts";
import { checkOptions } from "../tree/kwargs.ts";
import { type AsTuples, callableOf } from "../tree/callable.ts";

/** Options of {@linkcode filterScan}. */
export interface FilterScanOptions<C = unknown> {
  /** The number of steps, where `xs` holds no arrays. */
  readonly length?: number | null;
  /** Whether to run from the end; false unless told. */
  readonly reverse?: boolean;
  /** As in `lax.scan`; of no account to a checkpointed scan. */
  readonly unroll?: number | boolean;
  /** `"lax"` (the default) keeps what reverse mode needs of every step, `"checkpointed"` that of `checkpoints` steps; the latter has no forward mode. */
  readonly kind?: "lax" | "checkpointed";
  /** How many steps a checkpointed scan keeps, or `"all"`; about the square root of twice the length unless given. */
  readonly checkpoints?: number | "all" | null;
  /** Which arrays of the carry are buffers; see `WhileLoopOptions`. */
  readonly buffers?: BufferPicker<C> | null;
}

const caller = "filterScan";

function lengthOf(arrays: readonly NDArray[], xs: Template, given: number | null): number {
  let length = given;
  if (length !== null && !(Number.isInteger(length) && length >= 0)) {
    throw new ArgumentError(
      `${caller}: options.length must be an integer that is not negative; got ${length}`,
    );
  }
  arrays.forEach((x, i) => {
    if (x.ndim === 0) {
      throw new ShapeError(`${caller}: ${xs.path(i, "xs")} is 0-d; it needs an axis to scan over`);
    }
    if (length !== null && length !== x.shape[0]) {
      const all = arrays.map((y, k) => `${xs.path(k, "xs")} has ${y.shape[0] ?? "none"}`);
      const option = given === null ? "" : `, options.length is ${given}`;
      throw new ShapeError(`${caller}: inconsistent lengths: ${all.join(", ")}${option}`);
    }
    length = x.shape[0];
  });
  if (length === null) {
    throw new ArgumentError(`${caller}: xs holds no arrays; give options.length`);
  }
  return length;
}

interface TracedScan {
  readonly closed: ClosedJaxpr;
  readonly ys: Template;
}

function traceBody(
  f: (carry: never, x: never) => readonly [unknown, unknown],
  carry: Carry,
  xs: Template,
  slices: readonly ShapedArray[],
): [TracedScan, NDArray[]] {
  const count = carry.arrays.length;
  return settleWeakTypes(carry.arrays, (avals) => {
    let weakened: readonly boolean[] = [];
    let ys: Template | null = null;
    const closed = stage((inputs) => {
      const tag = Symbol("step");
      const values = inputs.slice(0, count);
      const seen = presentCarry(carry, values, undefined, tag) as never;
      const out: unknown = f(seen, xs.fill(inputs.slice(count)) as never);
      if (!Array.isArray(out) || out.length !== 2) {
        const got = Array.isArray(out)
          ? `a list of ${out.length}`
          : out instanceof NDArray
          ? formatAval(out.aval)
          : typeof out;
        throw new TreeError(`${caller}: the body must return a pair [carry, y]; got ${got}`);
      }
      const next = readNext(carry, values, out[0], tag, caller);
      weakened = next.weakened;
      const [outs, template] = takeArrays(out[1], `${caller}: y`);
      ys = template;
      return [...next.arrays, ...outs];
    }, [...avals, ...slices]);
    return { result: { closed, ys: ys! }, weakened: [...weakened] };
  });
}

/**
 * A loop over axis 0 of arrays, that carries a tree along and stacks outputs. As `lax.scan`, over trees of anything: Modules with their functions and numbers may be
 * carried, scanned over and given out. `kind: "checkpointed"` has gradients in the memory of a few steps; written after `equinox.internal.scan`.
 *
 * @param f `(carry, x) => [carry, y]`. Array leaves of `x` are slices, other leaves of `xs` come as they are. Array leaves of `y` are stacked, other leaves are given
 * back as the function gave them when it was traced.
 * @param init The carry before the first step. Leaves that are no arrays, numbers too, are static and must come out as they went in.
 * @param xs A tree whose arrays have one length, or one without arrays and `options.length`.
 * @returns `[carry, ys]`.
 * @throws {TreeError} Where the carry changes its structure; the message shows both. Shapes, dtypes and static leaves are checked too.
 * @throws {ShapeError} Where lengths differ.
 *
 * @example
 * ```ts
 * import { filterScan, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const cell = new nn.Linear(3, 3, { key: random.key(0) });
 * const step = (c: { cell: nn.Linear; h: NDArray }, x: NDArray) => {
 *   const h = np.tanh(c.cell.call(c.h).add(x));
 *   return [{ cell: c.cell, h }, h] as const;
 * };
 * const [last, hs] = filterScan(step, { cell, h: np.zeros([3]) }, np.ones([5, 3]));
 * last.h.shape; // [3]
 * hs.shape; // [5, 3]
 * ```
 */
export function filterScan<C extends AsTuples, X, Y extends AsTuples>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: FilterScanOptions<C> = {},
): [C, Y] {
  const known = ["length", "reverse", "unroll", "kind", "checkpoints", "buffers"];
  checkOptions(caller, options, known);
  const { reverse = false, unroll = 1, kind = "lax", checkpoints = null } = options;
  if (kind !== "lax" && kind !== "checkpointed") {
    throw new ArgumentError(
      `${caller}: unrecognised kind of scan '${kind}'; it is "lax" or "checkpointed"`,
    );
  }
  if (
    checkpoints !== null && checkpoints !== "all" &&
    !(Number.isInteger(checkpoints) && checkpoints >= 1)
  ) {
    throw new ArgumentError(
      `${caller}: options.checkpoints must be "all" or an integer of at least 1; got ${checkpoints}`,
    );
  }
  const carry = readCarry(init, options.buffers ?? null, caller);
  const [arrays, xsTemplate] = takeArrays(xs, `${caller}: xs`);
  const length = lengthOf(arrays, xsTemplate, options.length ?? null);
  const slices = avalsOf(arrays).map((a) => shapedArray(a.shape.slice(1), a.dtype, a.weakType));
  const [{ closed, ys }, started] = traceBody(
    callableOf(f, `${caller}: f`) as never,
    carry,
    xsTemplate,
    slices,
  );
  const numCarry = started.length;
  let results: readonly NDArray[];
  if (kind === "lax" || length === 0) {
    results = bindScan([...started, ...arrays], {
      jaxpr: closed,
      length,
      reverse,
      numConsts: 0,
      numCarry,
      unroll: Number(unroll === true ? length : unroll || 1),
    });
  } else {
    const turned = (x: NDArray) => reverse ? rev(x, [0]) : x;
    const slots = checkpoints === "all" ? length : checkpoints ?? defaultCheckpoints(length);
    results = bindCheckpointed([...started, ...arrays.map(turned)], {
      name: caller,
      condJaxpr: null,
      bodyJaxpr: closed,
      condNconsts: 0,
      bodyNconsts: 0,
      numCarry,
      buffers: carry.isBuffer,
      maxSteps: length,
      checkpoints: Math.min(slots, length),
    }).map((x, i) => i < numCarry ? x : turned(x));
  }
  return [carry.template.fill(results.slice(0, numCarry)), ys.fill(results.slice(numCarry))];
}
