import { madd, nmadd } from "./madd";

export function exp_f32x4(x: v128): v128 {
  const c = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.8)), f32x4.splat(-104));
  const t = madd<f32>(c, f32x4.splat(1.44269504088896340736), f32x4.splat(12583166.0));
  const n = f32x4.sub(t, f32x4.splat(12583166.0));
  let r = nmadd<f32>(n, f32x4.splat(0.693145751953125), c);
  r = nmadd<f32>(n, f32x4.splat(1.42860682030941723212e-6), r);
  let p = f32x4.splat(1.0/720);
  p = madd<f32>(p, r, f32x4.splat(1.0/120));
  p = madd<f32>(p, r, f32x4.splat(1.0/24));
  p = madd<f32>(p, r, f32x4.splat(1.0/6));
  p = madd<f32>(p, r, f32x4.splat(1.0/2));
  p = madd<f32>(p, r, f32x4.splat(1.0));
  p = madd<f32>(p, r, f32x4.splat(1.0));
  const h = i32x4.shr_u(t, 1);
  const g = i32x4.sub(t, h);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(h, 23)), i32x4.shl(g, 23));
}
