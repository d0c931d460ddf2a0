/**
 * Loaded before every test file: what is lenient in use is strict under test.
 *
 * @module
 */
import { setChecks } from "../src/core/checks.ts";

setChecks({ verify: true });
// Tests compile what they run.
Deno.env.set("VERNAL_CACHE", "off");
