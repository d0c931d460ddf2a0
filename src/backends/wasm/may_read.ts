/**
 * Whether a file may be read, found out without a question to the user, and whether it is there.
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

/**
 * Whether a module that may be read is missing: a bundle of one file has no others beside it. What `deno compile` makes holds
 * its modules elsewhere, and is believed to have them.
 */
export function isMissing(url: URL): boolean {
  const { Deno } = globalThis as {
    Deno?: {
      build: { readonly standalone?: boolean };
      errors: { NotFound: new () => Error };
      statSync(path: URL): unknown;
    };
  };
  if (Deno === undefined || url.protocol !== "file:" || Deno.build.standalone === true) {
    return false;
  }
  try {
    Deno.statSync(url);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
