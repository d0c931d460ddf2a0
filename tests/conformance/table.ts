/**
 * One row for each primitive: how to call it, and on what. Other tests walk the table: an operation gets its tests by standing in it.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { type DType, dtypeInfo, isComplex, isInexact, partOf } from "../../src/core/dtype.ts";
import { noinline } from "../../src/internal/mod.ts";
import { attentionCases } from "./attention_cases.ts";
import { hostCases } from "./host_cases.ts";
import { threefry2x32 } from "../../src/ops/random_bits.ts";
import { complexCases } from "./complex_cases.ts";
import { controlCases } from "./control_cases.ts";
import { factorCases } from "./factor_cases.ts";
import { fourierCases } from "./fourier_cases.ts";

/** The elements of an operand of a case. */
export interface OperandSpec {
  readonly shape: readonly number[];
  /** The range of its values; integers are drawn from it too. */
  readonly range: readonly [number, number];
  readonly dtype?: "float" | "int32" | "bool" | "uint32" | "key";
  /** Values to use instead of drawn ones. */
  readonly values?: readonly number[];
}

/** A primitive, applied. */
export interface Case {
  readonly name: string;
  readonly operands: readonly OperandSpec[];
  readonly call: (...xs: vn.NDArray[]) => vn.NDArray;
  /** Which operands are differentiated; all floating ones unless given, none for `[]`. */
  readonly differentiate?: readonly number[];
  /** Whether forward mode exists, as it does unless `false`. */
  readonly forward?: boolean;
  /** Whether reverse mode exists, as it does unless `false`. */
  readonly reverse?: boolean;
  /** Whether a gradient has one, as it does unless `false`. */
  readonly reverseOverReverse?: boolean;
  /** Whether integers may stand for its floats, as they may unless `false`: loops may not end with them. */
  readonly integers?: boolean;
}

const { lax, numpy: np } = vn;

/** `y sin x`, with its derivative by rule. */
const sineByRule = vn.filterCustomJvp((x: vn.NDArray, y: vn.NDArray) => np.sin(x).mul(y));
sineByRule.defJvp(([x, y], [tx, ty]) => {
  const parts = [tx?.mul(np.cos(x)).mul(y), ty?.mul(np.sin(x))].filter((t) => t !== undefined);
  return [sineByRule(x, y), parts.length === 2 ? parts[0].add(parts[1]) : parts[0] ?? null];
});

/** `x sin y`, with its pullback by rule. */
const productByRule = vn.filterCustomVjp(([x, y]: [vn.NDArray, vn.NDArray]) => x.mul(np.sin(y)));
productByRule.defFwd((_perturbed, [x, y]) => [x.mul(np.sin(y)), np.cos(y)]);
productByRule.defBwd((cos, ct, _perturbed, [x, y]) => [ct.mul(np.sin(y)), ct.mul(x).mul(cos)]);

function unary(
  name: keyof typeof lax,
  range: readonly [number, number] = [-2, 2],
  more: Partial<Case> = {},
): Case {
  const fn = lax[name] as (x: vn.NDArray) => vn.NDArray;
  return { name, operands: [{ shape: [3, 5], range }], call: (x) => fn(x), ...more };
}

function binary(
  name: keyof typeof lax,
  a: readonly [number, number] = [-2, 2],
  b: readonly [number, number] = [-2, 2],
  more: Partial<Case> = {},
): Case {
  const fn = lax[name] as (x: vn.NDArray, y: vn.NDArray) => vn.NDArray;
  return {
    name,
    operands: [{ shape: [3, 5], range: a }, { shape: [3, 5], range: b }],
    call: (x, y) => fn(x, y),
    ...more,
  };
}

const ints: Partial<Case> = { differentiate: [] };
const int = (shape: number[], range: [number, number] = [-9, 9]): OperandSpec => ({
  shape,
  range,
  dtype: "int32",
});
const f = (shape: number[], range: [number, number] = [-2, 2]): OperandSpec => ({ shape, range });
const flat = { differentiate: [] as number[] };

const apart = noinline((x: vn.NDArray, y: vn.NDArray) => np.sin(np.tanh(x).mul(y)).mul(x));

