/**
 * Hashes of texts and bytes, to find things by and to notice damage; no protection against somebody who means harm.
 *
 * MurmurHash3 for 32-bit machines, 128 bits (A. Appleby, public domain): four lanes take a word each at every turn, so that little is
 * done by a function that runs for the first time.
 *
 * @module
 */

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** Spreads what the last words changed over all bits. */
function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const [C1, C2, C3, C4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];

/** Four words of 32 bits. */
function hash(bytes: Uint8Array): [number, number, number, number] {
  const { length } = bytes;
  // What does not fill four words is followed by zeros.
  const whole = length & ~15;
  const tail = new Uint32Array(4);
  new Uint8Array(tail.buffer).set(bytes.subarray(whole));
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, whole / 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  // Rotations are written out: a call costs more than all else until this is compiled.
  for (let i = 0; i < words.length; i += 4) {
    const p = Math.imul(words[i]!, C1);
    a ^= Math.imul(p << 15 | p >>> 17, C2);
    a = Math.imul((a << 19 | a >>> 13) + b, 5) + 0x561ccd1b | 0;
    const q = Math.imul(words[i + 1]!, C2);
    b ^= Math.imul(q << 16 | q >>> 16, C3);
    b = Math.imul((b << 17 | b >>> 15) + c, 5) + 0x0bcaa747 | 0;
    const r = Math.imul(words[i + 2]!, C3);
    c ^= Math.imul(r << 17 | r >>> 15, C4);
    c = Math.imul((c << 15 | c >>> 17) + d, 5) + 0x96cd1c35 | 0;
    const s = Math.imul(words[i + 3]!, C4);
    d ^= Math.imul(s << 18 | s >>> 14, C1);
    d = Math.imul((d << 13 | d >>> 19) + a, 5) + 0x32ac3b17 | 0;
  }
  a ^= Math.imul(rotate(Math.imul(tail[0]!, C1), 15), C2) ^ length;
  b ^= Math.imul(rotate(Math.imul(tail[1]!, C2), 16), C3) ^ length;
  c ^= Math.imul(rotate(Math.imul(tail[2]!, C3), 17), C4) ^ length;
  d ^= Math.imul(rotate(Math.imul(tail[3]!, C4), 18), C1) ^ length;
  a = a + b + c + d | 0;
  [a, b, c, d] = [finish(a), finish(a + b), finish(a + c), finish(a + d)];
  a = a + b + c + d | 0;
  return [a, a + b, a + c, a + d];
}

/** 128 bits of a text, as 32 hexadecimal digits. */
export function textHash(text: string): string {
  return hash(new TextEncoder().encode(text))
    .map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** 32 bits of bytes. */
export function bytesHash(bytes: Uint8Array): number {
  return hash(bytes)[0] >>> 0;
}
