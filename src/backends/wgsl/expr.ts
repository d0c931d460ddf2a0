/**
 * Scalar expressions as WGSL text.
 *
 * @module
 */
import { type DType, dtypeInfo, isStored, wideOf } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, Expr, UnaryOp } from "../../loopnest/expr.ts";
import { forEachOperand } from "../../loopnest/expr.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import { hasFunction } from "./functions.ts";
import { literal } from "./literals.ts";
import { wgslType } from "./types.ts";

/** What an expression needs to know of the kernel it stands in. */
export interface Scope {
  /** The name of a variable. */
  name(id: number, dtype: DType): string;
  /** The text that reads an element, as a value of its dtype. */
  read(buffer: number, index: string, dtype: DType): string;
  /** Notes that a function of `functions.ts` is called. */
  use(name: string): void;
}

const infix: Partial<Record<BinaryOp, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  and: "&",
  or: "|",
  xor: "^",
};

const compared: Partial<Record<BinaryOp, string>> = {
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

/** Writes the expressions of one statement; what they share becomes `let`s. */
export class ExprWriter {
  readonly #scope: Scope;
  readonly #emit: (line: string) => void;
  readonly #fresh: () => string;
  readonly #uses = new Map<number, number>();
  readonly #made = new Map<number, string>();

  /**
   * @param scope The kernel.
   * @param emit Takes a line that goes before the statement.
   * @param fresh A name that nobody has.
   */
  constructor(scope: Scope, emit: (line: string) => void, fresh: () => string) {
    this.#scope = scope;
    this.#emit = emit;
    this.#fresh = fresh;
  }

  /** The texts of a statement's expressions. */
  write(roots: readonly Expr[]): string[] {
    roots.forEach((root) => this.#count(root));
    return roots.map((root) => this.#text(root));
  }

  #count(expr: Expr): void {
    const seen = this.#uses.get(expr.id) ?? 0;
    this.#uses.set(expr.id, seen + 1);
    if (seen === 0) forEachOperand(expr, (operand) => this.#count(operand));
  }

  #text(expr: Expr): string {
    const known = this.#made.get(expr.id);
    if (known !== undefined) return known;
    let text = this.#node(expr);
    if (this.#uses.get(expr.id)! > 1 && expr.kind !== "var" && expr.kind !== "const") {
      const name = this.#fresh();
      this.#emit(`let ${name} = ${text};`);
      text = name;
    }
    this.#made.set(expr.id, text);
    return text;
  }

  #call(name: string, ...args: string[]): string {
    this.#scope.use(name);
    return `${name}(${args.join(", ")})`;
  }

  #node(expr: Expr): string {
    switch (expr.kind) {
      case "var":
        return this.#scope.name(expr.id, expr.dtype);
      case "const":
        return literal(expr.value, expr.dtype);
      case "load":
        return this.#scope.read(expr.buffer, this.#text(expr.index), expr.dtype);
      case "unary":
        return this.#unary(expr.op, this.#text(expr.x), expr.x.dtype);
      case "binary":
        return this.#binary(expr.op, this.#text(expr.x), this.#text(expr.y), expr.x.dtype, expr);
      case "select":
        return `select(${this.#text(expr.y)}, ${this.#text(expr.x)}, ${
          this.#text(expr.condition)
        })`;
      case "cast":
        return this.#cast(this.#text(expr.x), expr.x.dtype, expr.dtype);
      case "bitcast":
        return this.#bitcast(this.#text(expr.x), expr.x.dtype, expr.dtype);
      default: {
        const never: never = expr;
        return never;
      }
    }
  }

  #unary(op: UnaryOp, x: string, dtype: DType): string {
    const type = wgslType(dtype);
    if (op === "isFinite") return type === "f32" ? this.#call("is_finite", x) : "true";
    if (type === "bool") return op === "not" ? `!(${x})` : x;
    if (type === "vec2<u32>") {
      if (op === "not") return `~(${x})`;
      if (op === "floor" || op === "ceil" || op === "round") return x;
      return this.#call(unsignedName(op, dtype), x);
    }
    if (type === "f32") {
      if (op === "floor" || op === "ceil" || op === "round" || op === "sqrt") return `${op}(${x})`;
      if (op === "rsqrt") return `(1.0f / sqrt(${x}))`;
      return this.#call(`${op}_f32`, x);
    }
    const narrow = dtype === "uint8";
    const wrap = (text: string): string => narrow ? `(${text} & 0xffu)` : text;
    switch (op) {
      case "neg":
        return wrap(type === "i32" ? `-(${x})` : `(0u - ${x})`);
      case "abs":
        return type === "i32" ? `abs(${x})` : x;
      case "sign":
        return type === "i32" ? `sign(${x})` : `min(${x}, 1u)`;
      case "not":
        return wrap(`~(${x})`);
      case "popcount":
        return `countOneBits(${x})`;
      case "clz":
        return narrow ? `(countLeadingZeros(${x}) - 24u)` : `countLeadingZeros(${x})`;
      case "floor":
      case "ceil":
      case "round":
        return x;
      default:
        throw new InternalError(`WGSL: no ${op} of ${dtype}`);
    }
  }

  #binary(op: BinaryOp, x: string, y: string, dtype: DType, expr: Expr): string {
    const type = wgslType(dtype);
    if (compared[op] !== undefined) return this.#comparison(op, x, y, dtype);
    switch (type) {
      case "bool":
        if (op === "add" || op === "or" || op === "max") return `(${x} || ${y})`;
        if (op === "mul" || op === "and" || op === "min") return `(${x} && ${y})`;
        return `(${x} != ${y})`;
      case "f32":
        return this.#floating(op, x, y, expr);
      case "vec2<u32>":
        if (op === "and" || op === "or" || op === "xor") return `(${x} ${infix[op]} ${y})`;
        return this.#call(wideName(op, dtype), x, y);
      default:
        return this.#integer(op, x, y, dtype);
    }
  }

  #floating(op: BinaryOp, x: string, y: string, expr: Expr): string {
    if (op === "add") return `(${x} + ${y})`;
    if (op === "mul") {
      // A driver makes 0 of a product with 0, be the other factor NaN or infinite.
      const constant = expr.kind === "binary" && (isZero(expr.x) || isZero(expr.y));
      if (!constant) return `(${x} * ${y})`;
      return expr.kind === "binary" && isZero(expr.x)
        ? this.#call("mul_f32", y, x)
        : this.#call("mul_f32", x, y);
    }
    if (op === "div") {
      // It makes 1 of x / x, 0 of 0 / x, and something of x / 0, NaN or not.
      return expr.kind === "binary" &&
          (expr.x.id === expr.y.id || isZero(expr.x) || isZero(expr.y))
        ? this.#call("div_f32", x, y)
        : `(${x} / ${y})`;
    }
    return this.#call(`${op}_f32`, x, y);
  }

  #comparison(op: BinaryOp, x: string, y: string, dtype: DType): string {
    const sign = compared[op]!;
    switch (wgslType(dtype)) {
      case "f32":
        if (op === "eq") return this.#call("eq_f32", x, y);
        if (op === "ne") return `!${this.#call("eq_f32", x, y)}`;
        return `(${x} ${sign} ${y})`;
      case "bool": {
        if (op === "eq" || op === "ne") return `(${x} ${sign} ${y})`;
        return `(select(0u, 1u, ${x}) ${sign} select(0u, 1u, ${y}))`;
      }
      case "vec2<u32>":
        if (op === "eq") return `all(${x} == ${y})`;
        if (op === "ne") return `any(${x} != ${y})`;
        {
          const less = dtype === "uint64" ? "lt_u64" : "lt_64";
          if (op === "lt") return this.#call(less, x, y);
          if (op === "gt") return this.#call(less, y, x);
          return `!${op === "le" ? this.#call(less, y, x) : this.#call(less, x, y)}`;
        }
      default:
        return `(${x} ${sign} ${y})`;
    }
  }

  #integer(op: BinaryOp, x: string, y: string, dtype: DType): string {
    const type = wgslType(dtype) as "i32" | "u32";
    const narrow = dtype === "uint8";
    const wrap = (text: string): string => narrow ? `(${text} & 0xffu)` : text;
    const unsigned = (text: string): string => type === "i32" ? `bitcast<u32>(${text})` : text;
    const back = (text: string): string => type === "i32" ? `bitcast<i32>(${text})` : text;
    switch (op) {
      case "add":
      case "sub":
      case "mul":
      case "and":
      case "or":
      case "xor":
        return wrap(`(${x} ${infix[op]} ${y})`);
      case "min":
      case "max":
        return `${op}(${x}, ${y})`;
      case "div":
      case "rem":
      case "pow":
        return wrap(this.#call(`${op}_${type}`, x, y));
      case "shl":
        return wrap(back(this.#call("shl_u32", unsigned(x), unsigned(y))));
      case "shrLogical":
        return back(this.#call("shr_u32", unsigned(x), unsigned(y)));
      case "shrArithmetic": {
        const signed = narrow
          ? `(bitcast<i32>(${x} << 24u) >> 24u)`
          : type === "i32"
          ? x
          : `bitcast<i32>(${x})`;
        const moved = this.#call("sar_i32", signed, unsigned(y));
        return type === "i32" ? moved : wrap(`bitcast<u32>(${moved})`);
      }
      default:
        throw new InternalError(`WGSL: no ${op} of ${dtype}`);
    }
  }

  #cast(x: string, from: DType, to: DType): string {
    if (isStored(to)) {
      const wide = wideOf(to);
      return narrowed(from === wide ? x : this.#cast(x, from, wide), to, this.#scope);
    }
    if (isStored(from)) return this.#cast(x, wideOf(from), to);
    const [source, target] = [wgslType(from), wgslType(to)];
    if (target === "bool") {
      if (source === "bool") return x;
      if (source === "vec2<u32>") return `any(${x} != vec2<u32>())`;
      return source === "f32" ? `!${this.#call("eq_f32", x, "0.0f")}` : `(${x} != ${source}())`;
    }
    if (source === "bool") {
      if (target === "vec2<u32>") return `vec2<u32>(select(0u, 1u, ${x}), 0u)`;
      return `select(${target}(0), ${target}(1), ${x})`;
    }
    if (target === "vec2<u32>") {
      if (source === "vec2<u32>") return x;
      if (source === "f32") return this.#call(to === "uint64" ? "u64_of_f32" : "i64_of_f32", x);
      if (source === "u32") return `vec2<u32>(${x}, 0u)`;
      return `bitcast<vec2<u32>>(vec2<i32>(${x}, (${x}) >> 31u))`;
    }
    if (source === "vec2<u32>") {
      if (target === "f32") return this.#call(from === "uint64" ? "f32_of_u64" : "f32_of_64", x);
      const low = `(${x}).x`;
      if (target === "i32") return `bitcast<i32>(${low})`;
      return to === "uint8" ? `(${low} & 0xffu)` : low;
    }
    if (target === "f32") return `f32(${x})`;
    if (source === "f32") {
      if (target === "i32") return this.#call("i32_of_f32", x);
      const whole = this.#call("u32_of_f32", x);
      return to === "uint8" ? `min(${whole}, 255u)` : whole;
    }
    const bits = source === target ? x : `bitcast<${target}>(${x})`;
    return to === "uint8" && from !== "uint8" ? `(${bits} & 0xffu)` : bits;
  }

  #bitcast(x: string, from: DType, to: DType): string {
    if (from === to) return x;
    if (dtypeInfo(from).bytes < 4) return this.#ofBits(this.#bits(x, from), to);
    const [source, target] = [wgslType(from), wgslType(to)];
    return source === target ? x : `bitcast<${target}>(${x})`;
  }

  /** The bits of a value of less than 32 bits, as u32. */
  #bits(x: string, dtype: DType): string {
    switch (dtype) {
      case "float16":
        return this.#call("bits_of_float16", x);
      case "bfloat16":
        return `(bitcast<u32>(${x}) >> 16u)`;
      case "bool":
        return `select(0u, 1u, ${x})`;
      case "uint8":
        return x;
      default:
        return `(bitcast<u32>(${x}) & ${dtype === "int8" ? "0xffu" : "0xffffu"})`;
    }
  }

  /** The value of less than 32 bits that has these bits. */
  #ofBits(bits: string, dtype: DType): string {
    switch (dtype) {
      case "float16":
        return this.#call("float16_of_bits", bits);
      case "bfloat16":
        return `bitcast<f32>(${bits} << 16u)`;
      case "bool":
        return `(${bits} != 0u)`;
      case "uint8":
        return bits;
      default:
        return narrowed(`bitcast<i32>(${bits})`, dtype, this.#scope);
    }
  }
}

