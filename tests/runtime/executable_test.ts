import { assert, assertEquals, assertThrows } from "@std/assert";
import wabt from "wabt";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import { ArgumentError, DonatedError } from "../../src/errors.ts";
import type { BufferDecl, Program, Step } from "../../src/loopnest/ir.ts";
import { binary, load, makeVar } from "../../src/loopnest/expr.ts";
import { aliasArray, arrayFromTypedArray, fullArray } from "../../src/runtime/concrete.ts";
import { type Callable, Executable, InterpretedExecutable } from "../../src/runtime/executable.ts";
import { memory } from "../../src/runtime/memory_report.ts";
import { spillAll } from "../../src/runtime/storage.ts";
import { collect, filled, live } from "./helpers.ts";

const { parseWat } = await wabt();

/** `out = x + y` over n float32, in WAT and as a loop nest; the output takes over input `donor`. */
function addition(n: number, donor: number, scratchBytes = 0): { program: Program; wat: string } {
  const i = makeVar("i");
  const read = (buffer: number) => load(buffer, "float32", i);
  const step: Step = {
    kind: "nest",
    name: "add",
    body: [{
      kind: "for",
      v: i,
      extent: n,
      mode: "vector",
      body: [{ kind: "store", buffer: 2, index: i, value: binary("add", read(0), read(1)) }],
    }],
  };
  const decl = (id: number, role: BufferDecl["role"], position: number): BufferDecl => ({
    id,
    role,
    position,
    dtype: "float32",
    size: n,
    offset: 0,
    donor: role === "output" ? donor : -1,
  });
  const buffers = [decl(0, "input", 0), decl(1, "input", 1), decl(2, "output", 0)];
  const program = { name: "addition", buffers, steps: [step], scratchBytes };
  const at = (k: number) =>
    `(i32.add (i32.load offset=${4 * k} (local.get $t)) (i32.shl (local.get $i) (i32.const 2)))`;
  const wat = `(module (import "env" "memory" (memory 1 65536 shared))
    (func (export "run") (param $t i32) (local $i i32)
      (loop $next
        (f32.store ${at(2)} (f32.add (f32.load ${at(0)}) (f32.load ${at(1)})))
        (br_if $next (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${n})))))
  )`;
  return { program, wat };
}

function compiled(n: number, donor: number, outShape = [n]): Executable {
  const { program, wat } = addition(n, donor, 100);
  const { buffer } = parseWat("m.wat", wat, { threads: true }).toBinary({});
  const module = new WebAssembly.Module(buffer as Uint8Array<ArrayBuffer>);
  return new Executable(program, module, [shapedArray(outShape, "float32")]);
}

function interpreted(n: number, donor: number): Callable {
  const outs: ShapedArray[] = [shapedArray([n], "float32")];
  return new InterpretedExecutable(addition(n, donor).program, outs);
}

for (const [how, make] of [["compiled", compiled], ["interpreted", interpreted]] as const) {
  for (const n of [4, 1000]) {
    Deno.test(`a ${how} program of ${n} elements gives a fresh array and leaves its inputs`, () => {
      const [x, y] = [filled([n], 1), filled([n], 2)];
      const [z] = make(n, -1).run([x, y]);
      assertEquals(z.dataSync(), new Float32Array(n).fill(3));
      assertEquals(x.dataSync(), new Float32Array(n).fill(1));
      assertEquals(y.dataSync(), new Float32Array(n).fill(2));
    });

    Deno.test(`a ${how} program of ${n} elements takes donated arrays away`, () => {
      const [x, y] = [filled([n], 1), filled([n], 2)];
      const [z] = make(n, 0).run([x, y], [true, false]);
      assertEquals(z.dataSync(), new Float32Array(n).fill(3));
      assert(x.isDeleted && !y.isDeleted);
      assertThrows(() => x.dataSync(), DonatedError, "donation to addition");
    });
  }
}

Deno.test("a donated array's memory becomes the output's", () => {
  const run = compiled(1000, 0);
  let x = filled([1000], 0);
  const y = filled([1000], 1);
  const address = x.address();
  const before = live();
  for (let i = 0; i < 100; i++) [x] = run.run([x, y], [true, false]);
  assertEquals(x.address(), address);
  assertEquals(live(), before);
  assertEquals(x.dataSync()[999], 100);
});

Deno.test("the output of a donation has its own aval", () => {
  const [z] = compiled(1000, 0, [10, 100]).run([filled([1000], 0), filled([1000], 1)], [
    true,
    false,
  ]);
  assertEquals(z.shape, [10, 100]);
  assertEquals(z.storage!.lease!.aval, z.aval);
});

Deno.test("memory that another array shares is not overwritten, donated or not", () => {
  const run = compiled(1000, 0);
  const x = filled([1000], 1);
  const alias = aliasArray(x, shapedArray([10, 100], "float32"));
  const [z] = run.run([x, x], [true, false]);
  assertEquals(z.dataSync()[0], 2);
  assertEquals(alias.dataSync()[0], 1);
  assert(x.isDeleted);
  const y = filled([1000], 1);
  const [w] = run.run([y, y], [true, false]);
  assertEquals(w.dataSync(), new Float32Array(1000).fill(2));
  const u = filled([1000], 5);
  const [v] = run.run([u, u]); // nothing is donated
  assertEquals([u.dataSync()[7], v.dataSync()[7]], [5, 10]);
});

Deno.test("few elements pass through slots, and get memory of their own where they are used often", () => {
  const run = compiled(4, -1);
  const before = live();
  const [x, y] = [filled([4], 1), filled([4], 2)];
  const results = Array.from({ length: 20 }, () => run.run([x, y])[0]);
  assertEquals(results.map((z) => z.tolist()), results.map(() => [3, 3, 3, 3]));
  assertEquals(live().buffers - before.buffers, 2);
  x.delete();
  y.delete();
  assertEquals(live(), before);
});

Deno.test("an array of few elements that is donated over and over stays right", () => {
  const run = compiled(4, 0);
  let x = filled([4], 0);
  const y = fullArray(shapedArray([4], "float32"), 1);
  for (let i = 0; i < 30; i++) {
    const [next] = run.run([x, y], [true, false]);
    assert(x.isDeleted);
    x = next;
    assertEquals(x.tolist(), new Array(4).fill(i + 1));
  }
});

Deno.test("inputs that were moved out come back", () => {
  const run = compiled(1000, -1);
  const [x, y] = [filled([1000], 1), filled([1000], 2)];
  spillAll();
  assertEquals(run.run([x, y])[0].dataSync()[999], 3);
});

Deno.test("deleted inputs and wrong counts are refused before anything runs", () => {
  const run = compiled(1000, 0);
  const [x, y] = [filled([1000], 1), filled([1000], 2)];
  y.delete();
  assertThrows(() => run.run([x, y], [true, true]), DonatedError);
  assert(!x.isDeleted);
  assertEquals(x.dataSync()[0], 1);
  assertThrows(() => run.run([x]), ArgumentError, "takes 2 arrays, got 1");
});

Deno.test("what programs allocate is theirs in memory()", async () => {
  const run = compiled(1000, -1);
  const x = arrayFromTypedArray(new Float32Array(1000));
  const kept = run.run([x, x]);
  assert(memory().byOwner["addition"].buffers >= 1);
  kept[0].delete();
  await collect();
  assertEquals(memory().byOwner["addition"], undefined);
});
