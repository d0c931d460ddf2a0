/**
 * The package as it is published and loaded.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, root } from "./graph.ts";

const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  exports: Record<string, string>;
};

const text = (path: string): Promise<string> => Deno.readTextFile(new URL(path, root));

Deno.test("every entry point exists and says what it is", async () => {
  for (const file of Object.values(config.exports)) {
    const source = await text(file);
    assert(/^\/\*\*[\s\S]*?@module[\s\S]*?\*\//.test(source), `${file} opens without a @module`);
  }
});

Deno.test("every namespace of the main entry is an entry point of its own", async () => {
  const source = await text("mod.ts");
  const namespaces = [...source.matchAll(/export \* as (\w+) from "\.\/(src\/\w+\/mod\.ts)"/g)];
  assert(namespaces.length > 0);
  for (const [, name, file] of namespaces) {
    assertEquals(config.exports[`./${name}`], `./${file}`);
  }
});

/** Files that may be longer than 600 lines, each with the reason. */
const long: Record<string, string> = {};

Deno.test("no file is longer than 600 lines, but for the named ones", async () => {
  const folders = ["src", "tests", "bench", "examples", "stand_ins"];
  const files = (await Promise.all(folders.map(filesUnder))).flat();
  const tooLong: string[] = [];
  for (const file of files) {
    const lines = (await text(file)).split("\n").length - 1;
    if (lines > 600 && !(file in long)) tooLong.push(`${file}: ${lines} lines`);
  }
  assertEquals(tooLong, []);
  assertEquals(Object.keys(long).filter((file) => !files.includes(file)), []);
});

Deno.test("every source file opens by saying what it is", async () => {
  const silent: string[] = [];
  for (const file of await filesUnder("src")) {
    if (!/^\/\*\*[\s\S]*?@module/.test(await text(file))) silent.push(file);
  }
  assertEquals(silent, []);
});

Deno.test("importing the package needs no permission, prints nothing, and ends", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", new URL("mod.ts", root).pathname],
    signal: AbortSignal.timeout(60_000),
  }).output();
  const decoder = new TextDecoder();
  assertEquals([decoder.decode(stdout), decoder.decode(stderr), code], ["", "", 0]);
});
