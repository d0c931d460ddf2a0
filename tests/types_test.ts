/**
 * Types that users rely on, checked by `deno check`; at run time there is nothing left to see.
 *
 * @module
 */
import * as vn from "../mod.ts";
import type { AxesOf, AxesSpec, Axis, Grad } from "../src/filter/types.ts";

/** Compiles where `A` and `B` are the same type: neither more nor less. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
/** Compiles where `B` may be used for `A`. */
type Accepts<A, B> = [B] extends [A] ? true : false;
function holds<_A extends true>(): void {}
function fails<_A extends false>(): void {}

type NDArray = vn.NDArray;

class Linear extends vn.Module {
  readonly weight: NDArray;
  readonly bias: NDArray | null;
  readonly inFeatures: number;
  constructor(inFeatures: number) {
    super();
    this.weight = vn.numpy.ones([inFeatures]);
    this.bias = null;
    this.inFeatures = inFeatures;
  }
  call(x: NDArray): NDArray {
    return this.weight.mul(x);
  }
}

class Chain extends vn.Module {
  readonly layers: readonly Linear[] = [];
  readonly next: Chain | null = null;
  readonly options: { readonly rate?: number; readonly table?: NDArray } = {};
}

Deno.test("loops and branches hand on the types of what they carry", () => {
  type State = { readonly layer: Linear; readonly h: NDArray };
  const loops = (state: State, xs: { x: NDArray; scale: number }) => {
    const last = vn.filterWhileLoop((s) => s.h.less(3), (s) => ({ ...s, h: s.h.mul(2) }), state, {
      kind: "checkpointed",
      checkpoints: 2,
      buffers: (s) => [s.h, s.layer.weight],
    });
    holds<Equal<typeof last, State>>();
    const step = (s: State, x: typeof xs) => [s, { y: x.x, tag: "t" }] as const;
    const scanned = vn.filterScan(step, state, xs);
    holds<Equal<(typeof scanned)[0], State>>();
    holds<Equal<(typeof scanned)[1]["tag"], "t">>();
    // Literals that a body gives are tuples, where the carry is one or where nothing says what it is.
    const pair = (c: [NDArray, NDArray], k: NDArray) => [[c[0].add(k), c[1]], [k, c[1]]];
    // @ts-expect-error a function that stands alone gives arrays
    vn.lax.scan(pair, [xs.x, xs.x], xs.x);
    const tuples = vn.lax.scan(
      (c: [NDArray, NDArray], k: NDArray) => [[c[0].add(k), c[1]], [k, c[1]]],
      [xs.x, xs.x],
      xs.x,
    );
    holds<Equal<typeof tuples, [[NDArray, NDArray], [NDArray, NDArray]]>>();
    const counted = vn.lax.foriLoop(0, 3, (i, [a, b]) => [a.add(i), b], [xs.x, state]);
    holds<Equal<typeof counted, [NDArray, State]>>();
    const list = vn.filterScan(
      (c: NDArray[], k: NDArray) => [c.map((x) => x.add(k)), k],
      [xs.x],
      xs.x,
    );
    holds<Equal<typeof list, [NDArray[], NDArray]>>();
    const chosen = vn.filterCond(true, (s: State, n: number) => s.h.mul(n), (s) => s.h, state, 2);
    holds<Equal<typeof chosen, NDArray>>();
    // @ts-expect-error the body must give a carry of the type that it takes
    vn.filterWhileLoop((s) => s.h.less(3), (s) => s.h, state);
  };
  void loops;
});

Deno.test("the gradient of a leaf is an array or null", () => {
  holds<Equal<Grad<NDArray>, NDArray>>();
  holds<Equal<Grad<Float32Array>, NDArray>>();
  holds<Equal<Grad<number>, null>>();
  holds<Equal<Grad<string | boolean | bigint | undefined>, null>>();
  holds<Equal<Grad<NDArray | null>, NDArray | null>>();
});

Deno.test("the gradient of a container has its form", () => {
  holds<Equal<Grad<[NDArray, number]>, [NDArray, null]>>();
  holds<Equal<Grad<readonly [NDArray, string]>, readonly [NDArray, null]>>();
  holds<Equal<Grad<NDArray[]>, NDArray[]>>();
  holds<Equal<Grad<{ w: NDArray; n?: number }>, { w: NDArray; n?: null }>>();
  holds<Equal<Grad<Map<string, [NDArray, 1]>>, Map<string, [NDArray, null]>>>();
});

