/** Control flow: fused, plain, interpreted and compiled programs give what a loop in TypeScript gives. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import { InternalError } from "../../src/errors.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { type Control, innerPrograms, type Program } from "../../src/loopnest/ir.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import * as np from "../../src/numpy/mod.ts";
import { arrayFromTypedArray } from "../../src/runtime/concrete.ts";
import { literal } from "../../src/ops/common.ts";
import { dynamicSlice, dynamicUpdateSlice } from "../../src/ops/dynamic.ts";
import { evalClosedJaxpr } from "../../src/transform/stage.ts";
import { Compiled } from "../backends/run.ts";
import { cond, scan, whileLoop } from "./control.ts";
import { check, difference, f32, fused, i32, jaxprOf, makeRandom, randomArray } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

const binaryen = await loadBinaryen();

type Fn = (...xs: NDArray[]) => NDArray[];

/** Runs a function interpreted, compiled and evaluated at once, and compares with what is expected. */
function compare(
  fn: Fn,
  avals: readonly ShapedArray[],
  inputs: readonly TypedArray[],
  expected: readonly ArrayLike<number>[] | null,
  donated: readonly boolean[] = [],
): Program {
  const closed = jaxprOf(fn, ...avals);
  assertEquals(closed.consts.length, 0);
  check(closed, donated);
  const program = fused(closed, donated);
  const text = printProgram(program);
  const interpreted = interpret(program, inputs);
  expected?.forEach((e, k) => assertEquals(Array.from(interpreted[k], Number), Array.from(e)));
  const compiled = new Compiled(binaryen, program);
  // Twice, because the first call might rely on memory being clear.
  for (let time = 0; time < 2; time++) {
    compiled.call(inputs).forEach((actual, k) => {
      const message = difference(interpreted[k], actual);
      assert(message === null, `output ${k}: ${message}\n${text}`);
    });
    assert(compiled.isIntact(), text);
  }
  const arrays = inputs.map((x, i) => {
    return arrayFromTypedArray(x.slice(), avals[i].shape, avals[i].dtype);
  });
  fn(...arrays).forEach((actual, k) => {
    const message = difference(interpreted[k], actual.dataSync());
    assert(message === null, `output ${k}, evaluated at once: ${message}\n${text}`);
  });
  return program;
}

function control(program: Program): Control {
  return program.steps.find((s): s is Control => s.kind === "control")!;
}

/** How many carries of a loop are updated in place. */
function inPlace(program: Program): number {
  const body = innerPrograms(control(program).control).at(-1)!;
  return body.buffers.filter((b) => b.donor >= 0).length;
}

const floats = (...xs: number[]) => Float32Array.from(xs);
const ints = (...xs: number[]) => Int32Array.from(xs);

const running: Fn = (sum, xs) => scan((s, x) => [s.add(x), s.mul(x)], [], [sum], [xs], 5);

Deno.test("a scan hands its carry on and stacks its outputs", () => {
  const expected = [[16], [1, 4, 12, 28, 55]];
  compare(running, [f32(), f32(5)], [floats(1), floats(1, 2, 3, 4, 5)], expected);
});

Deno.test("a scan in reverse takes slices from the end", () => {
  const inputs = [floats(1), floats(1, 2, 3, 4, 5)];
  const back: Fn = (sum, xs) => scan((s, x) => [s.add(x), s.mul(x)], [], [sum], [xs], 5, true);
  compare(back, [f32(), f32(5)], inputs, [[16], [15, 26, 30, 24, 5]]);
});

Deno.test("a scan of nothing gives the carry it was given", () => {
  const none: Fn = (s, xs) => scan((s, x) => [s.add(np.sum(x)), x], [], [s], [xs], 0);
  compare(none, [f32(), f32(0, 3)], [floats(7), floats()], [[7], []]);
  const rows: Fn = (s, xs) => scan((s, x) => [s.add(np.sum(x)), x, s], [], [s], [xs], 4);
  compare(rows, [f32(), f32(4, 0)], [floats(7), floats()], [[7], [], [7, 7, 7, 7]]);
});

