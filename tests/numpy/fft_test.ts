import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ArgumentError,
  DTypeError,
  filterJit,
  grad,
  lax,
  type NDArray,
  numpy as np,
  ShapeError,
} from "../../mod.ts";

/** Numbers without a pattern. */
function numbers(n: number, seed: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sin(i * i * 0.37 + seed));
}

/** One frequency by the definition, in float64. */
function frequency(re: Float64Array, im: Float64Array, k: number): [number, number] {
  const n = re.length;
  let [x, y] = [0, 0];
  for (let j = 0; j < n; j++) {
    const angle = -2 * Math.PI * (((j * k) % n) / n);
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    x += re[j] * c - im[j] * s;
    y += re[j] * s + im[j] * c;
  }
  return [x, y];
}

/** How far a transform of a length is from the definition, relative to the size of the frequencies looked at. */
function distance(n: number, dtype: "float32" | "float64"): number {
  // The definition is given what the transform is given: numbers that both dtypes hold.
  const [re, im] = [numbers(n, 1), numbers(n, 2)].map((v) => v.map(Math.fround));
  const x = lax.complex(np.array(re, { dtype }), np.array(im, { dtype }));
  const y = np.fft.fft(x);
  assertEquals(y.dtype, dtype === "float32" ? "complex64" : "complex128");
  const [gotRe, gotIm] = [np.real(y).tolist() as number[], np.imag(y).tolist() as number[]];
  let [wrong, size] = [0, 0];
  for (let q = 0; q < Math.min(n, 40); q++) {
    const k = n <= 40 ? q : (q * 7919) % n;
    const [a, b] = frequency(re, im, k);
    wrong += (a - gotRe[k]) ** 2 + (b - gotIm[k]) ** 2;
    size += a * a + b * b;
  }
  return Math.sqrt(wrong / size);
}

const lengths = [
  ...Array.from({ length: 70 }, (_, i) => i + 1),
  ...[97, 127, 128, 131, 257, 262, 1000, 1009, 4096, 4099, 65536],
];

Deno.test("numpy.fft.fft of any length is that of the definition, in float32 and float64", () => {
  for (const n of lengths) {
    for (const [dtype, allowed] of [["float32", 1e-6], ["float64", 1e-13]] as const) {
      const far = distance(n, dtype);
      assert(far < allowed, `length ${n}, ${dtype}: ${far} from the definition`);
    }
  }
});

Deno.test("numpy.fft: inverses undo transforms, of long primes and several axes too", () => {
  for (const shape of [[7], [257], [3, 40], [2, 5, 6]]) {
    const n = shape.reduce((a, b) => a * b);
    const x = np.reshape(np.array(numbers(n, 3), { dtype: "float64" }), shape);
    const pairs = [
      np.real(np.fft.ifft(np.fft.fft(x))),
      np.fft.irfft(np.fft.rfft(x), { n: shape.at(-1)! }),
      np.real(np.fft.ifftn(np.fft.fftn(x))),
      np.fft.irfftn(np.fft.rfftn(x), { s: shape }),
      np.fft.hfft(np.fft.ihfft(x), { n: shape.at(-1)! }),
      np.fft.ifftshift(np.fft.fftshift(x)),
    ];
    for (const y of pairs) assert(np.max(np.abs(np.subtract(y, x))).item() as number < 1e-13);
  }
});

Deno.test("numpy.fft: second derivatives are those of differences", () => {
  // Σ|fft(x)|⁴ is no quadratic: the derivative of its gradient along v is compared with a difference of gradients.
  const energy = (x: NDArray) => np.sum(np.square(np.square(np.abs(np.fft.rfft(x)))));
  const x = np.array(numbers(9, 1), { dtype: "float64" });
  const v = np.array(numbers(9, 2), { dtype: "float64" });
  const slope = (x: NDArray) => np.sum(np.multiply(grad(energy)(x), v));
  const step = 1e-5;
  const at = (h: number) => grad(energy)(np.add(x, np.multiply(v, h)));
  const differences = np.divide(np.subtract(at(step), at(-step)), 2 * step);
  const far = np.max(np.abs(np.subtract(filterJit(grad(slope))(x), differences)));
  assert(far.item() as number < 1e-4, `${far.item()} apart`);
});

Deno.test("numpy.fft: empty batches have empty transforms", () => {
  assertEquals(np.fft.fft(np.zeros([0, 40])).shape, [0, 40]);
  assertEquals(np.fft.rfft(np.zeros([0, 8])).shape, [0, 5]);
});

Deno.test("numpy.fft: errors name the function and the argument", () => {
  const x = np.zeros([2, 4]);
  assertThrows(() => np.fft.fft(3), ShapeError, "numpy.fft.fft: x must have at least 1 axis");
  assertThrows(() => np.fft.fft(x, { n: 0 }), ArgumentError, "numpy.fft.fft: n must be at least 1");
  assertThrows(
    () => np.fft.fftn(x, { s: [2, 0] }),
    ArgumentError,
    "numpy.fft.fftn: s[1] must be at least 1",
  );
  assertThrows(() => np.fft.fft(np.zeros([2, 0])), ShapeError, "give n");
  assertThrows(
    () => np.fft.ifft(x, { norm: "none" as "ortho" }),
    ArgumentError,
    'norm must be "backward", "ortho" or "forward"; got "none"',
  );
  assertThrows(
    () => np.fft.rfft(np.fft.fft(x)),
    DTypeError,
    "numpy.fft.rfft: takes a real array; got complex64",
  );
  assertThrows(() => np.fft.fft2(x, { axes: [0, 0] }), ShapeError, "must be distinct");
  assertThrows(() => np.fft.fftfreq(0), ArgumentError, "numpy.fft.fftfreq: n must be at least 1");
});

Deno.test("lax.fft is numpy.fft over the last axes, of sizes that fit", () => {
  const x = np.reshape(np.array(numbers(60, 1)), [3, 4, 5]);
  const bits = (y: NDArray) => [y.dtype, y.shape, [...y.dataSync()]];
  const half = np.fft.rfft2(x);
  const [s, last] = [[4, 5], { axes: [1, 2] }];
  for (
    const [got, expected] of [
      [lax.fft(x, { fftType: "fft", fftLengths: s }), np.fft.fftn(x, last)],
      [lax.fft(x, { fftType: "ifft", fftLengths: s }), np.fft.ifftn(x, last)],
      [lax.fft(x, { fftType: "rfft", fftLengths: s }), half],
      [lax.fft(half, { fftType: "irfft", fftLengths: s }), np.fft.irfft2(half, { s })],
    ] as const
  ) assertEquals(bits(got), bits(expected));
  assertThrows(
    () => lax.fft(x, { fftType: "fft", fftLengths: [6] }),
    ShapeError,
    'lax.fft: fftLengths [6] of "fft" need an array whose last axes are',
  );
  assertThrows(
    () => lax.fft(half, { fftType: "rfft", fftLengths: [3] }),
    DTypeError,
    'lax.fft: "rfft" takes a real array; got complex128',
  );
  assertThrows(
    () => lax.fft(x, { fftType: "dct" as "fft", fftLengths: [5] }),
    ArgumentError,
    "lax.fft: fftType must be",
  );
});
