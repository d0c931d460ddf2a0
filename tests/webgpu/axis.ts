/**
 * The device as an axis of tests: what was written for the processor runs with a WebGPU device as the default one.
 *
 * Tests read its arrays at once, as those of the processor. The library may not, as in use it cannot either.
 *
 * A software adapter compiles for longer than the processor computes. So a share of the tests runs (`tests/share.ts`).
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Submission } from "../../src/runtime/webgpu/queue.ts";
import { WebGpuArray } from "../../src/runtime/webgpu/array.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { setSynchronousReads } from "../../src/runtime/webgpu/readback.ts";
import { isInShare, isWhole } from "../share.ts";
import { userTest } from "./adapter.ts";
import { type Exception, exceptions, type Reason } from "./exceptions.ts";

/** What gave the elements that a test has read. */
const submissions = new Set<Submission>();

/** The line of a stack that tells who called a method of a device's array. */
function callerOfArray(): string {
  const lines = new Error().stack!.split("\n").slice(1);
  const inside = lines.findLastIndex((line) => line.includes("/src/runtime/webgpu/array.ts"));
  return lines[inside + 1] ?? "";
}

const { onHost } = WebGpuArray.prototype;

WebGpuArray.prototype.onHost = function (what: string) {
  const block = this.live();
  const caller = callerOfArray();
  // Text is made of what is there.
  const isAllowed = what === "toString" || !caller.includes("/src/");
  const before = isAllowed || setSynchronousReads(false);
  try {
    return onHost.call(this, isAllowed ? what : `${what}, called by the library ${caller.trim()}`);
  } finally {
    if (!isAllowed) setSynchronousReads(before);
    // A read hands over what was to be done before.
    if (block.submission !== null) submissions.add(block.submission);
  }
};

/** Runs a test with the device as the default one; what the device refuses, which is known later, counts. */
export async function onDevice(gpu: vn.Device, fn: () => unknown): Promise<void> {
  vn.defaultDevice(gpu);
  const before = setSynchronousReads(true);
  try {
    await fn();
  } finally {
    vn.defaultDevice(null);
    setSynchronousReads(before);
  }
  await webGpu().queue.settled();
  const faults = [...submissions].map(({ fault }) => fault).filter((fault) => fault !== null);
  submissions.clear();
  if (faults.length > 0) throw faults[0];
}

/** What stands in the way of a test, if something does: the exceptions tell how its name begins. */
export function exceptionOf(file: string, name: string): Exception | undefined {
  return exceptions.find((e) => e.file === file && e.names.some((n) => name.startsWith(n)));
}

/** Runs what cannot pass, for a reason: that it passes is a failure. */
export async function mustFail(reason: Reason, fn: () => unknown): Promise<void> {
  try {
    await fn();
  } catch {
    return;
  }
  throw new Error(`it passes on the device, though exceptions.ts says that it cannot: ${reason}`);
}

type TestFn = () => void | Promise<void>;

/** The tests that a file registers. */
async function testsOf(path: string): Promise<{ name: string; fn: TestFn }[]> {
  const found: { name: string; fn: TestFn }[] = [];
  const host: { test: unknown } = Deno;
  const { test } = host;
  host.test = (first: string | { name: string; fn: TestFn }, fn: TestFn) => {
    found.push(typeof first === "string" ? { name: first, fn } : first);
  };
  try {
    await import(new URL(`../${path}`, import.meta.url).href);
  } finally {
    host.test = test;
  }
  return found;
}

/** A test with the device as the default one. */
export function onDeviceTest(name: string, fn: () => unknown): void {
  userTest(name, (gpu) => onDevice(gpu, fn));
}

/** Registers a test of elsewhere, or that it fails. */
function registerOnDevice(file: string, name: string, fn: TestFn): void {
  const exception = exceptionOf(file, name);
  if (exception === undefined) return onDeviceTest(`on WebGPU: ${name}`, fn);
  const { reason } = exception;
  if (reason !== "slow") {
    onDeviceTest(`on WebGPU fails (${reason}): ${name}`, () => mustFail(reason, fn));
  } else if (isWhole) onDeviceTest(`on WebGPU: ${name}`, fn);
}

/**
 * Registers a share of the tests of files as tests of the device.
 *
 * @param files Paths below `tests/`, without `_test.ts`.
 * @param days In how many days' runs each test is once.
 */
export async function testsOnDevice(files: readonly string[], days: number): Promise<void> {
  let left = 0;
  for (const file of files) {
    const tests = await testsOf(`${file}_test.ts`);
    for (const { names } of exceptions.filter((e) => e.file === file)) {
      const unknown = names.filter((n) => !tests.some(({ name }) => name.startsWith(n)));
      if (unknown.length > 0) throw new Error(`exceptions.ts names no test of ${file}: ${unknown}`);
    }
    for (const { name, fn } of tests) {
      if (isInShare(`${file}: ${name}`, days)) registerOnDevice(file, name, fn);
      else left++;
    }
  }
  if (left > 0) {
    const name =
      `on WebGPU: ${left} more tests, which run on other days, or with VERNAL_TEST_SHARE=all`;
    Deno.test({ name, ignore: true, fn() {} });
  }
}
