/**
 * Random programs under random schedules: whatever is fused, cut, laid out in tiles, run in lanes or divided among threads, the
 * compiled program computes what the interpreter makes of the plainest schedule, bit by bit.
 *
 * `deno run -A tests/schedule/random_schedules_test.ts --seeds 2000 --from 1` tries further seeds and prints what fails. Every run of the tests takes other seeds
 * each day (`tests/share.ts`).
 *
 * @module
 */
import { type DType, dtypeInfo, type TypedArray } from "../../src/core/dtype.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import type { EmitOptions } from "../../src/backends/wasm/emit.ts";
import type { Expr } from "../../src/loopnest/expr.ts";
import type { Program, Stmt } from "../../src/loopnest/ir.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import type { Thresholds } from "../../src/schedule/cost.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { scheduleUnfused } from "../../src/schedule/unfused.ts";
import { asNumbers } from "../backends/compare.ts";
import { Dice } from "../backends/random_program.ts";
import { Compiled, type Ground } from "../backends/run.ts";
import { again, day, isWhole } from "../share.ts";
import { makeGround } from "../threads/ground.ts";
import { exactProgram, wholeNumbers } from "./exact_programs.ts";
import "./helpers.ts";

const binaryen = await loadBinaryen();

/** Values of the scheduler's thresholds, from one extreme to the other. */
const thresholds: { readonly [K in keyof Thresholds]: readonly number[] } = {
  cheap: [0, 2, 30, 1000],
  spill: [0, 3, 100],
  nestValues: [1, 3, 10],
  tinyDot: [0, 100, 1e6],
  shortDot: [0, 8, 100],
  row: [1, 16, 1e6],
  column: [0, 4, 1e6],
  fewestRows: [0, 2, 1000],
  shortBox: [0, 40],
  shortCostlyBox: [0, 80],
  shortExtremeBox: [0, 80],
  shortSearchBox: [0, 80],
  smallScratch: [0, 64],
  large: [0, 100],
  block: [2, 3, 20],
  smallPieces: [0, 16, 1e6],
};

/** How one program is run. */
interface Choice {
  readonly fuse: boolean;
  readonly thresholds: Partial<Thresholds>;
  readonly emit: EmitOptions;
}

function randomChoice(dice: Dice): Choice {
  const chosen: Record<string, number> = {};
  for (const [name, values] of Object.entries(thresholds)) {
    if (dice.chance(0.35)) chosen[name] = dice.pick(values);
  }
  const emit: EmitOptions = {
    ...(dice.chance(0.6) ? { chunkCost: dice.pick([10, 50, 400]) } : {}),
    ...(dice.chance(0.6) ? { shareCost: dice.pick([20, 200]) } : {}),
    ...(dice.chance(0.5) ? { threads: 2 + dice.below(4) } : {}),
    deterministic: dice.chance(0.3),
    loops: {
      ...(dice.chance(0.6) ? { unroll: dice.pick([1, 2, 4, 8]) } : {}),
      ...(dice.chance(0.5) ? { tile: dice.pick([1, 3, 8, 32]) } : {}),
      ...(dice.chance(0.5) ? { leastOwned: dice.pick([0, 64]) } : {}),
    },
  };
  return { fuse: dice.chance(0.85), thresholds: chosen, emit };
}

/** Whether an expression mentions a variable. */
function mentions(x: Expr, v: number): boolean {
  switch (x.kind) {
    case "var":
      return x.id === v;
    case "const":
      return false;
    case "load":
      return mentions(x.index, v);
    case "unary":
    case "cast":
    case "bitcast":
      return mentions(x.x, v);
    case "binary":
      return mentions(x.x, v) || mentions(x.y, v);
    case "select":
      return [x.condition, x.x, x.y].some((arg) => mentions(arg, v));
    default: {
      const never: never = x;
      return never;
    }
  }
}

/** Whether iterations of a loop write nothing that they have in common, such as scratch of one row. */
function writesApart(body: readonly Stmt[], v: number): boolean {
  return body.every((s) =>
    s.kind === "for"
      ? writesApart(s.body, v)
      : s.kind !== "store" || (mentions(s.index, v) && s.combine === undefined)
  );
}

/** Other loops in lanes: none, or one further outside where its iterations are independent. */
function turned(body: readonly Stmt[], dice: Dice, mayBeVector = true): Stmt[] {
  return body.map((s): Stmt => {
    if (s.kind !== "for") return s;
    if (s.mode === "vector" && (!mayBeVector || dice.chance(0.15))) {
      return { ...s, mode: "serial", body: turned(s.body, dice, mayBeVector) };
    }
    const moves = mayBeVector && s.mode === "parallel" && writesApart(s.body, s.v.id) &&
      dice.chance(0.3);
    const inner = turned(s.body, dice, mayBeVector && !moves);
    return { ...s, mode: moves ? "vector" : s.mode, body: inner };
  });
}

