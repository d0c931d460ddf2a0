/**
 * The behaviours of Equinox's `test_scan.py`, each under its upstream name.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np, random } = vn;
type NDArray = vn.NDArray;
type Pair = [NDArray, NDArray];

Deno.test("equinox/scan/test_scan: values and gradients are those of lax.scan, for both kinds", () => {
  const step = ([c1, c2]: Pair, [x1, x2]: Pair): readonly [Pair, Pair] => {
    const [next1, next2] = [c1.add(1), c2.sub(1)];
    return [[next1, next2], [x1.mul(2).add(next1), x2.mul(2).add(next2)]];
  };
  const init: Pair = [np.array(0, { dtype: "int32" }), np.array(2, { dtype: "int32" })];
  const xs: Pair = [
    np.arange(4, { dtype: "float32" }),
    np.arange(8, { dtype: "float32" }).reshape(4, 2),
  ];
  const cts: Pair = [random.normal(random.key(0), [4]), random.normal(random.key(1), [4, 2])];
  const [carry, ys] = lax.scan(step, init, xs);
  const truth = vn.filterVjp((v: Pair) => lax.scan(step, init, v)[1], xs)[1](cts);
  const same = (a: unknown, b: unknown) => {
    const equal = vn.treeEqual(a, b, { rtol: 1e-5, atol: 1e-5 });
    assert(typeof equal === "boolean" ? equal : equal.item() === 1, vn.treePformat([a, b]));
  };
  for (const kind of ["lax", "checkpointed"] as const) {
    for (const length of [4, null]) {
      const run = (init: Pair, v: Pair) => vn.filterScan(step, init, v, { kind, length });
      same(vn.filterJit(run)(init, xs), [carry, ys]);
      const pullback = vn.filterJit((v: Pair, ct: Pair) => {
        const [out, pull] = vn.filterVjp((w: Pair) => run(init, w)[1], v);
        return [out, pull(ct)];
      });
      same(pullback(xs, cts), [ys, truth]);
    }
  }
});
