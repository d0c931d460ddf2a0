/**
 * A module under construction, in WebAssembly's binary format: trees of instructions go in, bytes come out. Nothing is
 * optimised: V8 does that.
 *
 * @module
 */
import { InternalError } from "../../errors.ts";
import type { TypeName } from "./assembler.ts";
import { type Instruction, unsigned } from "./instructions.ts";

/** What code leaves behind: a value, nothing, or nobody (where it never ends). */
export type ResultType = TypeName | "none" | "unreachable";

/** Code of a function; it may be used once. */
export abstract class Code {
  /** @param type What it leaves behind. */
  constructor(readonly type: ResultType) {}
  /** Writes the instructions. */
  abstract write(to: Writer): void;
}

const typeBytes: Readonly<Record<TypeName, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Bytes, as many as come. */
class Writer {
  /** The labels around what is being written, innermost last; `null` for those that nobody can name. */
  readonly labels: (string | null)[] = [];
  #bytes = new Uint8Array(1024);
  #length = 0;

  constructor(readonly module: ModuleBuilder) {}

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    larger.set(this.bytes);
    this.#bytes = larger;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  all(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  unsigned(value: number): void {
    while (value > 127) {
      this.byte((value % 128) | 128);
      value = Math.floor(value / 128);
    }
    this.byte(value);
  }

  signed(value: bigint): void {
    for (;;) {
      const low = Number(value & 127n);
      value >>= 7n;
      if ((value === 0n && low < 64) || (value === -1n && low >= 64)) return this.byte(low);
      this.byte(low | 128);
    }
  }

  signed32(value: number): void {
    for (;;) {
      const low = value & 127;
      value >>= 7;
      if ((value === 0 && low < 64) || (value === -1 && low >= 64)) return this.byte(low);
      this.byte(low | 128);
    }
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.unsigned(bytes.length);
    this.all(bytes);
  }

  /** A list of things, its length first. */
  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.unsigned(items.length);
    items.forEach(write);
  }

  /** Something, the number of its bytes first. */
  sized(write: (to: Writer) => void): void {
    const inner = new Writer(this.module);
    write(inner);
    this.unsigned(inner.#length);
    this.all(inner.bytes);
  }

  /** How many labels out a name is. */
  depth(label: string): number {
    const at = this.labels.lastIndexOf(label);
    if (at < 0) throw new InternalError(`assembler: no label ${label}`);
    return this.labels.length - 1 - at;
  }
}

/** Operands, an instruction, and what follows it. */
class Plain extends Code {
  constructor(
    type: ResultType,
    readonly operands: readonly Code[],
    readonly code: readonly number[],
    readonly rest: readonly number[] = [],
  ) {
    super(type);
  }

  override write(to: Writer): void {
    const { operands, code, rest } = this;
    for (let i = 0; i < operands.length; i++) operands[i]!.write(to);
    for (let i = 0; i < code.length; i++) to.byte(code[i]!);
    for (let i = 0; i < rest.length; i++) to.byte(rest[i]!);
  }
}

class Constant extends Code {
  constructor(type: "i32" | "i64" | "f32" | "f64", readonly value: number | bigint) {
    super(type);
  }

  override write(to: Writer): void {
    switch (this.type) {
      case "i32":
        to.byte(0x41);
        return to.signed32(Number(this.value));
      case "i64":
        to.byte(0x42);
        return to.signed(BigInt.asIntN(64, BigInt(this.value)));
      case "f32":
        to.byte(0x43);
        return to.all(new Uint8Array(Float32Array.of(Number(this.value)).buffer));
      default:
        to.byte(0x44);
        return to.all(new Uint8Array(Float64Array.of(Number(this.value)).buffer));
    }
  }
}

/** `local.get`, `set` and `tee`, and the same of globals, by an index or a name. */
class Variable extends Code {
  constructor(
    type: ResultType,
    readonly code: number,
    readonly variable: number | string,
    readonly value: Code | null,
  ) {
    super(type);
  }

