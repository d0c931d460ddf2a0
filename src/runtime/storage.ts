/**
 * Who owns an array's bytes, and how they are freed.
 *
 * ```text
 * ConcreteArray ──► Storage ◄──(while resident)── Lease ◄── resident set
 *      └──────────► Guard ··(FinalizationRegistry holds)··► Lease ──► Block
 * ```
 *
 * - A {@linkcode Storage} holds the elements of one array, or of several that share them (reshapes): as host scalars if there are
 *   few (`cells`), in the shared memory (`address`), or spilled into an `ArrayBuffer` of its own.
 * - A {@linkcode Lease} is one allocation in the shared memory. It refers to the storage, so that the bytes can be
 *   moved out, and ends when they are: then nothing but the arrays holds the bytes, and the garbage collector
 *   alone takes care of them.
 * - A {@linkcode Guard} is what the garbage collector watches: only arrays refer to it, those that share elements to the same one, and
 *   once they are gone, its lease ends. Guards of arrays that were deleted or donated are used again, because
 *   registering one costs more than all the rest.
 *
 * The collector does not see how much memory hangs on a guard, so every 33 MiB of allocations one guard gets an
 * untouched `ArrayBuffer` of that weight: a sample, right on average, that costs next to nothing. Within a synchronous run no finaliser is
 * ever called, so over the limit the allocations that went unused for longest are spilled; they are unregistered then, since
 * what waits for its finaliser is kept too.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import { formatAval, nbytesOf } from "../core/aval.ts";
import { OutOfMemoryError } from "../errors.ts";
import type { Block } from "./allocator.ts";
import { writeCells } from "./cells.ts";
import { heap } from "./memory.ts";
import { ResidentSet } from "./resident.ts";

/**
 * Elements held as host scalars: signed `bigint` for int64 and keys, `boolean` for bool, else `number`, as
 * the interpreter has them.
 */
export type Cells = number[] | bigint[] | boolean[];

/** Whom bytes are accounted to, for `memory()` and out-of-memory messages. */
export class Owner {
  /** Bytes of live allocations. */
  bytes = 0;
  /** Live allocations. */
  buffers = 0;
  /** @param label What to call it. */
  constructor(readonly label: string) {}
}

/** The elements of one array, or of several that share them. */
export class Storage {
  /** Where they are in the shared memory; 0 where they are not there. */
  address = 0;
  /** The allocation behind `address`. */
  lease: Lease | null = null;
  /** Few elements, as host scalars. Such a storage belongs to one array. Never written to. */
  cells: Cells | null = null;
  /** The bytes, if they were moved out of the shared memory. */
  spilled: Uint8Array | null = null;
  /** What the spilled bytes are counted in. */
  batch: SpillBatch | null = null;
  /** Arrays that share it and have not been deleted. */
  handles = 1;
  /** How often the cells were copied into the shared memory for a call. */
  staged = 0;
  /** Of use during a call: whether it occurs more than once among the inputs. */
  mark = 0;
}

/** What was spilled at one time: watched as a whole, because watching each array would cost as much again as spilling it. */
class SpillBatch {
  /** @param count Goes to the finaliser. */
  constructor(readonly count: { bytes: number; buffers: number }) {}
}

/** An allocation in the shared memory. */
export class Lease {
  /** Its memory, or `null` once it ended. */
  block: Block | null = null;
  /** Whose bytes they are, while they are in the shared memory. */
  storage: Storage | null = null;
  /** The tick of the last use. */
  tick = 0;
  /** The list of the resident set that it stands in, and where. */
  group: Lease[] | null = null;
  /** See {@linkcode group}. */
  position = 0;
  /** Size of the elements. */
  nbytes = 0;
  /** What it was first allocated for, for reports. */
  aval!: ShapedArray;
  /** Who allocated it. */
  owner!: Owner;
}

/** What the garbage collector watches in place of an array. */
export class Guard {
  /** See the module's comment. */
  weight: ArrayBuffer | null = null;
  /** @param lease Ends when the guard is collected. */
  constructor(public lease: Lease) {}
}

/** Bytes of allocation per weight. More than the 32 MiB up to which the C library may clear memory by hand. */
const WEIGHT = 33 << 20;
const MAX_SPARE_GUARDS = 4096;
const movedWhat = "room for an array moved out of the shared memory";
/** JavaScript objects of an allocation take some 500 bytes. */
const DEFAULT_MAX_BUFFERS = 1 << 17;
const DEFAULT_LIMIT = 512 * 2 ** 20;
const DEFAULT_MAX_LIMIT = 3584 * 2 ** 20;
/** Bytes that may lie spilled outside of the shared memory and be alive. */
const DEFAULT_HOST_LIMIT = 8192 * 2 ** 20;

