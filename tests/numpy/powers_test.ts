/**
 * Derivatives of powers where base or exponent is 0: what they tend to, in both orders of differentiation.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { grad, type NDArray } from "../../mod.ts";

const power = (x: NDArray, y: NDArray): NDArray => x.pow(y);
const by = (f: typeof power, argnums: number) => grad(f, { argnums }) as unknown as typeof power;
const at = (f: typeof power, x: number, y: number): number =>
  (f as unknown as (x: number, y: number) => NDArray)(x, y).item();

Deno.test("the mixed derivative of a power at exponent 0 is the reciprocal, in both orders", () => {
  for (const x of [0.25, 0.5, 2, 3]) {
    assertAlmostEquals(at(by(by(power, 0), 1), x, 0), 1 / x, 1e-6);
    assertAlmostEquals(at(by(by(power, 1), 0), x, 0), 1 / x, 1e-6);
  }
});

Deno.test("0 to the power 0 has no slope along the base, nor has infinity", () => {
  for (const x of [0, -0, Infinity, -Infinity, 3]) {
    assertEquals(Math.abs(at(by(power, 0), x, 0)), 0);
  }

  assertEquals(at(by(power, 0), 0, 1), 1);
  assertEquals(at(by(power, 0), 0, 2), 0);
  assertEquals(at(by(by(power, 0), 0), 0, 2), 2);
});
