/**
 * `filterPmap`: a function of single examples, run on all of them at once, one example to a device.
 *
 * It is `filterVmap`, compiled, with a sharding on every result. What is compiled by itself is the program of one device, on one example
 * (`device_map.ts`); transformations and programs around it see the mapped function.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { jitBackend } from "../control/jit_call.ts";
import { checkPresent, cpuDevices, Device } from "../core/device.ts";
import { Mesh, NamedSharding, PartitionSpec, tooFewDevices } from "../core/sharding.ts";
import { JaxprTrace } from "../transform/stage.ts";
import { map } from "../tree/map.ts";
import { mappedArguments } from "./axes.ts";
import { mapOver } from "./device_map.ts";
import { callCompiled } from "./jit.ts";
import type { Compilation, Donate } from "./jit_program.ts";
import { lower, type Lowerable, type Lowered } from "./lowered.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import {
  callMapped,
  mapOptions,
  nothingMapped,
  readMapOptions,
  requestOf,
  type VmapOptions,
} from "./vmap.ts";
import { makeWrapper, transform, type Transformation } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

const caller = "filterPmap";

/** Options of {@linkcode filterPmap}. */
export interface PmapOptions<A extends readonly unknown[] = readonly unknown[]>
  extends VmapOptions<A> {
  /** Whether the results may take over the arguments' memory: `"all"`, `"warn"` to hear where that is not possible, or `"none"`. */
  readonly donate?: "all" | "warn" | "none";
  /** The devices to use, one for each example; the first of the processor's unless given. */
  readonly devices?: readonly Device[] | null;
}

/** A function mapped over devices, and able to be compiled ahead of its first call. */
export type Pmapped<F> = F & {
  /** As `lower` of what `filterJit` gives. */
  lower(
    ...args: F extends (...args: infer A) => unknown ? { [K in keyof A]: Lowerable<A[K]> }
      : unknown[]
  ): Lowered<F>;
};

/** Whether a mapped function is being traced: the devices are taken then. */
let isTracing = false;

/** The mapped function that is compiled: `filterVmap`, its results put where they belong. Its last option is the mesh. */
const bodyT: Transformation = {
  name: caller,
  call: (fun, options, args) => {
    const mesh = options[options.length - 1] as Mesh;
    isTracing = true;
    try {
      return callMapped(fun, args, { ...requestOf(caller, options), mapFlat: mapOver(mesh) });
    } finally {
      isTracing = false;
    }
  },
};

/** Where in the options the donation and the devices stand, after those of a mapping. */
const DONATE = mapOptions.length;
const DEVICES = DONATE + 1;

/** The mapped function over so many devices, and how it is compiled. */
interface Mapping {
  readonly body: (...args: unknown[]) => unknown;
  readonly how: Compilation;
}

/** Those of each wrapper by the number of examples: made once, so that a repeated call finds what it compiled. */
const mappings: WeakMap<object, Map<number, Mapping>> = new WeakMap();

/** What a call runs: a device for each example. */
function mappingFor(
  fun: unknown,
  options: readonly unknown[],
  args: unknown[],
  self: object,
): Mapping {
  const { inAxes, axisName, axisSize, argNames } = requestOf(caller, options);
  const { size } = mappedArguments(caller, fun, args, inAxes, axisSize, argNames);
  if (size === null) throw nothingMapped(caller);
  if (size === 0) {
    throw new ArgumentError(`${caller}: needs at least one example, for one device; got none`);
  }
  const devices = (options[DEVICES] as Mesh | null)?.devices ?? cpuDevices();
  if (size > devices.length) throw tooFewDevices(caller, size, devices.length);
  let made = mappings.get(self);
  if (made === undefined) mappings.set(self, made = new Map());
  let mapping = made.get(size);
  if (mapping === undefined) {
    const name = axisName === null ? "devices" : String(axisName);
    const mesh = new Mesh(devices.slice(0, size), [name]);
    mapping = {
      body: makeWrapper(bodyT, fun, [...options, mesh]),
      how: compilation(self, options, mesh),
    };
    made.set(size, mapping);
  }
  return mapping;
}

/** Arguments with a traced array, which has axes and no elements, in place of each struct. */
function withArrays(args: unknown[]): unknown[] {
  const trace = new JaxprTrace();
  return map(
    (leaf: unknown) => leaf instanceof ShapeDtypeStruct ? trace.newInput(leaf.aval) : leaf,
    args,
  ) as unknown[];
}

