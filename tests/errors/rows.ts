/**
 * Errors as rows: what is done, the class of the error, what its message must hold. After each of them the library works on, and no buffer is left behind.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { settled } from "../runtime/helpers.ts";

const { lax, numpy: np } = vn;

/** What is done, the class of the error, and what its message must hold. */
export type Row = readonly [
  what: string,
  cause: () => unknown,
  cls: new (m: string) => Error,
  parts: readonly string[],
];

const x = np.array([1, 2, 3]);
const s = np.array(1);

/** What every transformation gives for one function, all in one. */
const everything = (v: vn.NDArray) => {
  const f = (v: vn.NDArray) => np.sin(v).mul(v).sum();
  return [
    vn.filterGrad(f)(v),
    vn.filterJvp(f, [v], [v])[1],
    vn.filterHessian(f)(v),
    vn.filterVmap(f)(np.stack([v, v])),
    lax.scan((c: vn.NDArray, row: vn.NDArray) => [c.add(row), c.mul(row)] as const, s, v)[1],
  ].map((out) => (out as vn.NDArray).sum());
};

/** Registers the tests of rows by section. */
export function errorTests(sections: Readonly<Record<string, readonly Row[]>>): void {
  for (const [section, rows] of Object.entries(sections)) {
    Deno.test(`errors of ${section}: class, names, paths, what was expected and what came`, () => {
      const before = everything(x).map((y) => y.item());
      for (const [what, cause, cls, parts] of rows) {
        const { message } = assertThrows(cause, cls, "", what) as Error;
        for (const part of parts) assertStringIncludes(message, part, what);
        assertEquals(everything(x).map((y) => y.item()), before, `after: ${what}`);
      }
      // Compiled as well, where a trace is underway when it happens; what is wrapped wrongly is refused either way.
      for (const [what, cause, cls] of rows) {
        assertThrows(() => vn.filterJit((v: vn.NDArray) => [cause(), v])(x), cls, "", what);
      }
      assertEquals(everything(x).map((y) => y.item()), before);
    });
  }

  Deno.test(`errors of ${Object.keys(sections).join(", ")} leave no buffer behind`, async () => {
    const causes = Object.values(sections).flat().map(([, cause]) => cause);
    const fail = () => causes.forEach((cause) => assertThrows(cause));
    for (let k = 0; k < 3; k++) fail();
    const before = await settled();
    for (let k = 0; k < 6; k++) fail();
    const after = await settled();
    assert(after <= before, `${after} live buffers, before ${before}`);
  });
}
