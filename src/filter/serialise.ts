/**
 * Saving the leaves of a tree and loading them again, in the files of Equinox.
 *
 * @module
 */
import { SerialisationError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { Complex } from "../core/complex.ts";
import { formatShape, type Shape, shapesEqual } from "../core/aval.ts";
import {
  type DType,
  dtypeOfTypedArray,
  isComplex,
  numericDTypes,
  type TypedArray,
  typedArrayClass,
} from "../core/dtype.ts";
import { getEvaluator } from "../core/trace.ts";
import { transpose } from "../numpy/shapes.ts";
import { keyData, wrapKeyData } from "../random/keys.ts";
import { flatten, type IsLeafOption, leafPaths, unflatten } from "../tree/flatten.ts";
import { flattenUpTo } from "../tree/map.ts";
import { keystr, type Path } from "../tree/path.ts";
import {
  type ByteReader,
  type ByteSink,
  type ByteSource,
  openBytes,
  writeBytes,
} from "./byte_streams.ts";
import { isTypedArray } from "./leaves.ts";
import { npyHeader, readNpyHeader } from "./npy.ts";
import { ShapeDtypeStruct, type Structs } from "./struct.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Saves one leaf, or does nothing. */
// deno-lint-ignore no-explicit-any -- it takes whatever leaves the tree has
export type SerialiseSpec = (sink: ByteSink, leaf: any) => unknown;

/** Loads what stands in the place of one leaf, or gives that leaf. */
// deno-lint-ignore no-explicit-any -- as above
export type DeserialiseSpec = (source: ByteReader, leaf: any) => unknown;

/** Options of {@linkcode treeSerialiseLeaves}. */
export interface SerialiseOptions extends IsLeafOption {
  /** How leaves are saved: a function, or a tree of functions that is a prefix of the tree. {@linkcode defaultSerialiseFilterSpec} unless given. */
  readonly filterSpec?: unknown;
}

/** Options of {@linkcode treeDeserialiseLeaves}. */
export interface DeserialiseOptions extends IsLeafOption {
  /** How leaves are loaded: a function, or a tree of functions that is a prefix of `like`. {@linkcode defaultDeserialiseFilterSpec} unless given. */
  readonly filterSpec?: unknown;
}

/**
 * Saves one leaf as Equinox does: arrays and TypedArrays as a record of their dtype and shape; numbers as float64, booleans as bool,
 * bigints as int64, `Complex` numbers as complex128, each of shape `[]`. Other leaves are not saved.
 *
 * Typed PRNG keys, which Equinox refuses, are saved as their `random.keyData`: uint32, with a last axis of size 2.
 *
 * @throws {SerialisationError} For a bigint of more than 64 bits.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * // Saves everything but arrays.
 * const filterSpec: vn.SerialiseSpec = (sink, leaf) =>
 *   vn.isArray(leaf) ? undefined : vn.defaultSerialiseFilterSpec(sink, leaf);
 * const chunks: Uint8Array[] = [];
 * const sink = { write: (bytes: Uint8Array) => chunks.push(bytes) };
 * await vn.treeSerialiseLeaves(sink, [vn.numpy.ones([3]), 4], { filterSpec });
 * chunks.length; // 2: a header and a number
 * ```
 */
export async function defaultSerialiseFilterSpec(sink: ByteSink, leaf: unknown): Promise<void> {
  if (leaf instanceof NDArray) {
    const plain = leaf.dtype === "key<fry>" ? keyData(leaf) : leaf;
    await writeRecord(sink, plain.dtype, plain.shape, await plain.data());
  } else if (isTypedArray(leaf)) {
    await writeRecord(sink, dtypeOfTypedArray(leaf, "treeSerialiseLeaves"), [leaf.length], leaf);
  } else if (typeof leaf === "number") {
    await writeRecord(sink, "float64", [], Float64Array.of(leaf));
  } else if (typeof leaf === "boolean") {
    await writeRecord(sink, "bool", [], Uint8Array.of(leaf ? 1 : 0));
  } else if (typeof leaf === "bigint") {
    if (BigInt.asIntN(64, leaf) !== leaf) {
      throw new SerialisationError(`the bigint ${leaf} does not fit in 64 bits`);
    }
    await writeRecord(sink, "int64", [], BigInt64Array.of(leaf));
  } else if (leaf instanceof Complex) {
    await writeRecord(sink, "complex128", [], Float64Array.of(leaf.re, leaf.im));
  }
}

async function writeRecord(
  sink: ByteSink,
  dtype: string,
  shape: Shape,
  elements: ArrayBufferView,
): Promise<void> {
  await sink.write(npyHeader(dtype, shape));
  const { buffer, byteOffset, byteLength } = elements;
  if (byteLength > 0) await sink.write(new Uint8Array(buffer, byteOffset, byteLength));
}

/**
 * Loads what stands in the place of one leaf: an array for an array or a `ShapeDtypeStruct`, a TypedArray for a TypedArray, a number,
 * boolean or bigint for one of the same kind, whatever numeric type the file has it in. For other leaves, which are not in the
 * file, it gives the leaf.
 */
export async function defaultDeserialiseFilterSpec(
  source: ByteReader,
  leaf: unknown,
): Promise<unknown> {
  if (leaf instanceof NDArray || leaf instanceof ShapeDtypeStruct) {
    const { dtype, shape, elements, fortranOrder } = await readRecord(source);
    // Elements in Fortran's order are the transpose's in C's.
    const array = fortranOrder
      ? transpose(getEvaluator().fromTypedArray(elements, shape.toReversed(), dtype))
      : getEvaluator().fromTypedArray(elements, shape, dtype);
    return leaf.dtype === "key<fry>" && dtype === "uint32" ? wrapKeyData(array) : array;
  }
  if (isTypedArray(leaf)) return (await readRecord(source)).elements;
  const kind = leaf instanceof Complex ? "complex number" : typeof leaf;
  if (!["number", "boolean", "bigint", "complex number"].includes(kind)) return leaf;
  const { dtype, shape, elements } = await readRecord(source);
  if (shape.length > 0 || (isComplex(dtype) && kind !== "complex number")) {
    throw new SerialisationError(
      `expected one ${kind}; the file has an array of dtype ${dtype} and shape ${
        formatShape(shape)
      }`,
    );
  }
  const [value, imaginary = 0] = elements;
  if (kind === "complex number") return new Complex(Number(value), Number(imaginary));
  if (typeof leaf === "boolean") return Boolean(value);
  return typeof leaf === "number" ? Number(value) : BigInt(value);
}

/** A record in memory. */
interface NpyRecord {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly fortranOrder: boolean;
  readonly elements: TypedArray;
}

async function readRecord(source: ByteReader): Promise<NpyRecord> {
  const { dtype, shape, fortranOrder, nbytes } = await readNpyHeader((n) => source.read(n));
  if (!(numericDTypes as readonly string[]).includes(dtype)) {
    throw new SerialisationError(`the file has an array of ${dtype}, which is not supported yet`);
  }
  const bytes = await source.read(nbytes);
  const Elements = typedArrayClass(dtype as DType);
  return {
    dtype: dtype as DType,
    shape,
    fortranOrder,
    elements: new Elements(bytes.buffer as ArrayBuffer),
  };
}

/** A leaf with where it stands and what saves or loads it. */
interface Placed<S> {
  readonly path: string;
  readonly leaf: unknown;
  readonly spec: S;
}

/** All leaves of a tree in order, each with its function of `filterSpec`; and the tree put together of others. */
function place<S>(
  tree: unknown,
  filterSpec: unknown,
  options: IsLeafOption,
  caller: string,
  root: string,
): [placed: Placed<S>[], rebuild: (leaves: readonly unknown[]) => unknown] {
  const [specs, specDef] = flatten(filterSpec);
  const specPaths = leafPaths(specDef);
  const placed: Placed<S>[] = [];
  const rule = `${caller}: filterSpec must be a prefix of the tree`;
  const parts = flattenUpTo(specDef, tree, rule, root).map((subtree, i) => {
    if (typeof specs[i] !== "function") {
      throw new SerialisationError(
        `${caller}: filterSpec must be a function, or a tree of functions; at ${
          keystr(specPaths[i], "filterSpec")
        } it has ${String(specs[i])}`,
      );
    }
    const [leaves, treedef] = flatten(subtree, options);
    const paths: readonly Path[] = leafPaths(treedef);
    leaves.forEach((leaf, j) => {
      const path = keystr([...specPaths[i], ...paths[j]], root);
      placed.push({ path, leaf, spec: specs[i] as S });
    });
    return treedef;
  });
  const rebuild = (leaves: readonly unknown[]) => {
    let at = 0;
    return unflatten(
      specDef,
      parts.map((treedef) => unflatten(treedef, leaves.slice(at, at += treedef.numLeaves))),
    );
  };
  return [placed, rebuild];
}

/** An error of one leaf, with where it stands. */
function atLeaf(caller: string, path: string, error: unknown): SerialisationError {
  const why = error instanceof Error ? error.message : String(error);
  return new SerialisationError(
    `${caller}: error at the leaf ${path}: ${why}`,
    { cause: error },
  );
}

/**
 * Saves the leaves of a tree: arrays, TypedArrays, numbers (`Complex` ones too), booleans and bigints; not functions, strings and other values.
 *
 * The file has the leaves in order, each as a NumPy `.npy` record, and nothing of the structure: it is what Equinox's
 * `tree_serialise_leaves` writes for the same tree, and each library reads the other's. (What Python holds as an `int` is a number
 * here, and saved as float64: Python reads that as an `int` again where its tree has one.)
 *
 * @param target A path, to which `.eqx` is added if it has no suffix; the file is written when all leaves are ready. Or an object with a method
 * `write(bytes)`, such as an open file or the writer of a `WritableStream`, which gets each leaf as it comes.
 * @param pytree Any tree.
 * @param options `filterSpec`, `isLeaf`.
 * @throws {SerialisationError} Where a leaf cannot be saved; the message has its path.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const model = new vn.nn.MLP(2, 2, 8, 2, { key: vn.random.key(0) });
 * const path = `${await Deno.makeTempDir()}/model`;
 * await vn.treeSerialiseLeaves(path, model); // writes model.eqx
 * const like = vn.filterEvalShape(() => new vn.nn.MLP(2, 2, 8, 2, { key: vn.random.key(0) }));
 * const loaded = await vn.treeDeserialiseLeaves<vn.nn.MLP>(path, like);
 * vn.treeEqual(model, loaded); // Array(true, dtype=bool)
 * ```
 */
export async function treeSerialiseLeaves(
  target: string | URL | ByteSink,
  pytree: unknown,
  options: SerialiseOptions = {},
): Promise<void> {
  const caller = "treeSerialiseLeaves";
  checkOptions("treeSerialiseLeaves", options, ["filterSpec", "isLeaf"]);
  const { filterSpec = defaultSerialiseFilterSpec, isLeaf } = options;
  const [placed] = place<SerialiseSpec>(pytree, filterSpec, { isLeaf }, caller, "pytree");
  await writeBytes(target, caller, async (sink) => {
    for (const { path, leaf, spec } of placed) {
      try {
        await spec(sink, leaf);
      } catch (error) {
        throw atLeaf(caller, path, error);
      }
    }
  });
}

/**
 * Loads leaves that {@linkcode treeSerialiseLeaves} or Equinox saved.
 *
 * @param source A path, to which `.eqx` is added if it has no suffix; or bytes; or an object with a method `read(buffer)`, such as an open
 * file, of which no more is read than the leaves.
 * @param like A tree of the same structure, with leaves of the same shapes and dtypes: arrays, `ShapeDtypeStruct`s as
 * {@linkcode filterEvalShape} gives them (name the type then: `treeDeserialiseLeaves<Model>(path, structs)`), numbers. Leaves that are not saved keep
 * their value.
 * @param options `filterSpec`, `isLeaf`.
 * @returns The tree with what was loaded.
 * @throws {SerialisationError} Where the file has something else than `like`; the message has the leaf's path.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const path = `${await Deno.makeTempDir()}/tree`;
 * await vn.treeSerialiseLeaves(path, { x: vn.numpy.array([1, 2]), rate: 0.5, act: Math.tanh });
 * const like = { x: vn.numpy.zeros([2]), rate: 0, act: Math.tanh };
 * const { x, rate } = await vn.treeDeserialiseLeaves(path, like);
 * x.tolist(); // [1, 2]
 * rate; // 0.5
 * ```
 */
export function treeDeserialiseLeaves<T>(
  source: string | URL | Uint8Array | ByteSource,
  like: T,
  options?: DeserialiseOptions,
): Promise<T>;
/** As above, of the structs of a named type. */
export function treeDeserialiseLeaves<T>(
  source: string | URL | Uint8Array | ByteSource,
  like: Structs<T>,
  options?: DeserialiseOptions,
): Promise<T>;
export async function treeDeserialiseLeaves(
  source: string | URL | Uint8Array | ByteSource,
  like: unknown,
  options: DeserialiseOptions = {},
): Promise<unknown> {
  const caller = "treeDeserialiseLeaves";
  checkOptions("treeDeserialiseLeaves", options, ["filterSpec", "isLeaf"]);
  const { filterSpec = defaultDeserialiseFilterSpec, isLeaf } = options;
  const [placed, rebuild] = place<DeserialiseSpec>(like, filterSpec, { isLeaf }, caller, "like");
  const reader = await openBytes(source, caller);
  const leaves: unknown[] = [];
  for (const { path, leaf, spec } of placed) {
    try {
      const loaded = await spec(reader, leaf);
      checkSame(leaf, loaded);
      leaves.push(loaded);
    } catch (error) {
      throw atLeaf(caller, path, error);
    }
  }
  return rebuild(leaves);
}

/** What a leaf is, as far as loading must not change it. */
function kindOf(leaf: unknown): string {
  if (leaf instanceof NDArray || leaf instanceof ShapeDtypeStruct) return "array";
  if (isTypedArray(leaf)) return leaf.constructor.name;
  return leaf === null ? "null" : typeof leaf;
}

/** Checks that what was loaded is of the kind of the leaf that stood in its place. */
function checkSame(leaf: unknown, loaded: unknown): void {
  const changed = (what: string, from: string, to: string) =>
    new SerialisationError(
      `${what} has changed from ${from} in like to ${to} in the file`,
    );
  const [kind, loadedKind] = [kindOf(leaf), kindOf(loaded)];
  if (kind !== loadedKind) throw changed("the type", kind, loadedKind);
  if (kind === "array") {
    const [a, b] = [leaf as NDArray, loaded as NDArray];
    if (!shapesEqual(a.shape, b.shape)) {
      throw changed("the shape", formatShape(a.shape), formatShape(b.shape));
    }
    if (a.dtype !== b.dtype) throw changed("the dtype", a.dtype, b.dtype);
  } else if (isTypedArray(leaf) && leaf.length !== (loaded as typeof leaf).length) {
    throw changed("the length", String(leaf.length), String((loaded as typeof leaf).length));
  }
}
