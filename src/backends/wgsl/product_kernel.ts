/**
 * What the shaders of products share: their bindings, how elements are read, and how results are stored.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
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
import { elementType } from "./types.ts";

/** The components of a vector. */
export const lanesOf = ["x", "y", "z", "w"] as const;

/** An array that results go to, at their places. */
interface Target {
  /** As it is bound. */
  readonly id: number;
  readonly type: string;
  /** Whether four neighbours along a row are stored at once. */
  readonly wide: boolean;
}

/** The text of a product's shader under construction. */
export class ProductWriter {
  readonly product: Product;
  /** The buffers as they are bound. */
  readonly #bound: Readonly<Record<Which, number>>;
  readonly #context: NestContext;
  readonly arithmetic: Arithmetic;
  readonly along: Readonly<Record<Which, Along>>;
  readonly rows: number;
  readonly cols: number;
  readonly lines: string[] = [];
  readonly #finish: FinishWriter | null;
  readonly #targets: readonly Target[];
  readonly #vectors = new Set<number>();
  #counter = 0;

  /** @param consumer What becomes of results, if they are not just stored. */
  constructor(product: Product, consumer: Consumer | null, context: NestContext) {
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
    this.#finish = consumer === null ? null : new FinishWriter(consumer);
    // A component of a vector cannot be stored to alone.
    const single = new Set([...consumer?.elsewhere ?? []].map(context.canonical));
    const along = (which: Which): Along =>
      single.has(this.#bound[which]) ? null : vectorsOf(product, which, context);
    this.along = { lhs: along("lhs"), rhs: along("rhs"), out: along("out") };
    for (const which of ["lhs", "rhs"] as const) {
      if (this.along[which] !== null) this.#vectors.add(this.#bound[which]);
    }
    const target = (buffer: number, dtype: DType): Target => {
      const wide = this.along.out === "free" && context.sizeOf(buffer) % 4 === 0;
      const id = context.canonical(buffer);
      if (wide) this.#vectors.add(id);
      return { id, type: elementType(dtype), wide };
    };
    const results = this.#finish?.results.map(({ buffer, dtype }) => target(buffer, dtype)) ?? [];
    const keeps = consumer === null || consumer.keeps;
    this.#targets = keeps ? [target(out, product.dtype), ...results] : results;
  }

  /** Takes a line. */
  readonly emit = (line: string): void => {
    this.lines.push(line);
  };

  /** A name that nobody has. */
  #fresh(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  /** An element, as text. */
  read(which: Which, at: string): string {
    return this.#element(this.product.buffers[which], at);
  }

  readonly #element = (buffer: number, at: string): string => {
    const id = this.#context.canonical(buffer);
    if (!this.#vectors.has(id)) return `b${id}[${at}]`;
    return `b${id}[u32(${at}) / 4u][u32(${at}) % 4u]`;
  };

  /** Four neighbours; what is read by vectors begins at a multiple of four. */
  readVector(which: Which, at: string): string {
    return `b${this.#bound[which]}[(${at}) / 4u]`;
  }

  /** Stores neighbours along a row, four or one, where their guards say so. */
  #store(
    positions: readonly Position[],
    value: string,
    guards: readonly (string | null)[],
  ): void {
    const finish = this.#finish;
    const four = positions.length === 4;
    const alike = guards.every((guard) => guard === guards[0]);
    const under = (guard: string | null, body: () => void): void => {
      if (guard !== null) this.emit(`if (${guard}) {`);
      body();
      if (guard !== null) this.emit("}");
    };
    const each = (body: (e: number) => void): void =>
      positions.forEach((_, e) => alike ? body(e) : under(guards[e], () => body(e)));
    const elementOf = (e: number): string => four ? `${value}.${lanesOf[e]}` : value;
    under(alike ? guards[0] : null, () => {
      const kept = this.#targets.length - (finish?.results.length ?? 0);
      const names = this.#targets.map((target, t) =>
        positions.map((_, e) => {
          if (t < kept) return elementOf(e);
          const name = this.#fresh("r");
          this.emit(`var ${name}: ${target.type};`);
          return name;
        })
      );
      if (finish !== null) {
        each((e) => {
          const own = this.#fresh("r");
          this.emit("{");
          this.emit(`let ${own} = ${elementOf(e)};`);
          const { lines, results } = finish.element(positions[e], own, this.#element);
          lines.forEach(this.emit);
          results.forEach((result, t) => this.emit(`${names[kept + t][e]} = ${result};`));
          this.emit("}");
        });
      }
      this.#targets.forEach(({ id, wide, type }, t) => {
        if (wide && four) {
          const whole = t < kept ? value : `vec4<${type}>(${names[t].join(", ")})`;
          this.emit(`b${id}[(${positions[0].at}) / 4u] = ${whole};`);
        } else each((e) => this.emit(`b${id}[${positions[e].at}] = ${names[t][e]};`));
      });
    });
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
    const step = cols.at.length % 4 === 0 ? 4 : 1;
    const { offsets, batch, rows: down, cols: across } = this.product;
    const size = this.rows * this.cols;
    const isMatrix = offsets.out === 0 && batch.length === 1 && down.length === 1 &&
      across.length === 1 && across[0].out === 1 && down[0].out === this.cols &&
      batch[0].out === size;
    rows.at.forEach((row, i) => {
      const rowGuard = rows.guard[i];
      if (rowGuard !== null) this.emit(`if (${rowGuard}) {`);
      const start = this.#fresh("o");
      this.emit(`let ${start} = ${plus([offset, row.out], offsets.out)};`);
      for (let j = 0; j < cols.at.length; j += step) {
        const positions = cols.at.slice(j, j + step).map((col, e): Position => ({
          at: plus([start, col.out]),
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
    const finish = this.#finish;
    const bindings = new Map<number, Binding & { name: string; type: string }>();
    const add = (id: number, access: Binding["access"], type: string): void => {
      const both = bindings.get(id)?.access === "read_write" ? "read_write" : access;
      const held = this.#vectors.has(id) ? `vec4<${type}>` : type;
      bindings.set(id, { buffer: id, access: both, name: `b${id}`, type: held });
    };
    add(bound.lhs, "read", this.arithmetic.element);
    add(bound.rhs, "read", this.arithmetic.element);
    if (finish !== null) {
      const { loads, elsewhere } = finish.consumer;
      const { canonical, dtypeOf } = this.#context;
      loads.forEach((id) => add(canonical(id), "read", elementType(dtypeOf(id))));
      elsewhere.forEach((id) => add(canonical(id), "read_write", elementType(dtypeOf(id))));
    }
    this.#targets.forEach(({ id, type }) => add(id, "read_write", type));
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
