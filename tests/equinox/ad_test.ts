/**
 * The behaviours of Equinox's `test_ad.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random } = vn;

const key = () => random.key(5678);
/** Whether `x` is `null`, `true` or an array of zeros is all the same to `assert`; these tests want to know. */
const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;

Deno.test("equinox/ad/test_filter_grad: floating arrays get gradients, all other leaves null", () => {
  // deno-lint-ignore no-explicit-any -- trees of several kinds
  const f = vn.filterGrad((x: any) => {
    let sum = np.array(0);
    for (const leaf of vn.tree.leaves(x)) {
      if (vn.isArrayLike(leaf)) sum = sum.add(np.sum(leaf as vn.NDArray).astype("float32"));
    }
    return sum;
  });
  const a = random.normal(key(), [2, 3]);
  const b = random.normal(key(), [2, 3]);
  const ones = [[1, 1, 1], [1, 1, 1]];
  const [ga, gb] = f([a, b]);
  assertEquals([ga.tolist(), gb.tolist()], [ones, ones]);

  const object = new (class Thing {})();
  const [gTrue, gHi, gObject, gArray] = f([true, "hi", object, a]);
  assertEquals([gTrue, gHi, gObject], [null, null, null]);
  assertEquals(value(gArray), ones);

  const linear = new vn.nn.Linear(1, 1, { key: key() });
  const [g0, gDict, gPair, gTyped] = f([
    true,
    { hi: linear },
    [5, 1.0],
    new Float32Array([2, 3]),
  ]);
  assertEquals(g0, null);
  assertEquals(Object.keys(gDict), ["hi"]);
  assert(gDict.hi instanceof vn.nn.Linear);
  assertEquals(value(gDict.hi.weight), [[1]]);
  assertEquals(value(gDict.hi.bias), [1]);
  assertEquals(gPair, [null, null]);
  assertEquals(value(gTyped), [1, 1]);
});

Deno.test("equinox/ad/test_filter_value_and_grad: the value beside the gradient", () => {
  const a = random.normal(key(), [2, 3]);
  const [val, grad] = vn.filterValueAndGrad((x: vn.NDArray) => np.sum(x))(a);
  assertEquals(val.item(), np.sum(a).item());
  assertEquals(grad.tolist(), [[1, 1, 1], [1, 1, 1]]);
});

Deno.test("equinox/ad/test_aux: anything may come out beside the value", () => {
  const a = random.normal(key(), [2, 3]);
  const f = vn.filterGrad({ hasAux: true })((x: vn.NDArray) => [np.sum(x), "hi"]);
  const [grad, aux] = f(a);
  assertEquals(aux, "hi");
  assertEquals(grad.tolist(), [[1, 1, 1], [1, 1, 1]]);
  const g = vn.filterValueAndGrad({ hasAux: true })((x: vn.NDArray) => [np.sum(x), "hi"]);
  const [[val, aux2], grad2] = g(a);
  assertEquals(val.item(), np.sum(a).item());
  assertEquals(aux2, "hi");
  assertEquals(grad2.tolist(), [[1, 1, 1], [1, 1, 1]]);
});

