/**
 * `errorIf` in programs of several devices: they are divided all the same, and a check fails once, for all.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, lax, random, P } = vn;
await vn.init("cpu", { devices: 4 });

const mesh = vn.makeMesh([4], ["data"]);
const rows = new vn.NamedSharding(mesh, P("data"));
const put = (x: vn.NDArray) => vn.devicePut(x, rows);
const good = put(random.uniform(random.key(0), [8, 32]).add(0.5));
const bad = put(np.where(np.equal(np.arange(8), 6).reshape(8, 1), -1, np.ones([8, 32])));
const refuse = (fn: () => unknown) => assertThrows(fn, vn.RuntimeCheckError, "negative");

const checked = vn.filterJit((x: vn.NDArray) => {
  const y = np.log(vn.errorIf(x, np.any(np.less(x, 0)), "negative"));
  return [y, np.sum(y, 0)] as const;
});

Deno.test("a check divides with the program: its predicate is reduced over devices", () => {
  const partition = checked.lower(good).partitioned();
  assertEquals(partition.reason, null);
  const moved = partition.collectives.map((c) => `${c.kind} ${c.dtype}[${c.shape}]`).sort();
  assertEquals(moved, ["all_gather bool[1]", "psum float32[32]"]);
  const [y, sum] = checked(good);
  assertEquals(String((y.sharding as vn.NamedSharding).spec), 'P("data")');
  assert(np.allclose(y, put(np.log(good))).item());
  assert(
    np.allclose(sum, vn.devicePut(np.sum(np.log(good), 0), sum.sharding), { atol: 1e-5 }).item(),
  );
  // On one device only something is wrong.
  refuse(() => checked(bad));
  checked(good);
});

Deno.test("checks of single examples name those that failed, over all devices", () => {
  const each = vn.filterJit(
    vn.filterVmap((x: vn.NDArray) => np.sqrt(vn.errorIf(x, np.less(x.get(0), 0), "negative"))),
  );
  assertEquals(each.lower(good).partitioned().reason, null);
  const error = assertThrows(() => each(bad), vn.RuntimeCheckError);
  assert(error.message.includes("Batch index (6,) had error:\nnegative"), error.message);
  each(good);
});

Deno.test("checks in loops, in gradients, and with NaN in place of errors", () => {
  const looped = vn.filterJit((x: vn.NDArray) =>
    lax.foriLoop(
      0,
      3,
      (_: vn.NDArray, c: vn.NDArray) => vn.errorIf(c.sub(0.1), np.any(np.less(c, 0)), "negative"),
      x,
    )
  );
  assertEquals(looped.lower(good).partitioned().reason, null);
  looped(good);
  refuse(() => looped(bad));
  const grad = vn.filterJit(
    vn.filterGrad((x: vn.NDArray) =>
      np.sum(vn.errorIf(x, np.any(np.less(x, 0)), "negative").pow(2))
    ),
  );
  assertEquals(grad.lower(good).partitioned().reason, null);
  assert(np.allclose(grad(good) as vn.NDArray, put(good.mul(2))).item());
  refuse(() => grad(bad));
  const poisoned = vn.filterJit((x: vn.NDArray) =>
    vn.errorIf(x, np.any(np.less(x, 0)), "negative", { onError: "nan" })
  );
  assertEquals(poisoned.lower(good).partitioned().reason, null);
  assert(np.all(np.isnan(poisoned(bad))).item());
  assert(!np.any(np.isnan(poisoned(good))).item());
});

Deno.test("what was donated to a call that a check ended is still there", () => {
  const f = vn.filterJit(
    (x: vn.NDArray) => vn.errorIf(x, np.any(np.less(x, 0)), "negative").mul(2),
    { donate: "all" },
  );
  const wrong = put(np.ones([8, 32]).mul(-1));
  refuse(() => f(wrong));
  assertEquals(wrong.isDeleted, false);
  assertEquals(wrong.get(0, 0).item(), -1);
  const right = put(np.ones([8, 32]));
  assertEquals(f(right).get(0, 0).item(), 2);
  assertEquals(right.isDeleted, true);
});
