/**
 * The rows of Fourier transforms. Operands and results are real, so that derivatives can be held against differences.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { lax, numpy: np } = vn;

const f = (shape: number[]): OperandSpec => ({ shape, range: [-1, 1] });

/** A nonlinear function of both parts. */
function mixed(z: vn.NDArray): vn.NDArray {
  return np.sin(lax.real(z)).mul(lax.imag(z));
}

/** Every kind of transform: lanes, columns and rows, and a length that is a convolution with a chirp. */
export const fourierCases: readonly Case[] = [
  {
    name: "fft",
    operands: [f([2, 6]), f([2, 6])],
    call: (x, y) => mixed(np.fft.fft(lax.complex(x, y))),
  },
  {
    name: "fft, another axis",
    operands: [f([3, 2]), f([3, 2])],
    call: (x, y) => mixed(np.fft.fft(lax.complex(x, y), { axis: 0, norm: "ortho" })),
  },
  {
    name: "fft, inverse",
    operands: [f([2, 7]), f([2, 7])],
    call: (x, y) => mixed(np.fft.ifft(lax.complex(x, y))),
  },
  { name: "fft, real, even", operands: [f([2, 8])], call: (x) => mixed(np.fft.rfft(x)) },
  { name: "fft, real, odd", operands: [f([2, 5])], call: (x) => mixed(np.fft.rfft(x)) },
  {
    name: "fft, to real, even",
    operands: [f([2, 4]), f([2, 4])],
    call: (x, y) => np.sin(np.fft.irfft(lax.complex(x, y))),
  },
  {
    name: "fft, to real, odd",
    operands: [f([2, 4]), f([2, 4])],
    call: (x, y) => np.sin(np.fft.irfft(lax.complex(x, y), { n: 7 })),
  },
  {
    name: "fft, of reals",
    operands: [f([3, 2, 2])],
    call: (x) => mixed(np.fft.fftn(x, { axes: [2, 0] })),
  },
  {
    name: "fft, inverse, of reals",
    operands: [f([2, 5])],
    call: (x) => mixed(np.fft.ifft(x)),
  },
  {
    name: "fft, real, another axis",
    operands: [f([6, 3])],
    call: (x) => mixed(np.fft.rfft(x, { axis: 0 })),
  },
  {
    name: "fft, to real, another axis",
    operands: [f([4, 2]), f([4, 2])],
    call: (x, y) => np.sin(np.fft.irfft(lax.complex(x, y), { axis: 0 })),
  },
  {
    name: "fft, columns and rows",
    operands: [f([40])],
    call: (x) => mixed(np.fft.fft(x, { norm: "ortho" })),
  },
  {
    name: "fft, a long prime",
    operands: [f([131])],
    call: (x) => mixed(np.fft.fft(x, { norm: "ortho" })),
  },
];
