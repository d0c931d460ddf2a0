/**
 * A nest as a compute shader.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { Expr } from "../../loopnest/expr.ts";
import type {
  Accumulator,
  ArgAccumulator,
  For,
  Nest,
  ReduceOp,
  Stmt,
  Store,
} from "../../loopnest/ir.ts";
import { combined, ExprWriter, type Scope } from "./expr.ts";
import { functionText } from "./functions.ts";
import { type GridNest, gridOf } from "./grid.ts";
import { identity } from "./literals.ts";
import { accessesOf, extentOf, perfectLoops } from "./rewrite.ts";
import type { AdapterTraits } from "./traits.ts";
import { elementType, wgslType } from "./types.ts";

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
  readonly body: readonly string[];
}): string {
  const declarations = parts.bindings.map(({ name, type, access }, i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${type}>;\n`
  );
  const body = indented(parts.body);
  return `${declarations.join("")}${
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

/** Writes the kernel of a nest. */
export function nestKernel(nest: Nest, context: NestContext): Kernel {
  return new NestWriter(nest, context).kernel();
}

const atomicOps: ReadonlySet<ReduceOp> = new Set(["add", "max", "min", "and", "or", "xor"]);

class NestWriter implements Scope {
  readonly #nest: Nest;
  readonly #context: NestContext;
  readonly #grid: GridNest;
  readonly #lines: string[] = [];
  readonly #functions = new Set<string>();
  readonly #globals: string[] = [];
  readonly #names = new Map<number, string>();
  readonly #loads: ReadonlySet<number>;
  readonly #stores: ReadonlySet<number>;
  readonly #atomics: ReadonlySet<number>;
  readonly #accumulators = new Map<number, Accumulator | ArgAccumulator>();
  #width = 64;
  #counter = 0;

  constructor(nest: Nest, context: NestContext) {
    this.#nest = nest;
    this.#context = context;
    this.#grid = gridOf(nest);
    const { loads, stores } = accessesOf(nest.body);
    const canonical = (ids: ReadonlySet<number>) =>
      new Set([...ids].map((id) => context.canonical(id)));
    this.#loads = canonical(loads);
    this.#stores = canonical(stores);
    this.#atomics = canonical(this.#grid.atomics);
  }

