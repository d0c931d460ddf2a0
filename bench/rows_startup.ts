/**
 * Rows of what a user waits for until it runs, and until it runs fast.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** The network of the training rows. */
export const mlp = { kind: "train", sizes: [784, 512, 512, 10], batch: 128 } as const;

/** Rows of the training step's first calls. */
export const firstCallRows: readonly Row[] = [
  {
    id: "train_first",
    title: "the same, first call in a fresh process",
    mode: "first",
    work: mlp,
    unit: "ms",
    amount: 1,
    reach: { notOver: "jax-js" },
  },
  {
    id: "train_second",
    title: "the same, where an earlier run compiled it",
    mode: "first",
    work: mlp,
    unit: "ms",
    amount: 1,
    env: { VERNAL_CACHE: "", VERNAL_CACHE_DIR: new URL("out/programs", import.meta.url).pathname },
    reach: { notOver: "jax-js" },
  },
  {
    id: "train_full_speed",
    title: "the same, from the first call to 90 % of full speed",
    mode: "full speed",
    work: mlp,
    unit: "ms",
    amount: 1,
    reach: { atMost: 150 },
  },
];

/** Rows of whole processes. */
export const processRows: readonly Row[] = [
  {
    id: "import",
    title: "import of the package as it is published, over an empty script",
    mode: "import",
    work: { kind: "increment" },
    unit: "ms",
    amount: 1,
    reach: { atMost: 60 },
  },
  {
    id: "script_first",
    title: "a script that trains for one step, over an empty one: first run",
    mode: "first run",
    work: mlp,
    unit: "ms",
    amount: 1,
    reach: { atMost: 450 },
  },
  {
    id: "script_second",
    title: "the same, second run",
    mode: "second run",
    work: mlp,
    unit: "ms",
    amount: 1,
    reach: { atMost: 90 },
  },
];
