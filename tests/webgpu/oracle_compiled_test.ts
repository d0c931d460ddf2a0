/**
 * The oracle's cases on a device, each compiled as one program.
 *
 * @module
 */
import { oracleOnDevice } from "./oracle_axis.ts";

oracleOnDevice(true);
