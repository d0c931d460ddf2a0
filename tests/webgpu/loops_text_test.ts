/**
 * What compilers are told of how often loops turn.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { deviceProgram, programText } from "../../src/backends/wgsl/program.ts";
import { type AdapterTraits, baselineTraits, loopEnd } from "../../src/backends/wgsl/traits.ts";
import { schedule } from "../../src/schedule/mod.ts";

const { nn, numpy: np } = vn;

const card = baselineTraits;
const software: AdapterTraits = { ...baselineTraits, isSoftware: true };

Deno.test("the end of a loop is known to compilers but where the processor computes and turns are few", () => {
  assertEquals(loopEnd(10, "i", 10, card), "10i");
  assertEquals(loopEnd(10, "i", 10, software), "10i + i32(opaque_zero)");
  assertEquals(loopEnd(40, "u", 10, software), "40u + opaque_zero");
  assertEquals(loopEnd(1000, "u", 1000, software), "1000u");
});

/** The shaders of a function of one array. */
function shaders(fn: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray, traits: AdapterTraits): string {
  return programText(deviceProgram(schedule(vn.makeJaxpr(fn)(x), { name: "f" }), traits));
}

for (
  const [name, fn, x] of [
    ["short rows", (x: vn.NDArray) => nn.logSoftmax(x), np.ones([64, 10])],
    ["a product of few terms", (x: vn.NDArray) => np.matmul(x, x.T), np.ones([64, 10])],
  ] as const
) {
  Deno.test(`${name}: loops of ten turns are not to be written out on the processor`, () => {
    const ends = (traits: AdapterTraits): string[] =>
      [...shaders(fn, x, traits).matchAll(/for \([^;]*; [^;]*<=? ([^;]*);/g)].map(([, end]) => end);
    assert(ends(card).some((end) => !end.includes("opaque_zero")));
    assert(ends(software).length > 0);
    assert(ends(software).every((end) => end.includes("opaque_zero")), ends(software).join());
  });
}
