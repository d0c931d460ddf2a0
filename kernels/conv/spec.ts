// The list of int32 that describes a convolution, as src/loopnest/conv_plan.ts writes it. All strides and offsets in elements.
//
// A convolution is a product C[row, column] = Σ_k W[row, k] · X[k, column] of strided views: a column is a place of the output, k
// runs through features and the window, and the address of X[k, column] is a sum of what k and what the column contribute. Where the
// window reaches beyond the operand, that is first copied into scratch with zeros around it.

export const GROUPS: usize = 0;
export const X_GROUP: usize = 4;
export const W_GROUP: usize = 8;
export const OUT_GROUP: usize = 12;
export const ROWS: usize = 16;
export const W_ROW: usize = 20;
export const OUT_ROW: usize = 24;
/** Examples: one of the axes of the columns, cut into chunks so that the copy of the operand stays small. */
export const BATCH: usize = 28;
export const CHUNK: usize = 32;
export const X_BATCH: usize = 36;
export const OUT_BATCH: usize = 40;
/** The copy: its number of axes (0 for none), which is the examples' or -1, and where in the operand it begins. */
export const COPY_RANK: usize = 44;
export const COPY_BATCH: usize = 48;
export const COPY_OFFSET: usize = 52;
export const PARTS: usize = 56;
/** Where in the list a form is described that needs no copy (after all parts), or 0. The parts say the same, more generally. */
export const FORM: usize = 60;
/** The axes of the copy, outermost first: size, place of the first element that is there, their number, their stride. */
export const COPY_AXES: usize = 64;

export const AXIS_PADDED: usize = 0;
export const AXIS_FIRST: usize = 4;
export const AXIS_COUNT: usize = 8;
export const AXIS_STRIDE: usize = 12;
export const COPY_AXIS_BYTES: usize = 16;

/** After them, the parts: a phase of the output each, where the operand is dilated. */
export const PART_X: usize = 0;
export const PART_W: usize = 4;
export const PART_OUT: usize = 8;
/** The axes of columns, how many, and which is the examples' or -1; the axes of k, and how many. */
export const PART_COLUMN_RANK: usize = 12;
export const PART_BATCH: usize = 16;
export const PART_K_RANK: usize = 20;
/** Each axis: size, stride in the operand, stride in the output (columns) or the kernel (k). */
export const PART_AXES: usize = 24;
export const AXIS_SIZE: usize = 0;
export const AXIS_X: usize = 4;
export const AXIS_OTHER: usize = 8;
export const AXIS_BYTES: usize = 12;

/**
 * A form begins with its kind: windows of 3 x 3 over one feature (nine.ts) or over many (winograd.ts), nine places of
 * windows over one feature (nine_dots.ts), or any windows over one feature (windows.ts).
 */
export const FORM_KIND: usize = 0;
export const NINE: i32 = 1;
export const WINOGRAD: i32 = 2;
export const DOTS: i32 = 3;
export const WINDOWS: i32 = 4;

/** Of single features: where the first window begins in the operand, and strides of rows. */
export const NINE_X: usize = 4;
export const NINE_X_ROW: usize = 8;
export const NINE_OUT_ROW: usize = 12;
/** The kernel's element that the window's first meets, and how far apart those of its rows and columns are. */
export const NINE_TAP: usize = 16;
export const NINE_TAP_ROW: usize = 20;
export const NINE_TAP_COLUMN: usize = 24;
/** Rows and columns of the output. */
export const NINE_HEIGHT: usize = 28;
export const NINE_COLUMNS: usize = 32;
/** Whether windows reach beyond each edge, by one. */
export const NINE_TOP: usize = 36;
export const NINE_BOTTOM: usize = 40;
export const NINE_LEFT: usize = 44;
export const NINE_RIGHT: usize = 48;
/** The rows of the output that are to be computed. */
export const NINE_FIRST_ROW: usize = 52;
export const NINE_ROWS: usize = 56;
/** How far windows move, 1 or 2. */
export const NINE_STRIDE: usize = 60;

/** Of many features: their number, their strides in the operand and the kernel, and those of lines. */
export const WINOGRAD_FEATURES: usize = 4;
export const WINOGRAD_X_FEATURE: usize = 8;
export const WINOGRAD_W_FEATURE: usize = 12;
export const WINOGRAD_X_LINE: usize = 16;
export const WINOGRAD_OUT_LINE: usize = 20;
/** The kernel's element that the window's first meets, and how far apart those of its lines and columns are. */
export const WINOGRAD_TAP: usize = 24;
export const WINOGRAD_TAP_ROW: usize = 28;
export const WINOGRAD_TAP_COLUMN: usize = 32;
/** Lines and columns of the operand and of the output, and how far the first windows reach beyond. */
export const WINOGRAD_X_HEIGHT: usize = 36;
export const WINOGRAD_X_COLUMNS: usize = 40;
export const WINOGRAD_HEIGHT: usize = 44;
export const WINOGRAD_COLUMNS: usize = 48;
export const WINOGRAD_TOP: usize = 52;
export const WINOGRAD_LEFT: usize = 56;
/** Lines of tiles that are done at once. */
export const WINOGRAD_BLOCK: usize = 60;
/** The output features, and the lines of tiles of all examples one after the other, that are to be computed. */
export const WINOGRAD_FIRST_ROW: usize = 64;
export const WINOGRAD_ROWS: usize = 68;
export const WINOGRAD_FIRST_LINE: usize = 72;
export const WINOGRAD_LINES: usize = 76;