/** Every primitive of this version. */
export const cases: readonly Case[] = [
  ...hostCases,
  ...attentionCases,
  binary("add"),
  binary("sub"),
  binary("mul"),
  binary("div", [-2, 2], [0.5, 2]),
  binary("rem", [-2, 2], [0.7, 2]),
  binary("max"),
  binary("min"),
  binary("pow", [0.2, 2], [-2, 2]),
  binary("atan2", [0.1, 2], [0.1, 2]),
  binary("nextafter", [-2, 2], [-2, 2], flat),
  { name: "add of a 0-d operand", operands: [f([3, 5]), f([])], call: (x, y) => lax.add(x, y) },
  { name: "mul by a 0-d operand", operands: [f([]), f([3, 5])], call: (x, y) => lax.mul(x, y) },
  unary("neg"),
  unary("sign", [0.1, 2]),
  unary("abs", [0.1, 2]),
  unary("floor", [0.1, 0.9]),
  unary("ceil", [0.1, 0.9]),
  unary("isFinite", [-2, 2], flat),
  unary("square"),
  unary("sqrt", [0.2, 2]),
  unary("rsqrt", [0.2, 2]),
  unary("cbrt", [0.2, 2]),
  unary("exp"),
  unary("exp2"),
  unary("expm1"),
  unary("log", [0.2, 2]),
  unary("log1p", [-0.5, 2]),
  unary("sin"),
  unary("cos"),
  unary("tan", [-1, 1]),
  unary("asin", [-0.8, 0.8]),
  unary("acos", [-0.8, 0.8]),
  unary("atan"),
  unary("sinh"),
  unary("cosh"),
  unary("tanh"),
  unary("asinh"),
  unary("acosh", [1.2, 3]),
  unary("atanh", [-0.8, 0.8]),
  unary("logistic"),
  unary("erf"),
  unary("erfc"),
  unary("erfInv", [-0.8, 0.8]),
  unary("lgamma", [0.5, 4]),
  unary("digamma", [0.5, 4]),
  unary("stopGradient", [-2, 2], flat),
  { name: "round", operands: [f([7], [0.1, 0.4])], call: (x) => lax.round(x) },
  { name: "integer_pow", operands: [f([7])], call: (x) => lax.integerPow(x, 3) },
  {
    name: "integer_pow, negative",
    operands: [f([7], [0.5, 2])],
    call: (x) => lax.integerPow(x, -2),
  },
  {
    name: "clamp",
    operands: [f([]), f([9]), f([])],
    call: (a, x, b) => lax.clamp(lax.min(a, b), x, lax.max(a, b)),
  },
  ...(["eq", "ne", "lt", "le", "gt", "ge"] as const).map((n) => binary(n, [-2, 2], [-2, 2], flat)),
  ...(["bitwiseAnd", "bitwiseOr", "bitwiseXor"] as const).map((n): Case => ({
    name: n,
    operands: [int([3, 5]), int([3, 5])],
    call: (x, y) => lax[n](x, y),
    ...ints,
  })),
  ...(["shiftLeft", "shiftRightLogical", "shiftRightArithmetic"] as const).map((n): Case => ({
    name: n,
    operands: [int([3, 5]), int([3, 5], [0, 40])],
    call: (x, y) => lax[n](x, y),
    ...ints,
  })),
  ...(["bitwiseNot", "populationCount", "clz", "abs", "sign", "neg"] as const).map((n): Case => ({
    name: `${n} of int32`,
    operands: [int([3, 5])],
    call: (x) => lax[n](x),
    ...ints,
  })),
  {
    name: "div of int32",
    operands: [int([20]), int([20], [-3, 3])],
    call: (x, y) => lax.div(x, y),
    ...ints,
  },
  {
    name: "rem of int32",
    operands: [int([20]), int([20], [-3, 3])],
    call: (x, y) => lax.rem(x, y),
    ...ints,
  },
  {
    name: "select_n",
    operands: [{ shape: [3, 5], range: [0, 1], dtype: "bool" }, f([3, 5]), f([3, 5])],
    call: (c, x, y) => lax.select(c, x, y),
  },
  {
    name: "select_n with a 0-d predicate",
    operands: [{ shape: [], range: [0, 1], dtype: "bool" }, f([4]), f([4])],
    call: (c, x, y) => lax.select(c, x, y),
  },
  {
    name: "select_n of three cases",
    operands: [int([6], [0, 2]), f([6]), f([6]), f([6])],
    call: (i, x, y, z) => lax.selectN(i, x, y, z),
  },
  {
    name: "convert_element_type",
    operands: [f([6], [-9, 9])],
    call: (x) => x.astype("int32"),
    ...flat,
  },
  {
    name: "convert_element_type to bool",
    operands: [int([6], [0, 1])],
    call: (x) => x.astype("bool"),
    ...ints,
  },
  {
    name: "bitcast_convert_type",
    operands: [int([6])],
    call: (x) => lax.bitcastConvertType(x, "uint32"),
    ...ints,
  },
  {
    name: "broadcast_in_dim",
    operands: [f([3, 1])],
    call: (x) => lax.broadcastInDim(x, [2, 3, 4], [1, 2]),
  },
  { name: "reshape", operands: [f([3, 4])], call: (x) => lax.reshape(x, [2, 6]) },
  { name: "squeeze", operands: [f([3, 1, 2, 1])], call: (x) => lax.squeeze(x, [1]) },
  { name: "transpose", operands: [f([3, 4, 2])], call: (x) => lax.transpose(x, [2, 0, 1]) },
  { name: "slice", operands: [f([5, 7])], call: (x) => lax.slice(x, [1, 0], [4, 7], [1, 3]) },
  {
    name: "pad",
    operands: [f([3, 4]), f([])],
    call: (x, v) => lax.pad(x, v, [[1, 2, 1], [-1, 1, 0]]),
  },
  { name: "rev", operands: [f([3, 4])], call: (x) => lax.rev(x, [1]) },
  {
    name: "concatenate",
    operands: [f([2, 3]), f([2, 1]), f([2, 4])],
    call: (...xs) => lax.concatenate(xs, 1),
  },
  {
    name: "dynamic_slice",
    operands: [f([5, 6]), int([], [-3, 9]), int([], [-3, 9])],
    call: (x, i, j) => lax.dynamicSlice(x, [i, j], [2, 3]),
  },
  {
    name: "dynamic_update_slice",
    operands: [f([5, 6]), f([2, 3]), int([], [-3, 9]), int([], [-3, 9])],
    call: (x, u, i, j) => lax.dynamicUpdateSlice(x, u, [i, j]),
  },
  { name: "gather", operands: [f([5, 3]), int([4], [-5, 4])], call: (x, i) => x.get(i) },
  {
    name: "gather of two axes",
    operands: [f([5, 3, 2]), int([4], [0, 4]), int([4], [0, 2])],
    call: (x, i, j) => x.get(i, j),
  },
  {
    name: "gather, filling",
    operands: [f([5, 3]), int([4], [-5, 4])],
    call: (x, i) => np.take(x, i, { axis: 0 }),
  },
  {
    name: "gather along an axis",
    operands: [f([3, 5]), int([3, 2], [0, 4])],
    call: (x, i) => np.takeAlongAxis(x, i, 1),
  },
  {
    name: "scatter",
    operands: [f([5, 3]), f([2, 3])],
    call: (x, u) => x.at(vn.slice(1, 3)).set(u),
  },
  {
    name: "scatter of repeated indices",
    operands: [f([5]), f([4]), int([4], [0, 2])],
    call: (x, u, i) => x.at(i).set(u),
  },
  {
    name: "scatter-add",
    operands: [f([5, 2]), f([4, 2]), int([4], [0, 4])],
    call: (x, u, i) => x.at(i).add(u),
  },
  { name: "scatter_mul", operands: [f([5]), f([2])], call: (x, u) => x.at(vn.slice(1, 3)).mul(u) },
  {
    name: "scatter_min",
    operands: [f([5]), f([4]), int([4], [0, 4])],
    call: (x, u, i) => x.at(i).min(u),
  },
  {
    name: "scatter_max",
    operands: [f([5]), f([4]), int([4], [0, 4])],
    call: (x, u, i) => x.at(i).max(u),
  },
  { name: "reduce_sum", operands: [f([3, 4, 5])], call: (x) => lax.reduceSum(x, [0, 2]) },
  { name: "reduce_prod", operands: [f([3, 4])], call: (x) => lax.reduceProd(x, [1]) },
  { name: "reduce_max", operands: [f([3, 4])], call: (x) => lax.reduceMax(x, [0]) },
  { name: "reduce_min", operands: [f([3, 4])], call: (x) => lax.reduceMin(x, [0, 1]) },
  ...(["reduceAnd", "reduceOr", "reduceXor"] as const).map((n): Case => ({
    name: n,
    operands: [int([3, 4])],
    call: (x) => lax[n](x, [1]),
    ...ints,
  })),
  { name: "argmax", operands: [f([3, 7])], call: (x) => lax.argmax(x, 1), ...flat },
  { name: "argmin", operands: [f([7, 3])], call: (x) => lax.argmin(x, 0), ...flat },
  { name: "dot_general", operands: [f([3, 4]), f([4, 5])], call: (x, y) => np.matmul(x, y) },
  {
    name: "dot_general, batched",
    operands: [f([2, 3, 4]), f([4, 5, 2])],
    call: (x, y) => lax.dotGeneral(x, y, [[[2], [0]], [[0], [2]]]),
  },
  {
    name: "dot_general over two axes",
    operands: [f([3, 4, 2]), f([2, 5, 4])],
    call: (x, y) => lax.dotGeneral(x, y, [[[1, 2], [2, 0]], [[], []]]),
  },
  { name: "matrix times vector", operands: [f([3, 4]), f([4])], call: (x, y) => np.matmul(x, y) },
  {
    name: "conv_general_dilated",
    operands: [f([2, 3, 5, 4]), f([4, 3, 3, 2])],
    call: (x, w) => lax.convGeneralDilated(x, w, [1, 2], [[1, 1], [0, 1]]),
  },
  {
    name: "conv_general_dilated, dilated, cropped, features last",
    operands: [f([2, 5, 3]), f([3, 3, 2])],
    call: (x, w) =>
      lax.convGeneralDilated(x, w, [2], [[3, -1]], {
        lhsDilation: [3],
        rhsDilation: [2],
        dimensionNumbers: ["NHC", "HIO", "NHC"],
      }),
  },
  {
    name: "conv_general_dilated in groups of features",
    operands: [f([2, 6, 5]), f([4, 3, 2])],
    call: (x, w) => lax.convGeneralDilated(x, w, [1], "SAME", { featureGroupCount: 2 }),
  },
  {
    name: "conv_general_dilated in groups of examples",
    operands: [f([4, 3, 5]), f([6, 3, 2])],
    call: (x, w) => lax.convGeneralDilated(x, w, [2], "SAME_LOWER", { batchGroupCount: 2 }),
  },
  {
    name: "reduce_window_sum",
    operands: [f([4, 5])],
    call: (x) =>
      lax.reduceWindow(x, 0, lax.add, [2, 3], {
        windowStrides: [1, 2],
        padding: [[1, 0], [-1, 2]],
        baseDilation: [1, 2],
        windowDilation: [2, 1],
      }),
  },
  ...([["max", -Infinity], ["min", Infinity]] as const).map(([op, init]): Case => ({
    name:
      `reduce_window_${op}, reduce_window_arg${op}, select_and_gather_add, select_and_scatter_add`,
    operands: [f([5, 6])],
    call: (x) =>
      lax.reduceWindow(x, init, lax[op], [2, 3], {
        windowStrides: [1, 2],
        padding: [[1, 0], [1, 1]],
        windowDilation: [2, 1],
      }),
  })),
  {
    name: "select_and_gather_add",
    operands: [f([5, 6]), f([5, 6])],
    call: (x, t) =>
      vn.jvp((x: vn.NDArray) => lax.reduceWindow(x, -Infinity, lax.max, [2, 3]), [x], [t])[1],
  },
  {
    name: "reduceWindow of another operation",
    operands: [f([4, 5], [0.5, 2]), f([], [0.5, 2])],
    call: (x, init) =>
      lax.reduceWindow(x, init, (a, b) => a.mul(b), [2, 2], { padding: [[0, 1], [1, 0]] }),
  },
  { name: "cumsum", operands: [f([3, 7])], call: (x) => lax.cumsum(x, { axis: 1, reverse: true }) },
  { name: "cumprod", operands: [f([7, 2])], call: (x) => lax.cumprod(x, 0) },
  { name: "cummax", operands: [f([7])], call: (x) => lax.cummax(x, 0) },
  { name: "cummin", operands: [f([7])], call: (x) => lax.cummin(x, 0) },
  { name: "cumlogsumexp", operands: [f([7])], call: (x) => lax.cumlogsumexp(x, 0) },
  { name: "sort", operands: [f([3, 9])], call: (x) => lax.sort(x) },
  { name: "argsort", operands: [f([3, 60])], call: (x) => np.argsort(x), ...flat },
  {
    name: "random_seed",
    operands: [int([4], [0, 99])],
    call: (s) => vn.random.keyData(vn.random.key(s)),
    ...ints,
  },
  {
    name: "random_wrap",
    operands: [{ shape: [3, 2], range: [0, 99], dtype: "uint32" }],
    call: (words) => vn.random.bits(vn.random.wrapKeyData(words).get(1), [3]),
    ...ints,
  },
  {
    name: "threefry2x32",
    operands: Array.from({ length: 4 }, () => ({ shape: [3], range: [0, 99], dtype: "uint32" })),
    call: (...words) => np.stack(threefry2x32(words[0], words[1], words[2], words[3])),
    ...ints,
  },
  ...controlCases,
  ...factorCases,
  ...fourierCases,
  ...complexCases,
  {
    name: "jit",
    operands: [f([3]), f([])],
    call: (x, w) => vn.jit((x: vn.NDArray) => np.sin(x).mul(w))(x),
  },
  {
    name: "custom_jvp_call",
    operands: [f([3]), f([3])],
    call: (x, y) => sineByRule(x, y),
  },
  {
    name: "custom_vjp_call",
    operands: [f([3]), f([3])],
    call: (x, y) => productByRule([x, y]),
    forward: false,
  },
  { name: "iota", operands: [f([3])], call: (x) => lax.add(x, lax.iota(x.dtype, 3)) },
  { name: "copy", operands: [f([3])], call: (x) => np.copy(x) },
  ...([
    ["psum", (x) => lax.psum(x, "i")],
    ["pmax", (x) => lax.pmax(x, "i")],
    ["pmin", (x) => lax.pmin(x, "i")],
    ["axis_index", (x) => lax.axisIndex("i").astype(x.dtype).mul(x)],
    ["all_gather", (x) => lax.allGather(x, "i", { axis: 1 })],
    ["all_gather, tiled", (x) => lax.allGather(x, "i", { tiled: true })],
    ["reduce_scatter", (x) => lax.psumScatter(x, "i")],
    ["reduce_scatter, tiled", (x) => lax.psumScatter(x, "i", { tiled: true })],
    ["all_to_all", (x) => lax.allToAll(x, "i", 0, 1)],
    ["all_to_all, tiled", (x) => lax.allToAll(x, "i", 0, 1, { tiled: true })],
    ["ppermute", (x) => lax.ppermute(x, "i", [[0, 1], [1, 2], [2, 0]])],
  ] as [string, (x: vn.NDArray) => vn.NDArray][]).map(([name, each]): Case => ({
    name: `${name} under a mapped axis`,
    operands: [f([3, 3, 2])],
    call: (x) => vn.vmap(each, { axisName: "i" })(x),
  })),
  {
    name: "sharding_constraint",
    operands: [f([3, 5])],
    call: (x) => vn.filterShard(x, vn.devices()[0]),
  },
  { name: "relu", operands: [f([9])], call: (x) => vn.nn.relu(x) },
  { name: "softmax", operands: [f([3, 7])], call: (x) => vn.nn.softmax(x) },
  { name: "logsumexp", operands: [f([3, 7])], call: (x) => vn.nn.logsumexp(x, 1) },
  {
    name: "random_bits",
    operands: [{ shape: [], range: [0, 9], dtype: "key" }],
    call: (k) => vn.random.bits(k, [7]),
    ...flat,
  },
  { name: "name", operands: [f([3, 5])], call: (x) => vn.checkpointName(x, "a") },
  {
    name: "optimization_barrier",
    operands: [f([3, 5]), f([3, 5])],
    call: (x, y) => {
      const [a, b] = lax.optimizationBarrier([x.mul(y), y]);
      return a.mul(b);
    },
  },
  {
    name: "remat2",
    operands: [f([3, 5]), f([5])],
    call: (x, y) => vn.checkpoint((x: vn.NDArray) => np.sin(np.tanh(x).mul(y)).mul(x))(x),
  },
  {
    name: "noinline",
    operands: [f([3, 5]), f([5])],
    call: (x, y) => apart(x, y),
  },
  {
    name: "remat2 that keeps named values",
    operands: [f([3, 5]), f([5, 3])],
    call: (x, y) =>
      vn.checkpoint(
        (x: vn.NDArray) => np.sin(vn.checkpointName(x.matmul(y), "a")).sum(1),
        { policy: vn.checkpointPolicies.saveOnlyTheseNames("a") },
      )(x),
  },
  {
    name: "random_split",
    operands: [{ shape: [], range: [0, 9], dtype: "key" }],
    call: (k) => vn.random.keyData(vn.random.split(k, 3)),
    ...flat,
  },
  {
    name: "random_fold_in",
    operands: [{ shape: [], range: [0, 9], dtype: "key" }],
    call: (k) => vn.random.keyData(vn.random.foldIn(k, 5)),
    ...flat,
  },
  {
    name: "normal",
    operands: [{ shape: [], range: [0, 9], dtype: "key" }],
    call: (k) => vn.random.normal(k, [7]),
    ...flat,
  },
  {
    name: "threefry2x32 by way of uniform",
    operands: [{ shape: [], range: [0, 9], dtype: "key" }],
    call: (k) => vn.random.uniform(k, [3, 5]),
    ...flat,
  },
];

