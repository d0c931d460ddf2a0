/**
 * Binaryen in a quarter of the time. Its one file is 180 KB of JavaScript around 14.6 MB of WASM in a template literal; importing
 * it, V8 reads that literal twice and the code in it copies it once, character by character (0.35 s in all). Here the literal is
 * cut out and decoded from the file's bytes (0.02 s, `kernels/literal/`), and only the rest is run.
 *
 * Of the WASM's 12,710 functions the code generator calls some 600. Where in the file these are is known (`kernels/binaryen_part.ts`), and they can
 * be decoded alone, the others left as functions that trap: a fifth of the time.
 *
 * It counts on the form of the file of one version and gives up at the first surprise; then there is the ordinary import.
 *
 * @module
 */
import type { Binaryen } from "./binaryen.ts";
import { BINARYEN_PART } from "../../../kernels/build/binaryen_part.ts";
import { LITERAL_BASE64 } from "../../../kernels/build/literal.ts";
import { builtinModule } from "../../core/builtin_module.ts";
import { fromBase64 } from "./base64.ts";
import { mayRead } from "./may_read.ts";

/** The part of `node:fs` that is used here. */
interface FileSystem {
  openSync(path: URL, flags: string): number;
  readSync(
    file: number,
    into: Uint8Array,
    offset?: number,
    length?: number,
    position?: number,
  ): number;
  fstatSync(file: number): { readonly size: number };
  closeSync(file: number): void;
}

// Read piece by piece, because touching 15 MB of new memory takes longer than reading the file.
const pieceBytes = 1 << 18;
/** What the decoder reads and writes beyond what it is told. */
const slack = 32;
/** The most bytes that are looked for. */
const mostBytes = 12 << 20;

const backtick = 0x60;

/** What the module of `kernels/literal/` exports; addresses are in its memory. */
interface Decoder {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  decode_literal(from: number, end: number, to: number): number;
}

/** Where in the decoder's memory things are. The first two are fixed there. */
const places = { escapes: 0, written: 256, piece: 1024, bytes: 1024 + pieceBytes + slack } as const;

/** Makes a decoder with room for `bytes` that are decoded. */
function makeDecoder(room: number): Decoder {
  const module = new WebAssembly.Module(fromBase64(LITERAL_BASE64));
  const decoder = new WebAssembly.Instance(module).exports as unknown as Decoder;
  const { memory } = decoder;
  const pages = Math.ceil((places.bytes + room + slack) / 65536);
  memory.grow(pages - memory.buffer.byteLength / 65536);
  const escapes = new Uint8Array(memory.buffer, places.escapes, 256).fill(255);
  for (const [letter, code] of Object.entries({ 0: 0, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 })) {
    escapes[letter.charCodeAt(0)] = code;
  }
  for (const itself of "\\`$") escapes[itself.charCodeAt(0)] = itself.charCodeAt(0);
  return decoder;
}

/** The parts of binaryen's file: what is before and after the literal, and what the literal stands for. */
interface Parts {
  readonly head: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tail: string;
}

function readParts(fs: FileSystem, file: number): Parts | null {
  const { memory, decode_literal: decode } = makeDecoder(mostBytes + pieceBytes);
  const buffer = new Uint8Array(memory.buffer, places.piece, pieceBytes);
  const written = new Uint32Array(memory.buffer, places.written, 1);
  const text = new TextDecoder();
  let length = fs.readSync(file, buffer);
  const head = text.decode(buffer.subarray(0, length));
  let at = head.indexOf("`\\0asm") + 1;
  if (at === 0) return null;
  const start = at - 1;
  for (let to: number = places.bytes; to <= places.bytes + mostBytes; to = written[0]!) {
    // Where something cannot be decoded, the decoder stops before the end that it is given.
    const end = length - slack;
    at = decode(places.piece + at, places.piece + end, to) - places.piece;
    if (at < end) break;
    buffer.copyWithin(0, at, length);
    const kept = length - at;
    const read = fs.readSync(file, buffer.subarray(kept));
    if (read === 0) return null;
    [at, length] = [0, kept + read];
  }
  if (buffer[at] !== backtick) return null;
  const more = { stream: true };
  let tail = text.decode(buffer.subarray(at + 1, length), more);
  for (let read = fs.readSync(file, buffer); read > 0; read = fs.readSync(file, buffer)) {
    tail += text.decode(buffer.subarray(0, read), more);
  }
  const bytes = new Uint8Array(memory.buffer, places.bytes, written[0]! - places.bytes);
  return { head: head.slice(0, start), bytes, tail };
}

