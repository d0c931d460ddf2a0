/**
 * Checks a program of loop nests: dtypes, scopes, buffers, and the bounds of the indices whose range is known.
 * The scheduler's output is verified under test; backends trust what has passed here.
 *
 * @module
 */
import { dtypeInfo, isFloating, isStored, wideOf } from "../core/dtype.ts";
import { InternalError } from "../errors.ts";
import type { Expr, Var } from "./expr.ts";
import { hull, type Interval, intervalOf } from "./interval.ts";
import {
  type BufferDecl,
  type Control,
  type Dot,
  type KernelCall,
  type Nest,
  operandsInPlace,
  type Program,
  type Stmt,
} from "./ir.ts";
import { findKernel } from "./kernels.ts";
import { printExpr, printNest } from "./print.ts";

/**
 * Checks a program.
 *
 * @throws {InternalError} Where it breaks a rule of `ir.ts` or `expr.ts`; the message shows the nest.
 */
export function verifyProgram(program: Program): void {
  program.buffers.forEach((buffer, id) => {
    if (buffer.id !== id) throw new InternalError(`verify: buffer ${id} has id ${buffer.id}`);
    if (!Number.isInteger(buffer.size) || buffer.size < 0) {
      throw new InternalError(`verify: b${id} has size ${buffer.size}`);
    }
    if (buffer.role !== "temp") return;
    const end = buffer.offset + buffer.size * dtypeInfo(buffer.dtype).bytes;
    if (buffer.offset % 64 !== 0 || buffer.offset < 0 || end > program.scratchBytes) {
      throw new InternalError(
        `verify: temp b${id} at ${buffer.offset}..${end} of ${program.scratchBytes} scratch bytes`,
      );
    }
  });
  for (const step of program.steps) {
    switch (step.kind) {
      case "nest":
        new NestVerifier(program, step).verify();
        break;
      case "dot":
        verifyDot(program, step);
        break;
      case "kernel":
        verifyKernel(program, step);
        break;
      case "copy": {
        const [from, to] = [program.buffers[step.from], program.buffers[step.to]];
        if (!from || !to || from.size !== to.size || from.dtype !== to.dtype) {
          throw new InternalError(`verify: copy b${step.to} = b${step.from}`);
        }
        break;
      }
      case "control":
        verifyControl(program, step);
        break;
      default: {
        const never: never = step;
        return never;
      }
    }
  }
}

function verifyDot(program: Program, dot: Dot): void {
  const fail = (what: string) => {
    throw new InternalError(`verify: dot ${dot.name}: ${what}`);
  };
  const operands = [
    { ...dot.lhs, rows: dot.m, cols: dot.k, name: "lhs" },
    { ...dot.rhs, rows: dot.k, cols: dot.n, name: "rhs" },
  ];
  for (const o of operands) {
    const buffer = program.buffers[o.buffer];
    if (buffer?.dtype !== dot.dtype) fail(`${o.name} is ${buffer?.dtype}, not ${dot.dtype}`);
    if (dot.batch * o.rows * o.cols === 0) continue;
    let [low, high] = [o.offset, o.offset];
    const steps: [number, number][] = [
      [dot.batch, o.batchStride],
      [o.rows, o.rowStride],
      [o.cols, o.colStride],
    ];
    for (const [extent, stride] of steps) {
      if (stride < 0) low += (extent - 1) * stride;
      else high += (extent - 1) * stride;
    }
    if (low < 0 || high >= buffer!.size) {
      fail(`${o.name} reads ${low}..${high} of ${buffer!.size}`);
    }
  }
  const out = program.buffers[dot.out];
  if (out?.dtype !== dot.dtype || out.size !== dot.batch * dot.m * dot.n) fail("wrong output");
}

function verifyKernel(program: Program, call: KernelCall): void {
  const spec = findKernel(call.name);
  if (spec === undefined) throw new InternalError(`verify: no kernel ${call.name}`);
  const kinds = call.args.map((a) => a.kind).join();
  const wanted = spec.params.map((p) => p === "number" || p === "list" ? p : "buffer").join();
  if (kinds !== wanted) {
    throw new InternalError(`verify: kernel ${call.name}(${wanted}) called with (${kinds})`);
  }
  for (const arg of call.args) {
    if (arg.kind === "buffer" && !program.buffers[arg.buffer]) {
      throw new InternalError(`verify: kernel ${call.name}: no b${arg.buffer}`);
    }
  }
}

