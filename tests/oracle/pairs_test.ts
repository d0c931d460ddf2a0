/**
 * Each transformation inside of each other, against JAX. Of the functions of a pair one of 23 is compiled and one of 11 computed at once, in turn, so that
 * every function meets every transformation on either side both ways; `deno run -A tests/oracle/pairs_test.ts` checks all of it.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { checkPair, readPairs } from "./pairs.ts";

// One device for each example of filterPmap's.
await vn.init("cpu", { devices: 2 });

const table = readPairs();
const names = [...table.transformations.keys()];
const number = (name: string) => names.indexOf(name);

if (import.meta.main) {
  const wrong = table.pairs.flatMap((
    p,
  ) => [...checkPair(table, p, false), ...checkPair(table, p, true)]);
  wrong.forEach((line) => console.log(line));
  console.log(
    `${table.pairs.length} pairs of ${table.functions.size} functions, ${wrong.length} differences`,
  );
} else {
  for (const outer of names) {
    const pairs = table.pairs.filter((p) => p.outer === outer);
    const test = (how: string, compiled: boolean, share: number) =>
      Deno.test(`pairs: ${outer} of every transformation agrees with JAX, ${how}`, () => {
        const wrong = pairs.flatMap((p) => {
          const turn = number(p.outer) + number(p.inner);
          return checkPair(table, p, compiled, (i) => (i + turn) % share === 0);
        });
        if (wrong.length > 0) throw new Error(`${wrong.length} differences:\n${wrong.join("\n")}`);
      });
    test("at once", false, 11);
    test("compiled", true, 23);
  }
}
