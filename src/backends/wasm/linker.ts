/**
 * What generated code takes from the kernel library: elementary functions, expanded in place or called, and
 * a few helpers on integers.
 *
 * @module
 */
import { CompileError } from "../../errors.ts";
import type { Assembler, Ref, TypeName } from "./assembler.ts";
import { FunctionBuilder, type Value } from "./function.ts";
import { constantOf } from "./kernel_constants.ts";
import { kernelSignature, kernelText } from "./kernel_text.ts";
import { readStraight, type StraightKernel } from "./straight.ts";
import { type Library, makeTemplate, type Template } from "./template.ts";
import { readForms, vectorBytes } from "./wat_forms.ts";

// Power by squaring. A negative exponent gives the whole part of the quotient: 0, but for ±1.
const power = (type: "i32" | "i64", signed: boolean) => {
  const one = `(${type}.const 1)`;
  const negative = `(if (${type}.lt_s (local.get $y) (${type}.const 0)) (then
      (if (${type}.eq (local.get $x) ${one}) (then (return ${one})))
      (if (${type}.ne (local.get $x) (${type}.const -1)) (then (return (${type}.const 0))))
      (return (${type}.sub ${one} (${type}.shl (${type}.and (local.get $y) ${one}) ${one})))))`;
  return `(func $pow (param $x ${type}) (param $y ${type}) (result ${type}) (local $r ${type})
    ${signed ? negative : ""}
    (local.set $r ${one})
    (block $done (loop $next
      (br_if $done (${type}.eqz (local.get $y)))
      (if (i32.wrap_i64 (i64.and (${type === "i32" ? "i64.extend_i32_u " : "i64.or (i64.const 0) "}
        (local.get $y)) (i64.const 1)))
        (then (local.set $r (${type}.mul (local.get $r) (local.get $x)))))
      (local.set $x (${type}.mul (local.get $x) (local.get $x)))
      (local.set $y (${type}.shr_u (local.get $y) ${one}))
      (br $next)))
    (local.get $r))`;
};

const helpers: Readonly<Record<string, () => string>> = {
  pow_i32_s: () => power("i32", true),
  pow_i32_u: () => power("i32", false),
  pow_i64_s: () => power("i64", true),
  pow_i64_u: () => power("i64", false),
};

const templates = new Map<string, Template>();

const library: Library = {
  bytesOf(name) {
    const [form] = readForms(constantOf(name)) as [readonly string[]];
    return vectorBytes(form.slice(1))!;
  },
  resultOf(name) {
    const result = kernelSignature(name)?.result;
    if (result === undefined) throw new CompileError(`the kernel library has no function ${name}`);
    return result === "none" ? null : result as TypeName;
  },
};

function templateOf(name: string): Template {
  let template = templates.get(name);
  if (template === undefined) {
    template = makeTemplate(helpers[name]?.() ?? kernelText(name), library);
    templates.set(name, template);
  }
  return template;
}

const straight = new Map<string, StraightKernel | null>();

/** The branchless form of a kernel, if it has one. */
function straightOf(name: string): StraightKernel | null {
  let kernel = straight.get(name);
  if (kernel === undefined) {
    kernel = readStraight(kernelText(name), library);
    straight.set(name, kernel);
  }
  return kernel;
}

/** The name of an elementary function in the library. */
export function kernelName(op: string, shape: "f32x4" | "f64x2"): string {
  const snake = op.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return `${snake}_${shape}`;
}

/** Whether an elementary function can be computed for several vectors side by side. */
export function isStraight(op: string, shape: "f32x4" | "f64x2"): boolean {
  const name = kernelName(op, shape);
  return kernelSignature(name) !== undefined && straightOf(name) !== null;
}

// Beyond this many instructions a function is called instead of expanded once more: V8's optimising
// compiler takes time in proportion, and very long loops leave its register allocator helpless.
const sizeLimit = 3000;

// These reduce their argument in fewer steps than would do without a fused multiply-add.
const needFusion: ReadonlySet<string> = new Set(["sin", "cos", "tan"]);

/** Links into one module. */
export class Linker {
  /** The module. */
  readonly asm: Assembler;
  readonly #added = new Set<string>();
  readonly #imported = new Set<string>();
  readonly #globals = new Map<string, string>();
  readonly #sizes = new Map<FunctionBuilder, number>();

  /** Starts with nothing linked. */
  constructor(asm: Assembler) {
    this.asm = asm;
  }

