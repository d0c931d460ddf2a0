/**
 * Loops and branches over trees of anything: what may be carried, what is refused, and the memory of checkpointed loops.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { defaultCheckpoints } from "../../src/control/checkpoint_schedule.ts";

const { lax, nn, numpy: np, random } = vn;
type NDArray = vn.NDArray;
const int = (n: number) => np.array(n, { dtype: "int32" });
const numbers = (x: NDArray) => x.tolist();

class Cell extends vn.Module {
  readonly activation: (x: NDArray) => NDArray;
  constructor(readonly weight: NDArray, readonly h: NDArray, readonly name: string) {
    super();
    this.activation = np.tanh;
  }
  step(x: NDArray): Cell {
    const h = this.activation(this.weight.mul(this.h).add(x));
    return vn.treeAt((c: Cell) => c.h, this as Cell, h);
  }
}

const cell = () => new Cell(np.array([0.5, -0.5]), np.array([0.1, 0.2]), "cell");
const inputs = np.array([[1, 2], [3, 4], [5, 6]]).mul(0.1);

/** What a plain TypeScript loop gives. */
function unrolled(c: Cell, xs: readonly NDArray[]): [Cell, NDArray[]] {
  const hs: NDArray[] = [];
  for (const x of xs) {
    c = c.step(x);
    hs.push(c.h);
  }
  return [c, hs];
}

Deno.test("filterScan carries a Module with its functions and strings, and gives static leaves back as they are", () => {
  const [last, hs] = unrolled(cell(), [...inputs]);
  for (const kind of ["lax", "checkpointed"] as const) {
    for (const wrap of [(f: () => unknown) => f(), (f: () => unknown) => vn.filterJit(f)()]) {
      const [end, ys] = wrap(() =>
        vn.filterScan(
          (c: Cell, x: { x: NDArray; scale: number; tag: string }) => {
            assertEquals([x.scale, x.tag, c.name], [2, "t", "cell"]);
            const next = c.step(x.x);
            return [next, { h: next.h, tag: x.tag, act: next.activation }];
          },
          cell(),
          { x: inputs, scale: 2, tag: "t" },
          { kind },
        )
      ) as [Cell, { h: NDArray; tag: string; act: unknown }];
      assert(end instanceof Cell);
      assertEquals([end.name, end.activation === np.tanh, ys.tag, ys.act === np.tanh], [
        "cell",
        true,
        "t",
        true,
      ]);
      assert(np.allclose(end.h, last.h).item() && np.allclose(ys.h, np.stack(hs)).item());
    }
  }
});

Deno.test("filterScan in reverse, of nothing, and with a length alone, for both kinds", () => {
  for (const kind of ["lax", "checkpointed"] as const) {
    const step = (c: NDArray, x: NDArray) => [c.mul(2).add(x), c] as const;
    const [end, ys] = vn.filterScan(step, np.array(1), np.array([1, 2, 3]), {
      kind,
      reverse: true,
    });
    assertEquals([end.item(), numbers(ys)], [25, [12, 5, 1]]);
    const [same, none] = vn.filterScan(step, np.array(1), np.zeros([0]), { kind });
    assertEquals([same.item(), none.shape], [1, [0]]);
    const count = (c: NDArray, _: null) => [c.add(1), null] as const;
    assertEquals(vn.filterScan(count, int(0), null, { kind, length: 5 })[0].item(), 5);
    const grad = vn.filterGrad((xs: NDArray) =>
      vn.filterScan(step, np.array(1), xs, { kind, reverse: true })[0]
    );
    assertEquals(numbers(grad(np.array([1, 2, 3]))), [1, 2, 4]);
  }
});

Deno.test("a checkpointed scan has lax.scan's gradients for every number of checkpoints", () => {
  const xs = random.normal(random.key(0), [9, 3]);
  const w = random.normal(random.key(1), [3]);
  const loss = (options: vn.FilterScanOptions<NDArray>) =>
    vn.filterGrad(([w, xs]: [NDArray, NDArray]) => {
      const step = (c: NDArray, x: NDArray) => {
        const next = np.tanh(c.mul(w).add(x));
        return [next, next.mul(x)] as const;
      };
      const [end, ys] = vn.filterScan(step, np.ones([3]), xs, options);
      return np.sin(ys).sum().add(end.sum());
    })([w, xs]);
  const expected = loss({});
  for (const checkpoints of [1, 2, 3, 5, 9, 20, "all", null] as const) {
    const grads = loss({ kind: "checkpointed", checkpoints });
    const close = vn.treeEqual(grads, expected, { rtol: 1e-5, atol: 1e-6 });
    assert(close !== false && (close === true || close.item() === 1), `checkpoints ${checkpoints}`);
  }
});

