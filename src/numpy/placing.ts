/**
 * Putting arrays somewhere, and the parts that devices have of them.
 *
 * @module
 */
import { ArgumentError, DTypeError, OutOfMemoryError } from "../errors.ts";
import { type NDArray, type Shard, slice } from "../core/array.ts";
import { checkPresent, Device } from "../core/device.ts";
import { asSharding, PartitionSpec, Sharding, SingleDeviceSharding } from "../core/sharding.ts";
import { getEvaluator } from "../core/trace.ts";
import { shardingConstraint } from "../ops/sharding.ts";

/**
 * A device or sharding that came from outside, as a sharding.
 *
 * @param where The public function and, where there are several, which of its arguments.
 * @throws {ArgumentError} For anything else.
 * @throws {DeviceError} Where a device vanished.
 */
export function checkSharding(x: unknown, where: string): Sharding {
  if (!(x instanceof Device || x instanceof Sharding)) {
    const came = x === null || x === undefined
      ? "null, which is not allowed"
      : x instanceof PartitionSpec
      ? `${x}, which is for no mesh yet: use new NamedSharding(mesh, spec)`
      : typeof x === "object"
      ? `a ${x.constructor?.name ?? "object"}`
      : JSON.stringify(x);
    throw new ArgumentError(`${where}: expected a Device or a Sharding; got ${came}`);
  }
  const sharding = asSharding(x);
  for (const device of sharding.devices) checkPresent(device, `${where}: what is put there`);
  return sharding;
}

/** `x` where a sharding says, committed.
 *
 * @throws {DTypeError} Where the device lacks its dtype.
 * @throws {OutOfMemoryError} Where the device has no room for it.
 */
export function put(x: NDArray, sharding: Sharding, where: string): NDArray {
  sharding.checkShape(x.shape, where);
  try {
    return shardingConstraint(x, sharding);
  } catch (error) {
    for (const Refusal of [DTypeError, OutOfMemoryError]) {
      if (error instanceof Refusal) {
        throw new Refusal(`${where}: ${error.message}`, { cause: error });
      }
    }
    throw error;
  }
}

/** An array that was just made, where its `device` option says. */
export function putWhereAsked(
  x: NDArray,
  device: Device | Sharding | null | undefined,
  where: string,
): NDArray {
  if (device === null || device === undefined) return x;
  return put(x, checkSharding(device, `${where}: options.device`), where);
}

/** The parts of an array, one for each device. */
export function addressableShards(x: NDArray): Shard[] {
  const { sharding } = x;
  const seen = new Map<string, number>();
  const boxes = sharding.boxes(x.shape);
  return sharding.devices.map((device, i) => {
    const index = boxes[i].map(([start, stop]) => slice(start, stop, null));
    const text = String(boxes[i]);
    const replicaId = seen.get(text) ?? 0;
    seen.set(text, replicaId + 1);
    const data = getEvaluator().place(
      x.get(...index),
      new SingleDeviceSharding(device),
      true,
    );
    return { device, index, replicaId, data };
  });
}
