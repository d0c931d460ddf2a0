/**
 * Shardings: on which devices an array is, and which part of it on which.
 *
 * Names and meaning are JAX's. Shardings are values: they compare by content, and may be static leaves of a compiled function's arguments.
 *
 * @module
 */
import { ArgumentError, DeviceError, ShapeError } from "../errors.ts";
import { equalsKey, hashKey } from "../tree/brands.ts";
import { formatShape, type Shape } from "./aval.ts";
import { cpuDevices, Device } from "./device.ts";

/** For one axis of an array: the mesh axis over which it is split, several of them, or `null` for none. */
export type SpecEntry = string | readonly string[] | null;

/** The mesh axes over which each axis of an array is split: `new PartitionSpec("x", null)`. Axes it does not reach are whole. */
export class PartitionSpec {
  /** One entry for each of the first axes. */
  readonly entries: readonly SpecEntry[];

  /**
   * Says how axes are split.
   *
   * @param entries One for each of the first axes: the name of a mesh axis, several, or `null`.
   */
  constructor(...entries: readonly (SpecEntry | undefined)[]) {
    this.entries = Object.freeze(entries.map((entry, i) => {
      if (entry === null || entry === undefined) return null;
      if (typeof entry === "string") return entry;
      if (Array.isArray(entry) && entry.every((name) => typeof name === "string")) {
        // As JAX has it: one name in a list is that name.
        return entry.length === 1 ? entry[0] as string : Object.freeze([...entry as string[]]);
      }
      throw new ArgumentError(
        `PartitionSpec: entry ${i} must be the name of a mesh axis, a list of names, or null; got ${
          String(entry)
        }`,
      );
    }));
  }

  /** The mesh axes of one axis of an array, outermost first. */
  namesOf(axis: number): readonly string[] {
    const entry = this.entries[axis] ?? null;
    return entry === null ? [] : typeof entry === "string" ? [entry] : entry;
  }

  /** As JAX prints it: `P('x', None)`, in this language. */
  toString(): string {
    const text = (e: SpecEntry): string =>
      e === null
        ? "null"
        : typeof e === "string"
        ? JSON.stringify(e)
        : `[${e.map(text).join(", ")}]`;
    return `P(${this.entries.map(text).join(", ")})`;
  }

  /** Equal values have equal texts. */
  [hashKey](): string {
    return this.toString();
  }

