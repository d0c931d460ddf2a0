/**
 * The negative: a file of its own, since the parts of complex numbers need it and arithmetic needs those.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { elementwiseAval, type NoParams, noParams } from "./common.ts";
import { ctOf, unaryBatch, unaryJvp, unaryLowering } from "./rules.ts";

/** `neg`: `-x`. */
export const negP: Primitive<NoParams> = {
  name: "neg",
  abstractEval: (ins) => elementwiseAval("neg", "number", ins),
  lower: (reads, ins) => unaryLowering("neg", reads, ins),
  onParts: "each",
  batch: (xs, dims) => unaryBatch(negP, xs, dims, noParams),
  jvp: ([x], [t]) => unaryJvp(neg(x), t, neg),
  transpose: ([ct], [x]) => [ctOf(x, ct, neg)],
};

/** `-x`. */
export function neg(x: NDArray): NDArray {
  return bind1(negP, [x], noParams);
}
