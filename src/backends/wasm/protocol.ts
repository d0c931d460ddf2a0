/**
 * What the main thread and the compile worker say to each other.
 *
 * @module
 */
import type { Program } from "../../loopnest/ir.ts";
import type { EmitOptions } from "./emit.ts";
import type { Sharing } from "./jobs.ts";

/** What the worker is started with. */
export interface WorkerData<Port> {
  /** The worker's end. */
  readonly port: Port;
  /**
   * Its first element counts replies, and the main thread waits for it to change; the second is 1
   * once the worker runs, and 2 once binaryen is loaded.
   */
  readonly signal: Int32Array<SharedArrayBuffer>;
}

/** What the main thread asks for. */
export type Request =
  | {
    readonly id: number;
    readonly kind: "compile";
    readonly program: Program;
    readonly options: EmitOptions;
  }
  | { readonly id: number; readonly kind: "disassemble"; readonly bytes: SharedArrayBuffer };

/** What it gets. */
export type Reply =
  | {
    readonly id: number;
    readonly kind: "compiled";
    readonly bytes: SharedArrayBuffer;
    readonly scratchBytes: number;
    readonly sharing: Sharing | null;
    readonly close: readonly number[];
    readonly timings: Readonly<Record<string, number>>;
  }
  | { readonly id: number; readonly kind: "text"; readonly text: string }
  | {
    readonly id: number;
    readonly kind: "error";
    readonly message: string;
    readonly stack: string;
  };
