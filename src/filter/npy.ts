/**
 * NumPy's `.npy` records, version 1.0: a header that says dtype and shape, then the elements.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * @module
 */
import { SerialisationError } from "../errors.ts";
import type { Shape } from "../core/aval.ts";

/**
 * The format's names of dtypes, all little-endian. bfloat16 is unknown to NumPy, which writes two opaque bytes; that is what
 * JAX reads as bfloat16.
 */
const descriptors: Readonly<Record<string, string>> = {
  bool: "|b1",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  float16: "<f2",
  bfloat16: "<V2",
  float32: "<f4",
  float64: "<f8",
  complex64: "<c8",
  complex128: "<c16",
};

const magic = Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"));
/** Elements start at a multiple of this, in a file that starts with the record. */
const alignment = 64;
/** NumPy leaves room to write a longer first axis into the header later. */
const growthDigits = 21;

/** What a record's header says. */
export interface NpyHeader {
  /** The element type, by its name here. */
  readonly dtype: string;
  /** The sizes of the axes. */
  readonly shape: Shape;
  /** Whether the first axis is the one whose elements lie next to each other. */
  readonly fortranOrder: boolean;
  /** The number of bytes of the elements. */
  readonly nbytes: number;
}

/** The header of an array's record, byte for byte as `numpy.save` writes it. */
export function npyHeader(dtype: string, shape: Shape): Uint8Array {
  const descriptor = descriptors[dtype];
  if (descriptor === undefined) {
    throw new SerialisationError(`an array of dtype ${dtype} has no form in .npy files`);
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  let text = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  if (shape.length > 0) text += " ".repeat(growthDigits - String(shape[0]).length);
  const before = magic.length + 4;
  const padding = alignment - (before + text.length + 1) % alignment;
  text += " ".repeat(padding) + "\n";
  const header = new Uint8Array(before + text.length);
  header.set(magic);
  header.set([1, 0, text.length & 255, text.length >> 8], magic.length);
  header.set(new TextEncoder().encode(text), before);
  return header;
}

/** Reads exactly so many bytes. */
export type ReadBytes = (length: number) => Promise<Uint8Array>;

/**
 * Reads a record's header; the elements come next.
 *
 * @throws {SerialisationError} Where there is none, or it says something that has no counterpart here.
 */
export async function readNpyHeader(read: ReadBytes): Promise<NpyHeader> {
  const start = await read(magic.length + 2);
  if (magic.some((byte, i) => start[i] !== byte)) {
    throw new SerialisationError("there is no .npy record here");
  }
  const major = start[magic.length];
  if (major < 1 || major > 3) {
    throw new SerialisationError(`.npy records of version ${major} are not known here`);
  }
  // Version 1 has two bytes for the header's length, the later ones four.
  const lengthBytes = await read(major === 1 ? 2 : 4);
  const length = lengthBytes.reduceRight((value, byte) => value * 256 + byte, 0);
  const text = new TextDecoder().decode(await read(length));
  const found = /'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(([^)]*)\)/.exec(
    text,
  );
  if (found === null) {
    throw new SerialisationError(`cannot read the header of a .npy record: ${text.trim()}`);
  }
  const [, descriptor, fortran, sizes] = found;
  const entry = Object.entries(descriptors).find(([, name]) => name === descriptor);
  if (entry === undefined) {
    throw new SerialisationError(
      `the .npy record has elements of type '${descriptor}', which has no counterpart here`,
    );
  }
  const shape = sizes.split(",").filter((size) => size.trim() !== "").map(Number);
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    dtype: entry[0],
    shape,
    fortranOrder: fortran === "True",
    nbytes: size * Number(descriptor.slice(2)),
  };
}
