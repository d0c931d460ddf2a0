// Windows of 3 x 3 that move by one over many features, by Winograd's F(2 x 2, 3 x 3) (Lavin & Gray 2015, arXiv:1509.09308): tiles of 4 x 4
// of the operand and the kernel are brought to a form in which 16 products stand for the 36 of 2 x 2 places of the output. What is summed
// over features are 16 products of matrices, on the tiles of gemm/.
//
// Tiles are taken by four, neighbours in a row, a vector's lanes: two such quads are a panel of the product.
import { strip } from "../gemm/blocked";
import { sixes } from "../gemm/pack";
import {
  field, GROUPS, OUT_BATCH, OUT_GROUP, OUT_ROW, W_GROUP, W_ROW, WINOGRAD_BLOCK, WINOGRAD_COLUMNS, WINOGRAD_FEATURES, WINOGRAD_FIRST_LINE,
  WINOGRAD_FIRST_ROW, WINOGRAD_HEIGHT, WINOGRAD_LEFT, WINOGRAD_LINES, WINOGRAD_OUT_LINE, WINOGRAD_ROWS, WINOGRAD_TAP, WINOGRAD_TAP_COLUMN,
  WINOGRAD_TAP_ROW, WINOGRAD_TOP, WINOGRAD_W_FEATURE, WINOGRAD_X_COLUMNS, WINOGRAD_X_FEATURE, WINOGRAD_X_HEIGHT, WINOGRAD_X_LINE, X_BATCH,
  X_GROUP,
} from "./spec";

const TILE_BYTES: usize = 192;

/** One element of the kernel in four rows. */
@inline
function four(a: usize, b: usize, c: usize, d: usize): v128 {
  return v128.load32_lane(d, v128.load32_lane(c, v128.load32_lane(b, v128.load32_zero(a), 1), 2), 3);
}

/** Puts `count` lanes. */
@inline
function putSome(at: usize, x: v128, count: i32): void {
  if (count == 4) v128.store(at, x);
  else v128.store64_lane(at, x, 0);
}

/**
 * The kernel's elements of rows a, b, c, d and one feature in the form of the products, `count` (4 or 2) of them: 16 results `step` bytes
 * apart. `down` and `right` lead to the next elements of a window.
 */
function kernelTile(
  a: usize, b: usize, c: usize, d: usize, down: usize, right: usize, to: usize, step: usize, count: i32,
): void {
  const half = f32x4.splat(0.5);
  // First down each column of the window (t), then along each of the four rows that this gives (s).
  let t00 = i32x4.splat(0), t01 = t00, t02 = t00, t10 = t00, t11 = t00, t12 = t00;
  let t20 = t00, t21 = t00, t22 = t00, t30 = t00, t31 = t00, t32 = t00;
  for (let j = 0; j < 3; j++) {
    const x = four(a, b, c, d), z = four(a + 2 * down, b + 2 * down, c + 2 * down, d + 2 * down);
    const y = f32x4.mul(four(a + down, b + down, c + down, d + down), half);
    const sum = f32x4.mul(f32x4.add(x, z), half);
    t00 = t01, t10 = t11, t20 = t21, t30 = t31;
    t01 = t02, t11 = t12, t21 = t22, t31 = t32;
    t02 = x, t12 = f32x4.add(sum, y), t22 = f32x4.sub(sum, y), t32 = z;
    a += right;
    b += right;
    c += right;
    d += right;
  }
  to = kernelRow(t00, t01, t02, to, step, count);
  to = kernelRow(t10, t11, t12, to, step, count);
  to = kernelRow(t20, t21, t22, to, step, count);
  kernelRow(t30, t31, t32, to, step, count);
}

@inline
function kernelRow(x: v128, y: v128, z: v128, to: usize, step: usize, count: i32): usize {
  const half = f32x4.splat(0.5);
  const sum = f32x4.mul(f32x4.add(x, z), half);
  y = f32x4.mul(y, half);
  putSome(to, x, count);
  putSome(to + step, f32x4.add(sum, y), count);
  to += 2 * step;
  putSome(to, f32x4.sub(sum, y), count);
  putSome(to + step, z, count);
  return to + 2 * step;
}

/** Rows `row` and on of the kernel, `width` (4 or 6) of which make a panel; those beyond the last repeat it. */
function kernelPanel(
  row: i32, rows: i32, width: i32, k: i32, w: usize, rs: usize, ks: usize, down: usize, right: usize, to: usize, step: usize,
): void {
  const last = rows - 1;
  const a = w + usize(row) * rs, b = w + usize(min(row + 1, last)) * rs;
  const c = w + usize(min(row + 2, last)) * rs, d = w + usize(min(row + 3, last)) * rs;
  const e = w + usize(min(row + 4, last)) * rs, f = w + usize(min(row + 5, last)) * rs;
  for (let at: usize = 0, end = usize(k) * ks; at != end; at += ks) {
    kernelTile(a + at, b + at, c + at, d + at, down, right, to, step, 4);
    if (width == 6) kernelTile(e + at, f + at, f + at, f + at, down, right, to + 16, step, 2);
    to += usize(width) << 2;
  }
}

