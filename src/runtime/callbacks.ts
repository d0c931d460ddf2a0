/**
 * How programs call the host: elements in memory become arrays, and what the function gives is written back.
 *
 * The function gets copies, because it may keep its arrays for longer than the program keeps its memory.
 *
 * @module
 */
import type { HostCall } from "../backends/interp/control.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, nbytesOf, type ShapedArray, withWeakType } from "../core/aval.ts";
import type { TypedArray } from "../core/dtype.ts";
import type { HostCallback } from "../core/lowering.ts";
import { onHost } from "../core/placement.ts";
import { withEager } from "../core/trace.ts";
import { InternalError } from "../errors.ts";
import { writeCells } from "./cells.ts";
import { arrayFromTypedArray, ConcreteArray, viewOf } from "./concrete.ts";
import { heap } from "./memory.ts";

/** Calls a function on arrays made of `ins`. */
function call(callback: HostCallback, ins: readonly TypedArray[]): readonly ConcreteArray[] {
  const args = callback.ins.map(({ shape, dtype, weakType }, i) =>
    arrayFromTypedArray(ins[i]!, shape, dtype, weakType)
  );
  const outs = onHost(() => withEager(() => callback.call(args)));
  if (outs.length !== callback.outs.length) {
    throw new InternalError(`${callback.name}: gives ${outs.length} arrays`);
  }
  return outs.map((x, i) => concrete(x, callback.outs[i]!, callback.name));
}

function concrete(x: NDArray, aval: ShapedArray, name: string): ConcreteArray {
  if (!(x instanceof ConcreteArray) || withWeakType(x.aval, aval.weakType) !== aval) {
    throw new InternalError(`${name}: gives ${formatAval(x.aval)}, not ${formatAval(aval)}`);
  }
  return x;
}

/** What a module imports as `env.callback`. */
export function callFromModule(
  callbacks: readonly HostCallback[],
): (id: number, table: number) => void {
  return (id, table) => {
    const callback = callbacks[id]!;
    const address = (k: number) => heap().u32[(table >>> 2) + k]!;
    const count = callback.ins.length;
    const outs = call(callback, callback.ins.map((aval, i) => viewOf(aval, address(i))));
    outs.forEach((x, i) => {
      const to = address(count + i);
      const cells = x.storage!.cells;
      if (cells !== null) return writeCells(cells, x.aval, to);
      const from = x.address();
      heap().u8.copyWithin(to, from, from + nbytesOf(x.aval));
    });
  };
}

/** What the interpreter calls. */
export function callFromInterpreter(callbacks: readonly HostCallback[]): HostCall {
  return (id, ins) => call(callbacks[id]!, ins).map((x) => x.dataSync());
}
