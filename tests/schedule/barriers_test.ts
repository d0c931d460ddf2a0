/**
 * Barriers among steps: order, and nothing merged or fused across them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { shapedArray } from "../../src/core/aval.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { sin, tanh } from "../../src/ops/elementary.ts";
import { add, mul } from "../../src/ops/arith.ts";
import { optimizationBarrier } from "../../src/ops/barrier.ts";
import { broadcastInDim, reduceSum, reshape, transpose } from "../../src/ops/shape.ts";
import { dotGeneral } from "../../src/ops/dot.ts";
import { literal } from "../../src/ops/common.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { stage } from "../../src/transform/stage.ts";
import { check, makeRandom } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

const matrix = shapedArray([32, 32], "float32");

/** The steps of a program, in order, as text. */
function stepsOf(closed: Parameters<typeof schedule>[0]): string[] {
  return printProgram(schedule(closed, { name: "f" })).split(/^step /m).slice(1);
}

Deno.test("random programs with barriers compute the same fused and unfused", () => {
  for (let seed = 600; seed <= 800; seed++) {
    const random = makeRandom(seed);
    const length = 3 + Math.floor(random() * 20);
    const closed = randomProgram(random, length, { barriers: true, wide: seed % 3 === 0 });
    check(closed, closed.inAvals.map(() => random() < 0.3), seed);
  }
});

Deno.test("what reads through a barrier runs after all of its operands, though it needs but one", () => {
  const closed = stage(([x]) => {
    const late = reduceSum(sin(mul(x, x)), [0, 1]);
    const [held] = optimizationBarrier([x, late]);
    return [tanh(held), late];
  }, [matrix]);
  const steps = stepsOf(closed);
  assertEquals(steps.length, 2);
  assert(steps[0].includes("sin") && steps[1].includes("tanh"), steps.join("\n"));
});

Deno.test("the same computation on both sides of a barrier is done twice", () => {
  const twice = (barrier: boolean) =>
    stage(([x]) => {
      const first = tanh(x);
      const [again] = barrier ? optimizationBarrier([x, reduceSum(first, [0, 1])]) : [x];
      return [first, mul(tanh(again), literal(2, "float32"))];
    }, [matrix]);
  const count = (closed: ReturnType<typeof twice>) =>
    stepsOf(closed).join().split("tanh(").length - 1;
  assertEquals([count(twice(false)), count(twice(true))], [1, 2]);
});

Deno.test("contractions, views and broadcasts read through barriers where the operand lies: nothing is copied", () => {
  const closed = stage(([x, w]) => {
    const [a, b, scale] = optimizationBarrier([
      tanh(x),
      w,
      broadcastInDim(literal(2, "float32"), [32, 32], []),
    ]);
    const product = dotGeneral(a, transpose(b, [1, 0]), [[[1], [0]], [[], []]]);
    return [reshape(add(product, scale), [1024])];
  }, [matrix, matrix]);
  const steps = stepsOf(closed);
  assertEquals(steps.map((s) => s.split(/[\s:]+/)[1]), ["nest", "dot", "nest"]);
});

Deno.test("a barrier that nobody reads through costs nothing", () => {
  const closed = stage(([x]) => {
    optimizationBarrier([tanh(x)]);
    return [sin(x)];
  }, [matrix]);
  assertEquals(stepsOf(closed).length, 1);
});
