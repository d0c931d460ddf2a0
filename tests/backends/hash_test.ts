/**
 * Hashes: the published ones, and that everything counts.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bytesHash, textHash } from "../../src/backends/wasm/hash.ts";

Deno.test("texts have the hashes that MurmurHash3_x86_128 gives", () => {
  // Of seed 0, each word as a number.
  assertEquals(textHash(""), "00000000000000000000000000000000");
  assertEquals(textHash("a"), "a794933c5556b01b5556b01b5556b01b");
  assertEquals(
    textHash("The quick brown fox jumps over the lazy dog"),
    "2f1583c3ecee2c675d7bf66ce5e91d2c",
  );
});

Deno.test("every byte and the length count, wherever the bytes lie in memory", () => {
  for (const length of [1, 3, 4, 15, 16, 17, 33, 100]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
    const hash = bytesHash(bytes);
    const room = new Uint8Array(length + 8);
    for (let at = 0; at < 8; at++) {
      room.set(bytes, at);
      assertEquals(bytesHash(room.subarray(at, at + length)), hash);
    }
    const others = new Set([hash, bytesHash(Uint8Array.from([...bytes, 0]))]);
    for (let bit = 0; bit < 8 * length; bit++) {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      others.add(bytesHash(copy));
    }
    assertEquals(others.size, 8 * length + 2);
  }
});

Deno.test("texts that differ in one character have hashes that differ in all four words", () => {
  const words = (text: string) => textHash(text).match(/.{8}/g)!;
  const text = "µ".repeat(50);
  for (let i = 0; i < 50; i++) {
    const other = text.slice(0, i) + "x" + text.slice(i + 1);
    const same = words(other).filter((word, k) => word === words(text)[k]);
    assertEquals(same, []);
  }
});
