/**
 * The behaviours of Equinox's `test_pmap.py`, each under its upstream name. A compilation traces once here, twice there.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np, random } = vn;
const devices = await vn.init("cpu", { devices: 4 });

/** The devices of an array, in the order of its sharding. */
const devicesOf = (x: vn.NDArray) => x.sharding.devices.map((d) => d.id);

Deno.test("equinox/pmap/test_args: axes for all, as a prefix, by a function; non-arrays are handed on", () => {
  const add = (x: vn.NDArray, y: vn.NDArray) => x.add(y);
  assertEquals(vn.filterPmap(add)(np.array([1, 2]), np.array([3, 4])).tolist(), [4, 6]);
  const half = vn.filterPmap(add, { inAxes: [0, null] })(np.array([1, 2]), np.array(3));
  assertEquals(half.tolist(), [4, 5]);
  const nested = vn.filterPmap((t: { a: vn.NDArray; b: vn.NDArray }) => t.a.add(t.b), {
    inAxes: [{ a: 0, b: null }],
  });
  assertEquals(nested({ a: np.array([1, 2]), b: np.array(3) }).tolist(), [4, 5]);
  const byRank = (leaf: unknown) => vn.isArray(leaf) && (leaf as vn.NDArray).ndim > 0 ? 0 : null;
  const chosen = vn.filterPmap(add, { inAxes: byRank })(np.array([1, 2]), np.array(3));
  assertEquals(chosen.tolist(), [4, 5]);
  assertThrows(() => vn.filterPmap(add)(np.array(1), np.array([1])), vn.ShapeError, "args[0] (x)");
});

Deno.test("equinox/pmap/test_default: arrays are mapped and split over devices, all else is static", () => {
  const f = vn.filterPmap((x: vn.NDArray, n: number, name: string) => [x.mul(n), n, name]);
  const [x, n, name] = f(np.array([1, 2, 3]), 3, "a") as [vn.NDArray, number, string];
  assertEquals([x.tolist(), n, name], [[3, 6, 9], 3, "a"]);
  assertEquals(devicesOf(x), [0, 1, 2]);
  assert(x.committed);
});

Deno.test("equinox/pmap/test_out: outputs at an axis, whole on each device, or by a function", () => {
  const pair = (x: vn.NDArray) => [x, np.array(7)];
  const [a, b] = vn.filterPmap(pair, { outAxes: [0, null] })(np.array([1, 2])) as vn.NDArray[];
  assertEquals([a.tolist(), b.tolist()], [[1, 2], 7]);
  assert(b.sharding.isFullyReplicated && !a.sharding.isFullyReplicated);
  const last = vn.filterPmap((x: vn.NDArray) => np.stack([x, x, x]), { outAxes: vn.ifArray(-1) });
  const out = last(np.array([1, 2]));
  assertEquals([out.shape, String((out.sharding as vn.NamedSharding).spec)], [
    [3, 2],
    'P(null, "devices")',
  ]);
  assertThrows(
    () => vn.filterPmap((x: vn.NDArray) => x, { outAxes: null })(np.array([1, 2])),
    vn.ArgumentError,
    "outAxes null",
  );
});

Deno.test("equinox/pmap/test_no_arrays: without a mapped argument, axisSize tells the number of devices", () => {
  const one = () => 1;
  assertEquals(vn.filterPmap(one, { axisSize: 2 })() as unknown, 1);
  const many = vn.filterPmap(one, { axisSize: 3, outAxes: 0 })() as unknown as vn.NDArray;
  assertEquals(many.tolist(), [1, 1, 1]);
  assertThrows(() => vn.filterPmap(one)(), vn.ArgumentError, "axisSize");
});

