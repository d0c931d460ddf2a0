/**
 * Every row of the table, compiled for the processor, and on a WebGPU device compiled and at once: the same as at once on the processor.
 *
 * A run takes a share of the rows (`tests/share.ts`).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { type DType, isFloating, partOf, type TypedArray } from "../../src/core/dtype.ts";
import { asNumbers } from "../backends/compare.ts";
import { again, isInShare } from "../share.ts";
import { userTest } from "../webgpu/adapter.ts";
import { type Row, rowsOf } from "./rules.ts";
import { cases } from "./table.ts";

/** How far results may be apart, as a part of the largest. Floats of 16 bits are rounded after every operation. */
const tolerances: Partial<Record<DType, number>> = {
  float16: 4e-3,
  bfloat16: 3e-2,
  float32: 1e-5,
  float64: 1e-13,
};

/** What a call gives. */
interface Result {
  readonly type: string;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** Calls, and reads what it gives; or the error of either. */
async function outcomeOf(call: () => readonly vn.NDArray[]): Promise<readonly Result[] | Error> {
  try {
    return await Promise.all(
      call().map(async (x): Promise<Result> => {
        const dtype = x.dtype === "key<fry>" ? x.dtype : partOf(x.dtype);
        return { type: `${x.dtype}[${x.shape}]`, dtype, data: asNumbers(await x.data(), dtype) };
      }),
    );
  } catch (error) {
    return error as Error;
  }
}

function assertSame(actual: Result, expected: Result, where: string): void {
  assertEquals(actual.type, expected.type, where);
  const [a, e] = [actual.data, expected.data];
  const largest = isFloating(expected.dtype)
    ? (e as Float32Array).reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
    : 0;
  const tolerance = largest * (tolerances[expected.dtype] ?? 0);
  e.forEach((x: number | bigint, i: number) => {
    const fits = Object.is(a[i], x) || a[i] === x ||
      Math.abs(Number(a[i]) - Number(x)) <= tolerance;
    assert(fits, `${where}: element ${i} is ${a[i]}, at once on the processor ${x}`);
  });
}

/** Compares two outcomes; a dtype that is refused at once is refused everywhere, by the same error. */
function compare(
  actual: readonly Result[] | Error,
  expected: readonly Result[] | Error,
  where: string,
): void {
  if (expected instanceof Error) {
    assert(expected instanceof vn.VernalError, `${where}: at once it throws ${expected.stack}`);
    assert(actual instanceof Error, `${where}: at once it is refused: ${expected.message}`);
    assertEquals(actual.name, expected.name, `${where}: ${actual.message}`);
    return;
  }
  if (actual instanceof Error) throw new Error(`${where}: ${actual.message}`, { cause: actual });
  expected.forEach((e, i) => assertSame(actual[i], e, `${where}, result ${i}`));
}

/** Whether a device may refuse what the processor computes. */
function isLeftOut(row: Row, xs: readonly vn.NDArray[], error: Error): boolean {
  const { message } = error;
  if (error instanceof vn.DTypeError && /float64.*WebGPU|WebGPU.*float64/.test(message)) {
    return /:(f64|c128)\[/.test(String(vn.makeJaxpr(row.fn)(...xs)));
  }
  if (error instanceof vn.DeviceError && message.includes("cpu:0")) {
    return row.case.name === "sharding_constraint"; // it asks for a device of the processor
  }
  return false;
}

/** Which rows run on the processor on every day. */
function isDaily({ rule, dtype }: Row): boolean {
  return dtype === "float32" && (rule === "evaluation" || rule === "transpose");
}

for (const c of cases) {
  const rows = rowsOf(c);
  const here = rows.filter((row) => isDaily(row) || isInShare(row.name, 4));
  Deno.test(`${c.name}: compiled as at once, under every rule and dtype`, async () => {
    for (const row of here) {
      const xs = row.operands();
      const compiled = await outcomeOf(() => vn.filterJit(row.fn)(...xs));
      compare(compiled, await outcomeOf(() => row.fn(...xs)), `${row.name}, ${again}`);
    }
  });
  const there = rows.filter((row) => isInShare(row.name, 15));
  if (there.length === 0) continue;
  userTest(
    `${c.name}: on a device as on the processor, under every rule and dtype`,
    async (gpu) => {
      await Promise.all(there.map(async (row) => {
        const xs = row.operands();
        const compiled = outcomeOf(() => vn.filterJit(row.fn, { device: gpu })(...xs));
        const atOnce = outcomeOf(() => row.fn(...xs.map((x) => vn.devicePut(x, gpu))));
        const expected = await outcomeOf(() => row.fn(...xs));
        for (
          const [how, actual] of [["compiled", await compiled], ["at once", await atOnce]] as const
        ) {
          const mayBeRefused = actual instanceof Error && !(expected instanceof Error);
          if (mayBeRefused && isLeftOut(row, xs, actual)) continue;
          compare(actual, expected, `${row.name}, ${how}, ${again}`);
        }
      }));
    },
  );
}
