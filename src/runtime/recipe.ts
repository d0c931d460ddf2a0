/**
 * What one equation computes, read off its lowering rule in a form that eager evaluation can follow array by array.
 *
 * A recipe lists the strided views that the equation reads (so a broadcast, slice, transposition or reversal is no more than strides) and the
 * scalar operations on them in order. It is made without knowing primitives.
 *
 * @module
 */
import { type Shape, type ShapedArray, sizeOf, stridesOf } from "../core/aval.ts";
import { type DType, type HostScalar, wideOf } from "../core/dtype.ts";
import type { Access, DotSpec, Lowered, LoweredKernel } from "../core/lowering.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import {
  binary,
  type BinaryOp,
  cast,
  type Expr,
  forEachOperand,
  index,
  load,
  makeVar,
  type UnaryOp,
  type Var,
} from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { directKernel } from "./direct_kernels.ts";

/** A strided view of an operand over the axes of a box. In elements. */
export interface View {
  readonly operand: number;
  readonly dtype: DType;
  readonly offset: number;
  /** What is added to the offset and known only from operands: the start of a dynamic slice. */
  readonly dynamic: Body | null;
  /** One for each axis of the box; 0 along axes that it is broadcast over. */
  readonly strides: readonly number[];
}

/** A scalar operation; operands are numbers of earlier nodes. */
export type Node =
  | { readonly kind: "view"; readonly dtype: DType; readonly view: number }
  | {
    /** The elements of an operand at positions that are values themselves. */
    readonly kind: "gather";
    readonly dtype: DType;
    readonly operand: number;
    readonly index: number;
  }
  | { readonly kind: "const"; readonly dtype: DType; readonly value: HostScalar }
  | { readonly kind: "axis"; readonly dtype: "int32"; readonly axis: number }
  | { readonly kind: "unary"; readonly dtype: DType; readonly op: UnaryOp; readonly x: number }
  | {
    readonly kind: "binary";
    readonly dtype: DType;
    readonly op: BinaryOp;
    readonly x: number;
    readonly y: number;
  }
  | {
    readonly kind: "select";
    readonly dtype: DType;
    readonly condition: number;
    readonly x: number;
    readonly y: number;
  }
  | { readonly kind: "cast" | "bitcast"; readonly dtype: DType; readonly x: number };

/** A value for each point of a box. */
export interface Body {
  /** Sizes of the axes: the result's, then those that are reduced. */
  readonly box: Shape;
  readonly views: readonly View[];
  readonly nodes: readonly Node[];
  /** The node that is the value. */
  readonly root: number;
}

/** How one result is computed. */
export type Recipe =
  | { readonly kind: "alias"; readonly operand: number }
  | { readonly kind: "map"; readonly body: Body }
  | {
    readonly kind: "reduce";
    readonly op: ReduceOp;
    /** Of the dtype that the result's is computed in. */
    readonly body: Body;
    /** How many leading axes of the box are the result's. */
    readonly kept: number;
  }
  | { readonly kind: "argReduce"; readonly op: "max" | "min"; readonly body: Body }
  | { readonly kind: "pieces"; readonly pieces: readonly Piece[] }
  | { readonly kind: "update"; readonly update: UpdateRecipe }
  | { readonly kind: "dot"; readonly dot: DotRecipe }
  | { readonly kind: "kernel"; readonly call: LoweredKernel };

