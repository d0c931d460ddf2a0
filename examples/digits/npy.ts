/**
 * Saving the arrays of a tree and reading them back, in the format of Equinox's
 * `tree_serialise_leaves`: the leaves in order, each as a NumPy `.npy` record, one after the other. A
 * file written here can be read there by a model of the same shape, and the other way round.
 *
 * @module
 */
import * as vn from "@vernal/vernal";

const { tree, numpy: np } = vn;

const types = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int64: "<i8",
  uint32: "<u4",
  uint8: "|u1",
  bool: "|b1",
} as const;

const magic = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];

/** One record: magic, version, the header padded so that the elements start at a multiple of 64, the elements. */
function encode(x: vn.NDArray): Uint8Array<ArrayBuffer>[] {
  const type = types[x.dtype as keyof typeof types];
  if (type === undefined) throw new TypeError(`npy: cannot save an array of ${x.dtype}`);
  const shape = x.ndim === 1 ? `(${x.shape[0]},)` : `(${x.shape.join(", ")})`;
  const dict = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = Math.ceil((magic.length + 2 + dict.length + 1) / 64) * 64 - magic.length - 2;
  const header = new TextEncoder().encode(dict.padEnd(padded - 1) + "\n");
  const data = x.dataSync();
  return [
    Uint8Array.from([...magic, padded & 255, padded >> 8, ...header]),
    new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  ];
}

/** Writes the tree's arrays; other leaves are not saved. */
export async function saveLeaves(path: URL, model: unknown): Promise<void> {
  const arrays = tree.leaves(model).filter(vn.isArray) as vn.NDArray[];
  await Deno.writeFile(path, new Blob(arrays.flatMap(encode)).stream());
}

/**
 * Reads arrays into a copy of `like`, which says where they go; its other leaves are kept.
 *
 * @throws TypeError where an array of the file has another dtype or shape than its place in `like`.
 */
export async function loadLeaves<T>(path: URL, like: T): Promise<T> {
  const bytes = await Deno.readFile(path);
  let at = 0;
  return tree.map((leaf: unknown) => {
    if (!vn.isArray(leaf)) return leaf;
    const place = leaf as vn.NDArray;
    if (!magic.every((byte, i) => bytes[at + i] === byte)) {
      throw new TypeError(`npy: no record at byte ${at} of ${path.pathname}`);
    }
    const length = bytes[at + 8]! + 256 * bytes[at + 9]!;
    const start = at + 10 + length;
    const header = new TextDecoder().decode(bytes.subarray(at + 10, start));
    const [, type, dims] = header.match(/'descr': '(...)'.*'shape': \(([^)]*)\)/)!;
    const shape = dims!.split(",").filter((d) => d.trim() !== "").map(Number);
    if (type !== types[place.dtype as keyof typeof types] || `${shape}` !== `${place.shape}`) {
      throw new TypeError(
        `npy: ${path.pathname} has ${type}[${shape}] where ${place.dtype}[${place.shape}] is expected`,
      );
    }
    at = start + place.nbytes;
    const Elements = place.dataSync().constructor as new (buffer: ArrayBuffer) => Float32Array;
    return np.array(new Elements(bytes.slice(start, at).buffer), { dtype: place.dtype })
      .reshape(shape);
  }, like) as T;
}
