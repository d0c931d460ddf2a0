/**
 * Makes random programs of loop nests: elementwise loops over awkward indices, reductions along rows and columns, what follows
 * from their results, searches, guarded and combining stores.
 *
 * @module
 */
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import {
  bfloat16Bits,
  isFloating,
  isSigned,
  typedArrayClass,
  wideOf,
} from "../../src/core/dtype.ts";
import {
  binary,
  type BinaryOp,
  cast,
  constant,
  type Expr,
  index,
  load,
  makeVar,
  select,
  unary,
  type Var,
} from "../../src/loopnest/expr.ts";
import type { BufferDecl, For, Program, ReduceOp, Stmt } from "../../src/loopnest/ir.ts";

/** A small generator of pseudo-random numbers (mulberry32), so that a seed names a program. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** In 0 … n - 1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  chance(p: number): boolean {
    return this.next() < p;
  }
}

/** A program and arguments for it. */
export interface Sample {
  readonly program: Program;
  readonly inputs: TypedArray[];
}

const extents = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70];
const dtypes: DType[] = [
  "float32",
  "float32",
  "float64",
  "int32",
  "int64",
  "uint32",
  "uint8",
  "bool",
  "float16",
  "bfloat16",
  "int8",
  "int16",
  "uint16",
  "uint64",
];

/** Makes the program of a seed. */
export function randomProgram(seed: number): Sample {
  return new Generator(new Dice(seed)).make();
}

interface Loop {
  readonly v: Var;
  readonly extent: number;
}

class Generator {
  readonly #buffers: BufferDecl[] = [];
  readonly #inputs: TypedArray[] = [];
  #outputs = 0;
  #work = 1;

  constructor(readonly dice: Dice) {}

  make(): Sample {
    const { dice } = this;
    const steps = Array.from({ length: 1 + dice.below(2) }, () => {
      const make = dice.pick([
        () => this.#elementwise(),
        () => this.#rowReduction(),
        () => this.#columnReduction(),
        () => this.#search(),
        () => this.#scatter(),
        () => this.#running(),
        () => this.#pairs(),
      ]);
      this.#work = 1;
      return { kind: "nest", name: "random", body: make() } as const;
    });
    const program = { name: "random", buffers: this.#buffers, steps, scratchBytes: 0 };
    return { program, inputs: this.#inputs };
  }

  #loop(name: string): Loop {
    let extent = this.dice.pick(extents);
    // Four long loops in one another would keep the interpreter busy for seconds.
    if (extent * this.#work > 20_000) extent = this.dice.below(5);
    this.#work *= Math.max(extent, 1);
    return { v: makeVar(name), extent };
  }

  #nested(loops: readonly Loop[], modes: readonly For["mode"][], body: Stmt[]): Stmt[] {
    return loops.reduceRight<Stmt[]>((inside, { v, extent }, i) => {
      return [{ kind: "for", v, extent, mode: modes[i]!, body: inside }];
    }, body);
  }

  #input(dtype: DType, size: number): number {
    const { dice } = this;
    const position = this.#inputs.length;
    const array = new (typedArrayClass(dtype))(size);
    for (let i = 0; i < size; i++) {
      if (dtype === "bool") array[i] = dice.below(2);
      else if (dtype === "bfloat16") array[i] = bfloat16Bits(dice.next() * 4 - 2);
      else if (isFloating(dtype)) array[i] = Math.fround(dice.next() * 4 - 2);
      else if (array instanceof BigUint64Array) array[i] = BigInt(dice.below(200));
      else if (array instanceof BigInt64Array) array[i] = BigInt(dice.below(200) - 100);
      else if (isSigned(dtype)) array[i] = dice.below(200) - 100;
      else array[i] = dice.below(200);
    }
    this.#inputs.push(array);
    return this.#declare(dtype, size, "input", position);
  }

