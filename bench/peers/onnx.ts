/**
 * Just enough of the ONNX file format to write a graph of a few nodes.
 *
 * A model is a Protocol Buffers message; field numbers as in the format's `onnx.proto`.
 *
 * @module
 */

/** Bytes; weights stay where they are until the whole model is put together. */
type Bytes = readonly Uint8Array[];

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}

const lengthOf = (body: Bytes): number => body.reduce((n, part) => n + part.length, 0);

const integer = (field: number, value: number): Bytes => [varint(field << 3), varint(value)];

const message = (field: number, body: Bytes): Bytes => [
  varint((field << 3) | 2),
  varint(lengthOf(body)),
  ...body,
];

const text = (field: number, value: string): Bytes =>
  message(field, [new TextEncoder().encode(value)]);

/** An element type, by its number in the format. */
export type ElementType = "float32" | "float64" | "int64";

const elementTypes: Record<ElementType, number> = { float32: 1, int64: 7, float64: 11 };

/** An attribute: an integer, or `{ float }`, or a list of integers. */
export type Attribute = number | { readonly float: number } | readonly number[];

/** A node: `outputs = op(inputs)`. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Record<string, Attribute>;
}

/** A named value with its shape. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
}

/** A constant that is stored in the file. */
export interface Constant extends Value {
  readonly values: Float32Array | Float64Array | BigInt64Array;
}

function attribute(name: string, value: Attribute): Bytes {
  if (typeof value === "number") {
    return [...text(1, name), ...integer(3, value), ...integer(20, 2)];
  }
  if ("float" in value) {
    const bits = new Uint8Array(new Float32Array([value.float]).buffer);
    return [...text(1, name), varint((2 << 3) | 5), bits, ...integer(20, 1)];
  }
  return [...text(1, name), ...value.flatMap((v) => integer(8, v)), ...integer(20, 7)];
}

function valueInfo({ name, type, shape }: Value): Bytes {
  const dims = shape.flatMap((d) => message(1, integer(1, d)));
  const tensor = [...integer(1, elementTypes[type]), ...message(2, dims)];
  return [...text(1, name), ...message(2, message(1, tensor))];
}

function constant({ name, type, shape, values }: Constant): Bytes {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [
    ...shape.flatMap((d) => integer(1, d)),
    ...integer(2, elementTypes[type]),
    ...text(8, name),
    ...message(9, [raw]),
  ];
}

/** The model's bytes. */
export function onnxModel(graph: {
  inputs: readonly Value[];
  output: Value;
  nodes: readonly Node[];
  constants?: readonly Constant[];
}): Uint8Array<ArrayBuffer> {
  const nodes = graph.nodes.flatMap((node) =>
    message(1, [
      ...node.inputs.flatMap((name) => text(1, name)),
      ...text(2, node.output),
      ...text(4, node.op),
      ...Object.entries(node.attributes ?? {}).flatMap(([k, v]) => message(5, attribute(k, v))),
    ])
  );
  const body = [
    ...nodes,
    ...text(2, "bench"),
    ...(graph.constants ?? []).flatMap((c) => message(5, constant(c))),
    ...graph.inputs.flatMap((v) => message(11, valueInfo(v))),
    ...message(12, valueInfo(graph.output)),
  ];
  // ir_version 8, opset 17: the first one with LayerNormalization.
  const parts = [
    ...integer(1, 8),
    ...message(7, body),
    ...message(8, [...text(1, ""), ...integer(2, 17)]),
  ];
  const model = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    model.set(part, at);
    at += part.length;
  }
  return model;
}
