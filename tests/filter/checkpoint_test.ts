/**
 * `filterCheckpoint`: the same gradients, fewer residuals, nothing undone by the compiler.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, checkpointPolicies: policies } = vn;

const x = np.array([[0.3, -0.2, 0.5], [0.1, 0.9, -0.7]]);
const w = np.array([[0.2, -0.4, 0.1], [0.5, 0.3, -0.6], [0.8, 0.1, 0.4]]);

/** The net whose residuals JAX lists in the tests below. */
function net(x: vn.NDArray, w: vn.NDArray): vn.NDArray {
  const y = vn.checkpointName(np.tanh(x.matmul(w)), "a");
  const z = vn.checkpointName(np.sin(y.matmul(w)), "b");
  return np.sin(z).sum();
}

const kept = (f: unknown) => vn.debug.savedResiduals(f, x, w).map((r) => r.from);
const inputs = ["the argument args[0]", "the argument args[1]"];

function assertSame(a: vn.NDArray, b: vn.NDArray, message?: string): void {
  assert(np.allclose(a, b, { rtol: 1e-5, atol: 1e-6 }).item(), message);
}

Deno.test("filterCheckpoint: what each policy keeps is what jax.ad_checkpoint.saved_residuals lists", () => {
  const of = (policy: vn.CheckpointPolicy | null) => kept(vn.filterCheckpoint(net, { policy }));
  assertEquals(of(null), inputs);
  assertEquals(of(policies.nothingSaveable), inputs);
  const dots = [...inputs, "output of dot_general", "output of dot_general"];
  assertEquals(of(policies.dotsSaveable), dots);
  assertEquals(of(policies.checkpointDots), dots);
  assertEquals(of(policies.dotsWithNoBatchDimsSaveable), dots);
  assertEquals(of(policies.checkpointDotsWithNoBatchDims), dots);
  assertEquals(of(policies.saveOnlyTheseNames("a")), [...inputs, 'named "a"']);
  assertEquals(of(policies.saveAnyNamesButThese("a")), [...inputs, 'named "b"']);
  assertEquals(
    of(policies.saveFromBothPolicies(policies.dotsSaveable, policies.saveOnlyTheseNames("b"))),
    [...dots, 'named "b"'],
  );
  assertEquals(of(policies.everythingSaveable), kept(net));
});

Deno.test("filterCheckpoint: a product with batch axes is kept by dotsSaveable only", () => {
  const batch = np.ones([2, 3, 3]);
  const f = (a: vn.NDArray) => np.sin(np.matmul(a, batch)).sum();
  const of = (policy: vn.CheckpointPolicy) =>
    vn.debug.savedResiduals(vn.filterCheckpoint(f, { policy }), np.ones([2, 3, 3])).map((r) =>
      r.from
    );
  assert(of(policies.dotsSaveable).includes("output of dot_general"));
  assert(!of(policies.dotsWithNoBatchDimsSaveable).includes("output of dot_general"));
});

Deno.test("fault 7: saveAnythingExceptTheseNames keeps everything but the values so named, which JAX keeps too", () => {
  const all = kept(vn.filterCheckpoint(net, { policy: policies.everythingSaveable }));
  assert(all.includes('named "a"'));
  const f = vn.filterCheckpoint(net, { policy: policies.saveAnythingExceptTheseNames("a") });
  const most = kept(f);
  assert(!most.includes('named "a"') && !most.includes("output of tanh"), String(most));
  assert(most.includes("output of cos"));
  assertSame(vn.filterGrad(f)(x, w), vn.filterGrad(net)(x, w));
});

Deno.test("filterCheckpoint: policies that offload keep, as one CPU has one memory", () => {
  const offload = policies.offloadDotWithNoBatchDims("device", "pinned_host");
  assertEquals(
    kept(vn.filterCheckpoint(net, { policy: offload })),
    kept(vn.filterCheckpoint(net, { policy: policies.dotsWithNoBatchDimsSaveable })),
  );
  const some = policies.saveAndOffloadOnlyTheseNames({
    namesWhichCanBeSaved: ["a"],
    namesWhichCanBeOffloaded: ["b"],
    offloadSrc: "device",
    offloadDst: "pinned_host",
  });
  assertEquals(kept(vn.filterCheckpoint(net, { policy: some })), [
    ...inputs,
    'named "a"',
    'named "b"',
  ]);
});

