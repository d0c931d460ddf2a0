/**
 * The behaviours of Equinox's `test_while_loop.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { nondifferentiable, nondifferentiableBackward } from "../../src/internal/mod.ts";
import { allclose, asScan, type Carry, int, key, problem, seen } from "./while_problem.ts";

const { lax, numpy: np, random } = vn;
type NDArray = vn.NDArray;
type Kind = "lax" | "bounded" | "checkpointed";

const kinds: readonly Kind[] = ["lax", "bounded", "checkpointed"];
const pickTable = (c: Carry) => c[2];

Deno.test("equinox/while_loop/test_notangent_forward: every kind gives what lax.whileLoop gives", () => {
  const { cond, bodyOf, mlp, val1, val2 } = problem(5);
  const body = bodyOf(mlp);
  const expected = lax.whileLoop(cond, body, [int(0), val1, val2]);
  for (const kind of kinds) {
    for (const buffers of [null, pickTable]) {
      const maxSteps = kind === "bounded" ? 10 : null;
      const options = { kind, buffers, maxSteps, checkpoints: 1 };
      allclose(vn.filterWhileLoop(cond, body, [int(0), val1, val2], options), expected, 1e-5);
    }
  }
});

Deno.test("equinox/while_loop/test_forward: linearised, the value is that of the loop", () => {
  const { cond, bodyOf, mlp, val1, val2 } = problem(5);
  const body = bodyOf(mlp);
  const expected = lax.whileLoop(cond, body, [int(0), val1, val2]);
  for (const kind of kinds) {
    for (const buffers of [null, pickTable]) {
      const run = vn.filterJit((val1: NDArray, val2: NDArray) =>
        vn.filterWhileLoop(cond, body, [int(0), val1, val2] as Carry, {
          kind,
          buffers,
          maxSteps: kind === "bounded" ? 10 : null,
          checkpoints: 9,
        })
      );
      allclose(vn.linearize(run, val1, val2)[0], expected);
    }
  }
});

const orders: readonly (readonly [checkpoints: number, steps: number, order: string])[] = [
  [1, 3, "0,1,2,0,1,0"],
  [1, 5, "0,1,2,3,4,0,1,2,3,0,1,2,0,1,0"],
  [2, 8, "7,0,1,2,3,4,5,6,3,4,5,3,4,3,0,1,2,1,0"],
  [3, 11, "10,4,5,6,7,8,9,7,8,7,4,5,6,5,4,0,1,2,3,2,1,0"],
  [9, 5, "4,3,2,1,0"],
  [2, 5, "3,4,3,0,1,2,1,0"],
  [4, 4, "3,2,1,0"],
  [4, 5, "3,4,3,2,1,0"],
  [4, 6, "5,2,3,4,3,2,1,0"],
  [4, 7, "6,5,2,3,4,3,2,0,1,0"],
  [4, 8, "7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 9, "7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 10, "9,6,7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 11, "10,9,5,6,7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 12, "10,11,10,9,5,6,7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 13, "12,9,10,11,10,9,5,6,7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
  [4, 14, "12,13,12,9,10,11,10,9,5,6,7,8,7,6,5,0,1,2,3,4,3,2,1,0"],
];

Deno.test("equinox/while_loop/test_backward_checkpointed: gradients, and the 17 orders of steps going backwards", () => {
  for (const [checkpoints, numSteps, order] of orders) {
    const forward = Array.from({ length: numSteps }, (_, i) => i);
    const expected = [...forward, ...order.split(",").map(Number)];
    const { bodyOf, mlp, val1, val2 } = problem(null);
    const loss = (loop: (body: (c: Carry) => Carry, init: Carry) => Carry) =>
      vn.filterJit(vn.filterValueAndGrad(([v1, v2, m]: [NDArray, NDArray, vn.nn.MLP]) => {
        const [, out1, out2] = loop(bodyOf(m), [int(0), v1, v2]);
        return out1.sum().add(out2.sum());
      }));
    const always = () => true;
    const truth = loss((body, init) => asScan(always, body, init, numSteps));
    const [value, grads] = truth([val1, val2, mlp]);
    for (const withMaxSteps of [true, false]) {
      for (const buffers of [null, pickTable]) {
        const { cond } = problem(withMaxSteps ? null : numSteps);
        const maxSteps = withMaxSteps ? numSteps : null;
        const run = loss((body, init) =>
          vn.filterWhileLoop(cond, body, init, {
            kind: "checkpointed",
            maxSteps,
            buffers,
            checkpoints,
          })
        );
        seen.length = 0;
        const [ours, ourGrads] = run([val1, val2, mlp]);
        assertEquals(seen, expected, `checkpoints ${checkpoints}, ${numSteps} steps`);
        allclose(ours, value);
        allclose(ourGrads, grads);
      }
    }
  }
});

Deno.test("equinox/while_loop/test_backward_bounded: gradients of a bounded loop", () => {
  const { cond, bodyOf, mlp, val1, val2 } = problem(null);
  const loss = (loop: (body: (c: Carry) => Carry, init: Carry) => Carry) =>
    vn.filterJit(vn.filterValueAndGrad(([v1, v2, m]: [NDArray, NDArray, vn.nn.MLP]) => {
      const [, out1, out2] = loop(bodyOf(m), [int(0), v1, v2]);
      return out1.sum().add(out2.sum());
    }));
  const expected = loss((body, init) => asScan(cond, body, init, 14))([val1, val2, mlp]);
  for (const buffers of [null, pickTable]) {
    for (const base of [16, 4, 2]) {
      const options = { kind: "bounded", maxSteps: 14, buffers, base } as const;
      const run = loss((body, init) => vn.filterWhileLoop(cond, body, init, options));
      allclose(run([val1, val2, mlp]), expected);
    }
  }
});

/** Values, and gradients where the kind has any, of many examples at once. */
function mapped(kind: Kind, numSteps: number, firstSteps: NDArray | null, examples: number): void {
  const { cond, bodyOf, mlp } = problem(numSteps);
  const val1 = random.normal(key(), [examples, 2]);
  const val2 = random.normal(key(), [examples, 20]);
  type Args = [v1: NDArray, v2: NDArray, m: vn.nn.MLP];
  const loss = (loop: (body: (c: Carry) => Carry, init: Carry) => Carry) => {
    const f = ([v1, v2, m]: Args, start: NDArray) => {
      const [, out1, out2] = loop(bodyOf(m), [start, v1, v2]);
      return out1.sum().add(out2.sum());
    };
    const each = kind === "lax" ? f : vn.filterValueAndGrad(f);
    const inAxes = [[0, 0, null], firstSteps === null ? null : 0];
    return vn.filterJit(vn.filterVmap(each as never, { inAxes: inAxes as never })) as (
      args: Args,
      start: NDArray,
    ) => unknown;
  };
  const start = firstSteps ?? int(0);
  const expected = loss((body, init) => asScan(cond, body, init, 14))([val1, val2, mlp], start);
  for (const buffers of [null, pickTable]) {
    const maxSteps = kind === "bounded" ? 16 : null;
    const options = { kind, buffers, maxSteps, checkpoints: 4 };
    const run = loss((body, init) => vn.filterWhileLoop(cond, body, init, options));
    allclose(run([val1, val2, mlp], start), expected);
  }
}

