/**
 * The behaviours of Equinox's `test_nontraceable.py`, each under its upstream name.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import {
  nonbatchable,
  nondifferentiable,
  nondifferentiableBackward,
  nontraceable,
} from "../../src/internal/mod.ts";

const { numpy: np } = vn;
const one = np.array(1);

Deno.test("equinox/nontraceable/test_nondiff: forward and reverse mode throw, all else passes", () => {
  const f = (x: vn.NDArray) =>
    nondifferentiable([x, "static"], { name: "The step" })[0] as vn.NDArray;
  for (const g of [f, vn.filterJit(f)]) {
    assertEquals(g(one).item(), 1);
    assertEquals(vn.vmap(g)(np.ones([3])).tolist(), [1, 1, 1]);
    assertThrows(
      () => vn.jvp(g, [one], [one]),
      vn.DifferentiationError,
      "Unexpected tangent. The step cannot be autodifferentiated.",
    );
    assertThrows(() => vn.grad(g)(one), vn.DifferentiationError, "Unexpected tangent");
  }
  // Beside what is differentiated it may stand.
  assertEquals(vn.grad((x: vn.NDArray) => x.mul(f(one)))(one).item(), 1);
  assertThrows(
    () => vn.grad((x: vn.NDArray) => nondifferentiable(x, { message: "mine" }))(one),
    vn.DifferentiationError,
    "mine",
  );
});

Deno.test("equinox/nontraceable/test_nondiff_back: reverse mode throws, forward mode passes", () => {
  const f = (x: vn.NDArray) => nondifferentiableBackward(x, { name: "The step" }).mul(2);
  for (const g of [f, vn.filterJit(f), vn.vmap(f)]) {
    const x = g.name === "vmap" ? np.ones([2]) : one;
    const [out, tangent] = vn.jvp(g, [np.ones([2])], [np.ones([2])]);
    assertEquals([out.tolist(), tangent.tolist()], [[2, 2], [2, 2]]);
    assertThrows(
      () => vn.grad((y: vn.NDArray) => g(np.broadcastTo(y, [2])).sum())(x),
      vn.DifferentiationError,
      "Unexpected cotangent. The step cannot be reverse-mode autodifferentiated.",
    );
  }
  const late = (weight: vn.NDArray) =>
    vn.grad((x: vn.NDArray) =>
      nondifferentiableBackward(x, { symbolic: false }).mul(weight).add(x)
    );
  assertEquals(late(np.array(0))(one).item(), 1);
  assertThrows(() => late(one)(one), vn.RuntimeCheckError, "Unexpected cotangent");
  const compiled = vn.filterJit((x: vn.NDArray, w: vn.NDArray) => late(w)(x));
  assertEquals(compiled(one, np.array(0)).item(), 1);
  assertThrows(() => compiled(one, one), vn.RuntimeCheckError, "Unexpected cotangent");
});

Deno.test("equinox/nontraceable/test_nontraceable: differentiation, transposition and batching throw", () => {
  const f = (x: vn.NDArray) => nontraceable(x, { name: "the rule" });
  assertEquals(f(one).item(), 1);
  assertEquals(vn.filterJit(f)(one).item(), 1);
  assertThrows(
    () => vn.jvp(f, [one], [one]),
    vn.TracerError,
    "detected differentiation of the rule",
  );
  assertThrows(() => vn.vmap(f)(np.ones([2])), vn.TracerError, "detected batching of the rule");
  const inTangent = vn.filterCustomJvp((x: vn.NDArray) => x);
  inTangent.defJvp(([x], [t]) => [x, nontraceable(t)]);
  assertThrows(
    () => vn.grad((x: vn.NDArray) => inTangent(x))(one),
    vn.TracerError,
    "detected transposition",
  );
});

Deno.test("nonbatchable refuses a mapped axis, or one along which something changes", () => {
  const f = (x: vn.NDArray) => nonbatchable(x, { name: "The step" });
  assertThrows(() => vn.vmap(f)(np.ones([2])), vn.TracerError, "The step cannot be vmapped");
  assertEquals(vn.vmap((x: vn.NDArray) => x.add(f(one)))(np.ones([2])).tolist(), [2, 2]);
  assertEquals(vn.grad(f)(one).item(), 1);
  const constant = vn.vmap(
    (x: vn.NDArray) => nonbatchable(x, { allowConstantAcrossBatch: true }),
    { inAxes: 1, outAxes: null },
  );
  for (const g of [constant, vn.filterJit(constant)]) {
    assertEquals(g(np.array([[3, 3], [4, 4]])).tolist(), [3, 4]);
    assertThrows(() => g(np.array([[3, 3], [4, 5]])), vn.RuntimeCheckError, "Nonconstant batch");
  }
});
