/**
 * Elements that several invocations may store to at the same time.
 *
 * WGSL has atomic words, which add and compare whole numbers; of all else, the word is exchanged until nobody was faster.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import type { AdapterTraits } from "./traits.ts";
import { elementType, isPacked, wgslType } from "./types.ts";
import type { KernelWriter } from "./writer.ts";

const wholeOps: ReadonlySet<ReduceOp> = new Set(["add", "max", "min", "and", "or", "xor"]);

/** The text of an element's value. */
export function atomicRead(
  writer: KernelWriter,
  traits: AdapterTraits,
  buffer: number,
  at: string,
  dtype: DType,
): string {
  if (isPacked(dtype, traits)) {
    return halfIn(writer, `atomicLoad(&b${buffer}[(${at}) >> 1u])`, at);
  }
  return valueOf(writer, `atomicLoad(&b${buffer}[${at}])`, dtype);
}

/** Writes a store to an element, or with `op`, what adds to it. */
export function atomicWrite(
  writer: KernelWriter,
  traits: AdapterTraits,
  op: ReduceOp | undefined,
  buffer: number,
  at: string,
  value: string,
  dtype: DType,
): void {
  if (wgslType(dtype) === "vec2<u32>") throw new InternalError(`WGSL: no atomic ${dtype}`);
  if (isPacked(dtype, traits)) return writeHalf(writer, op, buffer, at, value);
  if (op === undefined) {
    return writer.emit(`atomicStore(&b${buffer}[${at}], ${bitsOf(writer, value, dtype)});`);
  }
  if ((dtype === "int32" || dtype === "uint32") && wholeOps.has(op)) {
    const name = op[0].toUpperCase() + op.slice(1);
    return writer.emit(`atomic${name}(&b${buffer}[${at}], ${value});`);
  }
  const [place, term] = [writer.fresh(), writer.fresh()];
  writer.emit(`let ${place} = ${at};`, `let ${term} = ${value};`);
  const type = elementType(dtype) === "i32" ? "i32" : "u32";
  exchange(writer, `b${buffer}[${place}]`, type, (old) => {
    const sum = writer.ops(1).combined(op, valueOf(writer, old, dtype), term, dtype);
    return bitsOf(writer, sum, dtype);
  });
}

/** A float16 in a word whose other half others may store at the same time. */
function writeHalf(
  writer: KernelWriter,
  op: ReduceOp | undefined,
  buffer: number,
  at: string,
  value: string,
): void {
  const [place, term] = [writer.fresh(), writer.fresh()];
  writer.emit(`let ${place} = ${at};`, `let ${term} = ${value};`);
  exchange(writer, `b${buffer}[${place} >> 1u]`, "u32", (old) => {
    const ops = writer.ops(1);
    const next = op === undefined
      ? term
      : ops.combined(op, halfIn(writer, old, place), term, "float16");
    return `insertBits(${old}, ${ops.bits(next, "float16")}, (u32(${place}) & 1u) * 16u, 16u)`;
  });
}

/** The float16 of a place, in the word that it shares with another. */
function halfIn(writer: KernelWriter, word: string, at: string): string {
  const bits = `extractBits(${word}, (u32(${at}) & 1u) * 16u, 16u)`;
  return writer.ops(1).ofBits(bits, "float16");
}

/** Exchanges a word for what becomes of it. */
function exchange(
  writer: KernelWriter,
  word: string,
  type: "i32" | "u32",
  next: (old: string) => string,
): void {
  const old = writer.fresh();
  writer.emit(`var ${old}: ${type} = atomicLoad(&${word});`);
  writer.block("loop", () => {
    writer.emit(`let tried = atomicCompareExchangeWeak(&${word}, ${old}, ${next(old)});`);
    writer.block("if (tried.exchanged)", () => writer.emit("break;"));
    writer.emit(`${old} = tried.old_value;`);
  });
}

/** A word's value: floats are there by their bits. */
function valueOf(writer: KernelWriter, word: string, dtype: DType): string {
  return wgslType(dtype) === "f32" ? `bitcast<f32>(${word})` : writer.ops(1).loaded(word, dtype);
}

function bitsOf(writer: KernelWriter, value: string, dtype: DType): string {
  return wgslType(dtype) === "f32" ? `bitcast<u32>(${value})` : writer.ops(1).stored(value, dtype);
}
