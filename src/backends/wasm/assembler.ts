/**
 * Instructions by their names in the text format, on top of binaryen's builder. Building is cheap this way (0.1 µs for
 * an instruction; parsing text costs twenty times as much).
 *
 * @module
 */
import { InternalError } from "../../errors.ts";
import {
  type Binaryen,
  type BinaryenModule,
  instructionsOf,
  type Ref,
  type WasmType,
} from "./binaryen.ts";

export type { Ref, WasmType };

/** The names of value types in the text format. */
export type TypeName = "i32" | "i64" | "f32" | "f64" | "v128";

type Make1 = (x: Ref) => Ref;
type Make2 = (x: Ref, y: Ref) => Ref;
type Make3 = (x: Ref, y: Ref, z: Ref) => Ref;

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

/**
 * What modules may use: what engines have. Not all that binaryen has, which writes the imports of a module in a shorter
 * form that no engine reads yet.
 */
function featuresOf({ Features: f }: Binaryen): number {
  return f.Atomics | f.MutableGlobals | f.NontrappingFPToInt | f.SIMD128 | f.BulkMemory |
    f.BulkMemoryOpt | f.SignExt | f.ReferenceTypes | f.Multivalue | f.RelaxedSIMD | f.ExtendedConst;
}

/** Builds one module. */
export class Assembler {
  readonly #binaryen: Binaryen;
  readonly #module: BinaryenModule;
  readonly #made = new Map<string, (...args: never[]) => Ref>();
  readonly #types: Readonly<Record<TypeName, WasmType>>;

  /**
   * Starts a module that imports the shared memory `env.memory`.
   *
   * @param relaxed Whether multiply-add may be fused; else it is a product and a sum.
   */
  constructor(binaryen: Binaryen, readonly relaxed: boolean) {
    this.#binaryen = binaryen;
    this.#module = new binaryen.Module();
    this.#module.setFeatures(featuresOf(binaryen));
    this.#module.addMemoryImport("memory", "env", "memory", true);
    const { i32, i64, f32, f64, v128 } = binaryen;
    this.#types = { i32, i64, f32, f64, v128 };
  }

  /** The underlying module, for whole functions. */
  get module(): BinaryenModule {
    return this.#module;
  }

  /** Binaryen's number for a type. */
  type(name: TypeName): WasmType {
    return this.#types[name];
  }

  /** The type of a parameter list. */
  types(names: readonly TypeName[]): WasmType {
    return this.#binaryen.createType(names.map((name) => this.#types[name]));
  }

  /** The type of nothing. */
  get none(): WasmType {
    return this.#binaryen.none;
  }

