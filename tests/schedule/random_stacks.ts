/**
 * Random programs through random stacks of transformations; and what is left of one that fails.
 *
 * @module
 */
import "../strict.ts";
import * as vn from "../../mod.ts";
import type { ShapedArray } from "../../src/core/aval.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import type { HostCallback } from "../../src/core/lowering.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { callFromInterpreter } from "../../src/runtime/callbacks.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { noinline } from "../../src/internal/mod.ts";
import { evalClosedJaxpr, stage } from "../../src/transform/stage.ts";
import { difference, makeRandom, randomArray } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

const { lax, numpy: np } = vn;

/** A function of arrays that gives arrays. */
type Flat = (...xs: vn.NDArray[]) => vn.NDArray[];
/** A transformation of such functions: the result takes the same arguments. */
type Transformation = (f: Flat) => Flat;

const isFloat = (x: vn.NDArray) => x.dtype === "float64";
const doubled = (x: vn.NDArray) => np.stack([x, isFloat(x) ? x.mul(0.5) : x]);
/** Directions for tangents; integers have none. */
const directions = (xs: readonly vn.NDArray[]) => xs.map((x) => isFloat(x) ? np.cos(x) : null);
/** The mean of every output, 0 for an empty one. */
const loss = (outs: readonly vn.NDArray[]) =>
  outs.reduce(
    (total, x) => total.add(np.sin(x).sum().div(Math.max(1, x.size))),
    np.array(0, { dtype: "float64" }),
  );
const filled = (xs: readonly (vn.NDArray | null)[]) => xs.filter((x) => x !== null);

/** The transformations, by name. A further one is one line. */
export const transformations: Readonly<Record<string, Transformation>> = {
  filterJit: (f) => vn.filterJit(f),
  filterGrad: (f) => (...xs) =>
    filled(vn.filterGrad((xs: vn.NDArray[]) => loss(f(...xs)))(xs) as vn.NDArray[]),
  filterValueAndGrad: (f) => (...xs) => {
    const [value, grads] = vn.filterValueAndGrad((xs: vn.NDArray[]) => loss(f(...xs)))(xs);
    return [value, ...filled(grads as vn.NDArray[])];
  },
  filterJvp: (f) => (...xs) => {
    const [outs, tangents] = vn.filterJvp(f, xs, directions(xs) as never);
    return [...outs, ...filled(tangents as vn.NDArray[])];
  },
  filterVjp: (f) => (...xs) => {
    const [outs, pull] = vn.filterVjp(f, ...xs);
    return filled(pull(outs.map((x) => isFloat(x) ? np.cos(x) : null)) as vn.NDArray[]);
  },
  filterVmap: (f) => (...xs) => vn.filterVmap(f)(...xs.map(doubled)),
  "filterVmap of the first": (f) => (first, ...rest) =>
    vn.filterVmap(f, { inAxes: [0, ...rest.map(() => null)], outAxes: -1 })(
      doubled(first),
      ...rest,
    ),
  "lax.map": (f) => (...xs) => lax.map((xs: vn.NDArray[]) => f(...xs), xs.map(doubled)),
  "lax.cond": (f) => (...xs) =>
    lax.cond(
      loss(xs.filter(isFloat)).greater(0),
      (xs: vn.NDArray[]) => f(...xs),
      (xs: vn.NDArray[]) => f(...xs.map((x) => isFloat(x) ? x.mul(0.5) : x)),
      xs,
    ),
  filterCheckpoint: (f) => vn.filterCheckpoint(f) as Flat,
  noinline: (f) => noinline(f),
  filterScan: (f) => (...xs) =>
    vn.filterScan((_carry: null, xs: vn.NDArray[]) => [null, f(...xs)], null, xs.map(doubled))[1],
  filterCond: (f) => (...xs) =>
    vn.filterCond(
      loss(xs.filter(isFloat)).greater(0),
      (...xs: vn.NDArray[]) => f(...xs),
      (...xs: vn.NDArray[]) => f(...xs.map((x) => isFloat(x) ? np.sin(x) : x)),
      ...xs,
    ),
  filterClosureConvert: (f) => (...xs) => vn.filterClosureConvert(f, ...xs)(...xs),
  filterCustomJvp: (f) => (...xs) => {
    const g = vn.filterCustomJvp(f);
    g.defJvp((primals, tangents) => vn.filterJvp(f, primals as vn.NDArray[], tangents as never));
    return g(...xs);
  },
};

/** What a seed stands for. */
export interface Sample {
  readonly seed: number;
  /** How many steps the program has. */
  readonly length: number;
  /** The transformations, outermost first. */
  readonly stack: readonly string[];
}