  /** An elementary function in place; its operands and result are vectors of `shape`. */
  expand(fn: FunctionBuilder, op: string, shape: "f32x4" | "f64x2", args: readonly Ref[]): Ref {
    if (!this.asm.relaxed && shape === "f32x4" && needFusion.has(op)) {
      return this.#inHalves(fn, op, args[0]!);
    }
    const name = kernelName(op, shape);
    const template = templateOf(name);
    if (!this.#hasRoom(fn, template.size)) return this.#call(name, args);
    for (const callee of template.calls) this.#add(callee);
    return template.expand(fn, args);
  }

  /**
   * An elementary function in place for several vectors side by side, or `null` where its code branches or there is no
   * room for it.
   *
   * @param args One list of operands for each vector, in locals.
   */
  expandTogether(
    fn: FunctionBuilder,
    op: string,
    shape: "f32x4" | "f64x2",
    args: readonly (readonly Value[])[],
  ): Ref[] | null {
    if (!this.asm.relaxed && needFusion.has(op)) return null;
    const kernel = straightOf(kernelName(op, shape));
    if (kernel === null || !this.#hasRoom(fn, kernel.size * args.length)) return null;
    return kernel.expand(fn, args);
  }

  /** Whether a function may grow by so many instructions; if so, it does. */
  #hasRoom(fn: FunctionBuilder, instructions: number): boolean {
    const size = (this.#sizes.get(fn) ?? 0) + instructions;
    if (size <= sizeLimit) this.#sizes.set(fn, size);
    return size <= sizeLimit;
  }

  /** The same as a call. */
  call(fn: FunctionBuilder, op: string, shape: "f32x4" | "f64x2", args: readonly Ref[]): Ref {
    if (!this.asm.relaxed && needFusion.has(op)) return this.expand(fn, op, shape, args);
    return this.#call(kernelName(op, shape), args);
  }

  /** A function of float32 by way of float64, two lanes and two. */
  #inHalves(fn: FunctionBuilder, op: string, x: Ref): Ref {
    const { asm } = this;
    const kept = fn.keep("v128", x);
    const upper = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
    const half = (y: Ref): Ref => {
      const wide = this.expand(fn, op, "f64x2", [asm.op1("f64x2.promote_low_f32x4", y)]);
      return asm.op1("f32x4.demote_f64x2_zero", wide);
    };
    const low = half(fn.get(kept));
    const high = half(asm.shuffle(fn.get(kept), fn.get(kept), upper));
    return asm.shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
  }

  /** A call of one of the helpers above. */
  helper(_fn: FunctionBuilder, name: string, args: readonly Ref[]): Ref {
    return this.#call(name, args);
  }

  #call(name: string, args: readonly Ref[]): Ref {
    const { result } = this.#add(name);
    const type = result === null ? this.asm.none : this.asm.type(result);
    return this.asm.module.call(name, [...args], type);
  }

  /** Puts a function of the library into the module, once. */
  #add(name: string): Template {
    const template = templateOf(name);
    if (this.#added.has(name)) return template;
    this.#added.add(name);
    for (const callee of template.calls) this.#add(callee);
    const { params, result } = template;
    const results = result === null ? [] : [result];
    const fn = new FunctionBuilder(this.asm, name, params, results, 0, (bytes) => {
      return this.#globalOf(bytes);
    });
    fn.push(template.expand(fn, params.map((_, i) => fn.get(fn.param(i)))));
    fn.finish();
    return template;
  }

  /** An immutable global that holds a constant. */
  #globalOf(bytes: readonly number[]): string {
    const key = bytes.join();
    let name = this.#globals.get(key);
    if (name === undefined) {
      name = `constant_${this.#globals.size}`;
      this.#globals.set(key, name);
      this.asm.module.addGlobal(name, this.asm.type("v128"), false, this.asm.v128(bytes));
    }
    return name;
  }

  /**
   * A call of a kernel of the instantiated library, which the module imports as `kernels.name`: that way its code is
   * compiled once for all programs, and is warm.
   *
   * @throws {CompileError} Where there is no such kernel, or it takes another number of arguments.
   */
  called(name: string, args: readonly Ref[]): Ref {
    const signature = kernelSignature(name);
    if (signature === undefined) {
      throw new CompileError(`the kernel library has no function ${name}`);
    }
    const { params, result } = signature;
    if (params.length !== args.length) {
      throw new CompileError(`kernel ${name} does not take ${args.length} arguments`);
    }
    const { asm } = this;
    const type = result === "none" ? asm.none : asm.type(result as TypeName);
    if (!this.#imported.has(name)) {
      this.#imported.add(name);
      asm.module.addFunctionImport(
        name,
        "kernels",
        name,
        asm.types(params as TypeName[]),
        type,
      );
    }
    return asm.module.call(name, [...args], type);
  }

  /** A call of the host: the one function `env.callback` gets the number of the function that is meant, and the address of its table. */
  host(id: Ref, table: Ref): Ref {
    return this.#environment("callback", [id, table]);
  }

  /** Tells the host that a step of the program has ended. */
  passed(step: Ref): Ref {
    return this.#environment("passed", [step]);
  }

  #environment(name: string, args: readonly Ref[]): Ref {
    const { module, none } = this.asm;
    if (!this.#imported.has(name)) {
      this.#imported.add(name);
      const types = this.asm.types(args.map(() => "i32" as const));
      module.addFunctionImport(name, "env", name, types, none);
    }
    return module.call(name, [...args], none);
  }
}
