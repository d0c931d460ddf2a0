/**
 * Embeddings.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../../errors.ts";
import type { ArrayLike, NDArray } from "../../core/array.ts";
import { formatAval, formatShape } from "../../core/aval.ts";
import { type DType, isInteger } from "../../core/dtype.ts";
import { asArray } from "../../numpy/promote.ts";
import { normal } from "../../random/continuous.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";

/** Options of {@linkcode Embedding}: sizes and a key, or the table itself. */
export interface EmbeddingOptions {
  /** The number of rows. */
  readonly numEmbeddings?: number;
  /** The size of each. */
  readonly embeddingSize?: number;
  /** The table, instead of a random one. */
  readonly weight?: NDArray;
  /** Of the table; float32 unless given. */
  readonly dtype?: DType;
  /** Where the initial table comes from. */
  readonly key?: NDArray;
}

/**
 * A table of vectors, looked up by an integer. Standard normal at first.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const table = new nn.Embedding({ numEmbeddings: 10, embeddingSize: 4, key: random.key(0) });
 * table.call(np.array(3, { dtype: "int32" })).shape; // [4]
 * ```
 */
export class Embedding extends Module {
  /** The number of rows. */
  numEmbeddings: number;
  /** The size of each. */
  embeddingSize: number;
  /** Shape `[numEmbeddings, embeddingSize]`. */
  weight: NDArray;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    numEmbeddings: field({ static: true }),
    embeddingSize: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param options See {@linkcode EmbeddingOptions}.
   */
  constructor(options: EmbeddingOptions) {
    super();
    const { weight, numEmbeddings, embeddingSize, key } = options ?? {};
    if (weight !== undefined) {
      const [rows, columns] = [numEmbeddings ?? weight.shape[0], embeddingSize ?? weight.shape[1]];
      if (weight.ndim !== 2 || weight.shape[0] !== rows || weight.shape[1] !== columns) {
        throw new ShapeError(
          `nn.Embedding: weight must have shape [numEmbeddings, embeddingSize]; got ${
            formatShape(weight.shape)
          }`,
        );
      }
      [this.numEmbeddings, this.embeddingSize, this.weight] = [rows, columns, weight];
      return;
    }
    if (numEmbeddings === undefined || embeddingSize === undefined || key === undefined) {
      throw new ArgumentError(
        "nn.Embedding: needs numEmbeddings, embeddingSize and key, or a weight",
      );
    }
    for (const [name, size] of Object.entries({ numEmbeddings, embeddingSize })) {
      if (Number.isInteger(size) && size >= 0) continue;
      throw new ArgumentError(
        `nn.Embedding: ${name} must be a non-negative integer; got ${String(size)}`,
      );
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingSize = embeddingSize;
    this.weight = normal(key, [numEmbeddings, embeddingSize], { dtype: options.dtype });
  }

  /** The row of one integer: a host number, or a 0-d array. For several use `filterVmap`. */
  call(x: ArrayLike, _options: CallOptions = {}): NDArray {
    if (typeof x === "number") return this.weight.get(x);
    const i = asArray(x, "nn.Embedding");
    if (i.ndim !== 0) {
      throw new ShapeError(
        `nn.Embedding: expected one index, of shape []; got ${
          formatShape(i.shape)
        }. For several, map the layer: filterVmap((i) => table.call(i))(x)`,
      );
    }
    if (!isInteger(i.dtype)) {
      throw new DTypeError(`nn.Embedding: expected an integer; got ${formatAval(i.aval)}`);
    }
    return this.weight.get(i);
  }
}
