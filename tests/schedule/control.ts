/** Control flow for tests of the compiler: a primitive that is lowered to what it is given. */
import type { NDArray } from "../../src/core/array.ts";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import type { LoweredControl } from "../../src/core/lowering.ts";
import type { Primitive } from "../../src/core/primitive.ts";
import { bind } from "../../src/core/trace.ts";
import { jaxprOf } from "./helpers.ts";

interface ControlParams {
  readonly control: LoweredControl;
  readonly outs: readonly ShapedArray[];
}

const controlP: Primitive<ControlParams> = {
  name: "control",
  abstractEval: (_ins, { outs }) => outs,
  lower: (_operands, ins, outs, { control }) => {
    const call = {
      name: control.kind,
      args: [
        ...ins.map((_, operand) => ({ kind: "operand", operand }) as const),
        ...outs.map((_, result) => ({ kind: "result", result }) as const),
      ],
      control,
    };
    return outs.map((_, result) => ({ kind: "kernel", call, result }));
  },
};

type Body = (...xs: NDArray[]) => NDArray[];

const avals = (xs: readonly NDArray[]) => xs.map((x) => shapedArray(x.aval.shape, x.aval.dtype));

/** `body(...consts, ...carry, ...slices)` gives the next carry, then slices of the outputs. */
export function scan(
  body: Body,
  consts: readonly NDArray[],
  carry: readonly NDArray[],
  xs: readonly NDArray[],
  length: number,
  reverse = false,
): NDArray[] {
  const slices = avals(xs).map((a) => shapedArray(a.shape.slice(1), a.dtype));
  const closed = jaxprOf(body, ...avals([...consts, ...carry]), ...slices);
  const [numConsts, numCarry] = [consts.length, carry.length];
  const outs = closed.outAvals.map((a, i) =>
    i < numCarry ? a : shapedArray([length, ...a.shape], a.dtype)
  );
  const control = { kind: "scan", body: closed, numConsts, numCarry, length, reverse } as const;
  return [...bind(controlP, [...consts, ...carry, ...xs], { control, outs })];
}

/** Runs `body(...bodyConsts, ...carry)` while `condition(...conditionConsts, ...carry)`. */
export function whileLoop(
  condition: (...xs: NDArray[]) => NDArray,
  body: Body,
  conditionConsts: readonly NDArray[],
  bodyConsts: readonly NDArray[],
  carry: readonly NDArray[],
): NDArray[] {
  const control = {
    kind: "while",
    condition: jaxprOf(condition, ...avals([...conditionConsts, ...carry])),
    body: jaxprOf(body, ...avals([...bodyConsts, ...carry])),
    numConditionConsts: conditionConsts.length,
    numBodyConsts: bodyConsts.length,
  } as const;
  const outs = avals(carry);
  return [...bind(controlP, [...conditionConsts, ...bodyConsts, ...carry], { control, outs })];
}

/** Runs the branch of a number. */
export function cond(index: NDArray, branches: readonly Body[], xs: readonly NDArray[]): NDArray[] {
  const closed: ClosedJaxpr[] = branches.map((b) => jaxprOf(b, ...avals(xs)));
  const control = { kind: "cond", branches: closed } as const;
  return [...bind(controlP, [index, ...xs], { control, outs: closed[0].outAvals })];
}
