/**
 * The compile worker: holds binaryen, which takes a tenth of a second and 100 MB to load, and answers one
 * request after the other while the main thread waits.
 *
 * @module
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Binaryen, loadBinaryen, loadUsedPart, withAllIfNeeded } from "./binaryen.ts";
import { loadDisassembler } from "./disassemble.ts";
import { emitProgram } from "./emit.ts";
import type { Reply, Request, WorkerData } from "./protocol.ts";
import { warmUp } from "./warm_up.ts";

const { port, signal } = workerData as WorkerData<MessagePort>;
Atomics.store(signal, 1, 1);
let loading = loadUsedPart();
let disassembler: Promise<(bytes: Uint8Array) => string> | null = null;

/** Sends a reply and wakes the main thread. */
function send(reply: Reply): void {
  port.postMessage(reply);
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
}

/** Bytes go by shared memory: posting them costs 75 ns a byte in Deno. */
function share(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

/** All of binaryen, from now on. */
function loadAll(): Promise<Binaryen> {
  return loading = loadBinaryen();
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  try {
    const binaryen = await loading;
    switch (request.kind) {
      case "compile": {
        const { program, options } = request;
        const emit = (binaryen: Binaryen) => emitProgram(binaryen, program, options);
        const emitted = await withAllIfNeeded(binaryen, loadAll, emit);
        send({ ...emitted, id, kind: "compiled", bytes: share(emitted.bytes) });
        break;
      }
      case "disassemble": {
        const disassemble = await (disassembler ??= loadDisassembler());
        // wabt takes no shared memory.
        send({ id, kind: "text", text: disassemble(new Uint8Array(request.bytes).slice()) });
        break;
      }
      default: {
        const never: never = request;
        return never;
      }
    }
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    send({ id, kind: "error", message, stack: stack ?? "" });
  }
}

await loading;
Atomics.store(signal, 1, 2);
// Unless somebody is waiting already, the first compilation is one that nobody waits for.
const first = receiveMessageOnPort(port) as { message: Request } | undefined;
if (first === undefined) await withAllIfNeeded(await loading, loadAll, warmUp);
else await answer(first.message);
port.on("message", answer);
