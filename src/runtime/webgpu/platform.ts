/**
 * WebGPU as a platform: what is open, which arrays are there, and how one gets there.
 *
 * @module
 */
import { type AdapterTraits, baselineTraits } from "../../backends/wgsl/traits.ts";
import type { NDArray } from "../../core/array.ts";
import type { ShapedArray } from "../../core/aval.ts";
import { type Device, graphicsDevice, setGraphicsOpen } from "../../core/device.ts";
import { Literal } from "../../core/jaxpr.ts";
import type { HostCallback } from "../../core/lowering.ts";
import { paramsKey } from "../../core/params_key.ts";
import { type Placement, placementOf, preferredDevice } from "../../core/placement.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { type Sharding, SingleDeviceSharding } from "../../core/sharding.ts";
import { DeviceError } from "../../errors.ts";
import { ConcreteArray } from "../concrete.ts";
import { equationProgram } from "../eager_program.ts";
import { WebGpuArray } from "./array.ts";
import { type DeviceMemory, WebGpuDevice } from "./device.ts";
import { DeviceExecutable, upload } from "./executable.ts";
import { readsAreSynchronous } from "./readback.ts";

let open: WebGpuDevice | null = null;

/** Opens the device, if it is not open.
 *
 * @throws {DeviceError} Where there is none.
 */
export async function openWebGpu(): Promise<Device> {
  if (open === null || open.lost !== null) {
    open = null;
    const device = await WebGpuDevice.open();
    open = device;
    setGraphicsOpen(true);
    device.gpu.lost.then(() => {
      if (open === device) setGraphicsOpen(false);
    });
  }
  return graphicsDevice();
}

/** The open device.
 *
 * @throws {DeviceError} Where it was never opened, or is lost.
 */
export function webGpu(): WebGpuDevice {
  if (open === null) {
    throw new DeviceError('WebGPU is not open: await init("webgpu") opens it');
  }
  open.check();
  return open;
}

/** What shaders are written for: the open device, or what every adapter has. */
export function webGpuTraits(): AdapterTraits {
  return open?.traits ?? baselineTraits;
}

/** What is held on the device. */
export function webGpuMemory(): DeviceMemory | null {
  return open?.memory() ?? null;
}

/** Whether a sharding is on a WebGPU device. */
export function isOnWebGpu(sharding: Sharding): boolean {
  return sharding instanceof SingleDeviceSharding && sharding.device.platform === "webgpu";
}

/** Whether anything may be on WebGPU at all. */
export function isWebGpuInUse(): boolean {
  return open !== null;
}

/**
 * The placement of results where operands or the default device send them to WebGPU; `null` where they are the processor's.
 *
 * @param joint What operands are committed to, if anything.
 */
export function placementOnWebGpu(
  operands: readonly NDArray[],
  joint: Sharding | null,
): Placement | null {
  if (open === null) return null;
  if (joint !== null) {
    if (isOnWebGpu(joint)) return placementOf(joint, true);
    const stray = operands.find((x) => x instanceof WebGpuArray);
    if (stray !== undefined) throw cannotComeBack(stray, joint);
    return null;
  }
  for (let i = 0; i < operands.length; i++) {
    if (operands[i] instanceof WebGpuArray) return operands[i].placement;
  }
  const preferred = preferredDevice();
  if (preferred.platform !== "webgpu") return null;
  return placementOf(new SingleDeviceSharding(preferred), false);
}

/** The same elements on the device. */
export function placeOnWebGpu(x: NDArray, sharding: Sharding, committed: boolean): NDArray {
  const placement = placementOf(sharding, committed);
  if (x instanceof WebGpuArray) return new WebGpuArray(x.aval, x.live(), placement);
  return new WebGpuArray(x.aval, upload(webGpu(), x as ConcreteArray), placement);
}

/**
 * A copy on the host, where reads are synchronous.
 *
 * @throws {DeviceError} Where they are not.
 */
export function bringBack(x: NDArray, to: Sharding): ConcreteArray {
  if (!(x instanceof WebGpuArray) || !readsAreSynchronous()) throw cannotComeBack(x, to);
  return x.onHost("devicePut");
}

/** The error for arrays that would have to come back at once. */
function cannotComeBack(x: NDArray, to: Sharding): DeviceError {
  return new DeviceError(
    `an array on ${x.device} cannot be on [${to.devices}] at once, because that device answers later: ` +
      "np.array(await x.data()).reshape(x.shape) makes a copy there",
  );
}

const plans = new Map<string, DeviceExecutable>();
const maxPlans = 2048;

/** Computes one primitive on the device. */
export function evaluateOnWebGpu(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
  placement: Placement,
): readonly NDArray[] {
  // Scalars that came from the caller's text are part of the program, so that they need no memory there.
  const atoms = operands.map((x) =>
    x instanceof ConcreteArray && x.literal !== undefined ? new Literal(x.literal, x.aval) : x.aval
  );
  const ins = operands.filter((_, i) => !(atoms[i] instanceof Literal));
  const outs = primitive.abstractEval(operands.map((x) => x.aval), params);
  return planFor(primitive, atoms, outs, params).run(webGpu(), ins, null, placement);
}

function planFor(
  primitive: AnyPrimitive,
  atoms: readonly (Literal | ShapedArray)[],
  outs: readonly ShapedArray[],
  params: unknown,
): DeviceExecutable {
  const make = (): DeviceExecutable => {
    const callbacks: HostCallback[] = [];
    const program = equationProgram(primitive, atoms, outs, params, callbacks);
    return new DeviceExecutable(program, outs, callbacks);
  };
  // What holds jaxprs or functions is met again by chance only.
  if (primitive.higherOrder !== undefined) return make();
  const text = atoms.map((a) => a instanceof Literal ? `=${a.value}:${a.aval.id}` : a.id);
  const key = `${primitive.name}|${paramsKey(params)}|${text}`;
  let plan = plans.get(key);
  if (plan === undefined) {
    if (plans.size >= maxPlans) plans.clear();
    plans.set(key, plan = make());
  }
  return plan;
}
