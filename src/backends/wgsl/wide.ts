/**
 * 64-bit integers in WGSL, as pairs of words: `x` the low one, `y` the high one.
 *
 * @module
 */

/** Functions on `vec2<u32>`, by name. */
export const wide: Readonly<Record<string, string>> = {
  add_64: `fn add_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`,
  neg_64: "fn neg_64(a: vec2<u32>) -> vec2<u32> { return add_64(~a, vec2<u32>(1u, 0u)); }",
  sub_64: "fn sub_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return add_64(a, neg_64(b)); }",
  mul_32: `fn mul_32(a: u32, b: u32) -> vec2<u32> {
  let middle = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return vec2<u32>(a * b, (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u));
}`,
  mul_64: `fn mul_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = mul_32(a.x, b.x);
  return vec2<u32>(low.x, low.y + a.x * b.y + a.y * b.x);
}`,
  lt_u64: `fn lt_u64(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}`,
  lt_64: `fn lt_64(a: vec2<u32>, b: vec2<u32>) -> bool {
  return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x);
}`,
  min_64: `fn min_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(b, a, lt_64(a, b));
}`,
  max_64: `fn max_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(a, b, lt_64(a, b));
}`,
  negative_64: "fn negative_64(a: vec2<u32>) -> bool { return (a.y >> 31u) != 0u; }",
  abs_64: `fn abs_64(a: vec2<u32>) -> vec2<u32> {
  return select(a, neg_64(a), negative_64(a));
}`,
  sign_64: `fn sign_64(a: vec2<u32>) -> vec2<u32> {
  if (negative_64(a)) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  return vec2<u32>(select(0u, 1u, any(a != vec2<u32>())), 0u);
}`,
  popcount_64: `fn popcount_64(a: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(countOneBits(a.x) + countOneBits(a.y), 0u);
}`,
  clz_64: `fn clz_64(a: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u), 0u);
}`,
  // Amounts of 64 and more, negative ones among them, shift everything out.
  far_64: "fn far_64(n: vec2<u32>) -> bool { return n.y != 0u || n.x >= 64u; }",
  shl_64: `fn shl_64(a: vec2<u32>, n: vec2<u32>) -> vec2<u32> {
  if (far_64(n)) { return vec2<u32>(); }
  let k = n.x & 31u;
  if (n.x >= 32u) { return vec2<u32>(0u, a.x << k); }
  return vec2<u32>(a.x << k, (a.y << k) | select(a.x >> ((32u - k) & 31u), 0u, k == 0u));
}`,
  shr_64: `fn shr_64(a: vec2<u32>, n: vec2<u32>) -> vec2<u32> {
  if (far_64(n)) { return vec2<u32>(); }
  let k = n.x & 31u;
  if (n.x >= 32u) { return vec2<u32>(a.y >> k, 0u); }
  return vec2<u32>((a.x >> k) | select(a.y << ((32u - k) & 31u), 0u, k == 0u), a.y >> k);
}`,
  sar_64: `fn sar_64(a: vec2<u32>, n: vec2<u32>) -> vec2<u32> {
  let sign = bitcast<u32>(bitcast<i32>(a.y) >> 31u);
  if (far_64(n)) { return vec2<u32>(sign, sign); }
  let moved = shr_64(a, n);
  let fill = shl_64(vec2<u32>(sign, sign), vec2<u32>(64u - n.x, 0u));
  return moved | select(fill, vec2<u32>(), n.x == 0u);
}`,
  // Of the pair by the number, which is larger than its upper half: by digits of 16 bits (Knuth's algorithm D; Warren, Hacker's
  // Delight, 9-4). A digit that is guessed from the upper halves is one or two too large at most.
  digit_64: `fn digit_64(high: u32, next: u32, b: u32) -> u32 {
  let top = b >> 16u;
  var q = high / top;
  var rest = high - q * top;
  for_digit(&q, &rest, next, b);
  for_digit(&q, &rest, next, b);
  return q;
}`,
  for_digit: `fn for_digit(q: ptr<function, u32>, rest: ptr<function, u32>, next: u32, b: u32) {
  if (*rest >= 65536u) { return; }
  if (*q >= 65536u || *q * (b & 0xffffu) > (*rest << 16u) + next) {
    *q -= 1u;
    *rest += b >> 16u;
  }
}`,
  divide_pair: `fn divide_pair(a: vec2<u32>, divisor: u32) -> u32 {
  let shift = countLeadingZeros(divisor);
  let b = divisor << shift;
  let high = (a.y << shift) | select(a.x >> ((32u - shift) & 31u), 0u, shift == 0u);
  let low = a.x << shift;
  let first = digit_64(high, low >> 16u, b);
  let rest = (high << 16u) + (low >> 16u) - first * b;
  return (first << 16u) + digit_64(rest, low & 0xffffu, b);
}`,
  // Without a loop: drivers count the turns of all loops of an invocation.
  divide_64: `fn divide_64(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  var quotient = vec2<u32>();
  if (b.y == 0u) {
    let high = a.y / b.x;
    quotient = vec2<u32>(divide_pair(vec2<u32>(a.x, a.y - high * b.x), b.x), high);
  } else {
    // Too small by nothing, or too large by one, before the one that is taken off.
    let shift = countLeadingZeros(b.y);
    let top = (b.y << shift) | select(b.x >> ((32u - shift) & 31u), 0u, shift == 0u);
    let half = divide_pair(vec2<u32>((a.x >> 1u) | (a.y << 31u), a.y >> 1u), top);
    let guess = shl_64(vec2<u32>(half, 0u), vec2<u32>(shift, 0u));
    quotient = vec2<u32>((guess.x >> 31u) | (guess.y << 1u), 0u);
    quotient.x -= min(quotient.x, 1u);
    if (!lt_u64(sub_64(a, mul_64(quotient, b)), b)) { quotient.x += 1u; }
  }
  return vec4<u32>(quotient, sub_64(a, mul_64(quotient, b)));
}`,
  div_64: `fn div_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (all(b == vec2<u32>())) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  let q = divide_64(abs_64(a), abs_64(b)).xy;
  return select(q, neg_64(q), negative_64(a) != negative_64(b));
}`,
  rem_64: `fn rem_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (all(b == vec2<u32>())) { return a; }
  let r = divide_64(abs_64(a), abs_64(b)).zw;
  return select(r, neg_64(r), negative_64(a));
}`,
  div_u64: `fn div_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (all(b == vec2<u32>())) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  return divide_64(a, b).xy;
}`,
  rem_u64: `fn rem_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (all(b == vec2<u32>())) { return a; }
  return divide_64(a, b).zw;
}`,
  min_u64: `fn min_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(b, a, lt_u64(a, b));
}`,
  max_u64: `fn max_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(a, b, lt_u64(a, b));
}`,
  abs_u64: "fn abs_u64(a: vec2<u32>) -> vec2<u32> { return a; }",
  sign_u64: `fn sign_u64(a: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(select(0u, 1u, any(a != vec2<u32>())), 0u);
}`,
  f32_of_u64: `fn f32_of_u64(size: vec2<u32>) -> f32 {
  // Rounded once: the upper 32 significant bits, the last of them standing for all that is lost.
  if (size.y == 0u) { return f32(size.x); }
  let zeros = countLeadingZeros(size.y);
  let top = shl_64(size, vec2<u32>(zeros, 0u));
  let sticky = select(0u, 1u, top.x != 0u);
  return f32(top.y | sticky) * bitcast<f32>((32u - zeros + 127u) << 23u);
}`,
  u64_of_f32: `fn u64_of_f32(x: f32) -> vec2<u32> {
  if (is_nan(x) || x <= 0.0f) { return vec2<u32>(); }
  if (x >= 18446744073709551616.0f) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  let high = u32(floor(x * 2.3283064365386963e-10f));
  return vec2<u32>(u32(floor(sub_f32(x, f32(high) * 4294967296.0f))), high);
}`,
  pow_u64: `fn pow_u64(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
  var result = vec2<u32>(1u, 0u);
  var base = x;
  var rest = y;
  loop {
    if (all(rest == vec2<u32>())) { break; }
    if ((rest.x & 1u) != 0u) { result = mul_64(result, base); }
    base = mul_64(base, base);
    rest = shr_64(rest, vec2<u32>(1u, 0u));
  }
  return result;
}`,
  pow_64: `fn pow_64(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
  if (!negative_64(y)) { return pow_u64(x, y); }
  let one = vec2<u32>(1u, 0u);
  if (all(x == one)) { return one; }
  let minus = all(x == vec2<u32>(0xffffffffu, 0xffffffffu));
  return select(vec2<u32>(), select(one, x, (y.x & 1u) != 0u), minus);
}`,
  f32_of_64: `fn f32_of_64(a: vec2<u32>) -> f32 {
  let size = f32_of_u64(abs_64(a));
  return select(size, -size, negative_64(a));
}`,
  i64_of_f32: `fn i64_of_f32(x: f32) -> vec2<u32> {
  if (is_nan(x)) { return vec2<u32>(); }
  if (x >= 9223372036854775808.0f) { return vec2<u32>(0xffffffffu, 0x7fffffffu); }
  if (x <= -9223372036854775808.0f) { return vec2<u32>(0u, 0x80000000u); }
  let whole = u64_of_f32(abs_f32(x));
  return select(whole, neg_64(whole), x < 0.0f);
}`,
};
