/**
 * Binaryen in a quarter of the time. Its one file is 180 KB of JavaScript around 14.6 MB of WASM in a template literal; importing
 * it, V8 reads that literal twice and the code in it copies it once, character by character (0.35 s in all). Here the literal is
 * cut out and decoded from the file's bytes (0.03 s), and only the rest is run.
 *
 * It counts on the form of the file of one version and gives up at the first surprise; then there is the ordinary import.
 *
 * @module
 */
import type { Binaryen } from "./binaryen.ts";
import { builtinModule } from "../../core/builtin_module.ts";
import { mayRead } from "./may_read.ts";

/** The part of `node:fs` that is used here. */
interface FileSystem {
  openSync(path: URL, flags: string): number;
  readSync(file: number, into: Uint8Array): number;
  closeSync(file: number): void;
}

// Read piece by piece, because touching 15 MB of new memory takes longer than reading the file.
const pieceBytes = 1 << 18;

const backslash = 0x5c;
const backtick = 0x60;

/** What the letter after a backslash stands for; -1 for what has not been seen in this file. */
function escapeTable(): Int16Array {
  const table = new Int16Array(256).fill(-1);
  for (const [letter, code] of Object.entries({ 0: 0, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 })) {
    table[letter.charCodeAt(0)] = code;
  }
  for (const itself of "\\`$") table[itself.charCodeAt(0)] = itself.charCodeAt(0);
  return table;
}

/** Decodes a literal piece by piece. */
class LiteralDecoder {
  /** Where in its piece the last call stopped: at the closing backtick, or at what is to begin the next piece. */
  stop = 0;
  readonly #out: Uint8Array<ArrayBuffer>;
  readonly #escapes = escapeTable();
  #length = 0;

  constructor(limit: number) {
    this.#out = new Uint8Array(limit);
  }

  /** What the literal stands for, as far as it has been read. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#out.subarray(0, this.#length);
  }

  /** Whether the literal ends in this piece; `null` where there is something unknown in it. */
  decode(piece: Uint8Array, from: number): boolean | null {
    const [out, escapes] = [this.#out, this.#escapes];
    // Of a digit the low bits are its value; a letter has bit 6, and low bits from 1.
    const digit = (code: number) => (code & 15) + (code >> 6) * 9;
    const end = piece.length - 3; // so that no escape, of four letters at most, is cut
    let [i, length] = [from, this.#length];
    while (i < end) {
      let code = piece[i]!;
      if (code === backtick) break;
      if (code !== backslash) {
        if (code > 127) return null;
        i++;
      } else if (piece[i + 1] === 0x78) { // x, and two digits
        code = (digit(piece[i + 2]!) << 4) | digit(piece[i + 3]!);
        i += 4;
      } else {
        code = escapes[piece[i + 1]!]!;
        if (code < 0) return null;
        i += 2;
      }
      out[length++] = code;
    }
    this.stop = i;
    this.#length = length;
    return i < end;
  }
}

/** The parts of binaryen's file: what is before and after the literal, and what the literal stands for. */
interface Parts {
  readonly head: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tail: string;
}

function readParts(fs: FileSystem, file: number): Parts | null {
  const buffer = new Uint8Array(pieceBytes);
  const decoder = new TextDecoder();
  let piece = buffer.subarray(0, fs.readSync(file, buffer));
  const head = decoder.decode(piece);
  const start = head.indexOf("`\\0asm");
  if (start < 0) return null;
  const literal = new LiteralDecoder(12 << 20);
  for (let from = start + 1;; from = 0) {
    const ended = literal.decode(piece, from);
    if (ended === null) return null;
    if (ended) break;
    buffer.copyWithin(0, literal.stop, piece.length);
    const kept = piece.length - literal.stop;
    const read = fs.readSync(file, buffer.subarray(kept));
    if (read === 0) return null;
    piece = buffer.subarray(0, kept + read);
  }
  const more = { stream: true };
  let tail = decoder.decode(piece.subarray(literal.stop + 1), more);
  for (let read = fs.readSync(file, buffer); read > 0; read = fs.readSync(file, buffer)) {
    tail += decoder.decode(buffer.subarray(0, read), more);
  }
  return { head: head.slice(0, start), bytes: literal.bytes, tail };
}

/** Loads binaryen from its file, or gives `null` where that cannot be done. */
export async function loadQuickly(): Promise<Binaryen | null> {
  const fs = builtinModule<FileSystem>("node:fs");
  const address = new URL(import.meta.resolve("binaryen"));
  // Without the question Deno would ask the user.
  if (fs === null || address.protocol !== "file:" || !mayRead(address)) return null;
  const file = fs.openSync(address, "r");
  let parts: Parts | null;
  try {
    parts = readParts(fs, file);
  } finally {
    fs.closeSync(file);
  }
  if (parts === null) return null;
  // `decode(`…`)` becomes a name that is bound to the compiled module, and the module a function's body: a
  // function is there at once, where Deno looks over a module for as long as all the rest takes.
  const code = parts.head.replace(/[\w$]+\($/, "wasmModule") + parts.tail.slice(1);
  const instantiate = "WebAssembly.instantiate(";
  const exported = /\bexport\s*\{\s*([\w$]+) as default\s*\};?\s*$/;
  if (code.split(instantiate).length !== 2 || !exported.test(code)) return null;
  const body = code.replace(exported, "return $1;")
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
