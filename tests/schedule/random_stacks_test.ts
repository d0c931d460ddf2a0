/**
 * Random programs through random stacks of transformations: compiled, interpreted and computed at once they give the same.
 *
 * `deno run -A tests/schedule/random_stacks_test.ts --seeds 1000` tries as many further seeds (`--from 5000` tells where they start), and prints what
 * fails, shrunk.
 *
 * @module
 */
import { failureOf, report, sampleOf } from "./random_stacks.ts";

/** How many seeds every run of the tests tries. */
const seeds = 60;

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const at = Deno.args.indexOf(name);
    return at < 0 ? otherwise : Number(Deno.args[at + 1]);
  };
  const [count, from] = [option("--seeds", 1000), option("--from", seeds + 1)];
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const sample = sampleOf(seed);
    if (failureOf(sample) === null) continue;
    failed++;
    console.log(`${report(sample)}\n`);
  }
  console.log(`${count} seeds from ${from}: ${failed} failed`);
} else {
  Deno.test("random programs through random stacks of transformations: compiled, interpreted and at once agree", () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const sample = sampleOf(seed);
      if (failureOf(sample) !== null) throw new Error(report(sample));
    }
  });
}
