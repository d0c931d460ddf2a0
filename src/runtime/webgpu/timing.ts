/**
 * How long each dispatch takes on the device, by timestamps that it writes itself.
 *
 * Each dispatch gets a pass of its own then, so that the sum says what the kernels cost and nothing of what is between them.
 *
 * @module
 */
import { Memory, type View } from "./pool.ts";
import type { Command } from "./queue.ts";

/** What a dispatch took. */
export interface KernelTime {
  /** The function that was called. */
  readonly program: string;
  /** The shader's name. */
  readonly kernel: string;
  /** When the device began, in milliseconds by its own clock. */
  readonly start: number;
  /** How long the device was at it. */
  readonly milliseconds: number;
}

/** Dispatches whose times one query set holds: two timestamps each, of at most 4096. */
const setDispatches = 2048;

interface Stamps {
  readonly set: GPUQuerySet;
  readonly capacity: number;
  readonly labels: { readonly program: string; readonly kernel: string }[];
}

/** Takes the times of dispatches while it is the queue's timer. */
export class KernelTimer {
  readonly #gpu: GPUDevice;
  /** Those of the lot that is being recorded. */
  #stamps: Stamps[] = [];
  #left = 0;
  readonly #resolved: { readonly labels: Stamps["labels"]; readonly view: View }[] = [];

  /** @param gpu A device with timestamp queries. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** Makes room for the dispatches among commands. */
  begin(commands: readonly Command[]): void {
    this.#stamps = [];
    this.#left = commands.filter((command) => command.kind === "dispatch").length;
  }

  /** Where the pass of the next dispatch writes its times. */
  next({ call, name }: Extract<Command, { kind: "dispatch" }>): GPUComputePassTimestampWrites {
    let last = this.#stamps.at(-1);
    if (last === undefined || last.labels.length === last.capacity) {
      const capacity = Math.min(this.#left, setDispatches);
      const set = this.#gpu.createQuerySet({ type: "timestamp", count: 2 * capacity });
      this.#stamps.push(last = { set, capacity, labels: [] });
    }
    this.#left--;
    const at = 2 * last.labels.length;
    last.labels.push({ program: call.name, kernel: name });
    return {
      querySet: last.set,
      beginningOfPassWriteIndex: at,
      endOfPassWriteIndex: at + 1,
    };
  }

  /** Records that the times be brought to buffers. */
  end(encoder: GPUCommandEncoder): void {
    for (const { set, labels } of this.#stamps) {
      const bytes = 16 * labels.length;
      const buffer = this.#gpu.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      });
      encoder.resolveQuerySet(set, 0, 2 * labels.length, buffer, 0);
      this.#resolved.push({
        labels,
        view: { memory: new Memory(buffer, bytes), offset: 0, bytes },
      });
    }
  }

  /** Where the times of all dispatches are, to be read and given to {@linkcode timesIn}. */
  get views(): View[] {
    return this.#resolved.map(({ view }) => view);
  }

  /**
   * The times of all dispatches, in order.
   *
   * @param stamps The bytes of {@linkcode views}, which are given up.
   */
  timesIn(stamps: readonly ArrayBuffer[]): KernelTime[] {
    return this.#resolved.flatMap(({ labels, view }, i) => {
      view.memory.buffer.destroy();
      const nanoseconds = new BigUint64Array(stamps[i]);
      return labels.map((label, k) => ({
        ...label,
        start: Number(nanoseconds[2 * k]) / 1e6,
        milliseconds: Number(nanoseconds[2 * k + 1] - nanoseconds[2 * k]) / 1e6,
      }));
    });
  }
}