/** The whole kernel, in panels for the product. */
function transformKernel(
  rows: i32, k: i32, w: usize, rs: usize, ks: usize, down: usize, right: usize, to: usize, step: usize,
): void {
  const end6 = 6 * sixes(rows);
  for (let i = 0; i < rows;) {
    const width = i < end6 ? 6 : 4;
    kernelPanel(i, rows, width, k, w, rs, ks, down, right, to, step);
    to += usize(width * k) << 2;
    i += width;
  }
}

/** What four lines of the operand give down the columns of tiles: `n` elements of four lines, `pitch` bytes apart. */
function downTiles(n: i32, x0: usize, x1: usize, x2: usize, x3: usize, to: usize, pitch: usize): void {
  const end = usize(n - 4) << 2;
  let at: usize = 0;
  while (true) {
    const b = v128.load(x1 + at), c = v128.load(x2 + at);
    let t = to + at;
    v128.store(t, f32x4.sub(v128.load(x0 + at), c));
    t += pitch;
    v128.store(t, f32x4.add(b, c));
    t += pitch;
    v128.store(t, f32x4.sub(c, b));
    v128.store(t + pitch, f32x4.sub(b, v128.load(x3 + at)));
    if (at == end) break;
    // The last vector begins earlier where it would not be whole.
    at = min(at + 16, end);
  }
}

/** One of those lines, along the rows of tiles: four results for each quad, `step` bytes apart. */
@inline
function alongTiles(x: usize, to: usize, step: usize): usize {
  const p = v128.load(x), q = v128.load(x, 8), r = v128.load(x, 16), s = v128.load(x, 24);
  const odd = v128.shuffle<i32>(p, r, 1, 3, 5, 7), next = v128.shuffle<i32>(q, s, 0, 2, 4, 6);
  v128.store(to, f32x4.sub(v128.shuffle<i32>(p, r, 0, 2, 4, 6), next));
  v128.store(to + step, f32x4.add(odd, next));
  to += 2 * step;
  v128.store(to, f32x4.sub(next, odd));
  v128.store(to + step, f32x4.sub(odd, v128.shuffle<i32>(q, s, 1, 3, 5, 7)));
  return to + 2 * step;
}

/** The quads of one line of tiles and one feature: the first is number `quad` of the block, which has `k` features. */
function alongQuads(quads: i32, x: usize, pitch: usize, quad: i32, k: i32, to: usize, step: usize): void {
  for (; quads > 0; quads--, quad++, x += 32) {
    let t = to + usize((quad >> 1) * k * 32 + (quad & 1) * 16);
    t = alongTiles(x, t, step);
    t = alongTiles(x + pitch, t, step);
    t = alongTiles(x + 2 * pitch, t, step);
    alongTiles(x + 3 * pitch, t, step);
  }
}

/** Two rows of places from one quad's products: the first four vectors give the columns of its tiles, and so on, `step` bytes apart. */
@inline
function line(x: usize, step: usize, sign: i32): v128 {
  const y = v128.load(x + 4 * step), z = v128.load(x + 8 * step);
  if (sign) return f32x4.sub(f32x4.sub(y, z), v128.load(x + 12 * step));
  return f32x4.add(f32x4.add(v128.load(x), y), z);
}

