/**
 * What the tests rely on in `@std/assert` and `@std/testing`; true of our stand-ins and of the real ones.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { assertType, type Has, type IsExact, type IsNullable } from "@std/testing/types";

const cyclic = (tail: number) => {
  const x: { self?: unknown; tail: number } = { tail };
  x.self = x;
  return x;
};

Deno.test("assertEquals() takes values that are alike for alike", () => {
  const pairs: [unknown, unknown][] = [
    [1, 1],
    [0, -0],
    [NaN, NaN],
    ["a", "a"],
    [null, null],
    [[1, [2, NaN]], [1, [2, NaN]]],
    [{ a: 1, b: { c: [2] } }, { b: { c: [2] }, a: 1 }],
    [new Float32Array([1, NaN]), new Float32Array([1, NaN])],
    [new Set([1, [2]]), new Set([[2], 1])],
    [new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
    [new Map([[{ x: 1 }, true]]), new Map([[{ x: 1 }, true]])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [cyclic(1), cyclic(1)],
  ];
  for (const [a, b] of pairs) {
    assertEquals(a, b);
    assertThrows(() => assertNotEquals(a, b), AssertionError);
  }
});

Deno.test("assertEquals() tells values apart that differ anywhere", () => {
  class A {
    x = 1;
  }
  class B {
    x = 1;
  }
  const pairs: [unknown, unknown][] = [
    [1, 2],
    [1, "1"],
    [1, 1n],
    [null, undefined],
    [[1, 2], [1, 2, 3]],
    [[1, 2], [2, 1]],
    [[], {}],
    [{ a: undefined }, {}],
    [{ a: undefined }, { b: undefined }],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [new A(), new B()],
    [new Float32Array([1]), new Float64Array([1])],
    [new Float32Array([1, 2]), new Float32Array([1, 3])],
    [new Set([1]), new Set([2])],
    [new Set([1, 2]), new Set([1])],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Date(5), new Date(6)],
    [/a/g, /a/],
    [new Error("a"), new Error("b")],
    [cyclic(1), cyclic(2)],
  ];
  for (const [a, b] of pairs) {
    assertNotEquals(a, b);
    assertThrows(() => assertEquals(a, b), AssertionError);
  }
});

Deno.test("assertThrows() gives the error, and fails for none, another class or another message", () => {
  const boom = (): never => {
    throw new RangeError("out of range: 5");
  };
  const error: RangeError = assertThrows(boom, RangeError, "range: 5");
  assertEquals(error.message, "out of range: 5");
  assertThrows(boom);
  assertThrows(() => assertThrows(() => {}), AssertionError);
  assertThrows(() => assertThrows(boom, TypeError), AssertionError);
  assertThrows(() => assertThrows(boom, RangeError, "another text"), AssertionError);
});

Deno.test("assertRejects() gives the error, and fails for none, another class or a synchronous one", async () => {
  const boom = () => Promise.reject(new RangeError("out of range: 5"));
  const error: RangeError = await assertRejects(boom, RangeError, "range: 5");
  assertEquals(error.message, "out of range: 5");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError);
  await assertRejects(() => assertRejects(boom, TypeError), AssertionError);
  await assertRejects(
    () =>
      assertRejects(() => {
        throw new RangeError("now");
      }, RangeError),
    AssertionError,
  );
});

Deno.test("the other assertions pass and fail where they should", () => {
  const object = { a: 1 };
  assertStrictEquals(object, object);
  assertThrows(() => assertStrictEquals(object, { a: 1 }), AssertionError);
  assertThrows(() => assertStrictEquals(0, -0), AssertionError);
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertThrows(() => assertAlmostEquals(1, 1.001), AssertionError);
  assertAlmostEquals(1, 1.001, 0.01);
  assertThrows(() => assertAlmostEquals(NaN, 1), AssertionError);
  assertStringIncludes("abc", "bc");
  assertThrows(() => assertStringIncludes("abc", "cb"), AssertionError);
  assertMatch("abc", /b/);
  assertThrows(() => assertMatch("abc", /d/), AssertionError);
  assertArrayIncludes([1, [2], 3], [[2]]);
  assertThrows(() => assertArrayIncludes([1, 3], [2]), AssertionError);
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertThrows(() => assertObjectMatch({ a: 1 }, { a: 2 }), AssertionError);
  assertThrows(() => assertObjectMatch({ a: 1 }, { b: 1 }), AssertionError);
  assertThrows(() => fail("why"), AssertionError, "why");
  assertThrows(() => assert(0, "why"), AssertionError, "why");
});

Deno.test("IsExact and its like decide types", () => {
  assertType<IsExact<{ a: 1 } & { b: 2 }, { a: 1; b: 2 }>>(true);
  assertType<IsExact<string, "a">>(false);
  // deno-lint-ignore no-explicit-any -- the case under test
  assertType<IsExact<any, string>>(false);
  assertType<IsExact<(x: number) => void, (x: string) => void>>(false);
  assertType<IsExact<[number, null], [number, null]>>(true);
  assertType<IsExact<{ a?: 1 }, { a: 1 }>>(false);
  assertType<Has<string | null, null>>(true);
  assertType<Has<string, null>>(false);
  assertType<IsNullable<string | null>>(true);
});

const log: string[] = [];
describe("describe() and it()", () => {
  beforeAll(() => void log.push("all"));
  beforeEach(() => void log.push("each"));
  afterEach(() => void log.push("end"));
  it("run the hooks around each test", () => void log.push("one"));
  describe("nested", () => {
    beforeEach(() => void log.push("inner"));
    it("run the outer hooks too", () => void log.push("two"));
  });
  afterAll(() => {
    assertEquals(log, ["all", "each", "one", "end", "each", "inner", "two", "end"]);
  });
});
