/**
 * Steps of training in parallel: results are those of one device, and the collectives those of the textbook.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { compilationCount } from "../../src/runtime/jit_backend.ts";

const { numpy: np, nn, random, lax, P } = vn;
await vn.init("cpu", { devices: 8 });

type Layers = readonly { readonly w: vn.NDArray; readonly b: vn.NDArray }[];

const sizes = [16, 32, 32, 8];
const layers: Layers = sizes.slice(1).map((n, i) => ({
  w: random.normal(random.key(i), [sizes[i], n]).mul(0.3),
  b: random.normal(random.key(10 + i), [n]),
}));
const x = random.normal(random.key(20), [16, sizes[0]]);
const y = random.normal(random.key(21), [16, sizes.at(-1)!]);

function forward(layers: Layers, x: vn.NDArray): vn.NDArray {
  return layers.reduce((x, { w, b }, i) => {
    const z = x.matmul(w).add(b);
    return i === layers.length - 1 ? z : np.tanh(z);
  }, x);
}

const loss = (layers: Layers, x: vn.NDArray, y: vn.NDArray) =>
  np.mean(forward(layers, x).sub(y).pow(2));

function step(layers: Layers, x: vn.NDArray, y: vn.NDArray): [vn.NDArray, Layers] {
  const [value, grads] = vn.filterValueAndGrad(loss)(layers, x, y);
  return [value, vn.tree.map((p: vn.NDArray, g: vn.NDArray) => p.sub(g.mul(0.1)), layers, grads)];
}

const put = (x: vn.NDArray, mesh: vn.Mesh, ...spec: vn.SpecEntry[]) =>
  vn.devicePut(x, new vn.NamedSharding(mesh, P(...spec)));
const specOf = (x: vn.NDArray) => String((x.sharding as vn.NamedSharding).spec);

/** The collectives of a call, `kind(axis)dtype[shape]`. */
function collectives(
  { collectives }: { collectives: readonly vn.InsertedCollective[] },
): string[] {
  return collectives.map(({ kind, axis, shape }) => `${kind}(${axis})[${shape}]`);
}

function assertAllClose(a: unknown, b: unknown): void {
  const [as, bs] = [a, b].map((t) => vn.tree.leaves(t) as vn.NDArray[]);
  assertEquals(as.length, bs.length);
  as.forEach((x, i) =>
    assert(np.allclose(x, bs[i], { rtol: 1e-5, atol: 1e-5 }).item(), `${x} is not ${bs[i]}`)
  );
}

const whole = vn.filterJit(step)(layers, x, y);

Deno.test("data parallel: one psum for each gradient and one for the loss, nothing else", () => {
  for (const n of [2, 4, 8]) {
    const mesh = vn.makeMesh([n], ["data"]);
    const args = [
      vn.tree.map((p: vn.NDArray) => put(p, mesh), layers),
      put(x, mesh, "data"),
      put(y, mesh, "data"),
    ] as const;
    const jitted = vn.filterJit(step);
    const found = collectives(jitted.lower(...args).partitioned());
    const expected = layers.flatMap(({ w, b }) => [w, b]).map(({ shape }) =>
      `psum(data)[${shape}]`
    );
    assertEquals(found.sort(), [...expected, "psum(data)[]"].sort());
    const result = jitted(...args);
    assertAllClose(result, whole);
    for (const leaf of vn.tree.leaves(result) as vn.NDArray[]) assertEquals(specOf(leaf), "P()");
  }
});

/** Two layers, the first split by its columns, the second by its rows (Shoeybi et al. 2019). */
function tensorParallel(mesh: vn.Mesh): Layers {
  const [first, second, last] = layers;
  return [
    { w: put(first.w, mesh, null, "model"), b: put(first.b, mesh, "model") },
    { w: put(second.w, mesh, "model"), b: put(second.b, mesh) },
    { w: put(last.w, mesh), b: put(last.b, mesh) },
  ];
}

Deno.test("tensor parallel: one psum after the layer that is split by rows", () => {
  const mesh = vn.makeMesh([4], ["model"]);
  const args = [tensorParallel(mesh), put(x, mesh)] as const;
  const jitted = vn.filterJit(forward);
  assertEquals(collectives(jitted.lower(...args).partitioned()), ["psum(model)[16,32]"]);
  const result = jitted(...args);
  assertAllClose(result, forward(layers, x));
  assertEquals(specOf(result), "P()");
});

