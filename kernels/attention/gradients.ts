// The gradients of attention in blocks, from what attention.ts kept of each query's softmax: probabilities are computed again where
// they are needed (Dao et al. 2022, https://arxiv.org/abs/2205.14135).
//
// Logits are queries · keysᵀ here, 8 keys side by side. A block of probabilities P, and of the logits' cotangents
// S = P * (dout vᵀ - sum(dout out)), are then the panels of doutᵀ · P and qᵀ · S, which are the cotangents of values and keys,
// transposed; and turned around, S is the panel of kᵀ · Sᵀ, that of queries.
import { packA, packColumns } from "../gemm/pack";
import { madd } from "../math/madd";
import { addBias, applyMask, applyWindow, exp_negative, product, transpose4x4, unpack } from "./panel";
import {
  AHEAD, B, BACK, columnStride, count, get, HAS_BIAS, HAS_MASK, K, KEY_BLOCK, KEYS, LEAST, M, O, offset, OUTER, Q, QUERIES, RANK,
  rowStride, SCALE, SIZE, V, VALUE_SIZE,
} from "./spec";

/** Queries of a block: of panels of 8, packed in panels of 6. */
const QUERY_BLOCK: i32 = 96;

/** s = s * scale for logits that are about to have a bias added. */
function scaleRows(rows: i32, s: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (; rows > 0; rows--, s += 32) {
    v128.store(s, f32x4.mul(v128.load(s), f));
    v128.store(s, f32x4.mul(v128.load(s, 16), f), 16);
  }
}

/**
 * s = e^(s - m) / sum and d = s * (d - delta) for rows that each have their m, 1 / sum and delta in `rows` (4 floats each). Columns from
 * `columns` on become 0 in d.
 */
function probabilities(n: i32, columns: i32, s: usize, d: usize, rows: usize): void {
  const limit = i32x4.splat(columns);
  const in0 = i32x4.lt_s(i32x4(0, 1, 2, 3), limit), in1 = i32x4.lt_s(i32x4(4, 5, 6, 7), limit);
  for (; n > 0; n--, s += 32, d += 32, rows += 16) {
    const m = v128.load32_splat(rows), inverse = v128.load32_splat(rows, 4), delta = v128.load32_splat(rows, 8);
    const x = f32x4.mul(exp_negative(f32x4.sub(v128.load(s), m)), inverse);
    const y = f32x4.mul(exp_negative(f32x4.sub(v128.load(s, 16), m)), inverse);
    v128.store(s, x);
    v128.store(s, y, 16);
    v128.store(d, v128.and(f32x4.mul(x, f32x4.sub(v128.load(d), delta)), in0));
    v128.store(d, v128.and(f32x4.mul(y, f32x4.sub(v128.load(d, 16), delta)), in1), 16);
  }
}

/** sum(x * y) over n elements, strides in bytes. */
function inner(n: i32, x: usize, xs: usize, y: usize, ys: usize): f32 {
  let sum = f32x4.splat(0), rest: f32 = 0;
  if (xs == 4 && ys == 4) {
    for (; n >= 4; n -= 4, x += 16, y += 16) sum = madd<f32>(v128.load(x), v128.load(y), sum);
  }
  for (; n > 0; n--, x += xs, y += ys) rest += load<f32>(x) * load<f32>(y);
  return rest + f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
}

/** What each query's row needs: its largest logit, 1 / sum, and sum(dout out). */
function rowState(
  list: usize, queries: i32, q0: i32, maxima: usize, sums: usize, out: usize, dout: usize, rows: usize,
): void {
  const rs = rowStride(list, O, 4), cs = columnStride(list, O, 4), n = get(list, VALUE_SIZE);
  for (let i = 0; i < queries; i++, rows += 16) {
    const at = usize(q0 + i) * rs;
    store<f32>(rows, load<f32>(maxima + 4 * usize(q0 + i)));
    store<f32>(rows, 1 / load<f32>(sums + 4 * usize(q0 + i)), 4);
    store<f32>(rows, inner(n, out + at, cs, dout + at, cs), 8);
  }
}

