/**
 * What programs are said to do.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { type ProgramWork, workOf } from "../../src/schedule/work.ts";

const { lax, numpy: np } = vn;
type NDArray = vn.NDArray;

function work(fn: (...xs: NDArray[]) => NDArray, ...shapes: number[][]): ProgramWork {
  const closed = vn.makeJaxpr(fn)(...shapes.map((shape) => np.zeros(shape)));
  return workOf(schedule(closed, { name: "work" }));
}

const total = ({ steps }: ProgramWork, what: "bytes" | "ops" | "flops"): number =>
  steps.reduce((sum, step) => sum + step.runs * step[what], 0);

Deno.test("a product of matrices is its multiplications and additions, and its operands once", () => {
  const w = work((a, b) => a.matmul(b), [64, 32], [32, 48]);
  assertEquals(total(w, "flops"), 2 * 64 * 32 * 48);
  assertEquals(total(w, "bytes"), 4 * (64 * 32 + 32 * 48 + 64 * 48));
});

Deno.test("a convolution is the products of its windows, padded and dilated alike", () => {
  const conv = (padding: "SAME" | "VALID", stride: number) => (x: NDArray, w: NDArray) =>
    lax.convGeneralDilated(x, w, [stride, stride], padding);
  const plain = work(conv("VALID", 1), [4, 8, 12, 12], [16, 8, 3, 3]);
  assertEquals(total(plain, "flops"), 2 * 4 * 16 * 10 * 10 * 8 * 9);
  const padded = work(conv("SAME", 1), [4, 8, 12, 12], [16, 8, 3, 3]);
  assertEquals(total(padded, "flops"), 2 * 4 * 16 * 12 * 12 * 8 * 9);
  const strided = work(conv("VALID", 2), [4, 8, 13, 13], [16, 8, 3, 3]);
  assertEquals(total(strided, "flops"), 2 * 4 * 16 * 6 * 6 * 8 * 9);
});

Deno.test("an elementwise program reads and writes each array once, however many operations it fuses", () => {
  const w = work((x, y) => np.tanh(x.mul(y)).add(x), [1000], [1000]);
  assertEquals(total(w, "bytes"), 3 * 4000);
  assert(total(w, "ops") > 1000 * 10); // a hyperbolic tangent each
  assertEquals(total(w, "flops"), 0);
});

Deno.test("what is read again and again is read from memory once", () => {
  const w = work((x, row) => x.add(row), [100, 50], [50]);
  assertEquals(total(w, "bytes"), 4 * (2 * 5000 + 50));
});

Deno.test("a loop's turns count, and one without a known end waits for the host", () => {
  const turn = (c: NDArray) => np.tanh(c.matmul(c));
  const once = work(turn, [32, 32]);
  const scan = (x: NDArray) =>
    lax.scan((c: NDArray) => [turn(c), null], x, null, { length: 10 })[0] as NDArray;
  const tens = work(scan, [32, 32]);
  assertEquals(total(tens, "flops"), 10 * total(once, "flops"));
  assertEquals(tens.waits, 0);
  const loop = (x: NDArray) => lax.whileLoop((c: NDArray) => np.less(c.sum(), 1), turn, x);
  assert(work(loop, [32, 32]).waits > 0);
});

Deno.test("every dtype that is computed in is named, in inner programs too", () => {
  const inside = (x: NDArray) =>
    lax.scan(
      (c: NDArray) => [c.astype("float64").mul(2).astype("float32"), null],
      x,
      null,
      { length: 3 },
    )[0] as NDArray;
  assert(work(inside, [8]).dtypes.has("float64"));
  assert(!work((x) => np.tanh(x), [8]).dtypes.has("float64"));
});

Deno.test("calls of the host are known", () => {
  const checked = (x: NDArray) => vn.errorIf(x, np.less(x, 0), "negative");
  assert(work(checked, [8]).callsHost);
  assert(!work((x) => x.sum(), [8]).callsHost);
});
