/** What control flow updates in place, what it leaves out, and updates under a condition: compiled, interpreted and plain programs agree. */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import type { ShapedArray } from "../../src/core/aval.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import {
  type Control,
  innerPrograms,
  operandsInPlace,
  type Program,
} from "../../src/loopnest/ir.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import * as lax from "../../src/lax/mod.ts";
import * as np from "../../src/numpy/mod.ts";
import { literal } from "../../src/ops/common.ts";
import { Compiled } from "../backends/run.ts";
import { check, difference, f32, i32, jaxprOf, makeRandom, randomArray } from "./helpers.ts";

const binaryen = await loadBinaryen();

/** Schedules a function; its program gives, compiled, what it gives interpreted, and what a plain schedule gives. */
function compare(
  fn: (...xs: NDArray[]) => NDArray | NDArray[],
  ...avals: ShapedArray[]
): Program {
  const closed = jaxprOf(fn, ...avals);
  assertEquals(closed.consts.length, 0);
  const program = check(closed);
  const random = makeRandom(7);
  const inputs = avals.map((a) => randomArray(a, random));
  const expected = interpret(program, inputs);
  const compiled = new Compiled(binaryen, program);
  for (let time = 0; time < 2; time++) {
    compiled.call(inputs).forEach((actual, k) => {
      const message = difference(expected[k], actual);
      assert(message === null, `output ${k}: ${message}\n${printProgram(program)}`);
    });
    assert(compiled.isIntact());
  }
  return program;
}

/** All control flow of a program, inner programs included, outermost first. */
function controls(program: Program): { readonly step: Control; readonly of: Program }[] {
  return program.steps.flatMap((step) =>
    step.kind !== "control"
      ? []
      : [{ step, of: program }, ...innerPrograms(step.control).flatMap(controls)]
  );
}

/** For each result of control flow, whether it has the memory of the operand that it starts as. */
function shared({ step, of }: ReturnType<typeof controls>[number]): boolean[] {
  return operandsInPlace(step.control, step.results.length).map((k, i) => {
    if (k < 0) return false;
    const [from, to] = [step.operands[k], step.results[i]];
    return from === to ||
      (of.buffers[from].role === "input" && of.buffers[to].donor === of.buffers[from].position);
  });
}

const count = () => literal(0, "int32");
/** `n` turns of a loop whose length the scheduler does not see. */
function times<C>(n: NDArray, body: (c: C) => C, init: C): C {
  return lax.whileLoop(
    ([i]: [NDArray, C]) => i.less(n),
    ([i, c]: [NDArray, C]): [NDArray, C] => [i.add(1), body(c)],
    [count(), init] as [NDArray, C],
  )[1];
}

Deno.test("a loop within a loop updates the outer one's carry where it is", () => {
  const decay = (d: NDArray) => d.mul(0.9).add(1);
  for (const start of [(c: NDArray) => c, (c: NDArray) => c.mul(0.5)]) {
    const program = compare(
      (x, n) => times(n, (c: NDArray) => times(n, decay, start(c)), x.add(0.5)),
      f32(6),
      i32(),
    );
    const [outer, inner] = controls(program);
    // Counters first, then the array.
    assertEquals([shared(outer)[1], shared(inner)[1]], [true, true]);
  }
  // What is read afterwards keeps its memory.
  const kept = compare(
    (x, n) => {
      const start = x.mul(2);
      return times(n, (d: NDArray) => d.mul(0.9).add(1), start).add(start);
    },
    f32(6),
    i32(),
  );
  assertEquals(shared(controls(kept)[0])[1], false);
  const given = compare((x, n) => times(n, (d: NDArray) => d.mul(0.9), x), f32(6), i32());
  assertEquals(shared(controls(given)[0])[1], false, "an input that is not donated");
});

Deno.test("a scan over a scan carries one table through both", () => {
  const program = compare(
    (x, rows) => {
      const inner = (t: NDArray, i: NDArray) => [t.at(i).add(1.5), t.get(i)] as const;
      const outer = (t: NDArray, is: NDArray) => lax.scan(inner, t, is);
      return lax.scan(outer, x.add(1), rows) as [NDArray, NDArray];
    },
    f32(5),
    i32(3, 4),
  );
  assertEquals(controls(program).map((c) => shared(c)[0]), [true, true]);
});

