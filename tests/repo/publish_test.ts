/**
 * The package as it is published: one file of code, with the names, types and threads of the sources.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { stagePackage } from "../../publish/stage.ts";
import { root } from "./graph.ts";

const decoder = new TextDecoder();

/** A folder whose scripts get the published package; made once. */
const made: Promise<string> = (async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/package`);
  await stagePackage(`${folder}/package`);
  const config = { links: ["./package"], imports: { "@vernal/vernal": "jsr:@vernal/vernal@*" } };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
  return folder;
})();

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a script, or checks its types. */
async function deno(
  command: readonly string[],
  script: string,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const folder = await made;
  const file = `${folder}/${crypto.randomUUID()}.ts`;
  await Deno.writeTextFile(file, script);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...command, file],
    cwd: folder,
    env: { NO_COLOR: "1", VERNAL_CACHE: "off", ...env },
  }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const run = ["run", "--quiet", "-A", "--no-check"];

Deno.test("every entry point has the functions and classes of its source, with their names", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    exports: Record<string, string>;
  };
  const names = (module: object) =>
    Object.entries(module).map(([key, value]) =>
      `${key}: ${typeof value === "function" ? value.name : typeof value}`
    ).sort();
  for (const [entry, source] of Object.entries(config.exports)) {
    const { out, err } = await deno(
      run,
      `import * as all from "${entry.replace(".", "@vernal/vernal")}";
       console.log(JSON.stringify((${names})(all)));`,
    );
    assertEquals(err, "");
    assertEquals(JSON.parse(out), names(await import(new URL(source, root).href)), entry);
  }
});

Deno.test("its parts are one package, and it compiles, shares work among threads and prints modules", async () => {
  const { out, err } = await deno(
    run,
    `import * as vn from "@vernal/vernal";
     import * as np from "@vernal/vernal/numpy";
     console.log(np.ones === vn.numpy.ones, np.ones([2]) instanceof vn.NDArray);
     await vn.init("cpu", { threads: 2 });
     const f = vn.filterJit((x: vn.NDArray) => np.matmul(x, x).sum());
     const x = np.ones([256, 256]);
     f(x);
     console.log(f(x).item(), f.lower(x).wat().startsWith("(module"));`,
  );
  assertEquals([out, err], [`true true\n${256 ** 3} true\n`, ""]);
});

Deno.test("a second run finds the programs of the first", async () => {
  const folder = await made;
  const script = `import { filterJit, numpy as np } from "@vernal/vernal";
    filterJit((x) => x.mul(2.5))(np.ones([3]));`;
  const env = { VERNAL_CACHE: "", VERNAL_CACHE_DIR: `${folder}/programs`, VERNAL_DEBUG: "1" };
  assertMatch((await deno(run, script, env)).err, /by the compiler\n$/);
  assertMatch((await deno(run, script, env)).err, /from disk\n$/);
});

Deno.test("types are those of the sources", async () => {
  const { code, err } = await deno(
    ["check", "--quiet"],
    `import * as vn from "@vernal/vernal";
     const x: vn.NDArray = vn.numpy.ones([3]);
     const n: number = vn.random.key;
     export const y: vn.NDArray = vn.filterJit((x: vn.NDArray) => x.add(1))(x);`,
  );
  assertEquals(code, 1);
  assert(err.includes("is not assignable to type 'number'"), err);
  assertEquals(err.match(/\[ERROR\]/g)?.length, 1);
});

Deno.test.afterAll(async () => await Deno.remove(await made, { recursive: true }));