const pmapT: Transformation = {
  name: caller,
  call: (fun, options, args, self) => {
    if (isTracing) return callMapped(fun, args, requestOf(caller, options));
    const { body, how } = mappingFor(fun, options, args, self);
    return callCompiled(body, args, body, how);
  },
  finish: (wrapper, fun, options) => {
    Object.defineProperty(wrapper, "lower", {
      value: (...args: unknown[]) => {
        const { body, how } = mappingFor(fun, options, withArrays(args), wrapper);
        return lower(body, args, how);
      },
    });
  },
};

function compilation(self: object, options: readonly unknown[], mesh: Mesh): Compilation {
  const { name } = self as { name: string };
  return {
    name,
    label: `${caller}(${name})`,
    donate: options[DONATE] as Donate,
    // Whole on every device, until the mapped function's results are split.
    on: new NamedSharding(mesh, new PartitionSpec()),
    isCpuOnly: false,
  };
}

function readOptions(options: object): readonly unknown[] {
  checkOptions(caller, options, [...mapOptions, "donate", "devices"]);
  const { donate = "none", devices = null } = options as PmapOptions;
  if (!["all", "warn", "none"].includes(donate)) {
    throw new ArgumentError(
      `${caller}: donate must be one of "all", "warn", "none"; got ${JSON.stringify(donate)}`,
    );
  }
  if (devices !== null && !(Array.isArray(devices) && devices.every((d) => d instanceof Device))) {
    throw new ArgumentError(
      `${caller}: devices must be a list of devices, as devices() gives them; got ${
        String(devices)
      }`,
    );
  }
  for (const device of devices ?? []) checkPresent(device, `${caller}: an example`);
  // As a mesh, because that compares by content.
  const list = devices === null ? null : new Mesh(devices, ["devices"]);
  return [...readMapOptions(caller, options), donate, list];
}

/**
 * Maps a function over devices: as {@linkcode filterVmap}, compiled as by `filterJit`, one example to a device.
 *
 * Of `n` examples the first `n` devices are used; every array of the result is committed to them, split along its mapped axis
 * (whole on each where `outAxes` is `null`). Arguments are moved there. Devices compute at the same time, as far as the machine has processors, and
 * collectives exchange values among them; loops that hold some take as many turns on each. Inside of other compiled or transformed functions, one that it maps itself too, it is
 * `filterVmap` of the function. `filterJit` with shardings (`filterShard`) says more, and is what to use where a mesh has several axes. Written after Equinox's `filter_pmap`.
 *
 * @param fun A function, class, or Module with `call`, of single examples.
 * @param options See {@linkcode PmapOptions}.
 * @returns A function of whole batches. Leaves that are no arrays are static, as under `filterJit`.
 * @throws {DeviceError} Where there are more examples than devices.
 * @throws {ShapeError} Where mapped axes differ in size, or an array has no such axis.
 * @throws {ArgumentError} Where something to be mapped is no array, or the number of examples is unknown.
 *
 * @example
 * ```ts
 * import { filterPmap, init, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * await init("cpu", { devices: 4 });
 * const share = filterPmap((x: NDArray) => x.div(lax.psum(x, "i")), { axisName: "i" });
 * const y = share(np.array([1, 2, 5]));
 * console.log(y.tolist(), [...y.devices()].join(" ")); // [0.125, 0.25, 0.625] "cpu:0 cpu:1 cpu:2"
 * ```
 */
export function filterPmap<A extends unknown[], R>(
  fun: (...args: A) => R,
  options?: PmapOptions<A>,
): Pmapped<(...args: A) => R>;
/** As above, for a class. */
export function filterPmap<A extends unknown[], R>(
  fun: new (...args: A) => R,
  options?: PmapOptions<A>,
): Pmapped<(...args: A) => R>;
/** As above, for a Module. */
export function filterPmap<A extends unknown[], R>(
  fun: { call(...args: A): R },
  options?: PmapOptions<A>,
): Pmapped<(...args: A) => R>;
/** As above, as a decorator to be. */
export function filterPmap(
  options: PmapOptions,
  // deno-lint-ignore no-explicit-any -- a decorator keeps the type of any function
): <F extends (...args: any[]) => unknown>(fun: F, context?: unknown) => F;
/** As above, as a method decorator. */
export function filterPmap<F extends (...args: never[]) => unknown>(
  method: F,
  context: ClassMethodDecoratorContext,
): F;
export function filterPmap(fun: unknown, options?: unknown): unknown {
  jitBackend().prepare();
  return transform(pmapT, readOptions, fun, options);
}
