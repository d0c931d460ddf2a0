/**
 * Products by tiles in workgroup memory, for graphics cards.
 *
 * A workgroup computes a tile of the result. Step by step it brings some terms of its rows and columns into workgroup memory, always as vectors of
 * four rows or columns under each other's term: where four neighbours in memory are terms instead, a block of four by four is turned in
 * registers on the way. What the next step needs is read while the last is computed with, and each invocation keeps a block of up
 * to 8 × 8 sums in registers, in quarters apart from each other, so that neighbours read neighbouring vectors. (Nath, Tomov and
 * Dongarra, "An improved MAGMA GEMM for Fermi graphics processing units", 2010, is where such blocking was first described.)
 *
 * Nothing branches on a tile's bounds: rows and columns beyond the end are the last ones again and are not stored, terms beyond the end are
 * zeros on both sides, so that no infinity meets a zero that is not there.
 *
 * @module
 */
import type { Consumer } from "./finish.ts";
import type { Kernel, NestContext } from "./nest.ts";
import {
  type Along,
  placeOf,
  plus,
  type Product,
  sizeOfAxes,
  type Stretch,
  stretchOf,
} from "./product.ts";
import { lanesOf, ProductWriter } from "./product_kernel.ts";

/** How a product is cut into tiles. */
export interface TiledPlan {
  /** Rows and columns of a tile. */
  readonly rows: number;
  readonly cols: number;
  /** Rows and columns of an invocation: 4 or 8. */
  readonly blockRows: number;
  readonly blockCols: number;
  /** Into how many partial results the terms are cut. */
  readonly splits: number;
}

/** Terms in workgroup memory at a time. */
export const depth = 16;

/** Invocations of a workgroup. */
export function tiledWidth(plan: TiledPlan): number {
  return plan.rows / plan.blockRows * (plan.cols / plan.blockCols);
}

/** Terms of one of the partial results: whole steps. */
export function termsOfSplit(terms: number, splits: number): number {
  return Math.ceil(terms / splits / depth) * depth;
}

/** The kernel of a product. */
export function tiledKernel(
  product: Product,
  plan: TiledPlan,
  consumer: Consumer | null,
  context: NestContext,
): Kernel {
  return new TiledWriter(product, plan, consumer, context).kernel();
}

type Side = "lhs" | "rhs";

/** How one operand gets into workgroup memory. */
interface Loader {
  /** Assigns what a step needs to variables, from the term `k` on. */
  load(k: string): void;
  /** Puts them into the tile. */
  put(): void;
}

class TiledWriter {
  readonly #writer: ProductWriter;
  readonly #product: Product;
  readonly #plan: TiledPlan;
  readonly #width: number;
  readonly #terms: number;
  readonly #along: Readonly<Record<Side, Along>>;
  /** Vectors from one term to the next. */
  readonly #pitch: Readonly<Record<Side, number>>;
  readonly #emit: (line: string) => void;

