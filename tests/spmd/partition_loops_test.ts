/**
 * Sums that loops carry, or give in each turn: they are added up once, after the loop.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random, lax, P } = vn;
await vn.init("cpu", { devices: 4 });

type X = vn.NDArray;
const mesh = vn.makeMesh([4], ["data"]);
const put = (x: X, ...spec: vn.SpecEntry[]): X =>
  vn.devicePut(x, new vn.NamedSharding(mesh, P(...spec)));
let seed = 0;
const normal = (...shape: number[]): X => random.normal(random.key(seed++), shape).mul(0.3);

/** Compares with one device; gives the collectives, with how often each runs. */
function collectivesOf(f: (...args: X[]) => unknown, args: X[], split: X[]): string[] {
  const jitted = vn.filterJit(f);
  const [ours, whole] = [jitted(...split), f(...args)].map((t) => vn.tree.leaves(t) as X[]);
  whole.forEach((x, i) =>
    assert(np.allclose(ours[i], x, { rtol: 1e-4, atol: 1e-5 }).item(), `${ours[i]} is not ${x}`)
  );
  return jitted.lower(...split).partitioned().collectives.map(({ kind, shape, times }) =>
    `${kind}[${shape}] ${times}×`
  );
}

const scan = (f: (carry: X, x: X) => readonly [X, X | null], init: X, xs: X) =>
  lax.scan(f, init, xs) as [X, X];

Deno.test("a recurrent network in data parallel: one psum for its gradient, none in the loop", () => {
  const [w, x] = [normal(8, 8), normal(6, 8, 8)];
  const loss = (w: X, x: X) => {
    const start = np.zeros([8, 8]);
    return np.sum(scan((h, x) => [np.tanh(h.matmul(w).add(x)), null], start, x)[0].pow(2));
  };
  const found = collectivesOf(vn.filterGrad(loss), [w, x], [put(w), put(x, null, "data")]);
  assertEquals(found, ["psum[8,8] 1×"]);
});

Deno.test("a sum that is carried begins with what it began with, and is one psum", () => {
  const [start, x] = [normal(4), normal(5, 8, 4)];
  const f = (start: X, x: X) =>
    scan((s, x) => [s.add(x.sum(0)).add(x.pow(2).sum(0)), null], start, x)[0];
  assertEquals(collectivesOf(f, [start, x], [put(start), put(x, null, "data")]), ["psum[4] 1×"]);
});

Deno.test("sums in loops in loops are added up after all of them", () => {
  const x = normal(3, 5, 8, 4);
  const inner = (s: X, x: X) => scan((s, x) => [s.add(x.sum(0)), null], s, x)[0];
  const f = (x: X) => scan((s, x) => [s.add(inner(np.zeros([4]), x)), null], np.ones([4]), x)[0];
  assertEquals(collectivesOf(f, [x], [put(x, null, null, "data")]), ["psum[4] 1×"]);
});

Deno.test("a carried sum that a turn looks at is added up in each turn", () => {
  const [start, x] = [normal(4), normal(5, 8, 4)];
  const f = (start: X, x: X) =>
    scan((s, x) => [s.add(x.mul(np.tanh(s)).sum(0)), null], start, x)[0];
  const found = collectivesOf(f, [start, x], [put(start), put(x, null, "data")]);
  assertEquals(found, ["psum[4] 5×"]);
});

Deno.test("a carried sum that each turn gives too is right", () => {
  const [start, x] = [normal(4), normal(5, 8, 4)];
  const f = (start: X, x: X) =>
    scan(
      (s, x) => {
        const sum = s.add(x.sum(0));
        return [sum, sum];
      },
      start,
      x,
    );
  const found = collectivesOf(f, [start, x], [put(start), put(x, null, "data")]);
  assertEquals(found, ["psum[4] 5×"]);
});

Deno.test("what turns give is summed for all of them at once", () => {
  const x = normal(5, 8, 4);
  const f = (x: X) => scan((n, x) => [n.add(1), x.sum(0)], np.zeros([]), x);
  assertEquals(collectivesOf(f, [x], [put(x, null, "data")]), ["psum[5,4] 1×"]);
});

Deno.test("layers by scan, fully sharded: the loop has no sums, gradients are dealt out once", () => {
  const [up, down, x] = [normal(3, 8, 16), normal(3, 16, 8), normal(8, 8)];
  const loss = ([up, down]: readonly X[], x: X) => {
    const [y] = lax.scan(
      (x: X, [u, d]: readonly X[]) => [x.add(np.tanh(x.matmul(u)).matmul(d)), null] as const,
      x,
      [up, down],
    );
    return np.mean((y as X).pow(2));
  };
  const step = (up: X, down: X, x: X) => {
    const grads = vn.filterGrad(loss)([up, down], x) as unknown as readonly X[];
    return [up.sub(grads[0].mul(0.1)), down.sub(grads[1].mul(0.1))];
  };
  const found = collectivesOf(step, [up, down, x], [
    put(up, null, "data"),
    put(down, null, "data"),
    put(x, "data"),
  ]);
  assertEquals(
    found.filter((c) => !c.startsWith("all_gather")).sort(),
    ["reduce_scatter[3,16,8] 1×", "reduce_scatter[3,8,16] 1×"],
  );
});
