/**
 * Vector operations. A vector has four lanes of 4 bytes, or two lanes where a value of 8 bytes takes part; then
 * values of 4 bytes sit in its lower half, and what is in the upper half is nobody's business. Smaller numbers are extended to
 * 4 bytes, as in `stored.ts`; bool is a mask, all ones or all zeros in 16 / lanes bytes.
 *
 * @module
 */
import { type DType, dtypeInfo, isFloating, isStored, wideOf } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
import { type Ref, splatBytes } from "./assembler.ts";
import type { Value } from "./function.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import type { Node } from "./nodes.ts";
import { narrowVector, storedBits, storedConstant, widenVector, wrapVector } from "./stored.ts";
import {
  isSigned,
  scalarBinary,
  scalarCast,
  scalarType,
  scalarUnary,
  type Target,
} from "./scalar_ops.ts";

/** Two or four. */
export type Lanes = 2 | 4;

/** The lane shapes in use. */
export type Shape = "f32x4" | "f64x2" | "i32x4" | "i64x2";

/** How a dtype lies in a vector. */
export function shapeOf(dtype: DType, lanes: Lanes): Shape {
  if (dtype === "bool") return lanes === 4 ? "i32x4" : "i64x2";
  if (dtype === "float32") return "f32x4";
  if (dtype === "float64") return "f64x2";
  return dtypeInfo(dtype).bytes === 8 ? "i64x2" : "i32x4";
}

// What floats have instructions for.
const native: ReadonlySet<string> = new Set(
  ("neg abs sqrt rsqrt isFinite sign floor ceil round add sub mul div min max eq ne lt le gt ge")
    .split(
      " ",
    ),
);

/** The shape that a node's operation has in the kernel library, or `null` if it has none there. */
export function kernelShape(node: Node): "f32x4" | "f64x2" | null {
  if ((node.kind !== "unary" && node.kind !== "binary") || native.has(node.op!)) return null;
  const { dtype } = node.args[0]!;
  return dtype === "float32" ? "f32x4" : dtype === "float64" ? "f64x2" : null;
}

/** What a node's operation is called in the kernel library. */
export function kernelOp(node: Node): string {
  return node.isOfNonPositive ? "expNonPositive" : node.op!;
}

/** A constant in all lanes. */
export function vectorConstant(
  { fn }: Target,
  dtype: DType,
  value: number | bigint | boolean,
): Value {
  if (dtype === "bool") return fn.vector(new Array(16).fill(value ? 255 : 0));
  const held = storedConstant(dtype, typeof value === "boolean" ? 0 : value);
  return fn.vector(splatBytes(scalarType(dtype), held as number | bigint));
}

/** A scalar in all lanes. */
export function splat({ fn }: Target, dtype: DType, lanes: Lanes, x: Ref): Ref {
  const { asm } = fn;
  const shape = shapeOf(dtype, lanes);
  if (dtype !== "bool") return asm.op1(`${shape}.splat`, x);
  const mask = asm.op2("i32.sub", asm.i32(0), x);
  return asm.op1(`${shape}.splat`, lanes === 4 ? mask : asm.op1("i64.extend_i32_s", mask));
}

/** The scalar in a lane. */
export function extract({ fn }: Target, dtype: DType, lanes: Lanes, x: Ref, lane: number): Ref {
  const { asm } = fn;
  if (dtype === "bool") {
    // The lower word of a wide mask says as much as all of it.
    const word = asm.op2("i32x4.extract_lane", x, lanes === 4 ? lane : 2 * lane);
    return asm.op2("i32.and", word, asm.i32(1));
  }
  return asm.op2(`${shapeOf(dtype, lanes)}.extract_lane`, x, lane);
}

/** A vector put together from scalars. */
export function gather(to: Target, dtype: DType, lanes: Lanes, scalars: readonly Ref[]): Ref {
  const { asm } = to.fn;
  const shape = shapeOf(dtype, lanes);
  let vector = splat(to, dtype, lanes, scalars[0]!);
  for (let i = 1; i < scalars.length; i++) {
    let x = scalars[i]!;
    if (dtype === "bool") {
      x = asm.op2("i32.sub", asm.i32(0), x);
      if (lanes === 2) x = asm.op1("i64.extend_i32_s", x);
    }
    vector = asm.op3(`${shape}.replace_lane`, vector, i, x);
  }
  return vector;
}

