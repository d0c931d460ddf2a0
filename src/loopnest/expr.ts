/**
 * Scalar expressions: the closed set of operations that every backend knows.
 *
 * Semantics, for every backend and for the interpreter that defines them:
 * - integers wrap; division by zero gives all ones (-1), the remainder by zero the dividend, and
 *   `MIN / -1` is `MIN`, as in XLA; shifts by the width or more give 0 (or the sign, arithmetic);
 * - floats follow IEEE 754 with rounding to nearest even; `a * b + c` may be contracted into one
 *   fused operation, nothing else may be reassociated; `min` and `max` hand on NaN;
 * - `bool` is 0 or 1; a key is 64 opaque bits; `cast` from floating to integer saturates and maps NaN to 0;
 * - int8, int16, uint16, float16 and bfloat16 are only stored: there are loads, stores, constants, selections and bitcasts of them, and
 *   casts from and to the dtype in which they are computed with (`wideOf`), which wrap or round to nearest even;
 * - `select` evaluates both sides: a load inside of it must be in bounds whatever the condition says;
 * - an index is an `int32` expression in elements, and stays within the buffer.
 *
 * The functions that make nodes take all dtypes: an operation on a stored dtype becomes one on the wider dtype, wrapped or
 * rounded. So each operation rounds, whatever it is fused with: a compiled function gives what its operations give one by one.
 *
 * Nodes are immutable and structured-cloneable, since they travel to the compile worker. Each has an `id`,
 * so that passes can keep what they know of a node in an array.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { ReduceOp } from "./ir.ts";
import {
  type DType,
  dtypeInfo,
  integerLimits,
  isBig,
  isFloating,
  isStored,
  roundTo,
  wideOf,
} from "../core/dtype.ts";

/** Operations of one operand; the result has the operand's dtype unless said otherwise. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "round" // half to even
  | "not" // logical for bool, bitwise for integers
  | "popcount"
  | "clz"
  | "isFinite" // → bool
  | "sqrt"
  | "rsqrt"
  | "cbrt"
  | "exp"
  | "exp2"
  | "expm1"
  | "log"
  | "log1p"
  | "logistic"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "erfc"
  | "erfInv"
  | "lgamma"
  | "digamma";

/** Operations of two operands of one dtype; comparisons give `bool`. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div" // integers truncate towards zero
  | "rem" // sign of the dividend
  | "pow"
  | "min"
  | "max"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shrLogical"
  | "shrArithmetic"
  | "atan2"
  | "nextafter"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge";

/** A name for a value: a loop's index, a `let`, or an accumulator. */
export interface Var {
  readonly kind: "var";
  readonly id: number;
  readonly dtype: DType;
  readonly name: string;
}

/** A scalar expression. */
export type Expr =
  | Var
  | {
    readonly kind: "const";
    readonly id: number;
    readonly dtype: DType;
    readonly value: number | bigint | boolean;
  }
  | {
    readonly kind: "load";
    readonly id: number;
    readonly dtype: DType;
    /** The buffer's number in its program. */
    readonly buffer: number;
    readonly index: Expr;
  }
  | {
    readonly kind: "unary";
    readonly id: number;
    readonly dtype: DType;
    readonly op: UnaryOp;
    readonly x: Expr;
  }
  | {
    readonly kind: "binary";
    readonly id: number;
    readonly dtype: DType;
    readonly op: BinaryOp;
    readonly x: Expr;
    readonly y: Expr;
  }
  | {
    readonly kind: "select";
    readonly id: number;
    readonly dtype: DType;
    readonly condition: Expr;
    readonly x: Expr;
    readonly y: Expr;
  }
  | {
    /** Conversion by value. */
    readonly kind: "cast";
    readonly id: number;
    readonly dtype: DType;
    readonly x: Expr;
  }
  | {
    /** The same bits, read as another dtype of the same width. */
    readonly kind: "bitcast";
    readonly id: number;
    readonly dtype: DType;
    readonly x: Expr;
  };

let nextId = 0;

const comparisons: ReadonlySet<BinaryOp> = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);

/** A fresh name. */
export function makeVar(name: string, dtype: DType = "int32"): Var {
  return { kind: "var", id: nextId++, dtype, name };
}

