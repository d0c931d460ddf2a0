/**
 * Arguments that are of no kind that could be meant, to rules, callbacks, loops, checks and layers: refused where they are given, by the public function's
 * name, and not where something inside trips over them.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import * as vn from "../../mod.ts";
import { errorTests, type Row } from "./rows.ts";

const { debug, lax, nn, numpy: np, random } = vn;

/** Loose, to call with what types forbid. */
// deno-lint-ignore no-explicit-any -- see above
type Any = any;
const t = vn as Any;

const key = random.key(0);
const s = np.array(1);
const x = np.array([1, 2, 3]);
const yes = np.array(true);

const ruledJvp = (rule: unknown) => {
  const f = t.filterCustomJvp((x: vn.NDArray, o?: Any) => o === undefined ? x : x.mul(o.by.y));
  f.defJvp(rule);
  return f;
};
const ruledVjp = (fwd: unknown, bwd: unknown) => {
  const f = t.filterCustomVjp((x: vn.NDArray, y: vn.NDArray) => y === undefined ? x : x.mul(y));
  f.defFwd(fwd);
  f.defBwd(bwd);
  return f;
};
const layers: readonly [name: string, call: (x: Any) => unknown][] = [
  ["nn.Linear: x", (x) => new nn.Linear(3, 2, { key }).call(x)],
  ["nn.Linear: x", (x) => new nn.MLP(3, 2, 2, 1, { key }).call(x)],
  ["nn.Conv2d: x", (x) => new nn.Conv2d(1, 1, 3, { key }).call(x)],
  ["nn.ConvTranspose2d: x", (x) => new nn.ConvTranspose2d(1, 1, 3, { key }).call(x)],
  ["nn.MaxPool2d: x", (x) => new nn.MaxPool2d(2).call(x)],
  ["nn.AdaptiveAvgPool2d: x", (x) => new nn.AdaptiveAvgPool2d(2).call(x)],
  ["nn.LayerNorm: x", (x) => new nn.LayerNorm(3).call(x)],
  ["nn.RMSNorm: x", (x) => new nn.RMSNorm(3).call(x)],
  ["nn.GroupNorm: x", (x) => new nn.GroupNorm(1, { channels: 3 }).call(x)],
  ["nn.RotaryPositionalEmbedding: x", (x) => new nn.RotaryPositionalEmbedding(4).call(x)],
  ["nn.GRUCell: input", (x) => new nn.GRUCell(3, 2, { key }).call(x, x)],
  ["nn.LSTMCell: input", (x) => new nn.LSTMCell(3, 2, { key }).call(x, [x, x])],
  ["nn.PReLU: x", (x) => new nn.PReLU().call(x)],
  ["nn.Dropout: x", (x) => new nn.Dropout().call(x, { key })],
  ["nn.MultiheadAttention: query", (x) => new nn.MultiheadAttention(2, 4, { key }).call(x, x, x)],
];

