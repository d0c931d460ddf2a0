/**
 * The buffer plan: where each value lives.
 *
 * Values that may share memory form a *slot*: an output with the donated input that it takes over, a value with the dying
 * one that it replaces element by element, the two sides of a copy that this makes needless. Slots of temporaries then
 * get offsets in one scratch block, by decreasing size, each at the lowest place that no slot alive at the
 * same time occupies (the greedy-by-size method of Pisarchyk and Lee, 2020).
 *
 * @module
 */
import { type BufferDecl, operandsInPlace, type ScheduledControl } from "../loopnest/ir.ts";
import type { Graph, Value } from "./graph.ts";
import type { NestTerms } from "./nest.ts";
import type { KernelNode, Node } from "./nodes.ts";
import type { Term } from "./term.ts";

/** A step in its place, with what it computes if it is a nest. */
export interface PlannedStep {
  readonly node: Node;
  readonly nest: NestTerms | null;
}

/** The result of planning. */
export interface BufferPlan {
  readonly buffers: BufferDecl[];
  readonly scratchBytes: number;
  readonly bufferOf: (v: Value) => number;
  /** Copies whose two sides turned out to be one place. */
  readonly needless: ReadonlySet<Node>;
  /** What control flow runs, for each such step. */
  readonly controls: ReadonlyMap<Node, ScheduledControl>;
}

/** Schedules what a step of control flow runs; `dying` tells which operands nobody reads afterwards. */
export type PlanControl = (node: KernelNode, dying: readonly boolean[]) => ScheduledControl;

/** Bytes that slots are aligned to: a cache line. */
const ALIGNMENT = 64;
const PAGE = 4096;

/** Values in one place. */
interface Slot {
  readonly members: Value[];
  start: number;
  end: number;
  /** The position of the output that lives here, or -1. */
  output: number;
  /** The position of the donated input whose memory this is, or -1. */
  donor: number;
  bytes: number;
  offset: number;
}

/** What a nest reads of a value: at which index, and up to which pass. */
interface ReadInfo {
  readonly indices: Set<Term>;
  last: number;
}

/** Whether an input may be overwritten: by any output, or by the one at a position only. */
export type Donation = boolean | number;

/** Plans the memory of ordered steps. */
export function planBuffers(
  graph: Graph,
  steps: readonly PlannedStep[],
  outputs: readonly Value[],
  donated: readonly Donation[],
  planControl: PlanControl,
): BufferPlan {
  return new Planner(graph, steps, outputs, donated, planControl).run();
}

class Planner {
  private readonly slots = new Map<Value, Slot>();
  private readonly lastRead = new Map<Value, number>();
  private readonly reads: Map<Value, ReadInfo>[] = [];
  private readonly positions = new Map<Value, number>();
  /** Inputs that may be overwritten, and by which output; -1 is any. */
  private readonly free = new Map<Value, number>();
  private readonly needless = new Set<Node>();
  private readonly controls = new Map<Node, ScheduledControl>();

  constructor(
    private readonly graph: Graph,
    private readonly steps: readonly PlannedStep[],
    private readonly outputs: readonly Value[],
    donated: readonly Donation[],
    private readonly planControl: PlanControl,
  ) {
    graph.inputs.forEach((v, k) => this.positions.set(v, k));
    graph.inputs.forEach((v, k) => {
      const to = donated[k] ?? false;
      if (to !== false && v.size > 0) this.free.set(v, to === true ? -1 : to);
    });
  }

  run(): BufferPlan {
    this.findLifetimes();
    this.outputs.forEach((v, k) => {
      const slot = this.slots.get(v);
      if (slot !== undefined) {
        slot.output = k;
        slot.end = Infinity;
      }
    });
    this.dropCopies();
    this.shareControl();
    this.donate();
    this.reuseInPlace();
    return this.place();
  }

