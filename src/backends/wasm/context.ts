/**
 * Values while a nest is being emitted: gives the code of any node, scalar or in lanes, and puts it where it is
 * computed least often.
 *
 * @module
 */
import { isFloating } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BufferDecl } from "../../loopnest/ir.ts";
import { loadScalar, loadSplat, loadVector } from "./access.ts";
import type { Ref } from "./assembler.ts";
import type { FunctionBuilder, Scope, Value } from "./function.ts";
import type { Linker } from "./linker.ts";
import type { Graph, Node } from "./nodes.ts";
import { readSum, type SumState } from "./reductions.ts";
import {
  scalarBinary,
  scalarBitcast,
  scalarCast,
  scalarConstant,
  scalarType,
  scalarUnary,
  type Target,
} from "./scalar_ops.ts";
import {
  kernelOp,
  kernelShape,
  type Lanes,
  splat,
  vectorBinary,
  vectorBitcast,
  vectorCast,
  vectorConstant,
  vectorSelect,
  vectorShift,
  vectorUnary,
} from "./vector_ops.ts";
import { vectorCastOfHalf } from "./halves.ts";
import { vectorDivision } from "./vector_division.ts";

/** A turn of a loop that runs in lanes: several vectors side by side, of which the last may be incomplete. */
export interface VectorBlock {
  readonly v: Node;
  readonly level: number;
  readonly lanes: Lanes;
  /** How many vectors. */
  readonly count: number;
  /** Lanes of the last one that take part. */
  readonly last: number;
}

/** What a variable stands for. */
export type Binding =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "counter"; readonly scope: Scope }
  | { readonly kind: "value"; readonly value: Value }
  /** One for each vector of the block. */
  | { readonly kind: "vectors"; readonly values: readonly Value[] }
  /** Read only once nothing is added to it any more. */
  | { readonly kind: "sum"; readonly state: SumState };

/** Where a program's buffers are. */
export interface Layout {
  readonly buffers: readonly BufferDecl[];
  /** The byte offset in the table of the entry for a buffer; for a temp that of the scratch address. */
  tableOffset(buffer: number): number;
}

// Nodes and vectors of a block as one number, for memo tables.
const slots = 32;

/** The state of emission in one function. */
export class NestContext implements Target {
  /** What variables stand for, by node. */
  readonly bindings: Map<number, Binding> = new Map();
  /** The turn being emitted, if in lanes. */
  block: VectorBlock | null = null;
  /** Buffers of which each thread has its own, and the code of their addresses. */
  privates: ReadonlyMap<number, () => Ref> = new Map();

  /** Starts emission into a function whose parameter 0 is the table. */
  constructor(
    readonly fn: FunctionBuilder,
    readonly linker: Linker,
    readonly graph: Graph,
    readonly layout: Layout,
  ) {}

  /** Whether a node differs from lane to lane. */
  varies(node: Node): boolean {
    return this.block !== null && (node.mask >> this.block.level & 1) === 1;
  }

  /** Lanes that take part in vector `u` of the block. */
  active(u: number): number {
    const block = this.block!;
    return u === block.count - 1 ? block.last : block.lanes;
  }

  /** Makes a value known that was computed elsewhere. */
  provide(node: Node, u: number | null, value: Value): void {
    this.fn.entry.memo.set(node.id * slots + (u === null ? 0 : 2 + u), value);
  }

  /** The open scope in which values of a level are computed. */
  scopeOf(level: number): Scope {
    let scope = this.fn.current;
    while (scope.parent !== null && scope.parent.level >= level) scope = scope.parent;
    return scope;
  }

  /** The address of a buffer. */
  base(buffer: number): Value {
    const { fn } = this;
    const key = `b${buffer}`;
    const known = fn.entry.names.get(key);
    if (known !== undefined) return known;
    const address = this.privates.get(buffer)?.() ?? this.#sharedBase(buffer);
    const local = fn.local("i32");
    // At the very front, since code anywhere may need it.
    fn.entry.code.unshift(fn.set(local, address));
    fn.entry.names.set(key, local);
    return local;
  }

