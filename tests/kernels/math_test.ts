/**
 * The elementary functions against correctly rounded values, and the integer operations against BigInt.
 *
 * JavaScript cannot pass a v128, so each function is linked into a loop over memory, once in place
 * (`inlineKernel`) and once called (`kernelModuleFields`): the two ways that programs use.
 */
import { assert, assertEquals } from "@std/assert";
import binaryen from "binaryen";
import { SOURCE_HASH } from "../../kernels/build/module.ts";
import { hashSources, kernelSources } from "../../kernels/source_hash.ts";
import { constantGlobals, constantOf } from "../../src/backends/wasm/kernel_constants.ts";
import { instantiateKernels } from "../../src/backends/wasm/kernel_library.ts";
import {
  inlineKernel,
  kernelFunctions,
  kernelModuleFields,
  kernelSignature,
} from "../../src/backends/wasm/kernel_text.ts";

type Loop = (bytes: number) => void;

const PAGES = 16;
const SECOND = 262144;
const RESULT = 524288;
const memory = new WebAssembly.Memory({ initial: PAGES, maximum: 65536, shared: true });

function load(offset: number): string {
  return `(v128.load offset=${offset} (local.get $i))`;
}

function loop(value: string): string {
  return `(loop $next
    (v128.store offset=${RESULT} (local.get $i) ${value})
    (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $n))))`;
}

/** A module whose exports `name` run each kernel over the memory. */
function link(names: readonly string[], inline: boolean): Record<string, Loop> {
  const deps = new Set<string>();
  const functions = names.map((name) => {
    const args = [load(0), load(SECOND)].slice(0, kernelSignature(name)!.params.length);
    const head = `(func (export "${name}") (param $n i32) (local $i i32)`;
    if (!inline) {
      deps.add(name);
      return `${head} ${loop(`(call $${name} ${args.join(" ")})`)})`;
    }
    const { code, locals, constants, deps: called } = inlineKernel(name, args, "k");
    called.forEach((dep) => deps.add(dep));
    const declared = constants.map((c) => `(local $${c} v128)`);
    const set = constants.map((c) => `(local.set $${c} ${constantOf(c)})`);
    return `${head} ${[...locals, ...declared, ...set].join(" ")} ${loop(code)})`;
  });
  const linked = inline ? kernelFunctions(deps) : kernelModuleFields(deps);
  const wat = `(module (import "env" "memory" (memory 1 65536 shared))
    ${inline ? constantGlobals(linked) : ""} ${linked} ${functions.join("\n")})`;
  const module = binaryen.parseText(wat);
  module.setFeatures(binaryen.Features.All);
  const binary = module.emitBinary();
  module.dispose();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary as BufferSource), {
    env: { memory },
  });
  return instance.exports as Record<string, Loop>;
}

