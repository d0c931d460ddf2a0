/**
 * What devices exchange for operations along an axis that is split: what belongs to the result, never the operand.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, lax, random, P } = vn;
await vn.init("cpu", { devices: 8 });

const mesh = vn.makeMesh([4], ["data"]);
const x = random.normal(random.key(0), [32, 6]);

/** The collectives of a function of an array whose rows are split; its results are checked beside. */
function exchanged(f: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray): string[] {
  const split = vn.devicePut(x, new vn.NamedSharding(mesh, P("data")));
  const jitted = vn.filterJit(f);
  const partition = jitted.lower(split).partitioned();
  assertEquals(partition.reason, null);
  const [result, whole] = [jitted(split), f(x)];
  assertEquals([result.shape, result.dtype], [whole.shape, whole.dtype]);
  const there = vn.devicePut(whole, result.sharding);
  assert(
    np.allclose(result, there, { rtol: 1e-5, atol: 1e-5 }).item(),
    `${result} is not ${whole}`,
  );
  return partition.collectives.map((c) => `${c.kind} ${c.dtype}[${c.shape}]`);
}

Deno.test("argmax and argmin: each device's place and extreme", () => {
  const wanted = ["all_gather int32[1,6]", "all_gather float32[1,6]"];
  assertEquals(exchanged((x) => np.argmax(x, 0), x).sort(), [...wanted].sort());
  assertEquals(exchanged((x) => np.argmin(x, 0), x).sort(), [...wanted].sort());
  // Along an axis that is whole, nothing.
  assertEquals(exchanged((x) => np.argmax(x, 1), x), []);
});

Deno.test("products and bitwise reductions: each device's result", () => {
  assertEquals(exchanged((x) => np.prod(x, 0), x), ["all_gather float32[1,6]"]);
  assertEquals(exchanged((x) => np.prod(x), x), ["all_gather float32[1]"]);
  const ints = random.randint(random.key(1), [32, 6], 0, 100);
  for (const reduce of [lax.reduceAnd, lax.reduceOr, lax.reduceXor]) {
    assertEquals(exchanged((x) => reduce(x, [0]), ints), ["all_gather int32[1,6]"]);
  }
  assertEquals(exchanged((x) => np.all(np.less(x, 5), 0), x), ["all_gather bool[1,6]"]);
});

Deno.test("running sums, products and extremes: each device's last", () => {
  const wanted = ["all_gather float32[1,1,6]"];
  for (const run of [lax.cumsum, lax.cumprod, lax.cummax, lax.cummin]) {
    assertEquals(exchanged((x) => run(x, { axis: 0 }), x), wanted);
    assertEquals(exchanged((x) => run(x, { axis: 0, reverse: true }), x), wanted);
    assertEquals(exchanged((x) => run(x, { axis: 1 }), x), []);
  }
});

Deno.test("sorts gather what is split along the sorted axis, and no other", () => {
  assertEquals(exchanged((x) => np.sort(x, 1), x), []);
  const kinds = exchanged((x) => np.sort(x, 0), x).map((c) => c.split(" ")[0]);
  assert(kinds.includes("all_gather") || kinds.includes("all_to_all"), kinds.join());
});
