/**
 * `memory()`: what is alive, and whose it is.
 *
 * @module
 */
import { type DeviceMemory, graphics } from "./graphics.ts";
import { existingHeap } from "./memory.ts";
import { biggestHolders, ledger, type MemoryLimits } from "./storage.ts";

/** What {@linkcode memory} tells. Sizes are in bytes. */
export interface MemoryReport {
  /** Of all arrays that have not been freed. Arrays of up to 64 elements, which live in JavaScript's heap, do not count. */
  readonly liveBytes: number;
  /** Allocations behind them; arrays that share elements share one. */
  readonly liveBuffers: number;
  /** The most that was ever in the shared memory. */
  readonly peakBytes: number;
  /** What of `liveBytes` was moved out of the shared memory, to make room. May be dead already: it is counted down in large lots. */
  readonly spilledBytes: number;
  /**
   * What was freed and is nobody's yet, because threads that were given up in the middle of a call may still write there. Does not
   * count as alive.
   */
  readonly heldBytes: number;
  /** What the shared memory has grown to. */
  readonly reservedBytes: number;
  /** Above this many bytes in the shared memory, arrays that were not used for long are moved out. */
  readonly limit: number;
  /** Bytes and buffers by who allocated them: compiled functions by name, `eager` for the rest. */
  readonly byOwner: Readonly<Record<string, { readonly bytes: number; readonly buffers: number }>>;
  /** The largest groups of equal arrays, as text. */
  readonly biggest: readonly string[];
  /** What is held on the WebGPU device, which counts apart; `null` where none was opened. */
  readonly webgpu: DeviceMemory | null;
}

/**
 * What memory is in use, and by whom.
 *
 * Arrays that nobody holds any more count until the garbage collector has found them.
 *
 * @example
 * ```ts
 * import { memory, numpy as np } from "@vernal/vernal";
 *
 * const before = memory().liveBytes;
 * const x = np.zeros([1024, 1024]);
 * console.log(memory().liveBytes - before); // 4194304
 * x.delete();
 * ```
 */
export function memory(): MemoryReport {
  const state = ledger();
  const byOwner: Record<string, { bytes: number; buffers: number }> = {};
  for (const { label, bytes, buffers } of state.owners.values()) {
    if (buffers > 0) byOwner[label] = { bytes, buffers };
  }
  return {
    liveBytes: state.residentBytes + state.spilledBytes,
    liveBuffers: state.residentBuffers + state.spilledBuffers,
    peakBytes: state.peakBytes,
    spilledBytes: state.spilledBytes,
    heldBytes: existingHeap()?.heldBytes ?? 0,
    reservedBytes: existingHeap()?.reservedBytes ?? 0,
    limit: state.limits.limit,
    byOwner,
    biggest: biggestHolders(5),
    webgpu: graphics?.memory() ?? null,
  };
}

/**
 * Sets limits of memory.
 *
 * @returns The limits that were in force before.
 */
export function setMemoryLimits(limits: Partial<MemoryLimits>): MemoryLimits {
  const state = ledger();
  const before = { ...state.limits };
  Object.assign(state.limits, limits);
  if (limits.limit !== undefined && limits.maxLimit === undefined) {
    state.limits.maxLimit = Math.max(limits.limit, before.maxLimit);
  }
  state.nextHostCheck = state.spilledBytes + Math.min(256 * 2 ** 20, state.limits.hostLimit / 2);
  return before;
}