/** An operation lane by lane, where there is no instruction for all of them. */
function perLane(
  to: Target,
  from: DType,
  into: DType,
  lanes: Lanes,
  args: readonly Value[],
  compute: (scalars: readonly Value[]) => Ref,
): Ref {
  const { fn } = to;
  const kept = args.map((x) => fn.reuse(x));
  const scalars: Ref[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const values = kept.map((x): Value => ({
      kind: "tree",
      type: scalarType(from),
      ref: extract(to, from, lanes, fn.get(x), lane),
    }));
    scalars.push(fn.get(fn.keep(scalarType(into), compute(values))));
  }
  return gather(to, into, lanes, scalars);
}

/** `mask ? x : y` where the mask's lanes are as wide as the values'. */
function blend({ fn }: Target, shape: Shape, mask: Ref, x: Ref, y: Ref): Ref {
  return fn.asm.laneselect(shape.endsWith("x4") ? "i32x4" : "i64x2", x, y, mask);
}

const lowWords = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

/** The lower words of two wide lanes, side by side in the lower half. */
function narrow({ fn }: Target, x: Value): Ref {
  const kept = fn.reuse(x);
  return fn.asm.shuffle(fn.get(kept), fn.get(kept), lowWords);
}

/** A mask made to fit lanes of a dtype. */
function maskFor(to: Target, dtype: DType, lanes: Lanes, mask: Value): Ref {
  const isNarrow = lanes === 2 && dtype !== "bool" && dtypeInfo(dtype).bytes < 8;
  return isNarrow ? narrow(to, mask) : to.fn.get(mask);
}

/** The mask of a comparison of values of a dtype, made a bool. */
function boolFrom({ fn }: Target, dtype: DType, lanes: Lanes, mask: Ref): Ref {
  const isNarrow = lanes === 2 && dtypeInfo(dtype).bytes < 8;
  return isNarrow ? fn.asm.op1("i64x2.extend_low_i32x4_s", mask) : mask;
}

/** `condition ? x : y`. */
export function vectorSelect(
  to: Target,
  dtype: DType,
  lanes: Lanes,
  condition: Value,
  x: Ref,
  y: Ref,
): Ref {
  return blend(to, shapeOf(dtype, lanes), maskFor(to, dtype, lanes, condition), x, y);
}

const rounding: Partial<Record<UnaryOp, string>> = {
  floor: "floor",
  ceil: "ceil",
  round: "nearest",
};

/** Keeps lanes of uint8 in their range. */
function wrap({ fn }: Target, dtype: DType, code: Ref): Ref {
  return dtype === "uint8" ? fn.asm.op2("v128.and", code, fn.splat("i32", 255)) : code;
}