/** A constant of a dtype: `bigint` for 64-bit integers and keys, `boolean` for bool, else `number`. */
export function constant(value: number | bigint | boolean, dtype: DType): Expr {
  if (dtype === "uint64") value = BigInt.asUintN(64, BigInt(value));
  else if (isBig(dtype)) value = BigInt.asIntN(64, BigInt(value));
  else if (dtype === "bool") value = Boolean(value);
  else if (isFloating(dtype)) value = roundTo(Number(value), dtype);
  else value = Number(value);
  return { kind: "const", id: nextId++, dtype, value };
}

/** An int32 constant, for indices. */
export function index(value: number): Expr {
  return constant(value, "int32");
}

/** The element of a buffer at an index. */
export function load(buffer: number, dtype: DType, at: Expr): Expr {
  if (at.dtype !== "int32") throw new InternalError(`load: index of dtype ${at.dtype}`);
  return { kind: "load", id: nextId++, dtype, buffer, index: at };
}

/** `op(x)`. */
export function unary(op: UnaryOp, x: Expr): Expr {
  if (isStored(x.dtype)) return storedUnary(op, x);
  return { kind: "unary", id: nextId++, dtype: op === "isFinite" ? "bool" : x.dtype, op, x };
}

/** As {@linkcode unary} of a stored dtype. */
function storedUnary(op: UnaryOp, x: Expr): Expr {
  const { dtype } = x;
  const bits = 8 * dtypeInfo(dtype).bytes;
  if (op === "isFinite") return unary(op, widened(x));
  if (op === "popcount") return cast(unary(op, zeroExtended(x)), dtype);
  if (op === "clz") {
    const zeros = unary(op, zeroExtended(x));
    return cast(binary("sub", zeros, constant(32 - bits, "int32")), dtype);
  }
  return cast(unary(op, widened(x)), dtype);
}

/** A stored value in the dtype that it is computed with in. */
function widened(x: Expr): Expr {
  return cast(x, wideOf(x.dtype));
}

/** The bits of a stored integer as an int32 that is not negative. */
function zeroExtended(x: Expr): Expr {
  const mask = dtypeInfo(x.dtype).bytes === 1 ? 0xff : 0xffff;
  return binary("and", widened(x), constant(mask, "int32"));
}

/** `op(x, y)`; both of one dtype. Integer index arithmetic with constants is folded. */
export function binary(op: BinaryOp, x: Expr, y: Expr): Expr {
  if (x.dtype !== y.dtype) {
    throw new InternalError(`${op}: operands of dtypes ${x.dtype} and ${y.dtype}`);
  }
  if (x.dtype === "int32") {
    const folded = foldIndex(op, x, y);
    if (folded !== null) return folded;
  }
  if (isStored(x.dtype)) {
    const left = op === "shrLogical" ? zeroExtended(x) : op === "shrArithmetic" // reads unsigned numbers as signed ones, too
      ? widened(cast(widened(x), `int${8 * dtypeInfo(x.dtype).bytes}` as "int8" | "int16"))
      : widened(x);
    const result = binary(op, left, widened(y));
    return comparisons.has(op) ? result : cast(result, x.dtype);
  }
  const dtype = comparisons.has(op) ? "bool" : x.dtype;
  return { kind: "binary", id: nextId++, dtype, op, x, y };
}

/** Constant folding and the identities of 0 and 1 that keep index expressions small. */
function foldIndex(op: BinaryOp, x: Expr, y: Expr): Expr | null {
  const a = x.kind === "const" ? x.value as number : null;
  const b = y.kind === "const" ? y.value as number : null;
  if (a !== null && b !== null) {
    switch (op) {
      case "add":
        return index((a + b) | 0);
      case "sub":
        return index((a - b) | 0);
      case "mul":
        return index(Math.imul(a, b));
      case "div":
        return b > 0 ? index(Math.trunc(a / b)) : null;
      case "rem":
        return b > 0 ? index(a % b) : null;
      case "min":
        return index(Math.min(a, b));
      case "max":
        return index(Math.max(a, b));
      default:
        return null;
    }
  }
  if (op === "add") return a === 0 ? y : b === 0 ? x : null;
  if (op === "sub") return b === 0 ? x : null;
  if (op === "mul") {
    if (a === 0 || b === 0) return index(0);
    return a === 1 ? y : b === 1 ? x : null;
  }
  if (op === "div") return b === 1 ? x : null;
  if (op === "rem") return b === 1 ? index(0) : null;
  return null;
}

