/**
 * The array that users hold: a handle on elements (concrete) or a stand-in inside a trace.
 *
 * The class is abstract and knows no operations: `mod.ts` hands the functions that its methods call to
 * {@linkcode installMethods}, so that this file imports nothing above it.
 *
 * @module
 */
import { ShapeError, TracerError } from "../errors.ts";
import { arrayBrand, equalsKey } from "../tree/brands.ts";
import type { Complex } from "./complex.ts";
import { nbytesOf, type Shape, type ShapedArray } from "./aval.ts";
import type { Device } from "./device.ts";
import { type Placement, shardingOf } from "./placement.ts";
import { type Sharding, SingleDeviceSharding } from "./sharding.ts";
import type { DType, HostScalar, TypedArray } from "./dtype.ts";

/** What arithmetic takes beside arrays: host scalars, which are weakly typed, and TypedArrays. */
export type ArrayLike = NDArray | HostScalar | Complex | TypedArray;

/** An index that `get` and `at` take; see `numpy/indexing.ts`. */
export type Index = number | null | "..." | SliceIndex | NDArray | readonly number[] | boolean;

/** A slice along one axis: `null` stands for an absent bound. */
export interface SliceIndex {
  /** The first position; negative ones count from the end. */
  readonly start: number | null;
  /** The position before which it ends. */
  readonly stop: number | null;
  /** The distance between positions; negative ones run backwards. */
  readonly step: number | null;
  /** Tells a slice from other objects. */
  readonly [sliceBrand]: true;
}

/** Brands what {@linkcode slice} makes. */
export const sliceBrand: unique symbol = Symbol.for("vernal.slice") as never;

// A class, not a plain object: a slice is one leaf of a tree, and two equal ones are the same static value.
class Slice implements SliceIndex {
  constructor(
    readonly start: number | null,
    readonly stop: number | null,
    readonly step: number | null,
  ) {}
  get [sliceBrand](): true {
    return true;
  }
  [equalsKey](other: unknown): boolean {
    return other instanceof Slice && other.start === this.start && other.stop === this.stop &&
      other.step === this.step;
  }
}

/** `slice(start, stop, step)`: as Python's `start:stop:step`, `null` for an absent bound. */
export function slice(
  start: number | null = null,
  stop: number | null = null,
  step: number | null = null,
): SliceIndex {
  return new Slice(start, stop, step);
}

/** What {@linkcode IndexUpdate} does with indices out of bounds. */
export interface UpdateOptions {
  /** `"drop"` (or `"fill"`; the default) writes nothing there, `"clip"` takes the nearest element. */
  readonly mode?: "drop" | "fill" | "clip" | "promise_in_bounds";
  /** Whether no element is indexed twice, which the caller then knows: derivatives cost less. False unless told. */
  readonly uniqueIndices?: boolean;
}

/** What {@linkcode IndexUpdate.get} does with indices out of bounds. */
export interface LookupOptions {
  /** `"clip"` (the default) takes the nearest element, `"fill"` (or `"drop"`) answers with `fillValue`. */
  readonly mode?: "drop" | "fill" | "clip" | "promise_in_bounds";
  /** The answer out of bounds; NaN, or an extreme integer, unless given. */
  readonly fillValue?: HostScalar;
}

