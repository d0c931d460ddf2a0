/**
 * Cells of recurrent networks: one step each. `lax.scan` runs them over a sequence.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape, type Shape, shapesEqual } from "../../core/aval.ts";
import { matmul } from "../../numpy/linalg_basic.ts";
import { split } from "../../numpy/shapes.ts";
import { add, multiply, subtract } from "../../numpy/ufuncs.ts";
import { split as splitKey } from "../../random/keys.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import { sigmoid, tanh } from "../functions.ts";
import {
  type CallOptions,
  checkArray,
  checkKey,
  type ParameterOptions,
  uniformInit,
} from "./common.ts";
import { describeValue } from "../../filter/leaves.ts";

/** Options of {@linkcode GRUCell} and {@linkcode LSTMCell}. */
export interface RecurrentCellOptions extends ParameterOptions {
  /** Whether to add biases; true unless told. */
  readonly useBias?: boolean;
}

function checkSize(size: number, name: string): void {
  if (Number.isInteger(size) && size >= (name.endsWith("hiddenSize") ? 1 : 0)) return;
  throw new ArgumentError(`${name} must be a positive integer; got ${String(size)}`);
}

function checkStep(x: NDArray, shape: Shape, name: string): void {
  checkArray(x, name);
  if (shapesEqual(x.shape, shape)) return;
  throw new ShapeError(
    `${name} must have shape ${formatShape(shape)}; got ${
      formatShape(x.shape)
    }. A cell takes one step of one example: use lax.scan for a sequence, filterVmap for a batch`,
  );
}

/**
 * One step of a gated recurrent unit. Cho et al. 2014, https://arxiv.org/abs/1406.1078.
 *
 * Parameters start uniform in `±1/√hiddenSize`: Equinox's values for the same key.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const cell = new nn.GRUCell(2, 8, { key: random.key(0) });
 * const step = (hidden: NDArray, x: NDArray) => [cell.call(x, hidden), null] as const;
 * const [hidden] = lax.scan(step, np.zeros([8]), np.ones([5, 2]));
 * hidden.shape; // [8]
 * ```
 */
export class GRUCell extends Module {
  /** From the input; shape `[3 * hiddenSize, inputSize]`: reset, update, new. */
  weightIh: NDArray;
  /** From the hidden state; shape `[3 * hiddenSize, hiddenSize]`. */
  weightHh: NDArray;
  /** Shape `[3 * hiddenSize]`, or `null`. */
  bias: NDArray | null;
  /** Of the hidden state's part of the new value; shape `[hiddenSize]`, or `null`. */
  biasN: NDArray | null;
  /** The size of the input. */
  inputSize: number;
  /** The size of the hidden state. */
  hiddenSize: number;
  /** Whether there are biases. */
  useBias: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    inputSize: field({ static: true }),
    hiddenSize: field({ static: true }),
    useBias: field({ static: true }),
  };

  /**
   * Makes the cell.
   *
   * @param inputSize The size of the input.
   * @param hiddenSize The size of the hidden state.
   * @param options `key`; `useBias`, `dtype`.
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions) {
    super();
    const { useBias = true, dtype } = options ?? {};
    checkSize(inputSize, "nn.GRUCell: inputSize");
    checkSize(hiddenSize, "nn.GRUCell: hiddenSize");
    const keys = splitKey(checkKey(options?.key, "nn.GRUCell"), 4);
    const init = (i: number, shape: Shape) =>
      uniformInit(keys.get(i), shape, Math.sqrt(1 / hiddenSize), dtype, "nn.GRUCell");
    this.weightIh = init(0, [3 * hiddenSize, inputSize]);
    this.weightHh = init(1, [3 * hiddenSize, hiddenSize]);
    this.bias = useBias ? init(2, [3 * hiddenSize]) : null;
    this.biasN = useBias ? init(3, [hiddenSize]) : null;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.useBias = useBias;
  }

  /**
   * The next hidden state.
   *
   * @param input One step of one example, of shape `[inputSize]`.
   * @param hidden The hidden state, of shape `[hiddenSize]`.
   */
  call(input: NDArray, hidden: NDArray, _options: CallOptions = {}): NDArray {
    checkStep(input, [this.inputSize], "nn.GRUCell: input");
    checkStep(hidden, [this.hiddenSize], "nn.GRUCell: hidden");
    const product = matmul(this.weightIh, input);
    const ofInput = split(this.bias === null ? product : add(product, this.bias), 3);
    const ofHidden = split(matmul(this.weightHh, hidden), 3);
    const reset = sigmoid(add(ofInput[0], ofHidden[0]));
    const update = sigmoid(add(ofInput[1], ofHidden[1]));
    const recalled = this.biasN === null ? ofHidden[2] : add(ofHidden[2], this.biasN);
    const next = tanh(add(ofInput[2], multiply(reset, recalled)));
    return add(next, multiply(update, subtract(hidden, next)));
  }
}

