/**
 * Equinox's tests of `internal.noinline`, by behaviour.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { noinline } from "../../src/internal/mod.ts";
import { compilationCount } from "../../src/runtime/jit_backend.ts";

const { lax, numpy: np } = vn;

const close = (a: vn.NDArray, b: vn.NDArray) =>
  assert(np.allclose(a, b, { rtol: 1e-5, atol: 1e-6 }).item(), `${a.tolist()} and ${b.tolist()}`);

/** How often `fn` compiles. */
function compilations(fn: () => void): number {
  const before = compilationCount();
  fn();
  return compilationCount() - before;
}

Deno.test("equinox/noinline/test_simple: the same values, outside and inside of a compiled function", () => {
  const f = noinline((x: vn.NDArray, y: vn.NDArray) => x.mul(y).add(1));
  const [x, y] = [np.array([1, 2]), np.array([3, 4])];
  assertEquals(f(x, y).tolist(), [4, 9]);
  assertEquals(vn.filterJit(f)(x, y).tolist(), [4, 9]);
  assertEquals(vn.filterJit((x: vn.NDArray) => f(f(x, y), y))(x).tolist(), [13, 37]);
});

Deno.test("equinox/noinline/test_mlp: a Module's arrays are inputs", () => {
  const mlp = new vn.nn.MLP(2, 3, 8, 2, { key: vn.random.key(0) });
  const other = new vn.nn.MLP(2, 3, 8, 2, { key: vn.random.key(1) });
  const x = np.array([0.5, -0.3]);
  const run = vn.filterJit((f: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray) => f(x));
  close(noinline(mlp)(x), mlp.call(x));
  close(run(noinline(mlp), x), mlp.call(x));
  assertEquals(compilations(() => close(run(noinline(other), x), other.call(x))), 0);
});

Deno.test("equinox/noinline/test_vmap: over some arguments, compiled before and after", () => {
  const plain = (x: vn.NDArray, y: vn.NDArray) => x.mul(y.sum()).add(y);
  const f = noinline(plain);
  const [xs, y] = [np.array([1, 2, 3]), np.array([0.5, 2])];
  const expected = vn.filterVmap(plain, { inAxes: [0, null] })(xs, y);
  close(vn.filterVmap(f, { inAxes: [0, null] })(xs, y), expected);
  close(vn.filterJit(vn.filterVmap(f, { inAxes: [0, null] }))(xs, y), expected);
  close(vn.filterVmap(vn.filterJit(f), { inAxes: [0, null] })(xs, y), expected);
  const twice = vn.filterVmap(vn.filterVmap(f, { inAxes: [null, 0] }), { inAxes: [0, null] });
  close(
    twice(xs, np.ones([4, 2])),
    vn.filterVmap(
      vn.filterVmap(plain, { inAxes: [null, 0] }),
      { inAxes: [0, null] },
    )(xs, np.ones([4, 2])),
  );
});

Deno.test("equinox/noinline/test_jvp: tangents, symbolic zeros among them, compiled or not", () => {
  const plain = (x: vn.NDArray, y: vn.NDArray) => [x.mul(2), y.mul(2), x.mul(y)];
  const f = noinline(plain);
  const [x, y] = [np.array(3), np.array(5)];
  const [outs, tangents] = vn.filterJvp(f, [x, y], [np.array(1), null]);
  assertEquals((outs as vn.NDArray[]).map((v) => v.item()), [6, 10, 15]);
  assertEquals((tangents as (vn.NDArray | null)[]).map((t) => t?.item() ?? null), [2, null, 5]);
  const compiled = vn.filterJit((x: vn.NDArray, t: vn.NDArray) =>
    vn.filterJvp((x: vn.NDArray) => f(x, y)[2], [x], [t])[1]
  );
  assertEquals((compiled(x, np.array(2)) as vn.NDArray).item(), 10);
});

