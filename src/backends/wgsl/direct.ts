/**
 * Products by blocks in registers: each invocation reads its rows and columns from where they lie.
 *
 * For adapters that run on the processor, whose caches do what tiles in workgroup memory do elsewhere, and for products with few rows
 * or columns, in which nothing is read often enough to be worth tiles. There the invocations of a workgroup share the terms of a sum.
 *
 * @module
 */
import type { Consumer } from "./finish.ts";
import type { Kernel, NestContext } from "./nest.ts";
import {
  type Axis,
  placeOf,
  plus,
  type Product,
  sizeOfAxes,
  type Stretch,
  stretchOf,
  times,
  type Which,
} from "./product.ts";
import { lanesOf, longestTerm, ProductWriter } from "./product_kernel.ts";
import { type AdapterTraits, loopEnd } from "./traits.ts";

/** How a product is cut into blocks. */
export interface DirectPlan {
  /** Rows and columns of one invocation; of more than three columns a multiple of four. */
  readonly rows: number;
  readonly cols: number;
  /** Invocations of a workgroup. */
  readonly width: number;
  /** How many of them share the terms of a sum. */
  readonly sharing: number;
  /** Into how many partial results the terms are cut beyond that. */
  readonly splits: number;
}

/** Turns of the innermost loop are unrolled so far. */
const unrolled = 4;

/** The kernel of a product. */
export function directKernel(
  product: Product,
  plan: DirectPlan,
  consumer: Consumer | null,
  context: NestContext,
): Kernel {
  return new DirectWriter(product, plan, consumer, context).kernel();
}

/**
 * Whether the terms of the innermost axis are gone through without a loop: those of a window along the columns, whose neighbours
 * read mostly the same.
 */
function isShort(terms: readonly Axis[]): boolean {
  return terms.length > 1 && terms.at(-1)!.size <= 7;
}

/** How many turns an invocation's loops make. */
export function directTurns(product: Product, plan: DirectPlan): number {
  const cut = longestTerm(product.terms);
  return product.terms.reduceRight((turns, { size }, i) => {
    const own = i === cut ? Math.ceil(size / (plan.sharing * plan.splits)) : size;
    const isInnermost = i === product.terms.length - 1;
    if (isInnermost) return isShort(product.terms) ? 0 : Math.ceil(own / unrolled) + unrolled;
    return own * (turns + 1);
  }, 0);
}

class DirectWriter {
  readonly #writer: ProductWriter;
  readonly #product: Product;
  readonly #plan: DirectPlan;
  readonly #emit: (line: string) => void;
  readonly #traits: AdapterTraits;
  #rows!: Stretch;
  #cols!: Stretch;

  constructor(
    product: Product,
    plan: DirectPlan,
    consumer: Consumer | null,
    context: NestContext,
  ) {
    this.#writer = new ProductWriter(product, consumer, context, plan.cols);
    this.#traits = context.traits;
    this.#product = product;
    this.#plan = plan;
    this.#emit = this.#writer.emit;
  }

