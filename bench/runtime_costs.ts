/**
 * What the runtime itself costs: allocations, small eager operations, calls of compiled programs, spilling.
 * `deno run -A bench/runtime_costs.ts` prints a table; each figure is the median of several samples.
 *
 * @module
 */
import wabt from "wabt";
import { shapedArray } from "../src/core/aval.ts";
import type { BufferDecl } from "../src/loopnest/ir.ts";
import { add } from "../src/ops/arith.ts";
import { exp } from "../src/ops/elementary.ts";
import { reduceSum } from "../src/ops/shape.ts";
import { type ConcreteArray, emptyArray, fullArray } from "../src/runtime/concrete.ts";
import { installRuntime } from "../src/runtime/evaluate.ts";
import { Executable } from "../src/runtime/executable.ts";
import { heap } from "../src/runtime/memory.ts";
import { setMemoryLimits } from "../src/runtime/memory_report.ts";
import { beginOperation, ledger, spillAll } from "../src/runtime/storage.ts";
import { careful, measure } from "./measure.ts";

installRuntime();
const { parseWat } = await wabt();

/** A program that does nothing, with arrays of `n` float32. */
function idle(inputs: number, outputs: number, n: number, donates: boolean): Executable {
  const wat = `(module (import "env" "memory" (memory 1 65536 shared))
    (func (export "run") (param i32)))`;
  const { buffer } = parseWat("idle.wat", wat, { threads: true }).toBinary({});
  const decl = (id: number, role: BufferDecl["role"], position: number): BufferDecl => ({
    id,
    role,
    position,
    dtype: "float32",
    size: n,
    offset: 0,
    donor: role === "output" && donates ? position : -1,
  });
  const buffers = [
    ...Array.from({ length: inputs }, (_, i) => decl(i, "input", i)),
    ...Array.from({ length: outputs }, (_, i) => decl(inputs + i, "output", i)),
  ];
  const program = { name: "idle", buffers, steps: [], scratchBytes: 1000 };
  const module = new WebAssembly.Module(buffer as Uint8Array<ArrayBuffer>);
  return new Executable(program, module, Array(outputs).fill(shapedArray([n], "float32")));
}

const filled = (n: number): ConcreteArray => fullArray(shapedArray([n], "float32"), 1);

const works: [name: string, run: () => unknown][] = [];

for (const bytes of [256, 65536, 4 << 20]) {
  works.push([`allocate and free a block of ${bytes} bytes`, () => {
    heap().free(heap().allocate(bytes)!);
  }]);
}
const thousand = shapedArray([1000], "float32");
works.push(["make and delete an array of 1000", () => emptyArray(thousand).delete()]);
works.push(["make and drop an array of 1000", () => {
  beginOperation();
  emptyArray(thousand);
}]);
for (const n of [1, 4, 64, 1000]) {
  const x = filled(n);
  const free = (y: unknown): void => (y as ConcreteArray).delete();
  works.push([`eager x + x on [${n}]`, () => free(add(x, x))]);
  works.push([`eager exp on [${n}]`, () => free(exp(x))]);
  works.push([`eager sum of [${n}]`, () => free(reduceSum(x, [0]))]);
}
for (const n of [1, 4, 1000]) {
  const x = filled(n);
  const program = idle(1, 1, n, false);
  works.push([
    `call of a program, 1 array of ${n} in and 1 out`,
    () => program.run([x])[0].delete(),
  ]);
}
{
  const program = idle(1, 1, 1000, true);
  let x = filled(1000);
  works.push(["the same of 1000, donated", () => [x] = program.run([x], [true])]);
  const many = idle(500, 500, 1000, true);
  let xs = Array.from({ length: 500 }, () => filled(1000));
  const all = xs.map(() => true);
  works.push(["500 donated arrays of 1000 in and out", () => xs = many.run(xs, all)]);
}

for (const [name, run] of works) {
  spillAll(); // what the work before dropped
  await new Promise((resolve) => setTimeout(resolve, 10));
  const { median } = await measure(run, { ...careful, warm: 0.3 });
  console.log(`${name.padEnd(50)} ${(median * 1e9).toFixed(0).padStart(9)} ns`);
}

setMemoryLimits({ limit: 256 << 20, maxLimit: 256 << 20 });
for (const megabytes of [1, 4, 16]) {
  const aval = shapedArray([megabytes << 18], "float32");
  const count = Math.floor(4e9 / (megabytes << 20));
  let most = 0;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    beginOperation();
    emptyArray(aval);
    if (i % 50 === 0) most = Math.max(most, Deno.memoryUsage().rss);
  }
  const perMegabyte = (performance.now() - start) / (count * megabytes);
  console.log(
    `synchronous loop over 4 GB, ${megabytes} MB arrays, limit 256 MB`.padEnd(50),
    `${perMegabyte.toFixed(2).padStart(6)} ms/MB, at most ${
      (most / 2 ** 20).toFixed(0)
    } MB resident,`,
    `${(ledger().movedOut / 1e9).toFixed(1)} GB spilled so far`,
  );
}
