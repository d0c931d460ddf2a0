// The text of a JavaScript literal, decoded: how binaryen's package keeps its 10 MB of WASM. A module of its own, with a memory of its own,
// since whoever loads the compiler needs nothing else of the kernels.

/** Where JavaScript puts what the letter after a backslash stands for: 256 bytes; 128 and above for letters that stand for nothing known. */
const ESCAPES: usize = 0;
/** Where the end of what was written is told. */
const WRITTEN: usize = 256;

/** The value of a digit in base 16: of `0` to `9` the low bits, of letters, which have bit 6, those and 9. */
@inline
function digit(code: u32): u32 {
  return (code & 15) + (code >> 6) * 9;
}

/**
 * Decodes from `from` on and writes to `to`, until no escape begins before `end`, or until a character that cannot be decoded: the backtick
 * that ends the literal, one that is not ASCII, or the backslash of an escape that is not known. Gives its address, or that of what is next.
 *
 * Reads up to 19 bytes beyond `end`, and writes up to 16 beyond what it tells.
 */
export function decode_literal(from: usize, end: usize, to: usize): usize {
  while (from < end) {
    const text = v128.load(from);
    // All of it, though only what is before the next backslash counts: a branch on that would be guessed wrongly two times in three.
    v128.store(to, text);
    const special = v128.or(i8x16.eq(text, i8x16.splat(0x60)), text); // a backtick, or beyond ASCII
    const backslashes = i8x16.bitmask(i8x16.eq(text, i8x16.splat(0x5c))) | 0x8000;
    const plain = usize(ctz(backslashes));
    const odd = usize(ctz(i8x16.bitmask(special) | 0x8000));
    if (odd < plain) {
      store<u32>(WRITTEN, u32(to + odd));
      return from + odd;
    }
    from += plain;
    to += plain;
    if (plain == 15) continue; // the last one waits for what follows it
    const letters = load<u32>(from);
    // Not by what was just loaded, so that the next turn need not wait for it.
    const isHex = usize(i8x16.bitmask(i8x16.eq(text, i8x16.splat(0x78)))) >> (plain + 1) & 1;
    const simple: u32 = load<u8>(ESCAPES + usize(letters >> 8 & 255));
    if (simple >> 7 > u32(isHex)) break; // one branch that is never taken
    const hex = (digit(letters >> 16 & 255) << 4) + digit(letters >> 24);
    store<u8>(to, select(hex, simple, isHex));
    to++;
    from += 2 + (isHex << 1);
  }
  store<u32>(WRITTEN, u32(to));
  return from;
}
