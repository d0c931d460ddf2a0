/**
 * The text format's forms, and what the plain instructions among them make: those that take values, give one, and do
 * nothing else.
 *
 * @module
 */
import type { Assembler, Ref } from "./assembler.ts";

/** A form of the text format: a word, or a list of forms. */
export type Form = string | readonly Form[];

/** Splits text into forms. */
export function readForms(text: string): Form[] {
  const stack: Form[][] = [[]];
  const token = /[()]|[^\s()]+/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const word = match[0];
    if (word === "(") stack.push([]);
    else if (word === ")") {
      const list = stack.pop()!;
      stack[stack.length - 1]!.push(list);
    } else stack[stack.length - 1]!.push(word);
  }
  return stack[0] as Form[];
}

/** Whether a form is a list. */
export function isList(form: Form | undefined): form is readonly Form[] {
  return Array.isArray(form);
}

/** An instruction that only computes. */
export interface PlainInstruction {
  /** Whether its result is a vector. */
  readonly isVector: boolean;
  /** The forms of its operands, in order of evaluation. */
  readonly operands: readonly Form[];
  /** Its code. */
  make(asm: Assembler, operands: readonly Ref[]): Ref;
}

/** Reads a plain instruction, or gives `null` for any other. Lanes and shuffles are its only immediates. */
export function plainInstruction(form: readonly Form[]): PlainInstruction | null {
  const [head, ...rest] = form as [string, ...Form[]];
  const dot = head.indexOf(".");
  if (dot < 0 || /\.(load|store|atomic|const|get|set|tee)|^memory\./.test(head)) return null;
  const isScalar = /_lane(_[su])?$/.test(head)
    ? head.includes("extract")
    : /true$|bitmask$/.test(head);
  const isVector = (head.startsWith("v128") || head.slice(0, dot).includes("x")) && !isScalar;
  if (head === "i8x16.shuffle") {
    const bytes = rest.slice(0, 16).map(Number);
    const make: PlainInstruction["make"] = (asm, [x, y]) => asm.shuffle(x!, y!, bytes);
    return { isVector, operands: rest.slice(16), make };
  }
  if (/_lane(_[su])?$/.test(head)) {
    const lane = Number(rest[0]);
    const operands = rest.slice(1);
    const make: PlainInstruction["make"] = operands.length === 1
      ? (asm, [x]) => asm.op2(head, x!, lane)
      : (asm, [x, y]) => asm.op3(head, x!, lane, y!);
    return { isVector, operands, make };
  }
  const make = plainMaker(head, rest.length);
  return make && { isVector, operands: rest, make };
}

function plainMaker(head: string, operands: number): PlainInstruction["make"] | null {
  switch (operands) {
    case 1:
      return (asm, [x]) => asm.op1(head, x!);
    case 2:
      return (asm, [x, y]) => asm.op2(head, x!, y!);
    case 3: {
      const shape = head.startsWith("f32x4") ? "f32x4" : "f64x2";
      if (head.endsWith(".relaxed_madd")) return (asm, [x, y, z]) => asm.madd(shape, x!, y!, z!);
      if (head.endsWith(".relaxed_nmadd")) return (asm, [x, y, z]) => asm.nmadd(shape, x!, y!, z!);
      if (head.endsWith(".relaxed_laneselect")) {
        const lanes = head.slice(0, head.indexOf(".")) as "i32x4" | "i64x2";
        return (asm, [x, y, z]) => asm.laneselect(lanes, x!, y!, z!);
      }
      return (asm, [x, y, z]) => asm.op3(head, x!, y!, z!);
    }
    default:
      return null;
  }
}

/** A floating-point literal. */
export function floatOf(text: string): number {
  if (text.includes("nan")) return NaN;
  if (text.endsWith("inf")) return text.startsWith("-") ? -Infinity : Infinity;
  const match = /^([+-]?)0x([0-9a-f]+)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i.exec(text);
  if (match === null) return Number(text.replaceAll("_", ""));
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const digits = parseInt(whole! + fraction, 16);
  return (sign === "-" ? -1 : 1) * digits * 2 ** (Number(exponent) - 4 * fraction.length);
}

/** The bytes of a `v128.const`, whatever its shape; null if there are none. */
export function vectorBytes(words: readonly string[]): number[] | null {
  const view = new DataView(new ArrayBuffer(16));
  const [shape, ...lanes] = words;
  lanes.forEach((word, i) => {
    if (shape === "i32x4") view.setUint32(i * 4, Number(BigInt.asUintN(32, BigInt(word))), true);
    else if (shape === "i64x2") view.setBigUint64(i * 8, BigInt.asUintN(64, BigInt(word)), true);
    else if (shape === "i16x8") view.setUint16(i * 2, Number(word) & 65535, true);
    else if (shape === "i8x16") view.setUint8(i, Number(word) & 255);
    else if (shape === "f32x4") view.setFloat32(i * 4, floatOf(word), true);
    else view.setFloat64(i * 8, floatOf(word), true);
  });
  return lanes.length === 0 ? null : Array.from(new Uint8Array(view.buffer));
}
