/**
 * The concrete array: what users hold when nothing is being traced.
 *
 * @module
 */
import { NDArray, type NestedList } from "../core/array.ts";
import { Complex } from "../core/complex.ts";
import { defaultPlacement, placementOf } from "../core/placement.ts";
import type { Sharding } from "../core/sharding.ts";
import { isWatched, timed } from "../core/spans.ts";
import { formatAval, type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import {
  type DType,
  dtypeInfo,
  dtypeOfTypedArray,
  type HostScalar,
  isBig,
  isComplex,
  partOf,
  roundTo,
  type TypedArray,
  typedArrayClass,
} from "../core/dtype.ts";
import { ArgumentError, DonatedError, DTypeError, ShapeError } from "../errors.ts";
import { writer } from "../backends/interp/scalar.ts";
import { cellsToTypedArray, readCells, toCell, typedArrayToCells, viewFor } from "./cells.ts";
import { formatArray } from "./format.ts";
import { heap } from "./memory.ts";
import { enterScope } from "./scope_stack.ts";
import {
  allocateStorage,
  beginOperation,
  bringIn,
  type Cells,
  freeStorage,
  type Guard,
  Storage,
  touch,
} from "./storage.ts";

/** Arrays of up to this many elements are kept as host scalars: cheaper than memory that the collector must be told of. */
export const MAX_CELLS = 64;

/** Elements on the host. */
type Elements = { readonly length: number; readonly [index: number]: HostScalar | Complex };

/** What took an array's elements away, for the message of a later use. */
export interface Removal {
  /** What it was. */
  readonly what: string;
  /** What the user can do. */
  readonly advice: string;
}

/** What `delete()` and `using` say. */
export const deletion: Removal = {
  what: "delete() or the end of a using block",
  advice: "Delete it later, or keep a copy, made before by np.copy(x)",
};

/** What an array that was donated to a program says. */
export function donationTo(program: { readonly name: string }): Removal {
  return {
    what: `donation to ${program.name}`,
    advice: "Use the result of that call instead, or keep a copy, made before by np.copy(x)",
  };
}

/** The error for an array whose elements are gone. */
export function goneError(aval: ShapedArray, { what, advice }: Removal): DonatedError {
  return new DonatedError(
    `an array (${
      formatAval(aval)
    }) was used after its elements had been taken away by ${what}. ${advice}`,
  );
}

/** An array whose elements are in memory. Immutable; handles on it are cheap. */
export class ConcreteArray extends NDArray {
  override readonly aval: ShapedArray;
  /** Its elements, or `null` once they were deleted or donated. */
  storage: Storage | null;
  /** Keeps the allocation alive as long as this handle lives; `null` where the collector need not know. */
  guard: Guard | null;
  /** The scalar that a trace may write into equations in place of this array. */
  literal: HostScalar | undefined = undefined;
  /** Whether scopes leave it alone, because a cache holds it. */
  isKept = false;
  #gone: Removal | null = null;

  /** For the runtime: wraps elements. Users call `numpy.array`. */
  constructor(aval: ShapedArray, storage: Storage, guard: Guard | null) {
    super();
    this.aval = aval;
    this.storage = storage;
    this.guard = guard;
    this.placement = defaultPlacement;
    enterScope(this);
  }

  override get isDeleted(): boolean {
    return this.storage === null;
  }

  override delete(): void {
    this.release(deletion);
  }

  /** Gives the elements up. Does nothing the second time. */
  release(by: Removal): void {
    const storage = this.storage;
    if (storage === null) return;
    if (--storage.handles === 0) freeStorage(storage, this.guard);
    this.forget(by);
  }

  /** As {@linkcode release}, but leaves the storage to whom it was handed over. */
  forget(by: Removal): void {
    this.storage = null;
    this.guard = null;
    this.#gone = by;
  }

  /**
   * The storage.
   *
   * @throws {DonatedError} Where the elements are gone.
   */
  live(): Storage {
    const storage = this.storage;
    if (storage === null) throw goneError(this.aval, this.#gone!);
    return storage;
  }

  /** The address of the elements in the shared memory; brings them there if they are elsewhere. */
  address(): number {
    const storage = this.live();
    if (storage.address !== 0) touch(storage);
    else this.guard = bringIn(this.aval, storage, this.guard);
    return storage.address;
  }

  /** The elements of an array of few elements, as host scalars. Not to be written to. */
  cells(): Cells {
    const storage = this.live();
    return storage.cells ?? readCells(this.aval, this.address());
  }

  override dataSync(): TypedArray {
    return isWatched
      ? timed("readback", formatAval(this.aval), () => this.copyOut())
      : this.copyOut();
  }

  /** As {@linkcode dataSync}, for what the runtime itself needs. */
  copyOut(): TypedArray {
    const storage = this.live();
    const { dtype, size } = this.aval;
    if (storage.cells !== null) return cellsToTypedArray(storage.cells, dtype);
    if (storage.spilled !== null) {
      return new (typedArrayClass(dtype))(storage.spilled.slice().buffer);
    }
    const { bytes } = dtypeInfo(dtype);
    const per = isComplex(dtype) ? 2 : 1;
    const from = Math.floor(storage.address / bytes) * per;
    return viewFor(heap(), dtype).slice(from, from + size * per);
  }

  // deno-lint-ignore require-await -- other devices wait; a bad array must reject, not throw
  override async data(): Promise<TypedArray> {
    return this.dataSync();
  }

  /** A view of the elements in the shared memory: read it at once, since it may move or go away. */
  view(): TypedArray {
    return viewOf(this.aval, this.address());
  }

  override tolist(): NestedList {
    const { dtype, shape } = this.aval;
    if (dtype === "key<fry>") throw keyHasNoNumbers("tolist");
    return nest(this.#values(), shape);
  }

  override item<T extends number | Complex = number>(): T {
    if (this.aval.size !== 1) {
      throw new ShapeError(
        `item: needs an array of one element, got ${
          formatAval(this.aval)
        }; index it first, as in x.get(0).item()`,
      );
    }
    if (this.aval.dtype === "key<fry>") throw keyHasNoNumbers("item");
    const first = this.#values()[0];
    return (first instanceof Complex ? first : Number(first)) as T;
  }

  /** As NumPy prints it, long arrays cut short: `Array([1., 2.], dtype=float32)`. */
  override toString(): string {
    return formatArray(
      this.aval,
      this.isDeleted ? null : () => this.#values(),
    );
  }

  /** The number of a one-element array, its text where text is wanted; everything else throws. */
  [Symbol.toPrimitive](hint: string): number | string {
    if (hint === "string") return this.toString();
    if (this.aval.size === 1 && this.aval.dtype !== "key<fry>") return this.item();
    throw new ArgumentError(
      `an array (${
        formatAval(this.aval)
      }) has no single number to compute or compare with: JavaScript's operators do not ` +
        "work on arrays; use methods such as x.add(y) and x.less(y)",
    );
  }

  /** Nested lists of numbers; 64-bit integers become numbers too. */
  toJSON(): NestedList {
    if (!isBig(this.aval.dtype)) return this.tolist();
    return nest(Array.from(this.#values(), Number), this.aval.shape);
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** For `console.log` in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** The elements as host values; long arrays in a TypedArray, if one holds them as they are. */
  #values(): Elements {
    if (isComplex(this.aval.dtype)) {
      const parts = this.storage?.cells as number[] | null ?? this.dataSync() as Float32Array;
      return Array.from({ length: this.aval.size }, (_, i) => {
        return new Complex(parts[2 * i], parts[2 * i + 1]);
      });
    }
    const cells = this.storage?.cells;
    if (cells !== null && cells !== undefined) return cells;
    const { dtype } = this.aval;
    const data = this.dataSync();
    return dtype === "bool" || dtype === "bfloat16" ? typedArrayToCells(data, dtype) : data;
  }
}

function keyHasNoNumbers(where: string): DTypeError {
  return new DTypeError(
    `${where}: an array of keys has no host value; use random.keyData(key) for its bits`,
  );
}

function nest(
  data: Elements,
  shape: Shape,
): NestedList {
  let at = 0;
  const level = (axis: number): NestedList => {
    if (axis === shape.length) {
      return data[at++];
    }
    const list: NestedList[] = [];
    for (let i = 0; i < shape[axis]; i++) list.push(level(axis + 1));
    return list;
  };
  return level(0);
}

/** A view of elements in the shared memory. */
export function viewOf(aval: ShapedArray, address: number): TypedArray {
  const Class = typedArrayClass(aval.dtype);
  return new Class(heap().memory.buffer as ArrayBuffer, address, aval.stored.size);
}

/** An array of few elements, made of host scalars that are already values of the dtype. `cells` is kept, not copied. */
export function fromCells(aval: ShapedArray, cells: Cells): ConcreteArray {
  const storage = new Storage();
  storage.cells = cells;
  return new ConcreteArray(aval, storage, null);
}

/**
 * An array in the shared memory whose elements are yet to be written, at its `address()`. It may move others out, except those
 * that were used since the last `beginOperation()`.
 */
export function emptyArray(aval: ShapedArray): ConcreteArray {
  const storage = new Storage();
  return new ConcreteArray(aval, storage, allocateStorage(aval, storage));
}

/** The same elements under another aval of the same size and width: no copy. */
export function aliasArray(x: ConcreteArray, aval: ShapedArray): ConcreteArray {
  const storage = x.live();
  // Cells belong to one array, so that each may have its own copy in the shared memory.
  if (storage.cells !== null && x.aval.stored.dtype === aval.stored.dtype) {
    return fromCells(aval, storage.cells);
  }
  x.address();
  storage.cells = null;
  storage.handles++;
  return new ConcreteArray(aval, storage, x.guard);
}

/** The same elements where a sharding says: no copy, since all devices share one memory. */
export function placedArray(
  x: ConcreteArray,
  sharding: Sharding,
  committed: boolean,
): ConcreteArray {
  const placed = aliasArray(x, x.aval);
  placed.placement = placementOf(sharding, committed);
  return placed;
}

/**
 * An array with a copy of a TypedArray's elements.
 *
 * @param dtype The TypedArray's own unless given; `bool` and keys are stored as `Uint8Array` and `BigUint64Array`.
 * @throws {ShapeError} Where the shape has another number of elements.
 */
export function arrayFromTypedArray(
  data: TypedArray,
  shape: Shape = [data.length],
  dtype: DType = dtypeOfTypedArray(data, "arrayFromTypedArray"),
  weakType = false,
): ConcreteArray {
  const aval = shapedArray(shape, dtype, weakType);
  if (aval.stored.size !== data.length) {
    throw new ShapeError(
      `array: ${data.length} elements do not fill the shape [${shape.join(", ")}]`,
    );
  }
  if (!(data instanceof typedArrayClass(dtype))) {
    throw new DTypeError(
      `array: a ${(data as TypedArray).constructor.name} does not hold elements of ${dtype}`,
    );
  }
  if (aval.stored.size <= MAX_CELLS) return fromCells(aval, typedArrayToCells(data, dtype));
  beginOperation();
  const x = emptyArray(aval);
  const { bytes } = dtypeInfo(aval.stored.dtype);
  (viewFor(heap(), dtype) as Float32Array).set(
    data as Float32Array,
    Math.floor(x.address() / bytes),
  );
  return x;
}

/** An array with one value everywhere. */
export function fullArray(aval: ShapedArray, value: HostScalar): ConcreteArray {
  const cell = toCell(value, aval.dtype);
  if (aval.size <= MAX_CELLS) return fromCells(aval, new Array(aval.size).fill(cell) as Cells);
  beginOperation();
  const x = emptyArray(aval);
  const from = Math.floor(x.address() / dtypeInfo(aval.dtype).bytes);
  (viewFor(heap(), aval.dtype) as Float32Array).fill(
    // A key's view is unsigned.
    (aval.dtype === "key<fry>"
      ? BigInt.asUintN(64, cell as bigint)
      : writer(aval.dtype)(cell)) as number,
    from,
    from + aval.size,
  );
  return x;
}

/** An array under another aval of the same stored form, in its place: `x` is not to be used any more. */
export function retyped(x: ConcreteArray, aval: ShapedArray): ConcreteArray {
  if (x.aval === aval) return x;
  const storage = x.live();
  if (storage.lease !== null) storage.lease.aval = aval;
  const array = new ConcreteArray(aval, storage, x.guard);
  x.forget(deletion);
  return array;
}

/** A 0-d constant that traces may write into equations. */
export function literalArray(value: HostScalar, dtype: DType, weakType: boolean): ConcreteArray {
  if (isComplex(dtype)) return complexConstant(Number(value), dtype, weakType);
  const cell = toCell(value, dtype);
  const x = fromCells(scalarAval(dtype, weakType), [cell] as Cells);
  x.literal = cell;
  return x;
}

const complexConstants = new Map<string, ConcreteArray>();
const MAX_CONSTANTS = 256;

/** A complex number is no literal: traces capture it. The same array each time, so that they capture it once. */
function complexConstant(value: number, dtype: DType, weakType: boolean): ConcreteArray {
  const key = `${Object.is(value, -0) ? "-0" : value} ${dtype} ${weakType}`;
  let x = complexConstants.get(key);
  if (x === undefined || x.isDeleted) {
    if (complexConstants.size >= MAX_CONSTANTS) complexConstants.clear();
    x = fromCells(scalarAval(dtype, weakType), [roundTo(value, partOf(dtype)), 0]);
    x.isKept = true;
    complexConstants.set(key, x);
  }
  return x;
}

const scalarAvals = new Map<DType, ShapedArray[]>();

/** A 0-d aval, found faster than by its text: every host number in an operation needs one. */
function scalarAval(dtype: DType, weakType: boolean): ShapedArray {
  let avals = scalarAvals.get(dtype);
  if (avals === undefined) {
    avals = [shapedArray([], dtype, false), shapedArray([], dtype, true)];
    scalarAvals.set(dtype, avals);
  }
  return avals[weakType ? 1 : 0];
}
