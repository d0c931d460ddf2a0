// Written by fit.py; do not edit.
import { madd } from "./madd";

// (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2; error 2^-28.2.
@inline
export function exp_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.0013843873);
  p = madd<f32>(p, x, f32x4.splat(0.008369549));
  p = madd<f32>(p, x, f32x4.splat(0.04166806));
  p = madd<f32>(p, x, f32x4.splat(0.16666514));
  p = madd<f32>(p, x, f32x4.splat(0.49999994));
  return p;
}

// (2^r - 1) / r for |r| <= 1 / 2; error 2^-26.2.
@inline
export function exp2_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.00013340353);
  p = madd<f32>(p, x, f32x4.splat(0.0013387866));
  p = madd<f32>(p, x, f32x4.splat(0.00962542));
  p = madd<f32>(p, x, f32x4.splat(0.055503663));
  p = madd<f32>(p, x, f32x4.splat(0.24022594));
  p = madd<f32>(p, x, f32x4.splat(0.6931472));
  return p;
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2; error 2^-26.1.
@inline
export function expm1_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.0013837948);
  p = madd<f32>(p, x, f32x4.splat(0.008367317));
  p = madd<f32>(p, x, f32x4.splat(0.04166774));
  p = madd<f32>(p, x, f32x4.splat(0.16666538));
  p = madd<f32>(p, x, f32x4.splat(0.49999997));
  return p;
}

// (exp(2 r) - 1 - 2 r) / r^2 for |r| <= ln 2 / 4; error 2^-26.1.
@inline
export function tanh_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.08856287);
  p = madd<f32>(p, x, f32x4.splat(0.26775414));
  p = madd<f32>(p, x, f32x4.splat(0.66668385));
  p = madd<f32>(p, x, f32x4.splat(1.333323));
  p = madd<f32>(p, x, f32x4.splat(1.9999999));
  return p;
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2; error 2^-60.4.
@inline
export function exp_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(2.0875360327781844e-09);
  let b = f64x2.splat(2.510930934235416e-08);
  a = madd<f64>(a, y, f64x2.splat(2.75574034771372e-07));
  b = madd<f64>(b, y, f64x2.splat(2.7557243502537407e-06));
  a = madd<f64>(a, y, f64x2.splat(2.4801587170459517e-05));
  b = madd<f64>(b, y, f64x2.splat(0.0001984126988674821));
  a = madd<f64>(a, y, f64x2.splat(0.0013888888888963986));
  b = madd<f64>(b, y, f64x2.splat(0.00833333333332142));
  a = madd<f64>(a, y, f64x2.splat(0.041666666666666505));
  b = madd<f64>(b, y, f64x2.splat(0.16666666666666677));
  a = madd<f64>(a, y, f64x2.splat(0.5));
  return madd<f64>(b, x, a);
}

// (log(1 + f) - f + f^2 / 2) / f^3 for 1 + f in [sqrt 1/2, sqrt 2]; error 2^-28.2.
@inline
export function log_tail_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(0.06750234);
  let b = f32x4.splat(-0.11596491);
  a = madd<f32>(a, y, f32x4.splat(0.118406005));
  b = madd<f32>(b, y, f32x4.splat(-0.12417472));
  a = madd<f32>(a, y, f32x4.splat(0.14228804));
  b = madd<f32>(b, y, f32x4.splat(-0.16667537));
  a = madd<f32>(a, y, f32x4.splat(0.20001544));
  b = madd<f32>(b, y, f32x4.splat(-0.25000012));
  a = madd<f32>(a, y, f32x4.splat(0.33333322));
  return madd<f32>(b, x, a);
}

// (log((1 + s) / (1 - s)) - 2 s) / s^3 in z = s^2, |s| <= 3 - 2 sqrt 2; error 2^-59.4.
@inline
export function log_z_f64(x: v128): v128 {
  let p = f64x2.splat(0.14789224545122062);
  p = madd<f64>(p, x, f64x2.splat(0.15314790134890202));
  p = madd<f64>(p, x, f64x2.splat(0.18183532170235178));
  p = madd<f64>(p, x, f64x2.splat(0.22222199272029883));
  p = madd<f64>(p, x, f64x2.splat(0.2857142873452012));
  p = madd<f64>(p, x, f64x2.splat(0.3999999999945704));
  p = madd<f64>(p, x, f64x2.splat(0.6666666666666726));
  return p;
}

