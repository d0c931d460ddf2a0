/**
 * That the page of Equinox's tests is what the tests say.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { root } from "../repo/graph.ts";
import { heldTests, missing, page, upstreamTests } from "./parity.ts";

/** Without line breaks: the formatter moves them. */
const words = (text: string): string => text.replaceAll(/\s+/g, " ");

Deno.test("docs/equinox-parity.md is the page that the tests give", async () => {
  const written = await Deno.readTextFile(new URL("docs/equinox-parity.md", root));
  const given = page(await upstreamTests(), await heldTests());
  assert(words(written) === words(given), "it is old: deno run -A tests/equinox/parity.ts");
});

Deno.test("every test here that names one of Equinox's names one that exists", async () => {
  const names = new Set((await upstreamTests()).map((t) => `${t.file}/${t.test}`));
  const unknown = [...(await heldTests()).keys()].filter((name) => !names.has(name));
  assertEquals(unknown, []);
  assert(names.size > 300);
});

Deno.test("every test of Equinox that carries over stands here", async () => {
  assertEquals(missing(await upstreamTests(), await heldTests()), []);
});
