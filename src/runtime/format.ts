/**
 * Arrays as text, in NumPy's and JAX's form.
 *
 * @module
 */
import { formatAval, type ShapedArray } from "../core/aval.ts";
import type { Complex } from "../core/complex.ts";
import { type DType, type HostScalar, partOf, roundTo } from "../core/dtype.ts";

type Elements = { readonly length: number; readonly [index: number]: HostScalar | Complex };

/** Above this many elements the middle of each long axis is left out. */
const THRESHOLD = 1000;
const EDGE = 3;
const WIDTH = 88;

/**
 * `Array([[1., 2.], [3., 4.]], dtype=float32)`.
 *
 * @param read Gives the elements in row-major order; `null` for an array that was deleted.
 */
export function formatArray(aval: ShapedArray, read: (() => Elements) | null): string {
  const tail = `dtype=${aval.dtype}${aval.weakType ? ", weakType=true" : ""})`;
  if (read === null) return `Array(<deleted ${formatAval(aval)}>)`;
  if (aval.size === 0) return `Array([], shape=[${aval.shape.join(", ")}], ${tail}`;
  const body = formatElements(read(), aval, "Array(".length);
  const lastLine = body.length - body.lastIndexOf("\n") - 1 + (body.includes("\n") ? 0 : 6);
  const separator = lastLine + tail.length + 2 > WIDTH ? ",\n      " : ", ";
  return `Array(${body}${separator}${tail}`;
}

function formatElements(data: Elements, aval: ShapedArray, indent: number): string {
  const { shape, dtype } = aval;
  const cut = aval.size > THRESHOLD;
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  const positions = (axis: number): (number | null)[] => {
    const n = shape[axis];
    if (!cut || n <= 2 * EDGE) return Array.from({ length: n }, (_, i) => i);
    return [0, 1, 2, null, n - 3, n - 2, n - 1];
  };
  const shown: number[] = [];
  const collect = (axis: number, at: number): void => {
    if (axis === shape.length) return void shown.push(at);
    for (const i of positions(axis)) if (i !== null) collect(axis + 1, at + i * strides[axis]);
  };
  collect(0, 0);
  const texts = formatScalars(shown.map((at) => data[at]), dtype);
  const width = Math.max(...texts.map((t) => t.length));
  let next = 0;
  const level = (axis: number, column: number): string => {
    if (axis === shape.length) return texts[next++].padStart(shape.length === 0 ? 0 : width);
    const isInner = axis === shape.length - 1;
    const parts = positions(axis).map((i) => i === null ? "..." : level(axis + 1, column + 1));
    if (!isInner) {
      const lines = "\n".repeat(shape.length - 1 - axis);
      return `[${parts.join("," + lines + " ".repeat(column + 1))}]`;
    }
    let text = "[";
    let at = column + 1;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] + (i < parts.length - 1 ? "," : "]");
      if (i > 0 && at + 1 + part.length > WIDTH) {
        text += "\n" + " ".repeat(column + 1);
        at = column + 1;
      } else if (i > 0) {
        text += " ";
        at++;
      }
      text += part;
      at += part.length;
    }
    return text;
  };
  return level(0, indent);
}

function formatScalars(values: readonly (HostScalar | Complex)[], dtype: DType): string[] {
  switch (dtype) {
    case "complex64":
    case "complex128":
      return formatComplex(values as Complex[], partOf(dtype));
    case "bool":
      return values.map((v) => v ? "true" : "false");
    case "float16":
    case "bfloat16":
    case "float32":
    case "float64":
      return formatFloats(values as number[], dtype);
    case "key<fry>":
      return values.map((v) => {
        const bits = BigInt.asUintN(64, v as bigint);
        return `0x${bits.toString(16).padStart(16, "0")}`;
      });
    default:
      return values.map(String);
  }
}

/** As NumPy: `1.+2.j`, real parts and imaginary parts each in one form. */
function formatComplex(values: readonly Complex[], part: DType): string[] {
  const re = formatFloats(values.map((z) => z.re), part);
  const im = formatFloats(values.map((z) => z.im), part);
  const width = Math.max(...re.map((t) => t.length));
  return re.map((text, i) => {
    const sign = im[i].startsWith("-") ? "" : "+";
    const digits = im[i].trimEnd();
    return `${text.padStart(width)}${sign}${digits}j${" ".repeat(im[i].length - digits.length)}`;
  });
}

/** As NumPy: up to 8 digits after the point, trailing zeros cut together, one exponent form for all where fixed ones would be long. */
function formatFloats(values: readonly number[], dtype: DType): string[] {
  const finite = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs);
  const max = Math.max(...finite);
  const min = Math.min(...finite);
  const special = (v: number): string => Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
  if (finite.length > 0 && (max >= 1e8 || min < 1e-4)) {
    return values.map((v) => Number.isFinite(v) ? exponential(shortest(v, dtype)) : special(v));
  }
  const texts = values.map((v) => {
    if (!Number.isFinite(v)) return special(v);
    const text = trimFixed(Math.abs(v), dtype);
    return (v < 0 || Object.is(v, -0) ? "-" : "") + text;
  });
  const places = Math.max(
    0,
    ...texts.map((t) => t.includes(".") ? t.length - t.indexOf(".") - 1 : 0),
  );
  return texts.map((t) => t.includes(".") ? t.padEnd(t.indexOf(".") + 1 + places) : t);
}

/** The shortest decimal that reads back as the same value at the dtype's precision. */
function shortest(v: number, dtype: DType): number {
  if (dtype === "float64") return v;
  for (let p = 1; p < 9; p++) {
    const text = Number(v.toPrecision(p));
    if (roundTo(text, dtype) === v) return text;
  }
  return Number(v.toPrecision(9));
}

function trimFixed(v: number, dtype: DType): string {
  const text = shortest(v, dtype).toFixed(8).replace(/0+$/, "");
  return text;
}

function exponential(v: number): string {
  const [mantissa, exponent] = v.toExponential(Math.min(8, digitsOf(v))).split("e");
  const e = Number(exponent);
  const m = mantissa!.includes(".") ? mantissa! : mantissa! + ".";
  return `${m}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

function digitsOf(v: number): number {
  const mantissa = v.toExponential().split("e")[0].replace("-", "");
  return Math.max(0, mantissa.length - 2);
}
