/**
 * WebGPU as a platform: what is open, how arrays get there, and what computes there. `init("webgpu")` loads it.
 *
 * @module
 */
import { deviceProgram, programText } from "../../backends/wgsl/program.ts";
import { isDeviceDType } from "../../backends/wgsl/types.ts";
import { compileToProgram } from "../../compile/pipeline.ts";
import type { NDArray } from "../../core/array.ts";
import type { HostScalar } from "../../core/dtype.ts";
import { type Device, graphicsDevice, setGraphicsOpen } from "../../core/device.ts";
import { Literal } from "../../core/jaxpr.ts";
import { structuralKey } from "../../core/jaxpr_key.ts";
import { identityOf, paramsKey } from "../../core/params_key.ts";
import { isOnHost, type Placement } from "../../core/placement.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { DeviceError } from "../../errors.ts";
import { workOf } from "../../schedule/work.ts";
import { ConcreteArray } from "../concrete.ts";
import { lackingError } from "../device_choice.ts";
import { equationJaxpr } from "../eager_program.ts";
import { cannotComeBack, type Graphics, installGraphics } from "../graphics.ts";
import { ProgramCache } from "../program_cache.ts";
import { WebGpuArray } from "./array.ts";
import { learnRates, machineRates } from "./calibration.ts";
import { WebGpuDevice } from "./device.ts";
import { DeviceExecutable, upload } from "./executable.ts";
import { readsAreSynchronous } from "./readback.ts";

let open: WebGpuDevice | null = null;
let opening: Promise<void> | null = null;

/** Opens the device, if it is not open.
 *
 * @throws {DeviceError} Where there is none.
 */
export async function openWebGpu(): Promise<Device> {
  installGraphics(webGpuGraphics);
  // Who asks while another call is about it waits for the same device.
  opening ??= openAnew().finally(() => opening = null);
  await opening;
  return graphicsDevice();
}

async function openAnew(): Promise<void> {
  if (open !== null && open.lost === null) return;
  const device = await WebGpuDevice.open();
  await learnRates(device);
  open = device;
  setGraphicsOpen(() => {
    setGraphicsOpen(null);
    device.close();
  });
  device.gpu.lost.then(() => {
    if (open === device) setGraphicsOpen(null);
  });
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

/** Plans of operations that hold jaxprs, by what those compute; the last ones used. */
const structured = new ProgramCache<DeviceExecutable>(64);

/** How many values of the scalars of an operation have been written into its programs. */
const scalarsSeen = new Map<string, number>();
const maxScalars = 8;

function evaluate(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
  placement: Placement,
): readonly NDArray[] {
  const avals = operands.map((x) => x.aval);
  const outs = primitive.abstractEval(avals, params);
  const text = primitive.higherOrder === undefined ? paramsKey(params) : structuralKey(params);
  const key = `${identityOf(primitive)}|${text}|${avals.map((a) => a.id)}`;
  // Scalars that came from the caller's text are part of the program, so that they need no memory there; unless they are
  // another each time, as a loop's counter is.
  const scalars = operands.map((x) => x instanceof ConcreteArray ? x.literal : undefined);
  const atoms = (scalarsSeen.get(key) ?? 0) >= maxScalars
    ? avals
    : avals.map((aval, i) => scalars[i] === undefined ? aval : new Literal(scalars[i], aval));
  const make = (): DeviceExecutable => {
    if (atoms.some((x) => x instanceof Literal)) {
      scalarsSeen.set(key, (scalarsSeen.get(key) ?? 0) + 1);
    }
    const closed = equationJaxpr(primitive, atoms, outs, params);
    const { program, callbacks } = compileToProgram(closed, {
      name: primitive.name,
      isPortable: true,
    });
    const lacking = [...workOf(program).dtypes].find((dtype) => !isDeviceDType(dtype));
    if (lacking !== undefined) {
      const there = operands.findIndex((x) => !isOnHost(x));
      throw lackingError(lacking, there < 0 ? "asked" : "resident", there, {
        name: primitive.name,
        nameOf: (i) => `operand ${i}`,
      });
    }
    return new DeviceExecutable(program, outs, callbacks);
  };
  const values = atoms.map((x) => x instanceof Literal ? scalarText(x.value) : "");
  const inputs = operands.filter((_, i) => !(atoms[i] instanceof Literal));
  const plan = planOf(`${key}|${values}`, primitive.higherOrder !== undefined, make);
  return plan.run(webGpu(), inputs, null, placement);
}

function scalarText(value: HostScalar): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function planOf(
  key: string,
  isStructured: boolean,
  make: () => DeviceExecutable,
): DeviceExecutable {
  if (isStructured) return structured.get(key, make);
  let plan = plans.get(key);
  if (plan === undefined) {
    if (plans.size >= maxPlans) {
      plans.clear();
      scalarsSeen.clear();
    }
    plans.set(key, plan = make());
  }
  return plan;
}

const webGpuGraphics: Graphics = {
  get isOpened() {
    return open !== null;
  },
  get rates() {
    return machineRates();
  },
  get maxBytes() {
    return open?.traits.maxBindingBytes ?? 0;
  },
  lacks: (dtype) => !isDeviceDType(dtype),
  program: (program, outAvals, callbacks) => {
    const executable = new DeviceExecutable(program, outAvals, callbacks);
    return {
      refusal: () => executable.refusal(webGpu()),
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
  isThere: (x) => x instanceof WebGpuArray || open!.copies.has(x as ConcreteArray),
  keepAlive: (x) => {
    if (x instanceof WebGpuArray) x.isKept = true;
  },
  memory: () => open?.memory() ?? null,
  watchKernels: () => open !== null && open.lost === null ? open.watchKernels() : null,
};
