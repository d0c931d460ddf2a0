/**
 * Instructions by their names in the text format. Building is cheap this way (parsing text costs many times as much).
 *
 * @module
 */
import { instruction } from "./instructions.ts";
import { type Code, ModuleBuilder } from "./module_builder.ts";

/** Code in a function under construction; it may be used once. */
export type Ref = Code;

/** The names of value types in the text format. */
export type TypeName = "i32" | "i64" | "f32" | "f64" | "v128";

const widths: Readonly<Record<TypeName, number>> = { i32: 4, i64: 8, f32: 4, f64: 8, v128: 16 };

/** The numbers of instructions that read, by type, bytes and, where these are fewer than the type's, sign. */
const loads: Readonly<Record<string, readonly number[]>> = {
  "i32 4": [0x28],
  "i64 8": [0x29],
  "f32 4": [0x2a],
  "f64 8": [0x2b],
  "i32 1 s": [0x2c],
  "i32 1 u": [0x2d],
  "i32 2 s": [0x2e],
  "i32 2 u": [0x2f],
  "i64 1 s": [0x30],
  "i64 1 u": [0x31],
  "i64 2 s": [0x32],
  "i64 2 u": [0x33],
  "i64 4 s": [0x34],
  "i64 4 u": [0x35],
  "v128 16": [0xfd, 0x00],
};

/** The same of those that write. */
const stores: Readonly<Record<string, readonly number[]>> = {
  "i32 4": [0x36],
  "i64 8": [0x37],
  "f32 4": [0x38],
  "f64 8": [0x39],
  "i32 1": [0x3a],
  "i32 2": [0x3b],
  "i64 1": [0x3c],
  "i64 2": [0x3d],
  "i64 4": [0x3e],
  "v128 16": [0xfd, 0x0b],
};

const scratch = new DataView(new ArrayBuffer(16));

/** Sixteen bytes of equal lanes. */
export function splatBytes(type: "f32" | "f64" | "i32" | "i64", value: number | bigint): number[] {
  const size = type === "f32" || type === "i32" ? 4 : 8;
  for (let at = 0; at < 16; at += size) {
    if (type === "f32") scratch.setFloat32(at, Number(value), true);
    else if (type === "f64") scratch.setFloat64(at, Number(value), true);
    else if (type === "i32") scratch.setInt32(at, Number(value), true);
    else scratch.setBigInt64(at, BigInt(value), true);
  }
  return Array.from(new Uint8Array(scratch.buffer));
}

/** Builds one module, which imports the shared memory `env.memory`. */
export class Assembler {
  /** The module, for whole functions. */
  readonly module: ModuleBuilder = new ModuleBuilder();

  /** @param relaxed Whether multiply-add may be fused; else it is a product and a sum. */
  constructor(readonly relaxed: boolean) {}

  /** The type of nothing. */
  get none(): "none" {
    return "none";
  }

  /** An instruction of one operand. */
  op1(name: string, x: Ref): Ref {
    return this.module.plain(instruction(name), [x]);
  }

  /** An instruction of two operands (or one and a lane). */
  op2(name: string, x: Ref, y: Ref | number): Ref {
    const found = instruction(name);
    return typeof y === "number"
      ? this.module.plain(found, [x], y)
      : this.module.plain(found, [x, y]);
  }

  /** An instruction of three operands (or two and a lane, in the middle). */
  op3(name: string, x: Ref, y: Ref | number, z: Ref): Ref {
    const found = instruction(name);
    return typeof y === "number"
      ? this.module.plain(found, [x, z], y)
      : this.module.plain(found, [x, y, z]);
  }

  /** `a * b + c` in lanes of `shape`. */
  madd(shape: "f32x4" | "f64x2", a: Ref, b: Ref, c: Ref): Ref {
    if (this.relaxed) return this.op3(`${shape}.relaxed_madd`, a, b, c);
    return this.op2(`${shape}.add`, this.op2(`${shape}.mul`, a, b), c);
  }

