/**
 * `explainRetraces`, the cache of programs, `clearCaches`.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { compilationCount } from "../../src/runtime/jit_backend.ts";

const { numpy: np } = vn;

const x = np.array([1, 2, 3]);
const key = vn.random.key(0);

/** Runs `fn` without its warnings, which it returns. */
function silently(fn: () => void): string[] {
  const seen: string[] = [];
  const previous = vn.setWarningHandler((m) => seen.push(m));
  try {
    fn();
  } finally {
    vn.setWarningHandler(previous);
  }
  return seen;
}

/** The changes that led to the last trace of `f`. */
function lastChanges(f: unknown): string[] {
  return vn.explainRetraces(f).at(-1)!.changes.map((c) => `${c.path}: ${c.was} -> ${c.is}`);
}

Deno.test("explainRetraces: the argument's path, what it was, what it is, for each kind of change", () => {
  const f = vn.filterJit(function f(x: unknown, o: unknown) {
    return [x, o];
  });
  assertEquals(vn.explainRetraces(f), []);
  silently(() => {
    f(x, { by: 2, how: "sum" });
    assertEquals(vn.explainRetraces(f).map(String), ["trace 1: the first"]);
    f(x, { by: 3, how: "sum" });
    assertEquals(lastChanges(f), ["args[1].by: 2 -> 3"]);
    f(np.ones([4]), { by: 3, how: "sum" });
    assertEquals(lastChanges(f), ["args[0]: f32[3] -> f32[4]"]);
    f(np.array([1, 2, 3], { dtype: "int32" }), { by: 3, how: "mean" });
    assertEquals(lastChanges(f), [
      "args[0]: f32[4] -> i32[3]",
      'args[1].how: "sum" -> "mean"',
    ]);
    f(2, { by: 3, how: "sum" });
    assertEquals(lastChanges(f), ["args[0]: f32[4] -> 2"]);
    f([x], { by: 3, how: "sum" });
    assertEquals(lastChanges(f), ["args[0]: a leaf -> an array of length 1"]);
    f(x, { by: 3 });
    assertEquals(lastChanges(f)[0].slice(0, 7), "args[0]");
    f(x, { by: () => 1, how: "sum" });
    f(x, { by: () => 1, how: "sum" });
    assertEquals(lastChanges(f), ["args[1].by: the function by -> another: function by"]);
  });
});

Deno.test("explainRetraces: compares with the nearest earlier trace, not the last", () => {
  const f = vn.filterJit((x: vn.NDArray, a: number, b: number) => x.mul(a).add(b));
  silently(() => {
    f(x, 1, 1);
    f(np.ones([5]), 7, 7);
    f(x, 1, 2);
  });
  const last = vn.explainRetraces(f)[2];
  assertEquals(last.nearest, 1);
  assertEquals(last.changes, [{ path: "args[2]", was: "1", is: "2" }]);
  assertEquals(String(last), "trace 3: args[2] was 1, is 2 (compared with trace 1)");
});

Deno.test("explainRetraces: Modules, the function's own arrays, and named axes", () => {
  const make = (width: number) => new vn.nn.Linear(3, width, { key });
  const of = vn.filterJit((m: vn.nn.Linear) => m.call(x));
  of(make(2));
  of(make(4));
  const changes = lastChanges(of);
  assertEquals(changes[0].split(":")[0], "args[0]");
  const model = vn.filterJit((scale: { w: vn.NDArray }) => scale.w);
  model({ w: np.ones([2]) });
  model({ w: np.ones([3]) });
  assertEquals(lastChanges(model), ["args[0].w: f32[2] -> f32[3]"]);
  const inner = vn.filterJit((x: vn.NDArray) => x.mul(2));
  inner(np.array(1));
  vn.filterVmap((x: vn.NDArray) => inner(x), { axisName: "i" })(x);
  assertEquals(lastChanges(inner)[0].startsWith("the named axes in force: none -> "), true);
});

