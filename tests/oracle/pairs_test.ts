/**
 * Each transformation inside of each other, against JAX. Of the functions of a pair one of 23 is compiled and one of 11 computed at once, in turn, so that
 * every function meets every transformation on either side both ways; `deno run -A tests/oracle/pairs_test.ts` checks all of it.
 *
 * On a WebGPU device the arrays are float32, and a run takes a share of the pairs (`tests/share.ts`).
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { again, isInShare, isWhole } from "../share.ts";
import { onDeviceTest } from "../webgpu/axis.ts";
import { checkPair, readPairs } from "./pairs.ts";

// One device for each example of filterPmap's.
await vn.init("cpu", { devices: 2 });

const table = readPairs();
const names = [...table.transformations.keys()];
const number = (name: string) => names.indexOf(name);

function report(wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Error(`${wrong.length} differences:\n${wrong.join("\n")}`);
}

/** What computes on devices of the processor, wherever its arrays are. */
const ofProcessor: ReadonlySet<string> = new Set(["filterPmap", "filterShard"]);

/** As a device has it: the arrays of the functions are the processor's, which brings them there. */
const single = readPairs("float32");

/** The pairs of a transformation, on a device. */
function checkOnDevice(outer: string, compiled: boolean): void {
  const of = compiled ? 27 : 211;
  const wrong = single.pairs.flatMap((p) => {
    const name = `${p.outer} of ${p.inner}, ${compiled}`;
    if (p.outer !== outer || ofProcessor.has(p.inner) || !isInShare(name, of)) return [];
    const turn = number(p.outer) + number(p.inner);
    const chosen = (i: number) => isWhole || (i + turn) % 4 === 0;
    return checkPair(single, p, compiled, chosen).map((line) => `${line}, ${again}`);
  });
  report(wrong);
}

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
        report(wrong);
      });
    test("at once", false, 11);
    test("compiled", true, 23);
    if (ofProcessor.has(outer)) continue;
    for (const compiled of [true, false]) {
      onDeviceTest(
        `on WebGPU: pairs: ${outer} of every transformation agrees with JAX, ${
          compiled ? "compiled" : "at once"
        }`,
        () => checkOnDevice(outer, compiled),
      );
    }
  }
}
