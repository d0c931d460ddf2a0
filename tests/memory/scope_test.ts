/**
 * `scope` together with transformations.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as vn from "@vernal/vernal";
const { numpy: np, scope } = vn;

Deno.test("a scope inside of a transformed function frees nothing that the transformation needs", () => {
  const x = np.array([1, 2, 3]);
  const f = (x: vn.NDArray) => scope(() => np.sin(x.mul(2)).sum());
  const expected = [1, 2, 3].map((v) => 2 * Math.cos(2 * v));
  for (const grad of [vn.grad(f), vn.jit(vn.grad(f)), vn.jacfwd(f)]) {
    (grad(x).tolist() as number[]).forEach((g, i) => assertAlmostEquals(g, expected[i], 1e-5));
  }
  const g = (v: vn.NDArray) => scope(() => v.mul(2).add(1));
  assertEquals(vn.vmap(g)(x).tolist(), [3, 5, 7]);
  assertEquals(vn.jit(vn.vmap(g))(x).tolist(), [3, 5, 7]);
});

Deno.test("the scope outside frees what a scope inside of a transformed function left", () => {
  const x = np.array([1, 2, 3]);
  const live = vn.memory().liveBuffers;
  const gradient = scope(() => vn.grad((x: vn.NDArray) => scope(() => np.sin(x).sum()))(x));
  assertAlmostEquals((gradient.tolist() as number[])[0], Math.cos(1), 1e-6);
  assertEquals(vn.memory().liveBuffers - live <= 1, true);
});

Deno.test("random numbers leave no temporaries, and can be drawn under any transformation", () => {
  const key = vn.random.key(0);
  const live = vn.memory().liveBuffers;
  const drawn = vn.random.normal(key, [64]);
  assertEquals(vn.memory().liveBuffers - live <= 2, true);
  const mapped = vn.vmap((k: vn.NDArray) => vn.random.normal(k, [64]))(np.stack([key, key]));
  assertEquals(mapped.get(1).tolist(), drawn.tolist());
  const shifted = vn.grad((s: vn.NDArray) => vn.random.normal(key, [64]).mul(s).sum())(np.array(2));
  assertAlmostEquals(shifted.item() as number, drawn.sum().item() as number, 1e-4);
});
