/**
 * Eigenvalues and singular values alone: programs that compute no vectors, unless derivatives need them.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const square = np.array([[4, 1, 0], [1, 3, 1], [0, 1, 1]]);
const tall = np.array([[3, 1], [1, 2], [0, 1]]);
const cases: readonly (readonly [string, vn.NDArray, (x: vn.NDArray) => vn.NDArray])[] = [
  ["eigvalsh", square, (x) => np.linalg.eigvalsh(x)],
  ["svdvals", tall, (x) => np.linalg.svdvals(x)],
  ["svdvals, wide", np.matrixTranspose(tall), (x) => np.linalg.svdvals(x)],
  ["svd with computeUv: false", tall, (x) => np.linalg.svd(x, { computeUv: false })],
  ["svd with computeUv: false, in bfloat16", tall.astype("bfloat16"), (x) => {
    return np.linalg.svd(x, { computeUv: false });
  }],
];

for (const [name, x, values] of cases) {
  const wanted = /compute_(?:vectors|uv)=True/;
  const alone = /compute_(?:vectors|uv)=False/;

  Deno.test(`${name}: no vectors are computed, except for derivatives`, () => {
    const text = String(vn.makeJaxpr(values)(x));
    assert(alone.test(text) && !wanted.test(text), text);
    const total = (a: vn.NDArray) => np.sum(values(a));
    const derivative = String(vn.makeJaxpr((a: vn.NDArray) => vn.filterGrad(total)(a))(x));
    assert(wanted.test(derivative) && !alone.test(derivative), derivative);
  });

  Deno.test(`${name}: the same values alone, compiled, in a batch, and beside a derivative`, () => {
    const plain = values(x);
    assertEquals(vn.filterJit(values)(x).tolist(), plain.tolist());
    const batch = vn.filterVmap(values)(np.stack([x, np.add(x, x)]));
    const [first, second] = batch.tolist() as number[][];
    const tolerance = x.dtype === "bfloat16" ? 0.05 : 1e-5;
    (plain.tolist() as number[]).forEach((value, i) => {
      assertAlmostEquals(first[i], value, tolerance);
      assertAlmostEquals(second[i], 2 * value, 2 * tolerance);
    });
    // The values are homogeneous: their derivative along x is themselves.
    const [at, along] = vn.filterJvp(values, [x], [x]);
    (plain.tolist() as number[]).forEach((value, i) => {
      assertAlmostEquals((at.tolist() as number[])[i], value, tolerance);
      assertAlmostEquals((along.tolist() as number[])[i], value, 2 * tolerance);
    });
  });
}
