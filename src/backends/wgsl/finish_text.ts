/**
 * What becomes of a product's elements, as text at the end of the product's shader.
 *
 * @module
 */
import type { Expr } from "../../loopnest/expr.ts";
import type { Store } from "../../loopnest/ir.ts";
import { eachLane, ExprWriter, type Scope } from "./expr.ts";
import type { Consumer, Digit } from "./finish.ts";
import { canBeFour, laneAccesses, Lanes } from "./lanes.ts";
import { Operations } from "./ops.ts";
import { forEachExpr } from "./rewrite.ts";
import { wgslType, type Width } from "./types.ts";

/** Where an element of a product is: its place, and its numbers by batch, row and column where places go by them. */
export interface Position {
  readonly at: string;
  /** Names or texts, and how many rows and columns there are. */
  readonly matrix: {
    readonly batch: string;
    readonly row: string;
    readonly col: string;
    readonly rows: number;
    readonly cols: number;
  } | null;
}

/** The text of one digit of a place. */
function digitText({ stride, extent }: Digit, { at, matrix }: Position): string {
  const digit = (from: string, by: number, whole: boolean): string => {
    const quotient = by === 1 ? `(${from})` : `((${from}) / ${by}u)`;
    return whole ? quotient : `(${quotient} % ${extent}u)`;
  };
  if (extent === 1) return "0u";
  if (matrix === null) return digit(at, stride, false);
  const { batch, row, col, rows, cols } = matrix;
  if (stride % (rows * cols) === 0) return digit(batch, stride / (rows * cols), false);
  if (stride % cols === 0 && stride * extent <= rows * cols) {
    return digit(row, stride / cols, stride * extent === rows * cols);
  }
  if (stride * extent <= cols) return digit(col, stride, stride * extent === cols);
  return digit(at, stride, false);
}

/** How the buffers of a shader are read and written, by their numbers in the program. */
export interface Elements {
  /** The text of an element, to be read or stored to. */
  one(buffer: number, at: string): string;
  /** The text of four that follow each other, where they are bound as vectors; else `null`. */
  four(buffer: number, at: string): string | null;
}

