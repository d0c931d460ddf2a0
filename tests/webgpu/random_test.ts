/**
 * Random programs: on a WebGPU device they compute what the interpreter does.
 *
 * @module
 */
import { assert } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { isFloating } from "../../src/core/dtype.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { assertClose } from "../backends/compare.ts";
import { randomProgram } from "../backends/random_program.ts";
import { again, day, isWhole } from "../share.ts";
import { deviceTest, fitsDevice, runOnDevice } from "./adapter.ts";

/** Seeds that once failed: the last of writes to one place, loops that drivers end, 64 bits by fours. */
const known = [649, 773, 1218, 1262, 1798, 4028];

/** Those, and others each day. */
const seeds = [
  ...known,
  ...Array.from({ length: isWhole ? 3000 : 120 }, (_, i) => (isWhole ? 0 : 120 * day) + i),
];

deviceTest("random programs compute on a device what the interpreter does", async (device) => {
  let ran = 0;
  for (const seed of seeds) {
    const { program, inputs } = randomProgram(seed);
    if (!fitsDevice(program)) continue;
    ran++;
    const expected = interpret(program, inputs);
    const actual = await runOnDevice(device, program, inputs);
    for (const { id, dtype, role, position } of program.buffers) {
      if (role !== "output") continue;
      const [a, e] = [actual[position], expected[position]];
      const largest = isFloating(dtype)
        ? (e as Float32Array).reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
        : 1;
      const where = (i: number) => `seed ${seed}, b${id}[${i}], ${again}\n${printProgram(program)}`;
      assertClose(a, e, { ulps: 8, absolute: largest * 3e-5 }, where, dtype);
    }
  }
  assert(ran > seeds.length / 3);
  const { buffers, bytes } = device.memory();
  assert(buffers === 0 && bytes === 0, "buffers leak");
});
