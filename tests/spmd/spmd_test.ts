/**
 * What runs programs for several devices, against what they mean: the same under `vmap` over each axis of the mesh.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { compileSpmd, type SpmdExecutable } from "../../src/runtime/spmd/compile.ts";
import { planSpmd } from "../../src/runtime/spmd/plan.ts";
import { mappedProgram } from "../../src/runtime/spmd/reference.ts";
import { evalClosedJaxpr } from "../../src/transform/stage.ts";
import type { SpmdProgram } from "../../src/core/spmd.ts";
import { threadPool } from "../../src/runtime/threads.ts";
import { type Part, programOf } from "./programs.ts";

const { lax, numpy: np, P, random } = vn;
await vn.init("cpu", { devices: 8 });

/** Numbers that are small integers, so that sums are exact in any order. */
function numbers(shape: readonly number[], dtype: vn.DType = "float32", seed = 0): vn.NDArray {
  const drawn = random.randint(random.key(seed), shape, -4, 5);
  return drawn.astype(dtype);
}

/** Runs a program by devices, and mapped; checks that it gives the same each time. */
function check(program: SpmdProgram, inputs: readonly vn.NDArray[]): SpmdExecutable {
  // It has a plan, and is not just run as what it is compared with.
  planSpmd(program, "f");
  const executable = compileSpmd(program, { name: "f" });
  const expected = evalClosedJaxpr(mappedProgram(program), inputs).map((x) => x.tolist());
  for (let turn = 0; turn < 3; turn++) {
    const outs = executable.run(inputs);
    outs.forEach((x, i) => {
      assertEquals(x.tolist(), expected[i], `output ${i}`);
      const { mesh, outSpecs } = program;
      assertEquals(String(x.sharding), String(new vn.NamedSharding(mesh, outSpecs[i])));
      assert(x.committed);
    });
  }
  return executable;
}

const line = vn.makeMesh([4], ["x"]);
const grid = vn.makeMesh([2, 3], ["a", "b"]);

Deno.test("compileSpmd: an axis over two mesh axes, a psum over one", () => {
  const parts: Part[] = [[[2, 3], P(["b", "a"], null)], [[3], P()]];
  const program = programOf(grid, parts, [P("a"), P("b"), P(["b", "a"])], (x, y) => [
    lax.psum(x.mul(y), "b"),
    lax.psum(x.add(y), "a"),
    x.mul(2),
  ]);
  check(program, [numbers([12, 3]), numbers([3])]);
});

for (
  const dtype of [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int32",
    "uint8",
    "complex64",
  ] as const
) {
  Deno.test(`compileSpmd: every collective moves ${dtype}`, () => {
    const parts: Part[] = [[[4, 5], P("x"), dtype]];
    const perm = [[0, 2], [1, 0], [2, 3], [3, 1]] as const;
    const outs = [P(), P(null, null, "x"), P("x"), P("x"), P("x"), P(null, "x"), P("x")];
    const program = programOf(line, parts, outs, (x) => [
      lax.psum(x, "x"),
      lax.allGather(x, "x").mul(x),
      lax.psumScatter(x, "x", { scatterDimension: 0 }),
      lax.psumScatter(x, "x", { scatterDimension: 0, tiled: true }),
      lax.allToAll(x, "x", 0, 1, { tiled: true }),
      lax.ppermute(x, "x", perm.map((p) => [...p])),
      x.add(lax.axisIndex("x").astype(dtype)),
    ]);
    check(program, [numbers([16, 5], "float32").abs().astype(dtype)]);
  });
}

Deno.test("compileSpmd: extremes, and all_gather of keys and booleans", () => {
  const parts: Part[] = [[[3], P("x")], [[2], P("x"), "key<fry>"], [[5], P("x"), "bool"]];
  const program = programOf(line, parts, [P(), P(), P(), P()], (x, key, flag) => [
    lax.pmax(x, "x"),
    lax.pmin(x, "x"),
    random.keyData(lax.allGather(key, "x", { tiled: true })),
    lax.allGather(flag, "x"),
  ]);
  check(program, [numbers([12]), random.split(random.key(0), 8), numbers([20]).greater(0)]);
});

