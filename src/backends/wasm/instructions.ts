/**
 * The instructions that only compute, by their names in the text format: their numbers in the binary format and what they
 * give. After the WebAssembly specification, with the proposals for vectors and relaxed vectors.
 *
 * @module
 */
import { InternalError } from "../../errors.ts";
import type { TypeName } from "./assembler.ts";

/** An instruction. */
export interface Instruction {
  /** Its bytes. */
  readonly code: readonly number[];
  readonly result: TypeName;
}

const comparisons = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const floatComparisons = "eq ne lt gt le ge";
const integerOps =
  "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const floatOps = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";

/** The numbers of one byte that follow each other from a first one on: by namespace. */
const scalars: readonly (readonly [first: number, namespace: string, names: string])[] = [
  [0x45, "i32", `eqz ${comparisons}`],
  [0x50, "i64", `eqz ${comparisons}`],
  [0x5b, "f32", floatComparisons],
  [0x61, "f64", floatComparisons],
  [0x67, "i32", integerOps],
  [0x79, "i64", integerOps],
  [0x8b, "f32", floatOps],
  [0x99, "f64", floatOps],
  [0xa7, "i32", "wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  [0xac, "i64", "extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  [0xb2, "f32", "convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64"],
  [0xb7, "f64", "convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32"],
  [0xbc, "i32", "reinterpret_f32"],
  [0xbd, "i64", "reinterpret_f64"],
  [0xbe, "f32", "reinterpret_i32"],
  [0xbf, "f64", "reinterpret_i64"],
  [0xc0, "i32", "extend8_s extend16_s"],
  [0xc2, "i64", "extend8_s extend16_s extend32_s"],
];

/** Those after the byte 0xfc. */
const saturating: typeof scalars = [
  [0, "i32", "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  [4, "i64", "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
];

const extend = (from: string) =>
  `extend_low_${from}_s extend_high_${from}_s extend_low_${from}_u extend_high_${from}_u`;
const extmul = (from: string) =>
  `extmul_low_${from}_s extmul_high_${from}_s extmul_low_${from}_u extmul_high_${from}_u`;
const saturatingSums = "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u";
const extremes = "min_s min_u max_s max_u";

/** Those after the byte 0xfd; `-` is a number without an instruction. */
const vectors: typeof scalars = [
  [0x0e, "i8x16", "swizzle splat"],
  [0x10, "i16x8", "splat"],
  [0x11, "i32x4", "splat"],
  [0x12, "i64x2", "splat"],
  [0x13, "f32x4", "splat"],
  [0x14, "f64x2", "splat"],
  [0x15, "i8x16", "extract_lane_s extract_lane_u replace_lane"],
  [0x18, "i16x8", "extract_lane_s extract_lane_u replace_lane"],
  [0x1b, "i32x4", "extract_lane replace_lane"],
  [0x1d, "i64x2", "extract_lane replace_lane"],
  [0x1f, "f32x4", "extract_lane replace_lane"],
  [0x21, "f64x2", "extract_lane replace_lane"],
  [0x23, "i8x16", comparisons],
  [0x2d, "i16x8", comparisons],
  [0x37, "i32x4", comparisons],
  [0x41, "f32x4", floatComparisons],
  [0x47, "f64x2", floatComparisons],
  [0x4d, "v128", "not and andnot or xor bitselect any_true"],
  [0x5e, "f32x4", "demote_f64x2_zero"],
  [0x5f, "f64x2", "promote_low_f32x4"],
  [0x60, "i8x16", "abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u"],
  [0x67, "f32x4", "ceil floor trunc nearest"],
  [0x6b, "i8x16", `shl shr_s shr_u ${saturatingSums}`],
  [0x74, "f64x2", "ceil floor"],
  [0x76, "i8x16", extremes],
  [0x7a, "f64x2", "trunc"],
  [0x7b, "i8x16", "avgr_u"],
  [0x7c, "i16x8", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"],
  [0x7e, "i32x4", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"],
  [0x80, "i16x8", "abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u"],
  [0x87, "i16x8", `${extend("i8x16")} shl shr_s shr_u ${saturatingSums}`],
  [0x94, "f64x2", "nearest"],
  [0x95, "i16x8", `mul ${extremes} - avgr_u ${extmul("i8x16")}`],
  [0xa0, "i32x4", `abs neg - all_true bitmask - - ${extend("i16x8")} shl shr_s shr_u add - - sub`],
  [0xb5, "i32x4", `mul ${extremes} dot_i16x8_s - ${extmul("i16x8")}`],
  [0xc0, "i64x2", `abs neg - all_true bitmask - - ${extend("i32x4")} shl shr_s shr_u add - - sub`],
  [0xd5, "i64x2", `mul eq ne lt_s gt_s le_s ge_s ${extmul("i32x4")}`],
  [0xe0, "f32x4", "abs neg - sqrt add sub mul div min max pmin pmax"],
  [0xec, "f64x2", "abs neg - sqrt add sub mul div min max pmin pmax"],
  [0xf8, "i32x4", "trunc_sat_f32x4_s trunc_sat_f32x4_u"],
  [0xfa, "f32x4", "convert_i32x4_s convert_i32x4_u"],
  [0xfc, "i32x4", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"],
  [0xfe, "f64x2", "convert_low_i32x4_s convert_low_i32x4_u"],
  [0x100, "i8x16", "relaxed_swizzle"],
  [0x101, "i32x4", "relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u"],
  [0x103, "i32x4", "relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero"],
  [0x105, "f32x4", "relaxed_madd relaxed_nmadd"],
  [0x107, "f64x2", "relaxed_madd relaxed_nmadd"],
  [0x109, "i8x16", "relaxed_laneselect"],
  [0x10a, "i16x8", "relaxed_laneselect"],
  [0x10b, "i32x4", "relaxed_laneselect"],
  [0x10c, "i64x2", "relaxed_laneselect"],
  [0x10d, "f32x4", "relaxed_min relaxed_max"],
  [0x10f, "f64x2", "relaxed_min relaxed_max"],
];

/** What an instruction gives, which its name says. */
function resultOf(namespace: string, op: string): TypeName {
  const isVector = namespace === "v128" || namespace.includes("x");
  if (!isVector) return /^(eqz?|ne|[lg][te](_[su])?)$/.test(op) ? "i32" : namespace as TypeName;
  if (/^(any_true|all_true|bitmask)$/.test(op)) return "i32";
  if (!op.startsWith("extract_lane")) return "v128";
  return namespace === "i8x16" || namespace === "i16x8" ? "i32" : namespace.slice(0, 3) as TypeName;
}

/** A number as the binary format writes it: seven bits a byte, the lowest first. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const rest = Math.floor(value / 128);
    bytes.push((value % 128) | (rest > 0 ? 128 : 0));
    value = rest;
  } while (value > 0);
  return bytes;
}

let table: Map<string, Instruction> | null = null;

function readTable(): Map<string, Instruction> {
  const all = new Map<string, Instruction>();
  for (const [prefix, rows] of [[[], scalars], [[0xfc], saturating], [[0xfd], vectors]] as const) {
    for (const [first, namespace, names] of rows) {
      names.split(" ").forEach((op, i) => {
        if (op === "-") return;
        const code = prefix.length === 0 ? [first + i] : [...prefix, ...unsigned(first + i)];
        all.set(`${namespace}.${op}`, { code, result: resultOf(namespace, op) });
      });
    }
  }
  return all;
}

/** All instructions that only compute. */
export function instructions(): ReadonlyMap<string, Instruction> {
  return table ??= readTable();
}

/** An instruction by its name. */
export function instruction(name: string): Instruction {
  const found = instructions().get(name);
  if (found === undefined) throw new InternalError(`assembler: no instruction ${name}`);
  return found;
}
