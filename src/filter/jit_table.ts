/**
 * All that is compiled of one function: the specialisations of `filterJit`, and how a call finds its own.
 *
 * @module
 */
import { warn } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { timed } from "../core/spans.ts";
import type { CompiledProgram, RunOptions } from "../control/jit_call.ts";
import { flatten } from "../tree/flatten.ts";
import { equalsKey, staticKey } from "../tree/static_value.ts";
import { callSignature, isReusable, type JitEntry, matches, traceEntry } from "./jit_entry.ts";
import { type Compilation, runOptions } from "./jit_program.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { reasonOf, recordTrace, type TraceRecord } from "./retraces.ts";
import { transformationName, wrapped } from "./wrapper.ts";

/** How many specialisations of one function are kept. */
const MAX_ENTRIES = 512;

/** How many traces of one function are remembered. */
const MAX_RECORDS = 512;

/** The trace from which on a function that keeps being traced anew is reported: the third retrace. */
const FIRST_WARNING = 4;

/** A function traced for some arguments, and compiled once it is called. */
export interface Specialisation {
  readonly entry: JitEntry;
  /** Which trace of the function made it. */
  readonly trace: number;
  /** What running its program is told. */
  readonly run: RunOptions;
  program: CompiledProgram | null;
}

/** All that is compiled of one function with one set of options. */
export interface JitTable {
  /** The one used last: most calls repeat it. */
  last: Specialisation | null;
  readonly byKey: Map<string, Specialisation[]>;
  size: number;
  /** How often the function was traced; the next time to warn of it. */
  traces: number;
  warnAt: number;
  /** The traces, but for the oldest of many. */
  records: TraceRecord[];
}

let tables = new WeakMap<object, Map<string, JitTable>>();

/** What a table hangs on, and which transformations of it the table serves. */
function anchorOf(fun: unknown): [anchor: object, chain: string] {
  let f = fun;
  let chain = "";
  for (let inner = wrapped(f); inner !== undefined; inner = wrapped(f)) {
    chain += `${transformationName(f)} `;
    f = inner;
  }
  // The innermost function, so that wrappers made afresh find it; a Module's class.
  return [typeof f === "function" ? f : (f as object).constructor, chain];
}

/** The table of a function and its options, made where there is none. */
export function tableOf(fun: unknown, { donate, on, isCpuOnly }: Compilation): JitTable {
  const [anchor, chain] = anchorOf(fun);
  let byOption = tables.get(anchor);
  if (byOption === undefined) tables.set(anchor, byOption = new Map());
  const key = `${chain}${donate} ${isCpuOnly ? "cpu" : on}`;
  let table = byOption.get(key);
  if (table === undefined) byOption.set(key, table = emptyTable());
  return table;
}

function emptyTable(): JitTable {
  return {
    last: null,
    byKey: new Map(),
    size: 0,
    traces: 0,
    warnAt: FIRST_WARNING,
    records: [],
  };
}

/** Forgets all tables. Wrappers that know theirs have to forget it too. */
export function clearTables(): void {
  tables = new WeakMap();
}

/** The specialisation that serves a call, traced where there is none, and the call's arrays. */
export function findSpecialisation(
  table: JitTable,
  fun: unknown,
  args: unknown[],
  how: Compilation,
): [Specialisation, NDArray[]] {
  const { name, label } = how;
  const call = [fun, args];
  const { last } = table;
  if (last !== null) {
    const arrays = matches(last.entry, call);
    if (arrays !== null) return [last, arrays];
  }
  const key = keyOf(call);
  const candidates = table.byKey.get(key) ?? [];
  for (const found of candidates) {
    const arrays = matches(found.entry, call);
    if (arrays !== null) {
      table.last = found;
      return [found, arrays];
    }
  }
  noteTrace(table, fun, args, label);
  const trace = table.traces;
  const entry = timed(
    "trace",
    label,
    () => traceEntry(fun, args, name),
    ({ jaxpr }) => ({ details: { trace, equations: jaxpr.jaxpr.eqns.length } }),
  );
  const made: Specialisation = { entry, trace, run: runOptions(entry, how), program: null };
  if (isReusable(made.entry)) {
    candidates.push(made);
    table.byKey.set(key, candidates);
    table.last = made;
    if (++table.size > MAX_ENTRIES) dropOldest(table);
  }
  return [made, flatten(call)[0].filter(isArrayLeaf).map((leaf) => toNDArray(leaf, name))];
}

/** Remembers why a function is being traced; says so from the third retrace on, the next time after as many traces again. */
function noteTrace(table: JitTable, fun: unknown, args: unknown[], label: string): void {
  const trace = ++table.traces;
  const earlier = trace === 1
    ? []
    : [...table.byKey.values()].flat().sort((a, b) => a.trace - b.trace);
  const record = recordTrace(trace, earlier, () => callSignature(fun, args));
  table.records.push(record);
  if (table.records.length > MAX_RECORDS) table.records.shift();
  // A function that throws, or closes over values in progress, has nothing to be compared with.
  if (trace < table.warnAt || record.nearest === null) return;
  table.warnAt = 2 * trace;
  warn(
    `${label} is traced for the ${trace}th time, and compiled each time: ${
      reasonOf(record)
    }. Arguments that change should be arrays; functions and other objects should be made once, outside of the loop. ` +
      "explainRetraces lists all traces of a function",
  );
}

/** Why a specialisation was traced, as text. */
export function reasonOfTrace({ records }: JitTable, { trace }: Specialisation): string {
  const record = records.find((r) => r.trace === trace);
  return record === undefined ? `trace ${trace}` : String(record);
}

/** Forgets the specialisations of the key that was made first. */
function dropOldest(table: JitTable): void {
  for (const [key, list] of table.byKey) {
    if (list.includes(table.last!)) continue;
    table.byKey.delete(key);
    table.size -= list.length;
    return;
  }
}

/** A text that equal calls share (calls that share it need not be equal: `matches` decides). */
function keyOf(call: unknown): string {
  const [leaves, treedef] = flatten(call);
  const objects: object[] = [];
  let key = String(treedef.id);
  for (const leaf of leaves) {
    if (isArrayLeaf(leaf)) key += `|a${toNDArray(leaf, "filterJit").aval.id}`;
    else if (isObject(leaf) && equalsKey in leaf) key += "|e";
    else key += `|${staticKey(leaf, objects)}`;
  }
  return key;
}

function isObject(x: unknown): x is object {
  return (typeof x === "object" && x !== null) || typeof x === "function";
}