Deno.test("compileSpmd: parts that are not contiguous, in and out", () => {
  const mesh = vn.makeMesh([2, 2, 2], ["a", "b", "c"]);
  const spec = P("a", ["c", "b"]);
  const program = programOf(mesh, [[[3, 5, 2], spec], [[2, 7], P(null, "b")]], [
    spec,
    P(null, "b"),
    P(null, "b"),
  ], (x, y) => [
    x.mul(2),
    y.add(1),
    lax.psum(y, "a"),
  ]);
  check(program, [numbers([6, 20, 2]), numbers([2, 14])]);
});

Deno.test("compileSpmd: what is the same everywhere, arguments handed on, constants, outputs twice", () => {
  const weights = numbers([7, 3], "float32", 5);
  const program = programOf(line, [[[2, 7], P("x")], [[3], P()]], [
    P("x"),
    P("x"),
    P(),
    P(),
    P(),
    P("x"),
    P(),
    P("x"),
  ], (x, y) => {
    const z = x.matmul(weights).add(y);
    return [z, x, y, np.array(3), y.mul(2), z, lax.psum(z.sum(), "x"), y.add(1)];
  });
  check(program, [numbers([8, 7]), numbers([3])]);
});

Deno.test("compileSpmd: loops with collectives inside", () => {
  const parts: Part[] = [[[6, 3], P(null, "x")], [[3], P("x")]];
  for (const reverse of [false, true]) {
    const scanned = programOf(line, parts, [P("x"), P(), P(null, "x"), P()], (xs, c) => {
      const [[carry, total], [ys, sums]] = lax.scan(
        ([c, t]: readonly vn.NDArray[], x: vn.NDArray) => {
          const s = lax.psum(x, "x");
          return [[c.add(x).sub(s.mul(0.5)), t.add(s)], [c, s]];
        },
        [c, np.zeros([3])],
        xs,
        { reverse },
      ) as [vn.NDArray[], vn.NDArray[]];
      return [carry, total, ys, sums];
    });
    check(scanned, [numbers([6, 12]), numbers([12])]);
  }
  const looped = programOf(line, [[[3], P("x")]], [P("x"), P()], (x) => {
    const [y, n] = lax.whileLoop(
      ([y]: readonly vn.NDArray[]) => lax.psum(y.sum(), "x").less(100),
      ([y, n]: readonly vn.NDArray[]) => [y.add(lax.pmax(y, "x")), n.add(1)],
      [x, np.array(0)],
    ) as vn.NDArray[];
    return [y, n];
  });
  check(looped, [numbers([12]).abs().add(1)]);
});

Deno.test("compileSpmd: branches with collectives inside, a loop within a loop", () => {
  const program = programOf(line, [[[3], P("x")], [[], P(), "int32"]], [P("x"), P("x")], (x, i) => {
    const branch = (x: vn.NDArray) =>
      lax.switch(
        i,
        [(x: vn.NDArray) => x.sub(lax.psum(x, "x")), (x: vn.NDArray) => x],
        x,
      ) as vn.NDArray;
    const nested = lax.foriLoop(
      0,
      3,
      (_: vn.NDArray, x: vn.NDArray) =>
        lax.foriLoop(
          0,
          2,
          (_: vn.NDArray, y: vn.NDArray) => y.sub(lax.pmax(y, "x")),
          x,
        ) as vn.NDArray,
      x,
    ) as vn.NDArray;
    return [branch(x), nested];
  });
  for (const i of [0, 1, 7]) check(program, [numbers([12]), np.array(i)]);
});