  #sharedBase(buffer: number): Ref {
    const { asm } = this.fn;
    const decl = this.layout.buffers[buffer]!;
    const table = this.fn.get(this.fn.param(0));
    const entry = asm.load("i32", 4, table, this.layout.tableOffset(buffer));
    const offset = decl.role === "temp" ? decl.offset : 0;
    return offset === 0 ? entry : asm.op2("i32.add", entry, asm.i32(offset));
  }

  /** A multiple of a variable's value, kept beside it. */
  multiple(node: Node, factor: number): Value {
    const { fn } = this;
    const { asm } = fn;
    const binding = this.bindings.get(node.id);
    if (binding?.kind === "counter" && factor !== 1) {
      const { scope } = binding;
      const counter = scope.counter!;
      const known = counter.multiples.get(factor);
      if (known !== undefined) return known;
      const local = fn.local("i32");
      const start = asm.op2("i32.mul", fn.get(counter.index), asm.i32(factor));
      scope.parent!.code.push(fn.set(local, start));
      const step = asm.i32(Math.imul(counter.step, factor));
      scope.latch.push(fn.set(local, asm.op2("i32.add", fn.get(local), step)));
      counter.multiples.set(factor, local);
      return local;
    }
    const value = this.kept(node);
    if (factor === 1) return value;
    const scope = this.scopeOf(node.level);
    const key = `${node.id}*${factor}`;
    let product = scope.names.get(key);
    if (product === undefined) {
      product = fn.within(scope, () => {
        return fn.keep("i32", asm.op2("i32.mul", fn.get(value), asm.i32(factor)));
      });
      scope.names.set(key, product);
    }
    return product;
  }

  #bound(node: Node): Value {
    const binding = this.bindings.get(node.id);
    switch (binding?.kind) {
      case "constant":
        return { kind: "constant", type: "i32", value: binding.value };
      case "counter":
        return binding.scope.counter!.index;
      case "value":
        return binding.value;
      case "sum":
        if (binding.state.lanewise) break;
        return this.#read(node, binding.state, 0);
      default:
        break;
    }
    throw new InternalError(`emit: variable ${node.id} has no scalar value here`);
  }

  #read(node: Node, state: SumState, u: number): Value {
    const scope = this.scopeOf(node.level);
    const key = node.id * slots + (state.lanewise ? 2 + u : 0);
    let value = scope.memo.get(key);
    if (value === undefined) {
      const type = state.lanewise ? "v128" : scalarType(node.dtype);
      value = this.fn.within(scope, () => this.fn.keep(type, readSum(this, state, u)));
      scope.memo.set(key, value);
    }
    return value;
  }

  /** The scalar value of a node; code that may be used once, unless it is kept already. */
  scalar(node: Node): Value {
    return this.#place(
      node,
      0,
      node.uses > 1,
      () => this.#makeScalar(node),
      scalarType(node.dtype),
    );
  }

  /** The scalar value of a node, in a local. */
  kept(node: Node): Value {
    return this.#place(node, 0, true, () => this.#makeScalar(node), scalarType(node.dtype));
  }

  #place(
    node: Node,
    slot: number,
    keep: boolean,
    make: () => Ref,
    type: "i32" | "i64" | "f32" | "f64" | "v128",
  ): Value {
    const { fn } = this;
    if (slot === 0 && node.kind === "const") return scalarConstant(node.dtype, node.value);
    if (slot === 0 && node.kind === "var") return this.#bound(node);
    const scope = this.scopeOf(node.level);
    const key = node.id * slots + slot;
    const known = scope.memo.get(key);
    if (known !== undefined) return known;
    if (!keep && scope === fn.current) return { kind: "tree", type, ref: make() };
    const value = fn.within(scope, () => fn.keep(type, make()));
    scope.memo.set(key, value);
    return value;
  }

  #makeScalar(node: Node): Ref {
    const { fn } = this;
    switch (node.kind) {
      case "load":
        return loadScalar(this, node);
      case "unary":
        return scalarUnary(this, node.op as never, node.args[0]!.dtype, this.scalar(node.args[0]!));
      case "binary": {
        const [x, y] = node.args as [Node, Node];
        const unsigned = this.#simpleDivision(node);
        if (unsigned !== null) return unsigned;
        return scalarBinary(this, node.op as never, x.dtype, this.scalar(x), this.scalar(y));
      }
      case "select": {
        const [condition, x, y] = node.args as [Node, Node, Node];
        const [a, b] = [fn.get(this.scalar(x)), fn.get(this.scalar(y))];
        return fn.asm.module.select(fn.get(this.scalar(condition)), a, b);
      }
      case "cast":
        return scalarCast(this, node.args[0]!.dtype, node.dtype, this.scalar(node.args[0]!));
      case "bitcast":
        return scalarBitcast(this, node.args[0]!.dtype, node.dtype, this.scalar(node.args[0]!));
      default:
        throw new InternalError(`emit: scalar ${node.kind}`);
    }
  }

  /** Division of a number that is not negative by a positive constant. */
  #simpleDivision(node: Node): Ref | null {
    const [x, y] = node.args as [Node, Node];
    if ((node.op !== "div" && node.op !== "rem") || y.kind !== "const") return null;
    if (x.dtype !== "int32" || x.range === null || x.range.low < 0) return null;
    const divisor = Number(y.value);
    if (divisor <= 0) return null;
    const { fn } = this;
    const { asm } = fn;
    const a = fn.get(this.scalar(x));
    if ((divisor & (divisor - 1)) === 0) {
      if (node.op === "rem") return asm.op2("i32.and", a, asm.i32(divisor - 1));
      return asm.op2("i32.shr_u", a, asm.i32(31 - Math.clz32(divisor)));
    }
    return asm.op2(`i32.${node.op}_u`, a, asm.i32(divisor));
  }

  /** The value of a node in all lanes of vector `u`; code that may be used once, unless it is kept already. */
  vector(node: Node, u: number): Value {
    if (!this.varies(node)) return this.splat(node);
    if (node.kind === "var") return this.#vectorVariable(node, u);
    return this.#place(node, 2 + u, node.uses > 1, () => this.#makeVector(node, u), "v128");
  }

  /** The value of a node in the lanes of vector `u`, in a local. */
  keptVector(node: Node, u: number): Value {
    if (!this.varies(node)) return this.splat(node);
    if (node.kind === "var") return this.#vectorVariable(node, u);
    return this.#place(node, 2 + u, true, () => this.#makeVector(node, u), "v128");
  }

  /**
   * Computes a node for all vectors of the block, in locals: an elementary function instruction by instruction, where that
   * can be, for all vectors at once.
   */
  keepAll(node: Node): void {
    const { fn } = this;
    const block = this.block!;
    const shape = kernelShape(node);
    const scope = this.scopeOf(node.level);
    const isKept = scope.memo.has(node.id * slots + 2);
    if (shape !== null && !isKept && scope === fn.current) {
      const args = Array.from({ length: block.count }, (_, u) => {
        return node.args.map((x) => fn.reuse(this.vector(x, u)));
      });
      const results = this.linker.expandTogether(fn, kernelOp(node), shape, args);
      results?.forEach((ref, u) => {
        scope.memo.set(node.id * slots + 2 + u, fn.keep("v128", ref));
      });
      if (results !== null) return;
    }
    for (let u = 0; u < block.count; u++) {
      const mark = fn.mark();
      this.keptVector(node, u);
      fn.release(mark);
    }
  }

  /**
   * Whether a node is a product that nothing else uses and no loop hands out, so that it may become
   * part of the multiply-add that a sum of this level is.
   */
  isLoneProduct(node: Node, level: number): boolean {
    return node.kind === "binary" && node.op === "mul" && node.uses <= 1 && this.varies(node) &&
      node.level >= level && isFloating(node.dtype);
  }

  /** A scalar in all lanes, in a local. */
  splat(node: Node): Value {
    const { lanes } = this.block!;
    if (node.kind === "const") return vectorConstant(this, node.dtype, node.value);
    const once = node.uses <= 1 && this.block!.count === 1;
    return this.#place(node, 1, !once, () => {
      if (node.kind === "load" && node.uses <= 1) {
        const direct = loadSplat(this, node);
        if (direct !== null) return direct;
      }
      return splat(this, node.dtype, lanes, this.fn.get(this.scalar(node)));
    }, "v128");
  }

  #vectorVariable(node: Node, u: number): Value {
    const block = this.block!;
    if (node !== block.v) {
      const binding = this.bindings.get(node.id);
      if (binding?.kind === "sum") return this.#read(node, binding.state, u);
      if (binding?.kind !== "vectors") throw new InternalError("emit: a variable has no vectors");
      return binding.values[u]!;
    }
    return this.#place(node, 2 + u, true, () => {
      const { fn } = this;
      const lanes = Array.from({ length: 4 }, (_, i) => u * block.lanes + i);
      const bytes = Array.from(new Uint8Array(new Int32Array(lanes).buffer));
      const start = fn.asm.op1("i32x4.splat", fn.get(this.#bound(node)));
      return fn.asm.op2("i32x4.add", start, fn.get(fn.vector(bytes)));
    }, "v128");
  }

  #makeVector(node: Node, u: number): Ref {
    const { fn } = this;
    const { lanes } = this.block!;
    const from = node.args[0]!.dtype;
    const arg = (i: number): Value => this.vector(node.args[i]!, u);
    switch (node.kind) {
      case "load":
        return loadVector(this, node, u);
      case "unary":
        return vectorUnary(this, kernelOp(node) as never, from, lanes, arg(0));
      case "binary":
        return this.#makeVectorBinary(node, u);
      case "select":
        return vectorSelect(this, node.dtype, lanes, arg(0), fn.get(arg(1)), fn.get(arg(2)));
      case "cast": {
        const special = vectorCastOfHalf(this, node, u);
        if (special !== null) return special;
        return vectorCast(this, from, node.dtype, lanes, arg(0));
      }
      case "bitcast":
        return vectorBitcast(this, from, node.dtype, lanes, arg(0));
      default:
        throw new InternalError(`emit: vector ${node.kind}`);
    }
  }

  #makeVectorBinary(node: Node, u: number): Ref {
    const { fn } = this;
    const { asm } = fn;
    const { lanes } = this.block!;
    const [x, y] = node.args as [Node, Node];
    const arg = (of: Node): Ref => fn.get(this.vector(of, u));
    const shape = x.dtype === "float32" ? "f32x4" : "f64x2";
    switch (node.op) {
      case "add":
        for (const [product, other] of [[x, y], [y, x]] as const) {
          if (!this.isLoneProduct(product, node.level)) continue;
          return asm.madd(shape, arg(product.args[0]!), arg(product.args[1]!), arg(other));
        }
        break;
      case "sub":
        if (this.isLoneProduct(y, node.level)) {
          return asm.nmadd(shape, arg(y.args[0]!), arg(y.args[1]!), arg(x));
        }
        break;
      case "shl":
      case "shrLogical":
      case "shrArithmetic":
        if (!this.varies(y)) {
          return vectorShift(this, node.op, x.dtype, lanes, this.vector(x, u), this.scalar(y));
        }
        break;
      case "div":
      case "rem":
        if (y.kind === "const" && x.dtype === "int32" && x.range !== null && x.range.low >= 0) {
          const divisor = Number(y.value);
          if (divisor > 0) {
            return vectorDivision(fn, node.op, this.vector(x, u), divisor, x.range.high);
          }
        }
        break;
      default:
        break;
    }
    return vectorBinary(
      this,
      node.op as never,
      x.dtype,
      lanes,
      this.vector(x, u),
      this.vector(y, u),
    );
  }
}
