/**
 * `debug.backwardNan`: finds where a gradient becomes NaN.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { errorIf } from "../filter/error_if.ts";
import { type CustomVjp, filterCustomVjp } from "../filter/custom_vjp.ts";
import { isInexactLeaf } from "../filter/leaves.ts";
import { or } from "../ops/logic.ts";
import { ne } from "../ops/logic.ts";
import { reduceOr } from "../ops/reduce.ts";
import { leaves } from "../tree/mod.ts";
import { printWith } from "./print.ts";

/** Options of {@linkcode backwardNan}. */
export interface BackwardNanOptions {
  /** What to call the value in what is printed. */
  readonly name?: string | null;
  /** Whether a NaN ends the program. True unless told. */
  readonly terminate?: boolean;
}

type Watch = CustomVjp<[x: unknown, name: string | null, terminate: boolean], unknown>;

let watch: Watch | null = null;

/** Made when it is first needed, because nothing happens at import. */
function watched(): Watch {
  if (watch !== null) return watch;
  const made: Watch = filterCustomVjp((x: unknown, _name: string | null, _terminate: boolean) => x);
  made.defFwd((_perturbed, x, name, terminate) => [backwardNan(x, { name, terminate }), null]);
  made.defBwd((_residuals, gradX, _perturbed, x, name, terminate) => {
    const title = name === null ? "" : `${name.replaceAll("{", "{{").replaceAll("}", "}}")}:\n`;
    printWith(`${title}   primals={}\ncotangents={}`, [x, gradX], "debug.backwardNan");
    const grads = leaves(gradX).filter(isInexactLeaf) as NDArray[];
    if (!terminate || grads.length === 0) return gradX;
    const nans = grads.map((g) => reduceOr(ne(g, g), g.shape.map((_, i) => i)));
    const where = name === null ? "" : ` in ${name}`;
    return errorIf(gradX, nans.reduce((a, b) => or(a, b)), `Encountered NaN${where}`);
  });
  return watch = made;
}

/**
 * The identity, which prints a value and its cotangent in the backward pass, and ends the program where the cotangent is NaN. Written after Equinox's
 * `debug.backward_nan`.
 *
 * @param x Any tree.
 * @throws {RuntimeCheckError} When the program runs, unless `terminate` is false.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = (x: vn.NDArray) => vn.numpy.sqrt(vn.debug.backwardNan(x.mul(0), { name: "root" })).mul(0);
 * try {
 *   vn.filterJit(vn.filterGrad(f))(vn.numpy.array(1));
 * } catch (error) {
 *   console.log(String(error)); // RuntimeCheckError: Encountered NaN in root
 * }
 * ```
 */
export function backwardNan<T>(x: T, options: BackwardNanOptions = {}): T {
  const { name = null, terminate = true } = options;
  return watched()(x, name, terminate) as T;
}
