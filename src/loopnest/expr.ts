/**
 * Scalar expressions: the closed set of operations that every backend knows.
 *
 * Semantics, for every backend and for the interpreter that defines them:
 * - integers wrap; division by zero gives all ones (-1), the remainder by zero the dividend, and
 *   `MIN / -1` is `MIN`, as in XLA; shifts by the width or more give 0 (or the sign, arithmetic);
 * - floats follow IEEE 754 with rounding to nearest even; `a * b + c` may be contracted into one
 *   fused operation, nothing else may be reassociated; `min` and `max` hand on NaN;
 * - `bool` is 0 or 1; a key is 64 opaque bits; `cast` from floating to integer saturates and maps NaN to 0;
 * - `select` evaluates both sides: a load inside of it must be in bounds whatever the condition says;
 * - an index is an `int32` expression in elements, and stays within the buffer.
 *
 * Nodes are immutable and structured-cloneable, since they travel to the compile worker. Each has an `id`,
 * so that passes can keep what they know of a node in an array.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { DType } from "../core/dtype.ts";

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
  if (dtype === "int64" || dtype === "key<fry>") {
    value = typeof value === "bigint" ? BigInt.asIntN(64, value) : BigInt(value);
  } else if (dtype === "bool") value = Boolean(value);
  else if (dtype === "float32") value = Math.fround(Number(value));
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
  return { kind: "unary", id: nextId++, dtype: op === "isFinite" ? "bool" : x.dtype, op, x };
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
  return { kind: "cast", id: nextId++, dtype, x };
}

function castConstant(value: number | bigint | boolean, from: DType, to: DType): Expr {
  if (to === "bool") return constant(Boolean(value), to);
  if (to === "float32" || to === "float64") return constant(Number(value), to);
  // Integers: saturate from floating, wrap from integers.
  const whole = from === "float32" || from === "float64"
    ? saturate(value as number, to)
    : BigInt(value);
  if (to === "int64" || to === "key<fry>") return constant(BigInt.asIntN(64, whole), to);
  if (to === "int32") return constant(Number(BigInt.asIntN(32, whole)), to);
  return constant(Number(BigInt.asUintN(to === "uint8" ? 8 : 32, whole)), to);
}

function saturate(value: number, to: DType): bigint {
  if (Number.isNaN(value)) return 0n;
  const [low, high] = to === "int64"
    ? [-(2n ** 63n), 2n ** 63n - 1n]
    : to === "int32"
    ? [-(2n ** 31n), 2n ** 31n - 1n]
    : to === "uint8"
    ? [0n, 255n]
    : [0n, 2n ** 32n - 1n];
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
