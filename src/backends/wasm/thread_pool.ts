/**
 * A pool of worker threads that help with the jobs of programs on one shared memory: starts them, gives them the programs' modules,
 * stops them, and replaces those that die.
 *
 * How threads and leader meet is `kernels/threads/pool.ts`, in WASM; here is only what has to be JavaScript. The thread that
 * runs a program is its leader, and needs nobody: nothing here is ever waited for.
 *
 * @module
 */
import {
  CALLED,
  CLOSED,
  DONE,
  EPOCH,
  FAILED,
  GATE,
  HELPED,
  INSIDE,
  JOB,
  LEADER_SLEEPS,
  LEFT_OUT,
  MOST_THREADS,
  NUMBER_SHIFT,
  OPEN,
  OPENED,
  PRIVATE,
  PROGRAM,
  RANGE_BYTES,
  RANGES,
  READY,
  STRIDE,
  WAITING,
  WATCH,
} from "../../../kernels/threads/layout.ts";
import { DeviceError } from "../../errors.ts";
import type { ProgramEnvironment } from "./bind.ts";
import { type Advice, FIRST_ADVICE, HelpJudge, type Presence } from "./helpfulness.ts";
import { kernelModule } from "./kernel_library.ts";
import { mayRead } from "./may_read.ts";
import { threadStride } from "./thread_stride.ts";
import { type Port, startWorker, type WorkerThread, workerThreads } from "./worker_threads.ts";

/** What a thread is started with. */
export interface ThreadData<P> {
  readonly port: P;
  readonly memory: WebAssembly.Memory;
  readonly kernels: WebAssembly.Module;
  /** The address of the control block. */
  readonly pool: number;
  /** The thread's number; the leader is 0. */
  readonly thread: number;
  readonly epoch: number;
}

/** What a thread is told: a program's module, or `null` where the program is gone. */
export interface ThreadMessage {
  readonly program: number;
  readonly module: WebAssembly.Module | null;
}

/** Bytes of a control block. */
export const CONTROL_BYTES = RANGES + MOST_THREADS * RANGE_BYTES;

/** What a program that shares work imports of the pool. */
export type PoolLink = Required<Pick<ProgramEnvironment, "pool" | "program" | "told">>;

/** Hands out memory of the pool's own. */
export interface PoolMemory {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number, what: string): { readonly address: number };
  free(block: { readonly address: number }): void;
}

/** Seconds that a thread may take for one unit; longer than any takes, so that none is given up that lives. */
const PATIENCE = 20;
/** How often threads are replaced before the pool goes on without. */
const MOST_FAILURES = 5;
/**
 * Milliseconds of calls that could have been shared, after which a thread is started: as long as starting one keeps the caller. So nobody who
 * computes little pays for threads.
 */
const WORTH_A_THREAD = 30;
/** Milliseconds that an instruction takes, about. */
const INSTRUCTION = 3e-7;

interface Helper {
  readonly worker: WorkerThread;
  readonly port: Port;
  /** Kept when our end of the channel is closed. */
  readonly closed: Promise<void>;
}

/**
 * Ends a thread that is in the middle of something, and is kept when it is gone. Deno says at once that a thread has ended, also of one that goes on
 * for minutes; but the thread's end of the channel goes with it.
 */
function departure({ worker, port, closed }: Helper): Promise<void> {
  port.on("message", () => {}); // it is listened to only then
  port.unref?.();
  void worker.terminate();
  return closed;
}

/**
 * Whether threads can be started from here. Not in a thread that somebody else has started: there may be one for each processor of those
 * already.
 */
export function canStartThreads(): boolean {
  const isWorker = "WorkerGlobalScope" in globalThis || "DedicatedWorkerGlobalScope" in globalThis;
  if (isWorker || !mayRead(threadUrl())) return false;
  // To ask Node's part of Deno would load it, which is for when threads are wanted; Deno's workers are told by their global scope.
  return "Deno" in globalThis || workerThreads()?.isMainThread === true;
}

