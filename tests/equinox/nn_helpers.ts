/**
 * What the tests that follow Equinox's `test_nn.py` share.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random } = vn;

/** A source of keys, each new, the same in every run: Equinox's `getkey` fixture. */
export function keys(seed = 0): () => vn.NDArray {
  let key = random.key(seed);
  return () => {
    const [next, own] = random.split(key) as unknown as [vn.NDArray, vn.NDArray];
    key = next;
    return own;
  };
}

/** Whether arrays have equal shapes and close elements. */
export function close(
  x: vn.NDArray,
  y: vn.NDArray | vn.NestedList,
  options: { rtol?: number; atol?: number } = {},
): boolean {
  const other = y instanceof vn.NDArray ? y : np.array(y as number[]);
  const { rtol = 1e-5, atol = 1e-8 } = options;
  return String(x.shape) === String(other.shape) &&
    np.allclose(x, other, { rtol, atol }).item() === 1;
}

/** Asserts that arrays have equal shapes and close elements. */
export function assertClose(
  x: vn.NDArray,
  y: vn.NDArray | vn.NestedList,
  options: { rtol?: number; atol?: number } = {},
): void {
  assert(
    close(x, y, options),
    `expected ${y instanceof vn.NDArray ? JSON.stringify(y.tolist()) : JSON.stringify(y)}; got ${
      JSON.stringify(x.tolist())
    }`,
  );
}

/** `[0, 1, ..., n - 1]` as float32, plus `from`, of a shape. */
export function counted(shape: readonly number[], from = 0): vn.NDArray {
  const n = shape.reduce((a, b) => a * b, 1);
  return np.arange(from, from + n, 1, { dtype: "float32" }).reshape(shape);
}

/** A layer with state over a batch: axis 0 is mapped under a name, the state is shared. */
export function overBatch(
  layer: { call(x: vn.NDArray, options: vn.nn.StatefulCallOptions): [vn.NDArray, vn.nn.State] },
  axisName = "batch",
  xAxis = 0,
): (x: vn.NDArray, state: vn.nn.State) => [vn.NDArray, vn.nn.State] {
  return vn.filterVmap(
    (x: vn.NDArray, state: vn.nn.State) => layer.call(x, { state }),
    { axisName, inAxes: [xAxis, null], outAxes: [xAxis, null] },
  );
}
