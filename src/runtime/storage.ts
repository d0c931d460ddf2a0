/**
 * Who owns an array's bytes, and how they are freed.
 *
 * ```text
 * ConcreteArray ──► Storage ◄──(while resident)── Lease ◄── resident set
 *      └──────────► Guard ··(FinalizationRegistry holds)··► Lease ──► Block
 * ```
 *
 * - A {@linkcode Storage} holds the elements of one array, or of several that share them (reshapes): as plain numbers if there are
 *   few (`cells`), in the shared memory (`address`), or spilled into an `ArrayBuffer` of its own.
 * - A {@linkcode Lease} is one allocation in the shared memory. It refers to the storage, so that the bytes can be
 *   moved out, and forgets it once they are: then nothing but the arrays holds the spilled bytes, and the garbage
 *   collector alone takes care of them.
 * - A {@linkcode Guard} is what the garbage collector watches: only arrays refer to it, and once they are gone, its lease ends. Guards of
 *   allocations that end otherwise (deleted, donated) are used again, because registering one costs more than all
 *   the rest.
 *
 * The collector does not see how much memory hangs on a guard, so every 32 MiB of allocations one guard gets an
 * untouched `ArrayBuffer` of that weight: a sample, right on average, that costs next to nothing. Within a synchronous run no finaliser is
 * ever called, so over the limit the allocations that went unused for longest are spilled.
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
  /** Arrays that share it and have not been deleted. */
  handles = 1;
  /** How often the cells were copied into the shared memory for a call. */
  staged = 0;
  /** Of use during a call: whether it occurs more than once among the inputs. */
  mark = 0;
}

/** An allocation in the shared memory. */
export class Lease {
  /** Its memory, or `null` once the bytes were spilled or freed. */
  block: Block | null = null;
  /** Whose bytes they are, while they are in the shared memory. */
  storage: Storage | null = null;
  /** The tick of the last use. */
  tick = 0;
  /** The list of the resident set that it stands in, and where. */
  group: Lease[] | null = null;
  /** See {@linkcode group}. */
  position = 0;
  /** Whether it counts as live: neither freed nor returned for reuse. */
  isLive = false;
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
  constructor(readonly lease: Lease) {}
}

/** Bytes of allocation per weight. More than the 32 MiB up to which the C library may clear memory by hand. */
const WEIGHT = 33 << 20;
const MAX_SPARE_GUARDS = 4096;
const movedWhat = "room for an array moved out of the shared memory";
const DEFAULT_LIMIT = 1024 * 2 ** 20;
const DEFAULT_MAX_LIMIT = 3584 * 2 ** 20;
/** Bytes that may lie spilled outside of the shared memory and be alive. */
const DEFAULT_HOST_LIMIT = 8192 * 2 ** 20;