// log2(1 + f) / f for 1 + f in [sqrt 1/2, sqrt 2]; error 2^-26.1.
@inline
export function log2_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(0.15513703);
  let b = f32x4.splat(-0.086509615);
  a = madd<f32>(a, y, f32x4.splat(0.1589599));
  b = madd<f32>(b, y, f32x4.splat(-0.15706784));
  a = madd<f32>(a, y, f32x4.splat(0.206098));
  b = madd<f32>(b, y, f32x4.splat(-0.17902787));
  a = madd<f32>(a, y, f32x4.splat(0.28854063));
  b = madd<f32>(b, y, f32x4.splat(-0.2405054));
  a = madd<f32>(a, y, f32x4.splat(0.48089832));
  b = madd<f32>(b, y, f32x4.splat(-0.36067277));
  a = madd<f32>(a, y, f32x4.splat(1.442695));
  b = madd<f32>(b, y, f32x4.splat(-0.7213475));
  return madd<f32>(b, x, a);
}

// (log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 in z = s^2; error 2^-54.0.
@inline
export function pow_log_f64(x: v128): v128 {
  let p = f64x2.splat(0.10781108858725824);
  p = madd<f64>(p, x, f64x2.splat(0.1180393333803307));
  p = madd<f64>(p, x, f64x2.splat(0.13330820472513752));
  p = madd<f64>(p, x, f64x2.splat(0.15384675637223122));
  p = madd<f64>(p, x, f64x2.splat(0.18181817495354186));
  p = madd<f64>(p, x, f64x2.splat(0.22222222225831573));
  p = madd<f64>(p, x, f64x2.splat(0.28571428571421553));
  p = madd<f64>(p, x, f64x2.splat(0.4));
  return p;
}

// log2((1 + s) / (1 - s)) / s in z = s^2, |s| <= 3 - 2 sqrt 2; f64 for results in f32; error 2^-37.8.
@inline
export function log2_wide(x: v128): v128 {
  let p = f64x2.splat(0.34075015317533536);
  p = madd<f64>(p, x, f64x2.splat(0.41167166844383174));
  p = madd<f64>(p, x, f64x2.splat(0.577083602030738));
  p = madd<f64>(p, x, f64x2.splat(0.96179667325244));
  p = madd<f64>(p, x, f64x2.splat(2.8853900817901725));
  return p;
}

// 2^f for |f| <= 1 / 2; f64 for results in f32; error 2^-34.5.
@inline
export function exp2_wide(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(0.00015469423090005613);
  let b = f64x2.splat(1.5201854154086916e-05);
  a = madd<f64>(a, y, f64x2.splat(0.009618026845603532));
  b = madd<f64>(b, y, f64x2.splat(0.001333392386342269));
  a = madd<f64>(a, y, f64x2.splat(0.2402265120116564));
  b = madd<f64>(b, y, f64x2.splat(0.0555041035058041));
  a = madd<f64>(a, y, f64x2.splat(0.9999999999613706));
  b = madd<f64>(b, y, f64x2.splat(0.6931471807297244));
  return madd<f64>(b, x, a);
}

// erf(x) / x - 1 in z = x^2 for |x| <= 1.1; error 2^-27.6.
@inline
export function erf_small_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(7.2360686e-05);
  let b = f32x4.splat(-0.00078247394);
  a = madd<f32>(a, y, f32x4.splat(0.005167731));
  b = madd<f32>(b, y, f32x4.splat(-0.026843518));
  a = madd<f32>(a, y, f32x4.splat(0.11283364));
  b = madd<f32>(b, y, f32x4.splat(-0.3761261));
  a = madd<f32>(a, y, f32x4.splat(0.12837917));
  return madd<f32>(b, x, a);
}