  private findLifetimes(): void {
    this.steps.forEach(({ node, nest }, k) => {
      const written: Value[] = [];
      const reads = nest === null ? new Map<Value, ReadInfo>() : readsOf(nest);
      this.reads.push(reads);
      for (const v of reads.keys()) this.lastRead.set(v, k);
      if (node.kind === "dot") {
        this.lastRead.set(node.lhs.value, k);
        this.lastRead.set(node.rhs.value, k);
        written.push(node.out);
      } else if (node.kind === "kernel") {
        for (const { root } of node.operands) {
          this.lastRead.set(root, k);
          // Nobody writes what has no elements; a kernel wants its address all the same.
          if (root.size === 0 && root.kind !== "input") written.push(root);
        }
        written.push(...node.results);
        written.push(...node.scratch);
      } else if (node.kind === "copy") {
        this.lastRead.set(node.from, k);
        written.push(node.to);
      } else if (nest !== null) {
        for (const s of nest.outerStores) written.push(s.value);
        for (const pass of nest.passes) for (const s of pass.stores) written.push(s.value);
      }
      for (const v of written) {
        const slot = this.slots.get(v);
        if (slot === undefined) {
          const { bytes } = v;
          this.slots.set(v, {
            members: [v],
            start: k,
            end: k,
            output: -1,
            donor: -1,
            bytes,
            offset: 0,
          });
        } else slot.end = k;
      }
    });
    for (const [v, slot] of this.slots) slot.end = Math.max(slot.end, this.lastRead.get(v) ?? -1);
  }

  /** Joins `from` into the place of `to`. */
  private join(from: Slot, to: Slot): void {
    for (const v of from.members) this.slots.set(v, to);
    to.members.push(...from.members);
    to.start = Math.min(to.start, from.start);
    to.end = Math.max(to.end, from.end);
  }

  /** A copy whose source is not read again needs no second place. */
  private dropCopies(): void {
    for (let k = this.steps.length - 1; k >= 0; k--) {
      const { node } = this.steps[k];
      if (node.kind !== "copy") continue;
      const to = this.slots.get(node.to)!;
      if (this.lastRead.get(node.from) !== k) continue;
      if (node.from.kind === "input") {
        if (this.mayTake(to, node.from) && to.donor < 0 && to.start === k) {
          this.takeOver(to, node.from);
          this.needless.add(node);
        }
        continue;
      }
      const from = this.slots.get(node.from)!;
      if (from.output >= 0 || from.end !== k || to.start !== k) continue;
      this.join(from, to);
      this.needless.add(node);
    }
  }

  /** Schedules what control flow runs; a result that is updated in place takes the memory of the operand that it starts as, if that dies here. */
  private shareControl(): void {
    this.steps.forEach(({ node }, k) => {
      if (node.kind !== "kernel" || node.call.control === undefined) return;
      const roots = node.operands.map((v) => v.root);
      const dying = roots.map((v) =>
        roots.filter((other) => other === v).length === 1 && this.diesAt(v, k)
      );
      const control = this.planControl(node, dying);
      this.controls.set(node, control);
      operandsInPlace(control, node.results.length).forEach((operand, i) => {
        if (operand < 0 || !dying[operand]) return;
        const to = this.slots.get(node.results[i])!;
        if (to.start !== k || to.donor >= 0 || roots[operand].bytes !== node.results[i].bytes) {
          return;
        }
        const from = this.slots.get(roots[operand]);
        if (from === undefined) {
          if (this.mayTake(to, roots[operand])) this.takeOver(to, roots[operand]);
        } else if (from !== to) this.join(from, to);
      });
    });
  }

  /** Whether step `k` is the last to read a value that may be overwritten. */
  private diesAt(v: Value, k: number): boolean {
    if (this.lastRead.get(v) !== k || v.size === 0) return false;
    if (v.kind === "input") return this.free.has(v);
    const slot = this.slots.get(v);
    return slot !== undefined && slot.output < 0 && slot.end === k;
  }

  /** Whether an output may have an input's memory, as far as the caller cares. */
  private mayTake(slot: Slot, input: Value): boolean {
    const to = this.free.get(input);
    return slot.output >= 0 && to !== undefined && (to < 0 || to === slot.output);
  }

