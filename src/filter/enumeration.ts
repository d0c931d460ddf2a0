/**
 * `Enumeration`: named outcomes that are arrays, each with a message.
 *
 * @module
 */
import { ArgumentError, DTypeError, warn } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { isOnHost } from "../core/placement.ts";
import { getEvaluator, Tracer, withEager } from "../core/trace.ts";
import { literal } from "../ops/common.ts";
import { eq, ne, select } from "../ops/logic.ts";
import { pformatKey } from "../tree/brands.ts";
import { registerPytreeNode } from "../tree/registry.ts";
import { branchedErrorIf } from "./error_if.ts";
import { describeValue } from "./leaves.ts";

/** Computes while tracing what is known while tracing. */
function known(operands: readonly unknown[], fn: () => NDArray): NDArray {
  return operands.some((x) => x instanceof Tracer) ? fn() : withEager(fn);
}

let registered = false;

/** Makes items trees: one array each, the enumeration part of the structure. */
function register(): void {
  registered = true;
  registerPytreeNode(
    EnumerationItem,
    (item) => [[item.value], [item.enumeration]],
    ([enumeration]: [AnyEnumeration], [value]) =>
      new EnumerationItem(value as NDArray, enumeration),
    { flattenWithKeys: (item) => [[["value", item.value]], [item.enumeration]] },
  );
}

/**
 * One of an {@linkcode Enumeration}: a tree with one leaf, its int32 number, so that it may be traced, mapped and carried through loops.
 */
export class EnumerationItem<K extends string = string> {
  /** The number, 0-d int32; with the mapped axes in front, where it comes out of `filterVmap`. */
  readonly value: NDArray;
  /** What it is one of. */
  readonly enumeration: EnumerationOf<K>;

  /** For the library; users take items from an enumeration. */
  constructor(value: NDArray, enumeration: EnumerationOf<K>) {
    if (!registered) register();
    this.value = value;
    this.enumeration = enumeration;
  }

  /** Whether it is the same item: a 0-d bool, known while tracing if both items are. */
  eq(other: EnumerationItem<K>): NDArray {
    this.#checkLike(other, "eq");
    return known([this.value, other.value], () => eq(this.value, other.value));
  }

  /** Whether it is another item. */
  ne(other: EnumerationItem<K>): NDArray {
    this.#checkLike(other, "ne");
    return known([this.value, other.value], () => ne(this.value, other.value));
  }

  /** Whether its number is known only when the program runs. */
  isTraced(): boolean {
    return this.value instanceof Tracer;
  }

  /**
   * Throws if a predicate is true, with the message of whichever item it turns out to be; see `errorIf`.
   *
   * @param x A tree with at least one array, which is returned.
   * @param pred A boolean, or an array of bools.
   * @throws {RuntimeCheckError} Where the predicate is true.
   */
  errorIf<T>(x: T, pred: boolean | NDArray): T {
    return branchedErrorIf(x, pred, this.value, this.enumeration.messages);
  }

  /** `Results<the message>`. */
  toString(): string {
    return `${this.enumeration.title}<${this.enumeration.message(this)}>`;
  }

  /** What `treePformat` writes. */
  [pformatKey](): string {
    return this.toString();
  }

  /** What `console.log` shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  #checkLike(other: unknown, where: string): void {
    if (other instanceof EnumerationItem && other.enumeration === this.enumeration) return;
    throw new ArgumentError(
      `Enumeration.${where}: can only compare items of one enumeration: ${this.enumeration.title} with ${
        other instanceof EnumerationItem ? other.enumeration.title : String(other)
      }`,
    );
  }
}

/** An enumeration with items of these names, as properties. */
export type EnumerationOf<K extends string> =
  & Enumeration<K>
  & {
    readonly [P in K]: EnumerationItem<K>;
  };

// deno-lint-ignore no-explicit-any -- the names are forgotten where any enumeration will do
type AnyEnumeration = EnumerationOf<any>;

/**
 * Named outcomes of a computation, each with a message: whether a solver converged, and if not, why. Items are arrays of a kind, so that they pass
 * through compiled functions, loops and maps. Written after Equinox's `Enumeration`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const Results = vn.Enumeration.define("Results", {
 *   successful: "Hurrah!",
 *   maxStepsReached: "The solver did not converge",
 * });
 * const solve = vn.filterJit((x: vn.NDArray) => {
 *   const result = Results.where(x.less(10), Results.successful, Results.maxStepsReached);
 *   return [result.errorIf(x, x.greater(100)), result] as const;
 * });
 * const [x, result] = solve(vn.numpy.array(20));
 * Results.message(result); // "The solver did not converge"
 * result.eq(Results.successful).item(); // 0
 * ```
 */
export class Enumeration<K extends string = string> {
  /** Its name, for people. */
  readonly title: string;
  /** The names of its items, in order: that of a parent's first. */
  readonly names: readonly K[];
  /** The messages of its items, in order. */
  readonly messages: readonly string[];
  readonly #parent: AnyEnumeration | null;