  /** Whether another value is a spec of the same entries. */
  [equalsKey](other: unknown): boolean {
    return other instanceof PartitionSpec && String(other) === String(this);
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/**
 * JAX's short name for {@linkcode PartitionSpec}, without `new`.
 *
 * @example
 * ```ts
 * import { P } from "@vernal/vernal";
 * console.log(String(P("x", null))); // P("x", null)
 * ```
 */
export function P(...entries: readonly (SpecEntry | undefined)[]): PartitionSpec {
  return new PartitionSpec(...entries);
}

/** Devices in nested lists: one level for each axis of a mesh. */
export type NestedDevices = Device | readonly NestedDevices[];

/**
 * Devices in a grid whose axes have names.
 *
 * @example
 * ```ts
 * import { devices, Mesh } from "@vernal/vernal";
 * const mesh = new Mesh(devices().slice(0, 1), ["x"]);
 * console.log(mesh.shape); // { x: 1 }
 * ```
 */
export class Mesh {
  /** All devices, row-major. */
  readonly devices: readonly Device[];
  /** The names of the axes. */
  readonly axisNames: readonly string[];
  /** The sizes of the axes, in order. */
  readonly axisSizes: readonly number[];
  readonly #text: string;

  /**
   * Names the axes of a grid of devices.
   *
   * @param devices Nested lists, one level for each axis.
   * @param axisNames One name for each level; a string stands for a list of it alone.
   * @throws {ArgumentError} Where names and levels do not fit, a name or device occurs twice, or the devices are of several platforms.
   */
  constructor(devices: NestedDevices, axisNames: string | readonly string[]) {
    this.axisNames = Object.freeze(typeof axisNames === "string" ? [axisNames] : [...axisNames]);
    const sizes: number[] = [];
    for (let level = devices; Array.isArray(level); level = level[0]) sizes.push(level.length);
    if (sizes.length !== this.axisNames.length) {
      throw new ArgumentError(
        `Mesh: the devices have ${sizes.length} axes, but there are ${this.axisNames.length} names: [${this.axisNames}]`,
      );
    }
    const flat: Device[] = [];
    const walk = (level: NestedDevices, depth: number): void => {
      if (depth === sizes.length) {
        if (!(level instanceof Device)) {
          throw new ArgumentError(`Mesh: expected devices, got ${String(level)}`);
        }
        flat.push(level);
      } else if (Array.isArray(level) && level.length === sizes[depth]) {
        level.forEach((inner) => walk(inner, depth + 1));
      } else {
        throw new ArgumentError("Mesh: the nested lists of devices differ in length");
      }
    };
    walk(devices, 0);
    if (
      new Set(this.axisNames).size !== this.axisNames.length || new Set(flat).size !== flat.length
    ) {
      throw new ArgumentError(
        `Mesh: names and devices must be distinct; got [${this.axisNames}] and [${flat}]`,
      );
    }
    if (flat.length === 0) throw new ArgumentError("Mesh: needs at least one device");
    if (flat.some(({ platform }) => platform !== flat[0].platform)) {
      throw new ArgumentError(`Mesh: devices must be of one platform; got [${flat}]`);
    }
    this.devices = Object.freeze(flat);
    this.axisSizes = Object.freeze(sizes);
    const axes = this.axisNames.map((name, i) => `${JSON.stringify(name)}: ${sizes[i]}`);
    this.#text = `Mesh(${axes.join(", ")}; ${flat.join(" ")})`;
  }

  /** The size of each axis, by name. */
  get shape(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.axisNames.map((name, i) => [name, this.axisSizes[i]]));
  }

  /** The number of devices. */
  get size(): number {
    return this.devices.length;
  }

  /** The size of one axis, 1 for a name that is none. */
  sizeOf(name: string): number {
    const at = this.axisNames.indexOf(name);
    return at < 0 ? 1 : this.axisSizes[at];
  }

  /** The axes and their sizes, and the devices: equal for equal meshes. */
  toString(): string {
    return this.#text;
  }

  /** Equal values have equal texts. */
  [hashKey](): string {
    return this.toString();
  }

  /** Whether another value is a mesh of the same devices and names. */
  [equalsKey](other: unknown): boolean {
    return other instanceof Mesh && other.#text === this.#text;
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** Options of {@linkcode makeMesh}. */
export interface MakeMeshOptions {
  /** The devices to use; the first of the processor's unless given. */
  readonly devices?: readonly Device[] | null;
}

/**
 * A mesh of a shape, of as many of the devices as that takes.
 *
 * @throws {DeviceError} Where there are not so many.
 *
 * @example
 * ```ts
 * import { makeMesh } from "@vernal/vernal";
 * console.log(makeMesh([1, 1], ["data", "model"]).shape); // { data: 1, model: 1 }
 * ```
 */
export function makeMesh(
  axisShapes: readonly number[],
  axisNames: readonly string[],
  options: MakeMeshOptions = {},
): Mesh {
  const size = axisShapes.reduce((product, n) => product * n, 1);
  const all = options.devices ?? cpuDevices();
  if (size > all.length) throw tooFewDevices("makeMesh", size, all.length);
  let next = 0;
  const nested = (axis: number): NestedDevices =>
    axis === axisShapes.length
      ? all[next++]
      : Array.from({ length: axisShapes[axis] }, () => nested(axis + 1));
  return new Mesh(nested(0), axisNames);
}

/** The error for something that needs more devices than it has. */
export function tooFewDevices(caller: string, needed: number, had: number): DeviceError {
  return new DeviceError(
    `${caller}: needs ${needed} devices, but there ${
      had === 1 ? "is 1" : `are ${had}`
    }; await init("cpu", { devices: ${needed} })`,
  );
}

/** The box of an array that a device has: for each axis where it starts and where it stops. */
export type Box = readonly (readonly [start: number, stop: number])[];

/** On which devices an array is, and which part of it on which. */
export abstract class Sharding {
  /** The devices, in order. */
  abstract readonly devices: readonly Device[];
  /** Whether every device has the whole array. */
  abstract readonly isFullyReplicated: boolean;

  /** The devices, as JAX has them. */
  get deviceSet(): ReadonlySet<Device> {
    return new Set(this.devices);
  }

  /**
   * Checks that arrays of a shape can be sharded so.
   *
   * @throws {ShapeError} Where an axis is missing, or not divisible by the number of its parts.
   */
  abstract checkShape(shape: Shape, where: string): void;

  /** Which part of an array of a shape each device has, in the order of {@linkcode devices}. */
  abstract boxes(shape: Shape): readonly Box[];

  /** The shape of each device's part. */
  shardShape(shape: Shape): Shape {
    this.checkShape(shape, "shardShape");
    return this.boxes(shape)[0].map(([start, stop]) => stop - start);
  }

  /** Whether another sharding puts arrays of so many axes just so. */
  isEquivalentTo(other: Sharding, ndim: number): boolean {
    if (String(this.devices) !== String(other.devices)) return false;
    // A shape that every division of devices fits shows how each lies.
    const shape = Array<number>(ndim).fill(this.devices.length);
    return JSON.stringify(this.boxes(shape)) === JSON.stringify(other.boxes(shape));
  }

  /** Equal values have equal texts. */
  [hashKey](): string {
    return this.toString();
  }

  /** Whether another value is a sharding of the same kind and content. */
  [equalsKey](other: unknown): boolean {
    return other instanceof Sharding && other.constructor === this.constructor &&
      String(other) === String(this);
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** All of an array on one device. */
export class SingleDeviceSharding extends Sharding {
  /** The one device. */
  override readonly devices: readonly Device[];

  /**
   * Names the device.
   *
   * @param device Where the array is.
   */
  constructor(readonly device: Device) {
    super();
    if (!(device instanceof Device)) {
      throw new ArgumentError(`SingleDeviceSharding: expected a device, got ${String(device)}`);
    }
    this.devices = [device];
  }
  /** As there is no other device. */
  override get isFullyReplicated(): boolean {
    return true;
  }
  /** Any shape will do. */
  override checkShape(): void {}
  /** All of the array. */
  override boxes(shape: Shape): readonly Box[] {
    return [shape.map((n) => [0, n] as const)];
  }
  /** The kind, and the device. */
  override toString(): string {
    return `SingleDeviceSharding(${this.device})`;
  }
}

/**
 * An array split over the axes of a mesh as a spec says.
 *
 * @example
 * ```ts
 * import { devicePut, devices, Mesh, NamedSharding, numpy as np, P } from "@vernal/vernal";
 *
 * const mesh = new Mesh(devices().slice(0, 1), ["x"]);
 * const x = devicePut(np.ones([4, 2]), new NamedSharding(mesh, P("x")));
 * console.log(String((x.sharding as NamedSharding).spec)); // P("x")
 * ```
 */
export class NamedSharding extends Sharding {
  /**
   * Applies a spec to a mesh.
   *
   * @throws {ArgumentError} Where the spec names an axis that the mesh does not have, or one twice.
   */
  constructor(readonly mesh: Mesh, readonly spec: PartitionSpec) {
    super();
    if (!(mesh instanceof Mesh && spec instanceof PartitionSpec)) {
      throw new ArgumentError(
        `NamedSharding: expected a Mesh and a PartitionSpec, got ${String(mesh)} and ${
          String(spec)
        }`,
      );
    }
    const names = spec.entries.flatMap((_, i) => spec.namesOf(i));
    const unknown = names.find((name) => !mesh.axisNames.includes(name));
    if (unknown !== undefined) {
      throw new ArgumentError(
        `NamedSharding: ${spec} names the axis ${
          JSON.stringify(unknown)
        }, which the mesh does not have; its axes are [${mesh.axisNames}]`,
      );
    }
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new ArgumentError(
        `NamedSharding: ${spec} names the axis ${
          JSON.stringify(twice)
        } twice; each mesh axis splits one axis of an array at most`,
      );
    }
  }
  /** The devices of the mesh, row-major. */
  override get devices(): readonly Device[] {
    return this.mesh.devices;
  }
  /** Whether no axis is cut into more than one part. */
  override get isFullyReplicated(): boolean {
    return this.spec.entries.every((_, i) => this.parts(i) === 1);
  }

  /** Into how many parts one axis of an array is cut. */
  parts(axis: number): number {
    return this.spec.namesOf(axis).reduce((n, name) => n * this.mesh.sizeOf(name), 1);
  }

  /** Every axis that the spec names must be there, and cut into equal parts. */
  override checkShape(shape: Shape, where: string): void {
    const { entries } = this.spec;
    if (entries.length > shape.length) {
      throw new ShapeError(
        `${where}: ${this.spec} is only valid for arrays of ${entries.length} or more axes; this one has shape ${
          formatShape(shape)
        }`,
      );
    }
    entries.forEach((_, axis) => {
      const parts = this.parts(axis);
      if (shape[axis] % parts === 0) return;
      throw new ShapeError(
        `${where}: by ${this.spec} axis ${axis} is cut into ${parts} parts, but it has size ${
          shape[axis]
        } (the whole shape is ${formatShape(shape)}): parts must be equal`,
      );
    });
  }

  /** The part of each device, from its place along each mesh axis. */
  override boxes(shape: Shape): readonly Box[] {
    const { axisNames, axisSizes } = this.mesh;
    return this.devices.map((_, number) => {
      const place = new Map<string, number>();
      for (let axis = axisNames.length - 1, rest = number; axis >= 0; axis--) {
        place.set(axisNames[axis], rest % axisSizes[axis]);
        rest = Math.floor(rest / axisSizes[axis]);
      }
      return shape.map((n, axis) => {
        const part = this.spec.namesOf(axis)
          .reduce((at, name) => at * this.mesh.sizeOf(name) + place.get(name)!, 0);
        const size = n / this.parts(axis);
        return [part * size, (part + 1) * size] as const;
      });
    });
  }

  /** The mesh, and the spec. */
  override toString(): string {
    return `NamedSharding(${this.mesh}, ${this.spec})`;
  }
}

/** A device, or a sharding, as a sharding. */
export function asSharding(x: Device | Sharding): Sharding {
  return x instanceof Device ? new SingleDeviceSharding(x) : x;
}

/** Whether two shardings use the same devices. */
export function sameDevices(a: Sharding, b: Sharding): boolean {
  if (a.devices.length !== b.devices.length) return false;
  return b.devices.every((device) => a.devices.includes(device));
}

/** The error for two things that are on different devices. `first` and `second` say what they are. */
export function devicesDiffer(
  caller: string,
  [first, a]: readonly [string, Sharding],
  [second, b]: readonly [string, Sharding],
): DeviceError {
  return new DeviceError(
    `${caller}: ${first} is on [${a.devices}], ${second} on [${b.devices}]: what is computed together must be on the same devices. ` +
      "Move one with devicePut(x, device)",
  );
}
