/**
 * SIMD constants by name: the kernels' text says `(global.get $c_3f800000)` for four lanes of 1.0f, so
 * that whoever links it chooses between a global (one load) and a local set before the loop (a register).
 *
 * @module
 */

const NAMED = /\$(c_([0-9a-f]{8,32}))\b/g;

/** The `(v128.const …)` that a name stands for: one, two or four words in hexadecimal. */
export function constantOf(name: string): string {
  const words = name.slice(2).match(/.{8}/g) ?? [];
  const lanes = [0, 1, 2, 3].map((i) => `0x${words[i % words.length]}`);
  return `(v128.const i32x4 ${lanes.join(" ")})`;
}

/** The names of the constants that a text uses, each once, without the `$`. */
export function constantNames(wat: string): string[] {
  return [...new Set([...wat.matchAll(NAMED)].map((match) => match[1]!))];
}

/** Definitions, as immutable globals, of all constants that a text uses. */
export function constantGlobals(wat: string): string {
  return constantNames(wat).map((name) => `(global $${name} v128 ${constantOf(name)})`).join("\n");
}
