/**
 * The disassembler's thread: answers one question after the other while the main thread waits.
 *
 * @module
 */
import { type MessagePort, workerData } from "node:worker_threads";
import { loadDisassembler } from "./disassemble.ts";
import type { Answer, Question, WorkerData } from "./module_text.ts";

const { port, signal } = workerData as WorkerData<MessagePort>;
Atomics.store(signal, 1, 1);
const loading = loadDisassembler();

async function answer({ id, bytes }: Question): Promise<Answer> {
  try {
    const disassemble = await loading;
    // It takes no shared memory.
    return { id, kind: "text", text: disassemble(new Uint8Array(bytes).slice()) };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { id, kind: "error", message, stack: stack ?? "" };
  }
}

port.on("message", async (question: Question) => {
  port.postMessage(await answer(question));
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
});
