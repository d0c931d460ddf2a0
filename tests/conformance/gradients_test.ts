/**
 * Derivatives of every primitive: forward mode against differences, reverse mode against forward mode; then each mode over each mode.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { type Case, cases, differentiatedOperands, operandsOf } from "./table.ts";

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
  const places = differentiatedOperands(c);
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

const one = np.array(1, { dtype: "float64" });

function total(parts: readonly vn.NDArray[]): vn.NDArray {
  return parts.reduce((a, b) => a.add(b));
}

for (const c of cases) {
  const d = differentiable(c);
  if (d === null) continue;
  const { fn, at } = d;
  const [forward, reverse] = [c.forward !== false, c.reverse !== false];
  const modes = [...(forward ? ["forward"] : []), ...(reverse ? ["reverse"] : [])].join(" and ");
  Deno.test(`gradients of ${c.name}: ${modes} mode`, () => {
    const ts = directions(at, 1);
    const slope = numeric(fn, at, ts);
    if (forward) close(vn.jvp(fn, at, ts)[1], slope, 1e-5, "jvp");
    if (!reverse) return;
    const [out, pull] = vn.vjp(fn, ...at);
    const [ct] = directions([out], 3);
    const pulled = total(pull(ct).map((g: vn.NDArray, i: number) => g.mul(ts[i]).sum()));
    const pushed = forward ? vn.jvp(fn, at, ts)[1] : slope;
    // Reverse mode is the transpose of forward mode.
    close(pulled, pushed.mul(ct).sum(), forward ? 1e-9 : 1e-5, "vjp");
  });
  Deno.test(`gradients of ${c.name}: second order`, () => {
    const weights = directions([fn(...at)], 4)[0];
    const ts = directions(at, 5);
    const loss = (...xs: vn.NDArray[]) => np.square(fn(...xs)).mul(weights).sum();
    const along = (...xs: vn.NDArray[]) => vn.jvp(loss, xs, ts)[1];
    const gradient = (...xs: vn.NDArray[]) => vn.vjp(loss, ...xs)[1](one);
    if (forward) {
      const twice = vn.jvp(along, at, ts)[1];
      close(twice, numeric(along, at, ts), 2e-4, "forward over forward, against differences");
      if (!reverse) return;
      const pulled = vn.vjp(along, ...at)[1](one);
      const product = total(pulled.map((g: vn.NDArray, i: number) => g.mul(ts[i]).sum()));
      close(product, twice, 1e-8, "reverse over forward");
    }
    const dot = (...xs: vn.NDArray[]) =>
      total(gradient(...xs).map((g: vn.NDArray, i: number) => g.mul(ts[i]).sum()));
    const forwardOverReverse = vn.jvp(gradient, at, ts)[1];
    at.forEach((_, i) => {
      const differences = numeric((...xs) => gradient(...xs)[i], at, ts);
      close(forwardOverReverse[i], differences, 2e-4, `operand ${i} against differences`);
    });
    if (c.reverseOverReverse === false) return;
    const reverseOverReverse = vn.vjp(dot, ...at)[1](one);
    at.forEach((_, i) => {
      close(forwardOverReverse[i], reverseOverReverse[i], 1e-8, `operand ${i}`);
    });
  });
}
