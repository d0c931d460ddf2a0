/**
 * The work in onnxruntime-web, on WebAssembly: inference only, so no training step.
 *
 * @module
 */
import * as ort from "onnxruntime-web";
import {
  convData,
  convError,
  convKernelShape,
  epsilon,
  fusedError,
  matmulError,
  type Prepared,
  rowsError,
  uniform,
  type Work,
} from "../work.ts";
import { attentionData, attentionError, encoderData, encoderError } from "../work_attention.ts";
import { type Node, onnxModel, type Value } from "./onnx.ts";
import { encoderGraph } from "./onnx_encoder.ts";

type Floats = Float32Array | Float64Array;

/** Prepares the work, on one thread. */
export function ortWeb(work: Work): Promise<Prepared | null> {
  return prepareOn(1, work);
}

/** Prepares the work on two threads, where it is a whole network. */
export function ortWebThreads(work: Work): Promise<Prepared | null> {
  return work.kind === "encoder" ? prepareOn(2, work) : Promise.resolve(null);
}

async function prepareOn(threads: number, work: Work): Promise<Prepared | null> {
  ort.env.wasm.numThreads = threads;
  const prepare = async (
    inputs: Record<string, { values: Floats; shape: readonly number[] }>,
    output: readonly number[],
    nodes: readonly Node[],
    error: (out: Floats) => number,
    constants: readonly (Value & { values: Float32Array | BigInt64Array })[] = [],
  ): Promise<Prepared> => {
    const type = Object.values(inputs)[0]!.values instanceof Float64Array ? "float64" : "float32";
    const bytes = onnxModel({
      inputs: Object.entries(inputs).map(([name, { shape }]) => ({ name, type, shape })),
      output: { name: "out", type, shape: output },
      nodes,
      constants,
    });
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { values, shape }]) => [
        name,
        new ort.Tensor(type, values as Float32Array, shape),
      ]),
    );
    return {
      run: () => session.run(feeds),
      facts: async () => {
        const { out } = await session.run(feeds);
        return {
          error: error(out!.data as Floats),
          note: "copies its inputs in and its result out",
        };
      },
    };
  };

  switch (work.kind) {
    case "matmul": {
      const { m, k, n, transposed: t } = work;
      const b = work.batch === null ? [] : [work.batch];
      const cast = (x: Float32Array): Floats => work.dtype === "float64" ? Float64Array.from(x) : x;
      const x = cast(uniform((work.batch ?? 1) * m * k, 1));
      const y = cast(uniform((work.batch ?? 1) * k * n, 2));
      return await prepare(
        {
          x: { values: x, shape: [...b, ...(t ? [k, m] : [m, k])] },
          y: { values: y, shape: [...b, ...(t ? [n, k] : [k, n])] },
        },
        [...b, m, n],
        [
          t
            ? {
              op: "Gemm",
              inputs: ["x", "y"],
              output: "out",
              attributes: { transA: 1, transB: 1 },
            }
            : { op: "MatMul", inputs: ["x", "y"], output: "out" },
        ],
        (out) => matmulError(work, x, y, out),
      );
    }
    case "fused": {
      const h = [1, 2, 3].map((s) => uniform(work.size, s)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const shape = [work.size];
      return await prepare(
        {
          x: { values: h[0], shape },
          y: { values: h[1], shape },
          z: { values: h[2], shape },
        },
        [],
        [
          { op: "Mul", inputs: ["x", "y"], output: "a" },
          { op: "Add", inputs: ["a", "z"], output: "b" },
          { op: "Tanh", inputs: ["b"], output: "c" },
          { op: "Mul", inputs: ["c", "x"], output: "d" },
          { op: "ReduceSum", inputs: ["d"], output: "out", attributes: { keepdims: 0 } },
        ],
        (out) => fusedError(...h, out[0]!),
      );
    }
    case "softmax":
    case "layerNorm": {
      const { rows, cols } = work;
      const x = uniform(rows * cols, 1);
      const one: Value & { values: Float32Array } = {
        name: "scale",
        type: "float32",
        shape: [cols],
        values: new Float32Array(cols).fill(1),
      };
      return await prepare(
        { x: { values: x, shape: [rows, cols] } },
        [rows, cols],
        [
          work.kind === "softmax"
            ? { op: "Softmax", inputs: ["x"], output: "out", attributes: { axis: -1 } }
            : {
              op: "LayerNormalization",
              inputs: ["x", "scale"],
              output: "out",
              attributes: { axis: -1, epsilon: { float: epsilon } },
            },
        ],
        (out) => rowsError(work.kind, cols, x, out as Float32Array),
        work.kind === "softmax" ? [] : [one],
      );
    }
    case "sum": {
      const truth = work.size * Math.fround(0.1);
      return await prepare(
        { x: { values: new Float32Array(work.size).fill(0.1), shape: [work.size] } },
        [],
        [{ op: "ReduceSum", inputs: ["x"], output: "out", attributes: { keepdims: 0 } }],
        (out) => Math.abs(out[0]! / truth - 1),
      );
    }
    case "conv": {
      if (work.gradients) return null;
      const { features, size, window, depthwise } = work;
      const data = convData(work);
      const shape = [1, features, size, size];
      const half = (window - 1) / 2;
      const kernel: Value & { values: Float32Array } = {
        name: "w",
        type: "float32",
        shape: convKernelShape(work),
        values: data.kernel,
      };
      return await prepare(
        { x: { values: data.image, shape } },
        shape,
        [{
          op: "Conv",
          inputs: ["x", "w"],
          output: "out",
          attributes: { pads: [half, half, half, half], group: depthwise ? features : 1 },
        }],
        (out) => convError(work, out),
        [kernel],
      );
    }
    case "increment": {
      const x = Float32Array.of(1, 2, 3, 4);
      return await prepare(
        { x: { values: x, shape: [4] } },
        [4],
        [{ op: "Add", inputs: ["x", "one"], output: "out" }],
        (out) => Math.abs(out[3]! - 5),
        [{ name: "one", type: "float32", shape: [], values: Float32Array.of(1) }],
      );
    }
    case "attention": {
      const { heads, length, size } = work;
      const { q, k, v } = attentionData(work);
      const shape = [heads, length, size];
      const scale = { name: "scale", type: "float32", shape: [] } as const;
      return await prepare(
        Object.fromEntries(
          Object.entries({ q, k, v }).map(([n, values]) => [n, { values, shape }]),
        ),
        shape,
        [
          { op: "Transpose", inputs: ["k"], output: "kt", attributes: { perm: [0, 2, 1] } },
          { op: "MatMul", inputs: ["q", "kt"], output: "products" },
          { op: "Mul", inputs: ["products", "scale"], output: "logits" },
          { op: "Softmax", inputs: ["logits"], output: "weights", attributes: { axis: -1 } },
          { op: "MatMul", inputs: ["weights", "v"], output: "out" },
        ],
        (out) => attentionError(work, out),
        [{ ...scale, values: Float32Array.of(1 / Math.sqrt(size)) }],
      );
    }
    case "encoder": {
      const { x } = encoderData(work);
      const { nodes, constants } = encoderGraph(work);
      const shape = [work.length, work.width];
      return await prepare(
        { x: { values: x, shape } },
        shape,
        nodes,
        (out) => encoderError(work, out),
        constants,
      );
    }
    case "train":
    case "gradients":
    case "ensemble":
    case "rnn":
    case "leaves":
    case "roundTrip":
    case "adam":
    case "madd":
    case "product":
    case "embedding":
    case "affine":
    case "devices":
    case "kernel":
    case "eagerAdd":
      return null;
  }
}
