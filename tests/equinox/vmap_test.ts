/**
 * The behaviours of Equinox's `test_vmap.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np, random } = vn;

Deno.test("equinox/vmap/test_args: axes for all, as a prefix, by a function", () => {
  const add = (x: vn.NDArray, y: vn.NDArray) => x.add(y);
  assertEquals(vn.filterVmap(add)(np.array([1, 2]), np.array([3, 4])).tolist(), [4, 6]);
  assertEquals(vn.filterVmap(add, { inAxes: [0, null] })(np.array([1, 2]), np.array(3)).tolist(), [
    4,
    5,
  ]);
  assertEquals(
    vn.filterVmap(add, { inAxes: [null, 1] })(np.array(1), np.array([[2, 3]])).tolist(),
    [[3], [4]],
  );
  const byRank = (leaf: unknown) => vn.isArray(leaf) && (leaf as vn.NDArray).ndim > 0 ? 0 : null;
  assertEquals(vn.filterVmap(add, { inAxes: byRank })(np.array([1, 2]), np.array(3)).tolist(), [
    4,
    5,
  ]);
  const nested = vn.filterVmap((t: { a: vn.NDArray; b: vn.NDArray }) => t.a.add(t.b), {
    inAxes: [{ a: 0, b: null }],
  });
  assertEquals(nested({ a: np.array([1, 2]), b: np.array(3) }).tolist(), [4, 5]);
  assertThrows(() => vn.filterVmap(add)(np.array(1), np.array([1, 2])), vn.ShapeError, "args[0]");
});

Deno.test("equinox/vmap/test_default: arrays are mapped, all else is handed on", () => {
  const f = vn.filterVmap((x: vn.NDArray, n: number, name: string) => [x.mul(n), n, name]);
  const [x, n, name] = f(np.array([1, 2]), 3, "a") as [vn.NDArray, number, string];
  assertEquals([x.tolist(), n, name], [[3, 6], 3, "a"]);
});

Deno.test("equinox/vmap/test_out: outputs at an axis, unmapped, or by a function", () => {
  const pair = (x: vn.NDArray) => [x, np.array(7)];
  const [a, b] = vn.filterVmap(pair, { outAxes: [0, null] })(np.array([1, 2])) as vn.NDArray[];
  assertEquals([a.tolist(), b.tolist()], [[1, 2], 7]);
  const [, c] = vn.filterVmap(pair)(np.array([1, 2])) as vn.NDArray[];
  assertEquals(c.tolist(), [7, 7]);
  const last = vn.filterVmap((x: vn.NDArray) => np.stack([x, x, x]), { outAxes: vn.ifArray(-1) })(
    np.array([1, 2]),
  );
  assertEquals(last.shape, [3, 2]);
  assertThrows(
    () => vn.filterVmap((x: vn.NDArray) => x, { outAxes: null })(np.array([1, 2])),
    vn.ArgumentError,
    "outAxes null",
  );
});

Deno.test("equinox/vmap/test_no_arrays: without a mapped argument, axisSize tells the number of examples", () => {
  const one = () => 1;
  assertEquals(vn.filterVmap(one, { axisSize: 5 })() as unknown, 1);
  assertEquals(
    (vn.filterVmap(one, { axisSize: 5, outAxes: 0 })() as unknown as vn.NDArray).tolist(),
    [1, 1, 1, 1, 1],
  );
  assertEquals(vn.filterVmap(() => np.array(1), { axisSize: 5 })().tolist(), [1, 1, 1, 1, 1]);
  assertEquals(vn.filterVmap(one, { outAxes: null })() as unknown, 1);
  assertThrows(() => vn.filterVmap(() => np.array(1))(), vn.ArgumentError, "axisSize");
});

Deno.test("equinox/vmap/test_ensemble: models made and evaluated by mapping", () => {
  const keys = random.split(random.key(0), 3);
  const make = vn.filterVmap((key: vn.NDArray) => new vn.nn.MLP(2, 5, 4, 2, { key }));
  const ensemble = make(keys);
  assertEquals(ensemble.layers[0].weight.shape, [3, 4, 2]);
  const same = vn.filterVmap((m: vn.nn.MLP, x: vn.NDArray) => m.call(x), {
    inAxes: [vn.ifArray(0), null],
  });
  assertEquals(same(ensemble, np.ones([2])).shape, [3, 5]);
  const each = vn.filterVmap((m: vn.nn.MLP, x: vn.NDArray) => m.call(x));
  const out = each(ensemble, np.ones([3, 2]));
  [...keys].forEach((key, i) => {
    const single = new vn.nn.MLP(2, 5, 4, 2, { key }).call(np.ones([2]));
    assert(np.max(np.abs(single.sub(out.get(i)))).item() < 1e-6);
  });
});

Deno.test("equinox/vmap/test_methods: a decorated method maps its instance; by name it need not", () => {
  class M extends vn.Module {
    increment: vn.NDArray;
    constructor(increment: vn.NDArray) {
      super();
      this.increment = increment;
    }
    @vn.filterVmap({ inAxes: [null, 0] })
    shared(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    @vn.filterVmap
    each(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
    plain(x: vn.NDArray): vn.NDArray {
      return x.add(this.increment);
    }
  }
  const m = new M(np.array(5));
  assertEquals(m.shared(np.array([1, 2])).tolist(), [6, 7]);
  assertEquals(new M(np.array([10, 20])).each(np.array([1, 2])).tolist(), [11, 22]);
  assertThrows(() => m.each(np.array([1, 2])), vn.ShapeError);
  const bound = vn.method(m, "plain") as unknown as (x: vn.NDArray) => vn.NDArray;
  assertEquals(vn.filterVmap(bound)(np.array([1, 2])).tolist(), [6, 7]);
});

Deno.test("equinox/vmap/test_named_reduction: collectives under the axis name", () => {
  const f = (x: vn.NDArray) => lax.psum(x, "device");
  assertEquals(vn.filterVmap(f, { axisName: "device" })(np.array([1, 2, 3])).tolist(), [6, 6, 6]);
  assertEquals(
    vn.filterVmap(f, { axisName: "device", outAxes: null })(np.array([1, 2, 3])).item(),
    6,
  );
});

Deno.test("equinox/vmap/test_map_non_jax: the identity on a model with functions in it", () => {
  const model = new vn.nn.MLP(2, 2, 2, 2, { key: random.key(0) });
  const out = vn.filterVmap((m: vn.nn.MLP) => m)(model);
  assert(out.activation === model.activation);
  assertEquals(out.layers[1].weight.tolist(), model.layers[1].weight.tolist());
});

Deno.test("equinox/vmap/test_keyword_in_axes: axes by parameter name", () => {
  const sub = (x: vn.NDArray, y: vn.NDArray) => x.sub(y);
  const f = vn.filterVmap(sub, { inAxes: { y: null } });
  assertEquals(f(np.array([3, 4]), np.array(1)).tolist(), [2, 3]);
  const named = vn.filterVmap(
    (...args: unknown[]) => (args[0] as vn.NDArray).add((args[1] as { y: vn.NDArray }).y),
    {
      inAxes: { y: null },
      argNames: ["x"],
    },
  );
  assertEquals((named(np.array([3, 4]), vn.kwargs({ y: np.array(1) })) as vn.NDArray).tolist(), [
    4,
    5,
  ]);
});

Deno.test("equinox/vmap/test_keyword_default: a name that is no argument of the call is an error", () => {
  const f = vn.filterVmap((x: vn.NDArray, y: vn.NDArray = np.array(1)) => x.add(y), {
    inAxes: { y: 0 },
  });
  assertThrows(() => f(np.array([1, 2])), vn.ArgumentError, "y");
});

Deno.test("equinox/vmap/test_out_axes_with_at_least_three_dimensions: every axis, counted from either end", () => {
  const x = random.normal(random.key(0), [3, 4, 5]);
  for (const axis of [0, 1, 2, -1, -2, -3]) {
    const ours = vn.filterVmap((v: vn.NDArray) => v.mul(2), { outAxes: axis })(x);
    assertEquals(ours.tolist(), np.moveaxis(x.mul(2), 0, axis).tolist());
  }
  assertThrows(
    () => vn.filterVmap((v: vn.NDArray) => v, { outAxes: 5 })(x),
    vn.ShapeError,
    "out of bounds",
  );
});
