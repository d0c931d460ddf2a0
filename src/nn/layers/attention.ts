/**
 * Attention with several heads.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape, shapesEqual } from "../../core/aval.ts";
import { filterVmap } from "../../filter/vmap.ts";
import { reshape } from "../../ops/shape.ts";
import { split } from "../../random/keys.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import { attendOneHead } from "../attention.ts";
import { checkArray, checkKey, type ParameterOptions } from "./common.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";

/** Options of {@linkcode MultiheadAttention}. */
export interface MultiheadAttentionOptions extends ParameterOptions {
  /** The size of a key before its projection; `querySize` unless given. */
  readonly keySize?: number | null;
  /** The size of a value before its projection; `querySize` unless given. */
  readonly valueSize?: number | null;
  /** The size of an output; `querySize` unless given. */
  readonly outputSize?: number | null;
  /** The size of a query and key in each head; `querySize / numHeads`, rounded down, unless given. */
  readonly qkSize?: number | null;
  /** The size of a value and output in each head; `querySize / numHeads`, rounded down, unless given. */
  readonly voSize?: number | null;
  /** Whether the projection of queries has a bias; false unless told. */
  readonly useQueryBias?: boolean;
  /** Whether the projection of keys has a bias; false unless told. */
  readonly useKeyBias?: boolean;
  /** Whether the projection of values has a bias; false unless told. */
  readonly useValueBias?: boolean;
  /** Whether the projection of outputs has a bias; false unless told. */
  readonly useOutputBias?: boolean;
  /** The probability of dropping a weight; 0 unless given. */
  readonly dropoutP?: number;
  /** Whether not to drop any; false unless told. `nn.inferenceMode` sets it. */
  readonly inference?: boolean;
}

/** Queries, keys and values split into heads: each of shape `[sequence, heads, size]`. */
export type Heads = readonly [query: NDArray, key: NDArray, value: NDArray];

/** What a call of {@linkcode MultiheadAttention} takes beside the sequences. */
export interface MultiheadAttentionCallOptions {
  /** Which position of the keys each query may look at: boolean, `[queries, keys]`, or `[heads, queries, keys]`. All unless given. */
  readonly mask?: NDArray | null;
  /** Randomness for the dropout. */
  readonly key?: NDArray | null;
  /** Whether the dropout hands everything on; its own flag unless given. */
  readonly inference?: boolean | null;
  /** Changes the heads before attention, such as by {@linkcode RotaryPositionalEmbedding}; their shapes stay. */
  readonly processHeads?: ((query: NDArray, key: NDArray, value: NDArray) => Heads) | null;
}

/**
 * Attention by several heads, each with projections of its own. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762.
 *
 * Equinox's weights for the same key.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const attention = new nn.MultiheadAttention(2, 8, { key: random.key(0) });
 * const x = np.ones([5, 8]);
 * attention.call(x, x, x, { mask: np.tril(np.ones([5, 5], { dtype: "bool" })) }).shape; // [5, 8]
 * ```
 */
export class MultiheadAttention extends Module {
  /** To the heads' queries. */
  queryProj: Linear;
  /** To the heads' keys. */
  keyProj: Linear;
  /** To the heads' values. */
  valueProj: Linear;
  /** From the heads' outputs. */
  outputProj: Linear;
  /** Of the weights. */
  dropout: Dropout;
  /** The number of heads. */
  numHeads: number;
  /** The size of a query before its projection. */
  querySize: number;
  /** The size of a key before its projection. */
  keySize: number;
  /** The size of a value before its projection. */
  valueSize: number;
  /** The size of an output. */
  outputSize: number;
  /** The size of a query and key in each head. */
  qkSize: number;
  /** The size of a value and output in each head. */
  voSize: number;
  /** Whether the projection of queries has a bias. */
  useQueryBias: boolean;
  /** Whether the projection of keys has a bias. */
  useKeyBias: boolean;
  /** Whether the projection of values has a bias. */
  useValueBias: boolean;
  /** Whether the projection of outputs has a bias. */
  useOutputBias: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = Object.fromEntries(
    [
      "numHeads",
      "querySize",
      "keySize",
      "valueSize",
      "outputSize",
      "qkSize",
      "voSize",
      "useQueryBias",
      "useKeyBias",
      "useValueBias",
      "useOutputBias",
    ].map((name) => [name, field({ static: true })]),
  );

