/**
 * Node's own modules, where the host has them.
 *
 * @module
 */

/**
 * A module such as `node:fs`, which Deno and Bun have too, found without an import that browsers would refuse; `null` there.
 *
 * The first call loads Node's part of Deno: 10 ms and more.
 *
 * @typeParam M What of the module is used.
 */
export function builtinModule<M>(name: string): M | null {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown };
  };
  return (process?.getBuiltinModule?.(name) ?? null) as M | null;
}
