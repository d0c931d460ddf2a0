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

// erf(x) / x in z = x^2 for |x| <= 1; error 2^-56.0.
@inline
export function erf_small_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-4.9467543026766073e-11);
  let b = f64x2.splat(-4.784684360245346e-10);
  a = madd<f64>(a, y, f64x2.splat(1.2917302330559875e-08));
  b = madd<f64>(b, y, f64x2.splat(-1.6085400849570085e-07));
  a = madd<f64>(a, y, f64x2.splat(1.6435441049460154e-06));
  b = madd<f64>(b, y, f64x2.splat(-1.4923965068969331e-05));
  a = madd<f64>(a, y, f64x2.splat(0.00012055261682237262));
  b = madd<f64>(b, y, f64x2.splat(-0.0008548325032022337));
  a = madd<f64>(a, y, f64x2.splat(0.005223977590091509));
  b = madd<f64>(b, y, f64x2.splat(-0.026866170641419294));
  a = madd<f64>(a, y, f64x2.splat(0.11283791670934933));
  b = madd<f64>(b, y, f64x2.splat(-0.3761263890318332));
  a = madd<f64>(a, y, f64x2.splat(1.1283791670955126));
  return madd<f64>(b, x, a);
}

// (1 + 2 a) exp(a^2) erfc(a) in (a - 4) / (a + 4) for 0 <= a <= 28; error 2^-54.2.
@inline
export function erfc_f64(x: v128): v128 {
  const y = f64x2.mul(x, x);
  let a = f64x2.splat(-1.7176228681091899e-09);
  let b = f64x2.splat(-1.3386268509299885e-08);
  a = madd<f64>(a, y, f64x2.splat(-7.778908001493847e-09));
  b = madd<f64>(b, y, f64x2.splat(1.1456133357625723e-07));
  a = madd<f64>(a, y, f64x2.splat(6.238913039292784e-08));
  b = madd<f64>(b, y, f64x2.splat(-8.342404448426685e-07));
  a = madd<f64>(a, y, f64x2.splat(3.01956393858093e-07));
  b = madd<f64>(b, y, f64x2.splat(5.717295286465916e-06));
  a = madd<f64>(a, y, f64x2.splat(-1.1225283059822923e-05));
  b = madd<f64>(b, y, f64x2.splat(-2.440294153004451e-05));
  a = madd<f64>(a, y, f64x2.splat(0.0001506224715900851));
  b = madd<f64>(b, y, f64x2.splat(-0.0001992555612552871));
  a = madd<f64>(a, y, f64x2.splat(-0.0007577734048685598));
  b = madd<f64>(b, y, f64x2.splat(0.005031969763567392));
  a = madd<f64>(a, y, f64x2.splat(-0.016197734048423177));
  b = madd<f64>(b, y, f64x2.splat(0.03716751556185273));
  a = madd<f64>(a, y, f64x2.splat(-0.06633036581256402));
  b = madd<f64>(b, y, f64x2.splat(0.09373283499682382));
  a = madd<f64>(a, y, f64x2.splat(-0.10103906603630115));
  b = madd<f64>(b, y, f64x2.splat(0.0680970542547366));
  a = madd<f64>(a, y, f64x2.splat(0.015379652102619764));
  b = madd<f64>(b, y, f64x2.splat(-0.1396211168405629));
  a = madd<f64>(a, y, f64x2.splat(1.2329951186255526));
  return madd<f64>(b, x, a);
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
