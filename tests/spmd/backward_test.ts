/**
 * How results are wanted says how what they are made of is computed: in parts, where every device would make all of it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, nn, lax, random, P } = vn;
await vn.init("cpu", { devices: 8 });

const mesh = vn.makeMesh([2, 4], ["data", "model"]);
const at = (...spec: vn.SpecEntry[]) => new vn.NamedSharding(mesh, P(...spec));

/** The program of one device, and its collectives; what it gives is compared with what the function gives at once. */
function program(
  f: (...xs: vn.NDArray[]) => unknown,
  ...args: vn.NDArray[]
): { readonly text: string; readonly kinds: readonly string[] } {
  const jitted = vn.filterJit(f);
  const partition = jitted.lower(...args).partitioned();
  assertEquals(partition.reason, null);
  const results = vn.tree.leaves(jitted(...args)) as vn.NDArray[];
  const whole = vn.tree.leaves(f(...args)) as vn.NDArray[];
  results.forEach((x, i) => {
    assertEquals([x.shape, x.dtype], [whole[i].shape, whole[i].dtype]);
    const y = vn.devicePut(whole[i], x.sharding);
    assert(np.allclose(x, y, { rtol: 1e-5, atol: 1e-5 }).item(), `${x} is not ${y}`);
  });
  return { text: partition.jaxpr(), kinds: partition.collectives.map((c) => c.kind) };
}

/** Checks that each device makes its part, and never all of it. */
function assertMadeInParts(
  f: (...xs: vn.NDArray[]) => unknown,
  args: vn.NDArray[],
  whole: string,
): void {
  const { text, kinds } = program(f, ...args);
  assertEquals(kinds, [], text);
  assert(!text.includes(whole), text);
}

const key = random.key(3);
const makers: Record<string, (key: vn.NDArray) => vn.NDArray> = {
  "normal numbers": (key) => random.normal(key, [16, 32]).mul(0.1),
  "uniform numbers": (key) => random.uniform(key, [16, 32], { minval: -1 }),
  "numbers of 16 bits": (key) => random.uniform(key, [16, 32], { dtype: "float16" }),
  "numbers of 64 bits": (key) => random.normal(key, [16, 32], { dtype: "float64" }),
  "truncated normal numbers": (key) => random.truncatedNormal(key, -2, 2, [16, 32]),
  "coins": (key) => random.bernoulli(key, { p: 0.3, shape: [16, 32] }),
  "whole numbers": (key) => random.randint(key, [16, 32], 0, 1000),
  "turned and reshaped": (key) => np.transpose(random.normal(key, [32, 4, 4]).reshape(32, 16)),
  "zeros": () => np.zeros([16, 32]).add(1),
  "an identity": () => np.eye(16, { M: 32 }),
  "a band": () => np.tril(np.ones([16, 32])),
  "rows of counts": () =>
    lax.broadcastedIota("float32", [16, 32], 0).add(lax.broadcastedIota("float32", [16, 32], 1)),
};

for (const [name, make] of Object.entries(makers)) {
  Deno.test(`made where they are wanted: ${name}`, () => {
    for (
      const spec of [["data"], [null, "model"], ["model", "data"], [["data", "model"]], [null, [
        "model",
        "data",
      ]]] as const
    ) {
      assertMadeInParts((key) => vn.filterShard(make(key), at(...spec)), [key], "[16,32]");
    }
  });
}

Deno.test("reshapes hand on what cuts their outermost elements; others are made whole, and cut", () => {
  const counts = () => np.arange(512).astype("float32").reshape(16, 32).mul(2);
  assertMadeInParts((_) => vn.filterShard(counts(), at(["data", "model"])), [key], "512");
  const { text, kinds } = program((_) => vn.filterShard(counts(), at(null, "data")), key);
  assertEquals(kinds, []);
  assert(text.includes("dynamic_slice"), text);
});

Deno.test("a model is initialised in parts, each array as its own sharding says", () => {
  const init = (key: vn.NDArray) => {
    const [a, b] = [...random.split(key, 2)] as vn.NDArray[];
    const up = vn.filterShard(random.normal(a, [32, 64]).div(8), at(null, "model"));
    const down = vn.filterShard(random.normal(b, [64, 32]).div(8), at("model"));
    return { up, down, bias: vn.filterShard(np.zeros([64]), at("model")) };
  };
  const { text, kinds } = program(init as never, key);
  assertEquals(kinds, []);
  assert(!/\[(32,64|64,32|64)\]/.test(text), text);
});

Deno.test("what meets a split value is made in the same parts: masks, positions, a product of what all have", () => {
  const x = vn.devicePut(random.normal(key, [16, 32]), at("data", "model"));
  assertMadeInParts(
    (x, key) => np.where(random.bernoulli(key, { p: 0.5, shape: [16, 32] }), x.mul(2), 0),
    [x, key],
    "[16,32]",
  );
  assertMadeInParts((x) => x.add(np.sin(np.arange(32).mul(0.1))), [x], "f32[32]");
  const [a, b] = [random.normal(key, [16, 5]), random.normal(key, [5, 32])];
  assertMadeInParts((x, a, b) => x.add(nn.relu(a.matmul(b))), [x, a, b], "[16,32]");
});

Deno.test("what is wanted in several ways, or whole, is made once", () => {
  const f = (key: vn.NDArray) => {
    const x = np.tanh(random.normal(key, [16, 32]));
    return [vn.filterShard(x, at("data")), np.sum(vn.filterShard(x, at()).pow(2))];
  };
  const { text, kinds } = program(f, key);
  assertEquals(kinds, []);
  assertEquals(text.match(/random_normal/g)!.length, 1);
  assert(text.includes("random_normal[dtype=float32 shape=(16, 32)]"), text);
});

Deno.test("a gradient that ends in parts is dealt out as it is summed, whatever is done with it before", () => {
  const w = random.normal(key, [32, 16]).mul(0.1);
  const x = vn.devicePut(random.normal(random.key(1), [8, 32]), at("data"));
  const step = (w: vn.NDArray, x: vn.NDArray) => {
    const grad = vn.filterGrad((w: vn.NDArray) => np.mean(np.tanh(x.matmul(w)).pow(2)))(w);
    return vn.filterShard(w.sub(np.tanh(grad).mul(0.1)), at("data"));
  };
  const { kinds } = program(step, w, x);
  assertEquals(kinds, ["reduce_scatter"]);
});

Deno.test("results are split as they were: only operands, and what is asked for, say so", () => {
  const f = vn.filterJit((key: vn.NDArray, x: vn.NDArray) => {
    const y = random.normal(key, [16, 32]);
    return [y, x.add(y)] as const;
  });
  const x = vn.devicePut(np.ones([16, 32]), at("data"));
  const [y, z] = f(key, x);
  const specs = [y, z].map((v) => String((v.sharding as vn.NamedSharding).spec));
  assertEquals(specs, ["P()", 'P("data")']);
});
