/**
 * Functions of the host called from programs: when they are called and with what, their order, and what is left after one throws.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { debugCallback, ioCallbackP } from "../../src/control/callback.ts";
import { bind, bind1 } from "../../src/core/trace.ts";
import { shapedArray } from "../../src/core/aval.ts";
import { collect } from "../runtime/helpers.ts";

const { kwargs, lax, numpy: np } = vn;
const struct = (shape: number[], dtype: vn.DType = "float32") =>
  new vn.ShapeDtypeStruct(shape, dtype);

/** Calls `fn` on the host; its result is like `x`. */
function host(fn: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray): vn.NDArray {
  return vn.filterPureCallback(fn, x, kwargs({ resultShapeDtypes: struct([...x.shape], x.dtype) }));
}

/** Both ways to run a function: at once, and compiled. */
function both<A extends unknown[]>(
  fn: (...args: A) => vn.NDArray,
): readonly ((...args: A) => vn.NDArray)[] {
  return [fn, vn.filterJit(fn)];
}

const dtypes: readonly vn.DType[] = [
  ...["float16", "bfloat16", "float32", "float64", "bool"] as const,
  ...["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const,
];

Deno.test("a callback gets arrays of every dtype, small and large, and its results come back", () => {
  for (const size of [0, 1, 5, 100]) {
    for (const dtype of dtypes) {
      const x = np.arange(size).astype(dtype);
      const seen: vn.NDArray[] = [];
      for (const f of both((x: vn.NDArray) => host((a) => (seen.push(a), a), x))) {
        assertEquals(f(x).tolist(), x.tolist(), `${dtype}[${size}]`);
      }
      // Nobody needs to be asked for results without elements.
      const times = size === 0 ? 1 : 2;
      assertEquals(seen.map((a) => [a.dtype, a.shape]), Array(times).fill([dtype, [size]]));
    }
  }
});

Deno.test("what a callback keeps stays valid after the program's memory is used again", () => {
  const kept: vn.NDArray[] = [];
  const f = vn.filterJit((x: vn.NDArray) => host((a) => (kept.push(a), a), x.mul(2)).sum());
  for (let i = 1; i <= 5; i++) f(np.full([500], i));
  assertEquals(kept.map((x) => x.get(499).item()), [2, 4, 6, 8, 10]);
});

Deno.test("a callback is called in each turn of scan, while and the branch taken", () => {
  const calls: number[] = [];
  const note = (x: vn.NDArray) => host((a) => (calls.push(a.item()), a.add(1)), x);
  const scanned = (x: vn.NDArray) =>
    lax.scan((c: vn.NDArray, _: null) => [note(c), null], x, null, { length: 3 })[0];
  const looped = (x: vn.NDArray) => lax.whileLoop((c) => c.less(3), note, x);
  const branched = (x: vn.NDArray) => lax.cond(x.less(5), note, (y: vn.NDArray) => y.mul(2), x);
  for (
    const [fn, expected, result] of [[scanned, [0, 1, 2], 3], [looped, [0, 1, 2], 3], [
      branched,
      [0],
      1,
    ]] as const
  ) {
    for (const f of both(fn)) {
      calls.length = 0;
      assertEquals(f(np.array(0)).item(), result);
      assertEquals(calls, [...expected]);
    }
  }
  calls.length = 0;
  assertEquals(vn.filterJit(branched)(np.array(7)).item(), 14);
  assertEquals(calls, []);
});

Deno.test("a callback whose result is unused is dropped; one with effects stays and keeps its order", () => {
  const calls: string[] = [];
  const effect = (name: string, x: vn.NDArray) =>
    debugCallback([x], ([a]) => (calls.push(`${name}${a.item()}`), []));
  const f = vn.filterJit((x: vn.NDArray) => {
    host((a) => (calls.push("pure"), a), x);
    effect("a", x.mul(10));
    effect("b", x);
    const [carry] = lax.scan(
      (c: vn.NDArray, _: null) => {
        effect("turn", c);
        return [c.add(1), null];
      },
      x,
      null,
      { length: 2 },
    );
    effect("c", carry);
    // Nobody reads what this loop gives.
    lax.foriLoop(0, 2, (i, c: vn.NDArray) => (effect("i", i), c), x);
    effect("d", x);
    return x;
  });
  f(np.array(1));
  assertEquals(calls, ["a10", "b1", "turn1", "turn2", "c3", "i0", "i1", "d1"]);
});

Deno.test("io_callback gives results, and is called though nobody reads them", () => {
  let count = 0;
  const next = () =>
    bind1(ioCallbackP, [], {
      callback: () => [np.array(++count)],
      resultAvals: [shapedArray([], "float32")],
      vmapMethod: "sequential",
    });
  const f = vn.filterJit((x: vn.NDArray) => {
    next();
    return x.add(next());
  });
  assertEquals(f(np.array(10)).item(), 12);
  assertEquals(f(np.array(10)).item(), 14);
  assertThrows(
    () =>
      vn.jvp(
        (x: vn.NDArray) =>
          bind(ioCallbackP, [x], {
            callback: ([a]) => [a],
            resultAvals: [shapedArray([], "float32")],
            vmapMethod: "sequential",
          })[0],
        [np.array(1)],
        [np.array(1)],
      ),
    vn.DifferentiationError,
    "filterCustomJvp",
  );
});

Deno.test("what vmap makes of a callback: the shapes that it sees", () => {
  const shapes: unknown[] = [];
  const call = (options: object, single: boolean) => (x: vn.NDArray, y: vn.NDArray) =>
    vn.filterPureCallback(
      (a: vn.NDArray, b: vn.NDArray) => {
        shapes.push([a.shape, b.shape]);
        return single ? a.add(b) : np.broadcastTo(a.add(b), [3]);
      },
      x,
      y,
      kwargs({ resultShapeDtypes: struct([]), ...options }),
    );
  const each = [[], []];
  for (
    const [options, expected] of [
      [{}, [each, each, each]],
      [{ vectorized: false }, [each, each, each]],
      [{ vmapMethod: "sequential" }, [each, each, each]],
      [{ vmapMethod: "sequential_unrolled" }, [each, each, each]],
      [{ vectorized: true }, [[[3], []]]],
      [{ vmapMethod: "legacy_vectorized" }, [[[3], []]]],
      [{ vmapMethod: "expand_dims" }, [[[3], [1]]]],
      [{ vmapMethod: "broadcast_all" }, [[[3], [3]]]],
    ] as const
  ) {
    const mapped = vn.filterVmap(call(options, expected.length > 1), { inAxes: [0, null] });
    for (const f of both(mapped)) {
      shapes.length = 0;
      assertEquals(f(np.array([1, 2, 3]), np.array(10)).tolist(), [11, 12, 13]);
      assertEquals(shapes, expected as unknown);
    }
  }
});

Deno.test("vmap of vmap, and of no examples", () => {
  const f = vn.filterVmap(vn.filterVmap((x: vn.NDArray, y: vn.NDArray) =>
    vn.filterPureCallback(
      (a: vn.NDArray, b: vn.NDArray) => a.mul(b),
      x,
      y,
      kwargs({ resultShapeDtypes: struct([]) }),
    ), { inAxes: [0, null] }));
  const [x, y] = [np.arange(6).reshape(2, 3).astype("float32"), np.array([10, 100])];
  for (const g of both(f)) {
    assertEquals(g(x, y).tolist(), [[0, 10, 20], [300, 400, 500]]);
    assertEquals(g(np.zeros([0, 3]), np.zeros([0])).shape, [0, 3]);
  }
});

Deno.test("an exception of a callback comes out of the call with its cause, and nothing is lost", async () => {
  const cause = new RangeError("no such word");
  let fail = true;
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => {
    const z = host((a) => {
      if (fail) throw cause;
      return a;
    }, x.mul(2));
    return [z.add(1), y.add(1)];
  }, { donate: "all" });
  for (const n of [3, 1000]) {
    const [x, y] = [np.full([n], 2), np.full([n], 5)];
    fail = true;
    f.lower(x, y);
    await collect();
    const before = vn.memory().liveBuffers;
    const failing = () => {
      const error = assertThrows(() => f(x, y), vn.CallbackError, "threw RangeError: no such word");
      assertStrictEquals(error.cause, cause);
    };
    for (let i = 0; i < 3; i++) failing();
    // Only the arrays that the callback was given waited for the collector: it might have kept them.
    assert(vn.memory().liveBuffers <= before + 3);
    for (let i = 0; i < 10 && vn.memory().liveBuffers > before; i++) await collect();
    assert(vn.memory().liveBuffers <= before, `${vn.memory().liveBuffers}, before ${before}`);
    // Both were donated; they are as they were.
    assertEquals([x.get(0).item(), y.get(n - 1).item()], [2, 5]);
    fail = false;
    const [z, w] = f(x, y);
    assertEquals([z.get(0).item(), w.get(0).item()], [5, 6]);
    // The call that succeeded has taken them.
    assert(x.isDeleted || y.isDeleted);
  }
});

