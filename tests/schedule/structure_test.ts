/** What fuses with what: the shape of the programs that come out. Each is also run against the plain schedule. */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import * as np from "../../src/numpy/mod.ts";
import { dotGeneral } from "../../src/ops/dot.ts";
import { concatenate } from "../../src/ops/dynamic.ts";
import { complex } from "../../src/ops/parts.ts";
import { reduceSum, reshape, transpose } from "../../src/ops/shape.ts";
import { slice } from "../../src/ops/slicing.ts";
import type { Dot, Program, Stmt } from "../../src/loopnest/ir.ts";
import { check, f32, jaxprOf, kinds } from "./helpers.ts";
import {
  adam,
  crossEntropy,
  layerNorm,
  logsumexp,
  mlpShapes,
  mlpStep,
  softmax,
  valueAndGrad,
} from "./models.ts";

/** All loops of a nest, in order of appearance. */
function loops(program: Program, step = 0): Extract<Stmt, { kind: "for" }>[] {
  const found: Extract<Stmt, { kind: "for" }>[] = [];
  const visit = (body: readonly Stmt[]) => {
    for (const s of body) {
      if (s.kind !== "for") continue;
      found.push(s);
      visit(s.body);
    }
  };
  const nest = program.steps[step];
  if (nest.kind === "nest") visit(nest.body);
  return found;
}

function dots(program: Program): Dot[] {
  return program.steps.filter((s) => s.kind === "dot");
}

Deno.test("softmax is one nest of three passes over each row", () => {
  const program = check(jaxprOf(softmax, f32(16, 40)));
  assertEquals(kinds(program), ["nest"]);
  assertEquals(loops(program).map((l) => [l.extent, l.mode]), [
    [16, "parallel"],
    [40, "vector"],
    [40, "vector"],
    [40, "vector"],
  ]);
  assertEquals(program.scratchBytes <= 256, true); // one row of exponentials
});

Deno.test("log-sum-exp, layer norm and their gradients by rows are one nest", () => {
  assertEquals(kinds(check(jaxprOf(logsumexp, f32(16, 40)))), ["nest"]);
  assertEquals(kinds(check(jaxprOf(layerNorm, f32(16, 40), f32(40), f32(40)))), ["nest"]);
  const gradient = (x: NDArray, w: NDArray) => valueAndGrad((x) => np.sum(softmax(x).mul(w)), [x]);
  // One nest over the rows, then the sum of the rows' losses.
  assertEquals(kinds(check(jaxprOf(gradient, f32(16, 40), f32(16, 40)))), ["nest", "nest"]);
});

Deno.test("cross entropy and its gradient are one nest over the rows", () => {
  const program = check(jaxprOf(
    (x, y) => valueAndGrad((x) => crossEntropy(x, y), [x]),
    f32(16, 40),
    f32(16, 40),
  ));
  assertEquals(kinds(program), ["nest", "nest"]);
  assertEquals(loops(program, 0)[0].extent, 16);
  assertEquals(loops(program, 1).map((l) => l.extent), [16]);
});

Deno.test("largest elements of short rows, and their places, are searched with a row in each lane", () => {
  const modes = (f: (x: NDArray) => NDArray, ...shape: number[]) =>
    loops(check(jaxprOf(f, f32(...shape)))).map((l) => l.mode);
  const place = (x: NDArray) => np.argmax(x, 1);
  const largest = (x: NDArray) => np.max(x, { axis: 1 });
  assertEquals(modes(place, 50, 10), ["vector", "serial"]);
  assertEquals(modes(place, 50, 90), ["vector", "serial"]);
  assertEquals(modes(place, 50, 100), ["parallel", "vector"]);
  assertEquals(modes(largest, 50, 10), ["vector", "serial"]);
  assertEquals(modes(largest, 50, 30), ["parallel", "vector"]);
  // What stores rows goes along them.
  const shifted = (x: NDArray) => x.sub(np.max(x, { axis: 1, keepdims: true }));
  assertEquals(modes(shifted, 50, 10), ["parallel", "vector", "vector"]);
});

