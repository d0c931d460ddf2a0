/**
 * How elements come back from a device: copied to a buffer that the host may map, and read there.
 *
 * Deno's `mapAsync` blocks the thread until the device is done, and then sleeps for 10 ms before it settles. The buffer
 * is mapped by then: it is read without waiting for the promise. `getMappedRange` aborts the process, though, where a
 * buffer's *mode* was never set, which `mappedAtCreation` does. As all this hangs on how Deno is made, it is done only in
 * versions that were looked at; elsewhere the promise is awaited.
 *
 * @module
 */
import { environmentVariable } from "../../core/environment.ts";
import { ArgumentError, DeviceError } from "../../errors.ts";
import type { View } from "./pool.ts";

/** Versions of Deno whose mapped buffers were seen to be readable before the promise settles. */
const knownVersions = /^2\.9\./;

const variable = "VERNAL_WEBGPU_READBACK";

/** Whether elements are read at once, or the promise of a mapping awaited. */
export type ReadbackMode = "direct" | "await";

/** What this runtime allows; the environment variable `VERNAL_WEBGPU_READBACK` says otherwise. */
export function readbackMode(): ReadbackMode {
  const wanted = environmentVariable(variable);
  if (wanted === "direct" || wanted === "await") return wanted;
  if (wanted !== undefined) {
    throw new ArgumentError(`${variable}: must be "direct" or "await"; got ${wanted}`);
  }
  const { Deno } = globalThis as { Deno?: { version: { deno: string } } };
  return Deno !== undefined && knownVersions.test(Deno.version.deno) ? "direct" : "await";
}

let synchronous = false;

/**
 * Switches on that arrays on a device are read as those of the host are, by `dataSync`, `item` and all the rest. Only
 * Deno's wait makes it possible, so that it is not for programs; tests that were written for the host use it.
 *
 * @returns Whether it was on.
 * @throws {DeviceError} Where the runtime has no way.
 */
export function setSynchronousReads(on: boolean): boolean {
  if (on && readbackMode() !== "direct") {
    throw new DeviceError("this runtime's WebGPU answers later only; Deno 2.9 answers at once");
  }
  const previous = synchronous;
  synchronous = on;
  return previous;
}

/** Whether arrays on a device are read at once. */
export function readsAreSynchronous(): boolean {
  return synchronous;
}

/** The most that stays for the next reading. */
const maxSpareBytes = 16 * 2 ** 20;

/** Where each view goes in a buffer that takes several; ranges that are mapped begin at multiples of eight. */
interface Batch {
  readonly views: readonly View[];
  readonly offsets: readonly number[];
  readonly bytes: number;
}

function roundUp(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

/** Reads a device's memory. */
export class Readback {
  /** How it reads. */
  readonly mode: ReadbackMode;
  readonly #gpu: GPUDevice;
  /** A buffer that was used and may be again. */
  #spare: GPUBuffer | null = null;

  readonly #submit: (record: (encoder: GPUCommandEncoder) => void) => void;
  readonly #maxBytes: number;
  /** Mapped for nothing but the wait. */
  #bell: GPUBuffer | null = null;

  /**
   * @param gpu Whose memory it reads.
   * @param submit Records commands after all that were recorded, and submits them.
   * @param maxBytes The most that is brought over together.
   */
  constructor(
    gpu: GPUDevice,
    submit: (record: (encoder: GPUCommandEncoder) => void) => void,
    mode: ReadbackMode = readbackMode(),
    maxBytes: number = gpu.limits.maxBufferSize,
  ) {
    this.#gpu = gpu;
    this.#submit = submit;
    this.mode = mode;
    this.#maxBytes = maxBytes;
  }

  /** The bytes of views, all brought over at once, after everything that was recorded before. */
  async read(views: readonly View[]): Promise<ArrayBuffer[]> {
    if (this.mode === "direct") return this.readNow(views);
    const read: ArrayBuffer[] = [];
    for (const batch of this.#batches(views)) {
      const staging = this.#copy(batch);
      await staging.mapAsync(GPUMapMode.READ);
      read.push(...this.#take(staging, batch));
    }
    return read;
  }

  /** As {@linkcode read}, at once. Only in direct mode. */
  readNow(views: readonly View[]): ArrayBuffer[] {
    return this.#batches(views).flatMap((batch) => {
      const staging = this.#copy(batch);
      // Where the device was lost, what follows throws, and this promise says no more.
      staging.mapAsync(GPUMapMode.READ).catch(() => {});
      return this.#take(staging, batch);
    });
  }

  /** Returns once all that was submitted is done. Only in direct mode. */
  wait(): void {
    try {
      const bell = this.#bell ??= this.#create(8);
      bell.mapAsync(GPUMapMode.READ).catch(() => {});
      bell.unmap();
    } catch {
      // The device was lost, which is said elsewhere.
    }
  }

  /** Splits what no buffer holds together. */
  #batches(views: readonly View[]): Batch[] {
    const batches: Batch[] = [];
    let [batch, offsets, bytes]: [View[], number[], number] = [[], [], 0];
    for (const view of views) {
      const size = roundUp(view.bytes, 8);
      if (batch.length > 0 && bytes + size > this.#maxBytes) {
        batches.push({ views: batch, offsets, bytes });
        [batch, offsets, bytes] = [[], [], 0];
      }
      batch.push(view);
      offsets.push(bytes);
      bytes += size;
    }
    if (batch.length > 0) batches.push({ views: batch, offsets, bytes });
    return batches;
  }

  /** Submits copies of views to a buffer that can be mapped. */
  #copy({ views, offsets, bytes }: Batch): GPUBuffer {
    const staging = this.#staging(bytes);
    this.#submit((encoder) =>
      views.forEach(({ memory, offset, bytes }, i) =>
        encoder.copyBufferToBuffer(memory.buffer, offset, staging, offsets[i], roundUp(bytes, 4))
      )
    );
    return staging;
  }

  /** Copies of what is mapped. */
  #take(staging: GPUBuffer, { views, offsets }: Batch): ArrayBuffer[] {
    const read = views.map(({ bytes }, i) =>
      staging.getMappedRange(offsets[i], roundUp(bytes, 4)).slice(0)
    );
    staging.unmap();
    this.#giveBack(staging);
    return read;
  }

  #staging(bytes: number): GPUBuffer {
    const spare = this.#spare;
    if (spare !== null && spare.size >= bytes) {
      this.#spare = null;
      return spare;
    }
    // What will not be kept need not suit the next reading.
    return this.#create(
      bytes > maxSpareBytes ? bytes : Math.max(256, 2 ** Math.ceil(Math.log2(bytes))),
    );
  }

  #create(size: number): GPUBuffer {
    const direct = this.mode === "direct";
    const staging = this.#gpu.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      mappedAtCreation: direct,
    });
    if (direct) {
      staging.getMappedRange(0, 8);
      staging.unmap();
    }
    return staging;
  }

  #giveBack(staging: GPUBuffer): void {
    const spare = this.#spare;
    if (staging.size > maxSpareBytes || (spare !== null && spare.size >= staging.size)) {
      return staging.destroy();
    }
    spare?.destroy();
    this.#spare = staging;
  }
}