  private takeOver(slot: Slot, input: Value): void {
    slot.donor = this.positions.get(input)!;
    this.free.delete(input);
  }

  /** Gives outputs the memory of donated inputs that nobody reads from then on. */
  private donate(): void {
    if (this.free.size === 0) return;
    // First those that an output is computed from, then those that are read where it is written, then any that fits.
    for (const wish of ["part", "step", "any"] as const) {
      for (const v of this.outputs) {
        const slot = this.slots.get(v);
        if (slot === undefined || slot.donor >= 0) continue;
        for (const input of this.free.keys()) {
          if (
            !this.mayTake(slot, input) || input.size !== v.size || input.aval.dtype !== v.aval.dtype
          ) continue;
          const last = this.lastRead.get(input) ?? -1;
          if (last > slot.start || (wish !== "any" && last !== slot.start)) continue;
          // What is written there first may be another value, whose place the output takes later.
          const { start, members } = slot;
          if (wish === "part" && !members.some((m) => this.isMadeOf(m, input, start))) continue;
          if (last === start && !members.some((m) => this.canReplace(input, start, m))) continue;
          this.takeOver(slot, input);
          break;
        }
      }
    }
  }

  /** Whether the element of `v` that step `k` stores is computed from one of `x`, reductions aside. */
  private isMadeOf(v: Value, x: Value, k: number): boolean {
    const { nest } = this.steps[k];
    if (nest === null) return false;
    const seen = new Set<Term>();
    const reads = (t: Term): boolean => {
      if (seen.has(t)) return false;
      seen.add(t);
      return t.ref === x || t.args.some(reads);
    };
    const stores = [...nest.outerStores, ...nest.passes.flatMap((p) => p.stores)];
    return stores.some((s) => s.value === v && reads(s.term));
  }

  /** Whether step `k` may write `v` over `old`: each element of it is read only where its successor is written. */
  private canReplace(old: Value, k: number, v: Value): boolean {
    const { nest } = this.steps[k];
    if (nest === null) return false;
    const info = this.reads[k].get(old);
    if (info === undefined) return true;
    if (info.indices.size !== 1) return false;
    const [index] = info.indices;
    let stores = 0;
    let fits = false;
    nest.passes.forEach((pass, p) => {
      for (const s of pass.stores) {
        if (s.value !== v) continue;
        stores++;
        fits = s.index === index && info.last <= p && s.guard === null && s.combine === null;
      }
    });
    for (const s of nest.outerStores) {
      if (s.value !== v) continue;
      stores++;
      fits = s.index === index && s.guard === null && s.combine === null;
    }
    return stores === 1 && fits && nest.node.roots.some((r) => r.kind === "value" && r.value === v);
  }

  /** Lets values replace dying ones, element by element. */
  private reuseInPlace(): void {
    this.steps.forEach(({ nest }, k) => {
      if (nest === null) return;
      const written = new Set(nest.node.roots.map((root) => root.value));
      for (const root of nest.node.roots) {
        if (root.kind !== "value") continue;
        const v = root.value;
        const slot = this.slots.get(v);
        if (slot === undefined || slot.start !== k || slot.donor >= 0) continue;
        for (const old of this.reads[k].keys()) {
          const dying = this.slots.get(old);
          if (dying === undefined || dying === slot || dying.output >= 0 || dying.end !== k) {
            continue;
          }
          // Another value of this nest may have taken the place already, and need not be read later.
          if (dying.members.some((m) => written.has(m))) continue;
          if (old.size !== v.size || dying.bytes !== slot.bytes) continue;
          if (slot.output >= 0 && dying.members.some((m) => m.aval.dtype !== v.aval.dtype)) {
            continue;
          }
          if (!this.canReplace(old, k, v)) continue;
          this.join(dying, slot);
          break;
        }
      }
    });
  }