Deno.test("softmax over the first axis runs vectors along the columns", () => {
  const columns = (x: NDArray) => {
    const e = np.exp(x.sub(np.max(x, { axis: 0, keepdims: true })));
    return e.div(np.sum(e, { axis: 0, keepdims: true }));
  };
  const program = check(jaxprOf(columns, f32(30, 40)));
  assertEquals(kinds(program), ["nest"]);
  assertEquals(loops(program)[0].mode, "vector");
  assertEquals(loops(program)[0].extent, 40);
  assertEquals(loops(program).slice(1).map((l) => l.mode), ["serial", "serial", "serial"]);
});

Deno.test("where one operand lies along rows and another along columns, a sum runs by columns", () => {
  for (const axis of [0, 1]) {
    const f = (x: NDArray, y: NDArray) => np.sum(x.T.mul(y), { axis });
    const program = check(jaxprOf(f, f32(30, 40), f32(40, 30)));
    assertEquals(loops(program).map((l) => l.mode), ["vector", "serial"]);
  }
  // What passes keep for later ones would be as large as the operands.
  const twice = (x: NDArray, y: NDArray) => logsumexp(x.T.mul(y));
  assertEquals(loops(check(jaxprOf(twice, f32(30, 40), f32(40, 30))))[0].mode, "parallel");
});

Deno.test("a reduction of a chain is one pass without temporaries", () => {
  const program = check(jaxprOf(
    (x, y, z) => np.sum(np.tanh(x.mul(y).add(z)).mul(x)),
    f32(100, 7),
    f32(100, 7),
    f32(100, 7),
  ));
  assertEquals(kinds(program), ["nest"]);
  assertEquals(program.scratchBytes, 0);
  assertEquals(loops(program).map((l) => l.extent), [700]);
});

Deno.test("a nest whose loops became inner ones takes no reduction that has them as outer ones", () => {
  for (const shape of [[1, 3], [1, 300]]) {
    const program = check(jaxprOf(
      (x, y) => {
        const along = (z: NDArray) => np.sum(z, { axis: 0 });
        const first = along(x.mul(y));
        const scaled = x.mul(np.sum(y));
        return [np.max(scaled, { axis: 0 }), along(scaled.mul(y)), first];
      },
      f32(...shape),
      f32(...shape),
    ));
    assertEquals(program.buffers.filter((b) => b.role === "output").length, 3);
  }
});

Deno.test("several reductions of one array are one pass", () => {
  const program = check(jaxprOf(
    (x) => [np.sum(x), np.sum(x.mul(x)), np.max(x)],
    f32(5000),
  ));
  assertEquals(kinds(program), ["nest"]);
  assertEquals(loops(program).length, 1);
});

Deno.test("mean and variance of a long vector are two passes, each its own step", () => {
  const program = check(jaxprOf((x) => {
    const c = x.sub(np.mean(x));
    return np.mean(c.mul(c));
  }, f32(100_000)));
  assertEquals(kinds(program), ["nest", "nest"]);
});

Deno.test("an adam update of a donated parameter is one nest in place", () => {
  const donated = [true, true, true, false, false];
  const program = check(
    jaxprOf(adam, f32(16, 40), f32(16, 40), f32(16, 40), f32(16, 40), f32()),
    donated,
  );
  assertEquals(kinds(program), ["nest"]);
  assertEquals(loops(program).map((l) => l.extent), [640]);
  const donors = program.buffers.filter((b) => b.role === "output").map((b) => b.donor);
  assertEquals(donors, [0, 1, 2]);
  assertEquals(program.scratchBytes, 0);
});