// erfc(a)^(-1/8) for 1.1 <= a <= 4, weighted as erf(a) needs it; error 2^-26.9.
@inline
export function erf_large_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(-0.0049286154);
  let b = f32x4.splat(0.0006189741);
  a = madd<f32>(a, y, f32x4.splat(-0.046586026));
  b = madd<f32>(b, y, f32x4.splat(0.022547513));
  a = madd<f32>(a, y, f32x4.splat(0.02720308));
  b = madd<f32>(b, y, f32x4.splat(0.096326046));
  a = madd<f32>(a, y, f32x4.splat(0.9937778));
  b = madd<f32>(b, y, f32x4.splat(0.17115259));
  return madd<f32>(b, x, a);
}

// erf(x) / x - 1 in z = x^2 for |x| <= 1; error 2^-56.3.
@inline
export function erf_small_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(1.4342500085424353e-10);
  let b = f64x2.splat(-1.646413649651848e-09);
  a = madd<f64>(a, y, f64x2.splat(1.6013079652795628e-08));
  b = madd<f64>(b, y, f64x2.splat(-1.6557109167339035e-07));
  a = madd<f64>(a, y, f64x2.splat(1.6481057156973241e-06));
  b = madd<f64>(b, y, f64x2.splat(-1.4926881373315649e-05));
  a = madd<f64>(a, y, f64x2.splat(0.00012055386190361308));
  b = madd<f64>(b, y, f64x2.splat(-0.0008548328535738363));
  a = madd<f64>(a, y, f64x2.splat(0.005223977652691904));
  b = madd<f64>(b, y, f64x2.splat(-0.026866170648031113));
  a = madd<f64>(a, y, f64x2.splat(0.11283791670971098));
  b = madd<f64>(b, y, f64x2.splat(-0.376126389031841));
  a = madd<f64>(a, y, f64x2.splat(0.1283791670955126));
  return madd<f64>(b, x, a);
}

// (h(q) - h(0)) / q for h((a - 4) / (a + 4)) = (1 + 2 a) exp(a^2) erfc(a), 0 <= a <= 28; error 2^-55.5.
@inline
export function erfc_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-1.3401631426902248e-08);
  let b = f64x2.splat(-1.714950693637234e-09);
  a = madd<f64>(a, y, f64x2.splat(1.145559704761041e-07));
  b = madd<f64>(b, y, f64x2.splat(-7.842532429720342e-09));
  a = madd<f64>(a, y, f64x2.splat(-8.341511485143573e-07));
  b = madd<f64>(b, y, f64x2.splat(6.255103513339739e-08));
  a = madd<f64>(a, y, f64x2.splat(5.717154804854758e-06));
  b = madd<f64>(b, y, f64x2.splat(3.0177500164719656e-07));
  a = madd<f64>(a, y, f64x2.splat(-2.440283473373705e-05));
  b = madd<f64>(b, y, f64x2.splat(-1.1225170639331273e-05));
  a = madd<f64>(a, y, f64x2.splat(-0.00019925560835397702));
  b = madd<f64>(b, y, f64x2.splat(0.00015062242997878936));
  a = madd<f64>(a, y, f64x2.splat(0.005031969776214158));
  b = madd<f64>(b, y, f64x2.splat(-0.000757773395513038));
  a = madd<f64>(a, y, f64x2.splat(0.03716751555980381));
  b = madd<f64>(b, y, f64x2.splat(-0.016197734049674804));
  a = madd<f64>(a, y, f64x2.splat(0.0937328349970125));
  b = madd<f64>(b, y, f64x2.splat(-0.06633036581246925));
  a = madd<f64>(a, y, f64x2.splat(0.068097054254728));
  b = madd<f64>(b, y, f64x2.splat(-0.10103906603630497));
  a = madd<f64>(a, y, f64x2.splat(-0.13962111684056275));
  b = madd<f64>(b, y, f64x2.splat(0.015379652102619846));
  return madd<f64>(b, x, a);
}

// (1 + 2 a) exp(a^2) erfc(a) in (a - 2) / (a + 2), 0.5 <= a <= 10.2; error 2^-27.0.
@inline
export function erfc_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(0.00022949834);
  let b = f32x4.splat(-0.00031836328);
  a = madd<f32>(a, y, f32x4.splat(-0.0014814255));
  b = madd<f32>(b, y, f32x4.splat(0.0012213906));
  a = madd<f32>(a, y, f32x4.splat(0.008730849));
  b = madd<f32>(b, y, f32x4.splat(-0.008025672));
  a = madd<f32>(a, y, f32x4.splat(-0.054221068));
  b = madd<f32>(b, y, f32x4.splat(0.1640507));
  a = madd<f32>(a, y, f32x4.splat(-0.16603035));
  b = madd<f32>(b, y, f32x4.splat(-0.09276381));
  a = madd<f32>(a, y, f32x4.splat(1.2769784));
  return madd<f32>(b, x, a);
}

