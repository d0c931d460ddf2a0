/**
 * Where things are kept from one run to the next, that can be made again.
 *
 * @module
 */
import { environmentVariable } from "./environment.ts";

/**
 * The folder that `VERNAL_CACHE_DIR` names, else one in the user's folder for caches; it need not exist. `null` outside of Deno,
 * where `VERNAL_CACHE` is `off`, and where files may not be read and written there without a question.
 */
export function cacheFolder(): string | null {
  const { Deno } = globalThis as { Deno?: typeof globalThis.Deno };
  if (Deno === undefined || environmentVariable("VERNAL_CACHE") === "off") return null;
  const folder = environmentVariable("VERNAL_CACHE_DIR") ?? cachesOfUser(Deno.build.os);
  if (folder === null) return null;
  const isPermitted = (name: "read" | "write") =>
    Deno.permissions.querySync({ name, path: folder }).state === "granted";
  return isPermitted("read") && isPermitted("write") ? folder : null;
}

/** Where this system keeps what can be made again. */
function cachesOfUser(os: string): string | null {
  const inside = (variable: string, path: string): string | null => {
    const folder = environmentVariable(variable);
    return folder === undefined ? null : `${folder}/${path}`;
  };
  if (os === "windows") return inside("LOCALAPPDATA", "vernal/cache");
  if (os === "darwin") return inside("HOME", "Library/Caches/vernal");
  return inside("XDG_CACHE_HOME", "vernal") ?? inside("HOME", ".cache/vernal");
}
