/**
 * Trees as text that one can read: arrays as `f32[3,4]`, lines of bounded width.
 *
 * The layout is that of P. Wadler, "A prettier printer" (2003), in its simplest form: a group is written on
 * one line if it fits, and otherwise with every part on a line of its own.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray } from "../core/aval.ts";
import { dtypeInfo, dtypeOfTypedArray } from "../core/dtype.ts";
import { Tracer } from "../core/trace.ts";
import { pformatKey } from "../tree/brands.ts";
import { callableName } from "../tree/callable.ts";
import { unguarded } from "../tree/guard.ts";
import { isModule } from "../tree/module.ts";
import { BoundMethod } from "../tree/partial.ts";
import { nodeTypeOf } from "../tree/registry.ts";
import { TreeDef } from "../tree/treedef.ts";
import { describeValue, isTypedArray } from "./leaves.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import { wrapped } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Options of {@linkcode treePformat} and {@linkcode treePprint}. */
export interface PformatOptions {
  /** The most characters on a line, where that can be had; 80 unless given. */
  readonly width?: number;
  /** By how much each level is indented; 2 unless given. */
  readonly indent?: number;
  /** Whether arrays are written as dtype and shape; otherwise their elements are. True unless given. */
  readonly shortArrays?: boolean;
  /** Whether a `ShapeDtypeStruct` is written as an array is. */
  readonly structAsArray?: boolean;
  /** Nodes for which this is true are written as `Name(...)`. */
  readonly truncateLeaf?: (node: unknown) => boolean;
}

/**
 * A tree as text.
 *
 * Modules are written as `Linear(weight=f32[3,2], bias=null)`, static fields included; functions as
 * `<function name>`.
 *
 * @param pytree Any tree.
 * @param options See {@linkcode PformatOptions}.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.treePformat({ x: vn.numpy.zeros([3, 4]), act: Math.tanh }); // { x: f32[3,4], act: <function tanh> }
 * ```
 */
export function treePformat(pytree: unknown, options: PformatOptions = {}): string {
  checkPformatOptions(options, "treePformat");
  const doc = describe(pytree, { ...options, open: new Set() });
  return render(doc, options.width ?? 80, options.indent ?? 2);
}

function checkPformatOptions(options: PformatOptions, where: string): void {
  checkOptions(where, options, ["width", "indent", "shortArrays", "structAsArray", "truncateLeaf"]);
  const { width = 80, indent = 2, truncateLeaf = null } = options;
  for (const [name, value] of Object.entries({ width, indent })) {
    if (typeof value === "number" && value >= 0) continue;
    throw new ArgumentError(
      `${where}: options.${name} must be a number of characters; got ${describeValue(value)}`,
    );
  }
  if (truncateLeaf !== null && typeof truncateLeaf !== "function") {
    throw new ArgumentError(
      `${where}: options.truncateLeaf must be a function of a node; got ${
        describeValue(truncateLeaf)
      }`,
    );
  }
}

/** Prints a tree, as {@linkcode treePformat} writes it. */
export function treePprint(pytree: unknown, options: PformatOptions = {}): void {
  console.log(treePformat(pytree, options));
}

/** A text, or parts between brackets that are laid out on one line or on one line each. */
type Doc = string | Group;

interface Group {
  readonly open: string;
  readonly parts: readonly { readonly label: string; readonly value: Doc }[];
  readonly close: string;
  /** The whole on one line. */
  readonly line: string;
}

interface Context extends PformatOptions {
  /** The nodes that are being written: a tree that contains itself must end. */
  readonly open: Set<object>;
}

function describe(node: unknown, context: Context): Doc {
  if (node == null) return "null";
  if (context.truncateLeaf?.(node) === true) return `${className(node)}(...)`;
  if (node instanceof NDArray) return describeArray(node, context);
  if (isTypedArray(node)) return describeTypedArray(node, context);
  if (node instanceof ShapeDtypeStruct) {
    return context.structAsArray === true ? short(node.aval) : node.toString();
  }
  switch (typeof node) {
    case "string":
      return JSON.stringify(node);
    case "bigint":
      return `${node}n`;
    case "function": {
      const inner = wrapped(node);
      return inner !== undefined && typeof inner !== "function"
        ? group("<wrapped ", [["", describe(inner, context)]], ">", "")
        : describeFunction(node);
    }
    case "object":
      return describeObject(node, context);
    default:
      return String(node);
  }
}

