/**
 * Variables of the environment.
 *
 * @module
 */

/** A variable's value, where it is set and the environment may be read without a question to the user. */
export function environmentVariable(variable: string): string | undefined {
  const host = globalThis as {
    Deno?: {
      permissions: { querySync(what: object): { readonly state: string } };
      env: { get(name: string): string | undefined };
    };
    process?: { env?: Record<string, string | undefined> };
  };
  const { Deno } = host;
  // Not even looked at under Deno, which loads Node's part for it: 10 ms and more.
  const value = Deno === undefined
    ? host.process?.env?.[variable]
    : Deno.permissions.querySync({ name: "env", variable }).state === "granted"
    ? Deno.env.get(variable)
    : undefined;
  return value === "" ? undefined : value;
}
