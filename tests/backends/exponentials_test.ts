/**
 * Exponentials of what has had its maximum subtracted: fewer instructions, the same bits; and what only looks like it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { filterJit, lax, type NDArray, nn, numpy as np } from "@vernal/vernal";

const [rows, columns] = [7, 45];

/** Rows that differ by much, with subnormal and vanishing exponentials, infinities and a NaN among them. */
function numbers(): NDArray {
  const x = Float32Array.from({ length: rows * columns }, (_, i) => 400 * Math.sin(i * i) - 200);
  x.set([-Infinity, -103.5, -150, 700, -1e30], 0);
  x.set([NaN, 1], columns);
  x.set([Infinity, 2], 2 * columns);
  x.fill(-Infinity, 3 * columns, 4 * columns);
  return np.array(x).reshape([rows, columns]);
}

async function assertSame(f: (x: NDArray) => NDArray): Promise<void> {
  const x = numbers();
  const [compiled, eager] = await Promise.all([filterJit(f)(x).data(), f(x).data()]);
  assertEquals(compiled, eager);
}

for (const axis of [0, 1]) {
  Deno.test(`exponentials less a maximum along axis ${axis} have the bits of any other`, async () => {
    await assertSame((x) => np.exp(x.sub(np.max(x, { axis, keepdims: true }))));
  });
}

Deno.test("a maximum of something else leaves exponentials as they are", async () => {
  const some = (x: NDArray) => lax.slice(x, [0, 5], [rows, 20]);
  const part = (x: NDArray) => np.max(some(x), { axis: 1, keepdims: true });
  await assertSame((x) => np.exp(x.sub(part(x))));
  await assertSame((x) => np.exp(x.sub(np.max(x.mul(0.5), { axis: 1, keepdims: true }))));
  await assertSame((x) => np.exp(x.mul(2).sub(np.max(x, { axis: 1, keepdims: true }))));
  await assertSame((x) => np.exp(np.flip(x, 0).sub(np.max(x, { axis: 1, keepdims: true }))));
  await assertSame((x) => np.exp(x.sub(np.min(x, { axis: 1, keepdims: true }))));
});

Deno.test("a softmax of rows that are computed sums to one", async () => {
  const x = np.array(Float32Array.from({ length: 315 }, (_, i) => 40 * Math.sin(i))).reshape([
    7,
    45,
  ]);
  const f = filterJit((x: NDArray) => np.sum(nn.softmax(x.mul(3).add(1)), { axis: 1 }));
  for (const sum of await f(x).data()) assertEquals(Math.abs(sum as number - 1) < 1e-6, true);
});
