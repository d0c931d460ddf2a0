/**
 * Compiled programs divided among the devices of a mesh: partitioned and compiled once for each way in which inputs come split.
 *
 * @module
 */
import type { CompileOptions, InsertedCollective, Partitioned } from "../control/jit_call.ts";
import { simplifyJaxpr } from "../compile/pipeline.ts";
import { nbytesOf } from "../core/aval.ts";
import { type ClosedJaxpr, type Jaxpr, primitiveOf } from "../core/jaxpr.ts";
import { NotPartitioned } from "../core/partition.ts";
import type { Mesh } from "../core/sharding.ts";
import { type MaybeSplit, shardingOfSplit } from "../core/split.ts";
import { timed } from "../core/spans.ts";
import type { SpmdProgram } from "../core/spmd.ts";
import { partitionJaxpr } from "../transform/partition.ts";
import { compileSpmd, type SpmdExecutable } from "./spmd/compile.ts";

/** How the inputs and results of a program lie over a mesh. */
export interface Layout {
  readonly mesh: Mesh;
  readonly ins: readonly MaybeSplit[];
  readonly outs: readonly MaybeSplit[];
}

/** How many layouts of one program are kept. */
const KEPT = 16;

function keyOf({ mesh, ins }: Layout): string {
  return `${mesh}|${
    ins.map((split) => split === null ? "" : JSON.stringify(split.axes)).join("|")
  }`;
}

/**
 * The program that each device runs.
 *
 * @throws {NotPartitioned} Where the program can only run as one.
 */
export function divide(closed: ClosedJaxpr, { mesh, ins, outs }: Layout): SpmdProgram {
  const { closed: simplified } = simplifyJaxpr(closed);
  const divided = partitionJaxpr(simplified, mesh, ins, outs);
  const specOf = (split: MaybeSplit) => shardingOfSplit(split, mesh).spec;
  // What was weakly typed stays so: simplifying forgets it.
  return { mesh, closed: divided, inSpecs: ins.map(specOf), outSpecs: outs.map(specOf) };
}

/** A program's forms for several devices. */
export class PartitionedPrograms {
  readonly #closed: ClosedJaxpr;
  readonly #options: CompileOptions;
  readonly #made = new Map<string, SpmdExecutable | null>();

  /** @param closed The whole program. */
  constructor(closed: ClosedJaxpr, options: CompileOptions) {
    this.#closed = closed;
    this.#options = options;
  }

  /** What runs on inputs that lie so; `null` where the program runs as one, whole. */
  get(layout: Layout): SpmdExecutable | null {
    const key = keyOf(layout);
    let found = this.#made.get(key);
    if (found !== undefined) return found;
    try {
      found = this.#compile(layout);
    } catch (error) {
      if (!(error instanceof NotPartitioned)) throw error;
      found = null;
    }
    if (this.#made.size === KEPT) this.#made.delete(this.#made.keys().next().value!);
    this.#made.set(key, found);
    return found;
  }

  #compile(layout: Layout): SpmdExecutable {
    const { name, donated, label = name, why } = this.#options;
    return timed(
      "compile",
      label,
      () =>
        compileSpmd(divide(this.#closed, layout), {
          name,
          ...(donated === undefined ? {} : { donated }),
        }),
      () => ({
        details: {
          why: why?.() ?? "called by a transformation, or by another compiled function",
          from: "the partitioner",
        },
      }),
    );
  }
}

/** How often an equation runs in a call: as often as the loops around it, where that is known. */
function collectivesIn(jaxpr: Jaxpr, mesh: Mesh, times: number | null): InsertedCollective[] {
  const makers = new Map<unknown, string>();
  const found: InsertedCollective[] = [];
  for (const eqn of jaxpr.eqns) {
    const { name, collective, onParts } = primitiveOf(eqn);
    // What only moves elements is not what they come from.
    const [source] = eqn.invars;
    const moves = onParts === "each" && eqn.invars.length === 1 &&
      source.aval.size === eqn.outvars[0].aval.size;
    for (const v of eqn.outvars) makers.set(v, moves ? makers.get(source) ?? name : name);
    if (collective !== undefined && name !== "axis_index") {
      const axis = String(collective.axisName(eqn.params));
      found.push({
        kind: name,
        axis,
        devices: mesh.sizeOf(axis),
        of: makers.get(eqn.invars[0]) ?? "an input",
        shape: eqn.invars[0].aval.shape,
        dtype: eqn.invars[0].aval.dtype,
        bytes: nbytesOf(eqn.invars[0].aval),
        times,
      });
    }
    const { length } = eqn.params as { length?: unknown };
    const inner = name === "scan" && times !== null
      ? times * Number(length)
      : name === "while"
      ? null
      : times;
    for (const value of Object.values(eqn.params).flat()) {
      if (typeof value === "object" && value !== null && "jaxpr" in value && "inAvals" in value) {
        found.push(...collectivesIn((value as ClosedJaxpr).jaxpr, mesh, inner));
      }
    }
  }
  return found;
}

/** What is told of a program that runs as one. */
export function runsWhole(closed: ClosedJaxpr, reason: string): Partitioned {
  return {
    mesh: null,
    reason,
    collectives: [],
    jaxpr: () => String(closed),
    toString: () => `runs as one program: ${reason}`,
  };
}

/** What is told of a program for several devices. */
export function partitionedText(program: SpmdProgram): Partitioned {
  const { mesh } = program;
  const simplified = simplifyJaxpr(program.closed).closed;
  const collectives = collectivesIn(simplified.jaxpr, mesh, 1);
  const line = (c: InsertedCollective): string => {
    const often = c.times === null
      ? ", in every step of a loop"
      : c.times === 1
      ? ""
      : `, ${c.times} times`;
    return `${c.kind} over ${
      JSON.stringify(c.axis)
    } (${c.devices} devices) of ${c.dtype}[${c.shape}], ${c.bytes} bytes each${often}: of what ${c.of} gives`;
  };
  return {
    mesh,
    reason: null,
    collectives,
    jaxpr: () => String(simplified),
    toString: () =>
      [
        `${mesh}`,
        `in: ${program.inSpecs.join(", ")}`,
        `out: ${program.outSpecs.join(", ")}`,
        ...(collectives.length === 0 ? ["no collectives"] : collectives.map(line)),
      ].join("\n"),
  };
}
