/**
 * What convolutions and pools share: arguments for each spatial axis.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { checkArray } from "./common.ts";

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

/** Padding before and after a spatial axis. */
export type PaddingPair = readonly [before: number, after: number];

/** Padding: one number for all ends; one for both ends of each axis; or a pair for each axis. */
export type ExplicitPadding = PerAxis | readonly PaddingPair[];

/** One entry for each spatial axis. */
export function perAxis(
  value: PerAxis,
  axes: number,
  least: number,
  where: string,
): readonly number[] {
  const list = typeof value === "number" ? Array<number>(axes).fill(value) : value;
  const isList = Array.isArray(list) && list.length === axes &&
    list.every((n) => Number.isInteger(n) && n >= least);
  if (isList) return [...list];
  throw new ArgumentError(
    `${where} must be an integer of at least ${least}, or a list of ${axes} of them; got ${
      JSON.stringify(value)
    }`,
  );
}

/** A pair for each spatial axis. */
export function paddingPairs(
  padding: ExplicitPadding,
  axes: number,
  where: string,
): readonly PaddingPair[] {
  const list: readonly unknown[] = Array.isArray(padding)
    ? padding
    : Array<unknown>(axes).fill(padding);
  const pairs = list.map((p) => typeof p === "number" ? [p, p] : p);
  const isPair = (p: unknown): p is PaddingPair =>
    Array.isArray(p) && p.length === 2 && p.every(Number.isInteger);
  if (pairs.length === axes && pairs.every(isPair)) return pairs;
  throw new ArgumentError(
    `${where} must be an integer, or a list of ${axes} integers or pairs [before, after]; got ${
      JSON.stringify(padding)
    }`,
  );
}

/** Checks that an input is one example, of channels and spatial axes. */
export function checkExample(x: NDArray, axes: number, where: string): void {
  checkArray(x, `${where}: x`);
  if (x.ndim === axes + 1) return;
  throw new ShapeError(
    `${where}: expected one example of ${axes + 1} axes, [channels, ${
      Array.from({ length: axes }, (_, i) => `size${i + 1}`).join(", ")
    }]; got shape ${
      formatShape(x.shape)
    }. For a batch, map the layer: filterVmap((image) => layer.call(image))(x)`,
  );
}
