/**
 * The evaluator: computes one primitive on concrete arrays, at once and without loading the compiler.
 *
 * For each primitive, parameters and operand avals, a plan is made once, from the primitive's own lowering: loops over host scalars
 * where there are few elements, library kernels where the recipe is simple enough, else a program of one equation.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { DType, HostScalar, TypedArray } from "../core/dtype.ts";
import { structuralKey } from "../core/jaxpr_key.ts";
import { identityOf, paramsKey } from "../core/params_key.ts";
import { type Placement, placementOf } from "../core/placement.ts";
import type { AnyPrimitive, Expansion } from "../core/primitive.ts";
import type { Sharding } from "../core/sharding.ts";
import { isWatched, timed } from "../core/spans.ts";
import { type Evaluator, installEvaluator, withEager } from "../core/trace.ts";
import { expansionOf } from "../ops/expansion.ts";
import { freeTemporaries } from "./scope.ts";
import { InternalError } from "../errors.ts";
import {
  aliasArray,
  arrayFromTypedArray,
  ConcreteArray,
  literalArray,
  placedArray,
  retyped,
} from "./concrete.ts";
import { cellsPlan } from "./cells_plan.ts";
import { programPlan } from "./eager_program.ts";
import {
  boundPlacement,
  defaultOnGraphics,
  graphics,
  isGraphicsInUse,
  isOnGraphics,
  loadedGraphics,
} from "./graphics.ts";
import { kernelPlan } from "./kernel_plan.ts";
import { operandPlacement, placeResults } from "./placing.ts";
import { ProgramCache } from "./program_cache.ts";
import { recipesOf } from "./recipe.ts";
/** Computes a primitive on operands of the avals it was made for. */
export type Plan = (operands: readonly ConcreteArray[]) => readonly ConcreteArray[];

/** The plans of one primitive. */
interface Plans {
  /** Without parameters, for one or two operands: by the avals' numbers. */
  readonly plain: Map<number, Plan>;
  readonly keyed: Map<string, Plan>;
}

/** Plans kept per primitive; with more, all are forgotten and made anew as needed. */
const MAX_PLANS = 2048;

const plansOf = new Map<AnyPrimitive, Plans>();

/** Plans of loops, by one of their jaxprs: those live as long as it does. */
let loopPlans = new WeakMap<object, Map<string, Plan>>();

/** Plans of loops, by what their jaxprs compute: a loop that is traced anew each time is compiled once. */
const equalLoops = new ProgramCache<Plan>(16);

function plansOfLoop(params: unknown): Map<string, Plan> | null {
  for (const value of Object.values(params ?? {})) {
    if (typeof value !== "object" || value === null || !("jaxpr" in value)) continue;
    let plans = loopPlans.get(value);
    if (plans === undefined) loopPlans.set(value, plans = new Map());
    return plans;
  }
  return null;
}

function evaluate(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
): readonly NDArray[] {
  return isWatched
    ? timed("operation", primitive.name, () => compute(primitive, operands, params))
    : compute(primitive, operands, params);
}

function compute(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
): readonly NDArray[] {
  const joint = operandPlacement(primitive, operands);
  if (isGraphicsInUse()) {
    const nameOf = (i: number) => `${primitive.name}: operand ${i}`;
    const remote = boundPlacement(operands, joint?.sharding ?? null, nameOf) ??
      (joint === null ? defaultFor(primitive, operands, params) : null);
    if (remote !== null) {
      const results = graphics!.evaluate(primitive, operands, params, remote);
      if (joint !== null) placeResults(joint, primitive, operands, params, results);
      return results;
    }
  }
  const results = planFor(primitive, operands, params)(operands as readonly ConcreteArray[]);
  if (joint !== null) placeResults(joint, primitive, operands, params, results);
  return results;
}

/** The default device where it is WebGPU's and has all dtypes of an operation; else `null`. */
function defaultFor(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
): Placement | null {
  const preferred = defaultOnGraphics();
  if (preferred === null) return null;
  const isLacking = ({ dtype }: ShapedArray) => graphics!.lacks(dtype);
  const ins = operands.map((x) => x.aval);
  if (ins.some(isLacking) || primitive.abstractEval(ins, params).some(isLacking)) return null;
  return preferred;
}

