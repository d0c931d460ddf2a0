/**
 * The numbers by which the eager kernels know the scalar operations; from the kernels' own list.
 *
 * @module
 */
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
import * as codes from "../../../kernels/eager/opcodes.ts";

/** Comparisons; they go to `compare_<dtype>`. */
export type CompareOp = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

/** Codes for `compare_<dtype>`. */
export const COMPARE_CODES: Readonly<Record<CompareOp, number>> = {
  eq: codes.EQ,
  ne: codes.NE,
  lt: codes.LT,
  le: codes.LE,
  gt: codes.GT,
  ge: codes.GE,
};

/** Codes for `binary_<dtype>`. */
export const BINARY_CODES: Readonly<Record<Exclude<BinaryOp, CompareOp>, number>> = {
  add: codes.ADD,
  sub: codes.SUB,
  mul: codes.MUL,
  div: codes.DIV,
  rem: codes.REM,
  pow: codes.POW,
  min: codes.MIN,
  max: codes.MAX,
  and: codes.AND,
  or: codes.OR,
  xor: codes.XOR,
  shl: codes.SHL,
  shrLogical: codes.SHR_LOGICAL,
  shrArithmetic: codes.SHR_ARITHMETIC,
  atan2: codes.ATAN2,
  nextafter: codes.NEXTAFTER,
};

/** Codes for `unary_<dtype>`; `isFinite` is a kernel of its own, since its result is bool. */
export const UNARY_CODES: Readonly<Record<Exclude<UnaryOp, "isFinite">, number>> = {
  neg: codes.NEG,
  abs: codes.ABS,
  sign: codes.SIGN,
  floor: codes.FLOOR,
  ceil: codes.CEIL,
  round: codes.ROUND,
  not: codes.NOT,
  popcount: codes.POPCOUNT,
  clz: codes.CLZ,
  sqrt: codes.SQRT,
  rsqrt: codes.RSQRT,
  cbrt: codes.CBRT,
  exp: codes.EXP,
  exp2: codes.EXP2,
  expm1: codes.EXPM1,
  log: codes.LOG,
  log1p: codes.LOG1P,
  logistic: codes.LOGISTIC,
  sin: codes.SIN,
  cos: codes.COS,
  tan: codes.TAN,
  asin: codes.ASIN,
  acos: codes.ACOS,
  atan: codes.ATAN,
  sinh: codes.SINH,
  cosh: codes.COSH,
  tanh: codes.TANH,
  asinh: codes.ASINH,
  acosh: codes.ACOSH,
  atanh: codes.ATANH,
  erf: codes.ERF,
  erfc: codes.ERFC,
  erfInv: codes.ERF_INV,
  lgamma: codes.LGAMMA,
  digamma: codes.DIGAMMA,
};