Deno.test("checkpointPolicies: names must be names, exclusive where they are sorted, and both policies must say yes or no", () => {
  assertThrows(
    () =>
      policies.saveAndOffloadOnlyTheseNames({
        namesWhichCanBeSaved: ["a", "b"],
        namesWhichCanBeOffloaded: ["b"],
        offloadSrc: "device",
        offloadDst: "pinned_host",
      }),
    vn.ArgumentError,
    "the names should be exclusive: b stands in namesWhichCanBeSaved and in namesWhichCanBeOffloaded",
  );
  assertThrows(
    () => policies.saveOnlyTheseNames(3 as never),
    vn.ArgumentError,
    "checkpointPolicies.saveOnlyTheseNames: args[0]: expected a name",
  );
  const both = policies.saveFromBothPolicies(
    policies.dotsSaveable,
    policies.offloadDotWithNoBatchDims("device", "pinned_host"),
  );
  assertThrows(
    () => vn.filterGrad(vn.filterCheckpoint(net, { policy: both }))(x, w),
    vn.ArgumentError,
    "both policies must return booleans; args[1] said",
  );
});

Deno.test("checkpointPolicies: one made afresh of equal names is the same option, and nothing is traced again", () => {
  let traces = 0;
  const f = (x: vn.NDArray) => {
    traces++;
    return np.sin(x).sum();
  };
  for (const name of ["a", "a", "b"]) {
    const policy = policies.saveFromBothPolicies(
      policies.dotsSaveable,
      policies.saveOnlyTheseNames("z"),
    );
    vn.filterJit(vn.filterCheckpoint(f, { policy: policies.saveOnlyTheseNames(name) }))(x);
    assertStrictEquals(typeof policy, "function");
  }
  assertEquals(traces, 2);
});

Deno.test("filterCheckpoint: a policy of one's own sees primitives, avals and parameters", () => {
  const seen: string[] = [];
  const policy: vn.CheckpointPolicy = (primitive, operands, params) => {
    seen.push(`${primitive.name} ${operands[0].shape.join("x")} ${Object.keys(params).join()}`);
    return primitive.name === "sin" ? "saveable" : "recompute";
  };
  const f = vn.filterCheckpoint((x: vn.NDArray) => np.sin(np.sin(x)).sum(), { policy });
  assertEquals(vn.debug.savedResiduals(f, x).map((r) => r.from), [
    "the argument args[0]",
    "output of sin",
  ]);
  assert(seen.includes("sin 2x3 ") && seen.includes("reduce_sum 2x3 axes"), String(seen));
});

Deno.test("filterCheckpoint: bad options are refused when the function is wrapped", () => {
  const f = (x: vn.NDArray) => x;
  assertThrows(
    () => vn.filterCheckpoint(f, { policy: 3 as never }),
    vn.ArgumentError,
    "filterCheckpoint: policy must be a function of a primitive, its operands' avals and its parameters, such as checkpointPolicies.dotsSaveable; got 3",
  );
  assertThrows(() => vn.checkpoint(f, { policy: {} as never }), vn.ArgumentError, "got an object");
  assertThrows(
    () => vn.filterCheckpoint(f, { prevent_cse: false } as never),
    vn.ArgumentError,
    "filterCheckpoint: unknown option prevent_cse; it takes preventCse, policy",
  );
  assertThrows(
    () => vn.filterCheckpoint(f, { preventCse: 1 as never }),
    vn.ArgumentError,
    "preventCse must be true or false; got 1",
  );
});

Deno.test("filterCheckpoint: each call traces, and its derivative does not again", () => {
  let traces = 0;
  const f = vn.filterCheckpoint((x: vn.NDArray) => {
    traces++;
    return np.sin(np.sin(x)).sum();
  });
  f(x);
  f(x);
  assertEquals(traces, 2);
  vn.filterGrad(f)(x);
  assertEquals(traces, 3);
  const step = vn.filterJit(vn.filterGrad(f));
  step(x);
  step(x);
  assertEquals(traces, 4);
});

