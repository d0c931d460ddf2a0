/**
 * The faults of the reference that are not copied, each by its number in the list of the specification, with what is decided instead.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as vn from "../../mod.ts";
import { noinline } from "../../src/internal/mod.ts";

const { numpy: np, random, nn } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
type Any = any;

Deno.test("fault 1: static arguments compare by Object.is: 1 and true, 0 and -0 are two, NaN is one", () => {
  let traces = 0;
  const f = vn.filterJit((x: unknown) => {
    traces++;
    return x;
  });
  assertEquals([f(1), f(true), f(1), f(true)], [1, true, 1, true]);
  assertEquals(traces, 2);
  const warnings: string[] = [];
  const previous = vn.setWarningHandler((m) => warnings.push(m));
  assert(Object.is(f(0), 0) && Object.is(f(-0), -0));
  assertEquals(traces, 4);
  assert(Number.isNaN(f(NaN)) && Number.isNaN(f(0 / 0)));
  assertEquals(traces, 5);
  vn.setWarningHandler(previous);
  assert(warnings[0].includes("was 0, is -0"), warnings[0]);
});

Deno.test("fault 2: a function compiled ahead of time refuses another static argument than it was compiled for", () => {
  const f = vn.filterJit((x: vn.NDArray, k: number, { by }: { by: string }) =>
    x.mul(k).add(by.length)
  );
  const compiled = f.lower(np.array(3), 2, vn.kwargs({ by: "ab" })).compile();
  assertEquals(value(compiled(np.array(4), 2, vn.kwargs({ by: "ab" }))), 10);
  const refuses = (parts: string[], ...args: Any[]) => {
    const { message } = assertThrows(() => (compiled as Any)(...args), vn.ArgumentError) as Error;
    for (const part of parts) assert(message.includes(part), message);
  };
  refuses(["args[1] was 2", "is 5"], np.array(4), 5, vn.kwargs({ by: "ab" }));
  refuses(['"ab"', '"abc"'], np.array(4), 2, vn.kwargs({ by: "abc" }));
});

Deno.test("fault 3: what is differentiated is told by tracing, not by the type a user passed", () => {
  let backward = 0;
  const f = vn.filterCustomVjp((x: vn.NDArray) => np.square(x));
  f.defFwd((_perturbed, x) => [np.square(x), x]);
  f.defBwd((x, ct) => {
    backward++;
    return ct.mul(x).mul(3);
  });
  assertEquals(value(vn.grad(f)(3)), 9);
  assertEquals(value(vn.jit(vn.grad(f))(3)), 9);
  assertEquals(backward, 2);
});

/** Runs `fn` with logical devices. */
async function onDevices(count: number, fn: () => void): Promise<void> {
  await vn.init("cpu", { devices: count });
  try {
    fn();
  } finally {
    await vn.init("cpu", { devices: 1 });
  }
}

Deno.test("fault 4: axes of filterPmap count from either end", async () => {
  await onDevices(4, () => {
    const x = np.arange(8).reshape(4, 2).astype("float32");
    const twice = (row: vn.NDArray) => row.mul(2);
    for (const outAxes of [0, 1, -1, -2]) {
      const mapped = vn.filterPmap(twice, { outAxes })(x);
      const expected = vn.filterVmap(twice, { outAxes })(x);
      assertEquals([mapped.shape, value(mapped)], [expected.shape, value(expected)]);
    }
    assertEquals(value(vn.filterPmap(twice, { inAxes: -2 })(x)), value(x.mul(2)));
    assertThrows(() => vn.filterPmap(twice, { outAxes: 2 })(x), vn.VernalError, "outAxes 2");
  });
});

Deno.test("fault 5: filterPmap refuses to give one device's value for that of all", async () => {
  await onDevices(2, () => {
    const x = np.array([1, 2]);
    const f = vn.filterPmap((a: vn.NDArray) => ({ out: a.mul(2) }), { outAxes: null });
    assertThrows(() => f(x), vn.ArgumentError, "output.out");
    const whole = vn.filterPmap((a: vn.NDArray) => vn.lax.psum(a, "i"), {
      outAxes: null,
      axisName: "i",
    });
    assertEquals(value(whole(x)), 3);
  });
});

