/**
 * The convolution kernels against what their description means, element by element; and how much scratch they ask for.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { planConv, runConv } from "../../src/loopnest/conv_plan.ts";
import { winogradForm } from "../../src/loopnest/conv_forms.ts";
import type { ConvShape } from "../../src/loopnest/conv_shape.ts";
import { type Setting, SETTINGS, shapeOf } from "./conv_settings.ts";
import { Arena, type ArrayType, randoms } from "./arena.ts";

const arena = new Arena(1024);

interface Kind {
  readonly name: "conv_float32" | "conv_float64";
  readonly type: ArrayType<Float32Array | Float64Array>;
  readonly epsilon: number;
}

const KINDS: Kind[] = [
  { name: "conv_float32", type: Float32Array, epsilon: 2 ** -23 },
  { name: "conv_float64", type: Float64Array, epsilon: 2 ** -52 },
];

/** A convolution by its definition, whatever the description says of it. */
function plainly(shape: ConvShape, x: ArrayLike<number>, w: ArrayLike<number>, out: Float64Array) {
  const { axes } = shape;
  const along = (
    i: number,
    xAt: number,
    wAt: number,
    position: readonly number[],
  ): number => {
    if (i === axes.length) return x[xAt]! * w[wAt]!;
    const a = axes[i]!;
    let sum = 0;
    for (let tap = 0; tap < a.window; tap++) {
      const at = position[i]! * a.stride + tap * a.windowDilation - a.low;
      const element = at / a.baseDilation;
      if (at % a.baseDilation !== 0 || element < 0 || element >= a.size) continue;
      const own = a.reversed ? a.window - 1 - tap : tap;
      sum += along(i + 1, xAt + element * a.xStride, wAt + own * a.wStride, position);
    }
    return sum;
  };
  const places = axes.reduce<number[][]>(
    (all, a) => all.flatMap((p) => Array.from({ length: a.count }, (_, i) => [...p, i])),
    [[]],
  );
  for (let g = 0; g < shape.groups; g++) {
    for (let b = 0; b < shape.batch; b++) {
      for (let r = 0; r < shape.rows; r++) {
        for (const place of places) {
          let sum = 0;
          for (let f = 0; f < shape.features; f++) {
            const xAt = g * shape.groupStride.x + b * shape.batchStride.x +
              f * shape.featureStride.x;
            const wAt = g * shape.groupStride.w + r * shape.rowStride.w + f * shape.featureStride.w;
            sum += along(0, xAt, wAt, place);
          }
          const to = place.reduce(
            (at, p, i) => at + p * axes[i]!.outStride,
            g * shape.groupStride.out + b * shape.batchStride.out + r * shape.rowStride.out,
          );
          out[to] = sum;
        }
      }
    }
  }
}

const madd = (x: number, y: number, sum: number): number => sum + x * y;

Deno.test("conv_int32, conv_uint8 and conv_int64 wrap", () => {
  for (const name of ["features last, strides", "dilations, cropped", "groups", "a long window"]) {
    const { shape, sizes } = shapeOf(SETTINGS[name]!);
    const random = randoms(sizes[0] + sizes[1]);
    const some = (n: number) => Array.from({ length: n }, () => Math.floor(random() * 2 ** 31));
    const [xs, ws] = [some(sizes[0]), some(sizes[1])];
    const expected = Array<bigint>(sizes[2]).fill(0n);
    const { list } = planConv(shape, 8, "none");
    const product = (x: bigint, y: bigint, sum: bigint) => sum + x * y;
    runConv<bigint>(list, xs.map(BigInt), ws.map(BigInt), expected, 0n, product);
    const run = <A extends Int32Array | Uint8Array | BigInt64Array>(
      kernel: "conv_int32" | "conv_uint8" | "conv_int64",
      type: ArrayType<A>,
      of: (values: number[]) => ArrayLike<number> | ArrayLike<bigint>,
    ): A => {
      const plan = planConv(shape, type.BYTES_PER_ELEMENT, "none");
      arena.reset();
      const x = arena.place(type as ArrayType<never>, of(xs));
      const w = arena.place(type as ArrayType<never>, of(ws));
      const out = arena.place(type as ArrayType<never>, sizes[2]);
      const spec = arena.place(Int32Array, [...plan.list]);
      const scratch = arena.place(Uint8Array, plan.scratchBytes);
      arena.kernels[kernel](spec.at, x.at, w.at, out.at, scratch.at);
      arena.checkGuards(name);
      return out.data as A;
    };
    const longs = run("conv_int64", BigInt64Array, (v) => v.map(BigInt));
    assertEquals([...longs], expected.map((v) => BigInt.asIntN(64, v)), name);
    const ints = run("conv_int32", Int32Array, (v) => v);
    assertEquals([...ints], expected.map((v) => Number(BigInt.asIntN(32, v))), name);
    const bytes = run("conv_uint8", Uint8Array, (v) => v);
    assertEquals([...bytes], expected.map((v) => Number(BigInt.asUintN(8, v))), name);
  }
});