Deno.test("a training step has no copies, and its weight gradients are laid out as the weights", () => {
  const shapes = mlpShapes([30, 40, 50, 10]);
  const state = [...shapes, ...shapes, ...shapes].map((s) => f32(...s));
  const program = check(
    jaxprOf((...xs) => mlpStep(xs, 3), f32(32, 30), f32(32, 10), f32(), ...state),
    [false, false, true, ...state.map(() => true)],
  );
  assertEquals(kinds(program).filter((k) => k === "copy"), []);
  assertEquals(dots(program).length, 8);
  const outputs = program.buffers.filter((b) => b.role === "output");
  assertEquals(outputs.filter((b) => b.donor < 0).map((b) => b.position), [0]);
  for (const [step, s] of program.steps.entries()) {
    // Updates of matrices run flat: a transposed gradient would keep two loops.
    if (s.kind === "nest" && s.name.includes("sqrt") && !s.name.includes("reduce")) {
      assertEquals(loops(program, step).length, 1);
    }
  }
});

Deno.test("matrix products read transposes, slices and reshapes where they are", () => {
  const product = (x: NDArray, y: NDArray) => {
    const a = transpose(x, [1, 0]); // [30, 40]
    const b = slice(y, [5, 0], [45, 30], [1, 2]); // [40, 15]
    return dotGeneral(a, reshape(b, [40, 3, 5]), [[[1], [0]], [[], []]]);
  };
  const program = check(jaxprOf(product, f32(40, 30), f32(50, 30)));
  assertEquals(kinds(program), ["dot"]);
  const [dot] = dots(program);
  assertEquals([dot.lhs.rowStride, dot.lhs.colStride], [1, 30]);
  assertEquals([dot.rhs.offset, dot.rhs.rowStride, dot.rhs.colStride], [150, 30, 2]);
});

Deno.test("a product with a vector computes its matrix, or the parts of one, where it reads it", () => {
  const product = (f: (x: NDArray) => NDArray, x = f32(48, 64)) => {
    return kinds(check(jaxprOf((x, v) => np.matmul(f(x), v), x, f32(64))));
  };
  assertEquals(product((x) => x.mul(2)), ["nest"]);
  // As the parts of complex numbers lie.
  assertEquals(product((x) => slice(x, [0, 1], [48, 128], [1, 2]), f32(48, 128)), ["nest"]);
  // What lies as the library reads it is read there.
  assertEquals(product((x) => x), ["dot"]);
  assertEquals(product((x) => transpose(x, [1, 0]), f32(64, 48)), ["dot"]);
  assertEquals(product((x) => slice(x, [2, 0], [50, 64], [1, 1]), f32(60, 64)), ["dot"]);
  assertEquals(kinds(check(jaxprOf((x, y) => np.matmul(x, y), f32(4000), f32(4000)))), ["nest"]);
});

Deno.test("a batch axis in the middle, and broadcast operands, need no copy", () => {
  const program = check(jaxprOf(
    (x, y) => dotGeneral(x, y, [[[2], [1]], [[1], [0]]]),
    f32(20, 6, 30),
    f32(6, 30, 20),
  ));
  assertEquals(kinds(program), ["dot"]);
  assertEquals(dots(program)[0].batch, 6);
  assertEquals(dots(program)[0].lhs.batchStride, 30);
  const shared = check(jaxprOf(
    (x, y) => np.matmul(x, np.broadcastTo(y, [6, 30, 20])),
    f32(6, 20, 30),
    f32(30, 20),
  ));
  assertEquals(kinds(shared), ["dot"]);
  assertEquals(dots(shared)[0].rhs.batchStride, 0);
});

Deno.test("an operand with no single stride is laid out once", () => {
  // Two free axes around the contracted one.
  const program = check(jaxprOf(
    (x, y) => dotGeneral(x, y, [[[1], [0]], [[], []]]),
    f32(8, 30, 9),
    f32(30, 20),
  ));
  assertEquals(kinds(program), ["nest", "dot"]);
});

Deno.test("tiny products fuse with what follows", () => {
  const program = check(jaxprOf(
    (x, w, b) => np.tanh(np.matmul(x, w).add(b)),
    f32(4, 3),
    f32(3, 5),
    f32(5),
  ));
  assertEquals(kinds(program), ["nest"]);
});