Deno.test("filterCond takes and gives Modules; what is no array must be the same in both branches", () => {
  const [a, b] = [cell(), cell()];
  const run = vn.filterJit((p: NDArray, c: Cell) =>
    vn.filterCond(p, (c: Cell, k: number) => c.step(np.array([k, k])), (c: Cell) => c, c, 2)
  );
  assertEquals(numbers(run(np.array(false), a).h), numbers(a.h));
  assertEquals(numbers(run(np.array(true), a).h), numbers(b.step(np.array([2, 2])).h));
  assertEquals(run(np.array(true), a).activation, np.tanh);
  const branches = (one: unknown, other: unknown) => () =>
    vn.filterCond(np.array(true), () => one, () => other);
  assertThrows(
    branches({ f: Math.sin }, { f: Math.cos }),
    vn.ArgumentError,
    "filterCond: the branches must give one type: what is no array is static and must not change: output.f is function sin in onTrue, function cos in onFalse",
  );
  assertThrows(branches([np.array(1)], np.array(1)), vn.TreeError, "expected an array of length 1");
  assertThrows(
    branches({ y: np.zeros([2]) }, { y: np.zeros([3]) }),
    vn.ShapeError,
    "output.y is f32[2] in onTrue, f32[3] in onFalse",
  );
  assertThrows(() => vn.filterCond(np.zeros([2]), () => 1, () => 1), vn.ShapeError, "must be 0-d");
});

Deno.test("filterWhileLoop carries Modules in all kinds", () => {
  for (const kind of ["lax", "bounded", "checkpointed"] as const) {
    const [, end] = vn.filterWhileLoop(
      ([i]: [NDArray, Cell]) => i.less(3),
      ([i, c]: [NDArray, Cell]): [NDArray, Cell] => [i.add(1), c.step(np.array([1, 2]))],
      [int(0), cell()],
      { kind, maxSteps: 7 },
    );
    const [expected] = unrolled(cell(), [1, 2, 3].map(() => np.array([1, 2])));
    assertEquals([numbers(end.h), end.activation], [numbers(expected.h), np.tanh]);
  }
});

Deno.test("keys of random numbers are carried, kept in checkpoints and stacked", () => {
  type State = [key: NDArray, y: NDArray];
  const step = ([key, y]: State): [State, NDArray] => {
    const keys = random.split(key, 2);
    const factor = random.uniform(keys.get(1)).add(0.5);
    return [[keys.get(0), y.mul(factor)], keys.get(1)];
  };
  const scanned = (kind: "lax" | "checkpointed") =>
    vn.filterGrad((x: NDArray) => {
      const init: State = [random.key(1), x];
      const [[, y], keys] = vn.filterScan((c: State, _: null) => step(c), init, null, {
        kind,
        length: 6,
      });
      return y.mul(random.uniform(keys.get(2)));
    })(np.array(2)).item();
  assertEquals(scanned("checkpointed"), scanned("lax"));
  const looped = (kind: "bounded" | "checkpointed") =>
    vn.filterGrad((x: NDArray) =>
      vn.filterWhileLoop(() => true, (c: State) => step(c)[0], [random.key(1), x] as State, {
        kind,
        maxSteps: 6,
        checkpoints: 2,
      })[1]
    )(np.array(2)).item();
  assertEquals(looped("checkpointed"), looped("bounded"));
});

Deno.test("maxSteps ends a loop of any kind; none at all for zero", () => {
  for (const kind of ["lax", "bounded", "checkpointed"] as const) {
    for (const maxSteps of [0, 1, 2, 5, 17]) {
      const end = vn.filterWhileLoop(() => true, (x: NDArray) => x.add(1), int(0), {
        kind,
        maxSteps,
        base: 4,
      });
      assertEquals(end.item(), maxSteps);
    }
  }
});

