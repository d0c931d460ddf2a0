/**
 * Work for several devices in Vernal.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import type { Prepared } from "./work.ts";
import { devicesData, devicesError, type DevicesWork } from "./work_devices.ts";

const { numpy: np } = vn;

/** Prepares the work. */
export async function oursOfDevices(work: DevicesWork): Promise<Prepared> {
  const { devices, layers, width, batch } = work;
  await vn.init("cpu", { devices });
  const data = devicesData(work);
  const w = np.array(data.w).reshape([width, width]);
  const each = (x: vn.NDArray, w: vn.NDArray): vn.NDArray => {
    for (let layer = 0; layer < layers; layer++) x = np.tanh(np.matmul(x, w));
    return x;
  };
  const f = devices === 1 ? vn.filterJit(each) : vn.filterPmap(each, { inAxes: [0, null] });
  const x = np.array(data.x).reshape([...(devices === 1 ? [] : [devices]), batch, width]);
  return {
    run: () => f(x, w).delete(),
    facts: async () => ({ error: devicesError(work, await f(x, w).data() as Float32Array) }),
  };
}
