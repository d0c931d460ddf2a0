/**
 * Every family of operations under every split of its operands: the devices' programs give what the whole one does.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { assertSame, partitioned, type Program } from "./partition_helpers.ts";

const { numpy: np, lax, nn, random, P } = vn;
await vn.init("cpu", { devices: 8 });
const key = random.key(7);

/** Numbers without order, in reach of all functions. */
const some = (...shape: number[]) => random.uniform(key, shape, { minval: 0.1, maxval: 0.9 });
const ints = (limit: number, ...shape: number[]) => random.randint(key, shape, 0, limit);

const cases: Record<string, readonly [fn: Program, ...inputs: vn.NDArray[]]> = {
  elementwise: [(x, y) => x.mul(y).add(np.tanh(x)).sub(2), some(8, 16), some(8, 16)],
  comparison: [(x, y) => np.where(np.greater(x, y), x, y.mul(2)), some(8, 8), some(8, 8).mul(2)],
  scalar: [(x, y) => x.mul(y), some(8, 8), some()],
  convert: [(x) => x.mul(100).astype("int32").astype("float16"), some(8, 8)],
  complex: [(x, y) => np.real(lax.complex(x, y).mul(lax.complex(y, x))), some(8, 8), some(8, 8)],
  broadcast: [(x) => np.broadcastTo(x.reshape(8, 1), [8, 16]), some(8)],
  "broadcast in front": [(x) => np.broadcastTo(x, [4, 8, 8]), some(8, 8)],
  transpose: [(x) => np.transpose(x, [2, 0, 1]), some(8, 4, 16)],
  "reshape, joining": [(x) => x.reshape(64, 8), some(8, 8, 8)],
  "reshape, parting": [(x) => x.reshape(4, 16, 2), some(64, 2)],
  "reshape, otherwise": [(x) => x.reshape(24, 8), some(8, 24)],
  squeeze: [(x) => np.squeeze(x, 1), some(8, 1, 8)],
  sum: [(x) => x.sum(), some(8, 16)],
  "sum of an axis": [(x) => x.sum(0), some(8, 16)],
  "sum of the last axis": [(x) => x.sum(1), some(8, 16)],
  "integer sum": [(x) => x.sum(0), ints(50, 8, 8)],
  max: [(x) => np.max(x, 0), some(8, 16)],
  min: [(x) => np.min(x), some(8, 16)],
  prod: [(x) => np.prod(x, 1), some(8, 8)],
  "all and any": [(x) => [np.all(np.less(x, 0.8), 0), np.any(np.less(x, 0.3), 1)], some(8, 8)],
  argmax: [(x) => [np.argmax(x, 0), np.argmin(x, 1)], some(8, 8)],
  "argmax among equals": [(x) => [np.argmax(x, 0), np.argmin(x, 1)], ints(3, 8, 8)],
  "argmax with NaN": [
    (x) => [np.argmax(np.where(np.less(x, 2), NaN, x), 0), np.argmin(np.log(x.sub(3)), 0)],
    ints(8, 16, 8),
  ],
  "argmax of booleans": [(x) => np.argmax(np.greater(x, 0.5), 0), some(16, 8)],
  "bitwise reductions": [
    (x) => [lax.reduceAnd(x, [0]), lax.reduceOr(x, [1]), lax.reduceXor(x, [0, 1])],
    ints(1 << 20, 8, 8),
  ],
  mean: [(x) => [np.mean(x, 0), np.var(x, 1)], some(8, 16)],
  softmax: [(x) => nn.softmax(x, 1), some(8, 16)],
  logsumexp: [(x) => nn.logsumexp(x, 0), some(8, 16)],
  matmul: [(x, y) => x.matmul(y), some(8, 16), some(16, 8)],
  "matmul, half": [(x, y) => x.matmul(y), some(8, 8).astype("float32"), some(8, 8)],
  "matmul of a vector": [(x, y) => x.matmul(y), some(8, 16), some(16)],
  "batched matmul": [(x, y) => x.matmul(y), some(8, 8, 16), some(8, 16, 8)],
  einsum: [(x, y) => np.einsum("abc,dcb->ad", x, y), some(8, 8, 4), some(8, 4, 8)],
  slice: [(x) => lax.slice(x, [2, 0], [6, 8]), some(8, 8)],
  "slice with strides": [(x) => lax.slice(x, [0, 1], [8, 16], [1, 2]), some(8, 16)],
  "slice from the start": [(x) => lax.slice(x, [0, 0], [8, 8]), some(8, 16)],
  pad: [(x) => np.pad(x, [[0, 0], [4, 4]]), some(8, 8)],
  reverse: [(x) => np.flip(x, 0), some(8, 8)],
  concatenate: [(x, y) => np.concatenate([x, y], 0), some(8, 8), some(8, 8)],
  stack: [(x, y) => np.stack([x, y], 1), some(8, 8), some(8, 8)],
  iota: [(x) => x.add(np.arange(8)), some(8, 8)],
  where: [(x) => np.where(np.less(np.arange(8), 3), x, 0), some(8, 8)],
  triangle: [(x) => np.tril(x), some(8, 8)],
  gather: [(x, i) => np.take(x, i, 0), some(8, 16), ints(8, 16)],
  "gather of few rows": [
    (
      x,
      i,
    ) => [
      np.take(x, i, 0),
      np.take(x, i, { axis: 0, mode: "clip" }),
      np.take(x.mul(9).astype("int32"), i, 0),
    ],
    some(32, 8),
    random.randint(key, [8], -40, 40),
  ],
  "gather of few elements": [(x, i) => x.at(i).get(), some(64), ints(64, 8).astype("uint8")],
  "gather of columns": [(x, i) => np.take(x, i, 1), some(8, 16), ints(16, 8)],
  "gather along an axis": [(x, i) => np.takeAlongAxis(x, i, 1), some(8, 16), ints(16, 8, 8)],
  "scatter-add": [(x, i, u) => x.at(i).add(u), some(8, 16), ints(8, 16), some(16, 16)],
  scatter: [(x, u) => x.at(np.array([1, 3], { dtype: "int32" })).set(u), some(8, 8), some(2, 8)],
  "dynamic slice": [(x, i) => lax.dynamicSlice(x, [i, 0], [4, 8]), some(8, 8), ints(8)],
  "dynamic update": [
    (x, u, i) => lax.dynamicUpdateSlice(x, u, [i, 0]),
    some(8, 8),
    some(2, 8),
    ints(8),
  ],
  cumsum: [(x) => np.cumsum(x, 0), some(8, 8)],
  "cumsum, other axis": [(x) => lax.cummax(x, { axis: 1 }), some(8, 8)],
  "running sums from the end": [(x) => lax.cumsum(x, { axis: 0, reverse: true }), some(16, 8)],
  "running results of nothing": [
    (x) => [np.cumsum(x, 0), lax.cummax(x, { axis: 0, reverse: true }), np.prod(x, 0)],
    np.zeros([0, 8]),
  ],
  "running products": [
    (x) => [np.cumprod(x, 0), lax.cumprod(x, { axis: 1, reverse: true })],
    some(8, 8),
  ],
  "running extremes": [
    (x) => [lax.cummax(x, { axis: 0 }), lax.cummin(x, { axis: 0, reverse: true })],
    some(16, 8),
  ],
  "running extremes of integers with NaN beside": [
    (x) => [lax.cummax(x, { axis: 0 }), lax.cummin(np.where(np.less(x, 2), NaN, x), { axis: 0 })],
    ints(50, 16, 8),
  ],
  "gradient of running sums": [
    (x) => vn.grad((x: vn.NDArray) => np.cumsum(x.mul(x), 0).pow(2).sum())(x) as vn.NDArray,
    some(8, 8),
  ],
  sort: [(x) => np.sort(x, 0), some(8, 8)],
  argsort: [(x) => np.argsort(x, 1), some(8, 16)],
  convolution: [
    (x, w) => lax.conv(x, w, [1, 1], "SAME"),
    some(8, 8, 6, 6),
    some(8, 8, 3, 3),
  ],
  "gradients of a convolution": [
    (x, w) =>
      vn.grad(
        (w: vn.NDArray) => lax.conv(x, w, [1, 1], "SAME").pow(2).sum(),
      )(w) as vn.NDArray,
    some(8, 8, 4, 4),
    some(8, 8, 3, 3),
  ],
  "windows": [
    (x) => lax.reduceWindow(x, -Infinity, lax.max, [1, 1, 2, 2], { windowStrides: [1, 1, 2, 2] }),
    some(8, 8, 8, 4),
  ],
  random: [(x) => x.mul(random.normal(random.key(1), [8, 8])), some(8, 8)],
  cholesky: [
    (x) => np.linalg.cholesky(x.matmul(np.transpose(x)).add(np.eye(8).mul(9))),
    some(8, 8),
  ],
  "Fourier transforms": [
    (x) => np.fft.irfft(np.fft.rfft(x)).mul(np.abs(np.fft.fft(x, { axis: 0 }))),
    some(8, 8),
  ],
};

