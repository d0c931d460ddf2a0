/**
 * Barriers among steps: what reads a value through one runs after all operands of the barrier are memory.
 *
 * @module
 */
import type { Fusion } from "./fuse.ts";
import type { Value } from "./graph.ts";
import { BarrierNode, type Node } from "./nodes.ts";

/** The barriers of a program, one for each equation that is one. */
export class Barriers {
  private readonly nodes = new Map<number, BarrierNode>();

  /** @param fusion Where steps are put together. */
  constructor(private readonly fusion: Fusion) {}

  /** Lets a step that reads `v` wait at the barriers that lie on the way to its memory. */
  wait(v: Value, node: Node): void {
    for (let x = v;;) {
      if (x.lowered?.kind === "alias") {
        if (x.lowered.barrier) node.deps.add(this.of(x));
        x = x.operands[x.lowered.operand];
      } else if (x.movement) x = x.reads[0];
      else return;
    }
  }

  /** The barrier that `v` is a result of. */
  private of(v: Value): BarrierNode {
    const { fusion } = this;
    let node = this.nodes.get(v.eqn);
    if (node === undefined) {
      node = fusion.add(new BarrierNode(), v);
      this.nodes.set(v.eqn, node);
      for (const x of v.operands) {
        this.wait(x, node);
        const memory = fusion.graph.bottom(x);
        // Constants cost less than their memory.
        if (!memory.isInlined && memory.kind !== "literal") fusion.need(memory, node);
      }
    }
    return node;
  }
}