/** One row of places of a quad, 8 of them, of which `count` are there. */
@inline
function placesOf(x: usize, step: usize, sign: i32, out: usize, count: i32, spare: usize): void {
  const a = line(x, step, sign), b = line(x + step, step, sign), c = line(x + 2 * step, step, sign);
  const d = line(x + 3 * step, step, sign);
  const even = f32x4.add(f32x4.add(a, b), c), odd = f32x4.sub(f32x4.sub(b, c), d);
  const to = count < 8 ? spare : out;
  v128.store(to, v128.shuffle<i32>(even, odd, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<i32>(even, odd, 2, 6, 3, 7), 16);
  for (let i: usize = 0, end = usize(count < 8 ? count : 0) << 2; i < end; i += 4) store<f32>(out + i, load<f32>(spare + i));
}

/** One line of tiles of the output: two rows of places, or one. */
function places(columns: i32, both: bool, x: usize, step: usize, out: usize, os: usize, spare: usize): void {
  for (; columns > 0; columns -= 8, x += 16, out += 32) {
    placesOf(x, step, 0, out, columns, spare);
    if (both) placesOf(x, step, 1, out + os, columns, spare);
  }
}

/** Lines `from` to `to` of tiles, of all examples one after the other, of one group. */
function convolveLines(
  spec: usize, form: usize, from: i32, to: i32, x: usize, kernel: usize, kernelStep: usize, out: usize, rows: i32, scratch: usize,
): void {
  const k = field(form, WINOGRAD_FEATURES);
  const height = field(form, WINOGRAD_HEIGHT), columns = field(form, WINOGRAD_COLUMNS);
  const lines = (height + 1) >> 1, quads = (columns + 7) >> 3;
  const xHeight = field(form, WINOGRAD_X_HEIGHT), left = field(form, WINOGRAD_LEFT), top = field(form, WINOGRAD_TOP);
  const xs = usize(field(form, WINOGRAD_X_LINE)) << 2, os = usize(field(form, WINOGRAD_OUT_LINE)) << 2;
  const xk = usize(field(form, WINOGRAD_X_FEATURE)) << 2;
  const all = quads * (to - from);
  const pitch = usize(quads * 8 + 4) << 2;
  const n = min(field(form, WINOGRAD_X_COLUMNS), quads * 8 + 2 - left);
  const panels = (all + 1) >> 1;
  const tile = scratch, spare = tile + TILE_BYTES, down = spare + 32, zeros = down + 4 * pitch;
  const packed = zeros + ((usize(n) << 2) + 15 & ~15), packedStep = usize(panels * k) << 5;
  const products = packed + 16 * packedStep, cs = usize(panels) << 5, productStep = usize(rows) * cs;
  memory.fill(down, 0, packed - down);
  if (all & 1) {
    for (let i: usize = 0; i < 16; i++) {
      let half = packed + (i + 1) * packedStep - (usize(k) << 5) + 16;
      for (let j = 0; j < k; j++, half += 32) v128.store(half, i32x4.splat(0));
    }
  }
  for (let l = from; l < to; l++) {
    const r = l % lines * 2 - top;
    let at = x + usize(l / lines * field(spec, X_BATCH) << 2);
    const a = at + usize(r) * xs;
    let panel = packed;
    for (let i = 0; i < k; i++, at += xk, panel += 32) {
      const s = a + usize(i) * xk;
      const x0 = r >= 0 && r < xHeight ? s : zeros, x1 = r + 1 >= 0 && r + 1 < xHeight ? s + xs : zeros;
      const x2 = r + 2 < xHeight ? s + 2 * xs : zeros, x3 = r + 3 < xHeight ? s + 3 * xs : zeros;
      downTiles(n, x0, x1, x2, x3, down + (usize(left) << 2), pitch);
      alongQuads(quads, down, pitch, (l - from) * quads, k, panel, packedStep);
    }
  }
  for (let i: usize = 0; i < 16; i++) {
    for (let p = 0; p < panels; p++) {
      const b = packed + i * packedStep + (usize(p * k) << 5), c = products + i * productStep + (usize(p) << 5);
      strip<f32>(rows, k, kernel + i * kernelStep, b, 32, 8, c, cs, 4, tile, 0);
    }
  }
  for (let l = from; l < to; l++) {
    const r = l % lines * 2;
    let o = out + usize(l / lines * field(spec, OUT_BATCH) << 2) + usize(r) * os;
    let c = products + (usize((l - from) * quads) << 4);
    for (let m = 0; m < rows; m++, c += cs, o += usize(field(spec, OUT_ROW)) << 2) {
      places(columns, r + 1 < height, c, productStep, o, os, spare);
    }
  }
}

/** All of a convolution whose description has this form. */
export function convolveWinograd(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const groups = field(spec, GROUPS), k = field(form, WINOGRAD_FEATURES);
  const first = field(form, WINOGRAD_FIRST_ROW), rows = field(form, WINOGRAD_ROWS);
  const from = field(form, WINOGRAD_FIRST_LINE), to = from + field(form, WINOGRAD_LINES);
  const block = field(form, WINOGRAD_BLOCK);
  const six = 6 * sixes(rows);
  const kernelStep = usize((six + ((max(0, rows - six) + 3) & ~3)) * k) << 2;
  const rest = scratch + 16 * kernelStep;
  for (let g = 0; g < groups; g++) {
    const xg = x + usize(g * field(spec, X_GROUP) << 2);
    const og = out + usize(g * field(spec, OUT_GROUP) + first * field(spec, OUT_ROW) << 2);
    const wg = w + usize(g * field(spec, W_GROUP) + first * field(spec, W_ROW) + field(form, WINOGRAD_TAP) << 2);
    const rs = usize(field(spec, W_ROW) << 2), ks = usize(field(form, WINOGRAD_W_FEATURE) << 2);
    const down = usize(field(form, WINOGRAD_TAP_ROW) << 2), right = usize(field(form, WINOGRAD_TAP_COLUMN) << 2);
    transformKernel(rows, k, wg, rs, ks, down, right, scratch, kernelStep);
    for (let l = from; l < to; l += block) {
      convolveLines(spec, form, l, min(to, l + block), xg, scratch, kernelStep, og, rows, rest);
    }
  }
}
