/**
 * Hashes of texts and bytes, to find things by and to notice damage; no protection against somebody who means harm.
 *
 * The mixing is that of MurmurHash3 (A. Appleby, public domain), in lanes of 32 bits.
 *
 * @module
 */

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** Spreads what the last words changed over all bits. */
function finish(hash: number, length: number): number {
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** 128 bits of a text, as 32 hexadecimal digits. */
export function textHash(text: string): string {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x452821e6];
  for (let i = 0; i < text.length; i++) {
    const mixed = Math.imul(rotate(Math.imul(text.charCodeAt(i), 0xcc9e2d51), 15), 0x1b873593);
    a = Math.imul(rotate(a ^ mixed, 13), 5) + 0xe6546b64;
    b = Math.imul(rotate(b + mixed, 17), 0x85ebca77) ^ a;
    c = Math.imul(rotate(c ^ b, 11), 0xc2b2ae3d) + mixed;
    d = Math.imul(rotate(d + c, 7), 0x27d4eb2f) ^ mixed;
  }
  return [a, b, c, d]
    .map((lane) => finish(lane, text.length).toString(16).padStart(8, "0")).join("");
}

/** 32 bits of bytes. */
export function bytesHash(bytes: Uint8Array): number {
  let hash = 0x9e3779b9;
  const whole = bytes.length & ~3;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mix = (word: number) =>
    rotate(hash ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593), 13);
  for (let i = 0; i < whole; i += 4) {
    hash = Math.imul(mix(view.getUint32(i, true)), 5) + 0xe6546b64;
  }
  for (let i = whole; i < bytes.length; i++) hash = Math.imul(mix(bytes[i]!), 5) + 0xe6546b64;
  return finish(hash, bytes.length);
}
