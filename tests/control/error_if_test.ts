/**
 * Runtime checks: when they throw and what they say, what they cost, and that they are the identity otherwise.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;
const i32 = (x: number | number[]) => np.array(x, { dtype: "int32" });

const positive = (x: vn.NDArray) => vn.errorIf(x, x.lessEqual(0), "must be positive");
const coded = (x: vn.NDArray, code: vn.NDArray) =>
  vn.branchedErrorIf(x, code.greaterEqual(0), code, ["first", "second"]);

Deno.test("errorIf throws at the call that is to blame, and lets the next one through", () => {
  for (const f of [positive, vn.filterJit(positive), vn.filterJit(vn.filterJit(positive))]) {
    assertEquals(f(np.array([1, 2])).tolist(), [1, 2]);
    assertThrows(() => f(np.array([1, -2])), vn.RuntimeCheckError, "must be positive");
    assertEquals(f(np.array([3, 2])).tolist(), [3, 2]);
  }
});

Deno.test("the error tells where the check was traced", () => {
  const error = assertThrows(() => vn.filterJit(positive)(np.array(-1)), vn.RuntimeCheckError);
  assert((error.cause as Error).stack!.includes("error_if_test.ts"));
});

Deno.test("branchedErrorIf: the index chooses the message; one out of bounds says so", () => {
  for (const f of [coded, vn.filterJit(coded)]) {
    assertEquals(f(np.array(5), i32(-1)).item(), 5);
    assertThrows(() => f(np.array(5), i32(0)), vn.RuntimeCheckError, "first");
    assertThrows(() => f(np.array(5), i32(1)), vn.RuntimeCheckError, "second");
    assertThrows(
      () => f(np.array(5), i32(7)),
      vn.RuntimeCheckError,
      'index 7 is out of bounds for the 2 messages of branchedErrorIf: "first", "second"',
    );
  }
});

Deno.test("under vmap the error names every example that failed, with its message", () => {
  const message = (run: () => unknown) => assertThrows(run, vn.RuntimeCheckError).message;
  const one = vn.filterVmap(positive);
  const two = vn.filterVmap(one);
  const codes = vn.filterVmap(coded);
  const both = vn.filterVmap(coded, { inAxes: [null, 0] });
  const inner = vn.filterVmap(vn.filterVmap(coded, { inAxes: [0, null] }));
  const outer = vn.filterVmap(vn.filterVmap(coded), { inAxes: [0, null] });
  const wrap = [(f: typeof one) => f, (f: typeof one) => vn.filterJit(f)];
  const wrap2 = [(f: typeof codes) => f, (f: typeof codes) => vn.filterJit(f)];
  for (const w of wrap) {
    assertEquals(w(one)(np.array([1, 2])).tolist(), [1, 2]);
    assertEquals(
      message(() => w(one)(np.array([1, -1, 2, 0]))),
      "Batch index (1,) had error:\nmust be positive\nBatch index (3,) had error:\nmust be positive",
    );
    assertEquals(
      message(() => w(two)(np.array([[1, 2], [3, 0]]))),
      "Batch index (1, 1) had error:\nmust be positive",
    );
  }
  for (const w of wrap2) {
    assertEquals(
      message(() => w(codes)(np.zeros([3]), i32([1, -1, 0]))),
      "Batch index (0,) had error:\nsecond\nBatch index (2,) had error:\nfirst",
    );
    // What is not mapped stays so.
    const held = vn.filterVmap(coded, { inAxes: [null, 0], outAxes: null });
    assertEquals(w(held)(np.array(3), i32([-1, -1])).shape, []);
    assertEquals(w(both)(np.array(3), i32([-1, -1])).shape, [2]);
    assertEquals(
      message(() => w(inner)(np.zeros([2, 3]), i32([-1, 1]))),
      "Batch index (1,) had error:\nsecond",
    );
    assertEquals(
      message(() => w(outer)(np.zeros([2, 3]), i32([-1, -1, 0]))),
      "Batch index (2,) had error:\nfirst",
    );
  }
  // Mapped over the index inside, over the predicate outside.
  const nested = vn.filterVmap(
    vn.filterVmap(
      (p: vn.NDArray, i: vn.NDArray) => vn.branchedErrorIf(p.astype("float32"), p, i, ["a", "b"]),
      { inAxes: [null, 0] },
    ),
    { inAxes: [0, null] },
  );
  for (const f of [nested, vn.filterJit(nested)]) {
    assertEquals(
      message(() => f(np.array([false, true]), i32([1, 0]))),
      "Batch index (1, 0) had error:\nb\nBatch index (1, 1) had error:\na",
    );
  }
});

Deno.test("a check of scan's, while's and cond's body throws in the turn that is to blame", () => {
  const scanned = (xs: vn.NDArray) =>
    lax.scan((c: vn.NDArray, x: vn.NDArray) => [c.add(positive(x)), null], np.array(0), xs)[0];
  const looped = (xs: vn.NDArray) =>
    lax.whileLoop((c) => c.less(9), (c: vn.NDArray) => positive(c).mul(xs.get(1)), xs.get(0));
  const branched = (xs: vn.NDArray) =>
    lax.cond(xs.get(0).greater(1), (x: vn.NDArray) => positive(x.get(1)), (x) => x.get(0), xs);
  for (const f of [scanned, looped, branched]) {
    for (const g of [f, vn.filterJit(f)]) {
      g(np.array([2, 3]));
      assertThrows(() => g(np.array([2, -3])), vn.RuntimeCheckError, "must be positive");
      g(np.array([2, 3]));
    }
  }
  // The branch that is not taken is not checked.
  assertEquals(vn.filterJit(branched)(np.array([1, -3])).item(), 1);
});

Deno.test("a check comes before the loop that would run for ever without it", () => {
  const f = vn.filterJit((x: vn.NDArray) => {
    const step = positive(x);
    return lax.whileLoop(
      (c: vn.NDArray) => c.less(10),
      (c: vn.NDArray) => c.add(step),
      np.array(0),
    );
  });
  assertEquals(f(np.array(4)).item(), 12);
  assertThrows(() => f(np.array(0)), vn.RuntimeCheckError);
  // Though the loop needs nothing of what was checked.
  const g = vn.filterJit((x: vn.NDArray) => {
    const y = positive(x);
    const z = lax.whileLoop(
      (c: vn.NDArray) => c.less(10),
      (c: vn.NDArray) => c.add(x),
      np.array(0),
    );
    return y.add(z);
  });
  assertThrows(() => g(np.array(-1)), vn.RuntimeCheckError);
});

Deno.test("a check whose result is unused is dropped from a compiled function", () => {
  const f = (x: vn.NDArray) => {
    positive(x);
    return x.add(1);
  };
  assertEquals(vn.filterJit(f)(np.array(-1)).item(), 0);
  assert(!vn.filterJit(f).lower(np.array(-1)).nests().includes("callback"));
  // At once, there is nobody to drop it.
  assertThrows(() => f(np.array(-1)), vn.RuntimeCheckError);
});

Deno.test("what was checked is the same memory: a check copies nothing", () => {
  const x = np.ones([1000]);
  const text = vn.filterJit((x: vn.NDArray, p: vn.NDArray) => vn.errorIf(x, p, "no").matmul(x))
    .lower(x, np.array(false)).nests();
  assert(!text.includes("copy"));
  assert(!text.includes("[1000] temp"));
});

Deno.test("a predicate known while tracing: false leaves no trace, true throws at once", () => {
  const with_ = (pred: boolean | vn.NDArray) => (x: vn.NDArray) => vn.errorIf(x, pred, "no");
  const eqns = (f: (x: vn.NDArray) => unknown) =>
    vn.filterMakeJaxpr(f)(np.array(1))[0].jaxpr.eqns.length;
  for (const no of [false, np.array(false), np.array([false, false])]) {
    assertEquals(eqns(with_(no)), 0);
  }
  for (const yes of [true, np.array(true), np.array([false, true])]) {
    assertThrows(() => eqns(with_(yes)), vn.RuntimeCheckError, "no");
  }
  // Which message it is may be known only later.
  const f = vn.filterJit((x: vn.NDArray, i: vn.NDArray) =>
    vn.branchedErrorIf(x, true, i, ["a", "b"])
  );
  assertThrows(() => f(np.array(1), i32(1)), vn.RuntimeCheckError, "b");
});

Deno.test("symbolic zeros pass: of (x, y) only what is perturbed has a tangent", () => {
  const checked = (x: vn.NDArray, y: vn.NDArray) => vn.errorIf([x, y], x.less(0), "no");
  for (const f of [checked, vn.filterJit(checked)]) {
    const [out, tangents] = vn.filterJvp(f, [np.array(2), np.array(3)], [np.array(1), null]);
    assertEquals(out.map((x) => x.item()), [2, 3]);
    assertEquals(tangents.map((t) => t === null ? null : (t as vn.NDArray).item()), [1, null]);
  }
});

Deno.test("derivatives: the identity, checked once; of tangents and cotangents too", () => {
  const f = (x: vn.NDArray) => positive(x).pow(3);
  for (const g of [vn.grad(f), vn.filterJit(vn.grad(f)), vn.grad(vn.filterJit(f))]) {
    assertEquals(g(np.array(2)).item(), 12);
    assertThrows(() => g(np.array(-2)), vn.RuntimeCheckError, "must be positive");
  }
  assertEquals(vn.filterJit(vn.hessian(f))(np.array(2)).item(), 12);
  const text = vn.filterJit(vn.grad(f)).lower(np.array(2)).nests();
  assertEquals(text.split("callback").length - 1, 2); // its name and its kind: once
  // A check of what is linear is checked on the way back.
  const [, pull] = vn.vjp(
    (x: vn.NDArray) => vn.errorIf(x.mul(2), np.array(2).less(1), "no"),
    np.array(1),
  );
  assertEquals(pull(np.array(3))[0].item(), 6);
  const known = (ok: vn.NDArray) => {
    const rule = vn.filterCustomJvp((x: vn.NDArray) => x.mul(2));
    rule.defJvp(([x], [t]) =>
      vn.errorIf(
        [(x as vn.NDArray).mul(2), (t as vn.NDArray).mul(2)] as const,
        ok.less(0),
        "in the rule",
      )
    );
    return vn.grad((x: vn.NDArray) => rule(x));
  };
  assertEquals(known(np.array(1))(np.array(3)).item(), 2);
  const compiled = vn.filterJit((x: vn.NDArray, ok: vn.NDArray) => known(ok)(x));
  assertEquals(compiled(np.array(3), np.array(1)).item(), 2);
  assertThrows(() => compiled(np.array(3), np.array(-1)), vn.RuntimeCheckError, "in the rule");
});

Deno.test("onError nan: arrays become NaN, the largest integer and true; other leaves pass", () => {
  const tree = { a: np.array([1, 2]), b: i32([1]), c: np.array([false]), d: "text" };
  const f = (t: typeof tree, p: vn.NDArray) => vn.errorIf(t, p, "no", { onError: "nan" });
  for (const g of [f, vn.filterJit(f)]) {
    const out = g(tree, np.array(true));
    assertEquals([out.a.tolist(), out.b.tolist(), out.c.tolist(), out.d], [
      [NaN, NaN],
      [2 ** 31 - 1],
      [true],
      "text",
    ]);
    assertEquals(g(tree, np.array(false)).a.tolist(), [1, 2]);
  }
  const mapped = vn.filterVmap(f, { inAxes: [null, 0] });
  assertEquals(vn.filterJit(mapped)(tree, np.array([false, true])).a.get(0, 0).item(), NaN);
  const slope = vn.grad((x: vn.NDArray) => vn.errorIf(x, x.greater(0), "no", { onError: "nan" }));
  assertEquals(vn.filterJit(slope)(np.array(1)).item(), 1);
});

Deno.test("onError nan: the largest integer of each dtype", () => {
  const largest = { int8: 127, int16: 32767, uint8: 255, uint16: 65535, uint32: 2 ** 32 - 1 };
  for (const [dtype, value] of Object.entries(largest)) {
    const x = np.zeros([], { dtype: dtype as vn.DType });
    const f = vn.filterJit((x: vn.NDArray, p: vn.NDArray) =>
      vn.errorIf(x, p, "no", { onError: "nan" })
    );
    assertEquals(f(x, np.array(true)).item(), value, dtype);
  }
  for (const dtype of ["float16", "bfloat16", "float64"] as const) {
    const x = np.zeros([], { dtype });
    const f = (x: vn.NDArray, p: vn.NDArray) => vn.errorIf(x, p, "no", { onError: "nan" });
    assertEquals(vn.filterJit(f)(x, np.array(true)).item(), NaN, dtype);
  }
});

Deno.test("onError nan with a predicate that is known warns and gives NaN", () => {
  const warnings: string[] = [];
  const before = vn.setWarningHandler((text) => warnings.push(text));
  try {
    assertEquals(vn.errorIf(np.array(1), true, "so it is", { onError: "nan" }).item(), NaN);
  } finally {
    vn.setWarningHandler(before);
  }
  assert(warnings[0].includes("so it is"));
});

Deno.test("onError breakpoint tells what failed, stops where a debugger is, and goes on with NaN", () => {
  const warnings: string[] = [];
  const before = vn.setWarningHandler((text) => warnings.push(text));
  const f = (x: vn.NDArray) =>
    vn.errorIf(x, x.less(0), "must not be negative", { onError: "breakpoint" }).mul(2);
  try {
    for (const run of [f, vn.filterJit(f)]) {
      warnings.length = 0;
      assertEquals([run(np.array(1)).item(), run(np.array(-1)).item()], [2, NaN]);
      assertEquals(warnings, ["a runtime check failed: must not be negative"]);
    }
    warnings.length = 0;
    const mapped = vn.filterJit(vn.filterVmap(f))(np.array([1, -1]));
    assert(Number.isNaN(mapped.get(1).item()));
    assertEquals(warnings, [
      "a runtime check failed: Batch index (1,) had error:\nmust not be negative",
    ]);
    warnings.length = 0;
    vn.filterGrad((x: vn.NDArray) => f(x))(np.array(1));
    assertEquals(warnings, []);
  } finally {
    vn.setWarningHandler(before);
  }
});

Deno.test("onError off, and the default that can be set", () => {
  const f = (x: vn.NDArray) => vn.errorIf(x, x.less(0), "no", { onError: "off" });
  assertEquals(vn.filterJit(f)(np.array(-1)).item(), -1);
  assertEquals(vn.errorIf(np.array(1), true, "no", { onError: "off" }).item(), 1);
  const before = vn.setOnError("off");
  try {
    assertEquals(before, "raise");
    assertEquals(vn.filterJit((x: vn.NDArray) => positive(x))(np.array(-1)).item(), -1);
  } finally {
    assertEquals(vn.setOnError(before), "off");
  }
  assertThrows(() => positive(np.array(-1)), vn.RuntimeCheckError);
});

Deno.test("arguments of errorIf are checked", () => {
  const x = np.array(1);
  const traced = (fn: (x: vn.NDArray) => unknown) => () => vn.filterJit(fn)(x);
  assertThrows(
    traced((y) => vn.errorIf("no array", y.less(0), "m")),
    vn.ArgumentError,
    "no arrays to thread the error on to",
  );
  assertThrows(() => vn.errorIf(x, x, "m"), vn.DTypeError, "x.notEqual(0)");
  assertThrows(() => vn.errorIf(x, 1 as never, "m"), vn.ArgumentError, "pred");
  assertThrows(
    () => vn.errorIf(x, true, "m", { onError: "no" as never }),
    vn.ArgumentError,
    '"nan"',
  );
  assertThrows(() => vn.setOnError("no" as never), vn.ArgumentError, '"nan"');
  assertThrows(() => vn.branchedErrorIf(x, true, 2, ["a"]), vn.ArgumentError, "from 0 to 0");
  assertThrows(() => vn.branchedErrorIf(x, true, 0, []), vn.ArgumentError, "messages");
  assertThrows(() => vn.branchedErrorIf(x, true, i32([0]), ["a"]), vn.ShapeError, "0-d");
  // Nothing to check: whatever the tree is, it passes.
  assertStrictEquals(vn.errorIf("no array", false, "m"), "no array");
});

Deno.test("a call that a check ends loses nothing, donated arguments included", () => {
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => [positive(x).add(1), y.mul(2)], {
    donate: "all",
  });
  const [x, y] = [np.full([1000], -1), np.full([1000], 3)];
  assertThrows(() => f(x, y), vn.RuntimeCheckError);
  assertEquals([x.get(0).item(), y.get(999).item()], [-1, 3]);
  assertEquals(f(np.ones([1000]), y)[1].get(999).item(), 6);
});
