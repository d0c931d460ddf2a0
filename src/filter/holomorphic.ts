/**
 * What of complex numbers gradients and jacobians take: by default real outputs (and for forward mode real inputs), with
 * `holomorphic` complex ones throughout.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { isComplex, isInexact } from "../core/dtype.ts";

/** An option of gradients and jacobians. */
export interface HolomorphicOptions {
  /**
   * Whether the function is complex-differentiable from complex inputs to complex outputs, and its complex derivative is wanted. Without it
   * the gradient of a real output by `z = x + iy` is `df/dx - i df/dy`.
   */
  readonly holomorphic?: boolean;
}

/** Checks the inputs that are differentiated. */
export function checkInputs(
  name: string,
  xs: readonly NDArray[],
  holomorphic: boolean,
  mode: "forward" | "reverse",
): void {
  for (const { dtype } of xs) {
    if (holomorphic && !isComplex(dtype)) {
      throw new DTypeError(
        `${name}: with holomorphic, differentiated inputs must be complex; got ${dtype}. Leave the option out for real inputs`,
      );
    }
    if (!holomorphic && mode === "forward" && isComplex(dtype)) {
      throw new DTypeError(
        `${name}: forward mode needs real-valued inputs; got ${dtype}. For a holomorphic function pass { holomorphic: true }`,
      );
    }
  }
}

/** Checks an output that is differentiated. */
export function checkOutput(name: string, { dtype }: NDArray, holomorphic: boolean): void {
  if (holomorphic && !isComplex(dtype)) {
    throw new DTypeError(
      `${name}: with holomorphic, outputs must be complex; got ${dtype}`,
    );
  }
  if (!holomorphic && isComplex(dtype)) {
    throw new DTypeError(
      `${name}: needs a real-valued output; got ${dtype}. Take numpy.real or numpy.abs of it, or pass { holomorphic: true } for ` +
        "a holomorphic function",
    );
  }
  if (!isInexact(dtype)) {
    throw new DTypeError(
      `${name}: gradients need a real-valued output, of a floating dtype; got ${dtype}`,
    );
  }
}
