/**
 * Accumulators of a kernel: variables of one value or of four, parts of them, and what all invocations of a workgroup have
 * together.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import type { Accumulator, ArgAccumulator, ReduceOp } from "../../loopnest/ir.ts";
import { eachLane } from "./expr.ts";
import { identity } from "./literals.ts";
import { elementType, wgslType, type Width } from "./types.ts";
import type { KernelWriter } from "./writer.ts";

/** The variables of an accumulator. */
interface Slot {
  readonly stmt: Accumulator | ArgAccumulator;
  readonly width: Width;
  readonly value: string;
  /** The position of a search's best; empty for others. */
  readonly at: string;
  /**
   * Of a part of an extreme of floats, the greatest of its terms' bits without their signs, which tells whether one was NaN:
   * then the part itself need not hand it on. Empty for others.
   */
  readonly bits: string;
}

/** The accumulators that are in scope. */
export class Accumulators {
  readonly #writer: KernelWriter;
  readonly #slots = new Map<number, Slot>();

  constructor(writer: KernelWriter) {
    this.#writer = writer;
  }

  /** Declares an accumulator, set to what leaves every value as it is. */
  declare(stmt: Accumulator | ArgAccumulator, width: Width): void {
    const { value, at } = this.#declared(stmt, width);
    const slot: Slot = { stmt, width, value, at, bits: "" };
    if (stmt.kind === "accumulator") this.#slots.set(stmt.v.id, slot);
    else {
      this.#slots.set(stmt.value.id, slot);
      this.#slots.set(stmt.at.id, { ...slot, value: at });
    }
  }

