/**
 * WebGPU as a platform: what is open, how arrays get there, and what computes there. `init("webgpu")` loads it.
 *
 * @module
 */
import { deviceProgram, programText } from "../../backends/wgsl/program.ts";
import type { NDArray } from "../../core/array.ts";
import type { ShapedArray } from "../../core/aval.ts";
import { type Device, graphicsDevice, setGraphicsOpen } from "../../core/device.ts";
import { Literal } from "../../core/jaxpr.ts";
import type { HostCallback } from "../../core/lowering.ts";
import { paramsKey } from "../../core/params_key.ts";
import type { Placement } from "../../core/placement.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { DeviceError } from "../../errors.ts";
import { ConcreteArray } from "../concrete.ts";
import { equationProgram } from "../eager_program.ts";
import { cannotComeBack, type Graphics, installGraphics } from "../graphics.ts";
import { WebGpuArray } from "./array.ts";
import { WebGpuDevice } from "./device.ts";
import { DeviceExecutable, upload } from "./executable.ts";
import { readsAreSynchronous } from "./readback.ts";

let open: WebGpuDevice | null = null;

/** Opens the device, if it is not open.
 *
 * @throws {DeviceError} Where there is none.
 */
export async function openWebGpu(): Promise<Device> {
  installGraphics(webGpuGraphics);
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

const plans = new Map<string, DeviceExecutable>();
const maxPlans = 2048;

function evaluate(
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

const webGpuGraphics: Graphics = {
  get isOpened() {
    return open !== null;
  },
  program: (program, outAvals, callbacks) => {
    const executable = new DeviceExecutable(program, outAvals, callbacks);
    return {
      run: (inputs, donated, placement, name) =>
        executable.run(webGpu(), inputs, donated, placement, name),
    };
  },
  shaders: (program) => programText(deviceProgram(program, open?.traits)),
  evaluate,
  place: (x, placement) => {
    if (x instanceof WebGpuArray) return new WebGpuArray(webGpu(), x.aval, x.live(), placement);
    const device = webGpu();
    return new WebGpuArray(device, x.aval, upload(device, x as ConcreteArray), placement);
  },
  bringBack: (x, to) => {
    if (!(x instanceof WebGpuArray) || !readsAreSynchronous()) {
      throw cannotComeBack("an array", x, to);
    }
    return x.onHost("devicePut");
  },
  keepAlive: (x) => {
    if (x instanceof WebGpuArray) x.isKept = true;
  },
  memory: () => open?.memory() ?? null,
};
