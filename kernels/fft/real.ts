// Transforms of real rows of even length n = 2h: pairs of neighbours are the parts of h complex numbers, and their transform z holds those of the even
// elements, (z[k] + conj z[h - k]) / 2, and of the odd ones. `roots` are the first n/4 + 1 roots of unity of n, as complex numbers.
import { firstPairs, imags, lastPairs, reals, reversed, timesIm, timesRe } from "./blocks";
import { lanesOf } from "./moves";

/** All frequencies k and h - k but the first and last; `forwards`: from half the transform of the pairs, else to the transform whose inverse they are. */
@inline
function mirrored<T>(forwards: bool, h: i32, z: usize, roots: usize, out: usize): void {
  const S = sizeof<T>(), C = 2 * S, lanes = lanesOf<T>();
  let k = 1;
  for (; 2 * (k + lanes - 1) < h; k += lanes) {
    const low = usize(k) * C, high = usize(h - k - lanes + 1) * C;
    const x0 = v128.load(z + low), x1 = v128.load(z + low, 16), y0 = v128.load(z + high), y1 = v128.load(z + high, 16);
    const w0 = v128.load(roots + low), w1 = v128.load(roots + low, 16);
    const ar = reals<T>(x0, x1), ai = imags<T>(x0, x1);
    const br = reversed<T>(reals<T>(y0, y1)), bi = reversed<T>(imags<T>(y0, y1));
    const wr = reals<T>(w0, w1), wi = imags<T>(w0, w1);
    const er = v128.add<T>(ar, br), ei = v128.sub<T>(ai, bi), dr = v128.sub<T>(ar, br), di = v128.add<T>(ai, bi);
    let pr: v128, pi: v128;
    if (forwards) {
      // w · (-i) · d
      pr = timesIm<T>(dr, di, wr, wi);
      pi = v128.neg<T>(timesRe<T>(dr, di, wr, wi));
    } else {
      // i · conj w · d
      const wc = v128.neg<T>(wi);
      pr = v128.neg<T>(timesIm<T>(dr, di, wr, wc));
      pi = timesRe<T>(dr, di, wr, wc);
    }
    const lr = v128.add<T>(er, pr), li = v128.add<T>(ei, pi);
    const hr = reversed<T>(v128.sub<T>(er, pr)), hi = reversed<T>(v128.sub<T>(pi, ei));
    v128.store(out + low, firstPairs<T>(lr, li));
    v128.store(out + low, lastPairs<T>(lr, li), 16);
    v128.store(out + high, firstPairs<T>(hr, hi));
    v128.store(out + high, lastPairs<T>(hr, hi), 16);
  }
  for (; 2 * k <= h; k++) {
    const low = usize(k) * C, high = usize(h - k) * C;
    const ar = load<T>(z + low), ai = load<T>(z + low + S), br = load<T>(z + high), bi = load<T>(z + high + S);
    const wr = load<T>(roots + low), wi = load<T>(roots + low + S);
    const er = ar + br, ei = ai - bi, dr = ar - br, di = ai + bi;
    const pr = forwards ? wr * di + wi * dr : wi * dr - wr * di;
    const pi = forwards ? wi * di - wr * dr : wr * dr + wi * di;
    store<T>(out + high, er - pr);
    store<T>(out + high + S, pi - ei);
    store<T>(out + low, er + pr);
    store<T>(out + low + S, ei + pi);
  }
}

/** The frequencies 0 … h of a real row, from half the transform of its pairs. */
export function fromPairs<T>(h: i32, z: usize, roots: usize, out: usize): void {
  const S = sizeof<T>();
  const re = load<T>(z), im = load<T>(z + S), last = out + usize(2 * h) * S;
  store<T>(out, <T> 2 * (re + im));
  store<T>(out + S, 0);
  store<T>(last, <T> 2 * (re - im));
  store<T>(last + S, 0);
  mirrored<T>(true, h, z, roots, out);
}

/** What is transformed back to the pairs of a real row, from its frequencies 0 … h. Not in place. */
export function toPairs<T>(h: i32, x: usize, roots: usize, out: usize): void {
  const S = sizeof<T>();
  const first = load<T>(x), last = load<T>(x + usize(2 * h) * S);
  store<T>(out, first + last);
  store<T>(out + S, first - last);
  mirrored<T>(false, h, x, roots, out);
}

/** A real row as complex numbers. */
export function widened<T>(n: i32, x: usize, out: usize): void {
  const S = sizeof<T>();
  for (; n > 0; n--, x += S, out += 2 * S) {
    store<T>(out, load<T>(x));
    store<T>(out + S, 0);
  }
}

/** All frequencies of a real row of odd length n, from the first half of them. */
export function completed<T>(n: i32, x: usize, out: usize): void {
  const S = sizeof<T>(), C = 2 * S;
  store<T>(out, load<T>(x));
  store<T>(out + S, 0);
  for (let k = 1; 2 * k < n; k++) {
    const from = x + usize(k) * C, low = out + usize(k) * C, high = out + usize(n - k) * C;
    const re = load<T>(from), im = load<T>(from + S);
    store<T>(low, re);
    store<T>(low + S, im);
    store<T>(high, re);
    store<T>(high + S, -im);
  }
}

/** The real parts of a row. */
export function realParts<T>(n: i32, x: usize, out: usize): void {
  const S = sizeof<T>();
  for (; n > 0; n--, x += 2 * S, out += S) store<T>(out, load<T>(x));
}

/** The frequencies beyond n/2 of a real row, which are conjugates of those before them; all conjugates of what they are where `backwards`. */
export function mirror<T>(n: i32, backwards: bool, out: usize): void {
  const S = sizeof<T>(), C = 2 * S;
  const lanes = lanesOf<T>();
  let k = 1;
  for (; 2 * (k + lanes - 1) < n; k += lanes) {
    const low = out + usize(k) * C, high = out + usize(n - k - lanes + 1) * C;
    const a = v128.load(low), b = v128.load(low, 16);
    const re = reals<T>(a, b), im = imags<T>(a, b), minus = v128.neg<T>(im);
    const hr = reversed<T>(re), hi = reversed<T>(backwards ? im : minus);
    v128.store(high, firstPairs<T>(hr, hi));
    v128.store(high, lastPairs<T>(hr, hi), 16);
    if (!backwards) continue;
    v128.store(low, firstPairs<T>(re, minus));
    v128.store(low, lastPairs<T>(re, minus), 16);
  }
  for (; 2 * k < n; k++) {
    const low = out + usize(k) * C, high = out + usize(n - k) * C;
    const re = load<T>(low), im = load<T>(low + S);
    store<T>(high, re);
    store<T>(high + S, backwards ? im : -im);
    if (backwards) store<T>(low + S, -im);
  }
}
