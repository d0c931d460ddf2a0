/**
 * What layers share that normalise an example of their own shape.
 *
 * @module
 */
import { ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape, type Shape, shapesEqual } from "../../core/aval.ts";
import { add, multiply } from "../../numpy/ufuncs.ts";
import { convertElementType } from "../../ops/convert.ts";
import { checkArray, wideDType } from "./common.ts";

/** What such a layer has. */
interface NormalisingLayer {
  readonly shape: Shape;
  readonly weight: NDArray | null;
  readonly bias: NDArray | null;
}

/**
 * One example, normalised in at least float32, then scaled and shifted by the layer's parameters.
 *
 * @param name The layer's, for messages.
 * @param normalise Statistics and scaling, of the example in the wide dtype.
 * @throws {ShapeError} Where the example has another shape than the layer.
 */
export function normaliseExample(
  x: NDArray,
  layer: NormalisingLayer,
  name: string,
  normalise: (wide: NDArray) => NDArray,
): NDArray {
  checkArray(x, `${name}: x`);
  if (!shapesEqual(x.shape, layer.shape)) {
    throw new ShapeError(
      `${name}: expected one example of shape ${formatShape(layer.shape)}; got ${
        formatShape(x.shape)
      }. For a batch, map the layer: filterVmap((row) => norm.call(row))(x)`,
    );
  }
  const dtype = wideDType(x.dtype);
  let out = normalise(convertElementType(x, dtype));
  if (layer.weight !== null) out = multiply(convertElementType(layer.weight, dtype), out);
  if (layer.bias !== null) out = add(out, convertElementType(layer.bias, dtype));
  return convertElementType(out, x.dtype);
}
