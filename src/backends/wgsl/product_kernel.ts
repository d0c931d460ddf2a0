/**
 * What the shaders of products share: their bindings, how elements are read, and how results are stored.
 *
 * @module
 */
import { type Binding, type Kernel, kernelText } from "./nest.ts";
import {
  type Along,
  type Arithmetic,
  arithmeticOf,
  type Axis,
  type BufferFacts,
  plus,
  type Product,
  sizeOfAxes,
  type Stretch,
  vectorsOf,
  type Which,
} from "./product.ts";

/** The components of a vector. */
export const lanesOf = ["x", "y", "z", "w"] as const;

/** What becomes of results, where they are not just stored. */
export interface Finish {
  /** What it reads and writes. */
  readonly bindings: readonly (Binding & { readonly type: string })[];
  readonly functions: Iterable<string>;
  /** Whether the product itself is stored, too. */
  readonly keeps: boolean;
  /**
   * Lines that use up a result.
   *
   * @param at Its place in the product's own array.
   * @param value A name.
   * @param read The text of an element of a buffer.
   */
  lines(
    at: string,
    value: string,
    read: (buffer: number, at: string) => string,
  ): readonly string[];
}

/** The text of a product's shader under construction. */
export class ProductWriter {
  readonly product: Product;
  /** The buffers as they are bound. */
  readonly #bound: Readonly<Record<Which, number>>;
  readonly #facts: BufferFacts;
  readonly arithmetic: Arithmetic;
  readonly along: Readonly<Record<Which, Along>>;
  readonly rows: number;
  readonly cols: number;
  readonly lines: string[] = [];
  readonly #finish: Finish | null;
  readonly #vectors = new Set<number>();
  #counter = 0;

  /** @param finish What becomes of results, if they are not just stored. */
  constructor(product: Product, finish: Finish | null, facts: BufferFacts) {
    const { lhs, rhs, out } = product.buffers;
    this.product = product;
    this.#facts = facts;
    this.#bound = {
      lhs: facts.canonical(lhs),
      rhs: facts.canonical(rhs),
      out: facts.canonical(out),
    };
    this.arithmetic = arithmeticOf(product.dtype);
    this.#finish = finish;
    this.rows = sizeOfAxes(product.rows);
    this.cols = sizeOfAxes(product.cols);
    // Others may store to single elements of what is bound, and a component of a vector cannot be stored to alone.
    const stored = new Set(
      finish?.bindings.filter((b) => b.access === "read_write").map((b) =>
        facts.canonical(b.buffer)
      ),
    );
    const along = (which: Which): Along =>
      stored.has(this.#bound[which]) ? null : vectorsOf(product, which, facts);
    const keeps = finish === null || finish.keeps;
    this.along = { lhs: along("lhs"), rhs: along("rhs"), out: keeps ? along("out") : null };
    for (const which of ["lhs", "rhs", "out"] as const) {
      if (this.along[which] !== null) this.#vectors.add(this.#bound[which]);
    }
  }

  /** Takes a line. */
  readonly emit = (line: string): void => {
    this.lines.push(line);
  };

  /** A name that nobody has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  /** An element, as text. */
  read(which: Which, at: string): string {
    return this.#element(this.product.buffers[which], at);
  }

  readonly #element = (buffer: number, at: string): string => {
    const id = this.#facts.canonical(buffer);
    if (!this.#vectors.has(id)) return `b${id}[${at}]`;
    return `b${id}[(${at}) / 4u][(${at}) % 4u]`;
  };

  /** Four neighbours; what is read by vectors begins at a multiple of four. */
  readVector(which: Which, at: string): string {
    return `b${this.#bound[which]}[(${at}) / 4u]`;
  }

  /** Stores neighbours along a row: a vector of four or one element, under a guard. */
  store(
    at: readonly string[],
    value: string,
    guards: readonly (string | null)[],
    offset: string,
  ): void {
    const id = this.#bound.out;
    const finish = this.#finish;
    const wide = at.length === 4;
    const places = at.map((place) => plus([offset, place], this.product.offsets.out));
    const open = (guard: string | null): void => {
      if (guard !== null) this.emit(`if (${guard}) {`);
    };
    const close = (guard: string | null): void => {
      if (guard !== null) this.emit("}");
    };
    const alike = guards.every((guard) => guard === guards[0]);
    if (alike) open(guards[0]);
    const whole = wide && this.along.out === "free";
    if (whole) this.emit(`b${id}[(${places[0]}) / 4u] = ${value};`);
    if (!whole || finish !== null) {
      places.forEach((place, e) => {
        const element = wide ? `${value}.${lanesOf[e]}` : value;
        if (!alike) open(guards[e]);
        if (!whole && (finish === null || finish.keeps)) {
          this.emit(`b${id}[${place}] = ${element};`);
        }
        if (finish !== null) {
          const name = this.fresh("r");
          this.emit("{");
          this.emit(`let ${name} = ${element};`);
          finish.lines(place, name, this.#element).forEach(this.emit);
          this.emit("}");
        }
        if (!alike) close(guards[e]);
      });
    }
    if (alike) close(guards[0]);
  }

  /** Stores a block of results.
   *
   * @param values The name of the vector or element of row `i` and the columns from `j` on.
   */
  storeBlock(
    rows: Stretch,
    cols: Stretch,
    values: (i: number, j: number) => string,
    offset: string,
  ): void {
    const step = cols.at.length % 4 === 0 ? 4 : 1;
    rows.at.forEach((row, i) => {
      const rowGuard = rows.guard[i];
      if (rowGuard !== null) this.emit(`if (${rowGuard}) {`);
      const start = this.fresh("o");
      this.emit(`let ${start} = ${plus([offset, row.out])};`);
      for (let j = 0; j < cols.at.length; j += step) {
        const at = cols.at.slice(j, j + step).map((col) => col.out);
        this.store(at, values(i, j), cols.guard.slice(j, j + step), start);
      }
      if (rowGuard !== null) this.emit("}");
    });
  }

  /** The kernel. */
  kernel(
    width: number,
    groups: number,
    globals: readonly string[],
  ): Kernel {
    const { name } = this.product;
    const bound = this.#bound;
    const { scalar, vector } = this.arithmetic;
    const finish = this.#finish;
    const bindings = new Map<number, Binding & { name: string; type: string }>();
    const add = (buffer: number, access: Binding["access"], type: string): void => {
      const known = bindings.get(buffer);
      const both = known?.access === "read_write" ? "read_write" : access;
      bindings.set(buffer, { buffer, access: both, name: `b${buffer}`, type: known?.type ?? type });
    };
    const held = (id: number): string => this.#vectors.has(id) ? vector : scalar;
    add(bound.lhs, "read", held(bound.lhs));
    add(bound.rhs, "read", held(bound.rhs));
    if (finish === null || finish.keeps) add(bound.out, "read_write", held(bound.out));
    finish?.bindings.forEach(({ buffer, access, type }) =>
      add(this.#facts.canonical(buffer), access, type)
    );
    const sorted = [...bindings.values()].sort((a, b) => a.buffer - b.buffer);
    const code = kernelText({
      bindings: sorted,
      globals,
      functions: finish?.functions ?? [],
      width,
      body: this.lines,
    });
    return { name, code, bindings: sorted, groups, params: 0 };
  }
}

/** The longest of the axes along which a sum is cut; the others are gone through whole. */
export function longestTerm(terms: readonly Axis[]): number {
  let longest = 0;
  terms.forEach((axis, i) => {
    if (axis.size > terms[longest].size) longest = i;
  });
  return longest;
}