const meshes = [
  vn.makeMesh([2], ["a"]),
  vn.makeMesh([4], ["a"]),
  vn.makeMesh([2, 2], ["a", "b"]),
  vn.makeMesh([8], ["a"]),
];

/** Specs that fit a shape. */
function specsOf(shape: readonly number[], mesh: vn.Mesh): vn.PartitionSpec[] {
  const entries: vn.SpecEntry[][] = [[]];
  for (let axis = 0; axis < shape.length; axis++) {
    for (const name of mesh.axisNames) {
      entries.push([...Array<null>(axis).fill(null), name]);
      for (let other = axis + 1; other < shape.length; other++) {
        const next = mesh.axisNames.find((n) => n !== name);
        if (next === undefined) continue;
        entries.push([
          ...Array<null>(axis).fill(null),
          name,
          ...Array<null>(other - axis - 1).fill(null),
          next,
        ]);
      }
    }
    if (mesh.axisNames.length > 1) {
      entries.push([...Array<null>(axis).fill(null), [...mesh.axisNames].reverse()]);
    }
  }
  return entries.map((list) => P(...list)).filter((spec) =>
    shape.every((n, axis) => n % new vn.NamedSharding(mesh, spec).parts(axis) === 0)
  );
}

for (const [name, [fn, ...inputs]] of Object.entries(cases)) {
  Deno.test(`${name}: parts together are the whole, however it is split`, () => {
    for (const mesh of meshes) {
      const lists = inputs.map((x) => specsOf(x.shape, mesh));
      const most = Math.max(...lists.map((list) => list.length));
      // Each operand's specs, beside others of the others.
      for (let i = 0; i < most; i++) {
        for (const turn of inputs.length > 1 ? [0, 1, 3] : [0]) {
          const specs = lists.map((list, k) => list[(i + k * turn) % list.length]);
          const made = partitioned(fn, inputs, specs, mesh);
          assertSame(made, `${name} on [${mesh.axisSizes}], ${specs.join(" ")}`);
        }
      }
    }
  });
}
