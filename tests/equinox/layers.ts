/**
 * What the tests that follow Equinox's share: its layers, by seed, and comparison.
 *
 * @module
 */
import * as vn from "../../mod.ts";

/** The library's linear layer; the weights follow from `seed`. */
export class Linear extends vn.nn.Linear {
  constructor(inFeatures: number, outFeatures: number, seed = 0) {
    super(inFeatures, outFeatures, { key: vn.random.key(seed) });
  }
}

/** The library's perceptron, all sizes equal; the weights follow from `seed`. */
export class MLP extends vn.nn.MLP {
  constructor(size: number, depth: number, seed = 0) {
    super(size, size, size, depth, { key: vn.random.key(seed) });
  }
}

/** Whether all leaves are the same; arrays of the same shape, dtype and elements. */
export function same(x: unknown, y: unknown): boolean {
  const equal = vn.treeEqual(x, y);
  return equal === true || (equal !== false && equal.item() === 1);
}
