/**
 * The one memory that all arrays, kernels and compiled programs share.
 *
 * It is made at the first use, is shared between threads where the host allows, grows in large steps up to
 * 4 GiB, and never shrinks, since WebAssembly memories cannot.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import { Allocator, type Block, UNIT, unitsFor } from "./allocator.ts";

const PAGE = 65536;
/** One page short of 4 GiB, so that the address after the last byte is still an unsigned 32-bit number. */
const MAX_PAGES = 65535;
/** Low addresses that nothing is allocated at: 0 means "no address", and a stray null pointer hits nobody. */
const RESERVED_BYTES = 1024;
const FIRST_BYTES = 4 << 20;
const MIN_GROWTH = 16 << 20;
const MAX_GROWTH = 256 << 20;

/** The memory, views of all of it, and the allocator over it. */
export class Heap {
  /** What compiled modules import as `env.memory`. */
  readonly memory: WebAssembly.Memory;
  /** Whether other threads can see the memory. */
  readonly isShared: boolean;
  /** Who owns which part. */
  readonly allocator: Allocator;
  /** Views of the whole memory; replaced when it grows, so read them afresh after anything that allocates. */
  u8!: Uint8Array;
  /** See {@linkcode u8}. */
  i8!: Int8Array;
  /** See {@linkcode u8}. */
  i16!: Int16Array;
  /** See {@linkcode u8}. */
  u16!: Uint16Array;
  /** See {@linkcode u8}. */
  f16!: Float16Array;
  /** See {@linkcode u8}. */
  i32!: Int32Array;
  /** See {@linkcode u8}. */
  u32!: Uint32Array;
  /** See {@linkcode u8}. */
  f32!: Float32Array;
  /** See {@linkcode u8}. */
  f64!: Float64Array;
  /** See {@linkcode u8}. */
  i64!: BigInt64Array;
  /** See {@linkcode u8}. */
  u64!: BigUint64Array;
  /** Bytes of blocks that were freed and are held. */
  heldBytes = 0;
  /** Bytes that the memory may grow to. */
  ceiling: number = MAX_PAGES * PAGE;

  /** Reserves the address space and commits the first few megabytes. */
  constructor() {
    const initial = FIRST_BYTES / PAGE;
    this.isShared = typeof SharedArrayBuffer !== "undefined";
    // The maximum is what compiled modules declare for their import: it must not exceed theirs.
    this.memory = new WebAssembly.Memory({ initial, maximum: 65536, shared: this.isShared });
    this.allocator = new Allocator(RESERVED_BYTES / UNIT);
    this.allocator.extend((FIRST_BYTES - RESERVED_BYTES) / UNIT);
    this.#refresh();
  }

  /** Bytes that the memory has now. */
  get reservedBytes(): number {
    return this.u8.length;
  }

  /** A block of at least `bytes`, growing the memory where needed, or `null` where that is impossible. */
  allocate(bytes: number): Block | null {
    const units = unitsFor(bytes);
    const block = this.allocator.allocate(units);
    if (block !== null) return block;
    return this.#grow(this.allocator.shortfall(units) * UNIT)
      ? this.allocator.allocate(units)
      : null;
  }

  /** Gives a block back; nobody gets it before those have let it go for whom it is held. */
  free(block: Block): void {
    if (block.holds === 0) return this.allocator.free(block);
    if (block.isDoomed) throw new InternalError("a block was freed twice");
    block.isDoomed = true;
    this.heldBytes += block.bytes;
  }

  /** Keeps a block that is in use from being handed out again before {@linkcode letGo}. */
  hold(block: Block): void {
    block.holds++;
  }

  /** Ends what {@linkcode hold} began. */
  letGo(block: Block): void {
    if (--block.holds > 0 || !block.isDoomed) return;
    block.isDoomed = false;
    this.heldBytes -= block.bytes;
    this.allocator.free(block);
  }

  #grow(bytes: number): boolean {
    const now = this.reservedBytes;
    const least = Math.ceil(bytes / PAGE);
    const room = Math.floor((this.ceiling - now) / PAGE);
    if (least > room) return false;
    const step = Math.min(MAX_GROWTH, Math.max(MIN_GROWTH, now / 4));
    const pages = Math.min(room, Math.max(least, Math.ceil(step / PAGE)));
    try {
      this.memory.grow(pages);
    } catch (error) {
      if (error instanceof RangeError) return false; // the host refuses
      throw error;
    }
    this.allocator.extend(pages * PAGE / UNIT);
    this.#refresh();
    return true;
  }

  #refresh(): void {
    const buffer = this.memory.buffer as ArrayBufferLike;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer);
    // A view covers whole elements; the memory's size is a multiple of all of theirs.
    this.i16 = new Int16Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.f16 = new Float16Array(buffer as ArrayBuffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
  }
}

let theHeap: Heap | null = null;

/** The heap, made at the first call. */
export function heap(): Heap {
  return theHeap ?? (theHeap = new Heap());
}

/** The heap if there is one: to report on it without making it. */
export function existingHeap(): Heap | null {
  return theHeap;
}