errorTests({
  "options of reductions": [
    ["one misspelt", () => np.sum(x, { keepDims: true } as Any), vn.ArgumentError, [
      "numpy.sum: unknown option keepDims; it takes axis, keepdims, dtype, where, initial",
    ]],
    ["one of another function", () => x.max({ dtype: "float32" } as Any), vn.ArgumentError, [
      "numpy.max: unknown option dtype; it takes axis, keepdims, where, initial",
    ]],
    ["an axis by name", () => np.mean(x, "rows" as Any), vn.ArgumentError, [
      "numpy.mean: expected an axis, a list of axes, or an object of options",
      "string rows",
    ]],
    ["an array", () => np.any(yes, x as Any), vn.ArgumentError, ["numpy.any: expected an axis"]],
  ],
  "asynchronous functions": [
    [
      "jitted",
      () =>
        vn.filterJit(async function load(x: vn.NDArray) {
          await null;
          return x;
        })(x),
      vn.ArgumentError,
      ["the function load returned a Promise", "Await what they need"],
    ],
    [
      "mapped, and ending in an error",
      () =>
        vn.filterVmap(async (_x: vn.NDArray) => {
          await null;
          throw new Error("never seen");
        })(x),
      vn.ArgumentError,
      ["returned a Promise"],
    ],
    [
      "a generator",
      () =>
        vn.filterJit(function* rows(x: vn.NDArray) {
          yield x;
        })(x),
      vn.ArgumentError,
      ["the function rows returned a generator", "Return an array"],
    ],
  ],
  "optimisers": [
    [
      "gradients of another structure",
      () => {
        const adam = vn.optim.adam(1e-3);
        adam.update({ a: x }, adam.init({ b: x }));
      },
      vn.TreeError,
      ["optim: updates, state and params must be trees of one structure", 'key "b"'],
    ],
  ],
  "plain transformations": [
    ["a function among arrays", () => vn.jit((x: Any) => x)(Math.sin as Any), vn.ArgumentError, [
      "jit: args[0]: expected an array or a number; got a function sin. ",
    ]],
    [
      "an integer, differentiated",
      () =>
        vn.grad((a: Any, b: Any) => a.sum().add(b.n), { argnums: [0, 1] })(x, {
          n: np.array(1, { dtype: "int32" }),
        }),
      vn.DTypeError,
      ["args[1].n is i32[]", "allowInt"],
    ],
    ["a 0-d array, gone along", () => [...s], vn.ShapeError, ["no axis", "x.item()"]],
  ],
  "custom rules": [
    ["a jvp rule that is none", () => ruledJvp(3), vn.ArgumentError, [
      "filterCustomJvp(function).defJvp: the rule must be a function; got number 3",
    ]],
    ["a forward rule that is none", () => ruledVjp(null, () => 0), vn.ArgumentError, [
      "filterCustomVjp(function).defFwd: the rule must be a function; got null",
    ]],
    ["a backward rule that is none", () => ruledVjp(() => 0, s), vn.ArgumentError, [
      "filterCustomVjp(function).defBwd: the rule must be a function; got an array f32[]",
    ]],
    [
      "a jvp rule without a tangent",
      () => vn.filterGrad(ruledJvp(([x]: Any) => x))(s),
      vn.ArgumentError,
      ["defJvp: the rule must return a pair [out, tangentOut]; got an array f32[]"],
    ],
    [
      "a forward rule without residuals",
      () => vn.filterGrad(ruledVjp((_: Any, x: Any) => [x], () => s))(s),
      vn.ArgumentError,
      ["defFwd: the rule must return a pair [out, residuals]; got an array of 1 values"],
    ],
    [
      "a keyword argument that is differentiated",
      () =>
        vn.filterGrad((y: vn.NDArray) =>
          ruledJvp(([x]: Any, [t]: Any) => [x, t])(s, vn.kwargs({ by: { y } }))
        )(s),
      vn.DifferentiationError,
      ["filterCustomJvp(function): a keyword argument", "kwargs.by.y", "by position"],
    ],
    [
      "another argument that is differentiated",
      () =>
        vn.filterGrad((y: vn.NDArray) =>
          ruledVjp((_: Any, x: Any, y: Any) => [x.mul(y), null], () => s)(s, y)
        )(s),
      vn.DifferentiationError,
      ["filterCustomVjp(function): only the first argument", "args[1]", "one tree"],
    ],
    ["customJvp's rule", () => t.customJvp((x: Any) => x).defjvp(3), vn.ArgumentError, [
      "customJvp(function).defjvp: the rule must be a function; got number 3",
    ]],
    [
      "one of customJvp's rules",
      () => t.customJvp((x: Any) => x).defjvps(null, 3),
      vn
        .ArgumentError,
      ["customJvp(function).defjvps: the rule must be a function; got number 3"],
    ],
    [
      "customVjp's rule",
      () => t.customVjp((x: Any) => x).defvjp((x: Any) => [x, x]),
      vn
        .ArgumentError,
      ["customVjp(function).defvjp: bwd: the rule must be a function; got undef"],
    ],
    ["rules of what cannot be called", () => t.filterCustomVjp({}), vn.ArgumentError, [
      "filterCustomVjp: expected a function, or a Module",
    ]],
  ],
  "callbacks, collectives and checks": [
    [
      "a callback that is none",
      () => t.filterPureCallback(3, x, vn.kwargs({ resultShapeDtypes: x })),
      vn.ArgumentError,
      ["filterPureCallback: expected a function", "number 3"],
    ],
    [
      "a shuffle that is none",
      () => vn.filterVmap((v: Any) => lax.pshuffle(v, "i", [0, 0, 1]), { axisName: "i" })(x),
      vn.ArgumentError,
      ["lax.pshuffle: perm must be a permutation of the 3 examples of axis i"],
    ],
    ["a message by a float", () => vn.branchedErrorIf(s, yes, s, ["a", "b"]), vn.DTypeError, [
      "branchedErrorIf: index must be an integer; got f32[]",
    ]],
    ["a breakpoint at a number", () => debug.breakpointIf(3 as Any), vn.ArgumentError, [
      "debug.breakpointIf: pred must be a boolean or an array of bools; got number 3",
    ]],
  ],
  "loops, branches and printing": [
    ["a branch that is none", () => t.filterCond(yes, (x: Any) => x, "no", s), vn.ArgumentError, [
      "filterCond: onFalse: expected a function",
      '"no"',
    ]],
    [
      "buffers that are none",
      () =>
        t.filterWhileLoop((c: Any) => c.less(3), (c: Any) => c.add(1), s, {
          kind: "checkpointed",
          checkpoints: 2,
          buffers: 3,
        }),
      vn.ArgumentError,
      ["filterWhileLoop: options.buffers must be a function of the carry", "number 3"],
    ],
    [
      "a Module in a loop of arrays",
      () => lax.scan((c: Any, y: Any) => [c, y], new nn.MLP(2, 2, 2, 1, { key }) as Any, x),
      vn.ArgumentError,
      ["lax.scan: every leaf must be an array", "init.activation is function relu. ", "filterScan"],
    ],
    ["a scan of what cannot be called", () => t.filterScan(3, s, x), vn.ArgumentError, [
      "filterScan: f: expected a function",
      "number 3",
    ]],
    [
      "a condition that is none",
      () => t.filterWhileLoop(3, (c: Any) => c, s),
      vn.ArgumentError,
      ["filterWhileLoop: cond: expected a function"],
    ],
    [
      "a body that is none",
      () => t.filterWhileLoop((c: Any) => c.less(3), 3, s),
      vn.ArgumentError,
      ["filterWhileLoop: body: expected a function"],
    ],
    ["where that is none", () => t.treeAt(3, [s], s), vn.ArgumentError, [
      "treeAt: where must be a function of the tree",
      "number 3",
    ]],
    ["an axis that is none", () => t.ifArray("s"), vn.ArgumentError, [
      "ifArray: axis must be an integer",
      'string "s"',
    ]],
    ["messages that are none", () => t.Enumeration.define("E"), vn.ArgumentError, [
      "Enumeration.define: entries must be an object of messages by name; got undefined",
    ]],
    ["an unknown option", () => t.treePformat(s, { widht: 5 }), vn.ArgumentError, [
      "treePformat: unknown option widht; it takes width",
    ]],
    ["a width that is none", () => vn.treePformat(s, { width: -5 }), vn.ArgumentError, [
      "treePformat: options.width must be a number of characters; got number -5",
    ]],
    ["truncateLeaf that is none", () => t.treePformat(s, { truncateLeaf: 3 }), vn.ArgumentError, [
      "treePformat: options.truncateLeaf must be a function",
    ]],
  ],
  "layers": [
    ...layers.flatMap(([name, call]): Row[] =>
      [[3, "number 3"], [null, "null"], [[1, 2], "an array of 2 values"]].map(([given, came]) => [
        `${name} of ${came}`,
        () => call(given),
        vn.ArgumentError,
        [`${name} must be an NDArray, such as np.array makes; got ${came}`],
      ])
    ),
    [
      "batch norm of a number",
      () => {
        const [norm, state] = nn.makeWithState(nn.BatchNorm)(3, "b", { mode: "ema" });
        norm.call(3 as Any, { state });
      },
      vn.ArgumentError,
      ["nn.BatchNorm: x must be an NDArray"],
    ],
    [
      "batch norm by a state that is none",
      () => {
        const [norm] = nn.makeWithState(nn.BatchNorm)(3, "b", { mode: "ema" });
        norm.call(x, { state: 3 as Any });
      },
      vn.ArgumentError,
      ["nn.BatchNorm: needs the model's state", "got number 3"],
    ],
    [
      "batch norm of no size",
      () => new nn.BatchNorm({} as Any, "b", { mode: "ema" }),
      vn.ArgumentError,
      ["nn.BatchNorm: inputSize must be a non-negative integer; got an object of class Object"],
    ],
    [
      "batch norm over no axis",
      () => new nn.BatchNorm(3, undefined as Any, { mode: "ema" }),
      vn.ArgumentError,
      ["nn.BatchNorm: axisName must be the axisName of a filterVmap", "got undefined"],
    ],
    [
      "an LSTM's hidden state",
      () => new nn.LSTMCell(3, 2, { key }).call(x, s as Any),
      vn
        .ArgumentError,
      ["nn.LSTMCell: hidden must be a pair [hidden, memory]; got an array f32[]"],
    ],
    ["dropout by no probability", () => new nn.Dropout({ p: 2 }), vn.ArgumentError, [
      "nn.Dropout: p must be a probability, from 0 to 1; got number 2",
    ]],
    ["dropout by no key", () => new nn.Dropout().call(x, { key: 3 as Any }), vn.ArgumentError, [
      "nn.Dropout: needs a key",
      "got number 3",
    ]],
    [
      "an embedding of a float",
      () => new nn.Embedding({ numEmbeddings: 3, embeddingSize: 2, key }).call(s),
      vn.DTypeError,
      ["nn.Embedding: expected an integer; got f32[]"],
    ],
    ["a layer that is none", () => new nn.Sequential([3 as Any]), vn.ArgumentError, [
      "nn.Sequential: layers[0]: expected a function",
      "number 3",
    ]],
    ["a function that is none", () => new nn.Lambda(3 as Any), vn.ArgumentError, [
      "nn.Lambda: fn: expected a function",
    ]],
    [
      "an activation that is none",
      () => new nn.MLP(2, 2, 2, 1, { key, activation: 3 as Any }),
      vn.ArgumentError,
      ["nn.MLP: activation: expected a function"],
    ],
    ["weight norm of no layer", () => new (nn.WeightNorm as Any)(), vn.ArgumentError, [
      "nn.WeightNorm: weightName must name an array of the layer; undefined has no array",
    ]],
    ["a flag that is none", () => nn.inferenceMode(new nn.Dropout(), 3 as Any), vn.ArgumentError, [
      "nn.inferenceMode: value must be true or false; got number 3",
    ]],
  ],
});

