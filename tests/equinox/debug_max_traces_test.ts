/**
 * Equinox's tests of `debug.assert_max_traces`, by behaviour.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, debug } = vn;

Deno.test("equinox/debug/test_max_traces: one trace too many throws, and names the argument that changed", () => {
  const f = vn.filterJit(
    debug.assertMaxTraces(function double(x: vn.NDArray, o: { n: number }) {
      return x.mul(o.n);
    }, { maxTraces: 1 }),
  );
  assertEquals(debug.getNumTraces(f), 0);
  assertEquals(f(np.array([1, 2]), { n: 2 }).tolist(), [2, 4]);
  assertEquals(f(np.array([3, 4]), { n: 2 }).tolist(), [6, 8]);
  assertEquals(debug.getNumTraces(f), 1);
  assertThrows(
    () => f(np.array([1, 2, 3]), { n: 2 }),
    vn.ArgumentError,
    "debug.assertMaxTraces: double may be traced once, and is being traced once more (2 times now): args[0] was f32[2], is f32[3] (compared with trace 1)",
  );
  assertThrows(() => f(np.array([1, 2]), { n: 3 }), vn.ArgumentError, "args[1].n was 2, is 3");
  assertEquals(debug.getNumTraces(f), 3);
  assertEquals(f(np.array([5, 6]), { n: 2 }).tolist(), [10, 12]);
});

Deno.test("equinox/debug/test_max_traces: any number of traces is counted, nothing but a count is allowed", () => {
  const f = debug.assertMaxTraces({ maxTraces: null })((x: vn.NDArray) => x.add(1));
  for (let i = 0; i < 5; i++) f(np.array(i));
  assertEquals(debug.getNumTraces(f), 5);
  const none = debug.assertMaxTraces((x: vn.NDArray) => x, { maxTraces: 0 });
  assertThrows(
    () => none(np.array(1)),
    vn.ArgumentError,
    "may be traced 0 times, and is being traced once more (once now): the first",
  );
  for (const maxTraces of [1.5, -1, "2", undefined]) {
    assertThrows(
      () => debug.assertMaxTraces((x: vn.NDArray) => x, { maxTraces } as never),
      vn.ArgumentError,
      "debug.assertMaxTraces: maxTraces must be a whole number, or null for any number",
    );
  }
  assertThrows(
    () => debug.getNumTraces((x: vn.NDArray) => x),
    vn.ArgumentError,
    "expected a function wrapped in debug.assertMaxTraces",
  );
});

Deno.test("equinox/debug/test_max_traces_clone: copies made by flattening share the count; wrappers of one function do not", () => {
  const f = (x: vn.NDArray) => x.add(1);
  const first = debug.assertMaxTraces(f, { maxTraces: 2 });
  const [leaves, treedef] = vn.tree.flatten(first);
  const clone = vn.tree.unflatten(treedef, leaves) as typeof first;
  first(np.array(1));
  clone(np.array(1));
  assertEquals([debug.getNumTraces(first), debug.getNumTraces(clone)], [2, 2]);
  assertThrows(() => clone(np.array(1)), vn.ArgumentError, "nothing that is visible differs");
  const second = debug.assertMaxTraces(f, { maxTraces: 2 });
  assertEquals(debug.getNumTraces(second), 0);
});

Deno.test("equinox/debug/test_max_traces: a Module is wrapped too, its arrays still inputs", () => {
  const model = new vn.nn.Linear(2, 2, { key: vn.random.key(0) });
  const f = vn.filterJit(debug.assertMaxTraces(model, { maxTraces: 1 }));
  f(np.ones([2]));
  f(np.zeros([2]));
  assertEquals(debug.getNumTraces(f), 1);
});
