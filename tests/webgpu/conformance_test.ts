/**
 * Every primitive of the conformance table and its gradient, compiled for a WebGPU device, against the interpreter.
 *
 * @module
 */
import { assertMatch } from "@std/assert";
import * as vn from "../../mod.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { assertClose } from "../backends/compare.ts";
import { type Case, cases, operandsOf } from "../conformance/table.ts";
import { deviceTest, fitsDevice, runOnDevice } from "./adapter.ts";
import type { WebGpuDevice } from "../../src/runtime/webgpu/device.ts";

/** Whether a program calls functions of the host: the interpreter alone has none to give. */
function callsHost(program: Program): boolean {
  return program.steps.some((step) => step.kind === "control" && step.control.kind === "callback");
}

async function check(
  device: WebGpuDevice,
  name: string,
  fn: (...xs: vn.NDArray[]) => unknown,
  xs: readonly vn.NDArray[],
): Promise<"ran" | "float64" | "host"> {
  const closed = vn.makeJaxpr(fn)(...xs);
  const program = schedule(closed, { name });
  if (callsHost(program)) return "host";
  if (!fitsDevice(program)) return "float64";
  const inputs = [...closed.consts, ...xs].map((x) => x.dataSync());
  const expected = interpret(program, inputs);
  const actual = await runOnDevice(device, program, inputs);
  expected.forEach((e, k) => {
    const largest = e instanceof Float32Array
      ? e.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
      : 0;
    assertClose(actual[k], e, { ulps: 20, absolute: largest * 1e-5 }, (i) => `${name}: ${i}`);
  });
  return "ran";
}

function differentiated(c: Case): readonly number[] {
  if (c.reverse === false) return [];
  return c.differentiate ?? c.operands.flatMap((o, i) => o.dtype === undefined ? [i] : []);
}

/** What a device cannot run, or the interpreter alone, and what of the table may be so. */
const left: Record<string, RegExp> = {
  ran: /./,
  host: /callback|error_if/,
  // polygamma is computed in float64.
  float64: /gradient of (di|poly)gamma/,
};

deviceTest("every primitive computes on a device what the interpreter does", async (device) => {
  for (const c of cases) {
    const how = await check(device, c.name, c.call, operandsOf(c, "float32"));
    assertMatch(c.name, left[how], `left out because of ${how}`);
  }
});

deviceTest("every gradient computes on a device what the interpreter does", async (device) => {
  for (const c of cases) {
    const argnums = differentiated(c);
    if (argnums.length === 0) continue;
    const loss = (...args: vn.NDArray[]) => {
      const out = c.call(...args);
      return out.mul(out).sum();
    };
    const gradient = vn.grad(loss, { argnums: [...argnums] });
    const name = `gradient of ${c.name}`;
    const how = await check(device, name, gradient, operandsOf(c, "float32"));
    assertMatch(name, left[how], `left out because of ${how}`);
  }
});
