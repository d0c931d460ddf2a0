/**
 * The behaviours of Equinox's `test_shared.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { same } from "./layers.ts";
import { keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

Deno.test("equinox/shared/test_shared_array: one array in two places", () => {
  const key = keys();
  class Tied extends vn.Module {
    readonly shared: vn.nn.Shared<[vn.nn.Embedding, vn.nn.Linear]>;
    constructor() {
      super();
      const embedding = new nn.Embedding({ numEmbeddings: 3, embeddingSize: 4, key: key() });
      const head = new nn.Linear(4, 3, { key: key() });
      this.shared = new nn.Shared(
        [embedding, head],
        (pair) => pair[1].weight,
        (pair) => pair[0].weight,
      );
    }
    call(token: number): vn.NDArray {
      const [embedding, head] = this.shared.call();
      assert(embedding.weight === head.weight);
      return head.call(embedding.call(token));
    }
  }
  const tied = new Tied();
  assertEquals(tied.call(0).shape, [3]);
  // The head's own weight is gone: what is left are the table and the bias.
  assertEquals(vn.tree.leaves(tied).filter(vn.isArray).length, 2);
  assertEquals(
    vn.treePformat(tied.shared.pytree[1].weight),
    "<SharedNode>",
  );
});

type Pair = [vn.nn.Linear, vn.nn.MultiheadAttention];

class Attending extends vn.Module {
  readonly shared: vn.nn.Shared<Pair>;
  constructor(
    where: (pair: Pair) => unknown,
    get: (pair: Pair) => unknown,
  ) {
    super();
    const key = keys();
    const projection = new nn.Linear(12, 12, { useBias: false, key: key() });
    const attention = new nn.MultiheadAttention(3, 12, { key: key() });
    this.shared = new nn.Shared([projection, attention], where, get);
  }
  call(x: vn.NDArray, check: (pair: Pair) => vn.NDArray | boolean): [vn.NDArray, unknown] {
    const pair = this.shared.call();
    const [projection, attention] = pair;
    return [vn.filterVmap(projection)(attention.call(x, x, x)), check(pair)];
  }
}

function trainTwice(model: Attending, check: (pair: Pair) => vn.NDArray | boolean): void {
  const x = random.normal(random.key(7), [5, 12]);
  const loss = (m: Attending): [vn.NDArray, unknown] => {
    const [out, equal] = m.call(x, check);
    return [out.sum(), equal];
  };
  const step = vn.filterJit(vn.filterGrad(loss, { hasAux: true }));
  for (let i = 0; i < 2; i++) {
    const [grads, equal] = step(model);
    assert(equal === true || (equal as vn.NDArray).item() === 1);
    const before = model.shared.pytree[0].weight;
    model = vn.applyUpdates(model, grads);
    assert(!same(before, model.shared.pytree[0].weight));
  }
}

Deno.test("equinox/shared/test_shared_node: a layer in two places stays one in training", () => {
  const model = new Attending((pair) => pair[1].keyProj, (pair) => pair[0]);
  trainTwice(model, ([projection, attention]) => vn.treeEqual(projection, attention.keyProj));
});

Deno.test("equinox/shared/test_multi_shared: several nodes, one of them computed", () => {
  const model = new Attending(
    (pair) => [pair[1].keyProj, pair[1].queryProj.weight],
    (pair) => [pair[0], pair[0].weight.add(1)],
  );
  trainTwice(model, ([projection, attention]) => {
    const equal = vn.treeEqual(projection, attention.keyProj) as vn.NDArray;
    const next = projection.weight.add(1).equal(attention.queryProj.weight).all();
    return np.logicalAnd(equal, next);
  });
});

Deno.test("equinox/shared/test_mismatched_structure: what differs in shape cannot be shared", () => {
  const [x, y] = [np.zeros([3, 4]), np.zeros([4, 3])];
  const error = assertThrows(
    () => new nn.Shared([x, y], (pair) => pair[0], (pair) => pair[1]),
    vn.TreeError,
    "nn.Shared: nodes that are shared must have the same structure",
  );
  assert(error.message.includes("f32[4,3]") && error.message.includes("f32[3,4]"));
});
