/**
 * Buffers of loops: arrays in a carry of which every place is written once, so that reverse mode need not keep their earlier values.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import {
  type ArrayLike,
  type Index,
  type LookupOptions,
  NDArray,
  type UpdateOptions,
} from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import { selectIfVmap } from "../control/lockstep.ts";
import { asArray, broadcastArray } from "../numpy/promote.ts";
import { where } from "../numpy/where.ts";
import { convertElementType } from "../ops/convert.ts";
import { literal } from "../ops/common.ts";
import { and } from "../ops/logic.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { registerPytreeNode } from "../tree/registry.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { describeValue } from "./leaves.ts";

/** Options of writing into a {@linkcode LoopBuffer}. */
export interface BufferSetOptions extends UpdateOptions {
  /** Whether to write at all: a 0-d bool; true unless given. */
  readonly pred?: NDArray | boolean;
}

/** What `buffer.at(...)` gives. */
export interface BufferUpdate {
  /** The elements at the index, which must have been written before. */
  get(options?: LookupOptions): NDArray;
  /** The buffer with the indexed elements written, none of which may be written twice. */
  set(value: ArrayLike, options?: BufferSetOptions): LoopBuffer;
}

/**
 * What the function of a loop sees in place of an array that `options.buffers` names: it can be written by `.at(...).set(value)`, each place once, and read at places that
 * were written. Neither is checked, and derivatives are wrong where it does not hold.
 */
export class LoopBuffer {
  /**
   * Loops make buffers; users get them.
   *
   * @param array The elements; a buffer of a loop around this one is one here too.
   * @param alive Whether the present example has not ended: a 0-d bool.
   * @param tag The run of the function that it belongs to.
   */
  constructor(
    readonly array: NDArray | LoopBuffer,
    readonly alive: NDArray,
    readonly tag: symbol | null,
  ) {}

  /** The shape of the array. */
  get shape(): Shape {
    return this.array.shape;
  }
  /** Its element type. */
  get dtype(): DType {
    return this.array.dtype;
  }
  /** The number of axes. */
  get ndim(): number {
    return this.array.ndim;
  }
  /** The number of elements. */
  get size(): number {
    return this.array.size;
  }
  /** The elements at an index, which must have been written before. */
  get(...index: Index[]): NDArray {
    return this.array.get(...index);
  }
  /** Reads or writes at an index. */
  at(...index: Index[]): BufferUpdate {
    const refuse = (method: string) => () => {
      throw new ArgumentError(
        `a buffer of a loop can be written by .at(...).set(value) and read by .get(...) alone; got .at(...).${method}`,
      );
    };
    const others = ["add", "mul", "div", "pow", "min", "max", "apply"].map((m) => [m, refuse(m)]);
    return {
      ...Object.fromEntries(others),
      get: (options?: LookupOptions) => this.read(index, options),
      set: (value: ArrayLike, { pred = true, ...options }: BufferSetOptions = {}) => {
        const asked = pred === true ? null : asArray(pred, "buffer.at(...).set: options.pred");
        return this.write(index, value, asked, [], options);
      },
    };
  }

  /** Reads the innermost array. */
  private read(index: readonly Index[], options?: LookupOptions): NDArray {
    return this.array instanceof LoopBuffer
      ? this.array.read(index, options)
      : this.array.at(...index).get(options);
  }

  /** Writes where `asked` holds, and where this and all buffers around it are of an example that has not ended. */
  private write(
    index: readonly Index[],
    value: ArrayLike,
    asked: NDArray | null,
    outer: readonly NDArray[],
    options: UpdateOptions,
  ): LoopBuffer {
    const all = [...outer, this.alive];
    const { array } = this;
    if (array instanceof LoopBuffer) {
      const inner = array.write(index, value, asked, all, options);
      return new LoopBuffer(inner, this.alive, this.tag);
    }
    const alive = all.reduce((a, b) => and(a, b));
    const given = asArray(value, "buffer.at(...).set");
    const elsewhere = options.mode === undefined || options.mode === "drop"
      ? redirected(index, alive, asked)
      : null;
    const unique = { ...options, uniqueIndices: true };
    if (elsewhere !== null) {
      return new LoopBuffer(array.at(...elsewhere).set(given, unique), this.alive, this.tag);
    }
    // Without an index to turn away, an example that has ended writes what is there already.
    const place = array.at(...index);
    const old = place.get();
    let next = broadcastArray(convertElementType(given, array.dtype), old.shape);
    if (asked !== null) next = where(asked, next, old);
    return new LoopBuffer(place.set(selectIfVmap(alive, next, old), unique), this.alive, this.tag);
  }
}

/** An index that no axis has. */
const outOfBounds = 2 ** 31 - 1;

/** The index, out of bounds where nothing is to be written, so that the write costs no look at what was there; `null` where no part of it is an integer. */
function redirected(
  index: readonly Index[],
  alive: NDArray,
  asked: NDArray | null,
): Index[] | null {
  const isInteger = (it: Index) =>
    typeof it === "number" || (it instanceof NDArray && it.dtype !== "bool");
  const at = index.findIndex(isInteger);
  if (at < 0) return null;
  const given = asArray(index[at] as NDArray | number, "buffer.at");
  const it = convertElementType(given, "int32");
  const nowhere = broadcastArray(literal(outOfBounds, "int32"), it.shape);
  const wanted = asked === null ? it : where(asked, it, nowhere);
  return index.map((part, i) => i === at ? selectIfVmap(alive, wanted, nowhere) : part);
}

let registered = false;

/** Makes buffers nodes of trees, because an inner loop may carry those of an outer one. */
export function registerBuffers(): void {
  if (registered) return;
  registered = true;
  registerPytreeNode(
    LoopBuffer,
    (b) => [[b.array, b.alive], [b.tag]],
    ([tag]: [symbol | null], [array, alive]) => new LoopBuffer(array, alive, tag),
    { flattenWithKeys: (b) => [[["array", b.array], ["alive", b.alive]], [b.tag]] },
  );
}

/** Stands for a leaf while `buffers` picks some. */
class LeafMark {
  constructor(readonly place: number) {}
}

/** Which leaves of a carry `pick` names: it is given a tree like the carry, and returns a node of it or a list of those. */
export function bufferPlaces(
  pick: ((carry: never) => unknown) | null,
  def: TreeDef,
  caller: string,
): Set<number> {
  const places = new Set<number>();
  if (pick === null) return places;
  if (typeof pick !== "function") {
    throw new ArgumentError(
      `${caller}: options.buffers must be a function of the carry that picks arrays of it; got ${
        describeValue(pick)
      }`,
    );
  }
  const marks = leafPaths(def).map((_, i) => new LeafMark(i));
  const picked = (pick as (carry: unknown) => unknown)(unflatten(def, marks));
  // Of an outer loop's buffer, the array is meant.
  const [nodes] = flatten(picked, { isLeaf: (x) => x instanceof LoopBuffer });
  for (let node of nodes) {
    while (node instanceof LoopBuffer) node = node.array as unknown;
    if (!(node instanceof LeafMark)) {
      throw new ArgumentError(
        `${caller}: options.buffers must return arrays of the carry that it is given, or a tree of them; got ${
          String(node)
        }`,
      );
    }
    places.add(node.place);
  }
  return places;
}
