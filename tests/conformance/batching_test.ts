/**
 * Every primitive, mapped over every combination of mapped and unmapped operands and over other axes than the first, against a loop.
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

for (const c of cases) {
  Deno.test(`vmap of ${c.name} is a loop`, () => {
    const batched = operandsOf(c, "float32", size);
    const single = operandsOf(c, "float32");
    const count = c.operands.length;
    for (let mask = 1; mask < 2 ** count; mask++) {
      const isMapped = (i: number) => (mask >> i & 1) === 1;
      const args = batched.map((x, i) => isMapped(i) ? x : single[i]);
      const examples = Array.from(
        { length: size },
        (_, k) => c.call(...args.map((x, i) => isMapped(i) ? x.get(k) : x)),
      );
      const expected = np.stack(examples);
      const inAxes = args.map((_, i) => isMapped(i) ? 0 : null);
      same(vn.vmap(c.call, { inAxes })(...args), expected, `mapped ${inAxes}`);
      // The mapped axis last in the operands, and last in the result.
      const moved = args.map((x, i) => isMapped(i) ? np.moveaxis(x, 0, -1) : x);
      const lastAxes = args.map((_, i) => isMapped(i) ? -1 : null);
      const last = vn.vmap(c.call, { inAxes: lastAxes, outAxes: -1 })(...moved);
      same(last, np.moveaxis(expected, 0, -1), `mapped ${lastAxes}, last`);
    }
  });
}
