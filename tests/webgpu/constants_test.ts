/**
 * Arithmetic with constants that drivers reason about, though infinities and NaN make them wrong.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { deviceTest } from "./adapter.ts";

const { numpy: np } = vn;
type NDArray = vn.NDArray;

const values = [0, -0, 1, -1, 0.5, 3e38, Infinity, -Infinity, NaN];

const operations: Record<string, (x: NDArray, constant: number) => NDArray> = {
  "x + c": (x, c) => x.add(c),
  "x - c": (x, c) => x.sub(c),
  "c - x": (x, c) => np.subtract(c, x),
  "x · c": (x, c) => x.mul(c),
  "x / c": (x, c) => x.div(c),
  "c / x": (x, c) => np.divide(c, x),
  "x < c": (x, c) => np.less(x, c),
  "x = c": (x, c) => np.equal(x, c),
  "x ≠ c": (x, c) => np.notEqual(x, c),
  "the larger": (x, c) => np.maximum(x, c),
  "the smaller": (x, c) => np.minimum(x, c),
};

for (const [name, operation] of Object.entries(operations)) {
  deviceTest(`${name}: special constants compute as on the processor`, async () => {
    const [gpu] = await vn.init("webgpu");
    const here = np.array(values);
    const there = vn.devicePut(here, gpu);
    const found = await Promise.all(values.flatMap((c) => {
      const f = (x: NDArray) => operation(x, c);
      return [f(there), vn.filterJit(f)(there)].map((y) => y.data());
    }));
    const expected = values.flatMap((c) => Array(2).fill(operation(here, c).dataSync()));
    assertEquals(found, expected);
  });
}