Deno.test("the gradient of a Module has its fields and methods", () => {
  type G = Grad<Linear>;
  holds<Equal<G["weight"], NDArray>>();
  holds<Equal<G["bias"], NDArray | null>>();
  holds<Equal<G["inFeatures"], null>>();
  holds<Equal<G["call"], (x: NDArray) => NDArray>>();
  holds<Accepts<vn.Module, G>>();
  holds<Equal<Grad<Chain>["layers"][number]["weight"], NDArray>>();
  holds<Equal<Grad<Chain>["options"]["table"], NDArray | null | undefined>>();
  const deep = (g: Grad<Chain>): NDArray | undefined => g.next?.next?.layers[0]?.weight;
  void [deep, Chain];
});

Deno.test("filterGrad and filterJit keep signatures", () => {
  const loss = (m: Linear, x: NDArray, scale: number): NDArray => m.call(x).mul(scale).sum();
  const grad = vn.filterGrad(loss);
  holds<Equal<typeof grad, (x: Linear, x_1: NDArray, scale: number) => Grad<Linear>>>();
  const jitted = vn.filterJit(loss);
  holds<Accepts<(m: Linear, x: NDArray, scale: number) => NDArray, typeof jitted>>();
  const both = vn.filterJit(vn.filterValueAndGrad(loss));
  holds<Accepts<(m: Linear, x: NDArray, scale: number) => [NDArray, Grad<Linear>], typeof both>>();
  // @ts-expect-error -- a string is no scale
  const wrong = () => grad(new Linear(1), vn.numpy.ones([1]), "1");
  void wrong;
});

Deno.test("filters and updates keep the type of the tree", () => {
  const model = new Linear(2);
  const [kept, rest] = vn.partition(model, vn.isArray);
  holds<Equal<typeof kept, Linear>>();
  holds<Equal<typeof rest, Linear>>();
  const combined = vn.combine(kept, rest);
  holds<Equal<typeof combined, Linear>>();
  const updated = vn.applyUpdates(model, null);
  holds<Equal<typeof updated, Linear>>();
  const replaced = vn.treeAt((m) => m.weight, model, 3);
  holds<Equal<typeof replaced, Linear>>();
  // @ts-expect-error -- there is no such field
  const wrong = () => vn.treeAt((m) => m.wieght, model, 3);
  void wrong;
});

Deno.test("updates of generic models type-check", () => {
  function step<M>(model: M, grads: Grad<M>): M {
    return vn.applyUpdates(model, grads);
  }
  holds<Equal<ReturnType<typeof step<Linear>>, Linear>>();
});

Deno.test("axes follow the arguments", () => {
  type A = [x: NDArray, pair: { a: NDArray; b: [NDArray, number] }];
  holds<Accepts<AxesSpec<A>, 0>>();
  holds<Accepts<AxesSpec<A>, null>>();
  holds<Accepts<AxesSpec<A>, [0, null]>>();
  holds<Accepts<AxesSpec<A>, [0, { a: 0; b: 1 }]>>();
  holds<Accepts<AxesSpec<A>, [(leaf: unknown) => number | null, { b: [0, null] }]>>();
  holds<Accepts<AxesSpec<A>, { x: 0 }>>();
  fails<Accepts<AxesSpec<A>, [0]>>();
  fails<Accepts<AxesSpec<A>, [0, 0, 0]>>();
  fails<Accepts<AxesSpec<A>, [0, { c: 0 }]>>();
  fails<Accepts<AxesSpec<A>, "0">>();
  holds<Equal<AxesOf<NDArray>, Axis>>();
  holds<Accepts<AxesOf<Linear>, { weight: 0; bias: null }>>();
});

Deno.test("predicates narrow", () => {
  const narrowed = (x: unknown): void => {
    if (vn.isArrayLike(x)) {
      holds<
        Accepts<vn.NDArray | number | bigint | boolean | vn.Complex | ArrayBufferView, typeof x>
      >();
    }
    if (vn.tree.isModule(x)) holds<Equal<typeof x, vn.Module>>();
    if (vn.isKwargs(x)) holds<Accepts<Record<string, unknown>, typeof x>>();
  };
  narrowed(1);
});

Deno.test("bound methods and kwargs keep their types", () => {
  const f = vn.method(new Linear(1), "call");
  holds<Equal<Parameters<typeof f.call>, [x: NDArray]>>();
  holds<Equal<ReturnType<typeof f.call>, NDArray>>();
  // @ts-expect-error -- a field is no method
  const wrong = () => vn.method(new Linear(1), "weight");
  void wrong;
  const options = vn.kwargs({ hasAux: true });
  holds<Equal<typeof options.hasAux, boolean>>();
});