Deno.test("equinox/while_loop/test_vmap_primal_unbatched_cond: mapped over the values", () => {
  for (const kind of kinds) mapped(kind, 14, null, 3);
});

Deno.test("equinox/while_loop/test_vmap_primal_batched_cond: examples that end at different times", () => {
  for (const kind of kinds) mapped(kind, 14, int([0, 1, 2, 3, 5, 10]), 6);
});

Deno.test("equinox/while_loop/test_vmap_cotangent: a jacobian pulls back many cotangents at once", () => {
  const { cond, bodyOf, mlp, val1, val2 } = problem(14);
  const jacobian = (loop: (body: (c: Carry) => Carry, init: Carry) => Carry) =>
    vn.filterJit(vn.filterJacrev(([v1, m]: [NDArray, vn.nn.MLP]) => {
      const [, out1, out2] = loop(bodyOf(m), [int(0), v1, val2]);
      return [out1, out2];
    }));
  const expected = jacobian((body, init) => asScan(cond, body, init, 14))([val1, mlp]);
  for (const kind of ["bounded", "checkpointed"] as const) {
    for (const buffers of [null, pickTable]) {
      const maxSteps = kind === "bounded" ? 16 : null;
      const options = { kind, buffers, maxSteps, checkpoints: 4 };
      const run = jacobian((body, init) => vn.filterWhileLoop(cond, body, init, options));
      allclose(run([val1, mlp]), expected);
    }
  }
});

