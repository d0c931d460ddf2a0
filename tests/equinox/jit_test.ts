/**
 * The behaviours of Equinox's `test_jit.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random } = vn;

/** A counter of traces: a function body runs once for each. */
function counting<A extends unknown[], R>(
  fn: (...args: A) => R,
): { fn: (...args: A) => R; traces: () => number } {
  let traces = 0;
  return {
    fn: (...args: A) => {
      traces++;
      return fn(...args);
    },
    traces: () => traces,
  };
}

/** Runs with warnings collected. */
function warningsOf(fn: () => void): string[] {
  const seen: string[] = [];
  const previous = vn.setWarningHandler((message) => seen.push(message));
  try {
    fn();
  } finally {
    vn.setWarningHandler(previous);
  }
  return seen;
}

class Scale extends vn.Module {
  factor: vn.NDArray | number;
  constructor(factor: vn.NDArray | number) {
    super();
    this.factor = factor;
  }
  call(x: vn.NDArray): vn.NDArray {
    return x.mul(this.factor);
  }
  other(x: vn.NDArray): vn.NDArray {
    return x.add(this.factor);
  }
}

for (const donate of ["all", "none"] as const) {
  Deno.test(`equinox/jit/test_filter_jit: a tree of anything goes in and comes out, donate ${donate}`, () => {
    const marker = Symbol("marker");
    const fn = vn.filterJit(
      (tree: { a: vn.NDArray; b: [vn.NDArray, number, string]; c: unknown; mlp: vn.nn.MLP }) => ({
        ...tree,
        a: tree.a.add(1),
        b: [tree.b[0].add(1), tree.b[1], tree.b[2]],
        doubled: tree.mlp.layers[0].weight.mul(2),
      }),
      { donate },
    );
    const mlp = new vn.nn.MLP(2, 2, 2, 2, { key: random.key(0) });
    const weight = mlp.layers[0].weight.tolist();
    const out = fn({ a: np.array(1), b: [np.array([2, 3]), 4, "five"], c: marker, mlp });
    assertEquals(out.a.item(), 2);
    assertEquals((out.b[0] as vn.NDArray).tolist(), [3, 4]);
    assertEquals(out.b.slice(1), [4, "five"]);
    assert(out.c === marker);
    assertEquals(out.mlp.layers[0].weight.tolist(), weight);
    assertEquals(
      out.doubled.tolist(),
      (weight as number[][]).map((row) => row.map((v) => Math.fround(2 * v))),
    );
  });
}

Deno.test("equinox/jit/test_num_traces: arrays by shape and dtype, all else by value", () => {
  const { fn, traces } = counting((x: unknown) => vn.tree.map((leaf: unknown) => leaf, x));
  const f = vn.filterJit(fn);
  f(np.zeros([2]));
  f(np.ones([2]));
  assertEquals(traces(), 1);
  f(np.zeros([3]));
  assertEquals(traces(), 2);
  f([np.zeros([2]), np.zeros([2])]);
  f([np.ones([2]), np.ones([2])]);
  assertEquals(traces(), 3);
  f([np.zeros([2]), np.zeros([2]), np.zeros([2])]);
  assertEquals(traces(), 4);
  f({ a: np.zeros([2]), b: true });
  f({ b: true, a: np.ones([2]) });
  assertEquals(traces(), 5);
  f({ a: np.zeros([2]), b: false });
  assertEquals(traces(), 6);
  f(np.zeros([2], { dtype: "int32" }));
  assertEquals(traces(), 7);
});

Deno.test("equinox/jit/test_num_traces: static leaves compare by Object.is, where the oracle mixes 1, 1.0 and true", () => {
  const { fn, traces } = counting((x: unknown) => x);
  const f = vn.filterJit(fn);
  assertEquals([f(1), f(true), f(0), f(-0), f(NaN), f(NaN)], [1, true, 0, -0, NaN, NaN]);
  assertEquals(traces(), 5);
});

Deno.test("equinox/jit/test_methods: a method's instance is traced if it holds an array, static if a number", () => {
  for (
    const [make, expected] of [[(n: number) => n, 2], [(n: number) => np.array(n), 1]] as const
  ) {
    let traces = 0;
    class M extends vn.Module {
      increment: vn.NDArray | number;
      constructor(increment: vn.NDArray | number) {
        super();
        this.increment = increment;
      }
      @vn.filterJit
      method(x: vn.NDArray): vn.NDArray {
        traces++;
        return x.add(this.increment);
      }
    }
    const one = new M(make(1));
    assertEquals(one.method(np.array(5)).item(), 6);
    assertEquals(one.method(np.array(6)).item(), 7);
    assertEquals(new M(make(2)).method(np.array(5)).item(), 7);
    assertEquals(traces, expected);
  }
});

