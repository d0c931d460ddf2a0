/**
 * A module as text, synchronously: what disassembles is loaded asynchronously, so that a worker thread has it, and the main thread
 * sleeps until it answers. It starts when it is first asked.
 *
 * @module
 */
import { CompileError } from "../../errors.ts";
import { type Port, startWorker, workerThreads } from "./worker_threads.ts";

/** What the worker is started with. */
export interface WorkerData<Port> {
  /** The worker's end. */
  readonly port: Port;
  /** Its first element counts answers, and the main thread waits for it to change; the second is 1 once the worker runs. */
  readonly signal: Int32Array<SharedArrayBuffer>;
}

/** A module to be shown. */
export interface Question {
  readonly id: number;
  readonly bytes: SharedArrayBuffer;
}

/** What comes back. */
export type Answer =
  | { readonly id: number; readonly kind: "text"; readonly text: string }
  | {
    readonly id: number;
    readonly kind: "error";
    readonly message: string;
    readonly stack: string;
  };

// Milliseconds, longer than anything takes: a worker that died without a word must not hang the program.
const patience = { start: 20_000, answer: 120_000 };

/** A worker that can be asked. */
interface Connection {
  ask(bytes: SharedArrayBuffer): Answer;
  stop(): void;
}

let connection: Connection | null = null;
/** A disassembler in this thread. */
let local: ((bytes: Uint8Array) => string) | null = null;

/** Ends the worker; the next question starts another. */
export function stopDisassembler(): void {
  connection?.stop();
  connection = null;
}

function connect(): Connection | null {
  const threads = workerThreads();
  if (threads === null) return null;
  const signal = new Int32Array(new SharedArrayBuffer(8));
  const started = startWorker(new URL("./worker.ts", import.meta.url), { signal });
  if (started === null) return null;
  const { worker, port } = started;
  let died: unknown = null;
  worker.on("error", (error) => died = error);
  let nextId = 0;
  const receive = (from: Port): Answer | undefined =>
    threads.receiveMessageOnPort(from)?.message as Answer | undefined;
  return {
    ask(bytes) {
      const id = nextId++;
      let seen = Atomics.load(signal, 0);
      port.postMessage({ id, bytes } satisfies Question);
      const asked = performance.now();
      for (;;) {
        const answer = receive(port);
        if (answer?.id === id) return answer;
        if (answer !== undefined) continue; // to a question whose answer nobody waited for
        const limit = Atomics.load(signal, 1) === 0 ? patience.start : patience.answer;
        if (died !== null || performance.now() - asked > limit) {
          stopDisassembler();
          throw new CompileError("the disassembler's thread does not answer", { cause: died });
        }
        Atomics.wait(signal, 0, seen, 1000);
        seen = Atomics.load(signal, 0);
      }
    },
    stop() {
      port.close();
      void worker.terminate();
    },
  };
}

/**
 * Never called: it makes the worker's module part of this module's graph. A package that comes over http is fetched whole before it
 * starts, and what is missing then cannot be fetched while the main thread sleeps.
 */
export function importWorker(): Promise<unknown> {
  return import("./worker.ts");
}

/** Loads the disassembler into this thread, for places that have no worker threads or do not permit them. */
export async function loadDisassemblerHere(): Promise<void> {
  const { loadDisassembler } = await import("./disassemble.ts");
  local ??= await loadDisassembler();
}

/**
 * A module as text.
 *
 * @throws {CompileError} Where no worker thread can be started, and the disassembler was not loaded into this one.
 */
export function disassemble(bytes: Uint8Array): string {
  if (local !== null) return local(bytes);
  connection ??= connect();
  if (connection === null) {
    throw new CompileError(
      "no worker thread can be started here, and showing a module as text needs one; permit reading the package (--allow-read)",
    );
  }
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const answer = connection.ask(shared);
  if (answer.kind === "text") return answer.text;
  const error = new CompileError(answer.message);
  error.stack = `CompileError: in the disassembler's thread: ${answer.stack}`;
  throw error;
}