  kernel(): Kernel {
    const points = extentOf(this.#grid.loops);
    const groups = this.#grid.mode === "threads" ? this.#threads(points) : this.#workgroups(points);
    const ids = [...new Set([...this.#loads, ...this.#stores])].sort((a, b) => a - b);
    const bindings = ids.map((buffer) => {
      const atomic = this.#atomics.has(buffer);
      const type = elementType(this.#context.dtypeOf(buffer));
      return {
        buffer,
        access: this.#stores.has(buffer) ? "read_write" as const : "read" as const,
        name: `b${buffer}`,
        type: atomic ? `atomic<${type === "i32" ? "i32" : "u32"}>` : type,
      };
    });
    const code = kernelText({
      bindings,
      globals: this.#globals,
      functions: this.#functions,
      width: this.#width,
      body: this.#lines,
    });
    return { name: this.#nest.name, code, bindings, groups, params: 0 };
  }

  // Scope

  name(id: number, dtype: DType): string {
    let name = this.#names.get(id);
    if (name === undefined) this.#names.set(id, name = `v${this.#counter++}`);
    const accumulator = this.#accumulators.get(id);
    // A sum of bytes wraps when it is read.
    return accumulator !== undefined && dtype === "uint8" ? `(${name} & 0xffu)` : name;
  }

  read(buffer: number, at: string, dtype: DType): string {
    const id = this.#context.canonical(buffer);
    const element = this.#atomics.has(id) ? `atomicLoad(&b${id}[${at}])` : `b${id}[${at}]`;
    if (this.#atomics.has(id) && wgslType(dtype) === "f32") return `bitcast<f32>(${element})`;
    return dtype === "bool" ? `(${element} != 0u)` : element;
  }

  use(name: string): void {
    this.#functions.add(name);
  }

  // Text

  #emit(line: string): void {
    this.#lines.push(line);
  }

  #fresh(): string {
    return `t${this.#counter++}`;
  }

  #exprs(...roots: Expr[]): string[] {
    return new ExprWriter(this, (line) => this.#emit(line), () => this.#fresh()).write(roots);
  }

  /** Names the indices of a space of loops from a flat number. */
  #decode(loops: readonly For[], flat: string): void {
    let rest = extentOf(loops);
    loops.forEach(({ v, extent }, i) => {
      rest /= extent;
      const quotient = rest === 1 ? flat : `${flat} / ${rest}u`;
      const digit = i === 0 ? quotient : `(${quotient}) % ${extent}u`;
      this.#emit(`let ${this.name(v.id, v.dtype)} = i32(${digit});`);
    });
  }

  #threads(points: number): number {
    this.#emit(`let point = group_number * ${this.#width}u + lane;`);
    this.#emit(`if (point >= ${points}u) {`);
    this.#emit("return;");
    this.#emit("}");
    this.#decode(this.#grid.loops, "point");
    [...this.#grid.lets, ...this.#grid.body].forEach((stmt) => this.#stmt(stmt));
    return Math.ceil(points / this.#width);
  }

  #stmt(stmt: Stmt): void {
    switch (stmt.kind) {
      case "for": {
        const name = this.name(stmt.v.id, stmt.v.dtype);
        this.#emit(`for (var ${name} = 0i; ${name} < ${stmt.extent}i; ${name}++) {`);
        stmt.body.forEach((inner) => this.#stmt(inner));
        this.#emit("}");
        return;
      }
      case "let": {
        const [value] = this.#exprs(stmt.value);
        this.#emit(`let ${this.name(stmt.v.id, stmt.v.dtype)} = ${value};`);
        return;
      }
      case "accumulator":
      case "argAccumulator":
        return this.#declare(stmt);
      case "accumulate": {
        const [value] = this.#exprs(stmt.value);
        const name = this.#names.get(stmt.v.id)!;
        const { op } = this.#accumulators.get(stmt.v.id) as Accumulator;
        this.#emit(`${name} = ${combined(op, name, value, stmt.v.dtype, this)};`);
        return;
      }
      case "argAccumulate": {
        const [value, position] = this.#exprs(stmt.value, stmt.position);
        const { value: best, at, op } = this.#accumulators.get(stmt.v.id) as ArgAccumulator;
        const offered = this.#fresh();
        this.#emit(`let ${offered} = ${value};`);
        this.#better(op, offered, this.#names.get(best.id)!, best.dtype, [
          `${this.#names.get(best.id)} = ${offered};`,
          `${this.#names.get(at.id)} = ${position};`,
        ]);
        return;
      }
      case "store":
        return this.#store(stmt);
      default: {
        const never: never = stmt;
        return never;
      }
    }
  }

  #declare(stmt: Accumulator | ArgAccumulator): void {
    if (stmt.kind === "accumulator") {
      const name = this.name(stmt.v.id, stmt.v.dtype);
      this.#accumulators.set(stmt.v.id, stmt);
      this.#emit(`var ${name}: ${wgslType(stmt.v.dtype)} = ${identity(stmt.op, stmt.v.dtype)};`);
      return;
    }
    const { value, at, op } = stmt;
    const [best, position] = [this.name(value.id, value.dtype), this.name(at.id, at.dtype)];
    this.#accumulators.set(value.id, stmt);
    this.#emit(`var ${best}: ${wgslType(value.dtype)} = ${identity(op, value.dtype)};`);
    this.#emit(`var ${position}: i32 = 0i;`);
  }

  /** Runs `then` where `offered` beats `best`: a NaN beats all but a NaN. */
  #better(
    op: "max" | "min",
    offered: string,
    best: string,
    dtype: DType,
    then: readonly string[],
  ): void {
    const type = wgslType(dtype);
    let condition = `${offered} ${op === "max" ? ">" : "<"} ${best}`;
    if (type === "f32") {
      this.use("is_nan");
      condition = `!is_nan(${best}) && (is_nan(${offered}) || ${condition})`;
    } else if (type === "vec2<u32>") {
      const less = dtype === "uint64" ? "lt_u64" : "lt_64";
      this.use(less);
      condition = op === "max" ? `${less}(${best}, ${offered})` : `${less}(${offered}, ${best})`;
    } else if (type === "bool") {
      condition = op === "max" ? `${offered} && !${best}` : `!${offered} && ${best}`;
    }
    this.#emit(`if (${condition}) {`);
    then.forEach((line) => this.#emit(line));
    this.#emit("}");
  }

  #store(stmt: Store): void {
    const roots = [stmt.index, stmt.value, ...stmt.guard ? [stmt.guard] : []];
    const [at, value, guard] = this.#exprs(...roots);
    if (guard !== undefined) this.#emit(`if (${guard}) {`);
    const id = this.#context.canonical(stmt.buffer);
    const { dtype } = stmt.value;
    const whole = (text: string): string => dtype === "bool" ? `select(0u, 1u, ${text})` : text;
    if (stmt.combine === undefined && this.#atomics.has(id)) {
      const bits = wgslType(dtype) === "f32" ? `bitcast<u32>(${value})` : whole(value);
      this.#emit(`atomicStore(&b${id}[${at}], ${bits});`);
    } else if (stmt.combine === undefined) {
      this.#emit(`b${id}[${at}] = ${whole(value)};`);
    } else if (this.#atomics.has(id)) {
      this.#atomic(stmt.combine, id, at, value, dtype);
    } else {
      const place = this.#fresh();
      this.#emit(`let ${place} = ${at};`);
      const old = this.read(stmt.buffer, place, dtype);
      this.#emit(`b${id}[${place}] = ${whole(combined(stmt.combine, old, value, dtype, this))};`);
    }
    if (guard !== undefined) this.#emit("}");
  }

  /** Adds to an element that others may add to at the same time. */
  #atomic(op: ReduceOp, id: number, at: string, value: string, dtype: DType): void {
    const type = wgslType(dtype);
    if (type === "vec2<u32>") {
      throw new InternalError(`WGSL: no atomic ${op} of ${dtype}`);
    }
    if ((dtype === "int32" || dtype === "uint32") && atomicOps.has(op)) {
      const name = op[0].toUpperCase() + op.slice(1);
      this.#emit(`atomic${name}(&b${id}[${at}], ${value});`);
      return;
    }
    // Anything else: until nobody was faster.
    const [place, term, old] = [this.#fresh(), this.#fresh(), this.#fresh()];
    const holds = elementType(dtype) === "i32" ? "i32" : "u32";
    const toValue = (text: string): string =>
      type === "f32" ? `bitcast<f32>(${text})` : type === "bool" ? `(${text} != 0u)` : text;
    const toBits = (text: string): string =>
      type === "f32" ? `bitcast<u32>(${text})` : type === "bool" ? `select(0u, 1u, ${text})` : text;
    this.#emit(`let ${place} = ${at};`);
    this.#emit(`let ${term} = ${value};`);
    this.#emit(`var ${old}: ${holds} = atomicLoad(&b${id}[${place}]);`);
    this.#emit("loop {");
    const next = toBits(combined(op, toValue(old), term, dtype, this));
    this.#emit(`let tried = atomicCompareExchangeWeak(&b${id}[${place}], ${old}, ${next});`);
    this.#emit("if (tried.exchanged) {");
    this.#emit("break;");
    this.#emit("}");
    this.#emit(`${old} = tried.old_value;`);
    this.#emit("}");
  }

  // Workgroups

  #workgroups(points: number): number {
    const { loops, lets, body } = this.#grid;
    const longest = Math.max(
      ...body.map((stmt) => stmt.kind === "for" ? extentOf(perfectLoops(stmt).loops) : 1),
    );
    this.#width = longest > 512 ? 256 : longest > 96 ? 128 : 64;
    this.#emit(`let point = group_number;`);
    this.#emit(`if (point >= ${points}u) {`);
    this.#emit("return;");
    this.#emit("}");
    this.#decode(loops, "point");
    lets.forEach((stmt) => this.#stmt(stmt));
    for (const stmt of body) {
      if (stmt.kind === "for") this.#shared(stmt);
      else if (stmt.kind === "store") {
        this.#emit("if (lane == 0u) {");
        this.#store(stmt);
        this.#emit("}");
        this.#barrier();
      } else this.#stmt(stmt);
    }
    return points;
  }

  #barrier(): void {
    this.#emit("storageBarrier();");
    this.#emit("workgroupBarrier();");
  }

