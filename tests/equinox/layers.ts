/**
 * Layers for the tests that follow Equinox's: small Modules with fixed weights.
 *
 * @module
 */
import * as vn from "../../mod.ts";

const np = vn.numpy;

/** A matrix and an offset; the weights follow from `seed`. */
export class Linear extends vn.Module {
  static fields = {
    inFeatures: vn.field({ static: true }),
    outFeatures: vn.field({ static: true }),
  };
  weight: vn.NDArray;
  bias: vn.NDArray;
  inFeatures: number;
  outFeatures: number;
  constructor(inFeatures: number, outFeatures: number, seed = 0) {
    super();
    const values = Array.from({ length: inFeatures * outFeatures }, (_, i) => Math.sin(i + seed));
    this.weight = np.array(values).reshape(outFeatures, inFeatures);
    this.bias = np.array(Array.from({ length: outFeatures }, (_, i) => Math.cos(i + seed)));
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
  }
  call(x: vn.NDArray): vn.NDArray {
    return this.weight.matmul(x).add(this.bias);
  }
}

/** Linear layers with a function between them; functions and numbers are leaves too. */
export class MLP extends vn.Module {
  static fields = { depth: vn.field({ static: true }) };
  layers: { call(x: vn.NDArray): vn.NDArray }[];
  activation: (x: vn.NDArray) => vn.NDArray;
  depth: number;
  constructor(size: number, depth: number, seed = 0) {
    super();
    this.layers = Array.from({ length: depth + 1 }, (_, i) => new Linear(size, size, seed + i));
    this.activation = np.abs;
    this.depth = depth;
  }
  call(x: vn.NDArray): vn.NDArray {
    const last = this.layers.length - 1;
    this.layers.forEach((layer, i) => {
      x = layer.call(x);
      if (i < last) x = this.activation(x);
    });
    return x;
  }
}

/** Whether all elements are the same; of the same shape and dtype. */
export function same(x: unknown, y: unknown): boolean {
  const equal = vn.treeEqual(x, y);
  return equal === true || (equal !== false && equal.item() === 1);
}
