/**
 * Scalar operations as WASM instructions: int32, uint32, uint8 and bool live in an i32 (the small ones zero-extended,
 * bool as 0 or 1), int64, uint64 and keys in an i64; of dtypes that are only stored `stored.ts` tells.
 *
 * @module
 */
import { type DType, dtypeInfo, isFloating, isStored, wideOf } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
import { reductionIdentity } from "../../loopnest/identity.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import type { Ref, TypeName } from "./assembler.ts";
import type { FunctionBuilder, Value } from "./function.ts";
import type { Linker } from "./linker.ts";
import { narrowScalar, storedBits, storedConstant, widenScalar, wrapScalar } from "./stored.ts";

/** The type of a value that lives outside of vectors. */
export type ScalarType = Exclude<TypeName, "v128">;

/** Where code goes and what it may call. */
export interface Target {
  readonly fn: FunctionBuilder;
  readonly linker: Linker;
}

/** The WASM type that holds a dtype. */
export function scalarType(dtype: DType): ScalarType {
  switch (dtype) {
    case "float32":
      return "f32";
    case "float64":
      return "f64";
    case "int64":
    case "uint64":
    case "key<fry>":
      return "i64";
    default:
      return "i32";
  }
}

/** Whether comparisons and divisions of an integer dtype know a sign. */
export function isSigned(dtype: DType): boolean {
  return dtypeInfo(dtype).kind === "signed";
}

/** A constant of a dtype. */
export function scalarConstant(dtype: DType, value: number | bigint | boolean): Value {
  const type = scalarType(dtype);
  const held = storedConstant(dtype, value);
  if (type === "i64") return { kind: "constant", type, value: BigInt(held) };
  return { kind: "constant", type, value: Number(held) };
}

const rounding: Partial<Record<UnaryOp, string>> = {
  floor: "floor",
  ceil: "ceil",
  round: "nearest",
};

/** A unary operation. */
export function scalarUnary(to: Target, op: UnaryOp, dtype: DType, operand: Value): Ref {
  const { fn } = to;
  const { asm } = fn;
  const type = scalarType(dtype);
  if (isFloating(dtype)) {
    const round = rounding[op];
    if (round !== undefined) return asm.op1(`${type}.${round}`, fn.get(operand));
    switch (op) {
      case "neg":
      case "abs":
      case "sqrt":
        return asm.op1(`${type}.${op}`, fn.get(operand));
      case "rsqrt":
        return asm.op2(
          `${type}.div`,
          asm.constant(type, 1),
          asm.op1(`${type}.sqrt`, fn.get(operand)),
        );
      case "isFinite": {
        const size = asm.op1(`${type}.abs`, fn.get(operand));
        return asm.op2(`${type}.lt`, size, asm.constant(type, Infinity));
      }
      case "sign": {
        const x = fn.reuse(operand);
        const one = asm.op2(`${type}.copysign`, asm.constant(type, 1), fn.get(x));
        const size = asm.op1(`${type}.abs`, fn.get(x));
        const nonzero = asm.op2(`${type}.gt`, size, asm.constant(type, 0)); // false for NaN
        return asm.module.select(nonzero, one, fn.get(x));
      }
      default:
        return scalarKernel(to, op, dtype, [operand]);
    }
  }
  switch (op) {
    case "neg":
      return wrap(to, dtype, asm.op2(`${type}.sub`, asm.constant(type, 0), fn.get(operand)));
    case "not":
      if (dtype === "bool") return asm.op1("i32.eqz", fn.get(operand));
      return wrap(to, dtype, asm.op2(`${type}.xor`, fn.get(operand), asm.constant(type, -1)));
    case "abs": {
      if (!isSigned(dtype)) return fn.get(operand);
      const x = fn.reuse(operand);
      const negated = asm.op2(`${type}.sub`, asm.constant(type, 0), fn.get(x));
      const negative = asm.op2(`${type}.lt_s`, fn.get(x), asm.constant(type, 0));
      return asm.module.select(negative, negated, fn.get(x));
    }
    case "sign": {
      const x = fn.reuse(operand);
      const zero = () => asm.constant(type, 0);
      if (!isSigned(dtype)) {
        const nonzero = asm.op2(`${type}.ne`, fn.get(x), zero());
        return type === "i64" ? asm.op1("i64.extend_i32_u", nonzero) : nonzero;
      }
      const above = asm.op2(`${type}.gt_s`, fn.get(x), zero());
      const below = asm.op2(`${type}.lt_s`, fn.get(x), zero());
      const sign = asm.op2("i32.sub", above, below);
      return type === "i64" ? asm.op1("i64.extend_i32_s", sign) : sign;
    }
    case "popcount":
      return asm.op1(`${type}.popcnt`, fn.get(operand));
    case "clz": {
      const zeros = asm.op1(`${type}.clz`, fn.get(operand));
      return dtype === "uint8" ? asm.op2("i32.sub", zeros, asm.i32(24)) : zeros;
    }
    case "isFinite":
      return asm.i32(1);
    case "floor":
    case "ceil":
    case "round":
      return fn.get(operand);
    default:
      throw new InternalError(`emit: no ${op} of ${dtype}`);
  }
}

