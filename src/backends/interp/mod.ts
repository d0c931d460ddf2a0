/**
 * The interpreter of the loop-nest language: its definition. It favours the obvious, and checks the bounds
 * of every access; what it costs is one closure call per operation.
 *
 * @module
 */
import { type DType, isFloating, type TypedArray, typedArrayClass } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import { type Expr, forEachOperand, type Var } from "../../loopnest/expr.ts";
import type { Dot, KernelCall, Nest, Program, ReduceOp, Stmt } from "../../loopnest/ir.ts";
import { findKernel } from "../../loopnest/kernels.ts";
import { printNest } from "../../loopnest/print.ts";
import { type HostCall, runControl } from "./control.ts";
import {
  binaryFunction,
  bitcastFunction,
  castFunction,
  identityOf,
  reader,
  storedCombine,
  unaryFunction,
  type Value,
  writer,
} from "./scalar.ts";

/**
 * Runs a program.
 *
 * @param program A program that passes `verifyProgram`.
 * @param inputs One array for each input position; they are left as they are, donated ones too.
 * @param host Calls the host's functions, for a program that has some.
 * @returns A fresh array for each output position.
 * @throws {InternalError} Where an access is out of bounds, or an input does not fit.
 */
export function interpret(
  program: Program,
  inputs: readonly TypedArray[],
  host: HostCall = noHost,
): TypedArray[] {
  const memory: TypedArray[] = [];
  const outputs: TypedArray[] = [];
  const donated = new Map<number, TypedArray>();
  const scratch = new ArrayBuffer(program.scratchBytes);
  for (const buffer of program.buffers) {
    if (buffer.role === "output" && buffer.donor >= 0) {
      donated.set(buffer.donor, inputs[buffer.donor]!.slice());
    }
  }
  for (const buffer of program.buffers) {
    let array: TypedArray;
    if (buffer.role === "input") {
      array = donated.get(buffer.position) ?? inputs[buffer.position]!;
      if (!(array instanceof typedArrayClass(buffer.dtype)) || array.length !== buffer.size) {
        throw new InternalError(
          `interpret ${program.name}: input ${buffer.position} is not ${buffer.dtype}[${buffer.size}]`,
        );
      }
    } else if (buffer.role === "temp") {
      // Temporaries share the scratch block as planned, so that a wrong plan shows.
      array = new (typedArrayClass(buffer.dtype))(scratch, buffer.offset, buffer.size);
    } else {
      array = (buffer.donor >= 0 ? donated.get(buffer.donor) : undefined) ??
        new (typedArrayClass(buffer.dtype))(buffer.size);
    }
    memory[buffer.id] = array;
    if (buffer.role === "output") outputs[buffer.position] = array;
  }
  for (const step of program.steps) {
    switch (step.kind) {
      case "nest":
        new NestCompiler(step, memory).compile()();
        break;
      case "dot":
        runDot(step, memory);
        break;
      case "kernel":
        runKernel(step, memory);
        break;
      case "copy":
        memory[step.to]!.set(memory[step.from] as never);
        break;
      case "control":
        runControl(step, memory, (inner, values) => interpret(inner, values, host), host);
        break;
      default: {
        const never: never = step;
        return never;
      }
    }
  }
  return outputs;
}

function noHost(id: number): never {
  throw new InternalError(`interpret: the program calls function ${id} of the host`);
}

type Get = () => Value;
type Run = () => void;

interface SumState {
  readonly slot: number;
  readonly combine: (x: Value, y: Value) => Value;
}

interface ArgState {
  readonly slot: number;
  readonly at: number;
  readonly op: "max" | "min";
}

/** Turns one nest into closures over an array of variables. */
class NestCompiler {
  readonly #nest: Nest;
  readonly #memory: readonly TypedArray[];
  readonly #slots = new Map<number, number>();
  readonly #values: Value[] = [];
  readonly #sums = new Map<number, SumState>();
  readonly #args = new Map<number, ArgState>();

  constructor(nest: Nest, memory: readonly TypedArray[]) {
    this.#nest = nest;
    this.#memory = memory;
  }

  compile(): Run {
    return this.#body(this.#nest.body);
  }

