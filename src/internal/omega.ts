/**
 * `omega`: arithmetic on whole trees, leaf by leaf.
 *
 * @module
 */
import { ArgumentError, TreeError } from "../errors.ts";
import { type ArrayLike, type Index, NDArray } from "../core/array.ts";
import * as ufuncs from "../numpy/ufuncs.ts";
import { matmul } from "../numpy/linalg_basic.ts";
import { asArray } from "../numpy/promote.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { describeDifference } from "../tree/mismatch.ts";
import type { AnyTree } from "../filter/types.ts";

/** Options of {@linkcode omega}. */
export interface OmegaOptions {
  /** Where to stop: subtrees for which this is true are leaves. */
  readonly isLeaf?: ((node: unknown) => boolean) | null;
}

/** The other operand: another tree of the same structure, or a number or array for all leaves. */
export type OmegaOperand = Omega | NDArray | number | boolean;

type Binary = (x: AnyTree, y: AnyTree) => unknown;

/** For host numbers on both sides the operator of JavaScript, else the function of arrays. */
function operator(
  host: (x: number, y: number) => unknown,
  fn: (x: ArrayLike, y: ArrayLike) => NDArray,
): Binary {
  return (x, y) => typeof x === "number" && typeof y === "number" ? host(x, y) : fn(x, y);
}

/** A tree with arithmetic; see {@linkcode omega}. */
export class Omega {
  /** The tree. */
  readonly value: AnyTree;
  /** Where it stops. */
  readonly isLeaf: ((node: unknown) => boolean) | null;

  /** For {@linkcode omega}. */
  constructor(value: unknown, isLeaf: ((node: unknown) => boolean) | null) {
    this.value = value;
    this.isLeaf = isLeaf;
  }

  /** `x + y`. */
  add(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a + b, ufuncs.add), "add");
  }
  /** `x - y`. */
  sub(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a - b, ufuncs.subtract), "sub");
  }
  /** `x * y`. */
  mul(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a * b, ufuncs.multiply), "mul");
  }
  /** `x / y`. */
  div(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a / b, ufuncs.divide), "div");
  }
  /** `x ** y`. */
  pow(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a ** b, ufuncs.power), "pow");
  }
  /** The remainder, with the sign of `y`. */
  mod(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a - b * Math.floor(a / b), ufuncs.remainder), "mod");
  }
  /** The matrix product of each pair of leaves. */
  matmul(y: OmegaOperand): Omega {
    return this.#binary(y, matmul, "matmul");
  }
  /** `x == y`. */
  equal(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a === b, ufuncs.equal), "equal");
  }
  /** `x != y`. */
  notEqual(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a !== b, ufuncs.notEqual), "notEqual");
  }
  /** `x < y`. */
  less(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a < b, ufuncs.less), "less");
  }
  /** `x <= y`. */
  lessEqual(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a <= b, ufuncs.lessEqual), "lessEqual");
  }
  /** `x > y`. */
  greater(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a > b, ufuncs.greater), "greater");
  }
  /** `x >= y`. */
  greaterEqual(y: OmegaOperand): Omega {
    return this.#binary(y, operator((a, b) => a >= b, ufuncs.greaterEqual), "greaterEqual");
  }
  /** `-x`. */
  neg(): Omega {
    return this.call((x) => typeof x === "number" ? -x : ufuncs.negative(x));
  }
  /** `|x|`. */
  abs(): Omega {
    return this.call((x) => typeof x === "number" ? Math.abs(x) : ufuncs.abs(x));
  }
  /** `fn` applied to each leaf. */
  call(fn: (leaf: AnyTree) => unknown): Omega {
    const [leaves, def] = this.#flatten(this.value);
    return new Omega(unflatten(def, leaves.map((x) => fn(x))), this.isLeaf);
  }
  /** The same index of each leaf. */
  get(...index: Index[]): Omega {
    return this.call((x) => asArray(x, "omega.get").get(...index));
  }
  /** The same index of each leaf, to be replaced: `.at(0).set(omega(other))`. */
  at(...index: Index[]): OmegaUpdate {
    const update = (kind: keyof OmegaUpdate): (value: OmegaOperand) => Omega => (value) =>
      this.#binary(
        value,
        (x, y) => asArray(x, "omega.at").at(...index)[kind](y),
        `at(...).${kind}`,
      );
    return {
      set: update("set"),
      add: update("add"),
      mul: update("mul"),
      div: update("div"),
      pow: update("pow"),
      min: update("min"),
      max: update("max"),
    };
  }
  /** `omega(the tree)`. */
  toString(): string {
    return `omega(${String(this.value)})`;
  }

  #flatten(tree: unknown) {
    return flatten(tree, this.isLeaf === null ? {} : { isLeaf: this.isLeaf });
  }

  #binary(other: OmegaOperand, op: Binary, name: string): Omega {
    const [leaves, def] = this.#flatten(this.value);
    if (!(other instanceof Omega)) {
      if (typeof other !== "number" && typeof other !== "boolean" && !(other instanceof NDArray)) {
        throw new ArgumentError(
          `omega.${name}: the other operand must be made by omega(tree), or be a number or an array; got ${
            typeof other === "object" ? "a tree as it is" : String(other)
          }`,
        );
      }
      return new Omega(unflatten(def, leaves.map((x) => op(x, other))), this.isLeaf);
    }
    if (other.isLeaf !== this.isLeaf) {
      throw new ArgumentError(`omega.${name}: isLeaf must be the same function for both operands`);
    }
    const [others, otherDef] = this.#flatten(other.value);
    if (def !== otherDef) {
      const why = describeDifference(def, otherDef, "y") ?? `${def} and ${otherDef}`;
      throw new TreeError(`omega.${name}: trees must have one structure: ${why}`);
    }
    return new Omega(unflatten(def, leaves.map((x, i) => op(x, others[i]))), this.isLeaf);
  }
}

/** What {@linkcode Omega.at} gives: updated copies. */
export interface OmegaUpdate {
  /** Replaces. */
  set(value: OmegaOperand): Omega;
  /** Adds. */
  add(value: OmegaOperand): Omega;
  /** Multiplies. */
  mul(value: OmegaOperand): Omega;
  /** Divides. */
  div(value: OmegaOperand): Omega;
  /** Raises to a power. */
  pow(value: OmegaOperand): Omega;
  /** Takes the smaller. */
  min(value: OmegaOperand): Omega;
  /** Takes the larger. */
  max(value: OmegaOperand): Omega;
}

/**
 * Wraps a tree, so that arithmetic on it is arithmetic on its leaves: `omega(a).mul(2).add(omega(b)).value`. After Equinox's `ω`.
 *
 * @param tree Its leaves are arrays or numbers.
 * @param options `isLeaf`: where to stop. Both operands must have the same.
 * @throws {TreeError} Where two trees differ in structure.
 * @throws {ArgumentError} For an operand that is neither wrapped nor a number or array.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * import { omega } from "@vernal/vernal/internal";
 *
 * const a = { x: np.array([1, 2]), y: 3 };
 * const b = { x: np.array([10, 20]), y: 30 };
 * omega(a).mul(2).add(omega(b)).value; // { x: [12, 24], y: 36 }
 * ```
 */
export function omega(tree: unknown, options: OmegaOptions = {}): Omega {
  return new Omega(tree, options.isLeaf ?? null);
}
