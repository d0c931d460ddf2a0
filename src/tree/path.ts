/**
 * Paths into trees, and how messages write them: `args[0].layers[1].weight`.
 *
 * @module
 */

/** One step of a path. */
export type PathKey =
  /** An entry of an array. */
  | { readonly kind: "index"; readonly index: number }
  /** A key of a plain object. */
  | { readonly kind: "key"; readonly key: string }
  /** A field of a Module. */
  | { readonly kind: "field"; readonly name: string }
  /** A key of a `Map`. */
  | { readonly kind: "mapKey"; readonly key: unknown }
  /** A child of a registered class, named by its `flattenWithKeys` or else numbered. */
  | { readonly kind: "child"; readonly name: string | number };

/** The steps from the root of a tree to one of its nodes. */
export type Path = readonly PathKey[];

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** One step as text: `[0]`, `.weight`, `["odd key"]`, `.get("k")`. */
export function formatPathKey(key: PathKey): string {
  switch (key.kind) {
    case "index":
      return `[${key.index}]`;
    case "key":
      return formatName(key.key);
    case "field":
      return formatName(key.name);
    case "mapKey":
      return `.get(${formatMapKey(key.key)})`;
    case "child":
      return typeof key.name === "number" ? `[${key.name}]` : formatName(key.name);
  }
}

/**
 * A path as text, as one would write it in code.
 *
 * @param root What stands before the first step, such as `args[0]`; with no root a leading dot is dropped.
 *
 * @example
 * ```ts
 * import { flattenWithPath, keystr } from "@vernal/vernal/tree";
 *
 * const [entries] = flattenWithPath({ layers: [{ weight: 1 }] });
 * keystr(entries[0][0], "args[0]"); // args[0].layers[0].weight
 * ```
 */
export function keystr(path: Path, root = ""): string {
  let text = root;
  for (const key of path) text += formatPathKey(key);
  return root === "" && text.startsWith(".") && !text.startsWith(".get(") ? text.slice(1) : text;
}

function formatName(name: string): string {
  return identifier.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function formatMapKey(key: unknown): string {
  if (typeof key === "string") return JSON.stringify(key);
  if (typeof key === "function") return key.name || "function";
  if (typeof key === "object" && key !== null) return key.constructor?.name ?? "object";
  return typeof key === "bigint" ? `${key}n` : String(key);
}
