/** Random small programs over the primitives that the scheduler has to fuse. */
import type { NDArray } from "../../src/core/array.ts";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import * as arith from "../../src/ops/arith.ts";
import * as convert from "../../src/ops/convert.ts";
import { dotGeneral } from "../../src/ops/dot.ts";
import { concatenate, dynamicSlice, dynamicUpdateSlice } from "../../src/ops/dynamic.ts";
import * as elementary from "../../src/ops/elementary.ts";
import * as logic from "../../src/ops/logic.ts";
import { argmax, reduceMax } from "../../src/ops/reduce.ts";
import { broadcastInDim, iota, reduceSum, reshape, transpose } from "../../src/ops/shape.ts";
import { pad, rev, slice } from "../../src/ops/slicing.ts";
import { literal } from "../../src/ops/common.ts";
import * as lax from "../../src/lax/mod.ts";
import * as numpy from "../../src/numpy/mod.ts";
import { stage } from "../../src/transform/stage.ts";

const shapes: readonly (readonly number[])[] = [
  [],
  [1],
  [5],
  [4, 6],
  [1, 6],
  [2, 3, 4],
  [12],
  [6, 4],
  [3, 1, 2],
  [0, 3],
  [30, 40],
];

/** What {@linkcode randomProgram} draws from, beyond the defaults. */
export interface RandomOptions {
  /** The dtype of the inputs, and of nearly all that is computed. */
  readonly dtype?: "float32" | "float64";
  /** The largest input. */
  readonly maxSize?: number;
  /** Whether loops, branches, sorts and lookups occur: primitives that are kernels or hold jaxprs. */
  readonly wide?: boolean;
  /** Whether values go through optimization barriers, several at a time. */
  readonly barriers?: boolean;
}

/** A program of about `length` equations, decided by `random`. */
export function randomProgram(
  random: () => number,
  length: number,
  { dtype = "float32", maxSize = Infinity, wide = false, barriers = false }: RandomOptions = {},
): ClosedJaxpr {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const small = shapes.filter((shape) => shape.reduce((a, b) => a * b, 1) <= maxSize);
  const avals: ShapedArray[] = [];
  const inputCount = 2 + Math.floor(random() * 3);
  for (let i = 0; i < inputCount; i++) avals.push(shapedArray(pick(small), dtype));
  avals.push(shapedArray([], "int32"));
  return stage((inputs) => {
    const floats: NDArray[] = inputs.slice(0, -1);
    const start = inputs.at(-1)!;
    // Recent values are more likely, so that chains come about.
    const value = () =>
      random() < 0.6
        ? floats[Math.max(0, floats.length - 1 - Math.floor(random() * 3))]
        : pick(floats);
    for (let i = 0; i < length; i++) {
      const make = wide && random() < 0.3 ? wideStep : step;
      const x = make(value(), value, random, pick, start);
      // Bounded, so that differences stay differences of rounding.
      floats.push(x.size < Math.min(4000, 20 * maxSize) ? x : reduceSum(x, [0]));
      if (barriers && random() < 0.25) {
        const held = Array.from({ length: 1 + Math.floor(random() * 3) }, value);
        floats.push(...lax.optimizationBarrier(held));
      }
    }
    const outs = floats.slice(inputs.length - 1).filter(() => random() < 0.2);
    return [floats.at(-1)!, ...outs, ...(random() < 0.1 ? [inputs[0]] : [])];
  }, avals);
}

function step(
  x: NDArray,
  value: () => NDArray,
  random: () => number,
  pick: <T>(list: readonly T[]) => T,
  start: NDArray,
): NDArray {
  const axes = x.shape.map((_, k) => k);
  const some = axes.filter(() => random() < 0.5);
  switch (Math.floor(random() * 22)) {
    case 0:
      return elementary.tanh(x);
    case 1:
      return elementary.exp(arith.neg(arith.abs(x)));
    case 2:
      return arith.neg(x);
    case 3:
    case 4:
    case 5:
    case 6: {
      const y = fit(value(), x);
      return pick([arith.add, arith.sub, arith.mul, arith.max])(x, y);
    }
    case 7:
      return elementary.sin(mean(x, some));
    case 8:
      return x.size === 0 ? x : reduceMax(x, some);
    case 9: {
      // As softmax's parts: a reduction, back at the old shape, combined.
      const kept = axes.filter((k) => !some.includes(k));
      return elementary.sin(arith.sub(x, broadcastInDim(mean(x, some), x.shape, kept)));
    }
    case 10:
      return transpose(x, [...axes].sort(() => random() - 0.5));
    case 11:
      return reshape(x, otherShape(x, pick));
    case 12: {
      const low = x.shape.map((n) => Math.floor(random() * n * 0.5));
      const high = x.shape.map((n, k) => low[k] + Math.ceil((n - low[k]) * (0.3 + 0.7 * random())));
      return slice(x, low, high, x.shape.map(() => random() < 0.2 ? 2 : 1));
    }
    case 13:
      return rev(x, some);
    case 14: {
      const y = fit(value(), x);
      return logic.select(logic.gt(x, y), y, elementary.tanh(x));
    }
    case 15: {
      if (x.ndim === 0) return x;
      const y = fit(value(), x);
      return concatenate([x, y, x], Math.floor(random() * x.ndim));
    }
    case 16:
      return pad(
        x,
        literal(0.5, x.dtype),
        x.shape.map(
          (n) => [
            Math.max(-n, Math.floor(random() * 3) - 1),
            Math.floor(random() * 3),
            random() < 0.2 ? 1 : 0,
          ],
        ),
      );
    case 17: {
      if (x.ndim === 0) return x;
      const y = fit(value(), x);
      const a = Math.floor(random() * x.ndim);
      const batch = axes.filter((k) => k !== a && random() < 0.4);
      return elementary.tanh(dotGeneral(x, y, [[[a], [a]], [batch, batch]]));
    }
    case 18: {
      const i = iota(floating(x), x.shape.length === 0 ? [3] : x.shape, 0);
      return arith.mul(fit(x, i), i);
    }
    case 19: {
      if (x.ndim === 0 || x.size === 0) return x;
      const sizes = x.shape.map((n) => Math.max(1, n - 1));
      const box = dynamicSlice(x, x.shape.map(() => start), sizes);
      if (random() < 0.5) return box;
      return dynamicUpdateSlice(x, elementary.tanh(box), x.shape.map(() => start));
    }
    case 20: {
      if (x.ndim === 0 || x.size === 0) return x;
      return convert.convertElementType(argmax(x, Math.floor(random() * x.ndim)), x.dtype);
    }
    default:
      // Bits have no derivative: in float64, where derivatives are taken, the same by arithmetic.
      if (x.dtype === "float64") return arith.abs(x);
      return convert.bitcastConvertType(
        logic.and(convert.bitcastConvertType(x, "int32"), 0x7fffffff),
        "float32",
      );
  }
}

