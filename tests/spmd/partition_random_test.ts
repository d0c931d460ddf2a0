/**
 * Random programs under random shardings: however inputs are split, over whichever mesh, the devices' programs together give what the whole one does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { shardingOfSplit, splitOf } from "../../src/core/split.ts";
import { Dice } from "../backends/random_program.ts";
import { randomProgram } from "../schedule/random_programs.ts";
import { day, isWhole } from "../share.ts";
import { evalClosedJaxpr, stage } from "../../src/transform/stage.ts";
import { compileSpmd } from "../../src/runtime/spmd/compile.ts";
import {
  assertResults,
  assertSame,
  type Partitioned,
  partitionedJaxpr,
} from "./partition_helpers.ts";

const { numpy: np, random, P } = vn;
await vn.init("cpu", { devices: 12 });

const meshes = [
  vn.makeMesh([2], ["a"]),
  vn.makeMesh([3], ["a"]),
  vn.makeMesh([4], ["a"]),
  vn.makeMesh([2, 2], ["a", "b"]),
  vn.makeMesh([2, 3], ["a", "b"]),
  vn.makeMesh([2, 3, 2], ["a", "b", "c"]),
];

/** A spec that fits a shape: each mesh axis splits some axis of the array, or none. */
function randomSpec(shape: readonly number[], mesh: vn.Mesh, dice: Dice): vn.PartitionSpec {
  const entries: string[][] = shape.map(() => []);
  for (const name of [...mesh.axisNames].sort(() => dice.below(3) - 1)) {
    if (shape.length > 0 && dice.chance(0.7)) entries[dice.below(shape.length)].push(name);
  }
  const sharding = new vn.NamedSharding(mesh, P(...entries));
  return shardingOfSplit(splitOf(sharding, shape), mesh).spec;
}

/** A program, and how its inputs are split. */
function randomCase(seed: number): Partitioned {
  const dice = new Dice(seed);
  const closed = randomProgram(() => dice.below(1 << 30) / (1 << 30), 4 + dice.below(14), {
    dtype: "float64",
    wide: dice.chance(0.4),
    barriers: dice.chance(0.2),
    maxSize: 200,
  });
  const inputs = closed.inAvals.map((aval, i) =>
    aval.dtype === "int32"
      ? np.array(1, { dtype: "int32" })
      : random.uniform(random.key(seed + i), aval.shape, { dtype: "float64", minval: -1 })
  );
  const mesh = dice.pick(meshes);
  const specs = inputs.map((x) => randomSpec(x.shape, mesh, dice));
  if (dice.chance(0.5)) return partitionedJaxpr(closed, inputs, specs, mesh);
  // Results that are wanted in some way say how they are computed.
  const wanted = closed.outAvals.map(({ shape }) =>
    dice.chance(0.7) ? new vn.NamedSharding(mesh, randomSpec(shape, mesh, dice)) : null
  );
  const constrained = stage(
    (xs) =>
      evalClosedJaxpr(closed, xs).map((y, i) =>
        wanted[i] === null ? y : vn.filterShard(y, wanted[i])
      ),
    closed.inAvals,
  );
  return partitionedJaxpr(constrained, inputs, specs, mesh);
}

function check(seed: number): void {
  assertSame(randomCase(seed), `seed ${seed}`);
}

/** How many programs a run tries: a few of those that all runs try, and others each day. */
const [fixed, fresh] = isWhole ? [200, 600] : [60, 40];

Deno.test("random programs under random shardings give what they give whole", () => {
  for (let seed = 0; seed < fixed; seed++) check(seed);
  for (let i = 0; i < fresh; i++) check(1000 + 1000 * day + i);
});

Deno.test("compiled, they run device by device to the same results", () => {
  for (let seed = 0; seed < (isWhole ? 100 : 12); seed++) {
    const { program, inputs, whole } = randomCase(5000 + seed);
    const outs = compileSpmd(program, { name: "random" }).run(inputs);
    // Functions are computed by other means than at once.
    assertResults(outs, whole, program, `seed ${5000 + seed}`, false);
  }
});

Deno.test("random specs do split: the generator is not trivial", () => {
  const dice = new Dice(1);
  const specs = Array.from({ length: 50 }, () => randomSpec([4, 6], meshes[4], dice));
  assert(new Set(specs.map(String)).size > 4);
  assertEquals(specs.some((spec) => spec.entries.length === 0), true);
});

if (import.meta.main) {
  const [from, count] = Deno.args.map(Number);
  for (let seed = from; seed < from + count; seed++) {
    try {
      check(seed);
    } catch (error) {
      console.log(String(error));
    }
  }
}