Deno.test("tensor parallel training: the gradients of split weights need no collectives", () => {
  const mesh = vn.makeMesh([4], ["model"]);
  const args = [tensorParallel(mesh), put(x, mesh), put(y, mesh)] as const;
  const jitted = vn.filterJit(step);
  assertEquals(collectives(jitted.lower(...args).partitioned()), ["psum(model)[16,32]"]);
  const [value, updated] = jitted(...args);
  assertAllClose([value, updated], whole);
  assertEquals(updated.map(({ w, b }) => [specOf(w), specOf(b)]), [
    ['P(null, "model")', 'P("model")'],
    ['P("model")', "P()"],
    ["P()", "P()"],
  ]);
});

Deno.test("data and tensor parallel: each collective along its own axis", () => {
  const mesh = vn.makeMesh([2, 4], ["data", "model"]);
  const args = [
    tensorParallel(mesh),
    put(x, mesh, "data"),
    put(y, mesh, "data"),
  ] as const;
  const jitted = vn.filterJit(step);
  const found = collectives(jitted.lower(...args).partitioned());
  assertEquals(found.filter((c) => c.includes("model")), ["psum(model)[8,32]"]);
  assertEquals(
    found.filter((c) => c.includes("data")).sort(),
    [
      "psum(data)[16,8]",
      "psum(data)[8]",
      "psum(data)[8,32]",
      "psum(data)[32]",
      "psum(data)[32,8]",
      "psum(data)[8]",
      "psum(data)[]",
    ].sort(),
  );
  assertAllClose(jitted(...args), whole);
});

Deno.test("fully sharded: weights are gathered where they are read, gradients dealt out as they are summed", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  const sharding = new vn.NamedSharding(mesh, P("data"));
  const args = [
    vn.tree.map((p: vn.NDArray) => put(p, mesh, "data"), layers),
    put(x, mesh, "data"),
    put(y, mesh, "data"),
  ] as const;
  const jitted = vn.filterJit((layers: Layers, x: vn.NDArray, y: vn.NDArray) => {
    const [value, grads] = vn.filterValueAndGrad(loss)(layers, x, y);
    const dealt = vn.filterShard(grads, sharding);
    return [value, vn.tree.map((p: vn.NDArray, g: vn.NDArray) => p.sub(g.mul(0.1)), layers, dealt)];
  });
  const found = collectives(jitted.lower(...args).partitioned());
  const count = (kind: string) => found.filter((c) => c.startsWith(kind)).length;
  assertEquals([count("reduce_scatter"), count("psum")], [6, 1], found.join(" "));
  // The first layer's weights are read forwards only, the others' backwards too; a gathered one is kept.
  assertEquals(count("all_gather"), 6, found.join(" "));
  assertEquals(count("all_to_all"), 0);
  const result = jitted(...args);
  assertAllClose(result, whole);
  for (const { w, b } of result[1] as Layers) {
    assertEquals([specOf(w), specOf(b)], ['P("data")', 'P("data")']);
  }
});

Deno.test("a convolutional network in data parallel: one psum for each gradient", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  const images = random.normal(random.key(1), [8, 3, 8, 8]);
  const w = random.normal(random.key(2), [4, 3, 3, 3]);
  const v = random.normal(random.key(3), [64, 5]);
  const objective = ([w, v]: readonly vn.NDArray[], x: vn.NDArray) => {
    const z = nn.relu(lax.conv(x, w, [1, 1], "SAME"));
    const pooled = lax.reduceWindow(z, -Infinity, lax.max, [1, 1, 2, 2], {
      windowStrides: [1, 1, 2, 2],
    });
    return np.mean(nn.logsumexp(pooled.reshape(8, 64).matmul(v), 1));
  };
  const grad = vn.filterJit(vn.filterGrad(objective));
  const args = [[put(w, mesh), put(v, mesh)], put(images, mesh, "data")] as const;
  const found = collectives(grad.lower(...args).partitioned());
  assertEquals(found.sort(), ["psum(data)[4,3,3,3]", "psum(data)[64,5]"]);
  assertAllClose(grad(...args), vn.filterGrad(objective)([w, v], images));
});

