/**
 * All primitives that there are, and which of them a function uses.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { AnyPrimitive } from "../../src/core/primitive.ts";

/** The folders in which primitives are defined. */
const homes = ["ops", "control"];

/** Every exported primitive by name. */
export async function allPrimitives(): Promise<Map<string, AnyPrimitive>> {
  const found = new Map<string, AnyPrimitive>();
  for (const home of homes) {
    const folder = new URL(`../../src/${home}/`, import.meta.url);
    for (const { name } of Deno.readDirSync(folder)) {
      if (!name.endsWith(".ts")) continue;
      for (const value of Object.values(await import(new URL(name, folder).href))) {
        if (typeof value !== "object" || value === null || !("abstractEval" in value)) continue;
        const primitive = value as AnyPrimitive;
        found.set(primitive.name, primitive);
      }
    }
  }
  return found;
}

/** Adds the names of the primitives in a function's jaxpr, inner jaxprs included. */
export function collectPrimitives(
  fn: (...xs: vn.NDArray[]) => unknown,
  xs: readonly vn.NDArray[],
  into: Set<string>,
): void {
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("eqns" in value) {
      for (const eqn of (value as vn.Jaxpr).eqns) {
        into.add(eqn.primitive.name);
        Object.values(eqn.params ?? {}).forEach(walk);
      }
    } else if ("jaxpr" in value) walk(value.jaxpr);
    else if (Array.isArray(value)) value.forEach(walk);
  };
  walk(vn.makeJaxpr(fn)(...xs));
}