Deno.test("literals, inputs and values that are not memory may be operands", () => {
  const fn: Fn = (x) => {
    const start = np.zeros([3]).add(x);
    const two = literal(2, "float32");
    const [total, ys] = scan(
      (c, s, row) => [s.add(row).add(c), row],
      [two],
      [start],
      [x.mul(np.ones([4, 3]))],
      4,
    );
    return [total, np.sum(ys, 0)];
  };
  compare(fn, [f32(3)], [floats(1, 2, 3)], [[13, 18, 23], [4, 8, 12]]);
});

Deno.test("carries of several shapes and dtypes trade places", () => {
  const fn: Fn = (a, b, n, flag, big, xs) =>
    scan(
      (a, b, n, flag, big, x) => [
        b,
        a,
        n.add(x),
        np.logicalNot(flag),
        big.add(big),
        n,
        np.where(flag, a, b),
        flag,
      ],
      [],
      [a, b, n, flag, big],
      [xs],
      3,
    );
  const avals = [f32(2), f32(2), i32(), shapedArray([], "bool"), shapedArray([3], "int64"), i32(3)];
  const inputs = [
    floats(1, 2),
    floats(3, 4),
    ints(10),
    Uint8Array.of(1),
    BigInt64Array.of(1n, -2n, 3n),
    ints(1, 2, 3),
  ];
  const program = compare(fn, avals, inputs, [
    [3, 4],
    [1, 2],
    [16],
    [0],
    [8, -16, 24],
    [10, 11, 13],
    [1, 2, 1, 2, 1, 2],
    [1, 0, 1],
  ]);
  // One of those that trade places, and the big ones; the others are stacked as they were before.
  assertEquals(inPlace(program), 2);
});

Deno.test("a carry that is updated here and there stays in one place", () => {
  const set: Fn = (table, xs) =>
    scan(
      (t, x) => [dynamicUpdateSlice(t, x.astype("float32").reshape([1]), [x]), x],
      [],
      [table],
      [xs],
      4,
    );
  const inputs = [floats(0, 0, 0, 0, 0), ints(1, 3, 1, 4)];
  const written = compare(set, [f32(5), i32(4)], inputs, [[0, 1, 0, 3, 4], [1, 3, 1, 4]]);
  assertEquals([inPlace(written), kindsWithin(written)], [1, ["nest", "copy"]]);
  const count: Fn = (table, xs) =>
    scan(
      (t, x) => [dynamicUpdateSlice(t, dynamicSlice(t, [x], [1]).add(1), [x])],
      [],
      [table],
      [xs],
      4,
    );
  const counted = compare(count, [f32(5), i32(4)], inputs, [[0, 2, 0, 1, 1]]);
  assertEquals([inPlace(counted), kindsWithin(counted)], [1, ["nest", "nest"]]);
});

function kindsWithin(program: Program): string[] {
  return innerPrograms(control(program).control).flatMap((p) => p.steps.map((s) => s.kind));
}

Deno.test("constants and carries pass through unchanged", () => {
  const fn: Fn = (c, s, xs) => scan((c, s, x) => [s, c, x, c], [c], [s], [xs], 2);
  const inputs = [floats(5, 6), floats(7), ints(1, 2)];
  const expected = [[7], [5, 6, 5, 6], [1, 2], [5, 6, 5, 6]];
  compare(fn, [f32(2), f32(), i32(2)], inputs, expected);
});

Deno.test("results that nobody uses are computed without harm", () => {
  const fn: Fn = (s, xs) => scan((s, x) => [s.add(x), s, s.mul(x)], [], [s], [xs], 3).slice(0, 1);
  compare(fn, [f32(), f32(3)], [floats(1), floats(1, 2, 3)], [[7]]);
  const middle: Fn = (s, xs) => [scan((s, x) => [s.add(x), s, s.mul(x)], [], [s], [xs], 3)[1]];
  compare(middle, [f32(), f32(3)], [floats(1), floats(1, 2, 3)], [[1, 2, 4]]);
});