/**
 * One step of a long short-term memory. Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000.
 *
 * Parameters start uniform in `±1/√hiddenSize`: Equinox's values for the same key.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const cell = new nn.LSTMCell(2, 8, { key: random.key(0) });
 * const [hidden, memory] = cell.call(np.ones([2]), [np.zeros([8]), np.zeros([8])]);
 * ```
 */
export class LSTMCell extends Module {
  /** From the input; shape `[4 * hiddenSize, inputSize]`: input, forget, cell, output. */
  weightIh: NDArray;
  /** From the hidden state; shape `[4 * hiddenSize, hiddenSize]`. */
  weightHh: NDArray;
  /** Shape `[4 * hiddenSize]`, or `null`. */
  bias: NDArray | null;
  /** The size of the input. */
  inputSize: number;
  /** The size of the hidden state. */
  hiddenSize: number;
  /** Whether there is a bias. */
  useBias: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    inputSize: field({ static: true }),
    hiddenSize: field({ static: true }),
    useBias: field({ static: true }),
  };

  /**
   * Makes the cell.
   *
   * @param inputSize The size of the input.
   * @param hiddenSize The size of the hidden state and of the cell's memory.
   * @param options `key`; `useBias`, `dtype`.
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions) {
    super();
    const { useBias = true, dtype } = options ?? {};
    checkSize(inputSize, "nn.LSTMCell: inputSize");
    checkSize(hiddenSize, "nn.LSTMCell: hiddenSize");
    const keys = splitKey(checkKey(options?.key, "nn.LSTMCell"), 3);
    const init = (i: number, shape: Shape) =>
      uniformInit(keys.get(i), shape, Math.sqrt(1 / hiddenSize), dtype, "nn.LSTMCell");
    this.weightIh = init(0, [4 * hiddenSize, inputSize]);
    this.weightHh = init(1, [4 * hiddenSize, hiddenSize]);
    this.bias = useBias ? init(2, [4 * hiddenSize]) : null;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.useBias = useBias;
  }

  /**
   * The next hidden state and memory.
   *
   * @param input One step of one example, of shape `[inputSize]`.
   * @param hidden The hidden state and the cell's memory, each of shape `[hiddenSize]`.
   */
  call(
    input: NDArray,
    hidden: readonly [hidden: NDArray, memory: NDArray],
    _options: CallOptions = {},
  ): [hidden: NDArray, memory: NDArray] {
    if (!Array.isArray(hidden) || hidden.length !== 2) {
      throw new ArgumentError(
        `nn.LSTMCell: hidden must be a pair [hidden, memory]; got ${describeValue(hidden)}`,
      );
    }
    const [h, c] = hidden;
    checkStep(input, [this.inputSize], "nn.LSTMCell: input");
    checkStep(h, [this.hiddenSize], "nn.LSTMCell: hidden[0]");
    checkStep(c, [this.hiddenSize], "nn.LSTMCell: hidden[1]");
    let gates = add(matmul(this.weightIh, input), matmul(this.weightHh, h));
    if (this.bias !== null) gates = add(gates, this.bias);
    const [i, f, g, o] = split(gates, 4);
    const memory = add(multiply(sigmoid(f), c), multiply(sigmoid(i), tanh(g)));
    return [multiply(sigmoid(o), tanh(memory)), memory];
  }
}