// (sin(r) - r) / r^3 in z = r^2 for |r| <= pi / 2; error 2^-31.0.
@inline
export function sin_tail_f32(x: v128): v128 {
  let p = f32x4.splat(-2.5493991e-08);
  p = madd<f32>(p, x, f32x4.splat(2.7626727e-06));
  p = madd<f32>(p, x, f32x4.splat(-0.0001984309));
  p = madd<f32>(p, x, f32x4.splat(0.0083333505));
  p = madd<f32>(p, x, f32x4.splat(-0.16666667));
  return p;
}

// (sin(r) - r) / r^3 in z = r^2 for |r| <= pi / 2; error 2^-61.9.
@inline
export function sin_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-1.14624072451255e-18);
  let b = f64x2.splat(2.7339796692841663e-15);
  a = madd<f64>(a, y, f64x2.splat(-7.643587650567951e-13));
  b = madd<f64>(b, y, f64x2.splat(1.6058954672547255e-10));
  a = madd<f64>(a, y, f64x2.splat(-2.5052107091606106e-08));
  b = madd<f64>(b, y, f64x2.splat(2.755731921301139e-06));
  a = madd<f64>(a, y, f64x2.splat(-0.0001984126984121817));
  b = madd<f64>(b, y, f64x2.splat(0.008333333333333215));
  a = madd<f64>(a, y, f64x2.splat(-0.16666666666666666));
  return madd<f64>(b, x, a);
}

// (tan(r) - r) / r^3 in z = r^2 for |r| <= pi / 4; error 2^-25.5.
@inline
export function tan_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.009600695);
  p = madd<f32>(p, x, f32x4.splat(0.0027588962));
  p = madd<f32>(p, x, f32x4.splat(0.0246533));
  p = madd<f32>(p, x, f32x4.splat(0.053349357));
  p = madd<f32>(p, x, f32x4.splat(0.13339539));
  p = madd<f32>(p, x, f32x4.splat(0.3333313));
  return p;
}

// (tan(r) - r) / r^3 in z = r^2 for |r| <= pi / 4; error 2^-56.1.
@inline
export function tan_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-4.3670901791280315e-05);
  let b = f64x2.splat(2.059188757964012e-05);
  a = madd<f64>(a, y, f64x2.splat(-2.3567740153985847e-05));
  b = madd<f64>(b, y, f64x2.splat(8.705410122364796e-05));
  a = madd<f64>(a, y, f64x2.splat(0.00022353743289313234));
  b = madd<f64>(b, y, f64x2.splat(0.0001343509729636105));
  a = madd<f64>(a, y, f64x2.splat(0.0014548738603398302));
  b = madd<f64>(b, y, f64x2.splat(0.0005946298517591042));
  a = madd<f64>(a, y, f64x2.splat(0.008863221954646646));
  b = madd<f64>(b, y, f64x2.splat(0.003592267369853096));
  a = madd<f64>(a, y, f64x2.splat(0.05396825393878006));
  b = madd<f64>(b, y, f64x2.splat(0.021869489373426056));
  a = madd<f64>(a, y, f64x2.splat(0.3333333333333312));
  b = madd<f64>(b, y, f64x2.splat(0.13333333333381645));
  return madd<f64>(b, x, a);
}

// (asin(x) - x) / x^3 in z = x^2 for |x| <= 1 / 2; error 2^-27.6.
@inline
export function asin_tail_f32(x: v128): v128 {
  let p = f32x4.splat(0.04223305);
  p = madd<f32>(p, x, f32x4.splat(0.024142787));
  p = madd<f32>(p, x, f32x4.splat(0.04547726));
  p = madd<f32>(p, x, f32x4.splat(0.074952476));
  p = madd<f32>(p, x, f32x4.splat(0.16666754));
  return p;
}

