/**
 * Solvers differentiated implicitly: by what their solution satisfies, not by the way they take to it.
 *
 * @module
 */
import { DTypeError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, withWeakType } from "../core/aval.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { isPresent } from "../control/common.ts";
import { customJvpCall } from "../control/custom_jvp_call.ts";
import { customLinearSolveP } from "../control/linear_solve.ts";
import { neg } from "../ops/arith.ts";
import { convertElementType } from "../ops/convert.ts";
import { instantiate } from "../ops/shape.ts";
import { jvpFlat } from "../transform/jvp.ts";
import { applyLinear, linearizeFlat, transposeJaxpr } from "../transform/linearize.ts";
import { evalClosedJaxpr } from "../transform/stage.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { arraysOf, trace, type TracedBody, type Tree } from "./traced.ts";

/** The structure and types that the vectors of a problem have. */
interface Space {
  readonly def: TreeDef;
  readonly avals: readonly ShapedArray[];
  /** The public function, and the argument whose structure this is, for messages. */
  readonly where: string;
  readonly like: string;
}

/** The leaves of `tree`, which must be a vector of the space. */
function vectorOf(tree: unknown, space: Space, who: string): NDArray[] {
  const { def, avals, where, like } = space;
  const [arrays, outDef] = arraysOf(tree, who, where);
  if (outDef !== def) {
    const why = describeDifference(def, outDef, who) ?? `${outDef} for ${def}`;
    throw new TreeError(`${where}: ${who} must give a tree like ${like}: ${why}`);
  }
  const paths = leafPaths(def);
  return arrays.map((x, i) => {
    // A number, or what was made of one, takes the dtype that it stands for.
    if (x.aval.weakType && x.dtype !== avals[i].dtype) x = convertElementType(x, avals[i].dtype);
    if (withWeakType(x.aval, false) === withWeakType(avals[i], false)) return x;
    const Wrong = x.dtype === avals[i].dtype ? ShapeError : DTypeError;
    throw new Wrong(
      `${where}: ${who} must give arrays like those of ${like}: ${keystr(paths[i], who)} is ${
        formatAval(x.aval)
      }; expected ${formatAval(avals[i])}`,
    );
  });
}

/** Traces a function of vectors; with `hasAux` it gives a pair of a vector and anything of arrays. */
function traceVector(
  fn: (...vectors: Tree[]) => unknown,
  space: Space,
  who: string,
  vectors = 1,
  hasAux = false,
): TracedBody {
  const checked = (...args: Tree[]) => {
    const result = fn(...args);
    if (!hasAux) return unflatten(space.def, vectorOf(result, space, who));
    if (!Array.isArray(result) || result.length !== 2) {
      throw new TreeError(
        `${space.where}: with hasAux, ${who} must give a pair [x, aux]; got ${
          Array.isArray(result) ? `a list of ${result.length}` : typeof result
        }`,
      );
    }
    return [unflatten(space.def, vectorOf(result[0], space, who)), result[1]];
  };
  const defs = Array.from({ length: vectors }, () => space.def);
  return trace(checked, defs, defs.flatMap(() => space.avals), space.where);
}

/** A jaxpr that closes over arrays as one that takes them first. */
function separated(closed: ClosedJaxpr): Separated {
  return { jaxpr: hoistConsts(closed), consts: closed.consts };
}

interface Separated {
  /** From its constants, then a vector. */
  readonly jaxpr: ClosedJaxpr;
  readonly consts: readonly NDArray[];
}

/** Options of {@linkcode customLinearSolve}. */
export interface LinearSolveOptions {
  /** Solves the transposed system, as `solve` does: what reverse mode needs. `solve` itself where the system is symmetric. */
  // deno-lint-ignore no-explicit-any -- trees of the form of b
  readonly transposeSolve?: ((vecmat: (x: any) => any, b: any) => any) | null;
  /** Whether `matvec` is known to be its own transpose; false unless told. */
  readonly symmetric?: boolean;
  /** Whether `solve` and `transposeSolve` return `[x, aux]`. Auxiliary outputs have no derivative. */
  readonly hasAux?: boolean;
}

