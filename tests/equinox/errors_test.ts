/**
 * The behaviours of Equinox's `test_errors.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { assertDce, nondifferentiableBackward } from "../../src/internal/mod.ts";

const { kwargs, numpy: np } = vn;

const nonnegative = (x: vn.NDArray) => vn.errorIf(x, x.less(0), "x must be non-negative");

Deno.test("equinox/errors/test_basic: a predicate that is true throws, compiled or not", () => {
  for (const f of [nonnegative, vn.jit(nonnegative), vn.filterJit(nonnegative)]) {
    assertEquals(f(np.array(1)).item(), 1);
    assertThrows(() => f(np.array(-1)), vn.RuntimeCheckError, "x must be non-negative");
  }
});

Deno.test("equinox/errors/test_vmap: mapped over the value or the predicate, each failing example is named", () => {
  const f = vn.filterJit(vn.filterVmap(nonnegative));
  f(np.array([1, 2]));
  assertThrows(
    () => f(np.array([1, -1])),
    vn.RuntimeCheckError,
    "Batch index (1,) had error:\nx must be non-negative",
  );
  const g = vn.filterJit(
    vn.filterVmap((x: vn.NDArray, p: vn.NDArray) => vn.errorIf(x, p, "oh no"), {
      inAxes: [null, 0],
    }),
  );
  g(np.array(1), np.array([false, false]));
  const { message } = assertThrows(
    () => g(np.array(1), np.array([true, true])),
    vn.RuntimeCheckError,
  );
  assertEquals(message, "Batch index (0,) had error:\noh no\nBatch index (1,) had error:\noh no");
});

Deno.test("equinox/errors/test_jvp: the primal is checked, the tangent passes", () => {
  const f = vn.filterJit((p: vn.NDArray, t: vn.NDArray) => vn.jvp(nonnegative, [p], [t]));
  const [out, tangent] = f(np.array(1), np.array(-1));
  assertEquals([out.item(), tangent.item()], [1, -1]);
  assertThrows(() => f(np.array(-1), np.array(1)), vn.RuntimeCheckError);
});

Deno.test("equinox/errors/test_grad: the gradient is that of the identity, and checked", () => {
  const loss = (x: vn.NDArray, y: vn.NDArray) =>
    nonnegative(x).mul(vn.errorIf(y, y.less(0), "y")).sum();
  const f = vn.filterJit(vn.grad(loss, { argnums: [0, 1] }));
  const [gx, gy] = f(np.array([1, 2]), np.array([1, 2]));
  assertEquals([gx.tolist(), gy.tolist()], [[1, 2], [1, 2]]);
  assertThrows(() => f(np.array([1, -2]), np.array([1, 2])), vn.RuntimeCheckError, "x must be");
  assertThrows(() => f(np.array([1, 2]), np.array([-1, 2])), vn.RuntimeCheckError, "y");
});

Deno.test("equinox/errors/test_grad2: beside something that must not be pulled back through, the check works", () => {
  const f = vn.filterJit(vn.grad((x: vn.NDArray, terminate: vn.NDArray) => {
    const fixed = nondifferentiableBackward(np.array(1).add(vn.lax.stopGradient(x)));
    const [y] = vn.errorIf([x, fixed], terminate, "oh no");
    return y.mul(y);
  }));
  assertEquals(f(np.array(1), np.array(false)).item(), 2);
  assertThrows(() => f(np.array(1), np.array(true)), vn.RuntimeCheckError, "oh no");
});

Deno.test("equinox/errors/test_tracetime: a predicate known to be true throws while tracing", () => {
  const f = vn.filterJit((x: vn.NDArray) => vn.errorIf(x, true, "hi"));
  assertThrows(() => f(np.array(1)), vn.RuntimeCheckError, "hi");
  assertThrows(() => f.lower(np.array(1)), vn.RuntimeCheckError, "hi");
});

Deno.test("equinox/errors/test_nan: NaN in place of the value where the predicate is true", () => {
  const f = vn.filterJit((x: vn.NDArray, p: vn.NDArray) =>
    vn.errorIf(x, p, "hi", { onError: "nan" })
  );
  assertEquals(f(np.array(1), np.array(true)).item(), NaN);
  assertEquals(f(np.array(1), np.array(false)).item(), 1);
});

Deno.test("equinox/errors/test_off_tracetime: no check, though it is known to fail", () => {
  const f = vn.filterJit((x: vn.NDArray) => vn.errorIf(x, true, "hi", { onError: "off" }));
  assertEquals(f(np.array(1)).item(), 1);
});

Deno.test("equinox/errors/test_off: no check", () => {
  const f = vn.filterJit((x: vn.NDArray, p: vn.NDArray) =>
    vn.errorIf(x, p, "hi", { onError: "off" })
  );
  assertEquals(f(np.array(1), np.array(true)).item(), 1);
});

Deno.test("equinox/errors/test_assert_dce: what is dropped may be asserted to be; at once nothing is", () => {
  const dropped = (x: vn.NDArray) => {
    assertDce(x.add(1), "used");
    return x;
  };
  const used = (x: vn.NDArray) => assertDce(x.add(1), "used");
  assertEquals(vn.filterJit(dropped)(np.array(1)).item(), 1);
  assertThrows(() => vn.filterJit(used)(np.array(1)), vn.RuntimeCheckError, "used");
  assertEquals(dropped(np.array(1)).item(), 1);
  assertEquals(used(np.array(1)).item(), 2);
});

Deno.test("equinox/errors/test_traceback_runtime_eqx: through nested jits the message comes out as it is, with the place in the traced code", () => {
  const g = vn.filterJit((x: vn.NDArray) => vn.errorIf(x, x.greater(0), "egads"));
  const f = vn.filterJit((x: vn.NDArray) => g(x));
  const error = assertThrows(() => f(np.array(1)), vn.RuntimeCheckError);
  assertEquals(error.message, "egads");
  assert((error.cause as Error).stack!.includes("errors_test.ts"));
});

Deno.test("equinox/errors/test_traceback_runtime_custom: a foreign exception comes out as the cause, untouched", () => {
  class Custom extends Error {}
  const thrown = new Custom("egads");
  const g = vn.filterJit((x: vn.NDArray) =>
    vn.filterPureCallback(
      (): vn.NDArray => {
        throw thrown;
      },
      x as never,
      kwargs({ resultShapeDtypes: x }),
    )
  );
  const f = vn.filterJit((x: vn.NDArray) => g(x));
  const error = assertThrows(() => f(np.array(1)), vn.CallbackError, "egads");
  assert(error.cause === thrown);
  const tracing = vn.filterJit(() => {
    throw thrown;
  });
  try {
    tracing();
    assert(false);
  } catch (caught) {
    assert(caught === thrown);
  }
});

Deno.test("equinox/errors/test_error_after_success: a call that went well does not keep the next from failing", () => {
  const f = vn.filterJit(nonnegative);
  for (let i = 0; i < 3; i++) {
    assertEquals(f(np.array(i)).item(), i);
    assertThrows(() => f(np.array(-1 - i)), vn.RuntimeCheckError);
  }
});
