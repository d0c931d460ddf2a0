/**
 * One function under construction: its locals, and its scopes, i.e. the straight pieces of code that loops cut it into.
 * Code is added at the end of any open scope, the outer ones too, which is how values leave loops.
 *
 * @module
 */
import { InternalError } from "../../errors.ts";
import { type Assembler, type Ref, splatBytes, type TypeName } from "./assembler.ts";

/** A value: in a local, constant, or code that may be used once. */
export type Value =
  | { readonly kind: "local"; readonly type: TypeName; readonly index: number }
  | {
    readonly kind: "constant";
    readonly type: Exclude<TypeName, "v128">;
    readonly value: number | bigint;
  }
  | { readonly kind: "vector"; readonly type: "v128"; readonly bytes: readonly number[] }
  | { readonly kind: "global"; readonly type: TypeName; readonly name: string }
  | { readonly kind: "tree"; readonly type: TypeName; readonly ref: Ref };

/** The index of a loop, as far as code inside needs to know. */
export interface Counter {
  /** The local that counts. */
  readonly index: Value;
  /** How far it goes at each turn. */
  readonly step: number;
  /** Multiples of the index that are kept beside it, by factor. */
  readonly multiples: Map<number, Value>;
}

/** A straight piece of code. */
export class Scope {
  /** What has been emitted. */
  readonly code: Ref[] = [];
  /** What is to run at the end of each turn, if this is the body of a loop. */
  readonly latch: Ref[] = [];
  /** Values that have been computed here, by a number that the emitter gives them. */
  readonly memo: Map<number, Value> = new Map();
  /** Addresses and their parts that have been computed here, by description. */
  readonly names: Map<string, Value> = new Map();

  /**
   * @param level The level of the nodes that are computed here; between two levels for blocks of a loop.
   * @param repeated Whether it runs more than once in a call.
   */
  constructor(
    readonly level: number,
    readonly parent: Scope | null,
    readonly repeated: boolean,
    readonly counter: Counter | null = null,
  ) {}
}

/** Builds a function. */
export class FunctionBuilder {
  /** The scope of the function itself. */
  readonly entry: Scope;
  /** Where code goes. */
  current: Scope;
  readonly #locals: TypeName[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #pool = new Map<TypeName, number[]>();
  readonly #borrowed: { readonly type: TypeName; readonly index: number }[] = [];

  /**
   * Starts a function.
   *
   * @param level The level of what the function computes outside of its loops.
   * @param globalOf Where given, constant vectors are globals of these names: for functions that are called in loops.
   */
  constructor(
    readonly asm: Assembler,
    readonly name: string,
    readonly params: readonly TypeName[],
    readonly results: readonly TypeName[],
    level: number,
    readonly globalOf: ((bytes: readonly number[]) => string) | null = null,
  ) {
    this.entry = new Scope(level, null, false);
    this.current = this.entry;
  }

  /** A parameter. */
  param(i: number): Value {
    return { kind: "local", type: this.params[i]!, index: i };
  }

  /** A new local, 0 at the start of the function. */
  local(type: TypeName): Value & { kind: "local" } {
    const index = this.params.length + this.#locals.push(type) - 1;
    return { kind: "local", type, index };
  }

  /** A local that may be used again for something else once the statement under construction is complete. */
  borrow(type: TypeName): Value & { kind: "local" } {
    const free = this.#pool.get(type)?.pop();
    const index = free ?? this.local(type).index;
    this.#borrowed.push({ type, index });
    return { kind: "local", type, index };
  }

  /** The code that gives a value; a `tree` may be asked once. */
  get(value: Value): Ref {
    switch (value.kind) {
      case "local":
        return this.asm.module.local.get(value.index, this.asm.type(value.type));
      case "constant":
        return this.asm.constant(value.type, value.value);
      case "vector":
        return this.asm.v128(value.bytes);
      case "global":
        return this.asm.module.global.get(value.name, this.asm.type(value.type));
      case "tree":
        return value.ref;
      default: {
        const never: never = value;
        return never;
      }
    }
  }

  /** The code that sets a local. */
  set(local: Value, value: Ref): Ref {
    if (local.kind !== "local") throw new InternalError("emit: set of something that is no local");
    return this.asm.module.local.set(local.index, value);
  }

  /** Adds an instruction without result to the present scope. */
  push(code: Ref): void {
    this.current.code.push(code);
  }

  /** Sets a local in the present scope. */
  assign(local: Value, value: Ref): void {
    this.push(this.set(local, value));
  }

  /** A value that may be used any number of times. */
  reuse(value: Value): Value {
    return value.kind === "tree" ? this.keep(value.type, value.ref) : value;
  }

  /** Computes a value here and now, and keeps it in a local. */
  keep(type: TypeName, ref: Ref): Value {
    const local = this.local(type);
    this.assign(local, ref);
    return local;
  }

  /** Runs `build` with code going to another open scope. */
  within<T>(scope: Scope, build: () => T): T {
    const [before, mark] = [this.current, this.#borrowed.length];
    this.current = scope;
    try {
      return build();
    } finally {
      this.current = before;
      this.release(mark);
    }
  }

  /** A mark for {@linkcode release}. */
  mark(): number {
    return this.#borrowed.length;
  }

  /** Gives back what has been borrowed since the mark: the statement that it was for is complete. */
  release(mark: number): void {
    while (this.#borrowed.length > mark) {
      const { type, index } = this.#borrowed.pop()!;
      const free = this.#pool.get(type);
      if (free === undefined) this.#pool.set(type, [index]);
      else free.push(index);
    }
  }

  /**
   * A constant vector: in a local that is set at the start of the function if the present scope repeats, because
   * V8 would put it together anew, in three instructions, at each turn.
   */
  vector(bytes: readonly number[]): Value {
    const value: Value = { kind: "vector", type: "v128", bytes };
    // All zeros and all ones are one instruction that reads nothing.
    const trivial = bytes.every((b) => b === bytes[0]) && (bytes[0] === 0 || bytes[0] === 255);
    if (trivial) return value;
    if (this.globalOf !== null) return { kind: "global", type: "v128", name: this.globalOf(bytes) };
    if (!this.current.repeated) return value;
    const key = bytes.join();
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const local = this.local("v128");
    this.#constants.set(key, local);
    this.entry.code.unshift(this.set(local, this.get(value)));
    return local;
  }

  /** The code of a vector of equal lanes. */
  splat(type: "f32" | "f64" | "i32" | "i64", value: number | bigint): Ref {
    return this.get(this.vector(splatBytes(type, value)));
  }

  /** Ends the function and adds it to the module. */
  finish(): void {
    const { asm } = this;
    asm.module.addFunction(
      this.name,
      asm.types(this.params),
      asm.types(this.results),
      this.#locals.map((type) => asm.type(type)),
      asm.module.block(null, this.entry.code, asm.types(this.results)),
    );
  }
}
