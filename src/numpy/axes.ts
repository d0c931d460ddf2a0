/**
 * Small tools that many functions here share: boxes along one axis, and arguments checked as they come in.
 *
 * @module
 */
import { ArgumentError, DeviceError, ShapeError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, formatShape } from "../core/aval.ts";
import { isOnHost } from "../core/placement.ts";
import { Tracer } from "../core/trace.ts";
import { broadcastInDim } from "../ops/shape.ts";
import { slice } from "../ops/slicing.ts";

/** The positions `from ≤ i < to` along an axis, every `stride`-th. */
export function sliceAlong(
  x: NDArray,
  axis: number,
  from: number,
  to: number,
  stride = 1,
): NDArray {
  if (from === 0 && to === x.shape[axis] && stride === 1) return x;
  return slice(
    x,
    x.shape.map((_, i) => i === axis ? from : 0),
    x.shape.map((n, i) => i === axis ? Math.max(from, to) : n),
    stride === 1 ? null : x.shape.map((_, i) => i === axis ? stride : 1),
  );
}

/** An axis of size 1 stretched to `size`. */
export function stretchAlong(x: NDArray, axis: number, size: number): NDArray {
  return broadcastInDim(
    x,
    x.shape.map((n, i) => i === axis ? size : n),
    x.shape.map((_, i) => i),
  );
}

/** Says what came, for a message. */
export function describe(x: unknown): string {
  if (x instanceof NDArray) return `an array ${x.dtype}${formatShape(x.shape)}`;
  if (Array.isArray(x)) return "a list";
  if (typeof x === "string") return JSON.stringify(x);
  return typeof x === "object" && x !== null ? "an object" : String(x);
}

/**
 * Checks that options are an object: a bare value would be ignored without a word.
 *
 * @param example What to write instead, for the message.
 */
export function readOptions<T extends object>(
  options: T | null | undefined,
  where: string,
  example: string,
): T {
  if (options === null || options === undefined) return {} as T;
  if (typeof options !== "object" || Array.isArray(options) || options instanceof NDArray) {
    throw new ArgumentError(
      `${where}: options must be an object, such as ${example}; got ${describe(options)}`,
    );
  }
  return options;
}

/** Checks an integer argument. */
export function checkInteger(x: unknown, what: string, where: string, least = -Infinity): number {
  if (typeof x !== "number" || !Number.isInteger(x) || x < least) {
    const kind = least === 0 ? "a non-negative integer" : "an integer";
    throw new ArgumentError(`${where}: ${what} must be ${kind}; got ${describe(x)}`);
  }
  return x;
}

/** Checks the number of axes. */
export function checkRank(x: NDArray, least: number, where: string, what = "x"): void {
  if (x.ndim < least) {
    throw new ShapeError(
      `${where}: ${what} must have at least ${least} ${least === 1 ? "axis" : "axes"}; got shape ${
        formatShape(x.shape)
      }`,
    );
  }
}

/**
 * Checks that values are known, where the size of a result depends on them.
 *
 * @param instead What works under a transformation, and on a device that answers later.
 */
export function checkConcrete(x: NDArray, what: string, where: string, instead: string): void {
  if (x instanceof Tracer) {
    throw new ArgumentError(
      `${where}: ${what} must be concrete, since the size of the result depends on its values; ` +
        `inside of a transformation ${instead}`,
    );
  }
  if (isOnHost(x)) return;
  throw new DeviceError(
    `${where}: ${what} (${
      formatAval(x.aval)
    }) is on ${x.device}, which answers later, and the size of the result ` +
      `depends on its values: ${instead}, or give np.array(await x.data())`,
  );
}
