/**
 * When threads are left out: the judge by itself, on a clock that the tests wind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Advice, FIRST_ADVICE, HelpJudge } from "../../src/backends/wasm/helpfulness.ts";

/** A leader whose jobs take as long as said. */
class Leader {
  readonly judge = new HelpJudge();
  now = 0;
  advice: Advice = FIRST_ADVICE;
  #unwatched = 0;
  #came = 0;
  #called = 0;

  /**
   * Runs jobs of one kind, each of so many milliseconds alone and with help, until `end`; gives how many with help.
   *
   * @param present To what share of the jobs the thread comes.
   */
  run(alone: number, helped: number, wait: number, end: number, present = 1): number {
    let withHelp = 0;
    while (this.now < end) {
      const isWatched = this.advice.watch > 0 && ++this.#unwatched >= this.advice.watch;
      if (isWatched) {
        this.#unwatched = 0;
        this.follow(this.judge.opened(this.now, { came: this.#came, called: this.#called }));
      }
      const isAlone = this.advice.alone;
      this.now += isAlone ? alone : helped;
      if (!isAlone) {
        withHelp++;
        this.#called++;
        this.#came += present;
        this.follow(this.judge.waited(wait, this.now));
      }
      if (isWatched) this.follow(this.judge.closed(7, this.now));
    }
    return withHelp;
  }

  private follow(advice: Advice | null): void {
    if (advice !== null) this.advice = advice;
  }
}

Deno.test("threads that are not waited for are not measured", () => {
  const leader = new Leader();
  assertEquals(leader.run(2, 1, 0.05, 1000), 1000);
});

Deno.test("a long wait now and then is no reason to measure", () => {
  const leader = new Leader();
  for (let turn = 0; turn < 100; turn++) {
    leader.run(2, 1, 0.05, leader.now + 40);
    leader.run(2, 3, 2, leader.now + 1);
    assertEquals(leader.advice.alone, false);
  }
});

Deno.test("threads that hinder are left out, and tried again ever more rarely", () => {
  const leader = new Leader();
  leader.run(1, 3, 2, 60);
  assert(leader.judge.isAlone);
  const seconds = (from: number) => leader.run(1, 3, 2, 1000 * (from + 10));
  assert(seconds(0) < 60);
  assert(seconds(10) < 25);
});

Deno.test("threads that help stay though they are waited for, and watching over them takes little", () => {
  const leader = new Leader();
  leader.run(2, 1.5, 0.5, 60);
  assert(!leader.judge.isAlone);
  const before = leader.now;
  const helped = leader.run(2, 1.5, 0.5, before + 20_000);
  assert(helped * 1.5 > 0.95 * 20_000, `${helped}`);
});

Deno.test("threads that hindered come back when they help again", () => {
  const leader = new Leader();
  leader.run(1, 3, 2, 10_000);
  assert(leader.judge.isAlone);
  leader.run(1, 0.5, 0, leader.now + 3000);
  assertEquals(leader.run(1, 0.5, 0, leader.now + 100), 200);
});

Deno.test("threads that rarely come in time are left out, though nobody waits for them", () => {
  const leader = new Leader();
  leader.run(0.02, 0.03, 0, 5000, 0.3);
  assert(leader.judge.isAlone);
  const helped = leader.run(0.02, 0.03, 0, 15_000, 0.3);
  assert(helped * 0.03 < 0.02 * 10_000, `${helped} with help`);
});

Deno.test("threads that rarely come in time stay where they help a good deal", () => {
  const few = new Leader();
  few.run(0.02, 0.019, 0, 1000, 0.3);
  assert(few.judge.isAlone);
  const many = new Leader();
  many.run(0.02, 0.015, 0, 1000, 0.3);
  assert(!many.judge.isAlone);
});

Deno.test("one wrong verdict does not begin all anew", () => {
  const leader = new Leader();
  leader.run(0.02, 0.03, 0, 10_000, 0.3);
  // Just as help was tried, the machine had nothing else to do.
  leader.run(0.02, 0.01, 0, leader.now + 2100, 0.3);
  const helped = leader.run(0.02, 0.03, 0, leader.now + 10_000, 0.3);
  assert(helped * 0.03 < 0.08 * 10_000, `${helped} with help`);
});

Deno.test("jobs of other kinds than those timed alone end a comparison all the same", () => {
  const judge = new HelpJudge();
  assertEquals(judge.waited(5, 20), { alone: true, watch: 1 });
  const presence = { came: 0, called: 0 };
  judge.opened(20, presence);
  assertEquals(judge.closed(1, 40), { alone: false, watch: 1 });
  let advice: Advice | null = null;
  for (let kind = 2, now = 40; advice === null; kind++) {
    assert(kind < 20_000, "the comparison never ends");
    judge.opened(now, presence);
    advice = judge.closed(kind, ++now);
  }
  assertEquals(advice, { alone: false, watch: 1 });
});

Deno.test("of long jobs few are done alone to see whether help pays", () => {
  const leader = new Leader();
  const helped = leader.run(300, 150, 20, 60_000);
  const time = leader.now;
  // Whatever was not helped took 300 ms.
  const alone = Math.round((time - 150 * helped) / 300);
  assert(alone >= 1);
  assert(alone < helped / 15, `${alone} alone, ${helped} with help`);
});