/** The places of the operands that are differentiated. */
export function differentiatedOperands(c: Case): readonly number[] {
  return c.differentiate ??
    c.operands.flatMap((o, i) => (o.dtype ?? "float") === "float" ? [i] : []);
}

/** A generator of numbers in [0, 1), the same at every run. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The kind of operand whose dtype a case leaves open: floats where there are any, otherwise int32; `null` where neither occurs. */
export function openKind(c: Case): "float" | "int32" | null {
  const kinds = c.operands.map((o) => o.dtype ?? "float");
  return kinds.includes("float") ? "float" : kinds.includes("int32") ? "int32" : null;
}

/**
 * The operands of a case; `batch` puts an axis in front.
 *
 * @param dtype What operands of the case's {@linkcode openKind} are. Integers are drawn from the range of the floats whose place they take.
 */
export function operandsOf(
  c: Case,
  dtype: DType,
  batch: number | null = null,
  seed = 1,
): vn.NDArray[] {
  const random = generator(seed * 7919 + c.name.length * 104729);
  const open = isInexact(dtype) ? "float" : openKind(c);
  return c.operands.map(({ shape, range, dtype: kind = "float", values }) => {
    const full = batch === null ? [...shape] : [batch, ...shape];
    const size = full.reduce((a, b) => a * b, 1);
    const [low, high] = range;
    const draw = (i: number) => values?.[i % values.length] ?? low + random() * (high - low);
    const whole = (i: number) => Math.floor(low + (values?.[i] ?? random()) * (high - low + 1));
    const own = kind === open ? dtype : kind === "float" ? "float32" : kind;
    const next = own === "key" || !isInexact(own) ? whole : draw;
    const numbers = Array.from({ length: size }, (_, i) => next(i));
    if (own === "key") {
      const seeds = np.array(Int32Array.from(numbers)).reshape(full);
      return vn.random.key(seeds);
    }
    if (isComplex(own)) {
      const parts = [numbers, numbers.map((_, i) => draw(i))];
      const [re, im] = parts.map((part) => np.array(part, { dtype: partOf(own) }).reshape(full));
      return lax.complex(re, im);
    }
    const fits = own === "bool" || dtypeInfo(own).kind === "unsigned" ? Math.abs : (x: number) => x;
    return np.array(numbers.map(fits), { dtype: own }).reshape(full);
  });
}