  #slot(v: Var): number {
    let slot = this.#slots.get(v.id);
    if (slot === undefined) {
      slot = this.#values.push(0) - 1;
      this.#slots.set(v.id, slot);
    }
    return slot;
  }

  #body(body: readonly Stmt[]): Run {
    const runs = body.map((stmt) => this.#stmt(stmt));
    if (runs.length === 1) return runs[0]!;
    return () => {
      for (const run of runs) run();
    };
  }

  #stmt(stmt: Stmt): Run {
    const values = this.#values;
    switch (stmt.kind) {
      case "for": {
        const slot = this.#slot(stmt.v);
        const body = this.#body(stmt.body);
        return () => {
          for (let i = 0; i < stmt.extent; i++) {
            values[slot] = i;
            body();
          }
        };
      }
      case "let": {
        const [value] = this.#exprs([stmt.value]);
        const slot = this.#slot(stmt.v);
        return () => {
          values[slot] = value!();
        };
      }
      case "store":
        return this.#store(stmt);
      case "accumulator": {
        const slot = this.#slot(stmt.v);
        this.#sums.set(stmt.v.id, { slot, combine: combiner(stmt.op, stmt.v.dtype) });
        const start = identityOf(stmt.op, stmt.v.dtype);
        return () => {
          values[slot] = start;
        };
      }
      case "accumulate": {
        const { slot, combine } = this.#sums.get(stmt.v.id)!;
        const [value] = this.#exprs([stmt.value]);
        return () => {
          values[slot] = combine(values[slot]!, value!());
        };
      }
      case "argAccumulator": {
        const [slot, at] = [this.#slot(stmt.value), this.#slot(stmt.at)];
        this.#args.set(stmt.value.id, { slot, at, op: stmt.op });
        const start = identityOf(stmt.op, stmt.value.dtype);
        return () => {
          values[slot] = start;
          values[at] = 0;
        };
      }
      case "argAccumulate": {
        const { slot, at, op } = this.#args.get(stmt.v.id)!;
        const [value, position] = this.#exprs([stmt.value, stmt.position]);
        return () => {
          const x = value!();
          const best = values[slot]!;
          // A NaN (the only value unlike itself) beats all but an earlier NaN.
          const better = best === best && (x !== x || (op === "max" ? x > best : x < best));
          if (!better) return;
          values[slot] = x;
          values[at] = position!();
        };
      }
      default: {
        const never: never = stmt;
        return never;
      }
    }
  }

  #store(stmt: Extract<Stmt, { kind: "store" }>): Run {
    const array = this.#memory[stmt.buffer]! as { length: number; [i: number]: Value };
    const dtype = stmt.value.dtype;
    const exprs = [stmt.value, stmt.index];
    const [value, at, guard] = this.#exprs(stmt.guard ? [...exprs, stmt.guard] : exprs);
    const read = reader(dtype);
    const write = writer(dtype);
    const combine = stmt.combine === undefined ? null : storedCombine(stmt.combine, dtype);
    return () => {
      const x = value!();
      if (guard !== undefined && !guard()) return;
      const i = at!() as number;
      if (i < 0 || i >= array.length) this.#outOfBounds(stmt.buffer, i);
      array[i] = write(combine === null ? x : combine(read(array[i]!), x));
    };
  }

  #outOfBounds(buffer: number, i: number): never {
    const size = this.#memory[buffer]!.length;
    throw new InternalError(
      `interpret: index ${i} into b${buffer} of size ${size}\n${printNest(this.#nest)}`,
    );
  }

  /** The closures of expressions; what they share is computed once, by the first that is called. */
  #exprs(roots: readonly Expr[]): Get[] {
    const uses = new Map<number, number>();
    const count = (expr: Expr): void => {
      const seen = uses.get(expr.id) ?? 0;
      uses.set(expr.id, seen + 1);
      if (seen === 0) forEachOperand(expr, count);
    };
    roots.forEach(count);
    const made = new Map<number, Get>();
    const shared: Run[] = [];
    const values = this.#values;
    const make = (expr: Expr): Get => {
      const known = made.get(expr.id);
      if (known !== undefined) return known;
      let get = this.#expr(expr, make);
      if (uses.get(expr.id)! > 1 && expr.kind !== "var" && expr.kind !== "const") {
        const slot = values.push(0) - 1;
        const compute = get;
        shared.push(() => {
          values[slot] = compute();
        });
        get = () => values[slot]!;
      }
      made.set(expr.id, get);
      return get;
    };
    const gets = roots.map(make);
    if (shared.length === 0) return gets;
    // Operands come before their users in `shared`, because `make` finishes them first.
    const first = gets[0]!;
    gets[0] = () => {
      for (const run of shared) run();
      return first();
    };
    return gets;
  }

  #expr(expr: Expr, make: (expr: Expr) => Get): Get {
    const values = this.#values;
    switch (expr.kind) {
      case "var": {
        const slot = this.#slot(expr);
        if (this.#sums.has(expr.id) && expr.dtype === "float32") {
          return () => Math.fround(values[slot] as number);
        }
        return () => values[slot]!;
      }
      case "const": {
        const { value } = expr;
        return () => value;
      }
      case "load": {
        const array = this.#memory[expr.buffer]!;
        const at = make(expr.index) as () => number;
        const read = reader(expr.dtype);
        return () => {
          const i = at();
          if (i < 0 || i >= array.length) this.#outOfBounds(expr.buffer, i);
          return read(array[i]!);
        };
      }
      case "unary": {
        const f = unaryFunction(expr.op, expr.x.dtype);
        const x = make(expr.x);
        return () => f(x());
      }
      case "binary": {
        const f = binaryFunction(expr.op, expr.x.dtype);
        const [x, y] = [make(expr.x), make(expr.y)];
        return () => f(x(), y());
      }
      case "select": {
        const [condition, x, y] = [make(expr.condition), make(expr.x), make(expr.y)];
        return () => {
          const [a, b] = [x(), y()];
          return condition() ? a : b;
        };
      }
      case "cast": {
        const f = castFunction(expr.x.dtype, expr.dtype);
        const x = make(expr.x);
        return () => f(x());
      }
      case "bitcast": {
        const f = bitcastFunction(expr.x.dtype, expr.dtype);
        const x = make(expr.x);
        return () => f(x());
      }
      default: {
        const never: never = expr;
        return never;
      }
    }
  }
}

