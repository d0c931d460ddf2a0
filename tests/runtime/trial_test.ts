/**
 * Trials: which form of a program calls run, by a clock that the test moves.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { filterJit, init, type NDArray, numpy as np } from "../../mod.ts";
import { watchSpans } from "../../src/core/spans.ts";
import { CompileError, DeviceError, DonatedError, OutOfMemoryError } from "../../src/errors.ts";
import type { ConcreteArray } from "../../src/runtime/concrete.ts";
import type { Callable } from "../../src/runtime/executable.ts";
import { measureWith, Trial } from "../../src/runtime/trial.ts";
import { makeRandom } from "../schedule/helpers.ts";

const root = new URL("../../", import.meta.url);

/** A form whose calls take as long as the test says, or throw. */
interface Timed {
  readonly name: string;
  readonly executable: Callable;
}

/** A trial of programs that take the milliseconds of `costs`, by the nests that take the second choice. */
function trialOf(
  costs: Readonly<Record<string, number>>,
  close: readonly number[],
  /** Before which calls, by their numbers, threads die. */
  deaths: ReadonlySet<number> = new Set(),
) {
  let time = 0;
  const before = measureWith({ after: 100, warming: 20, calls: 4, now: () => time });
  const calls: string[] = [];
  const begun: string[] = [];
  const settled: [string, boolean][] = [];
  /** Calls until a form is compiled. */
  let delay = 2;
  const form = (name: string): Timed => ({
    name,
    executable: {
      program: { name: "f", buffers: [], scratchBytes: 0 },
      run() {
        calls.push(name);
        if (deaths.has(calls.length)) throw new DeviceError("a thread died");
        time += costs[name];
        return [];
      },
    },
  });
  const trial = new Trial<Timed>(form("model"), close, {
    begin(seconds) {
      const name = seconds.join("+");
      begun.push(name);
      if (costs[name] === undefined) throw new CompileError("no such form");
      if (costs[name] === Infinity) throw new OutOfMemoryError("no memory for it");
      delay = 2;
      return () => {
        if (delay-- > 0) return null;
        if (costs[name] < 0) throw new CompileError("the compile worker does not answer");
        return form(name);
      };
    },
    settle: ({ name }, isMeasured) => settled.push([name, isMeasured]),
  });
  measureWith(before);
  const call = (times: number) => {
    for (let i = 0; i < times; i++) trial.run([] as ConcreteArray[]);
  };
  return { trial, call, calls, begun, settled };
}

Deno.test("no other form is compiled before calls have taken long enough", () => {
  const { call, begun } = trialOf({ model: 10, "0": 5 }, [0]);
  call(9);
  assertEquals(begun, []);
  call(1);
  assertEquals(begun, ["0"]);
});

Deno.test("the faster form is taken, whichever it is", () => {
  for (const [cost, taken] of [[5, "0"], [20, "model"], [9.9, "model"], [9.5, "0"]] as const) {
    const { call, calls, settled } = trialOf({ model: 10, "0": cost }, [0]);
    call(60);
    assertEquals(settled.length, 1);
    assertEquals(settled[0], [taken, true], `${cost} against 10`);
    assert(calls.includes("model") && calls.includes("0"));
  }
});

Deno.test("while two forms are measured, they take turns", () => {
  const { call, calls } = trialOf({ model: 10, "0": 10 }, [0]);
  call(22);
  assertEquals(calls.slice(12), Array.from({ length: 10 }, (_, i) => i % 2 === 0 ? "0" : "model"));
});

Deno.test("nests are measured one after the other, the winner of one against the next", () => {
  const costs = { model: 10, "3": 8, "3+1": 9, "3+4": 7 };
  const { call, begun, settled } = trialOf(costs, [3, 1, 4]);
  call(200);
  assertEquals(begun, ["3", "3+1", "3+4"]);
  assertEquals(settled, [["3+4", true]]);
});

Deno.test("a form that cannot be compiled ends the trial, and nothing is known", () => {
  const { call, begun, settled } = trialOf({ model: 10 }, [0, 1]);
  call(10);
  assertEquals(begun, ["0"]);
  assertEquals(settled, [["model", false]]);
});

Deno.test("a lack of memory for another form does not reach the call", () => {
  const { call, settled } = trialOf({ model: 10, "0": Infinity }, [0]);
  call(12);
  assertEquals(settled, [["model", false]]);
});

Deno.test("a form that does not come ends the trial, and what was found of other nests stays", () => {
  const { call, begun, settled } = trialOf({ model: 10, "3": 8, "3+1": -1 }, [3, 1, 4]);
  call(200);
  assertEquals(begun, ["3", "3+1"]);
  assertEquals(settled, [["3", false]]);
});

Deno.test("a call that threads die in counts for neither form, and the caller learns of it", () => {
  const deaths = new Set([5, 15, 16, 19]);
  const { call, calls, settled } = trialOf({ model: 10, "0": 5 }, [0], deaths);
  for (let i = 1; i <= 60; i++) {
    if (deaths.has(i)) assertThrows(() => call(1), DeviceError);
    else call(1);
  }
  assertEquals([calls[14], calls[15], calls[16]], [calls[14], calls[14], calls[14]]);
  assertEquals(settled, [["0", true]]);
});

