/**
 * An open WebGPU device: its buffers, its pipelines, and what became of it.
 *
 * @module
 */
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import { DeviceError } from "../../errors.ts";
import type { DeviceMemory } from "../graphics.ts";
import { BindGroups } from "./bindings.ts";
import { Holdings } from "./blocks.ts";
import { HostCopies } from "./copies.ts";
import { Constants } from "./constants.ts";
import { Pipelines } from "./pipelines.ts";
import { BufferPool, type View } from "./pool.ts";
import { CommandQueue } from "./queue.ts";
import { Readback, readsAreSynchronous } from "./readback.ts";
import type { Work } from "./recorder.ts";
import { type KernelTime, KernelTimer } from "./timing.ts";
import type { KernelWatch } from "../graphics.ts";

interface Read {
  readonly view: View;
  readonly resolve: (bytes: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Work that waits for the device, or for such work. */
interface Pending {
  readonly work: Work;
  /** What it wants to know; `null` where it has not begun. */
  wanted: readonly View[] | null;
  /** Told of an error. */
  readonly failed: (error: unknown) => void;
  /** To be called once it is done. */
  readonly after: (() => void)[];
}

/** Pieces of work that may wait: with more, a call waits itself, where the runtime can. */
const mostPending = 64;

/** Lets the event loop turn: timers fire, and the collector's finalisers run. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (fn: () => void) => void };
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0);
    else setImmediate(() => resolve());
  });
}

const required = [
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** What is used where an adapter has it. */
const wanted = ["shader-f16", "timestamp-query"] as const;

/** Names under which drivers that run on the processor are known: Mesa's, Chrome's and Windows'. */
const softwareDrivers = /llvmpipe|swiftshader|microsoft basic render/i;

function traitsOf({ features, limits, info }: GPUAdapter): AdapterTraits {
  return {
    isSoftware: info.isFallbackAdapter || softwareDrivers.test(info.description),
    hasF16: features.has("shader-f16"),
    maxInvocations: Math.min(
      limits.maxComputeInvocationsPerWorkgroup,
      limits.maxComputeWorkgroupSizeX,
    ),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    maxGroups: limits.maxComputeWorkgroupsPerDimension,
    maxBuffers: limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
  };
}

/** An open device. */
export class WebGpuDevice {
  /** What the runtime knows it by. */
  readonly gpu: GPUDevice;
  /** The adapter's name, as its driver gives it. */
  readonly description: string;
  /** What shaders are written for. */
  readonly traits: AdapterTraits;
  /** Its buffers. */
  readonly pool: BufferPool;
  /** The memory that arrays hold. */
  readonly holdings: Holdings;
  /** Its shaders. */
  readonly pipelines: Pipelines;
  /** Words that its shaders are told. */
  readonly constants: Constants;
  /** Copies of the host's arrays. */
  readonly copies = new HostCopies();
  /** Commands on their way to it. */
  readonly queue: CommandQueue;
  readonly #bindGroups: BindGroups;
  readonly #readback: Readback;
  #lost: string | null = null;
  #fault: string | null = null;
  /** Work that waits for the device, and all that was asked for after it, in order. */
  readonly #pending: Pending[] = [];
  /** Gets it done; `null` where there is none. */
  #driving: Promise<void> | null = null;
  /** Whether it is being done at this moment, so that what is asked for now comes from a function that it calls. */
  #isAdvancing = false;
  /** Reads that go together. */
  #reads: Read[] = [];

  /**
   * @param gpu An open device.
   * @param adapter What it was opened on.
   */
  constructor(gpu: GPUDevice, adapter: GPUAdapter) {
    this.gpu = gpu;
    const description = this.description = adapter.info.description || adapter.info.vendor;
    this.traits = traitsOf(adapter);
    this.pipelines = new Pipelines(gpu);
    this.constants = new Constants(gpu);
    this.#bindGroups = new BindGroups(gpu);
    const readback = this.#readback = new Readback(gpu, (record) => this.queue.flush(record));
    this.queue = new CommandQueue(
      gpu,
      this.#bindGroups,
      description,
      readback.mode === "direct" ? () => readback.wait() : null,
      () => this.pool.trim(),
      // Who reads at once has read what never was: the next call says so.
      (fault) => readsAreSynchronous() && (this.#fault ??= String(fault)),
    );
    this.pool = new BufferPool(gpu, this.queue, description);
    this.holdings = new Holdings(
      this.pool,
      (release) => this.#afterWork(release),
      () => this.#bindGroups.clear(),
    );
    gpu.lost.then((info) => this.#lost ??= info.message || info.reason || "unknown");
    // What is refused is known to the call that asked for it; this is for what no call asked for.
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#fault ??= (event as GPUUncapturedErrorEvent).error.message;
    });
  }

  /** Opens the machine's adapter.
   *
   * @throws {DeviceError} Where there is none, saying what to install.
   */
  static async open(): Promise<WebGpuDevice> {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) {
      throw new DeviceError(
        'init("webgpu"): no WebGPU adapter was found. Install a Vulkan, Metal or D3D12 driver; on Linux without a graphics ' +
          "card, the packages mesa-vulkan-drivers and libvulkan1 bring one in software. The CPU works without",
      );
    }
    const requiredLimits: Record<string, number> = {};
    for (const name of required) requiredLimits[name] = adapter.limits[name];
    const requiredFeatures = wanted.filter((name) => adapter.features.has(name as GPUFeatureName));
    try {
      const gpu = await adapter.requestDevice({
        requiredLimits,
        requiredFeatures: requiredFeatures as GPUFeatureName[],
      });
      return new WebGpuDevice(gpu, adapter);
    } catch (error) {
      throw new DeviceError(
        `init("webgpu"): the adapter ${adapter.info.description} would not open: ${error}. The CPU works without`,
        { cause: error },
      );
    }
  }

  /** What it was lost for, or `null`. */
  get lost(): string | null {
    return this.#lost;
  }

  /** Throws where the device is gone, or has refused what it was given. */
  check(): void {
    if (this.#fault !== null) {
      const fault = this.#fault;
      this.#fault = null;
      throw new DeviceError(`the WebGPU device ${this.description} refused a command: ${fault}`);
    }
    if (this.#lost === null) return;
    throw new DeviceError(
      `the WebGPU device ${this.description} was lost (${this.#lost}); its arrays are gone. The CPU works on; ` +
        'await init("webgpu") opens the device again',
    );
  }

  /**
   * Does work, after all that was asked for before. What waits for nothing is done on return.
   *
   * @param failed Told of an error that came after the return.
   */
  perform(work: Work, failed: (error: unknown) => void): void {
    if (readsAreSynchronous()) {
      if (!this.#isAdvancing) this.#driveNow();
      let step = work.next();
      while (!step.done) step = work.next(this.#readback.readNow(step.value));
      return;
    }
    let wanted: readonly View[] | null = null;
    if (this.#pending.length === 0) {
      const step = work.next();
      if (step.done) return;
      wanted = step.value;
    }
    this.#pending.push({ work, wanted, failed, after: [] });
    const isFull = this.#pending.length >= mostPending || this.queue.isFull;
    if (isFull && this.#readback.mode === "direct" && !this.#isAdvancing) this.#driveNow();
    else this.#driving ??= this.#drive();
  }

  /** Does what is pending. */
  async #drive(): Promise<void> {
    for (;;) {
      await turn();
      const [head] = this.#pending;
      if (head === undefined) break;
      if (this.#readback.mode === "direct") this.#step(head);
      else {
        const read = this.#readback.read(head.wanted ?? []);
        await read.then((known) => this.#advance(head, known), (error) => this.#stop(head, error));
      }
    }
    this.#driving = null;
  }

  /** Does what is pending before it returns. Only where reads are direct. */
  #driveNow(): void {
    while (this.#pending.length > 0) this.#step(this.#pending[0]);
  }

  #step(head: Pending): void {
    let known: readonly ArrayBuffer[];
    try {
      known = this.#readback.readNow(head.wanted ?? []);
    } catch (error) {
      return this.#stop(head, error);
    }
    this.#advance(head, known);
  }

  /** Does pending work up to where it wants to know something. */
  #advance(head: Pending, known: readonly ArrayBuffer[]): void {
    this.#resume(head, () => head.work.next(known));
  }

  /** Tells pending work that what it wants to know cannot be known. */
  #stop(head: Pending, error: unknown): void {
    this.#resume(head, () => head.work.throw(this.#notRead(error)));
  }

  #resume(head: Pending, resume: () => IteratorResult<readonly View[], void>): void {
    this.#isAdvancing = true;
    try {
      const step = resume();
      if (!step.done) {
        head.wanted = step.value;
        return;
      }
    } catch (error) {
      head.failed(error);
    } finally {
      this.#isAdvancing = false;
    }
    this.#pending.shift();
    for (const fn of head.after) fn();
  }

  /** Writes words, before all work that is asked for later. The memory must be idle. */
  write(view: View, words: Uint8Array<ArrayBuffer>): void {
    this.gpu.queue.writeBuffer(view.memory.buffer, view.offset, words);
  }

  /** The bytes of a view, once all that was asked for before is done. Reads that are asked for together take one wait. */
  async read(view: View): Promise<ArrayBuffer> {
    while (this.#driving !== null) await this.#driving;
    const bytes = await new Promise<ArrayBuffer>((resolve, reject) => {
      if (this.#reads.push({ view, resolve, reject }) === 1) queueMicrotask(() => this.#readAll());
    });
    this.check();
    return bytes;
  }

  /**
   * The bytes of a view at once.
   *
   * @throws {DeviceError} Where something that was asked for before has yet to wait for the device.
   */
  readNow(view: View): ArrayBuffer {
    if (this.#pending.length > 0 && !readsAreSynchronous()) {
      throw new DeviceError(`${this.description} has yet to do what was asked for before`);
    }
    if (!this.#isAdvancing) this.#driveNow();
    try {
      return this.#readback.readNow([view])[0];
    } catch (error) {
      throw this.#notRead(error);
    } finally {
      this.check();
    }
  }

  async #readAll(): Promise<void> {
    // A loop that awaits reads and nothing else would give the event loop no turn, since these do not wait.
    if (this.#readback.mode === "direct") await turn();
    const reads = this.#reads;
    this.#reads = [];
    try {
      const bytes = await this.#readback.read(reads.map((read) => read.view));
      reads.forEach((read, i) => read.resolve(bytes[i]));
    } catch (error) {
      await this.#lossKnown();
      const failure = this.#notRead(error);
      reads.forEach((read) => read.reject(failure));
    }
  }

  /** Waits until a loss is known that may be why something failed. */
  async #lossKnown(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, 100));
    await Promise.race([this.gpu.lost, late]);
    clearTimeout(timer);
  }

  #notRead(error: unknown): DeviceError {
    const why = this.#lost === null ? `did not answer: ${error}` : `was lost: ${this.#lost}`;
    return new DeviceError(`reading an array, the WebGPU device ${this.description} ${why}`, {
      cause: error,
    });
  }

  /** Calls a function once all work that was asked for has been recorded. */
  #afterWork(fn: () => void): void {
    const last = this.#pending.at(-1);
    if (last === undefined) fn();
    else last.after.push(fn);
  }

  /**
   * What each dispatch takes that a function asks for, by timestamps of the device itself.
   *
   * @throws {DeviceError} Where the adapter has no timestamp queries.
   */
  async kernelTimes(fn: () => unknown): Promise<KernelTime[]> {
    const watch = this.watchKernels();
    if (watch === null) throw new DeviceError(`${this.description} has no timestamp queries`);
    try {
      await fn();
    } catch (error) {
      watch.stop();
      throw error;
    }
    return await watch.times();
  }

  /** Takes the times of all dispatches from now on, until they are asked for; `null` where the adapter has no timestamp queries. */
  watchKernels(): KernelWatch | null {
    if (!this.gpu.features.has("timestamp-query")) return null;
    const { queue } = this;
    queue.flush();
    const outer = queue.timer;
    const timer = queue.timer = new KernelTimer(this.gpu);
    const stop = () => {
      queue.flush();
      queue.timer = outer;
    };
    return {
      stop,
      times: async () => {
        while (this.#driving !== null) await this.#driving;
        stop();
        return timer.timesIn(await this.#readback.read(timer.views));
      },
      timesNow: () => {
        const isPossible = this.#readback.mode === "direct" && this.#driving === null;
        stop();
        return isPossible ? timer.timesIn(this.#readback.readNow(timer.views)) : [];
      },
    };
  }

  /** What is held. */
  memory(): DeviceMemory {
    const { pool, holdings, pipelines } = this;
    return {
      bytes: pool.bytes + holdings.looseBytes,
      buffers: pool.buffers + holdings.looseBuffers,
      pooledBytes: pool.pooledBytes,
      pipelines: pipelines.size,
    };
  }

  /** Gives everything back; from now on each use of it is an error. */
  close(): void {
    this.#lost ??= "it was closed";
    this.destroy();
  }

  /** Destroys the device, as a loss does; arrays on it are gone. */
  destroy(): void {
    this.gpu.destroy();
    this.#bindGroups.clear();
    this.pipelines.clear();
  }
}
