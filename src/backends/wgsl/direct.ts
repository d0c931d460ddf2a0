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

/** How many turns an invocation's loops make. */
export function directTurns(product: Product, plan: DirectPlan): number {
  const cut = longestTerm(product.terms);
  return product.terms.reduceRight((turns, { size }, i) => {
    const own = i === cut ? Math.ceil(size / (plan.sharing * plan.splits)) : size;
    const isInnermost = i === product.terms.length - 1;
    return isInnermost ? Math.ceil(own / unrolled) + unrolled : own * (turns + 1);
  }, 0);
}

class DirectWriter {
  readonly #writer: ProductWriter;
  readonly #product: Product;
  readonly #plan: DirectPlan;
  readonly #emit: (line: string) => void;
  #rows!: Stretch;
  #cols!: Stretch;

  constructor(
    product: Product,
    plan: DirectPlan,
    consumer: Consumer | null,
    context: NestContext,
  ) {
    this.#writer = new ProductWriter(product, consumer, context, plan.cols);
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
      let [from, to] = ["0u", `${size}u`];
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
      const bulk = Math.floor(size / unrolled) > 0 ? unrolled : 0;
      const tail = size % unrolled !== 0;
      if (bulk > 0 && tail) this.#emit(`var ${k} = ${from};`);
      if (bulk > 0) {
        this.#emit(
          tail
            ? `for (; ${k} + ${unrolled}u <= ${to}; ${k} += ${unrolled}u) {`
            : `for (var ${k} = ${from}; ${k} < ${to}; ${k} += ${unrolled}u) {`,
        );
        this.#turn(axis, k, lhs, rhs, unrolled);
        this.#emit("}");
      }
      if (tail) {
        this.#emit(
          bulk > 0
            ? `for (; ${k} < ${to}; ${k}++) {`
            : `for (var ${k} = ${from}; ${k} < ${to}; ${k}++) {`,
        );
        this.#turn(axis, k, lhs, rhs, 1);
        this.#emit("}");
      }
    });
    terms.slice(1).forEach(() => this.#emit("}"));
  }

  /** Reads what `count` terms need and adds their products up. */
  #turn(axis: Axis, k: string, lhs: string, rhs: string, count: number): void {
    const emit = this.#emit;
    const writer = this.#writer;
    const { vector, madd } = writer.arithmetic;
    emit(`let l = ${plus([lhs, ...axis.lhs === 0 ? [] : [times(k, axis.lhs)]])};`);
    emit(`let r = ${plus([rhs, ...axis.rhs === 0 ? [] : [times(k, axis.rhs)]])};`);
    /** Reads `count` terms of some neighbours; gives the text of each element. */
    const values = (
      which: "lhs" | "rhs",
      base: string,
      stretch: Stretch,
      prefix: string,
    ): (e: number, u: number) => string => {
      const along = writer.along[which];
      const n = stretch.at.length;
      if (along === "terms" && count === 4) {
        for (let e = 0; e < n; e++) {
          emit(
            `let ${prefix}${e} = ${writer.readVector(which, plus([base, stretch.at[e][which]]))};`,
          );
        }
        return (e, u) => `${prefix}${e}.${lanesOf[u]}`;
      }
      if (along === "free" && n % 4 === 0) {
        for (let u = 0; u < count; u++) {
          for (let e = 0; e < n; e += 4) {
            const at = plus([base, stretch.at[e][which]], u * axis[which]);
            emit(`let ${prefix}${e}_${u} = ${writer.readVector(which, at)};`);
          }
        }
        return (e, u) => `${prefix}${e - e % 4}_${u}.${lanesOf[e % 4]}`;
      }
      for (let u = 0; u < count; u++) {
        for (let e = 0; e < n; e++) {
          const at = plus([base, stretch.at[e][which]], u * axis[which]);
          emit(`let ${prefix}${e}_${u} = ${writer.read(which, at)};`);
        }
      }
      return (e, u) => `${prefix}${e}_${u}`;
    };
    const y = values("rhs", "r", this.#cols, "y");
    const ys = (j: number, u: number): string => {
      if (this.#step === 1) return y(j, u);
      if (writer.along.rhs === "free" && this.#cols.at.length % 4 === 0) return `y${j}_${u}`;
      return `v${j}_${u}`;
    };
    if (this.#step === 4 && ys(0, 0).startsWith("v")) {
      for (let u = 0; u < count; u++) {
        for (let j = 0; j < this.#plan.cols; j += 4) {
          const four = [0, 1, 2, 3].map((e) => y(j + e, u)).join(", ");
          emit(`let v${j}_${u} = ${vector}(${four});`);
        }
      }
    }
    const x = values("lhs", "l", this.#rows, "x");
    const widened = (text: string): string => this.#step === 4 ? `${vector}(${text})` : text;
    this.#each((i, j) => {
      let sum = this.#sum(i, j);
      for (let u = 0; u < count; u++) sum = madd(widened(x(i, u)), ys(j, u), sum);
      emit(`${this.#sum(i, j)} = ${sum};`);
    });
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