  kernel(): Kernel {
    const { rows, cols, width, sharing, splits } = this.#plan;
    const { product } = this.#writer;
    const emit = this.#emit;
    const [down, across] = [
      Math.ceil(this.#writer.rows / rows),
      Math.ceil(this.#writer.cols / cols),
    ];
    const batches = sizeOfAxes(product.batch);
    const blocks = down * across * batches * splits;
    const perGroup = width / sharing;
    const whole = blocks % perGroup === 0;
    // Whoever shares a sum's terms reads neighbours where terms are neighbours.
    const close = this.#writer.along.lhs === "terms" || this.#writer.along.rhs === "terms";
    if (sharing === 1) {
      emit(`let block = group_number * ${width}u + lane;`);
      emit(`if (block >= ${blocks}u) {`);
      emit("return;");
      emit("}");
    } else {
      emit(`let share = lane ${close ? `% ${sharing}u` : `/ ${perGroup}u`};`);
      const own = `lane ${close ? `/ ${sharing}u` : `% ${perGroup}u`}`;
      const number = `group_number * ${perGroup}u + ${own}`;
      emit(`let number = ${number};`);
      emit(`let block = ${whole ? "number" : `min(number, ${blocks - 1}u)`};`);
    }
    emit(`let first_col = (block % ${across}u) * ${cols}u;`);
    emit(`let first_row = ((block / ${across}u) % ${down}u) * ${rows}u;`);
    emit(`let batch = (block / ${across * down}u) % ${batches}u;`);
    emit(`let split = block / ${across * down * batches}u;`);
    for (const which of ["lhs", "rhs", "out"] as const) {
      emit(`let batch_${which} = ${placeOf(product.batch, which, "batch")};`);
    }
    this.#rows = stretchOf(product.rows, "first_row", rows, true, "i", ["lhs", "out"], emit);
    this.#cols = stretchOf(product.cols, "first_col", cols, true, "j", ["rhs", "out"], emit);
    this.#sums();
    const globals = sharing === 1 ? [] : this.#join(close);
    // Only one of those that share stores, and none beyond the last block.
    const guards = [
      ...sharing === 1 ? [] : ["share == 0u"],
      ...whole || sharing === 1 ? [] : [
        `number < ${blocks}u`,
      ],
    ];
    if (guards.length > 0) emit(`if (${guards.join(" && ")}) {`);
    const size = sizeOfAxes(product.batch) * this.#writer.rows * this.#writer.cols;
    const offset = splits === 1 ? "batch_out" : `batch_out + split * ${size}u`;
    this.#writer.storeBlock(this.#rows, this.#cols, (i, j) => this.#sum(i, j), offset);
    if (guards.length > 0) emit("}");
    return this.#writer.kernel(width, Math.ceil(blocks / perGroup), globals);
  }

  /** Columns that one variable holds: four, or one. */
  get #step(): number {
    return this.#plan.cols % 4 === 0 ? 4 : 1;
  }

  #sum(i: number, j: number): string {
    return `s${i}_${j}`;
  }

  #each(visit: (i: number, j: number) => void): void {
    for (let i = 0; i < this.#plan.rows; i++) {
      for (let j = 0; j < this.#plan.cols; j += this.#step) visit(i, j);
    }
  }