Deno.test("an embedding in data parallel: its gradient is one psum, whatever tokens there are", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  const table = random.normal(random.key(1), [32, 8]);
  const tokens = random.randint(random.key(2), [16], 0, 32);
  const objective = (table: vn.NDArray, tokens: vn.NDArray) =>
    np.sum(np.tanh(np.take(table, tokens, 0)).pow(2));
  const grad = vn.filterJit(vn.filterGrad(objective));
  const args = [put(table, mesh), put(tokens, mesh, "data")] as const;
  assertEquals(collectives(grad.lower(...args).partitioned()), ["psum(data)[32,8]"]);
  assertAllClose(grad(...args), vn.filterGrad(objective)(table, tokens));
});

/** Attention of several heads whose keys and values are made of the same examples. */
function attend(x: vn.NDArray, [q, k, v, o]: readonly vn.NDArray[]): vn.NDArray {
  const heads = (w: vn.NDArray) => np.einsum("bsd,dhk->bshk", x, w);
  const y = nn.dotProductAttention(heads(q), heads(k), heads(v));
  return np.einsum("bshk,hkd->bsd", y, o);
}

Deno.test("attention in data and tensor parallel: examples and heads stay where they are, gradients are one psum each", () => {
  const mesh = vn.makeMesh([2, 2], ["data", "model"]);
  const weights = [0, 1, 2].map((i) => random.normal(random.key(i), [8, 4, 8]).mul(0.3));
  const out = random.normal(random.key(3), [4, 8, 8]).mul(0.3);
  const x = random.normal(random.key(4), [4, 6, 8]);
  const objective = (w: readonly vn.NDArray[], x: vn.NDArray) => np.sum(attend(x, w).pow(2));
  const grad = vn.filterJit(vn.filterGrad(objective));
  const split = [
    ...weights.map((w) => put(w, mesh, null, "model")),
    put(out, mesh, "model"),
  ];
  const args = [split, put(x, mesh, "data")] as const;
  const found = collectives(grad.lower(...args).partitioned());
  assertEquals(found.sort(), [
    "psum(data)[2,8,8]",
    "psum(data)[8,2,8]",
    "psum(data)[8,2,8]",
    "psum(data)[8,2,8]",
    "psum(model)[2,6,8]",
  ]);
  assertAllClose(grad(...args), vn.filterGrad(objective)([...weights, out], x));
});

Deno.test("a loop over layers in tensor parallel: one psum in the loop, said to run as often", () => {
  const mesh = vn.makeMesh([4], ["model"]);
  const up = random.normal(random.key(1), [3, 8, 16]).mul(0.3);
  const down = random.normal(random.key(2), [3, 16, 8]).mul(0.3);
  const run = (x: vn.NDArray, up: vn.NDArray, down: vn.NDArray) =>
    lax.scan(
      (x: vn.NDArray, [u, d]: readonly vn.NDArray[]) =>
        [np.tanh(x.matmul(u)).matmul(d).add(x), np.sum(x)] as const,
      x,
      [up, down],
    ) as [vn.NDArray, vn.NDArray];
  const start = random.normal(random.key(3), [4, 8]);
  const args = [
    put(start, mesh),
    put(up, mesh, null, null, "model"),
    put(down, mesh, null, "model"),
  ] as const;
  const jitted = vn.filterJit(run);
  const [only, ...others] = jitted.lower(...args).partitioned().collectives;
  assertEquals([only.kind, only.axis, only.times, others.length], ["psum", "model", 3, 0]);
  assertAllClose(jitted(...args), run(start, up, down));
});

Deno.test("mapped and differentiated functions are partitioned too", () => {
  const mesh = vn.makeMesh([2], ["data"]);
  const f = (w: vn.NDArray, x: vn.NDArray) => np.sum(np.tanh(x.matmul(w)));
  const perExample = vn.filterJit(vn.filterVmap(vn.filterGrad(f), { inAxes: [null, 0] }));
  const args = [put(layers[0].w, mesh), put(x, mesh, "data")] as const;
  const partition = perExample.lower(...args).partitioned();
  assertEquals(collectives(partition), []);
  const result = perExample(...args) as vn.NDArray;
  assertEquals(specOf(result), 'P("data")');
  assertAllClose(result, vn.filterVmap(vn.filterGrad(f), { inAxes: [null, 0] })(layers[0].w, x));
});

