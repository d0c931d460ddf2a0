/**
 * Running sums, products and extremes along an axis.
 *
 * @module
 */
import { namesAlong, type PartitionRule } from "../core/partition.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  type Parts,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";

import { checkAccepts, lit, literal } from "./common.ts";
import { concatenate, dynamicSlice } from "./dynamic.ts";
import * as arith from "./arith.ts";
import { eq, ge, le, ne, or, select } from "./logic.ts";
import { addAny } from "./rules.ts";
import { broadcastInDim, checkAxes, fullLike, instantiate, reshape } from "./shape.ts";
import { slice } from "./slicing.ts";
import { orderedWidening, wrappingWidening } from "./widening.ts";

/** Parameters of the cumulative operations. */
export interface CumulativeParams {
  readonly axis: number;
  /** Whether to run from the end. */
  readonly reverse: boolean;
}

/**
 * The division of running results: each device's own, then joined with the result so far of the devices before it.
 *
 * @param join Puts two results together, the earlier one first.
 */
function partitionRunning(
  primitive: () => Primitive<CumulativeParams>,
  join: (before: NDArray, x: NDArray) => NDArray,
): PartitionRule<CumulativeParams> {
  return ({ mesh, ins: [{ size }], wanted: [wanted], params }) => {
    const { axis, reverse } = params;
    const over = namesAlong(wanted, axis);
    const count = over.reduce((n, name) => n * mesh.sizeOf(name), 1);
    if (count === 1 || size === 0) return { operands: [wanted] };
    return {
      operands: [wanted],
      combine: { by: "all_gather", over, of: [1] },
      apply: ([x]) => {
        const y = bind1(primitive(), [x], params);
        const last = reverse ? 0 : x.shape[axis] - 1;
        const start = x.shape.map((_, i) => i === axis ? last : 0);
        const limit = x.shape.map((n, i) => i === axis ? last + 1 : n);
        return [y, slice(y, start, limit)];
      },
      finish: ([y, lasts], _parts, placeAlong) => {
        const place = placeAlong(over);
        const running = bind1(primitive(), [lasts], { axis: 0, reverse });
        const first = literal(reverse ? count - 1 : 0, "int32");
        const before = reverse
          ? arith.min(arith.add(place, literal(1, "int32")), first)
          : arith.max(arith.sub(place, literal(1, "int32")), first);
        const zeros = y.shape.map(() => literal(0, "int32"));
        const picked = dynamicSlice(running, [before, ...zeros], [1, ...lasts.shape.slice(1)]);
        const axes = y.shape.map((_, i) => i);
        const so = broadcastInDim(reshape(picked, lasts.shape.slice(1)), y.shape, axes);
        const isFirst = broadcastInDim(eq(place, first), y.shape, []);
        return [select(isFirst, y, join(so, y))];
      },
    };
  };
}

function cumulativeAval(
  name: string,
  [x]: readonly ShapedArray[],
  { axis }: CumulativeParams,
): readonly ShapedArray[] {
  checkAccepts(name, x.dtype, "number");
  checkAxes(name, x.shape, [axis]);
  return [x];
}

function cumulativeLowering(
  name: string,
  [x]: readonly ShapedArray[],
  p: CumulativeParams,
): readonly Lowered[] {
  const n = x.shape[p.axis];
  const inner = x.shape.slice(p.axis + 1).reduce((a, b) => a * b, 1);
  const outer = x.shape.slice(0, p.axis).reduce((a, b) => a * b, 1);
  return [{
    kind: "kernel",
    result: 0,
    call: {
      name: `${name}_${x.dtype}`,
      args: [
        { kind: "number", value: outer },
        { kind: "number", value: n },
        { kind: "number", value: inner },
        { kind: "number", value: p.reverse ? 1 : 0 },
        { kind: "operand", operand: 0 },
        { kind: "result", result: 0 },
      ],
    },
  }];
}

function cumulativeBatch(
  primitive: AnyPrimitive,
  [x]: readonly NDArray[],
  [dim]: readonly (number | null)[],
  { axis, reverse }: CumulativeParams,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  return [[bind1(primitive, [x], { axis: axis < dim! ? axis : axis + 1, reverse })], [dim]];
}

/**
 * Running results of something associative by doubling: log₂(n) steps of elementwise work on whole arrays. What has nothing before it
 * stays as it is, so that no identity is needed, which might not be one for what is infinite or no number.
 *
 * @param xs Arrays of one shape, which are joined together.
 * @param join Joins runs: the earlier ones first.
 */
export function byDoubling(
  xs: readonly NDArray[],
  { axis, reverse }: CumulativeParams,
  join: (before: readonly NDArray[], xs: readonly NDArray[]) => readonly NDArray[],
): readonly NDArray[] {
  const { shape } = xs[0];
  const n = shape[axis];
  const part = (x: NDArray, from: number, to: number): NDArray =>
    slice(x, shape.map((_, i) => i === axis ? from : 0), shape.map((m, i) => i === axis ? to : m));
  let running = xs;
  for (let by = 1; by < n; by *= 2) {
    const rest = running.map((x) => reverse ? part(x, 0, n - by) : part(x, by, n));
    const before = running.map((x) => reverse ? part(x, by, n) : part(x, 0, n - by));
    const joined = join(before, rest);
    running = running.map((x, i) =>
      reverse
        ? concatenate([joined[i], part(x, n - by, n)], axis)
        : concatenate([part(x, 0, by), joined[i]], axis)
    );
  }
  return running;
}