  /** Numbers the buffers and lays out scratch. */
  private place(): BufferPlan {
    const { inputs } = this.graph;
    const buffers: BufferDecl[] = inputs.map((v, position) => ({
      id: position,
      dtype: v.aval.dtype,
      size: v.size,
      role: "input",
      position,
      offset: 0,
      donor: -1,
    }));
    const ids = new Map<Value, number>();
    inputs.forEach((v, k) => ids.set(v, k));
    this.outputs.forEach((v, position) => {
      const id = buffers.length;
      const slot = this.slots.get(v);
      const { dtype } = v.aval;
      const donor = slot?.donor ?? -1;
      buffers.push({ id, dtype, size: v.size, role: "output", position, offset: 0, donor });
      ids.set(v, id);
      for (const m of slot?.members ?? []) ids.set(m, id);
    });
    const temps = [...new Set(this.slots.values())].filter((s) => s.output < 0);
    const scratchBytes = layOut(temps);
    for (const slot of temps) {
      const byType = new Map<string, number>();
      for (const v of slot.members) {
        const { dtype } = v.aval;
        let id = byType.get(dtype);
        if (id === undefined) {
          id = buffers.length;
          byType.set(dtype, id);
          const { offset } = slot;
          buffers.push({ id, dtype, size: v.size, role: "temp", position: -1, offset, donor: -1 });
        }
        ids.set(v, id);
      }
    }
    return {
      buffers,
      scratchBytes,
      needless: this.needless,
      controls: this.controls,
      bufferOf: (v) => ids.get(v)!,
    };
  }
}

/** Assigns offsets; gives the size of the block. */
function layOut(slots: Slot[]): number {
  for (const slot of slots) {
    let bytes = Math.ceil(Math.max(1, slot.bytes) / ALIGNMENT) * ALIGNMENT;
    // Neighbours a multiple of 4 KiB apart would compete for the same sets of the first-level cache.
    if (bytes % PAGE === 0) bytes += 3 * ALIGNMENT;
    slot.bytes = bytes;
  }
  const order = [...slots].sort((a, b) => b.bytes - a.bytes || a.start - b.start);
  const placed: Slot[] = []; // by offset
  let total = 0;
  for (const slot of order) {
    let [best, bestGap, at] = [-1, Infinity, 0];
    for (const other of placed) {
      if (other.start > slot.end || slot.start > other.end) continue;
      const gap = other.offset - at;
      if (gap >= slot.bytes && gap < bestGap) [best, bestGap] = [at, gap];
      at = Math.max(at, other.offset + other.bytes);
    }
    slot.offset = best >= 0 ? best : at;
    total = Math.max(total, slot.offset + slot.bytes);
    let k = placed.length;
    while (k > 0 && placed[k - 1].offset > slot.offset) k--;
    placed.splice(k, 0, slot);
  }
  return total;
}

/** What a nest reads, and when. */
function readsOf(nest: NestTerms): Map<Value, ReadInfo> {
  const reads = new Map<Value, ReadInfo>();
  const scan = (roots: readonly Term[], pass: number, loaded: ReadonlyMap<Term, Term> | null) => {
    const seen = new Set<Term>();
    const visit = (t: Term): void => {
      t = loaded?.get(t) ?? t;
      if (seen.has(t)) return;
      seen.add(t);
      if (t.kind === "load") {
        const v = t.ref as Value;
        let info = reads.get(v);
        if (info === undefined) reads.set(v, info = { indices: new Set(), last: pass });
        info.indices.add(t.args[0]);
        info.last = Math.max(info.last, pass);
      }
      for (const x of t.args) visit(x);
    };
    roots.forEach(visit);
  };
  const ofStores = (stores: NestTerms["outerStores"]) =>
    stores.flatMap((s) => s.guard === null ? [s.term, s.index] : [s.term, s.index, s.guard]);
  nest.passes.forEach((pass, p) => {
    const roots = pass.accs.map((a) => a.body);
    scan([...roots, ...ofStores(pass.stores)], p, pass.loaded);
  });
  scan(ofStores(nest.outerStores), nest.passes.length, null);
  return reads;
}