/** Runs a kernel over whole arrays, 256 KB at a time. */
function apply(run: Loop, inputs: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(inputs[0]!.length);
  const bytes = new Uint8Array(memory.buffer);
  for (let at = 0; at < out.length; at += SECOND) {
    const end = Math.min(out.length, at + SECOND);
    inputs.forEach((input, i) => bytes.set(input.subarray(at, end), i * SECOND));
    run((end - at + 15) & ~15);
    out.set(bytes.subarray(RESULT, RESULT + end - at), at);
  }
  return out;
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

interface Row {
  readonly name: string;
  readonly dtype: "float32" | "float64";
  readonly args: number;
  readonly count: number;
  readonly offset: number;
}

interface Reference extends Row {
  readonly inputs: readonly (Float32Array | Float64Array)[];
  readonly expected: Float32Array | Float64Array;
}

function references(): Reference[] {
  const file = Deno.readFileSync(new URL("../oracle/data/math_reference.bin", import.meta.url));
  const size = new DataView(file.buffer).getUint32(0, true);
  const rows: Row[] = JSON.parse(new TextDecoder().decode(file.subarray(4, 4 + size)));
  return rows.map((row) => {
    const Elements = row.dtype === "float32" ? Float32Array : Float64Array;
    const part = (k: number) => {
      const start = 4 + size + row.offset + k * row.count * Elements.BYTES_PER_ELEMENT;
      const bytes = file.slice(start, start + row.count * Elements.BYTES_PER_ELEMENT);
      return new Elements(bytes.buffer);
    };
    const inputs = Array.from({ length: row.args }, (_, k) => part(k));
    return { ...row, inputs, expected: part(row.args) };
  });
}

/** Floats as integers in the same order, both zeros being 0. */
function ordered(array: Float32Array | Float64Array): bigint[] {
  if (array instanceof Float32Array) {
    return Array.from(new Int32Array(array.buffer), (b) => BigInt(b < 0 ? -(b & 0x7fffffff) : b));
  }
  const sign = 1n << 63n;
  return Array.from(new BigInt64Array(array.buffer), (b) => b < 0n ? -(b + sign) : b);
}

/** How many numbers the result may be away from the correctly rounded one. */
const TOLERANCE: Record<string, bigint> = {
  lgamma: 16n,
  digamma: 16n,
  erf_inv: 16n,
  erfc: 3n,
  rem: 0n,
  nextafter: 0n,
};

function kernelName(row: Row): string {
  return `${row.name}_${row.dtype === "float32" ? "f32x4" : "f64x2"}`;
}

Deno.test("the built kernels are those of the sources", async () => {
  const root = new URL("../../kernels/", import.meta.url);
  assertEquals(
    await hashSources(await kernelSources(root)),
    SOURCE_HASH,
    "run `deno task kernels` and commit kernels/build",
  );
});

for (const inline of [true, false]) {
  const way = inline ? "in place" : "called";
  Deno.test(`elementary functions, ${way}, are within 2 ulp of the rounded value`, async (t) => {
    const rows = references();
    const runs = link([...new Set(rows.map(kernelName))], inline);
    for (const row of rows) {
      await t.step(kernelName(row), () => {
        const out = apply(runs[kernelName(row)]!, row.inputs.map(bytesOf));
        const actual = row.dtype === "float32"
          ? new Float32Array(out.buffer)
          : new Float64Array(out.buffer);
        const want = ordered(row.expected);
        const got = ordered(actual);
        const allowed = TOLERANCE[row.name] ?? 2n;
        for (let i = 0; i < row.count; i++) {
          const args = row.inputs.map((input) => input[i]).join(", ");
          const said = `${row.name}(${args}) = ${actual[i]}, correctly ${row.expected[i]}`;
          if (Number.isNaN(row.expected[i])) {
            assert(Number.isNaN(actual[i]), said);
            continue;
          }
          const distance = got[i]! > want[i]! ? got[i]! - want[i]! : want[i]! - got[i]!;
          assert(!Number.isNaN(actual[i]) && distance <= allowed, said);
          if (row.expected[i] === 0) assert(Object.is(actual[i], row.expected[i]), said);
        }
      });
    }
  });
}

const W32 = [0, 1, -1, 2, -2, 3, 7, -7, 10, 31, 32, 33, 63, 64, 100, -100, 46341, 65535, 65536];
const INTS = [...W32, 123456789, -123456789, 2147483647, -2147483648, -2147483647];
const LONGS = [...INTS.map(BigInt), 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n, 3n ** 39n];

/** XLA's integer operations on numbers of `bits` bits, signed where it matters. */
function integerOps(bits: number): Record<string, (x: bigint, y: bigint) => bigint> {
  const min = -(1n << BigInt(bits - 1));
  const unsigned = (v: bigint) => BigInt.asUintN(bits, v);
  const inWidth = (y: bigint) => unsigned(y) < BigInt(bits);
  const divide = (x: bigint, y: bigint) => y === 0n ? -1n : x === min && y === -1n ? min : x / y;
  return {
    div: divide,
    rem: (x, y) => x - divide(x, y) * y,
    shift_left: (x, y) => inWidth(y) ? x << y : 0n,
    shift_right_logical: (x, y) => inWidth(y) ? unsigned(x) >> y : 0n,
    shift_right_arithmetic: (x, y) => inWidth(y) ? x >> y : x < 0n ? -1n : 0n,
    pow: (x, y) => {
      let result = 1n;
      for (let n = unsigned(y); n > 0n; n >>= 1n) {
        if (n & 1n) result = BigInt.asIntN(bits, result * x);
        x = BigInt.asIntN(bits, x * x);
      }
      return result;
    },
    popcount: (x) => BigInt(unsigned(x).toString(2).replaceAll("0", "").length),
    clz: (x) => BigInt(bits - (x === 0n ? 0 : unsigned(x).toString(2).length)),
  };
}

function grid<T>(values: readonly T[]): [T[], T[]] {
  const x: T[] = [];
  const y: T[] = [];
  for (const a of values) for (const b of values) x.push(a), y.push(b);
  while (x.length % 4) x.push(x[0]!), y.push(y[0]!);
  return [x, y];
}

Deno.test("32-bit integer operations give XLA's results", async (t) => {
  const ops = integerOps(32);
  const unsigned: typeof ops = {
    div: (x, y) => {
      const [a, b] = [BigInt.asUintN(32, x), BigInt.asUintN(32, y)];
      return b === 0n ? -1n : a / b;
    },
    rem: (x, y) => {
      const [a, b] = [BigInt.asUintN(32, x), BigInt.asUintN(32, y)];
      return b === 0n ? a : a % b;
    },
  };
  const cases = [
    ...Object.keys(ops).map((op) => [`${op}_i32x4`, ops[op]!] as const),
    ...Object.keys(unsigned).map((op) => [`${op}_u32x4`, unsigned[op]!] as const),
  ];
  const runs = link(cases.map(([name]) => name), true);
  const [x, y] = grid(INTS);
  for (const [name, op] of cases) {
    await t.step(name, () => {
      const out = apply(runs[name]!, [bytesOf(new Int32Array(x)), bytesOf(new Int32Array(y))]);
      const want = x.map((a, i) => Number(BigInt.asIntN(32, op(BigInt(a), BigInt(y[i]!)))));
      assertEquals(Array.from(new Int32Array(out.buffer)), want);
    });
  }
});

Deno.test("64-bit integer operations give XLA's results", async (t) => {
  const ops = integerOps(64);
  const runs = link(Object.keys(ops).map((op) => `${op}_i64x2`), true);
  const [x, y] = grid(LONGS);
  for (const [op, compute] of Object.entries(ops)) {
    await t.step(op, () => {
      const inputs = [bytesOf(new BigInt64Array(x)), bytesOf(new BigInt64Array(y))];
      const out = apply(runs[`${op}_i64x2`]!, inputs);
      const want = x.map((a, i) => BigInt.asIntN(64, compute(a, y[i]!)));
      assertEquals(Array.from(new BigInt64Array(out.buffer)), want);
    });
  }
});

const ODD_FLOATS = [NaN, Infinity, -Infinity, 0, -0, 0.5, -0.5, 1.9, -1.9, 255.5, -3];
const FLOATS = [...ODD_FLOATS, 2147483647, 2147483648, -2147483648, -3e9, 4294967295, 5e9, 1e19];
const MORE_FLOATS = [...FLOATS, -1e19, 9223372036854774784, 1e30, -1e30, 16777217, 3.7, 1e-40, 7];

function saturated(x: number, low: bigint, high: bigint): bigint {
  if (Number.isNaN(x)) return 0n;
  if (x >= Number(high)) return high;
  return x <= Number(low) ? low : BigInt(Math.trunc(x));
}

Deno.test("conversions to integers truncate, saturate and turn NaN into 0", () => {
  const runs = link(["f32x4_to_i32x4", "f32x4_to_u32x4", "f64x2_to_i64x2"], true);
  const singles = new Float32Array(MORE_FLOATS);
  const doubles = new Float64Array(MORE_FLOATS);
  const i32 = new Int32Array(apply(runs.f32x4_to_i32x4!, [bytesOf(singles)]).buffer);
  const u32 = new Uint32Array(apply(runs.f32x4_to_u32x4!, [bytesOf(singles)]).buffer);
  const i64 = new BigInt64Array(apply(runs.f64x2_to_i64x2!, [bytesOf(doubles)]).buffer);
  for (let i = 0; i < MORE_FLOATS.length; i++) {
    const x = singles[i]!;
    assertEquals(BigInt(i32[i]!), saturated(x, -(2n ** 31n), 2n ** 31n - 1n), `i32 of ${x}`);
    assertEquals(BigInt(u32[i]!), saturated(x, 0n, 2n ** 32n - 1n), `u32 of ${x}`);
    const y = doubles[i]!;
    assertEquals(i64[i]!, saturated(y, -(2n ** 63n), 2n ** 63n - 1n), `i64 of ${y}`);
  }
});

Deno.test("conversions from integers round once", () => {
  const names = ["i64x2_to_f64x2", "i64x2_pair_to_f32x4", "u32x4_to_f32x4", "i32x4_to_f32x4"];
  const runs = link(names, true);
  const longs = new BigInt64Array([
    ...LONGS,
    2n ** 53n + 1n,
    2n ** 24n + 1n,
    2n ** 62n + 2n ** 38n,
  ]);
  const padded = longs.subarray(0, longs.length & ~1);
  const f64 = new Float64Array(apply(runs.i64x2_to_f64x2!, [bytesOf(padded)]).buffer);
  assertEquals(Array.from(f64), Array.from(padded, Number));
  const f32 = new Float32Array(
    apply(runs.i64x2_pair_to_f32x4!, [bytesOf(padded), bytesOf(padded)]).buffer,
  );
  for (let i = 0; i < padded.length; i += 2) {
    // A Float32Array rounds a double; these integers have no double rounding on the way.
    const [a, b] = [Math.fround(Number(padded[i]!)), Math.fround(Number(padded[i + 1]!))];
    assertEquals(Array.from(f32.subarray(2 * i, 2 * i + 4)), [a, b, a, b]);
  }
  const words = new Int32Array([...INTS, 16777217, 33554435, -16777217, 5].slice(0, 28));
  const unsigned = Array.from(words, (w) => Math.fround(w >>> 0));
  const u = new Float32Array(apply(runs.u32x4_to_f32x4!, [bytesOf(words)]).buffer);
  assertEquals(Array.from(u), unsigned);
  const s = new Float32Array(apply(runs.i32x4_to_f32x4!, [bytesOf(words)]).buffer);
  assertEquals(Array.from(s), Array.from(words, Math.fround));
});

Deno.test("rounding and signs keep zeros and NaN", () => {
  const x = new Float32Array([0, -0, 0.5, -0.5, 1.5, 2.5, -2.5, NaN, Infinity, -0.2, 8388609, -3]);
  const runs = link(["round_even_f32x4", "round_away_f32x4", "sign_f32x4"], true);
  const of = (name: string) =>
    Array.from(new Float32Array(apply(runs[name]!, [bytesOf(x)]).buffer));
  assertEquals(
    of("round_even_f32x4"),
    [0, -0, 0, -0, 2, 2, -2, NaN, Infinity, -0, 8388609, -3],
  );
  assertEquals(
    of("round_away_f32x4"),
    [0, -0, 1, -1, 2, 3, -3, NaN, Infinity, -0, 8388609, -3],
  );
  assertEquals(of("sign_f32x4"), [0, -0, 1, -1, 1, 1, -1, NaN, 1, -1, 1, -1]);
});

Deno.test("an inlined kernel starts from zeroed locals in every iteration", () => {
  // exp of a large, then of a small argument: nothing may be left from the one before.
  const run = link(["rem_f64x2"], true).rem_f64x2!;
  const x = new Float64Array([1e300, 7, 5, 1e300]);
  const y = new Float64Array([3, 4, 3, 7]);
  const out = new Float64Array(apply(run, [bytesOf(x), bytesOf(y)]).buffer);
  assertEquals(Array.from(out), Array.from(x, (v, i) => v % y[i]!));
});

Deno.test("the relaxed build's multiply-add is fused on the machine of the tests", () => {
  // Its trigonometric functions of f32 count on that; elsewhere the baseline build has to be loaded.
  assertEquals(instantiateKernels(memory).madd_is_fused(1 + 2 ** -12), 1);
});