const names = Object.keys(transformations);

/** The program and the stack of a seed. */
export function sampleOf(seed: number): Sample {
  const random = makeRandom(seed);
  const length = 2 + Math.floor(random() * 8);
  const depth = 1 + Math.floor(random() * 3);
  const stack = Array.from({ length: depth }, () => names[Math.floor(random() * names.length)]);
  return { seed, length, stack };
}

function programOf({ seed, length }: Sample): ClosedJaxpr {
  return randomProgram(makeRandom(seed + 7), length, { dtype: "float64", maxSize: 24, wide: true });
}

function inputsOf(avals: readonly ShapedArray[], seed: number): vn.NDArray[] {
  const random = makeRandom(seed + 13);
  return avals.map((aval) =>
    np.array(randomArray(aval, random), { dtype: aval.dtype }).reshape(aval.shape)
  );
}

/** Whether reverse mode is not the transpose of forward mode, in words; `null` where it is. */
function modesDiffer(fn: Flat, xs: readonly vn.NDArray[]): string | null {
  const inner = (as: readonly (vn.NDArray | null)[], bs: readonly (vn.NDArray | null)[]) =>
    as.reduce((total, a, i) => total + (a && bs[i] ? a.mul(bs[i]).sum().item() : 0), 0);
  const ts = directions(xs);
  const [, pushed] = vn.filterJvp(fn, [...xs], ts as never);
  const [outs, pull] = vn.filterVjp(fn, ...xs);
  const cts = outs.map((x, i) => isFloat(x) ? np.cos(x.add(i)) : null);
  const [forward, reverse] = [
    inner(cts, pushed as (vn.NDArray | null)[]),
    inner(pull(cts) as (vn.NDArray | null)[], ts),
  ];
  const fits = Object.is(forward, reverse) ||
    Math.abs(forward - reverse) <= 1e-7 * Math.max(1, Math.abs(forward));
  return fits ? null : `forward mode gives ${forward}, reverse mode ${reverse}`;
}

/** What is wrong with a sample: the first difference between compiled, interpreted and computed at once; `null` where all agree. */
export function failureOf(sample: Sample): string | null {
  try {
    const program = programOf(sample);
    const flat: Flat = (...xs) => evalClosedJaxpr(program, xs);
    const fn = sample.stack.reduceRight((f, name) => transformations[name](f), flat);
    const xs = inputsOf(program.inAvals, sample.seed);
    const eager = fn(...xs);
    const compiled = vn.filterJit(fn)(...xs);
    const staged = stage((inputs) => fn(...inputs), program.inAvals);
    const callbacks: HostCallback[] = [];
    const interpreted = interpret(
      schedule(staged, { name: "stack", callbacks }),
      [...staged.consts, ...xs].map((x) => x.dataSync()),
      callFromInterpreter(callbacks),
    );
    for (const [i, x] of eager.entries()) {
      const expected = x.dataSync();
      const y = compiled[i];
      if (y.dtype !== x.dtype || y.shape.join() !== x.shape.join()) {
        return `output ${i}: ${x.dtype}[${x.shape}] at once, ${y.dtype}[${y.shape}] compiled`;
      }
      const byCompiler = difference(expected, y.dataSync());
      if (byCompiler !== null) return `output ${i}: compiled, ${byCompiler} as at once`;
      const byInterpreter = difference(expected, interpreted[i]);
      if (byInterpreter !== null) return `output ${i}: interpreted, ${byInterpreter} as at once`;
    }
    return modesDiffer(fn, xs);
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : error}`;
  }
}

/** The smallest sample with a failure that is found by shortening the program and dropping transformations. */
export function shrink(sample: Sample): Sample {
  for (;;) {
    const smaller: Sample[] = sample.stack.map((_, k) => ({
      ...sample,
      stack: sample.stack.filter((_, i) => i !== k),
    }));
    for (let length = 1; length < sample.length; length++) smaller.push({ ...sample, length });
    const next = smaller.find((s) => failureOf(s) !== null);
    if (next === undefined) return sample;
    sample = next;
  }
}

/** A failing sample as a person wants to see it: shrunk, with its program. */
export function report(sample: Sample): string {
  const least = shrink(sample);
  return [
    `seed ${sample.seed}, stack ${sample.stack.join(" of ")}, ${sample.length} steps`,
    `shrunk to stack ${least.stack.join(" of ") || "(none)"}, ${least.length} steps`,
    failureOf(least),
    String(programOf(least)),
  ].join("\n");
}
