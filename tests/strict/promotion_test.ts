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

for (const dtype of ["float16", "bfloat16", "float32", "float64"] as const) {
  Deno.test(`layers of sequences, images and states keep to ${dtype}`, () => {
    strictly(() => {
      const key = random.key(0);
      const ones = (...shape: number[]) => np.ones(shape, { dtype });
      const x = ones(6, 4);
      const attention = new nn.MultiheadAttention(2, 4, { dropoutP: 0.5, key, dtype });
      const rope = new nn.RotaryPositionalEmbedding(2, { dtype });
      const turn = vn.filterVmap((head: vn.NDArray) => rope.call(head), { inAxes: 1, outAxes: 1 });
      const mask = np.tril(np.ones([6, 6], { dtype: "bool" }));
      const image = new nn.Sequential([
        new nn.Conv2d(2, 4, 3, { padding: 1, key, dtype }),
        new nn.GroupNorm(2, { channels: 4, dtype }),
        new nn.MaxPool2d(2),
        new nn.ConvTranspose2d(4, 2, 3, { stride: 2, key, dtype }),
        new nn.PReLU(),
        new nn.AvgPool2d(2, { padding: 1 }),
        new nn.AdaptiveAvgPool2d(3),
      ]);
      const outs = [
        attention.call(x, x, x, { mask, key, processHeads: (q, k, v) => [turn(q), turn(k), v] }),
        new nn.GRUCell(4, 3, { key, dtype }).call(x.get(0), ones(3)),
        ...new nn.LSTMCell(4, 3, { key, dtype }).call(x.get(0), [ones(3), ones(3)]),
        image.call(ones(2, 8, 8)),
        new nn.WeightNorm(new nn.Linear(4, 3, { key, dtype })).call(x.get(0)),
        new nn.MLP(4, 3, 5, 3, { scan: true, activation: new nn.PReLU(), key, dtype }).call(
          x.get(0),
        ),
      ];
      for (const mode of ["ema", "batch"] as const) {
        const make = () =>
          new nn.Sequential([
            new nn.BatchNorm(4, "batch", { mode, dtype }),
            new nn.SpectralNorm(new nn.Linear(4, 3, { key, dtype }), "weight", { key }),
          ]);
        const [model, state] = nn.makeWithState(make)();
        const run = (inference: boolean) =>
          vn.filterVmap(
            (row: vn.NDArray, s: vn.nn.State) => model.call(row, { state: s, inference }),
            { axisName: "batch", inAxes: [0, null], outAxes: [0, null] },
          );
        const [out, next] = run(false)(x, state);
        outs.push(out, run(true)(x, next)[0]);
      }
      assertEquals(outs.map((out) => out.dtype), outs.map(() => dtype));
    });
  });
}
