// Blocks: as many complex numbers as a vector has lanes, first their real parts, then their imaginary parts. 32 bytes, of f32 and of f64.
import { madd, nmadd } from "../math/madd";

/** Bytes of a block. */
export const BLOCK: usize = 32;

/** The real parts of a block's worth of complex numbers that lie as in arrays: `a` and what follows it, `b`. */
@inline
export function reals<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(a, b, 0, 2, 4, 6) : v128.shuffle<i64>(a, b, 0, 2);
}

/** Their imaginary parts. */
@inline
export function imags<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(a, b, 1, 3, 5, 7) : v128.shuffle<i64>(a, b, 1, 3);
}

/** The first half of a block's worth of complex numbers as they lie in arrays. */
@inline
export function firstPairs<T>(re: v128, im: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(re, im, 0, 4, 1, 5) : v128.shuffle<i64>(re, im, 0, 2);
}

/** The second half. */
@inline
export function lastPairs<T>(re: v128, im: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(re, im, 2, 6, 3, 7) : v128.shuffle<i64>(re, im, 1, 3);
}

/** The lanes in the other order. */
@inline
export function reversed<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(x, x, 3, 2, 1, 0) : v128.shuffle<i64>(x, x, 1, 0);
}

/** One number in all lanes. */
@inline
export function everywhere<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}

/** The real part of (xr + i·xi) · (wr + i·wi). */
@inline
export function timesRe<T>(xr: v128, xi: v128, wr: v128, wi: v128): v128 {
  return nmadd<T>(xi, wi, v128.mul<T>(xr, wr));
}

/** The imaginary part. */
@inline
export function timesIm<T>(xr: v128, xi: v128, wr: v128, wi: v128): v128 {
  return madd<T>(xr, wi, v128.mul<T>(xi, wr));
}

/** Stores a block. */
@inline
export function put(at: usize, re: v128, im: v128): void {
  v128.store(at, re);
  v128.store(at, im, 16);
}

/** Stores a block times a number that is the same in all lanes, where `turned`. */
@inline
export function putTimes<T>(turned: bool, at: usize, re: v128, im: v128, w: usize): void {
  if (turned) {
    const wr = everywhere<T>(w), wi = everywhere<T>(w + sizeof<T>());
    put(at, timesRe<T>(re, im, wr, wi), timesIm<T>(re, im, wr, wi));
  } else put(at, re, im);
}