Deno.test("layers with a state give it back; others take none", () => {
  const calls = (
    sequential: vn.nn.Sequential,
    norm: vn.nn.BatchNorm,
    layerNorm: vn.nn.LayerNorm,
    linear: vn.nn.Linear,
    x: NDArray,
    state: vn.nn.State,
  ): void => {
    const plain = sequential.call(x);
    holds<Equal<typeof plain, NDArray>>();
    const both = sequential.call(x, { state, key: x, inference: true });
    holds<Equal<typeof both, [NDArray, vn.nn.State]>>();
    const normed = norm.call(x, { state });
    holds<Equal<typeof normed, [NDArray, vn.nn.State]>>();
    const through = layerNorm.call(x, { state });
    holds<Equal<typeof through, [NDArray, vn.nn.State]>>();
    // @ts-expect-error -- the state is missing
    norm.call(x, {});
    // @ts-expect-error -- a linear layer takes no state
    linear.call(x, { state });
    const identity = new vn.nn.Identity().call("x");
    holds<Accepts<string, typeof identity>>();
  };
  void calls;
});

Deno.test("states keep the types of their values", () => {
  const typed = (
    index: vn.nn.StateIndex<readonly [NDArray, NDArray]>,
    state: vn.nn.State,
  ): void => {
    const value = state.get(index);
    holds<Equal<typeof value, readonly [NDArray, NDArray]>>();
    holds<Equal<ReturnType<typeof state.substate>, vn.nn.State>>();
    state.set(index, [value[1], value[0]]);
    // @ts-expect-error -- a pair is wanted
    state.set(index, value[0]);
  };
  void typed;
  const make = vn.nn.makeWithState(vn.nn.BatchNorm);
  holds<
    Equal<
      typeof make,
      (
        inputSize: number,
        axisName: vn.AxisName | readonly vn.AxisName[],
        options?: vn.nn.BatchNormOptions,
      ) => [model: vn.nn.BatchNorm, state: vn.nn.State]
    >
  >();
});

Deno.test("layers' options are checked", () => {
  const key = vn.random.key(0);
  const wrong = (): void => {
    // @ts-expect-error -- no such padding
    new vn.nn.Conv2d(1, 1, 3, { padding: "half", key });
    // @ts-expect-error -- the key is missing
    new vn.nn.Conv2d(1, 1, 3, {});
    // @ts-expect-error -- no such mode
    new vn.nn.BatchNorm(1, "batch", { mode: "mean" });
    // @ts-expect-error -- no such option
    new vn.nn.MaxPool2d(2, { strides: 2 });
    // @ts-expect-error -- an LSTM has two states
    new vn.nn.LSTMCell(1, 1, { key }).call(key, key);
  };
  void wrong;
  holds<
    Accepts<vn.nn.ConvLayerOptions, { key: NDArray; padding: [[0, 1], [1, 0]]; stride: [1, 2] }>
  >();
  const shared = new vn.nn.Shared(
    [1, "a"] as [number, string],
    (pair) => pair[0],
    (pair) => pair[0],
  );
  holds<Equal<ReturnType<typeof shared.call>, [number, string]>>();
  const wrapped = new vn.nn.WeightNorm(new vn.nn.Linear(1, 1, { key }));
  holds<Equal<typeof wrapped.layer, vn.nn.Linear>>();
});

Deno.test("what is loaded has the type of like, or the type that is named", () => {
  const load = async (structs: vn.Structs<Linear>): Promise<void> => {
    const same = await vn.treeDeserialiseLeaves("path", { x: 1, y: vn.numpy.ones([2]) });
    holds<Equal<typeof same, { x: number; y: NDArray }>>();
    const named = await vn.treeDeserialiseLeaves<Linear>("path", structs);
    holds<Equal<typeof named, Linear>>();
  };
  void load;
});

Deno.test("devicePut makes arrays of numbers and keeps the form; filterShard and filterPmap keep types", () => {
  const device = vn.devices()[0];
  const put = () => vn.devicePut({ x: 1, t: [new Float32Array(1), vn.numpy.ones([1])] }, device);
  holds<Equal<ReturnType<typeof put>["x"], NDArray>>();
  holds<Equal<ReturnType<typeof put>["t"][0], NDArray>>();
  const shard = () => vn.filterShard(new Linear(2), device);
  holds<Equal<ReturnType<typeof shard>, Linear>>();
  const mapped = () => vn.filterPmap((x: NDArray, n: number): [NDArray, number] => [x, n]);
  holds<Accepts<(x: NDArray, n: number) => [NDArray, number], ReturnType<typeof mapped>>>();
  fails<Accepts<(x: string, n: number) => [NDArray, number], ReturnType<typeof mapped>>>();
  holds<Accepts<vn.Device | vn.Sharding, NDArray["device"]>>();
});

