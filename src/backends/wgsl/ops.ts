/**
 * Operations on values of one or of four elements as WGSL text.
 *
 * @module
 */
import { type DType, dtypeInfo, isStored, wideOf } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import { functionName, hasFunction, isGeneric } from "./functions.ts";
import { literal } from "./literals.ts";
import { half, valueType, type WgslType, wgslType, type Width } from "./types.ts";

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

/** What an operation may know of its operands beyond their text. */
export interface Operands {
  /** Whether the first is a constant zero. */
  readonly zeroFirst?: boolean;
  /** Whether the second is. */
  readonly zeroSecond?: boolean;
  /** Whether both are the same value. */
  readonly same?: boolean;
}

/** Whether an operation has a form for four elements that is not four times that for one. */
export function hasFour(op: UnaryOp | BinaryOp, dtype: DType): boolean {
  const type = wgslType(dtype);
  if (type === "vec2<u32>") return false;
  const name = `${op}_${type}`;
  return !hasFunction(name) || isGeneric(name);
}

/** The texts of operations on values of a width. */
export class Operations {
  readonly width: Width;
  readonly #use: (name: string) => void;

  /**
   * @param use Told of every function of `functions.ts` that a text calls.
   */
  constructor(width: Width, use: (name: string) => void) {
    this.width = width;
    this.#use = use;
  }

  call(name: string, ...args: string[]): string {
    const full = functionName(name, this.width);
    this.#use(full);
    return `${full}(${args.join(", ")})`;
  }

  /** A value of this width whose elements are all the same. */
  splat(text: string, type: WgslType): string {
    return this.width === 1 ? text : `vec4<${type}>(${text})`;
  }

  literal(value: number | bigint | boolean, dtype: DType): string {
    return this.splat(literal(value, dtype), wgslType(dtype));
  }

  select(condition: string, x: string, y: string): string {
    return `select(${y}, ${x}, ${condition})`;
  }

