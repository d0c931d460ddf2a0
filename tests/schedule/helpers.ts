/** What the tests of the scheduler share. */
import { assert } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import type { ShapedArray } from "../../src/core/aval.ts";
import { shapedArray } from "../../src/core/aval.ts";
import { type DType, isFloating, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import { scheduleSimplified } from "../../src/schedule/mod.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { simplify } from "../../src/schedule/simplify.ts";
import { scheduleUnfused } from "../../src/schedule/unfused.ts";
import { stage } from "../../src/transform/stage.ts";
import { type ClosedJaxpr, installJaxprPrinter } from "../../src/core/jaxpr.ts";
import { printJaxpr } from "../../src/core/jaxpr_print.ts";
import { installArrayMethods } from "../../src/numpy/methods.ts";
import { installRuntime } from "../../src/runtime/evaluate.ts";

installJaxprPrinter(printJaxpr);
installArrayMethods();
installRuntime();

/** A float32 aval. */
export function f32(...shape: number[]): ShapedArray {
  return shapedArray(shape, "float32");
}

/** An int32 aval. */
export function i32(...shape: number[]): ShapedArray {
  return shapedArray(shape, "int32");
}

/** A function of arrays as a jaxpr. */
export function jaxprOf(
  fn: (...xs: NDArray[]) => NDArray | NDArray[],
  ...avals: ShapedArray[]
): ClosedJaxpr {
  return stage((xs) => {
    const out = fn(...xs);
    return Array.isArray(out) ? out : [out];
  }, avals);
}

/** A generator of numbers in [0, 1) that always gives the same ones. */
export function makeRandom(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** Elements for a dtype: floats around 0, small integers. */
export function randomArray(aval: ShapedArray, random: () => number): TypedArray {
  return filled(aval.dtype, aval.size, () => (random() - 0.5) * (isFloating(aval.dtype) ? 4 : 8));
}

function filled(dtype: DType, size: number, next: () => number): TypedArray {
  const array = new (typedArrayClass(dtype))(size);
  for (let i = 0; i < size; i++) {
    const x = next();
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
      array[i] = BigInt(Math.round(x));
    } else if (dtype === "bool") array[i] = x > 0 ? 1 : 0;
    else array[i] = isFloating(dtype) ? x : Math.round(Math.abs(x));
  }
  return array;
}

/** Schedules with fusion and verifies the result. */
export function fused(closed: ClosedJaxpr, donated: readonly boolean[] = []): Program {
  const program = scheduleSimplified(simplify(closed), { name: "test", donated });
  try {
    verifyProgram(program);
  } catch (error) {
    throw new Error(`${error}\n${closed}\n${printProgram(program)}`);
  }
  return program;
}

/** Checks that the fused program computes what the unfused one does, and gives the program. */
export function check(
  closed: ClosedJaxpr,
  donated: readonly boolean[] = [],
  seed = 1,
): Program {
  const program = fused(closed, donated);
  const random = makeRandom(seed);
  const consts = closed.consts.map((c) => c.dataSync());
  const inputs = [...consts, ...closed.inAvals.map((aval) => randomArray(aval, random))];
  const expected = interpret(scheduleUnfused(inlineCalls(closed), "plain"), inputs);
  const actual = interpret(program, inputs);
  expected.forEach((e, k) => {
    const message = difference(e, actual[k]);
    assert(message === null, `output ${k}: ${message}\n${closed}\n${printProgram(program)}`);
  });
  return program;
}

/** What tells two arrays apart beyond rounding, or `null`. */
export function difference(expected: TypedArray, actual: TypedArray): string | null {
  if (expected.length !== actual.length) return `${actual.length} elements`;
  let scale = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    const e = Math.abs(Number(expected[i]));
    if (Number.isFinite(e)) scale = Math.max(scale, e);
  }
  for (let i = 0; i < expected.length; i++) {
    const [e, a] = [Number(expected[i]), Number(actual[i])];
    if (Object.is(e, a) || e === a) continue;
    if (!(Math.abs(e - a) <= 2e-5 * Math.abs(e) + 1e-5 * scale)) {
      return `element ${i} is ${a}, not ${e}`;
    }
  }
  return null;
}

/** The kinds of a program's steps, in order. */
export function kinds(program: Program): string[] {
  return program.steps.map((s) => s.kind);
}