/** A unary operation. */
export function vectorUnary(
  to: Target,
  op: UnaryOp,
  dtype: DType,
  lanes: Lanes,
  operand: Value,
): Ref {
  const { fn, linker } = to;
  const { asm } = fn;
  const shape = shapeOf(dtype, lanes);
  if (shape === "f32x4" || shape === "f64x2") {
    const type = shape === "f32x4" ? "f32" : "f64";
    const round = rounding[op];
    if (round !== undefined) return asm.op1(`${shape}.${round}`, fn.get(operand));
    switch (op) {
      case "neg":
      case "abs":
      case "sqrt":
        return asm.op1(`${shape}.${op}`, fn.get(operand));
      case "rsqrt":
        return asm.op2(
          `${shape}.div`,
          fn.splat(type, 1),
          asm.op1(`${shape}.sqrt`, fn.get(operand)),
        );
      case "isFinite": {
        const size = asm.op1(`${shape}.abs`, fn.get(operand));
        return boolFrom(to, dtype, lanes, asm.op2(`${shape}.lt`, size, fn.splat(type, Infinity)));
      }
      case "sign": {
        const x = fn.reuse(operand);
        const signBit = asm.op2("v128.and", fn.get(x), fn.splat(type, -0));
        const one = asm.op2("v128.or", signBit, fn.splat(type, 1));
        const size = asm.op1(`${shape}.abs`, fn.get(x));
        const nonzero = asm.op2(`${shape}.gt`, size, fn.splat(type, 0)); // false for NaN
        return blend(to, shape, nonzero, one, fn.get(x));
      }
      default:
        return linker.expand(fn, op, shape, [fn.get(operand)]);
    }
  }
  switch (op) {
    case "neg":
      return wrap(to, dtype, asm.op1(`${shape}.neg`, fn.get(operand)));
    case "not":
      return wrap(to, dtype, asm.op1("v128.not", fn.get(operand)));
    case "abs":
      return isSigned(dtype) ? asm.op1(`${shape}.abs`, fn.get(operand)) : fn.get(operand);
    case "sign": {
      if (dtype === "uint64") {
        const isZero = asm.op2("i64x2.eq", fn.get(operand), fn.splat("i32", 0));
        return asm.op2("v128.andnot", fn.splat("i64", 1n), isZero);
      }
      if (shape === "i64x2") {
        // The sign bit drawn out, or the sign bit of the negative as a 1.
        const x = fn.reuse(operand);
        const below = asm.op2("i64x2.shr_s", fn.get(x), asm.i32(63));
        const above = asm.op2("i64x2.shr_u", asm.op1("i64x2.neg", fn.get(x)), asm.i32(63));
        return asm.op2("v128.or", below, above);
      }
      const one = fn.splat("i32", 1);
      if (!isSigned(dtype)) return asm.op2("i32x4.min_u", fn.get(operand), one);
      const most = asm.op2("i32x4.min_s", fn.get(operand), one);
      return asm.op2("i32x4.max_s", most, fn.splat("i32", -1));
    }
    case "popcount": {
      const bytes = asm.op1("i8x16.popcnt", fn.get(operand));
      const pairs = asm.op1("i16x8.extadd_pairwise_i8x16_u", bytes);
      const words = asm.op1("i32x4.extadd_pairwise_i16x8_u", pairs);
      if (shape === "i32x4") return words;
      const kept = fn.keep("v128", words);
      const low = asm.op2("v128.and", fn.get(kept), fn.splat("i64", 0xffffffffn));
      return asm.op2("i64x2.add", low, asm.op2("i64x2.shr_u", fn.get(kept), asm.i32(32)));
    }
    case "isFinite":
      return fn.get(vectorConstant(to, "bool", true));
    case "floor":
    case "ceil":
    case "round":
      return fn.get(operand);
    default:
      return perLane(to, dtype, dtype, lanes, [operand], ([x]) => scalarUnary(to, op, dtype, x!));
  }
}

const comparisons: ReadonlySet<BinaryOp> = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);

/** The mask of a comparison, as wide as the lanes that are compared. Not of bool. */
export function compareLanes(
  { fn }: Target,
  op: BinaryOp,
  dtype: DType,
  lanes: Lanes,
  x: Ref,
  y: Ref,
): Ref {
  const { asm } = fn;
  const shape = shapeOf(dtype, lanes);
  if (isFloating(dtype) || op === "eq" || op === "ne") return asm.op2(`${shape}.${op}`, x, y);
  if (dtype !== "uint64") return asm.op2(`${shape}.${op}_${isSigned(dtype) ? "s" : "u"}`, x, y);
  // There are only signed instructions: with their first bits turned over, numbers are in the same order.
  const turned = (ref: Ref) => asm.op2("v128.xor", ref, fn.splat("i64", -(2n ** 63n)));
  return asm.op2(`i64x2.${op}_s`, turned(x), turned(y));
}

