/**
 * Words that shaders are told and that never change: written once, and found again by what they are.
 *
 * @module
 */
import { Memory, type View } from "./pool.ts";

/** How many are kept. */
const maxConstants = 4096;

/** A device's constants. */
export class Constants {
  readonly #gpu: GPUDevice;
  readonly #views = new Map<string, View>();

  /** @param gpu Where they are. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** Memory that has these words, for shaders to read. */
  view(words: readonly number[]): View {
    const key = words.join();
    let view = this.#views.get(key);
    if (view === undefined) {
      // Those that are forgotten may be in use yet: the collector frees them.
      if (this.#views.size >= maxConstants) this.#views.clear();
      this.#views.set(key, view = this.#write(words));
    }
    return view;
  }

  #write(words: readonly number[]): View {
    // Bindings are of whole vectors.
    const bytes = Math.max(16, Math.ceil(words.length / 4) * 16);
    const buffer = this.#gpu.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#gpu.queue.writeBuffer(buffer, 0, new Uint32Array(words));
    return { memory: new Memory(buffer, bytes), offset: 0, bytes };
  }
}