Deno.test("explainRetraces: a function that closes over a value in progress is never kept, and says so", () => {
  let inner: ((x: vn.NDArray) => vn.NDArray) | null = null;
  const outer = (y: vn.NDArray) => {
    inner ??= vn.filterJit((x: vn.NDArray) => x.mul(y));
    return inner(x).sum();
  };
  vn.filterGrad(outer)(np.array(2));
  assertThrows(() => vn.filterGrad(outer)(np.array(2)), vn.TracerError);
  const records = vn.explainRetraces(inner);
  assertEquals(records.length, 2);
  assert(String(records[1]).includes("closes over a value of a transformation in progress"));
});

Deno.test("explainRetraces: tells one wrapper's traces from another's, through decorators and other wrappers", () => {
  const f = (x: vn.NDArray) => x.mul(x).sum();
  const [value, grad] = [vn.filterJit(f), vn.filterJit(vn.filterGrad(f))];
  value(x);
  grad(x);
  grad(np.ones([2]));
  assertEquals(vn.explainRetraces(value).length, 1);
  assertEquals(vn.explainRetraces(vn.filterJit(vn.filterGrad(f))).length, 2);
  class Net extends vn.Module {
    @vn.filterJit
    run(x: vn.NDArray): vn.NDArray {
      return x.mul(2);
    }
  }
  const net = new Net();
  net.run(x);
  net.run(np.ones([2]));
  assertEquals(lastChanges(net.run), ["args[1]: f32[3] -> f32[2]"]);
  assertEquals(vn.explainRetraces(vn.filterVmap(value)).length, 1);
  assertThrows(
    () => vn.explainRetraces(f),
    vn.ArgumentError,
    "explainRetraces: expected a function made by filterJit, or a method decorated with it; got the function f",
  );
});

Deno.test("the warning from the third retrace says what explainRetraces says", () => {
  const f = vn.filterJit(function scaled(x: vn.NDArray, by: number) {
    return x.mul(by);
  });
  const seen = silently(() => {
    for (let i = 0; i < 4; i++) f(x, i);
  });
  const [, reason] = String(vn.explainRetraces(f).at(-1)).split(/: (.*)/);
  assertEquals(seen.length, 1);
  assert(seen[0].includes(`filterJit(scaled) is traced for the 4th time`), seen[0]);
  assert(seen[0].includes(reason) && reason.startsWith("args[1] was 2, is 3"), seen[0]);
});

// ---------------------------------------------------------------- equal jaxprs

/** How often `fn` compiles. */
function compilations(fn: () => void): number {
  const before = compilationCount();
  fn();
  return compilationCount() - before;
}

Deno.test("two conversions of the same closure hit the cache: one trace, one program, each its own constants", () => {
  let traces = 0;
  const run = vn.filterJit((g: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray) => {
    traces++;
    return g(x);
  });
  const convert = (z: vn.NDArray) =>
    vn.filterClosureConvert((y: vn.NDArray) => vn.nn.relu(y.add(z)).mul(np.sin(z)), x);
  vn.clearCaches();
  const made = compilations(() => {
    for (let i = 1; i <= 3; i++) {
      const z = np.array([i, i, i]);
      const out = run(convert(z), x);
      assert(np.allclose(out, x.add(z).mul(np.sin(z))).item());
    }
  });
  assertEquals([traces, made], [1, 1]);
  const other = vn.filterClosureConvert((y: vn.NDArray) => y.sub(x), x);
  run(other, x);
  assertEquals(traces, 2);
  assertEquals(vn.tree.structure(convert(x)).equals(vn.tree.structure(convert(x.mul(2)))), true);
  assertEquals(vn.tree.structure(convert(x)).equals(vn.tree.structure(other)), false);
});

Deno.test("conversions differ where their static arguments, results or literals do", () => {
  const of = (by: number, tag: string) =>
    vn.tree.structure(
      vn.filterClosureConvert((y: vn.NDArray, n: number) => ({ y: y.mul(n).add(by), tag }), x, 2),
    );
  assertStrictEquals(of(1, "a").equals(of(1, "a")), true);
  assertStrictEquals(of(1, "a").equals(of(2, "a")), false);
  assertStrictEquals(of(1, "a").equals(of(1, "b")), false);
  assertStrictEquals(of(0, "a").equals(of(-0, "a")), false);
});

