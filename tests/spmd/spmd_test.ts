/**
 * What runs programs for several devices, against what they mean.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { compileSpmd } from "../../src/runtime/spmd/compile.ts";
import { type Part, programOf } from "./programs.ts";

const { lax, numpy: np, P } = vn;
await vn.init("cpu", { devices: 8 });

Deno.test("compileSpmd: an axis over two mesh axes, a psum over one", () => {
  const mesh = vn.makeMesh([2, 3], ["a", "b"]);
  const parts: Part[] = [[[2, 3], P(["b", "a"], null)], [[3], P()]];
  const program = programOf(mesh, parts, [P("a"), P("b"), P(["b", "a"])], (x, y) => [
    lax.psum(x.mul(y), "b"),
    lax.psum(x.add(y), "a"),
    x.mul(2),
  ]);
  const x = np.arange(36).reshape(12, 3).astype("float32");
  const y = np.arange(3).astype("float32");
  const [byA, byB, twice] = compileSpmd(program, { name: "f" }).run([x, y]);
  const cut = x.reshape(3, 2, 2, 3);
  assertEquals(byA.tolist(), cut.mul(y).sum(0).reshape(4, 3).tolist());
  assertEquals(byB.tolist(), cut.add(y).sum(1).reshape(6, 3).tolist());
  assertEquals(twice.tolist(), x.mul(2).tolist());
  assertEquals(String(byB.sharding), String(new vn.NamedSharding(mesh, P("b"))));
});
