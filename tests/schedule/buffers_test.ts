/** Where values live: reuse of scratch, updates in place, donation; and programs that hardly compute anything. */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import * as np from "../../src/numpy/mod.ts";
import { literal } from "../../src/ops/common.ts";
import { bitcastConvertType } from "../../src/ops/convert.ts";
import { dotGeneral } from "../../src/ops/dot.ts";
import { dynamicUpdateSlice } from "../../src/ops/dynamic.ts";
import { reduceSum, reshape, transpose } from "../../src/ops/shape.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { unusedDonations } from "../../src/schedule/mod.ts";
import { check, f32, i32, jaxprOf, kinds } from "./helpers.ts";

function donors(program: Program): number[] {
  return program.buffers.filter((b) => b.role === "output").map((b) => b.donor);
}

function matmul(x: NDArray, y: NDArray): NDArray {
  return dotGeneral(x, y, [[[1], [0]], [[], []]]);
}

Deno.test("a chain of products uses the memory of two of them", () => {
  const program = check(jaxprOf(
    (x, w) => {
      let h = x;
      for (let i = 0; i < 8; i++) h = matmul(h, w);
      return h;
    },
    f32(30, 30),
    f32(30, 30),
  ));
  assertEquals(kinds(program).length, 8);
  const one = Math.ceil(30 * 30 * 4 / 64) * 64;
  assertEquals(program.scratchBytes, 2 * one);
});

Deno.test("arrays that are alive together do not overlap, and are no page apart", () => {
  const program = check(jaxprOf(
    (x, w) => {
      const parts = [1, 2, 3, 4].map((k) => matmul(x.mul(k), w));
      return parts.map((p) => matmul(p, w)).reduce((a, b) => a.mul(b));
    },
    f32(32, 32),
    f32(32, 32),
  ));
  const temps = program.buffers.filter((b) => b.role === "temp");
  assert(temps.length >= 4);
  for (const a of temps) {
    for (const b of temps) {
      if (a.offset > b.offset) assert((a.offset - b.offset) % 4096 !== 0);
    }
  }
});

Deno.test("an elementwise value takes the place of a dying temporary, or leaves it to the output", () => {
  const program = check(jaxprOf((x, w) => np.tanh(matmul(x, w).add(1)), f32(30, 30), f32(30, 30)));
  assertEquals(kinds(program), ["dot", "nest"]);
  assertEquals(program.scratchBytes, 0); // the product is computed in the output's memory
});

Deno.test("a temporary that is read elsewhere than where it is written is not overwritten", () => {
  const program = check(jaxprOf(
    (x, w) => {
      const h = matmul(x, w);
      return h.add(transpose(h, [1, 0]));
    },
    f32(30, 30),
    f32(30, 30),
  ));
  assertEquals(kinds(program), ["dot", "nest"]);
  assert(program.scratchBytes > 0);
});

Deno.test("a donated input is taken over only by what reads it in step", () => {
  const shift = (x: NDArray) => x.add(np.flip(x));
  assertEquals(donors(check(jaxprOf(shift, f32(10)), [true])), [-1]);
  assertEquals(donors(check(jaxprOf((x) => x.mul(2).add(1), f32(10)), [true])), [0]);
  assertEquals(donors(check(jaxprOf((x) => x.mul(2), f32(10)), [false])), [-1]);
});

Deno.test("a donated input that a later step reads is not taken over", () => {
  const program = check(
    jaxprOf(
      (x, w) => {
        const y = x.add(1);
        return [y, matmul(matmul(y, w), x)];
      },
      f32(30, 30),
      f32(30, 30),
    ),
    [true, false],
  );
  assertEquals(donors(program)[0], -1);
});

Deno.test("a donated input nobody reads is memory for an output of its size", () => {
  const program = check(jaxprOf((_x, y) => [np.exp(y)], f32(10), f32(10)), [true, false]);
  assertEquals(donors(program), [0]);
});

