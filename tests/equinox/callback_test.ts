/**
 * The behaviours of Equinox's `test_callback.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { kwargs, numpy: np } = vn;

const sentinel = Symbol("sentinel");
const sentinel2 = Symbol("sentinel2");
const resultShapeDtypes = [new vn.ShapeDtypeStruct([2], "float32"), sentinel2];

Deno.test("equinox/callback/test_callback: static leaves pass both ways, eagerly and compiled", () => {
  const callback = (x: vn.NDArray, y: unknown) => {
    assert(y === sentinel);
    return [x.astype("float32"), sentinel2];
  };
  const f = (x: vn.NDArray) =>
    vn.filterPureCallback(
      callback,
      x,
      sentinel,
      kwargs({ resultShapeDtypes: resultShapeDtypes as unknown[] }),
    );
  const x = np.array([1, 2], { dtype: "int32" });
  for (const call of [f, vn.filterJit(f)]) {
    const [out, mark] = call(x) as [vn.NDArray, unknown];
    assertEquals(out.dtype, "float32");
    assertEquals(out.tolist(), [1, 2]);
    assert(mark === sentinel2);
  }
});

Deno.test("equinox/callback/test_wrong: another static leaf than was announced is an error, eagerly and compiled", () => {
  const callback = (x: vn.NDArray) => [x.astype("float32"), sentinel];
  const f = (x: vn.NDArray) =>
    vn.filterPureCallback(
      callback,
      x,
      kwargs({ resultShapeDtypes: resultShapeDtypes as unknown[] }),
    );
  for (const call of [f, vn.filterJit(f)]) {
    assertThrows(
      () => call(np.array([1, 2], { dtype: "int32" })),
      vn.CallbackError,
      "did not return matching static elements",
    );
  }
});