/** Turns d[queries, 8] into rows of `turned`: for each panel of 8 queries, one row for each key of the block. */
function turn(queries: i32, d: usize, turned: usize, bytes: usize): void {
  for (; queries > 0; queries -= 8, d += 256, turned += bytes) {
    transpose4x4(d, 32, turned, 32);
    transpose4x4(d + 16, 32, turned + 128, 32);
    transpose4x4(d + 128, 32, turned + 16, 32);
    transpose4x4(d + 144, 32, turned + 144, 32);
  }
}

/** The addresses of what a batch index of queries has, and of scratch: a frame of words, since a function has so many parameters at most. */
@unmanaged
class Frame {
  list: usize = 0;
  q: usize = 0;
  bias: usize = 0;
  mask: usize = 0;
  out: usize = 0;
  dout: usize = 0;
  maxima: usize = 0;
  sums: usize = 0;
  // Packed, or as panels of 8: the keys' block.
  k8: usize = 0;
  v8: usize = 0;
  k6: usize = 0;
  dk: usize = 0;
  dv: usize = 0;
  // The queries' block.
  q6: usize = 0;
  d6: usize = 0;
  qt6: usize = 0;
  dt6: usize = 0;
  rows: usize = 0;
  s: usize = 0;
  d: usize = 0;
  turned: usize = 0;
}

/** Packs the queries [q0, q0 + n): in rows for the logits and their cotangents, in columns for the keys' and values'. */
function packQueries(f: Frame, q0: i32, n: i32): void {
  const list = f.list, size = get(list, SIZE), values = get(list, VALUE_SIZE);
  const qr = rowStride(list, Q, 4), qc = columnStride(list, Q, 4);
  const or = rowStride(list, O, 4), oc = columnStride(list, O, 4);
  const q = f.q + usize(q0) * qr, dout = f.dout + usize(q0) * or;
  packA<f32>(n, size, q, qr, qc, f.q6);
  packA<f32>(n, values, dout, or, oc, f.d6);
  packA<f32>(size, n, q, qc, qr, f.qt6);
  packA<f32>(values, n, dout, oc, or, f.dt6);
  rowState(list, n, q0, f.maxima, f.sums, f.out, f.dout, f.rows);
}

/** The queries' block against one panel of `columns` keys, the first of which is k0 and `place` the panel's place in its block. */
function pullPanel(f: Frame, q0: i32, n: i32, k0: i32, columns: i32, place: usize, turnedBytes: usize): void {
  const list = f.list, size = get(list, SIZE), values = get(list, VALUE_SIZE);
  const s = f.s, d = f.d;
  product(n, size, n, size, f.q6, f.k8 + 32 * usize(size) * place, s, 0);
  product(n, values, n, values, f.d6, f.v8 + 32 * usize(values) * place, d, 0);
  scaleRows(n, s, load<f32>(list + SCALE));
  if (f.bias) {
    const rs = rowStride(list, B, 4), cs = columnStride(list, B, 4);
    addBias(n, columns, s, f.bias + usize(q0) * rs + usize(k0) * cs, rs, cs);
  }
  // Row i is query q0 + i, column c key k0 + c: the key may be from q0 + i - back to q0 + i + ahead.
  const from = k0 - q0, least = from - get(list, AHEAD), most = from + get(list, BACK);
  const isCut = least > -7 || most < n - 1;
  const rs = rowStride(list, M, 1), cs = columnStride(list, M, 1);
  const mask = f.mask + usize(q0) * rs + usize(k0) * cs;
  if (f.mask) applyMask(n, columns, s, mask, rs, cs, LEAST);
  if (isCut) applyWindow(n, s, least, most, LEAST);
  probabilities(n, columns, s, d, f.rows);
  product(values, n, values, n, f.dt6, s, f.dv + 32 * usize(values + 5) * place, 1);
  // What the mask replaced has no part in the logits, though queries that see nothing give it weight.
  if (f.mask) applyMask(n, columns, d, mask, rs, cs, 0);
  if (isCut) applyWindow(n, d, least, most, 0);
  const whole = (n + 7) & ~7;
  memory.fill(d + 32 * usize(n), 0, 32 * usize(whole - n));
  product(size, n, size, n, f.qt6, d, f.dk + 32 * usize(size + 5) * place, 1);
  turn(whole, d, f.turned + 256 * place, turnedBytes);
}

