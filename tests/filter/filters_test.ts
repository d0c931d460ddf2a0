/**
 * partition, combine and filter beyond Equinox's own tests: masks, traced specs, messages.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const np = vn.numpy;

Deno.test("filter may be inverted, and may put something else in place of what it rejects", () => {
  const tree = { a: np.ones([2]), b: "text", c: [1, null] };
  assertEquals(
    vn.filter(tree, vn.isArray, { inverse: true }),
    { a: null, b: "text", c: [1, null] } as never,
  );
  assertEquals(vn.filter(tree, (x: unknown) => typeof x === "string", { replace: 0 }), {
    a: 0,
    b: "text",
    c: [0, null],
  } as never);
});

Deno.test("a predicate may answer with a 0-d array, but not with a traced one", () => {
  const isLarge = (x: unknown) => np.greater(np.array(x as number), 2);
  assertEquals(vn.filter([1, 2, 3], isLarge), [null, null, 3] as never);
  const traced = vn.filterJit((x: vn.NDArray) =>
    vn.filter([x], (leaf: unknown) => np.greater(leaf as vn.NDArray, 2))
  );
  assertThrows(() => traced(np.array(1)), vn.TracerError);
});

Deno.test("a spec holds booleans and functions, and says where it does not", () => {
  assertThrows(
    () => vn.filter([1, 2], [true, 1]),
    vn.ArgumentError,
    "filter: filterSpec[1]: expected a boolean or a function; got number 1",
  );
  const traced = vn.filterJit((x: vn.NDArray) => vn.partition([x], [x]));
  assertThrows(
    () => traced(np.array(1)),
    vn.ArgumentError,
    "partition: filterSpec[0] is a traced array",
  );
});

Deno.test("a transformed function is a function to a spec", () => {
  const spec = vn.filterJit((x: vn.NDArray) => np.greater(x, 2));
  assertEquals(vn.filter([np.array(1)], spec), [null] as never);
});

Deno.test("combine takes the first that is there, and the first tree's structure", () => {
  assertEquals(vn.combine([1, null, null], [2, 3, null]), [1, 3, null]);
  assertEquals(vn.combine([null] as unknown[], [[1, 2]]), [[1, 2]]);
  assertThrows(
    () => vn.combine([[1, 2]] as unknown[], [null]),
    vn.TreeError,
    "combine: at pytrees[1][0]: expected an array of length 2; got null",
  );
  assertThrows(() => vn.combine([1], [1, 2]), vn.TreeError, "pytrees[1]");
  assertThrows(() => vn.combine(), vn.ArgumentError, "at least one tree");
  assertEquals(vn.combine([1, null]), [1, null]);
});

Deno.test("combine takes nodes whole that isLeaf says are leaves", () => {
  const isLeaf = (x: unknown) => Array.isArray(x) && x.length === 2;
  const [a, b] = [{ x: [1, 2] }, { x: [3, 4] }];
  assertStrictEquals(vn.combine<unknown>(a, b, vn.kwargs({ isLeaf })) !== a, true);
  assertEquals(vn.combine<unknown>({ x: null }, b, { isLeaf }), b);
});

Deno.test("partition and combine work on Modules, without their constructors", () => {
  let made = 0;
  class Counted extends vn.Module {
    w = np.ones([2]);
    f = Math.tanh;
    constructor() {
      super();
      made++;
    }
  }
  const model = new Counted();
  const [arrays, rest] = vn.partition(model, vn.isArray);
  assertEquals([arrays.f, rest.w], [null, null] as never);
  const whole = vn.combine(arrays, rest);
  assert(whole instanceof Counted);
  assertStrictEquals(whole.w, model.w);
  assertStrictEquals(whole.f, Math.tanh);
  assertEquals(made, 1);
});

Deno.test("updates may be given for a prefix, and are added as arithmetic adds", () => {
  const model = { a: [np.array([1, 2])], n: 3, big: 2n, host: new Float32Array([1]) };
  const updated = vn.applyUpdates(model, { a: null, n: 0.5, big: 1n, host: np.array([1]) });
  assertStrictEquals(updated.a[0], model.a[0]);
  assertEquals([updated.n, updated.big], [3.5, 3n]);
  assertEquals((updated.host as unknown as vn.NDArray).tolist(), [2]);
  assertEquals(np.array([1]).dtype, "float32");
  assertThrows(
    () => vn.applyUpdates({ a: 1 }, { a: 1, b: 2 }),
    vn.TreeError,
    'applyUpdates: at model: key "b" is missing',
  );
  assertThrows(
    () => vn.applyUpdates({ a: [1] }, { a: 1 }),
    vn.ArgumentError,
    "model.a: cannot add an update to an array of length 1",
  );
  assertThrows(
    () => vn.applyUpdates({ f: Math.tanh }, { f: 1 }),
    vn.ArgumentError,
    "cannot add an update to function tanh",
  );
});