// (asin(x) - x) / x^3 in z = x^2 for |x| <= 1 / 2; error 2^-59.7.
@inline
export function asin_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(0.03243889833467457);
  let b = f64x2.splat(-0.020657115447033334);
  a = madd<f64>(a, y, f64x2.splat(0.02143514500296551));
  b = madd<f64>(b, y, f64x2.splat(0.003832681529034613));
  a = madd<f64>(a, y, f64x2.splat(0.010742433149765088));
  b = madd<f64>(b, y, f64x2.splat(0.011406579360540082));
  a = madd<f64>(a, y, f64x2.splat(0.013979748853244153));
  b = madd<f64>(b, y, f64x2.splat(0.017351715202811924));
  a = madd<f64>(a, y, f64x2.splat(0.02237220826934903));
  b = madd<f64>(b, y, f64x2.splat(0.030381942992016603));
  a = madd<f64>(a, y, f64x2.splat(0.04464285716734344));
  b = madd<f64>(b, y, f64x2.splat(0.07499999999980596));
  a = madd<f64>(a, y, f64x2.splat(0.1666666666666671));
  return madd<f64>(b, x, a);
}

// (atan(x) - x) / x^3 in z = x^2 for |x| <= 1; error 2^-30.5.
@inline
export function atan_tail_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(-0.007274215);
  let b = f32x4.splat(0.0011025658);
  a = madd<f32>(a, y, f32x4.splat(-0.04464995));
  b = madd<f32>(b, y, f32x4.splat(0.022474853));
  a = madd<f32>(a, y, f32x4.splat(-0.08812838));
  b = madd<f32>(b, y, f32x4.splat(0.06741796));
  a = madd<f32>(a, y, f32x4.splat(-0.14280112));
  b = madd<f32>(b, y, f32x4.splat(0.110592686));
  a = madd<f32>(a, y, f32x4.splat(-0.33333328));
  b = madd<f32>(b, y, f32x4.splat(0.19999705));
  return madd<f32>(b, x, a);
}

// (atan(x) - x) / x^3 in z = x^2 for |x| <= 7 / 16; error 2^-57.5.
@inline
export function atan_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-0.0163314898809086);
  let b = f64x2.splat(0.03658635712392262);
  a = madd<f64>(a, y, f64x2.splat(-0.049797091966833386));
  b = madd<f64>(b, y, f64x2.splat(0.058343968668475424));
  a = madd<f64>(a, y, f64x2.splat(-0.06661223368384446));
  b = madd<f64>(b, y, f64x2.splat(0.0769189382576404));
  a = madd<f64>(a, y, f64x2.splat(-0.09090888471149375));
  b = madd<f64>(b, y, f64x2.splat(0.11111110469503206));
  a = madd<f64>(a, y, f64x2.splat(-0.14285714274319403));
  b = madd<f64>(b, y, f64x2.splat(0.19999999999903284));
  a = madd<f64>(a, y, f64x2.splat(-0.3333333333333308));
  return madd<f64>(b, x, a);
}

// (sinh(x) - x) / x^3 in z = x^2 for |x| <= 1; error 2^-31.6.
@inline
export function sinh_tail_f32(x: v128): v128 {
  let p = f32x4.splat(2.7822673e-06);
  p = madd<f32>(p, x, f32x4.splat(0.00019842891));
  p = madd<f32>(p, x, f32x4.splat(0.0083333105));
  p = madd<f32>(p, x, f32x4.splat(0.16666667));
  return p;
}

// (sinh(x) - x) / x^3 in z = x^2 for |x| <= 1; error 2^-63.0.
@inline
export function sinh_tail_f64(x: v128): v128 {
  let p = f64x2.splat(6.47571142315609e-15);
  p = madd<f64>(p, x, f64x2.splat(7.503252412060472e-13));
  p = madd<f64>(p, x, f64x2.splat(1.6061339332824198e-10));
  p = madd<f64>(p, x, f64x2.splat(2.5052089411775052e-08));
  p = madd<f64>(p, x, f64x2.splat(2.7557319310093373e-06));
  p = madd<f64>(p, x, f64x2.splat(0.00019841269841061157));
  p = madd<f64>(p, x, f64x2.splat(0.008333333333333573));
  p = madd<f64>(p, x, f64x2.splat(0.16666666666666666));
  return p;
}

