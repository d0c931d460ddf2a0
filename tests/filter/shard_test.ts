/**
 * Devices and shardings as users meet them: values, moving, committed arrays through operations and compiled functions, mistakes.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as vn from "../../mod.ts";
import { compilationCount } from "../../src/runtime/jit_backend.ts";

const { numpy: np, P } = vn;
const [zero, one, two, three] = await vn.init("cpu", { devices: 4 });
const mesh = vn.makeMesh([2, 2], ["a", "b"]);
const sharded = (...spec: vn.SpecEntry[]) => new vn.NamedSharding(mesh, P(...spec));
// deno-lint-ignore no-explicit-any -- mistakes are not well typed
const wrong = (x: any) => x;
const equals = (a: unknown, b: unknown): boolean =>
  (a as Record<symbol, (x: unknown) => boolean>)[Symbol.for("vernal.equals")](b);

Deno.test("shardings, specs and meshes are values", () => {
  assert(equals(P("a", null), new vn.PartitionSpec("a", null)));
  assert(equals(P(["a"]), P("a")) && !equals(P("a"), P("a", null)) && !equals(P("a"), P("b")));
  assert(
    equals(vn.makeMesh([2, 2], ["a", "b"]), new vn.Mesh([[zero, one], [two, three]], ["a", "b"])),
  );
  assert(!equals(mesh, new vn.Mesh([[zero, two], [one, three]], ["a", "b"])));
  assert(equals(sharded("a"), new vn.NamedSharding(vn.makeMesh([2, 2], ["a", "b"]), P("a"))));
  assert(equals(new vn.SingleDeviceSharding(one), new vn.SingleDeviceSharding(one)));
  assert(!equals(new vn.SingleDeviceSharding(one), new vn.SingleDeviceSharding(two)));
  assert(sharded("a").isEquivalentTo(sharded("a", null), 2));
  assert(!sharded("a").isEquivalentTo(sharded("b"), 2));
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray, s: vn.Sharding) => {
    traces++;
    return vn.filterShard(x, s);
  });
  f(np.ones([4]), sharded("a"));
  f(np.ones([4]), new vn.NamedSharding(vn.makeMesh([2, 2], ["a", "b"]), P("a")));
  assertEquals(traces, 1);
});

Deno.test("a sharding tells which device has which part", () => {
  const x = np.arange(16).reshape(4, 4);
  const part = (spec: vn.SpecEntry[]) =>
    vn.devicePut(x, sharded(...spec)).addressableShards.map((s) => [
      s.device.id,
      s.replicaId,
      s.data.get(0, 0).item(),
      s.data.shape,
    ]);
  assertEquals(part(["a", "b"]), [[0, 0, 0, [2, 2]], [1, 0, 2, [2, 2]], [2, 0, 8, [2, 2]], [
    3,
    0,
    10,
    [2, 2],
  ]]);
  assertEquals(part(["b"]), [[0, 0, 0, [2, 4]], [1, 0, 8, [2, 4]], [2, 1, 0, [2, 4]], [3, 1, 8, [
    2,
    4,
  ]]]);
  assertEquals(part([["b", "a"]]).map((p) => p[2]), [0, 8, 4, 12]);
  assertEquals(sharded("a", "b").shardShape([4, 4]), [2, 2]);
  const [shard] = vn.devicePut(x, one).addressableShards;
  assert(shard.data.device === one && shard.data.committed);
});

Deno.test("devicePut moves trees of arrays and numbers; without a device arrays stay where they are", () => {
  const tree = vn.devicePut({ a: np.ones([4]), b: [new Float32Array(4), 2] }, one);
  const leaves = vn.tree.leaves(tree) as vn.NDArray[];
  assert(leaves.every((x) => x.device === one && x.committed));
  const each = vn.devicePut([np.ones([4]), { c: np.ones([4]) }], [two, sharded("a")]);
  assert(each[0].device === two && equals(each[1].c.sharding, sharded("a")));
  const stays = vn.devicePut([tree.a, 1.5]);
  assert(stays[0].device === one && !stays[1].committed && stays[1].item() === 1.5);
  assertThrows(
    () => vn.devicePut({ s: "text" }, one),
    vn.ArgumentError,
    'x.s is no array and no number: got "text"',
  );
  const made = [np.array([1, 2], { device: one }), np.zeros([2], { device: one })];
  assert(made.every((x) => x.device === one && x.committed));
  assertThrows(() => np.ones([3], { device: sharded("a") }), vn.ShapeError, "numpy.full");
});

Deno.test("a moved array is another array: each is deleted alone", () => {
  for (const size of [3, 300]) {
    const x = np.ones([size]);
    const y = vn.devicePut(x, one);
    assert(x.device === zero && !x.committed && y.device === one);
    x.delete();
    assertEquals(y.sum().item(), size);
    const z = vn.devicePut(y, one);
    z.delete();
    assertEquals(y.sum().item(), size);
  }
});

Deno.test("what is computed with a committed array is where it is, whichever way it is computed", () => {
  const x = vn.devicePut(np.ones([3, 3]), two);
  const results = [
    x.add(1),
    np.ones([3, 3]).add(x),
    x.matmul(np.ones([3, 3])),
    np.sort(x),
    x.get(0),
    x.at(0).set(1),
    vn.lax.scan((c: vn.NDArray, r: vn.NDArray) => [c.add(r), c], np.zeros([3]), x)[0],
    vn.filterVmap((r: vn.NDArray) => r.sum())(x),
    vn.filterJit((x: vn.NDArray) => x.sum())(x),
    vn.filterGrad((x: vn.NDArray) => vn.filterJit((x: vn.NDArray) => x.pow(2).sum())(x))(x),
    vn.filterJvp((x: vn.NDArray) => x.mul(2), [x], [x])[1],
    vn.filterHessian((x: vn.NDArray) => x.pow(3).sum())(x),
    ...x,
  ] as vn.NDArray[];
  results.forEach((y, i) =>
    assert(y.device === two && y.committed, `result ${i} is on ${y.device}`)
  );
  assert(!np.ones([3]).add(1).committed);
});

Deno.test("arrays of two devices do not meet: both are named by path", () => {
  const [x, y] = [vn.devicePut(np.ones([2]), one), vn.devicePut(np.ones([2]), two)];
  const says = (fn: () => unknown, ...parts: string[]) => {
    const error = assertThrows(fn, vn.DeviceError);
    for (const part of [...parts, "[cpu:1]", "[cpu:2]", "devicePut"]) {
      assert(error.message.includes(part), `${part} is not in: ${error.message}`);
    }
  };
  says(() => x.add(y), "operand 0", "operand 1");
  const f = vn.filterJit((t: { x: vn.NDArray }, z: vn.NDArray[]) => t.x.add(z[1]));
  says(() => f({ x }, [np.ones([2]), y]), "args[0].x", "args[1][1]");
  const closing = vn.filterJit((z: vn.NDArray) => z.add(x));
  says(() => closing(y), "closes over", "args[0]");
  const moving = vn.filterJit((z: vn.NDArray) => vn.filterShard(z, one));
  says(() => moving(y), "args[0]", "a sharding inside");
  const donating = vn.filterJit((a: vn.NDArray, b: vn.NDArray) => a.add(b), { donate: "all" });
  says(() => donating(x, y), "args[0]", "args[1]");
  assert(!x.isDeleted && !y.isDeleted);
});

Deno.test("one compilation serves every device, and each result is where its arguments were", () => {
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) => {
    traces++;
    return { sum: x.add(y), product: x.matmul(y.T), constant: np.ones([2]) };
  });
  const x = np.ones([4, 4]);
  const of = (t: { sum: vn.NDArray; product: vn.NDArray; constant: vn.NDArray }) =>
    [t.sum, t.product, t.constant].map((y) => `${y.device}`.replace(/.*(P\(.*\))\)/, "$1"));
  assertEquals(of(f(x, x)), ["cpu:0", "cpu:0", "cpu:0"]);
  assertEquals(of(f(vn.devicePut(x, one), x)), ["cpu:1", "cpu:1", "cpu:1"]);
  assertEquals(of(f(x, vn.devicePut(x, three))), ["cpu:3", "cpu:3", "cpu:3"]);
  assertEquals(of(f(vn.devicePut(x, sharded("a")), x)), ['P("a")', 'P("a")', "P()"]);
  assertEquals(of(f(x, vn.devicePut(x, sharded("a")))), ['P("a")', 'P(null, "a")', "P()"]);
  assertEquals(of(f(vn.devicePut(x, sharded("b")), vn.devicePut(x, sharded("a")))), [
    'P("b")',
    'P("b", "a")',
    "P()",
  ]);
  assertEquals(of(f(x, x)), ["cpu:0", "cpu:0", "cpu:0"]);
  assertEquals(traces, 1);
});

Deno.test("filterJit with a device runs there: arguments are moved, results committed", () => {
  const f = vn.filterJit((x: vn.NDArray) => x.add(1), { device: two });
  for (
    const x of [
      np.ones([2]),
      vn.devicePut(np.ones([2]), one),
      vn.devicePut(np.ones([4]), sharded("a")),
    ]
  ) {
    assert(f(x).device === two && f(x).committed);
  }
  assertStrictEquals(vn.filterJit((x: vn.NDArray) => f(x).add(0))(np.ones([2])).device, two);
  assertStrictEquals(vn.grad((x) => f(x).sum())(np.ones([2])).committed, true);
  assert(!vn.filterJit((x: vn.NDArray) => x.add(1), { device: "cpu" })(np.ones([2])).committed);
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => vn.filterShard(x, one), { device: two })(np.ones([2])),
    vn.DeviceError,
    "what it is compiled for",
  );
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => x, { device: wrong("tpu") }),
    vn.ArgumentError,
    "tpu",
  );
  const donating = vn.filterJit((x: vn.NDArray) => x.add(1), { device: one, donate: "all" });
  const x = np.ones([100]);
  assert(donating(x).device === one && x.isDeleted);
});

Deno.test("filterShard leaves what is no array as it is, and takes a tree of shardings that is a prefix", () => {
  const fn = () => 0;
  const tree = { x: np.ones([4, 2]), fn, more: [np.ones([2]), null, "text"] };
  const all = vn.filterShard(tree, one);
  assert(all.fn === fn && all.more[1] === null && all.more[2] === "text");
  const each = vn.filterShard(tree, { x: sharded("a", "b"), fn: null, more: sharded() });
  assert(equals(each.x.sharding, sharded("a", "b")));
  assert((each.more[0] as vn.NDArray).sharding.isFullyReplicated);
  const anything = vn.filterShard(tree, {
    x: two,
    fn: sharded("a"),
    more: [two, null, sharded("b")],
  });
  assert(anything.x.device === two && anything.fn === fn);
  assertEquals(vn.filterShard(new Float32Array([1, 2]) as unknown as vn.NDArray, one).tolist(), [
    1,
    2,
  ]);
});

Deno.test("filterShard is the identity to derivatives of every order, compiled or not", () => {
  const f = (x: vn.NDArray) => vn.filterShard(x.pow(3), sharded("a")).sum();
  const x = np.array([1, 2]);
  for (const g of [f, vn.filterJit(f)]) {
    assertEquals(vn.grad(g)(x).tolist(), [3, 12]);
    assertEquals(vn.filterJvp(g, [x], [np.ones([2])])[1].item(), 15);
    assertEquals(vn.hessian(g)(x).tolist(), [[6, 0], [0, 12]]);
  }
  const mapped = vn.vmap((x: vn.NDArray) => vn.filterShard(x, sharded("a")))(np.ones([3, 2]));
  assertEquals(String((mapped.sharding as vn.NamedSharding).spec), 'P(null, "a")');
  const last = vn.vmap((x: vn.NDArray) => vn.filterShard(x, sharded("a", "b")), {
    inAxes: 1,
    outAxes: 1,
  });
  assertEquals(
    String((last(np.ones([2, 3, 2])).sharding as vn.NamedSharding).spec),
    'P("a", null, "b")',
  );
});

Deno.test("a sharding that an array cannot have is refused, by path, at once and compiled", () => {
  const put = (spec: vn.SpecEntry[], shape: number[]) => [
    () => vn.filterShard({ w: np.ones(shape) }, sharded(...spec)),
    () =>
      vn.filterJit((t: { w: vn.NDArray }) => vn.filterShard(t, sharded(...spec)))({
        w: np.ones(shape),
      }),
    () => vn.devicePut({ w: np.ones(shape) }, sharded(...spec)),
  ];
  for (const call of put([["a", "b"]], [6])) {
    assertThrows(
      call,
      vn.ShapeError,
      'x.w: by P(["a", "b"]) axis 0 is cut into 4 parts, but it has size 6',
    );
  }
  for (const call of put([null, "a"], [6])) {
    assertThrows(
      call,
      vn.ShapeError,
      'x.w: P(null, "a") is only valid for arrays of 2 or more axes',
    );
  }
});

Deno.test("what is no sharding is refused: null, a spec without a mesh, a name, a tree that is no prefix", () => {
  const x = [np.ones([4])];
  const refused: [unknown, string][] = [
    [null, "null, which is not allowed"],
    [[null], "x[0]: expected a Device or a Sharding; got null"],
    [P("a"), 'got P("a"), which is for no mesh yet'],
    ["cpu", 'got "cpu"'],
    [new Date(0), "got a Date"],
  ];
  for (const [spec, text] of refused) {
    assertThrows(() => vn.filterShard(x, wrong(spec)), vn.ArgumentError, text);
  }
  assertThrows(() => vn.filterShard(x, [one, two]), vn.TreeError, "filterShard");
  assertThrows(() => vn.filterShard(x, { a: one }), vn.TreeError, "filterShard");
});

Deno.test("meshes and specs that cannot be are refused", () => {
  assertThrows(
    () => sharded("c"),
    vn.ArgumentError,
    'names the axis "c", which the mesh does not have',
  );
  assertThrows(() => sharded("a", "a"), vn.ArgumentError, "twice");
  assertThrows(() => P(wrong(3)), vn.ArgumentError, "entry 0");
  assertThrows(
    () => new vn.Mesh([zero, one], ["a", "b"]),
    vn.ArgumentError,
    "1 axes, but there are 2 names",
  );
  assertThrows(() => new vn.Mesh([zero, zero], ["a"]), vn.ArgumentError, "distinct");
  assertThrows(() => new vn.Mesh([[zero, one], [two]], ["a", "b"]), vn.ArgumentError, "length");
  assertThrows(() => new vn.Mesh([], ["a"]), vn.ArgumentError, "at least one");
  assertThrows(() => new vn.Mesh(wrong(["cpu:0"]), ["a"]), vn.ArgumentError, "devices");
  assertThrows(() => vn.makeMesh([8], ["a"]), vn.DeviceError, "needs 8 devices, but there are 4");
  assertThrows(() => new vn.SingleDeviceSharding(wrong("cpu")), vn.ArgumentError, "device");
  assertThrows(() => new vn.NamedSharding(mesh, wrong("a")), vn.ArgumentError, "PartitionSpec");
});

Deno.test("a traced array has no device to tell", () => {
  for (const read of ["device", "sharding", "committed"] as const) {
    const f = vn.filterJit((x: vn.NDArray) => [x, x[read]]);
    assertThrows(() => f(np.ones([2])), vn.TracerError, "args[0]");
  }
});

Deno.test("a training step over a mesh: data split, weights whole, one trace for all steps", () => {
  const line = vn.makeMesh([4], ["batch"]);
  const [whole, rows] = [new vn.NamedSharding(line, P()), new vn.NamedSharding(line, P("batch"))];
  const plain = new vn.nn.MLP(2, 1, 8, 2, { key: vn.random.key(0) });
  const data = vn.random.normal(vn.random.key(1), [8, 2]);
  let traces = 0;
  const loss = (m: vn.nn.MLP, x: vn.NDArray) => vn.filterVmap(m)(x).pow(2).mean();
  const step = vn.filterJit((m: vn.nn.MLP, x: vn.NDArray): [vn.nn.MLP, vn.NDArray] => {
    traces++;
    const [value, grads] = vn.filterValueAndGrad(loss)(m, x);
    return [vn.applyUpdates(m, vn.tree.map((g: vn.NDArray) => g.mul(-0.1), grads)), value];
  });
  let [a, b] = [plain, vn.filterShard(plain, whole)];
  const x = vn.filterShard(data, rows);
  for (let i = 0; i < 3; i++) {
    const [next, value] = step(a, data);
    const [sharded, same] = step(b, x);
    assertAlmostEquals(same.item(), value.item(), 1e-7);
    assert(equals(same.sharding, whole) && !value.committed);
    [a, b] = [next, sharded];
  }
  assert(equals(b.layers[0].weight.sharding, whole));
  assert(
    equals(vn.filterJit((m: vn.nn.MLP, x: vn.NDArray) => vn.filterVmap(m)(x))(b, x).sharding, rows),
  );
  assertEquals(traces, 1);
});

Deno.test("two functions that put a value to equal shardings are compiled once", () => {
  const make = () => {
    const there = new vn.NamedSharding(vn.makeMesh([2, 2], ["a", "b"]), P("b"));
    return vn.filterJit((x: vn.NDArray) => vn.filterShard(x.mul(3), there).add(7));
  };
  const x = np.ones([4]);
  make()(x);
  const before = compilationCount();
  const y = make()(x);
  assert(equals(y.sharding, sharded("b")));
  assertEquals(compilationCount(), before);
});

Deno.test("what a callback gives is whole on every device", () => {
  const call = vn.filterJit((x: vn.NDArray) =>
    vn.filterPureCallback(
      (x: vn.NDArray) => x.mul(2),
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([4], "float32") }),
    )
  );
  const y = call(vn.devicePut(np.ones([4]), sharded("a"))) as vn.NDArray;
  assertEquals([y.tolist(), y.committed, y.sharding.isFullyReplicated], [[2, 2, 2, 2], true, true]);
});
