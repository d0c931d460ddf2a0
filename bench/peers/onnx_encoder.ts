/**
 * The graph of a text encoder, as an exporter would write it.
 *
 * @module
 */
import { type EncoderWork, epsilon } from "../work.ts";
import { type DenseData, encoderData } from "../work_attention.ts";
import type { Constant, Node } from "./onnx.ts";

/** The nodes from `x` to `out`, and their constants. */
export function encoderGraph(work: EncoderWork): { nodes: Node[]; constants: FloatConstant[] } {
  const { layers, width, heads, length } = work;
  const size = width / heads;
  const nodes: Node[] = [];
  const constants: FloatConstant[] = [];
  const floats = (name: string, shape: readonly number[], values: Float32Array): string => {
    constants.push({ name, type: "float32", shape, values });
    return name;
  };
  const shapeOf = (name: string, values: number[]): string => {
    const longs = BigInt64Array.from(values, BigInt);
    constants.push({ name, type: "int64", shape: [values.length], values: longs });
    return name;
  };
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: Node["attributes"] = {},
  ): string => {
    nodes.push({ op, inputs, output, attributes });
    return output;
  };
  const split = shapeOf("split", [length, heads, size]);
  const joined = shapeOf("joined", [length, width]);
  const scale = floats("scale", [], Float32Array.of(1 / Math.sqrt(size)));
  const [half, one, root] = ([["half", 0.5], ["one", 1], ["root", Math.SQRT2]] as const)
    .map(([name, value]) => floats(name, [], Float32Array.of(value))) as [string, string, string];
  const dense = (x: string, name: string, { weight, bias, outs, ins }: DenseData): string => {
    const turned = Float32Array.from(
      weight,
      (_, i) => weight[i % outs * ins + Math.floor(i / outs)]!,
    );
    const w = floats(`${name} weight`, [ins, outs], turned);
    const b = floats(`${name} bias`, [outs], bias);
    return node("Add", [node("MatMul", [x, w], `${name} product`), b], name);
  };
  const norm = (x: string, name: string): string => {
    const gain = floats(`${name} gain`, [width], new Float32Array(width).fill(1));
    const shift = floats(`${name} shift`, [width], new Float32Array(width));
    const attributes = { axis: -1, epsilon: { float: epsilon } };
    return node("LayerNormalization", [x, gain, shift], name, attributes);
  };
  const block = (x: string, data: ReturnType<typeof encoderData>["blocks"][number], i: number) => {
    const named = (name: string) => `${name} ${i}`;
    const of = (name: "query" | "key" | "value", perm: number[]): string => {
      const flat = dense(x, named(name), data[name]);
      return node(
        "Transpose",
        [node("Reshape", [flat, split], named(`${name} split`))],
        named(`${name} heads`),
        {
          perm,
        },
      );
    };
    const [q, k, v] = [of("query", [1, 0, 2]), of("key", [1, 2, 0]), of("value", [1, 0, 2])];
    const products = node("MatMul", [q, k], named("products"));
    const logits = node("Mul", [products, scale], named("logits"));
    const weights = node("Softmax", [logits], named("weights"), { axis: -1 });
    const attended = node("MatMul", [weights, v], named("attended"));
    const back = node("Transpose", [attended], named("back"), { perm: [1, 0, 2] });
    const flat = node("Reshape", [back, joined], named("flat"));
    const output = dense(flat, named("output"), data.output);
    const h = norm(node("Add", [output, x], named("sum")), named("h"));
    const up = dense(h, named("up"), data.up);
    const erf = node("Erf", [node("Div", [up, root], named("scaled"))], named("erf"));
    const gate = node("Mul", [up, node("Add", [erf, one], named("gate"))], named("gated"));
    const active = node("Mul", [gate, half], named("active"));
    const down = dense(active, named("down"), data.down);
    const last = i === layers - 1 ? "out" : named("y");
    return norm(node("Add", [down, h], named("sum 2")), last);
  };
  encoderData(work).blocks.reduce(block, "x");
  return { nodes, constants };
}

/** A constant of floats or of a shape. */
export type FloatConstant = Constant & { readonly values: Float32Array | BigInt64Array };
