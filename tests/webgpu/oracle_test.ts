/**
 * The oracle's cases on a device, operation by operation.
 *
 * @module
 */
import { oracleOnDevice } from "./oracle_axis.ts";

oracleOnDevice(false);
