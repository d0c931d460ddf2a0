/**
 * Equinox's tests of pretty-printing.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { Linear, MLP } from "./layers.ts";

const np = vn.numpy;

Deno.test("equinox/pformat/test_module: fields by name, static ones too", () => {
  assertEquals(
    vn.treePformat(new Linear(2, 3)),
    "Linear(weight=f32[3,2], bias=f32[3], inFeatures=2, outFeatures=3, useBias=true)",
  );
  assertEquals(
    vn.treePformat(new MLP(2, 1)),
    `MLP(
  layers=[
    Linear(
      weight=f32[2,2],
      bias=f32[2],
      inFeatures=2,
      outFeatures=2,
      useBias=true
    ),
    Linear(
      weight=f32[2,2],
      bias=f32[2],
      inFeatures=2,
      outFeatures=2,
      useBias=true
    )
  ],
  activation=<function relu>,
  finalActivation=<function identity>,
  useBias=true,
  useFinalBias=true,
  inSize=2,
  outSize=2,
  widthSize=2,
  depth=1,
  scan=false
)`,
  );
});

Deno.test("equinox/pformat/test_jax_array: dtype and shape, or the elements", () => {
  const weak = vn.filterEvalShape(
    (x: vn.NDArray) => x,
    new vn.ShapeDtypeStruct([], "int32", { weakType: true }),
  );
  assertEquals(vn.treePformat(weak, { structAsArray: true }), "weak_i32[]");
  const x = np.arange(12).reshape(3, 4);
  assertEquals(vn.treePformat(x), "i32[3,4]");
  assertEquals(
    vn.treePformat(np.array([1, 2]), { shortArrays: false }),
    "Array([1., 2.], dtype=float32)",
  );
});

Deno.test("equinox/pformat/test_numpy_array: typed arrays name their class", () => {
  assertEquals(vn.treePformat(new Float64Array(3)), "f64[3](Float64Array)");
  assertEquals(vn.treePformat(new Int32Array([1, 2]), { shortArrays: false }), "Int32Array [1, 2]");
});

Deno.test("equinox/pformat/test_function: functions by name", () => {
  function f(x: vn.NDArray) {
    return x.sum();
  }
  assertEquals(vn.treePformat(f), "<function f>");
  assertEquals(vn.treePformat(vn.filterJit(f)), "<function f>");
  assertEquals(vn.treePformat(vn.filterGrad(f)), "<function f>");
  assertEquals(
    vn.treePformat(new vn.Partial(f, 1)),
    "Partial(func=<function f>, args=[1], kwargs=null)",
  );
  assertEquals(
    vn.treePformat(vn.method(new Linear(1, 1), "call")),
    `<bound method Linear.call of
  Linear(
    weight=f32[1,1],
    bias=f32[1],
    inFeatures=1,
    outFeatures=1,
    useBias=true
  )
>`,
  );
});

Deno.test("equinox/pformat/test_struct_as_array: a struct as an array", () => {
  const struct = new vn.ShapeDtypeStruct([2, 3], "float32");
  assertEquals(vn.treePformat(struct, { structAsArray: true }), "f32[2,3]");
  assertEquals(vn.treePformat(struct), "ShapeDtypeStruct(shape=[2,3], dtype=float32)");
});

Deno.test("equinox/pformat/test_truncate_leaf: chosen nodes by their class alone", () => {
  class Foo {}
  const foo = new Foo();
  assertEquals(vn.treePformat([foo, 1], { truncateLeaf: (x) => x === foo }), "[Foo(...), 1]");
});