Deno.test("a result that is given twice has two memories, and the step one result", () => {
  const turn = (s: NDArray, xs: NDArray) => scan((s, x) => [s.add(x), s], [], [s], [xs], 3);
  const fn: Fn = (s, xs) => {
    const [last, all] = turn(s, xs);
    return [all, last, all, last];
  };
  const expected = [[1, 2, 4], [7], [1, 2, 4], [7]];
  compare(fn, [f32(), f32(3)], [floats(1), floats(1, 2, 3)], expected);
});

Deno.test("scans within scans", () => {
  let s = 1;
  const partials: number[] = [];
  for (const row of [[1, 2, 3], [-1, 0, 2]]) {
    const outer = s;
    const part: number[] = [];
    for (let i = 2; i >= 0; i--) {
      part[i] = s;
      s += row[i] * outer;
    }
    partials.push(...part);
  }
  const program = compare(
    (s, xs) => {
      return scan(
        (s, row) => scan((c, t, x) => [t.add(x.mul(c)), t], [s], [s], [row], 3, true),
        [],
        [s],
        [xs],
        2,
      );
    },
    [f32(), f32(2, 3)],
    [floats(1), floats(1, 2, 3, -1, 0, 2)],
    [[s], partials],
  );
  assertEquals(kindsWithin(program), ["control"]);
});

Deno.test("a while loop turns as often as its data says", () => {
  // Collatz: halved or tripled until it is 1.
  const fn: Fn = (n, limit, steps) =>
    whileLoop(
      (limit, n, _steps) => np.notEqual(n, limit),
      (one, n, steps) => [
        np.where(
          np.equal(n.mod(2), 0),
          np.floorDivide(n, 2),
          n.mul(3).add(one),
        ),
        steps.add(one),
      ],
      [limit],
      [limit],
      [n, steps],
    );
  for (const [n, steps] of [[1, 0], [2, 1], [27, 111], [97, 118]]) {
    compare(fn, [i32(), i32(), i32()], [ints(n), ints(1), ints(0)], [[1], [steps]]);
  }
});

Deno.test("a while loop whose carries trade places leaves them in the results, however often it turns", () => {
  const fn: Fn = (n, a, b) =>
    whileLoop(
      (n) => np.greater(n, 0),
      (n, a, b) => [n.sub(1), b, a],
      [],
      [],
      [n, a, b],
    );
  for (let n = 0; n < 5; n++) {
    const [a, b] = n % 2 === 0 ? [[1, 2], [3, 4]] : [[3, 4], [1, 2]];
    compare(fn, [i32(), f32(2), f32(2)], [ints(n), floats(1, 2), floats(3, 4)], [[0], a, b]);
  }
});

Deno.test("a branch is chosen by a clamped number, also within a loop", () => {
  const branches: Fn[] = [
    (x, y) => [x.add(y), x],
    (x, y) => [x.sub(y), y],
    (_x, y) => [y, y],
  ];
  const results = [[[11, 22], [1, 2]], [[-9, -18], [10, 20]], [[10, 20], [10, 20]]];
  const fn: Fn = (i, x, y) => cond(i, branches, [x, y]);
  for (const i of [-5, 0, 1, 2, 3, 2 ** 31 - 1]) {
    const inputs = [ints(i), floats(1, 2), floats(10, 20)];
    compare(fn, [i32(), f32(2), f32(2)], inputs, results[Math.max(0, Math.min(2, i))]);
  }
  const within: Fn = (s, is, xs) =>
    scan(
      (s, i, x) => {
        const [next] = cond(i, [(s, x) => [s.add(x)], (s, x) => [s.mul(x)]], [s, x]);
        return [next, s];
      },
      [],
      [s],
      [is, xs],
      4,
    );
  const inputs = [floats(1), ints(0, 1, 1, 0), floats(2, 3, 4, 5)];
  compare(within, [f32(), i32(4), f32(4)], inputs, [[41], [1, 3, 9, 36]]);
});

