/**
 * Tests of a WebGPU device run wherever an adapter is found; software ones do.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { forEachExpr } from "../../src/backends/wgsl/rewrite.ts";
import { isDeviceDType } from "../../src/backends/wgsl/types.ts";
import { WebGpuDevice } from "../../src/runtime/webgpu/device.ts";
import { execute } from "./execute.ts";

const adapter = await navigator.gpu?.requestAdapter() ?? null;
let opened: WebGpuDevice | null = null;

/** The device that a file's tests share. */
export async function testDevice(): Promise<WebGpuDevice> {
  return opened ??= await WebGpuDevice.open();
}

/** A test that needs an adapter: ignored where the machine has none, not even a software one. */
export function adapterTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: adapter === null ? `${name} (no WebGPU adapter here)` : name,
    ignore: adapter === null,
    // The device outlives the test that opened it.
    sanitizeResources: false,
    sanitizeOps: false,
    fn,
  });
}

/** A test of what runs programs on a device. */
export function deviceTest(name: string, fn: (device: WebGpuDevice) => Promise<void>): void {
  adapterTest(name, async () => await fn(await testDevice()));
}

/** A test of what users call, with the device open. */
export function userTest(name: string, fn: (gpu: vn.Device) => Promise<void>): void {
  adapterTest(name, async () => {
    const [gpu] = await vn.init("webgpu");
    await fn(gpu);
  });
}

/** Whether a device has all of a program's dtypes; float64 is what it lacks. */
export function fitsDevice(program: Program): boolean {
  const dtypes = new Set(program.buffers.map((b) => b.dtype));
  for (const step of program.steps) {
    if (step.kind === "nest") forEachExpr(step.body, (expr) => dtypes.add(expr.dtype));
  }
  return [...dtypes].every(isDeviceDType);
}

/** Runs a program on the device. */
export async function runOnDevice(
  device: WebGpuDevice,
  program: Program,
  inputs: readonly TypedArray[],
): Promise<TypedArray[]> {
  return await execute(device, deviceProgram(program, device.traits), inputs);
}
