/**
 * Keeps memory that threads may still write to from being handed out again.
 *
 * A thread that does not come out of a job is given up: the call throws, and what it was to make is freed. The thread, if it goes on one day,
 * writes there all the same.
 *
 * @module
 */
import type { Block } from "./allocator.ts";
import type { ConcreteArray } from "./concrete.ts";
import { heap } from "./memory.ts";
import { existingThreadPool } from "./threads.ts";

/**
 * To be called when a call has thrown: sees to it that no thread works for it any more, and where some cannot be stopped, holds what the call
 * used until they are gone. What they read is held too: addresses and indices are among it.
 */
export function holdForThreads(
  blocks: readonly (Block | null)[],
  arrays: readonly (ConcreteArray | null)[],
): void {
  const gone = existingThreadPool()?.settle() ?? null;
  if (gone === null) return;
  const held = new Set([...blocks, ...arrays.map((x) => x?.storage?.lease?.block)]);
  held.forEach((block) => block && heap().hold(block));
  void gone.then(() => held.forEach((block) => block && heap().letGo(block)));
}