function isZero(expr: Expr): boolean {
  return expr.kind === "const" && Number(expr.value) === 0;
}

/** Operations of 64 bits whose unsigned form is another function. */
const signedOnly: ReadonlySet<string> = new Set([
  "div",
  "rem",
  "min",
  "max",
  "abs",
  "sign",
  "pow",
]);

function unsignedName(op: string, dtype: DType): string {
  return dtype === "uint64" && signedOnly.has(op) ? `${op}_u64` : `${op}_64`;
}

function wideName(op: BinaryOp, dtype: DType): string {
  const name = { shl: "shl_64", shrLogical: "shr_64", shrArithmetic: "sar_64" }[op as string] ??
    unsignedName(op, dtype);
  if (!hasFunction(name)) throw new InternalError(`WGSL: no ${op} of 64-bit integers`);
  return name;
}

/** The text that combines two values of a reduction. */
export function combined(op: ReduceOp, x: string, y: string, dtype: DType, scope: Scope): string {
  const type = wgslType(dtype);
  const call = (name: string): string => {
    scope.use(name);
    return `${name}(${x}, ${y})`;
  };
  if (type === "bool") {
    if (op === "xor") return `(${x} != ${y})`;
    return op === "add" || op === "or" || op === "max" ? `(${x} || ${y})` : `(${x} && ${y})`;
  }
  if (op === "and" || op === "or" || op === "xor") return `(${x} ${infix[op]} ${y})`;
  if (type === "vec2<u32>") return call(unsignedName(op, dtype));
  if (op === "max" || op === "min") return type === "f32" ? call(`${op}_f32`) : `${op}(${x}, ${y})`;
  const sum = `(${x} ${op === "add" ? "+" : "*"} ${y})`;
  return dtype === "uint8"
    ? `(${sum} & 0xffu)`
    : isStored(dtype)
    ? narrowed(sum, dtype, scope)
    : sum;
}

/** A value of the dtype that a stored dtype is computed in, wrapped or rounded to what is stored. */
function narrowed(x: string, dtype: DType, scope: Scope): string {
  switch (dtype) {
    case "int8":
      return `((${x} << 24u) >> 24u)`;
    case "int16":
      return `((${x} << 16u) >> 16u)`;
    case "uint16":
      return `(${x} & 0xffff)`;
    default:
      scope.use(`round_${dtype}`);
      return `round_${dtype}(${x})`;
  }
}