/** What stands for a budget of time: no turn of a compiled loop goes over as many elements as the array has that it writes one of. */
function assertTouchesLittle(
  f: { lower(...args: NDArray[]): { nests(): string } },
  args: NDArray[],
  size: number,
): void {
  const text = f.lower(...args).nests();
  assert(/^ *program while body/m.test(text), "there is a loop");
  // Nests of inner programs are indented.
  const long = [...text.matchAll(/^ {4,}for \w+ < (\d+)/gm)].filter(([, n]) => Number(n) >= size);
  assertEquals(long.map(([line]) => line), []);
}

Deno.test("equinox/while_loop/test_speed_while: a write into an array of the carry costs what it writes, mapped too", () => {
  type State = [step: NDArray, xs: NDArray];
  const size = 10_000;
  const cond = ([step, xs]: State) => step.less(xs.size);
  const writes = {
    scatter: (xs: NDArray, step: NDArray) => xs.at(step).set(1),
    slice: (xs: NDArray, step: NDArray) => lax.dynamicUpdateIndexInDim(xs, np.array(1), step, 0),
  };
  for (const write of Object.values(writes)) {
    const body = ([step, xs]: State): State => [step.add(1), write(xs, step)];
    for (
      const loop of [
        (s: State) => lax.whileLoop(cond, body, s),
        (s: State) => vn.filterWhileLoop(cond, body, s, { kind: "checkpointed", checkpoints: 5 }),
      ]
    ) {
      const f = vn.filterJit(vn.filterVmap((step: NDArray, xs: NDArray) => loop([step, xs])[1]));
      for (const starts of [[0], [0, 7]]) {
        const xs = np.zeros([starts.length, size]);
        assertTouchesLittle(f, [int(starts), xs], size);
        const sums = f(int(starts), xs).sum(1).tolist();
        assertEquals(sums, starts.map((start) => size - start));
      }
    }
  }
});

Deno.test("equinox/while_loop/test_speed_buffer_while: nor does a buffer cost more, differentiated", () => {
  type State = [step: NDArray, xs: NDArray];
  const size = 3000;
  for (const read of [false, true]) {
    const loop = (step: NDArray) => (xs: NDArray) =>
      vn.filterWhileLoop(
        ([step, xs]: State) => step.less(xs.size),
        ([step, xs]: State): State => {
          const at = random.randint(random.PRNGKey(step), [], 0, np.maximum(step, 1));
          return [step.add(1), xs.at(step).set(read ? np.tanh(xs.get(at)).mul(2).add(1) : 1)];
        },
        [step, xs],
        { kind: "checkpointed", checkpoints: 50, buffers: ([, xs]) => xs },
      )[1];
    const forward = vn.filterJit(
      vn.filterVmap((step: NDArray, xs: NDArray) => vn.linearize(loop(step), xs)[0]),
    );
    const args = [int([0, 1]), np.zeros([2, size])];
    assertTouchesLittle(forward, args, size);
    assertEquals(forward(...args as [NDArray, NDArray]).shape, [2, size]);
    if (read) continue;
    const back = vn.filterJit(vn.filterVmap((step: NDArray, xs: NDArray) => {
      const [out, pull] = vn.filterVjp(loop(step), xs);
      return pull(out)[0];
    }));
    assertTouchesLittle(back, args, size);
    // What was there before the loop wrote has no gradient.
    const grads = back(...args as [NDArray, NDArray]);
    assertEquals(np.abs(grads).sum(1).tolist(), [0, 0]);
  }
});

Deno.test("equinox/while_loop/test_speed_grad_checkpointed_while: many steps, half of them kept, mapped", () => {
  const { bodyOf, mlp } = problem(null);
  // Hundreds of turns make much of a rounding error: two right results in float32 differ in the fourth digit.
  const wide = (x: unknown) => x instanceof vn.NDArray ? x.astype("float64") : x;
  const turn = bodyOf(vn.tree.map(wide, mlp) as vn.nn.MLP);
  const steps = 400;
  const run = (options: vn.WhileLoopOptions<[NDArray, NDArray]>) =>
    vn.filterJit(vn.filterVmap(vn.filterGrad((val: NDArray, step: NDArray) =>
      vn.filterWhileLoop(
        ([step]) => step.less(steps),
        ([step, val]): [NDArray, NDArray] => [
          step.add(1),
          turn([int(0), val, np.zeros([1], { dtype: "float64" })])[1],
        ],
        [step, val],
        options,
      )[1].sum()
    )))(random.normal(random.key(3), [2, 2], { dtype: "float64" }), int([0, 10]));
  const half = run({ kind: "checkpointed", checkpoints: steps / 2 });
  allclose(half, run({ kind: "bounded", maxSteps: steps }), 1e-9);
});