function floating(x: NDArray): "float32" | "float64" {
  return x.dtype === "float64" ? "float64" : "float32";
}

/** A step by a primitive that is a kernel or holds jaxprs. */
function wideStep(
  x: NDArray,
  value: () => NDArray,
  random: () => number,
  pick: <T>(list: readonly T[]) => T,
  start: NDArray,
): NDArray {
  if (x.ndim === 0) return step(x, value, random, pick, start);
  const axis = Math.floor(random() * x.ndim);
  const positive = (v: NDArray) => logic.gt(mean(v, v.shape.map((_, k) => k)), 0);
  switch (Math.floor(random() * 8)) {
    case 0:
      return lax.sort(x, { dimension: axis });
    case 1:
      return arith.mul(lax.cumsum(x, { axis, reverse: random() < 0.5 }), 1 / Math.max(1, x.size));
    case 2:
      return x.size === 0 ? x : numpy.take(x, numpy.argsort(x, axis).ravel(), {
        axis,
        mode: "clip",
      });
    case 3: {
      if (x.size === 0) return x;
      const rows = numpy.argmax(x, axis).ravel();
      return x.at(start).add(elementary.tanh(x.get(rows.get(0))));
    }
    case 4: {
      const turn = (c: NDArray, row: NDArray) => {
        const next = elementary.tanh(arith.add(c, row));
        return [next, arith.mul(next, row)] as const;
      };
      const [last, all] = lax.scan(turn, mean(x, [0]), x, { reverse: random() < 0.5 });
      return arith.add(all, broadcastInDim(last, all.shape, last.shape.map((_, k) => k + 1)));
    }
    case 5: {
      const y = fit(value(), x);
      return lax.cond(
        positive(y),
        (a: NDArray) => arith.mul(a, y),
        (a: NDArray) => elementary.sin(arith.sub(a, y)),
        x,
      );
    }
    case 6:
      return lax.switch(
        start,
        [
          (a: NDArray) => a,
          (a: NDArray) => elementary.sin(a),
          (a: NDArray) => elementary.tanh(arith.neg(a)),
        ],
        x,
      );
    default:
      return lax.foriLoop(0, 3, (i, c: NDArray) => {
        const turns = convert.convertElementType(i, x.dtype);
        return elementary.sin(arith.add(c, arith.mul(x, turns)));
      }, x);
  }
}

/** `y` in the shape of `x`: broadcast, cut or summed. */
function fit(y: NDArray, x: NDArray): NDArray {
  if (y.shape.join() === x.shape.join()) return y;
  if (y.ndim <= x.ndim) {
    const dims = y.shape.map((_, k) => x.ndim - y.ndim + k);
    if (dims.every((d, k) => y.shape[k] === x.shape[d] || y.shape[k] === 1)) {
      return broadcastInDim(y, x.shape, dims);
    }
  }
  const total = mean(y, y.shape.map((_, k) => k));
  return broadcastInDim(elementary.tanh(total), x.shape, []);
}

/** A sum, scaled so that what oscillates does not magnify its rounding. */
function mean(x: NDArray, axes: readonly number[]): NDArray {
  const count = axes.reduce((n, k) => n * x.shape[k], 1);
  return arith.mul(reduceSum(x, axes), 1 / Math.max(1, count));
}

function otherShape(x: NDArray, pick: <T>(list: readonly T[]) => T): readonly number[] {
  const n = x.size;
  const options = [[n], [1, n], [n, 1]];
  for (const k of [2, 3, 4, 6]) if (n % k === 0 && n > 0) options.push([k, n / k], [n / k, 1, k]);
  if (n % 6 === 0 && n > 0) options.push([2, n / 6, 3]);
  return pick(options);
}
