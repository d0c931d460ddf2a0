// Fetching what is packed next. Packing does some 60 instructions for each pair of lines that it reads, so that only a few
// misses are under way at once, and rows or columns are too short for prefetchers. A loop that does nothing but read
// a word of each line has as many under way as the processor can, and in the order in which they lie.

/** Reads a word of each line of `rows` rows of so many bytes, `rs` apart; gives their sum, lest the reads be left out. */
export function touch(rows: i32, bytes: usize, src: usize, rs: usize): i32 {
  let sum = 0;
  for (; rows > 0; rows--, src += rs) {
    let p = src;
    const end = src + bytes;
    for (; p + 448 < end; p += 512) {
      sum += load<i32>(p) + load<i32>(p, 64) + load<i32>(p, 128) + load<i32>(p, 192);
      sum += load<i32>(p, 256) + load<i32>(p, 320) + load<i32>(p, 384) + load<i32>(p, 448);
    }
    for (; p < end; p += 64) sum += load<i32>(p);
  }
  return sum;
}