/** The pattern by which a solver of differential equations writes what it is asked for: a loop of steps, and in each a loop over the times that it has passed. */
function nested(read: boolean): void {
  type Vals = [val1: NDArray, val2: NDArray, val3: NDArray, val4: NDArray];
  type State = [step: NDArray, vals: Vals];
  const place = (seed: NDArray, below: NDArray) =>
    random.randint(random.PRNGKey(seed), [], 0, np.maximum(below, 1));
  const inner = (loops: Loops, [start, vals]: State, ts: NDArray): State => {
    const done = np.floor(ts.get(start).add(1));
    const body = ([step, [v1, v2, v3, v4]]: State): State => {
      v1 = v1.mul(np.sin(v1.mul(100).add(3)).mul(0.05).add(1));
      let sets = [v1, v1, v1];
      if (read) {
        const [i2, i3, i4] = [0, 100, 200].map((seed) => place(step.add(seed), step));
        const first = step.equal(0);
        sets = [
          np.where(first, 2, v1.add(v2.get(i2))),
          np.where(first, 3, v1.mul(0.8).add(v2.get(i3)).add(v3.get(i3))),
          np.where(first, 4, v1.add(np.tanh(v2.get(i2).mul(v4.get(i4))))),
        ];
      }
      const written = [v2, v3, v4].map((v, k) => v.at(step).set(sets[k]));
      return [step.add(1), [v1, ...written] as Vals];
    };
    const cond = ([step]: State) => ts.get(step).less(done);
    return loops(cond, body, [start, vals], 10, ([, [, , v3, v4]]) => [v3, v4]);
  };
  type Loops = (
    cond: (s: State) => NDArray,
    body: (s: State) => State,
    init: State,
    maxSteps: number,
    buffers: (s: State) => NDArray[],
  ) => State;
  const outer = (loops: Loops, init: State, ts: NDArray, finalStep: NDArray): Vals => {
    const body = ([step, [v1, v2, v3, v4]]: State) => {
      const moved = v1.mul(np.sin(v1.mul(105).add(1)).mul(0.05).add(1));
      return inner(loops, [step, [moved, v2, v3, v4]], ts);
    };
    const cond = ([step]: State) => step.less(finalStep);
    return loops(cond, body, init, 50, ([, [, v2, v3]]) => [v2, v3])[1];
  };
  const run = (loops: Loops) =>
    vn.filterJit(vn.filterVmap(
      (step: NDArray, vals: Vals, ts: NDArray, finalStep: NDArray, cts: Vals) => {
        const [value, pull] = vn.filterVjp(
          (v1: NDArray) => outer(loops, [step, [v1, vals[1], vals[2], vals[3]]], ts, finalStep),
          vals[0],
        );
        return [value, pull(cts)];
      },
    ));
  const zeros = np.zeros([2, 47]);
  const vals: Vals = [
    random.uniform(key(), [2], { minval: 0.1, maxval: 0.7 }),
    zeros,
    zeros,
    zeros,
  ];
  const ts = np.stack([np.linspace(0, 19, 47), np.linspace(0, 13, 47)]);
  const shapes = [[2], [2, 47], [2, 47], [2, 47]];
  const cts = shapes.map((shape) => random.normal(key(), shape)) as Vals;
  const args = [int([0, 5]), vals, ts, int([46, 43]), cts] as const;
  const ours = run((cond, body, init, maxSteps, buffers) =>
    vn.filterWhileLoop(cond, body, init, { maxSteps, buffers, kind: "checkpointed" })
  )(...args);
  const truth = run((cond, body, init, maxSteps) => asScan(cond, body, init, maxSteps))(...args);
  allclose(ours, truth);
}

Deno.test("equinox/while_loop/test_nested_loops: buffers of an outer loop, of an inner one, of both and of neither, mapped and pulled back", () => {
  for (const read of [false, true]) nested(read);
});

Deno.test("equinox/while_loop/test_zero_buffer: an array without elements in the carry", () => {
  const run = (val: NDArray) =>
    vn.filterWhileLoop(
      ([step]: [NDArray, NDArray]) => step.less(5),
      ([step, v]: [NDArray, NDArray]): [NDArray, NDArray] => [step.add(1), v],
      [int(0), val],
      { kind: "checkpointed", maxSteps: 5 },
    );
  const [[step, value]] = vn.linearize(run, np.zeros([5, 0])) as [[NDArray, NDArray], unknown];
  assertEquals([step.item(), value.shape], [5, [5, 0]]);
  const grad = vn.filterGrad((v: NDArray) => run(v)[1].sum())(np.zeros([5, 0]));
  assertEquals(grad.shape, [5, 0]);
});

