/**
 * Transformations as decorators: on methods, whose instance is the first argument, on static ones, and nowhere else.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;
const x = np.array([1, 2, 3]);

class Scale extends vn.Module {
  constructor(readonly w: vn.NDArray, readonly name = "scale") {
    super();
  }
  @vn.filterJacfwd
  forward(v: vn.NDArray) {
    return this.w.mul(v);
  }
  @vn.filterJacrev
  reverse(v: vn.NDArray) {
    return this.w.mul(v);
  }
  @vn.filterHessian
  curvature(v: vn.NDArray) {
    return this.w.mul(this.w).mul(v).sum();
  }
  @vn.filterMakeJaxpr
  program(v: vn.NDArray) {
    return this.w.mul(v);
  }
  @vn.filterVmap({ inAxes: { self: null, v: 1 } })
  columns(v: vn.NDArray) {
    return this.w.mul(v);
  }
  @vn.filterJit
  @vn.filterGrad
  both(v: vn.NDArray) {
    return this.w.mul(v).sum();
  }
}

Deno.test("decorators: jacobians of a method are those with respect to its instance", () => {
  const m = new Scale(x);
  for (const how of [m.forward, m.reverse]) {
    const jacobian = how.call(m, np.array([1, 1, 2])) as unknown as Scale;
    assertEquals(jacobian.w.tolist(), [[1, 0, 0], [0, 1, 0], [0, 0, 2]]);
    assertEquals(jacobian.name, null);
  }
  const hessian = m.curvature(np.array([1, 1, 2])) as unknown as { w: Scale };
  assertEquals(hessian.w.w.tolist(), [[2, 0, 0], [0, 2, 0], [0, 0, 4]]);
});

Deno.test("decorators: the jaxpr of a method has its instance's arrays among the inputs", () => {
  assertEquals(
    String((new Scale(x).program(x) as unknown as [unknown])[0]),
    "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul a b in (c,) }",
  );
});

Deno.test("decorators: axes go by the method's parameter names, the instance's being self", () => {
  const m = new Scale(x);
  assertEquals(np.array(m.columns(np.ones([3, 2]))).tolist(), [[1, 2, 3], [1, 2, 3]]);
  class Bad extends vn.Module {
    @vn.filterVmap({ inAxes: { u: 0 } })
    f(v: vn.NDArray) {
      return v;
    }
  }
  assertThrows(() => new Bad().f(x), vn.ArgumentError, "the arguments are self, v");
});

Deno.test("decorators: a decorated method keeps its name, and decorators go on one another", () => {
  assertEquals(Scale.prototype.both.name, "both");
  const m = new Scale(x);
  assertEquals((m.both(np.array([1, 1, 2])) as unknown as Scale).w.tolist(), [1, 1, 2]);
  m.both(x);
  assertEquals(vn.explainRetraces(Scale.prototype.both).length, 1);
});

Deno.test("decorators: a static method has no instance, its first argument is its own", () => {
  class Loss {
    static factor = 3;
    @vn.filterGrad
    static slope(v: vn.NDArray) {
      return v.mul(this.factor).sum();
    }
    @vn.filterJit({ donate: "all" })
    static twice(v: vn.NDArray) {
      return v.mul(2);
    }
  }
  assertEquals((Loss.slope(x) as vn.NDArray).tolist(), [3, 3, 3]);
  const given = np.array([1, 2]);
  assertEquals(Loss.twice(given).tolist(), [2, 4]);
  assertEquals(given.isDeleted, true);
});

/** The contexts that a decorator of something else than a method is called with. */
const context = (kind: string) => ({ kind, name: "f", addInitializer: () => {} });

Deno.test("decorators: what is no method is refused by its kind, with and without options", () => {
  // deno-lint-ignore no-explicit-any -- to call with what types forbid
  const t = vn as any;
  for (const name of ["filterJit", "filterGrad", "filterVmap", "filterCheckpoint"]) {
    for (const kind of ["class", "field", "getter", "accessor"]) {
      for (const decorate of [t[name], t[name]({})]) {
        const error = assertThrows(
          () => decorate(kind === "field" ? undefined : class A {}, context(kind)),
          vn.ArgumentError,
        );
        assertStringIncludes(error.message, `${name}: decorates methods; got a ${kind}`);
      }
    }
  }
  for (const name of ["filterCustomJvp", "filterCustomVjp"]) {
    assertThrows(
      () => t[name]((v: unknown) => v, context("method")),
      vn.ArgumentError,
      `${name}: cannot decorate a method`,
    );
  }
});

Deno.test("functions with rules may be Modules, whose arrays are closed over", () => {
  class Double extends vn.Module {
    w = np.array(2);
    call(v: vn.NDArray) {
      return v.mul(this.w);
    }
  }
  const f = vn.filterCustomJvp(new Double());
  f.defJvp(([v], [t]) => [v.mul(2), t!.mul(10)]);
  assertEquals(vn.filterJvp(f, [np.array(3)], [np.array(1)])[1]!.item(), 10);
  const g = vn.filterCustomVjp(new Double());
  g.defFwd((_perturbed, v) => [v.mul(2), null]);
  g.defBwd((_residuals, ct) => (ct as vn.NDArray).mul(20));
  assertEquals((vn.filterGrad((v: vn.NDArray) => g(v))(np.array(3)) as vn.NDArray).item(), 20);
});

Deno.test("decorators: a method's lowering takes the instance first", () => {
  const { lower } = Scale.prototype.both as unknown as {
    lower(m: Scale, v: vn.NDArray): vn.Lowered<(m: Scale, v: vn.NDArray) => Scale>;
  };
  const m = new Scale(x);
  const lowered = lower(m, np.array([4, 5, 6]));
  assertStringIncludes(lowered.jaxpr(), "mul");
  assertEquals(lowered.compile()(m, np.array([4, 5, 6])).w.tolist(), [4, 5, 6]);
});