/** Limits, in bytes. */
export interface MemoryLimits {
  /** Resident bytes above which spilling starts. */
  limit: number;
  /** Resident allocations above which spilling starts. */
  maxBuffers: number;
  /** What `limit` may grow to where spilled arrays turn out to be needed. */
  maxLimit: number;
  /** Spilled bytes that may be alive. */
  hostLimit: number;
}

/** The state of all allocations: one per process, made at the first allocation. */
class Ledger {
  readonly resident = new ResidentSet();
  readonly registry = new FinalizationRegistry<Lease>(endLease);
  readonly spareGuards: Guard[] = [];
  /** Counts down what was spilled and collected. */
  readonly batches = new FinalizationRegistry<SpillBatch["count"]>(forgetBatch);
  readonly limits: MemoryLimits = {
    limit: DEFAULT_LIMIT,
    maxBuffers: DEFAULT_MAX_BUFFERS,
    maxLimit: DEFAULT_MAX_LIMIT,
    hostLimit: DEFAULT_HOST_LIMIT,
  };
  readonly owners = new Map<string, Owner>();
  owner: Owner = this.ownerOf("eager");
  /** Grows by one with each operation. */
  tick = 1;
  /** What was used at this tick or later is never spilled: it belongs to an operation in progress. */
  pinnedFrom = 1;
  /** Calls of programs in progress, one within the other. */
  calls = 0;
  /** The operation that was found to use all that is resident. */
  stuckAt = 0;
  residentBytes = 0;
  residentBuffers = 0;
  spilledBytes = 0;
  spilledBuffers = 0;
  peakBytes = 0;
  /** Bytes ever moved out and in, for tests and reports. */
  movedOut = 0;
  movedIn = 0;
  /** Allocations less releases since the last weight. */
  unweighed = 0;
  /** Spilled bytes at which the host's memory is looked at next. */
  nextHostCheck = 256 * 2 ** 20;

  ownerOf(label: string): Owner {
    let owner = this.owners.get(label);
    if (owner === undefined) this.owners.set(label, owner = new Owner(label));
    return owner;
  }
}

let theLedger: Ledger | null = null;

/** The state of all allocations. */
export function ledger(): Ledger {
  return theLedger ?? (theLedger = new Ledger());
}

export type { Ledger };

/** Starts an operation: whatever it uses from here on stays in place until the next one starts. */
export function beginOperation(): void {
  const state = ledger();
  state.tick++;
  if (state.calls === 0) state.pinnedFrom = state.tick;
}

/** Keeps what is used from here on in place until {@linkcode endCall}, whatever operations start meanwhile: a program may call the host. */
export function beginCall(): void {
  beginOperation();
  theLedger!.calls++;
}

/** Ends what {@linkcode beginCall} began. */
export function endCall(): void {
  theLedger!.calls--;
}

/**
 * Runs `fn` with its allocations accounted to `label`.
 *
 * @returns What `fn` returned.
 */
export function withOwner<T>(label: string, fn: () => T): T {
  const state = ledger();
  const previous = state.owner;
  state.owner = state.ownerOf(label);
  try {
    return fn();
  } finally {
    state.owner = previous;
  }
}

/**
 * Makes room in the shared memory for a storage's bytes; their values are undefined.
 *
 * @param guard The guard that the storage's arrays have already, if they do.
 * @returns The guard that they are to hold.
 */
export function allocateStorage(
  aval: ShapedArray,
  storage: Storage,
  guard: Guard | null = null,
): Guard {
  const state = ledger();
  const nbytes = nbytesOf(aval);
  const { limits } = state;
  if (nbytes > heap().ceiling) throw outOfMemory(state, nbytes, formatAval(aval)); // before anything is moved for it
  if (
    state.residentBytes + nbytes > limits.limit || state.residentBuffers >= limits.maxBuffers
  ) makeRoom(state, nbytes);
  const block = claim(state, nbytes, () => formatAval(aval));
  guard = guardFor(state, guard);
  const { lease } = guard;
  lease.aval = aval;
  lease.nbytes = nbytes;
  lease.block = block;
  lease.storage = storage;
  lease.tick = state.tick;
  lease.owner = state.owner;
  lease.owner.bytes += nbytes;
  lease.owner.buffers++;
  storage.lease = lease;
  storage.address = block.address;
  state.residentBytes += nbytes;
  state.residentBuffers++;
  if (state.residentBytes > state.peakBytes) state.peakBytes = state.residentBytes;
  state.resident.add(lease, state.tick, Math.min(limits.limit / 16, 1 << 26));
  state.unweighed += nbytes;
  if (state.unweighed > WEIGHT) weigh(state, guard);
  return guard;
}

function guardFor(state: Ledger, guard: Guard | null): Guard {
  if (guard === null) {
    guard = state.spareGuards.pop() ?? null;
    if (guard !== null) return guard;
    guard = new Guard(new Lease());
  } else guard.lease = new Lease();
  const { lease } = guard;
  state.registry.register(guard, lease, lease);
  return guard;
}

