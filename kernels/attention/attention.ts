// Attention in blocks: softmax(q kᵀ scale + bias, masked) v without the matrix of logits ever being there. Each panel of 8 queries
// goes through the keys block by block, with the largest logit and the sum so far (Milakov and Gimelshein 2018,
// https://arxiv.org/abs/1805.02867; Dao et al. 2022, https://arxiv.org/abs/2205.14135).
//
// All is transposed: logits are keys · queriesᵀ, 8 queries side by side, and results are valuesᵀ · those. So what the first product
// gives is the panel that the second one takes.
import { packA, packColumns } from "../gemm/pack";
import {
  addBias, applyMask, applyWindow, columnExp, columnMax, exp_negative, product, scale, scaleColumns, unpack,
} from "./panel";
import {
  AHEAD, B, BACK, BLOCK, columnStride, get, HAS_BIAS, HAS_MASK, K, KEY_BLOCK, KEYS, LEAST, M, O, offset, Q, QUERIES, rowStride,
  SCALE, SIZE, V, VALUE_SIZE,
} from "./spec";

/** Bytes of a panel's largest logits, sums and factors. */
const STATE: usize = 96;

/** A block of `packed` keys, the first `n` of them seen, against one panel of queries; `first` is the first query's index. */
function attendPanel(
  list: usize, packed: i32, n: i32, k0: i32, first: i32, columns: i32, qt: usize, kp: usize, vp: usize,
  bias: usize, mask: usize, s: usize, result: usize, state: usize,
): void {
  const size = get(list, SIZE), values = get(list, VALUE_SIZE);
  product(packed, size, n, size, kp, qt, s, 0);
  if (bias) {
    const rs = rowStride(list, B, 4), cs = columnStride(list, B, 4);
    addBias(n, columns, s, bias + usize(first) * rs + usize(k0) * cs, cs, rs);
  }
  if (mask) {
    const rs = rowStride(list, M, 1), cs = columnStride(list, M, 1);
    applyMask(n, columns, s, mask + usize(first) * rs + usize(k0) * cs, cs, rs, LEAST);
  }
  const back = get(list, BACK), ahead = get(list, AHEAD), from = first - k0;
  // Row j is key k0 + j, column c query first + c: the key may be from first + c - back to first + c + ahead.
  if (n - 1 > from + ahead || from + 7 - back > 0) applyWindow(n, s, from - back, from + ahead, LEAST);
  const m0 = v128.load(state), m1 = v128.load(state, 16);
  columnMax(n, s, state);
  const f0 = exp_negative(f32x4.sub(m0, v128.load(state)));
  const f1 = exp_negative(f32x4.sub(m1, v128.load(state, 16)));
  v128.store(state, f0, 64);
  v128.store(state, f1, 80);
  v128.store(state, f32x4.mul(v128.load(state, 32), f0), 32);
  v128.store(state, f32x4.mul(v128.load(state, 48), f1), 48);
  columnExp(n, s, state, state + 32);
  scaleColumns(values, result, state + 64);
  product(values, packed, values, n, vp, s, result, 1);
}

/** How many of `n` keys from k0 on some query of a panel sees; none where that is 0. */
@inline
function visible(list: usize, first: i32, k0: i32, n: i32, every: bool): i32 {
  if (every) return n;
  if (k0 + n - 1 < first - get(list, BACK)) return 0;
  return max(0, min(n, first + 8 + get(list, AHEAD) - k0));
}

/**
 * The queries [q0, q0 + queries) of one matrix. Keys that a panel's window leaves out are not looked at, unless `every`. Returns
 * whether a query met no logit above the least there is: then those do matter.
 */