/**
 * How an accumulator takes a term. Sums of float32 are carried in float64 and rounded once, when read: any grouping
 * is allowed, and the exact one serves best as a yardstick.
 */
function combiner(op: ReduceOp, dtype: DType): (x: Value, y: Value) => Value {
  if (op === "add" && isFloating(dtype)) return binaryFunction("add", "float64");
  return binaryFunction(op, dtype);
}

function runDot(dot: Dot, memory: readonly TypedArray[]): void {
  const { lhs, rhs, batch, m, n, k } = dot;
  const [a, b, c] = [memory[lhs.buffer]!, memory[rhs.buffer]!, memory[dot.out]! as Float64Array];
  const mul = binaryFunction("mul", dot.dtype);
  const add = combiner("add", dot.dtype);
  const zero = identityOf("add", dot.dtype);
  const [readA, exact] = [reader(dot.dtype), dot.dtype === "float32"];
  for (let t = 0, out = 0; t < batch; t++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++, out++) {
        let sum = zero;
        for (let p = 0; p < k; p++) {
          const x = lhs.offset + t * lhs.batchStride + i * lhs.rowStride + p * lhs.colStride;
          const y = rhs.offset + t * rhs.batchStride + p * rhs.rowStride + j * rhs.colStride;
          if (x < 0 || y < 0 || x >= a.length || y >= b.length) {
            throw new InternalError(`interpret: dot ${dot.name} reads ${x} and ${y}`);
          }
          // The product of two float32 is exact in float64.
          const product = exact
            ? (a[x] as number) * (b[y] as number)
            : mul(readA(a[x]!), readA(b[y]!));
          sum = add(sum, product);
        }
        c[out] = sum as number;
      }
    }
  }
}

function runKernel(call: KernelCall, memory: readonly TypedArray[]): void {
  const spec = findKernel(call.name);
  if (spec === undefined) throw new InternalError(`interpret: no kernel ${call.name}`);
  spec.reference(
    call.args.map((a) =>
      a.kind === "buffer" ? memory[a.buffer]! : a.kind === "list" ? a.values : a.value
    ),
  );
}
