/**
 * Every primitive stands in the table: one that is added without a case fails here.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import type { AnyPrimitive } from "../../src/core/primitive.ts";
import { allPrimitives, collectPrimitives } from "./primitives.ts";
import { cases, differentiatedOperands, operandsOf } from "./table.ts";

const { numpy: np } = vn;

/** Primitives that no case can show, each with the reason. */
const unseen: Readonly<Record<string, string>> = {
  custom_lin: "lives between linearisation and transposition only: the case of custom_vjp_call",
  nonbatchable: "refuses to be mapped: tests/equinox/nontraceable_test.ts",
  nontraceable: "refuses to be transformed: tests/equinox/nontraceable_test.ts",
  unvmap_any: "reduces over mapped axes, outer ones too: tests/equinox/misc_test.ts",
  unvmap_all: "as unvmap_any",
  unvmap_max: "as unvmap_any",
};

Deno.test("every primitive is used by a case of the conformance table", async () => {
  const seen = new Set<string>(Object.keys(unseen));
  for (const c of cases) {
    const xs = operandsOf(c, "float32");
    collectPrimitives(c.call, xs, seen);
    const argnums = differentiatedOperands(c);
    if (argnums.length === 0) continue;
    const loss = (...args: vn.NDArray[]) => np.square(c.call(...args)).sum();
    if (c.reverse !== false) collectPrimitives(vn.grad(loss, { argnums }), xs, seen);
    if (c.forward === false) continue;
    const along = (...args: vn.NDArray[]) => {
      const at = argnums.map((i) => args[i]);
      const filled = (parts: readonly vn.NDArray[]) =>
        args.map((x, i) => argnums.includes(i) ? parts[argnums.indexOf(i)] : x);
      return vn.jvp((...parts: vn.NDArray[]) => c.call(...filled(parts)), at, at);
    };
    collectPrimitives(along, xs, seen);
  }
  // A collective is a reduction by the time its function is a jaxpr; its case begins with its name.
  const covered = (p: AnyPrimitive) =>
    seen.has(p.name) ||
    (p.collective !== undefined && cases.some((c) => c.name.startsWith(p.name)));
  const all = [...(await allPrimitives()).values()];
  assertEquals(all.filter((p) => !covered(p)).map((p) => p.name).sort(), []);
});
