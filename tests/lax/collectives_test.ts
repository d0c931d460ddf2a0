/**
 * Collectives where JAX gives no number to compare with: what they refuse, tuples of names, derivatives of the extremes.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;
const x34 = np.arange(36).reshape(3, 3, 4).astype("float32");
const over = (f: (x: vn.NDArray) => vn.NDArray) => () => vn.filterVmap(f, { axisName: "i" })(x34);

Deno.test("a name that is not bound is an error that names it and those that are", () => {
  const error = assertThrows(over((x) => lax.allGather(x, "j")), vn.AxisNameError);
  for (const part of ["lax.allGather", "j", "bound: i"]) assert(error.message.includes(part), part);
  assertThrows(() => lax.psum(np.ones([2]), "i"), vn.AxisNameError, "none is bound");
});

Deno.test("a perm that is no permutation of the examples is refused, and shown", () => {
  const bad: [number, number][][] = [
    [[0, 1], [1, 1], [2, 0]],
    [[0, 1], [0, 2], [2, 0]],
    [[0, 1], [1, 0]],
    [[0, 1], [1, 2], [2, 3]],
    [[0, 1], [1, 2], [2, 0.5]],
  ];
  for (const perm of bad) {
    const error = assertThrows(over((x) => lax.ppermute(x, "i", perm)), vn.ArgumentError);
    assert(error.message.includes(perm.map((p) => `[${p}]`).join(", ")), error.message);
  }
  assertThrows(over((x) => lax.pshuffle(x, "i", [0, 0, 1])), vn.ArgumentError, "permutation");
});

Deno.test("shapes that cannot be dealt out are refused with axis, shape and number of examples", () => {
  const refused: [(x: vn.NDArray) => vn.NDArray, string][] = [
    [(x) => lax.psumScatter(x, "i", { scatterDimension: 1 }), "number of examples, 3"],
    [(x) => lax.psumScatter(x, "i", { scatterDimension: 1, tiled: true }), "divisible"],
    [(x) => lax.allToAll(x, "i", 1, 0), "mapped axis, 3"],
    [(x) => lax.allToAll(x, "i", 1, 0, { tiled: true }), "divisible"],
    [(x) => lax.allGather(x, "i", { axis: 4 }), "lax.allGather"],
  ];
  for (const [f, text] of refused) assertThrows(over(f), vn.VernalError, text);
});

Deno.test("groups of examples, and several names where one is taken, are refused", () => {
  const groups = { axisIndexGroups: [[0, 1], [2]] as unknown as null };
  for (
    const f of [
      (x: vn.NDArray) => lax.psum(x, "i", groups),
      (x: vn.NDArray) => lax.pmax(x, "i", groups),
      (x: vn.NDArray) => lax.allGather(x, "i", groups),
      (x: vn.NDArray) => lax.psumScatter(x, "i", groups),
      (x: vn.NDArray) => lax.allToAll(x, "i", 0, 0, groups),
    ]
  ) assertThrows(over(f), vn.ArgumentError, "axisIndexGroups");
  assertThrows(
    over((x) => lax.ppermute(x, ["i", "j"], [])),
    vn.ArgumentError,
    "one axis name, got [i,j]",
  );
});

Deno.test("several names gather and scatter row-major, as one axis of all examples would", () => {
  const x = np.arange(36).reshape(2, 3, 6).astype("float32");
  const flat = x.reshape(6, 6);
  const two = (f: (x: vn.NDArray) => vn.NDArray) =>
    vn.vmap(vn.vmap(f, { axisName: "j" }), { axisName: "i" })(x);
  const one = (f: (x: vn.NDArray) => vn.NDArray) => vn.vmap(f, { axisName: "k" })(flat);
  const same = (a: vn.NDArray, b: vn.NDArray) =>
    assertEquals(a.reshape(b.shape).tolist(), b.tolist());
  for (const tiled of [false, true]) {
    same(
      two((x) => lax.allGather(x, ["i", "j"], { tiled })),
      one((x) => lax.allGather(x, "k", { tiled })),
    );
    same(
      two((x) => lax.psumScatter(x, ["i", "j"], { tiled })),
      one((x) => lax.psumScatter(x, "k", { tiled })),
    );
  }
  same(two(() => lax.axisIndex(["i", "j"])), one(() => lax.axisIndex("k")));
});

Deno.test("the derivative of pmax is that of the greatest example, the mean of them where several are", () => {
  const loss = (x: vn.NDArray) =>
    vn.vmap((x: vn.NDArray) => lax.pmax(x, "i"), { axisName: "i", outAxes: null })(x).mul(2);
  assertEquals(vn.grad(loss)(np.array([1, 3, 2])).tolist(), [0, 2, 0]);
  assertEquals(vn.grad(loss)(np.array([3, 1, 3])).tolist(), [1, 0, 1]);
});

Deno.test("collectives under custom rules and checks of the axis after an error", () => {
  const f = vn.filterCustomJvp((x: vn.NDArray) => lax.psum(x, "i"));
  f.defJvp(([x], [t]) => [lax.psum(x, "i"), t === null ? null : lax.psum(t, "i").mul(10)]);
  const total = vn.filterVmap(f, { axisName: "i" });
  assertEquals(total(np.array([1, 2, 5])).tolist(), [8, 8, 8]);
  assertEquals(vn.grad((x) => total(x).get(0))(np.array([1, 2, 5])).tolist(), [10, 10, 10]);
  assertThrows(() => vn.filterVmap(() => lax.psum(np.ones([]), "nope"), { axisSize: 2 })());
  assertThrows(() => lax.axisSize("i"), vn.AxisNameError, "none is bound");
});
