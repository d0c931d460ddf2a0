/**
 * Counter-based random bits: the threefry2x32 block cipher, and typed PRNG keys.
 *
 * Bit for bit JAX's (its "partitionable" form): element `i` of an array of random bits is the hash of `i`, so that any part of the
 * array can be computed alone. A key is one 64-bit element: the first word of the pair in the low half. Salmon et al., "Parallel
 * Random Numbers: As Easy as 1, 2, 3", SC 2011.
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import {
  type LocalOperation,
  namesAlong,
  type PartitionRequest,
  type PartitionRule,
  partShape,
  splitAs,
  withWhole,
} from "../core/partition.ts";
import type { Primitive } from "../core/primitive.ts";
import { type SplitRule, takeAxes } from "../core/split.ts";
import { bind, bind1 } from "../core/trace.ts";
import { add } from "./arith.ts";
import {
  binary,
  bitcast,
  cast,
  constant,
  type Expr,
  index as indexConst,
} from "../loopnest/expr.ts";
import {
  axisToFront,
  batchElementwise,
  elementwiseShape,
  mapLowering,
  type NoParams,
  noParams,
} from "./common.ts";
import { unaryBatch } from "./rules.ts";
import { axisTools, batchToFront, broadcastInDim } from "./shape.ts";
import { isBig, isInteger } from "../core/dtype.ts";
import { convertElementType } from "./convert.ts";

const u32 = (value: number) => constant(value >>> 0, "uint32");

function rotate(x: Expr, by: number): Expr {
  return binary("or", binary("shl", x, u32(by)), binary("shrLogical", x, u32(32 - by)));
}

const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]];

/** The threefry2x32 hash: 20 rounds over a pair of words, keyed by a pair. */
export function threefryExpr(k0: Expr, k1: Expr, c0: Expr, c1: Expr): [Expr, Expr] {
  const parity = binary("xor", binary("xor", k0, k1), u32(0x1bd11bda));
  const keys = [k0, k1, parity];
  let x0 = binary("add", c0, k0);
  let x1 = binary("add", c1, k1);
  for (let round = 0; round < 5; round++) {
    for (const by of rotations[round % 2]) {
      x0 = binary("add", x0, x1);
      x1 = binary("xor", rotate(x1, by), x0);
    }
    x0 = binary("add", x0, keys[(round + 1) % 3]);
    x1 = binary("add", binary("add", x1, keys[(round + 2) % 3]), u32(round + 1));
  }
  return [x0, x1];
}

/** The two words of a key. */
function words(key: Expr): [Expr, Expr] {
  const bits = bitcast(key, "int64");
  const high = binary("shrLogical", bits, constant(32n, "int64"));
  return [cast(bits, "uint32"), cast(high, "uint32")];
}

/** A key of two words. */
function keyOf(low: Expr, high: Expr): Expr {
  const shifted = binary("shl", cast(high, "int64"), constant(32n, "int64"));
  return bitcast(binary("or", cast(low, "int64"), shifted), "key<fry>");
}

/** `threefry2x32`: the hash, elementwise over four arrays of uint32 words. */
export const threefry2x32P: Primitive<NoParams> = {
  name: "threefry2x32",
  abstractEval: (ins) => {
    for (const a of ins) {
      if (a.dtype !== "uint32") {
        throw new DTypeError(`random.threefry2x32: operands must be uint32; got ${a.dtype}`);
      }
    }
    const aval = shapedArray(elementwiseShape("threefry2x32", ins), "uint32");
    return [aval, aval];
  },
  lower: (reads, ins) =>
    [0, 1].flatMap((which) =>
      mapLowering(reads, ins, ([k0, k1, c0, c1]) => threefryExpr(k0, k1, c0, c1)[which])
    ),
  batch: (xs, dims) => {
    const [outs, at] = batchElementwise(axisTools, threefry2x32P, xs, dims, noParams);
    return [outs, [at[0], at[0]]];
  },
};

/** Checks that an operand is an array of keys. */
export function checkKey(name: string, aval: ShapedArray): void {
  if (aval.dtype !== "key<fry>") {
    throw new DTypeError(
      `random.${name}: expected an array of keys, as random.key(seed) makes; got ${aval.dtype}`,
    );
  }
}

/** Parameters of {@linkcode randomSeedP}. */
export interface SeedParams {
  /** As JAX prints it: always `fry`. */
  readonly impl: string;
}

/** `random_seed`: a key of an integer: its low word last, its high word (or 0) first. */
export const randomSeedP: Primitive<SeedParams> = {
  name: "random_seed",
  abstractEval: ([seed]) => {
    if (!isInteger(seed.dtype)) {
      throw new DTypeError(`random.key: the seed must be an integer; got ${seed.dtype}`);
    }
    return [shapedArray(seed.shape, "key<fry>")];
  },
  lower: (reads, ins) =>
    mapLowering(reads, ins, ([seed]) => {
      if (!isBig(seed.dtype)) return keyOf(u32(0), cast(seed, "uint32"));
      const high = binary("shrLogical", seed, constant(32n, seed.dtype));
      return keyOf(cast(high, "uint32"), cast(seed, "uint32"));
    }),
  batch: (xs, dims, p) => unaryBatch(randomSeedP, xs, dims, p),
};