function describeObject(node: object, context: Context): Doc {
  if (context.open.has(node)) return "<itself>";
  context.open.add(node);
  try {
    const type = nodeTypeOf(node);
    switch (type.kind) {
      case "array":
        return group(
          "[",
          Array.from(node as unknown[], (x) => ["", describe(x, context)]),
          "]",
          "",
        );
      case "dict":
        return group("{", entriesOf(node, ": ", context), "}", " ");
      case "kwargs":
        return group("kwargs({", entriesOf(node, ": ", context), "})", " ");
      case "map":
        return group(
          "Map {",
          [...(node as Map<unknown, unknown>)].map((
            [k, v],
          ) => [`${flat(describe(k, context))} => `, describe(v, context)]),
          "}",
          " ",
        );
      case "module":
        if (node instanceof BoundMethod) {
          return group(
            `<bound method ${className(node.self)}.${node.name} of `,
            [["", describe(node.self, context)]],
            ">",
            "",
          );
        }
        return group(`${type.name}(`, entriesOf(unguarded(node), "=", context), ")", "");
      case "custom": {
        const own = (node as { [pformatKey]?: () => string | null })[pformatKey]?.() ?? null;
        if (own !== null) return own;
        if (type.flattenWithKeys !== null) {
          const [entries] = type.flattenWithKeys(node);
          const parts = entries.map(([name, x]) => [`${name}=`, describe(x, context)] as const);
          return group(`${type.name}(`, parts, ")", "");
        }
        const [children] = type.flatten(node);
        return group(`${type.name}(`, children.map((x) => ["", describe(x, context)]), ")", "");
      }
      default:
        return describeInstance(node, context);
    }
  } finally {
    context.open.delete(node);
  }
}

function describeInstance(node: object, context: Context): Doc {
  if (node instanceof TreeDef || node instanceof Date || node instanceof RegExp) {
    return String(node);
  }
  if (node instanceof Set) {
    return group("Set {", [...node].map((x) => ["", describe(x, context)]), "}", " ");
  }
  return `<${className(node)}>`;
}

function describeArray(array: NDArray, { shortArrays = true }: Context): string {
  if (shortArrays) return short(array.aval);
  return array instanceof Tracer ? `Traced<${formatAval(array.aval)}>` : String(array);
}

function describeTypedArray(array: ArrayBufferView & { length: number }, context: Context): string {
  const name = array.constructor.name;
  if (context.shortArrays === false) {
    return `${name} [${Array.from(array as Uint8Array).join(", ")}]`;
  }
  try {
    return `${dtypeInfo(dtypeOfTypedArray(array, "treePformat")).short}[${array.length}](${name})`;
  } catch {
    return `${name}[${array.length}]`; // no dtype of ours, but a leaf that can be printed all the same
  }
}

function short(aval: ShapedArray): string {
  return (aval.weakType ? "weak_" : "") + formatAval(aval);
}

// deno-lint-ignore ban-types -- any function at all
function describeFunction(fn: Function): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(fn)) ? "class" : "function";
  return `<${kind} ${callableName(fn)}>`;
}

function entriesOf(node: object, sign: string, context: Context): [string, Doc][] {
  return Object.keys(node).map((key) => {
    const name = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? key : JSON.stringify(key);
    return [name + sign, describe((node as Record<string, unknown>)[key], context)];
  });
}

function className(node: unknown): string {
  if (isModule(node)) return node.constructor.name;
  return (node as object).constructor?.name ?? "object";
}

/** A group; `pad` separates the brackets from the parts on one line: a space inside braces. */
function group(
  open: string,
  parts: readonly (readonly [string, Doc])[],
  close: string,
  pad: string,
): Doc {
  if (parts.length === 0) return open + close;
  const list = parts.map(([label, value]) => ({ label, value }));
  const line = open + pad + list.map(({ label, value }) => label + flat(value)).join(", ") + pad +
    close;
  return { open, parts: list, close, line };
}

/** On one line. */
function flat(doc: Doc): string {
  return typeof doc === "string" ? doc : doc.line;
}

function render(doc: Doc, width: number, indent: number): string {
  const write = (doc: Doc, level: number, before: number, after: number): string => {
    const line = flat(doc);
    if (typeof doc === "string") return line;
    if (!line.includes("\n") && before + line.length + after <= width) return line;
    const inner = level + indent;
    const lines = doc.parts.map(({ label, value }, i) => {
      const comma = i < doc.parts.length - 1 ? "," : "";
      const text = write(value, inner, inner + label.length, comma.length);
      return " ".repeat(inner) + label + text + comma;
    });
    return `${doc.open.trimEnd()}\n${lines.join("\n")}\n${" ".repeat(level)}${doc.close}`;
  };
  return write(doc, 0, 0, 0);
}
