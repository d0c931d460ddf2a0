/**
 * The decoder of literals, against JavaScript's own reading of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LITERAL_BASE64 } from "../../kernels/build/literal.ts";
import { fromBase64 } from "../../src/backends/wasm/base64.ts";

interface Decoder {
  readonly memory: WebAssembly.Memory;
  decode_literal(from: number, end: number, to: number): number;
}

const [written, input, output] = [256, 1024, 32768];
const letters: Record<string, number> = { 0: 0, n: 10, r: 13, "\\": 92, "`": 96 };

/** Decodes a text up to `end`, the text's own where none is given: what came out, and where it stopped. */
function decode(
  text: string,
  end = text.length,
): { readonly bytes: number[]; readonly at: number } {
  const module = new WebAssembly.Module(fromBase64(LITERAL_BASE64));
  const { memory, decode_literal } = new WebAssembly.Instance(module)
    .exports as unknown as Decoder;
  const all = new Uint8Array(memory.buffer);
  all.fill(255, 0, 256);
  for (const [letter, code] of Object.entries(letters)) all[letter.charCodeAt(0)] = code;
  for (let i = 0; i < text.length; i++) all[input + i] = text.charCodeAt(i);
  const at = decode_literal(input, input + end, output) - input;
  const to = new DataView(memory.buffer).getUint32(written, true);
  return { bytes: [...all.subarray(output, to)], at };
}

/** A literal's text without its backticks, of pseudorandom pieces. */
function randomLiteral(pieces: number, seed: number): string {
  const some = [
    "a",
    "x",
    "0",
    " ",
    "~",
    "\\n",
    "\\0",
    "\\\\",
    "\\`",
    "\\x00",
    "\\x5c",
    "\\xfF",
    "\\r",
  ];
  let text = "";
  for (let state = seed, i = 0; i < pieces; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const piece = some[(state >>> 16) % some.length]!;
    // Runs longer than a vector, too.
    text += piece.length === 1 ? piece.repeat(1 + (state >>> 24) % 40) : piece;
    if (piece === "\\0") text += "z"; // with a digit it would be another escape
  }
  return text;
}

Deno.test("a literal is decoded as JavaScript reads it, and ends at its backtick", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const text = randomLiteral(100, seed);
    const meant = (0, eval)("`" + text + "`") as string;
    const { bytes, at } = decode(text + "` and \\n more");
    assertEquals(bytes, [...meant].map((c) => c.charCodeAt(0)));
    assertEquals(at, text.length);
  }
});

Deno.test("a literal that comes in pieces goes on where it was", () => {
  const text = randomLiteral(60, 7);
  const whole = decode(text + "`").bytes;
  for (let end = 0; end < text.length; end += 5) {
    const first = decode(text + "`", end);
    assert(first.at >= end);
    assertEquals([...first.bytes, ...decode(text.slice(first.at) + "`").bytes], whole);
  }
});

Deno.test("what is not known stops the decoder: an escape, and what is not ASCII", () => {
  for (const odd of ["\\u0041", "\\q", "\u00e9"]) {
    const { bytes, at } = decode(`some\\n${odd} and more, as much as a vector takes`);
    assertEquals(bytes, [..."some\n"].map((c) => c.charCodeAt(0)));
    assertEquals(at, "some\\n".length);
  }
});
