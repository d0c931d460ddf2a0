/**
 * Eager evaluation of few elements, in JavaScript: cheaper than an allocation, let alone one that the garbage collector
 * must be told of.
 *
 * @module
 */
import {
  binaryFunction,
  bitcastFunction,
  castFunction,
  identityOf,
  reader,
  storedCombine,
  unaryFunction,
  type Value,
} from "../backends/interp/scalar.ts";
import { type ShapedArray, sizeOf } from "../core/aval.ts";
import { type DType, dtypeInfo, isBig, isFloating, wideOf } from "../core/dtype.ts";
import type { UnaryOp } from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { aliasArray, type ConcreteArray, fromCells, MAX_CELLS } from "./concrete.ts";
import { viewFor } from "./cells.ts";
import type { Plan } from "./evaluate.ts";
import { heap } from "./memory.ts";
import type { Body, DotRecipe, Node, Recipe, UpdateRecipe, View } from "./recipe.ts";
import type { Cells } from "./storage.ts";

/** Scalar operations up to which JavaScript is faster than a kernel; elementary functions count as several. */
const MAX_WORK = 256;
const ELEMENTARY_WORK = 6;
/** Products of a contraction up to which JavaScript is faster. */
const MAX_PRODUCTS = 32;

const cheap: ReadonlySet<string> = new Set<UnaryOp>([
  ...["neg", "abs", "sign", "floor", "ceil", "round", "not", "isFinite", "sqrt"] as const,
]);

type Values = Value[];
/** Computes values from operands. */
export type Compute = (operands: readonly ConcreteArray[]) => Values;
type Step = (done: readonly Values[], operands: readonly ConcreteArray[]) => Values;

/** A plan for results of few elements, or `null` where there are more. */
export function cellsPlan(recipes: readonly Recipe[], outs: readonly ShapedArray[]): Plan | null {
  const plans: Plan[] = [];
  for (let i = 0; i < recipes.length; i++) {
    const plan = outs[i].size <= MAX_CELLS ? planOf(recipes[i], outs[i]) : null;
    if (plan === null) return null;
    plans.push(plan);
  }
  return plans.length === 1 ? plans[0] : (operands) => plans.flatMap((plan) => plan(operands));
}

function planOf(recipe: Recipe, out: ShapedArray): Plan | null {
  if (recipe.kind === "alias") {
    const { operand } = recipe;
    return (operands) => [aliasArray(operands[operand], out)];
  }
  const compute = computeOf(recipe, out);
  if (compute === null) return null;
  return (operands) => [fromCells(out, compute(operands) as Cells)];
}

function computeOf(
  recipe: Exclude<Recipe, { kind: "alias" }>,
  out: ShapedArray,
): Compute | null {
  switch (recipe.kind) {
    case "map":
      return isSmall(recipe.body) ? bodyCompute(recipe.body) : null;
    case "reduce":
      return isSmall(recipe.body) ? reduceCompute(recipe.op, recipe.body, out) : null;
    case "argReduce":
      return isSmall(recipe.body) ? argReduceCompute(recipe.op, recipe.body, out) : null;
    case "pieces": {
      if (!recipe.pieces.every(({ body }) => isSmall(body))) return null;
      const parts = recipe.pieces.map(({ body, offset, strides }) => ({
        compute: bodyCompute(body),
        at: positions(body.box, offset, strides),
      }));
      return (operands) => {
        const values = new Array<Value>(out.size);
        for (const { compute, at } of parts) {
          const part = compute(operands);
          for (let i = 0; i < at.length; i++) values[at[i]] = part[i];
        }
        return values;
      };
    }
    case "update":
      return updateCompute(recipe.update, out);
    case "dot":
      return dotCompute(recipe.dot, out);
    case "kernel":
      return null;
    default: {
      const never: never = recipe;
      return never;
    }
  }
}

function isSmall({ box, nodes }: Body): boolean {
  let work = 0;
  for (const node of nodes) {
    const isElementary = node.kind === "unary" && !cheap.has(node.op) ||
      node.kind === "binary" && (node.op === "pow" || node.op === "atan2");
    work += isElementary ? ELEMENTARY_WORK : node.kind === "const" ? 0 : 1;
  }
  return sizeOf(box) * work <= MAX_WORK;
}

