/**
 * Random programs of several devices, meshes and shardings, against the same mapped over the mesh.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { compileSpmd } from "../../src/runtime/spmd/compile.ts";
import { planSpmd } from "../../src/runtime/spmd/plan.ts";
import { globalAval, mappedProgram } from "../../src/runtime/spmd/reference.ts";
import { evalClosedJaxpr } from "../../src/transform/stage.ts";
import { type Part, programOf } from "./programs.ts";

const { lax, numpy: np } = vn;
await vn.init("cpu", { devices: 8 });

/** Numbers that a seed determines. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Few elements, which live elsewhere than in the shared memory, or more. */
let shape = [2, 3];
type Value = vn.NDArray;

/** A random body over values of one shape; integers stay small, so that every order of a sum gives the same. */
function grow(
  values: Value[],
  names: readonly string[],
  draw: (below: number) => number,
  steps: number,
  depth: number,
): Value[] {
  const all = [...values];
  const pick = (): Value => all[draw(all.length)];
  const small = (x: Value): Value => x.sub(np.floor(x.div(8)).mul(8));
  for (let i = 0; i < steps; i++) {
    const name = names[draw(names.length)];
    const size = lax.axisSize(name);
    switch (draw(depth > 0 ? 11 : 8)) {
      case 0:
        all.push(small(pick().add(pick())));
        break;
      case 1:
        all.push(small(pick().mul(pick()).add(1)));
        break;
      case 2:
        all.push(small(lax.psum(pick(), name)));
        break;
      case 3:
        all.push(lax.pmax(pick(), name).sub(lax.pmin(pick(), name)));
        break;
      case 4: {
        const by = draw(size);
        const perm = Array.from({ length: size }, (_, k) => [k, (k + by) % size] as const);
        all.push(lax.ppermute(pick(), name, perm.map((p) => [...p])));
        break;
      }
      case 5:
        all.push(small(lax.allGather(pick(), name).sum(0)));
        break;
      case 6:
        all.push(small(pick().add(lax.axisIndex(name))));
        break;
      case 7: {
        const tall = lax.allGather(pick(), name, { tiled: true });
        all.push(small(lax.psumScatter(tall, name, { tiled: true })));
        break;
      }
      case 8: {
        const [first, next] = [pick(), pick()];
        const [carry, ys] = lax.scan(
          (c: Value, x: Value) => {
            const inner = grow([c, x.add(np.zeros(shape))], names, draw, 3, depth - 1);
            return [small(inner[inner.length - 1].add(c)), inner[inner.length - 2].sum(0)];
          },
          first,
          next,
        ) as [Value, Value];
        all.push(carry, small(ys));
        break;
      }
      case 9: {
        const [first, other] = [pick(), pick()];
        const [, last] = lax.whileLoop(
          ([i]: Value[]) => i.less(3),
          ([i, x]: Value[]) => {
            const inner = grow([x, other], names, draw, 2, depth - 1);
            return [i.add(1), inner[inner.length - 1]];
          },
          [np.array(0, { dtype: "int32" }), first],
        ) as Value[];
        all.push(last);
        break;
      }
      default: {
        // The same on all devices once it was reduced over every axis.
        const sum = names.reduce((x, name) => lax.pmax(x, name), pick().sum());
        const x = pick();
        all.push(lax.cond(
          sum.greater(9),
          (x: Value) => {
            const inner = grow([x], names, draw, 2, depth - 1);
            return inner[inner.length - 1];
          },
          (x: Value) => x.add(1),
          x,
        ));
      }
    }
  }
  return all;
}

const meshes = [
  vn.makeMesh([4], ["x"]),
  vn.makeMesh([2, 3], ["x", "y"]),
  vn.makeMesh([2, 2, 2], ["x", "y", "z"]),
  vn.makeMesh([1, 5], ["x", "y"]),
];

Deno.test("random programs give by devices what they give mapped", () => {
  let taken = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const draw = generator(seed);
    shape = seed % 2 === 0 ? [2, 3] : [6, 12];
    const mesh = meshes[draw(meshes.length)];
    const names = mesh.axisNames;
    const spec = (): vn.PartitionSpec => {
      const entries: string[][] = [[], []];
      for (const name of names) if (draw(3) > 0) entries[draw(2)].push(name);
      return vn.P(...entries.map((list) => list.length === 0 ? null : list));
    };
    const parts = Array.from({ length: 3 }, (): Part => [shape, spec()]);
    const outSpecs = Array.from({ length: 4 }, spec);
    const program = programOf(
      mesh,
      parts,
      outSpecs,
      (...xs) => grow(xs, names, draw, 10, 2).slice(-4),
    );
    const inputs = parts.map(([, spec], i) => {
      const whole = globalAval(program.closed.inAvals[i], spec, mesh).shape;
      const size = whole.reduce((a, b) => a * b, 1);
      return np.array(Float32Array.from({ length: size }, () => draw(8))).reshape([...whole]);
    });
    planSpmd(program, "f"); // there is one
    const expected = evalClosedJaxpr(mappedProgram(program), inputs);
    const check = (outs: readonly vn.NDArray[], how: string) =>
      outs.forEach((x, i) =>
        assertEquals(x.tolist(), expected[i].tolist(), `seed ${seed}, output ${i}, ${how}`)
      );
    check(compileSpmd(program, { name: "f" }).run(inputs), "inputs kept");
    const donating = compileSpmd(program, { name: "f", donated: [true, draw(2) === 0, true] });
    taken += donating.memory.aliasSizeInBytes;
    const copies = inputs.map((x) => np.copy(x));
    check(donating.run(copies), "inputs given up");
    // One that is given up twice is overwritten nowhere.
    const twice = inputs.map((x) => np.copy(x));
    const same = twice.findIndex((x, i) => i > 0 && String(x.shape) === String(twice[0].shape));
    if (same > 0) {
      twice[same] = twice[0];
      const kept = twice.map((x) => np.copy(x));
      const expected = evalClosedJaxpr(mappedProgram(program), kept).map((x) => x.tolist());
      assertEquals(donating.run(twice).map((x) => x.tolist()), expected, `seed ${seed}, one twice`);
    }
  }
  assert(taken > 0, "no result was written over what was given up");
});