Deno.test("equinox/while_loop/test_symbolic_zero: cotangents that are zero without looking are never computed", () => {
  type Six = [NDArray, NDArray, NDArray, NDArray, number, NDArray];
  const identity = (x: NDArray) => x;
  const run = (guard: (place: number) => (x: NDArray) => NDArray) =>
    vn.filterGrad(([c0, c1, c2, c3]: NDArray[]) => {
      const [out] = vn.filterWhileLoop(
        () => true,
        ([, b, c, d, e, f]: Six): Six => [
          guard(2)(c),
          guard(3)(d),
          lax.stopGradient(guard(1)(b)),
          guard(3)(d),
          e,
          f,
        ],
        [c0, c1, c2, c3, 5, int(6)],
        { kind: "checkpointed", maxSteps: 5 },
      );
      return out;
    })([1, 2, 3, 4].map((v) => np.array(v)));
  const [g0, g1, g2, g3] = run(() => identity);
  assertEquals([g0, g1, g2, g3].map((g) => g.item()), [0, 0, 0, 0]);
  // Of the carries, 0 and 2 alone have cotangents.
  run((place) => place === 2 ? identity : nondifferentiableBackward);
  assertThrows(
    () => run((place) => place === 2 ? nondifferentiableBackward : identity),
    Error,
    "Unexpected cotangent",
  );
});

Deno.test("equinox/while_loop/test_disable_jit: eagerly, with a body that forgets its carry", () => {
  const out = vn.filterWhileLoop(() => true, () => int(5), int(3), {
    maxSteps: 3,
    kind: "checkpointed",
  });
  assertEquals(out.item(), 5);
});

Deno.test("equinox/while_loop/test_buffer_index: a buffer takes any index", () => {
  const out = vn.filterWhileLoop(
    () => true,
    (c: NDArray) => c.at("...", vn.slice(1, null)).set(7),
    np.zeros([3, 5]),
    { kind: "checkpointed", maxSteps: 2, buffers: (c) => c },
  );
  assertEquals(out.tolist(), Array(3).fill([0, 7, 7, 7, 7]));
});

Deno.test("equinox/while_loop/test_nondifferentiable_body1: what is not perturbed is not differentiated", () => {
  type Five = [NDArray, NDArray, NDArray, NDArray, null];
  const body = ([step, x, y, z]: Five): Five => {
    const fixed = nondifferentiable(y);
    return [step.add(1), x.add(fixed), y.add(1), z.at(step).set(y), null];
  };
  const run = (loop: (init: Five) => Five) =>
    vn.filterJit(vn.filterValueAndGrad(([x, z]: [NDArray, NDArray], y: NDArray) => {
      const [, xOut, yOut, zOut, none] = loop([int(0), x, y, z, null]);
      assertEquals(none, null);
      return xOut.add(yOut).add(zOut.sum());
    }))([np.array(1.2), np.array([-5, -5, -5])], np.array(0.7));
  allclose(
    run((init) =>
      vn.filterWhileLoop(() => true, body, init, { maxSteps: 3, kind: "checkpointed" })
    ),
    run((init) => asScan(() => true, body, init, 3)),
  );
});

Deno.test("equinox/while_loop/test_nondifferentiable_body2: perturbations run to their fixed point; a cotangent of what is not perturbed is dropped", () => {
  type Four = [NDArray, NDArray, NDArray, NDArray];
  const run = (guarded: number, refuse: (x: NDArray) => NDArray) =>
    vn.filterJit(vn.filterGrad((x: NDArray) => {
      const one = np.array(1);
      const guard = (place: number, v: NDArray) => place === guarded ? refuse(v) : v;
      const [, y, , w] = vn.filterWhileLoop(
        () => true,
        ([x, y, z, w]: Four): Four => [
          guard(0, x).add(1),
          x.add(guard(1, y)),
          y.add(guard(2, z)),
          guard(3, w).mul(2),
        ],
        [x, one, one, one],
        { maxSteps: 3, kind: "checkpointed" },
      );
      return y.add(w);
    }))(np.array(1));
  const identity = (x: NDArray) => x;
  assertEquals(run(-1, identity).item(), 3);
  // Perturbed: all but w.
  assertEquals(run(3, nondifferentiable).item(), 3);
  for (const place of [0, 1, 2]) assertThrows(() => run(place, nondifferentiable), Error);
  // Cotangents come to x and y.
  for (const place of [2, 3]) assertEquals(run(place, nondifferentiableBackward).item(), 3);
  for (const place of [0, 1]) {
    assertThrows(() => run(place, nondifferentiableBackward), Error, "Unexpected cotangent");
  }
});

