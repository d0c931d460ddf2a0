/**
 * Custom derivative rules that close over arrays, inside of loops and branches.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "@vernal/vernal";
const { lax, numpy: np } = vn;

type Fn = (x: vn.NDArray) => vn.NDArray;

const scale = np.array([1, 10, 100]);

// The rules give twice the true derivative, which tells that they, and not the function, were used.
const byJvp = vn.filterCustomJvp((x: vn.NDArray) => x.mul(scale));
byJvp.defJvp(([x], [t]) => [byJvp(x), (t as vn.NDArray).mul(scale).mul(np.array([2, 2, 2]))]);

const byVjp = vn.filterCustomVjp((x: vn.NDArray) => x.mul(scale));
byVjp.defFwd((_perturbed, x) => [byVjp(x), np.array([2, 2, 2])]);
byVjp.defBwd((residual, g) => (g as vn.NDArray).mul(scale).mul(residual as vn.NDArray));

const x = np.array([1, 2, 3]);
const rows = np.stack([x, x]);
const twice = [4, 400, 40000];
const once = [2, 20, 200];

for (const [name, f] of [["a jvp rule", byJvp as Fn], ["a vjp rule", byVjp as Fn]] as const) {
  const looped = (x: vn.NDArray) =>
    lax.scan((c: vn.NDArray, _x: null) => [f(c), null] as const, x, null, { length: 2 })[0].sum();
  const branched = (x: vn.NDArray) =>
    lax.cond(x.sum().greater(0), f, (x: vn.NDArray) => x, x).sum();
  for (
    const [place, fn, expected] of [["scan", looped, twice], ["cond", branched, once]] as const
  ) {
    Deno.test(`${name} that closes over arrays, in ${place}`, () => {
      const grad = vn.grad(fn);
      assertEquals(grad(x).tolist(), expected);
      assertEquals(vn.jit(grad)(x).tolist(), expected);
      assertEquals(vn.vmap(grad)(rows).tolist(), [expected, expected]);
      const total = (rows: vn.NDArray) => vn.vmap(fn)(rows).sum();
      assertEquals(vn.grad(total)(rows).tolist(), [expected, expected]);
      assertEquals(vn.jit(vn.grad(total))(rows).tolist(), [expected, expected]);
    });
  }
}

Deno.test("a jvp rule that closes over arrays, in whileLoop", () => {
  const fn = (x: vn.NDArray) =>
    lax.whileLoop(
      ([i]: vn.NDArray[]) => i.less(2),
      ([i, c]: vn.NDArray[]) => [i.add(1), byJvp(c) as vn.NDArray],
      [np.array(0, { dtype: "int32" }), x],
    )[1];
  const tangentOf = (x: vn.NDArray) => vn.jvp(fn, [x], [np.onesLike(x)])[1];
  assertEquals(tangentOf(x).tolist(), twice);
  assertEquals(vn.jit(tangentOf)(x).tolist(), twice);
});
