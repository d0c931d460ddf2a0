/**
 * A nest as a compute shader.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import type { Expr } from "../../loopnest/expr.ts";
import type { For, Nest, Stmt, Store } from "../../loopnest/ir.ts";
import { atomicRead, atomicWrite } from "./atomics.ts";
import { eachLane, ExprWriter, type Scope } from "./expr.ts";
import { functionText } from "./functions.ts";
import { type GridNest, gridOf } from "./grid.ts";
import { type LanePlan, type Lanes, planLanes } from "./lanes.ts";
import type { Operations } from "./ops.ts";
import { Accumulators, losesDigits } from "./reductions.ts";
import { accessesOf, extentOf, perfectLoops } from "./rewrite.ts";
import { type AdapterTraits, loopEnd } from "./traits.ts";
import { elementType, half, wgslType, type Width } from "./types.ts";
import { KernelWriter } from "./writer.ts";

/** A compute shader, and what it needs to run. */
export interface Kernel {
  readonly name: string;
  /** WGSL; the entry point is `main`. */
  readonly code: string;
  /** The buffers at bindings 0, 1, …, of group 0. */
  readonly bindings: readonly Binding[];
  /** How many workgroups; the grid has two dimensions where one does not hold them. */
  readonly groups: number;
  /** Words that are set per dispatch, in a uniform buffer at the last binding; 0 for none. */
  readonly params: number;
}

/** A buffer of a kernel. */
export interface Binding {
  readonly buffer: number;
  readonly access: "read" | "read_write";
}

/** The most workgroups along one dimension. */
export const maxGroups = 65535;

/** How many workgroups a dispatch has along x and y. */
export function groupGrid(groups: number): [number, number] {
  if (groups <= maxGroups) return [groups, 1];
  const y = Math.ceil(groups / maxGroups);
  return [Math.ceil(groups / y), y];
}

