/**
 * Attention and a text encoder's block in Vernal, written as a user would write them.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import type { AttentionWork, EncoderWork, Prepared } from "./work.ts";
import {
  attentionData,
  attentionError,
  type DenseData,
  encoderData,
  encoderError,
} from "./work_attention.ts";

const { numpy: np, nn } = vn;

/** Prepares the work.
 *
 * @param put Puts arrays where they are to be used.
 */
export function oursOfAttention(
  work: AttentionWork | EncoderWork,
  put: <T>(x: T) => T,
): Prepared {
  return work.kind === "attention" ? attention(work, put) : encoder(work, put);
}

function attention(work: AttentionWork, put: <T>(x: T) => T): Prepared {
  const { heads, length, size } = work;
  const data = attentionData(work);
  const [q, k, v] = [data.q, data.k, data.v].map((x) =>
    put(np.array(x).reshape([heads, length, size]))
  ) as [vn.NDArray, vn.NDArray, vn.NDArray];
  const attend = (q: vn.NDArray, k: vn.NDArray, v: vn.NDArray) => nn.dotProductAttention(q, k, v);
  const f = vn.filterJit(vn.filterVmap(attend));
  return {
    run: () => f(q, k, v).delete(),
    facts: async () => ({
      error: attentionError(work, await f(q, k, v).data() as Float32Array),
    }),
  };
}

/** A block as BERT's. */
class Block extends vn.Module {
  attention: vn.nn.MultiheadAttention;
  up: vn.nn.Linear;
  down: vn.nn.Linear;
  first: vn.nn.LayerNorm;
  second: vn.nn.LayerNorm;

  constructor({ width, heads, hidden }: EncoderWork) {
    super();
    const [a, b, c] = vn.random.split(vn.random.key(0), 3);
    this.attention = new nn.MultiheadAttention(heads, width, {
      useQueryBias: true,
      useKeyBias: true,
      useValueBias: true,
      useOutputBias: true,
      key: a!,
    });
    this.up = new nn.Linear(width, hidden, { key: b! });
    this.down = new nn.Linear(hidden, width, { key: c! });
    this.first = new nn.LayerNorm(width);
    this.second = new nn.LayerNorm(width);
  }

  call(x: vn.NDArray): vn.NDArray {
    const h = vn.filterVmap(this.first)(x.add(this.attention.call(x, x, x)));
    const mixed = vn.filterVmap((row: vn.NDArray) =>
      this.down.call(nn.gelu(this.up.call(row), { approximate: false }))
    )(h);
    return vn.filterVmap(this.second)(h.add(mixed));
  }
}

function encoder(work: EncoderWork, put: <T>(x: T) => T): Prepared {
  const data = encoderData(work);
  const blocks = data.blocks.map((block) => {
    const { query, key, value, output, up, down } = block;
    const parts: DenseData[] = [query, key, value, output, up, down];
    return put(vn.treeAt(
      ({ attention: a, up, down }: Block) =>
        [a.queryProj, a.keyProj, a.valueProj, a.outputProj, up, down]
          .flatMap((layer) => [layer.weight, layer.bias!]),
      new Block(work),
      parts.flatMap(({ weight, bias, outs, ins }) => [
        np.array(weight).reshape([outs, ins]),
        np.array(bias),
      ]),
    ));
  });
  const x = put(np.array(data.x).reshape([work.length, work.width]));
  const f = vn.filterJit((blocks: readonly Block[], x: vn.NDArray) =>
    blocks.reduce((h, block) => block.call(h), x)
  );
  return {
    run: () => f(blocks, x).delete(),
    facts: async () => ({
      error: encoderError(work, await f(blocks, x).data() as Float32Array),
    }),
  };
}