function threadUrl(): URL {
  return new URL("./thread.ts", import.meta.url);
}

/** Threads, and what they share. */
export class ThreadPool {
  /**
   * The address of the control block, which programs import. Another one after a thread was given up: that one may still claim units,
   * and count itself out, where it came in.
   */
  readonly #control: WebAssembly.Global;
  /** How many seconds the leader waits for a thread that does not finish. Tests choose it small. */
  patience: number = PATIENCE;
  /** Whether threads are left out while they hinder. Tests, which ask whether they do the right thing, want them in. */
  isJudged = true;
  readonly #memory: PoolMemory;
  #words: Int32Array;
  readonly #modules = new Map<number, WebAssembly.Module>();
  readonly #helpers = new Map<number, Helper>();
  #threads: number;
  /** Whether threads were worth it already, or somebody asked for them. */
  #isStarted = false;
  /** How many have been started, beside the caller's, and milliseconds of calls that more could have shared. */
  #started = 0;
  #worked = 0;
  #nextProgram = 1;
  #failures = 0;
  #judge = new HelpJudge();
  #privateBytes = 0;
  #privates: { readonly address: number } | null = null;
  /** Kept when the threads are gone that were given up in the call that is failing. */
  #departure: Promise<void> | null = null;

  /**
   * @param memory Shared, and big enough for the control block.
   * @param threads How many may compute, the caller's included; 1 to 64.
   */
  constructor(memory: PoolMemory, threads: number) {
    this.#memory = memory;
    this.#threads = Math.min(threads, MOST_THREADS);
    this.#control = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
    this.#words = this.#placeControl();
    this.#follow(FIRST_ADVICE);
  }

  /** Memory for a control block, all zeros; programs see it from here on. */
  #placeControl(): Int32Array {
    const { address } = this.#memory.allocate(CONTROL_BYTES, "the thread pool");
    this.#control.value = address;
    // A view of a shared memory stays good when the memory grows.
    return new Int32Array(this.#memory.memory.buffer, address, CONTROL_BYTES / 4).fill(0);
  }

  /** How many threads may compute, the caller's included. */
  get threads(): number {
    return this.#threads;
  }

