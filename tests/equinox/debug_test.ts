/**
 * The behaviours of Equinox's `test_debug.py` that print, each under its upstream name.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { debug, numpy: np } = vn;

/** What is printed meanwhile. */
function printed(run: () => void): string[] {
  const lines: string[] = [];
  const before = debug.setPrinter((text) => lines.push(text));
  try {
    run();
  } finally {
    debug.setPrinter(before);
  }
  return lines;
}

Deno.test("equinox/debug/test_backward_nan: prints primals and cotangents, and ends where one is NaN", () => {
  const f = (name: string | null, terminate: boolean) => (x: vn.NDArray) => {
    const y = debug.backwardNan(x, { name, terminate });
    return np.where(x.greater(-10), y.mul(NaN), y);
  };
  for (
    const wrap of [
      (g: (x: vn.NDArray) => vn.NDArray) => g,
      (g: (x: vn.NDArray) => vn.NDArray) => vn.filterJit(g),
    ]
  ) {
    assertEquals(
      printed(() => wrap(vn.filterGrad(f("foo", false)) as never)(np.array(1))),
      ["foo:\n   primals=1.\ncotangents=nan"],
    );
    assertEquals(
      printed(() => wrap(vn.filterGrad(f(null, false)) as never)(np.array(1))),
      ["   primals=1.\ncotangents=nan"],
    );
    assertEquals(
      printed(() =>
        assertThrows(
          () => wrap(vn.filterGrad(f("foo", true)) as never)(np.array(1)),
          vn.RuntimeCheckError,
          "Encountered NaN in foo",
        )
      ),
      ["foo:\n   primals=1.\ncotangents=nan"],
    );
  }
  const fine = (x: vn.NDArray) => debug.backwardNan({ x, tag: "text" }).x.mul(3);
  let slope: vn.NDArray | null = null;
  const lines = printed(() => slope = vn.filterJit(vn.filterGrad(fine))(np.array(2)));
  assertEquals(slope!.item(), 3);
  assertEquals(lines, [
    '   primals={ tag: "text", x: Array(2., dtype=float32) }\ncotangents={ tag: null, x: Array(3., dtype=float32) }',
  ]);
});

Deno.test("equinox/debug/test_check_dce: tells what the compiler dropped, and refuses to be used elsewhere", () => {
  const name = {};
  const f = vn.filterJit((x: vn.NDArray) => {
    const [a] = debug.storeDce([x.mul(2), x.add(1), "foobar"] as const, name);
    return a;
  });
  f(np.array(1));
  assertEquals(printed(() => debug.inspectDce(name)), [
    "Found 1 call to `debug.storeDce`.",
    "Entry 0:",
    '[f32[], <DCE\'d>, "foobar"]',
  ]);
  f(np.array(2));
  f(np.ones([3]));
  assertEquals(printed(() => debug.inspectDce(name)), [
    "Found 2 calls to `debug.storeDce`.",
    "Entry 0:",
    '[f32[], <DCE\'d>, "foobar"]',
    "Entry 1:",
    '[f32[3], <DCE\'d>, "foobar"]',
  ]);
  // Equal calls are counted one by one.
  const twice = vn.filterJit((x: vn.NDArray) => [debug.storeDce(x, "t"), debug.storeDce(x, "t")]);
  twice(np.array(1));
  assertEquals(printed(() => debug.inspectDce("t")).slice(1), [
    "Entry 0:",
    "f32[]",
    "Entry 1:",
    "f32[]",
  ]);
  const through = vn.filterJit(
    vn.filterGrad((x: vn.NDArray) =>
      vn.filterVmap((y: vn.NDArray) => debug.storeDce([y.mul(3), y.add(1)], "grad")[0])(x).sum()
    ),
  );
  assertEquals(through(np.ones([2])).tolist(), [3, 3]);
  assertThrows(
    () => debug.storeDce(np.array(1)),
    vn.ArgumentError,
    "inside of a compiled function",
  );
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => (debug.inspectDce(), x))(np.array(1)),
    vn.ArgumentError,
    "outside of compiled functions",
  );
});