Deno.test("equinox/pmap/test_num_traces: once for each shape, dtype and static value", () => {
  let traces = 0;
  const f = vn.filterPmap((x: vn.NDArray, y: unknown) => {
    traces++;
    return [x.add(1), y];
  });
  const counts = [
    [np.zeros([1]), true],
    [np.zeros([1]), true],
    [np.zeros([1]), false],
    [np.zeros([1], { dtype: "int32" }), false],
    [np.zeros([2]), true],
    [vn.devicePut(np.zeros([2]), devices[3]), true],
  ].map(([x, y]) => {
    f(x as vn.NDArray, y);
    return traces;
  });
  assertEquals(counts, [1, 1, 2, 3, 4, 4]);
});

Deno.test("equinox/pmap/test_methods: a decorated method maps its instance unless told; a bound one does not", () => {
  class M extends vn.Module {
    increment: vn.NDArray | number;
    constructor(increment: vn.NDArray | number) {
      super();
      this.increment = increment;
    }
    @vn.filterPmap({ inAxes: [null, 0] })
    shared(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    @vn.filterPmap
    each(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    call(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
  }
  const x = np.array([1, 2]);
  assertEquals(new M(np.array(5)).shared(x).tolist(), [6, 7]);
  assertEquals(new M(3).each(x).tolist(), [4, 5]);
  assertEquals(new M(np.array([10, 20])).each(x).tolist(), [11, 22]);
  assertThrows(() => new M(np.array(5)).each(x), vn.ShapeError);
  assertEquals(vn.filterPmap(new M(np.array(5)))(x).tolist(), [6, 7]);
  const bound = vn.method(new M(np.array(5)), "call") as unknown as (x: vn.NDArray) => vn.NDArray;
  assertEquals(vn.filterPmap(bound)(x).tolist(), [6, 7]);
});

Deno.test("equinox/pmap/test_pmap_grad: a mapped gradient, and the gradient of a mapped function, each traced once", () => {
  let traces = 0;
  const f = (x: vn.NDArray) => {
    traces++;
    return x.pow(3).sum();
  };
  const x = np.array([[1, 2], [3, 4]]);
  const expected = [[3, 12], [27, 48]];
  const inside = vn.filterPmap(vn.filterGrad(f));
  assertEquals(inside(x).tolist(), expected);
  assertEquals(inside(x).tolist(), expected);
  assertEquals(traces, 1);
  const mapped = vn.filterPmap(f);
  const outside = vn.filterGrad((x: vn.NDArray) => mapped(x).sum());
  assertEquals(outside(x).tolist(), expected);
  assertEquals(outside(x).tolist(), expected);
  assertEquals(traces, 2);
});

Deno.test("equinox/pmap/test_pmap_vmap: a vmap inside reduces over either axis, and over both", () => {
  let traces = 0;
  const f = (x: vn.NDArray) => {
    traces++;
    return [lax.psum(x, "i"), lax.psum(x, "j"), lax.psum(x, ["i", "j"])];
  };
  const both = vn.filterPmap(vn.filterVmap(f, { axisName: "j" }), { axisName: "i" });
  const [i, j, all] = both(np.array([[1, 2], [3, 4]])) as vn.NDArray[];
  assertEquals([i.tolist(), j.tolist(), all.tolist()], [
    [[4, 6], [4, 6]],
    [[3, 3], [7, 7]],
    [[10, 10], [10, 10]],
  ]);
  both(np.array([[1, 2], [3, 4]]));
  assertEquals(traces, 1);
});

Deno.test("equinox/pmap/test_named_reduction: collectives under the axis name, which the mesh has too", () => {
  const f = (x: vn.NDArray) => lax.psum(x, "device");
  const sum = vn.filterPmap(f, { axisName: "device" })(np.array([1, 2, 3]));
  assertEquals([sum.tolist(), (sum.sharding as vn.NamedSharding).mesh.shape], [[6, 6, 6], {
    device: 3,
  }]);
  const once = vn.filterPmap(f, { axisName: "device", outAxes: null })(np.array([1, 2, 3]));
  assertEquals([once.item(), once.sharding.isFullyReplicated], [6, true]);
});

Deno.test("equinox/pmap/test_map_non_jax: the identity on a model with functions in it", () => {
  const make = vn.filterVmap((key: vn.NDArray) => new vn.nn.MLP(2, 2, 2, 2, { key }));
  const models = make(random.split(random.key(0), 2));
  const out = vn.filterPmap((m: vn.nn.MLP) => m)(models);
  assert(out.activation === models.activation);
  assertEquals(out.layers[1].weight.tolist(), models.layers[1].weight.tolist());
  assertEquals(devicesOf(out.layers[1].weight), [0, 1]);
});

Deno.test("equinox/pmap/test_keyword_in_axes: axes by parameter name", () => {
  const sub = (x: vn.NDArray, y: vn.NDArray) => x.sub(y);
  const f = vn.filterPmap(sub, { inAxes: { y: null } });
  assertEquals(f(np.array([3, 4]), np.array(1)).tolist(), [2, 3]);
  const named = vn.filterPmap(
    (x: vn.NDArray, { y, z }: { y: vn.NDArray; z: vn.NDArray }) => x.add(y).mul(z),
    { inAxes: { y: null }, argNames: ["x"] },
  );
  const kwargs = vn.kwargs({ y: np.array(1), z: np.array([1, 10]) });
  assertEquals(named(np.array([3, 4]), kwargs).tolist(), [4, 50]);
});

Deno.test("equinox/pmap/test_keyword_default: a name that is no argument of the call is an error", () => {
  const f = vn.filterPmap((x: vn.NDArray, y: vn.NDArray = np.array(1)) => x.add(y), {
    inAxes: { y: 0 },
  });
  assertThrows(() => f(np.array([1, 2])), vn.ArgumentError, "y");
  assertEquals(
    vn.filterPmap((x: vn.NDArray, y: number = 1) => x.add(y))(np.array([1, 2])).tolist(),
    [
      2,
      3,
    ],
  );
});

Deno.test("equinox/pmap/test_out_axes_with_at_least_three_dimensions: every axis, counted from either end", () => {
  const x = random.normal(random.key(0), [3, 4, 5]);
  for (const axis of [0, 1, 2, -1, -2, -3]) {
    const ours = vn.filterPmap((v: vn.NDArray) => v.mul(2), { outAxes: axis })(x);
    assertEquals(ours.tolist(), np.moveaxis(x.mul(2), 0, axis).tolist());
    const spec = (ours.sharding as vn.NamedSharding).spec;
    assertEquals(
      [0, 1, 2].map((i) => spec.namesOf(i).length),
      [0, 1, 2].map((i) => i === (axis + 3) % 3 ? 1 : 0),
    );
  }
  for (const axis of [3, -4]) {
    const error = assertThrows(
      () => vn.filterPmap((v: vn.NDArray) => v, { outAxes: axis })(x),
      vn.ShapeError,
      "out of bounds",
    );
    assert(error.message.includes("filterPmap: output"));
  }
});

Deno.test("equinox/pmap/test_aot_compilation: lowered, compiled, called with the same arguments", () => {
  let traces = 0;
  const f = vn.filterPmap((x: vn.NDArray, n: number) => {
    traces++;
    return [x.mul(n), n];
  });
  const compiled = f.lower(np.ones([2, 3]), 2).compile();
  const [x, n] = compiled(np.array([[1, 2, 3], [4, 5, 6]]), 2) as [vn.NDArray, number];
  assertEquals([x.tolist(), n, devicesOf(x)], [[[2, 4, 6], [8, 10, 12]], 2, [0, 1]]);
  compiled(np.ones([2, 3]), 2);
  assertEquals(traces, 1);
  const fromStruct = f.lower(new vn.ShapeDtypeStruct([2, 3], "float32"), 2).compile();
  assertEquals((fromStruct(np.ones([2, 3]), 2) as [vn.NDArray, number])[0].shape, [2, 3]);
  assertThrows(() => compiled(np.ones([2, 3]), 5), vn.ArgumentError, "args[1] was 2");
  assertThrows(() => compiled(np.ones([3, 3]), 2), vn.ShapeError, "filterPmap");
});
