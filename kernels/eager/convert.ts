// Conversions between dtypes, contiguous to contiguous. Floating to integer saturates and maps NaN to 0;
// between integers bits are cut or extended; bool is 0 or 1.

/** Elements for one call of a loop. */
const CHUNK: i32 = 4096;

@inline
function scalar<F, T>(x: F): T {
  if (isFloat<F>() && isInteger<T>()) {
    // Casts of AssemblyScript saturate (trunc_sat) to 32 and 64 bits, but cut to 8.
    if (sizeof<T>() == 1) return <T> min<u32>(<u32> x, 255);
  }
  return <T> x;
}

function cast<F, T>(n: i32, x: usize, out: usize): void {
  if (sizeof<F>() == 4 && sizeof<T>() == 4) {
    for (; n >= 4; n -= 4, x += 16, out += 16) {
      const v = v128.load(x);
      let r = v;
      if (isFloat<F>()) r = isSigned<T>() ? i32x4.trunc_sat_f32x4_s(v) : i32x4.trunc_sat_f32x4_u(v);
      else if (isFloat<T>()) {
        r = isSigned<F>() ? f32x4.convert_i32x4_s(v) : f32x4.convert_i32x4_u(v);
      }
      v128.store(out, r);
    }
  } else if (sizeof<F>() == 4 && sizeof<T>() == 8 && isFloat<T>()) {
    for (; n >= 2; n -= 2, x += 8, out += 16) {
      const v = v128.load64_zero(x);
      let r = v;
      if (isFloat<F>()) r = f64x2.promote_low_f32x4(v);
      else r = isSigned<F>() ? f64x2.convert_low_i32x4_s(v) : f64x2.convert_low_i32x4_u(v);
      v128.store(out, r);
    }
  } else if (sizeof<F>() == 4 && sizeof<T>() == 8 && isInteger<F>()) {
    for (; n >= 2; n -= 2, x += 8, out += 16) {
      const v = v128.load64_zero(x);
      v128.store(out, isSigned<F>() ? i64x2.extend_low_i32x4_s(v) : i64x2.extend_low_i32x4_u(v));
    }
  } else if (sizeof<F>() == 8 && sizeof<T>() == 4 && isFloat<F>()) {
    for (; n >= 2; n -= 2, x += 16, out += 8) {
      const v = v128.load(x);
      let r = v;
      if (isFloat<T>()) r = f32x4.demote_f64x2_zero(v);
      else r = isSigned<T>() ? i32x4.trunc_sat_f64x2_s_zero(v) : i32x4.trunc_sat_f64x2_u_zero(v);
      v128.store64_lane(out, r, 0);
    }
  } else if (sizeof<F>() == 8 && sizeof<T>() == 4 && isInteger<F>() && isInteger<T>()) {
    for (; n >= 4; n -= 4, x += 32, out += 16) {
      v128.store(out, v128.shuffle<i32>(v128.load(x), v128.load(x, 16), 0, 2, 4, 6));
    }
  } else if (sizeof<F>() == 1 && sizeof<T>() == 4) {
    for (; n >= 4; n -= 4, x += 4, out += 16) {
      const v = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)));
      v128.store(out, isFloat<T>() ? f32x4.convert_i32x4_s(v) : v);
    }
  } else if (sizeof<F>() == 4 && sizeof<T>() == 1 && isFloat<F>()) {
    const most = i32x4.splat(255);
    for (; n >= 8; n -= 8, x += 32, out += 8) {
      const u = i16x8.narrow_i32x4_u(
        i32x4.min_u(i32x4.trunc_sat_f32x4_u(v128.load(x)), most),
        i32x4.min_u(i32x4.trunc_sat_f32x4_u(v128.load(x, 16)), most),
      );
      v128.store64_lane(out, i8x16.narrow_i16x8_u(u, u), 0);
    }
  } else if (sizeof<F>() == 4 && sizeof<T>() == 1 && isInteger<F>()) {
    for (; n >= 16; n -= 16, x += 64, out += 16) {
      const u = v128.shuffle<i8>(
        v128.load(x), v128.load(x, 16), 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0,
      );
      const w = v128.shuffle<i8>(
        v128.load(x, 32), v128.load(x, 48), 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0,
      );
      v128.store(out, v128.shuffle<i64>(u, w, 0, 2));
    }
  }
  for (; n > 0; n--, x += sizeof<F>(), out += sizeof<T>()) {
    store<T>(out, scalar<F, T>(load<F>(x)));
  }
}