/**
 * `solve(matvec, b)`, differentiated by the system that its result satisfies, in forward and reverse mode, to any order: the derivative is another
 * call of `solve` (or, in reverse mode, of `transposeSolve`), so that solvers made of loops of unknown length have gradients. As
 * `jax.lax.custom_linear_solve`.
 *
 * @param matvec A linear function of trees like `b`. Derivatives reach the arrays that it closes over.
 * @param b The right-hand side: a tree of floating arrays.
 * @param solve Given a function like `matvec` and a tree like `b`, gives the `x` with `matvec(x) = b`; not checked, and not differentiated.
 * @returns What `solve` does: `x`, a tree like `b`; with `hasAux`, `[x, aux]`.
 * @throws {TreeError} Where a function gives another structure than that of `b`; shapes and dtypes are checked too.
 * @throws {DifferentiationError} In reverse mode, without `transposeSolve` for a system that is not symmetric.
 *
 * @example
 * ```ts
 * import { filterGrad, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const diagonal = np.array([2, 4]);
 * const solve = (_matvec: unknown, b: NDArray) => b.div(diagonal);
 * const loss = (d: NDArray) =>
 *   lax.customLinearSolve((x: NDArray) => x.mul(d), np.array([2, 8]), solve, { symmetric: true }).sum();
 * filterGrad(loss)(diagonal).tolist(); // [-0.5, -0.5]
 * ```
 */
export function customLinearSolve<T, R = T>(
  matvec: (x: T) => T,
  b: T,
  solve: (matvec: (x: T) => T, b: T) => R,
  options: LinearSolveOptions = {},
): R {
  const where = "lax.customLinearSolve";
  const { symmetric = false, hasAux = false } = options;
  const [arrays, def] = arraysOf(b, "b", where);
  const rhs = arrays.map((x) => convertElementType(x, x.dtype));
  const space: Space = { def, avals: rhs.map((x) => x.aval), where, like: "b" };
  const forward = traceVector(matvec, space, "matvec").closed;
  const solver = traceVector((x) => solve(matvec, x), space, "solve", 1, hasAux);
  const parts = { matvec: separated(forward), solve: separated(solver.closed) };
  const transposeSolve = options.transposeSolve ?? (symmetric ? solve : null);
  let vecmat: Separated | null = null;
  let back: Separated | null = null;
  if (transposeSolve !== null) {
    vecmat = symmetric ? parts.matvec : transposed(parts.matvec);
    const { jaxpr, consts } = vecmat;
    const apply = (x: T): T =>
      unflatten(def, evalClosedJaxpr(jaxpr, [...consts, ...vectorOf(x, space, "b")])) as T;
    const call = (x: Tree) => transposeSolve(symmetric ? matvec : apply, x);
    back = separated(traceVector(call, space, "transposeSolve", 1, hasAux).closed);
  }
  const results = bind(
    customLinearSolveP,
    [
      ...parts.matvec.consts,
      ...(vecmat?.consts ?? []),
      ...parts.solve.consts,
      ...(back?.consts ?? []),
      ...rhs,
    ],
    {
      matvec: parts.matvec.jaxpr,
      vecmat: vecmat && vecmat.jaxpr,
      solve: parts.solve.jaxpr,
      transposeSolve: back && back.jaxpr,
      constLengths: {
        matvec: parts.matvec.consts.length,
        vecmat: vecmat?.consts.length ?? 0,
        solve: parts.solve.consts.length,
        transposeSolve: back?.consts.length ?? 0,
      },
    },
  );
  return unflatten(solver.outDef, results) as R;
}

/** The transpose of a linear function of vectors. */
function transposed(fn: Separated): Separated {
  const { jaxpr, consts } = fn;
  const linear = jaxpr.inAvals.map((_, i) => i >= consts.length);
  const { closed } = transposeJaxpr(jaxpr, linear, jaxpr.outAvals.map(() => true), true);
  // What the transposed jaxpr closes over comes before the constants that it shares.
  const all = [...closed.consts, ...consts];
  return { jaxpr: hoistConsts(closed), consts: all };
}

/** Options of {@linkcode customRoot}. */
export interface RootOptions {
  /** Whether `solve` returns `[x, aux]`. Auxiliary outputs have no derivative. */
  readonly hasAux?: boolean;
}

