/**
 * A program of loop nests as text for people: what `filterJit(f).lower(...).nests()` shows.
 *
 * @module
 */
import { dtypeInfo } from "../core/dtype.ts";
import { type BinaryOp, type Expr, forEachOperand, type Var } from "./expr.ts";
import {
  type BufferDecl,
  type Control,
  type Dot,
  type DotOperand,
  innerPrograms,
  type Nest,
  type Program,
  type ReduceOp,
  type Step,
  type Stmt,
} from "./ir.ts";

const infix: Partial<Record<BinaryOp, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  rem: "%",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shrLogical: ">>>",
  shrArithmetic: ">>",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

const assignment: Record<ReduceOp, string> = {
  add: "+=",
  mul: "*=",
  max: "max=",
  min: "min=",
  and: "&=",
  or: "|=",
  xor: "^=",
};

// How tightly an operator binds, so that parentheses appear only where they are needed. Bitwise
// operators and comparisons are always wrapped: nobody remembers their order.
const levels: Partial<Record<BinaryOp, number>> = { add: 2, sub: 2, mul: 3, div: 3, rem: 3 };

/** Gives each variable, and each shared part that is written out once, a name that is unique within one nest. */
class Names {
  readonly #names = new Map<number, string>();
  readonly #taken = new Set<string>();

  /** The name of a shared part, if it has one. */
  known(id: number): string | undefined {
    return this.#names.get(id);
  }

  of(v: Var): string {
    return this.name(v.id, v.name);
  }

  name(id: number, wish: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    let name = wish;
    for (let n = 2; this.#taken.has(name); n++) name = `${wish}${n}`;
    this.#taken.add(name);
    this.#names.set(id, name);
    return name;
  }
}

/** A whole program: its buffers, then its steps. */
export function printProgram(program: Program): string {
  const lines = [`program ${program.name} (scratch ${program.scratchBytes} bytes)`];
  for (const buffer of program.buffers) lines.push(`  ${printBuffer(buffer)}`);
  program.steps.forEach((step, i) => lines.push(`step ${i}: ${printStep(step)}`));
  return lines.join("\n") + "\n";
}

/** One step. */
export function printStep(step: Step): string {
  switch (step.kind) {
    case "nest":
      return printNest(step);
    case "dot":
      return printDot(step);
    case "kernel": {
      const args = step.args.map((a) =>
        a.kind === "buffer" ? `b${a.buffer}` : a.kind === "list" ? `[${a.values}]` : `${a.value}`
      );
      return `kernel ${step.name}(${args.join(", ")})`;
    }
    case "copy":
      return `copy b${step.to} = b${step.from}`;
    case "control":
      return printControl(step);
    default: {
      const never: never = step;
      return never;
    }
  }
}

/** One nest, its loops indented. */
export function printNest(nest: Nest): string {
  const lines = [`nest ${nest.name}`];
  printBody(nest.body, 1, new Names(), lines);
  return lines.join("\n");
}

/** One expression; large shared parts come before it, one `let` a line. */
export function printExpr(expr: Expr): string {
  const names = new Names();
  return [...sharedParts([expr], names, ""), text(expr, names)].join("\n");
}

// A part with this many operations that is used more than once gets a name: without one, the text
// of random bits or of a derivative grows with the number of paths through it.
const worthNaming = 8;

function sharedParts(roots: readonly Expr[], names: Names, pad: string): string[] {
  const sizes = new Map<number, number>();
  const uses = new Map<number, number>();
  const order: Expr[] = [];
  const visit = (expr: Expr): number => {
    uses.set(expr.id, (uses.get(expr.id) ?? 0) + 1);
    const known = sizes.get(expr.id);
    if (known !== undefined) return known;
    let size = 0;
    if (names.known(expr.id) === undefined) forEachOperand(expr, (x) => size += visit(x) + 1);
    sizes.set(expr.id, size);
    order.push(expr);
    return size;
  };
  roots.forEach(visit);
  const lines: string[] = [];
  for (const expr of order) {
    if (uses.get(expr.id)! < 2 || sizes.get(expr.id)! < worthNaming) continue;
    const value = text(expr, names);
    lines.push(`${pad}let ${names.name(expr.id, "t")} = ${value}`);
  }
  return lines;
}

function operandsOf(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case "let":
    case "accumulate":
      return [stmt.value];
    case "store":
      return stmt.guard ? [stmt.guard, stmt.index, stmt.value] : [stmt.index, stmt.value];
    case "argAccumulate":
      return [stmt.value, stmt.position];
    default:
      return [];
  }
}

function printBuffer(buffer: BufferDecl): string {
  const place = buffer.role === "temp" ? `at ${buffer.offset}` : String(buffer.position);
  const donor = buffer.donor >= 0 ? `, in place of input ${buffer.donor}` : "";
  const { short } = dtypeInfo(buffer.dtype);
  return `b${buffer.id}: ${short}[${buffer.size}] ${buffer.role} ${place}${donor}`;
}

