/**
 * Partial, Static, bound methods, kwargs and what can be called.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ArgumentError, ModuleError } from "../../src/errors.ts";
import { splitKwargs, takeOptions } from "../../src/tree/kwargs.ts";
import {
  BoundMethod,
  callableOf,
  isCallable,
  isKwargs,
  kwargs,
  leaves,
  map,
  method,
  Module,
  Partial,
  Static,
  structure,
} from "../../src/tree/mod.ts";

class Scale extends Module {
  factor: number;
  constructor(factor: number) {
    super();
    this.factor = factor;
  }
  call(x: number): number {
    return this.factor * x;
  }
  shifted(x: number, by: number): number {
    return this.call(x) + by;
  }
}

Deno.test("a Partial is its function and arguments, to call and to map", () => {
  const partial = new Partial(new Scale(3), 2);
  assertEquals(partial.call(), 6);
  assertEquals(leaves(partial), [3, 2]);
  assertEquals(map<Partial>((x: number) => x + 1, partial).call(), 12);
  const list = new Partial((...args: unknown[]) => args, 1, 2);
  assertEquals(list.call(3), [1, 2, 3]);
  assertThrows(() => new Partial(3), ArgumentError, "Partial: expected a function");
});

Deno.test("keyword arguments of a Partial are joined, and may be given once", () => {
  const f = (x: number, options: Record<string, unknown>) => [x, { ...options }, isKwargs(options)];
  const partial = new Partial(f, kwargs({ a: 1 }));
  assertEquals(partial.call(5), [5, { a: 1 }, true]);
  assertEquals(partial.call(5, kwargs({ b: 2 })), [5, { a: 1, b: 2 }, true]);
  assertThrows(() => partial.call(5, kwargs({ a: 2 })), ArgumentError, "keyword argument 'a'");
});

Deno.test("a Static is a tree without leaves, the same for equal values", () => {
  assertEquals(leaves(new Static([1, 2])), []);
  assertStrictEquals(structure(new Static([1, 2])), structure(new Static([1, 2])));
  assert(structure(new Static(1)) !== structure(new Static(2)));
  assertEquals(new Static("x").value, "x");
  assertEquals(new Static(undefined).value, null);
});

Deno.test("a bound method is a tree of its object, the same for the same method", () => {
  const scale = new Scale(3);
  const shifted = method(scale, "shifted");
  assert(shifted instanceof BoundMethod);
  assertEquals(shifted.call(2, 1), 7);
  assertEquals(leaves(shifted), [3]);
  assertStrictEquals(
    structure(method(scale, "shifted")),
    structure(method(new Scale(4), "shifted")),
  );
  assert(structure(method(scale, "shifted")) !== structure(method(scale, "call")));
  assertEquals(map<typeof shifted>((x: number) => 10 * x, shifted).call(2, 1), 61);
  assertThrows(() => method(scale, "factor" as never), ModuleError, "Scale has no method 'factor'");
});

Deno.test("functions, Modules with call and Module classes can be called", () => {
  assertEquals(callableOf((x: number) => x + 1)(1), 2);
  assertEquals(callableOf(new Scale(3))(2), 6);
  const made = callableOf(Scale)(5);
  assert(made instanceof Scale && made.factor === 5);
  assert(isCallable(Math.max) && isCallable(new Scale(1)) && !isCallable(3) && !isCallable(null));
  assertThrows(
    () => callableOf({ x: 1 }, "filterJit"),
    ArgumentError,
    "filterJit: expected a function",
  );
  class Silent extends Module {}
  assertThrows(() => callableOf(new Silent()), ArgumentError, "got a Silent");
});

Deno.test("kwargs are known by their brand, which copies of the entries lack", () => {
  const options = kwargs({ a: 1, b: 2 });
  assert(isKwargs(options));
  assert(!isKwargs({ ...options }) && !isKwargs({ a: 1 }) && !isKwargs(null) && !isKwargs([]));
  assertEquals(Object.keys(options), ["a", "b"]);
  const { a, ...rest } = options;
  assertEquals([a, rest], [1, { b: 2 }] as unknown[]);
  assertEquals(splitKwargs([1, 2]), [[1, 2], null]);
  assertEquals(splitKwargs([1, options]), [[1], options]);
  const [own, left] = takeOptions(options, ["a"]);
  assertEquals([own, { ...left }, isKwargs(left)], [{ a: 1 }, { b: 2 }, true]);
  assertEquals(takeOptions(kwargs({ a: 1 }), ["a"]), [{ a: 1 }, null]);
  assertEquals(takeOptions(null, ["a"]), [{}, null]);
});