// erf_inv(x) / x in -log(1 - x^2) - 5/2, up to 5; error 2^-23.6.
@inline
export function erf_inv_middle_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(2.3236625e-08);
  let b = f32x4.splat(-8.788465e-09);
  a = madd<f32>(a, y, f32x4.splat(-3.4627485e-06));
  b = madd<f32>(b, y, f32x4.splat(4.6613926e-07));
  a = madd<f32>(a, y, f32x4.splat(0.00021834459));
  b = madd<f32>(b, y, f32x4.splat(-4.963225e-06));
  a = madd<f32>(a, y, f32x4.splat(-0.004177387));
  b = madd<f32>(b, y, f32x4.splat(-0.001252742));
  a = madd<f32>(a, y, f32x4.splat(1.5014094));
  b = madd<f32>(b, y, f32x4.splat(0.24664028));
  return madd<f32>(b, x, a);
}

// erf_inv(x) / x in sqrt(-log(1 - x^2)) - 3, from sqrt 5 to 4.2; error 2^-22.8.
@inline
export function erf_inv_tail_f32(x: v128): v128 {
  const y = f32x4.mul(x, x);
  let a = f32x4.splat(-0.00012214147);
  let b = f32x4.splat(5.213511e-05);
  a = madd<f32>(a, y, f32x4.splat(0.0012394731));
  b = madd<f32>(b, y, f32x4.splat(-0.0036240346));
  a = madd<f32>(a, y, f32x4.splat(0.0057908907));
  b = madd<f32>(b, y, f32x4.splat(-0.0076355804));
  a = madd<f32>(a, y, f32x4.splat(0.009430832));
  b = madd<f32>(b, y, f32x4.splat(1.0016748));
  a = madd<f32>(a, y, f32x4.splat(2.832977));
  return madd<f32>(b, x, a);
}

// erf_inv(x) / x in -log(1 - x^2) - 25/8, up to 25/4; error 2^-52.1.
@inline
export function erf_inv_middle_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-4.2920966386495796e-21);
  let b = f64x2.splat(-1.6918566716969191e-19);
  a = madd<f64>(a, y, f64x2.splat(1.3206714764606362e-18));
  b = madd<f64>(b, y, f64x2.splat(1.1193274895838843e-17));
  a = madd<f64>(a, y, f64x2.splat(-1.3412488211796239e-16));
  b = madd<f64>(b, y, f64x2.splat(2.01830000324885e-17));
  a = madd<f64>(a, y, f64x2.splat(6.648213035228077e-15));
  b = madd<f64>(b, y, f64x2.splat(-4.0535803282958356e-14));
  a = madd<f64>(a, y, f64x2.splat(-8.160519255593277e-14));
  b = madd<f64>(b, y, f64x2.splat(2.633433870273739e-12));
  a = madd<f64>(a, y, f64x2.splat(-1.2974686276647138e-11));
  b = madd<f64>(b, y, f64x2.splat(-5.415375610752528e-11));
  a = madd<f64>(a, y, f64x2.splat(1.051210781808668e-09));
  b = madd<f64>(b, y, f64x2.splat(-4.11263508343063e-09));
  a = madd<f64>(a, y, f64x2.splat(-2.907036686281946e-08));
  b = madd<f64>(b, y, f64x2.splat(4.234787802857572e-07));
  a = madd<f64>(a, y, f64x2.splat(-1.3654692038186286e-06));
  b = madd<f64>(b, y, f64x2.splat(-1.3882523364791885e-05));
  a = madd<f64>(a, y, f64x2.splat(0.0001867342080363598));
  b = madd<f64>(b, y, f64x2.splat(-0.0007407025341653483));
  a = madd<f64>(a, y, f64x2.splat(-0.0060336708714307));
  b = madd<f64>(b, y, f64x2.splat(0.2401581824255895));
  a = madd<f64>(a, y, f64x2.splat(1.653654562683103));
  return madd<f64>(b, x, a);
}