Deno.test("a carry that changes says where and how, with both trees line by line", () => {
  const loop = (body: (c: { a: unknown; b: unknown }) => unknown, a: unknown, b: unknown) => () =>
    vn.filterWhileLoop(() => true, body as never, { a, b }, { maxSteps: 2 });
  assertThrows(
    loop(({ a, b }) => ({ a, b: (b as NDArray).astype("float32") }), np.zeros([3]), int(0)),
    vn.DTypeError,
    "filterWhileLoop: the body must give a carry like the one it takes: carry.b is i32[] going in, f32[] coming out. The difference:\n" +
      "  {\n    a: f32[3],\n-   b: i32[]\n+   b: f32[]\n  }",
  );
  assertThrows(
    loop(({ b }) => ({ a: np.zeros([4]), b }), np.zeros([3]), int(0)),
    vn.ShapeError,
    "carry.a is f32[3] going in, f32[4] coming out",
  );
  assertThrows(
    loop(({ a }) => ({ a }), np.zeros([3]), int(0)),
    vn.TreeError,
    'at carry: key "b" is missing. The difference:\n' +
      "  {\n    a: f32[3],\n-   b: i32[]\n  }",
  );
  assertThrows(
    loop(({ a, b }) => ({ a, b: [b] }), np.zeros([3]), int(0)),
    vn.TreeError,
    "at carry.b: expected a leaf; got an array of length 1",
  );
  assertThrows(
    loop(({ a }) => ({ a, b: Math.cos }), int(0), Math.sin),
    vn.ArgumentError,
    "must not change: carry.b is function sin going in, function cos coming out",
  );
  assertThrows(
    loop(({ a }) => ({ a, b: int(1) }), int(0), 0),
    vn.ArgumentError,
    "carry.b is number 0 going in, i32[] coming out. A number is static; make it an array by numpy.array(...)",
  );
  assertThrows(
    () => vn.filterScan((c: NDArray, x: NDArray) => [c.add(x), x], np.zeros([1]), np.ones([2, 3])),
    vn.ShapeError,
    "filterScan: the body must give a carry like the one it takes: carry is f32[1] going in, f32[3] coming out",
  );
});

Deno.test("scans refuse lengths that do not fit, and functions that give no pair", () => {
  const step = (c: NDArray, _: unknown) => [c, null] as const;
  const [two, three] = [np.zeros([2]), np.zeros([3])];
  for (const kind of ["lax", "checkpointed"] as const) {
    assertThrows(
      () => vn.filterScan(step, two, { a: two, b: three }, { kind }),
      vn.ShapeError,
      "filterScan: inconsistent lengths: xs.a has 2, xs.b has 3",
    );
    assertThrows(
      () => vn.filterScan(step, two, { a: two }, { kind, length: 4 }),
      vn.ShapeError,
      "xs.a has 2, options.length is 4",
    );
    assertThrows(
      () => vn.filterScan(step, two, null, { kind }),
      vn.ArgumentError,
      "options.length",
    );
    assertThrows(() => vn.filterScan(step, two, np.array(1), { kind }), vn.ShapeError, "is 0-d");
    assertThrows(
      () => vn.filterScan(((c: NDArray) => c) as never, two, two, { kind }),
      vn.TreeError,
      "filterScan: the body must return a pair [carry, y]; got f32[2]",
    );
  }
  assertThrows(
    () => vn.filterScan(step, two, two, { kind: "zzz" as never }),
    vn.ArgumentError,
    "unrecognised kind of scan 'zzz'",
  );
  assertThrows(
    () => vn.filterScan(step, two, two, { kind: "checkpointed", checkpoints: 0 }),
    vn.ArgumentError,
    'must be "all" or an integer of at least 1; got 0',
  );
  assertThrows(
    () => vn.filterScan(step, two, two, { lenght: 3 } as never),
    vn.ArgumentError,
    "unknown option lenght",
  );
});