Deno.test("compileSpmd: a loop that devices would leave at different times is one mapped program", () => {
  const program = programOf(
    line,
    [[[], P("x")]].map(([, s]) => [[1], s] as Part),
    [P("x")],
    (x) => [
      lax.whileLoop(
        (y: vn.NDArray) => y.sum().less(20),
        (y: vn.NDArray) => y.add(lax.psum(np.ones([1]), "x")),
        x,
      ) as vn.NDArray,
    ],
  );
  assertThrows(() => planSpmd(program, "f"), Error, "at different times");
  const [out] = compileSpmd(program, { name: "f" }).run([
    np.array([1, 5, 9, 30]).astype("float32"),
  ]);
  assertEquals(out.tolist(), [21, 21, 21, 30]);
});

Deno.test("compileSpmd: a training step in rows and columns", () => {
  const mesh = vn.makeMesh([2, 4], ["data", "model"]);
  const parts: Part[] = [[[4, 6], P("data")], [[6, 3], P(null, "model")], [[3, 5], P("model")]];
  const outs = [P("data"), P(null, "model"), P("model")];
  const program = programOf(mesh, parts, outs, (x, w, v) => {
    const hidden = np.maximum(x.matmul(w), 0);
    const y = lax.psum(hidden.matmul(v), "model");
    const gradV = lax.psum(hidden.T.matmul(y), "data");
    const gradW = lax.psum(x.T.matmul(y.matmul(v.T)), "data");
    return [y, w.sub(gradW), v.sub(gradV)];
  });
  check(program, [numbers([8, 6]), numbers([6, 12], "float32", 1), numbers([12, 5], "float32", 2)]);
});

Deno.test("compileSpmd: work enough for threads gives the same bits, however many there are", () => {
  const program = programOf(
    line,
    [[[64, 256], P("x")], [[256, 256], P()]],
    [P("x"), P()],
    (x, w) => {
      const y = np.tanh(x.matmul(w));
      return [y, lax.psum(y.sum(0), "x")];
    },
  );
  const x = random.normal(random.key(1), [256, 256]);
  const w = random.normal(random.key(2), [256, 256]).mul(0.1);
  const executable = compileSpmd(program, { name: "f" });
  const first = executable.run([x, w]).map((y) => y.dataSync());
  const before = threadPool().helped;
  for (let turn = 0; turn < 200; turn++) {
    const outs = executable.run([x, w]);
    outs.forEach((y, i) => assertEquals(y.dataSync(), first[i]));
    outs.forEach((y) => y.delete());
  }
  if (threadPool().threads > 1) assert(threadPool().helped > before);
});

Deno.test("compileSpmd: what is given up is deleted, and not used again", () => {
  const program = programOf(
    line,
    [[[32], P("x")], [[32], P("x")], [[32], P()]],
    [P("x")],
    (x, y, z) => [x.add(y).add(z)],
  );
  const executable = compileSpmd(program, { name: "f", donated: [true, false, true] });
  assertEquals(executable.takenOver, [true, false, false]);
  const inputs = [np.ones([128]), np.ones([128]), np.ones([32])];
  const [out] = executable.run(inputs);
  assertEquals(inputs.map((x) => x.isDeleted), [true, false, false]);
  assertEquals(out.sum().item(), 384);
  assertThrows(() => executable.run(inputs), vn.DonatedError, "donation to f");
  assertEquals(executable.memory.outputSizeInBytes, 512);
});

Deno.test("compileSpmd: functions of the host are called for each device, in order", () => {
  const seen: number[][] = [];
  const resultShapeDtypes = new vn.ShapeDtypeStruct([2], "float32");
  const tenfold = (x: vn.NDArray) => {
    seen.push(x.tolist() as number[]);
    return x.mul(10);
  };
  const program = programOf(line, [[[2], P("x")]], [P("x")], (x) => {
    const y = x.add(lax.psum(x.sum(), "x"));
    return [vn.filterPureCallback(tenfold, y, vn.kwargs({ resultShapeDtypes }))];
  });
  const executable = compileSpmd(program, { name: "f" });
  const [out] = executable.run([np.arange(8).astype("float32")]);
  assertEquals(seen, [[28, 29], [30, 31], [32, 33], [34, 35]]);
  assertEquals(out.tolist(), np.arange(8).add(28).mul(10).tolist());
});
