/**
 * float16 in lanes: every one widened, narrowed as the host does, and rounded within a register.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import { cast, type Expr, load, makeVar } from "../../src/loopnest/expr.ts";
import type { BufferDecl, Program } from "../../src/loopnest/ir.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { Dice } from "./random_program.ts";
import { Compiled } from "./run.ts";

const binaryen = await loadBinaryen();

/** A loop that stores a function of each element. */
function elementwise(x: TypedArray, from: DType, make: (x: Expr) => Expr): TypedArray {
  const i = makeVar("i");
  const value = make(load(0, from, i));
  const buffer = (id: number, dtype: DType, role: "input" | "output"): BufferDecl => ({
    id,
    dtype,
    size: x.length,
    role,
    position: 0,
    offset: 0,
    donor: -1,
  });
  const program: Program = {
    name: "half",
    buffers: [buffer(0, from, "input"), buffer(1, value.dtype, "output")],
    steps: [{
      kind: "nest",
      name: "half",
      body: [{
        kind: "for",
        v: i,
        extent: x.length,
        mode: "vector",
        body: [{ kind: "store", buffer: 1, index: i, value }],
      }],
    }],
    scratchBytes: 0,
  };
  return new Compiled(binaryen, program).call([x])[0]!;
}

const all = new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

/** Halfway between neighbours of float16 and next to it, and any bits at all. */
function awkward(): Float32Array<ArrayBuffer> {
  const dice = new Dice(1);
  const x = new Float32Array(200_000);
  const bits = new Int32Array(x.buffer);
  for (let i = 0; i < x.length; i++) {
    if (i % 2 === 0) bits[i] = dice.next() * 2 ** 32;
    else {
      x[i] = all[dice.below(all.length)]!;
      bits[i]! += dice.pick([0, 0x0fff, 0x1000, 0x1001, -0x1000, 0x800]);
    }
  }
  return x;
}

function assertSame(actual: TypedArray, expected: TypedArray, x: TypedArray): void {
  for (let i = 0; i < x.length; i++) {
    assert(
      Object.is(actual[i], expected[i]),
      `${x[i]} became ${actual[i]} instead of ${expected[i]}`,
    );
  }
}

Deno.test("every float16 is widened to the same number", () => {
  assertSame(elementwise(all, "float16", (x) => cast(x, "float32")), Float32Array.from(all), all);
});

Deno.test("float32 is rounded to float16 as the host rounds it, to even, to zeros with a sign, to infinity", () => {
  const x = awkward();
  const halves = elementwise(x, "float32", (x) => cast(x, "float16"));
  assertSame(halves, new Float16Array(x), x);
});

Deno.test("what is rounded to float16 only on the way is rounded the same", () => {
  const x = awkward();
  const rounded = elementwise(x, "float32", (x) => cast(cast(x, "float16"), "float32"));
  assertSame(rounded, Float32Array.from(new Float16Array(x)), x);
});
