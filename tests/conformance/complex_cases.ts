/**
 * The rows of the conformance table for complex numbers: the primitives of their parts, and what the others do with them. Operands and results
 * are real, so that derivatives can be held against differences.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { lax, numpy: np } = vn;

const f = (shape: number[], range: [number, number] = [0.2, 1.5]): OperandSpec => ({
  shape,
  range,
});

/** A function of one complex array, as one of its parts. */
function ofComplex(
  name: string,
  fn: (z: vn.NDArray) => vn.NDArray,
  more: Partial<Case> = {},
): Case {
  return {
    name: `complex numbers: ${name}`,
    operands: [f([3, 4]), f([3, 4])],
    call: (x, y) => {
      const out = fn(lax.complex(x, y));
      return np.iscomplexobj(out) ? lax.add(lax.real(out), lax.imag(out)) : out;
    },
    ...more,
  };
}

const functions = [
  ...[
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
  ] as const,
  ...["tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "logistic", "square"] as const,
];

/** See `table.ts`. */
export const complexCases: readonly Case[] = [
  ofComplex("real", (z) => lax.real(lax.mul(z, z))),
  ofComplex("imag", (z) => lax.imag(lax.mul(z, z))),
  ofComplex("conj", (z) => lax.mul(lax.conj(z), lax.mul(z, z))),
  ofComplex("abs", lax.abs),
  ofComplex("div", (z) => lax.div(lax.add(z, lax.conj(z)), lax.mul(z, z))),
  ofComplex("sub and neg", (z) => lax.neg(lax.sub(lax.mul(z, z), lax.conj(z)))),
  ofComplex("integer_pow", (z) => lax.integerPow(z, 3)),
  ofComplex("pow", (z) => lax.pow(z, lax.conj(z))),
  ofComplex("dot_general", (z) => np.matmul(z, z.T)),
  ofComplex("reduce_sum", (z) => lax.reduceSum(lax.mul(z, z), [1])),
  ofComplex("cumsum", (z) => lax.cumsum(lax.mul(z, z), 1)),
  ofComplex("moves", (z) => np.concatenate([np.flip(z, 0), np.pad(z, 0)]).T.get(vn.slice(1, 3))),
  ofComplex("gather and scatter", (z) => {
    const at = np.array([2, 0, 2], { dtype: "int32" });
    return z.at(at).add(z.get(at));
  }),
  ofComplex("select", (z) => np.where(lax.eq(lax.imag(z), 0), z, lax.mul(z, z))),
  ofComplex(
    "convert",
    (z) =>
      lax.convertElementType(lax.mul(z, lax.convertElementType(lax.real(z), z.dtype)), z.dtype),
  ),
  ofComplex(
    "scan",
    (z) => lax.scan((c: vn.NDArray, x: vn.NDArray) => [lax.mul(c, x), c], z.get(0), z)[1],
  ),
  ofComplex(
    "cond",
    (z) => lax.cond(np.array(true), (x: vn.NDArray) => lax.mul(x, x), (x: vn.NDArray) => x, z),
  ),
  ...functions.map((name) => ofComplex(name, lax[name] as (z: vn.NDArray) => vn.NDArray)),
];
