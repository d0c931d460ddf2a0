import { assert } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { scheduleUnfused } from "../../src/schedule/unfused.ts";
import { check, difference, makeRandom, randomArray } from "./helpers.ts";
import { randomProgram } from "./random_programs.ts";

Deno.test("random programs compute the same fused and unfused", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = makeRandom(seed);
    const closed = randomProgram(random, 3 + Math.floor(random() * 20));
    const donated = closed.inAvals.map(() => random() < 0.3);
    check(closed, donated, seed);
  }
});

Deno.test("random programs compute the same with fusion switched off", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = makeRandom(seed);
    const closed = randomProgram(random, 15);
    const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
    const expected = interpret(scheduleUnfused(closed, "plain"), inputs);
    const actual = interpret(schedule(closed, { name: "off", fuse: false }), inputs);
    expected.forEach((e, k) => assert(difference(e, actual[k]) === null, `seed ${seed}`));
  }
});
