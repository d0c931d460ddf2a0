// Dtypes that are only stored, from and to those that they are computed with in; contiguous to contiguous.

/** The bits of a float16 in each lane as a float32. Subnormals and all else are exact; a NaN keeps its digits. */
@inline
function single(x: v128): v128 {
  const size = i32x4.shl(v128.and(x, i32x4.splat(0x7fff)), 13);
  const scaled = f32x4.mul(size, f32x4.splat(<f32> 5.192296858534828e33)); // 2^112, between the biases of the exponents
  const top = v128.and(i32x4.ge_s(size, i32x4.splat(0x7c00 << 13)), i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(x, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(scaled, top), sign);
}

/** The bits of the float16 nearest to a float32, of two equally near the even one. */
@inline
function half(x: v128): v128 {
  const size = v128.and(x, i32x4.splat(0x7fffffff));
  const isOdd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
  const nudge = i32x4.splat((-112 << 23) + 4095);
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, isOdd), nudge), 13);
  // A sum with 0.5 has its last place where that of a subnormal float16 is.
  const small = i32x4.sub(f32x4.add(size, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const finite = v128.bitselect(small, normal, i32x4.lt_s(size, i32x4.splat(0x38800000)));
  const isNaN = i32x4.gt_s(size, i32x4.splat(0x7f800000));
  const special = v128.or(v128.and(isNaN, i32x4.splat(0x200)), i32x4.splat(0x7c00));
  const rounded = v128.bitselect(special, finite, i32x4.ge_s(size, i32x4.splat(0x47800000)));
  return v128.or(rounded, v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000)));
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
  for (; n > 0; n--, x += sizeof<F>(), out += 4) store<i32>(out, i32(load<F>(x)));
}

@inline
function cut<T>(n: i32, x: usize, out: usize): void {
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
