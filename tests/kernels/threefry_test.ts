/**
 * The random kernels against JAX's values (jax 0.10.2, threefry_partitionable) and the cipher's published vectors.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Arena } from "./arena.ts";

const arena = new Arena(16);
const { kernels } = arena;

/** jax.random.PRNGKey(42). */
const KEY = [0, 42];

Deno.test("threefry2x32 gives the published vectors", () => {
  // Random123, kat_vectors: threefry2x32 with 20 rounds.
  const cases = [
    [[0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
  ];
  arena.reset();
  const column = (part: number, word: number) =>
    arena.place(Uint32Array, cases.map((c) => c[part]![word]!)).at;
  const ins = [column(0, 0), column(0, 1), column(1, 0), column(1, 1)] as const;
  const out0 = arena.place(Uint32Array, 3), out1 = arena.place(Uint32Array, 3);
  kernels.threefry2x32(3, ins[0], 1, ins[1], 1, ins[2], 1, ins[3], 1, out0.at, out1.at);
  arena.checkGuards("threefry2x32");
  assertEquals([...out0.data], cases.map((c) => c[2]![0]));
  assertEquals([...out1.data], cases.map((c) => c[2]![1]));
});

Deno.test("threefry_bits gives jax.random.bits at each width", () => {
  const bits32 = [
    ...[2098992034, 2919706841, 2646866425, 2409546199, 1935504149, 2516274904, 321304473],
    ...[3329172656, 3002007181],
  ];
  const bits8 = [162, 217, 249, 215, 21, 216, 153, 176, 141];
  const bits64 = [
    ...[7871734211187709741n, 276886910877598708n, 10591095138341673235n, 13462782411356743825n],
    12687676868490354166n,
  ];
  for (let n = 0; n <= 9; n++) {
    arena.reset();
    const key = arena.place(Uint32Array, KEY);
    const words = arena.place(Uint32Array, n), bytes = arena.place(Uint8Array, n);
    kernels.threefry_bits(32, 1, key.at, n, words.at);
    kernels.threefry_bits(8, 1, key.at, n, bytes.at);
    assertEquals([...words.data], bits32.slice(0, n));
    assertEquals([...bytes.data], bits8.slice(0, n));
    const m = Math.min(n, 5);
    const wide = arena.place(BigUint64Array, m);
    kernels.threefry_bits(64, 1, key.at, m, wide.at);
    assertEquals([...wide.data], bits64.slice(0, m));
    arena.checkGuards(`threefry_bits of ${n}`);
  }
});

Deno.test("threefry_bits goes on with the next key, and long rows with the next chunk", () => {
  arena.reset();
  const keys = arena.place(Uint32Array, [0, 42, 7, 9]);
  const n = 2500;
  const both = arena.place(Uint32Array, 2 * n);
  kernels.threefry_bits(32, 2, keys.at, n, both.at);
  const out0 = arena.place(Uint32Array, n), out1 = arena.place(Uint32Array, n);
  for (const [row, [k0, k1]] of [[0, 42], [7, 9]].entries()) {
    kernels.threefry_fill(k0!, k1!, 0n, n, out0.at, out1.at);
    arena.checkGuards("threefry_fill");
    for (let i = 0; i < n; i++) {
      assertEquals(
        both.data[row * n + i],
        (out0.data[i]! ^ out1.data[i]!) >>> 0,
        `key ${row}, element ${i}`,
      );
    }
  }
});

Deno.test("threefry_split and threefry_fold_in give JAX's keys", () => {
  arena.reset();
  const keys = arena.place(Uint32Array, [...KEY, 0, 0]);
  const out = arena.place(Uint32Array, 20);
  kernels.threefry_split(1, keys.at, 5, out.at);
  assertEquals([...out.data.subarray(0, 10)], [
    ...[1832780943, 270669613, 64467757, 2916123636, 2465931498, 255383827, 3134548294, 894150801],
    ...[2954079971, 3276725750],
  ]);
  kernels.threefry_split(2, keys.at, 2, out.at);
  assertEquals([...out.data.subarray(0, 8)], [
    ...[1832780943, 270669613, 64467757, 2916123636],
    ...[1797259609, 2579123966, 928981903, 3453687069],
  ]);
  const data = arena.place(Uint32Array, [7]);
  kernels.threefry_fold_in(2, keys.at, 1, data.at, 0, out.at);
  assertEquals([...out.data.subarray(0, 4)], [2547012911, 1371500959, 2716826189, 292468403]);
  arena.checkGuards("threefry_fold_in");
});

Deno.test("counters go on into the high word", () => {
  arena.reset();
  const n = 6;
  const out0 = arena.place(Uint32Array, n), out1 = arena.place(Uint32Array, n);
  const [a, b, c, d] = [[5], [6], new Array(n).fill(0), new Array(n).fill(0)]
    .map((values) => arena.place(Uint32Array, values));
  const start = 2n ** 32n - 2n;
  for (let i = 0; i < n; i++) {
    const number = start + BigInt(i);
    c!.data[i] = Number(number >> 32n);
    d!.data[i] = Number(number & 0xffffffffn);
  }
  kernels.threefry2x32(n, a!.at, 0, b!.at, 0, c!.at, 1, d!.at, 1, out0.at, out1.at);
  const expected = [[...out0.data], [...out1.data]];
  kernels.threefry_fill(5, 6, start, n, out0.at, out1.at);
  assertEquals([[...out0.data], [...out1.data]], expected);
});
