/**
 * The rows of attention: what its primitive takes, in each form in which a mask or bias may come.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { nn } = vn;

const f = (shape: number[]): OperandSpec => ({ shape, range: [-2, 2] });
const attend = nn.dotProductAttention;

/** Attention, whose gradients are seen in two forms: with a kernel's, and with those of products and sums. */
export const attentionCases: readonly Case[] = [
  {
    name: "attention",
    operands: [f([9, 4]), f([5, 4]), f([5, 3])],
    call: (q, k, v) => attend(q, k, v),
  },
  {
    name: "attention of heads that share keys, no later ones",
    operands: [f([2, 6, 4, 3]), f([2, 6, 2, 3]), f([2, 6, 2, 3])],
    call: (q, k, v) => attend(q, k, v, { isCausal: true }),
  },
  {
    name: "attention with a mask that leaves a query nothing",
    operands: [f([5, 2, 3]), f([4, 2, 3]), f([4, 2, 3]), {
      shape: [5, 4],
      range: [0, 1],
      dtype: "bool",
      values: [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0],
    }],
    call: (q, k, v, mask) => attend(q, k, v, { mask }),
    differentiate: [0, 1, 2],
  },
  {
    name: "attention with a bias for all heads, in a window",
    operands: [f([2, 5, 2, 3]), f([2, 4, 2, 3]), f([2, 4, 2, 3]), f([5, 4])],
    call: (q, k, v, bias) => attend(q, k, v, { bias, localWindowSize: [2, 1], scale: 0.3 }),
  },
];
