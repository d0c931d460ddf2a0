/**
 * Complex numbers on the host: what a complex array's `item()` and `tolist()` give, and what stands for an element beside an array.
 *
 * @module
 */
import { equalsKey } from "../tree/brands.ts";

/**
 * A complex number. Immutable; equal ones are one static value to transformations.
 *
 * Its shape is not read by arithmetic operators: `numpy` and the methods of arrays take it wherever they take a number.
 *
 * @example
 * ```ts
 * import { Complex, numpy as np } from "@vernal/vernal";
 *
 * const z = np.array([1, new Complex(0, 1)]); // complex64
 * z.mul(z).tolist(); // [new Complex(1, 0), new Complex(-1, 0)]
 * ```
 */
export class Complex {
  /**
   * Makes a number of its parts.
   *
   * @param re The real part.
   * @param im The imaginary part; 0 unless given.
   */
  constructor(readonly re: number, readonly im: number = 0) {}

  /** Whether another value is the same number; NaN is the same as NaN, as for static values in general. */
  [equalsKey](other: unknown): boolean {
    return other instanceof Complex && Object.is(other.re, this.re) && Object.is(other.im, this.im);
  }

  /** As Python writes it: `(1+2j)`. */
  toString(): string {
    const sign = this.im < 0 || Object.is(this.im, -0) ? "-" : "+";
    return `(${this.re}${sign}${Math.abs(this.im)}j)`;
  }

  /** Both parts, for JSON. */
  toJSON(): { re: number; im: number } {
    return { re: this.re, im: this.im };
  }
}