Deno.test("equinox/jit/test_methods: a bound method and a Module called as a function are inputs", () => {
  const f = vn.filterJit(
    vn.method(new Scale(np.array(3)), "other") as unknown as (x: vn.NDArray) => vn.NDArray,
  );
  assertEquals(f(np.array(2)).item(), 5);
  const g = vn.filterJit(new Scale(np.array(3)));
  assertEquals(g(np.array(2)).item(), 6);
});

Deno.test("equinox/jit/test_args_kwargs: positional and keyword arguments", () => {
  const { fn, traces } = counting((...args: unknown[]) => args);
  const f = vn.filterJit(fn);
  const out = f(np.array(1), "b", vn.kwargs({ c: np.array(2), d: 3 })) as [
    vn.NDArray,
    string,
    { c: vn.NDArray; d: number },
  ];
  assertEquals([out[0].item(), out[1], out[2].c.item(), out[2].d], [1, "b", 2, 3]);
  f(np.array(2), "b", vn.kwargs({ d: 3, c: np.array(5) }));
  assertEquals(traces(), 1);
  f(np.array(2), "b", vn.kwargs({ d: 4, c: np.array(5) }));
  assertEquals(traces(), 2);
});

Deno.test("equinox/jit/test_jit_jit: a compiled function in a compiled function", () => {
  const { fn, traces } = counting((x: vn.NDArray) => x.add(1));
  const f = vn.filterJit(vn.filterJit(fn));
  assertEquals(f(np.array(1)).item(), 2);
  assertEquals(f(np.array(2)).item(), 3);
  assertEquals(traces(), 1);
  const inner = vn.filterJit(fn);
  const outer = vn.filterJit((x: vn.NDArray) => inner(inner(x)));
  assertEquals(outer(np.array(1)).item(), 3);
  assertEquals(traces(), 1); // the same function is compiled already
});

Deno.test("equinox/jit/test_jit_grad: a wrapper made afresh each time does not retrace", () => {
  const { fn, traces } = counting((x: vn.NDArray) => x.mul(x).sum());
  for (let i = 0; i < 3; i++) {
    assertEquals(vn.filterJit(vn.filterGrad(fn))(np.array([1, i])).tolist(), [2, 2 * i]);
  }
  assertEquals(traces(), 1);
  assertEquals(vn.filterGrad(vn.filterJit(fn))(np.array([3, 4])).tolist(), [6, 8]);
});

Deno.test("equinox/jit/test_jit_vmap: compiled and mapped, either way", () => {
  const { fn, traces } = counting((x: vn.NDArray) => x.add(1));
  for (let i = 0; i < 2; i++) {
    assertEquals(vn.filterJit(vn.filterVmap(fn))(np.array([1, 2])).tolist(), [2, 3]);
  }
  assertEquals(traces(), 1);
  assertEquals(vn.filterVmap(vn.filterJit(fn))(np.array([1, 2])).tolist(), [2, 3]);
});

Deno.test("equinox/jit/test_wrap_jax_partial: a Partial is an input like any tree", () => {
  const { fn, traces } = counting((x: vn.NDArray, y: vn.NDArray) => x.add(y));
  const run = (a: number) =>
    vn.filterJit((p: vn.Partial, y: vn.NDArray) => p.call(y) as vn.NDArray)(
      new vn.Partial(fn, np.array(a)),
      np.array(1),
    );
  const f = vn.filterJit((p: vn.Partial, y: vn.NDArray) => p.call(y) as vn.NDArray);
  assertEquals(run(1).item(), 2);
  assertEquals(f(new vn.Partial(fn, np.array(2)), np.array(1)).item(), 3);
  assertEquals(f(new vn.Partial(fn, np.array(5)), np.array(1)).item(), 6);
  assertEquals(traces(), 2);
});

Deno.test("equinox/jit/test_buffer_donation_function: a donated array is gone, its memory reused", () => {
  const f = vn.filterJit((x: vn.NDArray) => x.add(1), { donate: "all" });
  const x = np.zeros([64]);
  const y = f(x);
  assert(x.isDeleted);
  assertEquals(y.tolist(), Array(64).fill(1));
  assertThrows(() => x.tolist(), vn.DonatedError, "f32[64]");
  assertThrows(() => f(x), vn.DonatedError);
});

