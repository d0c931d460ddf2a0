/**
 * The rows of factorisations: functions that do not depend on the signs of vectors.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { lax, numpy: np } = vn;

const f = (shape: number[], range: [number, number] = [-1, 1]): OperandSpec => ({ shape, range });

/** Symmetric matrices whose eigenvalues are apart, and positive. */
function definite(x: vn.NDArray): vn.NDArray {
  const n = x.shape[0];
  return np.matmul(x, x.T).add(np.diag(np.arange(1, n + 1)).mul(2));
}

/** Matrices whose rows no step of the elimination exchanges, and which are far from singular. */
function regular(x: vn.NDArray): vn.NDArray {
  const [m, n] = x.shape;
  return x.mul(0.3).add(np.eye(m, { M: n }).mul(2));
}

const square = [f([3, 3])];

/** Factorisations, and what is solved by them. */
export const factorCases: readonly Case[] = [
  { name: "cholesky", operands: square, call: (x) => np.linalg.cholesky(definite(x)) },
  {
    name: "triangular_solve",
    operands: [f([3, 3]), f([3, 2])],
    call: (a, b) => lax.linalg.triangularSolve(regular(a), b, { leftSide: true, lower: true }),
  },
  {
    name: "triangular_solve, transposed, from the right",
    operands: [f([3, 3]), f([2, 3])],
    call: (a, b) => lax.linalg.triangularSolve(regular(a), b, { transposeA: true }),
  },
  { name: "lu", operands: square, call: (x) => lax.linalg.lu(regular(x))[0] },
  { name: "lu, tall", operands: [f([4, 2])], call: (x) => lax.linalg.lu(regular(x))[0] },
  {
    name: "lu, exchanges",
    operands: [f([3, 4])],
    call: (x) => {
      const [_, pivots, permutation] = lax.linalg.lu(x);
      return np.concatenate([pivots, permutation]);
    },
    differentiate: [],
  },
  {
    name: "qr",
    operands: [f([4, 2])],
    call: (x) => {
      const [q, r] = np.linalg.qr(regular(x));
      return np.matmul(np.sin(q), r);
    },
  },
  {
    name: "eigh",
    operands: square,
    call: (x) => {
      const [w, v] = np.linalg.eigh(definite(x));
      return np.matmul(v.mul(np.sin(w)), v.T);
    },
  },
  {
    name: "svd",
    operands: [f([4, 2])],
    call: (x) => {
      const [u, s, v] = np.linalg.svd(x.add(np.eye(4, { M: 2 }).mul(np.array([3, 6]))), {
        fullMatrices: false,
      });
      return np.matmul(u.mul(np.sin(s)), v);
    },
  },
  { name: "eigh, values alone", operands: square, call: (x) => np.linalg.eigvalsh(definite(x)) },
  {
    name: "svd, values alone",
    operands: [f([4, 2])],
    call: (x) => np.linalg.svdvals(x.add(np.eye(4, { M: 2 }).mul(np.array([3, 6])))),
  },
  {
    name: "solve",
    operands: [f([3, 3]), f([3])],
    call: (a, b) => np.linalg.solve(regular(a), b),
  },
  { name: "pinv", operands: [f([4, 2])], call: (x) => np.linalg.pinv(regular(x)) },
];
