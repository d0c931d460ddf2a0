/**
 * How far apart memory of different threads lies.
 *
 * @module
 */

/** Bytes from one thread's block to the next one's: an odd number of cache lines, so that what threads do at the same time does not compete for the same sets. */
export function threadStride(bytes: number): number {
  return (Math.ceil(bytes / 64) | 1) * 64;
}