  /** A loop whose turns the invocations of a workgroup share; what it adds up is reduced over all of them. */
  #shared(loop: For): void {
    const { loops, body } = perfectLoops(loop);
    const space = extentOf(loops);
    const flat = this.#fresh();
    this.#emit(`for (var ${flat} = lane; ${flat} < ${space}u; ${flat} += ${this.#width}u) {`);
    this.#decode(loops, flat);
    body.forEach((stmt) => this.#stmt(stmt));
    this.#emit("}");
    const { accumulates, stores } = accessesOf(loop.body);
    for (const id of accumulates) this.#reduce(this.#accumulators.get(id)!);
    if (stores.size > 0) this.#barrier();
  }

  /** A variable of the workgroup with a place for each invocation. */
  #lanes(name: string, type: string): string {
    const held = type === "bool" ? "u32" : type;
    const text = `var<workgroup> ${name}: array<${held}, ${this.#width}>;`;
    if (!this.#globals.includes(text)) this.#globals.push(text);
    return name;
  }

  /** Replaces each invocation's value by that of all. */
  #reduce(a: Accumulator | ArgAccumulator): void {
    const v = a.kind === "accumulator" ? a.v : a.value;
    const type = wgslType(v.dtype);
    const name = this.#names.get(v.id)!;
    const lanes = this.#lanes(`lanes_${type.replaceAll(/\W+/g, "_")}`, type);
    const hold = (text: string): string => type === "bool" ? `select(0u, 1u, ${text})` : text;
    const value = (text: string): string => type === "bool" ? `(${text} != 0u)` : text;
    this.#emit(`${lanes}[lane] = ${hold(name)};`);
    if (a.kind === "accumulator") {
      this.#halve((step) => {
        const [left, right] = [value(`${lanes}[lane]`), value(`${lanes}[lane + ${step}]`)];
        this.#emit(`${lanes}[lane] = ${hold(combined(a.op, left, right, v.dtype, this))};`);
      });
      this.#emit(`${name} = ${value(`${lanes}[0]`)};`);
    } else {
      const position = this.#names.get(a.at.id)!;
      const places = this.#lanes("lanes_at", "i32");
      this.#emit(`${places}[lane] = ${position};`);
      this.#halve((step) => {
        const [x, y] = [this.#fresh(), this.#fresh()];
        this.#emit(`let ${x} = ${value(`${lanes}[lane]`)};`);
        this.#emit(`let ${y} = ${value(`${lanes}[lane + ${step}]`)};`);
        const take = [
          `${lanes}[lane] = ${hold(y)};`,
          `${places}[lane] = ${places}[lane + ${step}];`,
        ];
        // Of equals the one that comes first, wherever it was found.
        const equal = this.#equal(x, y, v.dtype);
        this.#emit(`if (${equal} && ${places}[lane + ${step}] < ${places}[lane]) {`);
        take.forEach((line) => this.#emit(line));
        this.#emit("} else {");
        this.#better(a.op, y, x, v.dtype, take);
        this.#emit("}");
      });
      this.#emit(`${name} = ${value(`${lanes}[0]`)};`);
      this.#emit(`${position} = ${places}[0];`);
    }
    this.#emit("workgroupBarrier();");
  }

  /** Joins the upper half of the lanes into the lower one until one is left. */
  #halve(join: (step: string) => void): void {
    const step = this.#fresh();
    this.#emit("workgroupBarrier();");
    this.#emit(`for (var ${step} = ${this.#width / 2}u; ${step} > 0u; ${step} >>= 1u) {`);
    this.#emit(`if (lane < ${step}) {`);
    join(step);
    this.#emit("}");
    this.#emit("workgroupBarrier();");
    this.#emit("}");
  }

  /** Whether two offers are as good as each other: equal, or both NaN. */
  #equal(x: string, y: string, dtype: DType): string {
    switch (wgslType(dtype)) {
      case "f32":
        this.use("is_nan");
        return `((is_nan(${x}) && is_nan(${y})) || (!is_nan(${x}) && ${x} == ${y}))`;
      case "vec2<u32>":
        return `all(${x} == ${y})`;
      default:
        return `${x} == ${y}`;
    }
  }
}
