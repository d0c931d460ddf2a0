/**
 * `str2jax`: a text that may stand among arrays.
 *
 * @module
 */
import { pformatKey } from "../tree/brands.ts";
import { registerPytreeNode } from "../tree/registry.ts";

let registered = false;

/** A tree without leaves; the text is part of its structure. */
class Text {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }

  [pformatKey](): string {
    return this.text;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.text;
  }
}

/**
 * Makes a tree without leaves that prints as a text, for places that take trees of arrays only.
 *
 * @param text What `String(...)` of it gives. Two of the same text are one structure.
 *
 * @example
 * ```ts
 * import { filterJit } from "@vernal/vernal";
 * import { str2jax } from "@vernal/vernal/internal";
 *
 * String(filterJit((x: object) => x)(str2jax("hi"))); // "hi"
 * ```
 */
export function str2jax(text: string): object {
  if (!registered) {
    registered = true;
    registerPytreeNode(Text, (t) => [[], t.text], (text) => new Text(text as string));
  }
  return new Text(text);
}
