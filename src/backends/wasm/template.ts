/**
 * Kernels expanded in place: the text of a function, read once and turned into a recipe that builds its body anew, with
 * locals of its own, wherever it is called. V8 inlines no calls between WASM functions, and a call costs
 * more than the exponential function itself.
 *
 * @module
 */
import { CompileError } from "../../errors.ts";
import type { Assembler, Ref, TypeName, WasmType } from "./assembler.ts";
import type { FunctionBuilder, Value } from "./function.ts";
import {
  floatOf,
  type Form,
  isList,
  plainInstruction,
  readForms,
  vectorBytes,
} from "./wat_forms.ts";

/** What one expansion works with. */
interface Expansion {
  readonly asm: Assembler;
  readonly fn: FunctionBuilder;
  readonly locals: readonly Value[];
  /** The label that returning branches to. */
  readonly exit: string;
  /** Makes labels unique. */
  readonly suffix: string;
}

type Build = (at: Expansion) => Ref;

/** A kernel ready for expansion. */
export interface Template {
  readonly params: readonly TypeName[];
  readonly result: TypeName | null;
  /** Instructions, about. */
  readonly size: number;
  /** Kernels that it calls. */
  readonly calls: ReadonlySet<string>;
  /** Expands it; a result is the value of the code. */
  expand(fn: FunctionBuilder, args: readonly Ref[]): Ref;
}

function resultOf(form: Form | undefined): TypeName | null {
  return isList(form) && form[0] === "result" ? form[1] as TypeName : null;
}

function typeOf(asm: Assembler, name: TypeName | null): WasmType {
  return name === null ? asm.none : asm.type(name);
}

/** What a kernel's text refers to. */
export interface Library {
  /** The bytes of a constant that the text reads as a global. */
  bytesOf(name: string): readonly number[];
  /** The result of a kernel that the text calls. */
  resultOf(name: string): TypeName | null;
}

let expansions = 0;

/**
 * Reads a `(func …)` form in folded text.
 *
 * @throws {CompileError} Where the text has something that cannot be expanded in place.
 */
export function makeTemplate(text: string, library: Library): Template {
  const [func] = readForms(text) as [readonly Form[]];
  return new Reader(func, library).read();
}

class Reader {
  readonly #params: TypeName[] = [];
  readonly #locals: TypeName[] = [];
  readonly #names = new Map<string, number>();
  readonly #calls = new Set<string>();
  /** Locals that may be read before they are written: they must be zero, and in a loop are not by themselves. */
  readonly #zeroed = new Set<number>();
  readonly #written = new Set<number>();
  #depth = 0;
  #size = 0;

  constructor(
    readonly func: readonly Form[],
    readonly library: Library,
  ) {}