Deno.test("an expensive value is not computed again for each copy of a broadcast", () => {
  const program = check(jaxprOf((x, b) => x.mul(np.exp(b)), f32(50, 60), f32(60)));
  assertEquals(kinds(program), ["nest", "nest"]); // exp(b) first
  const rows = check(jaxprOf((x, b) => x.mul(np.exp(b)), f32(50, 60), f32(50, 1)));
  assertEquals(kinds(rows), ["nest"]); // hoisted out of the loop over the columns
  assertEquals(loops(rows)[0].body.length, 2);
});

Deno.test("what two nests need is stored by one of them", () => {
  const program = check(jaxprOf(
    (x, y) => {
      const t = np.tanh(x.mul(y));
      return [np.sum(t), reduceSum(t, [0])];
    },
    f32(30, 40),
    f32(30, 40),
  ));
  assertEquals(kinds(program), ["nest", "nest"]);
});

Deno.test("elementwise operations over contiguous axes are one flat loop", () => {
  const program = check(jaxprOf((x, y) => x.mul(y).add(1), f32(8, 16, 32), f32(8, 16, 32)));
  assertEquals(loops(program).map((l) => [l.extent, l.mode]), [[4096, "vector"]]);
  const bias = check(jaxprOf((x, y) => x.add(y), f32(8, 16, 32), f32(32)));
  assertEquals(loops(bias).map((l) => l.extent), [128, 32]);
});

Deno.test("reshapes between elementwise operations leave no division in any index", () => {
  const program = check(jaxprOf(
    (x, b) => np.exp(reshape(x.add(b), [6, 4, 10])),
    f32(24, 10),
    f32(10),
  ));
  assertEquals(kinds(program), ["nest"]);
  assert(!JSON.stringify(program.steps).includes('"op":"div"'));
  const flat = check(jaxprOf((x, b) => np.exp(reshape(x.add(b), [240])), f32(24, 10), f32(10)));
  assertEquals(kinds(flat), ["nest"]);
  assert(!JSON.stringify(flat.steps).includes('"op":"rem"'));
});

Deno.test("concatenated parts are written where they belong", () => {
  const program = check(jaxprOf(
    (x, y) => concatenate([np.exp(x), np.sin(y)], 0),
    f32(40, 30),
    f32(20, 30),
  ));
  assertEquals(kinds(program), ["nest", "nest"]);
  assertEquals(program.scratchBytes, 0);
});

Deno.test("the parts of a complex number are computed in one loop", () => {
  const parts = (x: NDArray, y: NDArray) => {
    const z = complex(x, y);
    return np.exp(z.mul(z)).add(z);
  };
  assertEquals(kinds(check(jaxprOf(parts, f32(40, 30), f32(40, 30)))), ["nest"]);
});

Deno.test("reductions whose box differs from the row's share the row all the same", () => {
  const program = check(jaxprOf(
    (x, y) => {
      const m = np.max(x, { axis: 1, keepdims: true });
      return y.mul(np.exp(m));
    },
    f32(16, 40),
    f32(16, 25),
  ));
  assertEquals(kinds(program), ["nest"]);
  assertEquals(loops(program).map((l) => l.extent), [16, 40, 25]);
});

Deno.test("long chains of any kind are scheduled without deep recursion", () => {
  const chains: ((x: NDArray) => NDArray)[] = [
    (x) => slice(x, [1], [x.shape[0]]),
    (x) => slice(np.sin(x), [1], [x.shape[0]]),
    (x) => np.flip(slice(x, [1], [x.shape[0]])),
    (x) => reshape(slice(reshape(x, [x.size, 1]), [1, 0], [x.size, 1]), [x.size - 1]),
    (x) => slice(x, [0], [x.shape[0] - 1]).add(slice(x, [1], [x.shape[0]])).mul(0.5),
  ];
  for (const step of chains) {
    const program = check(jaxprOf((x) => {
      for (let i = 0; i < 1500; i++) x = step(x);
      return x;
    }, f32(1504)));
    assert(program.steps.length < 1000);
  }
});
