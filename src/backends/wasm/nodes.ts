/**
 * The expressions of one nest as a graph without duplicates, annotated with what code generation asks of them: where
 * they become available, what they vary with, how often they are used, and, for indices, their affine form.
 *
 * Levels: the body of a nest is level 0, the body of a loop one more than the body that the loop is in. Since a
 * value and its users are in nested scopes, a level is enough to name a scope, and a bit mask of levels
 * tells which loops a value varies with.
 *
 * @module
 */
import { type DType, dtypeInfo, isFloating } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import { hull, type Interval, intervalOf } from "../../loopnest/interval.ts";
import type { BinaryOp, Expr, UnaryOp, Var } from "../../loopnest/expr.ts";

/** A value that the generated code computes. Equal values are one node. */
export interface Node {
  /** Dense, from 0, in an order in which operands come first. */
  readonly id: number;
  readonly kind: Expr["kind"];
  readonly dtype: DType;
  readonly op: UnaryOp | BinaryOp | null;
  readonly args: readonly Node[];
  /** Of a constant. */
  readonly value: number | bigint | boolean;
  /** Of a load. */
  readonly buffer: number;
  /** The level of the scope in which it can be computed at the earliest. */
  readonly level: number;
  /** Bit `l` is set if it varies with the loop whose body is level `l`. */
  readonly mask: number;
  /** Whether it reads memory that the nest writes, so that it belongs where it stands. */
  readonly impure: boolean;
  /** Of a load whose index is even, or odd, whatever the loops' indices are: where such loads meet. */
  readonly pair: Pair | null;
  /** Of a variable or an index: the whole numbers it lies between, where known. */
  readonly range: Interval | null;
  /** Of an exponential of float32: whether its operand is at most 0, or NaN, because a maximum has been subtracted from it. */
  readonly isOfNonPositive: boolean;
  /** The number of places that mention it. */
  uses: number;
}

/** Loads of two neighbours, the first at an even index, as far as the nest has them. */
export interface Pair {
  even: Node | null;
  odd: Node | null;
}

/** `constant + Σ coefficient · node`, modulo 2³². */
export interface Affine {
  readonly constant: number;
  readonly terms: readonly { readonly node: Node; readonly coefficient: number }[];
}

const commutative: ReadonlySet<string> = new Set(
  ["add", "mul", "and", "or", "xor", "eq", "ne", "min", "max"],
);

type Draft = Omit<Node, "id" | "uses">;

