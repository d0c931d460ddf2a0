// What the list of an attention call says: int32s, written by src/loopnest/attention_plan.ts. Strides are in elements.
//
// An element of a matrix of batch index b, row i and column j lies at sum(b[a] * batch stride[a]) + i * row stride + j * column
// stride; an operand that several batch indices share, or a mask that does not depend on the query, has strides of 0 there.

export const QUERIES = 0;
export const KEYS = 4;
/** Elements of a query and of a key. */
export const SIZE = 8;
/** Elements of a value. */
export const VALUE_SIZE = 12;
/** The bits of a f32. */
export const SCALE = 16;
/** A query at i sees the keys from i - BACK to i + AHEAD. */
export const BACK = 20;
export const AHEAD = 24;
/** Whether there is a bias and a mask. */
export const HAS_BIAS = 28;
export const HAS_MASK = 32;
/** Queries of a unit, a multiple of 8. */
export const BLOCK = 36;
/** Batch axes, and how many of them, the first ones, the keys and values have. */
export const RANK = 40;
export const OUTER = 44;
/** Strides of rows, then of columns, in the order of the operands below. */
export const STRIDES = 48;
/** For each batch axis its extent, then the strides of the operands. */
export const AXES: i32 = 96;
export const AXIS_BYTES: i32 = 28;

/** Operands; the result, and all that has the shape of one of them, lies as that does. */
export const Q = 0;
export const K = 1;
export const V = 2;
export const B = 3;
export const M = 4;
export const O = 5;

/** Keys of a block: few enough for their packed rows to stay in the second cache. */
export const KEY_BLOCK: i32 = 256;
/** What a logit becomes where the mask forbids it. */
export const LEAST: f32 = -f32.MAX_VALUE;

@inline
export function get(list: usize, at: usize): i32 {
  return load<i32>(list + at);
}

/** The stride of an operand's rows, in bytes. */
@inline
export function rowStride(list: usize, operand: usize, bytes: i32): usize {
  return usize(load<i32>(list + STRIDES + 8 * operand) * bytes);
}

/** The stride of an operand's columns, in bytes. */
@inline
export function columnStride(list: usize, operand: usize, bytes: i32): usize {
  return usize(load<i32>(list + STRIDES + 8 * operand + 4) * bytes);
}

/** The product of the extents of the batch axes from `from` on, before `to`. */
export function count(list: usize, from: i32, to: i32): i32 {
  let n = 1;
  for (let a = from; a < to; a++) n *= load<i32>(list + usize(AXES + AXIS_BYTES * a));
  return n;
}

/** How many elements after the first an operand's matrix of a batch index begins. */
export function offset(list: usize, operand: usize, index: i32): usize {
  let at: i32 = 0;
  for (let a = get(list, RANK) - 1; a >= 0; a--) {
    const axis = list + usize(AXES + AXIS_BYTES * a);
    const extent = load<i32>(axis);
    const rest = index / extent;
    at += (index - rest * extent) * load<i32>(axis + 4 + 4 * operand);
    index = rest;
  }
  return usize(at);
}