  #find(name: string): (...args: never[]) => Ref {
    let make = this.#made.get(name);
    if (make === undefined) {
      make = this.#resolve(name);
      this.#made.set(name, make);
    }
    return make;
  }

  #resolve(instruction: string): (...args: never[]) => Ref {
    const [namespace, op] = instruction.split(".") as [string, string];
    if (op.startsWith("relaxed_")) return this.#relaxed(namespace, op.slice("relaxed_".length));
    // binaryen.js splits the names of conversions, and writes saturation out.
    const [, verb, from, sign] = /^(.*?)_([if]\d\d)(?:_([su]))?$/.exec(op) ?? [];
    const isScalar = !namespace.includes("x");
    const name = !isScalar || verb === undefined
      ? op.replace(/_sat_([su])$/, "_saturate_$1")
      : verb === "trunc_sat"
      ? `trunc_${sign}_sat`
      : sign === undefined
      ? verb
      : `${verb}_${sign}`;
    const entry = instructionsOf(this.#module, namespace)?.[name] as
      | ((...args: never[]) => Ref)
      | Record<string, (...args: never[]) => Ref>
      | undefined;
    const make = typeof entry === "object" ? entry[from!] : entry;
    if (make === undefined) throw new InternalError(`assembler: no instruction ${namespace}.${op}`);
    return make;
  }

  #relaxed(namespace: string, op: string): (...args: never[]) => Ref {
    const shape = `Vec${namespace[0]!.toUpperCase()}${namespace.slice(1)}`;
    const b = this.#binaryen;
    const { ptr } = this.#module;
    const constant = (name: string): number => {
      const value = b[name];
      if (typeof value !== "number") throw new InternalError(`assembler: no constant ${name}`);
      return value;
    };
    switch (op) {
      case "madd":
      case "nmadd":
      case "laneselect": {
        const lanes = op === "laneselect" ? shape.slice("Vec".length) : shape;
        const code = constant(`Relaxed${op[0]!.toUpperCase()}${op.slice(1)}${lanes}`);
        return (x: Ref, y: Ref, z: Ref) => b._BinaryenSIMDTernary(ptr, code, x, y, z);
      }
      case "min":
      case "max":
      case "swizzle": {
        const code = constant(`Relaxed${op[0]!.toUpperCase()}${op.slice(1)}${shape}`);
        return (x: Ref, y: Ref) => b._BinaryenBinary(ptr, code, x, y);
      }
      case "trunc_f32x4_s":
      case "trunc_f32x4_u":
      case "trunc_f64x2_s_zero":
      case "trunc_f64x2_u_zero": {
        const sign = op.includes("_s") ? "S" : "U";
        const zero = op.endsWith("zero") ? "Zero" : "";
        const from = op.includes("f32x4") ? "F32x4" : "F64x2";
        const code = constant(`RelaxedTrunc${zero}${sign}Vec${from}ToVecI32x4`);
        return (x: Ref) => b._BinaryenUnary(ptr, code, x);
      }
      default:
        throw new InternalError(`assembler: no instruction ${namespace}.relaxed_${op}`);
    }
  }

  /** An instruction of one operand. */
  op1(name: string, x: Ref): Ref {
    return (this.#find(name) as Make1)(x);
  }

  /** An instruction of two operands (or one and a lane). */
  op2(name: string, x: Ref, y: Ref): Ref {
    return (this.#find(name) as Make2)(x, y);
  }

  /** An instruction of three operands (or two and a lane, in the middle). */
  op3(name: string, x: Ref, y: Ref, z: Ref): Ref {
    return (this.#find(name) as Make3)(x, y, z);
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
    const make = this.#find(`${type}.const`) as (value: number | bigint) => Ref;
    if (type === "i64") return make(BigInt(value));
    return make(type === "i32" ? Number(value) | 0 : Number(value));
  }

  /** An i32 constant. */
  i32(value: number): Ref {
    return this.constant("i32", value);
  }

  /** A constant vector, from its 16 bytes. */
  v128(bytes: readonly number[]): Ref {
    return (this.#find("v128.const") as unknown as (bytes: readonly number[]) => Ref)(bytes);
  }

  /** `i8x16.shuffle`. */
  shuffle(x: Ref, y: Ref, bytes: readonly number[]): Ref {
    type Make = (x: Ref, y: Ref, bytes: readonly number[]) => Ref;
    return (this.#find("i8x16.shuffle") as unknown as Make)(x, y, bytes);
  }

  /** Reads a scalar or a whole vector; where it has fewer bytes than its type, by its sign or without. */
  load(type: TypeName, bytes: number, address: Ref, offset: number, signed = false): Ref {
    const align = Math.min(bytes, 8);
    const { ptr } = this.#module;
    return this.#binaryen
      ._BinaryenLoad(ptr, bytes, signed, offset, align, this.#types[type], address, 0);
  }

  /** Writes a scalar (its lowest `bytes`) or a whole vector. */
  store(type: TypeName, bytes: number, address: Ref, offset: number, value: Ref): Ref {
    const align = Math.min(bytes, 8);
    const { ptr } = this.#module;
    return this.#binaryen
      ._BinaryenStore(ptr, bytes, offset, align, address, value, this.#types[type], 0);
  }

  /** Reads `bits` into the lowest lane, zeros above. */
  loadZero(bits: 32 | 64, address: Ref, offset: number): Ref {
    return this.#simdLoad(`Load${bits}ZeroVec128`, bits, address, offset);
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
    return this.#simdLoad(`Load${bits}SplatVec128`, bits, address, offset);
  }

  #simdLoad(name: string, bits: number, address: Ref, offset: number): Ref {
    const code = this.#binaryen[name] as number;
    const { ptr } = this.#module;
    return this.#binaryen._BinaryenSIMDLoad(ptr, code, offset, bits / 8, address, 0);
  }

  /** Reads `bits` into one lane of a vector. */
  loadLane(bits: 8 | 16 | 32 | 64, lane: number, address: Ref, offset: number, into: Ref): Ref {
    return this.#lane(`Load${bits}LaneVec128`, bits, lane, address, offset, into);
  }

  /** Writes one lane of a vector. */
  storeLane(bits: 8 | 16 | 32 | 64, lane: number, address: Ref, offset: number, from: Ref): Ref {
    return this.#lane(`Store${bits}LaneVec128`, bits, lane, address, offset, from);
  }

  #lane(
    name: string,
    bits: number,
    lane: number,
    address: Ref,
    offset: number,
    vector: Ref,
  ): Ref {
    const code = this.#binaryen[name] as number;
    const { ptr } = this.#module;
    return this.#binaryen
      ._BinaryenSIMDLoadStoreLane(ptr, code, offset, bits / 8, lane, address, vector, 0);
  }

  /** A sequence of instructions; one stands for itself. */
  sequence(code: readonly Ref[]): Ref {
    return code.length === 1 ? code[0]! : this.#module.block(null, [...code], this.none);
  }
}