  #u32(text: string): string {
    return this.splat(text, "u32");
  }

  #type(type: WgslType): string {
    return this.width === 1 ? type : `vec4<${type}>`;
  }

  unary(op: UnaryOp, x: string, dtype: DType): string {
    const type = wgslType(dtype);
    if (op === "isFinite") {
      return type === "f32" ? this.call("is_finite", x) : this.splat("true", "bool");
    }
    if (type === "bool") return op === "not" ? `!(${x})` : x;
    if (type === "vec2<u32>") {
      if (op === "not") return `~(${x})`;
      if (op === "floor" || op === "ceil" || op === "round") return x;
      return this.call(unsignedName(op, dtype), x);
    }
    if (type === "f32") {
      if (op === "floor" || op === "ceil" || op === "round" || op === "sqrt") return `${op}(${x})`;
      if (op === "rsqrt") return `(1.0f / sqrt(${x}))`;
      return this.call(`${op}_f32`, x);
    }
    const narrow = dtype === "uint8";
    switch (op) {
      case "neg":
        return this.#wrapped(type === "i32" ? `-(${x})` : `(0u - ${x})`, dtype);
      case "abs":
        return type === "i32" ? `abs(${x})` : x;
      case "sign":
        return type === "i32" ? `sign(${x})` : `min(${x}, ${this.#u32("1u")})`;
      case "not":
        return this.#wrapped(`~(${x})`, dtype);
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

  /** A word that holds a byte, cut to it. */
  #wrapped(text: string, dtype: DType): string {
    return dtype === "uint8" ? `(${text} & ${this.#u32("0xffu")})` : text;
  }

  binary(op: BinaryOp, x: string, y: string, dtype: DType, operands: Operands = {}): string {
    if (compared[op] !== undefined) return this.#comparison(op, x, y, dtype);
    switch (wgslType(dtype)) {
      case "bool":
        if (op === "add" || op === "or" || op === "max") return `(${x} | ${y})`;
        if (op === "mul" || op === "and" || op === "min") return `(${x} & ${y})`;
        return `(${x} != ${y})`;
      case "f32":
        return this.#floating(op, x, y, operands);
      case "vec2<u32>":
        if (op === "and" || op === "or" || op === "xor") return `(${x} ${infix[op]} ${y})`;
        return this.call(wideName(op, dtype), x, y);
      default:
        return this.#integer(op, x, y, dtype);
    }
  }

  #floating(op: BinaryOp, x: string, y: string, { zeroFirst, zeroSecond, same }: Operands): string {
    if (op === "add") return `(${x} + ${y})`;
    if (op === "mul") {
      // A driver makes 0 of a product with 0, be the other factor NaN or infinite.
      if (zeroFirst) return this.call("mul_f32", y, x);
      return zeroSecond ? this.call("mul_f32", x, y) : `(${x} * ${y})`;
    }
    if (op === "div") {
      // It makes 1 of x / x, 0 of 0 / x, and something of x / 0, NaN or not.
      return same || zeroFirst || zeroSecond ? this.call("div_f32", x, y) : `(${x} / ${y})`;
    }
    return this.call(`${op}_f32`, x, y);
  }

  #comparison(op: BinaryOp, x: string, y: string, dtype: DType): string {
    const sign = compared[op]!;
    switch (wgslType(dtype)) {
      case "f32":
        if (op === "eq") return this.call("eq_f32", x, y);
        if (op === "ne") return `!${this.call("eq_f32", x, y)}`;
        return `(${x} ${sign} ${y})`;
      case "bool": {
        if (op === "eq" || op === "ne") return `(${x} ${sign} ${y})`;
        return `(${this.#word(x)} ${sign} ${this.#word(y)})`;
      }
      case "vec2<u32>": {
        if (op === "eq") return `all(${x} == ${y})`;
        if (op === "ne") return `any(${x} != ${y})`;
        const less = dtype === "uint64" ? "lt_u64" : "lt_64";
        if (op === "lt") return this.call(less, x, y);
        if (op === "gt") return this.call(less, y, x);
        return `!${op === "le" ? this.call(less, y, x) : this.call(less, x, y)}`;
      }
      default:
        return `(${x} ${sign} ${y})`;
    }
  }

  /** A truth value as the words 0 and 1. */
  #word(x: string): string {
    return `select(${this.#u32("0u")}, ${this.#u32("1u")}, ${x})`;
  }

  #integer(op: BinaryOp, x: string, y: string, dtype: DType): string {
    const type = wgslType(dtype) as "i32" | "u32";
    const unsigned = (text: string): string => type === "i32" ? this.#bitsAs("u32", text) : text;
    const back = (text: string): string => type === "i32" ? this.#bitsAs("i32", text) : text;
    switch (op) {
      case "add":
      case "sub":
      case "mul":
      case "and":
      case "or":
      case "xor":
        return this.#wrapped(`(${x} ${infix[op]} ${y})`, dtype);
      case "min":
      case "max":
        return `${op}(${x}, ${y})`;
      case "div":
      case "rem":
      case "pow":
        return this.#wrapped(this.call(`${op}_${type}`, x, y), dtype);
      case "shl":
        return this.#wrapped(back(this.call("shl_u32", unsigned(x), unsigned(y))), dtype);
      case "shrLogical":
        return back(this.call("shr_u32", unsigned(x), unsigned(y)));
      case "shrArithmetic": {
        const signed = dtype === "uint8"
          ? `(${this.#bitsAs("i32", `${x} << ${this.#u32("24u")}`)} >> ${this.#u32("24u")})`
          : type === "i32"
          ? x
          : this.#bitsAs("i32", x);
        const moved = this.call("sar_i32", signed, unsigned(y));
        return type === "i32" ? moved : this.#wrapped(this.#bitsAs("u32", moved), dtype);
      }
      default:
        throw new InternalError(`WGSL: no ${op} of ${dtype}`);
    }
  }

  #bitsAs(type: WgslType, text: string): string {
    return `bitcast<${this.#type(type)}>(${text})`;
  }

  cast(x: string, from: DType, to: DType): string {
    if (isStored(to)) {
      const wide = wideOf(to);
      return this.#narrowed(from === wide ? x : this.cast(x, from, wide), to);
    }
    if (isStored(from)) return this.cast(x, wideOf(from), to);
    const [source, target] = [wgslType(from), wgslType(to)];
    if (target === "bool") {
      if (source === "bool") return x;
      if (source === "vec2<u32>") return `any(${x} != vec2<u32>())`;
      if (source === "f32") return `!${this.call("eq_f32", x, this.splat("0.0f", "f32"))}`;
      return `(${x} != ${this.#type(source)}())`;
    }
    if (source === "bool") {
      if (target === "vec2<u32>") return `vec2<u32>(select(0u, 1u, ${x}), 0u)`;
      const whole = this.#type(target);
      return `select(${whole}(), ${this.splat(`${target}(1)`, target)}, ${x})`;
    }
    if (target === "vec2<u32>") {
      if (source === "vec2<u32>") return x;
      if (source === "f32") return this.call(to === "uint64" ? "u64_of_f32" : "i64_of_f32", x);
      if (source === "u32") return `vec2<u32>(${x}, 0u)`;
      return `bitcast<vec2<u32>>(vec2<i32>(${x}, (${x}) >> 31u))`;
    }
    if (source === "vec2<u32>") {
      if (target === "f32") return this.call(from === "uint64" ? "f32_of_u64" : "f32_of_64", x);
      const low = `(${x}).x`;
      if (target === "i32") return `bitcast<i32>(${low})`;
      return this.#wrapped(low, to);
    }
    if (target === "f32") return `${this.#type("f32")}(${x})`;
    if (source === "f32") {
      if (target === "i32") return this.call("i32_of_f32", x);
      const whole = this.call("u32_of_f32", x);
      return to === "uint8" ? `min(${whole}, ${this.#u32("255u")})` : whole;
    }
    const bits = source === target ? x : this.#bitsAs(target, x);
    return from === "uint8" ? bits : this.#wrapped(bits, to);
  }

  bitcast(x: string, from: DType, to: DType): string {
    if (from === to) return x;
    if (dtypeInfo(from).bytes < 4) return this.ofBits(this.bits(x, from), to);
    const [source, target] = [wgslType(from), wgslType(to)];
    return source === target ? x : this.#bitsAs(target, x);
  }

  /** The bits of a value of less than 32 bits, as u32. */
  bits(x: string, dtype: DType): string {
    switch (dtype) {
      case "float16":
        return this.call("bits_of_float16", x);
      case "bfloat16":
        return `(${this.#bitsAs("u32", x)} >> ${this.#u32("16u")})`;
      case "bool":
        return this.#word(x);
      case "uint8":
        return x;
      default:
        return `(${this.#bitsAs("u32", x)} & ${this.#u32(dtype === "int8" ? "0xffu" : "0xffffu")})`;
    }
  }

  /** The value of less than 32 bits that has these bits. */
  ofBits(bits: string, dtype: DType): string {
    switch (dtype) {
      case "float16":
        return this.call("float16_of_bits", bits);
      case "bfloat16":
        return this.#bitsAs("f32", `${bits} << ${this.#u32("16u")}`);
      case "bool":
        return `(${bits} != ${this.#u32("0u")})`;
      case "uint8":
        return bits;
      default:
        return this.#narrowed(this.#bitsAs("i32", bits), dtype);
    }
  }

  /** The text that combines two values of a reduction. */
  combined(op: ReduceOp, x: string, y: string, dtype: DType): string {
    const type = wgslType(dtype);
    if (type === "bool") return this.binary(op, x, y, dtype);
    if (op === "and" || op === "or" || op === "xor") return `(${x} ${infix[op]} ${y})`;
    if (type === "vec2<u32>") return this.call(unsignedName(op, dtype), x, y);
    if (op === "max" || op === "min") {
      return type === "f32" ? this.call(`${op}_f32`, x, y) : `${op}(${x}, ${y})`;
    }
    const sum = `(${x} ${op === "add" ? "+" : "*"} ${y})`;
    return isStored(dtype) ? this.#narrowed(sum, dtype) : this.#wrapped(sum, dtype);
  }

  /** Whether an offer beats the best so far: a NaN beats all but a NaN. */
  better(op: "max" | "min", offered: string, best: string, dtype: DType): string {
    const type = wgslType(dtype);
    switch (type) {
      case "f32": {
        const beats = `(${offered} ${op === "max" ? ">" : "<"} ${best})`;
        return `!${this.call("is_nan", best)} & (${this.call("is_nan", offered)} | ${beats})`;
      }
      case "vec2<u32>": {
        const less = dtype === "uint64" ? "lt_u64" : "lt_64";
        return op === "max" ? this.call(less, best, offered) : this.call(less, offered, best);
      }
      case "bool":
        return op === "max" ? `${offered} & !${best}` : `!${offered} & ${best}`;
      default:
        return `${offered} ${op === "max" ? ">" : "<"} ${best}`;
    }
  }

  /** Whether two offers are as good as each other: equal, or both NaN. */
  equal(x: string, y: string, dtype: DType): string {
    switch (wgslType(dtype)) {
      case "f32":
        return `(${this.call("eq_f32", x, y)} | (${this.call("is_nan", x)} & ${
          this.call("is_nan", y)
        }))`;
      case "vec2<u32>":
        return `all(${x} == ${y})`;
      default:
        return `${x} == ${y}`;
    }
  }

  /** A value of the dtype that a stored dtype is computed in, wrapped or rounded to what is stored. */
  #narrowed(x: string, dtype: DType): string {
    switch (dtype) {
      case "int8":
        return `((${x} << ${this.#u32("24u")}) >> ${this.#u32("24u")})`;
      case "int16":
        return `((${x} << ${this.#u32("16u")}) >> ${this.#u32("16u")})`;
      case "uint16":
        return `(${x} & ${this.splat("0xffff", "i32")})`;
      default:
        return this.call(`round_${dtype}`, x);
    }
  }

  /** What is read from a buffer, as a value. */
  loaded(element: string, dtype: DType): string {
    if (dtype === "float16") return `${this.#type("f32")}(${element})`;
    return dtype === "bool" ? `(${element} != ${this.#u32("0u")})` : element;
  }

  /** A value as it is written to a buffer. */
  stored(value: string, dtype: DType): string {
    if (dtype === "float16") return `${this.width === 1 ? half : `vec4<${half}>`}(${value})`;
    return dtype === "bool" ? this.#word(value) : value;
  }

  /** The type of a variable. */
  type(dtype: DType): string {
    return valueType(dtype, this.width);
  }
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
