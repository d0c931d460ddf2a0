/**
 * Users' programs: the same bits on one thread, two and five, and processes that end when their work does.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ArgumentError,
  filterGrad,
  filterJit,
  filterPureCallback,
  init,
  kwargs,
  lax,
  type NDArray,
  nn,
  numpy as np,
  random,
  ShapeDtypeStruct,
  slice,
} from "@vernal/vernal";
import { setThreadCount, threadCount, threadPool } from "../../src/runtime/threads.ts";
import { readiness } from "./ground.ts";

/** A jitted function of arrays, and arguments for it. */
interface Sample {
  readonly f: (...args: NDArray[]) => NDArray | readonly NDArray[];
  readonly args: readonly NDArray[];
}

const normal = (seed: number, shape: number[], dtype = "float32"): NDArray =>
  random.normal(random.key(seed), shape, { dtype } as never);

function mlpGradients(x: NDArray, w1: NDArray, w2: NDArray): NDArray[] {
  const loss = (w: readonly [NDArray, NDArray]): NDArray => {
    const hidden = nn.relu(np.matmul(x, w[0]));
    return np.mean(nn.logSoftmax(np.matmul(hidden, w[1])));
  };
  return filterGrad(loss)([w1, w2]) as unknown as NDArray[];
}

const samples: Readonly<Record<string, () => Sample>> = {
  "a sum of a chain": () => ({
    f: (x, y) => np.sum(np.tanh(x.mul(y).add(x)).mul(x)),
    args: [normal(1, [300_001]), normal(2, [300_001])],
  }),
  "elementwise, float64 and bool": () => ({
    f: (x, y) => [np.exp(x).add(y), np.greater(x, y), np.argmax(x)],
    args: [normal(3, [100_003], "float64"), normal(4, [100_003], "float64")],
  }),
  "sums along either axis, and of everything": () => ({
    f: (x) => [np.sum(x, { axis: 0 }), np.sum(x, { axis: 1 }), np.sum(x.mul(x)), np.max(x)],
    args: [normal(5, [517, 311])],
  }),
  "softmax": () => ({ f: (x) => nn.softmax(x), args: [normal(6, [200, 513])] }),
  "a transposition": () => ({
    f: (x) => np.transpose(x).add(1),
    args: [normal(7, [400, 300])],
  }),
  "a large embedding's gradient, with indices that repeat": () => {
    const ids = random.randint(random.key(3), [3000], 0, 1500).mul(11);
    const loss = (table: NDArray, weights: NDArray) => np.sum(table.get(ids).mul(weights));
    return {
      f: (table, weights) => filterGrad((t: NDArray) => loss(t, weights))(table) as NDArray,
      args: [np.zeros([16_500, 128]), normal(41, [3000, 128])],
    };
  },
  "products of all kinds": () => ({
    f: (x, y, z) => [
      np.matmul(x, y),
      np.matmul(x.T, x),
      np.matmul(z, z),
      np.matmul(x, np.ones([200])),
      np.matmul(x.astype("int32"), y.astype("int32")),
    ],
    args: [normal(8, [150, 200]), normal(9, [200, 170]), normal(10, [5, 64, 64])],
  }),
  "products of odd sizes, of either operand transposed": () => ({
    f: (x, y, z) => [
      np.matmul(x, y),
      np.matmul(y.T, x.T),
      np.matmul(x, x.T),
      np.matmul(z, np.cos(np.arange(613))),
      np.matmul(z.T, np.cos(np.arange(701))),
      np.matmul(z, z.T.get("...", slice(0, 10))),
    ],
    args: [normal(24, [151, 203]), normal(25, [203, 173]), normal(26, [701, 613])],
  }),
  "attention, and its gradients": () => ({
    f: (q, k, v) => {
      const attend = (xs: readonly NDArray[]) =>
        np.sum(np.sin(nn.dotProductAttention(xs[0]!, xs[1]!, xs[2]!, { isCausal: true })));
      return [
        nn.dotProductAttention(q, k, v),
        ...filterGrad(attend)([q, k, v]) as unknown as NDArray[],
      ];
    },
    args: [normal(21, [150, 4, 32]), normal(22, [170, 2, 32]), normal(23, [170, 2, 32])],
  }),
  "convolutions": () => ({
    f: (x, w, d) => [
      lax.convGeneralDilated(x, w, [1, 1], "SAME"),
      lax.convGeneralDilated(lax.sliceInDim(x, 0, 1), w, [2, 1], "VALID"),
      lax.convGeneralDilated(x, d, [1, 1], "SAME", { featureGroupCount: 16 }),
      lax.convGeneralDilated(x, w, [1, 1], [[1, 1], [2, 0]], { lhsDilation: [2, 2] }),
    ],
    args: [normal(11, [9, 16, 20, 18]), normal(12, [24, 16, 3, 3]), normal(13, [16, 1, 3, 3])],
  }),
  "depthwise convolutions of other windows": () => ({
    f: (x, d) => [
      lax.convGeneralDilated(x, d, [1, 1], "SAME", { featureGroupCount: 3 }),
      lax.convGeneralDilated(x, d, [2, 2], [[3, 1], [2, 2]], {
        featureGroupCount: 3,
        rhsDilation: [1, 2],
      }),
    ],
    args: [normal(37, [1, 3, 360, 398]), normal(38, [3, 1, 5, 5])],
  }),
  "gradients of a depthwise convolution": () => ({
    f: (x, d) => {
      const sum = (xs: readonly NDArray[]) =>
        np.sum(np.sin(
          lax.convGeneralDilated(xs[0]!, xs[1]!, [1, 1], "SAME", { featureGroupCount: 16 }),
        ));
      return [...filterGrad(sum)([x, d]) as unknown as NDArray[]];
    },
    args: [normal(35, [9, 16, 40, 38]), normal(36, [16, 1, 3, 3])],
  }),
  "convolutions by Winograd's algorithm, of many places and of many features": () => ({
    f: (x, w, y, v) => [
      lax.convGeneralDilated(x, w, [1, 1], "SAME"),
      lax.convGeneralDilated(y, v, [1, 1], "SAME"),
    ],
    args: [
      normal(31, [2, 64, 23, 24]),
      normal(32, [64, 64, 3, 3]),
      normal(33, [1, 128, 14, 14]),
      normal(34, [128, 128, 3, 3]),
    ],
  }),
  "gradients of an MLP": () => ({
    f: mlpGradients,
    args: [normal(14, [128, 200]), normal(15, [200, 150]), normal(16, [150, 10])],
  }),
  "many rows sorted, and their running sums": () => ({
    f: (x) => [
      np.sort(x),
      np.argsort(x.astype("int32")),
      np.cumsum(x, { axis: 1 }),
      np.cumprod(x.astype("float64"), { axis: 1 }),
    ],
    args: [normal(21, [201, 307])],
  }),
  "running sums of one long line": () => ({
    f: (x, y) => [
      np.cumsum(x),
      lax.cumsum(x, { axis: 0, reverse: true } as never),
      np.cumsum(y),
    ],
    args: [normal(23, [200_003]), normal(24, [16 * 4096], "float64")],
  }),
  "long rows sorted, also where keys agree or are not what they seem": () => ({
    f: (x, y, z) => [np.sort(x), np.sort(y), np.sort(z), np.sort(np.round(x)), np.sort(z.mul(0))],
    args: [
      np.where(normal(25, [100_003]).mul(9).sub(5).less(-3), NaN, normal(26, [100_003])),
      normal(27, [70_001], "float64"),
      normal(28, [65_537]).mul(1000).astype("int32"),
    ],
  }),
  "the order of long rows, also where keys agree or are not what they seem": () => ({
    f: (x, y, z) => [
      np.argsort(x),
      np.argsort(np.round(x)),
      np.argsort(x.mul(0)),
      np.argsort(y),
      np.argsort(z),
      np.argsort(z.astype("uint32")),
      np.argsort(z.greater(0)),
    ],
    args: [
      np.where(normal(25, [100_003]).mul(9).sub(5).less(-3), NaN, normal(26, [100_003])),
      normal(27, [70_001], "float64"),
      normal(28, [65_537]).mul(1000).astype("int32"),
    ],
  }),
  "factorisations of one matrix, definite or not, of any shape": () => ({
    f: (x, y, z) => {
      const square = np.matmul(x, x.T).add(np.eye(301).mul(9));
      const lu = (x: NDArray) => lax.linalg.lu(x) as readonly NDArray[];
      const { cholesky } = lax.linalg;
      const wide = square.astype("float64");
      const qr = (x: NDArray, fullMatrices = false) => lax.linalg.qr(x, { fullMatrices });
      return [
        ...[square, wide, x].map((x) => cholesky(x)),
        ...[x, y, z].flatMap(lu),
        ...[x, y, z].flatMap((x) => qr(x)),
        ...qr(y, true),
      ];
    },
    args: [normal(29, [301, 301]), normal(30, [500, 230], "float64"), normal(31, [190, 411])],
  }),
  "factorisations of many matrices": () => ({
    f: (x) => {
      const square = np.matmul(x, np.swapaxes(x, 1, 2)).add(np.eye(24));
      const { eigh, svd, qr, cholesky, solve } = np.linalg;
      return [
        cholesky(square),
        solve(square, x),
        ...qr(x) as NDArray[],
        ...svd(x, { fullMatrices: false }) as NDArray[],
        ...eigh(square) as unknown as NDArray[],
      ];
    },
    args: [normal(22, [33, 24, 17])],
  }),
  "Fourier transforms of many rows, and their gradients": () => ({
    f: (x, y) => {
      const { fft, rfft, irfft } = np.fft;
      const energy = (x: NDArray) => np.square(np.abs(rfft(x))).sum();
      return [
        lax.real(fft(x)),
        irfft(rfft(x)),
        lax.imag(fft(y)),
        lax.real(rfft(y)),
        filterGrad(energy)(x) as NDArray,
      ];
    },
    args: [normal(25, [67, 240]), normal(26, [31, 131], "float64")],
  }),
  "one Fourier transform of a long row, or of many columns": () => ({
    f: (x, y, z) => {
      const { fft, ifft, rfft, irfft } = np.fft;
      return [
        ...[fft(lax.complex(x, np.flip(x))), ifft(x), fft(x), rfft(x)].flatMap((v) => [
          lax.real(v),
          lax.imag(v),
        ]),
        irfft(rfft(x)),
        lax.imag(fft(lax.complex(y, y))), // of odd length
        lax.real(rfft(y)),
        lax.imag(fft(z, { axis: 0 })),
        irfft(rfft(z, { axis: 0 }), { axis: 0 }),
      ];
    },
    args: [
      normal(36, [1 << 20]),
      normal(37, [531_441], "float64"),
      normal(38, [320, 131]),
    ],
  }),
  "random bits": () => ({
    f: (x) => random.normal(random.key(17), [100_000]).mul(x),
    args: [normal(17, [100_000])],
  }),
  "a scan, a loop and a branch around shared work": () => ({
    f: (x, w) => {
      const [last] = lax.scan(
        (c: NDArray, _: null): [NDArray, null] => [np.tanh(np.matmul(c, w)), null],
        x,
        null,
        { length: 7 },
      ) as [NDArray, unknown];
      const looped = lax.whileLoop(
        (s: readonly [NDArray, NDArray]) => np.less(s[0], 5),
        (s: readonly [NDArray, NDArray]) => [s[0].add(1), np.sin(s[1]).add(s[1])] as const,
        [np.array(0), last] as const,
      ) as readonly [NDArray, NDArray];
      return lax.cond(
        np.greater(np.sum(looped[1]), 0),
        (y: NDArray) => np.exp(y).div(2),
        (y: NDArray) => y.mul(y),
        looped[1],
      ) as NDArray;
    },
    args: [normal(18, [128, 128]), normal(19, [128, 128])],
  }),
  "host calls between shared steps": () => ({
    f: (x) => {
      const y = np.exp(x);
      const z = filterPureCallback(
        (y: NDArray) => inside(y),
        y,
        kwargs({ resultShapeDtypes: new ShapeDtypeStruct([60_000], "float32") }),
      ) as NDArray;
      return np.sqrt(z).add(y);
    },
    args: [normal(20, [60_000])],
  }),
};