Deno.test("donated shards are given up, and each split of the arguments is traced no more than once in all", () => {
  const mesh = vn.makeMesh([2], ["data"]);
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray) => {
    traces++;
    return x.mul(2);
  }, { donate: "all" });
  const a = put(np.ones([4, 4]), mesh, "data");
  const b = put(np.ones([4, 4]), mesh, null, "data");
  const c = put(np.ones([4, 4]), mesh);
  assertEquals([f(a), f(b), f(c)].map(specOf), ['P("data")', 'P(null, "data")', "P()"]);
  assertEquals(traces, 1);
  assertEquals([a, b].map((x) => x.isDeleted), [true, true]);
  assertThrows(() => f(a), vn.DonatedError, "args[0]");
});

Deno.test("the whole program is compiled when somebody needs it, not beside the devices'", () => {
  const sharding = new vn.NamedSharding(vn.makeMesh([2], ["data"]), P("data"));
  const f = vn.filterJit((x: vn.NDArray) => np.cos(x).mul(np.sum(x)).add(0.125));
  const arg = vn.devicePut(np.arange(6).astype("float32"), sharding);
  const before = compilationCount();
  const split = f(arg);
  assertEquals(compilationCount(), before);
  const whole = f(np.arange(6).astype("float32"));
  assertEquals(compilationCount(), before + 1);
  assertAllClose(split, whole);
  // What is known ahead of time is of the program that is going to run.
  const compiled = f.lower(arg).compile();
  assertEquals(compilationCount(), before + 1);
  assertAllClose(compiled(arg), whole);
});

Deno.test("what is done once for all devices keeps a program whole, and lower says so", () => {
  const mesh = vn.makeMesh([2], ["data"]);
  const arg = put(np.arange(8).astype("float32"), mesh, "data");
  const seen: unknown[] = [];
  const f = vn.filterJit((x: vn.NDArray) => {
    const double = vn.filterPureCallback(
      (x: vn.NDArray) => {
        seen.push(x.tolist());
        return x.mul(2);
      },
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([8], "float32") }),
    );
    return double.add(1);
  });
  const partition = f.lower(arg).partitioned();
  assertEquals([partition.mesh, partition.collectives], [null, []]);
  assert(partition.reason!.includes("once"), partition.reason!);
  const result = f(arg);
  assertEquals(result.tolist(), [1, 3, 5, 7, 9, 11, 13, 15]);
  assertEquals(specOf(result), "P()");
  assertEquals(seen, [[0, 1, 2, 3, 4, 5, 6, 7]]);
});

Deno.test("why a program runs as one is said", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  const other = new vn.NamedSharding(vn.makeMesh([2, 2], ["a", "b"]), P("a"));
  const arg = put(np.ones([8, 4]), mesh, "data");
  const reasonOf = (f: (x: vn.NDArray) => vn.NDArray, x: vn.NDArray) => {
    const { mesh, reason } = vn.filterJit(f).lower(x).partitioned();
    assertEquals(mesh, null);
    return reason!;
  };
  const double = (x: vn.NDArray) => x.mul(2);
  assert(reasonOf(double, np.ones([8, 4])).includes("no argument"));
  assert(reasonOf(double, put(np.ones([8, 4]), mesh)).includes("no argument"));
  assert(reasonOf((x) => vn.filterShard(x, other), arg).includes("several meshes"));
  const shown = (x: vn.NDArray) => {
    vn.debug.print("x = {}", x);
    return x.mul(2);
  };
  assert(reasonOf(shown, arg).includes("once"));
});

Deno.test("complex arrays and keys are split as others are", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  const z = lax.complex(random.normal(random.key(1), [8, 4]), random.normal(random.key(2), [8, 4]));
  const square = vn.filterJit((z: vn.NDArray) => np.sum(z.mul(z), 0));
  const arg = put(z, mesh, "data");
  // The sums of both parts.
  assertEquals(collectives(square.lower(arg).partitioned()), ["psum(data)[4]", "psum(data)[4]"]);
  assertAllClose(square(arg), np.sum(z.mul(z), 0));
  const keys = random.split(random.key(3), 8);
  const draw = vn.filterJit(vn.filterVmap((key: vn.NDArray) => random.normal(key, [3])));
  const split = put(keys, mesh, "data");
  assertEquals(collectives(draw.lower(split).partitioned()), []);
  const drawn = draw(split) as vn.NDArray;
  assertEquals(specOf(drawn), 'P("data")');
  assertAllClose(drawn, draw(keys));
});