Deno.test("checkpoints and compiled functions keep the signature", () => {
  const f = (x: NDArray, n: number, tag: string): [NDArray, string] => [x.mul(n), tag];
  const held = vn.filterCheckpoint(f, { policy: vn.checkpointPolicies.dotsSaveable });
  holds<Equal<typeof held, typeof f>>();
  const later = vn.filterCheckpoint({ preventCse: false })(f);
  holds<Equal<typeof later, typeof f>>();
  const plain = vn.checkpoint(f, { staticArgnums: [1, 2] });
  holds<Equal<typeof plain, typeof f>>();
  const module = vn.filterCheckpoint(new Linear(2));
  holds<Equal<typeof module, (x: NDArray) => NDArray>>();
  const limited = vn.debug.assertMaxTraces(f, { maxTraces: 1 });
  holds<Equal<typeof limited, typeof f>>();

  const lower = () => {
    const compiled = vn.filterJit(f).lower(new vn.ShapeDtypeStruct([2], "float32"), 2, "a")
      .compile();
    holds<Equal<Parameters<typeof compiled>, [x: NDArray, n: number, tag: string]>>();
    holds<Equal<ReturnType<typeof compiled>, [NDArray, string]>>();
    holds<Equal<ReturnType<typeof compiled.memoryAnalysis>, vn.ProgramMemory>>();
    const tree = vn.filterJit((p: { x: NDArray; n: number }) => p.x);
    tree.lower({ x: new vn.ShapeDtypeStruct([2], "float32"), n: 1 });
    // @ts-expect-error -- a struct does not stand for a number
    tree.lower({ x: vn.numpy.ones([2]), n: new vn.ShapeDtypeStruct([], "float32") });
    // @ts-expect-error -- a compiled function wants arrays
    compiled(new vn.ShapeDtypeStruct([2], "float32"), 2, "a");
    // @ts-expect-error -- maxTraces is required
    vn.debug.assertMaxTraces(f, {});
    // @ts-expect-error -- no such policy
    vn.checkpointPolicies.saveEverything;
  };
  void lower;
});

Deno.test("a callback's result is typed by the callback, arrays in place of TypedArrays", () => {
  const struct = new vn.ShapeDtypeStruct([2], "float32");
  const both = (x: NDArray, _tag: string) => ({ x, sums: new Float32Array(2), tag: "t" as const });
  const f = (x: NDArray) =>
    vn.filterPureCallback(
      both,
      x,
      "tag",
      vn.kwargs({ resultShapeDtypes: { x: struct, sums: struct, tag: "t" as const } }),
    );
  holds<Equal<ReturnType<typeof f>, { x: NDArray; sums: NDArray; tag: "t" }>>();
});

Deno.test("checks keep the type of what they check; items know their enumeration", () => {
  const tree: { w: NDArray; n: number } = { w: vn.numpy.ones([1]), n: 1 };
  const checked = vn.errorIf(tree, false, "m");
  holds<Equal<typeof checked, { w: NDArray; n: number }>>();
  const Results = vn.Enumeration.define("Results", { ok: "", bad: "m" });
  const More = Results.extend("More", { worse: "" });
  holds<Equal<typeof Results.ok, vn.EnumerationItem<"ok" | "bad">>>();
  holds<Equal<typeof More.ok, vn.EnumerationItem<"ok" | "bad" | "worse">>>();
  // @ts-expect-error -- an item of another enumeration
  void (() => Results.ok.eq(More.ok));
});

Deno.test("a class in place of the function gives its instances, though every class has a call of its own", () => {
  class Pair extends vn.Module {
    constructor(readonly n: number, readonly w: vn.NDArray) {
      super();
    }
    call(x: vn.NDArray): vn.NDArray {
      return this.w.mul(x);
    }
  }
  const w = vn.numpy.ones([1]);
  const made = [
    vn.filterJit(Pair)(1, w),
    vn.filterVmap(Pair)(1, w),
    vn.filterPmap(Pair)(1, w),
    vn.filterCheckpoint(Pair)(1, w),
  ];
  holds<Equal<typeof made, Pair[]>>();
  const called = vn.filterJit(new Pair(1, w))(w);
  holds<Equal<typeof called, vn.NDArray>>();
});
