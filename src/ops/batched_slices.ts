/**
 * Dynamic slices whose starts differ from example to example: gathers and scatters of whole boxes.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { bind1 } from "../core/trace.ts";
import { lit } from "./common.ts";
import { convertElementType } from "./convert.ts";
import { gatherP, scatterP } from "./gather.ts";
import { batchToFront, broadcastInDim } from "./shape.ts";

/** One index vector per example, from 0-d starts of which some are mapped. */
function startVectors(
  starts: readonly NDArray[],
  dims: readonly (number | null)[],
  size: number,
): NDArray {
  // Summing one-hot columns would cost arithmetic; a scatter of each column into zeros costs a copy. Starts are few.
  let vectors = broadcastInDim(lit(starts[0], 0), [size, starts.length], []);
  starts.forEach((start, k) => {
    const column = convertElementType(batchToFront(start, dims[k], size), starts[0].dtype);
    vectors = bind1(scatterP, [
      vectors,
      broadcastInDim(lit({ dtype: "int32" } as NDArray, k), [1], []),
      column,
    ], {
      dimensionNumbers: {
        updateWindowDims: [0],
        insertedWindowDims: [1],
        scatterDimsToOperandDims: [1],
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      },
      mode: "promise_in_bounds",
      uniqueIndices: true,
    });
  });
  return vectors;
}

/** A `dynamic_slice` whose starts are mapped, as a gather; the mapped axis comes first. */
export function gatherBatchedSlice(
  x: NDArray,
  dx: number | null,
  starts: readonly NDArray[],
  ds: readonly (number | null)[],
  sliceSizes: Shape,
  size: number,
): NDArray {
  const axes = sliceSizes.map((_, i) => i);
  const [outs] = gatherP.batch!(
    [x, startVectors(starts, ds, size)],
    [dx, 0],
    {
      dimensionNumbers: {
        offsetDims: axes,
        collapsedSliceDims: [],
        startIndexMap: axes,
        operandBatchingDims: [],
        startIndicesBatchingDims: [],
      },
      sliceSizes,
      mode: "clip",
      fillValue: null,
      uniqueIndices: true,
    },
    size,
    null,
  );
  return outs[0];
}

/** A `dynamic_update_slice` whose starts are mapped, as a scatter; the mapped axis comes first. */
export function scatterBatchedSlice(
  x: NDArray,
  dx: number | null,
  update: NDArray,
  du: number | null,
  starts: readonly NDArray[],
  ds: readonly (number | null)[],
  size: number,
): NDArray {
  const axes = Array.from({ length: starts.length }, (_, i) => i);
  const [outs] = scatterP.batch!(
    [x, startVectors(starts, ds, size), update],
    [dx, 0, du],
    {
      dimensionNumbers: {
        updateWindowDims: axes,
        insertedWindowDims: [],
        scatterDimsToOperandDims: axes,
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      },
      mode: "clip",
      uniqueIndices: true,
    },
    size,
    null,
  );
  return outs[0];
}