  override write(to: Writer): void {
    this.value?.write(to);
    to.byte(this.code);
    const { variable } = this;
    to.unsigned(typeof variable === "number" ? variable : to.module.globalIndex(variable));
  }
}

/** A block, a loop or an `if`. */
class Structure extends Code {
  constructor(
    type: ResultType,
    readonly code: number,
    readonly label: string | null,
    readonly condition: Code | null,
    readonly body: readonly Code[],
    readonly otherwise: Code | null = null,
  ) {
    super(type);
  }

  override write(to: Writer): void {
    const { type, code, label, condition, body, otherwise } = this;
    condition?.write(to);
    to.byte(code);
    to.byte(type === "none" || type === "unreachable" ? 0x40 : typeBytes[type]);
    to.labels.push(label);
    for (const part of body) part.write(to);
    if (otherwise !== null) {
      to.byte(0x05);
      otherwise.write(to);
    }
    to.labels.pop();
    to.byte(0x0b);
    // What never ends has no type of its own there: it is said once more that nobody comes by.
    if (type === "unreachable") to.byte(0x00);
  }
}

/** Code in a row. */
class Sequence extends Code {
  constructor(type: ResultType, readonly body: readonly Code[]) {
    super(type);
  }

  override write(to: Writer): void {
    for (const part of this.body) part.write(to);
  }
}

class Branch extends Code {
  constructor(
    type: ResultType,
    readonly operands: readonly Code[],
    readonly code: number,
    readonly targets: readonly string[],
  ) {
    super(type);
  }

  override write(to: Writer): void {
    for (const operand of this.operands) operand.write(to);
    to.byte(this.code);
    // Of a table the last one is what all other indices go to, and does not count.
    if (this.code === 0x0e) to.unsigned(this.targets.length - 1);
    for (const target of this.targets) to.unsigned(to.depth(target));
  }
}

class Call extends Code {
  constructor(type: ResultType, readonly callee: string, readonly args: readonly Code[]) {
    super(type);
  }

  override write(to: Writer): void {
    for (const arg of this.args) arg.write(to);
    to.byte(0x10);
    to.unsigned(to.module.functionIndex(this.callee));
  }
}

interface Signature {
  readonly params: readonly TypeName[];
  readonly results: readonly TypeName[];
}

interface DefinedFunction {
  readonly type: number;
  readonly locals: readonly TypeName[];
  readonly body: Code;
}

interface Imported {
  readonly module: string;
  readonly base: string;
  readonly what: readonly number[];
}

interface DefinedGlobal {
  readonly type: TypeName;
  readonly mutable: boolean;
  readonly init: Code;
}

/** A name that stands for a thing, where there is none yet. */
function define(names: Map<string, number>, name: string): void {
  if (names.has(name)) throw new InternalError(`assembler: ${name} is there already`);
  names.set(name, names.size);
}

/** Builds one module, which imports the shared memory `env.memory`. */
export class ModuleBuilder {
  readonly #types = new Map<string, { readonly index: number; readonly signature: Signature }>();
  readonly #imports: Imported[] = [];
  readonly #importedFunctions = new Map<string, number>();
  readonly #functionNames = new Map<string, number>();
  readonly #functions: DefinedFunction[] = [];
  readonly #importedGlobals = new Map<string, number>();
  readonly #globalNames = new Map<string, number>();
  readonly #globals: DefinedGlobal[] = [];
  readonly #exports: { readonly name: string; readonly exported: string }[] = [];

  /** Locals of the function that the code is for. */
  readonly local = {
    get: (i: number, type: TypeName): Code => new Variable(type, 0x20, i, null),
    set: (i: number, value: Code): Code => new Variable("none", 0x21, i, value),
    tee: (i: number, value: Code, type: TypeName): Code => new Variable(type, 0x22, i, value),
  };

  /** Globals of the module. */
  readonly global = {
    get: (name: string, type: TypeName): Code => new Variable(type, 0x23, name, null),
    set: (name: string, value: Code): Code => new Variable("none", 0x24, name, value),
  };

