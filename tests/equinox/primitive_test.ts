/**
 * The behaviours of Equinox's `test_primitive.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import {
  createVprim,
  type FilterPrimitive,
  filterPrimitiveBind,
  filterPrimitiveDef,
  isUndefinedPrimal,
  materialiseZeros,
  type Vprim,
} from "../../src/internal/mod.ts";

const { numpy: np } = vn;
type Out = readonly [vn.NDArray, string, vn.NDArray];

/** `[x·y·n, label, z + 1]`: linear in x, with static leaves in and out. */
const seen: unknown[] = [];
const prim: FilterPrimitive = filterPrimitiveDef("prim", {
  impl: (x: vn.NDArray, { y, z }: { y: vn.NDArray; z: vn.NDArray }, n: number, label: string) => [
    x.mul(y).mul(n),
    label,
    z.add(1),
  ],
  jvp: ([x, { y, z }, n, label], [tx, tyz, tn, tlabel]) => {
    seen.push(["jvp", tx === null, tyz.y === null, tyz.z === null, tn, tlabel]);
    const out = filterPrimitiveBind(prim, x, { y, z }, n, label);
    const zeros = np.zeros([], { dtype: "float32" });
    const byX = tx === null ? null : filterPrimitiveBind(prim, tx, { y, z: zeros }, n, label)[0];
    const byY = tyz.y === null ? null : x.mul(tyz.y).mul(n);
    const t = byX === null ? byY : byY === null ? byX : byX.add(byY);
    return [out, [t, null, tyz.z]];
  },
  transpose: ([x, { y, z }, n, label], [ct, ctLabel, ctZ]) => {
    seen.push(["transpose", isUndefinedPrimal(x), isUndefinedPrimal(y), ctLabel, ctZ === null]);
    return [
      ct === null ? null : filterPrimitiveBind(prim, ct, { y, z }, n, label)[0],
      {
        y: null,
        z: null,
      },
      null,
      null,
    ];
  },
  batching: ([x, { y, z }, n, label], [bx, { y: by, z: bz }, bn, blabel]) => {
    seen.push(["batching", bx, by, bz, bn, blabel]);
    const front = (a: vn.NDArray, b: number | null, rank: number) =>
      b === null ? a.reshape([1, ...a.shape]) : np.moveaxis(a, b, 0).reshape([
        a.shape[b],
        ...Array(rank - a.ndim + 1).fill(1),
        ...a.shape.filter((_, i) => i !== b),
      ]);
    const rank = Math.max(x.ndim - (bx === null ? 0 : 1), y.ndim - (by === null ? 0 : 1));
    const out = filterPrimitiveBind(
      prim,
      front(x, bx, rank),
      { y: front(y, by, rank), z },
      n,
      label,
    );
    return [out, [0, null, bz]];
  },
});

const call = (x: vn.NDArray, y: vn.NDArray, z: vn.NDArray): Out =>
  filterPrimitiveBind(prim, x, { y, z }, 2, "hi");

Deno.test("equinox/primitive/test_call: a primitive over trees, computed, compiled, differentiated, mapped", () => {
  const [x, y, z] = [np.array([1, 2]), np.array(3), np.array(10)];
  for (const f of [call, vn.filterJit(call)]) {
    const [out, label, next] = f(x, y, z);
    assertEquals([out.tolist(), label, next.item()], [[6, 12], "hi", 11]);
  }
  seen.length = 0;
  type Wrap = <A extends unknown[], R>(f: (...args: A) => R) => (...args: A) => R;
  const wraps: readonly Wrap[] = [(f) => f, (f) => vn.filterJit(f)];
  for (const wrap of wraps) {
    const forward = wrap((x: vn.NDArray) =>
      vn.filterJvp(call, [x, y, z], [np.ones([2]), null, null])
    );
    const [[out], [t, none, nothing]] = forward(x) as unknown as [Out, (vn.NDArray | null)[]];
    assertEquals([out.tolist(), t!.tolist(), none, nothing], [[6, 12], [6, 6], null, null]);
    const reverse = wrap(
      vn.grad((x: vn.NDArray) => call(x, y, z)[0].sum()) as (x: vn.NDArray) => vn.NDArray,
    );
    assertEquals(reverse(x).tolist(), [6, 6]);
    const batched = wrap((x: vn.NDArray) =>
      vn.filterVmap(call, { inAxes: [0, null, null] })(x, y, z)
    );
    const [rows, label, same] = batched(x) as unknown as Out;
    assertEquals([rows.tolist(), label, same.tolist()], [[6, 12], "hi", [11, 11]]);
    const both = wrap(
      vn.filterVmap(vn.grad((x: vn.NDArray) => call(x, y, z)[0])) as (x: vn.NDArray) => vn.NDArray,
    );
    assertEquals(both(x).tolist(), [6, 6]);
  }
  assert(seen.some((s) => String(s) === "jvp,false,true,true,,"));
  assert(seen.some((s) => String(s) === "transpose,true,false,,true"));
  assert(seen.some((s) => String(s) === "batching,0,,,,"));
  assertEquals(materialiseZeros(x, null).tolist(), [0, 0]);
});