/** The text of a kernel around the body of its entry point. */
export function kernelText(parts: {
  readonly bindings: readonly (Binding & { readonly name: string; readonly type: string })[];
  readonly globals: readonly string[];
  readonly functions: Iterable<string>;
  readonly width: number;
  readonly traits: AdapterTraits;
  readonly body: readonly string[];
}): string {
  const declarations = parts.bindings.map(({ name, type, access }, i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${type}>;\n`
  );
  const body = indented(parts.body);
  const usesHalf = [...declarations, ...parts.globals, body].some((text) => /\bhalf\b/.test(text));
  const head = !usesHalf
    ? ""
    : parts.traits.hasF16
    ? `enable f16;\nalias ${half} = f16;\n`
    : `alias ${half} = f32;\n`;
  return `${head}${declarations.join("")}${
    parts.globals.map((line) => `${line}\n`).join("")
  }// Zero, but known to the running kernel only: no compiler may reason with it.
var<private> opaque_zero: u32;
${functionText(parts.functions)}
@compute @workgroup_size(${parts.width})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  opaque_zero = groups.x & 0x40000000u;
  let group_number = group.y * groups.x + group.x;
${body}}
`;
}

function indented(lines: readonly string[]): string {
  let depth = 1;
  return lines.map((line) => {
    if (line.startsWith("}")) depth--;
    const text = "  ".repeat(depth) + line;
    if (line.endsWith("{")) depth++;
    return `${text}\n`;
  }).join("");
}

/** What a nest needs to know of its program. */
export interface NestContext {
  /** The buffer that shares memory with this one and stands for both. */
  canonical(buffer: number): number;
  dtypeOf(buffer: number): DType;
  /** In elements. */
  sizeOf(buffer: number): number;
  /** What the kernel is written for. */
  readonly traits: AdapterTraits;
}

/** Writes the kernel of a nest.
 *
 * @param local Buffers that are scratch of a workgroup and are in its memory, with their sizes.
 */
export function nestKernel(
  nest: Nest,
  context: NestContext,
  local: ReadonlyMap<number, number> = new Map(),
): Kernel {
  return new NestWriter(nest, context, local).kernel();
}

/** Terms that are added one after the other before their sum is added to the others'. */
const termsTogether = 16;

class NestWriter implements Scope {
  readonly #nest: Nest;
  readonly #context: NestContext;
  readonly #local: ReadonlyMap<number, number>;
  readonly #grid: GridNest;
  readonly #plan: LanePlan;
  readonly #writer = new KernelWriter();
  readonly #accumulators = new Accumulators(this.#writer);
  readonly #names = new Map<number, string>();
  /** Names of four values. */
  readonly #fours = new Set<number>();
  readonly #loads: ReadonlySet<number>;
  readonly #stores: ReadonlySet<number>;
  readonly #atomics: ReadonlySet<number>;
  /** The loop of which four turns are being written. */
  #lanes: Lanes | null = null;
  #shape: GroupShape = { members: 1, points: 64 };

  constructor(nest: Nest, context: NestContext, local: ReadonlyMap<number, number>) {
    this.#nest = nest;
    this.#context = context;
    this.#local = local;
    this.#grid = gridOf(nest, context.traits);
    const { loads, stores } = accessesOf(nest.body);
    const canonical = (id: number): number => context.canonical(id);
    const all = (ids: ReadonlySet<number>) => new Set([...ids].map(canonical));
    this.#loads = all(loads);
    this.#stores = all(stores);
    this.#atomics = all(this.#grid.atomics);
    this.#plan = planLanes(this.#grid, canonical);
  }

  kernel(): Kernel {
    const groups = this.#grid.mode === "threads" ? this.#threads() : this.#workgroups();
    const ids = [...new Set([...this.#loads, ...this.#stores])].sort((a, b) => a - b);
    const bindings = ids.filter((buffer) => !this.#local.has(buffer)).map((buffer) => ({
      buffer,
      access: this.#stores.has(buffer) ? "read_write" as const : "read" as const,
      name: `b${buffer}`,
      type: this.#elementType(buffer),
    }));
    for (const [buffer, size] of this.#local) {
      const isVector = this.#plan.vectors.has(buffer);
      const each = isVector ? Math.ceil(size / 4) : size;
      this.#writer.globals.add(
        `var<workgroup> b${buffer}: array<${this.#elementType(buffer)}, ${
          each * this.#shape.points
        }>;`,
      );
    }
    const { members, points } = this.#shape;
    const { globals, functions, lines } = this.#writer;
    const code = kernelText({
      bindings,
      globals: [...globals],
      functions,
      width: members * points,
      traits: this.#context.traits,
      body: lines,
    });
    return { name: this.#nest.name, code, bindings, groups, params: 0 };
  }

  #elementType(buffer: number): string {
    const type = elementType(this.#context.dtypeOf(buffer));
    if (this.#atomics.has(buffer)) return `atomic<${type === "i32" ? "i32" : "u32"}>`;
    return this.#plan.vectors.has(buffer) ? `vec4<${type}>` : type;
  }

  // Scope

  name(id: number, dtype: DType, width: Width): string {
    const accumulator = this.#accumulators.variable(id);
    const name = accumulator?.value ?? this.#names.get(id) ?? this.#named(id);
    const isFour = accumulator === null ? this.#fours.has(id) : accumulator.width === 4;
    if (id === this.#lanes?.v.id) return width === 4 ? `${name}_four` : name;
    if (isFour) return width === 4 ? name : `${name}.x`;
    return this.#ops(width).splat(name, wgslType(dtype));
  }

  #named(id: number): string {
    const name = this.#writer.fresh("v");
    this.#names.set(id, name);
    return name;
  }

  read(buffer: number, at: string, dtype: DType): string {
    const id = this.#context.canonical(buffer);
    if (this.#atomics.has(id)) {
      return atomicRead(this.#writer, this.#context.traits, id, at, dtype);
    }
    const place = this.#place(id, at);
    const element = this.#plan.vectors.has(id)
      ? `b${id}[(${place}) >> 2u][(${place}) & 3i]`
      : `b${id}[${place}]`;
    return this.#ops(1).loaded(element, dtype);
  }

  readFour(buffer: number, at: string, dtype: DType): string | null {
    const id = this.#context.canonical(buffer);
    if (!this.#plan.vectors.has(id)) return null;
    return this.#ops(4).loaded(`b${id}[(${this.#place(id, at)}) >> 2u]`, dtype);
  }

  /** Where an element is: of what is in a workgroup's memory, each point has its own. */
  #place(buffer: number, at: string): string {
    const size = this.#local.get(buffer);
    if (size === undefined || this.#shape.points === 1) return at;
    return `i32(point_in_group) * ${4 * Math.ceil(size / 4)}i + ${at}`;
  }

  use(name: string): void {
    this.#writer.use(name);
  }

  // Text

  #ops(width: Width): Operations {
    return this.#writer.ops(width);
  }

  #emit(...lines: readonly string[]): void {
    this.#writer.emit(...lines);
  }

  #exprs(): ExprWriter {
    const writer = this.#writer;
    return new ExprWriter(this, (line) => writer.emit(line), () => writer.fresh(), this.#lanes);
  }

  /** Names the indices of a space of loops from a flat number. */
  #decode(loops: readonly For[], flat: string): void {
    let rest = extentOf(loops);
    loops.forEach(({ v, extent }, i) => {
      rest /= extent;
      const quotient = rest === 1 ? flat : `${flat} / ${rest}u`;
      const digit = i === 0 ? quotient : `(${quotient}) % ${extent}u`;
      this.#emit(`let ${this.#named(v.id)} = i32(${digit});`);
    });
  }

  #threads(): number {
    const { loops, lets, body } = this.#grid;
    const lanes = this.#plan.grid;
    const each = lanes === null ? 1 : 4;
    const points = Math.ceil(extentOf(loops) / each);
    const width = points * each >= 65536 ? 256 : 64;
    this.#shape = { members: width, points: 1 };
    this.#emit(`let point = group_number * ${width}u + lane;`);
    this.#writer.block(`if (point >= ${points}u)`, () => this.#emit("return;"));
    this.#decode(loops, each === 1 ? "point" : "(point * 4u)");
    const write = (): void => [...lets, ...body].forEach((stmt) => this.#stmt(stmt));
    if (lanes === null) write();
    else this.#inLanes(lanes, write);
    return Math.ceil(points / width);
  }

  /** Writes for four turns at a time. */
  #inLanes(lanes: Lanes, write: () => void): void {
    const first = this.#names.get(lanes.v.id)!;
    this.#emit(`let ${first}_four = vec4<i32>(${first}) + vec4<i32>(0, 1, 2, 3);`);
    this.#lanes = lanes;
    write();
    this.#lanes = null;
  }

  /** How wide a value is that is written here. */
  #widthOf(expr: Expr): Width {
    return this.#lanes?.varies(expr) ? 4 : 1;
  }

  #stmt(stmt: Stmt): void {
    switch (stmt.kind) {
      case "for": {
        const lanes = this.#plan.inner.get(stmt);
        if (lanes === undefined) return this.#turns(stmt, 0, stmt.extent, 1);
        const whole = stmt.extent - stmt.extent % 4;
        this.#inParts(stmt, 4, () => this.#turns(stmt, 0, whole, 4, lanes));
        if (whole < stmt.extent) this.#turns(stmt, whole, stmt.extent, 1);
        return;
      }
      case "let": {
        const width = this.#widthOf(stmt.value);
        const [value] = this.#exprs().writeAs([[stmt.value, width]]);
        if (width === 4) this.#fours.add(stmt.v.id);
        else this.#fours.delete(stmt.v.id);
        this.#emit(`let ${this.#named(stmt.v.id)} = ${value};`);
        return;
      }
      case "accumulator":
      case "argAccumulator":
        return this.#accumulators.declare(stmt, this.#lanes === null ? 1 : 4);
      case "accumulate": {
        const width = this.#accumulators.width(stmt.v.id);
        const [value] = this.#exprs().writeAs([[stmt.value, width]]);
        return this.#accumulators.accumulate(stmt.v.id, value);
      }
      case "argAccumulate": {
        const width = this.#accumulators.width(stmt.v.id);
        const [value, position] = this.#exprs().writeAs([
          [stmt.value, width],
          [stmt.position, width],
        ]);
        return this.#accumulators.offer(stmt.v.id, value, position);
      }
      case "store":
        return this.#lanes === null ? this.#store(stmt) : this.#storeFour(stmt);
      default: {
        const never: never = stmt;
        return never;
      }
    }
  }

  /** Turns of a loop in order. */
  #turns(loop: For, from: number, to: number, step: Width, lanes: Lanes | null = null): void {
    const name = this.#named(loop.v.id);
    const body = (): void => loop.body.forEach((inner) => this.#stmt(inner));
    const range = { name, from, to, step, offset: "", unit: "i" as const };
    this.#range(range, this.#losing(loop), () => {
      if (lanes === null) body();
      else this.#inLanes(lanes, body);
    });
  }

  /** A loop over numbers; sums of many terms are sums of sums of a few. */
  #range(range: Range, sums: readonly number[], write: () => void): void {
    const { name, from, to, step, offset, unit } = range;
    const { traits } = this.#context;
    const within = (start: string, end: string, count: number): void => {
      const turns = count / step;
      if (sums.length === 0 || turns < 2 * termsTogether) {
        const sum = start === `0${unit}` ? offset : `${start} + ${offset}`;
        const first = offset === "" ? start : sum;
        const head = `for (var ${name} = ${first}; ${name} < ${end}; ${name} += ${step}${unit})`;
        return this.#writer.block(head, write);
      }
      let stretch = step * termsTogether;
      while (stretch * termsTogether * 2 <= count) stretch *= termsTogether;
      const block = this.#writer.fresh();
      const head =
        `for (var ${block} = ${start}; ${block} < ${end}; ${block} += ${stretch}${unit})`;
      this.#writer.block(head, () => {
        this.#accumulators.inParts(sums, this.#accumulators.width(sums[0]), () => {
          within(block, `min(${block} + ${stretch}${unit}, ${end})`, stretch);
        });
      });
    };
    within(`${from}${unit}`, loopEnd(to, unit, (to - from) / step, traits), to - from);
  }

  /** The sums that a loop feeds. */
  #losing(loop: For): number[] {
    return [...accessesOf(loop.body).accumulates].filter((id) =>
      losesDigits(this.#accumulators.statement(id))
    );
  }

  /** Writes a loop with accumulators of a width for what it feeds. */
  #inParts(loop: For, width: Width, write: () => void): void {
    this.#accumulators.inParts(accessesOf(loop.body).accumulates, width, write);
  }

  #store(stmt: Store): void {
    const roots = [stmt.index, stmt.value, ...stmt.guard ? [stmt.guard] : []];
    const [at, value, guard] = this.#exprs().write(roots);
    if (guard !== undefined) this.#emit(`if (${guard}) {`);
    this.#storeOne(stmt, at, value);
    if (guard !== undefined) this.#emit("}");
  }

  #storeOne(stmt: Store, at: string, value: string): void {
    const ops = this.#ops(1);
    const id = this.#context.canonical(stmt.buffer);
    const { dtype } = stmt.value;
    if (this.#atomics.has(id)) {
      const { traits } = this.#context;
      atomicWrite(this.#writer, traits, stmt.combine, id, at, value, dtype);
    } else if (stmt.combine === undefined) {
      this.#emit(`b${id}[${this.#place(id, at)}] = ${ops.stored(value, dtype)};`);
    } else {
      const place = this.#writer.fresh();
      this.#emit(`let ${place} = ${at};`);
      const old = this.read(stmt.buffer, place, dtype);
      const sum = ops.combined(stmt.combine, old, value, dtype);
      this.#emit(`b${id}[${this.#place(id, place)}] = ${ops.stored(sum, dtype)};`);
    }
  }

  /** What four turns store: a vector, or one element after the other. */
  #storeFour(stmt: Store): void {
    const lanes = this.#lanes!;
    const id = this.#context.canonical(stmt.buffer);
    const { index, value: { dtype }, guard } = stmt;
    const writer = this.#exprs();
    if (this.#plan.vectors.has(id)) {
      const [at, value, condition] = writer.writeAs([
        [index, 1],
        [stmt.value, 4],
        ...guard === undefined ? [] : [[guard, 1] as const],
      ]);
      const place = this.#writer.fresh();
      const ops = this.#ops(4);
      const write = (): void => {
        this.#emit(`let ${place} = (${this.#place(id, at)}) >> 2u;`);
        const sum = stmt.combine === undefined
          ? value
          : ops.combined(stmt.combine, ops.loaded(`b${id}[${place}]`, dtype), value, dtype);
        this.#emit(`b${id}[${place}] = ${ops.stored(sum, dtype)};`);
      };
      if (condition === undefined) write();
      else this.#writer.block(`if (${condition})`, write);
      return;
    }
    const [value, condition] = writer.writeAs([
      [stmt.value, this.#widthOf(stmt.value)],
      ...guard === undefined ? [] : [[guard, this.#widthOf(guard)] as const],
    ]);
    const at = writer.indexOfLane(index);
    const values = this.#writer.fresh();
    this.#emit(`let ${values} = ${value};`);
    eachLane((lane, number) => {
      const element = this.#widthOf(stmt.value) === 4 ? `${values}.${lane}` : values;
      const store = (): void => this.#storeOne(stmt, at(number), element);
      if (guard === undefined) store();
      else {
        const holds = lanes.varies(guard) ? `(${condition}).${lane}` : condition;
        this.#writer.block(`if (${holds})`, store);
      }
      return "";
    });
  }

  // Workgroups

  #workgroups(): number {
    const { loops, lets, body } = this.#grid;
    const points = extentOf(loops);
    this.#shape = groupShape(points, this.#longest());
    const { members, points: each } = this.#shape;
    if (each === 1) {
      this.#emit("let member = lane;", "let point = group_number;");
    } else {
      this.#emit(
        `let member = lane % ${members}u;`,
        `let point_in_group = lane / ${members}u;`,
        `let point = group_number * ${each}u + point_in_group;`,
      );
    }
    // The same for all of a workgroup.
    this.#writer.block(`if (group_number >= ${points / each}u)`, () => this.#emit("return;"));
    this.#decode(loops, "point");
    lets.forEach((stmt) => this.#stmt(stmt));
    for (const stmt of body) {
      if (stmt.kind === "for") this.#shared(stmt);
      else if (stmt.kind === "store") {
        this.#writer.block("if (member == 0u)", () => this.#store(stmt));
        this.#barrier();
      } else this.#stmt(stmt);
    }
    return points / each;
  }

  /** The most turns of a shared loop, those that run four at a time counted once. */
  #longest(): number {
    return Math.max(...this.#grid.body.map((stmt) => {
      if (stmt.kind !== "for") return 1;
      const space = extentOf(perfectLoops(stmt).loops);
      return this.#sharedLanes(stmt) === undefined ? space : Math.ceil(space / 4);
    }));
  }

  #barrier(): void {
    this.#emit("storageBarrier();", "workgroupBarrier();");
  }

  /** The loop of a shared space of which an invocation runs four turns at a time. */
  #sharedLanes(loop: For): Lanes | undefined {
    const { loops } = perfectLoops(loop);
    const last = loops.at(-1)!;
    return last.extent % 4 === 0 || loops.length === 1 ? this.#plan.inner.get(last) : undefined;
  }

  /** A loop whose turns the invocations of a point share; what it adds up is reduced over all of them. */
  #shared(loop: For): void {
    const { loops } = perfectLoops(loop);
    const space = extentOf(loops);
    const lanes = this.#sharedLanes(loop);
    const whole = lanes === undefined ? 0 : space - space % 4;
    const { accumulates, stores } = accessesOf(loop.body);
    const { members, points } = this.#shape;
    // What another loop has added up is that of all invocations already.
    this.#inParts(loop, 1, () => {
      if (lanes !== undefined) {
        this.#inParts(loop, 4, () => this.#strided(loop, 0, whole, 4, lanes));
      }
      if (whole < space) this.#strided(loop, whole, space, 1);
      accumulates.forEach((id) => this.#accumulators.acrossGroup(id, members, members * points));
    });
    if (stores.size > 0) this.#barrier();
  }

  /** An invocation's share of a space: every so many turns, or fours of them, one. */
  #strided(loop: For, from: number, to: number, each: Width, lanes: Lanes | null = null): void {
    const { loops, body } = perfectLoops(loop);
    const name = this.#writer.fresh();
    const step = this.#shape.members * each;
    const offset = each === 1 ? "member" : "member * 4u";
    this.#range({ name, from, to, step, offset, unit: "u" }, this.#losing(loop), () => {
      this.#decode(loops, name);
      const stmts = (): void => body.forEach((stmt) => this.#stmt(stmt));
      if (lanes === null) stmts();
      else this.#inLanes(lanes, stmts);
    });
  }
}

/** Numbers that a loop runs over. */
interface Range {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** How far from the start of each stretch it begins; empty for nothing. */
  readonly offset: string;
  /** Of numerals: those of i32 or of u32. */
  readonly unit: "i" | "u";
}

/** The invocations of a workgroup: how many share a point, and how many points there are. */
interface GroupShape {
  readonly members: number;
  readonly points: number;
}

/** Short rows share a workgroup, as many as fill it and come out even. */
function groupShape(points: number, turns: number): GroupShape {
  const members = Math.min(256, Math.max(16, 2 ** Math.ceil(Math.log2(turns))));
  let together = 1;
  while (members * together < 128 && points % (2 * together) === 0) together *= 2;
  return { members, points: together };
}
