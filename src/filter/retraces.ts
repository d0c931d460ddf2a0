/**
 * Why a compiled function was traced again: what differs from the nearest call that it was traced for before.
 *
 * @module
 */
import { formatAval } from "../core/aval.ts";
import { findDifference } from "../tree/mismatch.ts";
import { callPath, type LeafSpec, type Signature, staticEqual } from "./jit_entry.ts";
import { leafPaths } from "../tree/flatten.ts";

/** An argument, or part of one, that is not what it was. */
export interface Change {
  /** Where: `args[1].by`, `fun.weight`. */
  readonly path: string;
  /** What stood there when the function was traced before. */
  readonly was: string;
  /** What stands there now. */
  readonly is: string;
}

/** One trace of a compiled function. */
export interface TraceRecord {
  /** The first is 1. */
  readonly trace: number;
  /** The earlier trace that comes nearest, of those whose program was still kept; `null` where there was none. */
  readonly nearest: number | null;
  /** What differs from that one. Empty for the first trace, and where the program could not be kept. */
  readonly changes: readonly Change[];
  /** The record in one line. */
  toString(): string;
}

/** How many earlier traces are looked at for the nearest. */
const MAX_COMPARED = 64;

/** How many changes a message lists. */
const MAX_LISTED = 4;

/** What differs between two signatures. Where structures differ, their first difference is the only one. */
export function changesBetween(before: Signature, now: Signature): Change[] {
  const changes: Change[] = [];
  if (before.axisEnv !== now.axisEnv) {
    const axes = (env: string) => env === "" ? "none" : env;
    changes.push({
      path: "the named axes in force",
      was: axes(before.axisEnv),
      is: axes(now.axisEnv),
    });
  }
  const structure = findDifference(before.treedef, now.treedef);
  if (structure !== null) {
    const { path, was, is } = structure;
    return [...changes, changeOf(callPath(path), was, is)];
  }
  const paths = leafPaths(now.treedef);
  now.specs.forEach((spec, i) => {
    const old = before.specs[i];
    if (sameSpec(old, spec)) return;
    changes.push(changeOf(callPath(paths[i]), describeSpec(old), describeSpec(spec)));
  });
  return changes;
}

/** Two things may differ and read the same: two functions of one name. */
function changeOf(path: string, was: string, is: string): Change {
  return { path, was, is: was === is ? `another: ${is.replace(/^(the|an?) /, "")}` : is };
}

function sameSpec(a: LeafSpec, b: LeafSpec): boolean {
  if (a.kind === "array") return b.kind === "array" && a.aval === b.aval;
  return b.kind === "static" && staticEqual(a.value, b.value);
}

/** How many leaves differ; infinitely many where the structures do. */
function distance(a: Signature, b: Signature): number {
  if (a.treedef !== b.treedef) return Infinity;
  let count = a.axisEnv === b.axisEnv ? 0 : 1;
  for (let i = 0; i < a.specs.length; i++) if (!sameSpec(a.specs[i], b.specs[i])) count++;
  return count;
}

/** An earlier trace. */
export interface EarlierTrace {
  readonly trace: number;
  readonly entry: Signature;
}

/** Notes a trace: compares it with the nearest of the earlier ones, the last of those equally near. */
export function recordTrace(
  trace: number,
  earlier: readonly EarlierTrace[],
  signature: () => Signature,
): TraceRecord {
  let nearest: EarlierTrace | null = null;
  let changes: readonly Change[] = [];
  if (earlier.length > 0) {
    const now = signature();
    let least = Infinity;
    for (const candidate of earlier.slice(-MAX_COMPARED)) {
      const far = distance(candidate.entry, now);
      if (far <= least) [nearest, least] = [candidate, far];
    }
    changes = changesBetween(nearest!.entry, now);
  }
  const record: TraceRecord = {
    trace,
    nearest: nearest?.trace ?? null,
    changes,
    toString: () => `trace ${trace}: ${reasonOf(record)}`,
  };
  return record;
}

/** Why a function was traced, in words. */
export function reasonOf({ trace, nearest, changes }: TraceRecord): string {
  if (trace === 1) return "the first";
  if (nearest === null) {
    return "no earlier program was kept: the function closes over a value of a transformation in progress, threw, or was forgotten";
  }
  if (changes.length === 0) {
    return `nothing that is visible differs from trace ${nearest}`;
  }
  const listed = changes.slice(0, MAX_LISTED).map(({ path, was, is }) =>
    `${path} was ${was}, is ${is}`
  );
  const more = changes.length - listed.length;
  if (more > 0) listed.push(`and ${more} more`);
  return `${listed.join("; ")} (compared with trace ${nearest})`;
}

function describeSpec(spec: LeafSpec): string {
  if (spec.kind !== "array") return describeStatic(spec.value);
  return `${spec.aval.weakType ? "weak_" : ""}${formatAval(spec.aval)}`;
}

/** A static leaf, in a few words. */
export function describeStatic(x: unknown): string {
  if (typeof x === "function") return `the function ${x.name === "" ? "(anonymous)" : x.name}`;
  if (typeof x === "object" && x !== null) {
    const own = Object.hasOwn(Object.getPrototypeOf(x) ?? {}, "toString") ? String(x) : "";
    return own === "" || own.startsWith("[object") ? `a ${x.constructor?.name ?? "object"}` : own;
  }
  if (typeof x === "bigint") return `${x}n`;
  return typeof x === "string" ? JSON.stringify(x) : Object.is(x, -0) ? "-0" : String(x);
}