/** A program that shares work, called by the host while another one runs. */
const inside = filterJit((y: NDArray): NDArray => np.log(y.add(1)));

Deno.test("programs give the same bits on one thread, two and five", async (t) => {
  const before = threadCount();
  try {
    for (const [name, make] of Object.entries(samples)) {
      await t.step(name, async () => {
        const { f, args } = make();
        const jitted = filterJit(f);
        let expected: unknown = null;
        for (const threads of [1, 2, 5]) {
          await init("cpu", { threads });
          if (threads > 1) assertEquals(threadCount(), threads, "no threads can be started here");
          const bits = () => [jitted(...args)].flat().map((x) => `${x.dtype} ${digest(x)}`);
          expected ??= bits();
          assertEquals(bits(), expected);
          if (threads === 1) continue;
          assertEquals(bits(), expected);
          const pool = threadPool();
          pool.isJudged = false;
          pool.start();
          await readiness(pool, threads - 1);
          const helped = pool.helped;
          for (let call = 0; pool.helped < helped + 3; call++) {
            assert(call < 2000, `${threads} threads: nobody helps`);
            jitted(...args);
            // On a busy machine others come to run only if this one rests.
            if (call % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 2));
          }
          assertEquals(bits(), expected);
        }
      });
    }
  } finally {
    setThreadCount(before);
    threadPool().isJudged = true;
  }
});

/** A number that tells arrays of different bits apart (FNV-1a). */
function digest(x: NDArray): number {
  const data = x.dataSync();
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash;
}

Deno.test("a number of threads that is none is refused", async () => {
  for (const threads of [0, -1, 1.5, NaN, "2" as never]) {
    await assertRejects(() => init("cpu", { threads }), ArgumentError, "threads");
  }
});
