// Convolutions as matrix products of strided views: the windows are packed into the panels of the product's tiles straight from
// where they lie. See spec.ts for the description.
import { strip, tile4, tile6 } from "../gemm/blocked";
import { packA, sixes } from "../gemm/pack";
import { copyOperand } from "./copy";
import { fillRuns, mergeColumns, packKernel, packWindows, runLength } from "./panels";
import { convolveNine } from "./nine";
import { convolveDots } from "./nine_dots";
import { contractPlain } from "./plain";
import {
  AXIS_BYTES, BATCH, CHUNK, COPY_AXES, COPY_AXIS_BYTES, COPY_OFFSET, COPY_RANK, DOTS, field, fillOffsets, FORM, FORM_KIND, GROUPS, NINE, OUT_BATCH,
  OUT_GROUP, OUT_ROW, PARTS, PART_AXES, PART_BATCH, PART_COLUMN_RANK, PART_K_RANK, PART_OUT, PART_W, PART_X, points, ROWS,
  WINDOWS, W_GROUP, W_ROW, X_BATCH, X_GROUP,
} from "./spec";
import { isThin, thinColumns, thinSteps } from "./thin";
import { convolveWindows } from "./windows";
import { convolveWinograd } from "./winograd";

// The same numbers are in src/loopnest/conv_plan.ts, which computes the scratch space.
/** Bytes of one row of a block of the kernel, at most. */
const K_BYTES: i32 = 2560;
/** Rows of a block of the kernel; a multiple of 6. */
const M_BLOCK: i32 = 192;
/** Columns of a block; a multiple of 8. */
const N_BLOCK: i32 = 512;
/** Bytes of the tables: three of a block of k, two of a block of columns and a panel more. */
const TABLE_K: usize = 2560;
const TABLE_COLUMNS: usize = 2080;
const TABLES: usize = 3 * TABLE_K + 2 * TABLE_COLUMNS;
const TILE_BYTES: usize = 192;

/** All rows of a packed block of the kernel times one panel of windows, to columns at the entries of `cs`. */
function stripBy<T>(
  mc: i32, kc: i32, a: usize, b: usize, nr: i32, c: usize, crs: usize, cs: usize, tile: usize, acc: i32,
): void {
  if (runLength(cs, 0, nr, i32(sizeof<T>())) == nr) {
    strip<T>(mc, kc, a, b, 32, nr, c + usize(load<i32>(cs)), crs, sizeof<T>(), tile, acc);
    return;
  }
  const end6 = 6 * sixes(mc);
  let i = 0;
  for (; i < end6; i += 6) {
    tile6<T>(kc, a, b, 32, tile, 32, 0);
    mergeColumns<T>(tile, 32, min(6, mc - i), nr, c, crs, cs, acc);
    a += 6 * sizeof<T>() * usize(kc);
    c += 6 * crs;
  }
  for (; i < mc; i += 4) {
    tile4<T>(kc, a, b, 32, tile, 32, 0);
    mergeColumns<T>(tile, 32, min(4, mc - i), nr, c, crs, cs, acc);
    a += 4 * sizeof<T>() * usize(kc);
    c += 4 * crs;
  }
}

/** Packs a block of the kernel. */
function packBlock<T>(mc: i32, kc: i32, w: usize, rs: usize, ks: usize, dst: usize): void {
  const step = kc > 1 ? load<i32>(ks, 4) - load<i32>(ks) : i32(sizeof<T>());
  if (runLength(ks, 0, kc, step) == kc) {
    packA<T>(mc, kc, w + usize(load<i32>(ks)), rs, usize(step), dst);
  } else {
    packKernel<T>(mc, kc, w, rs, ks, dst);
  }
}

/** Where a part has no window at all: zeros. */
function clear<T>(m: i32, n: i32, out: usize, rs: usize, cs: usize): void {
  for (let i = 0; i < m; i++, out += rs) {
    for (let j = 0; j < n; j++) store<T>(out + usize(load<i32>(cs + (usize(j) << 2))), 0);
  }
}

