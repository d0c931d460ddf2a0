/**
 * Programs that need more than one shader, or are too large for one invocation: on a WebGPU device as in the interpreter.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { assertClose } from "../backends/compare.ts";
import { deviceTest, userTest } from "./adapter.ts";
import { execute } from "./execute.ts";

const { lax, nn, numpy: np, random } = vn;
type NDArray = vn.NDArray;

function normal(...shape: number[]): NDArray {
  return random.normal(random.key(shape.length), shape);
}

/** A test that a function of arrays computes the same on both, by shaders for the device and by those for the other kind. */
function onDevice(
  name: string,
  fn: (...xs: NDArray[]) => NDArray | readonly NDArray[],
  xs: () => NDArray[],
  tolerance = 2e-5,
): void {
  deviceTest(`on a device: ${name}`, async (device) => {
    const args = xs();
    const closed = vn.makeJaxpr(fn)(...args);
    const program = schedule(closed, { name, isPortable: true });
    const inputs = [...closed.consts, ...args].map((x) => x.dataSync());
    const expected = interpret(program, inputs);
    // Of float16, both forms of memory.
    const halves = program.buffers.some((b) => b.dtype === "float16") ? [true, false] : [true];
    const kinds = [false, true].flatMap((isSoftware) =>
      halves.map((half) => ({ ...device.traits, isSoftware, hasF16: half && device.traits.hasF16 }))
    );
    for (const traits of kinds) {
      const { isSoftware } = traits;
      const actual = await execute(device, deviceProgram(program, traits), inputs);
      expected.forEach((e, k) => {
        const size = e instanceof Float32Array
          ? e.reduce((m, x) => Math.max(m, Math.abs(x)), 1)
          : 0;
        const where = (i: number) => `${k}[${i}], ${isSoftware ? "software" : "graphics card"}`;
        assertClose(actual[k], e, { ulps: 20, absolute: size * tolerance }, where);
      });
    }
  });
}

