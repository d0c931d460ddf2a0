/**
 * Products of strided views, as shaders see them: where operands lie, and which of them can be read four elements at a time.
 *
 * A matrix product and a convolution are the same sum, `out[row, col] = Σ lhs[row, term] · rhs[term, col]`. In a matrix product each of row,
 * col and term is one axis. In a convolution, columns are places of the output and terms go through features and the window, and the
 * element that a column and a term meet at lies at the sum of what both contribute.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { wgslType } from "./types.ts";

/** An axis, and how far a step along it goes in the arrays that have it, in elements. */
export interface Axis {
  readonly size: number;
  readonly lhs: number;
  readonly rhs: number;
  readonly out: number;
}

/** Which of an axis's strides. */
export type Which = "lhs" | "rhs" | "out";

/** A sum of products; axes are listed outermost first. */
export interface Product {
  readonly name: string;
  /** What is computed with; operands may be held as a narrower dtype. */
  readonly dtype: DType;
  /** Where in its buffer each array's first element lies. */
  readonly buffers: Readonly<Record<Which, number>>;
  readonly offsets: Readonly<Record<Which, number>>;
  readonly batch: readonly Axis[];
  readonly rows: readonly Axis[];
  readonly cols: readonly Axis[];
  readonly terms: readonly Axis[];
}

/** How many points axes have. */
export function sizeOfAxes(axes: readonly Axis[]): number {
  return axes.reduce((n, axis) => n * axis.size, 1);
}

/** Whether shaders of products know a dtype. */
export function isProductDType(dtype: DType): boolean {
  return dtype === "float32" || dtype === "int32" || dtype === "uint32";
}

/** What is to be known of a program's buffers. */
export interface BufferFacts {
  /** The buffer that shares memory with this one and stands for both. */
  canonical(buffer: number): number;
  /** In elements. */
  sizeOf(buffer: number): number;
}

/** The direction in which four neighbours of an operand are one vector: along its rows or columns, along the terms, or none. */
export type Along = "free" | "terms" | null;

/** How an operand is read. `out` is written along its columns, or not by vectors. */
export function vectorsOf(product: Product, which: Which, facts: BufferFacts): Along {
  const { buffers, offsets, batch, rows, cols, terms } = product;
  // What is bound as vectors ends with the last whole one.
  if (facts.sizeOf(buffers[which]) % 4 !== 0) return null;
  const free = which === "lhs" ? rows : cols;
  const all = which === "out" ? [...batch, ...rows, ...cols] : [...batch, ...free, ...terms];
  const unit = all.filter((axis) => axis.size > 1 && axis[which] === 1);
  if (unit.length !== 1 || offsets[which] % 4 !== 0) return null;
  const [inner] = unit;
  if (all.some((axis) => axis !== inner && axis.size > 1 && axis[which] % 4 !== 0)) return null;
  if (inner === free.at(-1)) return inner.size % 4 === 0 ? "free" : null;
  if (which !== "out" && inner === terms.at(-1)) {
    // Further in than one axis, terms beyond the last are no neighbours.
    return terms.length === 1 || inner.size % 4 === 0 ? "terms" : null;
  }
  return null;
}

/** The WGSL types of a product's elements, and how two are multiplied and added. */
export interface Arithmetic {
  readonly scalar: string;
  readonly vector: string;
  readonly zero: string;
  /** `x · y + sum`. */
  madd(x: string, y: string, sum: string): string;
}

/** How a dtype is computed with. */
export function arithmeticOf(dtype: DType): Arithmetic {
  const scalar = wgslType(dtype);
  return {
    scalar,
    vector: `vec4<${scalar}>`,
    zero: scalar === "f32" ? "0.0f" : scalar === "i32" ? "0i" : "0u",
    madd: (x, y, sum) => scalar === "f32" ? `fma(${x}, ${y}, ${sum})` : `${sum} + ${x} * ${y}`,
  };
}

const literal = (value: number): string => `${value >>> 0}u`;

/** `text · by`, in words that wrap. */
export function times(text: string, by: number): string {
  return by === 1 ? text : `${text} * ${literal(by)}`;
}

/** The sum of texts and a number, in words that wrap. */
export function plus(texts: readonly string[], by = 0): string {
  const terms = texts.filter((text) => text !== "0u");
  if (by !== 0) terms.push(literal(by));
  return terms.length === 0 ? "0u" : terms.join(" + ");
}

/**
 * Where a point lies in an array, from the point's number.
 *
 * @param flat A name or number in parentheses.
 */
export function placeOf(axes: readonly Axis[], which: Which, flat: string): string {
  let rest = sizeOfAxes(axes);
  const parts: string[] = [];
  axes.forEach((axis, i) => {
    rest /= axis.size;
    if (axis[which] === 0 || axis.size === 1) return;
    const quotient = rest === 1 ? flat : `(${flat} / ${rest}u)`;
    const first = axes.slice(0, i).every((outer) => outer.size === 1);
    parts.push(times(first ? quotient : `(${quotient} % ${axis.size}u)`, axis[which]));
  });
  return plus(parts);
}

/** Some neighbouring rows or columns: where each lies, and when it is there. */
export interface Stretch {
  readonly size: number;
  /** Where the row or column `e` lies in an array, without what the other axes contribute; `by` elements further on. One place, one text. */
  at(e: number, which: Which, by?: number): string;
  /** Their numbers. */
  readonly flat: readonly string[];
  /** For each, the condition under which it exists; `null` where it does. */
  readonly guard: readonly (string | null)[];
}

/**
 * Names the places of `count` rows or columns, from `start` on, which is a multiple of `count`. Those beyond the end are at the end again: what is
 * computed of them is not stored.
 *
 * @param inside Whether `start` is never beyond the end.
 * @param prefix Of the names.
 * @param emit Takes the lines.
 */
export function stretchOf(
  axes: readonly Axis[],
  start: string,
  count: number,
  inside: boolean,
  prefix: string,
  wanted: readonly Which[],
  emit: (line: string) => void,
): Stretch {
  const total = sizeOfAxes(axes);
  const inner = axes.at(-1)!;
  const even = total % count === 0;
  const ragged = !inside || !even;
  let run = axes.length === 1 && even ? count : 1;
  for (const r of [16, 8, 4, 2]) {
    if (run === 1 && count % r === 0 && inner.size % r === 0) run = r;
  }
  const runs: string[] = [];
  const guard: (string | null)[] = [];
  const numbers: string[] = [];
  for (let q = 0; q < count; q += run) {
    const first = q === 0 ? start : `${start} + ${q}u`;
    const flat = `${prefix}${q}`;
    emit(`let ${flat} = ${ragged ? `min(${first}, ${total - run}u)` : first};`);
    for (const which of wanted) {
      emit(`let ${flat}_${which} = ${placeOf(axes, which, flat)};`);
    }
    runs.push(flat);
    for (let e = 0; e < run; e++) {
      numbers.push(plus([flat], e));
      guard.push(ragged ? `${first} < ${total}u` : null);
    }
  }
  const at = (e: number, which: Which, by = 0): string =>
    plus([`${runs[Math.floor(e / run)]}_${which}`], (e % run) * inner[which] + by);
  return { size: count, at, flat: numbers, guard };
}
