/**
 * The problem that the tests after Equinox's `test_while_loop.py` solve, and what they hold its solutions against.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { debugCallback } from "../../src/control/callback.ts";

const { numpy: np, random } = vn;
type NDArray = vn.NDArray;
/** What the problem carries along. */
export type Carry = [step: NDArray, val1: NDArray, val2: NDArray];

/** An int32 array. */
export const int = (n: number | number[]) => np.array(n, { dtype: "int32" });
/** A fresh key at each call. */
export const key = (() => {
  let seed = 0;
  return () => random.key(seed++);
})();

/** The steps at which bodies were run, in order. */
export const seen: number[] = [];

/** Two numbers, turned by an angle that a model gives: they come to no fixed point. Every step writes one place of a table. */
export function problem(numSteps: number | null) {
  const cond = ([step]: Carry) => numSteps === null ? true : step.less(numSteps);
  const bodyOf = (mlp: vn.nn.MLP) => ([step, val1, val2]: Carry): Carry => {
    const theta = mlp.call(val1).get(0);
    const [real, imag] = [val1.get(0), val1.get(1)];
    const turned = real.mul(np.cos(theta)).sub(imag.mul(np.sin(theta)));
    const other = real.mul(np.sin(theta)).add(imag.mul(np.cos(theta)));
    debugCallback([step], ([s]) => (seen.push(s.item()), []));
    return [step.add(1), np.stack([turned, other]), val2.at(step).set(turned)];
  };
  const mlp = new vn.nn.MLP(2, 1, 2, 2, { key: key() });
  return {
    cond,
    bodyOf,
    mlp,
    val1: random.normal(key(), [2]),
    val2: random.normal(key(), [20]),
  };
}

/** The same loop as a scan of branches: what the loops are held against. */
export function asScan<C>(
  cond: (c: C) => NDArray | boolean,
  body: (c: C) => C,
  init: C,
  maxSteps: number,
): C {
  const step = (c: C) => [vn.filterCond(cond(c), body, (x: C) => x, c), null] as const;
  return vn.filterScan(step, init, null, { length: maxSteps })[0];
}

/** Asserts that two trees are the same but for rounding. */
export function allclose(a: unknown, b: unknown, tol = 1e-4): void {
  const equal = vn.treeEqual(a, b, { rtol: tol, atol: tol });
  const show = (t: unknown) => vn.treePformat(t, { shortArrays: false });
  const holds = typeof equal === "boolean" ? equal : equal.item() === 1;
  assert(holds, `${show(a)}\nis not\n${show(b)}`);
}