/** Of nine places: as above; the window has lines and columns. */
export const DOTS_FEATURES: usize = 4;
export const DOTS_X_FEATURE: usize = 8;
export const DOTS_W_FEATURE: usize = 12;
export const DOTS_X: usize = 16;
export const DOTS_X_LINE: usize = 20;
export const DOTS_W_LINE: usize = 24;
export const DOTS_OUT_LINE: usize = 28;
export const DOTS_OUT_COLUMN: usize = 32;
export const DOTS_HEIGHT: usize = 36;
export const DOTS_COLUMNS: usize = 40;
export const DOTS_TOP: usize = 44;
export const DOTS_BOTTOM: usize = 48;
export const DOTS_LEFT: usize = 52;
export const DOTS_RIGHT: usize = 56;

/** Of any windows over single features: lines of the operand and their width, strides of lines, and the kernel's elements as above. */
export const WINDOWS_LINES: usize = 4;
export const WINDOWS_WIDTH: usize = 8;
export const WINDOWS_X_LINE: usize = 12;
export const WINDOWS_OUT_LINE: usize = 16;
export const WINDOWS_TAP: usize = 20;
export const WINDOWS_TAP_ROW: usize = 24;
export const WINDOWS_TAP_COLUMN: usize = 28;
/** Columns of the output, how far the first window reaches beyond, and rows of the output that are done with one copy. */
export const WINDOWS_COLUMNS: usize = 32;
export const WINDOWS_TOP: usize = 36;
export const WINDOWS_LEFT: usize = 40;
export const WINDOWS_BLOCK: usize = 44;
/** The rows of the output that are to be computed, at the same places as those of nine.ts. */
export const WINDOWS_FIRST_ROW: usize = 52;
export const WINDOWS_ROWS: usize = 56;
/** Steps, dilations and sizes of windows. */
export const WINDOWS_LINE_STEP: usize = 60;
export const WINDOWS_STEP: usize = 64;
export const WINDOWS_LINE_DILATION: usize = 68;
export const WINDOWS_DILATION: usize = 72;
export const WINDOWS_DOWN: usize = 76;
export const WINDOWS_RIGHT: usize = 80;

@inline
export function field(spec: usize, at: usize): i32 {
  return load<i32>(spec + at);
}

/** The number of points of `rank` axes; the axis `batch` has `examples`. */
export function points(axes: usize, rank: i32, batch: i32, examples: i32): i32 {
  let n = 1;
  for (let i = 0; i < rank; i++, axes += AXIS_BYTES) n *= i == batch ? examples : field(axes, AXIS_SIZE);
  return n;
}

/**
 * Where the points `from … from + count` of `rank` axes lie, in bytes: in the operand (to `x`) and elsewhere (to `other`).
 */
export function fillOffsets(
  axes: usize, rank: i32, batch: i32, examples: i32, size: i32, from: i32, count: i32, x: usize, other: usize,
): void {
  if (rank == 0) {
    for (let i = 0; i < count; i++) {
      store<i32>(x + (usize(i) << 2), 0);
      store<i32>(other + (usize(i) << 2), 0);
    }
    return;
  }
  // Row by row along the last axis.
  const last = axes + usize(rank - 1) * AXIS_BYTES;
  const n = batch == rank - 1 ? examples : field(last, AXIS_SIZE);
  const dx = field(last, AXIS_X) * size, dy = field(last, AXIS_OTHER) * size;
  let row = from / n, j = from - row * n;
  while (count > 0) {
    let bx = 0, by = 0, r = row;
    for (let i = rank - 2; i >= 0; i--) {
      const axis = axes + usize(i) * AXIS_BYTES;
      const m = i == batch ? examples : field(axis, AXIS_SIZE);
      const at = r % m;
      r /= m;
      bx += at * field(axis, AXIS_X);
      by += at * field(axis, AXIS_OTHER);
    }
    bx = bx * size + j * dx;
    by = by * size + j * dy;
    const stop = min(n - j, count);
    for (let i = 0; i < stop; i++, bx += dx, by += dy, x += 4, other += 4) {
      store<i32>(x, bx);
      store<i32>(other, by);
    }
    count -= stop;
    j = 0;
    row++;
  }
}

/** An element in all lanes. */
@inline
export function splat<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}