onDevice("a softmax of few long rows", (x) => nn.softmax(x), () => [normal(3, 20001)]);
onDevice("a softmax of many short rows", (x) => nn.softmax(x), () => [normal(1000, 40)]);
onDevice(
  "attention of several heads, whose softmax keeps a row of each",
  (q, k, v) => nn.dotProductAttention(q, k, v),
  () => [normal(5, 4, 8), normal(6, 4, 8), normal(6, 4, 8)],
);
onDevice("a softmax of rows that are not fours", (x) => nn.softmax(x), () => [normal(6, 1001)]);
onDevice("a softmax of rows that share workgroups", (x) => nn.softmax(x), () => [normal(64, 100)]);
onDevice("a softmax of two axes", (x) => nn.softmax(x, [1, 2]), () => [normal(6, 30, 40)]);
onDevice(
  "statistics of axes that lie apart",
  (x) => [x.sum({ axis: [0, 2] }), x.max({ axis: [0, 2] })],
  () => [
    normal(40, 3, 1000),
  ],
);
onDevice("arrays of a few elements more than fours", (x, y) => [
  np.tanh(x.mul(y).add(1)),
  np.where(np.greater(x, 0), x, y),
  x.astype("int32").add(1),
  np.greater(x, y),
], () => [normal(1003), normal(1003).add(1)]);
onDevice("an operand that is broadcast along rows", (x, b, c) => nn.relu(x.add(b).mul(c)), () => [
  normal(50, 64),
  normal(64),
  normal(50, 1),
]);
onDevice("rows that are looked up", (x, i) => x.get(i.astype("int32")), () => [
  normal(100, 32),
  np.arange(0, 64, 1).mul(37).mod(100),
]);
onDevice("a transposition", (x) => x.T.add(1), () => [normal(100, 60)]);
onDevice("the first of equal maxima", (x) => [np.argmax(x, 1), np.argmin(x)], () => [
  np.arange(0, 40_000, 1).mod(997).reshape([4, 10_000]),
]);
onDevice("extremes that are not numbers", (x) => [x.max(1), x.min(), np.argmax(x, 1)], () => [
  normal(8, 3000).at(3, 1700).set(NaN).at(5, 2).set(-Infinity).at(6, 1).set(Infinity),
]);
onDevice("truths and whole numbers of rows", (x) => [
  np.less(x, 0).sum(1),
  np.less(x, 3).all(1),
  np.less(x, -3).any(0),
  x.mul(100).astype("int32").max(1),
], () => [normal(30, 301)]);
onDevice("a sum over everything", (x) => x.sum(), () => [normal(300_001).add(1)]);
onDevice("a sum over a long first axis", (x) => x.sum(0), () => [normal(60_000, 5)]);
onDevice("the place of the maximum", (x) => np.argmax(x), () => [normal(200_003)]);
onDevice("the places of rows' maxima", (x) => np.argmax(x, 1), () => [normal(5, 30_001)]);
onDevice("a normalisation over everything", (x) => x.sub(x.mean()).div(np.std(x)), () => [
  normal(100_000),
]);
onDevice("products of matrices, tiled", (a, b) => [a.matmul(b), b.T.matmul(a.T)], () => [
  normal(70, 129),
  normal(129, 37),
]);
onDevice("products with vectors", (a, x) => [a.matmul(x), x.matmul(x)], () => [
  normal(50, 3000),
  normal(3000),
]);
onDevice("additions where indices repeat", (x, i) => x.at(i.astype("int32")).add(1), () => [
  np.zeros([100]),
  np.arange(0, 5000, 1).mul(37).mod(100),
]);
onDevice(
  "the last of writes where indices repeat",
  (x, i) => [
    x.at(i.astype("int32")).set(np.arange(5000)),
    np.zeros([7, 100]).at(vn.slice(null), i.astype("int32")).set(np.arange(35000).reshape(7, 5000)),
  ],
  () => [
    np.zeros([100]),
    np.arange(0, 5000, 1).mul(37).mod(100),
  ],
  0,
);
onDevice(
  "more additions of 64 bits than an invocation makes turns",
  (x, i) => [x.at(i).add(i.astype("int64")), np.floorDivide(i, 7).astype("int64").sum()],
  () => [
    np.zeros([10], { dtype: "int64" }),
    np.arange(0, 70000, 1).mul(37).mod(10).astype("int32"),
  ],
  0,
);
onDevice(
  "sums of one number of 64 bits",
  (x) => [
    np.broadcastTo(np.array(5, { dtype: "int64" }).add(x.get(0).astype("int64")), [37]).sum(),
    x.sum(),
  ],
  () => [np.arange(37)],
  0,
);
onDevice("one number of 64 bits everywhere", () => np.full([16], 5, { dtype: "int64" }), () => []);
onDevice(
  "long rows of what has loops of its own",
  (x) => [np.fmod(x.mul(1e6), 0.7).sum(1), lax.lgamma(x.add(3)).sum(1)],
  () => [normal(2, 9000)],
);
onDevice(
  "running sums of long rows",
  (x) => [np.cumsum(x), np.cumsum(x.reshape([100, 500]), 0)],
  () => [
    normal(50_000),
  ],
);
onDevice(
  "running results from either end, along either axis",
  (x) => [
    np.cumsum(x, 1),
    lax.cumsum(x, { axis: 1, reverse: true }),
    lax.cumsum(x, { axis: 0, reverse: true }),
    lax.cummax(x, { axis: 1, reverse: true }),
    np.cumsum(x.mul(50).astype("int32"), 0),
  ],
  () => [normal(40, 9001)],
  5e-5,
);
const half = (...shape: number[]): NDArray => normal(...shape).astype("float16");
onDevice(
  "float16: elements, rows and their statistics",
  (x) => [
    x.mul(2).add(1),
    x.T,
    x.astype("float32").sum(1),
    np.argmax(x, 0),
    x.get(np.array(new Int32Array([3, 1, 2]))),
    np.sort(x.ravel()),
  ],
  () => [half(30, 7)],
  0,
);
onDevice("float16: a softmax", (x) => nn.softmax(x), () => [half(9, 300)], 1e-3);
onDevice(
  "float16: additions where indices repeat",
  (x, i) => x.at(i.astype("int32")).add(1),
  () => [
    np.zeros([101], { dtype: "float16" }),
    np.arange(0, 1001, 1).mul(37).mod(101),
  ],
  0,
);
onDevice("float16: a product of matrices", (a, b) => a.matmul(b).add(1), () => [
  half(33, 20),
  half(20, 17),
], 1e-2);
onDevice("float16: running sums", (x) => np.cumsum(x.astype("int32").astype("float16"), 0), () => [
  half(90, 3),
], 0);
onDevice(
  "float16: a scan with slices that begin within words, from its end",
  (x) =>
    lax.scan(
      (c: NDArray, row: NDArray) => [c.add(row), row.mul(2)],
      np.zeros([7], { dtype: "float16" }),
      x,
      {
        reverse: true,
      },
    ),
  () => [half(11, 7)],
  1e-2,
);
onDevice(
  "float16: slices under a condition",
  (x) =>
    lax.whileLoop(
      (c: NDArray) => np.less(np.abs(c).sum(), 1e3),
      (c: NDArray) =>
        lax.scan((s: NDArray, row: NDArray) => [s.add(row), row.mul(2)], c.get(0), c)[1],
      x,
    ),
  () => [half(5, 3).add(1)],
  1e-2,
);
onDevice("sorting", (x) => np.sort(x), () => [normal(3, 1000)]);
onDevice(
  "random numbers, bit for bit",
  (x) => [
    random.bits(random.key(7), [1000]),
    random.uniform(random.split(random.key(7), 4).get(2), [1000]).add(x),
  ],
  () => [np.zeros([])],
  0,
);
onDevice(
  "a scan with slices that lie anywhere",
  (x) => lax.scan((c: NDArray, row: NDArray) => [np.tanh(c.add(row)), c.mul(2)], np.zeros([7]), x),
  () => [
    normal(30, 7),
  ],
);
onDevice(
  "a loop that the device ends",
  (x) =>
    lax.whileLoop((c: NDArray) => np.less(np.abs(c).sum(), 1e6), (c: NDArray) => c.mul(1.5), x),
  () => [
    normal(100),
  ],
);
onDevice(
  "a loop that ends before it begins",
  (x) => lax.whileLoop((c: NDArray) => np.less(np.abs(c).sum(), 0), (c: NDArray) => c.mul(1.5), x),
  () => [
    normal(100),
  ],
);
onDevice(
  "branches within a loop",
  (x) =>
    lax.whileLoop(
      (c: NDArray) => np.less(np.abs(c).sum(), 1e6),
      (c: NDArray) =>
        lax.cond(np.less(np.abs(c).sum(), 2e4), (c: NDArray) =>
          c.mul(3), (c: NDArray) =>
          c.mul(1.5), c),
      x,
    ),
  () => [
    normal(100),
  ],
);
onDevice(
  "a loop within a loop",
  (x) =>
    lax.foriLoop(
      0,
      3,
      (_i: NDArray, c: NDArray) =>
        lax.whileLoop(
          (c: NDArray) => np.less(np.abs(c).sum(), 1e5),
          (c: NDArray) => c.mul(2),
          c.div(100),
        ),
      x,
    ),
  () => [
    normal(100),
  ],
);

