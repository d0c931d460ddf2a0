// From a register tile to a C of any strides, where a tile is not whole or C is written transposed.

/** Stores or adds the present part of a tile, to a C of any strides. */
export function merge<T>(
  d: usize, dr: usize, mr: i32, nr: i32, c: usize, crs: usize, ccs: usize, acc: i32,
): void {
  for (let i = 0; i < mr; i++) {
    let s = d, t = c;
    for (let j = 0; j < nr; j++) {
      let x = load<T>(s);
      if (acc) x += load<T>(t);
      store<T>(t, x);
      s += sizeof<T>();
      t += ccs;
    }
    d += dr;
    c += crs;
  }
}

/** Rows of ten floats, 48 bytes apart in the tile, to contiguous columns. */
export function mergeTen(d: usize, rows: i32, c: usize, crs: usize, acc: i32): void {
  for (; rows > 0; rows--, d += 48, c += crs) {
    let x = v128.load(d), y = v128.load(d, 16), z = v128.load64_zero(d, 32);
    if (acc) {
      x = f32x4.add(x, v128.load(c));
      y = f32x4.add(y, v128.load(c, 16));
      z = f32x4.add(z, v128.load64_zero(c, 32));
    }
    v128.store(c, x);
    v128.store(c, y, 16);
    v128.store64_lane(c, z, 0, 32);
  }
}