Deno.test("fault 6: a callback under a map is called example by example, and with vectorized once", () => {
  const seen: (readonly number[])[] = [];
  const double = (x: vn.NDArray) => {
    seen.push(x.shape);
    return x.mul(2);
  };
  const call = (options: object) =>
    vn.filterVmap((x: vn.NDArray) => {
      const resultShapeDtypes = new vn.ShapeDtypeStruct([], "float32");
      return vn.filterPureCallback(double, x, vn.kwargs({ resultShapeDtypes, ...options }));
    });
  const xs = np.array([1, 2, 3]);
  for (const wrap of [(f: Any) => f, vn.filterJit as Any]) {
    seen.length = 0;
    assertEquals(value(wrap(call({}))(xs)), [2, 4, 6]);
    assertEquals(seen, [[], [], []]);
    assertEquals(value(wrap(call({ vectorized: true }))(xs)), [2, 4, 6]);
    assertEquals(seen.slice(3), [[3]]);
  }
});

Deno.test("fault 7: saveAnythingExceptTheseNames saves everything but the names", () => {
  const f = (x: vn.NDArray) =>
    np.exp(vn.checkpointName(np.sin(x), "a").mul(vn.checkpointName(np.cos(x), "b")));
  const count = (...names: string[]) => {
    const policy = vn.checkpointPolicies.saveAnythingExceptTheseNames(...names);
    return vn.debug.savedResiduals(vn.filterCheckpoint(f, { policy }), np.ones([3])).length;
  };
  const all = vn.debug.savedResiduals(f, np.ones([3])).length;
  assertEquals([count("c"), count("a", "b") < all], [all, true]);
});

Deno.test("fault 8: a program waits for the host only where it has a check or a callback", () => {
  const x = np.ones([3]);
  const plain = vn.filterJit((x: vn.NDArray) => np.sin(x));
  const checked = vn.filterJit((x: vn.NDArray) => np.sin(vn.errorIf(x, x.greater(2), "too large")));
  assert(!plain.lower(x).wat().includes("callback"));
  assert(checked.lower(x).wat().includes("callback"));
  assertThrows(() => checked(x.mul(3)), vn.VernalError, "too large");
});

Deno.test("fault 9: a field of a Module cannot be deleted", () => {
  const layer = new nn.Linear(2, 2, { key: random.key(0) });
  assertThrows(() => delete (layer as Any).weight);
  assert(layer.weight instanceof vn.NDArray);
});

Deno.test("fault 10: rotary embeddings of another theta are others", () => {
  const x = random.normal(random.key(0), [4, 8]);
  const [a, b, again] = [10000, 100, 10000].map((theta) =>
    new nn.RotaryPositionalEmbedding(8, { theta }).call(x)
  );
  assertEquals([a.shape, b.shape], [[4, 8], [4, 8]]);
  assert(String(value(a)) !== String(value(b)));
  assertEquals(value(again), value(a));
});

Deno.test("fault 11: aux of every jacobian may be anything", () => {
  const token = Symbol("token");
  const f = (x: vn.NDArray) => [x.mul(x).sum(), ["text", token, x, null, 3]];
  const x = np.array([1, 2]);
  for (const transform of [vn.filterJacfwd, vn.filterJacrev, vn.filterHessian]) {
    const run = transform(f as Any, { hasAux: true }) as Any;
    for (const g of [run, vn.filterJit(run) as Any]) {
      const [jacobian, aux] = g(x);
      assertEquals(value(jacobian), transform === vn.filterHessian ? [[2, 0], [0, 2]] : [2, 4]);
      assertEquals(aux.map(value), ["text", token, [1, 2], null, 3]);
    }
  }
});

Deno.test("fault 12: the jacobian of an argument without floating leaves is null in every place", () => {
  const arg = { n: 3, s: "s", i: np.array([1, 2], { dtype: "int32" }) };
  const nothing = { n: null, s: null, i: null };
  const f = (t: typeof arg) => ({ out: t.i.astype("float32").mul(2) });
  const scalar = (t: typeof arg) => t.i.astype("float32").sum();
  assertEquals(vn.filterJacfwd(f)(arg), { out: nothing });
  assertEquals(vn.filterJacrev(f)(arg), { out: nothing });
  assertEquals(vn.filterHessian(scalar)(arg), nothing);
  assertEquals(vn.filterGrad(scalar)(arg) as Any, nothing);
});