// erf_inv(x) / x in sqrt(-log(1 - x^2)) - 13/4, from 5/2 to 4; error 2^-52.3.
@inline
export function erf_inv_tail_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-2.6998866600260047e-07);
  let b = f64x2.splat(8.932778012096197e-08);
  a = madd<f64>(a, y, f64x2.splat(1.4977431780541493e-06));
  b = madd<f64>(b, y, f64x2.splat(2.1528627746915827e-08));
  a = madd<f64>(a, y, f64x2.splat(2.9259998134838863e-06));
  b = madd<f64>(b, y, f64x2.splat(-4.016971745093017e-06));
  a = madd<f64>(a, y, f64x2.splat(-4.731897386891141e-05));
  b = madd<f64>(b, y, f64x2.splat(1.2476851234982667e-05));
  a = madd<f64>(a, y, f64x2.splat(2.4031234122571316e-05));
  b = madd<f64>(b, y, f64x2.splat(6.82844151680627e-05));
  a = madd<f64>(a, y, f64x2.splat(0.0009532893687022865));
  b = madd<f64>(b, y, f64x2.splat(-0.0003550374510618387));
  a = madd<f64>(a, y, f64x2.splat(0.0024914420965655923));
  b = madd<f64>(b, y, f64x2.splat(-0.0016882755618084539));
  a = madd<f64>(a, y, f64x2.splat(0.005370914553583733));
  b = madd<f64>(b, y, f64x2.splat(-0.0037512085073548858));
  a = madd<f64>(a, y, f64x2.splat(3.0838856104922208));
  b = madd<f64>(b, y, f64x2.splat(1.005258967694157));
  return madd<f64>(b, x, a);
}

// erf_inv(x) / x in sqrt(-log(1 - x^2)) - 5, from 4 to 6.1; error 2^-51.7.
@inline
export function erf_inv_far_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-7.553707585543628e-12);
  let b = f64x2.splat(-2.4612256075575657e-10);
  a = madd<f64>(a, y, f64x2.splat(1.430508849107619e-09));
  b = madd<f64>(b, y, f64x2.splat(-3.825387896662796e-09));
  a = madd<f64>(a, y, f64x2.splat(7.738480870287372e-09));
  b = madd<f64>(b, y, f64x2.splat(-1.490551200119838e-08));
  a = madd<f64>(a, y, f64x2.splat(2.9047141642262812e-08));
  b = madd<f64>(b, y, f64x2.splat(-6.775396378773755e-08));
  a = madd<f64>(a, y, f64x2.splat(2.2905011323363468e-07));
  b = madd<f64>(b, y, f64x2.splat(-9.929655202234957e-07));
  a = madd<f64>(a, y, f64x2.splat(4.5260517338088715e-06));
  b = madd<f64>(b, y, f64x2.splat(-1.9681781702192332e-05));
  a = madd<f64>(a, y, f64x2.splat(7.599527827923229e-05));
  b = madd<f64>(b, y, f64x2.splat(-0.0002150301189722289));
  a = madd<f64>(a, y, f64x2.splat(-0.00013871931838903946));
  b = madd<f64>(b, y, f64x2.splat(1.010300464864526));
  a = madd<f64>(a, y, f64x2.splat(4.849906401408584));
  return madd<f64>(b, x, a);
}

// log(gamma(2 + t)) / t for |t| <= 1 / 2; error 2^-55.2.
@inline
export function lgamma_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-1.3408637327090266e-07);
  let b = f64x2.splat(6.921384344687678e-08);
  a = madd<f64>(a, y, f64x2.splat(-4.304082078749354e-07));
  b = madd<f64>(b, y, f64x2.splat(1.96600413380608e-07));
  a = madd<f64>(a, y, f64x2.splat(-2.0448931340636625e-06));
  b = madd<f64>(b, y, f64x2.splat(9.610938288932425e-07));
  a = madd<f64>(a, y, f64x2.splat(-9.43846617386197e-06));
  b = madd<f64>(b, y, f64x2.splat(4.373491406665114e-06));
  a = madd<f64>(a, y, f64x2.splat(-4.492634991210668e-05));
  b = madd<f64>(b, y, f64x2.splat(2.050741114552402e-05));
  a = madd<f64>(a, y, f64x2.splat(-0.000223154750856421));
  b = madd<f64>(b, y, f64x2.splat(9.945749496722662e-05));
  a = madd<f64>(a, y, f64x2.splat(-0.001192753911995221));
  b = madd<f64>(b, y, f64x2.splat(0.0005096695257014707));
  a = madd<f64>(a, y, f64x2.splat(-0.0073855510286683045));
  b = madd<f64>(b, y, f64x2.splat(0.0028905103307132053));
  a = madd<f64>(a, y, f64x2.splat(-0.06735230105319814));
  b = madd<f64>(b, y, f64x2.splat(0.02058080842778493));
  a = madd<f64>(a, y, f64x2.splat(0.42278433509846713));
  b = madd<f64>(b, y, f64x2.splat(0.3224670334241132));
  return madd<f64>(b, x, a);
}