  /** How many threads wait for work or do some, beside the caller's. */
  get ready(): number {
    return Atomics.load(this.#words, READY >> 2);
  }

  get #presence(): Presence {
    return { came: this.helped, called: this.#words[CALLED >> 2] };
  }

  /** How often threads have taken part in a job. */
  get helped(): number {
    return Atomics.load(this.#words, HELPED >> 2);
  }

  /** Changes the number of threads. Not to be called while a program runs. */
  resize(threads: number): void {
    const most = Math.min(threads, MOST_THREADS);
    if (most === this.#threads) return;
    const wasStarted = this.#isStarted;
    this.stop();
    this.#threads = most;
    if (this.#privates !== null) this.#placePrivates();
    if (wasStarted) this.start();
  }

  /** Whether all threads have been started, or none are to be. */
  get isComplete(): boolean {
    return this.#started + 1 >= this.#threads;
  }

  /** Runs what threads may share of `cost` instructions, about; starts those, one after the other, once they are worth it. */
  grow(cost: number, run: () => void): void {
    const expected = this.#worked + cost * INSTRUCTION;
    while (!this.isComplete && expected >= WORTH_A_THREAD * (this.#started + 1)) this.#startNext();
    const begin = performance.now();
    run();
    this.#worked += performance.now() - begin;
  }

  /**
   * Starts the threads, if they are not there yet. They come to help when they are ready; where none can be started, the caller's does all the
   * work.
   */
  start(): void {
    this.#isStarted = true;
    while (this.#started + 1 < this.#threads) this.#startNext();
  }

  #startNext(): void {
    this.#isStarted = true;
    this.#started++;
    if (this.#failures <= MOST_FAILURES) this.#startThread(this.#started);
  }

  /** Ends the threads; the next job does without, and {@linkcode start} starts others. */
  stop(): void {
    Atomics.add(this.#words, EPOCH >> 2, 1);
    // Those that sleep see it and go, else they would take the place of others whom somebody wants to wake.
    Atomics.notify(this.#words, GATE >> 2);
    const helpers = [...this.#helpers.values()];
    this.#helpers.clear(); // first, so that nobody replaces those that end
    for (const { worker, port } of helpers) {
      port.close();
      void worker.terminate();
    }
    this.#isStarted = false;
    this.#started = this.#worked = 0;
    for (const word of [READY, FAILED, LEADER_SLEEPS]) this.#words[word >> 2] = 0;
    this.#judge = new HelpJudge();
    this.#follow(FIRST_ADVICE);
    // Whoever is still inside finds another number on the gate.
    const gate = Atomics.load(this.#words, GATE >> 2) >>> NUMBER_SHIFT;
    Atomics.store(this.#words, GATE >> 2, (gate + 1) << NUMBER_SHIFT);
    Atomics.add(this.#words, DONE >> 2, 1);
  }

  /** Ends one thread without a word, as the host may at any time. For tests. */
  endThread(thread: number): void {
    void this.#helpers.get(thread)?.worker.terminate();
  }

  /** Makes a program's module known to the threads, those to come too; gives what the leader's instance imports. */
  register(module: WebAssembly.Module): PoolLink {
    const program = this.#nextProgram++;
    this.#modules.set(program, module);
    this.#tell({ program, module });
    return { pool: this.#control, program, told: (status) => this.#told(status) };
  }

  /** Lets go of a program that nobody can run any more. */
  forget(program: number): void {
    if (this.#modules.delete(program)) this.#tell({ program, module: null });
  }

  /** Sees to it that each thread has so many bytes of its own. Not to be called while a job is shared. */
  reserve(bytes: number): void {
    if (bytes <= this.#privateBytes) return;
    this.#privateBytes = bytes;
    this.#placePrivates();
  }

  #placePrivates(): void {
    if (this.#privates !== null) this.#memory.free(this.#privates);
    const stride = threadStride(this.#privateBytes);
    this.#privates = this.#memory.allocate(stride * this.#threads, "the thread pool");
    this.#words[PRIVATE >> 2] = this.#privates.address;
    this.#words[STRIDE >> 2] = stride;
  }

  #startThread(thread: number): void {
    const epoch = this.#words[EPOCH >> 2];
    const data: Omit<ThreadData<Port>, "port"> = {
      memory: this.#memory.memory,
      kernels: kernelModule(),
      pool: this.#control.value as number,
      thread,
      epoch,
    };
    const started = startWorker(threadUrl(), { ...data });
    if (started === null) return;
    const closed = new Promise<void>((resolve) => started.port.on("close", resolve));
    const helper: Helper = { ...started, closed };
    this.#helpers.set(thread, helper);
    for (const [program, module] of this.#modules) helper.port.postMessage({ program, module });
    const replace = (): void => {
      if (this.#helpers.get(thread) !== helper) return;
      const started = this.#started;
      // All of them, under another epoch: one that was ended may not know yet, and wake, and must not work beside another in the memory that both take for
      // their own.
      this.stop();
      if (++this.#failures > MOST_FAILURES) return;
      while (this.#started < started) this.#startNext();
    };
    helper.worker.on("error", replace);
    helper.worker.on("exit", replace);
  }

  #tell(message: ThreadMessage): void {
    for (const { port } of this.#helpers.values()) port.postMessage(message);
  }

  /** Called by the leader: of a job that is watched, where threads take long for their last units, or where one has failed. */
  #told(status: number): void {
    const now = performance.now();
    switch (status) {
      case OPENED:
        return this.#follow(this.#judge.opened(now, this.#presence));
      case CLOSED:
        return this.#follow(this.#judge.closed(this.#kindOfJob(), now));
      case WAITING:
        if (!this.#sleep()) this.#fail();
        return this.#follow(this.#judge.waited(performance.now() - now, now));
      default:
        this.#fail();
    }
  }

  #follow(advice: Advice | null): void {
    if (advice === null || !this.isJudged) return;
    this.#words[LEFT_OUT >> 2] = Number(advice.alone);
    this.#words[WATCH >> 2] = advice.watch;
  }

  #kindOfJob(): number {
    return this.#words[PROGRAM >> 2] * 65536 + this.#words[JOB >> 2];
  }

  #isInside(): boolean {
    return (Atomics.load(this.#words, GATE >> 2) & INSIDE) !== 0;
  }

  /** Sleeps until all threads are out; gives whether they are. */
  #sleep(): boolean {
    const slice = Math.min(1000, 250 * this.patience);
    let slices = 0;
    while (this.#isInside()) {
      const done = Atomics.load(this.#words, DONE >> 2);
      Atomics.store(this.#words, LEADER_SLEEPS >> 2, 1);
      // The last one out counts before it looks whether the leader sleeps.
      const how = this.#isInside() ? Atomics.wait(this.#words, DONE >> 2, done, slice) : "ok";
      Atomics.store(this.#words, LEADER_SLEEPS >> 2, 0);
      // Counted, not taken from a clock: a machine that was suspended in the meantime has its threads still.
      if (how === "timed-out" && ++slices * slice >= 1000 * this.patience) return false;
    }
    return true;
  }

  /**
   * To be called when a call has thrown: sees to it that no thread works for it any more. Where some may, because they were given up, gives a
   * promise that is kept when they are gone; until then they may write to whatever the call wrote to. A thread that hangs for ever is
   * never gone: hosts say that they have ended it, and let it go on.
   */
  settle(): Promise<void> | null {
    // The leader itself may have failed in the middle of a job, for want of stack.
    const gate = Atomics.and(this.#words, GATE >> 2, ~OPEN);
    if ((gate & (OPEN | INSIDE)) !== 0) {
      if (this.#sleep()) this.#words[FAILED >> 2] = 0;
      else {
        this.#giveUp();
        this.#restart();
      }
    }
    const departure = this.#departure;
    this.#departure = null;
    return departure;
  }

  /** Stops the threads, one of which does not come out of a job. What it may write to is nobody else's until it is gone. */
  #giveUp(): void {
    const helpers = [...this.#helpers.values()];
    this.#helpers.clear();
    this.stop();
    const gone = Promise.all(helpers.map(departure)).then(() => {});
    this.#departure = gone;
    // Never freed, because threads of earlier generations may look at it when they wake: there are few of these blocks.
    this.#words = this.#placeControl();
    this.#follow(FIRST_ADVICE);
    const privates = this.#privates;
    this.#privates = null;
    if (privates === null) return;
    void gone.then(() => this.#memory.free(privates));
    this.#placePrivates();
  }

  #fail(): never {
    const reason = this.#reason();
    const stillInside = this.#isInside();
    if (stillInside) this.#giveUp();
    else this.stop();
    this.#restart();
    throw new DeviceError(
      stillInside
        ? "cpu: a thread of the pool ended, or hangs, in the middle of its work; the call has no result, and what was " +
          "donated to it is lost. The pool has been started anew: call again"
        : `cpu: a thread of the pool failed (${reason}); the call has no result, and what was donated to it is lost. ` +
          "The pool has been started anew: call again",
    );
  }

  #restart(): void {
    if (++this.#failures <= MOST_FAILURES) this.start();
  }

  /** What a thread said when it failed. */
  #reason(): string {
    const threads = workerThreads();
    for (const { port } of this.#helpers.values()) {
      const received = threads?.receiveMessageOnPort(port);
      if (received !== undefined) return String(received.message);
    }
    return "it did not say why";
  }
}

/**
 * Never called: it makes the threads' module part of this module's graph. A package that comes over http is fetched whole before it
 * starts.
 */
export function importThread(): Promise<unknown> {
  return import("./thread.ts");
}