/** A body of a function that traps: its size, no locals, `unreachable`, `end`. */
const stub = [3, 0, 0, 0x0b] as const;

/** Reads the functions that are called; `null` where the file is not the one that they are known of. */
function readPart(fs: FileSystem, file: number): Parts | null {
  const { fileBytes, literal, bytes, head, pieces } = BINARYEN_PART;
  if (fs.fstatSync(file).size !== fileBytes) return null;
  const { memory, decode_literal: decode } = makeDecoder(bytes);
  const buffer = new Uint8Array(memory.buffer, places.piece, pieceBytes);
  const all = new Uint8Array(memory.buffer, places.bytes, bytes + slack);
  const written = new Uint32Array(memory.buffer, places.written, 1);
  const table = fromBase64(pieces);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = table[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  let from: number = literal.from;
  let to = 0;
  let isFirst = true;
  while (at < table.length) {
    const left = number();
    for (let i = 0; i < left; i++) {
      for (let j = 0; j < stub.length; j++) all[to++] = stub[j]!;
    }
    from += number();
    const length = number();
    const size = number();
    if (fs.readSync(file, buffer, 0, length + slack, from) < length) return null;
    from += length;
    const end = places.piece + length;
    const address = places.bytes + to;
    // What it writes beyond the piece, up to 16 bytes, is overwritten by the next.
    if (decode(places.piece, end, address) < end || written[0]! < address + size) return null;
    to += size;
    if (isFirst) {
      const codeHead = fromBase64(head);
      all.set(codeHead, to);
      to += codeHead.length;
      isFirst = false;
    }
  }
  if (to !== bytes || from !== literal.to) return null;
  const read = (position: number, length: number): string => {
    const text = new Uint8Array(length);
    return fs.readSync(file, text, 0, length, position) === length
      ? new TextDecoder().decode(text)
      : "";
  };
  return {
    head: read(0, literal.from - 1),
    bytes: all.subarray(0, bytes),
    tail: read(literal.to + 1, fileBytes - literal.to - 1),
  };
}

/**
 * Loads binaryen from its file, or gives `null` where that cannot be done.
 *
 * @param part Whether only functions that are known to be called are loaded; others throw `WebAssembly.RuntimeError`.
 */
export async function loadQuickly(part: "whole" | "part" = "whole"): Promise<Binaryen | null> {
  const fs = builtinModule<FileSystem>("node:fs");
  const address = new URL(import.meta.resolve("binaryen"));
  // Without the question Deno would ask the user.
  if (fs === null || address.protocol !== "file:" || !mayRead(address)) return null;
  const file = fs.openSync(address, "r");
  let parts: Parts | null;
  try {
    parts = part === "part" ? readPart(fs, file) : readParts(fs, file);
  } finally {
    fs.closeSync(file);
  }
  if (parts === null) return null;
  // `decode(`…`)` becomes a name that is bound to the compiled module, and the module a function's body: a
  // function is there at once, where Deno looks over a module for as long as all the rest takes.
  // Searched from the ends: a regular expression over all of it takes as long as the rest of this.
  const { head, tail } = parts;
  let cut = head.length - 1;
  while (/[\w$]/.test(head[cut - 1] ?? "")) cut--;
  const exportAt = tail.lastIndexOf("export");
  const exported = /^export\s*\{\s*([\w$]+) as default\s*\};?\s*$/.exec(tail.slice(exportAt));
  if (!head.endsWith("(") || exported === null) return null;
  const code = `${head.slice(0, cut)}wasmModule${tail.slice(1, exportAt)}`;
  const instantiate = "WebAssembly.instantiate(";
  const at = code.indexOf(instantiate);
  if (at < 0 || code.includes(instantiate, at + 1)) return null;
  const body = `${code}return ${exported[1]};`
    .replace(instantiate, "instantiate(")
    .replaceAll("import.meta.url", JSON.stringify(address.href));
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
    ...parts: string[]
  ) => (...args: unknown[]) => Promise<Binaryen>;
  const run = new AsyncFunction("wasmModule", "instantiate", "globalThis", body);
  const binaryen = await run(
    new WebAssembly.Module(parts.bytes),
    (module: WebAssembly.Module, imports: WebAssembly.Imports) => ({
      instance: new WebAssembly.Instance(module, imports),
    }),
    // It finds no `process` here, and so does not load modules of Node's that it has no use for.
    { TextDecoder },
  );
  return typeof binaryen._BinaryenModuleCreate === "function" ? binaryen : null;
}