/** Where each point of a box lies, in row-major order of the box. */
function positions(box: readonly number[], offset: number, strides: readonly number[]): number[] {
  let list = [offset];
  for (let axis = 0; axis < box.length; axis++) {
    const next: number[] = [];
    for (const at of list) {
      for (let i = 0; i < box[axis]; i++) next.push(at + i * strides[axis]);
    }
    list = next;
  }
  return list;
}

/** Computes the values of a body in JavaScript, one after the other in row-major order of its box. */
export function bodyCompute(body: Body): Compute {
  const steps = body.nodes.map((node) => stepOf(node, body));
  const { root } = body;
  return (operands) => {
    const done: Values[] = [];
    for (const step of steps) done.push(step(done, operands));
    return done[root];
  };
}

function stepOf(node: Node, { box, views, nodes }: Body): Step {
  const count = sizeOf(box);
  switch (node.kind) {
    case "view":
      return viewStep(views[node.view], box);
    case "gather": {
      const { operand, index, dtype } = node;
      return (done, operands) => readAt(operands[operand], dtype, done[index] as number[]);
    }
    case "const": {
      const values = new Array<Value>(count).fill(node.value);
      return () => values;
    }
    case "axis": {
      const unit = box.map((_, axis) => axis === node.axis ? 1 : 0);
      const values = positions(box, 0, unit);
      return () => values;
    }
    case "unary": {
      const f = unaryFunction(node.op, nodes[node.x].dtype);
      return mapStep(f, node.x, node.dtype, count);
    }
    case "cast":
    case "bitcast": {
      const from = nodes[node.x].dtype;
      const convert = node.kind === "cast" ? castFunction : bitcastFunction;
      return mapStep(convert(from, node.dtype), node.x, node.dtype, count);
    }
    case "binary": {
      const f = binaryFunction(node.op, nodes[node.x].dtype);
      return zipStep(f, node.x, node.y, node.dtype, count);
    }
    case "select": {
      const { condition, x, y } = node;
      return (done) => {
        const [c, a, b] = [done[condition], done[x], done[y]];
        const values = new Array<Value>(count);
        for (let i = 0; i < count; i++) values[i] = c[i] ? a[i] : b[i];
        return values;
      };
    }
    default: {
      const never: never = node;
      return never;
    }
  }
}

function isNumber(dtype: DType): boolean {
  return dtype !== "bool" && !isBig(dtype);
}

// The same loop twice, because the engine picks an array's representation by where it is made: numbers
// are then kept unboxed.

function mapStep(f: (x: Value) => Value, x: number, dtype: DType, count: number): Step {
  if (isNumber(dtype)) {
    return (done) => {
      const a = done[x];
      const values = new Array<Value>(count);
      for (let i = 0; i < count; i++) values[i] = f(a[i]);
      return values;
    };
  }
  return (done) => {
    const a = done[x];
    const values = new Array<Value>(count);
    for (let i = 0; i < count; i++) values[i] = f(a[i]);
    return values;
  };
}

function zipStep(
  f: (x: Value, y: Value) => Value,
  x: number,
  y: number,
  dtype: DType,
  count: number,
): Step {
  if (isNumber(dtype)) {
    return (done) => {
      const [a, b] = [done[x], done[y]];
      const values = new Array<Value>(count);
      for (let i = 0; i < count; i++) values[i] = f(a[i], b[i]);
      return values;
    };
  }
  return (done) => {
    const [a, b] = [done[x], done[y]];
    const values = new Array<Value>(count);
    for (let i = 0; i < count; i++) values[i] = f(a[i], b[i]);
    return values;
  };
}

function viewStep(view: View, box: readonly number[]): Step {
  const { operand, dtype, offset, strides } = view;
  const at = positions(box, offset, strides);
  if (view.dynamic !== null) {
    const start = bodyCompute(view.dynamic);
    return (_done, operands) => {
      const [first] = start(operands) as number[];
      return readAt(operands[operand], dtype, at.map((position) => first + position));
    };
  }
  const isWhole = at.every((position, i) => position === i);
  return (_done, operands) => {
    const x = operands[operand];
    const { cells } = x.live();
    return isWhole && cells !== null && cells.length === at.length ? cells : readAt(x, dtype, at);
  };
}