/** A binary operation on two operands of a dtype. */
export function vectorBinary(
  to: Target,
  op: BinaryOp,
  dtype: DType,
  lanes: Lanes,
  x: Value,
  y: Value,
): Ref {
  const { fn, linker } = to;
  const { asm } = fn;
  const shape = shapeOf(dtype, lanes);
  if (dtype === "bool") return maskBinary(to, op, fn.get(x), fn.get(y));
  if (comparisons.has(op)) {
    return boolFrom(to, dtype, lanes, compareLanes(to, op, dtype, lanes, fn.get(x), fn.get(y)));
  }
  if (shape === "f32x4" || shape === "f64x2") {
    switch (op) {
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "min":
      case "max":
        return asm.op2(`${shape}.${op}`, fn.get(x), fn.get(y));
      default:
        return linker.expand(fn, op, shape, [fn.get(x), fn.get(y)]);
    }
  }
  switch (op) {
    case "add":
    case "sub":
    case "mul":
      return wrap(to, dtype, asm.op2(`${shape}.${op}`, fn.get(x), fn.get(y)));
    case "and":
    case "or":
    case "xor":
      return asm.op2(`v128.${op}`, fn.get(x), fn.get(y));
    case "min":
    case "max": {
      if (shape === "i32x4") {
        return asm.op2(`i32x4.${op}_${isSigned(dtype) ? "s" : "u"}`, fn.get(x), fn.get(y));
      }
      const [a, b] = [fn.reuse(x), fn.reuse(y)];
      const test = op === "min" ? "lt" : "gt";
      const isFirst = compareLanes(to, test, dtype, lanes, fn.get(a), fn.get(b));
      return blend(to, shape, isFirst, fn.get(a), fn.get(b));
    }
    default:
      return perLane(
        to,
        dtype,
        dtype,
        lanes,
        [x, y],
        ([a, b]) => scalarBinary(to, op, dtype, a!, b!),
      );
  }
}

function maskBinary({ fn }: Target, op: BinaryOp, x: Ref, y: Ref): Ref {
  const { asm } = fn;
  switch (op) {
    case "and":
    case "mul":
    case "min":
      return asm.op2("v128.and", x, y);
    case "or":
    case "add":
    case "max":
      return asm.op2("v128.or", x, y);
    case "xor":
    case "ne":
      return asm.op2("v128.xor", x, y);
    case "eq":
      return asm.op1("v128.not", asm.op2("v128.xor", x, y));
    case "gt":
      return asm.op2("v128.andnot", x, y);
    case "lt":
      return asm.op2("v128.andnot", y, x);
    case "ge":
      return asm.op1("v128.not", asm.op2("v128.andnot", y, x));
    case "le":
      return asm.op1("v128.not", asm.op2("v128.andnot", x, y));
    default:
      throw new InternalError(`emit: no ${op} of bool`);
  }
}

/** A shift of all lanes by one number; integer dtypes only. */
export function vectorShift(
  to: Target,
  op: "shl" | "shrLogical" | "shrArithmetic",
  dtype: DType,
  lanes: Lanes,
  x: Value,
  count: Value,
): Ref {
  const { fn } = to;
  const { asm } = fn;
  const shape = shapeOf(dtype, lanes);
  const width = dtypeInfo(dtype).bytes * 8;
  const instruction = `${shape}.${op === "shl" ? "shl" : op === "shrLogical" ? "shr_u" : "shr_s"}`;
  const by = (ref: Ref) => count.type === "i64" ? asm.op1("i32.wrap_i64", ref) : ref;
  let a = fn.get(x);
  if (op === "shrArithmetic") {
    if (dtype === "uint8") {
      a = asm.op2("i32x4.shr_s", asm.op2("i32x4.shl", a, asm.i32(24)), asm.i32(24));
    }
    if (count.kind === "constant") {
      const n = Number(count.value);
      const clamped = n < 0 || n >= width ? width - 1 : n;
      return wrap(to, dtype, asm.op2(instruction, a, asm.i32(clamped)));
    }
    const n = fn.reuse(count);
    const fits = asm.op2(`${n.type}.lt_u`, fn.get(n), asm.constant(n.type as "i32", width));
    const clamped = asm.module.select(fits, by(fn.get(n)), asm.i32(width - 1));
    return wrap(to, dtype, asm.op2(instruction, a, clamped));
  }
  if (count.kind === "constant") {
    const n = Number(count.value);
    if (n < 0 || n >= width) return fn.splat("i32", 0);
    return wrap(to, dtype, asm.op2(instruction, a, asm.i32(n)));
  }
  const n = fn.reuse(count);
  const shifted = wrap(to, dtype, asm.op2(instruction, a, by(fn.get(n))));
  const fits = asm.op2(`${n.type}.lt_u`, fn.get(n), asm.constant(n.type as "i32", width));
  return asm.module.select(fits, shifted, fn.splat("i32", 0));
}

