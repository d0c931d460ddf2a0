/**
 * The behaviours of Equinox's `test_make_jaxpr.py` and `test_eval_shape.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, random } = vn;

Deno.test("equinox/make_jaxpr/test_basic: constants are the captured arrays themselves, outputs split into structs and the rest", () => {
  const model = new vn.nn.MLP(2, 2, 2, 2, { key: random.key(0) });
  const [closed, structs, statics] = vn.filterMakeJaxpr((x: vn.NDArray) =>
    [model.call(x), "static", null] as const
  )(np.ones([2]));
  const captured = new Set(vn.tree.leaves(vn.filter(model, vn.isArray)));
  assertEquals(closed.consts.length, captured.size);
  assert(closed.consts.every((c) => captured.has(c)));
  assertEquals(closed.jaxpr.invars.length, 1);
  const names = closed.jaxpr.eqns.map((e) => e.primitive.name);
  assertEquals(names.filter((n) => n === "dot_general").length, 3);
  assertEquals((structs as unknown as unknown[]).map(String), [
    "ShapeDtypeStruct(shape=[2], dtype=float32)",
    "null",
    "null",
  ]);
  assertEquals(statics, [null, "static", null]);
});

Deno.test("equinox/make_jaxpr/test_struct: structs stand for arrays in arguments, and are static when returned", () => {
  const struct = new vn.ShapeDtypeStruct([3], "float32");
  const [closed, out, statics] = vn.filterMakeJaxpr((
    x: vn.NDArray,
    n: number,
  ) => [x.mul(n), struct])(struct, 2);
  assertEquals(closed.jaxpr.invars.length, 1);
  assertEquals(closed.jaxpr.eqns.length, 1);
  assert((out as unknown[])[1] === null);
  assert((statics as unknown[])[1] === struct);
});

Deno.test("equinox/eval_shape/test_eval_shape: arrays and structs become structs, all else passes", () => {
  const marker = Symbol("marker");
  const f = (x: vn.NDArray, flag: unknown) => flag === marker ? { y: x.sum(0), flag } : null;
  const fromArray = vn.filterEvalShape(f, np.ones([3, 2]), marker);
  const fromStruct = vn.filterEvalShape(f, new vn.ShapeDtypeStruct([3, 2], "float32"), marker);
  for (const out of [fromArray, fromStruct]) {
    assertEquals(out!.y.shape, [2]);
    assertEquals(out!.y.dtype, "float32");
    assert(out!.flag === marker);
  }
  assertEquals(vn.filterEvalShape(f, np.ones([3, 2]), 1), null);
  assertEquals(vn.filterEvalShape((x: number) => x * 2, 2), 4);
});

Deno.test("equinox/eval_shape/test_eval_shape: a class gives the skeleton of a model, and takes no memory", () => {
  const skeleton = vn.filterEvalShape(vn.nn.Linear, 1_000_000, 1_000_000, { key: random.key(0) });
  assertEquals(skeleton.weight.shape, [1_000_000, 1_000_000]);
});
