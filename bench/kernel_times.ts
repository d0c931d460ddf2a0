/**
 * How long each kernel takes on a device of WebGPU, by timestamps that the device itself takes.
 *
 * @module
 */

/** What watches a device's commands. */
export interface KernelTimes {
  /** Whether the device that was opened can tell. */
  readonly isAble: boolean;
  /** Runs `work`, which must submit what it does, and gives the seconds of each of its kernels. */
  of(work: () => void): Promise<number[]>;
}

/** The most kernels that one submission is expected to have. */
const maxKernels = 1024;

/** Watches the device that is opened from now on. */
export function watchKernels(): KernelTimes {
  let device: GPUDevice | null = null;
  let watching = false;
  const submitted: (() => Promise<number[]>)[] = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args): Promise<GPUDevice> {
    const opened = await request.apply(this, args);
    if (opened.features.has("timestamp-query")) {
      const create = opened.createCommandEncoder.bind(opened);
      opened.createCommandEncoder = (descriptor) => {
        const encoder = create(descriptor);
        if (!watching) return encoder;
        const { timed, seconds } = timedEncoder(opened, encoder);
        submitted.push(seconds);
        return timed;
      };
      device = opened;
    }
    return opened;
  };
  return {
    get isAble() {
      return device !== null;
    },
    async of(work) {
      submitted.length = 0;
      watching = true;
      try {
        work();
      } finally {
        watching = false;
      }
      const all: number[] = [];
      for (const seconds of submitted) all.push(...await seconds());
      return all;
    },
  };
}

/** An encoder each of whose dispatches is a pass of its own, with the time before and after it. */
function timedEncoder(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
): { timed: GPUCommandEncoder; seconds: () => Promise<number[]> } {
  const queries = device.createQuerySet({ type: "timestamp", count: 2 * maxKernels });
  const bytes = 16 * maxKernels;
  const resolved = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const read = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  let kernels = 0;
  const timed = {
    beginComputePass(): Partial<GPUComputePassEncoder> {
      let pipeline: GPUComputePipeline | null = null;
      const groups = new Map<number, GPUBindGroup>();
      const dispatch = (run: (pass: GPUComputePassEncoder) => void): undefined => {
        const at = 2 * kernels++;
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet: queries,
            beginningOfPassWriteIndex: at,
            endOfPassWriteIndex: at + 1,
          },
        });
        pass.setPipeline(pipeline!);
        for (const [index, group] of groups) pass.setBindGroup(index, group);
        run(pass);
        pass.end();
      };
      return {
        setPipeline: (p: GPUComputePipeline) => void (pipeline = p),
        setBindGroup: (index: number, group: unknown) =>
          void groups.set(index, group as GPUBindGroup),
        dispatchWorkgroups: (x: number, y?: number, z?: number) =>
          dispatch((pass) => pass.dispatchWorkgroups(x, y, z)),
        dispatchWorkgroupsIndirect: (buffer: GPUBuffer, offset: number) =>
          dispatch((pass) => pass.dispatchWorkgroupsIndirect(buffer, offset)),
        end: () => {},
      };
    },
    copyBufferToBuffer: encoder.copyBufferToBuffer.bind(encoder),
    clearBuffer: encoder.clearBuffer.bind(encoder),
    finish(): GPUCommandBuffer {
      if (kernels > 0) {
        encoder.resolveQuerySet(queries, 0, 2 * kernels, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, read, 0, 16 * kernels);
      }
      return encoder.finish();
    },
  };
  return {
    timed: timed as unknown as GPUCommandEncoder,
    async seconds() {
      if (kernels === 0) return [];
      await read.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(read.getMappedRange().slice(0, 16 * kernels));
      read.destroy();
      resolved.destroy();
      queries.destroy();
      return Array.from(
        { length: kernels },
        (_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e9,
      );
    },
  };
}
