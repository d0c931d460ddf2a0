/**
 * The code by which threads share work. A job is a step, or a loop of one, cut into units; the thread that runs the program, the
 * leader, opens the pool's gate to it, all threads inside claim units until there are none, and the leader goes on when all are out
 * (`kernels/threads/pool.ts`).
 *
 * Each job is a function `name_share(table, thread)`. The module exports `share(thread)`, which finds the function of the job that the pool is
 * at.
 *
 * @module
 */
import { CLOSED, JOB, TABLE } from "../../../kernels/threads/layout.ts";
import type { Assembler, Ref } from "./assembler.ts";
import { FunctionBuilder, Scope, type Value } from "./function.ts";
import type { Linker } from "./linker.ts";

/**
 * Threads that sleep are woken where all jobs of a call together come to this many times the least that is shared: some 50 µs. Waking
 * one costs the leader some 3 µs, and it comes 10 to 50 µs later.
 */
const worthWaking = 4;

/** What a module that shares work asks of the thread pool. */
export interface Sharing {
  readonly jobs: number;
  /** About how many instructions a call executes in them. */
  readonly cost: number;
  /** Bytes that each thread needs of its own. */
  readonly privateBytes: number;
}

/** What the modules' functions share of work among threads. */
export class Jobs {
  readonly #asm: Assembler;
  readonly #linker: Linker;
  readonly #names: string[] = [];
  #privateBytes = 0;
  #cost = 0;

  /**
   * @param threads Among how many threads work may be shared; with 1, none is.
   * @param leastCost Instructions, about, of the smallest loop that is shared.
   * @param ofDevices Whether what is shared is the devices, and nothing of what each does.
   */
  constructor(
    linker: Linker,
    readonly threads: number,
    readonly leastCost: number,
    readonly ofDevices: boolean = false,
  ) {
    this.#linker = linker;
    this.#asm = linker.asm;
  }

  /** Whether the work of steps is shared at all. */
  get areShared(): boolean {
    return this.threads > 1 && !this.ofDevices;
  }

  /** Whether several devices' work of so many instructions, about, is. */
  areWorthSharing(cost: number): boolean {
    return this.threads > 1 && cost >= this.leastCost;
  }

  /** What the module asks of the thread pool; `null` where it has no jobs. */
  get summary(): Sharing | null {
    const jobs = this.#names.length;
    return jobs === 0 ? null : { jobs, cost: this.#cost, privateBytes: this.#privateBytes };
  }

  /** An address in a thread's own memory, of which so many bytes are needed; in a function that runs in a share. */
  privateAddress(bytes: number, offset = 0): Ref {
    this.#privateBytes = Math.max(this.#privateBytes, bytes);
    const asm = this.#asm;
    const start = asm.module.global.get("private", asm.type("i32"));
    return offset === 0 ? start : asm.op2("i32.add", start, asm.i32(offset));
  }

  /**
   * Emits a job, and into `leader` the code that has it done.
   *
   * @param units How many units it is cut into.
   * @param cost Instructions, about, of all of it, times how often it is run in a call.
   * @param begin Emits into the function of a share what comes before its units.
   * @param unit Emits what a share does with a unit.
   */
  run(
    leader: FunctionBuilder,
    name: string,
    units: number,
    cost: number,
    begin: (fn: FunctionBuilder) => void,
    unit: (fn: FunctionBuilder, unit: Value) => void,
  ): void {
    this.#cost += cost;
    const asm = this.#asm;
    const { module } = asm;
    const job = this.#names.push(`${name}_share`) - 1;
    const fn = new FunctionBuilder(asm, this.#names[job]!, ["i32", "i32"], [], 0);
    begin(fn);
    const index = fn.local("i32");
    const body = new Scope(0.5, fn.entry, true);
    fn.current = body;
    unit(fn, index);
    fn.current = fn.entry;
    const claimed = this.#linker.called("pool_claim", [this.#pool(), fn.get(fn.param(1))]);
    const isOne = asm.op2("i32.ge_s", fn.get(index), asm.i32(0));
    const turn = module.block(null, [...body.code, module.br("claim")], asm.none);
    const code = [fn.set(index, claimed), module.if(isOne, turn)];
    fn.push(module.loop("claim", module.block(null, code, asm.none)));
    fn.finish();

    const table = () => leader.get(leader.param(0));
    const wake = module.global.get("wake", asm.type("i32"));
    leader.push(module.global.set("private", this.#ownMemory(asm.i32(0))));
    const tell = (status: Ref) => module.call("told", [status], asm.none);
    const opened = leader.keep("i32", this.#linker.called("pool_watched", [this.#pool()]));
    leader.push(module.if(leader.get(opened), tell(leader.get(opened))));
    leader.push(this.#linker.called("pool_open", [
      this.#pool(),
      module.global.get("program", asm.type("i32")),
      asm.i32(job),
      table(),
      asm.i32(units),
      wake,
    ]));
    leader.push(module.call(fn.name, [table(), asm.i32(0)], asm.none));
    const status = leader.borrow("i32");
    const ask = leader.set(status, this.#linker.called("pool_close", [this.#pool()]));
    const again = module.block(null, [tell(leader.get(status)), module.br("close")], asm.none);
    const close = [ask, module.if(leader.get(status), again)];
    leader.push(module.loop("close", module.block(null, close, asm.none)));
    leader.push(module.if(leader.get(opened), tell(asm.i32(CLOSED))));
  }

  /** Adds what all jobs need to the module. */
  finish(): void {
    if (this.#names.length === 0) return;
    const asm = this.#asm;
    const { module } = asm;
    const i32 = asm.type("i32");
    // May be another after a thread was given up.
    module.addGlobalImport("pool", "env", "pool", i32, true);
    module.addGlobalImport("program", "env", "program", i32, false);
    module.addFunctionImport("told", "env", "told", asm.types(["i32"]), asm.none);
    module.addGlobal(
      "wake",
      i32,
      false,
      asm.i32(Number(this.#cost >= worthWaking * this.leastCost)),
    );
    module.addGlobal("private", i32, true, asm.i32(0));
    const fn = new FunctionBuilder(asm, "share", ["i32"], [], 0);
    fn.push(module.global.set("private", this.#ownMemory(fn.get(fn.param(0)))));
    const labels = this.#names.map((_, i) => `job${i}`);
    const job = asm.load("i32", 4, this.#pool(), JOB);
    let code = module.switch(labels, labels[0]!, job);
    this.#names.forEach((name, i) => {
      const table = asm.load("i32", 4, this.#pool(), TABLE);
      const call = module.call(name, [table, fn.get(fn.param(0))], asm.none);
      const block = module.block(labels[i]!, [code], asm.none);
      code = module.block(null, [block, call, module.return()], asm.none);
    });
    fn.push(code);
    fn.finish();
    module.addFunctionExport("share", "share");
  }

  #pool(): Ref {
    return this.#asm.module.global.get("pool", this.#asm.type("i32"));
  }

  #ownMemory(thread: Ref): Ref {
    return this.#linker.called("pool_private", [this.#pool(), thread]);
  }
}