Deno.test("while loops refuse options that do not fit", () => {
  const loop = (options: vn.WhileLoopOptions<NDArray>) => () =>
    vn.filterWhileLoop((x) => x.less(3), (x) => x.add(1), int(0), options);
  for (
    const [options, message] of [
      [{ kind: "zzz" as never }, "unrecognised kind of while loop 'zzz'"],
      [{ kind: "bounded" }, 'kind "bounded" requires options.maxSteps'],
      [{ kind: "checkpointed" }, "either options.maxSteps or options.checkpoints"],
      [
        { kind: "checkpointed", checkpoints: 0 },
        "options.checkpoints must be an integer of at least 1; got 0",
      ],
      [{ maxSteps: -1 }, "options.maxSteps must be an integer of at least 0; got -1"],
      [{ maxSteps: 2.5 }, "options.maxSteps must be an integer"],
      [
        { kind: "bounded", maxSteps: 3, base: 1 },
        "options.base must be an integer of at least 2; got 1",
      ],
      [{ buffers: () => 3 }, "options.buffers must return arrays of the carry"],
    ] as const
  ) assertThrows(loop(options), vn.ArgumentError, message);
  assertThrows(
    () => vn.filterWhileLoop((x) => x, (x: NDArray) => x.add(1), int(0)),
    vn.DTypeError,
    "the condition must give a 0-d bool; got i32[]",
  );
  assertThrows(
    () => vn.filterWhileLoop((x: NDArray) => x.less(3), (x) => x.add(1), np.zeros([2])),
    vn.DTypeError,
    "the condition must give a 0-d bool; got bool[2]",
  );
});

Deno.test("each kind says which modes of differentiation it has not", () => {
  const run = (kind: "lax" | "checkpointed") => (x: NDArray) =>
    vn.filterWhileLoop((x) => x.less(30), (x: NDArray) => x.mul(x), x, { kind, checkpoints: 3 });
  const x = np.array(2);
  assertThrows(() => vn.filterGrad(run("lax"))(x), vn.DifferentiationError, "filterWhileLoop");
  assertThrows(
    () => vn.filterJvp(run("checkpointed"), [x], [x]),
    vn.DifferentiationError,
    'forward-mode differentiation (jvp) to filterWhileLoop, which has a custom vjp: it knows its transpose only. Use reverse mode, or kind: "lax" or "bounded"',
  );
  const twice = vn.filterGrad(vn.filterGrad(run("checkpointed")));
  assertThrows(() => twice(x), vn.DifferentiationError, "reverse-mode");
  assertEquals(
    vn.filterJvp(vn.filterGrad(run("checkpointed")), [x], [np.array(1)])[1].item(),
    7 * 8 * 64,
  );
});

Deno.test("a buffer takes .at().set alone, and comes back from the body", () => {
  const loop = (body: (c: vn.LoopBuffer) => unknown) => () =>
    vn.filterWhileLoop(() => true, body as never, np.zeros([3]), {
      maxSteps: 1,
      buffers: (c) => c,
    });
  assertThrows(
    loop((c) => (c.at(0) as unknown as { add(x: number): unknown }).add(1)),
    vn.ArgumentError,
    "a buffer of a loop can be written by .at(...).set(value) and read by .get(...) alone",
  );
  assertThrows(loop((c) => c.get("...")), vn.ArgumentError, "carry is a buffer");
  assertThrows(
    () =>
      vn.filterWhileLoop(
        () => true,
        (([a]: NDArray[]) => [a, a]) as never,
        [np.zeros([3]), np.zeros([3])],
        { maxSteps: 1, buffers: ([a]) => a },
      ),
    vn.ArgumentError,
    "the body gave a buffer for carry[1], which is none",
  );
});

Deno.test("a loop goes on working after each of these errors", () => {
  const bad = () =>
    vn.filterWhileLoop(() => true, () => int(1) as never, np.zeros([2]), { maxSteps: 1 });
  assertThrows(bad, vn.DTypeError);
  assertEquals(vn.filterWhileLoop((x) => x.less(3), (x: NDArray) => x.add(1), int(0)).item(), 3);
});

/** The bytes of temporaries that a compiled gradient plans, its inner programs included. */
function plannedBytes(f: (x: NDArray) => NDArray, x: NDArray): number {
  const text = vn.filterJit(vn.filterGrad(f)).lower(x).nests();
  return Number(text.match(/scratch (\d+) bytes/)![1]);
}

