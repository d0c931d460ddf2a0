/**
 * Evaluates recorded programs on this library.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import * as internal from "../../src/internal/mod.ts";
import {
  type DataFile,
  type Encoded,
  type Program,
  specialNumber,
  tagOf,
  toArray,
} from "./format.ts";
import * as sharding from "./sharding.ts";

/** A program names a function that the library does not have. */
export class MissingFunction extends Error {
  /** Names the function. */
  constructor(readonly fn: string) {
    super(`missing: ${fn}`);
  }
}

type Callable = (...args: unknown[]) => unknown;

const spaces: Record<string, unknown> = {
  np: vn.numpy,
  lax: vn.lax,
  random: vn.random,
  nn: vn.nn,
  tree: vn.tree,
  optim: vn.optim,
  ops: vn.ops,
  internal,
  sharding,
  vn,
};

/** The function (or class) behind a recorded name such as `np.linalg.norm`. */
export function lookUp(name: string): Callable {
  let value: unknown = spaces;
  for (const part of name.split(".")) {
    value = (value as Record<string, unknown> | undefined)?.[part];
    if (value === undefined) throw new MissingFunction(name);
  }
  return value as Callable;
}

/** Evaluates a program on inputs that are already values of the library. */
export function run(
  file: DataFile,
  program: Program,
  inputs: readonly unknown[],
  outer?: ReadonlyMap<number, unknown>,
): unknown {
  const env = new Map<number, unknown>(outer);
  program.params.forEach((id, i) => env.set(id, inputs[i]));
  const value = (v: Encoded) => decode(file, v, env);
  for (const [id, fn, ...args] of program.steps) {
    env.set(id, step(fn, args.map(value)));
  }
  return value(program.out);
}

function step(fn: string, args: unknown[]): unknown {
  const [owner, ...rest] = args;
  if (fn === "()") return call(owner, rest);
  if (fn === "get") return element(owner, rest as vn.Index[]);
  if (fn === ".") return field(owner, rest[0] as string);
  if (fn.startsWith(".at.")) {
    const [index, ...more] = rest as [vn.Index[], ...unknown[]];
    return method((owner as vn.NDArray).at(...index), fn.slice(4), more);
  }
  if (fn.startsWith(".")) return method(owner, fn.slice(1), rest);
  if (fn.startsWith("new ")) {
    const make = lookUp(fn.slice(4)) as unknown as new (...args: unknown[]) => unknown;
    return new make(...args);
  }
  return lookUp(fn)(...args);
}

function call(f: unknown, args: unknown[]): unknown {
  if (typeof f === "function") return f(...args);
  return method(f, "call", args);
}

function method(owner: unknown, name: string, args: unknown[]): unknown {
  const f = (owner as Record<string, unknown>)[name];
  if (typeof f === "function") return f.apply(owner, args);
  if (f === undefined) throw new MissingFunction(`.${name}`);
  return call(f, args);
}

function field(owner: unknown, name: string): unknown {
  const value = (owner as Record<string, unknown>)[name];
  if (value === undefined) throw new MissingFunction(`.${name}`);
  return value;
}

function element(owner: unknown, index: vn.Index[]): unknown {
  if (owner instanceof vn.NDArray) return owner.get(...index);
  const [at] = index;
  if (Array.isArray(owner)) return owner.at(at as number);
  // Sequential and its kin: indexed by a method where they are no arrays.
  const get = (owner as { get?: Callable }).get;
  if (typeof get === "function") return get.call(owner, at);
  return (owner as Record<string, unknown>)[at as string];
}

/** An encoded value as the library takes it. */
export function decode(file: DataFile, v: Encoded, env: ReadonlyMap<number, unknown>): unknown {
  const again = (x: Encoded) => decode(file, x, env);
  if (Array.isArray(v)) return v.map(again);
  if (typeof v !== "object" || v === null) return v;
  const tag = tagOf(v);
  // deno-lint-ignore no-explicit-any -- the tag says what the content is, which types cannot follow
  const content = (v as any)[tag!];
  const object = () =>
    Object.fromEntries(Object.entries(content).map(([k, x]) => [k, again(x as Encoded)]));
  switch (tag) {
    case "v":
      return env.get(content);
    case "a":
      return toArray(file.arrays[content]!);
    case "x":
      return specialNumber(content);
    case "n":
      return BigInt(content);
    case "z": {
      const [re, im] = (content as Encoded[]).map((part) => decode(file, part, env));
      return new vn.Complex(re as number, im as number);
    }
    case "s":
      return vn.slice(content[0], content[1], content[2]);
    case "d":
    case "o":
      return object();
    case "k":
      return vn.kwargs(object());
    case "f":
      return lookUp(content);
    case "l":
      return asFunction(file, content, env);
    default:
      throw new Error(`the data file holds an unknown tag: ${tag}`);
  }
}

/** A recorded function as a JavaScript one with the same number of parameters, named `f`. */
function asFunction(file: DataFile, p: Program, env: ReadonlyMap<number, unknown>): Callable {
  const f = (...args: unknown[]) => run(file, p, args, env);
  Object.defineProperty(f, "length", { value: p.params.length });
  Object.defineProperty(f, "name", { value: "f" });
  return f;
}
