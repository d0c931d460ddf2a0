/**
 * Rates of a machine that does not exist: its card is much faster than its processor, and far away.
 *
 * @module
 */
import type { MachineRates } from "../../src/runtime/device_costs.ts";

/** Made-up rates. */
export const rates: MachineRates = {
  cpu: { call: 1e-6, launch: 1e-7, bytes: 2e10, ops: 1e10, flops: 5e10 },
  webgpu: {
    call: 1e-4,
    launch: 1e-5,
    bytes: 4e11,
    ops: 4e12,
    flops: 5e12,
    upload: 5e9,
    read: 5e9,
    wait: 1e-3,
  },
};
