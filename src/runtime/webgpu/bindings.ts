/**
 * Bind groups, kept from one call to the next: a step of a loop mostly meets the buffers of the step before.
 *
 * @module
 */
import type { View } from "./pool.ts";

interface Group {
  /** The memory, offset and size of each binding. */
  readonly places: readonly number[];
  readonly group: GPUBindGroup;
}

/** How many groups are kept for one dispatch of a program. */
const maxGroups = 8;

/** A device's bind groups. */
export class BindGroups {
  readonly #gpu: GPUDevice;
  #sites = new WeakMap<object, { readonly groups: Group[]; next: number }>();

  /** @param gpu Where they are made. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /**
   * The group of views.
   *
   * @param site What asks for it time and again.
   */
  get(site: object, layout: GPUBindGroupLayout, views: readonly View[]): GPUBindGroup {
    let known = this.#sites.get(site);
    if (known === undefined) this.#sites.set(site, known = { groups: [], next: 0 });
    for (const { places, group } of known.groups) if (fits(places, views)) return group;
    const group = this.create(layout, views);
    known.groups[known.next] = {
      places: views.flatMap(({ memory, offset, bytes }) => [memory.id, offset, bytes]),
      group,
    };
    known.next = (known.next + 1) % maxGroups;
    return group;
  }

  /** A group that is not kept. */
  create(layout: GPUBindGroupLayout, views: readonly View[]): GPUBindGroup {
    return this.#gpu.createBindGroup({
      layout,
      entries: views.map(({ memory, offset, bytes }, binding) => ({
        binding,
        // The last vector of an array of vectors is a whole one.
        resource: { buffer: memory.buffer, offset, size: Math.ceil(bytes / 16) * 16 },
      })),
    });
  }

  /** Forgets all groups, which keep their buffers alive. */
  clear(): void {
    this.#sites = new WeakMap();
  }
}

function fits(places: readonly number[], views: readonly View[]): boolean {
  for (let i = 0, at = 0; i < views.length; i++, at += 3) {
    const { memory, offset, bytes } = views[i];
    if (places[at] !== memory.id || places[at + 1] !== offset || places[at + 2] !== bytes) {
      return false;
    }
  }
  return true;
}
