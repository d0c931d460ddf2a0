/**
 * Compiled programs, found again by what they compute: jaxprs of one structure are compiled once, however often they are traced.
 *
 * The programs used last are held; older ones for as long as somebody else holds them.
 *
 * @module
 */

/** Things that are dear to make, by the text that tells them apart. */
export class ProgramCache<P extends object> {
  readonly #programs = new Map<string, WeakRef<P>>();
  /** Oldest first. */
  readonly #held = new Map<string, P>();
  readonly #capacity: number;
  #sweepAt: number;

  /** @param capacity How many live on though nobody else holds them. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#sweepAt = 4 * capacity;
  }

  /** What was made for a text, or is made now. */
  get(key: string, make: () => P): P {
    const program = this.#programs.get(key)?.deref() ?? this.#make(key, make);
    this.#held.delete(key);
    this.#held.set(key, program);
    if (this.#held.size > this.#capacity) {
      const [oldest] = this.#held.keys();
      this.#held.delete(oldest);
    }
    return program;
  }

  /** Forgets everything. */
  clear(): void {
    this.#programs.clear();
    this.#held.clear();
  }

  #make(key: string, make: () => P): P {
    const program = make();
    this.#programs.set(key, new WeakRef(program));
    if (this.#programs.size >= this.#sweepAt) this.#sweep();
    return program;
  }

  /** Drops the texts of what is gone. */
  #sweep(): void {
    for (const [key, ref] of this.#programs) {
      if (ref.deref() === undefined) this.#programs.delete(key);
    }
    this.#sweepAt = Math.max(4 * this.#capacity, 2 * this.#programs.size);
  }
}
