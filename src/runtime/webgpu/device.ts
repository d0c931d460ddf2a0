/**
 * An open WebGPU device: its buffers, its pipelines, and what became of it.
 *
 * @module
 */
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import { DeviceError, OutOfMemoryError } from "../../errors.ts";
import type { DeviceMemory } from "../graphics.ts";
import { Readback, readsAreSynchronous } from "./readback.ts";
import type { View, Work } from "./recorder.ts";

/** Buffers are given out in sizes of four per power of two, so that they fit again. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(Math.ceil(bytes / step) * step / 256) * 256;
}

interface Read {
  readonly view: View;
  readonly resolve: (bytes: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Lets the event loop turn: timers fire, and the collector's finalisers run. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (fn: () => void) => void };
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0);
    else setImmediate(() => resolve());
  });
}

/** How a shader uses a binding. */
export type BindingKind = "read-only-storage" | "storage" | "uniform";

/** A shader that was built. */
export interface Pipeline {
  readonly built: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
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
const wanted = ["shader-f16", "subgroups", "timestamp-query"] as const;

/** Names under which drivers that run on the processor are known: Mesa's, Chrome's and Windows'. */
const softwareDrivers = /llvmpipe|swiftshader|microsoft basic render/i;

function traitsOf({ features, limits, info }: GPUAdapter): AdapterTraits {
  return {
    isSoftware: info.isFallbackAdapter || softwareDrivers.test(info.description),
    hasF16: features.has("shader-f16"),
    subgroups: features.has("subgroups" as GPUFeatureName)
      ? { min: info.subgroupMinSize, max: info.subgroupMaxSize }
      : null,
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
  readonly gpu: GPUDevice;
  /** The adapter's name, as its driver gives it. */
  readonly description: string;
  /** What shaders are written for. */
  readonly traits: AdapterTraits;
  readonly #pool = new Map<string, GPUBuffer[]>();
  readonly #classes = new WeakMap<GPUBuffer, { readonly key: string; readonly size: number }>();
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #bytes = 0;
  #buffers = 0;
  #pooled = 0;
  #lost: string | null = null;
  #fault: string | null = null;
  /** Work that waits for the device, and all that was asked for after it; `null` where nothing does. */
  #waiting: Promise<void> | null = null;
  readonly #readback: Readback;
  /** Reads that go together. */
  #reads: Read[] = [];

  private constructor(gpu: GPUDevice, adapter: GPUAdapter) {
    this.gpu = gpu;
    this.description = adapter.info.description || adapter.info.vendor;
    this.traits = traitsOf(adapter);
    this.#readback = new Readback(gpu);
    gpu.lost.then((info) => this.#lost = info.message || info.reason || "unknown");
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
    const gpu = await adapter.requestDevice({
      requiredLimits,
      requiredFeatures: requiredFeatures as GPUFeatureName[],
    });
    return new WebGpuDevice(gpu, adapter);
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

  /** A buffer of at least so many bytes, with any contents.
   *
   * @param kind What the host writes while commands are recorded, `constant`, shares no memory with what commands write: it is
   * written before all of them.
   * @throws {OutOfMemoryError} Where the adapter allows no such buffer.
   */
  acquire(bytes: number, kind: "data" | "constant" = "data"): GPUBuffer {
    const size = sizeClass(bytes);
    const limit = Math.min(
      this.gpu.limits.maxBufferSize,
      this.gpu.limits.maxStorageBufferBindingSize,
    );
    if (size > limit) {
      throw new OutOfMemoryError(
        `WebGPU: an array of ${bytes} bytes is beyond what ${this.description} binds at once (${limit} bytes); ` +
          "split it, or run this on the CPU",
      );
    }
    this.#bytes += size;
    this.#buffers++;
    const key = `${kind} ${size}`;
    const free = this.#pool.get(key)?.pop();
    if (free !== undefined) {
      this.#pooled -= size;
      return free;
    }
    const buffer = this.gpu.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST |
        GPUBufferUsage.INDIRECT | GPUBufferUsage.UNIFORM,
    });
    this.#classes.set(buffer, { key, size });
    return buffer;
  }

  /**
   * Does work, after all that was asked for before. What waits for nothing is done on return.
   *
   * @param failed Told of an error that came after the return.
   */
  perform(work: Work, failed: (error: unknown) => void): void {
    if (this.#waiting !== null) {
      return this.#wait(this.#waiting.then(() => this.#finish(work, work.next())).catch(failed));
    }
    let step = work.next();
    if (readsAreSynchronous()) {
      while (!step.done) step = work.next(this.#readback.readNow(step.value));
    } else if (!step.done) this.#wait(this.#finish(work, step).catch(failed));
  }

  /** Goes on with work that wants to know something. */
  async #finish(work: Work, step: IteratorResult<readonly View[], void>): Promise<void> {
    while (!step.done) {
      await turn();
      step = work.next(await this.#readback.read(step.value));
    }
  }

  #wait(rest: Promise<void>): void {
    const waiting = rest.finally(() => {
      if (this.#waiting === waiting) this.#waiting = null;
    });
    this.#waiting = waiting;
  }

  /** Writes words, before all work that is asked for later. The memory must be new: work that waits may not use it. */
  write(view: View, words: Uint8Array<ArrayBuffer>): void {
    this.gpu.queue.writeBuffer(view.buffer, view.offset, words);
  }

  /** The bytes of a view, once all that was asked for before is done. Reads that are asked for together take one wait. */
  async read(view: View): Promise<ArrayBuffer> {
    while (this.#waiting !== null) await this.#waiting;
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
    if (this.#waiting !== null) {
      throw new DeviceError(`${this.description} has yet to do what was asked for before`);
    }
    try {
      return this.#readback.readNow([view])[0];
    } catch (error) {
      throw this.#lostWhileRead(error);
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
      const lost = this.#lostWhileRead(error);
      reads.forEach((read) => read.reject(lost));
    }
  }

  #lostWhileRead(error: unknown): DeviceError {
    const lost = this.#lost ?? String(error);
    return new DeviceError(
      `the WebGPU device ${this.description} was lost while it was read: ${lost}`,
      { cause: error },
    );
  }

  /** Takes an array's buffer back, once work that was asked for has read it. */
  release(buffer: GPUBuffer): void {
    if (this.#waiting === null) this.recycle(buffer);
    else this.#waiting.then(() => this.release(buffer));
  }

  /** Takes a buffer back that only commands recorded so far use: as they run in order, they see it as it was. */
  recycle(buffer: GPUBuffer): void {
    const { key, size } = this.#classes.get(buffer)!;
    this.#bytes -= size;
    this.#buffers--;
    this.#pooled += size;
    let free = this.#pool.get(key);
    if (free === undefined) this.#pool.set(key, free = []);
    free.push(buffer);
  }

  /** The pipeline of a shader; built once for each text.
   *
   * @param bindings What its bindings are, in order.
   */
  pipeline(code: string, bindings: readonly BindingKind[]): Pipeline {
    let pipeline = this.#pipelines.get(code);
    if (pipeline === undefined) {
      const layout = this.#layout(bindings);
      const module = this.gpu.createShaderModule({ code });
      const built = this.gpu.createComputePipeline({
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
      this.#pipelines.set(code, pipeline = { built, layout });
    }
    return pipeline;
  }

  /** Layouts are stated, because those derived from a shader leave out what it does not use. */
  #layout(bindings: readonly BindingKind[]): GPUBindGroupLayout {
    const key = bindings.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.gpu.createBindGroupLayout({
        entries: bindings.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** What is held. */
  memory(): DeviceMemory {
    return {
      bytes: this.#bytes,
      buffers: this.#buffers,
      pooledBytes: this.#pooled,
      pipelines: this.#pipelines.size,
    };
  }

  /** Gives everything back; arrays on it are gone. */
  destroy(): void {
    this.gpu.destroy();
    this.#pool.clear();
    this.#pipelines.clear();
  }
}
