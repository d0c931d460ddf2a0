/**
 * Loops that lie behind a guard as a whole.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import {
  binary,
  constant,
  type Expr,
  index as number,
  load,
  makeVar,
} from "../../src/loopnest/expr.ts";
import type { For, Program, Stmt, Store } from "../../src/loopnest/ir.ts";
import { Compiled } from "./run.ts";
import { add, ids, mul, ones, out, rowOf, scatterBuffers, values } from "./scatters.ts";

const binaryen = await loadBinaryen();
const [count, rows, columns] = [70, 9, 43];
const buffers = scatterBuffers(2 * rows * columns, count, columns);

const [i, j, k] = [makeVar("i"), makeVar("j"), makeVar("k")];
const row = rowOf(i, rows);
const isIn = binary("ge", load(ids, "int32", i), number(0));
const isSmall = binary("lt", load(ids, "int32", i), number(4));
const isLeft = binary("lt", j, number(17));

const store = (guard: Expr, half: number, combine: Store["combine"]): Store => ({
  kind: "store",
  buffer: out,
  index: add(add(mul(row, number(columns)), j), number(half * rows * columns)),
  value: add(load(values, "float32", add(mul(i, number(columns)), j)), constant(half, "float32")),
  ...combine === undefined ? {} : { combine },
  guard,
});
const loop = (v: For["v"], extent: number, mode: For["mode"], body: Stmt[]): For => {
  return { kind: "for", v, extent, mode, body };
};

/** What is done for each row and column. */
const bodies: Readonly<Record<string, Stmt[]>> = {
  "one store": [store(isIn, 0, "add")],
  "one store that replaces": [store(isIn, 0, undefined)],
  "two stores behind one guard": [store(isIn, 0, "add"), store(isIn, 1, "max")],
  "two stores behind two guards": [store(isIn, 0, "add"), store(isSmall, 1, "mul")],
  "a guard that columns differ in": [store(binary("and", isIn, isLeft), 0, "add")],
  "a store behind a guard that others are not": [
    store(isIn, 0, "add"),
    store(binary("ge", i, number(0)), 1, "add"),
  ],
};

for (const [name, body] of Object.entries(bodies)) {
  Deno.test(`loops behind a guard compute what the interpreter does: ${name}`, () => {
    const inputs = [
      Int32Array.from({ length: count }, (_, n) => (n * n) % (rows + 3) - 2),
      Float32Array.from({ length: count * columns }, (_, n) => Math.sin(n)),
    ];
    const inLanes = loop(j, columns, "vector", body);
    const nests = [
      [loop(i, count, "serial", [inLanes])],
      // A loop more, whose turns are all behind the guard too.
      [loop(i, count, "serial", [loop(k, 3, "serial", [inLanes])])],
      [loop(i, count, "serial", [loop(j, columns, "serial", body)])],
    ];
    for (const nest of nests) {
      const steps = [
        ones(2 * rows * columns),
        { kind: "nest", name: "scatter", body: nest } as const,
      ];
      const program: Program = { name: "test", buffers, steps, scratchBytes: 0 };
      const expected = interpret(program, inputs);
      assert(expected[0]!.some((x) => x !== 1));
      for (const chunkCost of [100, 8192]) {
        const compiled = new Compiled(binaryen, program, { chunkCost });
        assertEquals(compiled.call(inputs), expected);
        assert(compiled.isIntact());
      }
    }
  });
}
