/**
 * Convolutions that are computed in forms of their own, against the plain one that `precision: "highest"` asks for.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  filterGrad,
  filterJit,
  filterVmap,
  lax,
  type NDArray,
  numpy as np,
  random,
} from "../../mod.ts";

const x = random.normal(random.key(1), [2, 64, 22, 24]);
const w = random.normal(random.key(2), [64, 64, 3, 3]);

function conv(precision: unknown) {
  return (x: NDArray, w: NDArray) => lax.convGeneralDilated(x, w, [1, 1], "SAME", { precision });
}

/** The largest difference, as a share of the largest element. */
function gap(a: NDArray, b: NDArray): number {
  return Number(np.max(np.abs(a.sub(b))).item()) / Number(np.max(np.abs(b)).item());
}

Deno.test("3x3 over many features: the values of precision highest, but for roundings", () => {
  const plain = filterJit(conv("highest"))(x, w);
  for (const precision of [["highest", null], "FLOAT32"]) {
    assertEquals(filterJit(conv(precision))(x, w).tolist(), plain.tolist(), String(precision));
  }
  const fast = filterJit(conv(null))(x, w);
  assert(gap(fast, plain) < 1e-6, `${gap(fast, plain)}`);
  assert(
    gap(fast, plain) > 0,
    "Winograd's algorithm was to be tested here, and rounds differently",
  );
});

Deno.test("3x3 over many features: derivatives, and under a map", () => {
  const loss = (precision: unknown) => (xs: readonly NDArray[]) =>
    np.sum(np.sin(conv(precision)(xs[0]!, xs[1]!).mul(0.05)));
  const gradients = (precision: unknown) =>
    filterJit((x: NDArray, w: NDArray) =>
      filterGrad(loss(precision))([x, w]) as unknown as NDArray[]
    )(x, w);
  const [fast, plain] = [gradients(null), gradients("highest")];
  fast.forEach((g, i) => assert(gap(g, plain[i]!) < 3e-6, `operand ${i}: ${gap(g, plain[i]!)}`));
  const mapped = (precision: unknown) =>
    filterJit(filterVmap((x: NDArray) => conv(precision)(x.reshape([1, 64, 22, 24]), w)))(x);
  assert(gap(mapped(null), mapped("highest")) < 1e-6);
});
