/**
 * What the shaders of products share: their bindings, how elements are read, and how results are stored.
 *
 * @module
 */
import type { Consumer } from "./finish.ts";
import { FinishWriter, type Position } from "./finish_text.ts";
import { type Binding, type Kernel, kernelText, type NestContext } from "./nest.ts";
import {
  type Along,
  type Arithmetic,
  arithmeticOf,
  type Axis,
  plus,
  type Product,
  sizeOfAxes,
  type Stretch,
  vectorsOf,
  type Which,
} from "./product.ts";
import { Operations } from "./ops.ts";
import { elementType, type Width } from "./types.ts";

/** The components of a vector. */
export const lanesOf = ["x", "y", "z", "w"] as const;

/** The text of a product's shader under construction. */
export class ProductWriter {
  readonly product: Product;
  /** The buffers as they are bound. */
  readonly #bound: Readonly<Record<Which, number>>;
  readonly #context: NestContext;
  readonly arithmetic: Arithmetic;
  readonly along: Readonly<Record<"lhs" | "rhs", Along>>;
  readonly rows: number;
  readonly cols: number;
  readonly lines: string[] = [];
  readonly #finish: FinishWriter | null;
  /** Whether results are stored four at a time. */
  readonly #byFour: boolean;
  /** Where results go: to their places in these buffers. */
  readonly #targets: readonly number[];
  readonly #vectors = new Set<number>();
  // No function is called to read an element.
  readonly #ops: Readonly<Record<Width, Operations>> = {
    1: new Operations(1, () => {}),
    4: new Operations(4, () => {}),
  };
  #counter = 0;

  /**
   * @param consumer What becomes of results, if they are not just stored.
   * @param each How many neighbouring columns an invocation has.
   */
  constructor(product: Product, consumer: Consumer | null, context: NestContext, each: number) {
    const { lhs, rhs, out } = product.buffers;
    this.product = product;
    this.#context = context;
    this.#bound = {
      lhs: context.canonical(lhs),
      rhs: context.canonical(rhs),
      out: context.canonical(out),
    };
    this.arithmetic = arithmeticOf(product.dtype);
    this.rows = sizeOfAxes(product.rows);
    this.cols = sizeOfAxes(product.cols);
    const finish = consumer === null ? null : new FinishWriter(consumer);
    this.#finish = finish;
    this.#byFour = each % 4 === 0 && vectorsOf(product, "out", context) === "free" &&
      (finish === null || finish.canBeFour);
    const canBeVectors = (id: number): boolean => context.sizeOf(id) % 4 === 0;
    const aside = finish === null || !this.#byFour
      ? new Set<number>()
      : finish.vectors(context.canonical);
    // A component of a vector cannot be stored to alone.
    const single = new Set(
      [...consumer?.elsewhere ?? []].map(context.canonical).filter((id) =>
        !aside.has(id) || !canBeVectors(id)
      ),
    );
    const along = (which: Which): Along =>
      single.has(this.#bound[which]) ? null : vectorsOf(product, which, context);
    this.along = { lhs: along("lhs"), rhs: along("rhs") };
    for (const which of ["lhs", "rhs"] as const) {
      if (this.along[which] !== null) this.#vectors.add(this.#bound[which]);
    }
    const results = consumer?.here.map(({ buffer }) => buffer) ?? [];
    const keeps = consumer === null || consumer.keeps;
    this.#targets = keeps ? [out, ...results] : results;
    if (!this.#byFour) return;
    for (const id of [...aside, ...this.#targets.map(context.canonical)]) {
      if (canBeVectors(id) && !single.has(id)) this.#vectors.add(id);
    }
  }

  /** Takes a line. */
  readonly emit = (line: string): void => {
    this.lines.push(line);
  };

  /** A name that nobody has. */
  #fresh(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  /** An element of an operand, as text. */
  read(which: "lhs" | "rhs", at: string): string {
    const id = this.product.buffers[which];
    return this.#ops[1].loaded(this.#one(id, at), this.#context.dtypeOf(id));
  }

  readonly #one = (buffer: number, at: string): string => {
    const id = this.#context.canonical(buffer);
    if (!this.#vectors.has(id)) return `b${id}[${at}]`;
    return `b${id}[u32(${at}) / 4u][u32(${at}) % 4u]`;
  };

  readonly #four = (buffer: number, at: string): string | null => {
    const id = this.#context.canonical(buffer);
    return this.#vectors.has(id) ? `b${id}[u32(${at}) / 4u]` : null;
  };

  /** Four neighbours of an operand; what is read by vectors begins at a multiple of four. */
  readVector(which: "lhs" | "rhs", at: string): string {
    const id = this.product.buffers[which];
    return this.#ops[4].loaded(this.#four(id, at)!, this.#context.dtypeOf(id));
  }

  /** Stores neighbours along a row, four or one, where their guards say so. */
  #store(
    positions: readonly Position[],
    value: string,
    guards: readonly (string | null)[],
  ): void {
    const under = (guard: string | null, body: () => void): void => {
      if (guard !== null) this.emit(`if (${guard}) {`);
      body();
      if (guard !== null) this.emit("}");
    };
    // What is stored by fours is there by fours.
    if (this.#byFour) return under(guards[0], () => this.#finished(positions[0], value, 4));
    const alike = guards.every((guard) => guard === guards[0]);
    under(
      alike ? guards[0] : null,
      () =>
        positions.forEach((position, e) =>
          under(alike ? null : guards[e], () => {
            const one = positions.length === 4 ? `${value}.${lanesOf[e]}` : value;
            this.#finished(position, one, 1);
          })
        ),
    );
  }

  /** Stores what becomes of one result or four. */
  #finished(position: Position, value: string, width: Width): void {
    const finish = this.#finish;
    const store = (buffer: number, text: string): void => {
      const place = width === 4 ? this.#four(buffer, position.at)! : this.#one(buffer, position.at);
      this.emit(`${place} = ${text};`);
    };
    if (finish === null) return store(this.#targets[0], value);
    this.emit("{");
    const own = this.#fresh("r");
    this.emit(`let ${own} = ${value};`);
    const elements = { one: this.#one, four: this.#four };
    const { lines, results } = finish.write(position, own, width, elements);
    lines.forEach(this.emit);
    const all = finish.consumer.keeps ? [own, ...results] : results;
    all.forEach((text, t) => store(this.#targets[t], text));
    this.emit("}");
  }

  /** Stores a block of results.
   *
   * @param values The name of the vector or element of row `i` and the columns from `j` on.
   * @param offset The place of the batch's first element.
   */
  storeBlock(
    rows: Stretch,
    cols: Stretch,
    values: (i: number, j: number) => string,
    offset: string,
  ): void {
    const step = cols.size % 4 === 0 ? 4 : 1;
    const { offsets, batch, rows: down, cols: across } = this.product;
    const isMatrix = offsets.out === 0 && isRowMajor([...batch, ...down, ...across]);
    for (let i = 0; i < rows.size; i++) {
      const rowGuard = rows.guard[i];
      if (rowGuard !== null) this.emit(`if (${rowGuard}) {`);
      const start = this.#fresh("o");
      this.emit(`let ${start} = ${plus([offset, rows.at(i, "out")], offsets.out)};`);
      for (let j = 0; j < cols.size; j += step) {
        const positions = Array.from({ length: step }, (_, e): Position => ({
          at: plus([start, cols.at(j + e, "out")]),
          matrix: isMatrix
            ? {
              batch: "batch",
              row: rows.flat[i],
              col: cols.flat[j + e],
              rows: this.rows,
              cols: this.cols,
            }
            : null,
        }));
        this.#store(positions, values(i, j), cols.guard.slice(j, j + step));
      }
      if (rowGuard !== null) this.emit("}");
    }
  }

  /** The kernel. */
  kernel(
    width: number,
    groups: number,
    globals: readonly string[],
  ): Kernel {
    const { name, buffers } = this.product;
    const finish = this.#finish;
    const bindings = new Map<number, Binding & { name: string; type: string }>();
    const add = (id: number, access: Binding["access"], type: string): void => {
      const both = bindings.get(id)?.access === "read_write" ? "read_write" : access;
      const held = this.#vectors.has(id) ? `vec4<${type}>` : type;
      bindings.set(id, { buffer: id, access: both, name: `b${id}`, type: held });
    };
    const { canonical, dtypeOf } = this.#context;
    const all = (ids: Iterable<number>, access: Binding["access"]): void => {
      for (const id of ids) add(canonical(id), access, elementType(dtypeOf(id)));
    };
    all([buffers.lhs, buffers.rhs, ...finish?.consumer.loads ?? []], "read");
    all(finish?.consumer.elsewhere ?? [], "read_write");
    all(this.#targets, "read_write");
    const sorted = [...bindings.values()].sort((a, b) => a.buffer - b.buffer);
    const code = kernelText({
      bindings: sorted,
      globals,
      functions: finish?.functions ?? [],
      width,
      traits: this.#context.traits,
      body: this.lines,
    });
    return { name, code, bindings: sorted, groups, params: 0 };
  }
}

/** Whether the axes are those of an array, in order. */
function isRowMajor(axes: readonly Axis[]): boolean {
  let stride = 1;
  return [...axes].reverse().every(({ size, out }) => {
    const next = size === 1 || out === stride;
    stride *= size;
    return next;
  });
}

/** The longest of the axes along which a sum is cut; the others are gone through whole. */
export function longestTerm(terms: readonly Axis[]): number {
  let longest = 0;
  terms.forEach((axis, i) => {
    if (axis.size > terms[longest].size) longest = i;
  });
  return longest;
}