Deno.test("conversions of custom rules and inner calls compare by their rules and inner jaxprs", () => {
  const own = vn.filterCustomJvp((x: vn.NDArray) => x.mul(2));
  own.defJvp(([x], [t]) => [own(x), t]);
  const inner = vn.filterJit((x: vn.NDArray) => x.add(1));
  const f = () => vn.filterClosureConvert((y: vn.NDArray) => own(inner(vn.nn.softmax(y))), x);
  const g = () => vn.filterClosureConvert((y: vn.NDArray) => own(vn.nn.softmax(y)), x);
  const same = (a: unknown, b: unknown) => vn.tree.structure(a).equals(vn.tree.structure(b));
  assert(same(f(), f()) && same(g(), g()) && !same(f(), g()));
  const mapped = () =>
    vn.filterClosureConvert((y: vn.NDArray) => vn.filterVmap((v: vn.NDArray) => own(v))(y), x);
  assert(same(mapped(), mapped()));
});

Deno.test("structurally equal jaxprs compile once, whoever traced them", () => {
  vn.clearCaches();
  let traces = 0;
  const step = (n: number) => (x: vn.NDArray) => {
    traces++;
    return np.tanh(x).mul(n).sum();
  };
  const made = compilations(() => {
    for (let i = 0; i < 3; i++) vn.filterJit(step(2))(x);
  });
  assertEquals([traces, made], [3, 1]);
  assertEquals(compilations(() => vn.filterJit(step(3))(x)), 1, "another literal");
  assertEquals(compilations(() => vn.filterJit(step(2))(np.ones([4]))), 1, "another shape");
  const donating = (donate: vn.Donate) =>
    vn.filterJit((x: vn.NDArray) => x.mul(5), { donate })(np.ones([64]));
  assertEquals(compilations(() => donating("none")), 1);
  assertEquals(compilations(() => donating("all")), 1, "another donation");
  assertEquals(compilations(() => donating("none")), 0);
  const jvp = (f: (x: vn.NDArray) => vn.NDArray) => vn.filterJit(vn.filterGrad(f))(x);
  assertEquals(compilations(() => jvp(step(2))), 1);
  assertEquals(compilations(() => jvp(step(2))), 0);
});

Deno.test("programs are not mixed up: equal shapes, different operations, orders and outputs", () => {
  const y = np.array([4, 5, 6]);
  const run = (f: (x: vn.NDArray, y: vn.NDArray) => unknown) => vn.filterJit(f)(x, y);
  const list = (v: unknown) => vn.tree.map((a: vn.NDArray) => a.tolist(), v as vn.NDArray);
  assertEquals(list(run((x, y) => x.sub(y))), [-3, -3, -3]);
  assertEquals(list(run((x, y) => y.sub(x))), [3, 3, 3]);
  assertEquals(list(run((x, y) => x.add(y))), [5, 7, 9]);
  assertEquals(list(run((x, y) => [x.add(y), x])), [[5, 7, 9], [1, 2, 3]]);
  assertEquals(list(run((x, y) => [x, x.add(y)])), [[1, 2, 3], [5, 7, 9]]);
  const weak = vn.filterJit(() => np.array(1).astype("float32"))();
  assertEquals(weak.weakType, false);
});

Deno.test("clearCaches: a compiled function is traced and compiled anew, and what was compiled ahead of time lives on", () => {
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray) => {
    traces++;
    return x.mul(3);
  });
  const compiled = f.lower(x).compile();
  f(x);
  f(x);
  assertEquals(traces, 2);
  vn.clearCaches();
  assertEquals(compilations(() => f(x)), 1);
  assertEquals(traces, 3);
  assertEquals(f(x).tolist(), [3, 6, 9]);
  assertEquals(compiled(x).tolist(), [3, 6, 9]);
  assertEquals(traces, 3);
  assertEquals(vn.explainRetraces(f).length, 1);
});

Deno.test("explainRetraces: a weakly typed array is told from a strongly typed one", () => {
  const f = vn.filterJit((x: vn.NDArray) => x.mul(2));
  f(vn.numpy.array(1));
  f(vn.numpy.multiply(1, 2.5));
  assertEquals(
    String(vn.explainRetraces(f)[1]),
    "trace 2: args[0] was f32[], is weak_f32[] (compared with trace 1)",
  );
});
