/**
 * float16 and bfloat16 in lanes: every one widened, narrowed as the host does, and rounded within a register.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  bfloat16Bits,
  type DType,
  fromBfloat16Bits,
  type TypedArray,
} from "../../src/core/dtype.ts";
import {
  binary,
  cast,
  constant,
  type Expr,
  load,
  makeVar,
  unary,
} from "../../src/loopnest/expr.ts";
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

const bits16 = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Bits of float32 halfway between neighbours of bfloat16 and next to it, of NaNs of all kinds, and any at all. */
function awkwardForBfloat16(): Float32Array<ArrayBuffer> {
  const dice = new Dice(2);
  const bits = Uint32Array.from({ length: 200_001 }, (_, i) => {
    if (i % 2 === 0) return dice.next() * 2 ** 32;
    return (dice.below(65536) << 16) + dice.pick([0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]);
  });
  return new Float32Array(bits.buffer);
}

/** That bits are the same, but for which NaN a NaN is. */
function assertSameBits(actual: Uint16Array, expected: Uint16Array): void {
  const isNaN = (bits: number) => (bits & 0x7fff) > 0x7f80;
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    assert(a === e || (isNaN(a) && isNaN(e)), `element ${i} became ${a} instead of ${e}`);
  }
}

Deno.test("every bfloat16 is widened to the same number, and narrowed to itself", () => {
  const wide = Float32Array.from(bits16, fromBfloat16Bits);
  assertSame(elementwise(bits16, "bfloat16", (x) => cast(x, "float32")), wide, bits16);
  const there = elementwise(bits16, "bfloat16", (x) => {
    return cast(binary("mul", cast(x, "float32"), constant(1, "float32")), "bfloat16");
  });
  assertSameBits(there as Uint16Array, bits16);
});

Deno.test("float32 is rounded to bfloat16, to even, to infinity, NaN to NaN", () => {
  const x = awkwardForBfloat16();
  const expected = Uint16Array.from(x, bfloat16Bits);
  assertSameBits(elementwise(x, "float32", (x) => cast(x, "bfloat16")) as Uint16Array, expected);
  const rounded = elementwise(x, "float32", (x) => cast(cast(x, "bfloat16"), "float32"));
  assertSame(rounded, Float32Array.from(expected, fromBfloat16Bits), x);
});

for (const dtype of ["float16", "bfloat16"] as const) {
  const [x, value, stored] = dtype === "float16"
    ? [all, (x: number) => x, (x: number) => Math.f16round(x)] as const
    : [bits16, fromBfloat16Bits, bfloat16Bits] as const;

  Deno.test(`${dtype}: each operation rounds, also where the next one is fused with it`, () => {
    const f = (x: Expr) => {
      const y = cast(binary("mul", cast(x, "float32"), cast(x, "float32")), dtype);
      return cast(binary("add", cast(y, "float32"), constant(3, "float32")), dtype);
    };
    const expected = Array.from(x, (bits) => {
      const v = value(bits);
      const square = stored(Math.fround(v * v));
      return stored(Math.fround((dtype === "float16" ? square : fromBfloat16Bits(square)) + 3));
    });
    const actual = elementwise(x, dtype, f);
    if (dtype === "bfloat16") assertSameBits(actual as Uint16Array, Uint16Array.from(expected));
    else assertSame(actual, new Float16Array(expected), x);
  });

  Deno.test(`${dtype}: what gives no number that is not there already is not rounded, and right`, () => {
    const f = (x: Expr) => {
      const y = cast(unary("neg", cast(x, "float32")), dtype);
      const z = cast(binary("max", cast(y, "float32"), constant(-2, "float32")), dtype);
      return cast(unary("floor", cast(z, "float32")), dtype);
    };
    // NaN stays NaN, as Math.max has it too.
    const expected = Array.from(x, (bits) => stored(Math.floor(Math.max(-value(bits), -2))));
    const actual = elementwise(x, dtype, f);
    if (dtype === "bfloat16") assertSameBits(actual as Uint16Array, Uint16Array.from(expected));
    else assertSame(actual, new Float16Array(expected), x);
  });
}
