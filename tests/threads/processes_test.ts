/**
 * Processes with threads: they end when their work does, whatever they did, and rest when they have none.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);

/** Runs a script that has a jitted program `f` of an array `x`, among threads that have helped. */
async function run(
  script: string,
  threads: number,
  flags: readonly string[] = ["-A"],
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const text = `
    import * as vn from "@vernal/vernal";
    import { threadPool } from "./src/runtime/threads.ts";
    const { numpy: np } = vn;
    const x = np.linspace(0, 1, 1 << 20);
    const f = vn.filterJit((x) => np.sum(np.exp(x).mul(x)));
    for (let call = 0; call < 2; call++) f(x);
    const pool = threadPool();
    pool.isJudged = false;
    pool.start();
    for (let turns = 0; turns < 2000 && pool.helped === 0 && pool.threads > 1; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      f(x);
    }
    ${script}`;
  const file = await Deno.makeTempFile({ suffix: ".js" });
  const source = text.replaceAll("./src/", new URL("src/", root).href);
  try {
    await Deno.writeTextFile(file, source);
    const config = new URL("deno.json", root).pathname;
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", ...flags, "--config", config, file],
      env: { VERNAL_THREADS: String(threads), NO_COLOR: "1" },
      signal: AbortSignal.timeout(60_000),
    });
    const { code, stdout, stderr } = await command.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    return { code, out: decode(stdout), err: decode(stderr) };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a process ends with its work, by an error, or when it says so", async () => {
  const ways: readonly (readonly [script: string, code: number])[] = [
    ["", 0],
    ["Deno.exit(7);", 7],
    [`throw new Error("on purpose");`, 1],
    [`process.exit(5);`, 5],
    ["pool.stop(); f(x);", 0],
  ];
  for (const [script, code] of ways) {
    const result = await run(`console.log(pool.helped > 0); ${script}`, 3);
    assertEquals({ code: result.code, out: result.out }, { code, out: "true" }, result.err);
  }
});

Deno.test("threads that have nothing to do take no time of the processor", async () => {
  const script = `
    f(x);
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    console.log(pool.ready, (user + system) / 1e6 < 0.3);`;
  assertEquals((await run(script, 4)).out, "3 true");
});

Deno.test("many processes at once, with more threads than processors, come to the same and rest", async () => {
  const script = `
    const sums = new Set();
    for (let call = 0; call < 200; call++) sums.add(f(x).item());
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    console.log([...sums].join(), (user + system) / 1e6 < 0.3);`;
  const alone = await run(script, 1);
  const many = await Promise.all(Array.from({ length: 4 }, () => run(script, 4)));
  for (const { out, err } of many) assertEquals(out, alone.out, err);
  assertEquals(alone.out.split(" ")[1], "true");
});

Deno.test("VERNAL_THREADS says how many threads there are, where it may be read", async () => {
  const script = `console.log(pool.threads, pool.helped > 0);`;
  assertEquals((await run(script, 2)).out, "2 true");
  assertEquals((await run(script, 1)).out, "1 false");
  // Without the permission nobody is asked, and there are as many as processors.
  const unread = await run(script, 61, ["--allow-read", "--allow-sys"]);
  assertEquals(unread.code, 0, unread.err);
  const threads = Math.min(navigator.hardwareConcurrency, 8);
  assertEquals(unread.out, `${threads} ${threads > 1}`);
  // Threads load what they run; where they may not, there is one.
  const denied = new URL("src/backends/wasm/thread.ts", root).pathname;
  const unreadable = await run(script, 61, [
    "--allow-read",
    "--allow-sys",
    `--deny-read=${denied}`,
  ]);
  assertEquals(unreadable.code, 0, unreadable.err);
  assertEquals(unreadable.out, "1 false");
});

Deno.test("a worker of the user's own computes on one thread", async () => {
  const script = `
    const { Worker } = await import("node:worker_threads");
    const url = JSON.stringify(import.meta.url);
    if (globalThis.isInside === undefined) {
      const code = "globalThis.isInside = true; import(" + url + ")";
      const worker = new Worker(code, { eval: true });
      worker.on("error", (e) => console.log(String(e)));
    }
    console.log(globalThis.isInside === true ? "inside" : "outside", pool.threads);`;
  const { out } = await run(script, 2);
  assertEquals(out.split("\n").sort(), ["inside 1", "outside 2"]);
});