Deno.test("a branch leaves alone what it hands through", () => {
  const turn = (c: NDArray, i: NDArray, b: NDArray) =>
    lax.cond(
      b.greater(i),
      (x: NDArray) => x.at(i).set(7),
      (x: NDArray) => x,
      c,
    );
  const program = compare(
    (x, b) => {
      const step = (c: NDArray, i: NDArray) => [turn(c, i, b), null] as const;
      return lax.scan(step, x.mul(2), np.arange(4, { dtype: "int32" }))[0];
    },
    f32(50),
    i32(),
  );
  const [, branch] = controls(program);
  assertEquals(shared(branch), [true]);
  for (const inner of innerPrograms(branch.step.control)) {
    assert(!inner.steps.some((s) => s.kind === "copy"), printProgram(program));
  }
  // Where one branch cannot work in place, none does.
  const product = compare(
    (w, x, b) => {
      const y = x.mul(2);
      return lax.cond(b.greater(1), (v: NDArray) => np.matmul(w, v), (v: NDArray) => v, y);
    },
    f32(5, 5),
    f32(5),
    i32(),
  );
  assertEquals(shared(controls(product)[0]), [false]);
  // Nor where the operand is read afterwards.
  const after = compare(
    (x, b) => {
      const y = x.mul(2);
      return lax.cond(b.greater(1), (v: NDArray) => v.add(1), (v: NDArray) => v, y).add(y);
    },
    f32(5),
    i32(),
  );
  assertEquals(shared(controls(after)[0]), [false]);
  // Two operands that are one array are told apart.
  compare(
    (x, b) => {
      const y = x.mul(2);
      const both = (u: NDArray, v: NDArray) => [u, v.add(u)];
      return lax.cond(
        b.greater(1),
        both,
        (u: NDArray, v: NDArray) => [u.add(1), v],
        y,
        y,
      ) as NDArray[];
    },
    f32(5),
    i32(),
  );
});

Deno.test("results that nobody reads are not computed, nor what only they need", () => {
  const step = ([a, b]: [NDArray, NDArray], x: NDArray) =>
    [[a.add(x), b.mul(a)] as [NDArray, NDArray], [np.sin(a), np.cos(b)]] as const;
  const scanned =
    (pick: (out: ReturnType<typeof run>) => NDArray | NDArray[]) => (x: NDArray, xs: NDArray) =>
      pick(run(x, xs));
  const run = (x: NDArray, xs: NDArray) =>
    lax.scan(step, [x, x.mul(2)] as [NDArray, NDArray], xs) as unknown as [NDArray[], NDArray[]];
  const results = (program: Program) => controls(program)[0].step.results.length;
  const all = compare(scanned(([c, ys]) => [...c, ...ys]), f32(), f32(5));
  assertEquals(results(all), 4);
  assertEquals(results(compare(scanned(([c]) => c[0]), f32(), f32(5))), 1);
  assertEquals(
    results(compare(scanned(([c]) => c[1]), f32(), f32(5))),
    2,
    "one carry needs the other",
  );
  assertEquals(results(compare(scanned(([, ys]) => ys[0]), f32(), f32(5))), 2);
  assertEquals(results(compare(scanned(([, ys]) => ys[1]), f32(), f32(5))), 3);

  const loop = compare(
    (x, n) =>
      lax.whileLoop(
        ([i]: NDArray[]) => i.less(n),
        ([i, a, b]: NDArray[]) => [i.add(1), a.add(1), b.mul(a)],
        [count(), x, x.mul(2)],
      )[1],
    f32(),
    i32(),
  );
  assertEquals(results(loop), 2);
  const branch = compare(
    (x, y, n) =>
      lax.cond(
        n.greater(1),
        (a: NDArray, b: NDArray) => [np.sin(a), np.cos(b)],
        (a: NDArray, b: NDArray) => [a, b],
        x,
        y,
      )[0],
    f32(),
    f32(),
    i32(),
  );
  assertEquals([results(branch), controls(branch)[0].step.operands.length], [1, 2]);
});

Deno.test("where an update is taken or left, what is left is not touched", () => {
  const isLong = (program: Program, size: number) =>
    new RegExp(`for \\w+ < ${size}\\b`).test(printProgram(program));
  // In each turn of a loop, so that the array need not be copied first.
  const each = (f: (c: NDArray, i: NDArray) => NDArray) => (x: NDArray) => {
    const body = (c: NDArray, i: NDArray) => [f(c, i), null] as const;
    return lax.scan(body, x, np.arange(4, { dtype: "int32" }))[0];
  };
  const sparse = [
    each((c, i) => np.where(i.greater(1), c.at(i).set(5), c)),
    each((c, i) => np.where(i.greater(1), c, c.at(i).add(5))),
    each((c, i) => np.where(np.arange(99).less(2), c.at(i.add(97)).set(5), c)),
    each((c, i) => np.where(i.greater(1), lax.dynamicUpdateSlice(c, np.ones([3]), [i.mul(40)]), c)),
  ];
  for (const f of sparse) {
    const program = compare(f, f32(99));
    const body = innerPrograms(controls(program)[0].step.control)[0];
    assert(!isLong(body, 99), printProgram(program));
  }
  // The update is read by itself too, or is one of something else.
  compare(each((c, i) => np.where(i.greater(1), c.at(i).set(5), c.add(1))), f32(9));
  compare(
    (x, y) => {
      const updated = x.at(2).set(y.get(0));
      return [np.where(y.greater(0), updated, x), updated];
    },
    f32(9),
    f32(9),
  );
  // The mask is made of what is updated; and an index occurs twice.
  compare(each((c, i) => np.where(c.greater(0), c.at(i).set(-1), c)), f32(9));
  compare((x, i, u) => np.where(x.greater(0), x.at(i).set(u), x), f32(9), i32(12), f32(12));
});