/**
 * A root of `f`, found by `solve` and differentiated by the implicit function theorem, in forward and reverse mode, to any order, with respect to the
 * arrays that `f` closes over. As `jax.lax.custom_root`.
 *
 * @param f A function from trees like `initialGuess` to such trees.
 * @param initialGuess Where the solver starts: a tree of floating arrays. It has no derivative.
 * @param solve Given `f` and the guess, gives `x` with `f(x) = 0`; not checked, and not differentiated.
 * @param tangentSolve Given the linear function `g`, which is `f` linearised at the root, and a tree `y`, gives the `x` with `g(x) = y`, by operations
 * linear in `y`: for a 0-d `y`, `y.div(g(1))`.
 * @returns What `solve` does: `x`, a tree like `initialGuess`; with `hasAux`, `[x, aux]`.
 * @throws {TreeError} Where a function gives another structure than that of `initialGuess`; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import { filterGrad, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const squareRoot = (a: NDArray) =>
 *   lax.customRoot(
 *     (x: NDArray) => x.mul(x).sub(a),
 *     np.array(1),
 *     (f: (x: NDArray) => NDArray, x: NDArray) =>
 *       lax.foriLoop(0, 20, (_i, x: NDArray) => x.sub(f(x).div(x.mul(2))), x),
 *     (g: (x: NDArray) => NDArray, y: NDArray) => y.div(g(np.array(1))),
 *   );
 * filterGrad(squareRoot)(np.array(4)).item(); // 0.25
 * ```
 */
export function customRoot<T, R = T>(
  f: (x: T) => T,
  initialGuess: T,
  solve: (f: (x: T) => T, initialGuess: T) => R,
  tangentSolve: (g: (x: T) => T, y: T) => T,
  options: RootOptions = {},
): R {
  const where = "lax.customRoot";
  const [arrays, def] = arraysOf(initialGuess, "initialGuess", where);
  const guess = arrays.map((x) => convertElementType(x, x.dtype));
  const space: Space = { def, avals: guess.map((x) => x.aval), where, like: "initialGuess" };
  const fn = separated(traceVector(f, space, "f").closed);
  const solver = traceVector((x) => solve(f, x), space, "solve", 1, options.hasAux ?? false);
  const run = separated(solver.closed);
  const solveTangent = (x: Tree, y: Tree) => {
    const at = flatten(x)[0] as NDArray[];
    const lin = linearizeFlat((xs) => vectorOf(f(unflatten(def, xs) as T), space, "f"), at);
    const g = (t: T): T => unflatten(def, applyLinear(lin, vectorOf(t, space, "y"))) as T;
    return tangentSolve(g, y);
  };
  const tangent = separated(traceVector(solveTangent, space, "tangentSolve", 2).closed);

  const count = [fn, run, tangent].map(({ consts }) => consts.length);
  const params = [...fn.consts, ...run.consts, ...tangent.consts];
  const solveAt = (inputs: readonly NDArray[]) => [
    ...inputs.slice(count[0], count[0] + count[1]),
    ...inputs.slice(params.length),
  ];
  const root = (inputs: readonly NDArray[]): readonly NDArray[] =>
    customJvpCall(
      (xs) => evalClosedJaxpr(run.jaxpr, solveAt(xs)),
      (primals, tangents) => {
        const outs = root(primals);
        const zeros = outs.map((x): Tangent => new Zero(x.aval));
        const dp = tangents.slice(0, count[0]);
        if (!dp.some(isPresent)) return [outs, zeros];
        // f(p, x(p)) = 0, so that (df/dx) dx = -(df/dp) dp.
        const x = outs.slice(0, guess.length);
        const at = (ps: readonly NDArray[]) => evalClosedJaxpr(fn.jaxpr, [...ps, ...x]);
        const [, moved] = jvpFlat(at, primals.slice(0, count[0]), dp);
        if (!moved.some(isPresent)) return [outs, zeros];
        const constants = primals.slice(count[0] + count[1], params.length);
        const rhs = moved.map(instantiate);
        const dx = evalClosedJaxpr(tangent.jaxpr, [...constants, ...x, ...rhs]).map(neg);
        return [outs, [...dx, ...zeros.slice(guess.length)]];
      },
      where,
      inputs,
    );
  return unflatten(solver.outDef, [...root([...params, ...guess])]) as R;
}
