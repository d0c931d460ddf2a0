/**
 * A step of an optimiser in Vernal.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import { type AdamWork, type Prepared, uniform } from "./work.ts";

const { numpy: np, optim } = vn;

/** Prepares the work.
 *
 * @param put Puts arrays where they are to be used.
 */
export function oursOfOptimiser({ size }: AdamWork, put: <T>(x: T) => T): Prepared {
  const first = uniform(size, 1);
  const adam = optim.adam(1e-3);
  const gradients = put(np.array(uniform(size, 2)));
  let now: readonly [parameters: vn.NDArray, state: unknown];
  const parameters = put(np.array(first));
  now = [parameters, adam.init(parameters)];
  const step = vn.filterJit((gradients: vn.NDArray, [parameters, state]: typeof now) => {
    const [updates, next] = adam.update(gradients, state, parameters);
    return [optim.applyUpdates(parameters, updates), next] as const;
  }, { donate: "all-except-first" });
  let steps = 0;
  return {
    run: () => {
      now = step(gradients, now);
      steps++;
    },
    facts: async () => {
      // Of one gradient again and again, a step is the rate by the gradient's sign.
      const reached = await now[0].data() as Float32Array;
      const given = await gradients.data() as Float32Array;
      let error = 0;
      for (let i = 0; i < size; i += 9973) {
        const moved = (reached[i]! - first[i]!) / (steps * 1e-3);
        if (Math.abs(given[i]!) > 1e-3) {
          error = Math.max(error, Math.abs(moved + Math.sign(given[i]!)));
        }
      }
      return { error };
    },
  };
}