for (const kind of KINDS) {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    Deno.test(`${kind.name}, ${name}: what its description means`, () => {
      const size = kind.type.BYTES_PER_ELEMENT;
      const { shape, sizes } = shapeOf(setting);
      const { list, scratchBytes } = planConv(shape, size, "exact");
      const random = randoms(sizes[0] * 7919 + sizes[1]);
      const some = (n: number) => Array.from({ length: n }, random);
      arena.reset();
      const x = arena.place(kind.type, some(sizes[0]));
      const w = arena.place(kind.type, some(sizes[1]));
      const out = arena.place(kind.type, some(sizes[2]));
      const spec = arena.place(Int32Array, [...list]);
      const scratch = arena.place(Uint8Array, scratchBytes);
      const expected = new Float64Array(sizes[2]);
      runConv<number>(list, x.data, w.data, expected, 0, madd);
      arena.kernels[kind.name](spec.at, x.at, w.at, out.at, scratch.at);
      arena.checkGuards(name);
      const terms = shape.features * shape.axes.reduce((n, a) => n * a.window, 1);
      for (let i = 0; i < expected.length; i++) {
        const gap = Math.abs(out.data[i]! - expected[i]!);
        assert(
          gap <= kind.epsilon * terms,
          `${name}: element ${i} is ${out.data[i]}, expected ${expected[i]}`,
        );
      }
    });
  }
}

/** Windows over single features: those of 3 x 3 read where they lie, others from a copy. */
const SINGLE: Record<string, Setting["axes"]> = {
  "3x3": [{ size: 90, window: 3, padding: [1, 1] }, { size: 130, window: 3, padding: [1, 1] }],
  "7x7 by two": [
    { size: 180, window: 7, stride: 2, padding: [3, 2] },
    { size: 130, window: 7, stride: 2, padding: [3, 2] },
  ],
  "3x3, dilated": [
    { size: 90, window: 3, padding: [2, 2], dilation: 2 },
    { size: 130, window: 3, padding: [2, 2], dilation: 2 },
  ],
};