/** A buffer that an inner program must have. */
interface Wanted {
  readonly dtype: BufferDecl["dtype"];
  readonly size: number;
  /** The only donor that it may have, if any. */
  readonly donor?: number;
}

function verifyControl(program: Program, { name, control, operands, results }: Control): void {
  const fail = (what: string): never => {
    throw new InternalError(`verify: control ${name}: ${what}`);
  };
  const find = (b: number) => program.buffers[b] ?? fail(`no b${b}`);
  const [ins, outs] = [operands.map(find), results.map(find)];
  const inPlace = operandsInPlace(control, results.length);
  results.forEach((id, i) => {
    operands.forEach((operand, k) => {
      if (operand === id && inPlace[i] !== k) fail(`b${id} is operand and result`);
    });
  });
  const check = (inner: Program, inputs: readonly Wanted[], outputs: readonly Wanted[]) => {
    verifyProgram(inner);
    for (const [role, wanted] of [["input", inputs], ["output", outputs]] as const) {
      const has = inner.buffers.filter((b) => b.role === role);
      if (has.length !== wanted.length) {
        fail(`${inner.name} has ${has.length} ${role}s, not ${wanted.length}`);
      }
      for (const { position, dtype, size, donor } of has) {
        const w = wanted[position];
        if (w?.dtype !== dtype || w.size !== size) {
          fail(`${role} ${position} of ${inner.name} is ${dtype}[${size}]`);
        }
        if (donor >= 0 && donor !== w?.donor) {
          fail(`output ${position} of ${inner.name} is in place of input ${donor}`);
        }
      }
    }
  };
  const carried = (carry: readonly Wanted[], first: number): Wanted[] =>
    carry.map(({ dtype, size }, i) => ({ dtype, size, donor: first + i }));
  switch (control.kind) {
    case "scan": {
      const { numConsts, numCarry, length } = control;
      const slice = (b: Wanted): Wanted => {
        if (length === 0 ? b.size !== 0 : b.size % length !== 0) fail("an odd length");
        return { dtype: b.dtype, size: b.size / length };
      };
      const fixed = numConsts + numCarry;
      const carry = ins.slice(numConsts, fixed);
      if (outs.slice(0, numCarry).some((b, i) => !fits(b, carry[i]))) fail("carry changes");
      // A scan of nothing does not tell the sizes of its slices.
      if (length === 0) return verifyProgram(control.body);
      const inputs = [...ins.slice(0, fixed), ...ins.slice(fixed).map(slice)];
      const outputs = [...carried(carry, numConsts), ...outs.slice(numCarry).map(slice)];
      return check(control.body, inputs, outputs);
    }
    case "while": {
      const { numConditionConsts, numBodyConsts } = control;
      const consts = numConditionConsts + numBodyConsts;
      const carry = ins.slice(consts);
      if (carry.length !== outs.length || outs.some((b, i) => !fits(b, carry[i]))) {
        fail("carry changes");
      }
      const forCondition = [...ins.slice(0, numConditionConsts), ...carry];
      check(control.condition, forCondition, [{ dtype: "bool", size: 1 }]);
      return check(control.body, ins.slice(numConditionConsts), carried(carry, numBodyConsts));
    }
    case "cond": {
      if (ins[0]?.dtype !== "int32" || ins[0].size !== 1) fail("the index is no int32");
      if (control.branches.length === 0) fail("no branches");
      // The first branch tells which inputs are updated in place; the others must do likewise.
      const plain = outs.map(({ dtype, size }, i): Wanted => {
        const donor = inPlace[i]! - 1;
        if (donor >= 0 && !fits(ins[donor + 1]!, outs[i])) {
          fail(`result ${i} is not like operand ${donor + 1}`);
        }
        return donor < 0 ? { dtype, size } : { dtype, size, donor };
      });
      for (const branch of control.branches) {
        const own = operandsInPlace({ kind: "cond", branches: [branch] }, outs.length);
        if (own.some((k, i) => k !== inPlace[i])) {
          fail("branches differ in what they update in place");
        }
      }
      for (const branch of control.branches) check(branch, ins.slice(1), plain);
      return;
    }
    case "callback":
      if (control.guarded && (ins[0]?.dtype !== "bool" || ins[0].size !== 1)) fail("no guard");
      if (control.guarded && outs.length > 0) fail("a guarded call has results");
      return;
    default: {
      const never: never = control;
      return never;
    }
  }
}

