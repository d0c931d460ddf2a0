/**
 * What the gradients' options do beyond the oracle's cases.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { type NDArray, numpy as np } from "../../mod.ts";

const n = np.array([1, 2], { dtype: "int32" });
const x = np.array([3, 4]);

Deno.test("with allowInt, integers among what is differentiated have the gradient null", () => {
  type Pair = { readonly n: NDArray; readonly x: NDArray };
  const f = ({ n, x }: Pair, y: NDArray) => n.mul(x).mul(y).sum();
  const options = { argnums: [0, 1], allowInt: true };
  const [{ n: gn, x: gx }, gy] = vn.grad(f, options)({ n, x }, x);
  assertEquals([gn, gx.tolist(), gy.tolist()], [null, [3, 8], [3, 8]]);
  const [value, none] = vn.jit(vn.valueAndGrad((n: NDArray) => n.astype("float32").sum(), {
    allowInt: true,
  }))(n);
  assertEquals([value.item(), none], [3, null]);
});

Deno.test("filterGrad takes allowInt, as Equinox hands it on, and does without it", () => {
  const f = ({ n, x }: { n: NDArray; x: NDArray }) => n.mul(x).sum();
  const g = vn.filterGrad(f, { allowInt: true })({ n, x });
  assertEquals([g.n, g.x.tolist()], [null, [1, 2]]);
});
