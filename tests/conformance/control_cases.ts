/**
 * The rows of loops, branches and solvers.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { lax, numpy: np } = vn;

const int = (shape: number[], range: [number, number]): OperandSpec => ({
  shape,
  range,
  dtype: "int32",
});
const f = (shape: number[], range: [number, number] = [-2, 2]): OperandSpec => ({ shape, range });

/** Loops, branches and solvers, applied. */
export const controlCases: readonly Case[] = [
  {
    name: "scan",
    operands: [f([2]), f([3, 2]), f([])],
    call: (c, xs, w) => {
      const step = (c: vn.NDArray, x: vn.NDArray) => {
        const next = np.sin(c).mul(x).add(w);
        return [next, next.mul(w)] as const;
      };
      const [last, all] = lax.scan(step, c, xs);
      return all.add(last);
    },
  },
  {
    name: "while",
    operands: [f([2], [1, 2]), f([], [1.2, 1.5])],
    integers: false,
    call: (x, w) =>
      lax.whileLoop((c: vn.NDArray) => c.sum().less(20), (c: vn.NDArray) => c.mul(w).add(x), x),
    reverse: false,
  },
  {
    name: "checkpointed_loop",
    operands: [f([2], [1, 2]), f([], [1.2, 1.5])],
    integers: false,
    call: (x, w) =>
      vn.filterWhileLoop((c) => c.sum().less(20), (c) => c.mul(w).add(x), x, {
        kind: "checkpointed",
        checkpoints: 2,
      }),
    forward: false,
    reverseOverReverse: false,
  },
  {
    name: "checkpointed_loop over slices",
    // Small enough to stay so: sines of complex numbers grow.
    operands: [f([2]), f([5, 2], [-1, 1]), f([], [-1, 1])],
    call: (c, xs, w) => {
      const step = (c: vn.NDArray, x: vn.NDArray) => {
        const next = np.sin(c).mul(x).add(w);
        return [next, next.mul(w)] as const;
      };
      const [last, all] = vn.filterScan(step, c, xs, { kind: "checkpointed", checkpoints: 2 });
      return all.add(last);
    },
    forward: false,
    reverseOverReverse: false,
  },
  {
    name: "a bounded loop",
    operands: [f([2], [1, 2]), f([], [1.2, 1.5])],
    integers: false,
    call: (x, w) =>
      vn.filterWhileLoop((c) => c.sum().less(20), (c) => c.mul(w).add(x), x, {
        kind: "bounded",
        maxSteps: 9,
        base: 3,
      }),
  },
  {
    name: "cond",
    operands: [{ shape: [], range: [0, 1], dtype: "bool" }, f([3]), f([])],
    call: (p, x, w) =>
      lax.cond(p, (x: vn.NDArray) => np.sin(x).mul(w), (x: vn.NDArray) => x.mul(x), x),
  },
  {
    name: "cond of three branches",
    operands: [int([], [0, 2]), f([3])],
    call: (i, x) =>
      lax.switch(
        i,
        [(x: vn.NDArray) => x.mul(x), (x: vn.NDArray) => np.exp(x), (_: vn.NDArray) =>
          np.ones([3])
            .astype(x.dtype)],
        x,
      ),
  },
  {
    name: "associativeScan",
    operands: [f([5, 2])],
    call: (x) => lax.associativeScan((a: vn.NDArray, b: vn.NDArray) => a.mul(b), x),
  },
  {
    name: "custom_linear_solve",
    operands: [f([3], [1, 2]), f([3])],
    call: (d, b) => {
      const solve = (_: unknown, r: vn.NDArray) => r.div(d);
      return lax.customLinearSolve((x: vn.NDArray) => x.mul(d), b, solve, {
        transposeSolve: solve,
      });
    },
  },
];
