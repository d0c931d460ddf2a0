/**
 * The library itself promotes nothing silently: layers, losses and optimisers run where promotion is an error.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { setChecks } from "../../src/core/checks.ts";

const { nn, numpy: np, optim, random } = vn;

/** Runs with strict promotion. */
function strictly<T>(fn: () => T): T {
  const previous = setChecks({ strictPromotion: true });
  try {
    return fn();
  } finally {
    setChecks(previous);
  }
}

Deno.test("under strict promotion, operands of two dtypes are refused, host numbers are not", () => {
  strictly(() => {
    assertThrows(
      () => np.add(np.zeros([2]), np.zeros([2], { dtype: "int32" })),
      vn.DTypeError,
      "would be promoted",
    );
    assertEquals(np.add(np.zeros([2]), 1).dtype, "float32");
    assertEquals(np.add(np.zeros([2], { dtype: "float64" }), 1.5).dtype, "float64");
  });
});

for (const dtype of ["float32", "float64"] as const) {
  Deno.test(`layers, losses and optimisers keep to ${dtype}`, () => {
    strictly(() => {
      const key = random.key(0);
      const model = new nn.Sequential([
        new nn.Linear(4, 8, { key, dtype }),
        new nn.LayerNorm(8, { dtype }),
        new nn.Lambda(nn.gelu),
        new nn.Dropout({ p: 0.5 }),
        new nn.MLP(8, 3, 8, 1, { key, dtype, activation: nn.silu }),
      ]);
      const x = random.normal(key, [5, 4], { dtype });
      const y = nn.oneHot(random.randint(key, [5], 0, 3), 3, { dtype });
      const loss = (m: vn.nn.Sequential): vn.NDArray =>
        nn.logSoftmax(vn.filterVmap((row: vn.NDArray) => m.call(row, { key }))(x)).mul(y).sum(1)
          .mean().neg();
      for (
        const tx of [
          optim.adamw(1e-3),
          optim.sgd(0.1, { momentum: 0.9 }),
          optim.chain(optim.clipByGlobalNorm(1), optim.adam(1e-3)),
        ]
      ) {
        const [value, grads] = vn.filterJit(vn.filterValueAndGrad(loss))(model);
        const [updates] = tx.update(grads, tx.init(model), model);
        const next = vn.applyUpdates(model, updates);
        assertEquals(value.dtype, dtype);
        for (const leaf of vn.tree.leaves(vn.filter(next, vn.isArray))) {
          assertEquals((leaf as vn.NDArray).dtype, dtype);
        }
      }
    });
  });
}