/** Conversion by value. */
export function vectorCast(to: Target, from: DType, into: DType, lanes: Lanes, x: Value): Ref {
  const { fn } = to;
  if (isStored(from)) return widenVector(fn, from, x);
  if (isStored(into)) return narrowVector(fn, into, x);
  const { asm } = fn;
  const [source, target] = [shapeOf(from, lanes), shapeOf(into, lanes)];
  const zero = () => fn.splat("i32", 0);
  if (into === "bool") {
    if (from === "bool") return fn.get(x);
    // NaN is unequal to 0, hence true, as it should be.
    return boolFrom(to, from, lanes, asm.op2(`${source}.ne`, fn.get(x), zero()));
  }
  if (from === "bool") {
    const one = vectorConstant(to, into, 1);
    return asm.op2("v128.and", maskFor(to, into, lanes, x), fn.get(one));
  }
  const sign = isSigned(from) ? "s" : "u";
  switch (`${source} ${target}`) {
    case "f32x4 f32x4":
    case "f64x2 f64x2":
    case "i64x2 i64x2":
      return fn.get(x);
    case "i32x4 i32x4":
      return wrap(to, into, fn.get(x));
    case "i64x2 i32x4":
      return wrap(to, into, narrow(to, x));
    case "i32x4 i64x2":
      return asm.op1(`i64x2.extend_low_i32x4_${sign}`, fn.get(x));
    case "f32x4 f64x2":
      return asm.op1("f64x2.promote_low_f32x4", fn.get(x));
    case "f64x2 f32x4":
      return asm.op1("f32x4.demote_f64x2_zero", fn.get(x));
    case "i32x4 f32x4":
      return asm.op1(`f32x4.convert_i32x4_${sign}`, fn.get(x));
    case "i32x4 f64x2":
      return asm.op1(`f64x2.convert_low_i32x4_${sign}`, fn.get(x));
    case "f32x4 i32x4":
    case "f64x2 i32x4": {
      const suffix = source === "f32x4" ? "f32x4" : "f64x2";
      const zeros = source === "f64x2" ? "_zero" : "";
      const name = `i32x4.trunc_sat_${suffix}_${isSigned(into) ? "s" : "u"}${zeros}`;
      const whole = asm.op1(name, fn.get(x));
      return into === "uint8" ? asm.op2("i32x4.min_u", whole, fn.splat("i32", 255)) : whole;
    }
    default:
      return perLane(to, from, into, lanes, [x], ([a]) => scalarCast(to, from, into, a!));
  }
}

/** The same bits as another dtype of the same width. */
export function vectorBitcast(to: Target, from: DType, into: DType, lanes: Lanes, x: Value): Ref {
  // Between bool and uint8 the bits are a number; among all others a vector is what it is.
  if (from === "bool" || into === "bool") {
    return vectorCast(to, wideOf(from), wideOf(into), lanes, x); // an int8 lies there as an int32
  }
  const wrapped = storedBits(from, into);
  return wrapped === null ? to.fn.get(x) : wrapVector(to.fn, wrapped, to.fn.get(x));
}

/** Elements' new values: what was there, combined with terms in the wider dtype if theirs is only stored. */
export function vectorCombine(
  to: Target,
  op: ReduceOp,
  dtype: DType,
  lanes: Lanes,
  old: Value,
  terms: Value,
): Ref {
  const wide = wideOf(dtype);
  if (wide === dtype) return vectorBinary(to, op, dtype, lanes, old, terms);
  const tree = (ref: Ref): Value => ({ kind: "tree", type: "v128", ref });
  const [x, y] = [old, terms].map((value) => tree(vectorCast(to, dtype, wide, lanes, value)));
  return vectorCast(to, wide, dtype, lanes, tree(vectorBinary(to, op, wide, lanes, x!, y!)));
}