function planFor(primitive: AnyPrimitive, operands: readonly NDArray[], params: unknown): Plan {
  let plans = plansOf.get(primitive);
  if (plans === undefined) plansOf.set(primitive, plans = { plain: new Map(), keyed: new Map() });
  const text = paramsKey(params);
  if (text === "" && operands.length <= 2 && operands.length > 0) {
    const first = operands[0].aval.id;
    const key = operands.length === 1 ? first : (operands[1].aval.id + 1) * 2 ** 26 + first;
    const plan = plans.plain.get(key);
    if (plan !== undefined) return plan;
    return remember(plans.plain, key, makePlan(primitive, operands, params));
  }
  let key = text;
  for (const x of operands) key += "|" + x.aval.id;
  const held = primitive.higherOrder === undefined ? null : plansOfLoop(params);
  if (held !== null) {
    key = `${identityOf(primitive)}:${key}`;
    return held.get(key) ?? remember(held, key, loopPlan(primitive, operands, params));
  }
  const plan = plans.keyed.get(key);
  if (plan !== undefined) return plan;
  return remember(plans.keyed, key, makePlan(primitive, operands, params));
}

function loopPlan(primitive: AnyPrimitive, operands: readonly NDArray[], params: unknown): Plan {
  const avals = operands.map((x) => x.aval.id).join();
  const key = `${identityOf(primitive)}:${avals}:${structuralKey(params)}`;
  return equalLoops.get(key, () => makePlan(primitive, operands, params));
}

function remember<K>(plans: Map<K, Plan>, key: K, plan: Plan): Plan {
  if (plans.size >= MAX_PLANS) plans.clear();
  plans.set(key, plan);
  return plan;
}

function makePlan(primitive: AnyPrimitive, operands: readonly NDArray[], params: unknown): Plan {
  for (const x of operands) {
    if (!(x instanceof ConcreteArray)) {
      throw new InternalError(`${primitive.name}: an operand is not concrete`);
    }
  }
  const ins: ShapedArray[] = operands.map((x) => x.aval);
  const outs = primitive.abstractEval(ins, params);
  const expansion = expansionOf(primitive, ins, outs, params);
  if (expansion !== null) return expandedPlan(expansion, outs);
  const [from, to] = [ins.map((a) => a.stored), outs.map((a) => a.stored)];
  const recipes = recipesOf(primitive, from, to, params);
  const plan = recipes && (cellsPlan(recipes, to) ?? kernelPlan(recipes, from, to));
  if (plan === null) return programPlan(primitive, ins, outs, params);
  if (outs.every((a, i) => a === to[i])) return plan;
  return (operands) => plan(operands).map((x, i) => retyped(x, outs[i]));
}

/** What the primitive expands to, operation by operation. */
function expandedPlan(expansion: Expansion, outs: readonly ShapedArray[]): Plan {
  const run = (operands: readonly ConcreteArray[]) =>
    expansion(operands).map((x, i) => {
      // It may be weak where the operation is not, or the other way round.
      return x.aval === outs[i] ? x as ConcreteArray : aliasArray(x as ConcreteArray, outs[i]);
    });
  return (operands) => withEager(() => freeTemporaries(() => run(operands)));
}

/** Forgets all plans. */
export function clearPlans(): void {
  plansOf.clear();
  loopPlans = new WeakMap();
  equalLoops.clear();
}

function place(x: NDArray, sharding: Sharding, committed: boolean): NDArray {
  if (isOnGraphics(sharding)) {
    return loadedGraphics(`an array for ${sharding}`).place(x, placementOf(sharding, committed));
  }
  const here = x instanceof ConcreteArray
    ? x
    : timed("transfer", "to the processor", () => graphics!.bringBack(x, sharding));
  return placedArray(here, sharding, committed);
}

/** What this module puts into the slot of `core/trace.ts`. */
export const evaluator: Evaluator = {
  evaluate,
  literal: (value: HostScalar, dtype: DType, weakType: boolean): NDArray =>
    literalArray(value, dtype, weakType),
  literalValue: (x: NDArray): HostScalar | undefined =>
    x instanceof ConcreteArray ? x.literal : undefined,
  fromTypedArray: (data: TypedArray, shape: readonly number[], dtype: DType): NDArray => {
    const x = arrayFromTypedArray(data, shape, dtype);
    const preferred = defaultOnGraphics();
    if (preferred === null || loadedGraphics("an array").lacks(dtype)) return x;
    return place(x, preferred.sharding, false);
  },
  place,
  freeTemporaries,
  clear: clearPlans,
  keepAlive: (x: NDArray): void => {
    if (x instanceof ConcreteArray) x.isKept = true;
    else graphics?.keepAlive(x);
  },
};

/** Makes concrete arrays computable. `mod.ts` calls it; calling it again does nothing. */
export function installRuntime(): void {
  installEvaluator(evaluator);
}
