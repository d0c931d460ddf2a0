/**
 * A shared memory with the kernels bound to it, and typed arrays in it with guard bytes around them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { instantiateKernels, type KernelExports } from "../../src/backends/wasm/kernel_library.ts";

const GUARD = 64;
const GUARD_BYTE = 0xa5;
/** Every address is this far from a multiple of 64, because kernels may not rely on alignment of vectors. */
const SKEW = 8;

/** A typed array and where it lies. */
export interface Placed<A> {
  readonly at: number;
  readonly data: A;
}

/** The constructors that the tests place. */
export interface ArrayType<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): A;
}

/** Allocates by bumping; `reset` starts again at the bottom. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly kernels: KernelExports;
  #top = 1024;
  #guards: number[] = [];

  constructor(pages = 512) {
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.kernels = instantiateKernels(this.memory);
  }

  /** Forgets all arrays. */
  reset(): void {
    this.#top = 1024;
    this.#guards = [];
  }

  /** A new array of `length` elements, zero, or a copy of `values`. */
  place<A extends { length: number; fill(x: never): unknown; set(x: never): void }>(
    type: ArrayType<A>,
    values: number | ArrayLike<number> | ArrayLike<bigint>,
  ): Placed<A> {
    const length = typeof values === "number" ? values : values.length;
    this.#guard(this.#top);
    const at = Math.ceil((this.#top + GUARD) / 64) * 64 + SKEW;
    this.#guard(at - GUARD);
    const data = new type(this.memory.buffer, at, length);
    if (typeof values === "number") {
      new Uint8Array(this.memory.buffer, at, length * type.BYTES_PER_ELEMENT).fill(0);
    } else data.set(values as never);
    this.#top = at + length * type.BYTES_PER_ELEMENT;
    this.#guard(this.#top);
    this.#top += GUARD;
    return { at, data };
  }

  /** Fails if a kernel wrote next to an array. */
  checkGuards(what: string): void {
    for (const at of this.#guards) {
      const bytes = new Uint8Array(this.memory.buffer, at, GUARD);
      assertEquals(bytes.every((b) => b === GUARD_BYTE), true, `${what}: wrote outside its arrays`);
    }
  }

  #guard(at: number): void {
    new Uint8Array(this.memory.buffer, at, GUARD).fill(GUARD_BYTE);
    this.#guards.push(at);
  }
}

/** Numbers in [-1, 1) that are the same in every run. */
export function randoms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1;
  };
}
