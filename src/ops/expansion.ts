/**
 * What stands for an operation on operands that its own lowering does not serve: floats of 16 bits in a few, complex numbers in all.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import { isComplex } from "../core/dtype.ts";
import { type AnyPrimitive, type Expansion, isParts, type Parts } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { complex, imag, real } from "./parts.ts";

/**
 * What an operation on operands of these avals is in terms of others; `null` where it is lowered as it stands.
 *
 * @throws {DTypeError} Where an operand or a result is complex, and the operation has no meaning on complex numbers.
 */
export function expansionOf(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): Expansion | null {
  const isAnyComplex = (avals: readonly ShapedArray[]) => avals.some((a) => isComplex(a.dtype));
  if (!isAnyComplex(ins) && !isAnyComplex(outs)) return primitive.expand?.(ins, params) ?? null;
  const { onParts: rule } = primitive;
  if (rule === "stored") return null;
  if (rule === undefined) {
    if (primitive.lower === undefined) return null; // it is inlined, or evaluates by itself
    throw noMeaning(primitive, ins, outs);
  }
  return (xs) => {
    const operands = xs.map((x, i) =>
      isComplex(ins[i].dtype) ? { re: real(x), im: imag(x) } : x
    );
    const results = rule === "each" ? onEach(primitive, operands, params) : rule(operands, params);
    return results.map((y, i) => {
      if (!isParts(y)) return y;
      return isComplex(outs[i].dtype) ? complex(y.re, y.im) : y.re;
    });
  };
}

/** The same with all real and with all imaginary parts; a result that is not complex is the same both times. */
function onEach(
  primitive: AnyPrimitive,
  operands: readonly (NDArray | Parts)[],
  params: unknown,
): Parts[] {
  const [re, im] = (["re", "im"] as const).map((part) =>
    bind(primitive, operands.map((x) => isParts(x) ? x[part] : x), params)
  );
  return re.map((_, i) => ({ re: re[i], im: im[i] }));
}

function noMeaning(
  { name }: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
): DTypeError {
  const { dtype } = [...ins, ...outs].find((a) => isComplex(a.dtype))!;
  return new DTypeError(
    `${name}: is not defined on ${dtype}; take numpy.real(z), numpy.imag(z) or numpy.abs(z) first`,
  );
}