/** Whether a block of queries and one of keys meet, but for queries that see nothing at all: those weigh all keys alike. */
@inline
function meets(list: usize, q0: i32, n: i32, k0: i32, keys: i32): bool {
  if (get(list, HAS_MASK) || get(list, HAS_BIAS)) return true;
  const all = get(list, KEYS), back = get(list, BACK), ahead = get(list, AHEAD);
  if (q0 + n - 1 - back > all - 1 || q0 + ahead < 0) return true;
  return k0 + keys - 1 >= q0 - back && k0 <= q0 + n - 1 + ahead;
}

/** The keys [k0, k0 + n), of one matrix, against the queries of all batch indices [first, last) that share it. */
function keyBlock(
  f: Frame, k: usize, v: usize, dk: usize, dv: usize, dq: usize, k0: i32, n: i32, first: i32, last: i32,
  q: usize, bias: usize, mask: usize, out: usize, dout: usize, statistics: usize,
): void {
  const list = f.list, size = get(list, SIZE), values = get(list, VALUE_SIZE), queries = get(list, QUERIES);
  const kr = rowStride(list, K, 4), kc = columnStride(list, K, 4);
  const vr = rowStride(list, V, 4), vc = columnStride(list, V, 4);
  const key = k + usize(k0) * kr, value = v + usize(k0) * vr;
  const panels = (n + 7) / 8;
  for (let p = 0; p < panels; p++) {
    const columns = min(8, n - 8 * p);
    packColumns<f32>(size, key + usize(8 * p) * kr, kc, kr, columns, f.k8 + 32 * usize(size) * usize(p));
    packColumns<f32>(values, value + usize(8 * p) * vr, vc, vr, columns, f.v8 + 32 * usize(values) * usize(p));
  }
  packA<f32>(size, n, key, kc, kr, f.k6);
  memory.fill(f.dk, 0, 32 * usize(size + 5) * usize(panels));
  memory.fill(f.dv, 0, 32 * usize(values + 5) * usize(panels));
  const dqPanel = 32 * usize(size + 5), turnedBytes = 256 * usize(panels);
  for (let index = first; index < last; index++) {
    f.q = q + 4 * offset(list, Q, index);
    f.bias = get(list, HAS_BIAS) ? bias + 4 * offset(list, B, index) : 0;
    f.mask = get(list, HAS_MASK) ? mask + offset(list, M, index) : 0;
    f.out = out + 4 * offset(list, O, index);
    f.dout = dout + 4 * offset(list, O, index);
    f.maxima = statistics + 8 * usize(index) * usize(queries);
    f.sums = f.maxima + 4 * usize(queries);
    for (let q0 = 0; q0 < queries; q0 += QUERY_BLOCK) {
      const m = min(QUERY_BLOCK, queries - q0);
      if (!meets(list, q0, m, k0, n)) continue;
      packQueries(f, q0, m);
      for (let p = 0; p < panels; p++) {
        pullPanel(f, q0, m, k0 + 8 * p, min(8, n - 8 * p), usize(p), turnedBytes);
      }
      let at = dq + (usize(index - first) * usize((queries + 7) / 8) + usize(q0 / 8)) * dqPanel;
      for (let i = 0; i < m; i += 8, at += dqPanel) {
        product(size, n, size, n, f.k6, f.turned + usize(i / 8) * turnedBytes, at, 1);
      }
    }
  }
  const factor = load<f32>(list + SCALE);
  for (let p = 0; p < panels; p++) {
    const columns = min(8, n - 8 * p), row = usize(k0 + 8 * p);
    unpack(size, columns, f.dk + 32 * usize(size + 5) * usize(p), factor, dk + row * kr, kr, kc);
    unpack(values, columns, f.dv + 32 * usize(values + 5) * usize(p), 1, dv + row * vr, vr, vc);
  }
}

