/**
 * Functions in WGSL that generated kernels call: what WGSL's own operators leave open or get wrong, and the
 * elementary functions.
 *
 * Drivers compile floating-point arithmetic as if there were no NaN and as if sums could be regrouped: they
 * turn `(1 + x) - 1` into `x`, `x - x` into 0 and `x != x` into false (seen on Mesa). Hence NaN is told by its bits, and
 * a subtraction flips the sign bit by a word that only the running kernel knows. WGSL's own `exp`, `sin` and the like may be
 * several units off, and undefined at the edges; those here are the float32 polynomials of `kernels/math`.
 *
 * Where a text has the types `F`, `I`, `U` and `B`, it is a function of one and of four elements: it takes no branches. The
 * name of that of four ends in `_v4`. A function without such a text takes four elements one by one.
 *
 * @module
 */
import { elementary } from "./elementary.ts";
import { opaqueZero } from "./literals.ts";
import type { Width } from "./types.ts";
import { wide } from "./wide.ts";

/** Text of a WGSL function, by name. */
export type FunctionTable = Readonly<Record<string, string>>;

const own: FunctionTable = {
  is_nan: "fn is_nan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }",
  is_finite:
    "fn is_finite(x: F) -> B { return (bitcast<U>(x) & U(0x7f800000u)) != U(0x7f800000u); }",
  quiet_nan: `fn quiet_nan() -> f32 { return bitcast<f32>(0x7fc00000u | ${opaqueZero}); }`,
  infinity: `fn infinity() -> f32 { return bitcast<f32>(0x7f800000u | ${opaqueZero}); }`,
  sub_f32: `fn sub_f32(x: F, y: F) -> F {
  return x + bitcast<F>(bitcast<U>(y) ^ U(0x80000000u | ${opaqueZero}));
}`,
  neg_f32: "fn neg_f32(x: F) -> F { return bitcast<F>(bitcast<U>(x) ^ U(0x80000000u)); }",
  abs_f32: "fn abs_f32(x: F) -> F { return bitcast<F>(bitcast<U>(x) & U(0x7fffffffu)); }",
  with_sign: `fn with_sign(size: F, x: F) -> F {
  return bitcast<F>(bitcast<U>(size) | (bitcast<U>(x) & U(0x80000000u)));
}`,
  mul_f32: `fn mul_f32(x: F, y: F) -> F {
  return x * bitcast<F>(bitcast<U>(y) ^ U(${opaqueZero}));
}`,
  div_f32: `fn div_f32(x: F, y: F) -> F {
  return bitcast<F>(bitcast<U>(x) ^ U(${opaqueZero})) / bitcast<F>(bitcast<U>(y) ^ U(${opaqueZero}));
}`,
  eq_f32: "fn eq_f32(x: F, y: F) -> B { return (x == y) & !is_nan(x) & !is_nan(y); }",
  max_f32: `fn max_f32(x: F, y: F) -> F {
  let m = select(y, x, (x > y) | ((x == y) & (bitcast<U>(x) == U(0u))));
  return select(select(m, y, is_nan(y)), x, is_nan(x));
}`,
  min_f32: `fn min_f32(x: F, y: F) -> F {
  let m = select(y, x, (x < y) | ((x == y) & (bitcast<U>(x) != U(0u))));
  return select(select(m, y, is_nan(y)), x, is_nan(x));
}`,
  sign_f32: `fn sign_f32(x: F) -> F {
  return select(with_sign(F(1.0f), x), x, (x == F(0.0f)) | is_nan(x));
}`,
  // Biased as in the bits, on into the subnormal numbers.
  exponent_of: `fn exponent_of(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  return select(i32(bits >> 23u), 9 - i32(countLeadingZeros(bits)), bits < 0x00800000u);
}`,
  // Exact, by subtracting the divisor's multiples by powers of two, the greatest first.
  rem_f32: `fn rem_f32(x: f32, y: f32) -> f32 {
  let b = abs_f32(y);
  if (is_nan(x) || is_nan(y) || !is_finite(x) || b == 0.0f) { return quiet_nan(); }
  var a = abs_f32(x);
  if (!is_finite(y) || a < b) { return x; }
  loop {
    if (a < b) { break; }
    // By the exponents' distance, less one, which may be too far.
    var t = b;
    var steps = max(exponent_of(a) - exponent_of(b) - 1, 0);
    loop {
      if (steps <= 0) { break; }
      let k = min(steps, 100);
      t = t * bitcast<f32>(u32(k + 127) << 23u);
      steps = steps - k;
    }
    if (t + t <= a && is_finite(t + t)) { t = t + t; }
    a = sub_f32(a, t);
  }
  return with_sign(a, x);
}`,
  nextafter_f32: `fn nextafter_f32(x: f32, y: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return quiet_nan(); }
  if (x == y) { return y; }
  if (x == 0.0f) { return with_sign(bitcast<f32>(1u | ${opaqueZero}), y); }
  let outwards = (y > x) == (x > 0.0f);
  return bitcast<f32>(bitcast<i32>(x) + select(-1, 1, outwards));
}`,
  div_i32:
    "fn div_i32(x: I, y: I) -> I { return select(x / select(y, I(1), y == I(0)), I(-1), y == I(0)); }",
  div_u32:
    "fn div_u32(x: U, y: U) -> U { return select(x / select(y, U(1u), y == U(0u)), U(0xffffffffu), y == U(0u)); }",
  rem_i32:
    "fn rem_i32(x: I, y: I) -> I { return select(x % select(y, I(1), y == I(0)), x, y == I(0)); }",
  rem_u32:
    "fn rem_u32(x: U, y: U) -> U { return select(x % select(y, U(1u), y == U(0u)), x, y == U(0u)); }",
  // To the nearest number of 11 and of 8 significant bits, ties to even.
  round_float16: `fn round_float16(x: F) -> F {
  let a = abs_f32(x);
  // The unit in the last place of this number is that of a half.
  let m = bitcast<F>((clamp(bitcast<U>(a) >> U(23u), U(113u), U(143u)) + 13u) << U(23u));
  let y = with_sign(select(sub_f32(a + m, m), F(infinity()), a >= F(65520.0f)), x);
  return select(y, x, !is_finite(x));
}`,
  round_bfloat16: `fn round_bfloat16(x: F) -> F {
  let bits = bitcast<U>(x);
  let y = bitcast<F>((bits + 0x7fffu + ((bits >> U(16u)) & U(1u))) & U(0xffff0000u));
  return select(y, x, is_nan(x));
}`,
  bits_of_float16: `fn bits_of_float16(x: F) -> U {
  let sign = (bitcast<U>(x) >> U(16u)) & U(0x8000u);
  let a = abs_f32(x);
  // Below the normal halves the number is a multiple of 2^-24.
  let small = a < F(6.103515625e-5f);
  let regular = (bitcast<U>(a) - 0x38000000u) >> U(13u);
  let finite = select(regular, U(select(F(0.0f), a, small) * 16777216.0f), small);
  let edge = select(U(0x7c00u), U(0x7e00u), is_nan(x));
  return sign | select(edge, finite, is_finite(x));
}`,
  float16_of_bits: `fn float16_of_bits(bits: U) -> F {
  let size = bits & U(0x7fffu);
  let normal = bitcast<F>((size << U(13u)) + 0x38000000u);
  let finite = select(normal, F(size) * 5.9604644775390625e-8f, size < U(0x400u));
  let edge = select(F(quiet_nan()), F(infinity()), size == U(0x7c00u));
  let a = select(finite, edge, size >= U(0x7c00u));
  return select(a, neg_f32(a), (bits & U(0x8000u)) != U(0u));
}`,
  shl_u32: "fn shl_u32(x: U, y: U) -> U { return select(x << (y & U(31u)), U(0u), y >= U(32u)); }",
  shr_u32: "fn shr_u32(x: U, y: U) -> U { return select(x >> (y & U(31u)), U(0u), y >= U(32u)); }",
  sar_i32: "fn sar_i32(x: I, y: U) -> I { return x >> min(y, U(31u)); }",
  pow_i32: `fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  return bitcast<i32>(pow_u32(bitcast<u32>(x), bitcast<u32>(y)));
}`,
  pow_u32: `fn pow_u32(x: u32, y: u32) -> u32 {
  var result = 1u;
  var base = x;
  var rest = y;
  loop {
    if (rest == 0u) { break; }
    if ((rest & 1u) != 0u) { result = result * base; }
    base = base * base;
    rest = rest >> 1u;
  }
  return result;
}`,
  // Saturating; NaN gives 0.
  i32_of_f32: `fn i32_of_f32(x: F) -> I {
  // The greatest that is less than 2^31; what is no number is told by its bits.
  let y = I(clamp(x, F(-2147483648.0f), F(2147483520.0f)));
  return select(select(y, I(2147483647), x >= F(2147483648.0f)), I(0), is_nan(x));
}`,
  u32_of_f32: `fn u32_of_f32(x: F) -> U {
  let y = U(clamp(x, F(0.0f), F(4294967040.0f)));
  return select(select(y, U(0xffffffffu), x >= F(4294967296.0f)), U(0u), is_nan(x) | (x <= F(0.0f)));
}`,
};

