/** Normal forms of index expressions. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { BinaryOp } from "../../src/loopnest/expr.ts";
import { stridesOf } from "../../src/core/aval.ts";
import { type Term, Terms } from "../../src/schedule/term.ts";
import { makeRandom } from "./helpers.ts";

/** The value of an int32 or bool term, given those of the variables. */
function evaluate(t: Term, env: ReadonlyMap<Term, number>): number {
  switch (t.kind) {
    case "const":
      return Number(t.value);
    case "var":
      return env.get(t)!;
    case "affine":
      return t.args.reduce(
        (sum, x, k) => (sum + Math.imul(evaluate(x, env), t.coeffs[k])) | 0,
        t.value as number,
      );
    case "binary": {
      const [x, y] = t.args.map((a) => evaluate(a, env));
      return apply(t.op as BinaryOp, x, y);
    }
    case "select":
      return evaluate(t.args[0], env) ? evaluate(t.args[1], env) : evaluate(t.args[2], env);
    default:
      throw new Error(t.kind);
  }
}

function apply(op: BinaryOp, x: number, y: number): number {
  switch (op) {
    case "add":
      return (x + y) | 0;
    case "sub":
      return (x - y) | 0;
    case "mul":
      return Math.imul(x, y);
    case "div":
      return Math.trunc(x / y);
    case "rem":
      return x % y;
    case "min":
      return Math.min(x, y);
    case "max":
      return Math.max(x, y);
    case "lt":
      return Number(x < y);
    case "ge":
      return Number(x >= y);
    default:
      throw new Error(op);
  }
}

Deno.test("equal sums are one term, however they were put together", () => {
  const terms = new Terms();
  const [i, j] = [terms.loopVar(8, 0), terms.loopVar(5, 1)];
  const a = terms.binary("add", terms.binary("mul", i, terms.int(5)), j);
  const b = terms.binary("sub", terms.binary("add", j, terms.scale(i, 7)), terms.scale(i, 2));
  assertStrictEquals(a, b);
  assertEquals([a.lo, a.hi], [0, 39]);
  assertStrictEquals(terms.binary("sub", a, a), terms.zero);
});

Deno.test("division and remainder by a stride give the axes back", () => {
  const terms = new Terms();
  const sizes = [4, 6, 5];
  const axes = sizes.map((n, k) => terms.loopVar(n, k));
  const position = terms.linear(axes, stridesOf(sizes));
  terms.delinearise(position, sizes, stridesOf(sizes)).forEach((t, k) =>
    assertStrictEquals(t, axes[k])
  );
  // Through another shape and back.
  const other = terms.delinearise(position, [12, 10], [10, 1]);
  assertStrictEquals(terms.linear(other, [10, 1]), position);
});

Deno.test("a quotient and its remainder join", () => {
  const terms = new Terms();
  const x = terms.loopVar(60, 0);
  const parts = terms.delinearise(x, [3, 4, 5], [20, 5, 1]);
  assertStrictEquals(terms.linear(parts, [20, 5, 1]), x);
  assertEquals(parts.map((t) => [t.lo, t.hi]), [[0, 2], [0, 3], [0, 4]]);
});

Deno.test("comparisons and clamps that a loop's range decides are decided", () => {
  const terms = new Terms();
  const i = terms.loopVar(8, 0);
  assertEquals(terms.binary("lt", i, terms.int(8)).value, true);
  assertEquals(terms.binary("ge", terms.addScaled(i, terms.int(1), 1), i).value, true);
  assertEquals(terms.binary("lt", i, terms.int(7)).kind, "binary");
  assertStrictEquals(terms.binary("min", i, terms.int(7)), i);
  assertStrictEquals(terms.binary("max", terms.int(0), i), i);
});

Deno.test("floating constants fold exactly, and zeros keep their signs", () => {
  const terms = new Terms();
  const c = (x: number) => terms.constant(x, "float32");
  const third = terms.binary("div", c(1), c(3));
  assertEquals(third.value, Math.fround(1 / 3));
  const x = terms.load({ index: 0 }, "float32", terms.zero);
  assertStrictEquals(terms.binary("mul", x, c(1)), x);
  assertStrictEquals(terms.binary("sub", x, c(0)), x);
  assertStrictEquals(terms.binary("add", x, c(-0)), x);
  assert(terms.binary("add", x, c(0)) !== x); // -0 + 0 is 0
  assert(terms.binary("sub", x, c(-0)) !== x);
  assert(terms.binary("mul", x, c(0)).kind !== "const"); // NaN · 0
  assert(c(0) !== c(-0));
});

Deno.test("random index expressions keep their values, and stay within their ranges", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = makeRandom(seed);
    const terms = new Terms();
    const vars = [7, 1, 12, 5].map((n, k) => terms.loopVar(n, k));
    // Each term with a function that computes it plainly.
    const pool: [Term, (env: ReadonlyMap<Term, number>) => number][] = vars.map((
      v,
    ) => [v, (env) => env.get(v)!]);
    const below = (n: number) => Math.floor(random() * n);
    for (let step = 0; step < 12; step++) {
      const [x, fx] = pool[below(pool.length)];
      const [y, fy] = pool[below(pool.length)];
      const n = 1 + below(13);
      const constant: [Term, () => number] = [terms.int(n), () => n];
      const op = (["add", "sub", "mul", "div", "rem", "min", "max", "lt", "ge"] as const)[below(9)];
      if (x.dtype !== "int32") continue;
      const [z, fz] = op === "mul" || op === "div" || op === "rem" || y.dtype !== "int32"
        ? constant
        : [y, fy];
      pool.push([terms.binary(op, x, z), (env) => apply(op, fx(env), fz(env))]);
    }
    for (let trial = 0; trial < 20; trial++) {
      const env = new Map(vars.map((v) => [v, below(v.extent)]));
      for (const [t, f] of pool) {
        const value = evaluate(t, env);
        assertEquals(value, f(env), `seed ${seed}`);
        if (!Number.isNaN(t.lo)) assert(t.lo <= value && value <= t.hi, `seed ${seed}: range`);
      }
    }
  }
});
