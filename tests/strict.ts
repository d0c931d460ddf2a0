/**
 * Loaded before every test file: what is lenient in use is strict under test.
 *
 * @module
 */
import { setChecks } from "../src/core/checks.ts";
import { shareFinely, threadCount, threadPool } from "../src/runtime/threads.ts";

setChecks({ verify: true });
// One thread, or as many as the axis says (`threads/suite.ts`), which then are there from the first program on.
if (Deno.env.get("VERNAL_THREADS") === undefined) Deno.env.set("VERNAL_THREADS", "1");
if (threadCount() > 1) {
  shareFinely(200);
  threadPool().start();
}
// Tests compile what they run.
Deno.env.set("VERNAL_CACHE", "off");
