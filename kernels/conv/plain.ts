// Convolutions of integers, element by element: there is no fused multiply-add for them, and they wrap.
import {
  AXIS_BYTES, field, fillOffsets, PART_AXES, PART_BATCH, PART_COLUMN_RANK, PART_K_RANK, points,
} from "./spec";

/** Steps of k and columns for which there is room in the tables. */
const BLOCK: i32 = 256;
const TABLE: usize = 1024;

/** One row of `n` columns. */
function plainRow<T>(
  n: i32, kc: i32, x: usize, kx: usize, cx: usize, w: usize, kw: usize, out: usize, co: usize, acc: i32,
): void {
  const end = usize(kc) << 2;
  for (; n > 0; n--, cx += 4, co += 4) {
    const from = x + usize(load<i32>(cx)), to = out + usize(load<i32>(co));
    let sum: T = acc ? load<T>(to) : 0;
    for (let p: usize = 0; p < end; p += 4) {
      sum += <T> (load<T>(from + usize(load<i32>(kx + p))) * load<T>(w + usize(load<i32>(kw + p))));
    }
    store<T>(to, sum);
  }
}

/** One part of one group and chunk of examples. */
export function contractPlain<T>(
  part: usize, m: i32, examples: i32, x: usize, w: usize, rs: usize, out: usize, ors: usize, scratch: usize,
): void {
  const S = i32(sizeof<T>());
  const columns = part + PART_AXES;
  const rank = field(part, PART_COLUMN_RANK), batch = field(part, PART_BATCH);
  const kAxes = columns + usize(rank) * AXIS_BYTES, kRank = field(part, PART_K_RANK);
  const n = points(columns, rank, batch, examples);
  const k = points(kAxes, kRank, -1, 0);
  const kx = scratch, kw = kx + TABLE, cx = kw + TABLE, co = cx + TABLE;
  // With no steps of k at all, once through for the zeros.
  for (let pc = 0; pc < max(1, k); pc += BLOCK) {
    const kc = min(BLOCK, k - pc), acc = i32(pc > 0);
    if (k > 0) fillOffsets(kAxes, kRank, -1, 0, S, pc, kc, kx, kw);
    for (let jc = 0; jc < n; jc += BLOCK) {
      const nc = min(BLOCK, n - jc);
      fillOffsets(columns, rank, batch, examples, S, jc, nc, cx, co);
      let row = w, to = out;
      for (let i = 0; i < m; i++, row += rs, to += ors) plainRow<T>(nc, kc, x, kx, cx, row, kw, to, co, acc);
    }
  }
}