/** A key of an integer array. */
export function randomSeed(seed: NDArray): NDArray {
  return bind1(randomSeedP, [seed], { impl: "fry" });
}

/** `random_wrap`: keys of pairs of words along the last axis. */
export const randomWrapP: Primitive<SeedParams> = {
  name: "random_wrap",
  abstractEval: ([x]) => {
    if (x.dtype !== "uint32" || x.shape.at(-1) !== 2) {
      throw new ShapeError(
        `random.wrapKeyData: expected uint32 words with a last axis of size 2; got ${x.dtype}${
          formatShape(x.shape)
        }`,
      );
    }
    return [shapedArray(x.shape.slice(0, -1), "key<fry>")];
  },
  lower: ([read]) => [{
    kind: "map",
    at: (i) => keyOf(read([...i, indexConst(0)]), read([...i, indexConst(1)])),
  }],
  batch: ([x], [dim], p) => [[bind1(randomWrapP, [axisToFront(axisTools, x, dim!)], p)], [0]],
};

/** Keys of pairs of words. */
export function randomWrap(x: NDArray): NDArray {
  return bind1(randomWrapP, [x], { impl: "fry" });
}

/** `random_unwrap`: the words of keys, along a new last axis. */
export const randomUnwrapP: Primitive<NoParams> = {
  name: "random_unwrap",
  abstractEval: ([x]) => {
    checkKey("keyData", x);
    return [shapedArray([...x.shape, 2], "uint32")];
  },
  lower: ([read]) => [{
    kind: "map",
    at: (i) => {
      const bits = bitcast(read(i.slice(0, -1)), "int64");
      const shift = binary("mul", cast(i[i.length - 1], "int64"), constant(32n, "int64"));
      return cast(binary("shrLogical", bits, shift), "uint32");
    },
  }],
  batch: (xs, dims) => unaryBatch(randomUnwrapP, xs, dims, noParams),
};

/** The words of keys. */
export function randomUnwrap(x: NDArray): NDArray {
  return bind1(randomUnwrapP, [x], noParams);
}

/** The row-major number of an index, as a pair of words; of one in a part, from where it starts. */
function counter(i: readonly Expr[], shape: Shape, start: Expr | null = null): [Expr, Expr] {
  let linear: Expr = indexConst(0);
  shape.forEach((n, axis) => linear = binary("add", binary("mul", linear, indexConst(n)), i[axis]));
  const low = cast(linear, "uint32"); // arrays have fewer than 2^32 elements
  return [u32(0), start === null ? low : binary("add", low, cast(start, "uint32"))];
}

/** Parameters of {@linkcode randomSplitP}. */
export interface ShapeParams {
  readonly shape: Shape;
}

/** What comes of each key lies where the key does. */
export const splitByKey: SplitRule<ShapeParams> = ([key], [{ shape: keys }], [out]) => [
  takeAxes(key, out.shape.map((_, axis) => axis < keys.length ? axis : null), out.shape),
];

/** Each device makes what comes of its keys: all of it, because elements are numbered within that. What else is read is whole. */
function partitionByKey<P>(
  { ins: [key, ...rest], outs: [out], wanted: [wanted] }: PartitionRequest<P>,
): LocalOperation<P> {
  return {
    operands: [
      splitAs(wanted, key.shape.map((_, axis) => axis), key.shape),
      ...rest.map(({ shape }) => splitAs(wanted, shape.map(() => null), shape)),
    ],
    outs: [withWhole(wanted, (axis) => axis >= key.shape.length, out.shape)],
  };
}

/** `random_split`: new keys, of a shape that follows the operand's. */
export const randomSplitP: Primitive<ShapeParams> = {
  name: "random_split",
  split: splitByKey,
  partition: partitionByKey,
  abstractEval: ([key], { shape }) => {
    checkKey("split", key);
    return [shapedArray([...key.shape, ...shape], "key<fry>")];
  },
  lower: ([read], [key], _outs, { shape }) => [{
    kind: "map",
    at: (i) => {
      const [k0, k1] = words(read(i.slice(0, key.shape.length)));
      const [c0, c1] = counter(i.slice(key.shape.length), shape);
      return keyOf(...threefryExpr(k0, k1, c0, c1));
    },
  }],
  batch: ([x], [dim], p) => [[bind1(randomSplitP, [axisToFront(axisTools, x, dim!)], p)], [0]],
};

/** New keys of a shape. */
export function randomSplit(key: NDArray, shape: Shape): NDArray {
  return bind1(randomSplitP, [key], { shape });
}