/** The running products of complex numbers. */
function productsOfParts({ re, im }: Parts, p: CumulativeParams): Parts {
  const [real, imaginary] = byDoubling([re, im], p, ([br, bi], [xr, xi]) => {
    const product = arith.times({ re: br, im: bi }, { re: xr, im: xi });
    return [product.re, product.im];
  });
  return { re: real, im: imaginary };
}

function cumulativeJvp(
  primitive: AnyPrimitive,
  [x]: readonly NDArray[],
  [t]: readonly Tangent[],
  p: CumulativeParams,
  tangentOf: (t: NDArray) => NDArray,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const out = bind1(primitive, [x], p);
  return [[out], [t instanceof Zero ? new Zero(out.aval) : tangentOf(instantiate(t))]];
}

/** `cumsum`: running sums. Linear; its transpose runs the other way. */
export const cumsumP: Primitive<CumulativeParams> = {
  name: "cumsum",
  partition: partitionRunning(() => cumsumP, arith.add),
  onParts: "each",
  abstractEval: (ins, p) => cumulativeAval("cumsum", ins, p),
  lower: (_reads, ins, _outs, p) => cumulativeLowering("cumsum", ins, p),
  expand: (ins, p) => wrappingWidening(cumsumP, ins, p),
  jvp: (xs, ts, p) => cumulativeJvp(cumsumP, xs, ts, p, (t) => bind1(cumsumP, [t], p)),
  transpose: ([ct], [x], { axis, reverse }) => [
    ct instanceof Zero ? new Zero(x.aval) : bind1(cumsumP, [ct], { axis, reverse: !reverse }),
  ],
  batch: (xs, dims, p) => cumulativeBatch(cumsumP, xs, dims, p),
};

/** Running sums along `axis`. */
export function cumsum(x: NDArray, axis: number, reverse = false): NDArray {
  return bind1(cumsumP, [x], { axis, reverse });
}

/** `cumprod`: running products. */
export const cumprodP: Primitive<CumulativeParams> = {
  name: "cumprod",
  partition: partitionRunning(() => cumprodP, arith.mul),
  onParts: ([z], p) => [productsOfParts(z as Parts, p)],
  abstractEval: (ins, p) => cumulativeAval("cumprod", ins, p),
  lower: (_reads, ins, _outs, p) => cumulativeLowering("cumprod", ins, p),
  expand: (ins, p) => wrappingWidening(cumprodP, ins, p),
  jvp: (xs, ts, p) =>
    cumulativeJvp(
      cumprodP,
      xs,
      ts,
      p,
      (t) =>
        byDoubling([xs[0], t], p, ([b, tb], [a, ta]) => [
          arith.mul(a, b),
          addAny(arith.mul(ta, b), arith.mul(a, tb)),
        ])[1],
    ),
  batch: (xs, dims, p) => cumulativeBatch(cumprodP, xs, dims, p),
};

/** Running products along `axis`. */
export function cumprod(x: NDArray, axis: number, reverse = false): NDArray {
  return bind1(cumprodP, [x], { axis, reverse });
}

function extremeTangent(
  x: NDArray,
  t: NDArray,
  p: CumulativeParams,
  better: (x: NDArray, y: NDArray) => NDArray,
): NDArray {
  return byDoubling([x, t], p, ([b, tb], [a, ta]) => {
    const keep = or(better(a, b), ne(a, a));
    const tie = eq(a, b);
    const mean = arith.mul(addAny(ta, tb), fullLike(lit(ta, 0.5), ta.shape));
    return [select(keep, a, b), select(tie, mean, select(keep, ta, tb))];
  })[1];
}

/** `cummax`: running maxima. */
export const cummaxP: Primitive<CumulativeParams> = {
  name: "cummax",
  partition: partitionRunning(() => cummaxP, arith.max),
  abstractEval: (ins, p) => cumulativeAval("cummax", ins, p),
  lower: (_reads, ins, _outs, p) => cumulativeLowering("cummax", ins, p),
  expand: (ins, p) => orderedWidening(cummaxP, ins, p),
  jvp: (xs, ts, p) => cumulativeJvp(cummaxP, xs, ts, p, (t) => extremeTangent(xs[0], t, p, ge)),
  batch: (xs, dims, p) => cumulativeBatch(cummaxP, xs, dims, p),
};

/** Running maxima along `axis`. */
export function cummax(x: NDArray, axis: number, reverse = false): NDArray {
  return bind1(cummaxP, [x], { axis, reverse });
}

/** `cummin`: running minima. */
export const cumminP: Primitive<CumulativeParams> = {
  name: "cummin",
  partition: partitionRunning(() => cumminP, arith.min),
  abstractEval: (ins, p) => cumulativeAval("cummin", ins, p),
  lower: (_reads, ins, _outs, p) => cumulativeLowering("cummin", ins, p),
  expand: (ins, p) => orderedWidening(cumminP, ins, p),
  jvp: (xs, ts, p) => cumulativeJvp(cumminP, xs, ts, p, (t) => extremeTangent(xs[0], t, p, le)),
  batch: (xs, dims, p) => cumulativeBatch(cumminP, xs, dims, p),
};

/** Running minima along `axis`. */
export function cummin(x: NDArray, axis: number, reverse = false): NDArray {
  return bind1(cumminP, [x], { axis, reverse });
}
