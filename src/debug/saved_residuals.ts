/**
 * `debug.savedResiduals`: what a derivative keeps between its forward and its backward pass.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Shape, ShapedArray } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import { isInexact } from "../core/dtype.ts";
import type { Atom, Jaxpr, JaxprEqn, JaxprVar } from "../core/jaxpr.ts";
import { callPath } from "../filter/jit_entry.ts";
import { isArrayLeaf, toNDArray } from "../filter/leaves.ts";
import { ShapeDtypeStruct } from "../filter/struct.ts";
import { checkCallable, invoke } from "../filter/wrapper.ts";
import { linearizeFlat } from "../transform/linearize.ts";
import { stage } from "../transform/stage.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";

/** A value that is kept for the backward pass. */
export interface SavedResidual {
  /** Its shape. */
  readonly shape: Shape;
  /** Its dtype. */
  readonly dtype: DType;
  /** Where it comes from: `the argument args[0]`, `a constant`, `output of tanh`, `named "a"`. */
  readonly from: string;
}

/**
 * What reverse mode keeps between the forward and the backward pass of a function: to see what {@linkcode filterCheckpoint} and its policies do.
 * Nothing is computed. Differentiated are the floating arrays of all arguments, and those of `fun` itself.
 *
 * @param fun A function, class, or Module.
 * @param args Its arguments; a `ShapeDtypeStruct` stands for any array.
 * @returns Each kept value once, arguments first. After `jax.ad_checkpoint.print_saved_residuals`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = (x: vn.NDArray) => vn.numpy.sin(vn.numpy.sin(x));
 * vn.debug.savedResiduals(f, vn.numpy.ones([3])).length; // 2: both cosines
 * vn.debug.savedResiduals(vn.filterCheckpoint(f), vn.numpy.ones([3])); // x alone
 * ```
 */
export function savedResiduals(fun: unknown, ...args: unknown[]): readonly SavedResidual[] {
  checkCallable(fun, "debug.savedResiduals");
  const [leaves, treedef] = flatten([fun, args]);
  const avals: ShapedArray[] = [];
  const places: number[] = [];
  leaves.forEach((leaf, i) => {
    if (!isArrayLeaf(leaf) && !(leaf instanceof ShapeDtypeStruct)) return;
    places.push(i);
    avals.push(isArrayLeaf(leaf) ? toNDArray(leaf, "debug.savedResiduals").aval : leaf.aval);
  });
  const { jaxpr } = stage((inputs) => {
    const active = inputs.map((x) => isInexact(x.dtype));
    const linear = linearizeFlat((perturbed) => {
      let next = 0;
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = active[i] ? perturbed[next++] : inputs[i]);
      const [f, xs] = unflatten(treedef, filled) as [unknown, unknown[]];
      return flatten(invoke(f, xs))[0].filter(isArrayLeaf).map((x) =>
        toNDArray(x, "debug.savedResiduals: output")
      );
    }, inputs.filter((_, i) => active[i]));
    return linear.linear.consts as readonly NDArray[];
  }, avals);
  const paths = leafPaths(treedef);
  return describe(jaxpr, places.map((i) => callPath(paths[i])));
}

function describe(jaxpr: Jaxpr, paths: readonly string[]): SavedResidual[] {
  const kept = new Set<Atom>(jaxpr.outvars);
  const residual = (v: JaxprVar, from: string): SavedResidual => ({
    shape: v.aval.shape,
    dtype: v.aval.dtype,
    from,
  });
  return [
    ...jaxpr.invars.flatMap((v, i) => kept.has(v) ? [residual(v, `the argument ${paths[i]}`)] : []),
    ...jaxpr.constvars.flatMap((v) => kept.has(v) ? [residual(v, "a constant")] : []),
    ...jaxpr.eqns.flatMap((eqn) =>
      eqn.outvars.flatMap((v) => kept.has(v) ? [residual(v, origin(eqn))] : [])
    ),
  ];
}

function origin({ primitive: { name }, params }: JaxprEqn): string {
  if (name === "name") return `named ${JSON.stringify(params.name)}`;
  return name === "jit" ? `output of the compiled function ${params.name}` : `output of ${name}`;
}
