/**
 * Control flow, and calls of the host: code that writes the tables of inner programs and functions, and calls them.
 *
 * An inner program is a function of the same module, `run(table)`, like the whole one. No slice is copied: the addresses in
 * its table move. A carry that the body updates in place lives in the result; any other goes to and fro between the result and a
 * place in scratch, such that what was computed last is in the result.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import { type BufferDecl, type Control, operandsInPlace, type Program } from "../../loopnest/ir.ts";
import type { Assembler, Ref } from "./assembler.ts";
import { FunctionBuilder, type Value } from "./function.ts";

/** What surrounds control flow. */
export interface ControlHost {
  readonly asm: Assembler;
  readonly buffers: readonly BufferDecl[];
  /** The address of a buffer, in a function whose parameter is the program's table. */
  address(fn: FunctionBuilder, buffer: number): Ref;
  /** The address where scratch of this step begins. */
  scratchAddress(fn: FunctionBuilder): Ref;
  /** Emits an inner program, to be run about `turns` times; the names of its functions begin with `prefix`. */
  inner(program: Program, prefix: string, turns: number): InnerProgram;
  /** The code that calls a function of the host with a table of the addresses of operands and results. */
  callHost(id: number, table: Ref): Ref;
}

/** An emitted inner program. */
export interface InnerProgram {
  /** The function to call with a table. */
  readonly run: string;
  readonly scratchBytes: number;
}

/** Emits control flow as a function `name(table)`; gives the bytes of scratch that it uses. */
export function emitControl(host: ControlHost, step: Control, name: string): number {
  const emitter = new ControlEmitter(host, step, name);
  switch (step.control.kind) {
    case "scan":
      emitter.scan(step.control);
      break;
    case "while":
      emitter.while(step.control);
      break;
    case "cond":
      emitter.cond(step.control);
      break;
    case "callback":
      emitter.callback(step.control);
      break;
    default: {
      const never: never = step.control;
      return never;
    }
  }
  return emitter.finish();
}

type Kind<K> = Extract<Control["control"], { kind: K }>;

const ALIGNMENT = 64;
/** Turns of a loop of which nobody knows how many it will take. */
const usualTurns = 16;

/** A table in scratch, of the inputs, outputs and scratch of an inner program. */
class Table {
  constructor(readonly offset: number, readonly inputs: number, readonly outputs: number) {}

  input(i: number): number {
    return this.offset + 4 * i;
  }

  output(i: number): number {
    return this.offset + 4 * (this.inputs + i);
  }

  get scratch(): number {
    return this.output(this.outputs);
  }
}

/** A carry that goes to and fro: which one, and the sum of its two places' addresses. */
interface Swing {
  readonly i: number;
  readonly sum: Value;
}

class ControlEmitter {
  readonly #host: ControlHost;
  readonly #asm: Assembler;
  readonly #step: Control;
  readonly #name: string;
  readonly #fn: FunctionBuilder;
  readonly #scratch: Value;
  #bytes = 0;
  #innerBytes = 0;
  /** Tables whose entry for scratch is to be written, once it is known where that begins. */
  readonly #tables: Table[] = [];

  constructor(host: ControlHost, step: Control, name: string) {
    this.#host = host;
    this.#asm = host.asm;
    this.#step = step;
    this.#name = name;
    this.#fn = new FunctionBuilder(host.asm, name, ["i32"], [], 0);
    this.#scratch = this.#fn.keep("i32", host.scratchAddress(this.#fn));
  }