/** A part of a result: the values of a box, and where in the result they go. */
export interface Piece {
  readonly body: Body;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** A copy of an operand with some elements replaced or combined, in row-major order of a box. */
export interface UpdateRecipe {
  readonly operand: number;
  /** The positions in the result. */
  readonly index: Body;
  readonly value: Body;
  /** Which updates happen; all where it is `null`. */
  readonly guard: Body | null;
  readonly combine: ReduceOp | null;
}

/** A contraction over single-stride groups of axes; strides in elements. */
export interface DotRecipe {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly lhs: DotSide;
  readonly rhs: DotSide;
}

/** An operand of a contraction: strides along its batch, free and contracted axes. */
export interface DotSide {
  readonly operand: number;
  readonly batch: number;
  readonly free: number;
  readonly contract: number;
}

/** The recipe of each result, or `null` where some result has none. */
export function recipesOf(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): readonly Recipe[] | null {
  const direct = directKernel(primitive, ins, outs, params);
  if (direct !== null) return [{ kind: "kernel", call: direct }];
  if (primitive.lower === undefined) return null;
  const reads = ins.map((aval, operand): Access => {
    const strides = stridesOf(aval.shape);
    return (at) => {
      let sum = index(0);
      at.forEach((i, axis) => sum = binary("add", sum, binary("mul", i, index(strides[axis]))));
      return load(operand, aval.dtype, sum);
    };
  });
  const lowered = primitive.lower(reads, ins, outs, params);
  const recipes: Recipe[] = [];
  for (let i = 0; i < outs.length; i++) {
    const recipe = recipeOf(lowered[i], ins, outs[i]);
    if (recipe === null) return null;
    recipes.push(recipe);
  }
  return recipes;
}

function recipeOf(l: Lowered, ins: readonly ShapedArray[], out: ShapedArray): Recipe | null {
  switch (l.kind) {
    case "alias":
      return { kind: "alias", operand: l.operand };
    case "map": {
      const body = bodyOf(out.shape, (at) => l.at(at));
      return body && { kind: "map", body };
    }
    case "reduce": {
      const kept = out.shape.length;
      const body = bodyOf(
        [...out.shape, ...l.sizes],
        (at) => cast(l.at(at.slice(0, kept), at.slice(kept)), wideOf(out.dtype)),
      );
      return body && { kind: "reduce", op: l.op, body, kept };
    }
    case "argReduce": {
      const kept = out.shape.length;
      const body = bodyOf([...out.shape, l.size], (at) => {
        const value = l.at(at.slice(0, kept), at[kept]);
        return cast(value, wideOf(value.dtype));
      });
      return body && { kind: "argReduce", op: l.op, body };
    }
    case "pieces":
      return piecesOf(l, out);
    case "dot": {
      const dot = dotOf(l.spec, ins);
      return dot && { kind: "dot", dot };
    }
    case "update":
      return updateOf(l, out);
    case "kernel":
      return l.call.control === undefined ? { kind: "kernel", call: l.call } : null;
    default: {
      const never: never = l;
      return never;
    }
  }
}

function piecesOf(l: Extract<Lowered, { kind: "pieces" }>, out: ShapedArray): Recipe | null {
  const strides = stridesOf(out.shape);
  const pieces: Piece[] = [];
  if (l.background !== undefined) {
    const background = l.background;
    const body = bodyOf(out.shape, () => background);
    if (body === null) return null;
    pieces.push({ body, offset: 0, strides });
  }
  for (const piece of l.pieces) {
    const body = bodyOf(piece.sizes, (at) => piece.at(at));
    if (body === null) return null;
    let offset = 0;
    const steps = strides.map((stride, axis) => {
      offset += piece.offsets[axis] * stride;
      return stride * (piece.steps?.[axis] ?? 1);
    });
    pieces.push({ body, offset, strides: steps });
  }
  return { kind: "pieces", pieces };
}

function updateOf(l: Extract<Lowered, { kind: "update" }>, out: ShapedArray): Recipe | null {
  const strides = stridesOf(out.shape);
  const position = (at: readonly Expr[]): Expr => {
    let sum = index(0);
    l.index(at).forEach((i, axis) =>
      sum = binary("add", sum, binary("mul", i, index(strides[axis])))
    );
    return sum;
  };
  const where = bodyOf(l.sizes, position);
  const value = bodyOf(l.sizes, (at) => l.value(at));
  const guard = l.guard === undefined ? null : bodyOf(l.sizes, (at) => l.guard!(at));
  if (where === null || value === null || (guard === null && l.guard !== undefined)) return null;
  return {
    kind: "update",
    update: { operand: l.operand, index: where, value, guard, combine: l.combine ?? null },
  };
}

function bodyOf(box: Shape, make: (at: readonly Expr[]) => Expr): Body | null {
  const vars = box.map((_, axis) => makeVar(`i${axis}`));
  return new BodyBuilder(box, vars).build(make(vars));
}

class BodyBuilder {
  private readonly views: View[] = [];
  private readonly nodes: Node[] = [];
  private readonly known = new Map<number, number>();

  constructor(private readonly box: Shape, private readonly vars: readonly Var[]) {}

  build(root: Expr): Body | null {
    const at = this.node(root);
    return at === null ? null : { box: this.box, views: this.views, nodes: this.nodes, root: at };
  }

  private node(expr: Expr): number | null {
    const seen = this.known.get(expr.id);
    if (seen !== undefined) return seen;
    const node = this.make(expr);
    if (node === null) return null;
    this.nodes.push(node);
    this.known.set(expr.id, this.nodes.length - 1);
    return this.nodes.length - 1;
  }