Deno.test("a primitive over trees: missing rules and rules that disagree are refused by name", () => {
  const bare = filterPrimitiveDef("bare", { impl: (x: vn.NDArray) => x.mul(2) });
  const f = (x: vn.NDArray) => filterPrimitiveBind(bare, x) as vn.NDArray;
  assertEquals(vn.filterJit(f)(np.array(1)).item(), 2);
  assertThrows(() => vn.grad(f)(np.array(1)), vn.DifferentiationError, "bare");
  assertThrows(() => vn.vmap(f)(np.ones([2])), vn.DifferentiationError, "bare");
  const odd = filterPrimitiveDef("odd", {
    impl: (x: vn.NDArray) => [x],
    abstractEval: (s: vn.ShapeDtypeStruct) => ({ s }),
  });
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => filterPrimitiveBind(odd, x))(np.array(1)),
    vn.TreeError,
    "odd: two rules of the primitive give different outputs",
  );
  const wrong = filterPrimitiveDef("wrong", {
    impl: (x: vn.NDArray) => [x],
    jvp: ([x], [t]) => [[x], t],
  });
  assertThrows(
    () =>
      vn.jvp((x: vn.NDArray) => filterPrimitiveBind(wrong, x)[0] as vn.NDArray, [np.array(1)], [
        np.array(1),
      ]),
    vn.TreeError,
    "tangents must have the structure",
  );
});

Deno.test("equinox/primitive/test_vprim: batching comes from mapping the other rules", () => {
  let calls = 0;
  /** `x·y`, summed over all axes, times `by`. */
  const dot: Vprim<{ by: number }> = createVprim("dot", {
    impl: ([x, y], { by }) => {
      calls++;
      return [x.mul(y).sum().mul(by)];
    },
    jvp: ([x, y], [tx, ty], p) => {
      const parts = [tx && dot([tx, y], p)[0], ty && dot([x, ty], p)[0]].filter((t) => t !== null);
      return [dot([x, y], p), [parts.length === 2 ? parts[0].add(parts[1]) : parts[0] ?? null]];
    },
    transpose: ([ct], [x, y], { by }) => [
      isUndefinedPrimal(x) && ct !== null ? ct.mul(y as vn.NDArray).mul(by) : null,
      isUndefinedPrimal(y) && ct !== null ? ct.mul(x as vn.NDArray).mul(by) : null,
    ],
  });
  const plain = (x: vn.NDArray, y: vn.NDArray) => x.mul(y).sum().mul(3);
  const ours = (x: vn.NDArray, y: vn.NDArray) => dot([x, y], { by: 3 })[0];
  const x = np.arange(12).reshape(3, 4).astype("float32");
  const y = np.arange(12).reshape(4, 3).astype("float32").add(1);
  const [v, w] = [np.array([1, 2, 3, 4]), np.array([3, 1, 2, 5])];
  const runs = [
    (f: typeof plain) => f(v, w),
    (f: typeof plain) => vn.vmap(f, { inAxes: [0, 1] })(x, y),
    (f: typeof plain) => vn.vmap(f, { inAxes: [0, null] })(x, w),
    (f: typeof plain) => vn.vmap(vn.vmap(f, { inAxes: [0, null] }), { inAxes: [null, 1] })(x, y),
    (f: typeof plain) => vn.grad((a: vn.NDArray) => f(a, w))(v),
    (f: typeof plain) => vn.vmap(vn.grad(f), { inAxes: [0, 1] })(x, y),
    (f: typeof plain) => vn.grad((a: vn.NDArray) => vn.vmap(f, { inAxes: [0, 1] })(a, y).sum())(x),
    (f: typeof plain) =>
      vn.grad((b: vn.NDArray) => vn.vmap(f, { inAxes: [0, null] })(x, b).sum())(w),
    (f: typeof plain) => vn.jvp(vn.vmap(f, { inAxes: [0, 1] }), [x, y], [x.mul(2), y])[1],
    (f: typeof plain) =>
      vn.jvp((b: vn.NDArray) => vn.vmap(f, { inAxes: [0, null] })(x, b), [w], [v])[1],
    (f: typeof plain) =>
      vn.vmap((a: vn.NDArray, b: vn.NDArray) => vn.jvp(f, [a, b], [b, a])[1], { inAxes: [0, 1] })(
        x,
        y,
      ),
  ];
  for (const run of runs) {
    const expected = run(plain).tolist();
    assertEquals(run(ours).tolist(), expected);
    assertEquals(vn.filterJit(() => run(ours))().tolist(), expected);
  }
  assert(calls > 0);
});
