/**
 * The carry of a loop: a tree of arrays, buffers and static leaves, and the function that takes it a step further, traced.
 *
 * @module
 */
import { ArgumentError, DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray } from "../core/aval.ts";
import { selectIfVmap } from "../control/lockstep.ts";
import { asArray } from "../numpy/promote.ts";
import { convertElementType } from "../ops/convert.ts";
import { literal } from "../ops/common.ts";
import { bufferPlaces, LoopBuffer, registerBuffers } from "./loop_buffer.ts";
import { compareTrees, takeArrays, type Template } from "./loop_trees.ts";

/** Which arrays of a carry are buffers: a function from a tree like the carry to a node of it, or a list of nodes. */
// deno-lint-ignore no-explicit-any -- a tree like the carry, with marks in place of its leaves
export type BufferPicker<C = any> = (carry: C) => unknown;

/** A loop's carry before the first step. */
export interface Carry {
  readonly arrays: readonly NDArray[];
  readonly template: Template;
  readonly isBuffer: readonly boolean[];
}

/** Reads the carry before the first step. */
export function readCarry(init: unknown, buffers: BufferPicker | null, caller: string): Carry {
  registerBuffers();
  const [arrays, template] = takeArrays(init, `${caller}: init`);
  const places = bufferPlaces(buffers, template.def, caller);
  for (const place of places) {
    if (template.places.includes(place)) continue;
    throw new ArgumentError(
      `${caller}: options.buffers must return arrays of the carry; got a leaf that is none`,
    );
  }
  return { arrays, template, isBuffer: template.places.map((place) => places.has(place)) };
}

/** The carry as a user's function sees it: `alive` tells whether the present example has not ended. */
export function presentCarry(
  { template, isBuffer }: Carry,
  values: readonly NDArray[],
  alive: NDArray = literal(true, "bool"),
  tag: symbol | null = null,
): unknown {
  return template.fill(
    values.map((x, i) => isBuffer[i] ? new LoopBuffer(x, alive, tag) : x),
  );
}

/** The carry after a step, checked to be like the one before. */
export interface NextCarry {
  readonly arrays: readonly NDArray[];
  /** Which arrays went in with a weak type and came out without. */
  readonly weakened: readonly boolean[];
}

/** Reads what a user's function gave for the carry `values`; `tag` is that of its buffers. */
export function readNext(
  carry: Carry,
  values: readonly NDArray[],
  result: unknown,
  tag: symbol,
  caller: string,
): NextCarry {
  const buffers = new Set<NDArray>();
  const [outs, after] = takeArrays(result, `${caller}: the carry`, {
    isLeaf: (node) => node instanceof LoopBuffer && node.tag === tag,
    read: (node) => {
      const array = (node as LoopBuffer).array as NDArray;
      buffers.add(array);
      return array;
    },
  });
  const weakened = compareTrees([carry.template, values], [after, outs], {
    caller,
    rule: "the body must give a carry like the one it takes",
    root: "carry",
    before: "going in",
    after: "coming out",
  });
  const arrays = outs.map((x, i) => {
    if (carry.isBuffer[i] !== buffers.has(x)) {
      const path = carry.template.path(i, "carry");
      throw new ArgumentError(
        carry.isBuffer[i]
          ? `${caller}: ${path} is a buffer, so that the body must give back the buffer that it took, or one that .at(...).set(...) made of it; got ${
            formatAval(x.aval)
          }`
          : `${caller}: the body gave a buffer for ${path}, which is none; read it by .get(...)`,
      );
    }
    const { dtype, weakType } = values[i].aval;
    // Weaker than what went in: it goes on as that.
    return x.aval.weakType && !weakType ? convertElementType(x, dtype) : x;
  });
  return { arrays, weakened };
}

/** Examples that have ended keep their carry; buffers see to it themselves. */
export function freezeEnded(
  { isBuffer }: Carry,
  alive: NDArray,
  before: readonly NDArray[],
  after: readonly NDArray[],
): NDArray[] {
  return after.map((x, i) => isBuffer[i] ? x : selectIfVmap(alive, x, before[i]));
}

/** What a condition gave, as a 0-d bool. */
export function readCondition(value: unknown, caller: string): NDArray {
  const out = asArray(value as NDArray | boolean, `${caller}: the condition`);
  if (out.dtype !== "bool" || out.ndim !== 0) {
    throw new DTypeError(
      `${caller}: the condition must give a 0-d bool; got ${formatAval(out.aval)}`,
    );
  }
  return out;
}

/** Types of arrays. */
export function avalsOf(arrays: readonly NDArray[]): ShapedArray[] {
  return arrays.map((x) => x.aval);
}
