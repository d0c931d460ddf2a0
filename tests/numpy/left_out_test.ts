/**
 * Derivatives beside elements that are infinite or no number: what does not depend on them does not become NaN.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { grad, jvp, lax, type NDArray, numpy as np } from "../../mod.ts";

const inf = Infinity;
const gradOf = (f: (x: NDArray) => NDArray, x: number[]) =>
  (grad((x: NDArray) => f(x).sum()) as (x: NDArray) => NDArray)(np.array(x)).tolist();

/** The tangents of running results where each element moves by its place, from 1. */
const moved = (f: (x: NDArray) => NDArray, x: number[]) =>
  jvp(f, [np.array(x)], [np.arange(1, x.length + 1).astype("float32")])[1].tolist();

Deno.test("variances of what is not NaN, and of what is chosen, have gradients there", () => {
  const x = [NaN, 1, 3];
  assertEquals(gradOf((x) => np.nanvar(x), x), [0, -1, 1]);
  assertEquals(gradOf((x) => np.nanstd(x), x), [0, -0.5, 0.5]);
  const where = np.array([false, true, true]);
  assertEquals(gradOf((x) => np.variance(x, { where }), x), [0, -1, 1]);
  assertEquals(gradOf((x) => np.std(x, { where }), [inf, 1, 3]), [0, -0.5, 0.5]);
  assertEquals(
    gradOf((x) => np.nanvar(x.reshape([2, 2]), { axis: 1 }).at(0).get(), [1, 3, NaN, NaN]),
    [
      -1,
      1,
      0,
      0,
    ],
  );
});

Deno.test("running extremes begin with their first element, infinite or not", () => {
  for (const first of [-inf, inf]) {
    assertEquals((moved((x) => lax.cummax(x), [first, 2, 3]) as number[])[0], 1);
    assertEquals((moved((x) => lax.cummin(x), [first, 2, 3]) as number[])[0], 1);
  }
  assertEquals(moved((x) => lax.cummax(x), [-inf, 2, 1]), [1, 2, 2]);
  assertEquals(moved((x) => lax.cummin(x, { reverse: true }), [3, 4, inf]), [1, 2, 3]);
  assertEquals(moved((x) => lax.cummax(x), [1, NaN, 5]), [1, 2, 2]);
});

Deno.test("running products have derivatives before the first infinity", () => {
  assertEquals(moved((x) => lax.cumprod(x), [2, 3, inf]).slice(0, 2), [1, 7]);
  assertEquals(gradOf((x) => lax.cumprod(x).sum(), [2, 3, 0]), [4, 2, 6]);
});

Deno.test("running sums of exponentials take infinities as numbers", () => {
  const run = (x: NDArray) => lax.cumlogsumexp(x);
  assertEquals(run(np.array([-inf, -inf, 0])).tolist(), [-inf, -inf, 0]);
  assertEquals(run(np.array([0, inf, inf, -inf])).tolist(), [0, inf, inf, inf]);
  assertEquals(moved(run, [-inf, 0, -inf]), [1, 2, 2]);
  assertEquals(gradOf((x) => run(x).at(2).get(), [-inf, 0, -inf]), [0, 1, 0]);
  // At equal numbers, too, the second derivative is the logistic function's.
  const curve = (x: NDArray) => grad((x: NDArray) => run(x).at(1).get())(x).at(0).get();
  assertEquals(gradOf(curve, [0, 0]), [0.25, -0.25]);
});

Deno.test("of equal ones the second has the gradient of fmax and fmin, and what is no number has none", () => {
  for (const f of [np.fmax, np.fmin]) {
    const x = np.array([1, NaN, 2]);
    const y = np.array([1, 3, NaN]);
    assertEquals(f(x, y).tolist(), [1, 3, 2]);
    assertEquals(gradOf((x) => f(x, y), [1, NaN, 2]), [0, 0, 1]);
    assertEquals(gradOf((y) => f(x, y), [1, 3, NaN]), [1, 1, 0]);
    assertEquals(f(2, np.array([1, 2, 3])).dtype, "float32");
  }
  assertEquals(np.fmax(np.array([NaN, NaN]), 0).tolist(), [0, 0]);
});