deviceTest("sums of ten million numbers are right to a millionth", async (device) => {
  const x = new Float32Array(10_000_000).fill(0.1);
  const program = schedule(vn.makeJaxpr((x: NDArray) => x.sum())(np.array(x)), { name: "sum" });
  const right = x.length * x[0];
  for (const isSoftware of [false, true]) {
    const there = deviceProgram(program, { ...device.traits, isSoftware });
    const [[sum]] = await execute(device, there, [x]) as Float32Array[];
    assert(Math.abs(sum - right) < 1e-6 * right, `${sum} is not ${right}`);
  }
});

deviceTest("a running sum of a long line is right at its end", async (device) => {
  const x = new Float32Array(1_000_003).fill(1);
  const program = schedule(vn.makeJaxpr((x: NDArray) => np.cumsum(x))(np.array(x)), {
    name: "sum",
  });
  for (const isSoftware of [false, true]) {
    const there = deviceProgram(program, { ...device.traits, isSoftware });
    const [sums] = await execute(device, there, [x]) as Float32Array[];
    assert(sums.every((sum, i) => sum === i + 1));
  }
});

userTest("on a device: branches that hold nothing but branches", async (gpu) => {
  const branches = [(c: NDArray) => c, (c: NDArray) => np.cos(c), (c: NDArray) => c.mul(c.sum())];
  const step = ([i, c]: [NDArray, NDArray]): [NDArray, NDArray] => [
    i.add(1),
    lax.switch(np.argmax(c), branches, c),
  ];
  const twice = (x: NDArray) =>
    vn.filterWhileLoop(
      ([i]) => i.less(2),
      step,
      [np.array(0, { dtype: "int32" }), x] as [NDArray, NDArray],
      {
        kind: "bounded",
        maxSteps: 3,
      },
    )[1];
  // Of the derivative, which knows what was chosen.
  const slopes = (x: NDArray) => np.matmul(vn.filterJacfwd(twice)(x) as NDArray, x);
  const x = np.array([0.6, -0.35, 0.85]);
  // The loop itself leaves memory behind in which gates were down.
  await vn.filterJit(twice, { device: gpu })(x).data();
  const actual = await vn.filterJit(slopes, { device: gpu })(x).data();
  assertClose(actual, slopes(x).dataSync(), { ulps: 20, absolute: 1e-5 }, (i) => `[${i}]`);
});
