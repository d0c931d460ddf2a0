/**
 * Named axes: which `vmap`s are in force, by name, so that collectives find theirs.
 *
 * @module
 */
import { AxisNameError } from "../errors.ts";

/** The name of a mapped axis: a string, number or symbol. */
export type AxisName = string | number | symbol;

const bound: { readonly name: AxisName; readonly size: number }[] = [];

/** Runs `fn` with an axis name bound. Inner bindings of the same name hide outer ones. */
export function withAxis<T>(name: AxisName, size: number, fn: () => T): T {
  bound.push({ name, size });
  try {
    return fn();
  } finally {
    bound.pop();
  }
}

/** The size of the innermost axis of a name. */
export function axisSizeOf(name: AxisName, where: string): number {
  for (let i = bound.length - 1; i >= 0; i--) {
    if (bound[i].name === name) return bound[i].size;
  }
  const known = bound.length === 0
    ? "none is bound"
    : `bound: ${bound.map((b) => String(b.name)).join(", ")}`;
  throw new AxisNameError(
    `${where}: found an unbound axis name: ${
      String(name)
    } (${known}); it must be the axisName of an enclosing vmap or filterVmap`,
  );
}

const nameIds: Map<AxisName, number> = new Map();

/** A text that tells which axes are bound, and of which size: functions traced under different ones differ. */
export function axisEnvKey(): string {
  let key = "";
  for (const { name, size } of bound) {
    let id = nameIds.get(name);
    if (id === undefined) nameIds.set(name, id = nameIds.size);
    key += `${id}:${size};`;
  }
  return key;
}
