/**
 * `filterJacfwd`, `filterJacrev` and `filterHessian`.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

const value = (x: unknown): unknown => x instanceof vn.NDArray ? x.tolist() : x;
const int = (x: number | number[]) => np.array(x, { dtype: "int32" });
const both = [["filterJacfwd", vn.filterJacfwd], ["filterJacrev", vn.filterJacrev]] as const;

class Layer extends vn.Module {
  readonly w: vn.NDArray;
  readonly n: number;
  constructor(w: vn.NDArray, n: number) {
    super();
    this.w = w;
    this.n = n;
  }
}

for (const [name, jacobian] of both) {
  Deno.test(`${name}: the output's structure outside, the argument's inside`, () => {
    const w = np.array([[1, 2, 3], [4, 5, 6]]);
    const f = (l: Layer, x: vn.NDArray) => ({ o: np.matmul(l.w, x), p: [l.w.sum(), null] });
    const jac = jacobian(f)(new Layer(w, 7), np.array([1, 0, 2]));
    assert(jac.o instanceof Layer);
    assertEquals(jac.o.n as unknown, null);
    assertEquals(value(jac.o.w), [[[1, 0, 2], [0, 0, 0]], [[0, 0, 0], [1, 0, 2]]]);
    assertEquals(value(jac.p[0].w), [[1, 1, 1], [1, 1, 1]]);
    assertEquals(jac.p[1], null);
  });

  Deno.test(`${name}: an array of an array is an array; other arguments and keyword arguments stay`, () => {
    const f = (x: vn.NDArray, y: vn.NDArray, { by }: { by: number }) => x.mul(y).mul(by);
    const jac = jacobian(f)(np.array([1, 2]), np.array([3, 4]), vn.kwargs({ by: 2 }) as never);
    assertEquals(value(jac), [[6, 0], [0, 8]]);
  });

  Deno.test(`${name}: an argument without floating arrays has a jacobian of nulls`, () => {
    assertEquals(jacobian((x: vn.NDArray) => x.mul(2.5))(int([1, 2])), null);
    const tree = jacobian((t: unknown[]) => ({
      a: np.ones([2]),
      t: (t[0] as vn.NDArray).mul(0.5),
    }))(
      [int(1), "s"],
    );
    assertEquals(tree, { a: [null, null], t: [null, null] });
  });

  Deno.test(`${name}: an output that does not depend on the argument has zeros; a number too`, () => {
    const jac = jacobian((x: vn.NDArray) => [np.ones([2]), 3, x.sum()])(np.array([1, 2]));
    assertEquals(jac.map(value), [[[0, 0], [0, 0]], [0, 0], [1, 1]]);
  });

  Deno.test(`${name}: with hasAux, aux may be anything`, () => {
    const token = Symbol("token");
    const f = (x: vn.NDArray) => [x.mul(2), { token, x, s: "s" }];
    for (const options of [true, { hasAux: true }]) {
      const [jac, aux] = jacobian(f, options)(np.array([1, 2]));
      assertEquals(value(jac), [[2, 0], [0, 2]]);
      assertStrictEquals(aux.token, token);
      assertEquals([value(aux.x), aux.s], [[1, 2], "s"]);
    }
    assertThrows(
      () => jacobian((x: vn.NDArray) => x, true)(np.array(1)),
      vn.ArgumentError,
      `${name}: with hasAux`,
    );
  });

  Deno.test(`${name}: outputs must be arrays or numbers`, () => {
    assertThrows(
      () => jacobian((x: vn.NDArray) => ({ x, s: "s" }))(np.array(1)),
      vn.ArgumentError,
      "output.s is s",
    );
  });

  Deno.test(`${name}: the first argument is needed, by position; options are known ones`, () => {
    const f = (x: vn.NDArray) => x;
    const call = jacobian(f) as (...args: unknown[]) => unknown;
    assertThrows(() => call(), vn.ArgumentError, name);
    assertThrows(() => call(vn.kwargs({ x: np.array(1) })), vn.ArgumentError, "by position");
    assertThrows(() => jacobian(f, { argnums: 0 } as never), vn.ArgumentError, "argnums");
  });

  Deno.test(`${name}: empty arrays have empty jacobians`, () => {
    assertEquals(jacobian((x: vn.NDArray) => x.mul(2))(np.zeros([0])).shape, [0, 0]);
    assertEquals(jacobian((x: vn.NDArray) => x.sum())(np.zeros([0, 2])).shape, [0, 2]);
    assertEquals(jacobian((x: vn.NDArray) => x.get(vn.slice(0, 0)))(np.ones([2])).shape, [0, 2]);
  });

  Deno.test(`${name} inside and outside of filterJit, filterVmap and filterGrad`, () => {
    const f = (x: vn.NDArray) => x.pow(3);
    const jac = jacobian(f);
    const x = np.array([1, 2]);
    const expected = [[3, 0], [0, 12]];
    assertEquals(value(jac(x)), expected);
    assertEquals(value(vn.filterJit(jac)(x)), expected);
    assertEquals(value(jacobian(vn.filterJit(f))(x)), expected);
    assertEquals(value(jacobian(vn.filterVmap(f))(x)), expected);
    assertEquals(value(vn.filterVmap(jac)(np.array([[1, 2], [0, 1]]))), [expected, [[0, 0], [
      0,
      3,
    ]]]);
    assertEquals(value(vn.filterGrad((x: vn.NDArray) => jac(x).sum())(x)), [6, 12]);
    assertEquals(value(jacobian(vn.filterGrad((x: vn.NDArray) => f(x).sum()))(x)), [[6, 0], [
      0,
      12,
    ]]);
  });

  Deno.test(`${name}: a wrapper is a tree of what it wraps`, () => {
    const linear = new vn.nn.Linear(2, 3, { key: vn.random.key(0) });
    const jac = jacobian(linear);
    assertEquals(vn.tree.leaves(jac).length, vn.tree.leaves(linear).length);
    assertEquals(value(jac(np.ones([2]))), value(linear.weight));
  });
}

Deno.test("filterJacfwd gives integer zeros for integer outputs, which filterJacrev refuses", () => {
  const f = (x: vn.NDArray) => x.astype("int32");
  const jac = vn.filterJacfwd(f)(np.array([1, 2]));
  assertEquals([jac.dtype, value(jac)], ["int32", [[0, 0], [0, 0]]]);
  assertThrows(() => vn.filterJacrev(f)(np.array([1, 2])), vn.DTypeError, "must be floating");
});

Deno.test("jacobians of mixed dtypes: forward has the output's, reverse the input's", () => {
  const x = { a: np.array(1), b: np.array(2, { dtype: "float64" }) };
  const f = (t: typeof x) => t.a.mul(t.b.astype("float32"));
  const fwd = vn.filterJacfwd(f)(x);
  const rev = vn.filterJacrev(f)(x);
  assertEquals([fwd.a.dtype, fwd.b.dtype], ["float32", "float32"]);
  assertEquals([rev.a.dtype, rev.b.dtype], ["float32", "float64"]);
  assertEquals([value(fwd.a), value(fwd.b), value(rev.a), value(rev.b)], [2, 1, 2, 1]);
});

Deno.test("filterHessian: the argument's structure in itself", () => {
  const hess = vn.filterHessian((l: Layer) => l.w.pow(3).sum())(new Layer(np.array([1, 2]), 3));
  assert(hess instanceof Layer && hess.w instanceof Layer);
  assertEquals(value(hess.w.w), [[6, 0], [0, 12]]);
  assertEquals([hess.n as unknown, hess.w.n as unknown], [null, null]);
  const tuple = vn.filterHessian(([x]: [vn.NDArray, number]) => x.pow(3))([np.array(1), 2]);
  assertEquals([value(tuple[0][0]), tuple[0][1], tuple[1]], [6, null, null]);
});

Deno.test("filterHessian: of a vector, of no floating array, with aux", () => {
  const vector = vn.filterHessian((x: vn.NDArray) => x.mul(x))(np.array([1, 2]));
  assertEquals(value(vector), [[[2, 0], [0, 0]], [[0, 0], [0, 2]]]);
  assertEquals(vn.filterHessian((x: vn.NDArray) => x.mul(0.5))(int(1)), null);
  const [hess, aux] = vn.filterHessian((x: vn.NDArray) => [x.pow(3), { s: "s", x }], true)(
    np.array(2),
  );
  assertEquals([value(hess), aux.s, value(aux.x)], [12, "s", 2]);
  const compiled = vn.filterJit(vn.filterHessian((x: vn.NDArray) => x.pow(3).sum()));
  assertEquals(value(compiled(np.array([1, 2]))), [[6, 0], [0, 12]]);
});
