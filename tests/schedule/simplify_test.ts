/** Passes from jaxpr to jaxpr: each leaves a well-formed jaxpr that computes the same. */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import { type ClosedJaxpr, JaxprVar, type Literal } from "../../src/core/jaxpr.ts";
import { verifyJaxpr } from "../../src/core/jaxpr_verify.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import * as np from "../../src/numpy/mod.ts";
import { add, div, mul, neg, sub } from "../../src/ops/arith.ts";
import { literal } from "../../src/ops/common.ts";
import { copy, reduceSum, reshape, squeeze, transpose } from "../../src/ops/shape.ts";
import { eliminateDeadCode } from "../../src/core/dead_code.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { simplifyEquations } from "../../src/schedule/simplify.ts";
import { scheduleUnfused } from "../../src/schedule/unfused.ts";
import { customJvpCall } from "../../src/control/custom_jvp_call.ts";
import { f32, i32, jaxprOf, makeRandom, randomArray } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

function verify(closed: ClosedJaxpr): void {
  verifyJaxpr(closed.jaxpr, "a pass");
}

function names(closed: ClosedJaxpr): string[] {
  return closed.jaxpr.eqns.map((e) => e.primitive.name);
}

function simplified(
  fn: (...xs: NDArray[]) => NDArray | NDArray[],
  ...avals: Parameters<typeof f32>[]
) {
  const closed = jaxprOf(fn, ...avals.map((shape) => f32(...shape)));
  const result = eliminateDeadCode(simplifyEquations(closed));
  verify(result);
  return result;
}

Deno.test("what changes no value goes", () => {
  const gone: ((x: NDArray) => NDArray)[] = [
    (x) => mul(x, 1),
    (x) => mul(literal(1, "float32"), x),
    (x) => div(x, 1),
    (x) => sub(x, 0),
    (x) => add(x, -0),
    (x) => neg(neg(x)),
    copy,
    (x) => transpose(transpose(x, [1, 0]), [1, 0]),
    (x) => reshape(reshape(x, [12]), [3, 4]),
    (x) => squeeze(reshape(x, [3, 1, 4]), [1]),
    (x) => squeeze(transpose(reshape(x, [3, 1, 4]), [1, 0, 2]), [0]),
    (x) => x.mul(np.ones([3, 4])),
  ];
  for (const fn of gone) {
    const result = simplified(fn, [3, 4]);
    assertEquals(names(result), [], String(fn));
    assertEquals(result.jaxpr.outvars, result.jaxpr.invars);
  }
});

Deno.test("what changes a zero's sign, a NaN or a shape stays", () => {
  const kept: ((x: NDArray) => NDArray)[] = [
    (x) => add(x, 0),
    (x) => sub(x, -0),
    (x) => mul(x, 0),
    (x) => sub(x, x),
    (x) => div(x, x),
    (x) => mul(x, np.ones([3, 4])),
  ];
  for (const fn of kept) assert(names(simplified(fn, [])).length > 0, String(fn));
});

Deno.test("moves in a row become one", () => {
  assertEquals(names(simplified((x) => reshape(reshape(x, [12]), [2, 6]), [3, 4])), ["reshape"]);
  const turned = simplified((x) => transpose(transpose(x, [1, 2, 0]), [1, 2, 0]), [2, 3, 4]);
  assertEquals(names(turned), ["transpose"]);
  const stretched = simplified(
    (x) => np.broadcastTo(np.broadcastTo(x, [3, 4]), [2, 3, 4]),
    [4],
  );
  assertEquals(names(stretched), ["broadcast_in_dim"]);
});

Deno.test("equal equations are computed once, whatever they lead to", () => {
  const result = simplified((x, y) => np.exp(x.mul(y)).add(np.sin(x.mul(y))), [4], [4]);
  assertEquals(names(result), ["mul", "exp", "sin", "add"]);
  const deep = simplified((x) => np.exp(x.mul(2)).mul(np.exp(x.mul(2))), [4]);
  assertEquals(names(deep), ["mul", "exp", "mul"]);
  // Another parameter is another equation.
  const sums = simplified((x) => [reduceSum(x, [0]), reduceSum(x, [1])], [3, 3]);
  assertEquals(names(sums), ["reduce_sum", "reduce_sum"]);
});

Deno.test("equations of literals are computed now", () => {
  const result = simplified((x) => x.mul(mul(literal(3, "float32"), literal(0.1, "float32"))), [4]);
  assertEquals(names(result), ["mul"]);
  const factor = result.jaxpr.eqns[0].invars[1];
  assertEquals((factor as Literal).value, Math.fround(3 * Math.fround(0.1)));
});

Deno.test("unused equations go, used results of the same equation keep it", () => {
  const result = simplified((x) => {
    np.exp(x);
    return np.sin(x);
  }, [4]);
  assertEquals(names(result), ["sin"]);
});

Deno.test("calls are inlined, each copy with variables of its own", () => {
  const call = (x: NDArray) =>
    customJvpCall(([x]) => [np.exp(x).add(1)], ([x], [t]) => [[x], [t]], "f", [x])[0];
  const closed = jaxprOf((x) => call(call(x)), f32(4));
  const result = inlineCalls(closed);
  verify(result);
  assertEquals(names(result), ["exp", "add", "exp", "add"]);
});

Deno.test("random programs compute the same after each pass", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = makeRandom(seed + 1000);
    const closed = randomProgram(random, 15);
    const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
    const expected = interpret(scheduleUnfused(closed, "plain"), inputs);
    let current = closed;
    for (const pass of [inlineCalls, simplifyEquations, eliminateDeadCode]) {
      current = pass(current);
      verify(current);
      assertEquals(interpret(scheduleUnfused(current, "plain"), inputs), expected, `seed ${seed}`);
    }
  }
});

Deno.test("an int's zero is nothing, with either sign", () => {
  const closed = jaxprOf((x) => add(sub(x, 0), 0), i32(4));
  const result = eliminateDeadCode(simplifyEquations(closed));
  assertEquals(names(result), []);
  assert(result.jaxpr.outvars[0] instanceof JaxprVar);
});