  scan(control: Kind<"scan">): void {
    const { body, numConsts, numCarry, length, reverse } = control;
    const fn = this.#fn;
    const { operands, results } = this.#step;
    const table = this.#table(operands.length, results.length);
    const fixed = numConsts + numCarry;
    for (let i = 0; i < numConsts; i++) this.#set(table.input(i), this.#operand(i));
    if (length === 0) {
      for (let i = 0; i < numCarry; i++) this.#copyToResult(i, this.#operand(numConsts + i));
      return;
    }
    const { run } = this.#inner(body, "body", length);
    const swings = this.#carries(numConsts, [{ table, first: numConsts }], table, length);
    const moves: [entry: number, by: number][] = [];
    const slice = (entry: number, buffer: number, address: Ref) => {
      const bytes = this.#bytesOf(buffer) / length;
      const start = reverse ? (length - 1) * bytes : 0;
      this.#set(entry, this.#asm.op2("i32.add", address, this.#asm.i32(start)));
      if (bytes > 0) moves.push([entry, reverse ? -bytes : bytes]);
    };
    operands.slice(fixed).forEach((b, k) =>
      slice(table.input(fixed + k), b, this.#operand(fixed + k))
    );
    results.slice(numCarry).forEach((b, k) =>
      slice(table.output(numCarry + k), b, this.#result(numCarry + k))
    );
    const left = fn.keep("i32", this.#asm.i32(length));
    const turn: Ref[] = [this.#call(run, table)];
    for (const swing of swings) {
      turn.push(...this.#swing(swing, table, [table.input(numConsts + swing.i)]));
    }
    for (const [entry, by] of moves) {
      turn.push(this.#store(entry, this.#asm.op2("i32.add", this.#load(entry), this.#asm.i32(by))));
    }
    turn.push(
      fn.set(left, this.#asm.op2("i32.sub", fn.get(left), this.#asm.i32(1))),
      this.#asm.module.br("turn", fn.get(left)),
    );
    fn.push(this.#asm.module.loop("turn", this.#block(turn)));
  }

  while(control: Kind<"while">): void {
    const { condition, body, numConditionConsts, numBodyConsts } = control;
    const fn = this.#fn;
    const { module } = this.#asm;
    const numCarry = this.#step.results.length;
    const asked = this.#table(numConditionConsts + numCarry, 1);
    const table = this.#table(numBodyConsts + numCarry, numCarry);
    const flag = this.#place(1);
    for (let i = 0; i < numConditionConsts; i++) this.#set(asked.input(i), this.#operand(i));
    for (let i = 0; i < numBodyConsts; i++) {
      this.#set(table.input(i), this.#operand(numConditionConsts + i));
    }
    this.#set(asked.output(0), this.#at(flag));
    const readers = [
      { table, first: numBodyConsts },
      { table: asked, first: numConditionConsts },
    ];
    const consts = numConditionConsts + numBodyConsts;
    const swings = this.#carries(consts, readers, table, 1);
    const test = this.#inner(condition, "condition", usualTurns).run;
    const { run } = this.#inner(body, "body", usualTurns);
    const turn = [this.#call(test, asked)];
    const flagByte = this.#asm.load("i32", 1, fn.get(this.#scratch), flag);
    turn.push(module.br("done", this.#asm.op1("i32.eqz", flagByte)), this.#call(run, table));
    for (const swing of swings) {
      const entries = readers.map((r) => r.table.input(r.first + swing.i));
      turn.push(...this.#swing(swing, table, entries));
    }
    turn.push(module.br("turn"));
    const loop = module.loop("turn", this.#block(turn));
    fn.push(module.block("done", [loop], this.#asm.none));
    for (const { i } of swings) {
      // Nothing happens where it is there already, which a copy onto itself would take its time for.
      const entry = table.input(numBodyConsts + i);
      const isElsewhere = this.#asm.op2("i32.ne", this.#load(entry), this.#result(i));
      fn.push(module.if(isElsewhere, this.#copyCode(i, this.#load(entry))));
    }
  }

  cond({ branches }: Kind<"cond">): void {
    const fn = this.#fn;
    const { operands, results } = this.#step;
    const table = this.#table(operands.length - 1, results.length);
    for (let i = 1; i < operands.length; i++) this.#set(table.input(i - 1), this.#operand(i));
    operandsInPlace(this.#step.control, results.length).forEach((operand, i) => {
      this.#set(table.output(i), this.#result(i));
      if (operand < 0) return;
      this.#moveToResult(i, operand);
      this.#set(table.input(operand - 1), this.#result(i));
    });
    const index = fn.keep("i32", this.#asm.load("i32", 4, this.#operand(0), 0));
    const calls = branches.map((b, i) => this.#call(this.#inner(b, `branch${i}`, 1).run, table));
    let code = calls.pop()!;
    for (let i = calls.length - 1; i >= 0; i--) {
      const isUpTo = this.#asm.op2("i32.le_s", fn.get(index), this.#asm.i32(i));
      code = this.#asm.module.if(isUpTo, calls[i]!, code);
    }
    fn.push(code);
  }

  callback({ id, guarded }: Kind<"callback">): void {
    const fn = this.#fn;
    const { module } = this.#asm;
    const { operands, results } = this.#step;
    const at = this.#place(4 * (operands.length + results.length));
    const code = [...operands, ...results].map((b, i) =>
      this.#store(at + 4 * i, this.#host.address(fn, b))
    );
    code.push(this.#host.callHost(id, this.#at(at)));
    if (!guarded) {
      for (const each of code) fn.push(each);
      return;
    }
    const guard = this.#asm.load("i32", 1, this.#operand(0), 0);
    fn.push(module.if(guard, this.#block(code)));
  }

  /** Ends the function; gives the bytes of scratch. */
  finish(): number {
    // At the front, because the code that calls is there already.
    const fn = this.#fn;
    const at = this.#bytes;
    const [first, ...rest] = fn.entry.code;
    const sets = this.#tables.map((t) => this.#store(t.scratch, this.#at(at)));
    fn.entry.code.splice(0, fn.entry.code.length, first!, ...sets, ...rest);
    fn.finish();
    return at + this.#innerBytes;
  }

  /**
   * Gives carries their first addresses: in the tables of those that read them, and in `writer`, the table of the body.
   * Those that are not updated in place are returned; after `turns` turns, or an odd number, they are in the result.
   */
  #carries(
    firstOperand: number,
    readers: readonly { readonly table: Table; readonly first: number }[],
    writer: Table,
    turns: number,
  ): Swing[] {
    const fn = this.#fn;
    const swings: Swing[] = [];
    const { control, results } = this.#step;
    const inPlace = operandsInPlace(control, results.length);
    const count = control.kind === "scan" ? control.numCarry : results.length;
    for (let i = 0; i < count; i++) {
      const entries = readers.map((r) => r.table.input(r.first + i));
      if (inPlace[i]! >= 0) {
        this.#moveToResult(i, firstOperand + i);
        for (const entry of [...entries, writer.output(i)]) this.#set(entry, this.#result(i));
        continue;
      }
      const other = this.#place(this.#bytesOf(results[i]!));
      for (const entry of entries) this.#set(entry, this.#operand(firstOperand + i));
      this.#set(writer.output(i), turns % 2 === 1 ? this.#result(i) : this.#at(other));
      const sum = this.#asm.op2("i32.add", this.#result(i), this.#at(other));
      swings.push({ i, sum: fn.keep("i32", sum) });
    }
    return swings;
  }

  /** After a turn: what was written is what is read, and the other place is written next. */
  #swing({ i, sum }: Swing, writer: Table, readers: readonly number[]): Ref[] {
    const entry = writer.output(i);
    const rest = this.#asm.op2("i32.sub", this.#fn.get(sum), this.#load(entry));
    return [
      ...readers.map((reader) => this.#store(reader, this.#load(entry))),
      this.#store(entry, rest),
    ];
  }

  #inner(program: Program, role: string, turns: number): InnerProgram {
    const inner = this.#host.inner(program, `${this.#name}_${role}_`, turns);
    this.#innerBytes = Math.max(this.#innerBytes, inner.scratchBytes);
    return inner;
  }

  #table(inputs: number, outputs: number): Table {
    const table = new Table(this.#place(4 * (inputs + outputs + 1)), inputs, outputs);
    this.#tables.push(table);
    return table;
  }

  /** A place in scratch: its offset. */
  #place(bytes: number): number {
    const offset = this.#bytes;
    this.#bytes += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return offset;
  }

  #at(offset: number): Ref {
    const address = this.#fn.get(this.#scratch);
    return offset === 0 ? address : this.#asm.op2("i32.add", address, this.#asm.i32(offset));
  }

  #load(offset: number): Ref {
    return this.#asm.load("i32", 4, this.#fn.get(this.#scratch), offset);
  }

  #store(offset: number, value: Ref): Ref {
    return this.#asm.store("i32", 4, this.#fn.get(this.#scratch), offset, value);
  }

  #set(offset: number, value: Ref): void {
    this.#fn.push(this.#store(offset, value));
  }

  #call(run: string, table: Table): Ref {
    return this.#asm.module.call(run, [this.#at(table.offset)], this.#asm.none);
  }

  #block(code: Ref[]): Ref {
    return this.#asm.module.block(null, code, this.#asm.none);
  }

  #operand(i: number): Ref {
    return this.#host.address(this.#fn, this.#step.operands[i]!);
  }

  #result(i: number): Ref {
    return this.#host.address(this.#fn, this.#step.results[i]!);
  }

  #bytesOf(buffer: number): number {
    const { size, dtype } = this.#host.buffers[buffer]!;
    return size * dtypeInfo(dtype).bytes;
  }

  #copyCode(i: number, from: Ref): Ref {
    const bytes = this.#bytesOf(this.#step.results[i]!);
    return this.#asm.module.memory.copy(this.#result(i), from, this.#asm.i32(bytes));
  }

  /** Puts an operand in the place of a result, unless it is there already. */
  #moveToResult(i: number, operand: number): void {
    const [from, to] = [this.#step.operands[operand]!, this.#step.results[i]!];
    const { role, position } = this.#host.buffers[from]!;
    const isThere = from === to ||
      (role === "input" && this.#host.buffers[to]!.donor === position);
    if (!isThere) this.#copyToResult(i, this.#operand(operand));
  }

  #copyToResult(i: number, from: Ref): void {
    this.#fn.push(this.#copyCode(i, from));
  }
}