/** Keeps a uint8 in its range. */
function wrap({ fn }: Target, dtype: DType, code: Ref): Ref {
  return dtype === "uint8" ? fn.asm.op2("i32.and", code, fn.asm.i32(255)) : code;
}

/** A function of the kernel library, by way of the vector form. */
function scalarKernel(to: Target, op: string, dtype: DType, args: readonly Value[]): Ref {
  const { fn, linker } = to;
  const shape = dtype === "float32" ? "f32x4" : "f64x2";
  const vectors = args.map((x) => fn.asm.op1(`${shape}.splat`, fn.get(x)));
  return fn.asm.op2(`${shape}.extract_lane`, linker.call(fn, op, shape, vectors), 0);
}

const comparisons: Partial<Record<BinaryOp, string>> = {
  eq: "eq",
  ne: "ne",
  lt: "lt",
  le: "le",
  gt: "gt",
  ge: "ge",
};

const logical: Partial<Record<BinaryOp, string>> = {
  add: "or",
  max: "or",
  or: "or",
  mul: "and",
  min: "and",
  and: "and",
  xor: "xor",
};

/** A binary operation on two operands of a dtype. */
export function scalarBinary(to: Target, op: BinaryOp, dtype: DType, x: Value, y: Value): Ref {
  const { fn } = to;
  const { asm } = fn;
  const type = scalarType(dtype);
  const compare = comparisons[op];
  if (compare !== undefined) {
    const sign = isFloating(dtype) || op === "eq" || op === "ne"
      ? ""
      : isSigned(dtype)
      ? "_s"
      : "_u";
    return asm.op2(`${type}.${compare}${sign}`, fn.get(x), fn.get(y));
  }
  if (isFloating(dtype)) {
    switch (op) {
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "min":
      case "max":
        return asm.op2(`${type}.${op}`, fn.get(x), fn.get(y));
      default:
        return scalarKernel(to, op, dtype, [x, y]);
    }
  }
  if (dtype === "bool") {
    const code = logical[op];
    if (code === undefined) throw new InternalError(`emit: no ${op} of bool`);
    return asm.op2(`i32.${code}`, fn.get(x), fn.get(y));
  }
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "and":
    case "or":
    case "xor":
      return wrap(to, dtype, asm.op2(`${type}.${op}`, fn.get(x), fn.get(y)));
    case "min":
    case "max": {
      const [a, b] = [fn.reuse(x), fn.reuse(y)];
      const test = `${type}.${op === "min" ? "lt" : "gt"}_${isSigned(dtype) ? "s" : "u"}`;
      return asm.module.select(asm.op2(test, fn.get(a), fn.get(b)), fn.get(a), fn.get(b));
    }
    case "div":
    case "rem":
      return scalarDivision(to, op, dtype, x, y);
    case "shl":
    case "shrLogical":
    case "shrArithmetic":
      return scalarShift(to, op, dtype, x, y);
    case "pow": {
      const name = `pow_${type}${isSigned(dtype) ? "_s" : "_u"}`;
      return wrap(to, dtype, to.linker.helper(fn, name, [fn.get(x), fn.get(y)]));
    }
    default:
      throw new InternalError(`emit: no ${op} of ${dtype}`);
  }
}

function scalarDivision(to: Target, op: "div" | "rem", dtype: DType, x: Value, y: Value): Ref {
  const { fn } = to;
  const { asm } = fn;
  const type = scalarType(dtype);
  const instruction = `${type}.${op}_${isSigned(dtype) ? "s" : "u"}`;
  const a = fn.reuse(x);
  const onZero = () => op === "rem" ? fn.get(a) : asm.constant(type, dtype === "uint8" ? 255 : -1);
  // x / -1 by subtraction, since the smallest number has no negative and the instruction would trap.
  const onMinusOne = () =>
    op === "rem" ? asm.constant(type, 0) : asm.op2(`${type}.sub`, asm.constant(type, 0), fn.get(a));
  if (y.kind === "constant") {
    if (Number(y.value) === 0) return onZero();
    if (Number(y.value) === -1 && isSigned(dtype)) return onMinusOne();
    return asm.op2(instruction, fn.get(a), fn.get(y));
  }
  const b = fn.reuse(y);
  let safe = asm.op2(instruction, fn.get(a), fn.get(b));
  if (isSigned(dtype)) {
    const isMinusOne = asm.op2(`${type}.eq`, fn.get(b), asm.constant(type, -1));
    safe = asm.module.if(isMinusOne, onMinusOne(), safe);
  }
  return asm.module.if(asm.op1(`${type}.eqz`, fn.get(b)), onZero(), safe);
}

