/**
 * Convolutions of vectors and arrays of complex numbers, against their definition in parts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np, random } = vn;

function complex(seed: number, shape: readonly number[]): vn.NDArray {
  const [re, im] = [0, 1].map((i) => random.normal(random.key(2 * seed + i), shape));
  return lax.complex(re, im);
}

/** The product of two complex arrays under a bilinear function of real ones. */
function byParts(
  f: (x: vn.NDArray, y: vn.NDArray) => vn.NDArray,
  x: vn.NDArray,
  y: vn.NDArray,
): [re: vn.NDArray, im: vn.NDArray] {
  const [a, b, c, d] = [np.real(x), np.imag(x), np.real(y), np.imag(y)];
  return [f(a, c).sub(f(b, d)), f(a, d).add(f(b, c))];
}

function agree(z: vn.NDArray, [re, im]: readonly [vn.NDArray, vn.NDArray]): void {
  assertEquals(z.dtype, "complex64");
  assertEquals(z.shape, re.shape);
  for (const [got, expected] of [[np.real(z), re], [np.imag(z), im]] as const) {
    assert(
      np.allclose(got, expected, { rtol: 1e-5, atol: 1e-5 }).item(),
      `${got} is not ${expected}`,
    );
  }
}

Deno.test("a convolution of complex numbers, small or large, is four of real ones", () => {
  for (const [xs, ws] of [[[1, 2, 6], [3, 2, 3]], [[2, 6, 9, 9], [5, 6, 3, 3]]] as const) {
    const conv = (x: vn.NDArray, w: vn.NDArray) => lax.conv(x, w, xs.slice(2).map(() => 1), "SAME");
    const [x, w] = [complex(0, xs), complex(1, ws)];
    const expected = byParts(conv, x, w);
    agree(conv(x, w), expected);
    agree(vn.filterJit(conv)(x, w), expected);
  }
});

Deno.test("correlate takes the conjugate of its second vector, whichever is longer; convolve does not", () => {
  const [long, short] = [complex(2, [7]), complex(3, [3])];
  for (const [a, v] of [[long, short], [short, long]] as const) {
    agree(np.convolve(a, v), byParts((x, y) => np.convolve(x, y), a, v));
    agree(np.correlate(a, v, "full"), byParts((x, y) => np.correlate(x, y, "full"), a, np.conj(v)));
  }
});