/** Room for so many bytes: the next address after it, a multiple of 16. */
@inline
function after(at: usize, bytes: usize): usize {
  return (at + bytes + 15) & ~15;
}

/**
 * The cotangents dq, dk and dv of attention_float32's operands, from `dout`, that of its result, and what it gave: `out` and `statistics`.
 * They lie in memory as the operands do, each of which fills its array. Units are batch indices of keys and values: those of queries that
 * share them are one unit. `scratch` is gradientScratchBytes of src/loopnest/attention_plan.ts long.
 */
export function attentiongrad_float32(
  list: usize, q: usize, k: usize, v: usize, bias: usize, mask: usize, out: usize, statistics: usize, dout: usize, dq: usize,
  dk: usize, dv: usize, scratch: usize, from: i32, to: i32,
): void {
  const size = get(list, SIZE), values = get(list, VALUE_SIZE), queries = get(list, QUERIES), keys = get(list, KEYS);
  const each = count(list, get(list, OUTER), get(list, RANK));
  const widest = max(size, values);
  // As large as the larger of its kind: one size for several.
  const keyBytes = 4 * usize(min(KEY_BLOCK, keys) + 7) * usize(widest + 5);
  const queryBytes = 4 * usize(min(QUERY_BLOCK, queries) + 5) * usize(widest + 5);
  const panelBytes = 32 * usize(min(QUERY_BLOCK, queries) + 7);
  const f = changetype<Frame>((scratch + 15) & ~15);
  f.list = list;
  f.k8 = after(changetype<usize>(f), offsetof<Frame>());
  f.v8 = after(f.k8, keyBytes);
  f.k6 = after(f.v8, keyBytes);
  f.dk = after(f.k6, keyBytes);
  f.dv = after(f.dk, keyBytes);
  f.q6 = after(f.dv, keyBytes);
  f.d6 = after(f.q6, queryBytes);
  f.qt6 = after(f.d6, queryBytes);
  f.dt6 = after(f.qt6, queryBytes);
  f.rows = after(f.dt6, queryBytes);
  f.s = after(f.rows, 16 * usize(QUERY_BLOCK));
  f.d = after(f.s, panelBytes);
  f.turned = after(f.d, panelBytes);
  const sums = after(f.turned, 32 * usize(min(QUERY_BLOCK, queries) + 7) / 8 * usize(min(KEY_BLOCK, keys) + 7));
  const dqPanel = 32 * usize(size + 5), panels = (queries + 7) / 8;
  const factor = load<f32>(list + SCALE);
  for (let unit = from; unit < to; unit++) {
    const first = unit * each;
    const key = 4 * offset(list, K, first), value = 4 * offset(list, V, first);
    memory.fill(sums, 0, usize(each * panels) * dqPanel);
    for (let k0 = 0; k0 < keys; k0 += KEY_BLOCK) {
      keyBlock(
        f, k + key, v + value, dk + key, dv + value, sums, k0, min(KEY_BLOCK, keys - k0), first, first + each, q, bias, mask, out,
        dout, statistics,
      );
    }
    for (let index = first; index < first + each; index++) {
      const result = dq + 4 * offset(list, Q, index);
      for (let p = 0; p < panels; p++) {
        const at = sums + usize((index - first) * panels + p) * dqPanel;
        unpack(
          size, min(8, queries - 8 * p), at, factor, result + usize(8 * p) * rowStride(list, Q, 4), rowStride(list, Q, 4),
          columnStride(list, Q, 4),
        );
      }
    }
  }
}