/** All nodes of one nest. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly #byKey = new Map<string, Node>();
  readonly #byExpr = new Map<number, Node>();
  readonly #variables = new Map<number, Node>();
  readonly #pairs = new Map<string, Pair>();
  /** Values that have been taken into account by the variables of maxima. */
  readonly #maximised = new Map<Node, Node[]>();
  readonly #affine = new Map<number, Affine>();
  /** How often a buffer's memory has been written so far, in program order; absent for what the nest only reads. */
  readonly #versions = new Map<number, number>();
  readonly #memoryOf: (buffer: number) => number;
  #nextVersion = 1;

  /** @param memoryOf Maps buffers that share memory to one number. */
  constructor(memoryOf: (buffer: number) => number) {
    this.#memoryOf = memoryOf;
  }

  /** The number of a buffer's memory: that of another buffer where they share it. */
  placeOf(buffer: number): number {
    return this.#memoryOf(buffer);
  }

  /** Says that the nest writes a buffer. To be called for all of them before any node is made. */
  declareWritten(buffer: number): void {
    this.#versions.set(this.#memoryOf(buffer), 0);
  }

  /** Says that a buffer's memory changes here: what was read of it before is not what is read after. */
  written(buffer: number): void {
    this.#versions.set(this.#memoryOf(buffer), this.#nextVersion++);
    this.#byExpr.clear(); // because an expression now may mean another value
  }

  /** Declares a variable: a loop's index, or an accumulator. */
  declare(v: Var, level: number, mask: number, range: Interval | null): Node {
    const node = this.#add({
      ...blank,
      kind: "var",
      dtype: v.dtype,
      level,
      mask,
      range,
    });
    this.#variables.set(v.id, node);
    return node;
  }

  /** Says that a variable is the maximum of a value, among others, over all loops that are inside of the variable's scope. */
  maximised(v: Node, value: Node): void {
    const values = this.#maximised.get(v);
    if (values === undefined) this.#maximised.set(v, [value]);
    else values.push(value);
  }

  /** Whether a value has had its maximum, over loops like its own, subtracted from it. */
  #isNonPositive(node: Node): boolean {
    if (node.op !== "sub" || node.dtype !== "float32") return false;
    const [x, v] = node.args as [Node, Node];
    return (this.#maximised.get(v) ?? []).some((value) => {
      return this.#takesAll(value, x, v.level, new Map());
    });
  }

  /** Whether `all` takes each value that `one` does, when its loops inside of a level run. */
  #takesAll(all: Node, one: Node, level: number, loops: Map<Node, Node>): boolean {
    if (all === one && all.level <= level) return true;
    if (all.kind !== one.kind || all.dtype !== one.dtype || all.op !== one.op) return false;
    if (all.impure || one.impure || all.buffer !== one.buffer || !Object.is(all.value, one.value)) {
      return false;
    }
    if (all.kind === "var") {
      if (all.level <= level || all.range === null || one.range === null) return false;
      const known = loops.get(all);
      loops.set(all, one);
      return known === undefined
        ? all.range.low <= one.range.low && one.range.high <= all.range.high
        : known === one;
    }
    if (all.kind !== "load") {
      return all.args.length === one.args.length &&
        all.args.every((x, i) => this.#takesAll(x, one.args[i]!, level, loops));
    }
    const [a, b] = [this.affine(all.args[0]!), this.affine(one.args[0]!)];
    return a.constant === b.constant && a.terms.length === b.terms.length &&
      a.terms.every(({ node, coefficient }, i) => {
        const other = b.terms[i]!;
        return coefficient === other.coefficient && this.#takesAll(node, other.node, level, loops);
      });
  }

  /** Makes a variable stand for a value. */
  alias(v: Var, value: Node): void {
    this.#variables.set(v.id, value);
  }

  /** The node of a variable. */
  variable(v: Var): Node {
    const node = this.#variables.get(v.id);
    if (node === undefined) throw new InternalError(`emit: ${v.name} is used out of its scope`);
    return node;
  }

  /** The node of an expression that stands in a body of this level. */
  node(expr: Expr, level: number): Node {
    if (expr.kind === "var") return this.variable(expr);
    const known = this.#byExpr.get(expr.id);
    if (known !== undefined) return known;
    const node = this.#make(expr, level);
    this.#byExpr.set(expr.id, node);
    return node;
  }

  #make(expr: Exclude<Expr, Var>, level: number): Node {
    const { dtype } = expr;
    switch (expr.kind) {
      case "const":
        return this.#intern(`c ${dtype} ${constantKey(expr.value)}`, {
          ...blank,
          kind: "const",
          dtype,
          value: expr.value,
          range: dtype === "int32" ? { low: Number(expr.value), high: Number(expr.value) } : null,
        });
      case "load": {
        const index = this.node(expr.index, level);
        const version = this.#versions.get(this.#memoryOf(expr.buffer));
        const impure = version !== undefined || index.impure;
        const when = `${version ?? ""} ${impure ? level : ""}`;
        const key = `l ${expr.buffer} ${this.affineKey(index)} ${when}`;
        const known = this.#byKey.get(key);
        if (known !== undefined) return known;
        const pair = this.#pairOf(index, dtype, `${expr.buffer} ${when}`);
        const load = this.#intern(key, {
          ...blank,
          kind: "load",
          dtype,
          args: [index],
          buffer: expr.buffer,
          level: impure ? level : index.level,
          mask: index.mask,
          impure,
          pair,
          range: dtype === "uint8" ? { low: 0, high: 255 } : null,
        });
        if (pair !== null) pair[this.affine(index).constant % 2 === 0 ? "even" : "odd"] = load;
        return load;
      }
      case "unary":
        return this.#operation("u", expr.op, dtype, [this.node(expr.x, level)]);
      case "binary": {
        const args = [this.node(expr.x, level), this.node(expr.y, level)];
        if (commutative.has(expr.op) && args[0]!.id > args[1]!.id) args.reverse();
        return this.#operation("b", expr.op, dtype, args);
      }
      case "select": {
        const args = [expr.condition, expr.x, expr.y].map((x) => this.node(x, level));
        return this.#operation("select", null, dtype, args);
      }
      case "cast":
      case "bitcast":
        return this.#operation(expr.kind, null, dtype, [this.node(expr.x, level)]);
      default: {
        const never: never = expr;
        return never;
      }
    }
  }

  /** Where a load at an index may meet that of its neighbour. */
  #pairOf(index: Node, dtype: DType, place: string): Pair | null {
    const { constant, terms } = this.affine(index);
    if (dtypeInfo(dtype).bytes < 4 || terms.length === 0) return null;
    if (terms.some(({ coefficient }) => coefficient % 2 !== 0)) return null;
    const sum = terms.map((t) => `${t.coefficient}*${t.node.id}`).join();
    const key = `${place} ${Math.floor(constant / 2)} ${sum}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined) this.#pairs.set(key, pair = { even: null, odd: null });
    return pair;
  }

  #operation(
    tag: "u" | "b" | "select" | "cast" | "bitcast",
    op: UnaryOp | BinaryOp | null,
    dtype: DType,
    args: readonly Node[],
  ): Node {
    const key = `${tag} ${op} ${dtype} ${args.map((x) => x.id).join()}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    return this.#intern(key, {
      ...blank,
      kind: tag === "u" ? "unary" : tag === "b" ? "binary" : tag,
      dtype,
      op,
      args,
      level: Math.max(...args.map((x) => x.level)),
      mask: args.reduce((mask, x) => mask | x.mask, 0),
      impure: args.some((x) => x.impure),
      isOfNonPositive: op === "exp" && this.#isNonPositive(args[0]!),
      range: rangeOf(tag === "select" ? "select" : tag === "cast" ? "cast" : op, dtype, args),
    });
  }

  #intern(key: string, draft: Draft): Node {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const node = this.#add(draft);
    this.#byKey.set(key, node);
    return node;
  }

  #add(draft: Draft): Node {
    const node = { ...draft, id: this.nodes.length, uses: 0 };
    this.nodes.push(node);
    // An index is not computed as it stands: its affine form is, and the terms of that are kept in locals anyway.
    if (draft.kind !== "load") { for (const x of draft.args) x.uses++; }
    return node;
  }

  /** The affine form of an int32. */
  affine(node: Node): Affine {
    let affine = this.#affine.get(node.id);
    if (affine === undefined) {
      affine = this.#makeAffine(node);
      this.#affine.set(node.id, affine);
    }
    return affine;
  }

  #makeAffine(node: Node): Affine {
    if (node.kind === "const") return { constant: Number(node.value) | 0, terms: [] };
    if (node.dtype === "int32" && node.kind === "binary") {
      const [x, y] = node.args as [Node, Node];
      const [a, b] = [this.affine(x), this.affine(y)];
      if (node.op === "add") return combine(a, b, 1);
      if (node.op === "sub") return combine(a, b, -1);
      if (node.op === "mul") {
        if (a.terms.length === 0) return scale(b, a.constant);
        if (b.terms.length === 0) return scale(a, b.constant);
      }
      if (node.op === "shl" && b.terms.length === 0 && b.constant >= 0 && b.constant < 31) {
        return scale(a, 1 << b.constant);
      }
    }
    if (node.kind === "unary" && node.op === "neg") {
      return scale(this.affine(node.args[0]!), -1);
    }
    return { constant: 0, terms: [{ node, coefficient: 1 }] };
  }

  /** A text that is equal for equal affine forms. */
  affineKey(node: Node): string {
    const { constant, terms } = this.affine(node);
    let key = String(constant);
    for (const { node: x, coefficient } of terms) key += ` ${coefficient}*${x.id}`;
    return key;
  }
}

