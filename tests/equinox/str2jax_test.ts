/**
 * The behaviour of Equinox's `test_str2jax.py`, under its upstream name.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { str2jax } from "../../src/internal/mod.ts";

Deno.test("equinox/str2jax/test_basic: a text as a tree without leaves", () => {
  let traces = 0;
  const f = vn.jit((x: object) => {
    traces++;
    return x;
  });
  for (let i = 0; i < 2; i++) assertEquals(String(f(str2jax("hi"))), "hi");
  assertEquals(traces, 1);
  f(str2jax("ho"));
  assertEquals(traces, 2);
  assertEquals(vn.tree.leaves(str2jax("hi")), []);
  assertEquals(vn.treePformat([str2jax("hi")]), "[hi]");
  assert(vn.treeEqual(str2jax("a"), str2jax("a")) === true);
  assert(vn.treeEqual(str2jax("a"), str2jax("b")) === false);
});