Deno.test("a file that is not there is an error of the library, with the system's as its cause", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/none`;
    const reading = await assertRejects(
      () => vn.treeDeserialiseLeaves(path, [x]),
      vn.SerialisationError,
      `treeDeserialiseLeaves: reading ${path}.eqx failed`,
    );
    assertEquals((reading.cause as { code?: string }).code, "ENOENT");
    await assertRejects(
      () => vn.treeSerialiseLeaves(`${folder}/no/where`, [x]),
      vn.SerialisationError,
      `treeSerialiseLeaves: writing ${folder}/no/where.eqx failed`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a filterSpec that does not fit the tree, and an option that is none, are told so", async () => {
  const sink = { write: () => {} };
  const spec = [vn.defaultSerialiseFilterSpec];
  await assertRejects(
    () => vn.treeSerialiseLeaves(sink, [x, x], { filterSpec: spec }),
    vn.TreeError,
    "treeSerialiseLeaves: filterSpec must be a prefix of the tree: at pytree: expected an array of length 1",
  );
  await assertRejects(
    () => t.treeSerialiseLeaves(sink, x, { fltrSpec: spec }),
    vn.ArgumentError,
    "treeSerialiseLeaves: unknown option fltrSpec; it takes filterSpec, isLeaf",
  );
});