Deno.test("matrix products and sorts inside of a loop have scratch of their own", () => {
  const fn: Fn = (w, h, xs) =>
    scan(
      (w, h, x) => {
        const next = np.tanh(np.matmul(h, w).mul(0.05).add(x));
        return [next, np.sort(np.sum(next, 0)), np.cumsum(next, 1)];
      },
      [w],
      [h],
      [xs],
      3,
    );
  const random = makeRandom(7);
  const avals = [f32(40, 40), f32(33, 40), f32(3, 40)];
  compare(fn, avals, avals.map((a) => randomArray(a, random)), null);
});

Deno.test("what a loop leaves behind is used afterwards, and inputs that are given away may be reused", () => {
  const fn: Fn = (s, xs) => {
    const before = np.exp(s);
    const [total, ys] = scan((s, x) => [s.add(x), s.mul(x)], [], [before], [xs.mul(xs)], 4);
    return [np.sum(ys).add(total), before.mul(total), xs.add(1), ys];
  };
  const random = makeRandom(3);
  const avals = [f32(9), f32(4, 9)];
  const inputs = avals.map((a) => randomArray(a, random));
  compare(fn, avals, inputs, null, [true, true]);
  compare(fn, avals, inputs, null, [false, true]);
});

Deno.test("random programs as bodies of scans", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = makeRandom(seed + 900);
    const body = randomProgram(random, 2 + Math.floor(random() * 12));
    // An output that is like an input is, more often than not, carried.
    const free = body.inAvals.map((_, i) => i);
    const carried: number[] = [];
    const carriers: number[] = [];
    body.outAvals.forEach((aval, o) => {
      const k = free.findIndex((i) => {
        const a = body.inAvals[i];
        return a.dtype === aval.dtype && a.shape.join() === aval.shape.join();
      });
      if (k < 0 || random() < 0.2) return;
      carriers.push(o);
      carried.push(...free.splice(k, 1));
    });
    const sliced = free.filter(() => random() < 0.5);
    const consts = free.filter((i) => !sliced.includes(i));
    const order = [...consts, ...carried, ...sliced];
    const length = 1 + Math.floor(random() * 4);
    const reverse = random() < 0.5;
    const fn: Fn = (...xs) =>
      scan(
        (...ins) => {
          const args: NDArray[] = [];
          order.forEach((i, k) => args[i] = ins[k]);
          const outs = evalClosedJaxpr(body, args);
          const ys = outs.filter((_, o) => !carriers.includes(o));
          return [...carriers.map((o) => outs[o]), ...ys];
        },
        xs.slice(0, consts.length),
        xs.slice(consts.length, consts.length + carried.length),
        xs.slice(consts.length + carried.length),
        length,
        reverse,
      );
    const avals = order.map((i, k) => {
      const { shape, dtype } = body.inAvals[i];
      return k < consts.length + carried.length
        ? shapedArray(shape, dtype)
        : shapedArray([length, ...shape], dtype);
    });
    compare(fn, avals, avals.map((a) => randomArray(a, random)), null);
  }
});

Deno.test("the verifier refuses inner programs that do not fit", () => {
  const program = fused(jaxprOf(running, f32(), f32(5)));
  const step = control(program);
  assert(step.control.kind === "scan");
  const broken = (change: Partial<Control>) => ({
    ...program,
    steps: program.steps.map((s) => s === step ? { ...step, ...change } : s),
  });
  const refuse = (change: Partial<Control>, message: string) =>
    assertThrows(() => verifyProgram(broken(change)), InternalError, message);
  refuse({ control: { ...step.control, length: 3 } }, "odd length");
  refuse({ operands: [...step.operands].reverse() }, "carry changes");
  refuse({ operands: [...step.operands, 0, 1] }, "odd length");
  refuse({ results: step.operands }, "operand and result");
  const { body } = step.control;
  const buffers = body.buffers.map((b) => b.role === "output" ? { ...b, donor: 1 } : b);
  refuse({ control: { ...step.control, body: { ...body, buffers } } }, "in place of input 1");
});

Deno.test("a printed program shows its inner programs", () => {
  const text = printProgram(fused(jaxprOf(running, f32(), f32(5))));
  assert(text.includes("= scan length 5, consts 0, carry 1 of (b0, b1)"), text);
  assert(text.includes("\n  program scan body"), text);
});
