/**
 * Who owns an array's memory on a device, and how it comes back.
 *
 * ```text
 * WebGpuArray ──► DeviceBlock ──► Lease ──► Memory
 *                     ·             ▲
 *                     └·(FinalizationRegistry holds)
 * ```
 *
 * - A {@linkcode DeviceBlock} is what arrays with the same elements refer to, and nothing else. Once they are deleted, or the
 *   garbage collector has found them, its lease ends, and the memory goes back to the pool.
 * - Within a synchronous run no finaliser is ever called. Over a limit the oldest leases are therefore let *loose*: the registry forgets
 *   them, so that nothing but the arrays holds the buffers, and the collector alone frees those, as it does in synchronous runs too. Such
 *   memory is not used again, but made anew.
 * - The collector does not see how much memory hangs on a block: every 33 MiB one block gets an untouched
 *   `ArrayBuffer` of that weight, as arrays of the processor do (`runtime/storage.ts`).
 *
 * @module
 */
import type { BufferPool, Memory, View } from "./pool.ts";
import type { Submission } from "./queue.ts";

/** What was let loose at one time: watched as a whole, because watching each buffer costs as much again. */
class LooseBatch {
  constructor(readonly count: { bytes: number; buffers: number }) {}
}

/** One buffer that arrays hold. */
class Lease {
  /** What it was let loose with, if it was. */
  batch: LooseBatch | null = null;
  hasEnded = false;
  constructor(readonly memory: Memory) {}
}

/** Memory of a device that arrays share. */
export class DeviceBlock {
  /** How many arrays are made of it, and calls at work on it. */
  handles = 0;
  /** What gave it its elements, as far as it is known to have been submitted. */
  submission: Submission | null = null;
  /** See the module's comment. */
  weight: ArrayBuffer | null = null;
  #fault: unknown = null;

  /**
   * @param holdings Whose it is.
   * @param view The memory.
   */
  constructor(readonly holdings: Holdings, readonly view: View, readonly lease: Lease) {}

  /** What kept its elements from being computed, if something did and it is known. */
  get fault(): unknown {
    return this.#fault ?? this.submission?.fault ?? null;
  }

  set fault(fault: unknown) {
    this.#fault = fault;
  }

  /** Gives up one hold. */
  drop(): void {
    if (--this.handles === 0) this.holdings.release(this);
  }
}

/** Bytes of allocation per weight. More than the 32 MiB up to which the C library may clear memory by hand. */
const weightBytes = 33 * 2 ** 20;

/** What a buffer weighs beside its bytes: objects of the host and of the driver. */
const bufferWeight = 65536;

/** Bytes that may wait for finalisers, and buffers. */
const maxWaiting = { bytes: 512 * 2 ** 20, buffers: 16384 };

/** All memory of a device that arrays hold. */
export class Holdings {
  /** Bytes that were let loose and, as far as is known, are not free. */
  looseBytes = 0;
  /** The buffers that they are in. */
  looseBuffers = 0;
  /** Bytes and buffers above which the oldest are let loose. */
  limit: { readonly bytes: number; readonly buffers: number } = maxWaiting;
  readonly #pool: BufferPool;
  readonly #release: (release: () => void) => void;
  readonly #letLoose: () => void;
  readonly #registry = new FinalizationRegistry((lease: Lease) => this.#end(lease));
  readonly #batches = new FinalizationRegistry((count: LooseBatch["count"]) => {
    this.looseBytes -= count.bytes;
    this.looseBuffers -= count.buffers;
  });
  /** Those that the registry knows, oldest first. */
  readonly #leases = new Set<Lease>();
  #leasedBytes = 0;
  #unweighed = 0;

  /**
   * @param pool Where memory goes back to.
   * @param release Calls a function once all work that was asked for has been recorded.
   * @param letLoose Called when memory was let loose: nothing may keep it then but its array.
   */
  constructor(pool: BufferPool, release: (release: () => void) => void, letLoose: () => void) {
    this.#pool = pool;
    this.#release = release;
    this.#letLoose = letLoose;
  }

  /**
   * A block of memory of its own.
   *
   * @param idle Whether the host will write to it.
   * @throws {OutOfMemoryError} Where there is none.
   */
  block(bytes: number, idle = false): DeviceBlock {
    const memory = this.#pool.acquire(bytes, idle);
    const lease = new Lease(memory);
    const block = new DeviceBlock(this, { memory, offset: 0, bytes }, lease);
    this.#registry.register(block, lease, lease);
    this.#leases.add(lease);
    this.#leasedBytes += memory.size;
    this.#unweighed += memory.size + bufferWeight;
    if (this.#unweighed > weightBytes) this.#weigh(block);
    if (this.#leasedBytes > this.limit.bytes || this.#leases.size > this.limit.buffers) {
      this.#loosen();
    }
    return block;
  }

  /** Takes back a block that nothing holds any more. */
  release(block: DeviceBlock): void {
    const { lease } = block;
    this.#unweighed = Math.max(0, this.#unweighed - lease.memory.size - bufferWeight);
    if (block.weight !== null) {
      this.#unweighed += block.weight.byteLength;
      block.weight = null;
    }
    const { batch, memory } = lease;
    if (batch !== null) {
      lease.batch = null;
      this.#count(batch.count, -memory.size, -1);
      this.#pool.readmit(memory.size);
    } else this.#registry.unregister(lease);
    this.#end(lease);
  }

  #end(lease: Lease): void {
    if (lease.hasEnded) return;
    lease.hasEnded = true;
    if (this.#leases.delete(lease)) this.#leasedBytes -= lease.memory.size;
    this.#release(() => this.#pool.recycle(lease.memory));
  }

  /** Lets the oldest loose, down to the limits and an eighth below. */
  #loosen(): void {
    const { bytes, buffers } = this.limit;
    const batch = new LooseBatch({ bytes: 0, buffers: 0 });
    this.#batches.register(batch, batch.count);
    for (const lease of this.#leases) {
      if (this.#leasedBytes <= bytes * 7 / 8 && this.#leases.size <= buffers * 7 / 8) break;
      const { size } = lease.memory;
      this.#leases.delete(lease);
      this.#leasedBytes -= size;
      this.#registry.unregister(lease);
      this.#pool.forget(size);
      lease.batch = batch;
      this.#count(batch.count, size, 1);
    }
    this.#letLoose();
  }

  #count(count: LooseBatch["count"], bytes: number, buffers: number): void {
    count.bytes += bytes;
    count.buffers += buffers;
    this.looseBytes += bytes;
    this.looseBuffers += buffers;
  }

  #weigh(block: DeviceBlock): void {
    try {
      block.weight = new ArrayBuffer(this.#unweighed);
    } catch {
      // The host has no address space for it; collections will merely be rarer.
    }
    this.#unweighed = 0;
  }
}
