/**
 * The attention kernels against what their description means; and how much scratch they ask for.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  attentionList,
  attentionScratchBytes,
  type AttentionStrides,
  attentionUnits,
  gradientScratchBytes,
  gradientUnits,
  runAttention,
  runAttentionGradients,
} from "../../src/loopnest/attention_plan.ts";
import { Arena, type Placed, randoms } from "./arena.ts";

const arena = new Arena(512);

interface Setting {
  /** Extents of batch axes; keys and values have the first `outer` of them, all unless given. */
  readonly batch: readonly number[];
  readonly outer?: number;
  /** Queries, keys, the size of a key, the size of a value. */
  readonly sizes: readonly [queries: number, keys: number, size: number, valueSize: number];
  readonly window?: readonly [number | null, number | null];
  readonly bias?: "full" | "of keys" | "of queries";
  readonly mask?: "full" | "of keys" | "of queries" | "nothing";
  /** Whether vectors lie in columns. */
  readonly turned?: boolean;
}

const settings: readonly Setting[] = [
  { batch: [], sizes: [8, 6, 4, 6] },
  { batch: [], sizes: [1, 1, 1, 1] },
  { batch: [2], sizes: [13, 17, 5, 7] },
  { batch: [1], sizes: [1, 700, 64, 64] },
  { batch: [2, 3], outer: 1, sizes: [20, 300, 8, 9] },
  { batch: [2, 2], sizes: [100, 530, 16, 16], bias: "full" },
  { batch: [2], sizes: [33, 41, 8, 8], mask: "full" },
  { batch: [2], sizes: [33, 41, 8, 8], mask: "full", bias: "full", window: [null, 0] },
  { batch: [2], sizes: [33, 41, 8, 8], mask: "of keys", bias: "of keys" },
  { batch: [2], sizes: [33, 41, 8, 8], mask: "of queries", bias: "of queries" },
  { batch: [1], sizes: [100, 300, 8, 8], window: [null, 0] },
  { batch: [1], sizes: [300, 300, 8, 8], window: [5, 2] },
  // Most queries see no key at all: they weigh all alike.
  { batch: [1], sizes: [300, 20, 8, 8], window: [5, 0] },
  { batch: [1], sizes: [40, 40, 8, 8], mask: "nothing", window: [null, 0] },
  { batch: [3], sizes: [7, 3, 33, 2], mask: "full", bias: "full", turned: true },
];

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

function strides(
  batch: readonly number[],
  outer: number,
  rows: number,
  columns: number,
  turned: boolean,
): AttentionStrides {
  const own: number[] = batch.map(() => 0);
  let step = rows * columns;
  for (let a = outer - 1; a >= 0; a--) {
    own[a] = step;
    step *= batch[a]!;
  }
  return { batch: own, row: turned ? 1 : columns, column: turned ? rows : 1 };
}

/** Of a bias or mask: where it does not depend on an index, the stride is 0. */
function shared(kind: string | undefined, full: AttentionStrides): AttentionStrides | null {
  if (kind === undefined) return null;
  const batch = full.batch.map(() => 0);
  if (kind === "of keys") return { batch, row: 0, column: 1 };
  return kind === "of queries" ? { batch, row: 1, column: 0 } : full;
}

function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    assert(
      error <= 3e-6 * (1 + Math.abs(expected[i]!)),
      `${what}[${i}]: ${actual[i]} for ${expected[i]}`,
    );
  }
}

for (const setting of settings) {
  const title = JSON.stringify(setting);
  Deno.test(`attention kernels: ${title}`, () => {
    const { batch, outer = batch.length, sizes: [queries, keys, size, values], turned = false } =
      setting;
    const all = strides(batch, batch.length, queries, keys, false);
    const list = attentionList({
      batch,
      outer,
      queries,
      keys,
      size,
      valueSize: values,
      scale: 0.3,
      window: setting.window ?? [null, null],
      q: strides(batch, batch.length, queries, size, turned),
      k: strides(batch, outer, keys, size, turned),
      v: strides(batch, outer, keys, values, turned),
      bias: shared(setting.bias, all),
      mask: shared(setting.mask, all),
      out: strides(batch, batch.length, queries, values, turned),
    });
    arena.reset();
    const random = randoms(1);
    const floats = (n: number, scale = 1) =>
      arena.place(Float32Array, Array.from({ length: n }, () => scale * random()));
    const [n, m] = [product(batch), product(batch.slice(0, outer))];
    const [q, k, v] = [
      floats(n * queries * size),
      floats(m * keys * size),
      floats(m * keys * values),
    ];
    const bias = floats(setting.bias ? n * queries * keys : 1, 2);
    const mask = arena.place(
      Uint8Array,
      Array.from(
        { length: n * queries * keys },
        () => Number(setting.mask !== "nothing" && random() > 0),
      ),
    );
    const [out, dout] = [floats(n * queries * values), floats(n * queries * values)];
    const statistics = floats(2 * n * queries);
    const scratch = arena.place(Uint8Array, attentionScratchBytes(list));
    const spec = arena.place(Int32Array, list);
    const ins = [q, k, v, bias, mask] as const;
    const at = (xs: readonly Placed<unknown>[]) => xs.map((x) => x.at);
    const call = arena.kernels as unknown as Record<string, (...args: number[]) => void>;
    const units = attentionUnits(list);
    // In two parts, as two threads would.
    for (const [from, to] of [[units >> 1, units], [0, units >> 1]]) {
      call.attention_float32(...at([spec, ...ins, out, statistics, scratch]), from!, to!);
    }
    arena.checkGuards(title);
    const data = ins.map((x) => x.data);
    const [expected, kept] = [out, statistics].map((x) => new Float32Array(x.data.length));
    runAttention([list, ...data, expected!, kept!]);
    assertNear(out.data, expected!, "out");
    assertNear(statistics.data, kept!, "statistics");

    const results = [q, k, v].map((x) => floats(x.data.length));
    const more = arena.place(Uint8Array, gradientScratchBytes(list));
    call.attentiongrad_float32(
      ...at([spec, ...ins, out, statistics, dout, ...results, more]),
      0,
      gradientUnits(list),
    );
    arena.checkGuards(title);
    const cotangents = results.map((x) => new Float32Array(x.data.length));
    runAttentionGradients([list, ...data, expected!, kept!, dout.data, ...cotangents]);
    cotangents.forEach((x, i) => assertNear(results[i]!.data, x, `cotangent ${i}`));
  });
}