  private make(expr: Expr): Node | null {
    const { dtype } = expr;
    switch (expr.kind) {
      case "const":
        return { kind: "const", dtype, value: expr.value };
      case "var": {
        const axis = this.vars.indexOf(expr);
        return axis < 0 ? null : { kind: "axis", dtype: "int32", axis };
      }
      case "load":
        return this.read(expr);
      case "unary": {
        const x = this.node(expr.x);
        return x === null ? null : { kind: "unary", dtype, op: expr.op, x };
      }
      case "binary": {
        const [x, y] = [this.node(expr.x), this.node(expr.y)];
        return x === null || y === null ? null : { kind: "binary", dtype, op: expr.op, x, y };
      }
      case "select": {
        const condition = this.node(expr.condition);
        const [x, y] = [this.node(expr.x), this.node(expr.y)];
        if (condition === null || x === null || y === null) return null;
        return { kind: "select", dtype, condition, x, y };
      }
      case "cast":
      case "bitcast": {
        const x = this.node(expr.x);
        return x === null ? null : { kind: expr.kind, dtype, x };
      }
      default: {
        const never: never = expr;
        return never;
      }
    }
  }

  private read(expr: Extract<Expr, { kind: "load" }>): Node | null {
    const { dtype, buffer: operand } = expr;
    const sum: Affine = { strides: new Array<number>(this.box.length).fill(0), dynamic: null };
    const offset = this.affine(expr.index, 1, sum);
    if (offset === null) {
      const at = this.node(expr.index);
      return at === null ? null : { kind: "gather", dtype, operand, index: at };
    }
    const dynamic = sum.dynamic === null ? null : new BodyBuilder([], []).build(sum.dynamic);
    if (dynamic === null && sum.dynamic !== null) return null;
    this.views.push({ operand, dtype, offset, dynamic, strides: sum.strides });
    return { kind: "view", dtype, view: this.views.length - 1 };
  }

  /** Adds `scale · expr` to a sum and gives its constant part; `null` where it is not affine in the axes. */
  private affine(expr: Expr, scale: number, sum: Affine): number | null {
    if (expr.kind === "const") return scale * (expr.value as number);
    if (expr.kind === "var") {
      const axis = this.vars.indexOf(expr);
      if (axis < 0) return null;
      sum.strides[axis] += scale;
      return 0;
    }
    if (expr.kind === "binary") {
      const { op, x, y } = expr;
      if (op === "add" || op === "sub") {
        const a = this.affine(x, scale, sum);
        const b = a === null ? null : this.affine(y, op === "add" ? scale : -scale, sum);
        return b === null ? null : a! + b;
      }
      if (op === "mul" && x.kind === "const") {
        return this.affine(y, scale * (x.value as number), sum);
      }
      if (op === "mul" && y.kind === "const") {
        return this.affine(x, scale * (y.value as number), sum);
      }
    }
    if (this.varies(expr)) return null;
    const term = binary("mul", expr, index(scale));
    sum.dynamic = sum.dynamic === null ? term : binary("add", sum.dynamic, term);
    return 0;
  }

  /** Whether an expression depends on an axis. */
  private varies(expr: Expr): boolean {
    if (expr.kind === "var") return true;
    let found = false;
    forEachOperand(expr, (operand) => found ||= this.varies(operand));
    return found;
  }
}

/** A sum of axes times strides, and of what does not depend on the axes. */
interface Affine {
  readonly strides: number[];
  dynamic: Expr | null;
}

function dotOf(spec: DotSpec, ins: readonly ShapedArray[]): DotRecipe | null {
  const side = (
    operand: number,
    batch: readonly number[],
    contract: readonly number[],
  ): (DotSide & { readonly size: number }) | null => {
    const { shape } = ins[operand];
    const strides = stridesOf(shape);
    const free = shape.map((_, axis) => axis).filter((axis) =>
      !batch.includes(axis) && !contract.includes(axis)
    );
    const [b, f, c] = [batch, free, contract].map((axes) => collapse(shape, strides, axes));
    if (b === null || f === null || c === null) return null;
    const size = sizeOf(free.map((axis) => shape[axis]));
    return { operand, batch: b, free: f, contract: c, size };
  };
  const lhs = side(spec.lhs, spec.lhsBatch, spec.lhsContract);
  const rhs = side(spec.rhs, spec.rhsBatch, spec.rhsContract);
  if (lhs === null || rhs === null) return null;
  const { shape } = ins[spec.lhs];
  return {
    batch: sizeOf(spec.lhsBatch.map((axis) => shape[axis])),
    m: lhs.size,
    n: rhs.size,
    k: sizeOf(spec.lhsContract.map((axis) => shape[axis])),
    lhs,
    rhs,
  };
}

/** The one stride that spans `axes` in order, or `null`. */
function collapse(
  shape: Shape,
  strides: readonly number[],
  axes: readonly number[],
): number | null {
  let stride = 0;
  let extent = 1;
  for (let i = axes.length - 1; i >= 0; i--) {
    const size = shape[axes[i]];
    if (size === 1) continue;
    if (extent === 1) stride = strides[axes[i]];
    else if (strides[axes[i]] !== stride * extent) return null;
    extent *= size;
  }
  return stride;
}