  /** Whole ranges of the memory. */
  readonly memory = {
    copy: (to: Code, from: Code, bytes: Code): Code =>
      new Plain("none", [to, from, bytes], [0xfc, 0x0a, 0, 0]),
    fill: (to: Code, value: Code, bytes: Code): Code =>
      new Plain("none", [to, value, bytes], [0xfc, 0x0b, 0]),
  };

  #typeIndex(params: readonly TypeName[], results: readonly TypeName[]): number {
    const key = `${params}>${results}`;
    let entry = this.#types.get(key);
    if (entry === undefined) {
      entry = { index: this.#types.size, signature: { params, results } };
      this.#types.set(key, entry);
    }
    return entry.index;
  }

  /** The number of a function. */
  functionIndex(name: string): number {
    const index = this.#importedFunctions.get(name);
    if (index !== undefined) return index;
    const own = this.#functionNames.get(name);
    if (own === undefined) throw new InternalError(`assembler: no function ${name}`);
    return this.#importedFunctions.size + own;
  }

  /** The number of a global. */
  globalIndex(name: string): number {
    const index = this.#importedGlobals.get(name);
    if (index !== undefined) return index;
    const own = this.#globalNames.get(name);
    if (own === undefined) throw new InternalError(`assembler: no global ${name}`);
    return this.#importedGlobals.size + own;
  }