Deno.test("a callback that deletes an argument of the call that is running does no harm", () => {
  const x = np.ones([1000]);
  const f = vn.filterJit((a: vn.NDArray) => {
    const b = host((v) => {
      x.delete();
      for (let i = 0; i < 20; i++) np.full([1000], 7);
      return v;
    }, a.get(0));
    return a.add(b);
  });
  assertEquals(f(x).sum().item(), 2000);
  assert(x.isDeleted);
});

Deno.test("a callback may call the program that calls it", () => {
  const f = vn.filterJit((n: vn.NDArray): vn.NDArray =>
    host((k) => k.item() <= 1 ? np.array(1) : np.array(k.item() * f(k.sub(1)).item()), n)
  );
  assertEquals(f(np.array(5)).item(), 120);
});

Deno.test("a callback that allocates until memory grows gets its program through", () => {
  const x = np.ones([1000]);
  const f = vn.filterJit((a: vn.NDArray) => {
    const b = host((v) => {
      let big = np.ones([1 << 21]);
      for (let i = 0; i < 8; i++) big = np.concatenate([big, np.ones([1 << 20])]);
      return v.mul(big.get(0));
    }, a.mul(2));
    return a.add(b);
  });
  assertEquals(f(x).sum().item(), 3000);
});

Deno.test("a program without callbacks imports nothing of the host", () => {
  const text = vn.filterJit((x: vn.NDArray) => x.add(1)).lower(np.ones([3])).wat();
  assert(!text.includes('"callback"'));
  const with_ = vn.filterJit((x: vn.NDArray) => host((a) => a, x)).lower(np.ones([3]));
  assert(with_.wat().includes('(import "env" "callback"'));
});