/** The update builder that `x.at(...)` gives, as `jax.numpy.ndarray.at`. */
export interface IndexUpdate {
  /** The elements at the index. */
  get(options?: LookupOptions): NDArray;
  /** A copy of the array with the indexed elements replaced. */
  set(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with `value` added; repeated indices accumulate. */
  add(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with `value` subtracted; repeated indices accumulate. */
  sub(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** {@linkcode IndexUpdate.sub} by JAX's name. */
  subtract(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with the indexed elements multiplied by `value`. */
  mul(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** {@linkcode IndexUpdate.mul} by JAX's name. */
  multiply(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with the indexed elements divided by `value`. */
  div(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** {@linkcode IndexUpdate.div} by JAX's name. */
  divide(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with the indexed elements raised to `value`. */
  pow(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** {@linkcode IndexUpdate.pow} by JAX's name. */
  power(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with the minimum of the old and the new elements. */
  min(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with the maximum of the old and the new elements. */
  max(value: ArrayLike, options?: UpdateOptions): NDArray;
  /** A copy with `fn` applied to the indexed elements. */
  apply(fn: (x: NDArray) => NDArray): NDArray;
}

/** Options of reductions called as methods: JAX's `axis` and `keepdims`. */
export interface ReduceOptions {
  /** The axes to reduce; all unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Whether reduced axes stay, with size 1. */
  readonly keepdims?: boolean;
}

/** The functions behind the methods of {@linkcode NDArray}; filled in once, by `mod.ts`. */
export interface ArrayMethods {
  add(x: NDArray, y: ArrayLike): NDArray;
  sub(x: NDArray, y: ArrayLike): NDArray;
  mul(x: NDArray, y: ArrayLike): NDArray;
  div(x: NDArray, y: ArrayLike): NDArray;
  pow(x: NDArray, y: ArrayLike): NDArray;
  mod(x: NDArray, y: ArrayLike): NDArray;
  neg(x: NDArray): NDArray;
  abs(x: NDArray): NDArray;
  matmul(x: NDArray, y: ArrayLike): NDArray;
  equal(x: NDArray, y: ArrayLike): NDArray;
  notEqual(x: NDArray, y: ArrayLike): NDArray;
  less(x: NDArray, y: ArrayLike): NDArray;
  lessEqual(x: NDArray, y: ArrayLike): NDArray;
  greater(x: NDArray, y: ArrayLike): NDArray;
  greaterEqual(x: NDArray, y: ArrayLike): NDArray;
  sum(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  prod(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  mean(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  max(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  min(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  any(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  all(x: NDArray, options?: ReduceOptions | number | readonly number[]): NDArray;
  argmax(x: NDArray, options?: { axis?: number | null; keepdims?: boolean } | number): NDArray;
  argmin(x: NDArray, options?: { axis?: number | null; keepdims?: boolean } | number): NDArray;
  reshape(x: NDArray, shape: Shape): NDArray;
  transpose(x: NDArray, axes?: readonly number[]): NDArray;
  astype(x: NDArray, dtype: DType): NDArray;
  get(x: NDArray, index: readonly Index[]): NDArray;
  at(x: NDArray, index: readonly Index[]): IndexUpdate;
  addressableShards(x: NDArray): Shard[];
}

/** The part of an array that one device has. */
export interface Shard {
  /** Which device. */
  readonly device: Device;
  /** Where the part lies in the array: one slice for each axis. */
  readonly index: readonly SliceIndex[];
  /** How many devices before this one have the same part. */
  readonly replicaId: number;
  /** The part, on that device. */
  readonly data: NDArray;
}

let methods: ArrayMethods | null = null;

/** Gives the methods of {@linkcode NDArray} their functions. */
export function installMethods(table: ArrayMethods): void {
  methods = table;
}

function m(): ArrayMethods {
  if (methods === null) {
    throw new TracerError(
      'array methods need the package\'s main entry: import it once, as in `import * as vn from "@vernal/vernal"`',
    );
  }
  return methods;
}

/**
 * An n-dimensional, immutable array: either concrete (elements in memory) or, inside a transformation,
 * a tracer that stands for one.
 *
 * Shape, dtype and weakness are known in both cases; elements only in the first.
 */
export abstract class NDArray implements Disposable {
  /** Shape, dtype and weakness. */
  abstract readonly aval: ShapedArray;

  /** By which trees know an array from other leaves. */
  get [arrayBrand](): true {
    return true;
  }

  /** The sizes of the axes. */
  get shape(): Shape {
    return this.aval.shape;
  }
  /** The element type. */
  get dtype(): DType {
    return this.aval.dtype;
  }
  /** Whether the dtype gives way in promotion, as that of a host scalar does. */
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
  /** The size of the elements, in bytes. */
  get nbytes(): number {
    return nbytesOf(this.aval);
  }
  /** The length of axis 0. */
  get length(): number {
    if (this.ndim === 0) throw new TracerError("length: a 0-d array has no length");
    return this.shape[0]!;
  }
  /** Where a concrete array is; `null` for the first device, without being committed to it. For the runtime. */
  placement: Placement | null = null;

  /** On which devices the array is, and which part of it on which. */
  get sharding(): Sharding {
    return shardingOf(this.placement);
  }
  /** The device, or the sharding where there are several. */
  get device(): Device | Sharding {
    const { sharding } = this;
    return sharding instanceof SingleDeviceSharding ? sharding.device : sharding;
  }
  /** The devices that the array is on. */
  devices(): ReadonlySet<Device> {
    return this.sharding.deviceSet;
  }
  /** Whether the array was put where it is (`devicePut`, a sharding), so that computations with it happen there. */
  get committed(): boolean {
    return this.placement?.committed ?? false;
  }
  /** The part that each device has. */
  get addressableShards(): Shard[] {
    return m().addressableShards(this);
  }

  /** The transpose, axes reversed. */
  get T(): NDArray {
    return m().transpose(this);
  }

  /** A copy of the elements in row-major order, from any device. */
  abstract data(): Promise<TypedArray>;
  /** A copy of the elements in row-major order, at once. */
  abstract dataSync(): TypedArray;
  /** The elements as nested lists (a bare scalar for a 0-d array). */
  abstract tolist(): NestedList;
  /** The only element of a one-element array. */
  abstract item<T extends number | Complex = number>(): T;
  /** Whether {@linkcode delete} or a donation has taken the elements away. */
  abstract readonly isDeleted: boolean;
  /** Frees the elements now; any later use throws a `DonatedError`. */
  abstract delete(): void;

  /** As {@linkcode delete}, but idempotent and allowed on tracers: `using y = f(x)`. */
  [Symbol.dispose](): void {
    if (!this.isDeleted) this.delete();
  }

  /** `x + y`. */
  add(y: ArrayLike): NDArray {
    return m().add(this, y);
  }
  /** `x - y`. */
  sub(y: ArrayLike): NDArray {
    return m().sub(this, y);
  }
  /** `x * y`, elementwise. */
  mul(y: ArrayLike): NDArray {
    return m().mul(this, y);
  }
  /** `x / y`, always floating. */
  div(y: ArrayLike): NDArray {
    return m().div(this, y);
  }
  /** `x ** y`. */
  pow(y: ArrayLike): NDArray {
    return m().pow(this, y);
  }
  /** `x % y`, with the sign of `y`. */
  mod(y: ArrayLike): NDArray {
    return m().mod(this, y);
  }
  /** `-x`. */
  neg(): NDArray {
    return m().neg(this);
  }
  /** `|x|`. */
  abs(): NDArray {
    return m().abs(this);
  }
  /** Matrix product, as `numpy.matmul`. */
  matmul(y: ArrayLike): NDArray {
    return m().matmul(this, y);
  }
  /** `x == y`, elementwise. */
  equal(y: ArrayLike): NDArray {
    return m().equal(this, y);
  }
  /** `x != y`, elementwise. */
  notEqual(y: ArrayLike): NDArray {
    return m().notEqual(this, y);
  }
  /** `x < y`, elementwise. */
  less(y: ArrayLike): NDArray {
    return m().less(this, y);
  }
  /** `x <= y`, elementwise. */
  lessEqual(y: ArrayLike): NDArray {
    return m().lessEqual(this, y);
  }
  /** `x > y`, elementwise. */
  greater(y: ArrayLike): NDArray {
    return m().greater(this, y);
  }
  /** `x >= y`, elementwise. */
  greaterEqual(y: ArrayLike): NDArray {
    return m().greaterEqual(this, y);
  }
  /** The sum over `axis` (all axes unless given). */
  sum(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().sum(this, options);
  }
  /** The product over `axis`. */
  prod(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().prod(this, options);
  }
  /** The mean over `axis`. */
  mean(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().mean(this, options);
  }
  /** The maximum over `axis`. */
  max(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().max(this, options);
  }
  /** The minimum over `axis`. */
  min(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().min(this, options);
  }
  /** Whether any element is nonzero. */
  any(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().any(this, options);
  }
  /** Whether all elements are nonzero. */
  all(options?: ReduceOptions | number | readonly number[]): NDArray {
    return m().all(this, options);
  }
  /** The index of the first maximum. */
  argmax(options?: { axis?: number | null; keepdims?: boolean } | number): NDArray {
    return m().argmax(this, options);
  }
  /** The index of the first minimum. */
  argmin(options?: { axis?: number | null; keepdims?: boolean } | number): NDArray {
    return m().argmin(this, options);
  }
  /** The same elements in another shape; one size may be -1. */
  reshape(...shape: number[] | [Shape]): NDArray {
    return m().reshape(this, (Array.isArray(shape[0]) ? shape[0] : shape) as Shape);
  }
  /** The axes permuted (reversed unless given). */
  transpose(...axes: number[] | [readonly number[]]): NDArray {
    const list = (Array.isArray(axes[0]) ? axes[0] : axes) as readonly number[];
    return list.length === 0 ? m().transpose(this) : m().transpose(this, list);
  }
  /** All elements in one axis. */
  ravel(): NDArray {
    return m().reshape(this, [-1]);
  }
  /** The elements converted to `dtype`. */
  astype(dtype: DType): NDArray {
    return m().astype(this, dtype);
  }
  /** `x[index]`: numbers, `slice(...)`, `null` (new axis), `"..."`, integer and boolean arrays. */
  get(...index: Index[]): NDArray {
    return m().get(this, index);
  }
  /** `x.at[index]`: gives `.set`, `.add`, … which return updated copies. */
  at(...index: Index[]): IndexUpdate {
    return m().at(this, index);
  }
  /** The sub-arrays along axis 0. */
  *[Symbol.iterator](): Iterator<NDArray> {
    if (this.ndim === 0) {
      throw new ShapeError(
        "cannot iterate over a 0-d array: it has no axis to go along; for its number use x.item()",
      );
    }
    for (let i = 0; i < this.shape[0]!; i++) yield this.get(i);
  }
}

/** Nested lists of host scalars. */
export type NestedList = HostScalar | Complex | NestedList[];