  /**
   * Makes the layer.
   *
   * @param numHeads The number of heads.
   * @param querySize The size of a query.
   * @param options `key`; see {@linkcode MultiheadAttentionOptions}.
   */
  constructor(numHeads: number, querySize: number, options: MultiheadAttentionOptions) {
    super();
    if (!Number.isInteger(numHeads) || numHeads < 1) {
      throw new ArgumentError(
        `nn.MultiheadAttention: numHeads must be a positive integer; got ${String(numHeads)}`,
      );
    }
    const keys = split(checkKey(options?.key, "nn.MultiheadAttention"), 4);
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    const perHead = Math.floor(querySize / numHeads);
    this.numHeads = numHeads;
    this.querySize = querySize;
    this.keySize = options.keySize ?? querySize;
    this.valueSize = options.valueSize ?? querySize;
    this.outputSize = options.outputSize ?? querySize;
    this.qkSize = options.qkSize ?? perHead;
    this.voSize = options.voSize ?? perHead;
    this.useQueryBias = options.useQueryBias ?? false;
    this.useKeyBias = options.useKeyBias ?? false;
    this.useValueBias = options.useValueBias ?? false;
    this.useOutputBias = options.useOutputBias ?? false;
    const projection = (i: number, from: number, to: number, useBias: boolean) =>
      new Linear(from, to, { key: keys.get(i), useBias, ...dtype });
    const [qk, vo] = [numHeads * this.qkSize, numHeads * this.voSize];
    this.queryProj = projection(0, querySize, qk, this.useQueryBias);
    this.keyProj = projection(1, this.keySize, qk, this.useKeyBias);
    this.valueProj = projection(2, this.valueSize, vo, this.useValueBias);
    this.outputProj = projection(3, vo, this.outputSize, this.useOutputBias);
    this.dropout = new Dropout({
      p: options.dropoutP ?? 0,
      inference: options.inference ?? false,
    });
  }

  /**
   * Attends, for one example.
   *
   * @param query Of shape `[queries, querySize]`.
   * @param key Of shape `[keys, keySize]`.
   * @param value Of shape `[keys, valueSize]`.
   * @param options `mask`, `key`, `inference`, `processHeads`.
   * @returns Of shape `[queries, outputSize]`.
   * @throws {ShapeError} Where the shapes do not fit.
   */
  call(
    query: NDArray,
    key: NDArray,
    value: NDArray,
    options: MultiheadAttentionCallOptions = {},
  ): NDArray {
    const { mask = null, key: randomKey = null, inference = null, processHeads = null } = options;
    const given: [string, NDArray, number][] = [
      ["query", query, this.querySize],
      ["key", key, this.keySize],
      ["value", value, this.valueSize],
    ];
    for (const [name, x, size] of given) {
      checkArray(x, `nn.MultiheadAttention: ${name}`);
      if (x.ndim === 2 && x.shape[1] === size) continue;
      throw new ShapeError(
        `nn.MultiheadAttention: ${name} must have shape [sequence, ${size}]; got ${
          formatShape(x.shape)
        }. For a batch, map the layer with filterVmap`,
      );
    }
    if (key.shape[0] !== value.shape[0]) {
      throw new ShapeError(
        `nn.MultiheadAttention: key and value must be sequences of one length; got ${
          key.shape[0]
        } and ${value.shape[0]}`,
      );
    }
    const heads = this.numHeads;
    const projected: Heads = [
      project(this.queryProj, query, heads),
      project(this.keyProj, key, heads),
      project(this.valueProj, value, heads),
    ];
    const [q, k, v] = processHeads === null ? projected : processHeads(...projected);
    if ([q, k, v].some((x, i) => !shapesEqual(x.shape, projected[i].shape))) {
      throw new ShapeError(
        "nn.MultiheadAttention: processHeads must leave the shapes of the heads as they are; it changed " +
          `${projected.map((x) => formatShape(x.shape)).join(", ")} to ${
            [q, k, v].map((x) => formatShape(x.shape)).join(", ")
          }`,
      );
    }
    const keys = randomKey === null ? null : split(randomKey, heads);
    const attended = filterVmap(
      (
        q: NDArray,
        k: NDArray,
        v: NDArray,
        mask: NDArray | null,
        key: NDArray | null,
      ) => attendOneHead(q, k, v, { mask, key, inference, dropout: this.dropout }),
      { inAxes: [1, 1, 1, mask?.ndim === 3 ? 0 : null, keys === null ? null : 0], outAxes: 1 },
    )(q, k, v, mask, keys);
    return filterVmap(this.outputProj)(reshape(attended, [query.shape[0], heads * this.voSize]));
  }
}

/** A sequence projected and split into heads. */
function project(projection: Linear, x: NDArray, heads: number): NDArray {
  const flat = filterVmap(projection)(x);
  return reshape(flat, [x.shape[0], heads, flat.shape[1] / heads]);
}