  read(): Template {
    let result: TypeName | null = null;
    let at = 2;
    for (; at < this.func.length; at++) {
      const form = this.func[at];
      if (!isList(form)) break;
      const [head] = form;
      if (head === "param") this.#declare(form, this.#params);
      else if (head === "local") this.#declare(form, this.#locals);
      else if (head === "result") result = form[1] as TypeName;
      else break;
    }
    for (let i = 0; i < this.#params.length; i++) this.#written.add(i);
    const body = this.func.slice(at).map((form) => this.#instruction(form));
    const [params, locals] = [this.#params, this.#locals];
    const zeroed = [...this.#zeroed];
    return {
      params,
      result,
      size: this.#size,
      calls: this.#calls,
      expand: (fn, args) => {
        const { asm } = fn;
        const suffix = `_${expansions++}`;
        const all = [...params, ...locals].map((t) => fn.borrow(t));
        const at: Expansion = { asm, fn, locals: all, exit: `exit${suffix}`, suffix };
        const code = args.map((arg, i) => fn.set(all[i]!, arg));
        for (const i of zeroed) {
          const t = all[i]!.type;
          const zero = t === "v128" ? asm.v128(new Array(16).fill(0)) : asm.constant(t, 0);
          code.push(fn.set(all[i]!, zero));
        }
        for (const build of body) code.push(build(at));
        return asm.module.block(at.exit, code, typeOf(asm, result));
      },
    };
  }

  #declare(form: readonly Form[], types: TypeName[]): void {
    const [, name, type] = form as [string, string, TypeName];
    this.#names.set(name, this.#params.length + this.#locals.length);
    types.push(type);
  }

  #fail(form: Form): never {
    const name = String(this.func[1]);
    throw new CompileError(
      `kernel ${name} cannot be expanded in place: ${JSON.stringify(form).slice(0, 80)}`,
    );
  }

  #nested<T>(read: () => T): T {
    this.#depth++;
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }

  #instruction(form: Form): Build {
    if (!isList(form)) this.#fail(form);
    this.#size++;
    const [head, ...rest] = form as [string, ...Form[]];
    switch (head) {
      case "local.get": {
        const i = this.#names.get(rest[0] as string)!;
        if (!this.#written.has(i)) this.#zeroed.add(i);
        return ({ fn, locals }) => fn.get(locals[i]!);
      }
      case "local.set": {
        const value = this.#instruction(rest[1]!);
        const i = this.#write(rest[0] as string);
        return (at) => at.fn.set(at.locals[i]!, value(at));
      }
      case "local.tee": {
        const value = this.#instruction(rest[1]!);
        const i = this.#write(rest[0] as string);
        return (at) => {
          const local = at.locals[i] as Value & { kind: "local" };
          return at.asm.module.local.tee(local.index, value(at), at.asm.type(local.type));
        };
      }
      case "global.get": {
        const bytes = this.library.bytesOf((rest[0] as string).slice(1));
        return ({ fn }) => fn.get(fn.vector(bytes));
      }
      case "v128.const": {
        const bytes = vectorBytes(rest as string[]) ?? this.#fail(form);
        return ({ fn }) => fn.get(fn.vector(bytes));
      }
      case "i32.const":
        return ({ asm }) => asm.i32(Number(rest[0]));
      case "i64.const": {
        const value = BigInt((rest[0] as string).replace("-", ""));
        const signed = (rest[0] as string).startsWith("-") ? -value : value;
        return ({ asm }) => asm.constant("i64", signed);
      }
      case "f32.const":
      case "f64.const": {
        const value = floatOf(rest[0] as string);
        return ({ asm }) => asm.constant(head === "f32.const" ? "f32" : "f64", value);
      }
      case "block":
      case "loop":
        return this.#block(head, rest);
      case "if":
        return this.#if(rest);
      case "br":
      case "br_if": {
        const label = rest[0] as string;
        const values = rest.slice(1).map((x) => this.#instruction(x));
        return (at) => {
          const made = values.map((build) => build(at));
          // The condition comes last in the text.
          const condition = head === "br_if" ? made.pop() : undefined;
          return at.asm.module.br(label + at.suffix, condition, made[0]);
        };
      }
      case "br_table": {
        const labels = rest.filter((x): x is string => typeof x === "string");
        const index = this.#instruction(rest[labels.length]!);
        return (at) => {
          const [otherwise, ...others] = labels.map((label) => label + at.suffix).reverse();
          return at.asm.module.switch(others.reverse(), otherwise!, index(at));
        };
      }
      case "return": {
        const value = rest.length > 0 ? this.#instruction(rest[0]!) : null;
        return (at) => at.asm.module.br(at.exit, undefined, value?.(at));
      }
      case "drop": {
        const value = this.#instruction(rest[0]!);
        return (at) => at.asm.module.drop(value(at));
      }
      case "nop":
        return ({ asm }) => asm.module.nop();
      case "select": {
        const [x, y, condition] = rest.map((r) => this.#instruction(r)) as [Build, Build, Build];
        return (at) => {
          const [a, b, c] = [x(at), y(at), condition(at)];
          return at.asm.module.select(c, a, b);
        };
      }
      case "call":
        return this.#call(rest);
      default:
        return this.#plain(form);
    }
  }

  #write(name: string): number {
    const i = this.#names.get(name)!;
    // A write in a branch may not happen, so that it does not count for what comes after.
    if (this.#depth === 0) this.#written.add(i);
    else if (!this.#written.has(i)) this.#zeroed.add(i);
    return i;
  }

  #block(head: "block" | "loop", rest: readonly Form[]): Build {
    const label = typeof rest[0] === "string" ? rest[0] : null;
    let at = label === null ? 0 : 1;
    const result = resultOf(rest[at]);
    if (result !== null) at++;
    const body = this.#nested(() => rest.slice(at).map((x) => this.#instruction(x)));
    return (to) => {
      const { module } = to.asm;
      const type = typeOf(to.asm, result);
      const name = label === null ? null : label + to.suffix;
      const code = body.map((build) => build(to));
      if (head === "block") return module.block(name, code, type);
      const inside = code.length === 1 ? code[0]! : module.block(null, code, type);
      return module.loop(name ?? `loop${expansions++}`, inside);
    };
  }

  #if(rest: readonly Form[]): Build {
    const parts = rest.filter((x) => !(isList(x) && x[0] === "result"));
    const condition = this.#instruction(parts[0]!);
    const result = rest.reduce<TypeName | null>((found, x) => found ?? resultOf(x), null);
    const arm = (form: Form | undefined): Build | null => {
      if (form === undefined) return null;
      const body = this.#nested(() => (form as Form[]).slice(1).map((x) => this.#instruction(x)));
      if (body.length === 1) return body[0]!;
      return (at) =>
        at.asm.module.block(null, body.map((build) => build(at)), typeOf(at.asm, result));
    };
    const [then, otherwise] = [arm(parts[1])!, arm(parts[2])];
    return (at) => {
      const test = condition(at);
      return at.asm.module.if(test, then(at), otherwise?.(at));
    };
  }

  #call(rest: readonly Form[]): Build {
    const name = (rest[0] as string).slice(1);
    this.#calls.add(name);
    const args = rest.slice(1).map((x) => this.#instruction(x));
    const result = this.library.resultOf(name);
    return (at) => at.asm.module.call(name, args.map((a) => a(at)), typeOf(at.asm, result));
  }

  /** Any instruction that only computes. */
  #plain(form: readonly Form[]): Build {
    const plain = plainInstruction(form);
    if (plain === null) this.#fail(form);
    const operands = plain.operands.map((x) => this.#instruction(x));
    return (at) => plain.make(at.asm, operands.map((build) => build(at)));
  }
}
