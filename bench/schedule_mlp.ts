/**
 * How long scheduling takes: an MLP training step with adam, cold (the first in the process) and warm, pass by pass.
 *
 * `deno run --config deno.json bench/schedule_mlp.ts`
 */
import { compileToProgram } from "../src/compile/pipeline.ts";
import { f32, jaxprOf } from "../tests/schedule/helpers.ts";
import { mlpShapes, mlpStep } from "../tests/schedule/models.ts";

const layers = 3;
const shapes = mlpShapes([784, 512, 512, 10]);
const state = [...shapes, ...shapes, ...shapes].map((s) => f32(...s));
const trace = () =>
  jaxprOf((...xs) => mlpStep(xs, layers), f32(128, 784), f32(128, 10), f32(), ...state);
const closed = trace();
const donated = [false, false, true, ...state.map(() => true)];

function run(): { total: number; passes: Map<string, number>; steps: number } {
  const start = performance.now();
  const { passes, program } = compileToProgram(closed, { name: "step", donated });
  const total = performance.now() - start;
  return {
    total,
    passes: new Map(passes.map((p) => [p.name, p.milliseconds])),
    steps: program.steps.length,
  };
}

const cold = run();
const runs = Array.from({ length: 200 }, run).slice(100);
const median = (xs: number[]) => xs.sort((a, b) => a - b)[xs.length >> 1];
console.log(`${closed.jaxpr.eqns.length} equations, ${cold.steps} steps`);
console.log(`${"pass".padEnd(10)} ${"cold ms".padStart(8)} ${"warm ms".padStart(8)}`);
for (const [name, ms] of cold.passes) {
  const warm = median(runs.map((r) => r.passes.get(name)!));
  console.log(`${name.padEnd(10)} ${ms.toFixed(2).padStart(8)} ${warm.toFixed(3).padStart(8)}`);
}
console.log(
  `${"all".padEnd(10)} ${cold.total.toFixed(2).padStart(8)} ${
    median(runs.map((r) => r.total)).toFixed(3).padStart(8)
  }`,
);
