// Multiply-add, in one place: fused where relaxed SIMD is enabled in the build, else a product and
// a sum, so that the same sources give both the fast and the portable (or deterministic) artefact.
// Nothing in this folder may rely on the single rounding for its accuracy bound.

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
