/**
 * Runs plans: works out the addresses of a call, writes the tables, and calls one code after the other.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import { nbytesOf, type ShapedArray } from "../../core/aval.ts";
import { readCells, writeCells } from "../cells.ts";
import {
  ConcreteArray,
  donationTo,
  emptyArray,
  fromCells,
  MAX_CELLS,
  type Removal,
} from "../concrete.ts";
import { heap } from "../memory.ts";
import {
  beginCall,
  endCall,
  freeStorage,
  giveScratch,
  ledger,
  type Owner,
  type Storage,
  takeScratch,
  touch,
} from "../storage.ts";
import { holdForThreads } from "../hold.ts";
import { devicePool } from "../threads.ts";
import { type Carry, type Node, type Place, type Plan, SCRATCH, TABLES } from "./nodes.ts";

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** A plan that can be called. */
export class Runner {
  readonly #plan: Plan;
  readonly #name: string;
  readonly #owner: Owner;
  readonly #removal: Removal;
  /** Where inputs and outputs of few elements are, after the values; 0 for others. */
  readonly #inputSlots: readonly number[];
  readonly #outputSlots: readonly number[];
  /** Bytes of the block that a call takes. */
  readonly blockBytes: number;
  readonly #tablesFrom: number;
  readonly #scratchFrom: number;

  /** @param name What to call the program in messages. */
  constructor(plan: Plan, name: string) {
    this.#plan = plan;
    this.#name = name;
    this.#owner = ledger().ownerOf(name);
    this.#removal = donationTo({ name });
    let bytes = Math.max(64, align(plan.valueBytes));
    const slotOf = (aval: ShapedArray): number => {
      if (aval.size > MAX_CELLS) return 0;
      const slot = bytes;
      bytes += align(Math.max(16, nbytesOf(aval)));
      return slot;
    };
    this.#inputSlots = plan.inAvals.map(slotOf);
    this.#outputSlots = plan.outAvals.map(slotOf);
    this.#tablesFrom = bytes;
    this.#scratchFrom = bytes + align(plan.tableBytes);
    this.blockBytes = this.#scratchFrom + plan.scratchBytes;
  }

  /**
   * Runs the plan.
   *
   * @param donated Which inputs are deleted.
   */
  run(inputs: readonly ConcreteArray[], donated: readonly boolean[]): ConcreteArray[] {
    const plan = this.#plan;
    const state = ledger();
    const previousOwner = state.owner;
    state.owner = this.#owner;
    const outs: (ConcreteArray | null)[] = [];
    let pinned: readonly Storage[] = [];
    let block: ReturnType<typeof takeScratch> | null = null;
    beginCall();
    try {
      for (const x of inputs) {
        const storage = x.live();
        if (storage.address !== 0) touch(storage);
        else if (x.aval.size > MAX_CELLS) x.address();
      }
      for (const x of plan.consts) (x as ConcreteArray).address();
      if (donated.includes(true)) markShared(inputs);
      plan.outAvals.forEach((aval, o) => {
        const isElsewhere = this.#outputSlots[o] > 0 || this.#takesOver(o, inputs, donated);
        outs.push(isElsewhere ? null : emptyArray(aval));
      });
      block = takeScratch(this.blockBytes, `values of ${this.#name}`);
      const bases = this.#bases(block.address, inputs, outs);
      if (plan.callsHost) pinned = pin(inputs);
      const pool = plan.sharedCost > 0 ? devicePool() : null;
      try {
        if (pool === null || pool.isComplete) execute(plan.nodes, bases);
        else pool.grow(plan.sharedCost, () => execute(plan.nodes, bases));
      } catch (error) {
        const arrays = [...inputs, ...outs, ...plan.consts as readonly ConcreteArray[]];
        holdForThreads([block], arrays);
        for (const out of outs) out?.delete();
        // Half of their elements may be the new ones.
        if (!plan.callsHost) this.#release(inputs, donated);
        throw error;
      }
      const from = block.address;
      const results = outs.map((x, i) => {
        if (x !== null) return x;
        if (plan.donors[i] >= 0) return this.#handOver(inputs[plan.donors[i]], plan.outAvals[i]);
        return fromCells(
          plan.outAvals[i],
          readCells(plan.outAvals[i], from + this.#outputSlots[i]),
        );
      });
      this.#release(inputs, donated);
      return results;
    } finally {
      endCall();
      for (const storage of pinned) if (--storage.handles === 0) freeStorage(storage, null);
      state.owner = previousOwner;
      if (block !== null) giveScratch(block);
    }
  }

  /** Whether an output takes an input's memory over: that has to be its alone. */
  #takesOver(
    output: number,
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[],
  ): boolean {
    const donor = this.#plan.donors[output];
    if (donor < 0 || !donated[donor]) return false;
    const storage = inputs[donor].storage!;
    // What calls the host may end there, and then nothing is to be lost.
    return !this.#plan.callsHost && storage.handles === 1 && storage.mark >= 0;
  }

