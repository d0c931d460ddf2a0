/**
 * Which of Equinox's tests stand here, as a page: `deno run -A tests/equinox/parity.ts` writes `docs/equinox-parity.md`.
 *
 * @module
 */
import { filesUnder, root } from "../repo/graph.ts";

/** One test function of Equinox. */
export interface Upstream {
  readonly file: string;
  readonly test: string;
  /** Portable as it is, with an adapted assertion or spelling, or of Python only. */
  readonly kind: "P" | "A" | "N";
  /** What is adapted, or why there is nothing to port. */
  readonly note: string;
}

/** All test functions of Equinox, in its order. */
export async function upstreamTests(): Promise<Upstream[]> {
  const text = await Deno.readTextFile(new URL("tests/equinox/upstream.tsv", root));
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const [file, test, kind, note] = line.split("\t");
    return {
      file,
      test,
      kind: kind as Upstream["kind"],
      note: (note ?? "").replaceAll(/__\w+__/g, "`$&`"),
    };
  });
}

/** Where a test of Equinox is held: a file and what is asserted there, for each test here that carries its name. */
export type Held = ReadonlyMap<string, readonly { readonly path: string; readonly says: string }[]>;

/** The tests of this folder, by the upstream name that their own names open with: `equinox/FILE/TEST: sentence`. */
export async function heldTests(): Promise<Held> {
  const held = new Map<string, { path: string; says: string }[]>();
  for (const path of await filesUnder("tests/equinox")) {
    if (!path.endsWith("_test.ts")) continue;
    const source = await Deno.readTextFile(new URL(path, root));
    for (const [, name, rest] of source.matchAll(/["`]equinox\/([^\s:"`]+): (.*)$/gm)) {
      // What a loop puts into the name is left out.
      const says = rest.replaceAll(/\$\{[^}]*\}/g, "").replace(/["`][^"`]*$/, "").trim();
      held.set(name, [...held.get(name) ?? [], { path, says }]);
    }
  }
  return held;
}

/** What has no test here though it could have: names of the form `FILE/TEST`. */
export function missing(upstream: readonly Upstream[], held: Held): string[] {
  return upstream.filter((t) => t.kind !== "N" && !held.has(`${t.file}/${t.test}`))
    .map((t) => `${t.file}/${t.test}`);
}

const stands = (t: Upstream, held: Held): string => {
  const found = held.get(`${t.file}/${t.test}`);
  if (found === undefined) return t.kind === "N" ? `Python only: ${t.note}` : "**missing**";
  const adapted = t.kind === "A" && t.note !== "" ? ` (adapted: ${t.note})` : "";
  return found.map(({ path, says }) => `[${says}](../${path})`).join("; ") + adapted;
};

/** The page. */
export function page(upstream: readonly Upstream[], held: Held): string {
  const count = (kind: Upstream["kind"]) => upstream.filter((t) => t.kind === kind).length;
  const portable = count("P") + count("A");
  const lines = [
    "# Equinox's tests, one by one",
    "",
    "Written by `deno run -A tests/equinox/parity.ts` from the names of the tests in `tests/equinox/`; not by",
    "hand. A test here is named `equinox/FILE/TEST: what it asserts`.",
    "",
    `Equinox 0.13.8 has ${upstream.length} test functions. ${count("P")} carry over as they are, ${
      count("A")
    } with an adapted assertion or spelling, ${
      count("N")
    } are about Python itself. Of the ${portable} that carry over, ${
      portable - missing(upstream, held).length
    } stand here.`,
  ];
  for (const file of new Set(upstream.map((t) => t.file))) {
    lines.push("", `## ${file}`, "");
    for (const t of upstream) {
      if (t.file === file) lines.push(`- \`${t.test}\`: ${stands(t, held)}`);
    }
  }
  return lines.join("\n") + "\n";
}

if (import.meta.main) {
  const path = new URL("docs/equinox-parity.md", root);
  await Deno.writeTextFile(path, page(await upstreamTests(), await heldTests()));
}