// (log(gamma(x)) - (x - 1/2) log x + x - log(2 pi) / 2) x in 1 / x^2, x >= 8; error 2^-57.6.
@inline
export function stirling_f64(x: v128): v128 {
  let p = f64x2.splat(0.0044266852478997976);
  p = madd<f64>(p, x, f64x2.splat(-0.001860734567849826));
  p = madd<f64>(p, x, f64x2.splat(0.0008409555616474649));
  p = madd<f64>(p, x, f64x2.splat(-0.0005952324815443871));
  p = madd<f64>(p, x, f64x2.splat(0.0007936507750262163));
  p = madd<f64>(p, x, f64x2.splat(-0.002777777777754777));
  p = madd<f64>(p, x, f64x2.splat(0.08333333333333333));
  return p;
}

// digamma(x) / (x - x0) in x - 3/2 for 1 <= x <= 2, x0 being its zero; error 2^-54.2.
@inline
export function digamma_root_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(0.00012134892674595744);
  let b = f64x2.splat(-0.0001785829165935947);
  a = madd<f64>(a, y, f64x2.splat(9.306797921605848e-05));
  b = madd<f64>(b, y, f64x2.splat(-0.00014434420583121698));
  a = madd<f64>(a, y, f64x2.splat(0.00032600706906847225));
  b = madd<f64>(b, y, f64x2.splat(-0.00048620158958357257));
  a = madd<f64>(a, y, f64x2.splat(0.0006902426272804144));
  b = madd<f64>(b, y, f64x2.splat(-0.0010363821830071617));
  a = madd<f64>(a, y, f64x2.splat(0.0015635110329273783));
  b = madd<f64>(b, y, f64x2.splat(-0.002345508927539972));
  a = madd<f64>(a, y, f64x2.splat(0.0035180877632673226));
  b = madd<f64>(b, y, f64x2.splat(-0.005279935592348363));
  a = madd<f64>(a, y, f64x2.splat(0.007927023401554606));
  b = madd<f64>(b, y, f64x2.splat(-0.011908220227948067));
  a = madd<f64>(a, y, f64x2.splat(0.017907248231966957));
  b = madd<f64>(b, y, f64x2.splat(-0.026975796654419057));
  a = madd<f64>(a, y, f64x2.splat(0.04076083394349263));
  b = madd<f64>(b, y, f64x2.splat(-0.06192213327561788));
  a = madd<f64>(a, y, f64x2.splat(0.09498872445284832));
  b = madd<f64>(b, y, f64x2.splat(-0.14840492305387948));
  a = madd<f64>(a, y, f64x2.splat(0.24054248424078725));
  b = madd<f64>(b, y, f64x2.splat(-0.4236274212814606));
  a = madd<f64>(a, y, f64x2.splat(0.9510558760318328));
  return madd<f64>(b, x, a);
}

// (log x - 1 / (2 x) - digamma(x)) x^2 in 1 / x^2, x >= 10; error 2^-57.6.
@inline
export function digamma_far_f64(x: v128): v128 {
  let p = f64x2.splat(0.06042159846031537);
  p = madd<f64>(p, x, f64x2.splat(-0.020635740237068056));
  p = madd<f64>(p, x, f64x2.splat(0.007571458179386453));
  p = madd<f64>(p, x, f64x2.splat(-0.0041666466041821604));
  p = madd<f64>(p, x, f64x2.splat(0.003968253924595538));
  p = madd<f64>(p, x, f64x2.splat(-0.008333333333298101));
  p = madd<f64>(p, x, f64x2.splat(0.08333333333333333));
  return p;
}
