/**
 * A device's buffers: given out, taken back, given out again.
 *
 * What runs on a device runs in the order in which it was submitted, so that memory may be given out again as soon as the
 * last command that uses it is recorded: commands that are recorded later see it later. The host's writes are not among
 * those commands, though: they come before everything that is submitted after them. What the host writes to must be *idle*,
 * used by no command that is recorded and not submitted.
 *
 * @module
 */
import { DeviceError, OutOfMemoryError } from "../../errors.ts";

let memories = 0;

/** A buffer of a device. */
export class Memory {
  /** Tells it from all others. */
  readonly id: number = memories++;
  /** The lot of commands that was being recorded when it was last given back. */
  lastLot = -1;

  /**
   * @param buffer What the device knows it by.
   * @param size Its bytes.
   */
  constructor(readonly buffer: GPUBuffer, readonly size: number) {}
}

/** A stretch of a device's memory. */
export interface View {
  readonly memory: Memory;
  readonly offset: number;
  readonly bytes: number;
}

/** What a pool has to know of the commands that use its buffers. */
export interface CommandOrder {
  /** The number of the lot of commands that is being recorded. */
  readonly lot: number;
  /** Whether all commands of a lot were submitted. */
  isSubmitted(lot: number): boolean;
  /** Told before a buffer is made: what the device says of it is said to whom the commands belong. */
  creates(bytes: number): void;
  /** Told of what may be wrong with a buffer beside that. */
  doubts(check: Promise<Error | null>): void;
  /** Waits until everything that was submitted is done, where the runtime can. */
  drain(): void;
}

/** Buffers are given out in sizes of four per power of two, so that they fit again. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(Math.ceil(bytes / step) * step / 256) * 256;
}

/** From this size on, a buffer's creation is looked at before anything is done with it. */
const largeBytes = 2 ** 20;

/** What waits to be used again may go beyond what was in use at one time lately: by a quarter, and by this much. */
const slackBytes = 64 * 2 ** 20;

/** How many times buffers are trimmed until what was in use before is forgotten. */
const memoryOfTrims = 256;

/** Where buffers come from, and go back to. */
export class BufferPool {
  /** Bytes given out. */
  bytes = 0;
  /** Buffers given out. */
  buffers = 0;
  /** Bytes that wait to be used again. */
  pooledBytes = 0;
  readonly #gpu: GPUDevice;
  readonly #order: CommandOrder;
  readonly #description: string;
  /** By size. Those that were used last are at the end. */
  readonly #free = new Map<number, Memory[]>();
  /** The most that was in use at one time, since the last two times it was forgotten. */
  #peaks: [number, number] = [0, 0];
  #trims = 0;

  /**
   * @param gpu Where they are made.
   * @param description What to call it.
   */
  constructor(gpu: GPUDevice, order: CommandOrder, description: string) {
    this.#gpu = gpu;
    this.#order = order;
    this.#description = description;
  }

  /** A buffer of at least so many bytes, with any contents.
   *
   * @param idle Whether the host will write to it.
   * @throws {OutOfMemoryError} Where the adapter allows no such buffer, or has no room.
   */
  acquire(bytes: number, idle = false): Memory {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.limits;
    const limit = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) * 4;
    // The largest class ends where the adapter does.
    const size = Math.min(sizeClass(bytes), limit);
    if (bytes > limit) {
      throw new OutOfMemoryError(
        `WebGPU: an array of ${bytes} bytes is beyond what ${this.#description} binds at once (${limit} bytes); ` +
          "split it, or run this on the CPU",
      );
    }
    const memory = this.#reuse(size, idle) ?? this.#create(size);
    this.bytes += size;
    this.buffers++;
    if (this.bytes > this.#peaks[0]) this.#peaks[0] = this.bytes;
    return memory;
  }

  #reuse(size: number, idle: boolean): Memory | undefined {
    const free = this.#free.get(size);
    if (free === undefined || free.length === 0) return undefined;
    if (idle && !this.#order.isSubmitted(free[0].lastLot)) return undefined;
    this.pooledBytes -= size;
    return idle ? free.shift() : free.pop();
  }

