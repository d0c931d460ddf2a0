/**
 * Random programs under random policies: checkpoints change no derivative, in either mode, once or twice, eager or compiled.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { checkpointCall } from "../../src/control/checkpoint.ts";
import { evalClosedJaxpr } from "../../src/transform/stage.ts";
import { makeRandom, randomArray } from "../schedule/helpers.ts";
import { randomProgram } from "../schedule/random_programs.ts";

const { numpy: np } = vn;

/** A random function of float64 arrays, and arrays to call it with. */
function randomFunction(seed: number, wide: boolean) {
  const random = makeRandom(seed);
  const closed = randomProgram(random, 4 + Math.floor(random() * 12), {
    dtype: "float64",
    maxSize: 64,
    wide,
  });
  const args = closed.inAvals.map((aval) =>
    np.array(randomArray(aval, random)).reshape(aval.shape)
  );
  const start = args.pop()!;
  const fn = (xs: readonly vn.NDArray[]): readonly vn.NDArray[] => {
    const [out] = evalClosedJaxpr(closed, [...xs, start]);
    return [np.sin(out).sum()];
  };
  return { fn, args, random };
}

/** A policy that decides by lot, the same each time. */
function randomPolicy(seed: number): vn.CheckpointPolicy {
  return (primitive, operands) => {
    const text = `${seed}${primitive.name}${operands.map((a) => a.shape.join()).join(";")}`;
    let hash = 0;
    for (const c of text) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193);
    return (hash >>> 8) % 3 === 0;
  };
}

function assertAll(a: readonly vn.NDArray[], b: readonly vn.NDArray[], message: string): void {
  a.forEach((x, i) => {
    const scale = x.size === 0 ? 0 : Math.max(1, np.max(np.abs(x)).item());
    const near = np.allclose(x, b[i], { rtol: 1e-9, atol: 1e-9 * scale, equalNan: true });
    assert(near.item(), `${message}, input ${i}: ${x.tolist()} and ${b[i].tolist()}`);
  });
}

for (const wide of [false, true]) {
  Deno.test(`random ${wide ? "programs with loops and branches" : "programs"}, checkpointed by random policies, have the derivatives that they had`, () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { fn, args, random } = randomFunction(seed, wide);
      const policy = random() < 0.3 ? null : randomPolicy(seed);
      const held = (xs: readonly vn.NDArray[]) =>
        checkpointCall(fn, xs, [], policy, random() < 0.8);
      const grads = (f: typeof fn) => vn.filterGrad((xs: vn.NDArray[]) => f(xs)[0]);
      const list = (x: unknown) => x as vn.NDArray[];
      const plain = list(grads(fn)(args));
      assertAll(plain, list(grads(held)(args)), `seed ${seed}`);
      if (seed % 4 === 0) {
        assertAll(plain, list(vn.filterJit(grads(held))(args)), `seed ${seed}, compiled`);
      }
      const tangent = (f: typeof fn) => vn.jvp((...xs) => grads(f)(xs), args, args)[1];
      assertAll(
        list(tangent(fn)),
        list(tangent(held)),
        `seed ${seed}, forward over reverse`,
      );
    }
  });
}
