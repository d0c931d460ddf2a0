/**
 * How fast this machine's processor and its WebGPU device are: measured when the device is first opened, by a few programs that both run,
 * and kept on disk where that is permitted.
 *
 * @module
 */
import { compileProgram } from "../../backends/wasm/compiler.ts";
import { textHash } from "../../backends/wasm/hash.ts";
import type { NDArray } from "../../core/array.ts";
import { type ShapedArray, shapedArray } from "../../core/aval.ts";
import { cacheFolder } from "../../core/cache_folder.ts";
import { graphicsDevice } from "../../core/device.ts";
import { placementOf } from "../../core/placement.ts";
import { SingleDeviceSharding } from "../../core/sharding.ts";
import { mul } from "../../ops/arith.ts";
import { dotGeneral } from "../../ops/dot.ts";
import { tanh } from "../../ops/elementary.ts";
import type { Program } from "../../loopnest/ir.ts";
import { schedule } from "../../schedule/mod.ts";
import { workOf } from "../../schedule/work.ts";
import { CompileError } from "../../errors.ts";
import { stage } from "../../transform/stage.ts";
import { arrayFromTypedArray, type ConcreteArray } from "../concrete.ts";
import type { ComputeRates, MachineRates, TransferRates } from "../device_costs.ts";
import { Executable } from "../executable.ts";
import { WebGpuArray } from "./array.ts";
import type { WebGpuDevice } from "./device.ts";
import { DeviceExecutable, upload } from "./executable.ts";

let known: MachineRates | null = null;

/** The rates of this machine; `null` where they were not measured. */
export function machineRates(): MachineRates | null {
  return known;
}

/** Sets the rates, for tests. Gives those that were in force. */
export function setMachineRates(rates: MachineRates | null): MachineRates | null {
  const previous = known;
  known = rates;
  return previous;
}

/**
 * Reads the rates of a device from disk, or measures them and keeps them there. A device that is the processor itself, by way of
 * another compiler, is not measured; nor is anything where nothing can be compiled.
 */
export async function learnRates(device: WebGpuDevice): Promise<void> {
  known = null;
  if (device.traits.isSoftware) return;
  const path = pathFor(device);
  known = path === null ? null : readRates(path);
  if (known !== null) return;
  try {
    known = await measureRates(device);
  } catch (error) {
    if (error instanceof CompileError) return;
    throw error;
  }
  if (path !== null) keepRates(path, known);
}

// On disk

/** The form of the files, and of what is measured: files of another version are not found. */
const version = 1;

/** Where the rates of a device are kept: by its name, its driver's way of saying its version, and the runtime's. */
function pathFor({ description }: WebGpuDevice): string | null {
  const folder = cacheFolder();
  if (folder === null) return null;
  const { build, version: runtime } = Deno;
  const key = [version, description, build.target, runtime.deno, navigator.hardwareConcurrency];
  return `${folder}/rates/${textHash(key.join("\n"))}.json`;
}

const computeRates = ["call", "launch", "bytes", "ops", "flops"] as const;
const transferRates = ["upload", "read", "wait"] as const;

/** Rates that were kept; `null` where there are none, or something else stands there. */
export function readRates(path: string): MachineRates | null {
  try {
    const { cpu, webgpu } = JSON.parse(Deno.readTextFileSync(path)) as Record<string, unknown>;
    const read = <K extends string>(from: unknown, names: readonly K[]): Record<K, number> => {
      const numbers = from as Record<K, unknown>;
      const entries = names.map((name): [K, number] => {
        const value = numbers[name];
        if (typeof value !== "number" || !(value > 0 && value < Infinity)) {
          throw new TypeError(name);
        }
        return [name, value];
      });
      return Object.fromEntries(entries) as Record<K, number>;
    };
    return {
      cpu: read(cpu, computeRates),
      webgpu: read(webgpu, [...computeRates, ...transferRates]),
    };
  } catch {
    return null; // damaged, or not there
  }
}

/** Keeps rates: written under another name and then renamed, so that who reads finds all of it or nothing. */
export function keepRates(path: string, rates: MachineRates): void {
  const unfinished = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(unfinished, JSON.stringify(rates), { mode: 0o600 });
    Deno.renameSync(unfinished, path);
  } catch {
    try {
      Deno.removeSync(unfinished);
    } catch {
      // A disk that is full or may not be written: they are measured again next time.
    }
  }
}

// Measuring

/** A program to be timed, with inputs. */
interface Probe {
  readonly program: Program;
  readonly outs: readonly ShapedArray[];
  readonly inputs: readonly ConcreteArray[];
}

function probe(
  shape: readonly number[],
  fn: (x: NDArray, y: NDArray) => NDArray,
): Probe {
  const aval = shapedArray(shape, "float32");
  const closed = stage(([x, y]) => [fn(x, y)], [aval, aval]);
  const elements = new Float32Array(aval.size).fill(1 / 1024);
  const input = arrayFromTypedArray(elements, shape, "float32");
  return {
    program: schedule(closed, { name: "calibration" }),
    outs: closed.outAvals,
    inputs: [input, input],
  };
}

/** Elementwise, bound by memory. */
const streaming = (n: number): Probe => probe([n], mul);
/** Elementwise, bound by arithmetic. */
const arithmetic = (n: number): Probe => probe([n], (x, y) => tanh(tanh(tanh(tanh(mul(x, y))))));
/** Some products of matrices, one after the other. */
const products = (n: number, count: number): Probe =>
  probe([n, n], (x, y) => {
    for (let i = 0; i < count; i++) x = dotGeneral(x, y, [[[1], [0]], [[], []]]);
    return x;
  });

