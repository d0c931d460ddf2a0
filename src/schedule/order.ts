/**
 * The order of steps: dependencies first, otherwise as in the jaxpr.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { Node } from "./nodes.ts";

/** Sorts steps so that each comes after what it waits for; of those that may run, the one that belongs first. */
export function orderSteps(nodes: readonly Node[]): Node[] {
  const waiting = new Map<Node, number>();
  const readers = new Map<Node, Node[]>();
  const heap = new Heap();
  for (const node of nodes) {
    waiting.set(node, node.deps.size);
    if (node.deps.size === 0) heap.push(node);
    for (const dep of node.deps) {
      const list = readers.get(dep);
      if (list === undefined) readers.set(dep, [node]);
      else list.push(node);
    }
  }
  const order: Node[] = [];
  for (let node = heap.pop(); node !== undefined; node = heap.pop()) {
    order.push(node);
    for (const reader of readers.get(node) ?? []) {
      const left = waiting.get(reader)! - 1;
      waiting.set(reader, left);
      if (left === 0) heap.push(reader);
    }
  }
  if (order.length !== nodes.length) throw new InternalError("schedule: the steps form a cycle");
  return order;
}

/**
 * Lets effects keep their order, and loops, branches and calls of the host wait for the effects before them: a check that fails keeps a
 * loop from running for ever. Steps are added from the last to the first, each before anything is known of what it waits for.
 */
export class EffectOrder {
  /** Those that come after an effect not met yet. */
  private later: Node[] = [];

  add(node: Node, hasEffect: boolean): void {
    if (hasEffect) {
      for (const step of this.later) step.deps.add(node);
      this.later = [];
    }
    this.later.push(node);
  }
}

/** A binary heap of steps by their place in the jaxpr. */
class Heap {
  private readonly items: Node[] = [];

  push(node: Node): void {
    const { items } = this;
    let k = items.length;
    items.push(node);
    while (k > 0) {
      const up = (k - 1) >> 1;
      if (!comesBefore(node, items[up])) break;
      items[k] = items[up];
      k = up;
    }
    items[k] = node;
  }

  pop(): Node | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let k = 0;
    while (true) {
      let child = 2 * k + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && comesBefore(items[child + 1], items[child])) child++;
      if (!comesBefore(items[child], last)) break;
      items[k] = items[child];
      k = child;
    }
    items[k] = last;
    return top;
  }
}

function comesBefore(a: Node, b: Node): boolean {
  return a.order < b.order || (a.order === b.order && a.id < b.id);
}
