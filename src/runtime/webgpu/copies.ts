/**
 * Copies of the host's arrays on a device: an array that is sent there a second time stays there beside, for it will be sent again, as
 * a model's weights are.
 *
 * A copy lives as long as the array that it is of.
 *
 * @module
 */
import type { ConcreteArray } from "../concrete.ts";
import type { DeviceBlock } from "./blocks.ts";

/** The copies on one device. */
export class HostCopies {
  /** Arrays that were sent once. */
  readonly #sent = new WeakSet<ConcreteArray>();
  readonly #kept = new WeakMap<ConcreteArray, DeviceBlock>();

  /** Whether a copy of an array is there. */
  has(x: ConcreteArray): boolean {
    return this.#kept.has(x);
  }

  /**
   * The block with an array's elements.
   *
   * @param send Makes a copy.
   */
  blockOf(x: ConcreteArray, send: (x: ConcreteArray) => DeviceBlock): DeviceBlock {
    const kept = this.#kept.get(x);
    if (kept !== undefined && !x.isDeleted && kept.fault === null) return kept;
    const block = send(x);
    if (this.#sent.has(x)) {
      kept?.drop();
      block.handles++;
      this.#kept.set(x, block);
    } else this.#sent.add(x);
    return block;
  }
}