/** Writes what becomes of elements, one by one or four of a row at a time. */
export class FinishWriter {
  readonly consumer: Consumer;
  /** Functions that its text calls. */
  readonly functions = new Set<string>();
  readonly #lanes: Lanes | null;
  readonly #ops: Readonly<Record<Width, Operations>>;
  #counter = 0;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
    this.#lanes = lanesOf(consumer);
    const use = (name: string): void => void this.functions.add(name);
    this.#ops = { 1: new Operations(1, use), 4: new Operations(4, use) };
  }

  /** Whether four elements that are neighbours can be taken at a time. */
  get canBeFour(): boolean {
    return this.#lanes !== null;
  }

  /** Buffers that are read and written by whole vectors then. */
  vectors(canonical: (buffer: number) => number): ReadonlySet<number> {
    if (this.#lanes === null) return new Set();
    return laneAccesses(this.#lanes, this.consumer.body, canonical).vectors;
  }

  /**
   * The text for one element or four: lines, then what is to be stored at their place, as elements of buffers.
   *
   * @param position The first element's.
   * @param value A name.
   */
  write(
    position: Position,
    value: string,
    width: Width,
    elements: Elements,
  ): { readonly lines: readonly string[]; readonly results: readonly string[] } {
    const lines: string[] = [];
    const names = new Map<number, string>();
    const fours = new Set<number>();
    const results: string[] = [];
    const { source, digits, body, here } = this.consumer;
    const lanes = width === 4 ? this.#lanes! : null;
    const fresh = (): string => `e${this.#counter++}`;
    const emit = (line: string): void => void lines.push(line);
    const scope: Scope = {
      name: (id, dtype, wide) => {
        const name = names.get(id)!;
        if (fours.has(id)) return wide === 4 ? name : `${name}.x`;
        if (id === lanes?.v.id && wide === 4) return `${name}_four`;
        return this.#ops[wide].splat(name, wgslType(dtype));
      },
      read: (buffer, at, dtype) =>
        buffer === source ? value : this.#ops[1].loaded(elements.one(buffer, at), dtype),
      readFour: (buffer, at, dtype) => {
        if (buffer === source) return value;
        const four = elements.four(buffer, at);
        return four === null ? null : this.#ops[4].loaded(four, dtype);
      },
      use: (name) => this.functions.add(name),
    };
    const expressions = () => new ExprWriter(scope, emit, fresh, lanes);
    const widthOf = (expr: Expr): Width => lanes?.varies(expr) ? 4 : 1;
    for (const digit of digits) {
      const name = fresh();
      names.set(digit.v.id, name);
      emit(`let ${name} = i32(${digitText(digit, position)});`);
      if (digit.v.id === lanes?.v.id) {
        emit(`let ${name}_four = vec4<i32>(${name}) + vec4<i32>(0, 1, 2, 3);`);
      }
    }
    for (const stmt of body) {
      if (stmt.kind === "let") {
        const wide = widthOf(stmt.value);
        const [text] = expressions().writeAs([[stmt.value, wide]]);
        const name = fresh();
        names.set(stmt.v.id, name);
        if (wide === 4) fours.add(stmt.v.id);
        emit(`let ${name} = ${text};`);
      } else if (stmt.kind === "store" && here.includes(stmt)) {
        // Stored when all is read.
        const [text] = expressions().writeAs([[stmt.value, width]]);
        const name = fresh();
        emit(`let ${name} = ${this.#ops[width].stored(text, stmt.value.dtype)};`);
        results.push(name);
      } else if (stmt.kind === "store") {
        this.#store(stmt, expressions(), width, elements, emit, fresh);
      }
    }
    return { lines, results };
  }

  /** A store somewhere else. */
  #store(
    { buffer, index, value, guard }: Store,
    writer: ExprWriter,
    width: Width,
    elements: Elements,
    emit: (line: string) => void,
    fresh: () => string,
  ): void {
    const under = (condition: string | undefined, line: string): void => {
      if (condition !== undefined) emit(`if (${condition}) {`);
      emit(line);
      if (condition !== undefined) emit("}");
    };
    const one = (text: string): string => this.#ops[1].stored(text, value.dtype);
    const condition = (wide: Width) => guard === undefined ? [] : [[guard, wide] as const];
    if (width === 1) {
      const [at, text, when] = writer.writeAs([[index, 1], [value, 1], ...condition(1)]);
      return under(when, `${elements.one(buffer, at)} = ${one(text)};`);
    }
    const whole = this.#lanes!.isAligned(index) &&
      (guard === undefined || !this.#lanes!.varies(guard));
    const four = whole ? elements.four(buffer, writer.write([index])[0]) : null;
    if (four !== null) {
      const [text, when] = writer.writeAs([[value, 4], ...condition(1)]);
      return under(when, `${four} = ${this.#ops[4].stored(text, value.dtype)};`);
    }
    const [text, when] = writer.writeAs([[value, 4], ...condition(4)]);
    const name = fresh();
    emit(`let ${name} = ${text};`);
    const at = writer.indexOfLane(index);
    eachLane((lane, i) => {
      under(
        when === undefined ? undefined : `(${when}).${lane}`,
        `${elements.one(buffer, at(i))} = ${one(`${name}.${lane}`)};`,
      );
      return lane;
    });
  }
}

/** Four elements of a row as four turns of a loop; `null` where they are not, or not worth it. */
function lanesOf({ source, digits, body }: Consumer): Lanes | null {
  const inner = digits.find(({ stride, extent }) => stride === 1 && extent > 1);
  if (inner === undefined || inner.extent % 4 !== 0) return null;
  const lanes = new Lanes(inner.v, [], body);
  let aligned = canBeFour(lanes, body);
  forEachExpr(body, (expr) => {
    if (expr.kind === "load" && expr.buffer === source) aligned &&= lanes.isAligned(expr.index);
  });
  return aligned ? lanes : null;
}
