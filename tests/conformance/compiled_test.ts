/**
 * Every primitive compiled, against the same computed at once; and its gradient compiled, likewise.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { cases, differentiatedOperands, operandsOf } from "./table.ts";

function same(a: vn.NDArray, b: vn.NDArray, tolerance: number, what: string): void {
  assertEquals(a.shape, b.shape, what);
  assertEquals(a.dtype, b.dtype, what);
  const [x, y] = [a.dataSync(), b.dataSync()];
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [Number(x[i]), Number(y[i])];
    const fits = Object.is(p, q) || p === q ||
      Math.abs(p - q) <= tolerance * Math.max(1, Math.abs(p), Math.abs(q));
    assert(fits, `${what}: element ${i} is ${p}, at once it is ${q}`);
  }
}

for (const c of cases) {
  Deno.test(`${c.name}: compiled as computed at once`, () => {
    for (const dtype of ["float32", "float64"] as const) {
      const xs = operandsOf(c, dtype);
      const eager = c.call(...xs);
      same(vn.filterJit(c.call)(...xs), eager, eager.dtype === "float64" ? 1e-14 : 2e-6, dtype);
    }
  });
  const differentiated = differentiatedOperands(c);
  if (differentiated.length === 0 || c.reverse === false) continue;
  Deno.test(`${c.name}: its gradient compiled as computed at once`, () => {
    const xs = operandsOf(c, "float32");
    const gradient = vn.grad((...args: vn.NDArray[]) => {
      const out = c.call(...args);
      return out.mul(out).sum();
    }, { argnums: differentiated });
    const [compiled, eager] = [vn.filterJit(gradient)(...xs), gradient(...xs)];
    compiled.forEach((g: vn.NDArray, i: number) => same(g, eager[i], 1e-5, `operand ${i}`));
  });
}
