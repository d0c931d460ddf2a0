/**
 * Where serialised bytes go and come from: files by path, open files, streams, memory.
 *
 * @module
 */
import { ArgumentError, SerialisationError } from "../errors.ts";
import { builtinModule } from "../core/builtin_module.ts";

/**
 * Takes bytes, all that it is handed, in order: an open `Deno.FsFile`, the writer of a `WritableStream`, or any object with such a
 * method. Promises are awaited.
 */
export interface ByteSink {
  /** Takes the next bytes. */
  write(bytes: Uint8Array): unknown;
}

/** Gives bytes: an open `Deno.FsFile`, or any object with such a method. */
export interface ByteSource {
  /** Fills the buffer, or a part of it from the start; gives the number of bytes, `null` at the end. */
  read(buffer: Uint8Array): number | null | Promise<number | null>;
}

/** What the functions of a `filterSpec` read from. */
export interface ByteReader {
  /** Exactly so many of the next bytes, in memory of their own. */
  read(length: number): Promise<Uint8Array>;
}

/** The part of Node's file functions that is used here. */
interface FileSystem {
  readFile(path: string | URL): Promise<Uint8Array>;
  writeFile(path: string | URL, data: Uint8Array): Promise<void>;
}

function fileSystem(caller: string): FileSystem {
  const fs = builtinModule<FileSystem>("node:fs/promises");
  if (fs !== null) return fs;
  throw new ArgumentError(
    `${caller}: there are no files here; hand over bytes, or an object with a method write or read`,
  );
}

/** A path with the suffix `.eqx` where it has none. */
export function withSuffix(path: string | URL): string | URL {
  if (path instanceof URL) {
    const url = new URL(path);
    url.pathname = withSuffix(url.pathname) as string;
    return url;
  }
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  // A dot that starts or ends the name starts no suffix.
  return /.\../.test(name) ? path : `${path}.eqx`;
}

function isPath(x: unknown): x is string | URL {
  return typeof x === "string" || x instanceof URL;
}

/**
 * Hands a sink to a function. A file is written when the function has ended, so that it is not touched where that throws.
 */
export async function writeBytes(
  target: string | URL | ByteSink,
  caller: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  if (isPath(target)) {
    const fs = fileSystem(caller);
    const parts: Uint8Array[] = [];
    await write({ write: (bytes) => void parts.push(bytes.slice()) });
    const path = withSuffix(target);
    await orRefuse(fs.writeFile(path, concatenate(parts)), `${caller}: writing ${path}`);
  } else if (typeof (target as ByteSink | null)?.write === "function") {
    await write(isDenoFile(target) ? wholeWrites(target) : target);
  } else {
    throw new ArgumentError(
      `${caller}: expected a path, or an object with a method write(bytes); got ${String(target)}`,
    );
  }
}

/** A reader of a file, of bytes, or of a source. */
export async function openBytes(
  source: string | URL | Uint8Array | ByteSource,
  caller: string,
): Promise<ByteReader> {
  if (isPath(source)) {
    const path = withSuffix(source);
    return readerOf(
      await orRefuse(fileSystem(caller).readFile(path), `${caller}: reading ${path}`),
    );
  }
  if (source instanceof Uint8Array) return readerOf(source);
  if (typeof (source as ByteSource | null)?.read !== "function") {
    throw new ArgumentError(
      `${caller}: expected a path, bytes, or an object with a method read(buffer); got ${
        String(source)
      }`,
    );
  }
  return {
    read: async (length) => {
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const count = await source.read(bytes.subarray(filled));
        if (count === null || count === 0) throw ended(filled, length);
        filled += count;
      }
      return bytes;
    },
  };
}

/** What the system says of a file, with who asked for which. */
async function orRefuse<T>(work: Promise<T>, what: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new SerialisationError(`${what} failed: ${text}`, { cause });
  }
}

function readerOf(given: Uint8Array): ByteReader {
  // Of Node's buffers, slices would be views.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  let at = 0;
  return {
    // deno-lint-ignore require-await -- failures are to be rejections, as with other sources
    read: async (length) => {
      if (at + length > bytes.length) throw ended(bytes.length - at, length);
      return bytes.slice(at, at += length);
    },
  };
}

function ended(found: number, length: number): SerialisationError {
  return new SerialisationError(
    `the file ends too early: expected ${length} bytes more, found ${found}`,
  );
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

type PartialSink = { write(bytes: Uint8Array): Promise<number> };

/** A `Deno.FsFile` may take a part at a time; of other objects a number that `write` returns may mean anything. */
function isDenoFile(sink: unknown): sink is PartialSink {
  return typeof (sink as { writeSync?: unknown }).writeSync === "function";
}

function wholeWrites(file: PartialSink): ByteSink {
  return {
    write: async (bytes) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    },
  };
}
