// The operand with zeros around it, for windows that reach beyond its ends.
import {
  AXIS_COUNT, AXIS_FIRST, AXIS_PADDED, AXIS_STRIDE, COPY_AXES, COPY_AXIS_BYTES, COPY_BATCH, COPY_RANK, field,
} from "./spec";

/** Up to so many bytes a loop is faster than the engine's own function. */
const SHORT: usize = 1024;

/** `bytes` bytes of zeros: whole elements. */
@inline
function clear<T>(dst: usize, bytes: usize): void {
  if (bytes > SHORT) {
    memory.fill(dst, 0, bytes);
    return;
  }
  const end = dst + bytes;
  if (bytes >= 16) {
    for (; dst + 16 <= end; dst += 16) v128.store(dst, i32x4.splat(0));
    v128.store(end - 16, i32x4.splat(0));
    return;
  }
  for (; dst != end; dst += sizeof<T>()) store<T>(dst, 0);
}

/** `count` neighbours. */
@inline
function copyRun<T>(dst: usize, src: usize, count: i32): void {
  const bytes = usize(count) * sizeof<T>();
  if (bytes > SHORT) {
    memory.copy(dst, src, bytes);
    return;
  }
  const end = dst + bytes, last = src + bytes;
  if (bytes >= 16) {
    for (; dst + 64 <= end; dst += 64, src += 64) {
      v128.store(dst, v128.load(src));
      v128.store(dst, v128.load(src, 16), 16);
      v128.store(dst, v128.load(src, 32), 32);
      v128.store(dst, v128.load(src, 48), 48);
    }
    for (; dst + 16 <= end; dst += 16, src += 16) v128.store(dst, v128.load(src));
    v128.store(end - 16, v128.load(last - 16));
    return;
  }
  for (; dst != end; dst += sizeof<T>(), src += sizeof<T>()) store<T>(dst, load<T>(src));
}

/** `rows` rows along the innermost axis, `from` and `to` bytes apart, each with `before` and `after` bytes of zeros. */
function copyRows<T>(
  rows: i32, count: i32, step: usize, src: usize, from: usize, dst: usize, to: usize, before: usize, after: usize,
): void {
  const bytes = usize(count) * sizeof<T>();
  for (; rows > 0; rows--, src += from, dst += to) {
    clear<T>(dst, before);
    const d = dst + before;
    if (step == sizeof<T>()) {
      copyRun<T>(d, src, count);
    } else {
      for (let i: usize = 0, s = src; i < bytes; i += sizeof<T>(), s += step) store<T>(d + i, load<T>(s));
    }
    clear<T>(d + bytes, after);
  }
}

/** Copies axis `at` and those inside of it; `bytes` is the size of its copy. */
function copyAxis<T>(
  spec: usize, at: i32, examples: i32, src: usize, dst: usize, bytes: usize,
): void {
  const axis = spec + COPY_AXES + usize(at) * COPY_AXIS_BYTES;
  const rank = field(spec, COPY_RANK);
  const isBatch = at == field(spec, COPY_BATCH);
  // A chunk of fewer examples lies as a whole one would: the strides of the other axes are those of a whole one.
  const padded = field(axis, AXIS_PADDED);
  const count = isBatch ? examples : field(axis, AXIS_COUNT);
  const step = usize(field(axis, AXIS_STRIDE)) * sizeof<T>();
  const each = bytes / usize(padded);
  const before = usize(field(axis, AXIS_FIRST)) * each;
  const after = isBatch ? 0 : usize(max(0, padded - count)) * each - before;
  if (at + 1 == rank) {
    copyRows<T>(1, count, step, src, 0, dst, 0, before, after);
    return;
  }
  clear<T>(dst, before);
  dst += before;
  const inner = axis + COPY_AXIS_BYTES;
  if (at + 2 == rank && at + 1 != field(spec, COPY_BATCH)) {
    const has = field(inner, AXIS_COUNT), first = usize(field(inner, AXIS_FIRST)) * sizeof<T>();
    const rest = usize(max(0, field(inner, AXIS_PADDED) - has)) * sizeof<T>() - first;
    copyRows<T>(count, has, usize(field(inner, AXIS_STRIDE)) * sizeof<T>(), src, step, dst, each, first, rest);
    dst += usize(count) * each;
  } else {
    for (let i = 0; i < count; i++, src += step, dst += each) {
      copyAxis<T>(spec, at + 1, examples, src, dst, each);
    }
  }
  clear<T>(dst, after);
}

/** Copies `examples` examples with zeros around, each where it is in a chunk. */
export function copyOperand<T>(spec: usize, examples: i32, src: usize, dst: usize): void {
  const rank = field(spec, COPY_RANK);
  let bytes = sizeof<T>();
  for (let i = 0; i < rank; i++) {
    const axis = spec + COPY_AXES + usize(i) * COPY_AXIS_BYTES;
    bytes *= usize(field(axis, AXIS_PADDED));
  }
  copyAxis<T>(spec, 0, examples, src, dst, bytes);
}