const table: FunctionTable = { ...own, ...elementary, ...wide };

/** Of a function's name: what makes it one of four elements. */
const four = "_v4";

const forms: Readonly<Record<string, readonly [one: string, four: string]>> = {
  F: ["f32", "vec4<f32>"],
  I: ["i32", "vec4<i32>"],
  U: ["u32", "vec4<u32>"],
  B: ["bool", "vec4<bool>"],
};

/** Whether the text of a function says what it does with four elements, too. */
export function isGeneric(name: string): boolean {
  return Object.hasOwn(table, name) && /^fn \w+\([^)]*: [FIUB]\b/.test(table[name]);
}

/** The name of a function for values of one or of four elements. */
export function functionName(name: string, width: Width): string {
  return width === 1 ? name : name + four;
}

/** A function and what it calls. */
interface FunctionText {
  readonly text: string;
  readonly calls: readonly string[];
}

const texts = new Map<string, FunctionText>();

function textOf(name: string): FunctionText {
  let known = texts.get(name);
  if (known === undefined) {
    const isFour = name.endsWith(four);
    const base = isFour ? name.slice(0, -four.length) : name;
    if (isFour && !isGeneric(base)) known = fourTimes(base);
    else {
      const width = isFour ? 4 : 1;
      const calls = new Set<string>();
      const text = table[base].replaceAll(/\b[FIUB]\b/g, (type) => forms[type][isFour ? 1 : 0])
        .replaceAll(/\b(\w+)\(/g, (call, callee: string) => {
          if (!Object.hasOwn(table, callee)) return call;
          // What takes nothing gives one value.
          const takesNothing = table[callee].startsWith(`fn ${callee}()`);
          const used = functionName(callee, takesNothing ? 1 : width);
          if (callee !== base) calls.add(used);
          return `${used}(`;
        });
      known = { text, calls: [...calls] };
    }
    texts.set(name, known);
  }
  return known;
}

/** A function of four elements that takes them one by one. */
function fourTimes(name: string): FunctionText {
  const [, list, result] = /^fn \w+\((.*?)\) -> (\w+) /.exec(table[name])!;
  const parameters = list.split(", ").map((p) => p.split(": "));
  const typed = parameters.map(([x, type]) => `${x}: vec4<${type}>`).join(", ");
  const each = ["x", "y", "z", "w"].map((lane) =>
    `${name}(${parameters.map(([x]) => `${x}.${lane}`).join(", ")})`
  );
  const text = `fn ${name}${four}(${typed}) -> vec4<${result}> {
  return vec4<${result}>(${each.join(", ")});
}`;
  return { text, calls: [name] };
}

/** Whether there is a function of that name. */
export function hasFunction(name: string): boolean {
  return Object.hasOwn(table, name);
}

/** The text of functions and of all that they call. */
export function functionText(names: Iterable<string>): string {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    textOf(name).calls.forEach(visit);
  };
  for (const name of names) visit(name);
  return [...found].map((name) => `${textOf(name).text}\n`).join("");
}
