/**
 * Temporaries of several dtypes at one place of scratch: what is written as one is not taken for what was read as another.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { BufferDecl, Program, Stmt } from "../../src/loopnest/ir.ts";
import { constant, type Expr, index, load, makeVar } from "../../src/loopnest/expr.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import { Compiled } from "./run.ts";

const at = index(0);
const decl = (
  id: number,
  dtype: BufferDecl["dtype"],
  role: BufferDecl["role"],
): BufferDecl => ({
  id,
  dtype,
  size: 1,
  role,
  position: role === "temp" ? -1 : 0,
  offset: 0,
  donor: -1,
});

const store = (buffer: number, value: Expr): Stmt => ({
  kind: "store",
  buffer,
  index: at,
  value,
});

Deno.test("a value that is read before another dtype overwrites it is the old one", async () => {
  const old = makeVar("old", "float32");
  const program: Program = {
    name: "overlap",
    buffers: [
      decl(0, "float32", "input"),
      decl(1, "float32", "output"),
      decl(2, "float32", "temp"),
      decl(3, "int32", "temp"),
    ],
    steps: [
      { kind: "nest", name: "fill", body: [store(2, load(0, "float32", at))] },
      {
        kind: "nest",
        name: "replace",
        body: [
          { kind: "let", v: old, value: load(2, "float32", at) },
          store(3, constant(7, "int32")),
          store(1, old),
        ],
      },
    ],
    scratchBytes: 64,
  };
  verifyProgram(program);
  const input = new Float32Array([2.5]);
  assertEquals([...interpret(program, [input])[0]], [2.5]);
  const compiled = new Compiled(await loadBinaryen(), program);
  compiled.view(0).set(input as never);
  compiled.run();
  assertEquals([...compiled.view(1)], [2.5]);
});

Deno.test("a value found by an index that another dtype overwrites is the one of the old index", async () => {
  const old = makeVar("old", "float32");
  const program: Program = {
    name: "overlap",
    buffers: [
      { ...decl(0, "float32", "input"), size: 3 },
      decl(1, "float32", "output"),
      decl(2, "int32", "temp"),
      decl(3, "float32", "temp"),
    ],
    steps: [
      { kind: "nest", name: "fill", body: [store(2, constant(1, "int32"))] },
      {
        kind: "nest",
        name: "replace",
        body: [
          { kind: "let", v: old, value: load(0, "float32", load(2, "int32", at)) },
          store(3, constant(7, "float32")),
          store(1, old),
        ],
      },
    ],
    scratchBytes: 64,
  };
  verifyProgram(program);
  const input = new Float32Array([2.5, 3.5, 4.5]);
  const binaryen = await loadBinaryen();
  assertEquals(interpret(program, [input]), [Float32Array.of(3.5)]);
  assertEquals(new Compiled(binaryen, program).call([input]), [Float32Array.of(3.5)]);
});