/** Calls a function until its choices are measured, and some times more, by a clock for which it is random how long a call takes. */
function measured(run: () => void): number {
  const random = makeRandom(3);
  let time = 0;
  const now = () => time += random();
  const before = measureWith({ after: 0, warming: 0, calls: 3, now });
  let count = 0;
  const stop = watchSpans(({ kind }) => {
    if (kind === "measure") count++;
  });
  try {
    for (let i = 0; i < 10_000 && count === 0; i++) run();
    for (let i = 0; i < 3; i++) run();
  } finally {
    stop();
    measureWith(before);
  }
  return count;
}

Deno.test("a jitted function gives the same bits before, while and after it is measured", () => {
  for (let i = 0; i < 4; i++) {
    const f = filterJit((x: NDArray) => np.sum(np.sin(x), { axis: 0 }).add(i));
    const x = np.sin(np.arange(200_000)).reshape([2000, 100]);
    const results = new Set<string>();
    assertEquals(measured(() => results.add(JSON.stringify(f(x).tolist()))), 1);
    assertEquals(results.size, 1);
  }
});

Deno.test("what was donated is gone once, whichever form took it", () => {
  const f = filterJit((x: NDArray) => x.add(np.sum(np.sin(x), { axis: 0 })), { donate: "all" });
  let x = np.sin(np.arange(200_000)).reshape([2000, 100]);
  measured(() => {
    const given = x;
    x = f(x);
    assert(given.isDeleted);
    assertThrows(() => f(given), DonatedError);
  });
});

Deno.test("threads that come and go while a function is measured change no bits", async () => {
  const before = measureWith({ after: 0, warming: 0, calls: 5, now: () => 0 });
  try {
    const f = filterJit((x: NDArray) => np.sum(np.cos(x), { axis: 0 }));
    const x = np.sin(np.arange(200_000)).reshape([2000, 100]);
    const results = new Set<string>();
    for (const threads of [1, 2, 1, 3, 2, 1]) {
      await init("cpu", { threads });
      for (let i = 0; i < 12; i++) {
        results.add(JSON.stringify(f(x).tolist()));
        await new Promise((resolve) => setTimeout(resolve, 2)); // the other form may arrive
      }
    }
    assertEquals(results.size, 1);
  } finally {
    measureWith(before);
    await init("cpu", { threads: 1 });
  }
});

/** What a script prints that calls a function until it is measured, or as often as said. */
async function measuredByScript(
  folder: string,
  calls: number,
  variables: Record<string, string> = {},
) {
  const script = `
    import { filterJit, numpy as np } from "${root}mod.ts";
    import { watchSpans } from "${root}src/core/spans.ts";
    import { measureWith } from "${root}src/runtime/trial.ts";
    let time = 0;
    measureWith({ after: 0, warming: 0, calls: 3, now: () => time++ });
    let count = 0;
    watchSpans(({ kind }) => { if (kind === "measure") count++; });
    const f = filterJit((x) => np.sum(np.sin(x), { axis: 0 }));
    const x = np.sin(np.arange(200_000)).reshape([2000, 100]);
    let sum = "";
    for (let i = 0; i < ${calls} && count === 0; i++) sum = JSON.stringify(f(x).tolist());
    console.log(JSON.stringify([count, sum]));
  `;
  const file = `${folder}/script.ts`;
  await Deno.writeTextFile(file, script);
  const args = ["run", "-A", "--no-check", "--config", new URL("deno.json", root).pathname, file];
  const env = { VERNAL_CACHE: "", VERNAL_CACHE_DIR: `${folder}/programs`, ...variables };
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text !== "", new TextDecoder().decode(stderr));
  return JSON.parse(text) as [number, string];
}

Deno.test("what was measured is kept with the program, and not measured again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [none, off] = await measuredByScript(folder, 300, { VERNAL_MEASURE: "off" });
    const [first, one] = await measuredByScript(folder, 100_000);
    const [second, two] = await measuredByScript(folder, 300);
    assertEquals([none, first, second], [0, 1, 0]);
    assertEquals([one, two], [off, off]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Damages each program in a folder, as a disk may. */
async function damage(folder: string, how: (file: Uint8Array) => Uint8Array): Promise<number> {
  let count = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) count += await damage(path, how);
    else if (!folder.endsWith("/scripts")) {
      await Deno.writeFile(path, how(await Deno.readFile(path)));
      count++;
    }
  }
  return count;
}

Deno.test("what was measured and is damaged on disk is measured again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [count, sum] = await measuredByScript(folder, 100_000);
    assertEquals(count, 1);
    const ways: ((file: Uint8Array) => Uint8Array)[] = [
      (file) => file.slice(0, 44), // in the midst of how many nests are close
      (file) => file.with(43, file[43] ^ 1), // how many of them there are
    ];
    for (const way of ways) {
      assert(await damage(`${folder}/programs`, way) > 0);
      assertEquals(await measuredByScript(folder, 100_000), [1, sum]);
      assertEquals(await measuredByScript(folder, 300), [0, sum]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("two processes that measure the same program at once", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [[, one], [, other]] = await Promise.all([
      measuredByScript(folder, 100_000),
      measuredByScript(folder, 100_000),
    ]);
    const [third, sum] = await measuredByScript(folder, 300);
    assertEquals([third, one, other], [0, sum, sum]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
