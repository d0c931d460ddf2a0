/**
 * Expressions as WGSL text, for one element or for four at a time.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { type Expr, forEachOperand } from "../../loopnest/expr.ts";
import type { Lanes } from "./lanes.ts";
import { Operations } from "./ops.ts";
import { wgslType, type Width } from "./types.ts";

/** What an expression needs to know of the kernel it stands in. */
export interface Scope {
  /** The name of a variable; where it is four values, they or the first of them. */
  name(id: number, dtype: DType, width: Width): string;
  /** The text that reads an element, as a value of its dtype. */
  read(buffer: number, index: string, dtype: DType): string;
  /** The text that reads four elements that follow each other, where the buffer holds them as a vector; else `null`. */
  readFour(buffer: number, index: string, dtype: DType): string | null;
  /** Notes that a function of `functions.ts` is called. */
  use(name: string): void;
}

const laneNames = ["x", "y", "z", "w"] as const;

/** Texts for each of four lanes. */
export function eachLane(text: (lane: string, number: number) => string): string[] {
  return laneNames.map((name, i) => text(name, i));
}

/** Writes the expressions of one statement; what they share becomes `let`s. */
export class ExprWriter {
  readonly #scope: Scope;
  readonly #emit: (line: string) => void;
  readonly #fresh: () => string;
  readonly #lanes: Lanes | null;
  readonly #uses = new Map<number, number>();
  readonly #one: Form;
  readonly #four: Form;

  /**
   * @param scope The kernel.
   * @param emit Takes a line that goes before the statement.
   * @param fresh A name that nobody has.
   * @param lanes The loop of which four turns are written at a time, if any.
   */
  constructor(
    scope: Scope,
    emit: (line: string) => void,
    fresh: () => string,
    lanes: Lanes | null = null,
  ) {
    this.#scope = scope;
    this.#emit = emit;
    this.#fresh = fresh;
    this.#lanes = lanes;
    const use = (name: string): void => scope.use(name);
    this.#one = { ops: new Operations(1, use), made: new Map() };
    this.#four = { ops: new Operations(4, use), made: new Map() };
  }

  /** The texts of a statement's expressions; of values of four turns, the first. */
  write(roots: readonly Expr[]): string[] {
    return this.writeAs(roots.map((root) => [root, 1]));
  }

  /** The texts of a statement's expressions, each for one element or for four. */
  writeAs(roots: readonly (readonly [Expr, Width])[]): string[] {
    roots.forEach(([root]) => this.#count(root));
    return roots.map(([root, width]) => this.#text(root, width));
  }

  #count(expr: Expr): void {
    const seen = this.#uses.get(expr.id) ?? 0;
    this.#uses.set(expr.id, seen + 1);
    if (seen === 0) forEachOperand(expr, (operand) => this.#count(operand));
  }

  #text(expr: Expr, width: Width): string {
    const { made, ops } = width === 1 ? this.#one : this.#four;
    const known = made.get(expr.id);
    if (known !== undefined) return known;
    // What is the same in all turns is computed once.
    if (width === 4 && !this.#lanes!.varies(expr)) {
      return ops.splat(this.#text(expr, 1), wgslType(expr.dtype));
    }
    let text = this.#node(expr, ops);
    if (this.#uses.get(expr.id)! > 1 && expr.kind !== "var" && expr.kind !== "const") {
      text = this.#named(text);
    }
    made.set(expr.id, text);
    return text;
  }

  #named(text: string): string {
    const name = this.#fresh();
    this.#emit(`let ${name} = ${text};`);
    return name;
  }

  #node(expr: Expr, ops: Operations): string {
    const { width } = ops;
    const text = (x: Expr): string => this.#text(x, width);
    switch (expr.kind) {
      case "var":
        return this.#scope.name(expr.id, expr.dtype, width);
      case "const":
        return ops.literal(expr.value, expr.dtype);
      case "load":
        if (width === 4) return this.#loadFour(expr.buffer, expr.index, expr.dtype, ops);
        return this.#scope.read(expr.buffer, text(expr.index), expr.dtype);
      case "unary":
        return ops.unary(expr.op, text(expr.x), expr.x.dtype);
      case "binary":
        return ops.binary(expr.op, text(expr.x), text(expr.y), expr.x.dtype, {
          zeroFirst: isZero(expr.x),
          zeroSecond: isZero(expr.y),
          same: expr.x.id === expr.y.id,
        });
      case "select":
        return ops.select(text(expr.condition), text(expr.x), text(expr.y));
      case "cast":
        return ops.cast(text(expr.x), expr.x.dtype, expr.dtype);
      case "bitcast":
        return ops.bitcast(text(expr.x), expr.x.dtype, expr.dtype);
      default: {
        const never: never = expr;
        return never;
      }
    }
  }

  #loadFour(buffer: number, index: Expr, dtype: DType, ops: Operations): string {
    const lanes = this.#lanes!;
    if (lanes.isAligned(index)) {
      const whole = this.#scope.readFour(buffer, this.#text(index, 1), dtype);
      if (whole !== null) return whole;
    }
    const at = this.indexOfLane(index);
    const each = eachLane((_, lane) => this.#scope.read(buffer, at(lane), dtype));
    return `${ops.type(dtype)}(${each.join(", ")})`;
  }

  /** The text of an index in each of four turns. */
  indexOfLane(index: Expr): (lane: number) => string {
    const stride = this.#lanes!.stride(index);
    if (stride !== null) {
      const first = this.#named(this.#text(index, 1));
      return (lane) => lane === 0 ? first : `${first} + ${lane * stride}i`;
    }
    const all = this.#named(this.#text(index, 4));
    return (lane) => `${all}.${laneNames[lane]}`;
  }
}

/** The texts of values of one width. */
interface Form {
  readonly ops: Operations;
  readonly made: Map<number, string>;
}

function isZero(expr: Expr): boolean {
  return expr.kind === "const" && Number(expr.value) === 0;
}