/** One part of one group and chunk of examples. */
function contract<T>(
  part: usize, m: i32, examples: i32, x: usize, w: usize, rs: usize, out: usize, ors: usize, scratch: usize,
): void {
  const NR = i32(32 / sizeof<T>());
  const kMax = K_BYTES / i32(sizeof<T>());
  const size = i32(sizeof<T>());
  const columnAxes = part + PART_AXES;
  const columnRank = field(part, PART_COLUMN_RANK), batch = field(part, PART_BATCH);
  const kAxes = columnAxes + usize(columnRank) * AXIS_BYTES;
  const kRank = field(part, PART_K_RANK);
  const n = points(columnAxes, columnRank, batch, examples);
  const k = points(kAxes, kRank, -1, 0);
  const kx = scratch, kw = kx + TABLE_K, runs = kw + TABLE_K, cx = runs + TABLE_K, co = cx + TABLE_COLUMNS;
  if (k == 0) {
    for (let jc = 0; jc < n; jc += N_BLOCK) {
      const nc = min(N_BLOCK, n - jc);
      fillOffsets(columnAxes, columnRank, batch, examples, size, jc, nc, cx, co);
      clear<T>(m, nc, out, ors, co);
    }
    return;
  }
  const thin = isThin<T>(part, m, examples);
  if (thin == 1) {
    thinColumns<T>(part, m, examples, x, w, rs, out, ors, scratch);
    return;
  }
  if (thin == 2) {
    thinSteps<T>(part, m, examples, x, w, rs, out, ors, scratch);
    return;
  }
  const parts = (k + kMax - 1) / kMax;
  const kStep = min(kMax, ((k + parts - 1) / parts + 3) & ~3);
  const tile = co + TABLE_COLUMNS;
  const pa = tile + TILE_BYTES;
  const pb = pa + usize(min(M_BLOCK, m + 5)) * usize(kMax) * sizeof<T>();
  const whole = m <= M_BLOCK;
  for (let pc = 0; pc < k; pc += kStep) {
    const kc = min(kStep, k - pc);
    const more = i32(pc > 0);
    fillOffsets(kAxes, kRank, -1, 0, size, pc, kc, kx, kw);
    fillRuns(kx, kc, size, runs);
    if (whole) packBlock<T>(m, kc, w, rs, kw, pa);
    for (let jc = 0; jc < n; jc += N_BLOCK) {
      const nc = min(N_BLOCK, n - jc);
      fillOffsets(columnAxes, columnRank, batch, examples, size, jc, nc, cx, co);
      // Lanes that are missing in the last panel read what is there.
      for (let j = nc; j % NR != 0; j++) store<i32>(cx + (usize(j) << 2), load<i32>(cx + (usize(nc - 1) << 2)));
      if (whole) {
        // Panels are packed just before their use: then they are in the first cache.
        for (let j = 0; j < nc; j += NR) {
          const at = usize(j) << 2;
          packWindows<T>(kc, x, kx, runs, cx + at, pb);
          stripBy<T>(m, kc, pa, pb, min(NR, nc - j), out, ors, co + at, tile, more);
        }
        continue;
      }
      const panel = 32 * usize(kc);
      for (let j = 0; j < nc; j += NR) packWindows<T>(kc, x, kx, runs, cx + (usize(j) << 2), pb + panel * usize(j / NR));
      for (let ic = 0; ic < m; ic += M_BLOCK) {
        const mc = min(M_BLOCK, m - ic);
        packBlock<T>(mc, kc, w + usize(ic) * rs, rs, kw, pa);
        const row = out + usize(ic) * ors;
        for (let j = 0; j < nc; j += NR) {
          stripBy<T>(mc, kc, pa, pb + panel * usize(j / NR), min(NR, nc - j), row, ors, co + (usize(j) << 2), tile, more);
        }
      }
    }
  }
}

/** All groups, chunks of examples and parts. */
function convolve<T>(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>());
  if (isFloat<T>() && field(spec, FORM) != 0) {
    const form = spec + (usize(field(spec, FORM)) << 2);
    const kind = field(form, FORM_KIND);
    if (kind == NINE) convolveNine<T>(spec, form, x, w, out, scratch);
    else if (kind == WINDOWS) convolveWindows<T>(spec, form, x, w, out, scratch);
    else if (kind == DOTS) convolveDots<T>(spec, form, x, w, out, scratch);
    else convolveWinograd(spec, form, x, w, out, scratch);
    return;
  }
  const groups = field(spec, GROUPS), m = field(spec, ROWS), batch = field(spec, BATCH), chunk = field(spec, CHUNK);
  const rs = usize(field(spec, W_ROW) * S), ors = usize(field(spec, OUT_ROW) * S);
  const copyRank = field(spec, COPY_RANK), parts = field(spec, PARTS);
  // The copy comes last in the scratch space, where its size need not be known here.
  const fixed = TABLES + TILE_BYTES + usize(min(M_BLOCK, m + 5) * K_BYTES) +
    usize(K_BYTES / S) * 32 * usize(m <= M_BLOCK ? 1 : N_BLOCK * S / 32);
  const copy = scratch + ((fixed + 15) & ~15);
  for (let g = 0; g < groups; g++) {
    const wg = w + usize(g * field(spec, W_GROUP) * S);
    for (let first = 0; first < batch; first += chunk) {
      const examples = min(chunk, batch - first);
      let from = x + usize((g * field(spec, X_GROUP) + first * field(spec, X_BATCH)) * S);
      const to = out + usize((g * field(spec, OUT_GROUP) + first * field(spec, OUT_BATCH)) * S);
      if (copyRank > 0) {
        copyOperand<T>(spec, examples, from + usize(field(spec, COPY_OFFSET) * S), copy);
        from = copy;
      }
      let part = spec + COPY_AXES + usize(copyRank) * COPY_AXIS_BYTES;
      for (let i = 0; i < parts; i++) {
        const xp = from + usize(field(part, PART_X) * S), wp = wg + usize(field(part, PART_W) * S);
        const op = to + usize(field(part, PART_OUT) * S);
        if (isInteger<T>()) contractPlain<T>(part, m, examples, xp, wp, rs, op, ors, scratch);
        else contract<T>(part, m, examples, xp, wp, rs, op, ors, scratch);
        part += PART_AXES + usize(field(part, PART_COLUMN_RANK) + field(part, PART_K_RANK)) * AXIS_BYTES;
      }
    }
  }
}

/** A convolution of f32 that `spec` describes. `scratch` is `convScratchBytes` of src/loopnest/conv_plan.ts long. */
export function conv_float32(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<f32>(spec, x, w, out, scratch);
}

/** As conv_float32, of f64. */
export function conv_float64(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<f64>(spec, x, w, out, scratch);
}

/** As conv_float32, of i32: products and sums wrap. */
export function conv_int32(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<i32>(spec, x, w, out, scratch);
}

/** As conv_float32, of u32: products and sums wrap. */
export function conv_uint32(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<u32>(spec, x, w, out, scratch);
}

/** As conv_float32, of i64: products and sums wrap. */
export function conv_int64(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<i64>(spec, x, w, out, scratch);
}

/** As conv_float32, of u8: products and sums wrap. */
export function conv_uint8(spec: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  convolve<u8>(spec, x, w, out, scratch);
}