/** Not zero; NaN is not. */
function truth<F>(n: i32, x: usize, out: usize): void {
  for (; sizeof<F>() == 4 && n >= 8; n -= 8, x += 32, out += 8) {
    const a = v128.load(x), b = v128.load(x, 16);
    const zero = i32x4.splat(0);
    const u = i16x8.narrow_i32x4_s(
      isFloat<F>() ? f32x4.ne(a, zero) : i32x4.ne(a, zero),
      isFloat<F>() ? f32x4.ne(b, zero) : i32x4.ne(b, zero),
    );
    v128.store64_lane(out, v128.and(i8x16.narrow_i16x8_s(u, u), i8x16.splat(1)), 0);
  }
  for (; sizeof<F>() == 1 && n >= 16; n -= 16, x += 16, out += 16) {
    v128.store(out, v128.and(i8x16.ne(v128.load(x), i8x16.splat(0)), i8x16.splat(1)));
  }
  for (; n > 0; n--, x += sizeof<F>(), out++) store<u8>(out, u8(load<F>(x) != 0));
}

@inline
function casts<F, T>(n: i32, x: usize, out: usize): void {
  for (; n > CHUNK; n -= CHUNK, x += sizeof<F>() * CHUNK, out += sizeof<T>() * CHUNK) {
    cast<F, T>(CHUNK, x, out);
  }
  if (n > 0) cast<F, T>(n, x, out);
}

@inline
function truths<F>(n: i32, x: usize, out: usize): void {
  for (; n > CHUNK; n -= CHUNK, x += sizeof<F>() * CHUNK, out += CHUNK) truth<F>(CHUNK, x, out);
  if (n > 0) truth<F>(n, x, out);
}

/** out[i] = x[i] as another dtype, for 0 <= i < n. A bool is read as a u8. */
export function convert_f32_f64(n: i32, x: usize, out: usize): void {
  casts<f32, f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f32_i32(n: i32, x: usize, out: usize): void {
  casts<f32, i32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f32_i64(n: i32, x: usize, out: usize): void {
  casts<f32, i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f32_u32(n: i32, x: usize, out: usize): void {
  casts<f32, u32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f32_u8(n: i32, x: usize, out: usize): void {
  casts<f32, u8>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f32_bool(n: i32, x: usize, out: usize): void {
  truths<f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_f32(n: i32, x: usize, out: usize): void {
  casts<f64, f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_i32(n: i32, x: usize, out: usize): void {
  casts<f64, i32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_i64(n: i32, x: usize, out: usize): void {
  casts<f64, i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_u32(n: i32, x: usize, out: usize): void {
  casts<f64, u32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_u8(n: i32, x: usize, out: usize): void {
  casts<f64, u8>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_f64_bool(n: i32, x: usize, out: usize): void {
  truths<f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i32_f32(n: i32, x: usize, out: usize): void {
  casts<i32, f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i32_f64(n: i32, x: usize, out: usize): void {
  casts<i32, f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i32_i64(n: i32, x: usize, out: usize): void {
  casts<i32, i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i32_u8(n: i32, x: usize, out: usize): void {
  casts<i32, u8>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i32_bool(n: i32, x: usize, out: usize): void {
  truths<i32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_f32(n: i32, x: usize, out: usize): void {
  casts<i64, f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_f64(n: i32, x: usize, out: usize): void {
  casts<i64, f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_i32(n: i32, x: usize, out: usize): void {
  casts<i64, i32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_u32(n: i32, x: usize, out: usize): void {
  casts<i64, u32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_u8(n: i32, x: usize, out: usize): void {
  casts<i64, u8>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_i64_bool(n: i32, x: usize, out: usize): void {
  truths<i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u32_f32(n: i32, x: usize, out: usize): void {
  casts<u32, f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u32_f64(n: i32, x: usize, out: usize): void {
  casts<u32, f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u32_i64(n: i32, x: usize, out: usize): void {
  casts<u32, i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u32_u8(n: i32, x: usize, out: usize): void {
  casts<u32, u8>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u32_bool(n: i32, x: usize, out: usize): void {
  truths<u32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_f32(n: i32, x: usize, out: usize): void {
  casts<u8, f32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_f64(n: i32, x: usize, out: usize): void {
  casts<u8, f64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_i32(n: i32, x: usize, out: usize): void {
  casts<u8, i32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_i64(n: i32, x: usize, out: usize): void {
  casts<u8, i64>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_u32(n: i32, x: usize, out: usize): void {
  casts<u8, u32>(n, x, out);
}

/** As convert_f32_f64. */
export function convert_u8_bool(n: i32, x: usize, out: usize): void {
  truths<u8>(n, x, out);
}

