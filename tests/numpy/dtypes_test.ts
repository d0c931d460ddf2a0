/**
 * Dtypes on the host: what goes in comes out, how it prints, and what is refused.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { setChecks } from "../../src/core/checks.ts";
import type { DType } from "../../src/core/dtype.ts";

const { numpy: np, lax, Complex } = vn;

const big = ["int64", "uint64"];
const real: DType[] = [
  ...["float32", "float64", "float16", "bfloat16", "bool"] as const,
  ...["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const,
];

for (const size of [3, 100]) {
  Deno.test(`${size} elements of every dtype come back as they went in`, async () => {
    for (const dtype of real) {
      const values = Array.from({ length: size }, (_, i) => dtype === "bool" ? i % 2 : i);
      const expected = values.map((v) => {
        return dtype === "bool" ? v === 1 : big.includes(dtype) ? BigInt(v) : v;
      });
      const x = np.array(values, { dtype });
      assertEquals(x.tolist(), expected, dtype);
      assertEquals(vn.filterJit((x: vn.NDArray) => np.copy(x))(x).tolist(), expected, dtype);
      const data = await x.data();
      assertEquals(data.length, size);
      if (dtype === "bfloat16") {
        assert(data instanceof Uint16Array);
        assertEquals(lax.bitcastConvertType(np.array(data), "bfloat16").tolist(), expected);
      } else if (dtype !== "bool") {
        const again = np.array(data);
        assertEquals([again.dtype, again.tolist()], [dtype, expected]);
      }
    }
  });

  Deno.test(`${size} complex numbers come back as they went in`, async () => {
    const values = Array.from({ length: size }, (_, i) => new Complex(i, -i));
    for (const dtype of ["complex64", "complex128"] as const) {
      const z = np.array(values, { dtype });
      assertEquals([z.dtype, z.nbytes], [dtype, size * (dtype === "complex64" ? 8 : 16)]);
      assertEquals(z.tolist(), values);
      assertEquals(z.get(1).item<vn.Complex>(), values[1]);
      assertEquals((await z.data()).length, 2 * size);
      assertEquals(vn.filterJit((z: vn.NDArray) => np.conj(np.conj(z)))(z).tolist(), values);
      const columns = z.reshape([1, size]).T;
      assertEquals([columns.shape, columns.get(2, 0).item<vn.Complex>()], [[size, 1], values[2]]);
    }
  });
}

Deno.test("numbers are rounded and wrapped where an array is made", () => {
  assertEquals(np.array([0.1], { dtype: "float16" }).item(), Math.f16round(0.1));
  assertEquals(np.array([0.1], { dtype: "bfloat16" }).item(), 0.10009765625);
  assertEquals(np.array([1e6, -1e6], { dtype: "float16" }).tolist(), [Infinity, -Infinity]);
  assertEquals(np.array([300, -1], { dtype: "uint8" }).tolist(), [44, 255]);
  assertEquals(np.array([-1n], { dtype: "uint64" }).tolist(), [2n ** 64n - 1n]);
  assertEquals(np.array([1, new Complex(0, 1)]).dtype, "complex64");
});

Deno.test("arrays of every dtype print as NumPy prints them", () => {
  const print = (values: readonly (number | vn.Complex)[], dtype: DType) =>
    String(np.array(values, { dtype }));
  assertEquals(print([0.1, 2], "float16"), "Array([0.1, 2. ], dtype=float16)");
  assertEquals(print([0.1, 2], "bfloat16"), "Array([0.1, 2. ], dtype=bfloat16)");
  assertEquals(print([-100, 7], "int8"), "Array([-100,    7], dtype=int8)");
  assertEquals(
    print([new Complex(1, -2), new Complex(-0.5, 0)], "complex64"),
    "Array([ 1. -2.j, -0.5+0.j], dtype=complex64)",
  );
  assertEquals(String(new Complex(1, -2)), "(1-2j)");
  assertEquals(
    vn.treePformat([np.zeros([2], { dtype: "bfloat16" }), np.zeros([], { dtype: "complex128" })]),
    "[bf16[2], c128[]]",
  );
});

Deno.test("a complex number of the host is weak, and one static value", () => {
  const i = new Complex(0, 1);
  assertEquals(np.ones([2], { dtype: "complex128" }).mul(i).dtype, "complex128");
  assertEquals(np.ones([2], { dtype: "float64" }).mul(i).dtype, "complex128");
  assertEquals(np.ones([2], { dtype: "float16" }).mul(i).dtype, "complex64");
  let traces = 0;
  const times = vn.filterJit((x: vn.NDArray, by: vn.Complex) => {
    traces++;
    return x.mul(by);
  });
  for (let k = 0; k < 3; k++) times(np.ones([2]), new Complex(0, 1));
  assertEquals(traces, 1);
});

Deno.test("limits and kinds of the dtypes", () => {
  assertEquals(np.finfo("float16").max, 65504);
  assertEquals(np.finfo("bfloat16").eps, 2 ** -7);
  assertEquals(np.finfo("complex64").dtype, "float32");
  assertEquals([np.iinfo("int8").min, np.iinfo("uint64").max], [-128, 2n ** 64n - 1n]);
  assert(np.issubdtype("complex64", "complexfloating") && np.issubdtype("complex64", "inexact"));
  assert(!np.issubdtype("complex64", "floating") && np.issubdtype("uint16", "unsignedinteger"));
  assert(np.canCast("float32", "complex64") && !np.canCast("complex64", "float64"));
  assert(np.canCast("int8", "float16") && !np.canCast("int16", "float16"));
  assert(np.iscomplexobj(np.zeros([1], { dtype: "complex64" })) && np.isrealobj(np.zeros([1])));
});

Deno.test("what has no meaning on complex numbers is refused, eagerly and while tracing", () => {
  const z = np.array([new Complex(1, 2)]);
  const calls: [string, (z: vn.NDArray) => vn.NDArray][] = [
    ["max", (z) => np.maximum(z, z)],
    ["lt", (z) => np.less(z, z)],
    ["floor", (z) => lax.floor(z)],
    ["rem", (z) => lax.rem(z, z)],
    ["argsort", (z) => np.argsort(z)],
    ["cummax", (z) => lax.cummax(z, 0)],
  ];
  for (const [name, call] of calls) {
    for (
      const run of [
        call,
        vn.filterJit(call),
        (z: vn.NDArray) => vn.grad((z: vn.NDArray) => np.real(call(z)).sum())(z),
      ]
    ) {
      const error = assertThrows(() => run(z), vn.DTypeError);
      assert(error.message.includes("complex64") || error.message.includes(name), error.message);
    }
  }
  assertThrows(() => np.array([new Complex(1, 2)], { dtype: "float32" }), vn.DTypeError, "float32");
  assertThrows(() => np.arange(3, { dtype: "complex64" }), vn.ArgumentError, "complex64");
  assertThrows(() => lax.complex(np.ones([2]), np.ones([2], { dtype: "float64" })), vn.DTypeError);
  assertThrows(() => lax.real(np.ones([2])), vn.DTypeError, "numpy.real takes any");
});

Deno.test("gradients of and by complex numbers: what is real, what is holomorphic, what is refused", () => {
  const z = np.array(new Complex(1, 2));
  const square = (z: vn.NDArray) => z.mul(z);
  for (const grad of [vn.grad, vn.filterGrad] as typeof vn.grad[]) {
    assertThrows(() => grad(square)(z), vn.DTypeError, "real-valued output");
    assertEquals(grad(square, { holomorphic: true })(z).item(), new Complex(2, 4));
    assertThrows(() => grad(square, { holomorphic: true })(np.ones([])), vn.DTypeError, "float32");
    assertThrows(() => grad(np.abs, { holomorphic: true })(z), vn.DTypeError, "must be complex");
    assertEquals(grad((z: vn.NDArray) => np.real(square(z)))(z).item(), new Complex(2, 4));
  }
  const zs = np.array([new Complex(1, 2), new Complex(0, 1)]);
  const expected = [[new Complex(2, 4), new Complex(0, 0)], [new Complex(0, 0), new Complex(0, 2)]];
  for (
    const jac of [vn.jacfwd, vn.jacrev, vn.filterJacfwd, vn.filterJacrev] as typeof vn.jacfwd[]
  ) {
    assertThrows(() => jac(square)(zs), vn.DTypeError, "real-valued");
    const jacobian = jac(square, { holomorphic: true })(zs) as vn.NDArray;
    assertEquals(np.real(jacobian).tolist(), expected.map((row) => row.map((z) => z.re)));
    assertEquals(np.imag(jacobian).tolist(), expected.map((row) => row.map((z) => z.im)));
  }
  // Complex outputs of real inputs: forward mode alone.
  const turn = (x: vn.NDArray) => x.mul(new Complex(0, 1));
  assertEquals((vn.jacfwd(turn)(np.ones([1])) as vn.NDArray).tolist(), [[new Complex(0, 1)]]);
  assertThrows(() => vn.jacrev(turn)(np.ones([1])), vn.DTypeError, "real-valued output");
});

Deno.test("a compiled function of short floats gives what its operations give one by one", () => {
  const f = (x: vn.NDArray) => np.tanh(x.mul(3).add(0.1)).mul(x).sub(np.sqrt(np.abs(x)));
  for (const dtype of ["float16", "bfloat16"] as const) {
    for (const size of [7, 1000]) {
      const x = vn.random.normal(vn.random.key(size), [size], { dtype });
      const [eager, compiled] = [f(x), vn.filterJit(f)(x)].map((y) => y.astype("float32").tolist());
      // All but tanh are exact before they are rounded, and tanh is nearly so.
      (eager as number[]).forEach((y, i) => {
        const gap = Math.abs(y - (compiled as number[])[i]);
        assert(gap <= Math.abs(y) * 2 ** -6 + 2 ** -9, `${dtype}: element ${i}`);
      });
      assertEquals(
        vn.filterJit((x: vn.NDArray) => x.mul(3).add(0.1))(x).tolist(),
        x.mul(3).add(0.1).tolist(),
      );
    }
  }
});

Deno.test("sums, scatters and selections of long arrays of every stored dtype", () => {
  const n = 5000;
  for (const dtype of ["int8", "int16", "uint16", "float16", "bfloat16"] as const) {
    const x = np.arange(n, { dtype: "int32" }).mul(7).add(3).astype("uint8").astype(dtype);
    const values = (x.tolist() as number[]).map(Number);
    const total = values.reduce((a, b) => a + b, 0);
    assertEquals(np.sum(x.astype("float32")).item(), total);
    assertEquals(np.max(x).item(), Math.max(...values));
    assertEquals(x.get(vn.slice(null, null, -3)).get(5).item(), values[n - 16]);
    assertEquals(x.reshape([50, 100]).T.get(7, 3).item(), values[307]);
    assertEquals(
      np.where(x.less(9), x, 1).get(vn.slice(0, 200)).tolist(),
      values.slice(0, 200).map((v) => v < 9 ? v : 1),
    );
    const added = x.at(np.array([0, 0, n - 1], { dtype: "int32" })).add(2);
    assertEquals([added.get(0).item(), added.get(-1).item()], [values[0] + 4, values[n - 1] + 2]);
  }
});

Deno.test("strict promotion refuses to mix any two strong dtypes, and lets weak ones be", () => {
  const previous = setChecks({ strictPromotion: true });
  try {
    const all: DType[] = [...real, "complex64", "complex128"];
    for (const a of all) {
      const x = np.ones([2], { dtype: a });
      for (const b of all) {
        const y = np.ones([2], { dtype: b });
        if (a === b) assertEquals(np.equal(x, y).tolist(), [true, true]);
        else assertThrows(() => np.equal(x, y), vn.DTypeError, "would be promoted");
      }
      if (a !== "bool") assertEquals(np.multiply(x, 2).dtype, a);
    }
  } finally {
    setChecks(previous);
  }
});

Deno.test("complex leaves are saved and loaded", async () => {
  const tree = [
    np.array([new Complex(1, 2), 3]),
    new Complex(0.5, -1),
    np.ones([3], { dtype: "bfloat16" }),
  ];
  const chunks: Uint8Array[] = [];
  await vn.treeSerialiseLeaves(
    { write: (bytes: Uint8Array) => void chunks.push(bytes.slice()) },
    tree,
  );
  const bytes = new Uint8Array(chunks.flatMap((c) => [...c]));
  const loaded = await vn.treeDeserialiseLeaves(bytes, tree) as typeof tree;
  assertEquals((loaded[0] as vn.NDArray).tolist(), (tree[0] as vn.NDArray).tolist());
  assertEquals(loaded[1], tree[1]);
  assertEquals((loaded[2] as vn.NDArray).tolist(), [1, 1, 1]);
});

Deno.test("a function of the host takes and gives complex arrays and short floats, compiled too", () => {
  const i = new Complex(0, 1);
  const turn = (x: vn.NDArray) =>
    vn.filterPureCallback(
      (x: vn.NDArray) => x.mul(i),
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([2], "complex64") }),
    ) as vn.NDArray;
  const z = np.array([new Complex(1, 2), new Complex(0, -1)]);
  const expected = [new Complex(-2, 1), new Complex(1, 0)];
  for (const run of [turn, vn.filterJit(turn)]) {
    assertEquals(np.real(run(z)).tolist(), expected.map((z) => z.re));
    assertEquals(np.imag(run(z)).tolist(), expected.map((z) => z.im));
  }
  const triple = (x: vn.NDArray) =>
    vn.filterPureCallback(
      (x: vn.NDArray) => x.mul(3),
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([2], "bfloat16") }),
    ) as vn.NDArray;
  assertEquals(vn.filterJit(triple)(np.ones([2], { dtype: "bfloat16" })).tolist(), [3, 3]);
});
