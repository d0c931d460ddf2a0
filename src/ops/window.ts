/**
 * Sliding windows: sizes, paddings, and which element of an operand lies at a place of a window.
 *
 * Along an axis, an operand of `n` elements is dilated (`dilation - 1` gaps between neighbours), padded at both ends (cropped where
 * the padding is negative), and covered by windows `stride` apart, whose elements may be dilated as well. Convolutions and
 * windowed reductions share this.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { binary, type Expr, index as indexConst } from "../loopnest/expr.ts";

/** Padding of one axis: before and after; negative to crop. */
export type Padding = readonly [low: number, high: number];

/** One axis under a window. */
export interface WindowAxis {
  /** Elements of the operand. */
  readonly size: number;
  /** Elements of the window. */
  readonly window: number;
  readonly stride: number;
  readonly padding: Padding;
  /** Distance between the operand's neighbours. */
  readonly baseDilation: number;
  /** Distance between the window's neighbours. */
  readonly windowDilation: number;
}

/** What `n` elements take up with `dilation - 1` gaps between them. */
export function dilatedSize(n: number, dilation: number): number {
  return n === 0 ? 0 : 1 + dilation * (n - 1);
}

/** How many windows there are along an axis. */
export function windowCount(axis: WindowAxis): number {
  const [low, high] = axis.padding;
  const room = dilatedSize(axis.size, axis.baseDilation) + low + high;
  const span = dilatedSize(axis.window, axis.windowDilation);
  return Math.max(0, Math.floor((room - span) / axis.stride) + 1);
}

/** Checks the numbers that describe windows over `rank` axes, each list by its name. */
export function checkWindow(
  name: string,
  rank: number,
  lists: Readonly<Record<string, readonly number[]>>,
  padding: readonly Padding[],
): void {
  for (const [what, list] of Object.entries(lists)) {
    if (list.length !== rank) {
      throw new ShapeError(
        `lax.${name}: ${what} must have one number for each of ${rank} axes; got [${list}]`,
      );
    }
    const least = what === "windowDimensions" ? 0 : 1;
    list.forEach((n, i) => {
      if (!Number.isInteger(n) || n < least) {
        throw new ArgumentError(
          `lax.${name}: ${what}[${i}] must be an integer of at least ${least}; got ${n}`,
        );
      }
    });
  }
  if (padding.length !== rank) {
    throw new ShapeError(
      `lax.${name}: padding must have a pair [low, high] for each of ${rank} axes; got ${
        JSON.stringify(padding)
      }`,
    );
  }
}

/** Checks that cropping leaves something to crop from. */
export function checkCropping(name: string, shape: Shape, axes: readonly WindowAxis[]): void {
  axes.forEach(({ size, baseDilation, padding: [low, high] }, i) => {
    const room = dilatedSize(size, baseDilation) + low + high;
    if (room >= 0) return;
    throw new ShapeError(
      `lax.${name}: padding[${i}] is [${low}, ${high}], which crops more than there is: axis ${i} of ${
        formatShape(shape)
      } has size ${dilatedSize(size, baseDilation)}`,
    );
  });
}

/** How padding may be given: by name, or a pair for each axis. */
export type PaddingSpec = string | readonly Padding[];

/**
 * The pairs that a padding means. `"VALID"` is none; `"SAME"` and `"SAME_LOWER"` give `⌈size / stride⌉` windows, the odd
 * element of padding at the end or at the start.
 *
 * @param windows The window's sizes, dilation included.
 * @throws {ArgumentError} For another name.
 */
export function resolvePadding(
  name: string,
  padding: PaddingSpec,
  sizes: readonly number[],
  windows: readonly number[],
  strides: readonly number[],
): readonly Padding[] {
  if (typeof padding !== "string") {
    const isPair = (p: unknown) =>
      Array.isArray(p) && p.length === 2 && p.every((n) => Number.isInteger(n));
    if (Array.isArray(padding) && padding.every(isPair)) return padding;
    throw new ArgumentError(
      `lax.${name}: padding must be "VALID", "SAME", "SAME_LOWER" or a list of pairs of integers [low, high]; got ${
        JSON.stringify(padding)
      }`,
    );
  }
  const kind = padding.toUpperCase();
  if (kind === "VALID") return sizes.map(() => [0, 0]);
  if (kind !== "SAME" && kind !== "SAME_LOWER") {
    throw new ArgumentError(
      `lax.${name}: padding must be "VALID", "SAME", "SAME_LOWER" or a list of pairs [low, high]; got "${padding}"`,
    );
  }
  return sizes.map((n, i): Padding => {
    const count = Math.ceil(n / strides[i]);
    const total = Math.max(0, (count - 1) * strides[i] + windows[i] - n);
    const less = Math.floor(total / 2);
    return kind === "SAME" ? [less, total - less] : [total - less, less];
  });
}

/** Where a window reads along an axis: an index in bounds, and whether there is an element at all; `null` if there always is. */
export interface Source {
  readonly index: Expr;
  readonly inside: Expr | null;
}

/** The first and the last place that windows reach, counted from the first element, gaps included. */
function reach(axis: WindowAxis): readonly [first: number, last: number] {
  const { window, stride, padding: [low], windowDilation } = axis;
  return [-low, (windowCount(axis) - 1) * stride + (window - 1) * windowDilation - low];
}

/** Whether a place of some window may hold no element. */
export function reachesOutside(axis: WindowAxis): boolean {
  const [first, last] = reach(axis);
  return first < 0 || last > (axis.size - 1) * axis.baseDilation || axis.baseDilation > 1;
}

/** What lies at place `r` of window `o` along an axis of at least one element. */
export function sourceAt(axis: WindowAxis, o: Expr, r: Expr): Source {
  const { size, stride, padding: [low], baseDilation, windowDilation } = axis;
  const start = binary("mul", o, indexConst(stride));
  const place = binary("add", start, binary("mul", r, indexConst(windowDilation)));
  const from = binary("sub", place, indexConst(low));
  const last = (size - 1) * baseDilation;
  const [lowest, highest] = reach(axis);
  const conditions: Expr[] = [];
  let kept = from;
  if (lowest < 0) {
    conditions.push(binary("ge", from, indexConst(0)));
    kept = binary("max", kept, indexConst(0));
  }
  if (highest > last) {
    conditions.push(binary("le", from, indexConst(last)));
    kept = binary("min", kept, indexConst(last));
  }
  if (baseDilation > 1) {
    conditions.push(binary("eq", binary("rem", kept, indexConst(baseDilation)), indexConst(0)));
    kept = binary("div", kept, indexConst(baseDilation));
  }
  const inside = conditions.length === 0 ? null : conditions.reduce((a, b) => binary("and", a, b));
  return { index: kept, inside };
}

/** Both conditions, either of which may be none. */
export function both(a: Expr | null, b: Expr | null): Expr | null {
  return a === null ? b : b === null ? a : binary("and", a, b);
}

/** The padding with which windows over the results' cotangents, dilated by the strides, give the operand's back. */
export function backwardPadding(axis: WindowAxis): Padding {
  const [low] = axis.padding;
  const span = dilatedSize(axis.window, axis.windowDilation);
  const before = span - low - 1;
  const covered = dilatedSize(windowCount(axis), axis.stride);
  return [before, dilatedSize(axis.size, axis.baseDilation) + span - 1 - covered - before];
}
