// The operand with zeros around it, for windows that reach beyond its ends.
import {
  AXIS_COUNT, AXIS_FIRST, AXIS_PADDED, AXIS_STRIDE, COPY_AXES, COPY_AXIS_BYTES, COPY_BATCH, COPY_RANK, field,
} from "./spec";

/** Copies axis `at` and those inside of it; gives the bytes of the copy. */
function copyAxis<T>(
  spec: usize, at: i32, examples: i32, src: usize, dst: usize, bytes: usize,
): void {
  const axis = spec + COPY_AXES + usize(at) * COPY_AXIS_BYTES;
  const isBatch = at == field(spec, COPY_BATCH);
  // A chunk of fewer examples lies as a whole one would: the strides of the other axes are those of a whole one.
  const padded = field(axis, AXIS_PADDED);
  const count = isBatch ? examples : field(axis, AXIS_COUNT);
  const step = usize(field(axis, AXIS_STRIDE)) * sizeof<T>();
  const each = bytes / usize(padded);
  const before = usize(field(axis, AXIS_FIRST)) * each;
  const after = isBatch ? 0 : usize(max(0, padded - count)) * each - before;
  memory.fill(dst, 0, before);
  dst += before;
  if (at + 1 < field(spec, COPY_RANK)) {
    for (let i = 0; i < count; i++, src += step, dst += each) {
      copyAxis<T>(spec, at + 1, examples, src, dst, each);
    }
  } else if (step == sizeof<T>()) {
    memory.copy(dst, src, usize(count) * step);
    dst += usize(count) * step;
  } else {
    for (let i = 0; i < count; i++, src += step, dst += sizeof<T>()) store<T>(dst, load<T>(src));
  }
  memory.fill(dst, 0, after);
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