/** `random_fold_in`: keys mixed with integers, elementwise. */
export const randomFoldInP: Primitive<NoParams> = {
  name: "random_fold_in",
  abstractEval: ([key, data]) => {
    checkKey("foldIn", key);
    if (data.dtype !== "uint32") {
      throw new DTypeError(`random.foldIn: data must be uint32; got ${data.dtype}`);
    }
    return [shapedArray(elementwiseShape("foldIn", [key, data]), "key<fry>")];
  },
  lower: (reads, ins) =>
    mapLowering(reads, ins, ([key, data]) => keyOf(...threefryExpr(...words(key), u32(0), data))),
  batch: (xs, dims) => batchElementwise(axisTools, randomFoldInP, xs, dims, noParams),
};

/** A key mixed with an integer. */
export function randomFoldIn(key: NDArray, data: NDArray): NDArray {
  return bind1(randomFoldInP, [key, data], noParams);
}

/** Parameters of {@linkcode randomBitsP}. */
export interface BitsParams extends DrawParams {
  /** Of an element. */
  readonly bitWidth: 8 | 16 | 32 | 64;
}

/** What is drawn for the elements of an array by their numbers: of a key, and perhaps of scalars. */
export interface DrawParams {
  readonly shape: Shape;
  /** The shape of which this is a part, where it is one; then a last operand (int32, of the keys' shape) is the number of its first element. */
  readonly within?: Shape;
}

/** The division of draws: each device makes its part, for what is drawn is that of the elements' numbers. */
export function partitionDraw<P extends DrawParams>(
  primitive: () => Primitive<P>,
): PartitionRule<P> {
  return ({ ins: [key, ...scalars], wanted: [wanted], outs: [out], params }) => {
    if (params.within !== undefined) return null;
    const ndim = key.shape.length;
    const operands = [
      splitAs(wanted, key.shape.map((_, axis) => axis), key.shape),
      ...scalars.map(() => null),
    ];
    const shape = partShape(out.shape, wanted).slice(ndim);
    const cut = shape.flatMap((n, axis) => n === params.shape[axis] ? [] : [axis]);
    if (cut.length === 0) return { operands };
    const local = { ...params, shape, within: params.shape };
    return {
      operands,
      apply: ([key, ...scalars], place) => {
        const starts = cut.map((axis) => {
          const apart = params.shape.slice(axis + 1).reduce((a, b) => a * b, shape[axis]);
          return place(namesAlong(wanted, ndim + axis), apart);
        });
        const start = starts.reduce((a, b) => add(a, b));
        return [bind1(primitive(), [key, ...scalars, broadcastInDim(start, key.shape, [])], local)];
      },
    };
  };
}

/** `random_bits`: uniform bits, of a shape that follows the keys'. */
export const randomBitsP: Primitive<BitsParams> = {
  name: "random_bits",
  split: splitByKey,
  partition: partitionDraw(() => randomBitsP),
  abstractEval: ([key], { bitWidth, shape }) => {
    checkKey("bits", key);
    return [shapedArray([...key.shape, ...shape], `uint${bitWidth}`)];
  },
  expand: (_ins, params) => {
    if (params.bitWidth !== 16) return null;
    return (operands) => {
      const wide = bind1<BitsParams>(randomBitsP, operands, { ...params, bitWidth: 32 });
      return [convertElementType(wide, "uint16")];
    };
  },
  lower: ([read, start], [key], _outs, { bitWidth, shape, within = shape }) => [{
    kind: "map",
    at: (i) => {
      const own = i.slice(0, key.shape.length);
      const [k0, k1] = words(read(own));
      const [c0, c1] = counter(i.slice(key.shape.length), within, start?.(own) ?? null);
      const [high, low] = threefryExpr(k0, k1, c0, c1);
      if (bitWidth === 64) {
        return binary(
          "or",
          binary("shl", cast(high, "uint64"), constant(32n, "uint64")),
          cast(low, "uint64"),
        );
      }
      const mixed = binary("xor", high, low);
      return bitWidth === 8 ? cast(mixed, "uint8") : mixed;
    },
  }],
  batch: (xs, dims, p, size) => {
    const front = xs.map((x, i) => batchToFront(x, dims[i], size));
    return [[bind1(randomBitsP, front, p)], [0]];
  },
};

/** Uniform bits of a shape. */
export function randomBits(key: NDArray, bitWidth: BitsParams["bitWidth"], shape: Shape): NDArray {
  return bind1(randomBitsP, [key], { bitWidth, shape });
}

/** The hash of pairs of words. */
export function threefry2x32(
  k0: NDArray,
  k1: NDArray,
  c0: NDArray,
  c1: NDArray,
): readonly NDArray[] {
  return bind(threefry2x32P, [k0, k1, c0, c1], noParams);
}