function printDot(dot: Dot): string {
  const operand = (o: DotOperand) =>
    `b${o.buffer}[${o.offset} + b*${o.batchStride} + row*${o.rowStride} + col*${o.colStride}]`;
  return `dot ${dot.name} ${dtypeInfo(dot.dtype).short} ` +
    `b${dot.out}[${dot.batch}, ${dot.m}, ${dot.n}] = ${operand(dot.lhs)} @ ${operand(dot.rhs)} ` +
    `over k ${dot.k}`;
}

function printControl({ name, control, operands, results }: Control): string {
  const list = (buffers: readonly number[]) => buffers.map((b) => `b${b}`).join(", ");
  let details = `control ${name} (${list(results)}) = ${control.kind}`;
  if (control.kind === "scan") {
    const reverse = control.reverse ? " reverse" : "";
    details += `${reverse} length ${control.length}, consts ${control.numConsts}, ` +
      `carry ${control.numCarry}`;
  } else if (control.kind === "while") {
    details += ` consts ${control.numConditionConsts} + ${control.numBodyConsts}`;
  } else if (control.kind === "callback") {
    details += ` ${control.id}${control.guarded ? " where the first is true" : ""}`;
  }
  const inner = innerPrograms(control).map((program) =>
    printProgram(program).trimEnd().split("\n").map((line) => `\n  ${line}`).join("")
  );
  return `${details} of (${list(operands)})${inner.join("")}`;
}

function printBody(body: readonly Stmt[], depth: number, names: Names, lines: string[]): void {
  const pad = "  ".repeat(depth);
  for (const stmt of body) {
    lines.push(...sharedParts(operandsOf(stmt), names, pad));
    switch (stmt.kind) {
      case "for": {
        const mode = stmt.mode === "serial" ? "" : ` ${stmt.mode}`;
        lines.push(`${pad}for ${names.of(stmt.v)} < ${stmt.extent}${mode}`);
        printBody(stmt.body, depth + 1, names, lines);
        break;
      }
      case "let":
        lines.push(`${pad}let ${names.of(stmt.v)} = ${text(stmt.value, names)}`);
        break;
      case "store": {
        const guard = stmt.guard === undefined ? "" : ` if ${text(stmt.guard, names)}`;
        const op = stmt.combine === undefined ? "=" : assignment[stmt.combine];
        const place = `b${stmt.buffer}[${text(stmt.index, names)}]`;
        lines.push(`${pad}${place} ${op} ${text(stmt.value, names)}${guard}`);
        break;
      }
      case "accumulator": {
        const { short } = dtypeInfo(stmt.v.dtype);
        lines.push(`${pad}accumulator ${names.of(stmt.v)}: ${short} of ${stmt.op}`);
        break;
      }
      case "accumulate":
        lines.push(`${pad}accumulate ${names.of(stmt.v)} with ${text(stmt.value, names)}`);
        break;
      case "argAccumulator": {
        const { short } = dtypeInfo(stmt.value.dtype);
        const both = `${names.of(stmt.value)}: ${short}, ${names.of(stmt.at)}`;
        lines.push(`${pad}accumulator (${both}) of arg${stmt.op}`);
        break;
      }
      case "argAccumulate": {
        const both = `${text(stmt.value, names)} at ${text(stmt.position, names)}`;
        lines.push(`${pad}accumulate ${names.of(stmt.v)} with ${both}`);
        break;
      }
      default: {
        const never: never = stmt;
        return never;
      }
    }
  }
}

function text(expr: Expr, names: Names, outer = 0): string {
  const known = names.known(expr.id);
  if (known !== undefined) return known;
  switch (expr.kind) {
    case "var":
      return names.of(expr);
    case "const":
      return constantText(expr.value, expr.dtype === "float32");
    case "load":
      return `b${expr.buffer}[${text(expr.index, names)}]`;
    case "unary":
      return `${expr.op}(${text(expr.x, names)})`;
    case "cast":
      return `${dtypeInfo(expr.dtype).short}(${text(expr.x, names)})`;
    case "bitcast":
      return `bits.${dtypeInfo(expr.dtype).short}(${text(expr.x, names)})`;
    case "select": {
      const sides = `${text(expr.x, names, 1)} : ${text(expr.y, names, 1)}`;
      return `(${text(expr.condition, names, 1)} ? ${sides})`;
    }
    case "binary": {
      const symbol = infix[expr.op];
      if (symbol === undefined) {
        return `${expr.op}(${text(expr.x, names)}, ${text(expr.y, names)})`;
      }
      const level = levels[expr.op] ?? 1;
      // The right operand needs one level more, since these operators group to the left; the
      // unlisted ones are wrapped as operands of anything.
      const left = text(expr.x, names, levels[expr.op] === undefined ? 2 : level);
      const right = text(expr.y, names, levels[expr.op] === undefined ? 2 : level + 1);
      const both = `${left} ${symbol} ${right}`;
      return level < outer ? `(${both})` : both;
    }
    default: {
      const never: never = expr;
      return never;
    }
  }
}

function constantText(value: number | bigint | boolean, single: boolean): string {
  if (typeof value !== "number") return String(value);
  if (Object.is(value, -0)) return "-0";
  // The shortest digits that name the same float32.
  if (single && Number.isFinite(value)) {
    for (let digits = 6; digits < 10; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return String(short);
    }
  }
  return String(value);
}
