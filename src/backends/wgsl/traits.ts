/**
 * What shaders are written for: the facts of an adapter on which generated code depends.
 *
 * @module
 */
import { opaqueZero } from "./literals.ts";

/** Facts of an adapter. Plain data: code for one adapter can be written, read and tested on another. */
export interface AdapterTraits {
  /**
   * Whether shaders run on the processor, as Mesa's llvmpipe does. There a workgroup is one thread that runs its invocations some
   * vector lanes at a time: workgroup memory is a detour and a barrier costs what a kernel does, while registers are few and the
   * processor's caches do what tiles do elsewhere.
   */
  readonly isSoftware: boolean;
  /** Whether shaders may `enable f16`. */
  readonly hasF16: boolean;
  /** Invocations of a workgroup, at most. */
  readonly maxInvocations: number;
  /** Bytes of a workgroup's memory, at most. */
  readonly workgroupBytes: number;
  /** Workgroups along one dimension of a dispatch, at most. */
  readonly maxGroups: number;
  /** Storage buffers of a shader, at most. */
  readonly maxBuffers: number;
  /** Bytes of one binding, at most. */
  readonly maxBindingBytes: number;
}

/** What every adapter of the standard has: WebGPU's default limits and no features. */
export const baselineTraits: AdapterTraits = {
  isSoftware: false,
  hasF16: false,
  maxInvocations: 256,
  workgroupBytes: 16384,
  maxGroups: 65535,
  maxBuffers: 8,
  maxBindingBytes: 2 ** 27,
};

/** Turns of a loop that compilers may be tempted to write out one by one. */
const temptingTurns = 64;

/**
 * The end of a loop that makes so many turns, as text.
 *
 * On the processor the driver's compiler runs when a shader is first used, and takes several times as long over loops that it writes out
 * turn by turn; the code it gets is no faster. There it is not told how many turns there are.
 *
 * @param unit `i` or `u`: the literals' suffix.
 */
export function loopEnd(
  end: number,
  unit: "i" | "u",
  turns: number,
  { isSoftware }: AdapterTraits,
): string {
  const text = `${end}${unit}`;
  if (!isSoftware || turns > temptingTurns) return text;
  return `${text} + ${unit === "i" ? `i32(${opaqueZero})` : opaqueZero}`;
}
