// Dtypes that are only stored, from and to those that they are computed with in; contiguous to contiguous.

/** The bits of a float16 in each lane as a float32. Subnormals and all else are exact; a NaN keeps its digits. */
@inline
function single(x: v128): v128 {
  // The sign drawn out on the left of the exponent, then cut off but for its first bit.
  const bits = v128.and(i32x4.shr_s(i32x4.shl(x, 16), 3), i32x4.splat(0x8fffe000));
  const scaled = f32x4.mul(bits, f32x4.splat(<f32> 5.192296858534828e33)); // 2^112, between the biases of the exponents
  const isTop = f32x4.ge(f32x4.abs(scaled), f32x4.splat(65536));
  return v128.or(scaled, v128.and(isTop, i32x4.splat(0x7f800000)));
}

/** The bits of the float16 nearest to a float32, of two equally near the even one. */
@inline
function half(x: v128): v128 {
  // From 2^16 on infinity; a NaN for now, too.
  const size = i32x4.min_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x47800000));
  // The power of two below, or that of the smallest normal number.
  const power = i32x4.max_s(v128.and(size, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000));
  // Rounding happens in a sum whose last place is the one wanted; what the sum has beyond the power are the digits.
  const sum = f32x4.add(size, i32x4.add(power, i32x4.splat(13 << 23)));
  const digits = i32x4.sub(sum, power);
  const bias = i32x4.splat(-((13 << 23) + (0x38800000 >> 13)));
  const number = i32x4.add(i32x4.add(digits, i32x4.shr_u(power, 13)), bias);
  const quiet = v128.and(f32x4.ne(x, x), i32x4.splat(0x200));
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  return v128.or(v128.or(number, quiet), sign);
}

/** The bits of the bfloat16 nearest to a float32. */
@inline
function brief(x: v128): v128 {
  const upper = i32x4.shr_u(x, 16);
  const isOdd = v128.and(upper, i32x4.splat(1));
  const near = i32x4.shr_u(i32x4.add(x, i32x4.add(isOdd, i32x4.splat(0x7fff))), 16);
  return v128.bitselect(v128.or(upper, i32x4.splat(0x40)), near, f32x4.ne(x, x));
}

/** The lowest halves of four words, in the lowest eight bytes. */
@inline
function packed(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 0, 2, 4, 6, 0, 2, 4, 6);
}

/** out[i] = x[i] as another dtype, for 0 <= i < n. */
export function convert_f16_f32(n: i32, x: usize, out: usize): void {
  for (; n >= 4; n -= 4, x += 8, out += 16) {
    v128.store(out, single(i32x4.extend_low_i16x8_u(v128.load64_zero(x))));
  }
  for (; n > 0; n--, x += 2, out += 4) {
    v128.store32_lane(out, single(i32x4.splat(load<u16>(x))), 0);
  }
}

/** As convert_f16_f32. */
export function convert_f32_f16(n: i32, x: usize, out: usize): void {
  for (; n >= 4; n -= 4, x += 16, out += 8) {
    v128.store64_lane(out, packed(half(v128.load(x))), 0);
  }
  for (; n > 0; n--, x += 4, out += 2) {
    v128.store16_lane(out, half(v128.load32_zero(x)), 0);
  }
}

/** As convert_f16_f32. */
export function convert_bf16_f32(n: i32, x: usize, out: usize): void {
  for (; n >= 4; n -= 4, x += 8, out += 16) {
    v128.store(out, i32x4.shl(i32x4.extend_low_i16x8_u(v128.load64_zero(x)), 16));
  }
  for (; n > 0; n--, x += 2, out += 4) store<u32>(out, u32(load<u16>(x)) << 16);
}

/** As convert_f16_f32. */
export function convert_f32_bf16(n: i32, x: usize, out: usize): void {
  for (; n >= 4; n -= 4, x += 16, out += 8) {
    v128.store64_lane(out, packed(brief(v128.load(x))), 0);
  }
  for (; n > 0; n--, x += 4, out += 2) {
    v128.store16_lane(out, brief(v128.load32_zero(x)), 0);
  }
}

@inline
function extend<F>(n: i32, x: usize, out: usize): void {
  for (; sizeof<F>() == 1 && n >= 8; n -= 8, x += 8, out += 32) {
    const halves = v128.load8x8_s(x);
    v128.store(out, i32x4.extend_low_i16x8_s(halves));
    v128.store(out, i32x4.extend_high_i16x8_s(halves), 16);
  }
  for (; sizeof<F>() == 2 && n >= 4; n -= 4, x += 8, out += 16) {
    v128.store(out, isSigned<F>() ? v128.load16x4_s(x) : v128.load16x4_u(x));
  }
  for (; n > 0; n--, x += sizeof<F>(), out += 4) store<i32>(out, i32(load<F>(x)));
}

@inline
function cut<T>(n: i32, x: usize, out: usize): void {
  // Without their upper bits, numbers are in the range of the narrowing instructions, which saturate.
  const kept = i32x4.splat(sizeof<T>() == 1 ? 0xff : 0xffff);
  for (; n >= 8; n -= 8, x += 32, out += 8 * sizeof<T>()) {
    const halves = i16x8.narrow_i32x4_u(
      v128.and(v128.load(x), kept), v128.and(v128.load(x, 16), kept),
    );
    if (sizeof<T>() == 2) v128.store(out, halves);
    else v128.store64_lane(out, i8x16.narrow_i16x8_u(halves, halves), 0);
  }
  for (; n > 0; n--, x += 4, out += sizeof<T>()) store<T>(out, <T> load<i32>(x));
}

/** As convert_f16_f32. */
export function convert_i8_i32(n: i32, x: usize, out: usize): void {
  extend<i8>(n, x, out);
}

/** As convert_f16_f32. */
export function convert_i16_i32(n: i32, x: usize, out: usize): void {
  extend<i16>(n, x, out);
}

/** As convert_f16_f32. */
export function convert_u16_i32(n: i32, x: usize, out: usize): void {
  extend<u16>(n, x, out);
}

/** As convert_f16_f32; what does not fit is cut off. */
export function convert_i32_i8(n: i32, x: usize, out: usize): void {
  cut<i8>(n, x, out);
}

/** As convert_i32_i8. */
export function convert_i32_i16(n: i32, x: usize, out: usize): void {
  cut<i16>(n, x, out);
}

/** As convert_i32_i8. */
export function convert_i32_u16(n: i32, x: usize, out: usize): void {
  cut<u16>(n, x, out);
}
