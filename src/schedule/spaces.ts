/**
 * Spaces that loops run through, and whether an index runs through a value.
 *
 * @module
 */
import type { Thresholds } from "./cost.ts";
import type { Value } from "./graph.ts";
import { maskOf } from "./nodes.ts";
import type { Term, Terms } from "./term.ts";

/** Whether `tuple`, as its variables run, hits each element of `v` once. */
export function isBijective(terms: Terms, v: Value, tuple: readonly Term[], mask: number): boolean {
  const position = terms.linear(tuple, v.strides);
  if (position.kind === "const") return position.value === 0 && v.size === 1;
  const [atoms, coeffs] = position.kind === "affine"
    ? [position.args, position.coeffs]
    : [[position], [1]];
  if (position.kind === "affine" && position.value !== 0) return false;
  if (atoms.some((t) => t.kind !== "var") || maskOf(atoms) !== mask) return false;
  const order = atoms.map((_, k) => k).sort((a, b) => coeffs[a] - coeffs[b]);
  let size = 1;
  for (const k of order) {
    if (coeffs[k] !== size) return false;
    size *= atoms[k].extent;
  }
  return size === v.size;
}

/** Sizes of the loops that a nest for `v` would have. */
export function spaceOf(v: Value): string {
  const l = v.lowered;
  const loops = v.shape.filter((n) => n !== 1);
  if (l?.kind === "reduce") return passName(loops, l.sizes.filter((n) => n !== 1), v.alongRows);
  if (l?.kind === "argReduce") return passName(loops, [l.size], v.alongRows);
  return loops.join("x");
}

/** The name of a space of outer loops with passes over a box. */
export function passName(
  rows: readonly number[],
  box: readonly number[],
  alongRows: boolean,
): string {
  return `${rows.join("x")}|${box.join("x")}${alongRows ? "" : " by columns"}`;
}

/** Whether two indices are the same. */
export function sameTuple(a: readonly Term[], b: readonly Term[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The number of terms of a reduction. */
export function boxSize(v: Value): number {
  const l = v.lowered;
  if (l?.kind === "argReduce") return l.size;
  let size = 1;
  if (l?.kind === "reduce") { for (const n of l.sizes) size *= n; }
  return size;
}

/** Whether several passes over boxes are better in one nest: rows stay in the cache, or all is small. */
export function isWorthPasses(rows: number, inner: number, limits: Thresholds): boolean {
  return rows >= limits.fewestRows || inner <= limits.row;
}
