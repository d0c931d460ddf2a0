/**
 * What becomes of a product's elements, as text at the end of the product's shader.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { ExprWriter, type Scope } from "./expr.ts";
import type { Consumer, Digit } from "./finish.ts";
import { exprsOf } from "./rewrite.ts";

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

/** Writes what becomes of elements. */
export class FinishWriter {
  readonly consumer: Consumer;
  /** Functions that its text calls. */
  readonly functions = new Set<string>();
  #counter = 0;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
  }

  /** The dtypes of what is stored at an element's place. */
  get results(): readonly { readonly buffer: number; readonly dtype: DType }[] {
    return this.consumer.here.map(({ buffer, value }) => ({ buffer, dtype: value.dtype }));
  }

  /**
   * The text for one element: lines, then what is to be stored at its place, as elements of buffers.
   *
   * @param value The element's name.
   * @param read The text of another buffer's element.
   */
  element(
    position: Position,
    value: string,
    read: (buffer: number, at: string) => string,
  ): { readonly lines: readonly string[]; readonly results: readonly string[] } {
    const lines: string[] = [];
    const names = new Map<number, string>();
    const results: string[] = [];
    const { source, digits, body, here } = this.consumer;
    const fresh = (): string => `e${this.#counter++}`;
    const emit = (line: string): number => lines.push(line);
    const scope: Scope = {
      name: (id) => names.get(id)!,
      read: (buffer, at, dtype) => {
        if (buffer === source) return value;
        const element = read(buffer, at);
        return dtype === "bool" ? `(${element} != 0u)` : element;
      },
      readFour: () => null,
      use: (name) => this.functions.add(name),
    };
    for (const digit of digits) {
      const name = fresh();
      names.set(digit.id, name);
      emit(`let ${name} = i32(${digitText(digit, position)});`);
    }
    for (const stmt of body) {
      const [first, ...rest] = new ExprWriter(scope, emit, fresh).write(exprsOf(stmt));
      if (stmt.kind === "let") {
        const name = fresh();
        names.set(stmt.v.id, name);
        emit(`let ${name} = ${first};`);
      } else if (stmt.kind === "store") {
        const [result, guard] = rest;
        const whole = stmt.value.dtype === "bool" ? `select(0u, 1u, ${result})` : result;
        if (here.includes(stmt)) {
          // Stored when all is read.
          const name = fresh();
          emit(`let ${name} = ${whole};`);
          results.push(name);
          continue;
        }
        const store = `${read(stmt.buffer, first)} = ${whole};`;
        if (guard === undefined) emit(store);
        else {
          emit(`if (${guard}) {`);
          emit(store);
          emit("}");
        }
      }
    }
    return { lines, results };
  }
}
