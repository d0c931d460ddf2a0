/**
 * Arrays whose elements are on a WebGPU device.
 *
 * @module
 */
import { NDArray, type NestedList } from "../../core/array.ts";
import { formatAval, type ShapedArray } from "../../core/aval.ts";
import type { TypedArray } from "../../core/dtype.ts";
import type { Placement } from "../../core/placement.ts";
import { endSpan } from "../../core/spans.ts";
import { bufferBytes } from "../../backends/wgsl/program.ts";
import { DeviceError } from "../../errors.ts";
import type { Complex } from "../../core/complex.ts";
import {
  arrayFromTypedArray,
  type ConcreteArray,
  deletion,
  goneError,
  type Removal,
} from "../concrete.ts";
import { enterScope } from "../scope_stack.ts";
import type { DeviceBlock } from "./blocks.ts";
import type { WebGpuDevice } from "./device.ts";
import { fromDevice } from "./elements.ts";
import { readsAreSynchronous } from "./readback.ts";

/** An array on a device: computing with it queues work, and only reading it waits. */
export class WebGpuArray extends NDArray {
  override readonly aval: ShapedArray;
  /** Whether scopes leave it alone, because a cache holds it. */
  isKept = false;
  readonly #device: WebGpuDevice;
  #block: DeviceBlock | null;
  #gone: Removal | null = null;

  /** For the runtime. Users call `devicePut`. */
  constructor(
    device: WebGpuDevice,
    aval: ShapedArray,
    block: DeviceBlock,
    placement: Placement,
  ) {
    super();
    this.#device = device;
    this.aval = aval;
    this.placement = placement;
    this.#block = block;
    block.handles++;
    enterScope(this);
  }

  /**
   * The memory of its elements.
   *
   * @throws {DonatedError} Where they are gone.
   */
  live(): DeviceBlock {
    if (this.#block !== null) return this.#block;
    throw goneError(this.aval, this.#gone!);
  }

  override get isDeleted(): boolean {
    return this.#block === null;
  }

  override delete(): void {
    this.release(deletion);
  }

  /** Gives the elements up. Does nothing the second time. */
  release(by: Removal): void {
    const block = this.#block;
    if (block === null) return;
    this.#block = null;
    this.#gone = by;
    block.drop();
  }

  override async data(): Promise<TypedArray> {
    const block = this.live();
    const { dtype, size } = this.aval.stored;
    const asked = performance.now();
    block.handles++; // it may be deleted meanwhile
    try {
      const bytes = await this.#device.read(block.view);
      await this.#device.queue.settled();
      if (block.fault !== null) throw block.fault;
      return fromDevice(bytes, dtype, size, this.#device.traits);
    } finally {
      block.drop();
      endSpan("readback", formatAval(this.aval), asked, { lane: "WebGPU, reads" });
    }
  }

  /**
   * A copy on the host, where reads are synchronous.
   *
   * @param what Who needs it, for the message.
   * @throws {DeviceError} Where they are not.
   */
  onHost(what: string): ConcreteArray {
    const { aval } = this;
    const { view, fault } = this.live();
    if (fault !== null) throw fault;
    if (!readsAreSynchronous()) {
      throw new DeviceError(
        `${what}: the array (${
          formatAval(aval)
        }) is on ${this.device}, which answers later; await x.data() for its elements`,
      );
    }
    const { stored } = aval;
    const bytes = this.#device.readNow(view);
    const data = fromDevice(bytes, stored.dtype, stored.size, this.#device.traits);
    return arrayFromTypedArray(data, aval.shape, aval.dtype, aval.weakType);
  }

  override dataSync(): TypedArray {
    return this.onHost("dataSync").dataSync();
  }
  override tolist(): NestedList {
    return this.onHost("tolist").tolist();
  }
  override item<T extends number | Complex = number>(): T {
    return this.onHost("item").item<T>();
  }

  /** What it is; its elements too, where reads are synchronous. */
  override toString(): string {
    if (readsAreSynchronous() && !this.isDeleted) return this.onHost("toString").toString();
    const what = this.isDeleted ? "deleted " : "";
    return `Array(<${what}${formatAval(this.aval)} on ${this.device}>)`;
  }

  /** Its text where text is wanted; everything else throws, as its elements are not here. */
  [Symbol.toPrimitive](hint: string): number | string {
    if (hint === "string") return this.toString();
    return this.onHost("a number")[Symbol.toPrimitive](hint);
  }

  /** Throws, as its elements are not here. */
  toJSON(): NestedList {
    return this.onHost("toJSON").toJSON();
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** For `console.log` in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** An array with memory of its own, whose elements are yet to be written. */
export function emptyOnDevice(
  device: WebGpuDevice,
  aval: ShapedArray,
  placement: Placement,
): WebGpuArray {
  const block = device.holdings.block(bufferBytes(aval.stored, device.traits));
  return new WebGpuArray(device, aval, block, placement);
}