const blank = {
  op: null,
  args: [] as readonly Node[],
  value: 0,
  buffer: -1,
  level: 0,
  mask: 0,
  impure: false,
  isOfNonPositive: false,
  pair: null,
  range: null,
} as const;

function constantKey(value: number | bigint | boolean): string {
  if (Object.is(value, -0)) return "-0";
  return `${typeof value} ${value}`;
}

function combine(a: Affine, b: Affine, sign: 1 | -1): Affine {
  const terms = [...a.terms];
  for (const { node, coefficient } of b.terms) {
    const at = terms.findIndex((t) => t.node === node);
    if (at < 0) terms.push({ node, coefficient: (sign * coefficient) | 0 });
    else terms[at] = { node, coefficient: (terms[at]!.coefficient + sign * coefficient) | 0 };
  }
  return {
    constant: (a.constant + sign * b.constant) | 0,
    terms: terms.filter((t) => t.coefficient !== 0).sort((x, y) => x.node.id - y.node.id),
  };
}

function scale(a: Affine, factor: number): Affine {
  const terms = a.terms
    .map(({ node, coefficient }) => ({ node, coefficient: Math.imul(coefficient, factor) }))
    .filter((t) => t.coefficient !== 0);
  return { constant: Math.imul(a.constant, factor), terms };
}

/** What is known of an int32 result; null where it might have wrapped. */
function rangeOf(
  op: UnaryOp | BinaryOp | "select" | "cast" | null,
  dtype: DType,
  args: readonly Node[],
): Interval | null {
  if (dtype !== "int32") return null;
  if (op === "select") return hull(args[1]!.range, args[2]!.range);
  if (op === "cast") return args[0]!.dtype === "bool" ? { low: 0, high: 1 } : args[0]!.range;
  const [x, y] = [args[0]!.range, args[1]?.range ?? null];
  return op === null || x === null || y === null ? null : intervalOf(op as BinaryOp, x, y);
}

const dear: ReadonlySet<string> = new Set(
  ("exp exp2 expm1 log log1p logistic sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh " +
    "cbrt erf erfc erfInv lgamma digamma pow atan2").split(" "),
);

/** What an elementary function costs. */
export const dearCost = 24;

/** Roughly how many vector instructions computing a node takes, its operands apart. */
export function costOf(node: Node): number {
  switch (node.kind) {
    case "var":
    case "const":
      return 0;
    case "load":
      return 1;
    default:
      break;
  }
  if (node.op === null) return 1;
  if (dear.has(node.op)) return dearCost;
  if (node.op === "div" || node.op === "rem") return isFloating(node.args[0]!.dtype) ? 4 : 8;
  if (node.op === "sqrt" || node.op === "rsqrt") return 4;
  return 1;
}

/** Whether a node has elements of 8 bytes, of which a vector holds two. */
export function isWide(node: Node): boolean {
  return dtypeInfo(node.dtype).bytes === 8;
}
