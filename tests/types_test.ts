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
      holds<Accepts<vn.NDArray | number | bigint | boolean | ArrayBufferView, typeof x>>();
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
