/**
 * Steps of training of a decoder with tied embeddings: each way to split it takes the collectives that it has to, and no others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, nn, random, P } = vn;
await vn.init("cpu", { devices: 4 });

type X = vn.NDArray;
const [batch, length, width, heads, size, inner, words] = [8, 16, 32, 4, 8, 64, 256];
let seed = 0;
const normal = (...shape: number[]): X => random.normal(random.key(seed++), shape).mul(0.1);
const norm = () => ({ scale: np.ones([width]), bias: np.zeros([width]) });
const block = () => ({
  norms: [norm(), norm()],
  qkv: [normal(width, heads, size), normal(width, heads, size), normal(width, heads, size)],
  out: normal(heads, size, width),
  up: { w: normal(width, inner), b: np.zeros([inner]) },
  down: { w: normal(inner, width), b: np.zeros([width]) },
});
const model = {
  embedding: normal(words, width),
  positions: normal(length, width),
  blocks: [block(), block()],
  norm: norm(),
};
type Model = typeof model;
const parameters = vn.tree.leaves(model).length;
const tokens = random.randint(random.key(99), [batch, length], 0, words);

function normalised(x: X, { scale, bias }: ReturnType<typeof norm>): X {
  const d = x.sub(np.mean(x, { axis: -1, keepdims: true }));
  const variance = np.mean(d.mul(d), { axis: -1, keepdims: true });
  return d.div(np.sqrt(variance.add(1e-5))).mul(scale).add(bias);
}

function forward({ embedding, positions, blocks, norm }: Model, tokens: X): X {
  const mask = np.tril(np.ones([length, length])).astype("bool");
  let x = np.take(embedding, tokens, 0).add(positions);
  for (const { norms, qkv, out, up, down } of blocks) {
    const y = normalised(x, norms[0]);
    const [q, k, v] = qkv.map((w) => np.einsum("bsd,dhk->bshk", y, w));
    const scores = np.einsum("bqhk,bshk->bhqs", q, k).mul(size ** -0.5);
    const weights = nn.softmax(np.where(mask, scores, -1e9), -1);
    x = x.add(np.einsum("bshk,hkd->bsd", np.einsum("bhqs,bshk->bqhk", weights, v), out));
    const z = nn.gelu(normalised(x, norms[1]).matmul(up.w).add(up.b));
    x = x.add(z.matmul(down.w).add(down.b));
  }
  return np.einsum("bsd,vd->bsv", normalised(x, norm), embedding);
}

function loss(model: Model, tokens: X): X {
  const logs = nn.logSoftmax(forward(model, tokens), -1);
  return np.mean(np.sum(logs.mul(nn.oneHot(tokens, words)), -1)).neg();
}

/** A step with momentum; the loss, the model and its momenta after it. */
function step(model: Model, momenta: Model, tokens: X): [X, Model, Model] {
  const [value, grads] = vn.filterValueAndGrad(loss)(model, tokens) as [X, Model];
  const moved = vn.tree.map((m: X, g: X) => m.mul(0.9).add(g), momenta, grads) as Model;
  return [
    value,
    vn.tree.map((p: X, m: X) => p.sub(m.mul(0.1)), model, moved) as Model,
    moved,
  ];
}

const zeros = vn.tree.map((x: X) => np.zeros(x.shape), model) as Model;
const whole = vn.filterJit(step)(model, zeros, tokens);

/** Runs a step of the model placed by `place`; gives its collectives, how many of each kind over each axis. */
function counted(
  mesh: vn.Mesh,
  place: (model: Model) => Model,
  ...spec: vn.SpecEntry[]
): Record<string, number> {
  const args = [
    place(model),
    place(zeros),
    vn.devicePut(tokens, new vn.NamedSharding(mesh, P(...spec))),
  ] as const;
  const jitted = vn.filterJit(step);
  const counts: Record<string, number> = {};
  for (const { kind, axis } of jitted.lower(...args).partitioned().collectives) {
    counts[`${kind}(${axis})`] = (counts[`${kind}(${axis})`] ?? 0) + 1;
  }
  const result = jitted(...args);
  const [ours, expected] = [result, whole].map((t) => vn.tree.leaves(t) as X[]);
  ours.forEach((x, i) =>
    assert(np.allclose(x, expected[i], { rtol: 1e-3, atol: 1e-5 }).item(), `leaf ${i}`)
  );
  const specs = (t: unknown) =>
    (vn.tree.leaves(t) as X[]).map((x) => String((x.sharding as vn.NamedSharding).spec));
  // Parameters and what the optimiser keeps of them stay where they are.
  assertEquals(specs(result[1]), specs(args[0]));
  assertEquals(specs(result[2]), specs(args[1]));
  return counts;
}

const placed = <T>(tree: T, mesh: vn.Mesh, ...spec: vn.SpecEntry[]): T =>
  vn.devicePut(tree, new vn.NamedSharding(mesh, P(...spec))) as T;

/** Heads and the inner width split (Shoeybi et al. 2019). */
const byHeads = (mesh: vn.Mesh) => (model: Model): Model => ({
  ...placed(model, mesh),
  blocks: model.blocks.map(({ norms, qkv, out, up, down }) => ({
    norms: placed(norms, mesh),
    qkv: placed(qkv, mesh, null, "model"),
    out: placed(out, mesh, "model"),
    up: { w: placed(up.w, mesh, null, "model"), b: placed(up.b, mesh, "model") },
    down: { w: placed(down.w, mesh, "model"), b: placed(down.b, mesh) },
  })),
});

Deno.test("data parallel: one psum for each gradient, tied embeddings' too, and one for the loss", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  assertEquals(counted(mesh, (model) => placed(model, mesh), "data"), {
    "psum(data)": parameters + 1,
  });
});

Deno.test("tensor parallel: two sums of activations for each block forwards, and two backwards", () => {
  const mesh = vn.makeMesh([4], ["model"]);
  assertEquals(counted(mesh, byHeads(mesh)), { "psum(model)": 8 });
});

Deno.test("words split: each device looks up its own, and the loss takes a maximum and two sums", () => {
  const mesh = vn.makeMesh([4], ["model"]);
  const place = (model: Model) => ({
    ...byHeads(mesh)(model),
    embedding: placed(model.embedding, mesh, "model"),
  });
  // Of activations one more sum forwards, of what is looked up, and one backwards, from the words' scores.
  assertEquals(counted(mesh, place), { "psum(model)": 8 + 2 + 2, "pmax(model)": 1 });
});

Deno.test("data and tensor parallel: the collectives of both, and no others", () => {
  const mesh = vn.makeMesh([2, 2], ["data", "model"]);
  assertEquals(counted(mesh, byHeads(mesh), "data"), {
    "psum(model)": 8,
    "psum(data)": parameters + 1,
  });
});

Deno.test("fully sharded: each parameter is gathered once, and each gradient dealt out as it is summed", () => {
  const mesh = vn.makeMesh([4], ["data"]);
  assertEquals(counted(mesh, (model) => placed(model, mesh, "data"), "data"), {
    "all_gather(data)": parameters,
    "reduce_scatter(data)": parameters,
    "psum(data)": 1,
  });
});
