/**
 * Which scatters threads share by owning rows.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { byOwners } from "../../src/backends/wasm/owners.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { binary, index as number, load, makeVar } from "../../src/loopnest/expr.ts";
import type { For, Nest, Program, Store } from "../../src/loopnest/ir.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { makeGround } from "../threads/ground.ts";
import { Compiled } from "./run.ts";
import { add, ids, mul, ones, out, rowOf, scatterBuffers, values } from "./scatters.ts";

const [count, rows, columns] = [300, 40, 96];
const buffers = scatterBuffers(rows * columns, count, columns);

const [i, j] = [makeVar("i"), makeVar("j")];
const row = rowOf(i, rows);
const term = load(values, "float32", add(mul(i, number(columns)), j));

/** A scatter of rows, something about it another way. */
function scatter(given: Partial<Store> = {}, mode: For["mode"] = "serial"): Nest {
  const store: Store = {
    kind: "store",
    buffer: out,
    index: add(mul(row, number(columns)), j),
    value: term,
    combine: "add",
    ...given,
  };
  const inner: For = { kind: "for", v: j, extent: columns, mode: "vector", body: [store] };
  const outer: For = { kind: "for", v: i, extent: count, mode, body: [inner] };
  return { kind: "nest", name: "scatter", body: [outer] };
}

const owners = (nest: Nest) => byOwners(nest, buffers, (b) => b, 2, 0)?.count ?? null;

Deno.test("a scatter of rows has owners, two for each thread and four at least", () => {
  assertEquals(owners(scatter()), 4);
  assertEquals(byOwners(scatter(), buffers, (b) => b, 5, 0)?.count, 10);
  assertEquals(owners(scatter({ index: add(j, mul(number(columns), row)) })), 4);
  const guard = binary("ge", load(ids, "int32", i), number(0));
  assertEquals(owners(scatter({ guard })), 4);
});

Deno.test("an array that stays in caches has no owners", () => {
  assertEquals(byOwners(scatter(), buffers, (b) => b, 2), null);
});

Deno.test("rows that are not apart in memory have no owners", () => {
  // Rows begin every 95 elements, and are 96 long.
  assertEquals(owners(scatter({ index: add(mul(row, number(columns - 1)), j) })), null);
  // The last row would begin before the first element.
  assertEquals(
    owners(scatter({ index: add(mul(row, number(columns)), binary("sub", j, number(1))) })),
    null,
  );
  // The row differs from column to column.
  const other = rowOf(j, rows);
  assertEquals(owners(scatter({ index: add(mul(other, number(columns)), j) })), null);
});

Deno.test("an update that reads what is written, or a nest whose loops are independent, has no owners", () => {
  assertEquals(owners(scatter({ value: load(out, "float32", j) })), null);
  assertEquals(byOwners(scatter(), buffers, (b) => b === values ? out : b, 2, 0), null);
  assertEquals(owners(scatter({}, "parallel")), null);
});

Deno.test("owners store what one thread would, in its order", async () => {
  const binaryen = await loadBinaryen();
  const inputs = [
    Int32Array.from({ length: count }, (_, k) => (k * k) % (rows + 3) - 1),
    Float32Array.from({ length: count * columns }, (_, k) => Math.sin(k) * 2 ** (k % 30)),
  ];
  const guard = binary("ge", load(ids, "int32", i), number(0));
  for (const given of [{}, { guard }, { combine: "max" }, { guard, combine: "mul" }] as const) {
    const program: Program = {
      name: "test",
      buffers,
      steps: [ones(rows * columns), scatter(given)],
      scratchBytes: 0,
    };
    const expected = interpret(program, inputs);
    for (const threads of [1, 2, 5]) {
      const ground = await makeGround(threads);
      try {
        const compiled = new Compiled(binaryen, program, {
          shareCost: 200,
          chunkCost: 400,
          threads,
          loops: { leastOwned: 0 },
        }, ground);
        assert(
          compiled.emitted.sharing?.jobs === (threads === 1 ? undefined : 2),
          "the scatter is not shared",
        );
        for (let call = 0; call < 5; call++) assertEquals(compiled.call(inputs), expected);
        assert(compiled.isIntact());
      } finally {
        ground.pool.stop();
      }
    }
  }
});
