// What the host asks before it trusts the relaxed build; see madd.ts.

import { madd } from "./madd";

/** 1 if madd rounds once. Call it with x = 1 + 2^-12: then x^2 is no f32, and its last bit survives only if so. */
export function madd_is_fused(x: f32): i32 {
  const y = f32x4.splat(x);
  return i32(f32x4.extract_lane(madd<f32>(y, y, f32x4.splat(-(x * x))), 0) != 0);
}
