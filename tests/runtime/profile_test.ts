/**
 * `profile`: what is in it, that times add up, and that nothing is left behind.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as vn from "../../mod.ts";
import { isWatched } from "../../src/core/spans.ts";
import { Profile } from "../../src/runtime/profile.ts";

const { lax, numpy: np, profile } = vn;
type NDArray = vn.NDArray;

const kinds = (p: vn.Profile) => p.events.map((e) => e.kind);
const count = (p: vn.Profile, kind: vn.SpanKind) => kinds(p).filter((k) => k === kind).length;

Deno.test("the first call of a compiled function is traced, compiled in stages and run; the second is run", () => {
  const f = vn.filterJit(function square(x: NDArray) {
    return x.mul(x).sum();
  });
  const x = np.ones([100]);
  const [value, first] = profile(() => f(x).item());
  assertEquals(value, 100);
  for (
    const kind of [
      "call",
      "trace",
      "compile",
      "simplify",
      "schedule",
      "wait",
      "build",
      "encode",
      "instantiate",
      "run",
    ] as const
  ) assert(count(first, kind) > 0, kind);
  assertEquals([count(first, "call"), count(first, "compile"), count(first, "run")], [1, 1, 1]);
  const compile = first.events.find((e) => e.kind === "compile")!;
  assertEquals(compile.name, "filterJit(square)");
  assertEquals(compile.details.why, "trace 1: the first");
  assertEquals(compile.details.from, "compiler");

  const [, second] = profile(() => f(x).item());
  assertEquals(kinds(second), ["call", "run"]);
});

Deno.test("the steps of a program are told where they are asked for, and only then", () => {
  const f = vn.filterJit(function layers(x: NDArray) {
    return np.matmul(np.matmul(x, x).mul(0.01), x);
  });
  const x = np.ones([32, 32]);
  const expected = f(x).tolist();
  const [values, p] = profile(() => f(x).tolist(), { steps: true });
  assertEquals(values, expected);
  const steps = p.events.filter((e) => e.kind === "kernel");
  const run = p.events.find((e) => e.kind === "run")!;
  assertEquals(steps.length, run.details.steps);
  assertEquals(steps.map((e) => e.name), [
    "layers: 0 dot_general [32,32]·[32,32]",
    "layers: 1 mul",
    "layers: 2 dot_general [32,32]·[32,32]",
  ]);
  for (const { start, milliseconds } of steps) {
    assert(start >= run.start && start + milliseconds <= run.start + run.milliseconds);
  }
  // It was compiled so once; and still runs without telling for those who do not ask.
  const [, again] = profile(() => f(x), { steps: true });
  assertEquals(count(again, "compile"), 0);
  assertEquals(count(again, "kernel"), steps.length);
  assertEquals(kinds(profile(() => f(x))[1]), ["call", "run"]);
  // What is called for the first time is compiled once.
  const [, first] = profile(() => vn.filterJit((x: NDArray) => x.add(0.75))(x), { steps: true });
  assertEquals([count(first, "compile"), count(first, "kernel")], [1, 1]);
});

Deno.test("a compilation says why, and that an equal program was there", () => {
  const make = () => vn.filterJit((x: NDArray) => x.mul(3).add(0.125));
  make()(np.ones([7]));
  const [, p] = profile(() => make()(np.ones([7])));
  const compile = p.events.find((e) => e.kind === "compile")!;
  assertEquals(compile.details.from, "memory");
  const f = make();
  f(np.ones([7]));
  const [, again] = profile(() => f(np.ones([8])));
  assertEquals(
    again.events.find((e) => e.kind === "compile")!.details.why,
    "trace 2: args[0] was f32[7], is f32[8] (compared with trace 1)",
  );
});

Deno.test("what encloses comes first, and events of the calling thread nest", () => {
  const f = vn.filterJit((x: NDArray) => lax.sort(x));
  const [, p] = profile(() => {
    f(np.array([3, 1, 2]));
    np.tanh(np.ones([100])).dataSync();
  });
  const open: number[] = [];
  for (const { start, milliseconds, thread } of p.events) {
    assert(start >= 0 && milliseconds >= 0 && start + milliseconds <= p.milliseconds + 1e-6);
    if (thread !== "main") continue;
    while (open.length > 0 && open.at(-1)! <= start + 1e-6) open.pop();
    const end = start + milliseconds;
    assert(open.length === 0 || end <= open.at(-1)! + 1e-6);
    open.push(end);
  }
  assert(count(p, "operation") >= 2 && count(p, "readback") === 1);
});

Deno.test("operations outside of compiled functions are told, with how they were computed", () => {
  const twice = (turns: number, size: number) =>
    profile(() => lax.foriLoop(0, turns, (_, y: NDArray) => y.mul(2), np.ones([size])))[1];
  const short = twice(3, 5);
  assertEquals(count(short, "compile"), 0);
  assertEquals(short.events.find((e) => e.kind === "run")!.details.by, "the interpreter");
  const long = twice(1000, 2000);
  const compile = long.events.find((e) => e.kind === "compile")!;
  assertEquals(compile.details.why, "an operation outside of filterJit");
});

Deno.test("an asynchronous function's profile comes with its result", async () => {
  const [value, p] = await profile(async () => {
    const x = np.ones([3]).mul(2);
    await Promise.resolve();
    return [...await x.add(1).data()];
  });
  assertEquals(value, [3, 3, 3]);
  const operations = p.events.filter((e) => e.kind === "operation").map((e) => e.name);
  assert(operations.includes("mul") && operations.includes("add"));
});

Deno.test("what a function throws comes out, and nobody watches afterwards", async () => {
  assertEquals(isWatched, false);
  assertThrows(
    () =>
      profile(() => {
        throw new RangeError("mine");
      }),
    RangeError,
    "mine",
  );
  await assertRejects(() => profile(() => Promise.reject(new RangeError("later"))), RangeError);
  const f = vn.filterJit((x: NDArray) => {
    if (x.ndim === 1) throw new RangeError("traced");
    return x;
  });
  assertThrows(() => profile(() => f(np.ones([2]))), RangeError, "traced");
  assertEquals(isWatched, false);
});

Deno.test("a profile within a profile: both have what happened in the inner one", () => {
  const [[, inner], outer] = profile(() => profile(() => np.ones([3]).mul(2)));
  assertEquals(count(inner, "operation"), count(outer, "operation"));
  assert(count(inner, "operation") > 0);
});

Deno.test("a Chrome trace has complete events in microseconds, and a name for each thread", () => {
  const f = vn.filterJit((x: NDArray) => x.sub(2).mul(x));
  const [, p] = profile(() => f(np.ones([5])));
  const { traceEvents } = JSON.parse(p.toChromeTrace()) as {
    traceEvents: {
      name: string;
      ph: string;
      ts: number;
      dur: number;
      pid: number;
      tid: number;
      args: Record<string, unknown>;
    }[];
  };
  const complete = traceEvents.filter((e) => e.ph === "X");
  assertEquals(complete.length, p.events.length);
  complete.forEach(({ ts, dur, pid }, i) => {
    assertEquals([ts, dur, pid], [p.events[i].start * 1e3, p.events[i].milliseconds * 1e3, 1]);
  });
  const threads = traceEvents.filter((e) => e.name === "thread_name").map((e) => [e.tid, e.args]);
  assertEquals(threads, [[0, { name: "main" }], [1, { name: "compiler" }]]);
  const build = complete.find((e) => e.name.startsWith("build"))!;
  assertEquals(build.tid, 1);
});

Deno.test("the table sums up events of a kind and name, each without what lies within it", () => {
  const event = (kind: vn.SpanKind, name: string, start: number, milliseconds: number) => ({
    kind,
    name,
    start,
    milliseconds,
    thread: "main",
    details: {},
  });
  const p = new Profile([
    event("run", "g", 1, 2),
    event("call", "f", 0, 10),
    event("run", "g", 5, 3),
    { ...event("build", "f", 0, 4), thread: "compiler" },
  ], 12);
  const rows = p.toString().split("\n").map((line) => line.trim().split(/\s{2,}/));
  assertEquals(rows[0], ["12.000 ms"]);
  assertEquals(rows.slice(2), [
    ["call f", "1", "5.000", "10.000"],
    ["run g", "2", "5.000", "5.000"],
    ["build f (compiler)", "1", "4.000", "4.000"],
    ["the function's own JavaScript, waiting and the rest", "2.000"],
  ]);
  assertStringIncludes(new Profile([], 1, 3).toString(), "3 more events were not kept");
});