  #declared(stmt: Accumulator | ArgAccumulator, width: Width): { value: string; at: string } {
    const writer = this.#writer;
    const ops = writer.ops(width);
    const { dtype } = stmt.kind === "accumulator" ? stmt.v : stmt.value;
    const value = writer.fresh("a");
    const start = ops.splat(identity(stmt.op, dtype), wgslType(dtype));
    writer.emit(`var ${value}: ${ops.type(dtype)} = ${start};`);
    if (stmt.kind === "accumulator") return { value, at: "" };
    const at = writer.fresh("a");
    writer.emit(`var ${at}: ${ops.type("int32")} = ${ops.splat("0i", "i32")};`);
    return { value, at };
  }

  /** The variable of an accumulator, or of a search's position, and its width; `null` where it is neither. */
  variable(id: number): { readonly value: string; readonly width: Width } | null {
    return this.#slots.get(id) ?? null;
  }

  /** The width of an accumulator in scope. */
  width(id: number): Width {
    return this.#slots.get(id)!.width;
  }

  /** What an accumulator is. */
  statement(id: number): Accumulator | ArgAccumulator {
    return this.#slots.get(id)!.stmt;
  }

  /** Adds a term of the accumulator's width. */
  accumulate(id: number, term: string): void {
    const { stmt, width, value, bits } = this.#slots.get(id)!;
    const { op, v } = stmt as Accumulator;
    const ops = this.#writer.ops(width);
    if (bits !== "") {
      const x = this.#writer.fresh();
      const size = `${ops.bitcast(x, "float32", "uint32")} & ${ops.splat("0x7fffffffu", "u32")}`;
      return this.#writer.emit(
        `let ${x} = ${term};`,
        `${value} = ${op}(${value}, ${x});`,
        `${bits} = max(${bits}, ${size});`,
      );
    }
    this.#writer.emit(`${value} = ${ops.combined(op, value, term, v.dtype)};`);
  }

  /** Offers a value and its position, of the accumulator's width. */
  offer(id: number, value: string, position: string): void {
    this.#offer(this.#slots.get(id)!, value, position, false);
  }

  /** As {@linkcode offer}; where `anyOrder`, of equals the one that comes first wins, whichever is offered first. */
  #offer(slot: Slot, value: string, position: string, anyOrder: boolean): void {
    const writer = this.#writer;
    const ops = writer.ops(slot.width);
    const { op, value: { dtype } } = slot.stmt as ArgAccumulator;
    const [offered, place, wins] = [writer.fresh(), writer.fresh(), writer.fresh()];
    writer.emit(`let ${offered} = ${value};`, `let ${place} = ${position};`);
    let condition = ops.better(op, offered, slot.value, dtype);
    if (anyOrder) {
      const first = `${ops.equal(offered, slot.value, dtype)} & (${place} < ${slot.at})`;
      condition = `(${condition}) | (${first})`;
    }
    writer.emit(
      `let ${wins} = ${condition};`,
      `${slot.value} = ${ops.select(wins, offered, slot.value)};`,
      `${slot.at} = ${ops.select(wins, place, slot.at)};`,
    );
  }

  /** Writes what feeds accumulators into parts of their own, of a width, and joins those to them. */
  inParts(ids: Iterable<number>, width: Width, write: () => void): void {
    const outer = [...ids].map((id) => this.#slots.get(id)!);
    outer.forEach((slot) => this.#declarePart(slot.stmt, width));
    write();
    for (const slot of outer) {
      const id = idOf(slot.stmt);
      const part = this.#slots.get(id)!;
      this.#slots.set(id, slot);
      if (slot.stmt.kind === "argAccumulator") {
        this.#slots.set(slot.stmt.at.id, { ...slot, value: slot.at });
      }
      this.#join(slot, part);
    }
  }

  #declarePart(stmt: Accumulator | ArgAccumulator, width: Width): void {
    this.declare(stmt, width);
    if (width === 1 || stmt.kind === "argAccumulator" || !isFloatExtreme(stmt)) return;
    const bits = this.#writer.fresh("a");
    this.#writer.emit(`var ${bits} = vec4<u32>();`);
    this.#slots.set(stmt.v.id, { ...this.#slots.get(stmt.v.id)!, bits });
  }

  #join(to: Slot, part: Slot): void {
    const { stmt } = to;
    if (part.bits !== "") {
      const ops = this.#writer.ops(4);
      const isNan = `${part.bits} > vec4<u32>(0x7f800000u)`;
      this.#writer.use("quiet_nan");
      const nan = ops.splat("quiet_nan()", "f32");
      this.#writer.emit(`${part.value} = ${ops.select(isNan, nan, part.value)};`);
    }
    if (stmt.kind === "accumulator") {
      if (to.width === part.width) return this.accumulate(stmt.v.id, part.value);
      const ops = this.#writer.ops(1);
      const [x, y, z, w] = eachLane((lane) => `${part.value}.${lane}`);
      const half = (a: string, b: string): string => ops.combined(stmt.op, a, b, stmt.v.dtype);
      return this.accumulate(stmt.v.id, half(half(x, y), half(z, w)));
    }
    if (to.width === part.width) return this.offer(stmt.value.id, part.value, part.at);
    eachLane((lane) => `${part.value}.${lane}`).forEach((value, i) => {
      this.#offer(to, value, eachLane((lane) => `${part.at}.${lane}`)[i], true);
    });
  }

  /**
   * Replaces each invocation's value by that of all invocations that share a point.
   *
   * @param members How many they are: a power of two.
   * @param invocations Those of the whole workgroup.
   */
  acrossGroup(id: number, members: number, invocations: number): void {
    const writer = this.#writer;
    const slot = this.#slots.get(id)!;
    const { dtype } = slot.stmt.kind === "accumulator" ? slot.stmt.v : slot.stmt.value;
    const ops = writer.ops(1);
    const values = this.#places(dtype, invocations);
    const loaded = (at: string): string => ops.loaded(`${values}[${at}]`, dtype);
    const first = members === invocations ? "0" : `lane - member`;
    writer.emit(`${values}[lane] = ${ops.stored(slot.value, dtype)};`);
    const halve = (join: (step: string) => void): void => {
      const step = writer.fresh();
      writer.emit("workgroupBarrier();");
      writer.block(`for (var ${step} = ${members / 2}u; ${step} > 0u; ${step} >>= 1u)`, () => {
        writer.block(`if (member < ${step})`, () => join(step));
        writer.emit("workgroupBarrier();");
      });
    };
    if (slot.stmt.kind === "accumulator") {
      const { op } = slot.stmt;
      halve((step) => {
        const joined = ops.combined(op, slot.value, loaded(`lane + ${step}`), dtype);
        writer.emit(
          `${slot.value} = ${joined};`,
          `${values}[lane] = ${ops.stored(slot.value, dtype)};`,
        );
      });
    } else {
      const positions = this.#places("int32", invocations, "places");
      writer.emit(`${positions}[lane] = ${slot.at};`);
      halve((step) => {
        this.#offer(slot, loaded(`lane + ${step}`), `${positions}[lane + ${step}]`, true);
        writer.emit(
          `${values}[lane] = ${ops.stored(slot.value, dtype)};`,
          `${positions}[lane] = ${slot.at};`,
        );
      });
      writer.emit(`${slot.at} = ${positions}[${first}];`);
    }
    writer.emit(`${slot.value} = ${loaded(first)};`, "workgroupBarrier();");
  }

  /** A variable of the workgroup with a place for each invocation. */
  #places(dtype: DType, invocations: number, prefix = "values"): string {
    const type = elementType(dtype);
    const name = `${prefix}_${type.replaceAll(/\W+/g, "_")}`;
    this.#writer.globals.add(`var<workgroup> ${name}: array<${type}, ${invocations}>;`);
    return name;
  }
}

function idOf(stmt: Accumulator | ArgAccumulator): number {
  return stmt.kind === "accumulator" ? stmt.v.id : stmt.value.id;
}

/** Whether a sum loses digits where many terms are added one after the other. */
export function losesDigits(stmt: Accumulator | ArgAccumulator): boolean {
  const lossy: ReadonlySet<ReduceOp> = new Set(["add"]);
  return stmt.kind === "accumulator" && lossy.has(stmt.op) && wgslType(stmt.v.dtype) === "f32";
}

function isFloatExtreme({ op, v }: Accumulator): boolean {
  return (op === "max" || op === "min") && wgslType(v.dtype) === "f32";
}
