/**
 * Nests that use more buffers than an adapter binds at once: some of their buffers are laid into one.
 *
 * What such a nest reads is copied into it before, what it writes is copied out of it after. The smallest buffers are taken, as
 * few as do, those of one element type together. Buffers that several invocations may add to stay by themselves.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { CompileError } from "../../errors.ts";
import { binary, index } from "../../loopnest/expr.ts";
import type { Nest } from "../../loopnest/ir.ts";
import type { NestContext } from "./nest.ts";
import { accessesOf, relocate } from "./rewrite.ts";
import { deviceBytes, elementType } from "./types.ts";

/** A buffer's stretch within another one, in bytes. */
export interface PackedBuffer {
  readonly buffer: number;
  readonly pack: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A nest that binds few enough buffers, and what is copied around it. */
export interface PackedNest {
  readonly nest: Nest;
  /** To be copied into packs before. */
  readonly ins: readonly PackedBuffer[];
  /** To be copied out of packs after. */
  readonly outs: readonly PackedBuffer[];
}

/** Buffers begin at multiples of this many bytes, so that loads of several elements find them as they find others. */
const alignment = 256;

/** Where a buffer lies: in which pack, and at which of its bytes. */
interface Place {
  readonly pack: number;
  readonly offset: number;
}

/** Packs of some buffers, by element type, none larger than what is bound at once. */
function arrange(
  members: readonly number[],
  { dtypeOf, sizeOf, traits }: NestContext,
): {
  readonly places: ReadonlyMap<number, Place>;
  readonly packs: { dtype: DType; bytes: number }[];
} {
  const packs: { dtype: DType; bytes: number }[] = [];
  const places = new Map<number, Place>();
  for (const id of members) {
    const dtype = dtypeOf(id);
    const bytes = Math.ceil(sizeOf(id) * deviceBytes(dtype, traits) / alignment) * alignment;
    let pack = packs.findIndex((p) =>
      elementType(p.dtype) === elementType(dtype) && p.bytes + bytes <= traits.maxBindingBytes
    );
    if (pack < 0) pack = packs.push({ dtype, bytes: 0 }) - 1;
    places.set(id, { pack, offset: packs[pack].bytes });
    packs[pack].bytes += bytes;
  }
  return { places, packs };
}

/** Packs buffers of a nest until it binds no more than the adapter can.
 *
 * @param local Buffers that are in a workgroup's memory, and not bound.
 * @param newBuffer Makes a temporary.
 * @throws {CompileError} Where that cannot be had, because the buffers are too large to be laid together.
 */
export function packed(
  nest: Nest,
  local: ReadonlyMap<number, unknown>,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
): PackedNest {
  const { traits } = context;
  const { maxBuffers } = traits;
  const { loads, stores, combines } = accessesOf(nest.body);
  const canonical = (ids: Iterable<number>) => new Set([...ids].map((id) => context.canonical(id)));
  const used = canonical([...loads, ...stores].filter((id) => !local.has(id)));
  if (used.size <= maxBuffers) return { nest, ins: [], outs: [] };
  const alone = canonical(combines);
  const bytesOf = (id: number): number =>
    context.sizeOf(id) * deviceBytes(context.dtypeOf(id), traits);
  const smallest = [...used].filter((id) => !alone.has(id)).sort((a, b) => bytesOf(a) - bytesOf(b));
  for (let count = 2; count <= smallest.length; count++) {
    const { places, packs } = arrange(smallest.slice(0, count), context);
    if (used.size - count + packs.length > maxBuffers) continue;
    const ids = packs.map(({ dtype, bytes }) =>
      newBuffer(dtype, bytes / deviceBytes(dtype, traits))
    );
    const body = relocate(nest.body, (buffer, at) => {
      const place = places.get(context.canonical(buffer));
      if (place === undefined) return { buffer, index: at };
      const elements = place.offset / deviceBytes(context.dtypeOf(buffer), traits);
      return {
        buffer: ids[place.pack],
        index: elements === 0 ? at : binary("add", at, index(elements)),
      };
    });
    const members = [...places].flatMap(([buffer, { pack, offset }]): PackedBuffer[] => {
      const bytes = bytesOf(buffer);
      return bytes === 0 ? [] : [{ buffer, pack: ids[pack], offset, bytes }];
    });
    const written = canonical(stores);
    return {
      nest: { ...nest, body },
      ins: members, // what is written too: it need not be written whole
      outs: members.filter(({ buffer }) => written.has(buffer)),
    };
  }
  throw new CompileError(
    `${nest.name}: uses ${used.size} arrays at once, of which the WebGPU device binds ${maxBuffers}, and they are too large to be laid ` +
      "together; run this on the CPU, or compute it in parts",
  );
}
