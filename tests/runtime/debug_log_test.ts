/**
 * `VERNAL_DEBUG`: each step of the ladder in a process of its own, which is how it is used.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";

const script = `
import { filterJit, numpy as np } from "@vernal/vernal";
const f = filterJit(function scale(x) { return x.mul(2); });
f(np.ones([3]));
f(np.ones([3]));
f(np.ones([4]));
filterJit((x) => x.mul(2))(np.ones([3]));
console.log("done");
`;

/** What the script writes to standard error. */
async function log(level: string, ...flags: string[]): Promise<{ code: number; lines: string[] }> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, script);
    const root = new URL("../../", import.meta.url).pathname;
    const args = ["run", "--quiet", "--no-check", "--config", `${root}deno.json`, ...flags, file];
    const env = { VERNAL_DEBUG: level, VERNAL_CACHE: "off", NO_COLOR: "1" };
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env })
      .output();
    assertEquals(new TextDecoder().decode(stdout), code === 0 ? "done\n" : "");
    return { code, lines: new TextDecoder().decode(stderr).split("\n").filter((l) => l !== "") };
  } finally {
    await Deno.remove(file);
  }
}

const all = "-A";

Deno.test("0 and nothing write nothing", async () => {
  assertEquals(await log("0", all), { code: 0, lines: [] });
  assertEquals(await log("", all), { code: 0, lines: [] });
});

Deno.test("1: a line for each compilation says what, why, how long and from where", async () => {
  const { lines } = await log("1", all);
  assertEquals(lines.length, 3);
  const ms = "[0-9.]+ ms";
  const how = `compiled in ${ms}; traced in ${ms}`;
  assertMatch(
    lines[0],
    new RegExp(`^vernal: filterJit\\(scale\\): ${how}; trace 1: the first; by the compiler$`),
  );
  assertMatch(lines[1], /trace 2: args\[0\] was f32\[3\], is f32\[4\].*; by the compiler$/);
  assertMatch(lines[2], /^vernal: filterJit: .*trace 1: the first; from memory$/);
});

Deno.test("2: its stages too, in order", async () => {
  const { lines } = await log("2", all);
  const kinds = lines.slice(1, lines.findIndex((line, i) => i > 0 && line.startsWith("vernal:")))
    .map((line) => line.match(/ ms {2}(\w+)/)?.[1]);
  assertEquals([...new Set(kinds)], [
    "trace",
    "simplify",
    "schedule",
    "build",
    "encode",
    "wait",
    "instantiate",
  ]);
});

Deno.test("3: jaxprs and loop nests; 4: WebAssembly", async () => {
  const three = (await log("3", all)).lines.join("\n");
  assert(three.includes("the simplified jaxpr of filterJit(scale):\n{ lambda"));
  assert(three.includes("the loop nests of filterJit(scale):\n"));
  assert(!three.includes("(module"));
  const four = (await log("4", all)).lines.join("\n");
  assert(four.includes("the module of filterJit(scale):\n(module"));
  assert(four.includes("the loop nests of filterJit(scale):\n"));
});

Deno.test("anything else is refused, by name", async () => {
  const { code, lines } = await log("loud", all);
  assertEquals(code, 1);
  assertMatch(lines.join("\n"), /ArgumentError: VERNAL_DEBUG: expected 1 .*; got "loud"/);
});

Deno.test("where the environment may not be read, nothing is written and nothing asked", async () => {
  assertEquals(await log("2", "--allow-read", "--no-prompt"), { code: 0, lines: [] });
});