function withOtherLanes(program: Program, dice: Dice): Program {
  const steps = program.steps.map((step) =>
    step.kind === "nest" && dice.chance(0.4) ? { ...step, body: turned(step.body, dice) } : step
  );
  return { ...program, steps };
}

/** Where two arrays differ, or `null`; zeros of either sign are equal. */
function firstDifference(e: TypedArray, a: TypedArray, dtype: DType): string | null {
  const [expected, actual] = [asNumbers(e, dtype), asNumbers(a, dtype)];
  if (expected.length !== actual.length) return `${actual.length} elements`;
  for (let i = 0; i < expected.length; i++) {
    if (expected[i] !== actual[i]) return `element ${i} is ${actual[i]}, not ${expected[i]}`;
  }
  return null;
}

/** What a program may take of the memory that is shared with threads; the few that take more run on one. */
const GROUND_BYTES = 2 ** 23;

function bytesOf({ buffers, scratchBytes }: Program): number {
  return buffers.reduce((n, b) => n + b.size * dtypeInfo(b.dtype).bytes, scratchBytes);
}

/** Memory with so many threads, made once. */
class Grounds {
  readonly #made = new Map<number, Ground>();

  async of(threads: number): Promise<Ground> {
    let ground = this.#made.get(threads);
    if (ground === undefined) this.#made.set(threads, ground = await makeGround(threads));
    return ground;
  }

  stop(): void {
    for (const { pool } of this.#made.values()) pool.stop();
  }
}

/** Runs one program under some schedules; tells what went wrong, or `null`. */
async function failureOf(seed: number, grounds: Grounds): Promise<string | null> {
  const dice = new Dice(seed);
  const closed = exactProgram(dice, 3 + dice.below(18));
  const inputs = [
    ...closed.consts.map((c) => c.dataSync()),
    ...closed.inAvals.map((aval) => wholeNumbers(aval, dice)),
  ];
  const plain = inlineCalls(closed);
  const dtypes = closed.jaxpr.outvars.map((v) => v.aval.stored.dtype);
  const expected = interpret(scheduleUnfused(plain, "plain"), inputs);
  for (let k = 0; k < 3; k++) {
    const choice = randomChoice(dice);
    const donated = inputs.map(() => dice.chance(0.3));
    let text = "";
    try {
      const { fuse, thresholds } = choice;
      const usual = schedule(plain, { name: "random", donated, fuse, thresholds });
      const program = withOtherLanes(usual, dice);
      text = printProgram(program);
      verifyProgram(program);
      const threads = bytesOf(program) > GROUND_BYTES ? 1 : choice.emit.threads ?? 1;
      const ground = threads > 1 ? await grounds.of(threads) : null;
      const compiled = new Compiled(binaryen, program, { ...choice.emit, threads }, ground);
      const actual = compiled.call(inputs);
      for (let i = 0; i < expected.length; i++) {
        const difference = firstDifference(expected[i]!, actual[i]!, dtypes[i]!);
        if (difference !== null) throw new Error(`output ${i}: ${difference}`);
      }
      if (!compiled.isIntact()) throw new Error("writes beyond a buffer");
    } catch (error) {
      const { message, stack } = error as Error;
      return `seed ${seed}, schedule ${k}: ${
        JSON.stringify(choice)
      }\n${message}\n${stack}\n${closed}\n${text}`;
    }
  }
  return null;
}

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const at = Deno.args.indexOf(name);
    return at < 0 ? otherwise : Number(Deno.args[at + 1]);
  };
  const [count, from] = [option("--seeds", 1000), option("--from", 1)];
  const grounds = new Grounds();
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const failure = await failureOf(seed, grounds);
    if (failure === null) continue;
    failed++;
    console.log(`${failure}\n`);
  }
  grounds.stop();
  console.log(`${count} seeds from ${from}: ${failed} failed`);
} else {
  Deno.test("random programs under random schedules compute what the interpreter does", async () => {
    const grounds = new Grounds();
    try {
      const count = isWhole ? 2000 : 80;
      const from = isWhole ? 1 : day * 80;
      for (let seed = from; seed < from + count; seed++) {
        const failure = await failureOf(seed, grounds);
        if (failure !== null) throw new Error(`${again}: ${failure}`);
      }
    } finally {
      grounds.stop();
    }
  });
}
