/**
 * The rows of devices that are threads: one element, and an element on each of two devices.
 *
 * @module
 */
import type { Row } from "./rows.ts";
import { deviceFlops, type DevicesWork } from "./work_devices.ts";

const layers: DevicesWork = { kind: "devices", devices: 1, layers: 4, width: 256, batch: 256 };

function row(devices: number): Omit<Row, "reach" | "title" | "id"> {
  const work = { ...layers, devices };
  return { mode: "warm", work, unit: "ms", amount: deviceFlops(work), limit: "madd32" };
}

/** The rows. */
export const deviceRows: readonly Row[] = [
  {
    ...row(1),
    id: "devices_1",
    title: "4 layers tanh(x·W), 256 wide, batch 256",
    reach: { shareOfLimit: 0.75 },
  },
  {
    ...row(2),
    id: "devices_2",
    title: "filterPmap of the same over 2 devices, an element on each",
    env: { VERNAL_THREADS: "2" },
    // 1.8 times as many elements in a second.
    reach: { times: 1.11, ofRow: "devices_1" },
  },
];
