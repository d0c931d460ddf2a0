/**
 * Equinox's tests of `filter_checkpoint`, by behaviour.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

Deno.test("equinox/checkpoint/test_checkpoint: the gradient of a checkpointed Module is that of the Module, static leaves and all", () => {
  class Model extends vn.Module {
    mlp: vn.nn.MLP;
    flag: boolean;
    constructor(key: vn.NDArray) {
      super();
      this.mlp = new vn.nn.MLP(2, 2, 8, 2, { key });
      this.flag = true;
    }
    call(x: vn.NDArray, how: { scale: number }): vn.NDArray {
      return this.flag ? this.mlp.call(x).mul(how.scale) : x;
    }
  }
  const model = new Model(vn.random.key(0));
  const x = np.array([0.5, -0.3]);
  const loss = (call: (m: Model) => (x: vn.NDArray, how: { scale: number }) => vn.NDArray) =>
    vn.filterValueAndGrad((m: Model) => call(m)(x, { scale: 2 }).pow(2).sum())(model);
  const [value, grads] = loss((m) => (x, how) => m.call(x, how));
  const [same, others] = loss((m) => vn.filterCheckpoint(m));
  assert(np.allclose(value, same).item());
  const equal = vn.treeEqual(
    vn.filter(grads, vn.isArray),
    vn.filter(others, vn.isArray),
    vn.kwargs({ rtol: 1e-5, atol: 1e-6 }),
  );
  assertEquals((equal as vn.NDArray).tolist(), true as never);
});
