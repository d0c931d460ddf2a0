/**
 * What may import what. Types are erased and may come from anywhere.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Edge, filesUnder, findCycle, runtimeEdges, staticReach } from "./graph.ts";

/** What users call, built on everything below: these may use each other, as long as files form no cycle. */
const userFolders = [
  "filter",
  "lax",
  "numpy",
  "random",
  "nn",
  "optim",
  "segment",
  "debug",
  "internal",
];

const core = ["errors", "tree", "core"];
const tracing = [...core, "loopnest", "ops", "transform", "control"];

/** For each layer, what it may import beside itself. */
const allowed: Record<string, readonly string[]> = {
  errors: [],
  tree: ["errors"],
  core: ["errors", "tree"],
  loopnest: ["errors", "core"],
  ops: [...core, "loopnest"],
  transform: [...core, "ops"],
  control: [...core, "loopnest", "ops", "transform"],
  ...Object.fromEntries(userFolders.map((name) => [name, [...tracing, ...userFolders]])),
  schedule: [...core, "loopnest", "ops", "transform"],
  backends: [...core, "loopnest", "kernels"],
  compile: [...core, "loopnest", "ops", "schedule", "backends"],
  // It fills the slot through which a traced call reaches its device.
  runtime: [...tracing, "schedule", "backends", "compile", "kernels"],
};

/** The layer of a source file: its folder under `src`, or its name where it lies in `src` itself, or `kernels`. */
function layerOf(path: string): string | null {
  return path.match(/^(?:src\/(?=\w)|(?=kernels\/))(\w+)/)?.[1] ?? null;
}

function breaks(edges: readonly Edge[]): string[] {
  return edges.flatMap(({ from, to }) => {
    const [here, there] = [layerOf(from), layerOf(to)];
    if (here === null || here === "kernels" || to.startsWith("node:") || to.startsWith("npm:")) {
      return [];
    }
    const legal = there !== null && (there === here || allowed[here]?.includes(there));
    return legal ? [] : [`${from} imports ${to}`];
  });
}

const sources = await filesUnder("src");
const edges = await runtimeEdges(["mod.ts", ...sources]);

Deno.test("the sources have no cycle of run-time imports", () => {
  assertEquals(findCycle(edges), null);
});

Deno.test("every folder of the sources is a layer with stated imports", () => {
  const layers = new Set(sources.map(layerOf));
  assertEquals([...layers].filter((layer) => layer === null || !(layer in allowed)), []);
});

Deno.test("no layer imports what lies above it", () => {
  assertEquals(breaks(edges), []);
});

Deno.test("no backend imports another", () => {
  const backend = (path: string) => path.match(/^src\/backends\/(\w+)\//)?.[1];
  const crossing = edges.filter(({ from, to }) =>
    backend(from) !== undefined && backend(to) !== undefined && backend(from) !== backend(to)
  );
  assertEquals(crossing, []);
});

Deno.test("loading the package loads no other package", () => {
  const foreign = [...staticReach(edges, "mod.ts")].filter((name) =>
    name !== "mod.ts" && !/^(src\/|kernels\/|node:)/.test(name)
  );
  assertEquals(foreign, []);
});

Deno.test("loading the package loads nothing of WebGPU", () => {
  const loaded = [...staticReach(edges, "mod.ts")].filter((name) =>
    /^src\/(runtime\/webgpu|backends\/wgsl)\//.test(name)
  );
  assertEquals(loaded, []);
});

Deno.test("the checks find what they look for", () => {
  const edge = (from: string, to: string, dynamic = false): Edge => ({ from, to, dynamic });
  assert(findCycle([edge("a", "b"), edge("b", "c"), edge("c", "a")]) !== null);
  assertEquals(findCycle([edge("a", "b"), edge("b", "c"), edge("a", "c")]), null);
  assertEquals(findCycle([edge("a", "b"), edge("b", "a", true)]), null);
  assertEquals(breaks([edge("src/core/a.ts", "src/ops/b.ts")]).length, 1);
  assertEquals(breaks([edge("src/ops/a.ts", "mod.ts")]).length, 1);
  assertEquals(breaks([edge("src/ops/a.ts", "src/core/b.ts")]), []);
  assertEquals([...staticReach([edge("a", "b"), edge("b", "npm:c"), edge("b", "d", true)], "a")], [
    "a",
    "b",
    "npm:c",
  ]);
});