Deno.test("fault 13: rules are held to shape and dtype of primals and cotangents, at once and compiled", () => {
  const x = np.array([1, 2]);
  const backward = (bwd: (ct: vn.NDArray) => unknown) => {
    const f = vn.filterCustomVjp((x: vn.NDArray) => x.mul(2));
    f.defFwd((_p, x) => [x.mul(2), null]);
    f.defBwd((_r, ct) => bwd(ct));
    return vn.filterGrad((x: vn.NDArray) => f(x).sum());
  };
  const forward = (rule: (x: vn.NDArray, t: vn.NDArray) => [unknown, unknown]) => {
    const f = vn.filterCustomJvp((x: vn.NDArray) => x.mul(2));
    f.defJvp(([x], [t]) => rule(x, t));
    return vn.filterGrad((x: vn.NDArray) => f(x).sum());
  };
  const rows: [Any, new (m: string) => Error, string][] = [
    [backward((ct) => ct.astype("int32")), vn.DTypeError, "i32[2]"],
    [backward((ct) => ct.sum()), vn.ShapeError, "f32[]"],
    [forward((x, t) => [x.sum(), t.sum()]), vn.ShapeError, "f32[]"],
    [forward((x, t) => [x.astype("float64"), t]), vn.DTypeError, "f64[2]"],
    [forward((x, t) => [x.mul(2), t.astype("float64")]), vn.DTypeError, "f64[2]"],
  ];
  for (const [grad, cls, came] of rows) {
    for (const run of [grad, vn.filterJit(grad) as Any]) {
      const { message } = assertThrows(() => run(x), cls) as Error;
      assert(message.includes("f32[2]") && message.includes(came), message);
    }
  }
});

Deno.test("fault 14: an option that filterPmap refuses is refused by filterPmap's name", () => {
  const { message } = assertThrows(
    () => vn.filterPmap((x: vn.NDArray) => x, { donate: "some" as never }),
    vn.ArgumentError,
  ) as Error;
  assert(message.startsWith("filterPmap: ") && !message.includes("filterJit"), message);
});

Deno.test("fault 15: filterMakeJaxpr traces arrays and ShapeDtypeStructs, and nothing that only looks like one", () => {
  class Duck {
    readonly shape = [2];
    readonly dtype = "float32";
  }
  const duck = new Duck();
  const struct = new vn.ShapeDtypeStruct([2], "float32");
  const f = (x: vn.NDArray, d: unknown) => [x.mul(2), d];
  const [closed, structs, rest] = vn.filterMakeJaxpr(f)(struct as Any, duck);
  assertEquals(closed.jaxpr.invars.length, 1);
  assertEquals([String((structs as Any)[0]), (structs as Any)[1]], [String(struct), null]);
  assertStrictEquals((rest as Any)[1], duck);
});

Deno.test("fault 16: noinline gives back what is no array too, at once and compiled", () => {
  const f = noinline((x: vn.NDArray, k: number) => ({ y: x.mul(k), k, name: "f", none: null }));
  for (const g of [f, vn.filterJit(f)]) {
    const out = g(np.array(2), 3);
    assertEquals({ ...out, y: value(out.y) }, { y: 6, k: 3, name: "f", none: null } as Any);
  }
});

Deno.test("fault 17: treeAt refuses a place that is named twice", () => {
  const tree = [1, 2];
  assertThrows(
    () => vn.treeAt((t: number[]) => [t[0], t[0]] as Any, tree, [9, 8] as Any),
    vn.VernalError,
    "where",
  );
  assertEquals(vn.treeAt((t: number[]) => [t[0], t[1]] as Any, tree, [9, 8] as Any), [9, 8]);
});

Deno.test("fault 18: a static output is the object of the trace, in containers of each call; a tracer does not leave by it", () => {
  const f = vn.filterJit((x: vn.NDArray) => ({ token: new (class Token {})(), list: [x] }));
  const [a, b] = [f(np.array(1)), f(np.array(2))];
  assertStrictEquals(a.token, b.token);
  assertNotStrictEquals(a.list, b.list);
  assertEquals([value(a.list[0]), value(b.list[0])], [1, 2]);
  const leak = vn.filterJit((x: vn.NDArray) => () => x.add(1));
  const late = leak(np.array(1));
  assertThrows(() => late(), vn.TracerError, "after its function had returned");
  const inside = vn.filterJit((x: vn.NDArray) => new vn.Static(x.add(1)) as Any);
  const warned = vn.setWarningHandler(() => {});
  try {
    assertThrows(() => inside(np.array(1)), vn.TracerError, "f32[], in a static place");
  } finally {
    vn.setWarningHandler(warned);
  }
});