function fits(x: Wanted, y: Wanted | undefined): boolean {
  return x.dtype === y?.dtype && x.size === y.size;
}

/** Walks one nest with the variables in scope and what is known of their ranges. */
class NestVerifier {
  readonly #program: Program;
  readonly #nest: Nest;
  readonly #scope = new Map<number, Interval | null>();
  readonly #accumulators = new Map<number, "sum" | "arg">();
  readonly #checked = new Map<number, Interval | null>();

  constructor(program: Program, nest: Nest) {
    this.#program = program;
    this.#nest = nest;
  }

  verify(): void {
    this.#body(this.#nest.body);
  }

  #fail(what: string): never {
    throw new InternalError(`verify: ${what}\n${printNest(this.#nest)}`);
  }

  #declare(v: Var, range: Interval | null): void {
    if (this.#scope.has(v.id)) this.#fail(`${v.name} is declared twice`);
    this.#scope.set(v.id, range);
  }

  #body(body: readonly Stmt[]): void {
    const declared: number[] = [];
    for (const stmt of body) {
      switch (stmt.kind) {
        case "for":
          if (stmt.v.dtype !== "int32") this.#fail(`loop over ${stmt.v.name} of ${stmt.v.dtype}`);
          if (!Number.isInteger(stmt.extent) || stmt.extent < 0) {
            this.#fail(`loop over ${stmt.v.name} of extent ${stmt.extent}`);
          }
          // A loop that never runs proves nothing about its body, and need not be in bounds.
          if (stmt.extent === 0) break;
          this.#declare(stmt.v, { low: 0, high: stmt.extent - 1 });
          this.#body(stmt.body);
          this.#scope.delete(stmt.v.id);
          this.#checked.clear(); // because what was seen inside may name the loop's variables
          break;
        case "let": {
          const range = this.#expr(stmt.value);
          if (stmt.value.dtype !== stmt.v.dtype) this.#fail(`let ${stmt.v.name}: dtypes differ`);
          this.#declare(stmt.v, range);
          declared.push(stmt.v.id);
          break;
        }
        case "store": {
          const buffer = this.#program.buffers[stmt.buffer];
          if (buffer === undefined) this.#fail(`store to b${stmt.buffer}, which there is not`);
          if (buffer.dtype !== stmt.value.dtype) {
            this.#fail(`store of ${stmt.value.dtype} to b${stmt.buffer} of ${buffer.dtype}`);
          }
          if (stmt.guard !== undefined && stmt.guard.dtype !== "bool") this.#fail("guard not bool");
          if (stmt.guard !== undefined) this.#expr(stmt.guard);
          this.#expr(stmt.value);
          this.#index(stmt.index, stmt.guard === undefined ? buffer.size : Infinity, stmt.buffer);
          break;
        }
        case "accumulator":
          if (isStored(stmt.v.dtype)) this.#fail(`accumulator of ${stmt.v.dtype}`);
          this.#accumulators.set(stmt.v.id, "sum");
          this.#declare(stmt.v, null);
          declared.push(stmt.v.id);
          break;
        case "accumulate":
          if (this.#accumulators.get(stmt.v.id) !== "sum" || !this.#scope.has(stmt.v.id)) {
            this.#fail(`accumulate into ${stmt.v.name}, which is no accumulator here`);
          }
          if (stmt.value.dtype !== stmt.v.dtype) this.#fail(`accumulate ${stmt.v.name}: dtypes`);
          this.#expr(stmt.value);
          break;
        case "argAccumulator":
          if (stmt.at.dtype !== "int32") this.#fail(`position ${stmt.at.name} is not int32`);
          this.#accumulators.set(stmt.value.id, "arg");
          this.#declare(stmt.value, null);
          this.#declare(stmt.at, null);
          declared.push(stmt.value.id, stmt.at.id);
          break;
        case "argAccumulate":
          if (this.#accumulators.get(stmt.v.id) !== "arg" || !this.#scope.has(stmt.v.id)) {
            this.#fail(`argAccumulate into ${stmt.v.name}, which is no argAccumulator here`);
          }
          if (stmt.value.dtype !== stmt.v.dtype || stmt.position.dtype !== "int32") {
            this.#fail(`argAccumulate ${stmt.v.name}: dtypes`);
          }
          this.#expr(stmt.value);
          this.#expr(stmt.position);
          break;
        default: {
          const never: never = stmt;
          return never;
        }
      }
    }
    for (const id of declared) this.#scope.delete(id);
  }

  #index(index: Expr, size: number, buffer: number): void {
    if (index.dtype !== "int32") this.#fail(`index of dtype ${index.dtype} into b${buffer}`);
    const range = this.#expr(index);
    if (range !== null && (range.low < 0 || range.high >= size) && size !== Infinity) {
      this.#fail(
        `index ${printExpr(index)} is ${range.low}..${range.high} in b${buffer} of size ${size}`,
      );
    }
  }

  /** Checks an expression; gives the range of an int32 where it can be told. */
  #expr(expr: Expr): Interval | null {
    const known = this.#checked.get(expr.id);
    if (known !== undefined) return known;
    const range = this.#exprAfresh(expr);
    this.#checked.set(expr.id, range);
    return range;
  }

  #exprAfresh(expr: Expr): Interval | null {
    switch (expr.kind) {
      case "var": {
        const range = this.#scope.get(expr.id);
        if (range === undefined) this.#fail(`${expr.name} is used out of its scope`);
        return range;
      }
      case "const":
        return expr.dtype === "int32"
          ? { low: expr.value as number, high: expr.value as number }
          : null;
      case "load": {
        const buffer = this.#program.buffers[expr.buffer];
        if (buffer === undefined) this.#fail(`load from b${expr.buffer}, which there is not`);
        if (buffer.dtype !== expr.dtype) {
          this.#fail(`load of ${expr.dtype} from b${expr.buffer} of ${buffer.dtype}`);
        }
        this.#index(expr.index, buffer.size, expr.buffer);
        return null;
      }
      case "select": {
        this.#expr(expr.condition);
        const [x, y] = [this.#expr(expr.x), this.#expr(expr.y)];
        if (expr.condition.dtype !== "bool" || expr.x.dtype !== expr.y.dtype) {
          this.#fail(
            `select of dtypes ${expr.condition.dtype} ? ${expr.x.dtype} : ${expr.y.dtype}`,
          );
        }
        return hull(x, y);
      }
      case "bitcast":
        if (dtypeInfo(expr.x.dtype).bytes !== dtypeInfo(expr.dtype).bytes) {
          this.#fail(`bitcast of ${expr.x.dtype} to ${expr.dtype}`);
        }
        this.#expr(expr.x);
        return null;
      case "binary": {
        const [x, y] = [this.#expr(expr.x), this.#expr(expr.y)];
        if (expr.x.dtype !== expr.y.dtype || isStored(expr.x.dtype)) {
          this.#fail(`${expr.op} of ${expr.x.dtype} and ${expr.y.dtype}`);
        }
        if (expr.dtype !== "int32" || x === null || y === null) return null;
        return intervalOf(expr.op, x, y);
      }
      case "unary":
        this.#expr(expr.x);
        if ((onlyFloating.has(expr.op) && !isFloating(expr.x.dtype)) || isStored(expr.x.dtype)) {
          this.#fail(`${expr.op} of ${expr.x.dtype}`);
        }
        return null;
      case "cast": {
        this.#expr(expr.x);
        const [from, to] = [expr.x.dtype, expr.dtype];
        if ((isStored(from) && to !== wideOf(from)) || (isStored(to) && from !== wideOf(to))) {
          this.#fail(`cast of ${from} to ${to}`);
        }
        return null;
      }
      default: {
        const never: never = expr;
        return never;
      }
    }
  }
}

const onlyFloating: ReadonlySet<string> = new Set(
  ("rsqrt sqrt cbrt exp exp2 expm1 log log1p logistic sin cos tan asin acos atan sinh cosh tanh asinh " +
    "acosh atanh erf erfc erfInv lgamma digamma").split(" "),
);