Deno.test("equinox/ad/test_methods: a decorated method differentiates its object; a wrapped object or bound method its argument", () => {
  class Inner extends vn.Module {
    readonly increment: vn.NDArray;
    constructor(increment: vn.NDArray) {
      super();
      this.increment = increment;
    }
    call(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    plain(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    @vn.filterGrad
    decorated(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    @vn.filterGrad({})
    configured(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
  }
  const m = new Inner(np.array(5));
  const y = np.array(1);
  assertEquals(vn.filterGrad(m)(y).item(), 1);
  assertEquals(vn.filterGrad(vn.method(m, "plain"))(y).item(), 1);
  for (const grad of [m.decorated(y), m.configured(y)]) {
    assert(grad instanceof Inner);
    assertEquals(grad.increment.item(), 1);
  }
});

Deno.test("equinox/ad/test_grad_jit_new: a backward rule is traced once for all calls of a compiled function", () => {
  let traces = 0;
  const f = vn.filterCustomVjp((x: vn.NDArray) => x);
  f.defFwd((_perturbed, x) => [x, null]);
  f.defBwd((_residual, g) => {
    traces++;
    return g.add(2);
  });
  const x = np.array(1);
  const jitted = vn.jit(f);
  assertEquals(vn.filterGrad(jitted)(x).item(), 3);
  assertEquals(vn.filterGrad(jitted)(x).item(), 3);
  assertEquals(traces, 1);
  assertEquals(vn.filterGrad(vn.filterJit(f))(x).item(), 3);
  assertEquals(vn.filterGrad(vn.filterJit(f))(x).item(), 3);
  assertEquals(traces, 2);
});

Deno.test("equinox/ad/test_filter_jvp: tangents for some arguments, with and without compilation inside and outside", () => {
  const asArrays = (tree: unknown) =>
    vn.tree.map((x: unknown) => typeof x === "number" ? np.array(x) : x, tree);
  type Fn = (...args: unknown[]) => unknown;
  const identity = (f: Fn): Fn => f;
  const jitInside = (f: Fn): Fn => {
    const compiled = vn.filterJit(f) as Fn;
    return (...args) => compiled(...asArrays(args) as unknown[]);
  };
  const jitOutside = (f: Fn): Fn => {
    const compiled = vn.filterJit(f) as Fn;
    return (fn, primals, tangents) => compiled(fn, asArrays(primals), asArrays(tangents));
  };
  const object = new (class Thing {})();
  const another = new (class Another {})();
  const array = (x: unknown) => np.array(x as number | vn.NDArray);
  for (const before of [identity, jitInside]) {
    for (const after of [identity, jitOutside]) {
      const jvp = after(vn.filterJvp as unknown as Fn) as unknown as (
        fn: Fn,
        primals: unknown[],
        tangents: unknown[],
      ) => [vn.NDArray[], (vn.NDArray | null)[]];
      const [out, tangent] = jvp(before((x) => array(x).add(1)), [1], [1]);
      assertEquals([value(out), value(tangent)], [2, 1]);

      const g = before((...x) => [
        np.array(1).add(np.pow(x[0] as vn.NDArray, 2)),
        np.array(2).add(np.multiply(x[1] as vn.NDArray, 3)),
        np.array(3).add(np.multiply(x[2] as vn.NDArray, 4)),
        np.array(4).add(np.multiply(x[3] as vn.NDArray, 5)),
        np.array(5).add(np.multiply(x[4] as vn.NDArray, 6)),
        another,
      ]);
      const primals = [np.array(1), np.array(1, { dtype: "int32" }), 1, 1, np.array(1), object];
      const expected = [2, 5, 7, 9, 11, another];
      const cases: [unknown[], unknown[]][] = [
        [[np.array(5), null, null, null, null, null], [10, null, null, null, null, null]],
        [[np.array(5), null, np.array(3), null, null, null], [10, null, 12, null, null, null]],
        [[null, null, null, null, null, null], [null, null, null, null, null, null]],
      ];
      for (const [tangents, want] of cases) {
        const [outs, got] = jvp(g, primals, tangents);
        assertEquals(outs.slice(0, 5).map(value), expected.slice(0, 5));
        assertStrictEquals(outs[5] as unknown, another);
        assertEquals(got.map(value), want);
      }
      const int = np.array(5, { dtype: "int32" });
      assertThrows(() => jvp(g, primals, [int, null, null, null, null, null]), vn.DTypeError);
      assertThrows(
        () => jvp(g, primals, [null, null, null, null, null, object]),
        vn.ArgumentError,
      );
      assertThrows(
        () => jvp(g, primals, [null, np.array(1), null, null, null, null]),
        vn.DTypeError,
      );
    }
  }
});

Deno.test("equinox/ad/test_filter_vjp: all arguments at once, beside outputs of any kind", () => {
  const mlp = new vn.nn.MLP(2, 3, 2, 2, { key: key() });
  const x = np.array(1, { dtype: "int32" });
  const sentinel = new (class Sentinel {})();
  const sentinel2 = new (class Sentinel {})();
  const f = (m: vn.nn.MLP, x: vn.NDArray, y: number, _s: unknown) =>
    [m.call(np.array([1, 2])).add(x).add(y), 2, sentinel2] as const;
  const g = (m: vn.nn.MLP, x: vn.NDArray, y: number, s: unknown) => [f(m, x, y, s), s] as const;
  const [out1, vjp1] = vn.filterVjp(f, mlp, x, 1, sentinel);
  const [out2, vjp2, aux] = vn.filterVjp(g, mlp, x, 1, sentinel, vn.kwargs({ hasAux: true }));
  assertStrictEquals(aux, sentinel);
  for (const [out, vjp] of [[out1, vjp1], [out2, vjp2]] as const) {
    const [array, number, object] = out;
    assertEquals([array.shape, array.dtype], [[3], "float32"]);
    assertEquals(number, 2);
    assertStrictEquals(object, sentinel2);
    const [ctMlp, ctX, ctY, ctSentinel] = vjp([np.array([1, 2, 3]), null, null]);
    const dynamic = vn.filter(mlp, vn.isArray);
    assert(vn.tree.structure(dynamic).equals(vn.tree.structure(ctMlp)));
    vn.tree.map(
      (a: unknown, b: unknown) => {
        const [p, q] = [a as vn.NDArray, b as vn.NDArray];
        assertEquals([p.shape, p.dtype], [q.shape, q.dtype]);
      },
      dynamic,
      ctMlp,
    );
    assertEquals([ctX, ctY, ctSentinel], [null, null, null]);
  }
});

Deno.test("equinox/ad/test_closure_convert_basic: the constants are the very objects, tracers among them", () => {
  let same = false;
  vn.grad((x: vn.NDArray, y: vn.NDArray) => {
    const z = x.add(y);
    const g = vn.filterClosureConvert((a: vn.NDArray) => z.add(a), np.array(1));
    same = g.consts.length === 1 && g.consts[0] === z;
    return z;
  })(np.array(1), np.array(1));
  assert(same);
});

Deno.test("equinox/ad/test_closure_convert_trivial: a function that closes over nothing has no constants", () => {
  const f = vn.filterClosureConvert((a: vn.NDArray) => a.add(1), np.array(1));
  assertEquals(f.consts, []);
  assertEquals(f(np.array(2)).item(), 3);
});

Deno.test("equinox/ad/test_closure_convert_custom_jvp: what was closed over is differentiated by a rule", () => {
  // deno-lint-ignore no-explicit-any -- a converted function is a tree too
  const call = vn.filterCustomJvp((f: any, x: number): vn.NDArray => f(x));
  call.defJvp(([f, x], [tf, tx]) => {
    const out = call(f, x);
    let sum = np.array(0);
    for (const t of vn.tree.leaves([tf, tx])) sum = sum.add(np.sum(t as vn.NDArray));
    return [out, np.full(out.shape, sum)];
  });
  const run = vn.grad(([x1, x2]: vn.NDArray[]) => {
    const f = vn.filterClosureConvert((y: number) => x1.mul(y).add(x2), 3);
    return call(f, 3);
  });
  assertEquals((run([np.array(2), np.array(4)]) as vn.NDArray[]).map(value), [1, 1]);
});

Deno.test("equinox/ad/test_filter_custom_jvp_no_kwargs: the rule is asked in place of the derivative", () => {
  type F = (a: vn.NDArray) => vn.NDArray;
  const call = vn.filterCustomJvp((fn: F, x: vn.NDArray) => fn(x));
  let called = false;
  call.defJvp(([fn, x], [tfn, tx]) => {
    called = true;
    assertEquals(tfn, null);
    return [call(fn, x), tx.pow(2)];
  });
  const f: F = (a) => np.power(a, 2).add(1);
  assertEquals(call(f, 1 as never).item(), 2);
  assertEquals(call(f, np.array(1, { dtype: "int32" })).item(), 2);
  assertEquals(call(f, np.array(1)).item(), 2);
  assert(!called);
  const [out, tangent] = vn.jvp((x: vn.NDArray) => call(f, x), [np.array(2)], [np.array(3)]);
  assert(called);
  assertEquals([value(out), value(tangent)], [5, 9]);
});

Deno.test("equinox/ad/test_filter_custom_jvp_kwargs: keyword arguments reach function and rule", () => {
  type F = (a: vn.NDArray, b: vn.NDArray) => vn.NDArray;
  const call = vn.filterCustomJvp((x: vn.NDArray, y: vn.NDArray | number, { fn }: { fn: F }) =>
    fn(x, y as vn.NDArray)
  );
  let called = false;
  call.defJvp(([x, y], [tx, ty], { fn }) => {
    called = true;
    return [call(x, y, vn.kwargs({ fn })), tx.pow(2).add(ty)];
  });
  const f: F = (a, b) => np.power(a, 2).add(b);
  assertEquals(call(1 as never, 2, vn.kwargs({ fn: f })).item(), 3);
  assertEquals(call(np.array(1, { dtype: "int32" }), 2, vn.kwargs({ fn: f })).item(), 3);
  assertEquals(call(np.array(1), 2, vn.kwargs({ fn: f })).item(), 3);
  const [out, tangent] = vn.jvp(
    (x: vn.NDArray, y: vn.NDArray) => call(x, y, vn.kwargs({ fn: f })),
    [np.array(2), np.array(1.5)],
    [np.array(3), np.array(4)],
  );
  assert(called);
  assertEquals([value(out), value(tangent)], [5.5, 13]);
});

Deno.test("equinox/ad/test_filter_custom_jvp_exact: an integer argument has no tangent, and may be used by the rule", () => {
  const f = vn.filterCustomJvp((_x: vn.NDArray, y: vn.NDArray) => y);
  f.defJvp(([x, y], [tx, ty]) => {
    assertEquals(tx, null);
    return [x.add(y), ty];
  });
  const one = np.array(1, { dtype: "int32" });
  const g = (y: vn.NDArray, x: vn.NDArray) => np.where(np.less(x, y), f(x, y), y);
  assertEquals(vn.grad(g)(np.array(1), one).item(), 1);
  assertEquals((vn.filterJit(vn.filterGrad(g))(np.array(1), one) as vn.NDArray).item(), 1);
});

Deno.test("equinox/ad/test_filter_hessian_and_jacfwd_and_jacrev: second derivatives of the first argument", () => {
  const f = (x: vn.NDArray, y: vn.NDArray) => np.sin(x).mul(y);
  const expected = (vn.hessian(f)(np.array(1), np.array(2)) as vn.NDArray).item();
  const got = vn.filterHessian(f)(np.array(1), np.array(2)).item();
  assertEquals(got, expected);
  assert(Math.abs(got + 2 * Math.sin(1)) < 1e-5);
  // By way of a function whose pullback is given.
  const custom = vn.filterCustomVjp(([x, y]: vn.NDArray[]) => f(x, y));
  custom.defFwd((_p, [x, y]) => [f(x, y), [np.cos(x), np.sin(x), y]]);
  custom.defBwd(([cos, sin, y], g) => [cos.mul(g).mul(y), sin.mul(g)]);
  const byRules = vn.filterHessian((x: vn.NDArray, y: vn.NDArray) => custom([x, y]));
  assert(Math.abs(byRules(np.array(1), np.array(2)).item() - expected) < 1e-6);
});

Deno.test("equinox/ad/test_pytree_jacfwd: the jacobian of a tree is a tree of trees", () => {
  const x = { a: np.array([1, 2]), n: 3 };
  const jac = vn.filterJacfwd((t: typeof x) => ({ s: t.a.mul(t.n), p: [t.a.sum()] }))(x);
  assertEquals(jac.s.a.tolist(), [[3, 0], [0, 3]]);
  assertEquals(jac.s.n, null);
  assertEquals(jac.p[0].a.tolist(), [1, 1]);
  assertEquals(jac.p[0].n, null);
});

Deno.test("equinox/ad/test_filter_custom_jvp_symbolic_zero: an argument that is not differentiated has tangent null", () => {
  let seen: unknown = "never";
  const f = vn.filterCustomJvp((x: vn.NDArray, y: vn.NDArray) => x.add(y));
  f.defJvp(([x, y], [tx, ty]) => {
    seen = ty;
    return [x.add(y), tx];
  });
  const one = np.array(1);
  const [out, tangent] = vn.jvp((x: vn.NDArray) => f(x, one), [one], [one]);
  assertStrictEquals(seen, null);
  assertEquals([value(out), value(tangent)], [2, 1]);
});

Deno.test("equinox/ad/test_filter_custom_vjp_nondiff_args: only the first argument may be differentiated", () => {
  const f = vn.filterCustomVjp((x: vn.NDArray, y: vn.NDArray) => x.add(y));
  f.defFwd((_perturbed, x, y) => [x.add(y), null]);
  f.defBwd((_residuals, ct) => ct);
  assertThrows(
    () => vn.grad((x: vn.NDArray) => f(x, x))(np.array(1)),
    vn.DifferentiationError,
    "only the first argument",
  );
});

Deno.test("equinox/ad/test_filter_custom_vjp_symbolic_zero: rules are told what is differentiated and what is used", () => {
  type Pair = [vn.NDArray, vn.NDArray];
  let called = false;
  const f = vn.filterCustomVjp(([x, y]: Pair, { foo }: { foo: vn.NDArray }) => [
    x.add(y).add(foo),
    x,
    y,
    foo,
  ]);
  f.defFwd((perturbed, [x, y], { foo }) => {
    assertEquals(perturbed, [true, false]);
    return [f([x, y], vn.kwargs({ foo })), null];
  });
  f.defBwd((_residuals, ct, perturbed, _xy, { foo }) => {
    called = true;
    assertEquals(perturbed, [true, false]);
    assert(foo instanceof vn.NDArray);
    assertEquals(ct.map((c: unknown) => c === null), [false, true, false, true]);
    return [ct[0], ct[2]];
  });
  const run = (x: vn.NDArray, y: vn.NDArray) => {
    const [out1, , out3] = f([x, np.array(1)], vn.kwargs({ foo: y }));
    return out1.add(out3);
  };
  assertEquals(vn.grad(run)(np.array(1), np.array(2)).item(), 1);
  assert(called);
});

Deno.test("equinox/ad/test_double_filter_jvp: a value that only the outer differentiation follows has tangent null", () => {
  let tangents: unknown[] = [];
  vn.filterJvp(
    (x: vn.NDArray) => {
      const [[a, b], [ta, tb]] = vn.filterJvp((y: vn.NDArray) => [y, x], [x], [1]);
      assert(a instanceof vn.NDArray && b instanceof vn.NDArray);
      tangents = [ta, tb];
      return a;
    },
    [np.array(1)],
    [np.array(1)],
  );
  assert(tangents[0] instanceof vn.NDArray);
  assertStrictEquals(tangents[1], null);
});

Deno.test("equinox/ad/test_filter_custom_vjp_nonarray_residual: residuals may be anything", () => {
  const token = new (class Token {})();
  let seen: unknown = null;
  const f = vn.filterCustomVjp((x: vn.NDArray) => x.mul(2));
  f.defFwd((_perturbed, x) => [x.mul(2), token]);
  f.defBwd((residuals, ct) => {
    seen = residuals;
    return ct.mul(2);
  });
  assertEquals(vn.grad(f)(np.array(1)).item(), 2);
  assertStrictEquals(seen, token);
});

Deno.test("equinox/ad/test_positional_first_argument: there must be a first argument, by position", () => {
  const f = (x: vn.NDArray) => x;
  for (const transformed of [vn.filterGrad(f), vn.filterValueAndGrad(f)]) {
    const call = transformed as unknown as (...args: unknown[]) => unknown;
    assertThrows(() => call(), vn.ArgumentError, "at least one positional argument");
    assertThrows(
      () => call(vn.kwargs({ x: np.array(1) })),
      vn.ArgumentError,
      "must be passed by position",
    );
  }
});
