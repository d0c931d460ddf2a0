/**
 * Tables that are too large for every run: each run takes a share, another one each day.
 *
 * `VERNAL_TEST_SHARE=all` takes all of them, `VERNAL_TEST_SHARE=20780` the shares of that day, as a test that fails says.
 *
 * @module
 */

const wanted = Deno.env.get("VERNAL_TEST_SHARE") ?? "";

/** The day whose shares this run takes. */
export const day: number = /^\d+$/.test(wanted)
  ? Number(wanted)
  : Math.floor(Date.now() / 86_400_000);

/** Whether this run takes everything. */
export const isWhole: boolean = wanted === "all";

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  // The last bits depend on few characters only.
  h = Math.imul(h ^ h >>> 15, 0x2c1b3c6d);
  return (h ^ h >>> 13) >>> 0;
}

/** Whether a row is in this run's share: on one day in `days`. */
export function isInShare(row: string, days: number): boolean {
  return isWhole || (hash(row) + day) % days === 0;
}

/** How to run what failed again. */
export const again: string = isWhole
  ? "with VERNAL_TEST_SHARE=all"
  : `again with VERNAL_TEST_SHARE=${day}`;
