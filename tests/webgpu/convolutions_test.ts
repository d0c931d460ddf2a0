/**
 * Convolutions on a WebGPU device are those of the interpreter: strides, dilations, groups, layouts and padding of all kinds.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { type AdapterTraits, baselineTraits } from "../../src/backends/wgsl/traits.ts";
import { convGeneralDilated } from "../../src/lax/convolution.ts";
import { assertClose } from "../backends/compare.ts";
import { f32, fused, jaxprOf, makeRandom, randomArray } from "../schedule/helpers.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

/** A convolution that a seed determines: operand shapes and everything else. */
function randomConvolution(random: () => number) {
  const below = (n: number): number => Math.floor(random() * n);
  const rank = 1 + below(2);
  const groups = [1, 1, 2, 4][below(4)];
  const features = groups * (1 + below(8));
  const outputs = groups * [1, 3, 4, 8, 12][below(5)];
  const space = Array.from({ length: rank }, () => 6 + below(rank === 1 ? 60 : 12));
  const window = space.map(() => 1 + below(4));
  const [last, first] = [below(2) === 0, below(2) === 0];
  const axes = "HW".slice(2 - rank);
  const lhsSpec = last ? `N${axes}C` : `NC${axes}`;
  const rhsSpec = first ? `${axes}IO` : `OI${axes}`;
  const outSpec = below(2) === 0 ? `N${axes}C` : `NC${axes}`;
  const sizes: Record<string, number> = { N: 1 + below(4), C: features };
  [...axes].forEach((letter, i) => sizes[letter] = space[i]);
  const kernel: Record<string, number> = { O: outputs, I: features / groups };
  [...axes].forEach((letter, i) => kernel[letter] = window[i]);
  const lhsDilation = space.map(() => [1, 1, 1, 2][below(4)]);
  const rhsDilation = space.map(() => [1, 1, 2][below(3)]);
  const strides = space.map(() => 1 + below(2));
  const padding = space.map((): [number, number] => [below(4) + 2, below(4) + 2]);
  return {
    x: [...lhsSpec].map((letter) => sizes[letter]),
    w: [...rhsSpec].map((letter) => kernel[letter]),
    strides,
    padding: below(3) === 0 ? "SAME" as const : padding,
    options: {
      lhsDilation,
      rhsDilation,
      dimensionNumbers: [lhsSpec, rhsSpec, outSpec] as [string, string, string],
      featureGroupCount: groups,
    },
  };
}

const adapters: Readonly<Record<string, AdapterTraits>> = {
  "a graphics card": baselineTraits,
  "the processor": { ...baselineTraits, isSoftware: true },
};

for (const [kind, traits] of Object.entries(adapters)) {
  deviceTest(`random convolutions, for ${kind}`, async (device) => {
    const random = makeRandom(3);
    let kernels = 0;
    for (let i = 0; i < 24; i++) {
      const conv = randomConvolution(random);
      if (conv.padding === "SAME") conv.options.lhsDilation.fill(1);
      const closed = jaxprOf(
        (x, w) => convGeneralDilated(x, w, conv.strides, conv.padding, conv.options),
        f32(...conv.x),
        f32(...conv.w),
      );
      const program = fused(closed);
      if (program.steps.some((step) => step.kind === "kernel")) kernels++;
      const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
      const expected = interpret(program, inputs);
      const actual = await execute(device, deviceProgram(program, traits), inputs);
      const where = (at: number): string => `${JSON.stringify(conv)} at ${at}`;
      assertClose(actual[0], expected[0], { ulps: 4, absolute: 1e-4 }, where);
    }
    assert(kernels > 8, "too few are large enough to be more than loops");
  });

  deviceTest(`a convolution whose filters are laid out anew, for ${kind}`, async (device) => {
    const random = makeRandom(4);
    for (const groups of [1, 2]) {
      const closed = jaxprOf(
        (x, w) => convGeneralDilated(x, w, [1, 1], "SAME", { featureGroupCount: groups }),
        f32(2, 16, 24, 26),
        f32(16, 16 / groups, 3, 3),
      );
      const program = fused(closed);
      const made = deviceProgram(program, traits);
      assertEquals(made.steps.length, 3, "zeros around, filters, products");
      const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
      const expected = interpret(program, inputs);
      const actual = await execute(device, made, inputs);
      assertClose(actual[0], expected[0], { ulps: 4, absolute: 2e-4 }, (at) => `at ${at}`);
    }
  });

  deviceTest(`a gradient's sums over all places of all examples, for ${kind}`, async (device) => {
    const random = makeRandom(5);
    // The filter's gradient: a convolution whose window is the image, and whose features are the examples.
    const closed = jaxprOf(
      (x, g) =>
        convGeneralDilated(x, g, [1, 1], [[1, 1], [1, 1]], {
          dimensionNumbers: ["CNHW", "IOHW", "CNHW"],
        }),
      f32(3, 8, 20, 20),
      f32(3, 4, 20, 20),
    );
    const program = fused(closed);
    const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
    const expected = interpret(program, inputs);
    const actual = await execute(device, deviceProgram(program, traits), inputs);
    assertClose(actual[0], expected[0], { ulps: 4, absolute: 1e-3 }, (at) => `at ${at}`);
  });

  deviceTest(`a last chunk of few examples within features, for ${kind}`, async (device) => {
    const random = makeRandom(6);
    // Eighteen examples are copied at a time.
    const closed = jaxprOf(
      (x, g) =>
        convGeneralDilated(x, g, [1, 1], "SAME", { dimensionNumbers: ["CNHW", "OIHW", "CNHW"] }),
      f32(8, 19, 28, 28),
      f32(3, 8, 3, 3),
    );
    const program = fused(closed);
    const inputs = closed.inAvals.map((aval) => randomArray(aval, random));
    const expected = interpret(program, inputs);
    const actual = await execute(device, deviceProgram(program, traits), inputs);
    assertClose(actual[0], expected[0], { ulps: 4, absolute: 1e-3 }, (at) => `at ${at}`);
  });
}