/** Steps of the probe that shows what a launch takes. */
const STEPS = 17;

/** Measures a processor and a device by the same programs. */
export async function measureRates(device: WebGpuDevice): Promise<MachineRates> {
  const webgpu = await measureDevice(device);
  return { cpu: measureCpu(), webgpu };
}

/** What a run takes once a program's steps are told from its call. */
function launchTimes(one: number, many: number): { call: number; launch: number } {
  const launch = Math.max(1e-9, (many - one) / (STEPS - 1));
  return { call: Math.max(1e-7, one - launch), launch };
}

/** Rates from the times that probes took, less what calling them took. */
function ratesFrom(
  { call, launch }: { call: number; launch: number },
  probes: Readonly<Record<"bytes" | "ops" | "flops", readonly [Probe, number]>>,
): ComputeRates {
  const rate = (of: "bytes" | "ops" | "flops"): number => {
    const [{ program }, seconds] = probes[of];
    const amount = workOf(program).steps.reduce((sum, step) => sum + step.runs * step[of], 0);
    // What is as short as its call says little: at least half of the time counts.
    return amount / Math.max(seconds - call - launch, seconds / 2);
  };
  return { call, launch, bytes: rate("bytes"), ops: rate("ops"), flops: rate("flops") };
}

/** Milliseconds, and runs, that each probe of the processor takes at least. */
const CPU_PATIENCE = 12;
const CPU_RUNS = 5;

function measureCpu(): ComputeRates {
  const time = ({ program, outs, inputs }: Probe): number => {
    const { module, scratchBytes } = compileProgram(program);
    const executable = new Executable({ ...program, scratchBytes }, module, outs, []);
    let best = Infinity;
    // The first runs are of code that is not yet optimised.
    const start = performance.now();
    for (let run = 0; run < CPU_RUNS || performance.now() - start < CPU_PATIENCE; run++) {
      const begun = performance.now();
      for (const x of executable.run(inputs, null)) x.delete();
      best = Math.min(best, performance.now() - begun);
    }
    return best / 1000;
  };
  const [stream, work, product] = [streaming(2 ** 20), arithmetic(2 ** 16), products(256, 1)];
  return ratesFrom(launchTimes(time(products(16, 1)), time(products(16, STEPS))), {
    bytes: [stream, time(stream)],
    ops: [work, time(work)],
    flops: [product, time(product)],
  });
}

/** Seconds of a device's work that are well told from the wait for it. */
const TELLING = 4e-3;

async function measureDevice(device: WebGpuDevice): Promise<ComputeRates & TransferRates> {
  const placement = placementOf(new SingleDeviceSharding(graphicsDevice()), true);
  const glance = (x: WebGpuArray) => device.read({ ...x.live().view, bytes: 4 });
  const elapsed = async (run: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await run();
    return (performance.now() - start) / 1000;
  };
  const least = async (times: number, run: () => Promise<unknown>): Promise<number> => {
    let best = Infinity;
    for (let i = 0; i < times; i++) best = Math.min(best, await elapsed(run));
    return best;
  };
  const send = (x: ConcreteArray) => new WebGpuArray(device, x.aval, upload(device, x), placement);
  const large = arrayFromTypedArray(new Float32Array(2 ** 20), [2 ** 20], "float32");
  const sent = send(large);
  await sent.data();
  const wait = Math.max(1e-6, await least(3, () => glance(sent)));
  const read = 4 * large.size / Math.max(1e-6, await least(2, () => sent.data()) - wait);
  const uploading = await least(2, async () => {
    const copy = send(large);
    await glance(copy);
    copy.delete();
  });
  sent.delete();
  /** Seconds of one run among many. */
  const time = async ({ program, outs, inputs }: Probe): Promise<number> => {
    const executable = new DeviceExecutable(program, outs);
    const there = inputs.map(send);
    const runs = (count: number) => async () => {
      let last: WebGpuArray | null = null;
      for (let i = 0; i < count; i++) {
        last?.delete();
        [last] = executable.run(device, there, null, placement, "calibration");
      }
      await glance(last!);
      last!.delete();
    };
    await runs(1)(); // builds the shaders
    for (let count = 1;; count *= 4) {
      const seconds = await elapsed(runs(count)) - wait;
      if (seconds < TELLING && count < 64) continue;
      const again = await elapsed(runs(count)) - wait;
      there.forEach((x) => x.delete());
      return Math.max(1e-7, Math.min(seconds, again) / count);
    }
  };
  const times = launchTimes(await time(products(16, 1)), await time(products(16, STEPS)));
  /** A probe's time; of a larger one where a device is so fast that this one says little. */
  const telling = async (small: () => Probe, big: () => Probe): Promise<[Probe, number]> => {
    const first = small();
    const seconds = await time(first);
    if (seconds > 4 * (times.call + times.launch)) return [first, seconds];
    const second = big();
    return [second, await time(second)];
  };
  const rates = ratesFrom(times, {
    bytes: await telling(() => streaming(2 ** 19), () => streaming(2 ** 22)),
    ops: await telling(() => arithmetic(2 ** 17), () => arithmetic(2 ** 22)),
    flops: await telling(() => products(256, 1), () => products(1024, 1)),
  });
  return { ...rates, upload: 4 * large.size / Math.max(1e-6, uploading - wait), read, wait };
}
