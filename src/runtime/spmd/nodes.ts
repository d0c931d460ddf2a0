/**
 * What a plan consists of: which code runs when, and where in memory each device finds its values.
 *
 * A place is a region of memory, whose address is known when the program is called, and an offset for each device. Devices that have the same value share
 * its place.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import type { ShapedArray } from "../../core/aval.ts";
import type { Step, StepCode } from "./code.ts";

/** Where a value is. */
export interface Place {
  readonly region: number;
  /** For each device. */
  readonly offsets: readonly number[];
}

/** A value, and the axes over which its places differ. */
export interface PlacedValue extends Place {
  readonly axes: number;
}

/** Runs code, once or for several devices. */
export interface RunNode {
  readonly kind: "run";
  readonly code: StepCode;
  /** What it computes, and whose results are written over whose operands. */
  readonly step: Step;
  readonly units: number;
  /** Words of a unit's table: for each the region, and the offset in it. */
  readonly regions: Int32Array;
  readonly offsets: Float64Array;
  /** Where the tables are, in the region of tables. */
  readonly tables: number;
}

/** Copies a value to other places. */
export interface CopyNode {
  readonly kind: "copy";
  readonly from: Place;
  readonly to: Place;
  readonly bytes: number;
  readonly devices: readonly number[];
}

/** A region that moves on with the steps of a loop. */
export interface Slices {
  readonly region: number;
  readonly of: number;
  readonly stride: number;
}

/** Two regions that take turns as the carry before a step and after it. */
export interface Carry {
  readonly before: number;
  readonly after: number;
  /** The two. */
  readonly homes: readonly [number, number];
  readonly first: readonly CopyNode[];
  readonly last: readonly CopyNode[];
}

/** A step of the plan. */
export type Node =
  | RunNode
  | CopyNode
  | {
    readonly kind: "scan";
    readonly length: number;
    readonly reverse: boolean;
    readonly carry: Carry;
    readonly slices: readonly Slices[];
    readonly body: readonly Node[];
  }
  | {
    readonly kind: "while";
    readonly carry: Carry;
    readonly condition: readonly Node[];
    readonly predicate: Place;
    readonly body: readonly Node[];
  }
  | {
    readonly kind: "cond";
    readonly index: Place;
    readonly branches: readonly (readonly Node[])[];
  };

/** Regions with a meaning of their own. */
export const TABLES = 0;
/** See {@linkcode TABLES}. */
export const SCRATCH = 1;

/** A plan. Its regions are tables, scratch, then constants, inputs, outputs, values, and those of loops. */
export interface Plan {
  readonly nodes: readonly Node[];
  readonly regions: number;
  /** The values' regions, and where each is in the block of values. */
  readonly values: readonly { readonly region: number; readonly at: number }[];
  readonly valueBytes: number;
  readonly tableBytes: number;
  readonly scratchBytes: number;
  readonly codeBytes: number;
  readonly consts: readonly NDArray[];
  readonly constRegions: readonly number[];
  readonly firstInput: number;
  readonly firstOutput: number;
  readonly inAvals: readonly ShapedArray[];
  readonly outAvals: readonly ShapedArray[];
  /** For each output the input whose memory it takes over, or -1. */
  readonly donors: readonly number[];
  readonly callsHost: boolean;
  /** Instructions, about, that threads may share, each loop counted once. */
  readonly sharedCost: number;
}
