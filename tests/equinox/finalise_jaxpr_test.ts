/**
 * Equinox's tests of finalisation, by behaviour.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import {
  finaliseFn,
  finaliseJaxpr,
  finaliseMakeJaxpr,
  noinline,
  nontraceable,
  unvmapAny,
} from "../../src/internal/mod.ts";

const { numpy: np } = vn;

const mlp = new vn.nn.MLP(2, 2, 4, 2, { key: vn.random.key(0), activation: np.tanh });
const x = np.array([0.5, -0.3]);
const flags = np.array([true, false]);

/** Whether a primitive of this name is anywhere in a jaxpr. */
const holds = (jaxpr: unknown, name: string) => new RegExp(`= ${name}\\b`).test(String(jaxpr));

Deno.test("equinox/finalise_jaxpr/test_jaxpr2jaxpr_nocustom_idempotent: a jaxpr of plain operations stays as it is", () => {
  const jaxpr = vn.makeJaxpr((x: vn.NDArray) => mlp.call(x))(x);
  const once = finaliseJaxpr(jaxpr);
  assertEquals(String(once), String(jaxpr));
  assertEquals(String(finaliseJaxpr(once)), String(once));
});

Deno.test("equinox/finalise_jaxpr/test_jaxpr2jaxpr_custom_idempotent: primitives of this library's own give way, once and for all", () => {
  const fn = (x: vn.NDArray) => unvmapAny(nontraceable(x));
  const jaxpr = vn.makeJaxpr(fn)(flags);
  assert(holds(jaxpr, "unvmap_any") && holds(jaxpr, "nontraceable"));
  const once = finaliseJaxpr(jaxpr);
  assertEquals(
    String(once),
    "{ lambda ; a:bool[2]. let b:bool[] = reduce_or[axes=(0,)] a in (b,) }",
  );
  assertEquals(String(finaliseJaxpr(once)), String(once));
});

Deno.test("equinox/finalise_jaxpr/test_fn2fn_nocustom_idempotent: a finalised function computes the same", () => {
  const once = finaliseFn((x: vn.NDArray) => mlp.call(x));
  const twice = finaliseFn(once);
  assert(np.allclose(once(x), mlp.call(x)).item());
  assertEquals(
    String(vn.makeJaxpr(once)(x)),
    String(vn.makeJaxpr((x: vn.NDArray) => mlp.call(x))(x)),
  );
  assertEquals(String(vn.makeJaxpr(twice)(x)), String(vn.makeJaxpr(once)(x)));
});

Deno.test("equinox/finalise_jaxpr/test_fn2fn_custom_idempotent: and holds no primitive of this library's own", () => {
  const once = finaliseFn((x: vn.NDArray) => ({ any: unvmapAny(x), same: nontraceable(x) }));
  assertEquals(once(flags).any.tolist(), true as never);
  const jaxpr = vn.makeJaxpr(once)(flags);
  assert(!holds(jaxpr, "unvmap_any") && !holds(jaxpr, "nontraceable"));
  assertEquals(String(vn.makeJaxpr(finaliseFn(once))(flags)), String(jaxpr));
  assertEquals(
    String(finaliseMakeJaxpr(once)(new vn.ShapeDtypeStruct([2], "bool"))),
    String(jaxpr),
  );
});

Deno.test("equinox/finalise_jaxpr/test_cond: inside of branches and loops too", () => {
  const fn = (x: vn.NDArray) =>
    vn.lax.cond(x.get(0), (x: vn.NDArray) => unvmapAny(x), (x: vn.NDArray) => x.get(1), x);
  const jaxpr = vn.makeJaxpr(fn)(flags);
  assert(holds(jaxpr, "unvmap_any"));
  const once = finaliseJaxpr(jaxpr);
  assert(holds(once, "cond") && holds(once, "reduce_or") && !holds(once, "unvmap_any"));
  assertEquals(finaliseFn(fn)(flags).tolist(), true as never);
  const loop = (x: vn.NDArray) =>
    vn.lax.scan((c: vn.NDArray) => [nontraceable(c), null], x, null, { length: 2 })[0];
  assert(!holds(finaliseJaxpr(vn.makeJaxpr(loop)(flags)), "nontraceable"));
});

Deno.test("equinox/finalise_jaxpr/test_custom_jvp: a function with a derivative rule gives way to itself", () => {
  const own = vn.filterCustomJvp((x: vn.NDArray) => nontraceable(x).mul(2));
  own.defJvp(([x], [t]) => [own(x), t]);
  const jaxpr = vn.makeJaxpr((x: vn.NDArray) => own(x))(x);
  assert(holds(jaxpr, "custom_jvp_call"));
  assertEquals(
    String(finaliseJaxpr(jaxpr)),
    "{ lambda ; a:f32[2]. let b:f32[2] = mul a 2.0:f32[] in (b,) }",
  );
});

Deno.test("equinox/finalise_jaxpr/test_custom_vjp: and so does one with a pullback of its own", () => {
  const own = vn.filterCustomVjp((x: vn.NDArray) => nontraceable(x).mul(2));
  own.defFwd((_perturbed, x) => [x.mul(2), null]);
  own.defBwd((_residuals, g) => g);
  const jaxpr = vn.makeJaxpr((x: vn.NDArray) => own(x))(x);
  assert(holds(jaxpr, "custom_vjp_call"));
  assertEquals(
    String(finaliseJaxpr(jaxpr)),
    "{ lambda ; a:f32[2]. let b:f32[2] = mul a 2.0:f32[] in (b,) }",
  );
});

Deno.test("equinox/finalise_jaxpr/test_checkpoint: a checkpoint, a compiled function and a noinline one give way to what they call", () => {
  const inner = vn.filterJit((x: vn.NDArray) => nontraceable(x).mul(2));
  const apart = noinline((x: vn.NDArray) => x.add(1));
  const fn = (x: vn.NDArray) =>
    apart(vn.filterCheckpoint((x: vn.NDArray) => vn.checkpointName(inner(x), "a"))(x));
  const jaxpr = vn.makeJaxpr(fn)(x);
  assert(holds(jaxpr, "remat2") && holds(jaxpr, "noinline"));
  assertEquals(
    String(finaliseJaxpr(jaxpr)).replaceAll(/\s+/g, " "),
    "{ lambda ; a:f32[2]. let b:f32[2] = mul a 2.0:f32[] c:f32[2] = add b 1.0:f32[] in (c,) }",
  );
});
