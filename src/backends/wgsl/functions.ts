/**
 * Functions in WGSL that generated kernels call: what WGSL's own operators leave open or get wrong, and the
 * elementary functions.
 *
 * Drivers compile floating-point arithmetic as if there were no NaN and as if sums could be regrouped: they
 * turn `(1 + x) - 1` into `x`, `x - x` into 0 and `x != x` into false (seen on Mesa). Hence NaN is told by its bits, and
 * a subtraction flips the sign bit by a word that only the running kernel knows. WGSL's own `exp`, `sin` and the like may be
 * several units off, and undefined at the edges; those here are the float32 polynomials of `kernels/math`.
 *
 * @module
 */
import { elementary } from "./elementary.ts";
import { opaqueZero } from "./literals.ts";
import { wide } from "./wide.ts";

/** Text of a WGSL function, by name. */
export type FunctionTable = Readonly<Record<string, string>>;

const own: FunctionTable = {
  is_nan: "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  is_finite:
    "fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }",
  quiet_nan: `fn quiet_nan() -> f32 { return bitcast<f32>(0x7fc00000u | ${opaqueZero}); }`,
  infinity: `fn infinity() -> f32 { return bitcast<f32>(0x7f800000u | ${opaqueZero}); }`,
  sub_f32: `fn sub_f32(x: f32, y: f32) -> f32 {
  return x + bitcast<f32>(bitcast<u32>(y) ^ (0x80000000u | ${opaqueZero}));
}`,
  neg_f32: "fn neg_f32(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u); }",
  abs_f32: "fn abs_f32(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu); }",
  with_sign: `fn with_sign(size: f32, x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(size) | (bitcast<u32>(x) & 0x80000000u));
}`,
  mul_f32: `fn mul_f32(x: f32, y: f32) -> f32 {
  return x * bitcast<f32>(bitcast<u32>(y) ^ ${opaqueZero});
}`,
  div_f32: `fn div_f32(x: f32, y: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ ${opaqueZero}) / bitcast<f32>(bitcast<u32>(y) ^ ${opaqueZero});
}`,
  eq_f32: "fn eq_f32(x: f32, y: f32) -> bool { return x == y && !is_nan(x) && !is_nan(y); }",
  max_f32: `fn max_f32(x: f32, y: f32) -> f32 {
  let m = select(y, x, x > y || (x == y && bitcast<u32>(x) == 0u));
  return select(select(m, y, is_nan(y)), x, is_nan(x));
}`,
  min_f32: `fn min_f32(x: f32, y: f32) -> f32 {
  let m = select(y, x, x < y || (x == y && bitcast<u32>(x) != 0u));
  return select(select(m, y, is_nan(y)), x, is_nan(x));
}`,
  sign_f32: `fn sign_f32(x: f32) -> f32 {
  return select(with_sign(1.0f, x), x, x == 0.0f || is_nan(x));
}`,
  // Biased as in the bits, on into the subnormal numbers.
  exponent_of: `fn exponent_of(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  return select(i32(bits >> 23u), 9 - i32(countLeadingZeros(bits)), bits < 0x00800000u);
}`,
  // Exact, by subtracting the divisor's multiples by powers of two, the greatest first.
  rem_f32: `fn rem_f32(x: f32, y: f32) -> f32 {
  let b = abs_f32(y);
  if (is_nan(x) || is_nan(y) || !is_finite(x) || b == 0.0f) { return quiet_nan(); }
  var a = abs_f32(x);
  if (!is_finite(y) || a < b) { return x; }
  loop {
    if (a < b) { break; }
    // By the exponents' distance, less one, which may be too far.
    var t = b;
    var steps = max(exponent_of(a) - exponent_of(b) - 1, 0);
    loop {
      if (steps <= 0) { break; }
      let k = min(steps, 100);
      t = t * bitcast<f32>(u32(k + 127) << 23u);
      steps = steps - k;
    }
    if (t + t <= a && is_finite(t + t)) { t = t + t; }
    a = sub_f32(a, t);
  }
  return with_sign(a, x);
}`,
  nextafter_f32: `fn nextafter_f32(x: f32, y: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return quiet_nan(); }
  if (x == y) { return y; }
  if (x == 0.0f) { return with_sign(bitcast<f32>(1u | ${opaqueZero}), y); }
  let outwards = (y > x) == (x > 0.0f);
  return bitcast<f32>(bitcast<i32>(x) + select(-1, 1, outwards));
}`,
  div_i32:
    "fn div_i32(x: i32, y: i32) -> i32 { return select(x / select(y, 1, y == 0), -1, y == 0); }",
  div_u32:
    "fn div_u32(x: u32, y: u32) -> u32 { return select(x / select(y, 1u, y == 0u), 0xffffffffu, y == 0u); }",
  rem_i32:
    "fn rem_i32(x: i32, y: i32) -> i32 { return select(x % select(y, 1, y == 0), x, y == 0); }",
  rem_u32:
    "fn rem_u32(x: u32, y: u32) -> u32 { return select(x % select(y, 1u, y == 0u), x, y == 0u); }",
  // To the nearest number of 11 and of 8 significant bits, ties to even.
  round_float16: `fn round_float16(x: f32) -> f32 {
  let a = abs_f32(x);
  if (is_nan(x) || !is_finite(x)) { return x; }
  if (a >= 65520.0f) { return with_sign(infinity(), x); }
  // The unit in the last place of this number is that of a half.
  let m = bitcast<f32>((max(bitcast<u32>(a) >> 23u, 113u) + 13u) << 23u);
  return with_sign(sub_f32(a + m, m), x);
}`,
  round_bfloat16: `fn round_bfloat16(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`,
  bits_of_float16: `fn bits_of_float16(x: f32) -> u32 {
  let sign = (bitcast<u32>(x) >> 16u) & 0x8000u;
  let a = abs_f32(x);
  if (is_nan(x)) { return sign | 0x7e00u; }
  if (!is_finite(x)) { return sign | 0x7c00u; }
  // Below the normal halves the number is a multiple of 2^-24.
  if (a < 6.103515625e-5f) { return sign | u32(a * 16777216.0f); }
  return sign | ((bitcast<u32>(a) - 0x38000000u) >> 13u);
}`,
  float16_of_bits: `fn float16_of_bits(bits: u32) -> f32 {
  let size = bits & 0x7fffu;
  var a = bitcast<f32>((size << 13u) + 0x38000000u);
  if (size < 0x400u) { a = f32(size) * 5.9604644775390625e-8f; }
  if (size >= 0x7c00u) { a = select(quiet_nan(), infinity(), size == 0x7c00u); }
  return select(a, neg_f32(a), (bits & 0x8000u) != 0u);
}`,
  shl_u32: "fn shl_u32(x: u32, y: u32) -> u32 { return select(x << (y & 31u), 0u, y >= 32u); }",
  shr_u32: "fn shr_u32(x: u32, y: u32) -> u32 { return select(x >> (y & 31u), 0u, y >= 32u); }",
  sar_i32: "fn sar_i32(x: i32, y: u32) -> i32 { return x >> min(y, 31u); }",
  pow_i32: `fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  return bitcast<i32>(pow_u32(bitcast<u32>(x), bitcast<u32>(y)));
}`,
  pow_u32: `fn pow_u32(x: u32, y: u32) -> u32 {
  var result = 1u;
  var base = x;
  var rest = y;
  loop {
    if (rest == 0u) { break; }
    if ((rest & 1u) != 0u) { result = result * base; }
    base = base * base;
    rest = rest >> 1u;
  }
  return result;
}`,
  // Saturating; NaN gives 0. Comparisons with NaN are false, whatever a driver makes of them.
  i32_of_f32: `fn i32_of_f32(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648.0f) { return 2147483647; }
  if (x <= -2147483648.0f) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  u32_of_f32: `fn u32_of_f32(x: f32) -> u32 {
  if (is_nan(x) || x <= 0.0f) { return 0u; }
  if (x >= 4294967296.0f) { return 0xffffffffu; }
  return u32(x);
}`,
};

const table: FunctionTable = { ...own, ...elementary, ...wide };

const used = new Map<string, readonly string[]>();

/** The functions that a function's text calls. */
function callsOf(name: string): readonly string[] {
  let calls = used.get(name);
  if (calls === undefined) {
    const names = new Set([...table[name].matchAll(/\b(\w+)\(/g)].map(([, callee]) => callee));
    names.delete(name);
    calls = [...names].filter((callee) => Object.hasOwn(table, callee));
    used.set(name, calls);
  }
  return calls;
}

/** Whether there is a function of that name. */
export function hasFunction(name: string): boolean {
  return Object.hasOwn(table, name);
}

/** The text of functions and of all that they call. */
export function functionText(names: Iterable<string>): string {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    callsOf(name).forEach(visit);
  };
  for (const name of names) visit(name);
  return [...found].map((name) => `${table[name]}\n`).join("");
}