Deno.test("donated inputs that go unused are told", () => {
  const donated = [true, true, true];
  const program = check(
    jaxprOf(
      (x, y, z) => [x.add(1), reduceSum(y, [0]).add(reduceSum(z, [0]))],
      f32(10),
      f32(20),
      f32(20),
    ),
    donated,
  );
  assertEquals(unusedDonations(program, donated), [1, 2]);
});

Deno.test("an update of a donated array, or of a temporary, happens in place", () => {
  const update = (x: NDArray, i: NDArray) => {
    const once = dynamicUpdateSlice(x, np.ones([5]), [i]);
    return dynamicUpdateSlice(once, np.full([3], 7), [i.add(2)]);
  };
  const program = check(jaxprOf(update, f32(1000), i32()), [true, false]);
  assertEquals(kinds(program), ["nest", "nest"]);
  assertEquals(donors(program), [0]);
  assertEquals(program.scratchBytes, 0);
  // Without donation: one copy, into the output.
  const copied = check(jaxprOf(update, f32(1000), i32()));
  assertEquals(kinds(copied), ["copy", "nest", "nest"]);
  assertEquals(copied.scratchBytes, 0);
});

Deno.test("an update whose new values read the array's old ones elsewhere works on a copy", () => {
  const update = (x: NDArray, i: NDArray) =>
    dynamicUpdateSlice(x, np.flip(x.get(np.arange(5))), [i]);
  const program = check(jaxprOf(update, f32(1000), i32()), [true, false]);
  assert(kinds(program).length >= 2);
});

Deno.test("readers of an array come before its update in place", () => {
  const program = check(
    jaxprOf(
      (x, i) => {
        const y = np.exp(x);
        const z = dynamicUpdateSlice(x, np.ones([5]), [i]);
        return [z, reduceSum(y, [0])];
      },
      f32(1000),
      i32(),
    ),
    [true, false],
  );
  assertEquals(kinds(program), ["nest", "nest"]);
  assertEquals(donors(program)[0], 0);
});

Deno.test("inputs handed through, and one value given twice, are copies", () => {
  const program = check(jaxprOf((x) => [x, x.add(1)], f32(10)));
  assertEquals(kinds(program).sort(), ["copy", "nest"]);
  const twice = check(jaxprOf((x) => {
    const y = np.exp(x);
    return [y, y, reshape(y, [2, 5])];
  }, f32(10)));
  assertEquals(kinds(twice), ["nest", "copy", "copy"]);
});

Deno.test("a donated input handed through stays where it is", () => {
  const program = check(jaxprOf((x, y) => [y.mul(2), x], f32(10), f32(10)), [true, true]);
  assertEquals(kinds(program), ["nest"]);
  assertEquals(donors(program), [1, 0]);
});

Deno.test("programs with nothing to do", () => {
  assertEquals(kinds(check(jaxprOf(() => []))), []);
  assertEquals(kinds(check(jaxprOf((x) => [x.mul(2)], f32(0, 3)))), []);
  const literals = check(jaxprOf(() => [literal(2, "float32"), literal(true, "bool")]));
  assertEquals(interpret(literals, []).map((a) => a[0]), [2, 1]);
});

Deno.test("reductions of nothing give the identity", () => {
  const program = check(jaxprOf((x) => [np.sum(x, 0), np.prod(x, 0)], f32(0, 3)));
  const [sum, product] = interpret(program, [new Float32Array(0)]);
  assertEquals([...sum, ...product], [0, 0, 0, 1, 1, 1]);
});

Deno.test("bits can be read at another width", () => {
  const program = check(jaxprOf((x) => {
    const bytes = bitcastConvertType(x, "uint8");
    return [bytes, bitcastConvertType(bytes, "int32")];
  }, f32(5)));
  const input = new Float32Array([1, -2, 0.5, NaN, 3e8]);
  const [bytes, words] = interpret(program, [input]);
  assertEquals([...bytes], [...new Uint8Array(input.buffer)]);
  assertEquals([...words], [...new Int32Array(input.buffer)]);
});