/** Reads single elements. */
function readAt(x: ConcreteArray, dtype: DType, at: readonly number[]): Values {
  const { cells } = x.live();
  const values = new Array<Value>(at.length);
  if (cells !== null) {
    for (let i = 0; i < at.length; i++) values[i] = cells[at[i]];
    return values;
  }
  const start = x.address() / dtypeInfo(dtype).bytes;
  const view = viewFor(heap(), dtype === "key<fry>" ? "int64" : dtype);
  for (let i = 0; i < at.length; i++) values[i] = view[start + at[i]];
  return dtype === "bool" || dtype === "bfloat16" ? values.map(reader(dtype)) : values;
}

function updateCompute(update: UpdateRecipe, out: ShapedArray): Compute | null {
  const { operand, index, value, guard, combine } = update;
  if (!isSmall(index) || !isSmall(value)) return null;
  const { dtype } = out;
  const all = positions([out.size], 0, [1]);
  const [where, what] = [bodyCompute(index), bodyCompute(value)];
  const allowed = guard === null ? null : bodyCompute(guard);
  const merge = combine === null ? null : storedCombine(combine, dtype);
  return (operands) => {
    const values = readAt(operands[operand], dtype, all);
    const [at, terms] = [where(operands) as number[], what(operands)];
    const isAllowed = allowed === null ? null : allowed(operands);
    for (let i = 0; i < at.length; i++) {
      if (isAllowed !== null && !isAllowed[i]) continue;
      values[at[i]] = merge === null ? terms[i] : merge(values[at[i]], terms[i]);
    }
    return values;
  };
}

function reduceCompute(op: ReduceOp, body: Body, out: ShapedArray): Compute {
  const compute = bodyCompute(body);
  const { dtype, size } = out;
  const terms = size === 0 ? 0 : sizeOf(body.box) / size;
  const wide = wideOf(dtype);
  const start = identityOf(op, terms === 0 ? dtype : wide);
  // Sums and products of float32 are carried in float64, and rounded once.
  const combine = binaryFunction(op, wide === "float32" ? "float64" : wide);
  const whole = castFunction(isFloating(wide) ? "float64" : wide, wide);
  const narrow = castFunction(wide, dtype);
  const round = wide === dtype ? whole : (x: Value) => narrow(whole(x));
  return (operands) => {
    const values = compute(operands);
    const results = new Array<Value>(size);
    for (let o = 0, i = 0; o < size; o++) {
      let sum = start;
      for (let t = 0; t < terms; t++, i++) sum = combine(sum, values[i]);
      results[o] = round(sum);
    }
    return results;
  };
}

function argReduceCompute(op: "max" | "min", body: Body, out: ShapedArray): Compute {
  const compute = bodyCompute(body);
  const terms = out.size === 0 ? 0 : sizeOf(body.box) / out.size;
  return (operands) => {
    const values = compute(operands);
    const results = new Array<Value>(out.size);
    for (let o = 0; o < out.size; o++) {
      let best = 0;
      for (let t = 1; t < terms; t++) {
        const [x, y] = [values[o * terms + t], values[o * terms + best]];
        // A NaN (the only value unlike itself) beats all but an earlier NaN.
        if (y === y && (x !== x || (op === "max" ? x > y : x < y))) best = t;
      }
      results[o] = best;
    }
    return results;
  };
}

function dotCompute({ batch, m, n, k, lhs, rhs }: DotRecipe, out: ShapedArray): Compute | null {
  if (batch * Math.max(m * n * k, m * k, n * k) > MAX_PRODUCTS) return null;
  const { dtype, size } = out;
  const left = viewStep(
    {
      operand: lhs.operand,
      dtype,
      offset: 0,
      dynamic: null,
      strides: [lhs.batch, lhs.free, lhs.contract],
    },
    [batch, m, k],
  );
  const right = viewStep(
    {
      operand: rhs.operand,
      dtype,
      offset: 0,
      dynamic: null,
      strides: [rhs.batch, rhs.free, rhs.contract],
    },
    [batch, n, k],
  );
  const wide = isFloating(dtype) ? "float64" : dtype;
  const [mul, add] = [binaryFunction("mul", wide), binaryFunction("add", wide)];
  const zero = identityOf("add", dtype);
  const round = castFunction(wide, dtype);
  return (operands) => {
    const [a, b] = [left([], operands), right([], operands)];
    const values = new Array<Value>(size);
    for (let t = 0, o = 0; t < batch; t++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++, o++) {
          let sum = zero;
          for (let p = 0; p < k; p++) {
            sum = add(sum, mul(a[(t * m + i) * k + p], b[(t * n + j) * k + p]));
          }
          values[o] = round(sum);
        }
      }
    }
    return values;
  };
}