Deno.test("filterCheckpoint: a Module, what a function closes over, and leaves of any kind", () => {
  const linear = new vn.nn.Linear(3, 2, { key: vn.random.key(0) });
  const plain = (m: vn.nn.Linear) => np.sin(m.call(np.ones([3]))).sum();
  const within = (m: vn.nn.Linear) => np.sin(vn.filterCheckpoint(m)(np.ones([3]))).sum();
  const [a, b] = [vn.filterGrad(plain)(linear), vn.filterGrad(within)(linear)];
  assertSame(a.weight as vn.NDArray, b.weight as vn.NDArray);
  assertSame(a.bias as vn.NDArray, b.bias as vn.NDArray);

  const closed = (y: vn.NDArray) =>
    vn.filterCheckpoint((x: vn.NDArray) => np.sin(x.mul(y)).sum())(x);
  assertSame(
    vn.filterGrad(closed)(x),
    vn.filterGrad((y: vn.NDArray) => np.sin(x.mul(y)).sum())(x),
  );

  const mixed = vn.filterCheckpoint((p: { x: vn.NDArray; how: string; fn: () => number }) => ({
    y: p.how === "sin" ? np.sin(p.x) : p.x,
    how: p.how,
    n: p.fn(),
  }));
  const out = mixed({ x, how: "sin", fn: () => 3 });
  assertEquals([out.how, out.n], ["sin", 3]);
  assertSame(out.y, np.sin(x));
});

Deno.test("filterCheckpoint: as a decorator, with and without options", () => {
  class Net extends vn.Module {
    w: vn.NDArray = w;
    @vn.filterCheckpoint
    plain(x: vn.NDArray): vn.NDArray {
      return np.sin(x.matmul(this.w)).sum();
    }
    @vn.filterCheckpoint({ policy: policies.dotsSaveable })
    kept(x: vn.NDArray): vn.NDArray {
      return np.sin(x.matmul(this.w)).sum();
    }
  }
  const model = new Net();
  const expected = vn.filterGrad((x: vn.NDArray) => np.sin(x.matmul(w)).sum())(x);
  assertSame(vn.filterGrad((x: vn.NDArray) => model.plain(x))(x), expected);
  assertSame(vn.filterGrad((x: vn.NDArray) => model.kept(x))(x), expected);
  const later = vn.filterCheckpoint({ preventCse: false })((x: vn.NDArray) => np.sin(x).sum());
  assertSame(vn.filterGrad(later)(x), np.cos(x));
});

Deno.test("filterCheckpoint: tangents that are zero stay symbolic, output by output", () => {
  const f = vn.filterCheckpoint((x: vn.NDArray, y: vn.NDArray) => [x.mul(2), y.mul(2), x.add(y)]);
  const [, tangents] = vn.filterJvp(f, [x, x], [x, null]);
  assertEquals((tangents as unknown[]).map((t) => t === null), [false, true, false]);
  assertEquals(vn.debug.savedResiduals(vn.filterCheckpoint((x: vn.NDArray) => x.mul(2)), x), []);
});

Deno.test("filterCheckpoint: in any order with the other transformations", () => {
  const f = (x: vn.NDArray) => np.sin(np.tanh(x)).sum();
  const g = vn.filterCheckpoint(f);
  const expected = vn.filterGrad(f)(x);
  assertSame(vn.filterJit(vn.filterGrad(g))(x), expected);
  assertSame(vn.filterGrad(vn.filterJit(g))(x), expected);
  assertSame(vn.filterGrad(vn.filterCheckpoint(vn.filterJit(f)))(x), expected);
  assertSame(vn.filterVmap(vn.filterGrad(g))(x), expected);
  assertSame(vn.filterGrad((x: vn.NDArray) => vn.filterVmap(g)(x).sum())(x), expected);
  assertSame(vn.filterGrad(vn.filterCheckpoint(g))(x), expected);
  const sum = (h: (x: vn.NDArray) => vn.NDArray) => (x: vn.NDArray) => vn.filterGrad(h)(x).sum();
  assertSame(vn.filterGrad(sum(g))(x), vn.filterGrad(sum(f))(x), "second derivatives");
  const row = np.array([0.1, 0.2]);
  assertSame(vn.filterHessian(g)(row) as vn.NDArray, vn.filterHessian(f)(row) as vn.NDArray);
  const relu = (x: vn.NDArray) => vn.nn.relu(x).mul(x).sum();
  assertSame(
    vn.filterGrad(sum(vn.filterCheckpoint(relu)))(x),
    vn.filterGrad(sum(relu))(x),
    "rules of custom derivatives survive the recomputation",
  );
});

Deno.test("filterCheckpoint: a key inside gives the same numbers when it is used again", () => {
  const f = (x: vn.NDArray) => np.sin(x.mul(vn.random.normal(vn.random.key(1), [2, 3]))).sum();
  assertSame(vn.filterGrad(vn.filterCheckpoint(f))(x), vn.filterGrad(f)(x));
});

