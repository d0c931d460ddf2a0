/**
 * `filterJit(f).lower(...).compile()`: the same call as the function's, checked, and never traced.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const x = np.array([1, 2, 3]);

/** A function that counts its traces, lowered and compiled for `[1, 2, 3]` and the number 2. */
function compiledScale() {
  let traces = 0;
  const f = vn.filterJit(function scale(x: vn.NDArray, by: number) {
    traces++;
    return x.mul(by);
  });
  return { compiled: f.lower(x, 2).compile(), traces: () => traces };
}

Deno.test("fault 2: a compiled function refuses another static argument than it was compiled for, where Equinox uses the old one", () => {
  const { compiled } = compiledScale();
  assertEquals(compiled(x, 2).tolist(), [2, 4, 6]);
  assertThrows(
    () => compiled(x, 5),
    vn.ArgumentError,
    "filterJit(scale): compiled for another static argument: args[1] was 2 when it was compiled, is 5 now",
  );
  assertThrows(() => compiled(x, np.array(2) as never), vn.ArgumentError, "args[1] was 2");
  assertEquals(compiled(x, 2).tolist(), [2, 4, 6]);
});

Deno.test("a compiled function names the array that is not what it was compiled for", () => {
  const { compiled, traces } = compiledScale();
  const message = (fn: () => unknown, kind: typeof vn.ShapeError, text: string) =>
    assertThrows(fn, kind, `filterJit(scale): compiled for ${text}`);
  message(
    () => compiled(np.ones([4]), 2),
    vn.ShapeError,
    "another array: args[0] was f32[3] when it was compiled, is f32[4] now",
  );
  message(
    () => compiled(np.array([1, 2, 3], { dtype: "int32" }), 2),
    vn.DTypeError,
    "another array: args[0] was f32[3] when it was compiled, is i32[3] now",
  );
  message(() => compiled(3 as never, 2), vn.ArgumentError, "another array: args[0] was f32[3]");
  message(
    () => (compiled as (...args: unknown[]) => unknown)(x),
    vn.TreeError,
    "other arguments: args was an array of length 2 when it was compiled, is an array of length 1 now",
  );
  message(() => compiled([x] as never, 2), vn.TreeError, "other arguments: args[0] was a leaf");
  assertEquals(compiled(new Float32Array([1, 1, 1]) as never, 2).tolist(), [2, 2, 2]);
  assertEquals(traces(), 1);
});

Deno.test("a compiled function takes weakly typed arrays for strong ones, and the other way round", () => {
  const f = vn.filterJit((x: vn.NDArray) => x.mul(2));
  const weak: vn.NDArray = vn.jit((v: vn.NDArray) => v)(1.5 as never);
  assert(weak.weakType && !np.array([1]).get(0).weakType);
  assertEquals(f.lower(np.array([1]).get(0)).compile()(weak).item(), 3);
  assertEquals(f.lower(weak).compile()(np.array([3]).get(0)).item(), 6);
});

Deno.test("structs stand for arrays when lowering, in trees and Modules too; static leaves and keywords stay", () => {
  const f = vn.filterJit((model: vn.nn.Linear, p: { x: vn.NDArray }, { act }: { act: string }) => {
    const y = model.call(p.x);
    return act === "tanh" ? np.tanh(y) : y;
  });
  const model = new vn.nn.Linear(3, 2, { key: vn.random.key(0) });
  const skeleton = vn.filterEvalShape(vn.nn.Linear, 3, 2, vn.kwargs({ key: vn.random.key(0) }));
  const struct = new vn.ShapeDtypeStruct([3], "float32");
  const compiled = f.lower(skeleton as never, { x: struct }, vn.kwargs({ act: "tanh" })).compile();
  const out = compiled(model, { x }, vn.kwargs({ act: "tanh" }));
  assert(np.allclose(out, np.tanh(model.call(x))).item());
  assertThrows(
    () => compiled(model, { x }, vn.kwargs({ act: "none" })),
    vn.ArgumentError,
    'args[2].act was "tanh" when it was compiled, is "none" now',
  );
});

Deno.test("what the function closes over, and a Module in its place, go with the compiled function", () => {
  const model = new vn.nn.Linear(3, 2, { key: vn.random.key(0) });
  const compiled = vn.filterJit(model).lower(x).compile();
  assert(np.allclose(compiled(x), model.call(x)).item());
  const y = np.array([1, 1, 1]);
  const closed = vn.filterJit((x: vn.NDArray) => x.add(y)).lower(x).compile();
  assertEquals(closed(x).tolist(), [2, 3, 4]);
});

Deno.test("a compiled function is not transformed", () => {
  const compiled = vn.filterJit((x: vn.NDArray) => x.mul(2).sum()).lower(x).compile();
  const call = (x: vn.NDArray) => compiled(x);
  for (const wrapped of [vn.filterGrad(call), vn.filterJit(call), vn.filterVmap(call)]) {
    assertThrows(() => wrapped(x), vn.TracerError, "cannot be transformed");
  }
  assertEquals(compiled(x).item(), 12);
});

Deno.test("donation counts in a compiled function too", () => {
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => x.add(y), {
    donate: "all-except-first",
  });
  const struct = new vn.ShapeDtypeStruct([64], "float32");
  const compiled = f.lower(struct, struct).compile();
  const [a, b] = [np.ones([64]), np.ones([64])];
  assertThrows(() => compiled(b, b), vn.DonatedError, "f(donate(a), a)");
  assertEquals(compiled(a, b).get(0).item(), 2);
  assertEquals([a.isDeleted, b.isDeleted], [false, true]);
});

Deno.test("memoryAnalysis counts arguments, results, what they share, and intermediate values", () => {
  const struct = new vn.ShapeDtypeStruct([256, 256], "float32");
  const bytes = 256 * 256 * 4;
  const product = (x: vn.NDArray, w: vn.NDArray) => x.matmul(w).matmul(w);
  const of = (options: vn.JitOptions) =>
    vn.filterJit(product, options).lower(struct, struct).compile().memoryAnalysis();
  const plain = of({});
  assertEquals(plain.argumentSizeInBytes, 2 * bytes);
  assertEquals(plain.outputSizeInBytes, bytes);
  assertEquals(plain.aliasSizeInBytes, 0);
  assert(plain.tempSizeInBytes >= bytes && plain.generatedCodeSizeInBytes > 0);
  assertEquals(plain.peakMemoryInBytes, 3 * bytes + plain.tempSizeInBytes);
  const donated = of({ donate: "all" });
  assertEquals(donated.aliasSizeInBytes, bytes);
  assertEquals(donated.peakMemoryInBytes, 2 * bytes + donated.tempSizeInBytes);
});

Deno.test("unknown options of compile are refused by name", () => {
  const lowered = vn.filterJit((x: vn.NDArray) => x).lower(x);
  assertThrows(
    () => lowered.compile({ compilerOptions: { fastMath: true } }),
    vn.ArgumentError,
    "unknown compiler option fastMath; there are none so far",
  );
  assertThrows(
    () => lowered.compile({ options: {} } as never),
    vn.ArgumentError,
    "unknown option options; it takes compilerOptions",
  );
});
