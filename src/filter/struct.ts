/**
 * `ShapeDtypeStruct`: an array without elements, to trace with and to describe results.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";

/**
 * Shape and dtype of an array, without its elements.
 *
 * @example
 * ```ts
 * import { ShapeDtypeStruct } from "@vernal/vernal";
 *
 * const x = new ShapeDtypeStruct([2, 3], "float32");
 * x.size; // 6
 * ```
 */
export class ShapeDtypeStruct {
  /** Shape, dtype and weakness. */
  readonly aval: ShapedArray;

  /**
   * Makes the struct.
   *
   * @param shape The sizes of the axes.
   * @param dtype The element type.
   * @param options `weakType`: whether the dtype gives way in promotion.
   * @throws {DTypeError} For an unknown dtype.
   */
  constructor(shape: Shape, dtype: DType, options: { readonly weakType?: boolean } = {}) {
    checkDType(dtype, "new ShapeDtypeStruct(shape, dtype)");
    this.aval = shapedArray(shape, dtype, options.weakType ?? false);
  }

  /** The sizes of the axes. */
  get shape(): Shape {
    return this.aval.shape;
  }
  /** The element type. */
  get dtype(): DType {
    return this.aval.dtype;
  }
  /** Whether the dtype gives way in promotion. */
  get weakType(): boolean {
    return this.aval.weakType;
  }
  /** The number of axes. */
  get ndim(): number {
    return this.aval.shape.length;
  }
  /** The number of elements. */
  get size(): number {
    return this.aval.size;
  }
  /** Equal shape, dtype and weakness. */
  [Symbol.for("vernal.equals")](other: unknown): boolean {
    return other instanceof ShapeDtypeStruct && other.aval === this.aval;
  }
  /** Agrees with equality. */
  [Symbol.for("vernal.hash")](): number {
    return this.aval.id;
  }
  /** `ShapeDtypeStruct(shape=[2,3], dtype=float32)`. */
  toString(): string {
    const weak = this.weakType ? ", weakType=true" : "";
    return `ShapeDtypeStruct(shape=[${this.shape.join(",")}], dtype=${this.dtype}${weak})`;
  }
  /** What `console.log` shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** `T` with a struct in place of every array. */
export type Structs<T> = T extends NDArray ? ShapeDtypeStruct
  : T extends
    string | number | boolean | bigint | symbol | null | undefined | ((...args: never[]) => unknown)
    ? T
  : { [K in keyof T]: Structs<T[K]> };

/** The struct of an aval. */
export function structOf(aval: ShapedArray): ShapeDtypeStruct {
  return new ShapeDtypeStruct(aval.shape, aval.dtype, { weakType: aval.weakType });
}
