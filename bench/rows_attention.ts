/**
 * Rows of attention, and of a text encoder that is made of it.
 *
 * @module
 */
import type { Row } from "./rows.ts";
import type { AttentionWork, EncoderWork } from "./work.ts";
import { attentionFlops, encoderFlops } from "./work_attention.ts";

const attention: AttentionWork = { kind: "attention", heads: 8, length: 1024, size: 64 };

function encoder(length: number): Row {
  const work: EncoderWork = {
    kind: "encoder",
    layers: 6,
    width: 384,
    heads: 12,
    hidden: 1536,
    length,
  };
  return {
    id: `minilm_${length}`,
    title: `text encoder as MiniLM-L6, batch 1, ${length} tokens`,
    mode: "warm",
    work,
    unit: "ms",
    amount: encoderFlops(work),
    limit: "madd32",
    // At most 1.25 times what its products would take.
    reach: { shareOfLimit: 0.8 },
  };
}

/** Rows of attention. */
export const attentionRows: readonly Row[] = [
  {
    id: "attention",
    title: "attention, 8 heads of 64, 1024 queries and keys",
    mode: "warm",
    work: attention,
    unit: "GFLOP/s",
    amount: attentionFlops(attention),
    limit: "madd32",
    reach: { shareOfLimit: 0.7 },
  },
  encoder(128),
  encoder(16),
];