const f = (callback: (x: vn.NDArray) => unknown, resultShapeDtypes: unknown) => (x: vn.NDArray) =>
  vn.filterPureCallback(callback, x, kwargs({ resultShapeDtypes })) as vn.NDArray;

Deno.test("a callback that gives the wrong thing: the message says which leaf, what was expected, what came", () => {
  const cases: readonly [ReturnType<typeof f>, string][] = [
    [f(() => np.ones([3]), struct([2])), "result must be f32[2]; got f32[3]"],
    [f((a) => a.astype("int32"), struct([2])), "result must be f32[2]; got i32[2]"],
    [f(() => 1, struct([2])), "result must be an array f32[2]; got 1"],
    [f((a) => [a], struct([2])), "another structure than resultShapeDtypes"],
    [f((a) => ({ b: a }), { a: struct([2]) }), "another structure than resultShapeDtypes"],
    [f(() => null, struct([2])), "another structure than resultShapeDtypes"],
    [
      f((a) => [a, "no"], [struct([2]), "yes"]),
      'result[1] must be "yes", as in resultShapeDtypes; got "no"',
    ],
    [f((a) => [a, a], [struct([2]), "yes"]), "result[1]"],
    [f((a) => Promise.resolve(a), struct([2])), "must return its result at once"],
    [f((a) => (a.delete(), a), struct([2])), "result was deleted"],
  ];
  for (const [call, message] of cases) {
    for (const g of both(call)) {
      for (let i = 0; i < 2; i++) {
        assertThrows(() => g(np.ones([2])), vn.CallbackError, message);
      }
    }
  }
  const x = np.ones([2]);
  for (const g of both(f((a) => [a, "yes"], [struct([2]), "yes"]))) {
    assertEquals((g(x) as unknown as [vn.NDArray, string])[1], "yes");
  }
});

Deno.test("options of filterPureCallback are checked", () => {
  const x = np.ones([2]);
  const call = (options: object | null) => () =>
    vn.filterPureCallback((a: vn.NDArray) => a, x, ...(options === null ? [] : [kwargs(options)]));
  assertThrows(call(null), vn.ArgumentError, "resultShapeDtypes");
  assertThrows(call({ vectorized: true }), vn.ArgumentError, "resultShapeDtypes");
  const resultShapeDtypes = struct([2]);
  assertThrows(call({ resultShapeDtypes, vmapMethod: "no" }), vn.ArgumentError, '"expand_dims"');
  assertThrows(
    call({ resultShapeDtypes, vectorized: true, vmapMethod: "expand_dims" }),
    vn.ArgumentError,
    "not both",
  );
});

Deno.test("keyword arguments that are not its own reach the callback", () => {
  const scaled = (a: vn.NDArray, { by }: { by: number }) => a.mul(by);
  const out = vn.filterPureCallback(
    scaled,
    np.ones([2]),
    kwargs({ resultShapeDtypes: struct([2]), by: 3 }),
  );
  assertEquals(out.tolist(), [3, 3]);
});

Deno.test("a callback that closes over a traced array is told so", () => {
  const g = vn.filterJit((x: vn.NDArray) => host(() => x, x));
  assertThrows(() => g(np.ones([2])), vn.CallbackError, "closes over");
  const h = vn.filterJit((x: vn.NDArray) => host((a) => a.add(x), x));
  const error = assertThrows(() => h(np.ones([2])), vn.CallbackError, "TracerError");
  assert(error.cause instanceof vn.TracerError);
});

Deno.test("a callback has no derivative of its own; it gets one, or is cut off", () => {
  const sin = (x: vn.NDArray) => host((a) => np.sin(a), x);
  for (
    const transformed of [vn.grad(sin), vn.filterJit(vn.grad(sin)), vn.grad(vn.filterJit(sin))]
  ) {
    assertThrows(() => transformed(np.array(1)), vn.DifferentiationError, "filterPureCallback");
  }
  assertEquals(vn.grad((x: vn.NDArray) => x.mul(sin(lax.stopGradient(x))))(np.array(0)).item(), 0);
  const withRule = vn.filterCustomJvp(sin);
  withRule.defJvp(([x], [t]) => [
    sin(x as vn.NDArray),
    host((a) => np.cos(a), x as vn.NDArray).mul(t as vn.NDArray),
  ]);
  for (const g of both(vn.filterGrad((x: vn.NDArray) => withRule(x)))) {
    assertEquals(g(np.array(0)).item(), 1);
  }
});
