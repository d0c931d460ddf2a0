/**
 * Derivatives of every primitive: forward mode against differences, reverse mode against forward mode, and both once more.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { type Case, cases, operandsOf } from "./table.ts";

const { numpy: np } = vn;

function close(a: vn.NDArray, b: vn.NDArray, tolerance: number, what: string): void {
  assert(String(a.shape) === String(b.shape), `${what}: shapes [${a.shape}] and [${b.shape}]`);
  const [x, y] = [a.dataSync(), b.dataSync()];
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [Number(x[i]), Number(y[i])];
    const gap = Math.abs(p - q) / Math.max(1, Math.abs(p), Math.abs(q));
    assert(gap <= tolerance, `${what}: element ${i} is ${p}, expected ${q}`);
  }
}

/** Directions of the size of the operands, the same at every run. */
function directions(xs: readonly vn.NDArray[], seed: number): vn.NDArray[] {
  return xs.map((x, i) => {
    const values = Array.from(
      { length: x.size },
      (_, k) => Math.sin(1 + seed * 3.7 + i * 1.3 + k * 2.1),
    );
    return np.array(values, { dtype: "float64" }).reshape(x.shape);
  });
}

/** The case as a function of its differentiated operands alone. */
function differentiable(
  c: Case,
): { fn: (...xs: vn.NDArray[]) => vn.NDArray; at: vn.NDArray[] } | null {
  const all = operandsOf(c, "float64");
  const places = c.differentiate ?? all.flatMap((x, i) => x.dtype === "float64" ? [i] : []);
  if (places.length === 0) return null;
  const fn = (...xs: vn.NDArray[]) => {
    const filled = [...all];
    places.forEach((place, i) => filled[place] = xs[i]);
    return c.call(...filled);
  };
  return { fn, at: places.map((i) => all[i]) };
}

/** The derivative along `ts` by central differences. */
function numeric(
  fn: (...xs: vn.NDArray[]) => vn.NDArray,
  xs: readonly vn.NDArray[],
  ts: readonly vn.NDArray[],
): vn.NDArray {
  const h = 1e-6;
  const at = (sign: number) => fn(...xs.map((x, i) => x.add(ts[i].mul(sign * h))));
  return at(1).sub(at(-1)).div(2 * h);
}

function inner(a: vn.NDArray, b: vn.NDArray): number {
  return a.mul(b).sum().item();
}

for (const c of cases) {
  const d = differentiable(c);
  if (d === null) continue;
  const { fn, at } = d;
  Deno.test(`gradients of ${c.name}: forward mode is the limit of differences`, () => {
    const ts = directions(at, 1);
    const [, tangent] = vn.jvp(fn, at, ts);
    close(tangent, numeric(fn, at, ts), 1e-5, "jvp");
  });
  Deno.test(`gradients of ${c.name}: reverse mode is the transpose of forward mode`, () => {
    const ts = directions(at, 2);
    const [out, tangent] = vn.jvp(fn, at, ts);
    const [ct] = directions([out], 3);
    const [, pull] = vn.vjp(fn, ...at);
    const pulled = pull(ct);
    const sum = pulled.reduce(
      (total: number, g: vn.NDArray, i: number) => total + inner(g, ts[i]),
      0,
    );
    const expected = inner(tangent, ct);
    assert(
      Math.abs(sum - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
      `${sum} is not ${expected}`,
    );
  });
  if (c.secondOrder === false) continue;
  Deno.test(`gradients of ${c.name}: second order, forward over reverse and reverse over reverse`, () => {
    const weights = directions([fn(...at)], 4)[0];
    const loss = (...xs: vn.NDArray[]) => np.square(fn(...xs)).mul(weights).sum();
    const gradient = (...xs: vn.NDArray[]) =>
      vn.vjp(loss, ...xs)[1](np.array(1, { dtype: "float64" }));
    const ts = directions(at, 5);
    const [, forwardOverReverse] = vn.jvp(gradient, at, ts);
    const along = (...xs: vn.NDArray[]) =>
      gradient(...xs).map((g: vn.NDArray, i: number) => g.mul(ts[i]).sum()).reduce((
        a: vn.NDArray,
        b: vn.NDArray,
      ) => a.add(b));
    const reverseOverReverse = vn.vjp(along, ...at)[1](np.array(1, { dtype: "float64" }));
    at.forEach((_, i) => {
      close(forwardOverReverse[i], reverseOverReverse[i], 1e-8, `operand ${i}`);
      const differences = numeric((...xs) => gradient(...xs)[i], at, ts);
      close(forwardOverReverse[i], differences, 2e-4, `operand ${i} against differences`);
    });
  });
}
