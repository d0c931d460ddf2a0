/**
 * Loaded before test files that were written for the processor, to run them on the device.
 *
 * @module
 */
import { defaultDevice, init } from "../../mod.ts";
import { setSynchronousReads } from "../../src/runtime/webgpu/readback.ts";
import "../strict.ts";

const [gpu] = await init("webgpu");
defaultDevice(gpu);
setSynchronousReads(true);