  /** Takes a buffer back that only commands recorded so far use. */
  recycle(memory: Memory): void {
    const { size } = memory;
    this.forget(size);
    memory.lastLot = this.#order.lot;
    this.pooledBytes += size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [memory]);
    else free.push(memory);
  }

  /** Does without a buffer of a size that was given out. */
  forget(size: number): void {
    this.bytes -= size;
    this.buffers--;
  }

  /** Counts a buffer of a size in again that was done without. */
  readmit(size: number): void {
    this.bytes += size;
    this.buffers++;
  }

  /** Destroys what was not used for long, where too much waits. Only while no command waits to be submitted. */
  trim(): void {
    if (++this.#trims % memoryOfTrims === 0) this.#peaks = [this.bytes, this.#peaks[0]];
    const most = Math.max(...this.#peaks) * 1.25 + slackBytes;
    while (this.pooledBytes > 0 && this.bytes + this.pooledBytes > most) this.#destroyOldest();
  }

  #destroyOldest(): void {
    let oldest: Memory[] | null = null;
    for (const free of this.#free.values()) {
      if (free.length > 0 && (oldest === null || free[0].lastLot < oldest[0].lastLot)) {
        oldest = free;
      }
    }
    const memory = oldest!.shift()!;
    this.pooledBytes -= memory.size;
    memory.buffer.destroy();
  }

  #create(size: number): Memory {
    this.#order.creates(size);
    if (size < largeBytes) return new Memory(this.#newBuffer(size), size);
    let made = this.#tryCreate(size);
    if (made.state === "refused") {
      this.#destroyIdle();
      this.#order.drain();
      made = this.#tryCreate(size);
      if (made.state === "refused") throw this.#noBuffer(size);
    }
    if (made.state === "unknown") {
      this.#order.doubts(
        made.error.then((cause) => cause === null ? null : this.#outOfMemory(size, cause)),
      );
    }
    return new Memory(made.buffer, size);
  }

  #destroyIdle(): void {
    for (const free of this.#free.values()) {
      while (free.length > 0 && this.#order.isSubmitted(free[0].lastLot)) {
        const memory = free.shift()!;
        this.pooledBytes -= memory.size;
        memory.buffer.destroy();
      }
    }
  }

  #newBuffer(size: number): GPUBuffer {
    return this.#gpu.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST |
        GPUBufferUsage.INDIRECT | GPUBufferUsage.UNIFORM,
    });
  }

  #tryCreate(size: number): Attempt {
    const gpu = this.#gpu;
    gpu.pushErrorScope("validation");
    gpu.pushErrorScope("out-of-memory");
    const buffer = this.#newBuffer(size);
    const errors = [gpu.popErrorScope(), gpu.popErrorScope()];
    const state = stateOf(buffer);
    return { buffer, state, error: state === "unknown" ? firstOf(errors) : noError };
  }

  /** The error where no buffer could be had: on a lost device not even a small one can. */
  #noBuffer(size: number): Error {
    return this.#tryCreate(sizeClass(1)).state === "refused"
      ? new DeviceError(`the WebGPU device ${this.#description} was lost`)
      : this.#outOfMemory(size, null);
  }

  #outOfMemory(size: number, cause: unknown): OutOfMemoryError {
    return new OutOfMemoryError(
      noRoom(this.#description, `${size} bytes beside the ${this.bytes} in use`),
      cause === null ? undefined : { cause },
    );
  }
}

/** What is said where a device has no room. */
export function noRoom(description: string, what: string): string {
  return `WebGPU: ${description} has no room for ${what}; ` +
    "free arrays (delete(), using, scope, donation), or run this on the CPU";
}

/** A buffer that may be one. */
interface Attempt {
  readonly buffer: GPUBuffer;
  readonly state: "made" | "refused" | "unknown";
  /** What the device says later, where it does not say it at once. */
  readonly error: Promise<GPUError | null>;
}

const noError = Promise.resolve(null);

async function firstOf(errors: readonly Promise<GPUError | null>[]): Promise<GPUError | null> {
  try {
    return (await Promise.all(errors)).find((error) => error !== null) ?? null;
  } catch {
    return null; // the device was lost, which is said elsewhere
  }
}

/** Whether a buffer could be made, where that shows at once: asked for its mapping, Deno says why there is none. */
function stateOf(buffer: GPUBuffer): Attempt["state"] {
  try {
    buffer.getMappedRange(0, 0);
  } catch (error) {
    const { message } = error as Error;
    if (/is invalid/.test(message)) return "refused";
    if (/not mapped/.test(message)) return "made";
  }
  return "unknown";
}