/** Limits, in bytes. */
export interface MemoryLimits {
  /** Resident bytes above which spilling starts. */
  limit: number;
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
  readonly limits: MemoryLimits = {
    limit: DEFAULT_LIMIT,
    maxLimit: DEFAULT_MAX_LIMIT,
    hostLimit: DEFAULT_HOST_LIMIT,
  };
  readonly owners = new Map<string, Owner>();
  owner: Owner = this.ownerOf("eager");
  /** Grows by one with each operation; what the current one uses is never spilled. */
  tick = 1;
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
  ledger().tick++;
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

/** Makes room in the shared memory for a storage's bytes; their values are undefined. */
export function allocateStorage(aval: ShapedArray, storage: Storage = new Storage()): Guard {
  const state = ledger();
  const nbytes = nbytesOf(aval);
  const block = takeBlock(nbytes, aval);
  const guard = state.spareGuards.pop() ?? makeGuard(state);
  const lease = guard.lease;
  lease.aval = aval;
  lease.nbytes = nbytes;
  lease.isLive = true;
  lease.owner = state.owner;
  lease.owner.bytes += nbytes;
  lease.owner.buffers++;
  settle(state, lease, storage, block);
  state.unweighed += nbytes;
  if (state.unweighed > WEIGHT) weigh(state, guard);
  return guard;
}

/** The address of a storage's bytes in the shared memory; brings them back if they were spilled. */
export function addressOf(storage: Storage): number {
  const lease = storage.lease;
  if (lease === null) return 0;
  if (storage.address === 0) bringBack(storage, lease);
  lease.tick = theLedger!.tick;
  return storage.address;
}

/** Frees a storage that no array uses any more, or whose bytes another took over. */
export function freeStorage(storage: Storage, guard: Guard | null): void {
  storage.cells = null;
  storage.spilled = null;
  const lease = storage.lease;
  if (lease === null) return;
  const state = theLedger!;
  storage.lease = null;
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
  spill(ledger(), Infinity);
}

function makeGuard(state: Ledger): Guard {
  const guard = new Guard(new Lease());
  state.registry.register(guard, guard.lease);
  return guard;
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

function takeBlock(nbytes: number, aval: ShapedArray): Block {
  const state = theLedger!;
  if (state.residentBytes + nbytes > state.limits.limit) makeRoom(state, nbytes);
  return claim(state, nbytes, () => formatAval(aval));
}

function claim(state: Ledger, nbytes: number, what: () => string): Block {
  const memory = heap();
  let block = memory.allocate(nbytes);
  // The total may suffice while no single gap does: move more out until one does.
  for (let bytes = nbytes; block === null; bytes *= 2) {
    if (spill(state, Math.max(bytes, 1 << 20)) === 0) throw outOfMemory(state, nbytes, what());
    block = memory.allocate(nbytes);
  }
  return block;
}

function settle(state: Ledger, lease: Lease, storage: Storage, block: Block): void {
  lease.block = block;
  lease.storage = storage;
  lease.tick = state.tick;
  storage.lease = lease;
  storage.address = block.address;
  state.residentBytes += lease.nbytes;
  state.residentBuffers++;
  const live = state.residentBytes + state.spilledBytes;
  if (live > state.peakBytes) state.peakBytes = live;
  state.resident.add(lease, state.tick, state.limits.limit / 16);
}

/** Ends a lease, resident or spilled. Called by the registry too, and then perhaps for one that ended long ago. */
function endLease(lease: Lease): void {
  if (!lease.isLive) return;
  const state = theLedger!;
  lease.isLive = false;
  lease.owner.bytes -= lease.nbytes;
  lease.owner.buffers--;
  if (lease.block === null) {
    state.spilledBytes -= lease.nbytes;
    state.spilledBuffers--;
    return;
  }
  if (lease.storage !== null) {
    // An array of few elements may live on without its copy in the shared memory.
    lease.storage.address = 0;
    lease.storage.lease = null;
  }
  vacate(state, lease);
}

function vacate(state: Ledger, lease: Lease): void {
  if (lease.group !== null) state.resident.remove(lease);
  heap().free(lease.block!);
  lease.block = null;
  lease.storage = null;
  state.residentBytes -= lease.nbytes;
  state.residentBuffers--;
}

/** Spills down to the limit and an eighth below, so that the next few allocations need not. */
function makeRoom(state: Ledger, nbytes: number): void {
  const { limit } = state.limits;
  spill(state, state.residentBytes + nbytes - limit + Math.min(limit, 2 ** 30) / 8);
}

/** Moves the bytes used longest ago out of the shared memory; gives how many. */
function spill(state: Ledger, bytes: number): number {
  const victims = state.resident.victims(bytes, state.tick);
  let moved = 0;
  for (let i = 0; i < victims.length; i++) {
    try {
      moveOut(state, victims[i]);
    } catch (error) {
      // Nothing is lost by a call that throws: what was not moved stays where it is.
      for (const lease of victims.slice(i)) state.resident.add(lease, state.tick, Infinity);
      throw error;
    }
    moved += victims[i].nbytes;
  }
  return moved;
}

function moveOut(state: Ledger, lease: Lease): void {
  const storage = lease.storage!;
  if (storage.cells === null) {
    checkHost(state, lease);
    const { address } = storage;
    try {
      storage.spilled = heap().u8.slice(address, address + lease.nbytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw outOfMemory(state, lease.nbytes, movedWhat);
    }
  }
  storage.address = 0;
  vacate(state, lease);
  state.spilledBytes += lease.nbytes;
  state.spilledBuffers++;
  state.movedOut += lease.nbytes;
}

function bringBack(storage: Storage, lease: Lease): void {
  const state = theLedger!;
  const { limits } = state;
  // It was needed after all: the budget is too small for what the program works on.
  if (limits.limit < limits.maxLimit) {
    limits.limit = Math.min(limits.maxLimit, limits.limit + 2 * lease.nbytes);
  }
  const block = takeBlock(lease.nbytes, lease.aval);
  if (storage.spilled !== null) heap().u8.set(storage.spilled, block.address);
  else writeCells(storage.cells!, lease.aval, block.address);
  storage.spilled = null;
  state.spilledBytes -= lease.nbytes;
  state.spilledBuffers--;
  state.movedIn += lease.nbytes;
  settle(state, lease, storage, block);
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

function outOfMemory(state: Ledger, nbytes: number, what: string): OutOfMemoryError {
  const live = state.residentBytes + state.spilledBytes;
  const count = state.residentBuffers + state.spilledBuffers;
  const holders = biggestHolders(5);
  const biggest = holders.length === 0 ? "" : ` The biggest holders are ${holders.join("; ")}.`;
  return new OutOfMemoryError(
    `out of memory: ${formatBytes(nbytes)} for ${what} cannot be had. ${count} arrays hold ${
      formatBytes(live)
    }, of which ${formatBytes(state.spilledBytes)} were moved out of the shared memory (limit ${
      formatBytes(Math.min(state.limits.maxLimit, heap().ceiling))
    }).${biggest} Let go of arrays sooner: donate arguments, use scope(), using or delete(), or compute in smaller batches`,
  );
}