Deno.test("a checkpointed loop's memory is that of its checkpoints, not of its steps", () => {
  const size = 1000;
  const x = np.full([size], 0.5);
  const run = (length: number, options: vn.FilterScanOptions<NDArray>) => (x: NDArray) =>
    vn.filterScan((c: NDArray, _: null) => [np.sin(c).mul(c), null], x, null, {
      length,
      ...options,
    })[0]
      .sum();
  const few = { kind: "checkpointed", checkpoints: 8 } as const;
  const bytes = plannedBytes(run(100, few), x);
  assertEquals(plannedBytes(run(10_000, few), x), bytes);
  const state = size * 4;
  // The checkpoints as they were kept and in order, and some values of one step.
  assert(bytes < (2 * few.checkpoints + 6) * state, `${bytes} bytes`);
  assert(plannedBytes(run(1000, {}), x) > 1000 * state);
  const some = plannedBytes(run(1000, { kind: "checkpointed" }), x);
  assert(some < (2 * defaultCheckpoints(1000) + 6) * state, `${some} bytes`);

  const until = (checkpoints: number) => (x: NDArray) =>
    vn.filterWhileLoop((c) => c.max().greater(1e-3), (c: NDArray) => np.sin(c).mul(c), x, {
      kind: "checkpointed",
      checkpoints,
    }).sum();
  const [four, eight] = [4, 8].map((c) => plannedBytes(until(c), x));
  assert(eight - four <= 2 * 4 * (state + 64), `${four} and ${eight} bytes`);
});

Deno.test("the default number of checkpoints is the least for which the schedule stays optimal", () => {
  for (const steps of [1, 2, 3, 5, 10, 100, 1000, 12_345]) {
    const c = defaultCheckpoints(steps);
    const room = (n: number) => (n + 1) * (n + 2) / 2;
    assert(steps < room(c), `${steps}`);
    assert(c === 1 || steps >= room(c - 1), `${steps}`);
  }
});

Deno.test("lax.associativeScan, customLinearSolve and customRoot say what is wrong, by path", () => {
  const x = np.ones([3]);
  assertThrows(
    () => lax.associativeScan((a: NDArray[]) => a, [x, np.ones([4])]),
    vn.ShapeError,
    "lax.associativeScan: sizes along axis 0 differ: elems[0] has 3, elems[1] has 4",
  );
  assertThrows(
    () => lax.associativeScan(((a: NDArray) => [a]) as never, x),
    vn.TreeError,
    "fn must give a tree like elems",
  );
  assertThrows(
    () => lax.associativeScan((a: NDArray) => a.sum(), x),
    vn.ShapeError,
    "output is f32[] for operands f32[1]",
  );
  assertThrows(() => lax.associativeScan(3 as never, x), vn.ArgumentError, "fn must be a function");
  const identity = (_: unknown, b: { y: NDArray }) => b;
  const b = { y: x };
  assertThrows(
    () => lax.customLinearSolve((v: { y: NDArray }) => ({ y: v.y.sum() }), b, identity),
    vn.ShapeError,
    "lax.customLinearSolve: matvec must give arrays like those of b: matvec.y is f32[]; expected f32[3]",
  );
  assertThrows(
    () => lax.customLinearSolve((v: { y: NDArray }) => v, b, (() => [x]) as never),
    vn.TreeError,
    "solve must give a tree like b",
  );
  assertThrows(
    () =>
      vn.filterGrad((x: NDArray) =>
        lax.customLinearSolve((v: NDArray) => v.mul(x), x, (_, r) => r.div(x)).sum()
      )(x),
    vn.DifferentiationError,
    "needs options.transposeSolve",
  );
  assertThrows(
    () => lax.customRoot((v: NDArray) => v.sum(), x, (_, g) => g, (_, y) => y),
    vn.ShapeError,
    "lax.customRoot: f must give arrays like those of initialGuess",
  );
  assertThrows(
    () => lax.customRoot((v: NDArray) => v, x, (_, g) => g, (_, y) => y, { hasAux: true }),
    vn.TreeError,
    "with hasAux, solve must give a pair [x, aux]",
  );
  const layer = new nn.Linear(1, 1, { key: random.key(0) });
  assertThrows(
    () => lax.associativeScan((a) => a, { layer, f: Math.sin }),
    vn.ArgumentError,
    "elems.f",
  );
});