  constructor(
    product: Product,
    plan: TiledPlan,
    consumer: Consumer | null,
    context: NestContext,
  ) {
    this.#writer = new ProductWriter(product, consumer, context, plan.blockCols);
    this.#product = product;
    this.#plan = plan;
    this.#width = tiledWidth(plan);
    this.#terms = sizeOfAxes(product.terms);
    this.#emit = this.#writer.emit;
    // A vector of terms that ends beyond the last is none.
    const along = (side: Side): Along =>
      this.#writer.along[side] === "terms" && this.#terms % 4 !== 0
        ? null
        : this.#writer.along[side];
    this.#along = { lhs: along("lhs"), rhs: along("rhs") };
    // Turned blocks are put down term by term: a vector more per term keeps them off each other's banks.
    const spare = 16 * depth * (plan.rows / 4 + plan.cols / 4 + 2) <= context.traits.workgroupBytes;
    const pitch = (side: Side, size: number): number =>
      size / 4 + (spare && this.#along[side] === "terms" ? 1 : 0);
    this.#pitch = { lhs: pitch("lhs", plan.rows), rhs: pitch("rhs", plan.cols) };
  }

  kernel(): Kernel {
    const { rows, cols, blockRows, blockCols, splits } = this.#plan;
    const { vector } = this.#writer.arithmetic;
    const product = this.#product;
    const emit = this.#emit;
    const down = Math.ceil(this.#writer.rows / rows);
    const across = Math.ceil(this.#writer.cols / cols);
    const batches = sizeOfAxes(product.batch);
    const groups = down * across * batches * splits;
    const [tall, wide] = [rows / blockRows, cols / blockCols];
    emit(`if (group_number >= ${groups}u) {`);
    emit("return;");
    emit("}");
    emit(`let first_col = (group_number % ${across}u) * ${cols}u;`);
    emit(`let first_row = ((group_number / ${across}u) % ${down}u) * ${rows}u;`);
    emit(`let batch = (group_number / ${across * down}u) % ${batches}u;`);
    for (const which of ["lhs", "rhs", "out"] as const) {
      emit(`let batch_${which} = ${placeOf(product.batch, which, "batch")};`);
    }
    emit(`let down = lane / ${wide}u;`);
    emit(`let across = lane % ${wide}u;`);
    this.#each((i, j) => emit(`var s${i}_${j} = ${vector}(0);`));
    const own = termsOfSplit(this.#terms, splits);
    emit(`let split = group_number / ${across * down * batches}u;`);
    emit(`let begin = split * ${own}u;`);
    emit(`let end = min(begin + ${own}u, ${this.#terms}u);`);
    const loaders = this.#loaders();
    loaders.forEach((loader) => loader.load("begin"));
    emit(`for (var k0 = begin; k0 < end; k0 += ${depth}u) {`);
    loaders.forEach((loader) => loader.put());
    emit("workgroupBarrier();");
    emit(`if (k0 + ${depth}u < end) {`);
    emit(`let next = k0 + ${depth}u;`);
    loaders.forEach((loader) => loader.load("next"));
    emit("}");
    this.#products();
    emit("workgroupBarrier();");
    emit("}");
    const rowsOut = this.#stretches("rows", blockRows, `first_row + down * 4u`, 4 * tall);
    const colsOut = this.#stretches("cols", blockCols, `first_col + across * 4u`, 4 * wide);
    const size = batches * this.#writer.rows * this.#writer.cols;
    const offset = splits === 1 ? "batch_out" : `batch_out + split * ${size}u`;
    this.#writer.storeBlock(rowsOut, colsOut, (i, j) => `s${i}_${j}`, offset);
    return this.#writer.kernel(this.#width, groups, [
      `var<workgroup> tile_lhs: array<${vector}, ${depth * this.#pitch.lhs}>;`,
      `var<workgroup> tile_rhs: array<${vector}, ${depth * this.#pitch.rhs}>;`,
    ]);
  }

  /** Adds up the products of the terms in workgroup memory. */
  #products(): void {
    const { rows, cols, blockRows, blockCols } = this.#plan;
    const { vector, madd } = this.#writer.arithmetic;
    const emit = this.#emit;
    const [tall, wide] = [rows / blockRows, cols / blockCols];
    // What a turn of the loop itself takes should be little beside its sums.
    const unrolled = Math.min(depth / 2, 128 / (blockRows * blockCols));
    emit(`for (var k = 0u; k < ${depth}u; k += ${unrolled}u) {`);
    for (let u = 0; u < unrolled; u++) {
      const place = (side: Side, first: string, further: number): string =>
        `tile_${side}[${
          plus([`k * ${this.#pitch[side]}u`, first], u * this.#pitch[side] + further)
        }]`;
      for (let q = 0; q < blockRows / 4; q++) {
        emit(`let x${u}_${q} = ${place("lhs", "down", q * tall)};`);
      }
      for (let q = 0; q < blockCols / 4; q++) {
        emit(`let y${u}_${q} = ${place("rhs", "across", q * wide)};`);
      }
      this.#each((i, j) => {
        const x = `${vector}(x${u}_${i >> 2}.${lanesOf[i & 3]})`;
        emit(`s${i}_${j} = ${madd(x, `y${u}_${j / 4}`, `s${i}_${j}`)};`);
      });
    }
    emit("}");
  }

  #each(visit: (i: number, j: number) => void): void {
    for (let i = 0; i < this.#plan.blockRows; i++) {
      for (let j = 0; j < this.#plan.blockCols; j += 4) visit(i, j);
    }
  }

  /** Whether tiles end where the rows or columns do. */
  #fits(which: "rows" | "cols"): boolean {
    return this.#writer[which] % this.#plan[which] === 0;
  }

  /** Where an invocation's rows or columns are stored: fours, `apart` from each other. */
  #stretches(which: "rows" | "cols", count: number, start: string, apart: number): Stretch {
    const axes = this.#product[which];
    const inside = this.#fits(which);
    const fours = Array.from({ length: count / 4 }, (_, q) => {
      const first = `${which}${q}`;
      this.#emit(`let ${first} = ${plus([start], q * apart)};`);
      return stretchOf(axes, first, 4, inside, `${first}_`, ["out"], this.#emit);
    });
    return {
      size: count,
      at: (e, which, by) => fours[e >> 2].at(e & 3, which, by),
      flat: fours.flatMap((four) => four.flat),
      guard: fours.flatMap((four) => four.guard),
    };
  }

  #loaders(): Loader[] {
    const { rows, cols } = this.#plan;
    const units = (side: Side, size: number): number =>
      this.#along[side] === "terms" ? depth * size / 16 : depth * size / 4;
    const [left, right] = [units("lhs", rows), units("rhs", cols)];
    // Where there is little to read, the one half of the invocations reads the rows, the other the columns.
    const apart = left + right <= this.#width;
    return [
      this.#loader("lhs", rows, left, "lane"),
      this.#loader("rhs", cols, right, apart ? `(lane - ${left}u)` : "lane"),
    ];
  }

  #loader(side: Side, size: number, units: number, lane: string): Loader {
    const emit = this.#emit;
    const writer = this.#writer;
    const { vector } = writer.arithmetic;
    const product = this.#product;
    const axes = side === "lhs" ? product.rows : product.cols;
    const start = side === "lhs" ? "first_row" : "first_col";
    const inside = this.#fits(side === "lhs" ? "rows" : "cols");
    const along = this.#along[side];
    const turned = along === "terms";
    const deep = turned ? depth / 4 : depth;
    const inner = product.terms.at(-1)!;
    // Neighbouring invocations read neighbouring elements.
    const termsFirst = turned || (along === null && Math.abs(inner[side]) === 1);
    const ragged = this.#terms % depth !== 0;
    const turns = Math.ceil(units / this.#width);
    const parts = Array.from({ length: turns }, (_, t) => {
      const name = `${side}${t}`;
      emit(`let ${name}_unit = ${t === 0 ? lane : `${lane} + ${t * this.#width}u`};`);
      const [term, four] = termsFirst
        ? [`${name}_unit % ${deep}u`, `${name}_unit / ${deep}u`]
        : [`${name}_unit / ${size / 4}u`, `${name}_unit % ${size / 4}u`];
      emit(`let ${name}_term = ${turned ? `4u * (${term})` : term};`);
      emit(`let ${name}_four = ${four};`);
      emit(`let ${name}_first = ${start} + 4u * ${name}_four;`);
      const stretch = stretchOf(axes, `${name}_first`, 4, inside, `${name}_`, [side], emit);
      const count = turned ? 4 : 1;
      for (let v = 0; v < count; v++) emit(`var ${name}_v${v} = ${vector}(0);`);
      return { name, stretch };
    });
    const whole = (t: number): boolean => (t + 1) * this.#width <= units && lane === "lane";
    const guarded = (t: number, name: string, body: () => void): void => {
      if (!whole(t)) emit(`if (${name}_unit < ${units}u) {`);
      body();
      if (!whole(t)) emit("}");
    };
    const base = plus([`batch_${side}`], product.offsets[side]);
    const at = (place: string, k: string): string => plus([base, place, k]);
    const read = (name: string, stretch: Stretch, k: string): void => {
      const kept = (value: string): string =>
        ragged ? `select(${vector}(0), ${value}, ${name}_there)` : value;
      if (turned) {
        for (let v = 0; v < 4; v++) {
          const value = writer.readVector(side, at(stretch.at(v, side), k));
          emit(`${name}_v${v} = ${kept(value)};`);
        }
      } else if (along === "free") {
        emit(`${name}_v0 = ${kept(writer.readVector(side, at(stretch.at(0, side), k)))};`);
      } else {
        const four = [0, 1, 2, 3].map((e) => writer.read(side, at(stretch.at(e, side), k)));
        emit(`${name}_v0 = ${kept(`${vector}(${four.join(", ")})`)};`);
      }
    };
    return {
      load: (k) =>
        parts.forEach(({ name, stretch }, t) =>
          guarded(t, name, () => {
            emit(`let ${name}_k = ${k} + ${name}_term;`);
            const last = this.#terms - (turned ? 4 : 1);
            let index = `${name}_k`;
            if (ragged) {
              emit(`let ${name}_there = ${name}_k < ${this.#terms}u;`);
              emit(`let ${name}_in = min(${name}_k, ${last}u);`);
              index = `${name}_in`;
            }
            emit(`let ${name}_at = ${placeOf(product.terms, side, index)};`);
            read(name, stretch, `${name}_at`);
          })
        ),
      put: () =>
        parts.forEach(({ name }, t) =>
          guarded(t, name, () => {
            const tile = `tile_${side}`;
            const place = (v: number): string =>
              `(${name}_term + ${v}u) * ${this.#pitch[side]}u + ${name}_four`;
            if (!turned) {
              emit(`${tile}[${place(0)}] = ${name}_v0;`);
              return;
            }
            lanesOf.forEach((lane, v) => {
              const four = [0, 1, 2, 3].map((i) => `${name}_v${i}.${lane}`).join(", ");
              emit(`${tile}[${place(v)}] = ${vector}(${four});`);
            });
          })
        ),
    };
  }
}
