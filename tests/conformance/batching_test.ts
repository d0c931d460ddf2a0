/**
 * Every primitive, mapped over every axis of every operand and of its result, against a loop.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { cases, operandsOf } from "./table.ts";

const { numpy: np } = vn;
const size = 3;

function same(a: vn.NDArray, b: vn.NDArray, what: string): void {
  assertEquals(a.shape, b.shape, what);
  assertEquals(a.dtype, b.dtype, what);
  const [x, y] = [a.dataSync(), b.dataSync()];
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [Number(x[i]), Number(y[i])];
    const fits = Object.is(p, q) || p === q ||
      Math.abs(p - q) <= 2e-6 * Math.max(1, Math.abs(p), Math.abs(q));
    assert(fits, `${what}: element ${i} is ${p}, expected ${q}`);
  }
}

/** Every way to map the operands: for each an axis among those of the batch, or `null`. At least one is mapped. */
function placements(ranks: readonly number[]): (number | null)[][] {
  const choices = ranks.map((rank) => [null, ...Array.from({ length: rank + 1 }, (_, k) => k)]);
  let all: (number | null)[][] = [[]];
  for (const axes of choices) all = all.flatMap((head) => axes.map((axis) => [...head, axis]));
  all.shift();
  if (all.length <= 40) return all;
  // Too many: each axis of each operand with the others unmapped, mapped in front, and mapped last; and every choice of operands.
  const others = [() => null, () => 0, (rank: number) => rank];
  const one = ranks.flatMap((rank, i) =>
    Array.from(
      { length: rank + 1 },
      (_, axis) => others.map((other) => ranks.map((r, k) => k === i ? axis : other(r))),
    ).flat()
  );
  const chosen = all.filter((axes) => axes.every((a) => a === null || a === 0));
  return [...one, ...chosen];
}

for (const c of cases) {
  Deno.test(`vmap of ${c.name} is a loop`, () => {
    const batched = operandsOf(c, "float32", size);
    const single = operandsOf(c, "float32");
    const loops = new Map<string, vn.NDArray>();
    placements(single.map((x) => x.ndim)).forEach((inAxes, turn) => {
      const mask = inAxes.map((axis) => axis === null ? 0 : 1).join("");
      let expected = loops.get(mask);
      if (expected === undefined) {
        const example = (k: number) =>
          c.call(...inAxes.map((axis, i) => axis === null ? single[i] : batched[i].get(k)));
        expected = np.stack(Array.from({ length: size }, (_, k) => example(k)));
        loops.set(mask, expected);
      }
      const args = inAxes.map((axis, i) =>
        axis === null ? single[i] : np.moveaxis(batched[i], 0, axis)
      );
      // Every axis of the result has its turn, counted from either end.
      const rank = expected.ndim;
      const outAxes = turn % (2 * rank) - (turn % (2 * rank) < rank ? 0 : 2 * rank);
      const result = vn.vmap(c.call, { inAxes, outAxes })(...args);
      same(result, np.moveaxis(expected, 0, outAxes), `inAxes ${inAxes}, outAxes ${outAxes}`);
    });
  });
}
