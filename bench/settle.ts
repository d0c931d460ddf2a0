/**
 * Waiting for a device of WebGPU, the same for every contender and without the 10 ms that Deno sleeps before it answers.
 *
 * @module
 */

/** The device that was opened last, and what is copied on it to know that all before is done. */
interface Opened {
  readonly device: GPUDevice;
  readonly from: GPUBuffer;
  readonly to: GPUBuffer;
}

let isWatching = false;
let opened: Opened | null = null;
let refused: string | null = null;

/**
 * Gives a function that waits until the device that was opened last, from now on, has done all that was submitted to it, and throws
 * where that was refused.
 */
export function watchDevice(): { settle(): Promise<void> } {
  if (!isWatching) watch();
  isWatching = true;
  return { settle };
}

function watch(): void {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args): Promise<GPUDevice> {
    const device = await request.apply(this, args);
    const from = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_SRC });
    // Deno maps at once what was mapped before.
    const to = device.createBuffer({
      size: 4,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      mappedAtCreation: true,
    });
    to.getMappedRange();
    to.unmap();
    device.addEventListener("uncapturederror", (event) => {
      refused ??= (event as GPUUncapturedErrorEvent).error.message;
    });
    opened = { device, from, to };
    return device;
  };
}

async function settle(): Promise<void> {
  if (opened === null) throw new Error("no device was opened");
  await null; // what is collected until the task ends is submitted now
  const { device, from, to } = opened;
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, to, 0, 4);
  device.queue.submit([encoder.finish()]);
  const mapped = to.mapAsync(GPUMapMode.READ);
  mapped.catch(() => {}); // unmapping comes first
  try {
    to.getMappedRange();
  } catch {
    await mapped;
  }
  to.unmap();
  // What was not done was done fast.
  if (refused !== null) throw new Error(`the device refused a command: ${refused}`);
}
