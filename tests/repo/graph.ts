/**
 * The module graph of the sources, as `deno info` sees it.
 *
 * @module
 */

/** The repository's root. */
export const root: URL = new URL("../../", import.meta.url);

/** Every TypeScript file under a folder of the repository, as paths from its root. */
export async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    for await (const entry of Deno.readDir(new URL(path, root))) {
      if (entry.isDirectory) await walk(`${path}${entry.name}/`);
      else if (entry.name.endsWith(".ts")) found.push(path + entry.name);
    }
  };
  await walk(`${folder}/`);
  return found.sort();
}

/** One import that exists at run time (types are erased, and do not count). */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** Whether it is an `import()`, which is not loaded with the importer. */
  readonly dynamic: boolean;
}

interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string; readonly error?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

/** Every import among the given files and what they reach; paths from the root, other modules by specifier. */
export async function runtimeEdges(files: readonly string[]): Promise<Edge[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.map((file) => `import "${new URL(file, root).href}";`);
    await Deno.writeTextFile(entry, lines.join("\n"));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", new URL("deno.json", root).pathname, entry],
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr));
    const info = JSON.parse(decoder.decode(stdout)) as Info;
    const name = (specifier: string): string =>
      specifier.startsWith(root.href) ? specifier.slice(root.href.length) : specifier;
    const broken = info.modules.find((module) => module.error !== undefined);
    if (broken !== undefined) throw new Error(`${name(broken.specifier)}: ${broken.error}`);
    return info.modules
      .filter((module) => module.specifier.startsWith(root.href))
      .flatMap((module) =>
        (module.dependencies ?? []).flatMap(({ code, isDynamic }) =>
          code?.specifier === undefined ? [] : [{
            from: name(module.specifier),
            to: name(code.specifier),
            dynamic: isDynamic === true,
          }]
        )
      );
  } finally {
    await Deno.remove(entry);
  }
}

/** What is loaded together with a file: everything that static imports reach. */
export function staticReach(edges: readonly Edge[], start: string): Set<string> {
  const reached = new Set([start]);
  for (const file of reached) {
    for (const edge of edges) if (edge.from === file && !edge.dynamic) reached.add(edge.to);
  }
  return reached;
}

/** A cycle of static imports, as the files along it; null where there is none. */
export function findCycle(edges: readonly Edge[]): string[] | null {
  const next = new Map<string, string[]>();
  for (const { from, to, dynamic } of edges) {
    if (!dynamic) next.set(from, [...next.get(from) ?? [], to]);
  }
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (done.has(file)) return null;
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    path.push(file);
    for (const to of next.get(file) ?? []) {
      const cycle = visit(to);
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}
