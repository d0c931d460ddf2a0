/**
 * Kernels without branches, expanded in place for several vectors at once, instruction by instruction: the chains of
 * dependent instructions that an elementary function consists of then lie side by side, as near as the processor can see.
 *
 * @module
 */
import type { Assembler, Ref, TypeName } from "./assembler.ts";
import type { FunctionBuilder, Value } from "./function.ts";
import type { Library } from "./template.ts";
import { type Form, isList, plainInstruction, readForms, vectorBytes } from "./wat_forms.ts";

/** Where a value comes from. */
type Operand =
  | { readonly kind: "param"; readonly index: number }
  | { readonly kind: "constant"; make(fn: FunctionBuilder): Ref }
  | { readonly kind: "step"; readonly step: Step };

/** One instruction. */
interface Step {
  readonly operands: readonly Operand[];
  make(asm: Assembler, operands: readonly Ref[]): Ref;
  /** Instructions that use the result. */
  uses: number;
  /** The longest chain of instructions since a result was last kept in a local. */
  readonly height: number;
  /** Whether the result is kept in a local for the sake of the order of instructions. */
  readonly isCut: boolean;
}

/** A kernel that is one sequence of vector instructions. */
export interface StraightKernel {
  /** How many instructions. */
  readonly size: number;
  /** The code of the results: one for each list of arguments, which are in locals. */
  expand(fn: FunctionBuilder, args: readonly (readonly Value[])[]): Ref[];
}

/** Trees of at most this many instructions one after the other come from one vector before the next has its turn. */
const longestChain = 2;

/** Reads a `(func …)` form, or gives `null` where it branches, calls or computes with scalars. */
export function readStraight(text: string, library: Library): StraightKernel | null {
  const [func] = readForms(text) as [readonly Form[]];
  const reader = new Reader(library);
  const result = reader.read(func);
  if (result === null) return null;
  const { steps } = reader;
  return {
    size: steps.length,
    expand: (fn, args) => expand(fn, steps, result, args),
  };
}

class Reader {
  readonly steps: Step[] = [];
  readonly #values = new Map<string, Operand>();

  constructor(readonly library: Library) {}

  read(func: readonly Form[]): Operand | null {
    let at = 2;
    let params = 0;
    for (; at < func.length; at++) {
      const form = func[at];
      if (!isList(form)) return null;
      if (form[0] === "param") {
        if (form[2] !== "v128") return null;
        this.#values.set(form[1] as string, { kind: "param", index: params++ });
      } else if (form[0] === "result") {
        if (form[1] !== "v128") return null;
      } else if (form[0] !== "local") break;
    }
    let result: Operand | null = null;
    for (; at < func.length; at++) {
      const form = func[at];
      const isSet = isList(form) && form[0] === "local.set";
      result = isSet ? this.#set(form) : this.#operand(form!);
      if (result === null) return null;
    }
    return result;
  }

  /** Locals only name values here: a new value under an old name leaves what was read of the old one alone. */
  #set(form: readonly Form[]): Operand | null {
    const value = this.#operand(form[2]!);
    if (value !== null) this.#values.set(form[1] as string, value);
    return value;
  }

  #operand(form: Form): Operand | null {
    if (!isList(form)) return null;
    const [head] = form as [string];
    switch (head) {
      case "local.get":
        return this.#values.get(form[1] as string) ?? null;
      case "local.tee":
        return this.#set(form);
      case "global.get": {
        const bytes = this.library.bytesOf((form[1] as string).slice(1));
        return { kind: "constant", make: (fn) => fn.get(fn.vector(bytes)) };
      }
      case "v128.const": {
        const bytes = vectorBytes(form.slice(1) as string[]);
        return bytes && { kind: "constant", make: (fn) => fn.get(fn.vector(bytes)) };
      }
      case "i32.const":
        return { kind: "constant", make: (fn) => fn.asm.i32(Number(form[1])) };
      default:
        return this.#step(form);
    }
  }

  #step(form: readonly Form[]): Operand | null {
    const plain = plainInstruction(form);
    if (plain === null || !plain.isVector) return null;
    const operands: Operand[] = [];
    let chain = 0;
    for (const operand of plain.operands) {
      const value = this.#operand(operand);
      if (value === null) return null;
      operands.push(value);
      if (value.kind !== "step") continue;
      value.step.uses++;
      if (!value.step.isCut) chain = Math.max(chain, value.step.height);
    }
    const height = chain + 1;
    const isCut = height >= longestChain;
    const step: Step = { operands, make: plain.make, uses: 0, height, isCut };
    this.steps.push(step);
    return { kind: "step", step };
  }
}

function expand(
  fn: FunctionBuilder,
  steps: readonly Step[],
  result: Operand,
  args: readonly (readonly Value[])[],
): Ref[] {
  const type: TypeName = "v128";
  const kept = args.map(() => new Map<Step, Value>());
  const get = (operand: Operand, u: number): Ref => {
    if (operand.kind === "param") return fn.get(args[u]![operand.index]!);
    if (operand.kind === "constant") return operand.make(fn);
    const local = kept[u]!.get(operand.step);
    return local === undefined ? build(operand.step, u) : fn.get(local);
  };
  const build = (step: Step, u: number): Ref => {
    return step.make(fn.asm, step.operands.map((operand) => get(operand, u)));
  };
  for (const step of steps) {
    if (step.uses <= 1 && !(step.isCut && args.length > 1)) continue;
    if (result.kind === "step" && result.step === step) continue;
    for (let u = 0; u < args.length; u++) {
      const local = fn.borrow(type);
      fn.assign(local, build(step, u));
      kept[u]!.set(step, local);
    }
  }
  return args.map((_, u) => get(result, u));
}
