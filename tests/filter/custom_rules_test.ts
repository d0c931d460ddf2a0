/**
 * `customJvp` and `customVjp`: rules by position, as JAX's.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;
type NDArray = vn.NDArray;

Deno.test("customJvp: the rule gives forward and reverse derivatives, to any order, mapped and compiled", () => {
  const cube = vn.customJvp((x: NDArray) => x.pow(3));
  cube.defjvp(([x], [t]) => [cube(x), t.mul(x).mul(x).mul(3)]);
  const x = np.array(2);
  assertEquals(vn.grad(cube)(x).item(), 12);
  assertEquals(vn.grad(vn.grad(cube))(x).item(), 12);
  assertEquals(vn.jvp(cube, [x], [np.array(1)])[1].item(), 12);
  assertEquals(vn.filterJit(vn.grad(cube))(x).item(), 12);
  assertEquals(vn.vmap(vn.grad(cube))(np.array([1, 2])).tolist(), [3, 12]);
});

Deno.test("customJvp: tangents that are zero are arrays; arguments that are not differentiated come first", () => {
  const seen: unknown[] = [];
  const f = vn.customJvp(
    (name: string, x: NDArray, y: NDArray) => name === "add" ? x.add(y) : x.mul(y),
    { nondiffArgnums: [0] },
  );
  f.defjvp((name, [x, y], [tx, ty]) => {
    seen.push(name, ty.tolist());
    return [f(name, x, y), tx.mul(10).add(ty)];
  });
  const g = vn.grad((x: NDArray) => f("add", x, np.array([1, 2])).sum())(np.array([3, 4]));
  assertEquals(g.tolist(), [10, 10]);
  assertEquals(seen[0], "add");
});

Deno.test("customJvp: a rule for each argument", () => {
  const f = vn.customJvp((x: NDArray, y: NDArray) => x.mul(y));
  f.defjvps((t, _out, _x, y) => t.mul(y).mul(2), null);
  assertEquals(
    vn.grad(f, { argnums: [0, 1] })(np.array(3), np.array(5)).map((g: NDArray) => g.item()),
    [10, 0],
  );
  const other = vn.customJvp((x: NDArray) => x, { nondiffArgnums: [1] });
  assertThrows(() => other.defjvps(null), vn.ArgumentError, "nondiffArgnums");
});

Deno.test("customVjp: the rules give the gradient; cotangents of outputs that nothing uses are zeros", () => {
  const f = vn.customVjp((x: NDArray, scale: number): [NDArray, NDArray] => [x.mul(scale), x], {
    nondiffArgnums: [1],
  });
  f.defvjp(
    (x, scale) => [[x.mul(scale), x], x],
    (scale, x, [ct, unused]) => {
      assertEquals(unused.shape, [2]);
      return [ct.mul(scale * 100).add(x.mul(0)).add(unused)];
    },
  );
  const g = vn.grad((x: NDArray) => f(x, 3)[0].sum())(np.array([1, 2]));
  assertEquals(g.tolist(), [300, 300]);
  assertEquals(vn.filterJit(vn.grad((x: NDArray) => f(x, 3)[0].sum()))(np.array([1, 2])).tolist(), [
    300,
    300,
  ]);
});

Deno.test("customVjp: null stands for a gradient of zero; trees are arguments like others", () => {
  const f = vn.customVjp((p: { w: NDArray; b: NDArray }, x: NDArray) => p.w.mul(x).add(p.b));
  f.defvjp((p, x) => [f(p, x), x], (x, ct) => [{ w: ct.mul(x), b: ct }, null]);
  const [gp, gx] = vn.grad((p, x) => f(p, x), { argnums: [0, 1] })(
    { w: np.array(2), b: np.array(1) },
    np.array(5),
  );
  assertAlmostEquals(gp.w.item(), 5);
  assertEquals([gp.b.item(), gx.item()], [1, 0]);
});

Deno.test("customJvp and customVjp: what is wrong is named", () => {
  const noRule = vn.customJvp((x: NDArray) => x);
  assertThrows(() => noRule(np.array(1)), vn.DifferentiationError, "rule");
  assertThrows(() => vn.customVjp((x: NDArray) => x)(np.array(1)), vn.DifferentiationError);
  assertThrows(
    () => vn.customJvp((x: NDArray) => x, { nondiffArgnums: [-1] }),
    vn.ArgumentError,
    "-1",
  );
  const few = vn.customVjp((x: NDArray, y: NDArray) => x.add(y));
  few.defvjp((x, y) => [x.add(y), null], (_r, ct) => [ct]);
  assertThrows(
    () => vn.grad((x: NDArray) => few(x, x))(np.array(1)),
    vn.ArgumentError,
    "2 gradients",
  );
  const forward = vn.customVjp((x: NDArray) => x);
  forward.defvjp((x) => [x, null], (_r, ct) => [ct]);
  assertThrows(() => vn.jvp(forward, [np.array(1)], [np.array(1)]), vn.DifferentiationError);
});