  #output(dtype: DType, size: number): number {
    return this.#declare(dtype, size, "output", this.#outputs++);
  }

  #declare(dtype: DType, size: number, role: "input" | "output", position: number): number {
    const id = this.#buffers.length;
    this.#buffers.push({ id, dtype, size, role, position, offset: 0, donor: -1 });
    return id;
  }

  /** A load at an index of one of many forms. */
  #load(dtype: DType, loops: readonly Loop[]): Expr {
    const { dice } = this;
    let at: Expr = index(0);
    let size = 1;
    const shuffled = dice.chance(0.3) ? [...loops].reverse() : [...loops];
    for (let i = shuffled.length - 1; i >= 0; i--) {
      const { v, extent } = shuffled[i]!;
      if (dice.chance(0.2)) continue; // broadcast along it
      const isReversed = dice.chance(0.15);
      const stride = dice.chance(0.1) ? 2 : 1;
      const here = isReversed ? binary("sub", index(Math.max(extent - 1, 0)), v) : v;
      at = binary("add", at, binary("mul", here, index(size * stride)));
      size *= Math.max(extent, 1) * stride;
    }
    const shift = dice.chance(0.2) ? dice.below(4) : 0;
    at = binary("add", at, index(shift));
    size += shift;
    const form = dice.below(20);
    if (form < 2) at = binary("div", at, index(1 + dice.below(5)));
    else if (form < 4) at = binary("rem", at, index(1 + dice.below(7)));
    else if (form < 7) {
      // By way of a table.
      const table = this.#input("uint8", size);
      const small = 1 + dice.below(20);
      at = binary("rem", cast(load(table, "uint8", at), "int32"), index(small));
      size = small;
      for (const { v, extent } of loops) {
        if (dice.chance(0.5)) continue; // and along a loop besides
        at = binary("add", at, binary("mul", v, index(size)));
        size *= Math.max(extent, 1);
      }
    }
    return load(this.#input(dtype, size), dtype, at);
  }

  /** A value whose floating-point error stays small, so that it may be compared. */
  #value(dtype: DType, loops: readonly Loop[], extra: readonly Expr[], depth: number): Expr {
    const { dice } = this;
    const again = (of: DType = dtype) => this.#value(of, loops, extra, depth - 1);
    const usable = extra.filter((x) => x.dtype === dtype);
    if (depth <= 0 || dice.chance(0.15)) {
      if (usable.length > 0 && dice.chance(0.6)) return dice.pick(usable);
      if (dice.chance(0.15)) return this.#constant(dtype);
      if (dtype === "int32" && loops.length > 0 && dice.chance(0.2)) return dice.pick(loops).v;
      return this.#load(dtype, loops);
    }
    if (dice.chance(0.15)) return select(this.#condition(loops), again(), again());
    if (dtype === "bool") {
      if (dice.chance(0.3)) return unary("not", again());
      return dice.chance(0.5)
        ? this.#condition(loops)
        : binary(dice.pick<BinaryOp>(["and", "or", "xor", "eq", "lt"]), again(), again());
    }
    if (dice.chance(0.15)) return cast(this.#load(dice.pick(dtypes), loops), dtype);
    if (isFloating(dtype)) {
      if (dice.chance(0.2)) {
        return unary(dice.pick(["neg", "abs", "tanh", "exp"]), this.#bounded(again()));
      }
      return binary(
        dice.pick<BinaryOp>(["add", "sub", "mul", "mul", "min", "max"]),
        again(),
        again(),
      );
    }
    if (dice.chance(0.2)) {
      return unary(dice.pick(["neg", "abs", "not", "sign", "popcount"]), again());
    }
    const ops: BinaryOp[] = ["add", "sub", "mul", "min", "max", "and", "or", "xor", "div", "rem"];
    if (dice.chance(0.15)) {
      const op = dice.pick<BinaryOp>(["shl", "shrLogical", "shrArithmetic"]);
      return binary(op, again(), this.#constant(dtype));
    }
    return binary(dice.pick(ops), again(), again());
  }

  #bounded(x: Expr): Expr {
    const limit = (value: number) => constant(value, x.dtype);
    return binary("min", binary("max", x, limit(-4)), limit(4));
  }

  #constant(dtype: DType): Expr {
    const value = this.dice.below(9);
    if (dtype === "bool") return constant(value > 4, dtype);
    return constant(isFloating(dtype) ? value / 4 - 1 : value, dtype);
  }

  /** Exact, so that both sides decide alike. */
  #condition(loops: readonly Loop[]): Expr {
    const { dice } = this;
    const dtype = dice.pick(dtypes);
    const op = dice.pick<BinaryOp>(["eq", "ne", "lt", "le", "gt", "ge"]);
    return binary(op, this.#load(dtype, loops), this.#load(dtype, loops));
  }

  /** A row-major index, its size, and whether axes are swapped. */
  #place(loops: readonly Loop[]): [Expr, number] {
    const order = this.dice.chance(0.2) ? [...loops].reverse() : loops;
    let at: Expr = index(0);
    let size = 1;
    for (let i = order.length - 1; i >= 0; i--) {
      const { v, extent } = order[i]!;
      at = binary("add", at, binary("mul", v, index(size)));
      size *= extent;
    }
    return [at, size];
  }

  #modes(count: number): For["mode"][] {
    return Array.from({ length: count }, (_, i) => {
      if (i === count - 1) return this.dice.chance(0.85) ? "vector" : "serial";
      return i === 0 && this.dice.chance(0.5) ? "parallel" : "serial";
    });
  }

  #elementwise(): Stmt[] {
    const { dice } = this;
    const loops = ["i", "j", "k"].slice(0, 1 + dice.below(3)).map((name) => this.#loop(name));
    const body: Stmt[] = [];
    const extra: Expr[] = [];
    for (let n = dice.below(3); n > 0; n--) {
      const value = this.#value(dice.pick(dtypes), loops, extra, 2);
      const v = makeVar("t", value.dtype);
      body.push({ kind: "let", v, value });
      extra.push(v);
    }
    for (let n = 1 + dice.below(2); n > 0; n--) {
      const dtype = dice.pick(dtypes);
      const [at, size] = this.#place(loops);
      const value = this.#value(dtype, loops, extra, 3);
      const buffer = this.#output(dtype, size);
      body.push({ kind: "store", buffer, index: at, value });
      if (dice.chance(0.3)) {
        // Read back what has just been written, and what is written thereafter is something else.
        const v = makeVar("back", dtype);
        body.push({ kind: "let", v, value: load(buffer, dtype, at) });
        const next = this.#value(dtype, loops, [v], 1);
        body.push({ kind: "store", buffer, index: at, value: next });
        extra.push(v);
      }
    }
    return this.#nested(loops, this.#modes(loops.length), body);
  }

  #reduction(): [DType, ReduceOp] {
    const dtype = wideOf(this.dice.pick(dtypes));
    if (dtype === "bool") return [dtype, this.dice.pick(["and", "or"])];
    if (isFloating(dtype)) return [dtype, this.dice.pick(["add", "add", "max", "min"])];
    return [dtype, this.dice.pick(["add", "mul", "max", "min", "and", "or", "xor"])];
  }

  #rowReduction(): Stmt[] {
    const { dice } = this;
    const outer = ["i", "j"].slice(0, dice.below(3)).map((name) => this.#loop(name));
    const inner = ["k", "l"].slice(0, 1 + dice.below(2)).map((name) => this.#loop(name));
    const all = [...outer, ...inner];
    const body: Stmt[] = [];
    const sums: Var[] = [];
    const terms: Stmt[] = [];
    for (let n = 1 + dice.below(3); n > 0; n--) {
      const [dtype, op] = this.#reduction();
      const v = makeVar("sum", dtype);
      body.push({ kind: "accumulator", v, op });
      terms.push({ kind: "accumulate", v, value: this.#value(dtype, all, [], 2) });
      sums.push(v);
    }
    body.push(...this.#nested(inner, this.#modes(inner.length), terms));
    for (const sum of sums) {
      const [at, size] = this.#place(outer);
      body.push({ kind: "store", buffer: this.#output(sum.dtype, size), index: at, value: sum });
    }
    if (dice.chance(0.5)) {
      // Once more over the row, with what has been found.
      const dtype = sums[0]!.dtype;
      const again = [...outer, ...inner.map(({ v, extent }) => ({ v: makeVar(v.name), extent }))];
      const [at, size] = this.#place(again);
      const value = this.#value(dtype, again, sums, 2);
      const store: Stmt = { kind: "store", buffer: this.#output(dtype, size), index: at, value };
      body.push(...this.#nested(again.slice(outer.length), this.#modes(inner.length), [store]));
    }
    const modes = outer.map((_, i): For["mode"] => i === 0 ? "parallel" : "serial");
    return this.#nested(outer, modes, body);
  }

  /** Lanes along the columns, and a loop over rows inside of them. */
  #columnReduction(): Stmt[] {
    const { dice } = this;
    const outer = ["i"].slice(0, dice.below(2)).map((name) => this.#loop(name));
    const column = this.#loop("j");
    const rows = ["r", "s"].slice(0, 1 + dice.below(2)).map((name) => this.#loop(name));
    const all = [...outer, ...rows, column];
    const body: Stmt[] = [];
    const sums: Var[] = [];
    const terms: Stmt[] = [];
    for (let n = 1 + dice.below(2); n > 0; n--) {
      const [dtype, op] = this.#reduction();
      const v = makeVar("sum", dtype);
      body.push({ kind: "accumulator", v, op });
      terms.push({ kind: "accumulate", v, value: this.#value(dtype, all, [], 2) });
      sums.push(v);
    }
    body.push(...this.#nested(rows, rows.map(() => "serial"), terms));
    for (const sum of sums) {
      const [at, size] = this.#place([...outer, column]);
      const value = dice.chance(0.5) ? sum : this.#value(sum.dtype, [...outer, column], sums, 2);
      const buffer = this.#output(sum.dtype, size);
      body.push({ kind: "store", buffer, index: at, value });
    }
    const inLanes = this.#nested([column], [dice.chance(0.9) ? "vector" : "serial"], body);
    return this.#nested(outer, ["parallel"], inLanes);
  }

  #search(): Stmt[] {
    const { dice } = this;
    const outer = this.#loop("i");
    const inner = this.#loop("j");
    const dtype = dice.pick(dtypes.filter((d) => d !== "bool"));
    const value = makeVar("best", wideOf(dtype));
    const at = makeVar("at");
    const offer: Stmt = {
      kind: "argAccumulate",
      v: value,
      value: cast(this.#load(dtype, [outer, inner]), wideOf(dtype)),
      position: inner.v,
    };
    const byColumn = dice.chance(0.4);
    const store: Stmt = {
      kind: "store",
      buffer: this.#output("int32", outer.extent),
      index: outer.v,
      value: at,
    };
    const op = dice.pick(["max", "min"] as const);
    return this.#nested([outer], [byColumn ? "vector" : "parallel"], [
      { kind: "argAccumulator", value, at, op },
      ...this.#nested([inner], [byColumn ? "serial" : "vector"], [offer]),
      store,
    ]);
  }

  /** Elements in pairs, as parts of complex numbers lie: read and written in any order of the loops, by a table, in place. */
  #pairs(): Stmt[] {
    const { dice } = this;
    const loops = ["i", "j"].slice(0, 1 + dice.below(2)).map((name) => this.#loop(name));
    const dtype = dice.pick<DType>(["float32", "float64", "int32", "int64"]);
    const twice = (at: Expr, part: number) =>
      binary("add", binary("mul", at, index(2)), index(part));
    const sources = Array.from({ length: 1 + dice.below(2) }, () => {
      let [at, size] = this.#place(loops);
      if (dice.chance(0.25)) at = binary("sub", index(Math.max(size - 1, 0)), at);
      else if (dice.chance(0.3)) {
        const table = this.#input("uint8", size);
        size = 1 + dice.below(20);
        at = binary("rem", cast(load(table, "uint8", at), "int32"), index(size));
      }
      const shift = dice.chance(0.2) ? 1 : 0;
      const buffer = this.#input(dtype, 2 * size + shift);
      return [0, 1].map((part) => load(buffer, dtype, twice(at, part + shift)));
    });
    const term = () => dice.pick(dice.pick(sources));
    const value = () => binary(dice.pick<BinaryOp>(["add", "sub", "mul"]), term(), term());
    const [at, size] = this.#place(loops);
    const buffer = this.#output(dtype, 2 * size);
    const body: Stmt[] = [];
    const write = (make: (part: number) => Expr, isFlipped: boolean) => {
      const values = [0, 1].map((part) => {
        const v = makeVar("t", dtype);
        body.push({ kind: "let", v, value: make(part) });
        return v;
      });
      for (const part of isFlipped ? [1, 0] : [0, 1]) {
        body.push({ kind: "store", buffer, index: twice(at, part), value: values[part]! });
      }
    };
    write(dice.chance(0.1) ? () => this.#value(dtype, loops, [], 1) : value, dice.chance(0.3));
    if (dice.chance(0.4)) {
      const old = [0, 1].map((part) => load(buffer, dtype, twice(at, part)));
      write((part) => binary("add", old[dice.chance(0.5) ? part : 1 - part]!, value()), false);
    }
    return this.#nested(loops, this.#modes(loops.length), body);
  }

  /** Stores in an order of their own, guarded or combining; serial where indices may meet. */
  #scatter(): Stmt[] {
    const { dice } = this;
    const loop = this.#loop("i");
    const size = 1 + dice.below(20);
    // Rows at such places, in lanes behind a guard that holds for all of a row; or single elements.
    const row = { v: makeVar("k"), extent: dice.chance(0.5) ? 1 : dice.pick([2, 7, 16, 33]) };
    const dtype = dice.pick(dtypes.filter((d) => d !== "bool" && d !== "float32"));
    const fill = this.#loop("z");
    const buffer = this.#output(dtype, size * row.extent);
    const zero: Stmt = {
      kind: "store",
      buffer,
      index: fill.v,
      value: constant(0, dtype),
    };
    const table = this.#input("uint8", Math.max(loop.extent, 1));
    const anywhere = binary("rem", cast(load(table, "uint8", loop.v), "int32"), index(size + 3));
    const inside = binary("lt", anywhere, index(size));
    const combine = dice.pick<ReduceOp | undefined>(["add", "max", "min", undefined]);
    const store: Stmt = {
      kind: "store",
      buffer,
      index: binary("add", binary("mul", anywhere, index(row.extent)), row.v),
      value: this.#value(dtype, [loop, row], [], 1),
      guard: dice.chance(0.5) ? inside : binary("and", inside, this.#condition([loop])),
      ...(combine === undefined ? {} : { combine }),
    };
    return [
      { kind: "for", v: fill.v, extent: size * row.extent, mode: "vector", body: [zero] },
      ...this.#nested([loop, row], ["serial", "vector"], [store]),
    ];
  }

  /** Stores along lanes that a guard lets through, and updates in place. */
  #running(): Stmt[] {
    const { dice } = this;
    const loops = [this.#loop("i"), this.#loop("j")];
    const dtype = dice.pick(dtypes.filter((d) => d !== "bool" && d !== "float32"));
    const [at, size] = this.#place(loops);
    const buffer = this.#output(dtype, size);
    const first: Stmt = {
      kind: "store",
      buffer,
      index: at,
      value: this.#value(dtype, loops, [], 1),
    };
    const second: Stmt = {
      kind: "store",
      buffer,
      index: at,
      value: this.#value(dtype, loops, [], 1),
      combine: dice.pick<ReduceOp>(["add", "mul", "max", "min"]),
      ...(dice.chance(0.5) ? { guard: this.#condition(loops) } : {}),
    };
    return this.#nested(loops, this.#modes(2), [first, second]);
  }
}
