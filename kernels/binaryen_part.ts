/**
 * Writes `build/binaryen_part.ts`: which functions of binaryen the code generator calls, and where in binaryen's file their text is, so that the
 * compile worker decodes and loads those alone (`src/backends/wasm/quick_binaryen.ts`).
 *
 *     deno test -A --v8-flags=--trace-wasm-compilation-times,--no-wasm-tier-up tests/… > trace.txt
 *     deno run -A kernels/binaryen_part.ts trace.txt …
 *
 * V8 compiles a function when it is first called, so that what it compiled in runs of the tests is what is called. A function that was missed
 * costs loading all of binaryen, nothing else.
 *
 * @module
 */

/** Unused text between two used functions that is decoded with them, since a piece more costs about as much. */
const leastGap = 4096;
/** The longest piece, in bytes of text. */
const mostText = 200_000;

const file = Deno.readFileSync(new URL(import.meta.resolve("binaryen")));

/** The literal, decoded, and where the text of each of its bytes begins. */
function decode(start: number): { bytes: Uint8Array; places: Uint32Array; end: number } {
  const bytes = new Uint8Array(12 << 20);
  const places = new Uint32Array(bytes.length + 1);
  const simple: Record<string, number> = { 0: 0, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };
  let [at, n] = [start, 0];
  while (file[at] !== 0x60) {
    places[n] = at;
    if (file[at]! >= 128) throw new Error(`not ASCII at ${at}`);
    if (file[at] !== 0x5c) bytes[n++] = file[at++]!;
    else {
      const letter = String.fromCharCode(file[at + 1]!);
      const isHex = letter === "x";
      const digits = String.fromCharCode(...file.subarray(at + 2, at + 4));
      bytes[n++] = isHex ? parseInt(digits, 16) : simple[letter] ?? file[at + 1]!;
      at += isHex ? 4 : 2;
    }
  }
  places[n] = at;
  return { bytes: bytes.subarray(0, n), places, end: at };
}

const text = new TextDecoder("latin1").decode(file.subarray(0, 1 << 20));
const start = text.indexOf("`\\0asm") + 1;
const { bytes, places, end } = decode(start);

let cursor = 8;
function number(): number {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[cursor++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
}
function encode(value: number): number[] {
  const coded: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) coded.push(value % 128 | 128);
  return [...coded, value];
}

/** Names and limits, as imports have them. */
function skipImport(): void {
  for (let i = 0; i < 2; i++) {
    const length = number();
    cursor += length;
  }
  const kind = bytes[cursor++];
  if (kind !== 0) throw new Error("binaryen imports something that is no function");
  number();
}

let imports = 0;
let code = { from: 0, to: 0 };
const bodies: { from: number; to: number }[] = [];
while (cursor < bytes.length) {
  const from = cursor;
  const id = bytes[cursor++];
  const size = number();
  const to = cursor + size;
  if (id === 2) {
    imports = number();
    for (let i = 0; i < imports; i++) skipImport();
  } else if (id === 10) {
    code = { from, to };
    const count = number();
    for (let i = 0; i < count; i++) {
      const begin = cursor;
      const length = number();
      cursor += length;
      bodies.push({ from: begin, to: cursor });
    }
  }
  cursor = to;
}

const used = new Set<number>();
for (const name of Deno.args) {
  const traced = Deno.readTextFileSync(name)
    .matchAll(/Compiled function (\w+)#(\d+) using Liftoff.*?bodysize (\d+)/g);
  const modules = Map.groupBy(traced, ([, module]) => module);
  for (const compiled of modules.values()) {
    // Binaryen's module is the one whose functions have the sizes that binaryen's have; an address may have been another module's before.
    const ours = compiled.filter(([, , index, size]) => {
      const body = bodies[Number(index) - imports];
      return body !== undefined && Math.abs(body.to - body.from - Number(size)) < 8;
    });
    if (ours.length < 100 || ours.length < 0.8 * compiled.length) continue;
    for (const [, , index] of ours) used.add(Number(index) - imports);
  }
}
if (used.size < 400) throw new Error(`${used.size} functions: is that a trace?`);

/** Runs of text that are decoded, each after some functions that are left out. */
const pieces: { left: number; from: number; to: number }[] = [{ left: 0, from: 0, to: code.from }];
let left = 0;
bodies.forEach((body, i) => {
  if (!used.has(i)) {
    left++;
    return;
  }
  const last = pieces.at(-1)!;
  const first = bodies[i - left];
  const isNear = pieces.length > 1 && places[body.from]! - places[last.to]! < leastGap;
  if (isNear && first !== undefined) last.to = body.to;
  else pieces.push({ left, from: body.from, to: body.to });
  left = 0;
});
pieces.push({ left, from: code.to, to: bytes.length });

const stub = 4;
const inCode = pieces.slice(1, -1).reduce((n, p) => n + p.to - p.from + stub * p.left, stub * left);
const count = encode(bodies.length);
const head = [10, ...encode(inCode + count.length), ...count];
const table: number[] = [];
let [at, kept] = [start, 0];
for (const { left, from, to } of pieces) {
  let before = left;
  for (let begin = from; begin < to || begin === from;) {
    let finish = to;
    while (places[finish]! - places[begin]! > mostText) finish = (begin + finish) >> 1;
    const length = places[finish]! - places[begin]!;
    for (const n of [before, places[begin]! - at, length, finish - begin]) table.push(...encode(n));
    at = places[finish]!;
    kept += finish - begin;
    before = 0;
    begin = finish;
  }
}
const firstPieces = Math.max(1, pieces.findIndex((p) => p.from >= code.from));
if (firstPieces !== 1 || places[code.from]! - start > mostText) {
  throw new Error("what is before the code takes more than one piece");
}

Deno.writeTextFileSync(
  new URL("build/binaryen_part.ts", import.meta.url),
  `// Written by kernels/binaryen_part.ts.

/** The functions of binaryen that are called: where their text is in its file, and what the code section begins with. */
export const BINARYEN_PART = {
  fileBytes: ${file.length},
  literal: { from: ${start}, to: ${end} },
  bytes: ${kept + head.length + stub * pieces.reduce((n, p) => n + p.left, 0)},
  head: "${new Uint8Array(head).toBase64()}",
  pieces:
    "${new Uint8Array(table).toBase64()}",
} as const;
`,
);
console.log(
  `${used.size} of ${bodies.length} functions, ${pieces.length} pieces, ${kept} of ${bytes.length} bytes`,
);
