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

/** One buffer that arrays hold. */
class Lease {
  isLoose = false;
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

/** Bytes that may wait for finalisers. */
const maxWaitingBytes = 512 * 2 ** 20;

/** All memory of a device that arrays hold. */
export class Holdings {
  /** Bytes that were let loose and, as far as is known, are not free. */
  looseBytes = 0;
  /** The buffers that they are in. */
  looseBuffers = 0;
  /** Bytes above which the oldest are let loose. */
  limit: number = maxWaitingBytes;
  readonly #pool: BufferPool;
  readonly #release: (release: () => void) => void;
  readonly #letLoose: () => void;
  readonly #registry = new FinalizationRegistry((lease: Lease) => this.#end(lease));
  readonly #looseRegistry = new FinalizationRegistry((bytes: number) => this.#forget(bytes));
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
    this.#unweighed += memory.size;
    if (this.#unweighed > weightBytes) this.#weigh(block);
    if (this.#leasedBytes > this.limit) this.#loosen();
    return block;
  }

  /** Takes back a block that nothing holds any more. */
  release(block: DeviceBlock): void {
    const { lease } = block;
    this.#unweighed = Math.max(0, this.#unweighed - lease.memory.size);
    if (block.weight !== null) {
      this.#unweighed += block.weight.byteLength;
      block.weight = null;
    }
    if (lease.isLoose) {
      lease.isLoose = false;
      this.#looseRegistry.unregister(lease);
      this.#forget(lease.memory.size);
      this.#pool.readmit(lease.memory.size);
    } else this.#registry.unregister(lease);
    this.#end(lease);
  }

  #end(lease: Lease): void {
    if (lease.hasEnded) return;
    lease.hasEnded = true;
    if (this.#leases.delete(lease)) this.#leasedBytes -= lease.memory.size;
    this.#release(() => this.#pool.recycle(lease.memory));
  }

  /** Lets the oldest loose, down to the limit and an eighth below. */
  #loosen(): void {
    for (const lease of this.#leases) {
      if (this.#leasedBytes <= this.limit * 7 / 8) break;
      const { size } = lease.memory;
      this.#leases.delete(lease);
      this.#leasedBytes -= size;
      this.#registry.unregister(lease);
      this.#pool.forget(size);
      lease.isLoose = true;
      this.looseBytes += size;
      this.looseBuffers++;
      this.#looseRegistry.register(lease, size, lease);
    }
    this.#letLoose();
  }

  #forget(bytes: number): void {
    this.looseBytes -= bytes;
    this.looseBuffers--;
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