function scalarShift(
  to: Target,
  op: "shl" | "shrLogical" | "shrArithmetic",
  dtype: DType,
  x: Value,
  y: Value,
): Ref {
  const { fn } = to;
  const { asm } = fn;
  const type = scalarType(dtype);
  const width = dtypeInfo(dtype).bytes * 8;
  const instruction = `${type}.${op === "shl" ? "shl" : op === "shrLogical" ? "shr_u" : "shr_s"}`;
  let a = fn.get(x);
  if (op === "shrArithmetic") {
    if (dtype === "uint8") a = asm.op1("i32.extend8_s", a);
    const most = width - 1;
    if (y.kind === "constant") {
      const count = Number(y.value);
      const clamped = count < 0 || count > most ? most : count;
      return wrap(to, dtype, asm.op2(instruction, a, asm.constant(type, clamped)));
    }
    const count = fn.reuse(y);
    const fits = asm.op2(`${type}.lt_u`, fn.get(count), asm.constant(type, width));
    const clamped = asm.module.select(fits, fn.get(count), asm.constant(type, most));
    return wrap(to, dtype, asm.op2(instruction, a, clamped));
  }
  if (y.kind === "constant") {
    const count = Number(y.value);
    if (count < 0 || count >= width) return asm.constant(type, 0);
    return wrap(to, dtype, asm.op2(instruction, a, fn.get(y)));
  }
  const count = fn.reuse(y);
  const shifted = wrap(to, dtype, asm.op2(instruction, a, fn.get(count)));
  const fits = asm.op2(`${type}.lt_u`, fn.get(count), asm.constant(type, width));
  return asm.module.select(fits, shifted, asm.constant(type, 0));
}

/** Conversion by value. */
export function scalarCast({ fn }: Target, from: DType, to: DType, operand: Value): Ref {
  if (isStored(from)) return widenScalar(fn, from, operand);
  if (isStored(to)) return narrowScalar(fn, to, operand);
  const { asm } = fn;
  const [source, target] = [scalarType(from), scalarType(to)];
  const x = fn.get(operand);
  if (to === "bool") {
    return from === "bool" ? x : asm.op2(`${source}.ne`, x, asm.constant(source, 0));
  }
  const sign = isSigned(from) ? "s" : "u";
  if (isFloating(to)) {
    if (source === target) return x;
    if (source === "f32") return asm.op1("f64.promote_f32", x);
    if (source === "f64") return asm.op1("f32.demote_f64", x);
    return asm.op1(`${target}.convert_${source}_${sign}`, x);
  }
  if (isFloating(from)) {
    if (to === "uint8") {
      const kept = fn.keep("i32", asm.op1(`i32.trunc_sat_${source}_u`, x));
      const fits = asm.op2("i32.lt_u", fn.get(kept), asm.i32(255));
      return asm.module.select(fits, fn.get(kept), asm.i32(255));
    }
    return asm.op1(`${target}.trunc_sat_${source}_${isSigned(to) ? "s" : "u"}`, x);
  }
  if (target === "i64") return source === "i64" ? x : asm.op1(`i64.extend_i32_${sign}`, x);
  const narrow = source === "i64" ? asm.op1("i32.wrap_i64", x) : x;
  return to === "uint8" ? asm.op2("i32.and", narrow, asm.i32(255)) : narrow;
}

/** The same bits as another dtype of the same width. */
export function scalarBitcast({ fn }: Target, from: DType, to: DType, operand: Value): Ref {
  const [source, target] = [scalarType(from), scalarType(to)];
  const x = fn.get(operand);
  if (to === "bool" && from !== "bool") return fn.asm.op2("i32.ne", x, fn.asm.i32(0));
  const wrapped = storedBits(from, to);
  if (wrapped !== null) return wrapScalar(fn, wrapped, x);
  return source === target ? x : fn.asm.op1(`${target}.reinterpret_${source}`, x);
}

/** What a reduction starts with, in the dtype that it is computed in. */
export function identityOf(op: ReduceOp, dtype: DType): number | bigint {
  const x = reductionIdentity(op, dtype);
  return typeof x === "boolean" ? Number(x) : x;
}

/** The code of an element's new value: what was there, combined with a term in the wider dtype if its own is only stored. */
export function scalarCombine(
  to: Target,
  op: ReduceOp,
  dtype: DType,
  old: Value,
  term: Value,
): Ref {
  const wide = wideOf(dtype);
  if (wide === dtype) return scalarBinary(to, op, dtype, old, term);
  const tree = (ref: Ref, of: DType): Value => ({ kind: "tree", type: scalarType(of), ref });
  const [x, y] = [old, term].map((value) => tree(scalarCast(to, dtype, wide, value), wide));
  return scalarCast(to, wide, dtype, tree(scalarBinary(to, op, wide, x!, y!), wide));
}
