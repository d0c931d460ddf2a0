/**
 * The `custom_linear_solve` primitive: the solution of a linear system, differentiated implicitly.
 *
 * With `A x = b`, `A dx = db - dA x`: the derivative is another solution with the same `A`, whatever way the solver takes; reverse mode solves
 * with the transpose of `A`.
 *
 * @module
 */
import { DifferentiationError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ClosedJaxpr, closeJaxpr, JaxprVar, makeJaxprOf } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { neg } from "../ops/arith.ts";
import { axisToFront } from "../ops/common.ts";
import { addTangents } from "../ops/rules.ts";
import { axisTools, batchToFront, instantiate } from "../ops/shape.ts";
import { jvpFlat } from "../transform/jvp.ts";
import { evalClosedJaxpr } from "../transform/stage.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { isPresent } from "./common.ts";

/** How many constants each function of a linear solve has. */
export interface LinearSolveConsts {
  readonly matvec: number;
  readonly vecmat: number;
  readonly solve: number;
  readonly transposeSolve: number;
}

/**
 * Parameters of {@linkcode customLinearSolveP}: functions of vectors (lists of arrays) that take their constants first and close over nothing. The
 * constants are operands, in this order, then comes the right-hand side.
 */
export interface LinearSolveParams {
  /** `x` to `A x`. */
  readonly matvec: ClosedJaxpr;
  /** `x` to `Aᵀ x`, where reverse mode is provided for. */
  readonly vecmat: ClosedJaxpr | null;
  /** `b` to the `x` with `A x = b`, and auxiliary outputs. */
  readonly solve: ClosedJaxpr;
  /** `b` to the `x` with `Aᵀ x = b`, and auxiliary outputs. */
  readonly transposeSolve: ClosedJaxpr | null;
  readonly constLengths: LinearSolveConsts;
}

/** Operands by whose they are. */
interface Parts<T> {
  readonly matvec: T[];
  readonly vecmat: T[];
  readonly solve: T[];
  readonly transposeSolve: T[];
  readonly b: T[];
}

function parts<T>(list: readonly T[], { constLengths }: LinearSolveParams): Parts<T> {
  let at = 0;
  const take = (count: number) => list.slice(at, at += count);
  return {
    matvec: take(constLengths.matvec),
    vecmat: take(constLengths.vecmat),
    solve: take(constLengths.solve),
    transposeSolve: take(constLengths.transposeSolve),
    b: list.slice(at),
  };
}

function joined<T>({ matvec, vecmat, solve, transposeSolve, b }: Parts<T>): T[] {
  return [...matvec, ...vecmat, ...solve, ...transposeSolve, ...b];
}

/** `custom_linear_solve`: gives the solution, then auxiliary outputs of the solver, which have no derivative. */
export const customLinearSolveP: Primitive<LinearSolveParams> = {
  name: "custom_linear_solve",
  abstractEval: (_ins, { solve }) => solve.outAvals,
  evaluate: (operands, p) => {
    const { solve, b } = parts(operands, p);
    return evalClosedJaxpr(p.solve, [...solve, ...b]);
  },
  jvp: (primals, tangents, p) => {
    const outs = bind(customLinearSolveP, primals, p);
    const values = parts(primals, p);
    const { matvec, b: db } = parts(tangents, p);
    const x = outs.slice(0, db.length);
    let rhs: readonly Tangent[] = db;
    if (matvec.some(isPresent)) {
      const apply = (inputs: readonly NDArray[]) => evalClosedJaxpr(p.matvec, inputs);
      const still = x.map((v) => new Zero(v.aval));
      const [, moved] = jvpFlat(apply, [...values.matvec, ...x], [...matvec, ...still]);
      rhs = db.map((t, i) => addTangents(t, isPresent(moved[i]) ? neg(moved[i]) : moved[i]));
    }
    const zeros = outs.map((v): Tangent => new Zero(v.aval));
    if (!rhs.some(isPresent)) return [outs, zeros];
    const b = rhs.map(instantiate);
    const dx = bind(customLinearSolveP, joined({ ...values, b }), p);
    return [outs, [...dx.slice(0, db.length), ...zeros.slice(db.length)]];
  },
  transpose: (cts, operands, p) => {
    const { matvec, vecmat, solve, transposeSolve, b } = parts(operands, p);
    if (p.vecmat === null || p.transposeSolve === null) {
      throw new DifferentiationError(
        "lax.customLinearSolve: reverse-mode differentiation needs options.transposeSolve (or symmetric: true)",
      );
    }
    const turned: LinearSolveParams = {
      matvec: p.vecmat,
      vecmat: p.matvec,
      solve: p.transposeSolve,
      transposeSolve: p.solve,
      constLengths: {
        matvec: p.constLengths.vecmat,
        vecmat: p.constLengths.matvec,
        solve: p.constLengths.transposeSolve,
        transposeSolve: p.constLengths.solve,
      },
    };
    // Only the right-hand side of a tangent's system is linear.
    const pulled = bind(
      customLinearSolveP,
      joined({
        matvec: vecmat as NDArray[],
        vecmat: matvec as NDArray[],
        solve: transposeSolve as NDArray[],
        transposeSolve: solve as NDArray[],
        b: cts.slice(0, b.length).map(instantiate),
      }),
      turned,
    );
    return [...operands.slice(b.length).map(() => null), ...pulled.slice(0, b.length)];
  },
  batch: (operands, dims, p, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const mapped = parts(dims.map((d) => d !== null), p);
    const functions = [
      [p.matvec, mapped.matvec],
      [p.vecmat, mapped.vecmat],
      [p.solve, mapped.solve],
      [p.transposeSolve, mapped.transposeSolve],
    ] as const;
    const batched = (fn: ClosedJaxpr, consts: boolean[], vector: boolean[], force: boolean[]) =>
      batchJaxpr(fn, size, [...consts, ...vector], axisName, force);
    // Each function takes and gives the same vectors, so that an axis in one of them is an axis in all.
    let vector = mapped.b;
    for (;;) {
      const grown = vector.map((m, i) =>
        m ||
        functions.some(([fn, consts]) =>
          fn !== null && batched(fn, consts, vector, []).mappedOuts[i]
        )
      );
      if (grown.every((m, i) => m === vector[i])) break;
      vector = grown;
    }
    const each = functions.map(([fn, consts]) =>
      fn === null ? null : batched(fn, consts, vector, vector).closed
    );
    const values = parts(moved, p);
    const b = values.b.map((x, i) => vector[i] && !mapped.b[i] ? batchToFront(x, null, size) : x);
    const outs = bind(customLinearSolveP, joined({ ...values, b }), {
      matvec: each[0]!,
      vecmat: each[1],
      solve: each[2]!,
      transposeSolve: each[3],
      constLengths: p.constLengths,
    });
    const { mappedOuts } = batched(p.solve, mapped.solve, vector, vector);
    return [outs, mappedOuts.map((m) => m ? 0 : null)];
  },
  higherOrder: {
    inline: (p, avals) => {
      const { constvars, invars, outvars, eqns } = p.solve.jaxpr;
      const all = parts(avals.map((aval) => new JaxprVar(aval)), p);
      const n = p.constLengths.solve;
      const own = { solve: invars.slice(0, n), b: invars.slice(n) };
      const jaxpr = makeJaxprOf(constvars, joined({ ...all, ...own }), outvars, eqns);
      return closeJaxpr(jaxpr, p.solve.consts);
    },
  },
};