Deno.test("equinox/noinline/test_grad: gradients, of both orders, mapped and of Modules", () => {
  const plain = (x: vn.NDArray, y: vn.NDArray) => np.sin(x.mul(y)).sum();
  const f = noinline(plain);
  const [x, y] = [np.array([0.3, -0.8]), np.array([1.5, 2])];
  close(vn.filterGrad(f)(x, y), vn.filterGrad(plain)(x, y));
  close(vn.filterJit(vn.filterGrad(f))(x, y), vn.filterGrad(plain)(x, y));
  const twice = (g: typeof plain) =>
    vn.filterGrad((x: vn.NDArray) => vn.filterGrad(g)(x, y).pow(2).sum())(x);
  close(twice(f), twice(plain));
  const rows = np.array([[0.1, 0.2], [0.3, 0.4]]);
  const mapped = (g: typeof plain) =>
    vn.filterVmap(vn.filterGrad(g), { inAxes: [0, null] })(rows, y) as vn.NDArray;
  close(mapped(f), mapped(plain));
  const linear = new vn.nn.Linear(2, 1, { key: vn.random.key(0) });
  const loss = (m: (x: vn.NDArray) => vn.NDArray) => m(x).pow(2).sum();
  const expected = vn.filterGrad((m: vn.nn.Linear) => loss((x) => m.call(x)))(linear);
  const grads = vn.filterGrad((m: vn.nn.Linear) => loss(noinline(m)))(linear);
  close(grads.weight as vn.NDArray, expected.weight as vn.NDArray);
});

Deno.test("equinox/noinline/test_num_traces: once for its types, once when it is compiled, whoever calls it how often", () => {
  let traces = 0;
  const f = noinline((x: vn.NDArray, y: vn.NDArray) => {
    traces++;
    return x.add(y);
  });
  const g = vn.filterJit((x: vn.NDArray, y: vn.NDArray) =>
    f(x, np.array(1)).add(f(x, np.array(2))).add(f(y, np.array(1))).add(f(y, np.array(2)))
  );
  assertEquals(compilations(() => assertEquals(g(np.array(1), np.array(1)).item(), 10)), 2);
  assertEquals(traces, 2);
  g(np.array(2), np.array(2));
  vn.filterJit((x: vn.NDArray) => f(x, x).mul(3))(np.array(1));
  f(np.array(1), np.array(2));
  assertEquals(traces, 2);
  f(np.ones([2]), np.array(2));
  assertEquals(traces, 4);
  vn.filterGrad((x: vn.NDArray) => f(x, x))(np.array(1));
  const before = traces;
  vn.filterGrad((x: vn.NDArray) => f(x, x))(np.array(1));
  assertEquals(traces, before);
});

Deno.test("equinox/noinline/test_pytree_in: trees and static leaves go in and come out", () => {
  const f = noinline((p: { a: vn.NDArray; n: number; how: string }, q: [vn.NDArray]) => ({
    sum: p.a.mul(p.n).add(q[0]),
    how: p.how,
    n: p.n + 1,
  }));
  const run = vn.filterJit((a: vn.NDArray, n: number) => f({ a, n, how: "sum" }, [a]));
  const out = run(np.array([1, 2]), 3);
  assertEquals([out.sum.tolist(), out.how, out.n], [[4, 8], "sum", 4]);
  assertEquals(run(np.array([1, 2]), 4).n, 5);
});

Deno.test("equinox/noinline/test_abstract: functions of one abstractFn are exchanged without compiling their caller again", () => {
  const traces = { abstract: 0, f: 0, g: 0, call: 0 };
  const abstractFn = (_: unknown, x: vn.NDArray, y: vn.NDArray) => {
    traces.abstract++;
    return np.broadcastArrays(x, y)[0];
  };
  const f = noinline((x: vn.NDArray, y: vn.NDArray) => {
    traces.f++;
    return x.add(y);
  }, { abstractFn });
  const g = noinline((x: vn.NDArray, y: vn.NDArray) => {
    traces.g++;
    return x.mul(y);
  }, { abstractFn });
  const call = vn.filterJit((fn: typeof f, x: vn.NDArray, y: vn.NDArray) => {
    traces.call++;
    return fn(x, y);
  });
  const [x, y] = [np.array(3), np.array(4)];
  assertEquals(call(f, x, y).item(), 7);
  assertEquals(traces, { abstract: 1, f: 1, g: 0, call: 1 });
  assertEquals(compilations(() => assertEquals(call(g, x, y).item(), 12)), 1);
  assertEquals(traces, { abstract: 1, f: 1, g: 1, call: 1 });
  assertEquals([call(f, y, y).item(), call(g, y, y).item()], [8, 16]);
  assertEquals(traces, { abstract: 1, f: 1, g: 1, call: 1 });
  // A tangent of what the abstract function does not use is not lost.
  const grad = vn.filterJit((fn: typeof f, y: vn.NDArray) =>
    vn.filterGrad((y: vn.NDArray) => fn(x, y))(y)
  );
  assertEquals([grad(f, y)!.item(), grad(g, y)!.item()], [1, 3]);
});