/**
 * Brings a storage's bytes into the shared memory.
 *
 * @returns The guard that its arrays are to hold.
 */
export function bringIn(aval: ShapedArray, storage: Storage, guard: Guard | null): Guard {
  const { cells, spilled } = storage;
  guard = allocateStorage(aval, storage, guard);
  if (spilled === null) {
    writeCells(cells!, aval, storage.address);
    return guard;
  }
  heap().u8.set(spilled, storage.address);
  const state = theLedger!;
  forgetSpilled(state, storage);
  state.movedIn += spilled.length;
  // It was needed after all: the budget is too small for what the program works on.
  const { limits } = state;
  limits.limit = Math.max(
    limits.limit,
    Math.min(limits.maxLimit, limits.limit + 2 * spilled.length),
  );
  limits.maxBuffers += 2;
  return guard;
}

/** Keeps a resident storage's bytes in place until the next operation starts. */
export function touch(storage: Storage): void {
  storage.lease!.tick = theLedger!.tick;
}

/** Frees a storage that no array uses any more. */
export function freeStorage(storage: Storage, guard: Guard | null): void {
  storage.cells = null;
  const state = theLedger;
  if (state === null) return;
  if (storage.spilled !== null) forgetSpilled(state, storage);
  const lease = storage.lease;
  if (lease === null) return;
  state.unweighed -= lease.nbytes;
  endLease(lease);
  if (guard !== null && guard.lease === lease) {
    if (guard.weight !== null) {
      state.unweighed += guard.weight.byteLength;
      guard.weight = null;
    }
    if (state.spareGuards.length < MAX_SPARE_GUARDS) state.spareGuards.push(guard);
  }
  if (state.unweighed < 0) state.unweighed = 0;
}

/**
 * Memory for the time of a call, invisible to the accounts: for scratch and staging.
 *
 * @param what For the message where there is no memory left.
 */
export function takeScratch(bytes: number, what: string): Block {
  const state = ledger();
  if (state.residentBytes + bytes > state.limits.limit) makeRoom(state, bytes);
  return claim(state, bytes, () => what);
}

/** Gives {@linkcode takeScratch}'s block back. */
export function giveScratch(block: Block): void {
  heap().free(block);
}

/** Moves everything that can be moved out of the shared memory. For tests. */
export function spillAll(): void {
  beginOperation();
  spill(ledger(), Infinity, Infinity);
}

function weigh(state: Ledger, guard: Guard): void {
  try {
    guard.weight = new ArrayBuffer(state.unweighed);
    state.unweighed = 0;
  } catch {
    // The host has no address space for it; collections will merely be rarer.
    state.unweighed = 0;
  }
}

function claim(state: Ledger, nbytes: number, what: () => string): Block {
  const memory = heap();
  let block = memory.allocate(nbytes);
  if (block !== null) return block;
  const holders = biggestHolders(5); // as long as they hold it
  // The total may suffice while no single gap does: move more out until one does.
  for (let bytes = nbytes; block === null; bytes *= 2) {
    const moved = spill(state, Math.max(bytes, 1 << 20), 0);
    if (moved === 0) throw outOfMemory(state, nbytes, what(), holders);
    block = memory.allocate(nbytes);
  }
  return block;
}

/** Ends a lease. Called by the registry too, and then perhaps for one that ended long ago. */
function endLease(lease: Lease): void {
  const { block, storage } = lease;
  if (block === null) return;
  const state = theLedger!;
  if (lease.group !== null) state.resident.remove(lease);
  heap().free(block);
  lease.block = null;
  lease.storage = null;
  if (storage !== null) {
    storage.address = 0;
    storage.lease = null;
  }
  lease.owner.bytes -= lease.nbytes;
  lease.owner.buffers--;
  state.residentBytes -= lease.nbytes;
  state.residentBuffers--;
}

/** Spills down to the limits and an eighth below, so that the next few allocations need not. */
function makeRoom(state: Ledger, nbytes: number): void {
  if (state.stuckAt === state.tick) return;
  const { limit, maxBuffers } = state.limits;
  const bytes = state.residentBytes + nbytes - limit;
  const buffers = state.residentBuffers - maxBuffers;
  const moved = spill(
    state,
    bytes > 0 ? bytes + Math.min(limit, 2 ** 30) / 8 : 0,
    buffers >= 0 ? buffers + maxBuffers / 8 : 0,
  );
  // All that is left belongs to this operation; looking through it for each array that it makes would take for ever.
  if (moved === 0) state.stuckAt = state.tick;
}

