/**
 * The rates that devices are chosen by: measured, and kept on disk.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { keepRates, measureRates, readRates } from "../../src/runtime/webgpu/calibration.ts";
import "../../mod.ts";
import { deviceTest } from "./adapter.ts";
import { rates } from "../runtime/rates.ts";

function inFolder(fn: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    fn(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("rates that were kept are read again, and nothing else lies beside them", () =>
  inFolder((folder) => {
    const path = `${folder}/rates/a.json`;
    assertEquals(readRates(path), null);
    keepRates(path, rates);
    assertEquals(readRates(path), rates);
    keepRates(path, { ...rates, cpu: { ...rates.cpu, call: 2e-6 } });
    assertEquals(readRates(path)?.cpu.call, 2e-6);
    assertEquals([...Deno.readDirSync(`${folder}/rates`)].map((e) => e.name), ["a.json"]);
  }));

Deno.test("a file that is damaged counts as none", () =>
  inFolder((folder) => {
    const path = `${folder}/a.json`;
    keepRates(path, rates);
    const text = Deno.readTextFileSync(path);
    for (
      const damaged of [
        "",
        text.slice(0, text.length / 2),
        "null",
        "[]",
        text.replace('"wait":0.001', '"wait":-1'),
        text.replace('"wait":0.001', '"wait":"soon"'),
        text.replace('"wait":0.001', '"wait":1e999'),
        text.replace(/"wait":[^}]*/, '"weight":1'),
      ]
    ) {
      assert(damaged !== text);
      Deno.writeTextFileSync(path, damaged);
      assertEquals(readRates(path), null, damaged);
    }
  }));

Deno.test("a folder that cannot be written is no error", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/rates`, "a file where a folder should be");
    keepRates(`${folder}/rates/a.json`, rates);
    assertEquals(readRates(`${folder}/rates/a.json`), null);
  }));

deviceTest("measuring gives a rate for everything, and leaves nothing behind", async (device) => {
  const before = device.memory();
  const { cpu, webgpu } = await measureRates(device);
  for (const rate of [...Object.values(cpu), ...Object.values(webgpu)]) {
    assert(rate > 0 && Number.isFinite(rate), JSON.stringify({ cpu, webgpu }));
  }
  assertEquals(Object.keys(cpu), Object.keys(rates.cpu));
  assertEquals(Object.keys(webgpu), Object.keys(rates.webgpu));
  const { bytes, buffers } = device.memory();
  assertEquals([bytes, buffers], [before.bytes, before.buffers]);
});