Deno.test("debug.print prints compiled, mapped, differentiated and in loops, in order", () => {
  const f = (x: vn.NDArray) => {
    debug.print("x={}", x);
    return x.mul(x);
  };
  assertEquals(printed(() => f(np.array(2))), ["x=2."]);
  assertEquals(printed(() => vn.filterJit(f)(np.array([1.5, 2]))), ["x=[1.5, 2. ]"]);
  assertEquals(printed(() => vn.filterJit(vn.vmap(f))(np.array([1, 2]))), ["x=1.", "x=2."]);
  assertEquals(printed(() => vn.filterJit(vn.grad(f))(np.array(3))), ["x=3."]);
  assertEquals(printed(() => vn.filterJit((x: vn.NDArray) => vn.jvp(f, [x], [x]))(np.array(3))), [
    "x=3.",
  ]);
  const loop = vn.filterJit((x: vn.NDArray) =>
    vn.lax.foriLoop(0, 3, (i, c: vn.NDArray) => {
      debug.print("{i}: {c}", vn.kwargs({ i, c }));
      return c.mul(2);
    }, x)
  );
  assertEquals(printed(() => loop(np.array(1))), ["0: 1.", "1: 2.", "2: 4."]);
  const gradients = vn.filterJit(
    vn.grad((x: vn.NDArray) =>
      vn.lax.scan((c: vn.NDArray, _: null) => [f(c), null], x, null, { length: 2 })[0]
    ),
  );
  assertEquals(printed(() => gradients(np.array(2))), ["x=2.", "x=4."]);
  // What is not mapped is printed once.
  assertEquals(printed(() => vn.vmap((x: vn.NDArray) => (debug.print("hi"), x))(np.ones([3]))), [
    "hi",
  ]);
});

Deno.test("debug.print: places, trees, and what is wrong with a format", () => {
  const tree = { w: np.array([1, 2], { dtype: "int32" }), tag: "t" };
  assertEquals(
    printed(() => debug.print("{1} {0} {a} {{}}", 1, "two", vn.kwargs({ a: tree }))),
    ['two 1 { tag: "t", w: Array([1, 2], dtype=int32) } {}'],
  );
  assertThrows(() => debug.print("{} {}", 1), vn.ArgumentError, "got 1 values");
  assertThrows(() => debug.print("{name}", 1), vn.ArgumentError, "{name}");
  assertThrows(() => debug.print("{:.2f}", 1), vn.ArgumentError, "{{ for a brace");
  assertThrows(() => debug.print("{", 1), vn.ArgumentError, "no place");
});

Deno.test("debug.announceTransform tells the transformations, and how they end", () => {
  const texts = (run: (f: (x: vn.NDArray) => vn.NDArray) => void, intermediates = false) => {
    const seen: string[] = [];
    run((x) => debug.announceTransform(x, { announce: (t) => seen.push(t), intermediates }));
    return [...new Set(seen)]; // tests look at each jaxpr more than once
  };
  assertEquals(texts((f) => f(np.array(1))), ["impl"]);
  assertEquals(texts((f) => vn.vmap(f)(np.ones([2]))), ["vmap:impl"]);
  assertEquals(texts((f) => vn.filterJit(f)(np.array(1))), ["abstract", "lower"]);
  assertEquals(texts((f) => vn.filterJit(vn.vmap(f))(np.ones([2]))), [
    "vmap:abstract",
    "vmap:lower",
  ]);
  assertEquals(texts((f) => vn.filterJit(vn.vmap(f))(np.ones([2])), true), [
    "vmap",
    "vmap:abstract",
    "vmap:lower",
  ]);
  assertEquals(
    new Set(texts((f) => vn.filterJit(vn.grad((x: vn.NDArray) => f(x).pow(2)))(np.array(1)))),
    new Set([
      "jvp_p:abstract",
      "jvp_t:abstract",
      "jvp_t:transpose:abstract",
      "jvp_t:transpose:lower",
      "jvp_p:lower",
    ]),
  );
  assertEquals(printed(() => debug.announceTransform(np.array(1), { name: "x" })), ["(x) impl"]);
  // Functions that are alike are compiled once, but each is announced.
  for (let i = 0; i < 2; i++) {
    const last = printed(() =>
      vn.filterJit((x: vn.NDArray) => debug.announceTransform(x))(np.ones([7]))
    );
    assertEquals(last.at(-1), "lower");
  }
});

Deno.test("debug.breakpointIf lets programs run, and stops nobody without a debugger", () => {
  const f = vn.filterJit((x: vn.NDArray) => {
    debug.breakpointIf(x.less(0), { x });
    debug.breakpointIf(false);
    return x;
  });
  assertEquals(f(np.array(1)).item(), 1);
  assertEquals(f(np.array(-1)).item(), -1);
});
