/**
 * Shaders that a device has built, found again by their text.
 *
 * @module
 */
import type { Kernel } from "../../backends/wgsl/nest.ts";

/** How a shader uses a binding. */
export type BindingKind = "read-only-storage" | "storage" | "uniform";

/** A shader, as far as building it goes. */
export interface Shader {
  /** What to call it. */
  readonly name: string;
  /** WGSL; the entry point is `main`. */
  readonly code: string;
  /** What its bindings are, in order. */
  readonly kinds: readonly BindingKind[];
}

/** A shader that was built. */
export interface Pipeline {
  readonly built: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Why the device refused it, once that is known. */
  fault: string | null;
  /** Settles when it is known whether the device refused it; `null` from then on. */
  checked: Promise<void> | null;
  /** When it was last asked for. */
  lastUse: number;
}

/** Pipelines that are kept. With more, those that were not used for longest are built anew when they are needed. */
const maxPipelines = 1024;

/** The bindings of a nest's shader. */
export function kindsOf(kernel: Kernel): BindingKind[] {
  const kinds = kernel.bindings.map(({ access }): BindingKind =>
    access === "read" ? "read-only-storage" : "storage"
  );
  if (kernel.params > 0) kinds.push("uniform");
  return kinds;
}

/** A device's pipelines. */
export class Pipelines {
  /** Grows when a pipeline was given up. */
  generation = 0;
  readonly #gpu: GPUDevice;
  readonly #most: number;
  readonly #built = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #tick = 0;

  /**
   * @param gpu Where they are built.
   * @param most How many are kept.
   */
  constructor(gpu: GPUDevice, most: number = maxPipelines) {
    this.#gpu = gpu;
    this.#most = most;
  }

  /** How many there are. */
  get size(): number {
    return this.#built.size;
  }

  /**
   * The pipeline of a shader; built once for each text.
   *
   * @param kinds What its bindings are.
   */
  get(code: string, kinds: () => readonly BindingKind[]): Pipeline {
    let pipeline = this.#built.get(code);
    if (pipeline === undefined) {
      if (this.#built.size >= this.#most) this.#giveUp();
      this.#built.set(code, pipeline = this.#build(code, kinds()));
    }
    pipeline.lastUse = ++this.#tick;
    return pipeline;
  }

  #build(code: string, kinds: readonly BindingKind[]): Pipeline {
    const gpu = this.#gpu;
    const layout = this.#layout(kinds);
    gpu.pushErrorScope("validation");
    gpu.pushErrorScope("internal");
    const module = gpu.createShaderModule({ code });
    const built = gpu.createComputePipeline({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    const errors = Promise.all([gpu.popErrorScope(), gpu.popErrorScope()]);
    const pipeline: Pipeline = { built, layout, fault: null, checked: null, lastUse: 0 };
    const settle = (fault: string | null): void => {
      pipeline.fault = fault;
      pipeline.checked = null;
    };
    pipeline.checked = errors.then(
      ([internal, invalid]) => settle((invalid ?? internal)?.message ?? null),
      () => settle(null), // the device was lost, which is said elsewhere
    );
    return pipeline;
  }

  /** Gives up an eighth of the pipelines: those that were not used for longest. */
  #giveUp(): void {
    const byUse = [...this.#built].sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [code] of byUse.slice(0, Math.ceil(this.#most / 8))) this.#built.delete(code);
    this.generation++;
  }

  /** Layouts are stated, because those derived from a shader leave out what it does not use. */
  #layout(kinds: readonly BindingKind[]): GPUBindGroupLayout {
    const key = kinds.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.#gpu.createBindGroupLayout({
        entries: kinds.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** Forgets all. */
  clear(): void {
    this.#built.clear();
    this.generation++;
  }
}