  /** An output in the memory of a donated input. */
  #handOver(x: ConcreteArray, aval: ShapedArray): ConcreteArray {
    const storage = x.storage!;
    storage.cells = null; // they are the old elements
    storage.lease!.aval = aval;
    const out = new ConcreteArray(aval, storage, x.guard);
    x.forget(this.#removal);
    return out;
  }

  #release(inputs: readonly ConcreteArray[], donated: readonly boolean[]): void {
    for (let i = 0; i < inputs.length; i++) if (donated[i]) inputs[i].release(this.#removal);
  }

  /** The address of each region, as far as it stays where it is. */
  #bases(
    block: number,
    inputs: readonly ConcreteArray[],
    outs: readonly (ConcreteArray | null)[],
  ): Float64Array {
    const { regions, consts, firstInput, firstOutput, constRegions } = this.#plan;
    const bases = new Float64Array(regions);
    for (const { region, at } of this.#plan.values) bases[region] = block + at;
    bases[TABLES] = block + this.#tablesFrom;
    bases[SCRATCH] = block + this.#scratchFrom;
    consts.forEach((x, i) => bases[constRegions[i]] = (x as ConcreteArray).address());
    inputs.forEach((x, i) => {
      const { address, cells } = x.storage!;
      if (address !== 0) {
        bases[firstInput + i] = address;
        return;
      }
      const slot = block + this.#inputSlots[i];
      writeCells(cells!, x.aval, slot);
      bases[firstInput + i] = slot;
    });
    outs.forEach((x, o) => {
      const donor = this.#plan.donors[o];
      if (donor < 0) {
        bases[firstOutput + o] = x === null ? block + this.#outputSlots[o] : x.storage!.address;
        return;
      }
      if (x !== null) {
        // The donor's memory is not ours to overwrite: the program works on a copy.
        const [from, to] = [bases[firstInput + donor], x.storage!.address];
        heap().u8.copyWithin(to, from, from + nbytesOf(x.aval));
        bases[firstInput + donor] = to;
      }
      bases[firstOutput + o] = bases[firstInput + donor];
    });
    return bases;
  }
}

/** Marks storages that occur twice among the inputs with -1: they are not overwritten. */
function markShared(inputs: readonly ConcreteArray[]): void {
  for (const x of inputs) x.storage!.mark = 0;
  for (const x of inputs) x.storage!.mark = x.storage!.mark === 0 ? 1 : -1;
}

/** Keeps the elements of inputs in place though the host should delete the arrays during the call. */
function pin(inputs: readonly NDArray[]): Storage[] {
  return inputs.map((x) => {
    const storage = (x as ConcreteArray).storage!;
    storage.handles++;
    return storage;
  });
}

function addressOf({ region, offsets }: Place, device: number, bases: Float64Array): number {
  return bases[region] + offsets[device];
}

/** Runs nodes, one after the other. */
function execute(nodes: readonly Node[], bases: Float64Array): void {
  for (const node of nodes) {
    switch (node.kind) {
      case "run": {
        const { code, units, regions, offsets, tables } = node;
        const { i32 } = heap(); // anew each time: what the host is called for may allocate
        const first = bases[TABLES] + tables;
        const list = first >>> 2;
        // The list of tables comes before them; a single one needs none.
        const words = units === 1 ? list : list + units;
        for (let i = 0; i < regions.length; i++) i32[words + i] = bases[regions[i]] + offsets[i];
        if (units > 1) {
          const width = regions.length / units;
          for (let i = 0; i < units; i++) i32[list + i] = 4 * (words + i * width);
        }
        code.run(first);
        break;
      }
      case "copy":
        for (const device of node.devices) {
          const from = addressOf(node.from, device, bases);
          const to = addressOf(node.to, device, bases);
          if (from !== to) heap().u8.copyWithin(to, from, from + node.bytes);
        }
        break;
      case "scan": {
        const { length, reverse, carry, slices, body } = node;
        begin(carry, bases);
        for (let i = 0; i < length; i++) {
          const at = reverse ? length - 1 - i : i;
          for (const { region, of, stride } of slices) bases[region] = bases[of] + at * stride;
          execute(body, bases);
          turn(carry, bases);
        }
        execute(carry.last, bases);
        break;
      }
      case "while": {
        const { carry, condition, predicate, body } = node;
        begin(carry, bases);
        for (;;) {
          execute(condition, bases);
          if (heap().u8[addressOf(predicate, 0, bases)] === 0) break;
          execute(body, bases);
          turn(carry, bases);
        }
        execute(carry.last, bases);
        break;
      }
      case "cond": {
        const chosen = heap().i32[addressOf(node.index, 0, bases) / 4];
        const { branches } = node;
        execute(branches[Math.min(Math.max(chosen, 0), branches.length - 1)], bases);
        break;
      }
      default: {
        const never: never = node;
        return never;
      }
    }
  }
}

function begin({ before, after, homes, first }: Carry, bases: Float64Array): void {
  bases[before] = bases[homes[0]];
  bases[after] = bases[homes[1]];
  execute(first, bases);
}

function turn({ before, after }: Carry, bases: Float64Array): void {
  const next = bases[after];
  bases[after] = bases[before];
  bases[before] = next;
}
