/**
 * What tests of the partitioner share: programs partitioned, and run as what they mean.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import { simplifyJaxpr } from "../../src/compile/pipeline.ts";
import { type MaybeSplit, shardingOfSplit, splitOf } from "../../src/core/split.ts";
import type { SpmdProgram } from "../../src/core/spmd.ts";
import { mappedProgram } from "../../src/runtime/spmd/reference.ts";
import { partitionJaxpr } from "../../src/transform/partition.ts";
import { propagateSplits } from "../../src/transform/split.ts";
import { evalClosedJaxpr, stage } from "../../src/transform/stage.ts";

/** A function of flat arrays. */
export type Program = (...xs: vn.NDArray[]) => vn.NDArray | readonly vn.NDArray[];

/** A program partitioned, with what it gives whole. */
export interface Partitioned {
  readonly program: SpmdProgram;
  readonly inputs: readonly vn.NDArray[];
  readonly whole: readonly vn.NDArray[];
}

/** Partitions a function of arrays that are split as the specs say. */
export function partitioned(
  fn: Program,
  inputs: readonly vn.NDArray[],
  specs: readonly vn.PartitionSpec[],
  mesh: vn.Mesh,
): Partitioned {
  const closed = stage((xs) => [fn(...xs)].flat(), inputs.map((x) => x.aval));
  return partitionedJaxpr(closed, inputs, specs, mesh);
}

/** Partitions a jaxpr whose inputs are split as the specs say. */
export function partitionedJaxpr(
  closed: ClosedJaxpr,
  inputs: readonly vn.NDArray[],
  specs: readonly vn.PartitionSpec[],
  mesh: vn.Mesh,
): Partitioned {
  const ins = inputs.map((x, i): MaybeSplit =>
    splitOf(new vn.NamedSharding(mesh, specs[i]), x.shape)
  );
  const outs = propagateSplits(closed, ins);
  const specOf = (split: MaybeSplit) => shardingOfSplit(split, mesh).spec;
  const program: SpmdProgram = {
    mesh,
    closed: partitionJaxpr(simplifyJaxpr(closed).closed, mesh, ins, outs),
    inSpecs: ins.map(specOf),
    outSpecs: outs.map(specOf),
  };
  return { program, inputs, whole: evalClosedJaxpr(closed, inputs) };
}

/** Checks that the devices' programs together give what the whole one does. */
export function assertSame({ program, inputs, whole }: Partitioned, what: string): void {
  const outs = evalClosedJaxpr(mappedProgram(program), inputs);
  // What is summed may be in another order; the rest is the same, element by element.
  const sums = /psum|reduce_scatter|dot_general|conv|reduce_sum|reduce_prod|cumsum|cumprod/.test(
    String(program.closed),
  );
  assertResults(outs, whole, program, what, !sums);
}

/** Checks results against those of the whole program. */
export function assertResults(
  outs: readonly vn.NDArray[],
  whole: readonly vn.NDArray[],
  { mesh, inSpecs, closed }: SpmdProgram,
  what: string,
  isExact: boolean,
): void {
  outs.forEach((x, i) => {
    assertEquals([x.dtype, x.shape], [whole[i].dtype, whole[i].shape], what);
    const y = vn.devicePut(whole[i], x.sharding);
    const same = !isExact && x.dtype !== "bool"
      ? vn.numpy.allclose(x, y, { rtol: 1e-5, atol: 1e-5, equalNan: true })
      : vn.numpy.arrayEqual(x, y, { equalNan: x.dtype.startsWith("float") });
    assert(same.item(), `${what}, ${mesh}, ${inSpecs.join(" ")}: ${x} is not ${y}\n${closed}`);
  });
}
