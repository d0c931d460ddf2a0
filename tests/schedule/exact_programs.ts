/**
 * Random programs on small whole numbers, in all dtypes: all that they compute is exact, whatever the order, so that two ways
 * to compute it must agree in every bit, comparisons and searches included.
 *
 * @module
 */
import type { NDArray } from "../../src/core/array.ts";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import { type DType, isComplex, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import * as lax from "../../src/lax/mod.ts";
import * as np from "../../src/numpy/mod.ts";
import { bfloat16Bits } from "../../src/core/dtype.ts";
import { stage } from "../../src/transform/stage.ts";
import type { Dice } from "../backends/random_program.ts";

const shapes: readonly (readonly number[])[] = [
  ...[[], [1], [7], [64], [300]],
  ...[[4, 6], [1, 6], [6, 4], [33, 5], [5, 33], [17, 70], [40, 1]],
  ...[[2, 3, 4], [3, 1, 2], [9, 2, 11], [0, 3]],
];

const dtypes: readonly DType[] = [
  ...["float32", "float32", "float32", "float64", "float16", "bfloat16", "complex64"] as const,
  ...["complex128", "int8", "uint8", "int16", "int32", "int32", "int64", "uint32"] as const,
];

/** No value grows beyond: its square, and a sum of some, is exact even in bfloat16's float32 sums. */
const bound = 7;

/** A program of about `length` equations. */
export function exactProgram(dice: Dice, length: number): ClosedJaxpr {
  const avals = Array.from(
    { length: 2 + dice.below(3) },
    () => shapedArray(dice.pick(shapes), dice.pick(dtypes)),
  );
  return stage((inputs) => {
    const values = [...inputs];
    for (let i = 0; i < length; i++) {
      const recent = () =>
        dice.chance(0.6)
          ? values[Math.max(0, values.length - 1 - dice.below(3))]!
          : dice.pick(values);
      const made = step(dice, recent(), recent);
      values.push(made.size <= 6000 ? made : bounded(np.sum(made, { axis: 0 })));
    }
    const outs = values.slice(inputs.length, -1).filter(() => dice.chance(0.2));
    return [values.at(-1)!, ...outs, ...(dice.chance(0.1) ? [inputs[0]!] : [])];
  }, avals);
}

/** Small whole numbers for an input; of complex ones both parts. */
export function wholeNumbers(aval: ShapedArray, dice: Dice): TypedArray {
  const { dtype, size } = aval.stored;
  const array = new (typedArrayClass(dtype))(size);
  const isUnsigned = dtype.startsWith("u");
  for (let i = 0; i < size; i++) {
    const n = dice.below(bound) - (isUnsigned ? 0 : Math.floor(bound / 2));
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[i] = BigInt(n);
    else array[i] = dtype === "bfloat16" ? bfloat16Bits(n) : n;
  }
  return array;
}

/** Back among small numbers. */
function bounded(x: NDArray): NDArray {
  if (x.dtype === "bool") return x;
  if (!isComplex(x.dtype)) return lax.rem(x, np.full(x.shape, bound, { dtype: x.dtype }));
  return lax.complex(bounded(np.real(x)), bounded(np.imag(x)));
}

/** `y` as an array of the shape and dtype of `x`. */
function fit(y: NDArray, x: NDArray): NDArray {
  const cast = convert(y, x.dtype);
  const [a, b] = [cast.shape, x.shape];
  const tail = b.slice(b.length - a.length);
  if (a.length <= b.length && a.every((n, k) => n === tail[k] || n === 1)) {
    return np.broadcastTo(cast, b);
  }
  return np.broadcastTo(convert(bounded(np.sum(cast)), x.dtype), b);
}

function convert(x: NDArray, dtype: DType): NDArray {
  if (x.dtype === dtype) return x;
  const from = isComplex(x.dtype) && !isComplex(dtype) ? np.real(x) : x;
  // What is negative is no number of an unsigned dtype, and conversion of such floats saturates.
  return (dtype.startsWith("u") && !isComplex(from.dtype) ? np.abs(from) : from).astype(dtype);
}

function step(dice: Dice, x: NDArray, value: () => NDArray): NDArray {
  const axes = x.shape.map((_, k) => k);
  const some = axes.filter(() => dice.chance(0.5));
  const axis = x.ndim === 0 ? 0 : dice.below(x.ndim);
  const isOrdered = !isComplex(x.dtype);
  const isUnsigned = x.dtype.startsWith("u");
  const y = () => fit(value(), x);
  const choices: (() => NDArray)[] = [
    () => bounded(x.add(y())),
    () => isUnsigned ? np.maximum(x, y()) : bounded(x.sub(y())),
    () => bounded(x.mul(y())),
    () => bounded(x.mul(y()).add(y())),
    () => isUnsigned ? x : np.negative(x),
    () => isOrdered ? np.minimum(x, y()) : np.conj(x),
    () => convert(x, dice.pick(dtypes)),
    () => isOrdered ? lax.complex(convert(x, "float32"), convert(y(), "float32")) : np.imag(x),
    () => bounded(np.sum(x, { axis: some })),
    () => isOrdered && x.size > 0 ? np.max(x, { axis: some }) : bounded(np.sum(x, { axis: some })),
    // As a softmax's parts: a reduction, and what follows from it element by element.
    () => bounded(x.add(bounded(np.sum(x, { axis: some, keepdims: true })))),
    () =>
      isOrdered && !isUnsigned && x.size > 0
        ? bounded(x.sub(np.max(x, { axis: some, keepdims: true })))
        : x,
    () => isOrdered && x.ndim > 0 && x.size > 0 ? bounded(np.argmax(x, { axis })) : x,
    () => np.transpose(x, [...axes].sort(() => dice.next() - 0.5)),
    () => np.reshape(x, dice.chance(0.5) || x.size === 0 ? [x.size] : [1, x.size, 1]),
    () => np.flip(x, some),
    () => np.where(isOrdered ? np.less(x, y()) : np.equal(x, y()), x, y()),
    () => x.ndim === 0 ? x : np.concatenate([x, y(), x], axis),
    () => x.ndim === 0 ? x : bounded(np.cumsum(x, { axis })),
    () => isOrdered && x.ndim > 0 ? np.sort(x, { axis }) : x,
    () => x.ndim === 0 ? x : slice(dice, x),
    () => x.ndim === 0 ? x : bounded(contraction(dice, x, y(), axis)),
    () =>
      x.ndim === 0 || x.shape[0] === 0 ? x : np.take(x, places(value(), x.shape[0]!), { axis: 0 }),
    () =>
      x.ndim === 0 || x.shape[0] === 0 ? x : scatter(dice, x, places(value(), x.shape[0]!), y()),
    () => x.ndim === 0 || x.shape[0] === 0 ? x : turns(x),
  ];
  return dice.pick(choices)();
}

function slice(dice: Dice, x: NDArray): NDArray {
  const low = x.shape.map((n) => dice.below(Math.floor(n / 2) + 1));
  const high = x.shape.map((n, k) =>
    low[k]! + Math.ceil((n - low[k]!) * (0.3 + 0.7 * dice.next()))
  );
  return lax.slice(x, low, high, x.shape.map(() => dice.chance(0.3) ? 2 : 1));
}

function contraction(dice: Dice, x: NDArray, y: NDArray, axis: number): NDArray {
  const batch = x.shape.map((_, k) => k).filter((k) => k !== axis && dice.chance(0.4));
  return lax.dotGeneral(x, y, [[[axis], [axis]], [batch, batch]]);
}

/** Numbers as indices below `n`. */
function places(x: NDArray, n: number): NDArray {
  const whole = np.abs(convert(x, "int32")).ravel();
  return lax.rem(whole, np.full(whole.shape, n, { dtype: "int32" }));
}

/** Rows of `y` added to, or taken for, rows of `x`. */
function scatter(dice: Dice, x: NDArray, at: NDArray, y: NDArray): NDArray {
  const rows = np.take(y, at, { axis: 0 });
  return bounded(isComplex(x.dtype) || dice.chance(0.7) ? x.at(at).add(rows) : x.at(at).max(rows));
}

/** A loop over rows that carries one. */
function turns(x: NDArray): NDArray {
  const first = np.zeros(x.shape.slice(1), { dtype: x.dtype });
  const [last, all] = lax.scan(
    (c: NDArray, row: NDArray) => {
      const next = bounded(c.add(row));
      return [next, next] as const;
    },
    first,
    x,
  );
  return bounded(all.add(last));
}