  /** `c - a * b` in lanes of `shape`. */
  nmadd(shape: "f32x4" | "f64x2", a: Ref, b: Ref, c: Ref): Ref {
    if (this.relaxed) return this.op3(`${shape}.relaxed_nmadd`, a, b, c);
    // Not `c - product`: the operands may set locals, so that their order must stay.
    return this.op2(`${shape}.add`, this.op1(`${shape}.neg`, this.op2(`${shape}.mul`, a, b)), c);
  }

  /** `mask ? x : y` where each lane of the mask is all ones or all zeros. */
  laneselect(shape: "i32x4" | "i64x2", x: Ref, y: Ref, mask: Ref): Ref {
    // Of full masks both make the same, and a blend is one instruction where bitselect is three.
    if (this.relaxed) return this.op3(`${shape}.relaxed_laneselect`, x, y, mask);
    return this.op3("v128.bitselect", x, y, mask);
  }

  /** A constant of a scalar type. */
  constant(type: "i32" | "i64" | "f32" | "f64", value: number | bigint): Ref {
    if (type === "i64") return this.module.constant(type, BigInt(value));
    return this.module.constant(type, type === "i32" ? Number(value) | 0 : Number(value));
  }

  /** An i32 constant. */
  i32(value: number): Ref {
    return this.constant("i32", value);
  }

  /** A constant vector, from its 16 bytes. */
  v128(bytes: readonly number[]): Ref {
    return this.module.vector(bytes);
  }

  /** `i8x16.shuffle`. */
  shuffle(x: Ref, y: Ref, bytes: readonly number[]): Ref {
    return this.module.shuffle(x, y, bytes);
  }

  /** Reads a scalar or a whole vector; where it has fewer bytes than its type, by its sign or without. */
  load(type: TypeName, bytes: number, address: Ref, offset: number, signed = false): Ref {
    const code = loads[`${type} ${bytes}${bytes < widths[type] ? signed ? " s" : " u" : ""}`]!;
    return this.module.access(type, code, [address], Math.min(bytes, 8), offset);
  }

  /** Writes a scalar (its lowest `bytes`) or a whole vector. */
  store(type: TypeName, bytes: number, address: Ref, offset: number, value: Ref): Ref {
    const code = stores[`${type} ${bytes}`]!;
    return this.module.access("none", code, [address, value], Math.min(bytes, 8), offset);
  }

  /** Reads `bits` into the lowest lane, zeros above. */
  loadZero(bits: 32 | 64, address: Ref, offset: number): Ref {
    const code = [0xfd, bits === 32 ? 0x5c : 0x5d];
    return this.module.access("v128", code, [address], bits / 8, offset);
  }

  /** Reads 8 bytes as elements of `bits`, each widened to a lane of twice as many. */
  loadExtend(bits: 8 | 16, signed: boolean, address: Ref, offset: number): Ref {
    return this.#simdLoad(
      `Load${bits}x${64 / bits}${signed ? "S" : "U"}Vec128`,
      64,
      address,
      offset,
    );
  }

  /** Reads `bits` into all lanes. */
  loadSplat(bits: 8 | 16 | 32 | 64, address: Ref, offset: number): Ref {
    const code = [0xfd, 0x07 + Math.log2(bits / 8)];
    return this.module.access("v128", code, [address], bits / 8, offset);
  }

  /** Reads `bits` into one lane of a vector. */
  loadLane(bits: 8 | 16 | 32 | 64, lane: number, address: Ref, offset: number, into: Ref): Ref {
    const code = [0xfd, 0x54 + Math.log2(bits / 8)];
    return this.module.access("v128", code, [address, into], bits / 8, offset, lane);
  }

  /** Writes one lane of a vector. */
  storeLane(bits: 8 | 16 | 32 | 64, lane: number, address: Ref, offset: number, from: Ref): Ref {
    const code = [0xfd, 0x58 + Math.log2(bits / 8)];
    return this.module.access("none", code, [address, from], bits / 8, offset, lane);
  }

  /** A sequence of instructions; one stands for itself. */
  sequence(code: readonly Ref[]): Ref {
    return code.length === 1 ? code[0]! : this.module.block(null, code);
  }
}