function block(
  list: usize, q: usize, k: usize, v: usize, bias: usize, mask: usize, out: usize, maxima: usize, sums: usize, scratch: usize,
  q0: i32, queries: i32, every: bool,
): bool {
  const keys = get(list, KEYS), size = get(list, SIZE), values = get(list, VALUE_SIZE);
  const panels = (queries + 7) / 8;
  const qBytes = 32 * usize(size), oBytes = 32 * usize(values + 5);
  const qt = scratch;
  const results = qt + usize(panels) * qBytes;
  const states = results + usize(panels) * oBytes;
  const s = states + usize(panels) * STATE;
  const kp = s + 32 * usize(KEY_BLOCK + 5);
  const vp = kp + 4 * usize(KEY_BLOCK + 5) * usize(size);
  const qr = rowStride(list, Q, 4), qc = columnStride(list, Q, 4);
  memory.fill(results, 0, usize(panels) * (oBytes + STATE));
  for (let p = 0; p < panels; p++) {
    const at = qt + usize(p) * qBytes, state = states + usize(p) * STATE;
    packColumns<f32>(size, q + usize(q0 + 8 * p) * qr, qc, qr, min(8, queries - 8 * p), at);
    scale(2 * size, at, load<f32>(list + SCALE));
    v128.store(state, f32x4.splat(LEAST));
    v128.store(state, f32x4.splat(LEAST), 16);
  }
  const kr = rowStride(list, K, 4), kc = columnStride(list, K, 4);
  const vr = rowStride(list, V, 4), vc = columnStride(list, V, 4);
  for (let k0 = 0; k0 < keys; k0 += KEY_BLOCK) {
    const n = min(KEY_BLOCK, keys - k0);
    let isPacked = false;
    for (let p = 0; p < panels; p++) {
      const first = q0 + 8 * p;
      const seen = visible(list, first, k0, n, every);
      if (seen == 0) continue;
      if (!isPacked) {
        packA<f32>(n, size, k + usize(k0) * kr, kr, kc, kp);
        packA<f32>(values, n, v + usize(k0) * vr, vc, vr, vp);
        isPacked = true;
      }
      attendPanel(
        list, n, seen, k0, first, min(8, queries - 8 * p), qt + usize(p) * qBytes, kp, vp, bias, mask, s,
        results + usize(p) * oBytes, states + usize(p) * STATE,
      );
    }
  }
  let isLeast = false;
  for (let p = 0; p < panels; p++) {
    const first = q0 + 8 * p, n = min(8, queries - 8 * p);
    const state = states + usize(p) * STATE, at = usize(first) * rowStride(list, O, 4);
    isLeast = finish(values, n, results + usize(p) * oBytes, state, out + at, rowStride(list, O, 4), columnStride(list, O, 4)) ||
      isLeast;
    for (let c = 0; c < n; c++) {
      store<f32>(maxima + 4 * usize(first + c), load<f32>(state + 4 * usize(c)));
      store<f32>(sums + 4 * usize(first + c), load<f32>(state + 4 * usize(c), 32));
    }
  }
  return isLeast && !every;
}

/** Divides a panel by its sums, and writes it. Returns whether the largest logit of some query is the least there is. */
function finish(
  values: i32, columns: i32, result: usize, state: usize, out: usize, rs: usize, cs: usize,
): bool {
  const one = f32x4.splat(1), least = f32x4.splat(LEAST);
  v128.store(state, f32x4.div(one, v128.load(state, 32)), 64);
  v128.store(state, f32x4.div(one, v128.load(state, 48)), 80);
  scaleColumns(values, result, state + 64);
  unpack(values, columns, result, 1, out, rs, cs);
  return v128.any_true(v128.or(f32x4.eq(v128.load(state), least), f32x4.eq(v128.load(state, 16), least)));
}

/**
 * out = softmax(q kᵀ scale + bias, masked) v for the units [from, to): each a block of queries of one batch index. For each query, the largest
 * logit and the sum of e^(logit - that) go to `statistics`, [batch, 2, queries]. `bias` and `mask`, of bytes, are not looked at unless
 * the list says so. What the list is, is in spec.ts; `scratch` is attentionScratchBytes of src/loopnest/attention_plan.ts long.
 */
export function attention_float32(
  list: usize, q: usize, k: usize, v: usize, bias: usize, mask: usize, out: usize, statistics: usize, scratch: usize,
  from: i32, to: i32,
): void {
  const queries = get(list, QUERIES), step = get(list, BLOCK);
  const blocks = (queries + step - 1) / step;
  for (let unit = from; unit < to; unit++) {
    const index = unit / blocks, q0 = (unit - index * blocks) * step;
    const n = min(step, queries - q0);
    const at = q + 4 * offset(list, Q, index), key = k + 4 * offset(list, K, index), value = v + 4 * offset(list, V, index);
    const b = get(list, HAS_BIAS) ? bias + 4 * offset(list, B, index) : 0;
    const m = get(list, HAS_MASK) ? mask + offset(list, M, index) : 0;
    const to = out + 4 * offset(list, O, index);
    const maxima = statistics + 8 * usize(index) * usize(queries), sums = maxima + 4 * usize(queries);
    if (block(list, at, key, value, b, m, to, maxima, sums, scratch, q0, n, false)) {
      block(list, at, key, value, b, m, to, maxima, sums, scratch, q0, n, true);
    }
  }
}
