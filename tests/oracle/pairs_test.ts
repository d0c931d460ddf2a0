/**
 * Each transformation inside of each other, at once and compiled, against JAX.
 *
 * @module
 */
import { checkPair, readPairs } from "./pairs.ts";

const table = readPairs();

for (const outer of table.transformations.keys()) {
  const pairs = table.pairs.filter((p) => p.outer === outer);
  for (const compiled of [false, true]) {
    const how = compiled ? "compiled" : "at once";
    Deno.test(`pairs: ${outer} of every transformation agrees with JAX, ${how}`, () => {
      const wrong = pairs.flatMap((p) =>
        checkPair(table, p, compiled).map((line) => `of ${p.inner}: ${line}`)
      );
      if (wrong.length > 0) throw new Error(`${wrong.length} differences:\n${wrong.join("\n")}`);
    });
  }
}

for (const name of table.waiting) {
  Deno.test({ name: `pairs: ${name} waits for what it needs`, ignore: true, fn: () => {} });
}
