/**
 * The oracle's cases, with a device as the default one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Case, type DataFile, readDataFile } from "../oracle/format.ts";
import { runCase } from "../oracle/run.ts";
import { again, isInShare } from "../share.ts";
import { onDeviceTest } from "./axis.ts";
import { exceptions } from "./exceptions.ts";

// Without `devices`, which is about those of the processor.
const files = [
  "attention",
  "checkpoint",
  "checks",
  "collectives",
  "complex",
  "complex_layers",
  "conv",
  "corners",
  "dtypes",
  "elementwise",
  "fft",
  "grads",
  "indexing",
  "jaxprs",
  "lax",
  "layers",
  "linalg",
  "loops",
  "more",
  "nn",
  "optim",
  "promotion",
  "random",
  "reductions",
  "segment",
  "shaping",
  "spatial",
  "transforms",
];

/** What a case says that needs float64 where its arrays are. */
const float64 =
  /^threw DTypeError: .*(WebGPU has no float64|computes in float64, which WebGPU lacks)/;

/** Whether a case has to do with float64: its arrays, or what is recorded of it. */
function isAboutFloat64(file: DataFile, c: Case): boolean {
  const text = JSON.stringify([c.in, c.p, c.out]);
  if (/float64|complex128/.test(text)) return true;
  return [...text.matchAll(/"a":(\d+)/g)].some(([, i]) =>
    /float64|complex128/.test(file.arrays[Number(i)].dtype)
  );
}

/** What is wrong with a case on the device; with an exception, that it passes. `null` where it needs float64. */
function wrongs(file: DataFile, name: string, c: Case, compiled: boolean): string[] | null {
  const lines = runCase(file, c, compiled);
  if (lines.some((line) => float64.test(line)) && isAboutFloat64(file, c)) return null;
  const exception = exceptions.find((e) => e.file === `oracle/${name}` && e.names.includes(c.id));
  if (exception === undefined) return lines;
  // A program of its own may round otherwise.
  if (lines.length > 0 || exception.reason === "rounding") return [];
  return [`passes, though exceptions.ts says that it cannot: ${exception.reason}`];
}

/** In how many days' runs each case is once. */
const days = 16;

function check(name: string, compiled: boolean): void {
  const file = readDataFile(name);
  const cases = file.cases.filter((c) =>
    isInShare(`${name}: ${c.id}`, days) && !(compiled && c.jit === false)
  );
  let ran = 0;
  const failures: string[] = [];
  for (const c of cases) {
    const lines = wrongs(file, name, c, compiled);
    if (lines !== null) ran++;
    failures.push(...(lines ?? []).map((line) => `${c.id}: ${line}`));
  }
  if (failures.length > 0) {
    throw new Error(
      `${failures.length} differences in ${cases.length} cases, ${again}:\n${
        failures.slice(0, 20).join("\n")
      }`,
    );
  }
  assert(ran > 0 || cases.length < 10, `none of ${cases.length} cases ran, ${again}`);
}

/** Registers a test for each data file. */
export function oracleOnDevice(compiled: boolean): void {
  const how = compiled ? "compiled" : "at once";
  for (const name of files) {
    onDeviceTest(`on WebGPU: ${name} agrees with JAX, ${how}`, () => check(name, compiled));
  }
  const known = (file: string, name: string) =>
    readDataFile(file.slice("oracle/".length)).cases.some((c) => c.id === name);
  Deno.test(`every exception from the oracle on WebGPU names a case (${how})`, () => {
    const oracle = exceptions.filter(({ file }) => file.startsWith("oracle/"));
    const unknown = oracle.flatMap(({ file, names }) => names.filter((n) => !known(file, n)));
    assertEquals(unknown, []);
  });
}
