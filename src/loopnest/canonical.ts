/**
 * A program as a text from which nothing is missing, and which is the same in every process: what stored programs are found by.
 *
 * @module
 */
import type { Program } from "./ir.ts";

/**
 * The text of a program: equal texts mean programs that are equal but for the numbers that tell expressions apart. Parts that are
 * shared are written once.
 *
 * @param program Plain data, as the compile worker gets it.
 */
export function canonicalText(program: Program): string {
  return new Writer().write(program);
}

/** Expressions are numbered anew, in the order in which they are met: their own numbers depend on what was made before. */
class Writer {
  readonly #seen = new Map<object, number>();
  readonly #ids = new Map<unknown, number>();

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value);
      case "number":
        return Object.is(value, -0) ? "-0" : String(value);
      case "bigint":
        return `${value}n`;
      case "object":
        return value === null ? "null" : this.#writeObject(value);
      default:
        return String(value);
    }
  }

  #writeObject(value: object): string {
    const known = this.#seen.get(value);
    if (known !== undefined) return `#${known}`;
    this.#seen.set(value, this.#seen.size);
    if (Array.isArray(value)) {
      let text = "[";
      for (const element of value) text += this.write(element) + ",";
      return text + "]";
    }
    // Of what programs consist of, expressions alone have all three.
    const isExpr = "kind" in value && "dtype" in value && "id" in value;
    let text = "{";
    for (const name in value) {
      const part = (value as Record<string, unknown>)[name];
      text += `${name}:${isExpr && name === "id" ? this.#number(part) : this.write(part)},`;
    }
    return text + "}";
  }

  #number(id: unknown): number {
    let number = this.#ids.get(id);
    if (number === undefined) this.#ids.set(id, number = this.#ids.size);
    return number;
  }
}
