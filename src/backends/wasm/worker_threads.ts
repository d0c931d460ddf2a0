/**
 * Worker threads of Node's kind, which Deno has too: unlike web workers they never keep a process alive, and can be stopped whatever they do.
 *
 * @module
 */
import { builtinModule } from "../../core/builtin_module.ts";
import { isMissing, mayRead } from "./may_read.ts";

/** The part of `node:worker_threads` that is used here. */
export interface WorkerThreads {
  readonly isMainThread: boolean;
  readonly Worker: new (source: URL | string, options: Record<string, unknown>) => WorkerThread;
  readonly MessageChannel: new () => { readonly port1: Port; readonly port2: Port };
  receiveMessageOnPort(port: Port): { readonly message: unknown } | undefined;
}

/** A worker thread, seen from outside. */
export interface WorkerThread {
  unref(): void;
  terminate(): unknown;
  on(event: string, listener: (error: unknown) => void): void;
}

/** One end of a channel. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: string, listener: () => void): void;
  unref?(): void;
  close(): void;
}

/** Node's module, or `null` where there is none. */
export function workerThreads(): WorkerThreads | null {
  return builtinModule("node:worker_threads");
}

/**
 * Starts a module of this package as a worker thread that does not keep the process alive.
 *
 * @param data What it is given as `workerData`, beside `port`: its end of a channel.
 * @returns The thread and our end, or `null` where none can be started, or the module may not be read or is missing.
 */
export function startWorker(
  url: URL,
  data: Record<string, unknown>,
): { readonly worker: WorkerThread; readonly port: Port } | null {
  const threads = workerThreads();
  // Deno refuses a worker its module, or does not find it, only later, when nobody listens.
  if (threads === null || !mayRead(url) || isMissing(url)) return null;
  const { port1, port2 } = new threads.MessageChannel();
  let worker: WorkerThread;
  try {
    // Worker threads start from files only; one that starts from a line of code may import from anywhere.
    const isFile = url.protocol === "file:";
    worker = new threads.Worker(isFile ? url : `import(${JSON.stringify(url.href)})`, {
      eval: !isFile,
      workerData: { ...data, port: port2 },
      transferList: [port2],
    });
  } catch {
    return null; // not permitted
  }
  worker.unref();
  port1.unref?.();
  return { worker, port: port1 };
}