Deno.test("equinox/jit/test_buffer_donation_function_except_first: the first argument stays", () => {
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => [x.add(y), y.mul(2)], {
    donate: "all-except-first",
  });
  const [x, y] = [np.ones([64]), np.ones([64])];
  const [a, b] = f(x, y);
  assert(!x.isDeleted && y.isDeleted);
  assertEquals([a.get(0).item(), b.get(0).item(), x.get(0).item()], [2, 2, 1]);
});

Deno.test("equinox/jit/test_buffer_donation_method: a method gives its own instance away, again and again", () => {
  let traces = 0;
  class Counter extends vn.Module {
    value: vn.NDArray;
    constructor(value: vn.NDArray) {
      super();
      this.value = value;
    }
    @vn.filterJit({ donate: "all" })
    next(): Counter {
      traces++;
      return new Counter(this.value.add(1));
    }
  }
  let counter = new Counter(np.zeros([64]));
  for (let i = 0; i < 3; i++) {
    const { value } = counter;
    counter = counter.next();
    assert(value.isDeleted);
  }
  assertEquals(counter.value.get(0).item(), 3);
  assertEquals(traces, 1);
});

Deno.test("equinox/jit/test_buffer_donation_instance: a Module in place of the function is given away too", () => {
  const scale = new Scale(np.full([64], 2));
  const factor = scale.factor as vn.NDArray;
  const f = vn.filterJit(scale, { donate: "all-except-first" });
  const x = np.ones([64]);
  assertEquals(f(x).get(0).item(), 2);
  assert(!x.isDeleted && factor.isDeleted);
});

Deno.test("equinox/jit/test_donation_warning: an unusable donation warns once with 'warn', never with 'all'", () => {
  const shrink = (x: vn.NDArray) => x.sum();
  const loud = vn.filterJit(shrink, { donate: "warn" });
  const seen = warningsOf(() => {
    for (let i = 0; i < 2; i++) {
      const x = np.ones([64]);
      assertEquals(loud(x).item(), 64);
      assert(!x.isDeleted);
    }
  });
  assertEquals(seen.length, 1);
  assert(seen[0].includes("f32[64]") && seen[0].includes("not usable"), seen[0]);
  assertEquals(warningsOf(() => vn.filterJit(shrink, { donate: "all" })(np.ones([64]))), []);
});

Deno.test("equinox/jit/test_compiler_options: an unknown option is refused when the function is wrapped", () => {
  const bad = { optimise: true } as unknown as vn.JitOptions;
  assertThrows(() => vn.filterJit((x: vn.NDArray) => x, bad), vn.ArgumentError, "optimise");
});

Deno.test("equinox/jit/test_compiler_options: an unknown option of the compiler is refused", () => {
  const lowered = vn.filterJit((x: vn.NDArray) => x).lower(np.array(1));
  assertThrows(
    () => lowered.compile({ compilerOptions: { invalid: true } }),
    vn.ArgumentError,
    "invalid",
  );
});

for (const donate of ["all", "none"] as const) {
  Deno.test(`equinox/jit/test_aot_compilation: lowered, compiled, called with the same arguments, donate ${donate}`, () => {
    const f = vn.filterJit((x: vn.NDArray, y: number) => x.mul(2).add(y), { donate });
    const lowered = f.lower(np.array(3), 4);
    assert(lowered.jaxpr().includes("mul") && lowered.wat().startsWith("(module"));
    const compiled = lowered.compile();
    assertEquals(compiled(np.array(3), 4).item(), 10);
    assertEquals(compiled(np.array(5), 4).item(), 14);
    assertThrows(() => compiled(np.array(3), 5), vn.ArgumentError, "args[1]");
  });

  Deno.test(`equinox/jit/test_aot_compilation_kwargs: keyword arguments, arrays and static, donate ${donate}`, () => {
    const f = vn.filterJit(
      (x: vn.NDArray, { y, scale }: { y: vn.NDArray; scale: number }) => x.mul(scale).add(y),
      { donate },
    );
    const compiled = f.lower(np.array(3), vn.kwargs({ y: np.array(4), scale: 2 })).compile();
    const out = compiled(np.array(3), vn.kwargs({ scale: 2, y: np.array(5) }));
    assertEquals(out.item(), 11);
    assertThrows(
      () => compiled(np.array(3), vn.kwargs({ scale: 3, y: np.array(5) })),
      vn.ArgumentError,
      "args[1].scale",
    );
  });
}