Deno.test("equinox/while_loop/test_body_fun_grads: a carry that has a cotangent for the sake of what the body closes over", () => {
  type Two = [NDArray, NDArray];
  const run = (loop: (body: (c: Two) => Two, init: Two) => Two) =>
    vn.filterJit(vn.filterGrad(([x, y]: Two) => {
      const [a, b] = loop(([a, b]) => [a.mul(x), b.add(1)], [np.array(1), y]);
      return a.add(b);
    }))([np.array(1), np.array(1)]);
  const ours = run((body, init) =>
    vn.filterWhileLoop(() => true, body, init, { maxSteps: 3, kind: "checkpointed" })
  );
  allclose(ours, run((body, init) => asScan(() => true, body, init, 3)));
  assertEquals(ours.map((g) => g.item()), [3, 1]);
});

Deno.test("equinox/while_loop/test_trivial_vjp: an output that nothing perturbed reaches has gradient zero, and the body is not pulled back", () => {
  const grad = vn.filterJit(vn.filterGrad((x: NDArray) => {
    const [, b] = vn.filterWhileLoop(
      () => true,
      ([a, b]: [NDArray, NDArray]): [NDArray, NDArray] => [nondifferentiableBackward(a), b],
      [x, np.array(0)],
      { maxSteps: 3, kind: "checkpointed" },
    );
    return b;
  }))(np.array(1));
  assertEquals(grad.item(), 0);
});

Deno.test("equinox/while_loop/test_buffer_at_set: a buffer is no array, and may be written under a condition", () => {
  const array = int([0]);
  for (const holds of [true, false]) {
    const run = vn.filterJit((pred: NDArray) =>
      vn.filterWhileLoop(
        () => true,
        (c: NDArray) => {
          assert(!vn.isArray(c));
          const buffer = c as unknown as vn.LoopBuffer;
          return buffer.at(0).set(1, { pred }) as unknown as NDArray;
        },
        array,
        { maxSteps: 1, kind: "checkpointed", buffers: (x) => x },
      )
    );
    assertEquals(run(np.array(holds)).tolist(), [holds ? 1 : 0]);
  }
});

Deno.test("equinox/while_loop/test_unperturbed_output: outputs that nothing perturbed reaches have no tangent", () => {
  class State extends vn.Module {
    readonly none: null = null;
    constructor(
      readonly flag: NDArray,
      readonly count: NDArray,
      readonly still: NDArray,
      readonly moved1: NDArray,
      readonly moved2: NDArray,
      readonly movedBuffer: NDArray,
      readonly stillBuffer: NDArray,
    ) {
      super();
    }
  }
  const init = new State(
    np.array(true),
    int(1),
    np.array(1),
    np.array(1),
    np.array(2),
    np.array([3]),
    np.array([4]),
  );
  const body = (c: State) =>
    new State(
      c.flag,
      c.count,
      c.still,
      c.moved2,
      c.moved2,
      c.movedBuffer.at(0).set(c.moved2),
      c.stillBuffer.at(0).set(c.still),
    );
  const run = (state: State) => {
    const start = vn.treeAt((c: State) => [c.still, c.stillBuffer, c.moved1], state, {
      replaceFn: lax.stopGradient,
    });
    const end = vn.filterWhileLoop(() => true, body, start, {
      maxSteps: 1,
      buffers: (c) => c.movedBuffer,
      kind: "checkpointed",
    });
    assertEquals(end.none, null);
    const total = nondifferentiable(end.still).add(nondifferentiable(end.stillBuffer).sum());
    for (const moved of [end.moved1, end.moved2, end.movedBuffer]) {
      assertThrows(() => nondifferentiable(moved, { message: "kaboom!" }), Error, "kaboom!");
    }
    return total.add(end.moved1).add(end.moved2).add(end.movedBuffer.sum());
  };
  vn.filterVjp(run, init);
  const grads = vn.filterGrad(run)(init);
  assertEquals(
    [grads.still, grads.moved1, grads.moved2].map((g) => g.item()),
    [0, 0, 3],
  );
  assertEquals([grads.movedBuffer, grads.stillBuffer].map((g) => g.tolist()), [[0], [0]]);
});
