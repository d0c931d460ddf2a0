/**
 * Batching: a function of single examples, run on all of them at once.
 *
 * @module
 */
import { DifferentiationError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { bind, currentTrace, Trace, Tracer, withTrace } from "../core/trace.ts";
import { batchToFront, moveAxis } from "../ops/shape.ts";
import { type AxisName, withAxis } from "../core/axis_env.ts";
import { maskKey, memoize } from "./jvp.ts";
import { evalClosedJaxpr, stage } from "./stage.ts";

/** A value with a mapped axis, which the function being mapped does not see. */
export class BatchTracer extends Tracer {
  readonly #aval: ShapedArray;
  /**
   * @param trace The mapping that it belongs to.
   * @param value All examples, in the parent trace.
   * @param dim The mapped axis of `value`.
   */
  constructor(trace: BatchTrace, readonly value: NDArray, readonly dim: number) {
    super(trace);
    const { shape, dtype, weakType } = value.aval;
    this.#aval = shapedArray(shape.filter((_, i) => i !== dim), dtype, weakType);
  }
  override get aval(): ShapedArray {
    return this.#aval;
  }
  override get origins(): readonly string[] {
    return this.value instanceof Tracer ? this.value.origins : [];
  }
}

/** Applies the batching rule of each primitive that meets a mapped value. */
export class BatchTrace extends Trace {
  /** The trace that computes on whole batches. */
  readonly parent: Trace = currentTrace();

  /**
   * @param size The number of examples.
   * @param axisName The name by which collectives know the axis, or `null`.
   */
  constructor(readonly size: number, readonly axisName: AxisName | null) {
    super();
  }

  /** A value with a mapped axis; `null` leaves it as it is. */
  lift(x: NDArray, dim: number | null): NDArray {
    return dim === null ? x : new BatchTracer(this, x, dim);
  }

  /** The whole batch of `x`, and its mapped axis. */
  split(x: NDArray): readonly [value: NDArray, dim: number | null] {
    if (x instanceof BatchTracer && x.trace === this) return [x.value, x.dim];
    return [x, null];
  }

  override process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[] {
    return withTrace(this.parent, () => {
      const values: NDArray[] = [];
      const dims: (number | null)[] = [];
      let mapped = false;
      for (const x of operands) {
        const [value, dim] = this.split(x);
        values.push(value);
        dims.push(dim);
        mapped ||= dim !== null;
      }
      const collective =
        this.axisName !== null && primitive.collective?.axisName(params) === this.axisName
          ? primitive.collective
          : null;
      if (collective !== null) {
        const [outs, outDims] = collective.batch(values, dims, params, this.size);
        return outs.map((x, i) => this.lift(x, outDims[i]));
      }
      // A call may hold collectives over this axis even where no operand is mapped.
      const mayCollect = this.axisName !== null && primitive.higherOrder !== undefined;
      if (!mapped && !mayCollect) return bind(primitive, values, params);
      if (primitive.batch === undefined) {
        throw new DifferentiationError(`the primitive ${primitive.name} has no batching rule`);
      }
      const [outs, outDims] = primitive.batch(values, dims, params, this.size, this.axisName);
      return outs.map((x, i) => this.lift(x, outDims[i]));
    });
  }
}

/** Runs `fn` with the given axes of `inputs` mapped; gives whole batches and where the mapped axis ended up. */
export function vmapFlat(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  inputs: readonly NDArray[],
  dims: readonly (number | null)[],
  size: number,
  axisName: AxisName | null = null,
): [outs: NDArray[], dims: (number | null)[]] {
  const trace = new BatchTrace(size, axisName);
  try {
    const lifted = inputs.map((x, i) => trace.lift(x, dims[i]));
    const run = () => withTrace(trace, () => fn(lifted));
    const outs = axisName === null ? run() : withAxis(axisName, size, run);
    const pairs = outs.map((x) => trace.split(x));
    return [pairs.map((p) => p[0]), pairs.map((p) => p[1])];
  } finally {
    trace.invalidate();
  }
}

/** Puts the mapped axis of an output where it is asked for, stretching outputs that have none. */
export function placeAxis(x: NDArray, dim: number | null, to: number, size: number): NDArray {
  const rank = x.ndim + (dim === null ? 1 : 0);
  const target = to < 0 ? to + rank : to;
  if (!Number.isInteger(target) || target < 0 || target >= rank) {
    throw new ShapeError(
      `vmap: outAxes ${to} is out of bounds for an output of ${rank} axes (the mapped one included)`,
    );
  }
  if (dim !== null) return moveAxis(x, dim, target);
  return moveAxis(batchToFront(x, null, size), 0, target);
}

/** A batched jaxpr: mapped inputs and outputs carry the axis in front. */
export interface BatchedJaxpr {
  readonly closed: ClosedJaxpr;
  /** Which outputs are mapped. */
  readonly mappedOuts: readonly boolean[];
}

const batchCache = new WeakMap<ClosedJaxpr, Map<string, BatchedJaxpr>>();
const axisNameIds = new Map<AxisName, number>();

/**
 * Batches a jaxpr (without constants) over axis 0 of the inputs that `mapped` names.
 *
 * @param force Outputs that get the axis even where they do not depend on it.
 */
export function batchJaxpr(
  closed: ClosedJaxpr,
  size: number,
  mapped: readonly boolean[],
  axisName: AxisName | null,
  force: readonly boolean[] = [],
): BatchedJaxpr {
  const name = axisName === null ? "" : axisNameId(axisName);
  const key = `${size}|${mapped.map(Number).join("")}|${name}|${maskKey(force)}`;
  return memoize(batchCache, closed, key, () => {
    const avals = closed.inAvals.map((a, i) =>
      mapped[i] ? shapedArray([size, ...a.shape], a.dtype, a.weakType) : a
    );
    let mappedOuts: boolean[] = [];
    const traced = stage((inputs) => {
      const dims = mapped.map((m) => m ? 0 : null);
      const [outs, outDims] = vmapFlat(
        (xs) => evalClosedJaxpr(closed, xs),
        inputs,
        dims,
        size,
        axisName,
      );
      mappedOuts = outDims.map((d, i) => d !== null || force[i] === true);
      return outs.map((x, i) => mappedOuts[i] ? placeAxis(x, outDims[i], 0, size) : x);
    }, avals);
    return { closed: traced, mappedOuts };
  });
}

function axisNameId(name: AxisName): number {
  let id = axisNameIds.get(name);
  if (id === undefined) axisNameIds.set(name, id = axisNameIds.size);
  return id;
}