  private constructor(
    title: string,
    entries: Readonly<Record<K, string>>,
    parent: AnyEnumeration | null,
  ) {
    this.title = title;
    this.names = Object.keys(entries) as K[];
    this.messages = Object.values(entries);
    this.#parent = parent;
    for (const [name, message] of Object.entries(entries)) {
      if (name in this) {
        throw new ArgumentError(
          `Enumeration.define: an item must not be called ${name}, which is a member of every enumeration`,
        );
      }
      if (typeof message !== "string") {
        throw new ArgumentError(`Enumeration.define: the message of ${name} must be a string`);
      }
    }
    this.names.forEach((name, i) => {
      const value = literal(i, "int32");
      getEvaluator().keepAlive(value); // whatever scope is open when a module is loaded
      const item = new EnumerationItem<K>(value, this as unknown as EnumerationOf<K>);
      Object.defineProperty(this, name, { value: item, enumerable: true });
    });
    Object.freeze(this);
  }

  /**
   * Makes an enumeration.
   *
   * @param title Its name, for people.
   * @param entries For each item its name and its message.
   * @throws {ArgumentError} For a name that is taken.
   */
  static define<K extends string>(
    title: string,
    entries: Readonly<Record<K, string>>,
  ): EnumerationOf<K> {
    if (typeof entries !== "object" || entries === null) {
      throw new ArgumentError(
        `Enumeration.define: entries must be an object of messages by name; got ${
          describeValue(entries)
        }`,
      );
    }
    return new Enumeration(title, entries, null) as unknown as EnumerationOf<K>;
  }

  /**
   * Makes an enumeration with the items of this one and further ones. Items of this one become items of that one by its {@linkcode promote}.
   *
   * A name that this one has, too, gets the new message, with a warning.
   */
  extend<L extends string>(
    title: string,
    entries: Readonly<Record<L, string>>,
  ): EnumerationOf<K | L> {
    const all = Object.fromEntries(this.names.map((name, i) => [name, this.messages[i]]));
    for (const [name, message] of Object.entries<string>(entries)) {
      if (name in all && all[name] !== message) {
        warn(
          `Enumeration ${title} has incompatible messages for ${name}: ${
            JSON.stringify(all[name])
          } and ${JSON.stringify(message)}; the latter is used`,
        );
      }
      all[name] = message;
    }
    return new Enumeration(
      title,
      all,
      this as unknown as AnyEnumeration,
    ) as unknown as EnumerationOf<K | L>;
  }

  /** How many items there are. */
  get length(): number {
    return this.names.length;
  }

  /** Whether something is an item of this enumeration; of a parent or a child is not. */
  has(x: unknown): x is EnumerationItem<K> {
    return x instanceof EnumerationItem && x.enumeration === (this as unknown as AnyEnumeration);
  }

  /**
   * The message of an item: `"traced"` where it is not known yet; of a whole batch a list as text.
   *
   * @throws {ArgumentError} For anything but an item of this enumeration.
   */
  message(item: EnumerationItem<K>): string {
    if (!this.has(item)) {
      throw new ArgumentError(
        `Enumeration.message: expected an item of ${this.title}; got ${
          (item as unknown) instanceof EnumerationItem
            ? `one of ${(item as EnumerationItem).enumeration.title}`
            : String(item)
        }`,
      );
    }
    const { value } = item;
    if (value instanceof Tracer) return "traced";
    if (value instanceof NDArray && !isOnHost(value)) return `on ${value.device}`;
    if (!(value instanceof NDArray)) return "unknown"; // a tree may hold anything in place of a leaf
    if (value.ndim === 0) return this.messages[value.item()];
    return JSON.stringify(Array.from(value.dataSync() as Int32Array, (i) => this.messages[i]));
  }

  /**
   * `a` where a predicate is true, `b` where it is not. One item on both sides is the result whatever the predicate is.
   *
   * @param pred A boolean, or a 0-d bool.
   * @throws {ArgumentError} For items of other enumerations, or another predicate.
   */
  where(
    pred: boolean | NDArray,
    a: EnumerationItem<K>,
    b: EnumerationItem<K>,
  ): EnumerationItem<K> {
    const where = `Enumeration.where`;
    if (!this.has(a) || !this.has(b)) {
      throw new ArgumentError(`${where}: both items must be of ${this.title}`);
    }
    if (typeof pred === "boolean") return pred ? a : b;
    if (!(pred instanceof NDArray) || pred.ndim > 0 || pred.dtype !== "bool") {
      throw new DTypeError(
        `${where}: needs a 0-d predicate of bool; got ${
          pred instanceof NDArray ? formatAval(pred.aval) : String(pred)
        }`,
      );
    }
    if (a.value === b.value) return a;
    if (!(pred instanceof Tracer) && isOnHost(pred)) return pred.item() !== 0 ? a : b;
    return new EnumerationItem(select(pred, a.value, b.value), a.enumeration);
  }

  /**
   * An item of the enumeration that this one was extended from (or that one, and so on), as one of this.
   *
   * @throws {ArgumentError} For any other.
   */
  // deno-lint-ignore no-explicit-any -- the names that a parent has are the parent's business
  promote(item: EnumerationItem<any>): EnumerationItem<K> {
    const of = (item as unknown) instanceof EnumerationItem ? item.enumeration : null;
    for (let at = this.#parent; at !== null; at = at.#parent) {
      // A parent's items come first, in its order, so that the numbers stay.
      if (at === of) return new EnumerationItem(item.value, this as unknown as EnumerationOf<K>);
    }
    throw new ArgumentError(
      `Enumeration.promote: ${this.title} takes items of the enumerations that it extends; got ${
        of === null ? String(item) : `one of ${of.title}`
      }`,
    );
  }
}