  #sums(): void {
    const { terms } = this.#product;
    const { sharing, splits } = this.#plan;
    const { scalar, vector } = this.#writer.arithmetic;
    this.#each((i, j) =>
      this.#emit(`var ${this.#sum(i, j)} = ${this.#step === 4 ? vector : scalar}(0);`)
    );
    const parts = sharing * splits;
    const cut = longestTerm(terms);
    const share = sharing === 1
      ? "split"
      : splits === 1
      ? "share"
      : `(split * ${sharing}u + share)`;
    let [lhs, rhs] = [
      plus(["batch_lhs"], this.#product.offsets.lhs),
      plus(["batch_rhs"], this.#product.offsets.rhs),
    ];
    terms.forEach((axis, d) => {
      const { size } = axis;
      const innermost = d === terms.length - 1;
      const turns = innermost ? size / unrolled : size;
      let [from, to] = ["0u", loopEnd(size, "u", turns, this.#traits)];
      if (d === cut && parts > 1) {
        const own = Math.ceil(size / parts / unrolled) * unrolled;
        [from, to] = ["begin", "end"];
        this.#emit(`let begin = min(${share} * ${own}u, ${size}u);`);
        this.#emit(`let end = min(begin + ${own}u, ${size}u);`);
      }
      const k = `k${d}`;
      const at = (which: Which, base: string) => plus([base, times(k, axis[which])]);
      if (!innermost) {
        this.#emit(`for (var ${k} = ${from}; ${k} < ${to}; ${k}++) {`);
        const [left, right] = [`lhs${d}`, `rhs${d}`];
        this.#emit(`let ${left} = ${axis.lhs === 0 ? lhs : at("lhs", lhs)};`);
        this.#emit(`let ${right} = ${axis.rhs === 0 ? rhs : at("rhs", rhs)};`);
        [lhs, rhs] = [left, right];
        return;
      }
      if (isShort(terms) && (d !== cut || parts === 1)) {
        return this.#turn(axis, null, lhs, rhs, size);
      }
      const bulk = size >= unrolled;
      const tail = size % unrolled !== 0;
      if (bulk && tail) this.#emit(`var ${k} = ${from};`);
      if (bulk) {
        const test = tail ? `${k} + ${unrolled}u <= ${to}` : `${k} < ${to}`;
        this.#emit(`for (${tail ? "" : `var ${k} = ${from}`}; ${test}; ${k} += ${unrolled}u) {`);
        this.#turn(axis, k, lhs, rhs, unrolled);
        this.#emit("}");
      }
      if (tail) {
        this.#emit(`for (${bulk ? "" : `var ${k} = ${from}`}; ${k} < ${to}; ${k}++) {`);
        this.#turn(axis, k, lhs, rhs, 1);
        this.#emit("}");
      }
    });
    terms.slice(1).forEach(() => this.#emit("}"));
  }

  /** Reads what `count` terms need, from term `k` on, and adds their products up. */
  #turn(axis: Axis, k: string | null, lhs: string, rhs: string, count: number): void {
    const emit = this.#emit;
    const { vector, madd } = this.#writer.arithmetic;
    const from = (which: "lhs" | "rhs") =>
      k === null || axis[which] === 0 ? [] : [times(k, axis[which])];
    emit(`let l = ${plus([lhs, ...from("lhs")])};`);
    emit(`let r = ${plus([rhs, ...from("rhs")])};`);
    const y = this.#values("rhs", "r", axis, count);
    const four = (j: number, u: number): string => {
      const whole = y(j, u);
      // Four components of one vector in order are that vector.
      if (whole.endsWith(".x") && y(j + 3, u) === `${whole.slice(0, -2)}.w`) {
        return whole.slice(0, -2);
      }
      const name = `v${j}_${u}`;
      emit(`let ${name} = ${vector}(${[0, 1, 2, 3].map((e) => y(j + e, u)).join(", ")});`);
      return name;
    };
    const ys = new Map<string, string>();
    for (let u = 0; u < count; u++) {
      for (let j = 0; j < this.#plan.cols; j += this.#step) {
        ys.set(`${j},${u}`, this.#step === 4 ? four(j, u) : y(j, u));
      }
    }
    const x = this.#values("lhs", "l", axis, count);
    const widened = (text: string): string => this.#step === 4 ? `${vector}(${text})` : text;
    this.#each((i, j) => {
      let sum = this.#sum(i, j);
      for (let u = 0; u < count; u++) sum = madd(widened(x(i, u)), ys.get(`${j},${u}`)!, sum);
      emit(`${this.#sum(i, j)} = ${sum};`);
    });
  }

  /** Reads `count` terms of an operand's rows or columns, each place once; gives the text of each element. */
  #values(
    which: "lhs" | "rhs",
    base: string,
    axis: Axis,
    count: number,
  ): (e: number, u: number) => string {
    const writer = this.#writer;
    const stretch = which === "lhs" ? this.#rows : this.#cols;
    const along = writer.along[which];
    const read = new Map<string, string>();
    const named = (at: string, text: (at: string) => string): string => {
      let name = read.get(at);
      if (name === undefined) {
        read.set(at, name = `${base}${read.size}`);
        this.#emit(`let ${name} = ${text(plus([base, at]))};`);
      }
      return name;
    };
    const vector = (at: string): string => writer.readVector(which, at);
    const place = (e: number, u: number): string => stretch.at(e, which, u * axis[which]);
    let element: (e: number, u: number) => string;
    if (along === "terms" && count === 4) {
      element = (e, u) => `${named(place(e, 0), vector)}.${lanesOf[u]}`;
    } else if (along === "free" && stretch.size % 4 === 0) {
      element = (e, u) => `${named(place(e - e % 4, u), vector)}.${lanesOf[e % 4]}`;
    } else element = (e, u) => named(place(e, u), (at) => writer.read(which, at));
    // In order, before anything is computed with them.
    for (let u = 0; u < count; u++) {
      for (let e = 0; e < stretch.size; e++) element(e, u);
    }
    return element;
  }

  /** Adds up what those that share have; gives the workgroup's variables. */
  #join(close: boolean): string[] {
    const { width, sharing } = this.#plan;
    const { scalar, vector } = this.#writer.arithmetic;
    const type = this.#step === 4 ? vector : scalar;
    const stride = close ? 1 : width / sharing;
    this.#each((i, j) => {
      const sum = this.#sum(i, j);
      this.#emit(`shared_sums[lane] = ${sum};`);
      this.#emit("workgroupBarrier();");
      for (let step = sharing / 2; step >= 1; step /= 2) {
        this.#emit(`if (share < ${step}u) {`);
        this.#emit(`shared_sums[lane] += shared_sums[lane + ${step * stride}u];`);
        this.#emit("}");
        this.#emit("workgroupBarrier();");
      }
      this.#emit(`${sum} = shared_sums[lane];`);
      this.#emit("workgroupBarrier();");
    });
    return [`var<workgroup> shared_sums: array<${type}, ${width}>;`];
  }
}
