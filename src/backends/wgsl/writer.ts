/**
 * The text of a kernel while it is written.
 *
 * @module
 */
import { Operations } from "./ops.ts";
import type { Width } from "./types.ts";

/** Lines of an entry point, what they declare at the module's level, and the functions they call. */
export class KernelWriter {
  readonly lines: string[] = [];
  readonly globals = new Set<string>();
  readonly functions = new Set<string>();
  #one: Operations | null = null;
  #four: Operations | null = null;
  #counter = 0;

  emit(...lines: readonly string[]): void {
    this.lines.push(...lines);
  }

  /** Lines within braces after a head. */
  block(head: string, write: () => void): void {
    this.emit(`${head} {`);
    write();
    this.emit("}");
  }

  /** A name that nobody has. */
  fresh(prefix = "t"): string {
    return `${prefix}${this.#counter++}`;
  }

  use(name: string): void {
    this.functions.add(name);
  }

  /** Operations on values of a width. */
  ops(width: Width): Operations {
    const use = (name: string): void => this.use(name);
    if (width === 1) return this.#one ??= new Operations(1, use);
    return this.#four ??= new Operations(4, use);
  }
}
