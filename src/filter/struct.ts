/**
 * `ShapeDtypeStruct`: an array without elements, to trace with and to describe results.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { Sharding } from "../core/sharding.ts";
import { ArgumentError } from "../errors.ts";

/** Options of {@linkcode ShapeDtypeStruct}. */
export interface StructOptions {
  /** Whether the dtype gives way in promotion; not, unless given. */
  readonly weakType?: boolean;
  /** Where the array is going to be; `null` where nobody says. */
  readonly sharding?: Sharding | null;
}

/**
 * Shape and dtype of an array, without its elements, and where it is going to be, if that is said.
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
  /** Where the array is going to be; `null` where nobody said. */
  readonly sharding: Sharding | null;

  /**
   * Makes the struct.
   *
   * @param shape The sizes of the axes.
   * @param dtype The element type.
   * @param options `weakType`: whether the dtype gives way in promotion. `sharding`: where the array is going to be, committed, as
   * `filterJit(f).lower(...)` is to take it; nobody said, unless given.
   * @throws {DTypeError} For an unknown dtype.
   * @throws {ArgumentError} For a sharding that is none.
   * @throws {ShapeError} Where the array has too few axes for the sharding, or one that does not divide.
   */
  constructor(shape: Shape, dtype: DType, options: StructOptions = {}) {
    const caller = "new ShapeDtypeStruct(shape, dtype, { sharding })";
    checkDType(dtype, "new ShapeDtypeStruct(shape, dtype)");
    const { sharding = null, weakType = false } = options;
    this.aval = shapedArray(shape, dtype, weakType);
    if (sharding !== null && !(sharding instanceof Sharding)) {
      throw new ArgumentError(
        `${caller}: expected a Sharding, as new NamedSharding(mesh, spec) or new SingleDeviceSharding(device); got ${
          String(sharding)
        }`,
      );
    }
    sharding?.checkShape(shape, caller);
    this.sharding = sharding;
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
  /** Equal shape, dtype, weakness and sharding. */
  [Symbol.for("vernal.equals")](other: unknown): boolean {
    return other instanceof ShapeDtypeStruct && other.aval === this.aval &&
      String(other.sharding) === String(this.sharding);
  }
  /** Agrees with equality. */
  [Symbol.for("vernal.hash")](): number {
    return this.aval.id;
  }
  /** `ShapeDtypeStruct(shape=[2,3], dtype=float32)`. */
  toString(): string {
    const weak = this.weakType ? ", weakType=true" : "";
    const where = this.sharding === null ? "" : `, sharding=${this.sharding}`;
    return `ShapeDtypeStruct(shape=[${this.shape.join(",")}], dtype=${this.dtype}${where}${weak})`;
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