for (const [name, axes] of Object.entries(SINGLE)) {
  Deno.test(`${name} over one feature: infinities and NaN in the kernel, and any share of rows, give the same bits`, () => {
    const { shape, sizes } = shapeOf({ groups: 1, batch: 1, features: 1, rows: 1, axes });
    const { list, scratchBytes } = planConv(shape, 4, "exact");
    const form = list[15]!;
    assert(form > 0, "this is to be a form of its own");
    const height = shape.axes[0]!.count;
    const random = randoms(5);
    arena.reset();
    const x = arena.place(Float32Array, Array.from({ length: sizes[0] }, random));
    const inner = Array.from({ length: sizes[1] - 2 }, random);
    const w = arena.place(Float32Array, [Infinity, ...inner, -Infinity]);
    const whole = arena.place(Float32Array, sizes[2]);
    const some = arena.place(Float32Array, sizes[2]);
    const scratch = arena.place(Uint8Array, scratchBytes);
    const spec = arena.place(Int32Array, [...list]);
    arena.kernels.conv_float32(spec.at, x.at, w.at, whole.at, scratch.at);
    const expected = new Float64Array(sizes[2]);
    runConv<number>(list, x.data, w.data, expected, 0, madd);
    assertEquals(
      [...whole.data].map((v) => v > 0 || v < 0),
      [...expected].map((v) => v > 0 || v < 0),
    );
    for (const finite of [false, true]) {
      if (finite) {
        w.data.set(Array.from({ length: sizes[1] }, random));
        arena.kernels.conv_float32(spec.at, x.at, w.at, whole.at, scratch.at);
      }
      for (const [from, to] of [[37, height], [0, 1], [1, 37]]) {
        spec.data.set([from!, to! - from!], form + 13);
        arena.kernels.conv_float32(spec.at, x.at, w.at, some.at, scratch.at);
      }
      assertEquals(some.data, whole.data);
      spec.data.set([0, height], form + 13);
    }
    arena.checkGuards("shares of rows");
  });
}

/** Convolutions that Winograd's algorithm can do, whether it pays or not. */
const TILED: Record<string, Setting> = {
  "even sizes, whole vectors": {
    groups: 1,
    batch: 1,
    features: 8,
    rows: 12,
    axes: [{ size: 8, window: 3, padding: [1, 1] }, { size: 16, window: 3, padding: [1, 1] }],
  },
  "odd sizes, no padding": {
    groups: 1,
    batch: 2,
    features: 5,
    rows: 7,
    axes: [{ size: 9, window: 3 }, { size: 15, window: 3 }],
  },
  "groups, backwards, padded unevenly": {
    groups: 2,
    batch: 3,
    features: 6,
    rows: 9,
    axes: [
      { size: 7, window: 3, padding: [2, 4], reversed: true },
      { size: 4, window: 3, padding: [0, 2], reversed: true },
    ],
  },
  "cropped, examples within features": {
    groups: 1,
    batch: 2,
    features: 3,
    rows: 1,
    axes: [{ size: 10, window: 3, padding: [1, -3] }, { size: 21, window: 3, padding: [2, -4] }],
    inside: true,
  },
  "several blocks": {
    groups: 1,
    batch: 2,
    features: 40,
    rows: 36,
    axes: [{ size: 13, window: 3, padding: [1, 1] }, { size: 30, window: 3, padding: [1, 1] }],
  },
};

for (const [name, setting] of Object.entries(TILED)) {
  Deno.test(`conv_float32 by Winograd's algorithm, ${name}: as precise as plain sums, and the same bits of any share`, () => {
    const { shape, sizes } = shapeOf(setting);
    const { list } = planConv(shape, 4, "none");
    const form = winogradForm(shape);
    assert(form !== null, "this is to be a convolution of that form");
    const at = list.length;
    const random = randoms(sizes[0] + sizes[1]);
    const some = (n: number) => Array.from({ length: n }, random);
    arena.reset();
    const x = arena.place(Float32Array, some(sizes[0]));
    const w = arena.place(Float32Array, some(sizes[1]));
    const out = arena.place(Float32Array, sizes[2]);
    const shares = arena.place(Float32Array, sizes[2]);
    const spec = arena.place(Int32Array, [...list.with(15, at), ...form.list]);
    const scratch = arena.place(Uint8Array, form.scratchBytes);
    scratch.data.fill(0xff);
    const expected = new Float64Array(sizes[2]);
    runConv<number>(list, x.data, w.data, expected, 0, madd);
    arena.kernels.conv_float32(spec.at, x.at, w.at, out.at, scratch.at);
    arena.checkGuards(name);
    let error = 0, plain = 0;
    const sums = new Float32Array(sizes[2]);
    runConv<number>(list, x.data, w.data, sums, 0, (a, b, sum) => Math.fround(sum + a * b));
    for (let i = 0; i < expected.length; i++) {
      error += (out.data[i]! - expected[i]!) ** 2;
      plain += (sums[i]! - expected[i]!) ** 2;
    }
    assert(error < 9 * plain, `squares of errors come to ${error}, of plain sums to ${plain}`);
    const [rows, lines] = form.list.slice(17).filter((_, i) => i !== 1) as [number, number];
    for (const [from, to] of [[1, rows], [0, 1]]) {
      for (const [first, last] of [[0, lines - 1], [lines - 1, lines]]) {
        spec.data.set([from!, to! - from!, first!, last! - first!], at + 16);
        arena.kernels.conv_float32(spec.at, x.at, w.at, shares.at, scratch.at);
      }
    }
    assertEquals(shares.data, out.data);
    arena.checkGuards(name);
  });
}

