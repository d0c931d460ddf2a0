/**
 * Runs programs through the code generator in this thread, for comparison with the interpreter.
 *
 * @module
 */
import { dtypeInfo, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import type { Binaryen } from "../../src/backends/wasm/binaryen.ts";
import { type EmitOptions, emitProgram, type Emitted } from "../../src/backends/wasm/emit.ts";
import { instantiateProgram } from "../../src/backends/wasm/instantiate.ts";
import type { ThreadPool } from "../../src/backends/wasm/thread_pool.ts";

/** A byte that nothing that is tested writes on purpose. */
const guardByte = 0xa5;

/** Memory for programs, and threads on it. */
export interface Ground {
  readonly memory: WebAssembly.Memory;
  /** Where memory for programs begins; it goes on to the end. */
  readonly start: number;
  readonly pool: ThreadPool;
}

/** A module with memory of its own, its buffers between guard bytes. */
export class Compiled {
  readonly emitted: Emitted;
  readonly memory: WebAssembly.Memory;
  readonly run: () => void;
  readonly #program: Program;
  readonly #addresses: number[] = [];
  readonly #ends: number[] = [];

  /**
   * Compiles and instantiates.
   *
   * @param ground A memory that several programs use one after the other, with a pool of threads; else the module gets its own.
   */
  constructor(
    binaryen: Binaryen,
    program: Program,
    options: EmitOptions = {},
    ground: Ground | null = null,
  ) {
    this.#program = program;
    this.emitted = emitProgram(binaryen, program, options);
    let top = ground?.start ?? 1024;
    const place = (bytes: number): number => {
      const address = top;
      this.#ends.push(address + bytes);
      top = Math.ceil((address + bytes + 64) / 64) * 64;
      return address;
    };
    const table: number[] = [];
    const count = (role: string) => program.buffers.filter((b) => b.role === role).length;
    const inputs = count("input");
    const size = (i: number) =>
      program.buffers[i]!.size * dtypeInfo(program.buffers[i]!.dtype).bytes;
    for (const b of program.buffers) {
      if (b.role === "input") table[b.position] = this.#addresses[b.id] = place(size(b.id));
    }
    for (const b of program.buffers) {
      if (b.role !== "output") continue;
      this.#addresses[b.id] = b.donor >= 0 ? table[b.donor]! : place(size(b.id));
      table[inputs + b.position] = this.#addresses[b.id]!;
    }
    table[inputs + count("output")] = place(this.emitted.scratchBytes);
    const tableAddress = place(4 * table.length);
    const pages = Math.ceil(top / 65536) + 1;
    this.memory = ground?.memory ??
      new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    if (top > this.memory.buffer.byteLength) throw new Error("the ground is too small");
    new Uint8Array(this.memory.buffer).fill(guardByte, ground?.start ?? 0, top);
    new Uint32Array(this.memory.buffer).set(table, tableAddress / 4);
    const module = new WebAssembly.Module(this.emitted.bytes as Uint8Array<ArrayBuffer>);
    const { sharing } = this.emitted;
    if (sharing !== null) ground?.pool.reserve(sharing.privateBytes);
    const link = sharing === null ? undefined : ground?.pool.register(module);
    const run = instantiateProgram(module, this.memory, { link });
    this.run = () => run(tableAddress);
  }

  /** The memory of a buffer that is no temporary. */
  view(id: number): TypedArray {
    const { dtype, size } = this.#program.buffers[id]!;
    return new (typedArrayClass(dtype))(this.memory.buffer as never, this.#addresses[id]!, size);
  }

  /** Writes the inputs, runs, and copies the outputs. */
  call(inputs: readonly TypedArray[]): TypedArray[] {
    const outputs: TypedArray[] = [];
    for (const b of this.#program.buffers) {
      if (b.role === "input") this.view(b.id).set(inputs[b.position] as never);
    }
    this.run();
    for (const b of this.#program.buffers) {
      if (b.role === "output") outputs[b.position] = this.view(b.id).slice();
    }
    return outputs;
  }

  /** Whether anything was written beyond the end of a buffer. */
  isIntact(): boolean {
    const bytes = new Uint8Array(this.memory.buffer);
    return this.#ends.every((end) => {
      return bytes.subarray(end, end + 16).every((b) => b === guardByte);
    });
  }
}
