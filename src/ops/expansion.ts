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

function isAnyComplex(avals: readonly ShapedArray[]): boolean {
  for (const { dtype } of avals) if (isComplex(dtype)) return true;
  return false;
}

/**
 * Checks that an operation has a meaning on its operands.
 *
 * @throws {DTypeError} Where one, or a result, is complex and it has none.
 */
export function checkMeaning(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
): void {
  // What is not lowered is inlined, or evaluates by itself.
  if (primitive.onParts !== undefined || primitive.lower === undefined) return;
  const { dtype } = [...ins, ...outs].find((a) => isComplex(a.dtype)) ?? {};
  if (dtype === undefined) return;
  throw new DTypeError(
    `${primitive.name}: is not defined on ${dtype}; take numpy.real(z), numpy.imag(z) or numpy.abs(z) first`,
  );
}

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
  if (!isAnyComplex(ins) && !isAnyComplex(outs)) return primitive.expand?.(ins, params) ?? null;
  checkMeaning(primitive, ins, outs);
  const { onParts: rule } = primitive;
  if (rule === "stored" || rule === undefined) return null;
  return (xs) => {
    const operands = xs.map((x, i) => isComplex(ins[i].dtype) ? { re: real(x), im: imag(x) } : x);
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
