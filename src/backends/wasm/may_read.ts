/**
 * Whether a file may be read, found out without a question to the user.
 *
 * @module
 */

/** Whether a module or file may be read from there. Runtimes without permissions permit it. */
export function mayRead(url: URL): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions: { querySync(what: object): { readonly state: string } } };
  };
  if (Deno === undefined || url.protocol !== "file:") return true;
  return Deno.permissions.querySync({ name: "read", path: url }).state === "granted";
}
