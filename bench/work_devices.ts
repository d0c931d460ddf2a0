/**
 * Work for several devices: its inputs, and how a result is judged.
 *
 * @module
 */
import { uniform } from "./work.ts";

/** Layers `tanh(x W)` on a batch for each of some devices; one device is no map at all. */
export interface DevicesWork {
  readonly kind: "devices";
  readonly devices: number;
  readonly layers: number;
  readonly width: number;
  readonly batch: number;
}

/** Multiplications and additions. */
export function deviceFlops({ devices, layers, width, batch }: DevicesWork): number {
  return 2 * devices * layers * batch * width * width;
}

/** The batches, device by device, and the weights. */
export function devicesData(
  { devices, width, batch }: DevicesWork,
): Record<"x" | "w", Float32Array> {
  return {
    x: uniform(devices * batch * width, 1),
    w: uniform(width * width, 2).map((w) => w / 8),
  };
}

/** The largest error of the last example of all. */
export function devicesError(work: DevicesWork, found: Float32Array): number {
  const { layers, width } = work;
  const { x, w } = devicesData(work);
  let row = Float64Array.from(x.subarray(x.length - width));
  for (let layer = 0; layer < layers; layer++) {
    row = row.map((_, j) => {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += row[k]! * w[k * width + j]!;
      return Math.tanh(sum);
    });
  }
  const from = found.length - width;
  return row.reduce((worst, y, i) => Math.max(worst, Math.abs(y - found[from + i]!)), 0);
}
