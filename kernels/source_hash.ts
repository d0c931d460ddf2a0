/**
 * The list of kernel sources and its hash, by which a test tells a stale artefact.
 *
 * @module
 */

/** A kernel source: its path relative to `kernels/`, with `/`, and its text. */
export interface KernelSource {
  readonly path: string;
  readonly text: string;
}

/** Every AssemblyScript source: `index.ts` and all `.ts` files in folders other than `build/`. */
export async function kernelSources(root: URL): Promise<KernelSource[]> {
  const sources: KernelSource[] = [];
  async function walk(prefix: string): Promise<void> {
    for await (const entry of Deno.readDir(new URL(prefix, root))) {
      const path = prefix + entry.name;
      if (entry.isDirectory && path !== "build") await walk(path + "/");
      const isSource = path === "index.ts" || (prefix !== "" && path.endsWith(".ts"));
      if (entry.isFile && isSource) {
        sources.push({ path, text: await Deno.readTextFile(new URL(path, root)) });
      }
    }
  }
  await walk("");
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** SHA-256, in hexadecimal, over the paths and texts of the sources. */
export async function hashSources(sources: readonly KernelSource[]): Promise<string> {
  const text = sources.map((s) => `${s.path}\0${s.text}\0`).join("");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