/** `condition ? x : y`. */
export function select(condition: Expr, x: Expr, y: Expr): Expr {
  if (x.dtype !== y.dtype || condition.dtype !== "bool") {
    throw new InternalError(
      `select: dtypes ${condition.dtype} ? ${x.dtype} : ${y.dtype}`,
    );
  }
  return { kind: "select", id: nextId++, dtype: x.dtype, condition, x, y };
}

/** `x` converted to `dtype`. */
export function cast(x: Expr, dtype: DType): Expr {
  if (x.dtype === dtype) return x;
  if (x.kind === "const" && x.dtype !== "key<fry>") return castConstant(x.value, x.dtype, dtype);
  if (isStored(x.dtype) && dtype !== wideOf(x.dtype)) return cast(widened(x), dtype);
  if (isStored(dtype)) {
    // What was widened for an operation that did nothing.
    if (x.kind === "cast" && x.x.dtype === dtype) return x.x;
    if (x.dtype !== wideOf(dtype)) return cast(toWide(x, dtype), dtype);
  }
  return { kind: "cast", id: nextId++, dtype, x };
}

/** `x` in the wider dtype of a stored one, such that wrapping or rounding the result gives what rounding `x` would. */
function toWide(x: Expr, dtype: DType): Expr {
  if (isFloating(dtype)) return x.dtype === "float64" ? roundedToOdd(x) : cast(x, "float32");
  const whole = cast(x, "int32");
  if (!isFloating(x.dtype)) return whole;
  const [low, high] = integerLimits(dtype).map((limit) => constant(limit, "int32"));
  return binary("max", low, binary("min", whole, high));
}

/**
 * A float64 as a float32 whose last bit is odd where digits are lost, so that it may be rounded once more (Boldo and Melquiond,
 * "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
 */
function roundedToOdd(x: Expr): Expr {
  const near = cast(x, "float32");
  const back = cast(near, "float64");
  const size = (e: Expr) => unary("abs", e);
  const bits = bitcast(near, "int32");
  // Towards zero where rounding went the other way; the bits of a float grow with its size.
  const away = cast(binary("gt", size(back), size(x)), "int32");
  const odd = binary("or", binary("sub", bits, away), constant(1, "int32"));
  const inexact = binary("and", binary("ne", back, x), binary("eq", x, x));
  return select(inexact, bitcast(odd, "float32"), near);
}

/**
 * The result of a reduction that ran in the wider dtype of a stored one, in that dtype. What it starts with where there is
 * nothing to reduce is the wider dtype's extreme, hence out of range.
 */
export function narrowed(op: ReduceOp, sum: Expr, dtype: DType): Expr {
  if (sum.dtype === dtype) return sum;
  if (isFloating(dtype) || (op !== "max" && op !== "min")) return cast(sum, dtype);
  const [low, high] = integerLimits(dtype).map((limit) => constant(limit, sum.dtype));
  return cast(binary("max", low, binary("min", sum, high)), dtype);
}

function castConstant(value: number | bigint | boolean, from: DType, to: DType): Expr {
  if (to === "bool") return constant(Boolean(value), to);
  if (isFloating(to)) return constant(Number(value), to);
  // Integers: saturate from floating, wrap from integers.
  const whole = isFloating(from) ? saturate(value as number, to) : BigInt(value);
  const { bytes, kind } = dtypeInfo(to);
  const wrapped = kind === "unsigned"
    ? BigInt.asUintN(8 * bytes, whole)
    : BigInt.asIntN(8 * bytes, whole);
  return constant(isBig(to) ? wrapped : Number(wrapped), to);
}

function saturate(value: number, to: DType): bigint {
  if (Number.isNaN(value)) return 0n;
  const [low, high] = integerLimits(to);
  if (value >= Number(high)) return high;
  if (value <= Number(low)) return low;
  return BigInt(Math.trunc(value));
}

/** The bits of `x` read as `dtype`, of the same width. */
export function bitcast(x: Expr, dtype: DType): Expr {
  if (x.dtype === dtype) return x;
  return { kind: "bitcast", id: nextId++, dtype, x };
}

/** Calls `visit` with each direct operand. */
export function forEachOperand(expr: Expr, visit: (operand: Expr) => void): void {
  switch (expr.kind) {
    case "var":
    case "const":
      return;
    case "load":
      return visit(expr.index);
    case "unary":
    case "cast":
    case "bitcast":
      return visit(expr.x);
    case "binary":
      visit(expr.x);
      return visit(expr.y);
    case "select":
      visit(expr.condition);
      visit(expr.x);
      return visit(expr.y);
    default: {
      const never: never = expr;
      return never;
    }
  }
}
