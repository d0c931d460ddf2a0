/**
 * Elementary functions of float32 in WGSL: the reductions and polynomials of `kernels/math`, without the tricks
 * that need exact arithmetic from the driver. All are within a few units in the last place.
 *
 * @module
 */

/** A polynomial in `x` as nested products, the highest coefficient first. */
function horner(x: string, coefficients: readonly number[]): string {
  const literal = (c: number): string => /[.e]/.test(String(c)) ? `${c}f` : `${c}.0f`;
  return coefficients.slice(1).reduce(
    (p, c) => `(${p} * ${x} + ${literal(c)})`,
    literal(coefficients[0]),
  );
}

/** Functions of one or two `f32`, or of as many times four (see `functions.ts`), by name. */
export const elementary: Readonly<Record<string, string>> = {
  // p 2^n for |n| < 253, by two factors, since 2^n itself may be out of range.
  scaled: `fn scaled(p: F, n: I) -> F {
  let half = n / 2;
  return p * bitcast<F>(U(half + 127) << U(23u)) * bitcast<F>(U(n - half + 127) << U(23u));
}`,
  // x - n ln 2, with ln 2 in two parts (Cody and Waite, 1980).
  less_ln2: `fn less_ln2(x: F, n: F) -> F {
  return sub_f32(sub_f32(x, n * 0.693145751953125f), n * 1.42860677e-6f);
}`,
  // e^x 2^k for a small k.
  exp_times: `fn exp_times(x: F, k: i32) -> F {
  let c = clamp(x, F(-104.0f), F(90.0f));
  let n = round(c * 1.44269504f);
  let r = less_ln2(c, n);
  let p = ${horner("r", [0.0013843873, 0.008369549, 0.04166806, 0.16666514, 0.49999994, 1, 1])};
  return select(scaled(p, I(n) + k), x, is_nan(x));
}`,
  exp_f32: "fn exp_f32(x: F) -> F { return exp_times(x, 0); }",
  exp2_f32: `fn exp2_f32(x: F) -> F {
  let c = clamp(x, F(-151.0f), F(129.0f));
  let n = round(c);
  let r = sub_f32(c, n);
  let p = ${
    horner("r", [0.00013340353, 0.0013387866, 0.00962542, 0.055503663, 0.24022594, 0.6931472, 1])
  };
  return select(scaled(p, I(n)), x, is_nan(x));
}`,
  expm1_f32: `fn expm1_f32(x: F) -> F {
  let c = clamp(x, F(-18.0f), F(89.0f));
  let n = round(c * 1.44269504f);
  let r = less_ln2(c, n);
  let p = r + r * r * ${
    horner("r", [0.0013837948, 0.008367317, 0.04166774, 0.16666538, 0.49999997])
  };
  // 2^(n - 1), because 2^128 is out of range while its product need not be.
  let s = bitcast<F>(U(I(n) + 126) << U(23u));
  let y = s * p + sub_f32(s, F(0.5f));
  return select(y + y, x, is_nan(x) | (abs_f32(x) < F(5.9604645e-8f)));
}`,
  tanh_f32: `fn tanh_f32(x: F) -> F {
  let a = min(abs_f32(x), F(9.02f));
  let n = round(a * 2.88539008f);
  let r = sub_f32(sub_f32(a, n * 0.3465728759765625f), n * 7.14303385e-7f);
  let p = (r + r) + r * r * ${
    horner("r", [0.08856287, 0.26775414, 0.66668385, 1.333323, 1.9999999])
  };
  let s = bitcast<F>(U(I(n) + 127) << U(23u));
  let above = s * p + sub_f32(s, F(1.0f));
  return select(with_sign(above / (above + 2.0f), x), x, is_nan(x));
}`,
  logistic_f32: `fn logistic_f32(x: F) -> F {
  let e = exp_f32(neg_f32(abs_f32(x)));
  return select(F(1.0f), e, x < F(0.0f)) / (1.0f + e);
}`,
  sinh_f32: `fn sinh_f32(x: F) -> F {
  let a = min(abs_f32(x), F(90.0f));
  let z = a * a;
  let near = a + a * z * ${horner("z", [2.7822673e-6, 0.00019842891, 0.0083333105, 0.16666667])};
  let e = exp_times(a, -1);
  let size = select(sub_f32(e, 0.25f / e), near, a < F(1.0f));
  return select(with_sign(size, x), x, is_nan(x));
}`,
  cosh_f32: `fn cosh_f32(x: F) -> F {
  let e = exp_times(min(abs_f32(x), F(90.0f)), -1);
  return select(e + 0.25f / e, x, is_nan(x));
}`,
  // log x = k ln 2 + f - f^2 / 2 + f^3 P(f), where x = 2^k (1 + f).
  log_parts: `fn log_parts(k: F, f: F) -> F {
  let y = f * f;
  let a = ${horner("y", [0.06750234, 0.118406005, 0.14228804, 0.20001544, 0.33333322])};
  let b = ${horner("y", [-0.11596491, -0.12417472, -0.16667537, -0.25000012])};
  let q = (b * f + a) * f - 0.5f;
  return k * 0.693145751953125f + (f + (y * q + k * 1.42860677e-6f));
}`,
  log_f32: `fn log_f32(x: F) -> F {
  let small = bitcast<U>(x) < U(0x00800000u);
  let bits = bitcast<I>(select(x, x * 8388608.0f, small));
  let k = (bits - 0x3f3504f3) >> U(23u);
  let f = sub_f32(bitcast<F>(bits - (k << U(23u))), F(1.0f));
  let y = log_parts(F(k - select(I(0), I(23), small)), f);
  let edge = select(F(infinity()), neg_f32(F(infinity())), x == F(0.0f));
  let regular = select(edge, y, (x > F(0.0f)) & is_finite(x));
  return select(regular, F(quiet_nan()), is_nan(x) | (x < F(0.0f)));
}`,
  log1p_f32: `fn log1p_f32(x: F) -> F {
  // What rounding took from 1 + x comes back as a relative correction.
  let y = 1.0f + x;
  let lost = select(sub_f32(x, sub_f32(y, F(1.0f))), sub_f32(F(1.0f), sub_f32(y, x)), x > F(1.0f));
  let z = log_f32(y) + select(lost / y, F(0.0f), !is_finite(y) | (y == F(0.0f)));
  return select(z, x, abs_f32(x) < F(5.9604645e-8f));
}`,
  sin_part: `fn sin_part(r: F) -> F {
  let z = r * r;
  return r + r * z * ${
    horner("z", [-2.5493991e-8, 2.7626727e-6, -0.0001984309, 0.0083333505, -0.16666667])
  };
}`,
  // x - n pi, for |n| up to some 2^13, with pi in four short parts.
  less_pi: `fn less_pi(x: F, n: F) -> F {
  return sub_f32(sub_f32(sub_f32(sub_f32(x, n * 3.140625f), n * 9.67502593994140625e-4f), n * 1.50990672409534454e-7f), n * 5.1266773e-12f);
}`,
  // sin(x + half pi) for large x >= 0: x / pi in fixed point, from the 96 bits of 1 / pi that matter (Payne and Hanek, 1983).
  sin_large: `fn sin_large(x: f32, half: u32) -> f32 {
  const inverse_pi = array<u32, 9>(
    0u, 0x517cc1b7u, 0x27220a94u, 0xfe13abe8u, 0xfa9a6ee0u, 0x6db14accu, 0x9e21c820u, 0xff28b1d5u, 0xef5de2b0u,
  );
  var words = inverse_pi;
  let bits = bitcast<u32>(x);
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  // The first bit that is worth one half turn, once multiplied by 2^(exponent).
  let from_bit = (bits >> 23u) - 119u;
  let word = from_bit / 32u;
  let k = from_bit % 32u;
  var window = array<u32, 3>();
  for (var i = 0u; i < 3u; i++) {
    let rest = select(words[word + i + 1u] >> ((32u - k) & 31u), 0u, k == 0u);
    window[i] = (words[word + i] << k) | rest;
  }
  let low = mul_32(mantissa, window[2]);
  let middle = add_64(mul_32(mantissa, window[1]), vec2<u32>(low.y, 0u));
  let high = mantissa * window[0] + middle.y + (half << 30u);
  // high, middle: the turns, the first bit whole half turns, the rest a fraction.
  let up = (high >> 30u) & 1u;
  let odd = ((high >> 31u) + up) & 1u;
  var fraction = vec2<u32>(middle.x, high & 0x7fffffffu);
  if (up != 0u) { fraction = sub_64(vec2<u32>(0u, 0x80000000u), fraction); }
  let zeros = clz_64(fraction).x;
  let top = shl_64(fraction, vec2<u32>(zeros, 0u)).y;
  let size = f32(top) * bitcast<f32>((127u - 31u - zeros) << 23u) * 3.14159274f;
  let y = sin_part(size);
  return select(y, neg_f32(y), (odd ^ up) != 0u);
}`,
  sin_f32: `fn sin_f32(x: f32) -> f32 {
  if (!is_finite(x)) { return quiet_nan(); }
  let a = abs_f32(x);
  if (a > 2.0e4f) {
    let y = sin_large(a, 0u);
    return select(y, neg_f32(y), x < 0.0f);
  }
  if (x == 0.0f) { return x; }
  let n = round(x * 0.318309886f);
  let y = sin_part(less_pi(x, n));
  return select(y, neg_f32(y), (i32(n) & 1) != 0);
}`,
  cos_f32: `fn cos_f32(x: f32) -> f32 {
  if (!is_finite(x)) { return quiet_nan(); }
  let a = abs_f32(x);
  if (a > 2.0e4f) { return sin_large(a, 1u); }
  // cos x = sin(x + pi / 2): the half turn goes into the reduction.
  let n = floor(a * 0.318309886f) + 0.5f;
  let y = sin_part(less_pi(a, n));
  return select(neg_f32(y), y, (i32(floor(n)) & 1) != 0);
}`,
  tan_f32: "fn tan_f32(x: f32) -> f32 { return select(sin_f32(x) / cos_f32(x), x, x == 0.0f); }",
  asin_tail: `fn asin_tail(z: F) -> F {
  return ${horner("z", [0.04223305, 0.024142787, 0.04547726, 0.074952476, 0.16666754])};
}`,
  asin_f32: `fn asin_f32(x: f32) -> f32 {
  let a = abs_f32(x);
  if (is_nan(x) || a > 1.0f) { return quiet_nan(); }
  let large = a > 0.5f;
  let z = select(a * a, 0.5f - 0.5f * a, large);
  let s = select(a, sqrt(z), large);
  let y = s + s * z * asin_tail(z);
  return with_sign(select(y, sub_f32(1.57079637f, 2.0f * y) - 4.37113883e-8f, large), x);
}`,
  acos_f32: `fn acos_f32(x: f32) -> f32 {
  let a = abs_f32(x);
  if (is_nan(x) || a > 1.0f) { return quiet_nan(); }
  let large = a > 0.5f;
  let z = select(a * a, 0.5f - 0.5f * a, large);
  let s = select(a, sqrt(z), large);
  let y = s + s * z * asin_tail(z);
  if (!large) { return sub_f32(1.57079637f, with_sign(y, x)) - 4.37113883e-8f; }
  return select(y + y, sub_f32(3.14159274f, y + y) - 8.74227766e-8f, x < 0.0f);
}`,
  atan_part: `fn atan_part(t: F, inverted: B) -> F {
  let z = t * t;
  let w = z * z;
  let a = ${horner("w", [-0.007274215, -0.04464995, -0.08812838, -0.14280112, -0.33333328])};
  let b = ${horner("w", [0.0011025658, 0.022474853, 0.06741796, 0.110592686, 0.19999705])};
  let y = t + t * z * (b * z + a);
  return select(y, sub_f32(F(1.57079637f), y) - 4.37113883e-8f, inverted);
}`,
  atan_f32: `fn atan_f32(x: F) -> F {
  let a = abs_f32(x);
  let inverted = a > F(1.0f);
  let t = select(a, F(1.0f), inverted) / select(F(1.0f), a, inverted);
  let y = with_sign(atan_part(select(t, F(0.0f), !is_finite(x)), inverted), x);
  return select(y, x, is_nan(x));
}`,
  atan2_f32: `fn atan2_f32(y: f32, x: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return quiet_nan(); }
  let a = abs_f32(y);
  let b = abs_f32(x);
  let inverted = a > b;
  let above = select(a, b, inverted);
  let below = select(b, a, inverted);
  // 0 / 0 counts as 0 and inf / inf as 1; a quotient by infinity as 0.
  var t = above / select(below, 1.0f, below == 0.0f || !is_finite(below));
  if (below == 0.0f || (!is_finite(below) && is_finite(above))) { t = 0.0f; }
  if (!is_finite(above)) { t = 1.0f; }
  let angle = atan_part(t, inverted);
  let opposite = sub_f32(3.14159274f, angle) - 8.74227766e-8f;
  return with_sign(select(angle, opposite, (bitcast<u32>(x) >> 31u) != 0u), y);
}`,
  asinh_f32: `fn asinh_f32(x: f32) -> f32 {
  if (!is_finite(x) || x == 0.0f) { return x; }
  let a = abs_f32(x);
  if (a > 1.0e9f) { return with_sign(log_f32(a) + 0.6931472f, x); }
  return with_sign(log1p_f32(a + a * a / (1.0f + sqrt(1.0f + a * a))), x);
}`,
  acosh_f32: `fn acosh_f32(x: f32) -> f32 {
  if (is_nan(x) || x < 1.0f) { return quiet_nan(); }
  if (x > 1.0e9f) { return log_f32(x) + 0.6931472f; }
  let t = sub_f32(x, 1.0f);
  return log1p_f32(t + sqrt(t + t + t * t));
}`,
  atanh_f32: `fn atanh_f32(x: f32) -> f32 {
  let a = abs_f32(x);
  if (is_nan(x) || a > 1.0f) { return quiet_nan(); }
  if (a == 1.0f) { return with_sign(infinity(), x); }
  if (a < 1.0e-4f) { return x; }
  return with_sign(0.5f * log1p_f32(2.0f * a / sub_f32(1.0f, a)), x);
}`,
  cbrt_f32: `fn cbrt_f32(x: f32) -> f32 {
  if (!is_finite(x) || x == 0.0f) { return x; }
  let small = abs_f32(x) < 1.1754944e-38f;
  let a = abs_f32(x) * select(1.0f, 16777216.0f, small);
  var t = bitcast<f32>(bitcast<u32>(a) / 3u + 709921077u);
  // Halley's iteration triples the digits.
  for (var i = 0; i < 3; i++) {
    let q = t * t / (a / t);
    t = t * ((q + 2.0f) / (q + q + 1.0f));
  }
  return with_sign(select(t, t * 0.00390625f, small), x);
}`,
  erf_f32: `fn erf_f32(x: F) -> F {
  let a = min(abs_f32(x), F(4.0f));
  let y = a * a;
  let near = a + a * ${
    horner("y", [
      7.2360686e-5,
      -0.00078247394,
      0.005167731,
      -0.026843518,
      0.11283364,
      -0.3761261,
      0.12837917,
    ])
  };
  let p = ${horner("y", [-0.0049286154, -0.046586026, 0.02720308, 0.9937778])};
  let q = ${horner("y", [0.0006189741, 0.022547513, 0.096326046, 0.17115259])} * a + p;
  let q2 = q * q;
  let q4 = q2 * q2;
  let size = select(sub_f32(F(1.0f), 1.0f / (q4 * q4)), near, a <= F(1.1f));
  return select(with_sign(size, x), x, is_nan(x));
}`,
  // (1 + 2 a) exp(a^2) erfc(a) as a polynomial in (a - 2) / (a + 2); a^2 in two parts, as exp needs it exact.
  erfc_f32: `fn erfc_f32(x: F) -> F {
  let a = min(abs_f32(x), F(10.2f));
  let q = sub_f32(a, F(2.0f)) / (a + 2.0f);
  let y = q * q;
  let p = ${
    horner("y", [
      0.00016925307318674932,
      -0.0014206326062340833,
      0.008709027551691128,
      -0.05421781572255277,
      -0.1660305224160226,
      1.2769783826873622,
    ])
  };
  let h = ${
    horner("y", [
      7.935161222995966e-5,
      -0.00040071923229245465,
      0.0012527166893007116,
      -0.008030875495651268,
      0.16405104059960116,
      -0.09276382066231957,
    ])
  } * q + p;
  let high = bitcast<F>(bitcast<U>(a) & U(0xfffff000u));
  let low = sub_f32(a, high);
  let e = exp_f32(-high * high) * exp_f32(-low * (a + high));
  let r = h * e / (1.0f + 2.0f * a);
  let z = select(r, sub_f32(F(2.0f), r), x < F(0.0f));
  return select(z, x, is_nan(x));
}`,
  erfInv_f32: `fn erfInv_f32(x: f32) -> f32 {
  let a = abs_f32(x);
  if (is_nan(x) || a > 1.0f) { return quiet_nan(); }
  if (a == 1.0f) { return with_sign(infinity(), x); }
  // -log(1 - x^2), with both factors exact.
  let w = neg_f32(log1p_f32(neg_f32(a)) + log1p_f32(a));
  if (w < 5.0f) {
    let t = w - 2.5f;
    let y = t * t;
    let p = ${horner("y", [2.3236625e-8, -3.4627485e-6, 0.00021834459, -0.004177387, 1.5014094])};
    let q = ${horner("y", [-8.788465e-9, 4.6613926e-7, -4.963225e-6, -0.001252742, 0.24664028])};
    return x * (q * t + p);
  }
  let t = sqrt(w) - 3.0f;
  let y = t * t;
  let p = ${horner("y", [-0.00012214147, 0.0012394731, 0.0057908907, 0.009430832, 2.832977])};
  let q = ${horner("y", [5.213511e-5, -0.0036240346, -0.0076355804, 1.0016748])};
  return x * (q * t + p);
}`,
  // Towards 2 by recurrence, beyond 8 by Stirling's series, below 1/2 by reflection.
  lgamma_positive: `fn lgamma_positive(a: f32) -> f32 {
  if (a >= 8.0f) {
    let i = 1.0f / a;
    let z = i * i;
    let series = i * ${horner("z", [0.00079365077, -0.0027777778, 0.083333333])};
    return (a - 0.5f) * (log_f32(a) - 1.0f) + (0.4189385332f + series);
  }
  var b = a;
  var product = 1.0f;
  for (var k = 0; k < 6; k++) {
    if (b >= 2.5f) { b = b - 1.0f; product = product * b; }
  }
  var below = 1.0f;
  for (var k = 0; k < 2; k++) {
    if (b < 1.5f) { below = below * b; b = b + 1.0f; }
  }
  // log(gamma(2 + t)) / t.
  var t = sub_f32(b, 2.0f);
  if (a < 0.5f) { t = a; } else if (a < 1.5f) { t = sub_f32(a, 1.0f); }
  let y = t * t;
  let p = ${
    horner("y", [
      -4.304082e-7,
      -2.0448931e-6,
      -9.4384662e-6,
      -4.4926350e-5,
      -0.00022315475,
      -0.0011927539,
      -0.0073855510,
      -0.067352301,
      0.42278434,
    ])
  };
  let q = ${
    horner("y", [
      1.9660041e-7,
      9.6109383e-7,
      4.3734914e-6,
      2.0507411e-5,
      9.9457495e-5,
      0.00050966953,
      0.0028905103,
      0.020580808,
      0.32246703,
    ])
  };
  return (q * t + p) * t + (log_f32(product) - log_f32(below));
}`,
  lgamma_f32: `fn lgamma_f32(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = abs_f32(x);
  if (!is_finite(x)) { return infinity(); }
  if (x >= 0.0f && a > 0.0f) { return lgamma_positive(a); }
  let f = sub_f32(a, round(a));
  if (f == 0.0f) { return infinity(); }
  if (a < 1.0e-10f) { return neg_f32(log_f32(a)); }
  let sine = abs_f32(sin_part(f * 3.14159274f));
  return sub_f32(sub_f32(1.1447298858f, log_f32(a * sine)), lgamma_positive(a));
}`,
  digamma_positive: `fn digamma_positive(x: f32) -> f32 {
  var a = x;
  var sum = 0.0f;
  for (var k = 0; k < 10; k++) {
    if (a < 10.0f) { sum = sum + 1.0f / a; a = a + 1.0f; }
  }
  let i = 1.0f / a;
  let z = i * i;
  let far = z * ${horner("z", [0.0039682540, -0.0083333333, 0.083333333])};
  return sub_f32(sub_f32(log_f32(a), 0.5f * i), far) - sum;
}`,
  digamma_f32: `fn digamma_f32(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x > 0.0f) { return select(digamma_positive(x), x, !is_finite(x)); }
  let f = sub_f32(x, round(x));
  if (f == 0.0f || !is_finite(x)) { return quiet_nan(); }
  return sub_f32(digamma_positive(sub_f32(1.0f, x)), 3.14159274f / tan_f32(f * 3.14159274f));
}`,
  // 2^(y log2 |x|), with log2 |x| in two parts whose product with y keeps its low digits.
  pow_f32: `fn pow_f32(x: f32, y: f32) -> f32 {
  if (y == 0.0f || (x == 1.0f && !is_nan(x))) { return 1.0f; }
  if (is_nan(x) || is_nan(y)) { return quiet_nan(); }
  let a = abs_f32(x);
  let whole = !is_finite(y) || floor(y) == y;
  let odd = is_finite(y) && whole && abs_f32(y) < 16777216.0f && (i32(y) & 1) != 0;
  let negative = (bitcast<u32>(x) >> 31u) != 0u;
  if (!is_finite(y)) {
    if (a == 1.0f) { return 1.0f; }
    return select(0.0f, infinity(), (a > 1.0f) == (y > 0.0f));
  }
  if (a == 0.0f || !is_finite(x)) {
    let size = select(0.0f, infinity(), (a == 0.0f) == (y < 0.0f));
    return select(size, neg_f32(size), negative && odd);
  }
  if (negative && !whole) { return quiet_nan(); }
  let size = pow_positive(a, y);
  return select(size, neg_f32(size), negative && odd);
}`,
  // The sum of two floats and what its rounding lost (Møller, 1965; Knuth).
  two_sum: `fn two_sum(a: f32, b: f32) -> vec2<f32> {
  let s = a + b;
  let v = sub_f32(s, a);
  return vec2<f32>(s, sub_f32(a, sub_f32(s, v)) + sub_f32(b, v));
}`,
  // The product and what its rounding lost, by halves of 12 bits (Dekker, 1971).
  two_product: `fn two_product(a: f32, b: f32) -> vec2<f32> {
  let p = a * b;
  let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let al = sub_f32(a, ah);
  let bl = sub_f32(b, bh);
  return vec2<f32>(p, sub_f32(ah * bh, p) + ah * bl + al * bh + al * bl);
}`,
  pow_positive: `fn pow_positive(x: f32, y: f32) -> f32 {
  let small = bitcast<u32>(x) < 0x00800000u;
  let bits = bitcast<i32>(select(x, x * 8388608.0f, small));
  let k = (bits - 0x3f3504f3) >> 23u;
  let m = bitcast<f32>(bits - (k << 23u));
  // s = (m - 1) / (m + 1) in two parts, and log2 m = 2 / ln 2 (s + s^3 / 3 + ...).
  let above = sub_f32(m, 1.0f);
  let below = two_sum(m, 1.0f);
  let s = above / below.x;
  let back = two_product(s, below.x);
  let rest = (sub_f32(sub_f32(above, back.x), back.y) - s * below.y) / below.x;
  let z = s * s;
  let tail = s * z * ${horner("z", [0.34075015, 0.41167167, 0.5770836, 0.96179667])};
  let high = two_product(s, 2.8853900f);
  let log_m = two_sum(high.x, tail + (high.y + s * 3.8519186e-8f + rest * 2.88539f));
  let log_x = two_sum(f32(k - select(0, 23, small)), log_m.x);
  let t = two_product(log_x.x, y);
  let low = t.y + (log_x.y + log_m.y) * y;
  if (t.x > 130.0f) { return infinity(); }
  if (t.x < -152.0f) { return 0.0f; }
  let n = round(t.x);
  let r = sub_f32(t.x, n) + low;
  let p = ${
    horner("r", [
      0.00013340353,
      0.0013387866,
      0.00962542,
      0.055503663,
      0.24022594,
      0.6931472,
      1,
    ])
  };
  return scaled(p, i32(n));
}`,
};
