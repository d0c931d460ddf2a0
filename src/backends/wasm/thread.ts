/**
 * A thread of the pool: waits for jobs, and takes its share of them.
 *
 * Waiting is done in WASM, and while the thread waits its event loop stands still. What it is told it therefore reads when a job comes of
 * a program that it does not know.
 *
 * @module
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { KernelExports } from "../../../kernels/build/module.ts";
import { EPOCH, FAILED, HELPED, PROGRAM, READY } from "../../../kernels/threads/layout.ts";
import { bindProgram } from "./bind.ts";
import type { ThreadData, ThreadMessage } from "./thread_pool.ts";

const { port, memory, kernels: module, pool, thread, epoch } = workerData as ThreadData<
  MessagePort
>;
const words = new Int32Array(memory.buffer, pool, 128);
const control = new WebAssembly.Global({ value: "i32", mutable: true }, pool);
const imports = new WebAssembly.Instance(module, { env: { memory } }).exports;
const kernels = imports as unknown as KernelExports;
const programs = new Map<number, (thread: number) => void>();

function readMessages(): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ThreadMessage } | undefined;
    if (received === undefined) return;
    const { program, module } = received.message;
    if (module === null) programs.delete(program);
    else {
      const leaderOnly = () => {};
      const environment = {
        memory,
        pool: control,
        program,
        callback: leaderOnly,
        passed: leaderOnly,
        told: leaderOnly,
      };
      programs.set(program, bindProgram(module, environment, () => imports).share!);
    }
  }
}

/** Takes a share of job `number`. */
function take(share: (thread: number) => void): void {
  Atomics.add(words, HELPED >> 2, 1);
  try {
    share(thread);
  } catch (error) {
    port.postMessage(String(error));
    Atomics.store(words, FAILED >> 2, 1);
  }
}

readMessages();
if (Atomics.load(words, EPOCH >> 2) === epoch) Atomics.add(words, READY >> 2, 1);
for (let number = -1;;) {
  number = kernels.pool_enter(pool, thread, number, epoch);
  if (number < 0) break;
  const program = words[PROGRAM >> 2];
  const share = programs.get(program);
  if (share !== undefined) take(share);
  if (kernels.pool_leave(pool, number) < 0) break;
  if (share === undefined) readMessages();
}
port.close();