Deno.test("equinox/noinline/test_complicated: in a scan, in a branch, mapped and differentiated at once; exchanged without another lowering of the caller", () => {
  let lowered = 0;
  const abstractFn = (_: unknown, c: vn.NDArray, _w: vn.NDArray) => c;
  const one = (c: vn.NDArray, w: vn.NDArray) => np.tanh(c.mul(w));
  const two = (c: vn.NDArray, w: vn.NDArray) => np.sin(c.add(w));
  type Step = typeof one;
  const loss = (step: Step, c: vn.NDArray, w: vn.NDArray) => {
    const [last] = vn.lax.scan(
      (c: vn.NDArray) => [
        vn.lax.cond(c.sum().greater(100), (c: vn.NDArray) => c, (c: vn.NDArray) => step(c, w), c),
        null,
      ],
      c,
      null,
      { length: 3 },
    );
    return (last as vn.NDArray).sum();
  };
  const run = vn.filterJit((step: Step, cs: vn.NDArray, w: vn.NDArray) => {
    lowered++;
    const grad = (c: vn.NDArray) => vn.filterGrad((w: vn.NDArray) => loss(step, c, w))(w);
    return vn.filterVmap(grad)(cs) as vn.NDArray;
  });
  const [cs, w] = [np.array([[0.1, 0.2], [0.3, 0.4], [0.5, -0.6]]), np.array([0.7, 0.9])];
  const [a, b] = [noinline(one, { abstractFn }), noinline(two, { abstractFn })];
  const expected = (step: Step) =>
    vn.filterVmap((c: vn.NDArray) =>
      vn.filterGrad((w: vn.NDArray) => loss(step, c, w))(w) as vn.NDArray
    )(cs) as vn.NDArray;
  close(run(a, cs, w), expected(one));
  close(run(b, cs, w), expected(two));
  assertEquals(lowered, 1);
});

Deno.test("noinline: what does not agree with abstractFn, closes over a tracer, or cannot be called is refused by name", () => {
  const shape = noinline(function own(x: vn.NDArray) {
    return x.sum();
  }, { abstractFn: (_: unknown, x: vn.NDArray) => x });
  assertThrows(
    () => shape(np.ones([3])),
    vn.ShapeError,
    "internal.noinline(own): the function gives [f32[]], where its abstractFn gives [f32[3]]",
  );
  const tree = noinline(function own(x: vn.NDArray) {
    return [x];
  }, { abstractFn: (_: unknown, x: vn.NDArray) => x });
  assertThrows(() => tree(np.ones([3])), vn.TreeError, "the function gives another tree");
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => noinline(() => x.mul(2))())(np.array(1)),
    vn.TracerError,
    "closes over a traced array; pass it as an argument",
  );
  assertThrows(() => noinline(3 as never), vn.ArgumentError, "internal.noinline: expected");
  const y = np.array(2);
  assertEquals(noinline((x: vn.NDArray) => x.mul(y))(np.array(3)).item(), 6);
});

Deno.test("noinline: reverse mode of loops and branches inside", () => {
  const f = (x: vn.NDArray) => {
    const turned = lax.foriLoop(0, 3, (i, c: vn.NDArray) => np.sin(c).add(x.mul(i)), x);
    const [last, all] = lax.scan(
      (c: vn.NDArray, v: vn.NDArray) => [np.sin(c).mul(v), c.mul(x)] as const,
      turned.sum(),
      turned,
    );
    return lax.cond(last.greater(9), (y: vn.NDArray) => y, (y: vn.NDArray) => np.sin(y), all).sum();
  };
  const x = np.array([0.6, -0.35, 0.85], { dtype: "float64" });
  const [plain, apart] = [f, noinline(f)].map((g) => vn.filterGrad(g)(x)!.tolist() as number[]);
  plain.forEach((g, i) => assert(Math.abs(apart[i] - g) < 1e-12, `${apart} and ${plain}`));
});

Deno.test("noinline: clearCaches forgets its programs too", () => {
  let traces = 0;
  const f = noinline((x: vn.NDArray) => {
    traces++;
    return x.add(1);
  });
  f(np.array(1));
  vn.clearCaches();
  assertEquals(f(np.array(1)).item(), 2);
  assertEquals(traces, 3);
});
