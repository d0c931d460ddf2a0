// The few operations that depend on relaxed SIMD, in one place: with `--baseline` the same sources give
// an artefact without it, for engines that lack it and for results that are the same on every machine.
//
// Relaxed builds may count on madd being fused, since there it takes fewer reduction constants: whoever
// loads one has to check that (1 + 2^-12)^2 - (1 + 2^-11) is not 0, and load the baseline build else.

/** a * b + c, in lanes of `T` (f32 or f64). */
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c);
  return v128.add<T>(v128.mul<T>(a, b), c);
}

/** c - a * b, in lanes of `T` (f32 or f64). */
@inline
export function nmadd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(a, b, c);
  return v128.sub<T>(c, v128.mul<T>(a, b));
}

/** a where the lane (i32 or i64) of the mask is all ones, b where it is 0: one instruction, not three. */
@inline
export function select<T>(a: v128, b: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_laneselect<T>(a, b, mask);
  return v128.bitselect(a, b, mask);
}
