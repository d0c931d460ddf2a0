/**
 * The behaviours of Equinox's `test_sharding.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random } = vn;
await vn.init("cpu", { devices: 2 });
const split = new vn.NamedSharding(vn.makeMesh([2], ["x"]), vn.P("x"));

/** The arrays of a model, and where each should be. */
const arraysOf = (model: vn.nn.MLP) => vn.tree.leaves(vn.filter(model, vn.isArray)) as vn.NDArray[];

Deno.test("equinox/sharding/test_sharding_no_inside_jit: filterShard outside commits; a compiled function keeps the sharding", () => {
  const model = new vn.nn.MLP(2, 2, 4, 2, { key: random.key(0) });
  const sharded = vn.filterShard(model, split);
  assert(sharded.activation === model.activation);
  for (const x of arraysOf(sharded)) {
    assert(x.committed && x.sharding.isEquivalentTo(split, x.ndim));
  }
  assert(arraysOf(model).every((x) => !x.committed));
  const f = vn.filterJit((model: vn.nn.MLP) =>
    vn.tree.map(
      (x: unknown) => vn.isArray(x) ? (x as vn.NDArray).mul(2) : x,
      model,
    ) as vn.nn.MLP
  );
  for (const x of arraysOf(f(sharded))) {
    assert(x.committed && x.sharding.isEquivalentTo(split, x.ndim));
  }
});

Deno.test("equinox/sharding/test_sharding_only_inside_jit: a constraint inside decides where the output is", () => {
  const f = vn.filterJit((x: vn.NDArray) => vn.filterShard(x.add(1), split));
  const y = f(np.ones([4, 2]));
  assert(y.committed && y.sharding.isEquivalentTo(split, 2));
  assertEquals(y.tolist(), np.full([4, 2], 2).tolist());
  assertEquals(y.addressableShards.map((s) => [s.device.id, s.data.shape]), [[0, [2, 2]], [1, [
    2,
    2,
  ]]]);
});
