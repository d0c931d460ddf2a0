import { check, makeRandom } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

Deno.test("random programs compute the same fused and unfused", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = makeRandom(seed);
    const closed = randomProgram(random, 3 + Math.floor(random() * 20));
    const donated = closed.inAvals.map(() => random() < 0.3);
    check(closed, donated, seed);
  }
});