/** Moves the bytes used longest ago out of the shared memory: at least so many bytes and buffers; gives how many bytes. */
function spill(state: Ledger, bytes: number, buffers: number): number {
  const victims = state.resident.victims(bytes, buffers, state.pinnedFrom);
  if (victims.length === 0) return 0;
  const batch = new SpillBatch({ bytes: 0, buffers: 0 });
  state.batches.register(batch, batch.count);
  let moved = 0;
  for (let i = 0; i < victims.length; i++) {
    const { nbytes } = victims[i];
    try {
      moveOut(state, victims[i], batch);
    } catch (error) {
      // Nothing is lost by a call that throws: what was not moved stays where it is.
      for (const lease of victims.slice(i)) state.resident.add(lease, state.tick, Infinity);
      throw error;
    }
    moved += nbytes;
  }
  return moved;
}

function moveOut(state: Ledger, lease: Lease, batch: SpillBatch): void {
  const storage = lease.storage!;
  const { nbytes } = lease;
  if (storage.cells === null) {
    checkHost(state, lease);
    const { address } = storage;
    try {
      storage.spilled = heap().u8.slice(address, address + nbytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw outOfMemory(state, nbytes, movedWhat);
    }
    storage.batch = batch;
    batch.count.bytes += nbytes;
    batch.count.buffers++;
    state.spilledBytes += nbytes;
    state.spilledBuffers++;
    state.movedOut += nbytes;
  }
  state.registry.unregister(lease);
  endLease(lease);
}

/** A storage's spilled bytes are no longer needed. */
function forgetSpilled(state: Ledger, storage: Storage): void {
  const bytes = storage.spilled!.length;
  const { count } = storage.batch!;
  count.bytes -= bytes;
  count.buffers--;
  state.spilledBytes -= bytes;
  state.spilledBuffers--;
  storage.spilled = null;
  storage.batch = null;
}

/** All that was left of a batch was collected. */
function forgetBatch({ bytes, buffers }: SpillBatch["count"]): void {
  const state = theLedger!;
  state.spilledBytes -= bytes;
  state.spilledBuffers -= buffers;
}

/** Refuses to spill more than the host can be expected to hold. Dead arrays that wait for the collector do not count. */
function checkHost(state: Ledger, lease: Lease): void {
  if (state.spilledBytes + lease.nbytes < state.nextHostCheck) return;
  const { hostLimit } = state.limits;
  // Weights stand for what is resident; the rest is what was moved out.
  const held = (hostBytes() ?? 0) - state.residentBytes;
  state.nextHostCheck = state.spilledBytes + Math.max(1 << 20, hostLimit / 32);
  if (held > hostLimit) throw outOfMemory(state, lease.nbytes, movedWhat);
}

/** Bytes of `ArrayBuffer`s that the process holds, as far as the host tells. */
function hostBytes(): number | null {
  const host = globalThis as {
    Deno?: { memoryUsage?: () => { external: number } };
    process?: { memoryUsage?: () => { arrayBuffers: number } };
  };
  if (host.Deno?.memoryUsage !== undefined) return host.Deno.memoryUsage().external;
  return host.process?.memoryUsage?.().arrayBuffers ?? null;
}

/** `12.3 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let i = -1;
  do {
    bytes /= 1000;
    i++;
  } while (bytes >= 999.95 && i < units.length - 1);
  return `${bytes.toFixed(1)} ${units[i]}`;
}

/** What holds the most memory: one line per owner and aval, the largest first. */
export function biggestHolders(count: number): string[] {
  const state = ledger();
  const groups = new Map<string, { text: string; bytes: number; buffers: number }>();
  for (const lease of state.resident) {
    const text = `${formatAval(lease.aval)} by ${lease.owner.label}`;
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { text, bytes: lease.nbytes, buffers: 1 });
    else {
      group.bytes += lease.nbytes;
      group.buffers++;
    }
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes).slice(0, count)
    .map(({ text, bytes, buffers }) => `${buffers} × ${text}: ${formatBytes(bytes)}`);
}

function outOfMemory(
  state: Ledger,
  nbytes: number,
  what: string,
  holders: readonly string[] = biggestHolders(5),
): OutOfMemoryError {
  const live = state.residentBytes + state.spilledBytes;
  const count = state.residentBuffers + state.spilledBuffers;
  const biggest = holders.length === 0 ? "" : ` The biggest holders are ${holders.join("; ")}.`;
  return new OutOfMemoryError(
    `out of memory: ${formatBytes(nbytes)} for ${what} cannot be had. ${count} arrays hold ${
      formatBytes(live)
    }, of which ${formatBytes(state.spilledBytes)} were moved out of the shared memory (limit ${
      formatBytes(Math.min(state.limits.maxLimit, heap().ceiling))
    }).${biggest} Let go of arrays sooner: donate arguments, use scope(), using or delete(), or compute in smaller batches`,
  );
}
