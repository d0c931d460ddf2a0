/**
 * Every primitive of the conformance table and its gradient, compiled for a WebGPU device, against the processor.
 *
 * @module
 */
import { assertMatch } from "@std/assert";
import * as vn from "../../mod.ts";
import { assertClose } from "../backends/compare.ts";
import { type Case, cases, operandsOf } from "../conformance/table.ts";
import { deviceTest } from "./adapter.ts";

type Fn = (...xs: vn.NDArray[]) => vn.NDArray | readonly vn.NDArray[];

/** Compares a function on both, and says whether the device could run it. */
async function check(
  name: string,
  fn: Fn,
  xs: readonly vn.NDArray[],
): Promise<"ran" | "float64" | "elsewhere"> {
  const [gpu] = await vn.init("webgpu");
  let there: ReturnType<Fn>;
  try {
    there = vn.filterJit(fn, { device: gpu })(...xs);
  } catch (error) {
    if (error instanceof vn.DTypeError && error.message.includes("float64")) return "float64";
    if (error instanceof vn.DeviceError && error.message.includes("a sharding inside")) {
      return "elsewhere";
    }
    throw error;
  }
  const actual = await Promise.all([there].flat().map((x) => x.data()));
  [fn(...xs)].flat().forEach((x, k) => {
    const e = x.dataSync();
    const largest = e instanceof Float32Array
      ? e.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
      : 0;
    assertClose(actual[k], e, { ulps: 20, absolute: largest * 1e-5 }, (i) => `${name}: ${i}`);
  });
  return "ran";
}

/** What a device cannot run, and what of the table may be so. */
const left = {
  ran: /./,
  // Derivatives of digamma are computed in float64.
  float64: /gradient of (di|poly)gamma/,
  // It asks for a device of the processor.
  elsewhere: /sharding_constraint/,
};

function differentiated(c: Case): readonly number[] {
  if (c.reverse === false) return [];
  return c.differentiate ?? c.operands.flatMap((o, i) => o.dtype === undefined ? [i] : []);
}

deviceTest("every primitive computes on a device what the processor does", async () => {
  for (const c of cases) {
    const how = await check(c.name, c.call, operandsOf(c, "float32"));
    assertMatch(c.name, left[how], `left out because of ${how}`);
  }
});

deviceTest("every gradient computes on a device what the processor does", async () => {
  for (const c of cases) {
    const argnums = differentiated(c);
    if (argnums.length === 0) continue;
    const loss = (...args: vn.NDArray[]) => {
      const out = c.call(...args);
      return out.mul(out).sum();
    };
    const name = `gradient of ${c.name}`;
    const gradient = vn.grad(loss, { argnums: [...argnums] });
    const how = await check(name, gradient, operandsOf(c, "float32"));
    assertMatch(name, left[how], `left out because of ${how}`);
  }
});
