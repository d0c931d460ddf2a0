/**
 * How many threads compute, and the pool of them on the heap's memory: one per process, made for the first program that shares work.
 *
 * @module
 */
import type { EmitOptions } from "../backends/wasm/emit.ts";
import { canStartThreads, ThreadPool } from "../backends/wasm/thread_pool.ts";
import { deviceCount } from "../core/device.ts";
import { environmentVariable } from "../core/environment.ts";
import { ArgumentError } from "../errors.ts";
import type { Block } from "./allocator.ts";
import { heap } from "./memory.ts";
import { giveScratch, takeScratch } from "./storage.ts";

/** Threads at most unless the user asks for more: each takes some 20 MB, and few programs divide well among more. */
const BY_DEFAULT = 8;

let chosen: number | null = null;
/** Whether somebody said how many. */
let isAskedFor = false;
let pool: ThreadPool | null = null;
let grain: Pick<EmitOptions, "chunkCost" | "shareCost"> = {};

/** Among how many threads programs are to share their work, the caller's included. */
export function threadCount(): number {
  if (chosen !== null) return chosen;
  const wanted = fromEnvironment();
  isAskedFor = wanted !== null;
  return chosen = possible(wanted ?? Math.min(processors(), BY_DEFAULT));
}

/** Sets the number of threads. Programs that were compiled for one thread alone are compiled again when they are next called. */
export function setThreadCount(threads: number): void {
  isAskedFor = true;
  chosen = possible(threads);
  pool?.resize(chosen);
}

/** How programs are to be compiled for the threads that there are. */
export function sharingOptions(): EmitOptions {
  return { ...grain, threads: threadCount() };
}

/**
 * Has work shared in pieces as small as can be: for tests, whose programs are small.
 *
 * @param chunkCost Instructions, about, of a piece; `null` for as many as usual.
 */
export function shareFinely(chunkCost: number | null): void {
  grain = chunkCost === null ? {} : { chunkCost, shareCost: 2 * chunkCost };
}

/** As many threads as wanted, or one where there can be no others. */
function possible(threads: number): number {
  return threads === 1 || (heap().isShared && canStartThreads()) ? threads : 1;
}

/**
 * Among how many threads the devices of the processor are dealt out: as many as were asked for by number, else one for each device,
 * as far as there are processors.
 */
export function deviceThreadCount(): number {
  const count = threadCount();
  const devices = deviceCount();
  if (isAskedFor || devices === 1) return count;
  if (dealt?.devices !== devices) {
    dealt = { devices, threads: possible(Math.min(devices, processors())) };
  }
  return Math.max(count, dealt.threads);
}

/** How many processors the host says that there are for this process: what its container allows, in Deno. */
function processors(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return navigator?.hardwareConcurrency ?? 1;
}

/** What was found for a number of devices: to ask the host takes some microseconds. */
let dealt: { readonly devices: number; readonly threads: number } | null = null;

/** The pool, made at the first call. */
export function threadPool(): ThreadPool {
  return pool ??= new ThreadPool({
    memory: heap().memory,
    allocate: takeScratch,
    free: (block) => giveScratch(block as Block),
  }, threadCount());
}

/** The pool, with {@linkcode deviceThreadCount} threads. Not to be called while a program runs. */
export function devicePool(): ThreadPool {
  const found = threadPool();
  found.resize(deviceThreadCount());
  return found;
}

/** The pool if there is one: to report on it without making it. */
export function existingThreadPool(): ThreadPool | null {
  return pool;
}

/** What the environment variable `VERNAL_THREADS` says, where it may be read without a question to the user. */
function fromEnvironment(): number | null {
  const name = "VERNAL_THREADS";
  const text = environmentVariable(name);
  if (text === undefined) return null;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new ArgumentError(`${name}: expected a positive integer, got ${JSON.stringify(text)}`);
  }
  return threads;
}
