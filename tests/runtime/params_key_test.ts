import { assertEquals, assertNotEquals } from "@std/assert";
import { paramsKey } from "../../src/core/params_key.ts";

Deno.test("parameters of equal structure have equal keys", () => {
  const make = () => ({ axes: [0, 1], spec: { lhs: [1], mode: "clip" }, flag: true, n: null });
  assertEquals(paramsKey(make()), paramsKey(make()));
  assertEquals(paramsKey({}), "");
});

Deno.test("parameters that differ have different keys", () => {
  const keys = [
    { axes: [0, 1] },
    { axes: [0, [1]] },
    { axes: [10] },
    { axes: "0,1" },
    { axes: [0, -0] },
    { axes: [0, 0] },
    { axes: ["0", "1"] },
    { axis: [0, 1] },
    { axes: null },
    { axes: undefined },
    { axes: 1n },
    { axes: 1 },
    { axes: NaN },
    { axes: 'a";b="c' },
    { axes: "a", b: "c" },
    { axes: new Int32Array([0, 1]) },
    { axes: new Float32Array([0, 1]) },
    { axes: () => 1 },
    { axes: () => 1 },
    { axes: new Date(0) },
    { axes: new Date(0) },
    { axes: { jaxpr: 1 } },
    { axes: { jaxpr: 1 } },
  ].map(paramsKey);
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("functions and jaxprs are known by identity", () => {
  const f = () => 1;
  const jaxpr = { eqns: [] };
  assertEquals(paramsKey({ f, jaxpr }), paramsKey({ f, jaxpr }));
  assertNotEquals(paramsKey({ f: () => 1 }), paramsKey({ f }));
});