Deno.test("the compiler does not undo a checkpoint: the recomputation stays, unless merging is allowed", () => {
  const f = (x: vn.NDArray) => np.tanh(np.tanh(x)).sum();
  const count = (g: (x: vn.NDArray) => vn.NDArray) => {
    const text = vn.filterJit(vn.filterValueAndGrad(g)).lower(x).simplified();
    return text.split("= tanh ").length - 1;
  };
  assertEquals(count(f), 2);
  assertEquals(count(vn.filterCheckpoint(f)), 4);
  assertEquals(count(vn.filterCheckpoint(f, { preventCse: false })), 2);
});

// ---------------------------------------------------------------- memory

const SIDE = 64;
const ARRAY = SIDE * SIDE * 4;
const BLOCKS = 16;

/** Bytes for intermediate values that the gradient of a chain of blocks plans, in arrays of the chain. */
function plannedArrays(wrap: (f: typeof block) => typeof block): number {
  const wrapped = wrap(block);
  const loss = (x: vn.NDArray, w: vn.NDArray) => {
    for (let i = 0; i < BLOCKS; i++) x = wrapped(x, w);
    return x.sum();
  };
  const struct = new vn.ShapeDtypeStruct([SIDE, SIDE], "float32");
  const compiled = vn.filterJit(vn.filterGrad(loss)).lower(struct, struct).compile();
  return compiled.memoryAnalysis().tempSizeInBytes / ARRAY;
}

/** Four layers, whose derivatives need the result of each tanh. */
function block(x: vn.NDArray, w: vn.NDArray): vn.NDArray {
  for (let i = 0; i < 4; i++) x = np.tanh(vn.checkpointName(x.matmul(w), "product"));
  return x;
}

Deno.test("filterCheckpoint: the planned memory of a deep chain falls to the inputs of its blocks and one block", () => {
  const plain = plannedArrays((f) => f);
  assert(plain >= 4 * BLOCKS, `without: ${plain}`);
  const least = plannedArrays((f) => vn.filterCheckpoint(f));
  assert(least >= BLOCKS - 1 && least <= BLOCKS + 8, `with: ${least}`);
  const nothing = plannedArrays((f) =>
    vn.filterCheckpoint(f, { policy: policies.nothingSaveable })
  );
  assertEquals(nothing, least);
  const everything = plannedArrays((f) =>
    vn.filterCheckpoint(f, { policy: policies.everythingSaveable })
  );
  assertEquals(everything, plain);
  for (const policy of [policies.dotsSaveable, policies.saveOnlyTheseNames("product")]) {
    const dots = plannedArrays((f) => vn.filterCheckpoint(f, { policy }));
    // The inputs of blocks are not kept: everything follows from the products.
    assert(dots >= 4 * BLOCKS && dots <= 4 * BLOCKS + 8, `products kept: ${dots}`);
  }
  const merged = plannedArrays((f) => vn.filterCheckpoint(f, { preventCse: false }));
  assertEquals(merged, plain);
});

Deno.test("filterCheckpoint: one block within another holds the inputs of both levels", () => {
  const inner = vn.filterCheckpoint(block);
  const outer = vn.filterCheckpoint((x: vn.NDArray, w: vn.NDArray) => {
    for (let i = 0; i < 4; i++) x = inner(x, w);
    return x;
  });
  const loss = (x: vn.NDArray, w: vn.NDArray) => {
    for (let i = 0; i < 4; i++) x = outer(x, w);
    return x.sum();
  };
  const struct = new vn.ShapeDtypeStruct([SIDE, SIDE], "float32");
  const { tempSizeInBytes } = vn.filterJit(vn.filterGrad(loss)).lower(struct, struct).compile()
    .memoryAnalysis();
  assert(tempSizeInBytes / ARRAY <= 3 + 3 + 9, String(tempSizeInBytes / ARRAY));
});

Deno.test("filterCheckpoint: in a scan, each step keeps its carry alone", () => {
  const length = 32;
  const planned = (wrap: (f: typeof block) => typeof block) => {
    const step = wrap(block);
    const loss = (x: vn.NDArray, w: vn.NDArray) =>
      vn.lax.scan((c: vn.NDArray) => [step(c, w), null], x, null, { length })[0].sum();
    const struct = new vn.ShapeDtypeStruct([SIDE, SIDE], "float32");
    return vn.filterJit(vn.filterGrad(loss)).lower(struct, struct).compile()
      .memoryAnalysis().tempSizeInBytes / ARRAY;
  };
  const plain = planned((f) => f);
  assert(plain >= 4 * length, String(plain));
  for (const preventCse of [true, false]) {
    const least = planned((f) => vn.filterCheckpoint(f, { preventCse }));
    assert(least >= length && least <= length + 12, String(least));
  }
});