Deno.test("Winograd's algorithm is left to float32, and to where it pays", () => {
  const layer = (features: number, size: number, window = 3, stride = 1) => {
    const axis = { size, window, stride, padding: [1, 1] } as const;
    const { shape } = shapeOf({
      groups: 1,
      batch: 1,
      features,
      rows: features,
      axes: [axis, axis],
    });
    return (forms: "none" | "exact" | "any") => planConv(shape, 4, forms).list[15]! > 0;
  };
  assert(layer(64, 56)("any"));
  assert(layer(128, 28)("any"));
  assert(layer(256, 14)("any"));
  assert(!layer(64, 56)("exact"));
  assert(!layer(64, 56)("none"));
  assert(!layer(3, 56)("any"));
  assert(!layer(512, 4)("any"));
  assert(!layer(64, 56, 5)("any"));
  assert(!layer(64, 56, 3, 2)("any"));
});

Deno.test("what a convolution's description means is the convolution, element by element", () => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const { shape, sizes } = shapeOf(setting);
    const random = randoms(sizes[0] + sizes[1]);
    const some = (n: number) => Float64Array.from({ length: n }, random);
    const [x, w] = [some(sizes[0]), some(sizes[1])];
    const [expected, out] = [new Float64Array(sizes[2]), new Float64Array(sizes[2])];
    plainly(shape, x, w, expected);
    runConv<number>(planConv(shape, 4, "exact").list, x, w, out, 0, madd);
    for (let i = 0; i < out.length; i++) {
      const gap = Math.abs(out[i]! - expected[i]!);
      assert(gap < 1e-10, `${name}: element ${i} is ${out[i]}, expected ${expected[i]}`);
    }
  }
});

Deno.test("a convolution's description means a convolution", () => {
  // By hand: x = 1 2 3, padded by one zero, w = 1 10.
  const { shape } = shapeOf({
    groups: 1,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [{ size: 3, window: 2, padding: [1, 0] }],
  });
  const out = [0, 0, 0];
  runConv(planConv(shape, 4, "exact").list, [1, 2, 3], [1, 10], out, 0, madd);
  assertEquals(out, [10, 21, 32]);
  const reversed = { ...shape, axes: shape.axes.map((axis) => ({ ...axis, reversed: true })) };
  runConv(planConv(reversed, 4, "exact").list, [1, 2, 3], [1, 10], out, 0, madd);
  assertEquals(out, [1, 12, 23]);
});

Deno.test("scratch does not grow with the number of examples, nor with the window", () => {
  const scratch = (batch: number, window: number) =>
    planConv(
      shapeOf({
        groups: 1,
        batch,
        features: 64,
        rows: 64,
        axes: [
          { size: 56, window, padding: [window >> 1, window >> 1] },
          { size: 56, window, padding: [window >> 1, window >> 1] },
        ],
      }).shape,
      4,
      "exact",
    ).scratchBytes;
  const image = 64 * 56 * 56 * 4;
  assertEquals(scratch(256, 3), scratch(1, 3));
  assert(scratch(256, 7) < 1.5 * image, `${scratch(256, 7)} bytes for images of ${image}`);
});
