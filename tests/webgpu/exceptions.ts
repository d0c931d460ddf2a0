/**
 * What cannot pass on a device, and why. Each entry must name something that is there, and that fails there.
 *
 * @module
 */

/** The reasons. */
export const reasons = {
  float64: "float64 beside what is on the device, which has none",
  host: "the host must know elements at once: for a size, a condition, a text",
  processor: "it is about devices of the processor",
  rounding: "the last bit decides",
  program: "a program of its own keeps only what is used",
  slow: "it takes long on a software adapter, and runs with VERNAL_TEST_SHARE=all only",
} as const;

/** One of them. */
export type Reason = keyof typeof reasons;

/** Tests or cases of a file. */
export interface Exception {
  /** The path below `tests/`, without `_test.ts`. */
  readonly file: string;
  readonly reason: Reason;
  /** How the names of the tests begin; of cases of the oracle, all of the name. */
  readonly names: readonly string[];
}

/** All of them. */
export const exceptions: readonly Exception[] = [
  {
    file: "equinox/enum",
    reason: "host",
    names: [
      "equinox/enum/test_where:",
      "equinox/enum/test_inheritance_and_len",
      "items pass through loops",
    ],
  },
  { file: "equinox/faults", reason: "processor", names: ["fault 4:", "fault 5:"] },
  { file: "equinox/faults", reason: "float64", names: ["fault 13:"] },
  { file: "equinox/noinline", reason: "float64", names: ["noinline: reverse mode of loops"] },
  {
    file: "equinox/serialisation",
    reason: "float64",
    names: [
      "equinox/serialisation/test_generic_dtype",
      "the file of a tree is byte for byte",
      "a file that Equinox wrote",
    ],
  },
  {
    file: "equinox/while_loop",
    reason: "slow",
    names: [
      "equinox/while_loop/test_backward_checkpointed",
      "equinox/while_loop/test_speed",
      "equinox/while_loop/test_nested_loops",
    ],
  },
  {
    file: "filter/custom_jvp",
    reason: "float64",
    names: ["filterCustomJvp: what the rule gives is held"],
  },
  {
    file: "filter/custom_vjp",
    reason: "float64",
    names: ["filterCustomVjp: the forward rule gives"],
  },
  {
    file: "filter/filters",
    reason: "host",
    names: [
      "a predicate may answer with a 0-d array",
      "a transformed function is a function to a spec",
    ],
  },
  { file: "filter/jacobian", reason: "float64", names: ["jacobians of mixed dtypes"] },
  { file: "filter/jvp", reason: "float64", names: ["filterJvp: floating outputs only"] },
  {
    file: "filter/symbolic_zeros",
    reason: "float64",
    names: ["symbolic zeros of tangents, in a branch", "symbolic zeros of tangents, mapped"],
  },
  {
    file: "control/callbacks",
    reason: "program",
    names: ["a callback gets arrays of every dtype"],
  },
  { file: "control/checkpoint_random", reason: "float64", names: ["random programs"] },
  { file: "control/error_if", reason: "host", names: ["a predicate known while tracing"] },
  { file: "control/error_if", reason: "float64", names: ["onError nan: the largest integer"] },
  {
    file: "control/loops",
    reason: "float64",
    names: ["scan in reverse, over a captured array", "cond on a value", "switch in a scan"],
  },
  { file: "control/random_effects", reason: "slow", names: ["random programs with effects"] },
  {
    file: "random/distributions",
    reason: "float64",
    names: [
      "gamma: the derivative",
      "gamma: forward and reverse",
      "distributions take their shape",
    ],
  },
  {
    file: "oracle/collectives",
    reason: "rounding",
    names: ["psumScatter, tiled/forward over reverse"],
  },
  { file: "oracle/elementwise", reason: "rounding", names: ["lax.digamma/float32/random"] },
  {
    file: "oracle/segment",
    reason: "host",
    names: ["Sum", "Prod", "Max", "Min"].flatMap((kind) => [
      `ops.segment${kind}/default count`,
      `ops.segment${kind}/default count of int64 ids`,
    ]),
  },
  { file: "oracle/random", reason: "rounding", names: ["random.poisson/2147483647"] },
  {
    file: "oracle/indexing",
    reason: "host",
    names: [
      "get/mask",
      "get/mask of two axes",
      "get/mask and slice",
      "get/slice and mask",
      ".at.set/mask",
      ".at.set/mask add",
    ],
  },
  {
    file: "oracle/more",
    reason: "host",
    names: [
      "np.bincount/minlength",
      "np.bincount/no length",
      "np.repeat/numbers",
      "np.nonzero",
      "np.flatnonzero",
      "np.argwhere",
      "np.unique",
      "np.unique/all",
      "np.unique/empty",
      "np.union1d",
      "np.intersect1d",
      "np.setdiff1d",
      "grad/repeat",
    ],
  },
];
