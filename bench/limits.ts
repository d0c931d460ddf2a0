/**
 * What the machine can do at most: small WebAssembly loops that do nothing but multiply and add, or nothing
 * but move memory, measured in the same run as everything else.
 *
 * @module
 */
import { measure, type Plan } from "./measure.ts";

/** A bound that a row may be held against. */
export type LimitName = "madd32" | "madd64" | "read" | "copy" | "triad";

/** Every bound, with its unit and what it is. */
export const limits: Record<LimitName, { unit: "GFLOP/s" | "GB/s"; title: string }> = {
  madd32: { unit: "GFLOP/s", title: "f32x4.relaxed_madd, 12 independent chains" },
  madd64: { unit: "GFLOP/s", title: "f64x2.relaxed_madd, 12 independent chains" },
  read: { unit: "GB/s", title: "reading 40 MB, summing in 8 vectors (bytes read)" },
  copy: { unit: "GB/s", title: "copying 40 MB (bytes read and written)" },
  triad: { unit: "GB/s", title: "a = b + s·c over 3 × 40 MB (bytes read and written)" },
};

const chains = 12;
const bytes = 40_000_000;

/** A loop of independent chains: as many as hide the latency and still fit the registers. */
function maddLoop(name: string, type: "f32x4" | "f64x2"): string {
  const scalar = type.slice(0, 3);
  const locals = Array.from({ length: chains }, (_, i) => `(local $c${i} v128)`).join(" ");
  const start = Array.from(
    { length: chains },
    (_, i) => `(local.set $c${i} (${type}.splat (${scalar}.const ${i})))`,
  ).join("\n");
  // c = c * 0.5 + 1 tends to 2: no denormals, no overflow, nothing that could be folded away.
  const step = Array.from(
    { length: chains },
    (_, i) =>
      `(local.set $c${i} (${type}.relaxed_madd (local.get $c${i}) (local.get $half) (local.get $one)))`,
  ).join("\n");
  let total = "(local.get $c0)";
  for (let i = 1; i < chains; i++) total = `(${type}.add ${total} (local.get $c${i}))`;
  return `(func (export "${name}") (param $n i32) (result ${scalar})
    (local $half v128) (local $one v128) ${locals}
    (local.set $half (${type}.splat (${scalar}.const 0.5)))
    (local.set $one (${type}.splat (${scalar}.const 1)))
    ${start}
    (loop $l
      ${step}
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (${type}.extract_lane 0 ${total}))`;
}

const readLoop = `(func (export "read") (param $p i32) (param $end i32) (result f32)
  ${Array.from({ length: 8 }, (_, i) => `(local $s${i} v128)`).join(" ")}
  (loop $l
    ${
  Array.from(
    { length: 8 },
    (_, i) =>
      `(local.set $s${i} (f32x4.add (local.get $s${i}) (v128.load offset=${
        16 * i
      } (local.get $p))))`,
  ).join("\n")
}
    (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 128))) (local.get $end))))
  (f32x4.extract_lane 0 ${
  Array.from({ length: 8 }, (_, i) => `(local.get $s${i})`).reduce((a, b) =>
    `(f32x4.add ${a} ${b})`
  )
}))`;

function moveLoop(name: string, params: string, value: (offset: number) => string): string {
  return `(func (export "${name}") (param $to i32) (param $end i32) ${params}
    (loop $l
      ${
    [0, 16, 32, 48].map((o) => `(v128.store offset=${o} (local.get $to) ${value(o)})`).join("\n")
  }
      (local.set $a (i32.add (local.get $a) (i32.const 64)))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if $l (i32.lt_u (local.tee $to (i32.add (local.get $to) (i32.const 64))) (local.get $end)))))`;
}

const copyLoop = moveLoop(
  "copy",
  "(param $a i32) (param $b i32)",
  (o) => `(v128.load offset=${o} (local.get $a))`,
);

const triadLoop = moveLoop(
  "triad",
  "(param $a i32) (param $b i32)",
  (o) =>
    `(f32x4.relaxed_madd (v128.load offset=${o} (local.get $b)) (f32x4.splat (f32.const 0.5)) (v128.load offset=${o} (local.get $a)))`,
);

const text = `(module (memory (export "memory") ${Math.ceil((3 * bytes + 4096) / 65536)})
  ${maddLoop("madd32", "f32x4")}
  ${maddLoop("madd64", "f64x2")}
  ${readLoop} ${copyLoop} ${triadLoop})`;

type Loop = (...args: number[]) => number;

/** Measures one bound, in its unit. */
export async function measureLimit(name: LimitName, plan: Plan): Promise<number> {
  const { default: wabt } = await import("wabt");
  const parsed = (await wabt()).parseWat("limits.wat", text, { simd: true, relaxed_simd: true });
  const { buffer } = parsed.toBinary({});
  const { instance } = await WebAssembly.instantiate(buffer as Uint8Array<ArrayBuffer>);
  const loops = instance.exports as unknown as Record<LimitName, Loop> & {
    memory: WebAssembly.Memory;
  };
  new Float32Array(loops.memory.buffer).fill(0.5);

  if (name === "madd32" || name === "madd64") {
    const iterations = 20_000;
    const lanes = name === "madd32" ? 4 : 2;
    const { median } = await measure(() => loops[name](iterations), plan);
    return iterations * chains * lanes * 2 / median / 1e9;
  }
  // Pieces, because the engine replaces a function by its optimised form only between calls. The three
  // areas start a few lines off multiples of 4096, where loads would be taken to depend on stores.
  const piece = 400_000;
  const [a, b, c] = [128, bytes + 128 + 320, 2 * bytes + 128 + 704].map((p) => p & ~63) as [
    number,
    number,
    number,
  ];
  const sweep: Record<"read" | "copy" | "triad", (at: number) => void> = {
    read: (at) => void loops.read(a + at, a + at + piece),
    copy: (at) => void loops.copy(b + at, b + at + piece, a + at, a + at),
    triad: (at) => void loops.triad(c + at, c + at + piece, a + at, b + at),
  };
  const moved = { read: 1, copy: 2, triad: 3 }[name];
  const { median } = await measure(() => {
    for (let at = 0; at < bytes; at += piece) sweep[name](at);
  }, plan);
  return moved * bytes / median / 1e9;
}
