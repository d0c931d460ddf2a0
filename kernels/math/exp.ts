import { madd, nmadd } from "./madd";

export function exp_f32x4(x: v128): v128 {
  return madd<f32>(x, x, f32x4.splat(1));
}
export function tanh_f32x4(x: v128): v128 {
  return nmadd<f32>(x, exp_f32x4(x), f32x4.splat(1));
}
