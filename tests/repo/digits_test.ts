/**
 * The main job, as a user runs it.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { root } from "./graph.ts";

Deno.test("the digits example reads at least 96 in 100, saves its model, and draws its picture", async () => {
  const out = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("examples/digits/main.ts", root).pathname, "--out", out],
      cwd: root,
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const last = decoder.decode(stdout).trimEnd().split("\n").at(-1)!;
    const [, accuracy] = last.match(/^test accuracy (0\.\d{3}|1\.000) \(median of 3 seeds\)$/) ??
      [];
    assertGreaterOrEqual(Number(accuracy), 0.96, last);
    // Six arrays of float32, each behind a header of 128 bytes.
    const elements = 128 * 64 + 128 + 128 * 128 + 128 + 10 * 128 + 10;
    assertEquals((await Deno.stat(`${out}/model.eqx`)).size, 6 * 128 + 4 * elements);
    const picture = await Deno.readTextFile(`${out}/digits.html`);
    assert(picture.includes("<svg") && picture.includes("read as"));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
