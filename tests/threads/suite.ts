/**
 * The number of threads as an axis of tests: what was written for one runs again with two, and with five.
 *
 * Work is then shared in pieces as small as can be, among threads that are there from the first program on (`tests/strict.ts`), so that the small
 * programs of tests are shared too. Each day other files have their turn, at either number: `tests/share.ts` says how to run all of them.
 *
 * Run as `deno run -A tests/threads/suite.ts`; `deno task test` does.
 *
 * @module
 */
import { again, isInShare, isWhole } from "../share.ts";

const root = new URL("../../", import.meta.url);

/** Numbers of threads: as many as a small machine has processors, and more than most have. */
const numbers = [2, 5];

/** In how many days' runs each file is once. */
const days = 8;

/** What asks nothing of threads: it computes on other devices, or reads files; and what asks about numbers of threads itself. */
const left = ["repo/", "threads/", "webgpu/"];

/** The test files below a folder of `tests/`, by their paths from there. */
function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`tests/${folder}`, root))].flatMap(
    ({ name, isDirectory }) => {
      const path = folder + name;
      if (isDirectory) return testFiles(`${path}/`);
      return path.endsWith("_test.ts") ? [path] : [];
    },
  );
}

/** Runs files among so many threads; gives whether all passed. */
async function run(threads: number, files: readonly string[]): Promise<boolean> {
  console.log(
    `\n${files.length} test files with VERNAL_THREADS=${threads}; ${again}: ${files.join(" ")}`,
  );
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "-A", "--parallel", "--no-check", "--quiet", "--preload", "./tests/strict.ts"],
      ...files.map((file) => `tests/${file}`),
    ],
    cwd: root,
    env: { VERNAL_THREADS: String(threads) },
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

if (import.meta.main) {
  const all = testFiles("").filter((file) => !left.some((start) => file.startsWith(start))).sort();
  let isRight = true;
  for (const threads of numbers) {
    const files = all.filter((file) => isWhole || isInShare(`${threads} threads: ${file}`, days));
    if (files.length > 0) isRight = await run(threads, files) && isRight;
  }
  Deno.exit(isRight ? 0 : 1);
}
