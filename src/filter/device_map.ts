/**
 * A function of single examples as a program of a device: what `filterPmap` traces.
 *
 * It is traced once, for one example. From that comes what transformations and programs around it see, a call of the function mapped over all examples,
 * and, known to whoever compiles that call by itself, the program that each device runs on its own example.
 *
 * @module
 */
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { withAxis } from "../core/axis_env.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Mesh, NamedSharding, PartitionSpec } from "../core/sharding.ts";
import { noteDeviceForm } from "../core/spmd.ts";
import { bind, getEvaluator, Tracer } from "../core/trace.ts";
import { jitP } from "../control/jit_call.ts";
import { shardingConstraint } from "../ops/sharding.ts";
import { reshape, squeeze } from "../ops/shape.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { vmapFlat } from "../transform/vmap.ts";
import type { MapFlat } from "./vmap.ts";

/** A spec that splits one axis, or none. */
function specOf(axis: number | null, name: string): PartitionSpec {
  return axis === null
    ? new PartitionSpec()
    : new PartitionSpec(...Array<null>(axis).fill(null), name);
}

/** One example of an array. */
function exampleOf({ shape, dtype, weakType }: ShapedArray, dim: number): ShapedArray {
  return shapedArray(shape.filter((_, i) => i !== dim), dtype, weakType);
}

/** The part of an array that has one example. */
function partOf({ shape, dtype, weakType }: ShapedArray, dim: number | null): ShapedArray {
  return shapedArray(shape.map((n, i) => i === dim ? 1 : n), dtype, weakType);
}

/** Maps over the devices of a mesh of one axis. */
export function mapOver(mesh: Mesh): MapFlat {
  const [name] = mesh.axisNames;
  return (fn, inputs, inputDims, size, axisName, place) => {
    const examples = inputs.map((x, i) => exampleOf(x.aval, inputDims[i]));
    const trace = () => stage(fn, examples);
    const example = axisName === null ? trace() : withAxis(axisName, size, trace);
    for (const x of example.consts) if (!(x instanceof Tracer)) getEvaluator().keepAlive(x);
    const operands = [...example.consts, ...inputs];
    const dims = [...example.consts.map(() => null), ...inputDims];
    const one = hoistConsts(example);
    let axes: (number | null)[] = [];
    const mapped = stage((xs) => {
      const [outs, outDims] = vmapFlat((ys) => evalClosedJaxpr(one, ys), xs, dims, size, axisName);
      const placed = outs.map((x, i) => place(x, outDims[i], i));
      axes = placed.map((p) => p.axis);
      return placed.map(({ x, axis }) =>
        shardingConstraint(x, new NamedSharding(mesh, specOf(axis, name)))
      );
    }, operands.map((x) => x.aval));
    const jaxpr = hoistConsts(mapped);
    const all = [...mapped.consts, ...operands];
    const allDims = [...mapped.consts.map(() => null), ...dims];
    noteDeviceForm(jaxpr, {
      mesh,
      closed: deviceForm(one, all.map((x, i) => partOf(x.aval, allDims[i])), allDims, axes),
      inSpecs: allDims.map((dim) => specOf(dim, name)),
      outSpecs: axes.map((axis) => specOf(axis, name)),
    });
    return bind(jitP, all, { name: "pmap", jaxpr });
  };
}

/** The program of one device, whose parts have an axis of one example. */
function deviceForm(
  one: ClosedJaxpr,
  parts: readonly ShapedArray[],
  dims: readonly (number | null)[],
  axes: readonly (number | null)[],
): ClosedJaxpr {
  const own = parts.length - one.inAvals.length;
  return stage((xs) => {
    const inputs = xs.slice(own).map((x, i) => {
      const dim = dims[own + i];
      return dim === null ? x : squeeze(x, [dim]);
    });
    return evalClosedJaxpr(one, inputs).map((x, i) => {
      const axis = axes[i];
      return axis === null ? x : reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
    });
  }, parts);
}
