/**
 * Which loops may be divided among threads, and what each thread then needs of its own.
 *
 * @module
 */
import type { BufferDecl } from "../../loopnest/ir.ts";
import type { Graph, Node } from "./nodes.ts";
import type { LoopPlan, Planned } from "./plan.ts";

/** More bytes than this are not laid out once for each thread. */
const mostPrivateBytes = 1 << 22;

/** A use of memory. */
interface Access {
  readonly buffer: number;
  readonly index: Node;
  /** The level of the code that makes it. */
  readonly level: number;
  readonly isStore: boolean;
}

/**
 * The buffers that are scratch of one iteration of a loop, hence each thread's own where threads share it; `null` where the loop has to run in
 * order.
 *
 * @param nest The statements of the whole nest.
 */
export function buffersOfIteration(
  loop: LoopPlan,
  nest: readonly Planned[],
  graph: Graph,
  buffers: readonly BufferDecl[],
): readonly number[] | null {
  if (loop.isOfOwners) return [];
  const inside = accessesOf(loop.body, null);
  if (!loop.independent) {
    // Terms may be combined in any grouping, and nothing else leaves an iteration.
    return inside.some((access) => access.isStore) ? null : [];
  }
  const written = new Map<number, Access[]>();
  for (const access of inside) if (access.isStore) written.set(graph.placeOf(access.buffer), []);
  for (const access of inside) written.get(graph.placeOf(access.buffer))?.push(access);
  const privates = new Set<number>();
  let outside: readonly Access[] | null = null;
  for (const [place, accesses] of written) {
    const varies = ({ index }: Access) => (index.mask >> loop.level & 1) === 1;
    if (accesses.every((access) => !access.isStore || varies(access))) continue;
    const isScratch = accesses.every(({ buffer, index, level }) =>
      buffers[buffer]!.role === "temp" && level >= loop.level && isFixed(index, loop)
    );
    outside ??= accessesOf(nest, loop);
    if (!isScratch || outside.some(({ buffer }) => graph.placeOf(buffer) === place)) return null;
    for (const { buffer } of accesses) privates.add(buffer);
  }
  return [...privates];
}

/** Whether buffers fit into each thread's own memory. */
export function fitPrivately(bytes: number): boolean {
  return bytes <= mostPrivateBytes;
}

/** Whether an index is the same in each iteration: made of constants and the variables of other loops. */
function isFixed(index: Node, loop: LoopPlan): boolean {
  if (index.kind === "var") return index.range !== null && index.level !== loop.level;
  return index.kind !== "load" && index.args.every((x) => isFixed(x, loop));
}

/** All uses of memory in statements, but for those in one loop. */
function accessesOf(body: readonly Planned[], but: LoopPlan | null): Access[] {
  const accesses: Access[] = [];
  const seen = new Set<Node>();
  const read = (node: Node | null): void => {
    if (node === null || seen.has(node)) return;
    seen.add(node);
    if (node.kind === "load") {
      const { buffer, level } = node;
      accesses.push({ buffer, index: node.args[0]!, level, isStore: false });
    }
    node.args.forEach(read);
  };
  const visit = (body: readonly Planned[], level: number): void => {
    for (const stmt of body) {
      switch (stmt.kind) {
        case "for":
          if (stmt !== but) visit(stmt.body, stmt.level);
          break;
        case "force":
          read(stmt.node);
          break;
        case "store":
          accesses.push({ buffer: stmt.buffer, index: stmt.index, level, isStore: true });
          for (const node of [stmt.index, stmt.value, stmt.guard]) read(node);
          break;
        case "accumulate":
          read(stmt.value);
          break;
        case "argAccumulate":
          read(stmt.value);
          read(stmt.position);
          break;
        case "accumulator":
        case "argAccumulator":
          break;
        default: {
          const never: never = stmt;
          return never;
        }
      }
    }
  };
  visit(body, Infinity);
  return accesses;
}
