/**
 * Programs that need more than one shader, or are too large for one invocation: on a WebGPU device as in the interpreter.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { assertClose } from "../backends/compare.ts";
import { deviceTest, runOnDevice } from "./adapter.ts";

const { lax, nn, numpy: np, random } = vn;
type NDArray = vn.NDArray;

function normal(...shape: number[]): NDArray {
  return random.normal(random.key(shape.length), shape);
}

/** A test that a function of arrays computes the same on both. */
function onDevice(
  name: string,
  fn: (...xs: NDArray[]) => NDArray | readonly NDArray[],
  xs: () => NDArray[],
  tolerance = 2e-5,
): void {
  deviceTest(`on a device: ${name}`, async (device) => {
    const args = xs();
    const closed = vn.makeJaxpr(fn)(...args);
    const program = schedule(closed, { name });
    const inputs = [...closed.consts, ...args].map((x) => x.dataSync());
    const expected = interpret(program, inputs);
    const actual = await runOnDevice(device, program, inputs);
    expected.forEach((e, k) => {
      const size = e instanceof Float32Array ? e.reduce((m, x) => Math.max(m, Math.abs(x)), 1) : 0;
      assertClose(actual[k], e, { ulps: 20, absolute: size * tolerance }, (i) => `${k}[${i}]`);
    });
  });
}

onDevice("a softmax of few long rows", (x) => nn.softmax(x), () => [normal(3, 20001)]);
onDevice("a softmax of many short rows", (x) => nn.softmax(x), () => [normal(1000, 40)]);
onDevice(
  "attention of several heads, whose softmax keeps a row of each",
  (q, k, v) => nn.dotProductAttention(q, k, v),
  () => [normal(5, 4, 8), normal(6, 4, 8), normal(6, 4, 8)],
);
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
  "running sums of long rows",
  (x) => [np.cumsum(x), np.cumsum(x.reshape([100, 500]), 0)],
  () => [
    normal(50_000),
  ],
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