  /** Adds a global. */
  addGlobal(name: string, type: TypeName, mutable: boolean, init: Code): void {
    define(this.#globalNames, name);
    this.#globals.push({ type, mutable, init });
  }

  /** Adds a global that is imported as `module.base`. */
  addGlobalImport(
    name: string,
    module: string,
    base: string,
    type: TypeName,
    mutable: boolean,
  ): void {
    define(this.#importedGlobals, name);
    this.#imports.push({ module, base, what: [0x03, typeBytes[type], mutable ? 1 : 0] });
  }

  /** Adds a function. Its locals are its parameters, and then `locals`. */
  addFunction(
    name: string,
    params: readonly TypeName[],
    results: readonly TypeName[],
    locals: readonly TypeName[],
    body: Code,
  ): void {
    define(this.#functionNames, name);
    this.#functions.push({ type: this.#typeIndex(params, results), locals, body });
  }

  /** Adds a function that is imported as `module.base`. */
  addFunctionImport(
    name: string,
    module: string,
    base: string,
    params: readonly TypeName[],
    result: TypeName | "none",
  ): void {
    define(this.#importedFunctions, name);
    const type = this.#typeIndex(params, result === "none" ? [] : [result]);
    this.#imports.push({ module, base, what: [0x00, ...unsigned(type)] });
  }

  /** Exports a function. */
  addFunctionExport(name: string, exported: string): void {
    this.#exports.push({ name, exported });
  }

  /** An instruction that only computes, perhaps with the number of a lane. */
  plain({ code, result }: Instruction, operands: readonly Code[], lane?: number): Code {
    return new Plain(result, operands, code, lane === undefined ? [] : [lane]);
  }

  /** A constant of a scalar type. */
  constant(type: "i32" | "i64" | "f32" | "f64", value: number | bigint): Code {
    return new Constant(type, value);
  }

  /** A constant vector, from its 16 bytes. */
  vector(bytes: readonly number[]): Code {
    return new Plain("v128", [], [0xfd, 0x0c], bytes);
  }

  /** `i8x16.shuffle`. */
  shuffle(x: Code, y: Code, bytes: readonly number[]): Code {
    return new Plain("v128", [x, y], [0xfd, 0x0d], bytes);
  }

  /**
   * An instruction that reads or writes memory.
   *
   * @param align How many bytes its address is a multiple of, as far as is known.
   * @param lane Of those that read or write one lane.
   */
  access(
    type: ResultType,
    code: readonly number[],
    operands: readonly Code[],
    align: number,
    offset: number,
    lane?: number,
  ): Code {
    const rest = [Math.log2(align), ...unsigned(offset), ...(lane === undefined ? [] : [lane])];
    return new Plain(type, operands, code, rest);
  }

  /** Code in a row; with a label it can be left early. */
  block(label: string | null, body: readonly Code[], type: ResultType = "none"): Code {
    return label === null ? new Sequence(type, body) : new Structure(type, 0x02, label, null, body);
  }

  /** Code that a branch to its label begins anew. */
  loop(label: string, body: Code): Code {
    return new Structure(body.type, 0x03, label, null, [body]);
  }

  /** One of two pieces of code. */
  if(condition: Code, then: Code, otherwise: Code | null = null): Code {
    const type = otherwise === null
      ? "none"
      : then.type === "unreachable"
      ? otherwise.type
      : then.type;
    return new Structure(type, 0x04, null, condition, [then], otherwise);
  }

  /** Goes to a label, where a condition holds if there is one. */
  br(label: string, condition?: Code, value?: Code): Code {
    const operands = [value, condition].filter((x) => x !== undefined);
    if (condition === undefined) return new Branch("unreachable", operands, 0x0c, [label]);
    return new Branch(value?.type ?? "none", operands, 0x0d, [label]);
  }

  /** Goes to the label that an index says. */
  switch(labels: readonly string[], otherwise: string, index: Code): Code {
    return new Branch("unreachable", [index], 0x0e, [...labels, otherwise]);
  }

  /** Ends the function, which has no result. */
  return(): Code {
    return new Plain("unreachable", [], [0x0f]);
  }

  /** Calls a function, which may be added later. */
  call(name: string, args: readonly Code[], type: ResultType): Code {
    return new Call(type, name, args);
  }

  /** One of two values; both are computed. */
  select(condition: Code, then: Code, otherwise: Code): Code {
    return new Plain(then.type, [then, otherwise, condition], [0x1b]);
  }

  /** Forgets a value. */
  drop(value: Code): Code {
    return new Plain("none", [value], [0x1a]);
  }

  /** Nothing. */
  nop(): Code {
    return new Sequence("none", []);
  }

  /** The module. */
  emitBinary(): Uint8Array<ArrayBuffer> {
    const to = new Writer(this);
    to.all([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const section = (id: number, write: (to: Writer) => void): void => {
      to.byte(id);
      to.sized(write);
    };
    const types = (at: Writer, names: readonly TypeName[]) =>
      at.list(names, (name) => at.byte(typeBytes[name]));
    section(1, (at) =>
      at.list([...this.#types.values()], ({ signature: { params, results } }) => {
        at.byte(0x60);
        types(at, params);
        types(at, results);
      }));
    // The memory is shared, of any size up to 4 GiB.
    const memory: Imported = { module: "env", base: "memory", what: [2, 3, 0, ...unsigned(65536)] };
    section(2, (at) =>
      at.list([memory, ...this.#imports], ({ module, base, what }) => {
        at.text(module);
        at.text(base);
        at.all(what);
      }));
    section(3, (at) => at.list(this.#functions, ({ type }) => at.unsigned(type)));
    section(6, (at) =>
      at.list(this.#globals, ({ type, mutable, init }) => {
        at.byte(typeBytes[type]);
        at.byte(mutable ? 1 : 0);
        init.write(at);
        at.byte(0x0b);
      }));
    section(7, (at) =>
      at.list(this.#exports, ({ name, exported }) => {
        at.text(exported);
        at.byte(0);
        at.unsigned(this.functionIndex(name));
      }));
    section(10, (at) =>
      at.list(this.#functions, ({ locals, body }) =>
        at.sized((code) => {
          code.list(runsOf(locals), ([type, count]) => {
            code.unsigned(count);
            code.byte(typeBytes[type]);
          });
          body.write(code);
          code.byte(0x0b);
        })));
    return to.bytes.slice();
  }
}

/** Equal types in a row, counted. */
function runsOf(types: readonly TypeName[]): [type: TypeName, count: number][] {
  const runs: [TypeName, number][] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === type) last[1]++;
    else runs.push([type, 1]);
  }
  return runs;
}
