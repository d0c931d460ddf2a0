/**
 * Loops and branches against the same written out, under every transformation and pairs of them, at once and compiled.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { lax, numpy: np } = vn;

type Fn = (...xs: vn.NDArray[]) => vn.NDArray;

/** A function with control flow, and the same without. */
interface Pair {
  readonly name: string;
  readonly args: readonly (readonly number[])[];
  readonly looped: Fn;
  readonly plain: Fn;
  /** Whether reverse mode exists. */
  readonly reverse?: boolean;
}

const steps = [0, 1, 2, 3];

const pairs: readonly Pair[] = [
  {
    name: "scan that carries and stacks",
    args: [[0.3, -0.2], [1, 2, 3, 4]],
    looped: (h, xs) => {
      const step = (h: vn.NDArray, x: vn.NDArray): [vn.NDArray, vn.NDArray] => {
        const next = np.tanh(h.mul(x).add(0.1));
        return [next, next.sum()];
      };
      const [last, sums] = lax.scan(step, h, xs);
      return last.sum().add(sums.mul(sums).sum());
    },
    plain: (h, xs) => {
      let [value, total] = [h, np.array(0, { dtype: h.dtype })];
      for (const i of steps) {
        value = np.tanh(value.mul(xs.get(i)).add(0.1));
        total = total.add(value.sum().mul(value.sum()));
      }
      return value.sum().add(total);
    },
  },
  {
    name: "scan in reverse, over a captured array",
    args: [[0.5, 0.25], [1, 2, 3, 4]],
    looped: (w, xs) => {
      const step = (
        c: vn.NDArray,
        x: vn.NDArray,
      ): [vn.NDArray, vn.NDArray] => [c.mul(w.sum()).add(x), c];
      const [last, before] = lax.scan(step, w.get(0), xs, { reverse: true });
      return last.add(before.mul(np.arange(4).astype(w.dtype)).sum());
    },
    plain: (w, xs) => {
      let [c, total] = [w.get(0), np.array(0, { dtype: w.dtype })];
      for (const i of [...steps].reverse()) {
        total = total.add(c.mul(i));
        c = c.mul(w.sum()).add(xs.get(i));
      }
      return c.add(total);
    },
  },
  {
    name: "scan in a scan",
    args: [[0.5], [1, 2, 3, 4]],
    looped: (w, xs) => {
      const inner = (
        c: vn.NDArray,
        x: vn.NDArray,
      ): [vn.NDArray, null] => [c.mul(0.5).add(x.mul(w.get(0))), null];
      const outer = (c: vn.NDArray, x: vn.NDArray): [vn.NDArray, vn.NDArray] => {
        const [next] = lax.scan(inner, c, xs.mul(x));
        return [np.sin(next), next];
      };
      const [last, all] = lax.scan(outer, w.get(0), xs);
      return last.add(all.sum());
    },
    plain: (w, xs) => {
      let [c, total] = [w.get(0), np.array(0, { dtype: w.dtype })];
      for (const i of steps) {
        for (const j of steps) c = c.mul(0.5).add(xs.get(j).mul(xs.get(i)).mul(w.get(0)));
        total = total.add(c);
        c = np.sin(c);
      }
      return c.add(total);
    },
  },
  {
    name: "foriLoop with host bounds",
    args: [[1.2]],
    looped: (x) => lax.foriLoop(0, 4, (i, v) => v.mul(x.get(0)).add(i.astype(x.dtype)), x.get(0)),
    plain: (x) => steps.reduce((v, i) => v.mul(x.get(0)).add(i), x.get(0)),
  },
  {
    name: "cond on a value",
    args: [[0.7, -0.4]],
    looped: (x) =>
      lax.cond(x.get(0).greater(0), (v) => np.sin(v).sum(), (v) => v.mul(v).sum(), x)
        .add(
          lax.cond(x.get(1).greater(0), (v) => np.exp(v).sum(), (v) => v.sum().mul(x.get(0)), x),
        ),
    plain: (x) => np.sin(x).sum().add(x.sum().mul(x.get(0))),
  },
  {
    name: "switch in a scan",
    args: [[0.9], [1, 2, 3, 4]],
    looped: (w, xs) => {
      const branches = [
        (c: vn.NDArray) => c.add(1),
        (c: vn.NDArray) => c.mul(w.get(0)),
        (c: vn.NDArray) => np.cos(c),
      ];
      const step = (c: vn.NDArray, [x, i]: [vn.NDArray, vn.NDArray]): [vn.NDArray, vn.NDArray] => [
        lax.switch(i, branches, c).add(x),
        c,
      ];
      const [last, all] = lax.scan(
        step,
        w.get(0),
        [xs, np.array([0, 1, 2, 5], { dtype: "int32" })] as [vn.NDArray, vn.NDArray],
      );
      return last.add(all.sum());
    },
    plain: (w, xs) => {
      const branches = [
        (c: vn.NDArray) => c.add(1),
        (c: vn.NDArray) => c.mul(w.get(0)),
        (c: vn.NDArray) => np.cos(c),
      ];
      let [c, total] = [w.get(0), np.array(0, { dtype: w.dtype })];
      [0, 1, 2, 2].forEach((b, i) => {
        total = total.add(c);
        c = branches[b](c).add(xs.get(i));
      });
      return c.add(total);
    },
  },
  {
    name: "whileLoop whose length is data",
    args: [[1.5]],
    reverse: false,
    looped: (x) =>
      lax.whileLoop(([v]) => v.less(10), ([v, n]) => [v.mul(x.get(0)), n.add(v)], [
        x.get(0),
        x.get(0).mul(0),
      ])[1],
    plain: (x) => {
      let [v, n] = [x.get(0), x.get(0).mul(0)];
      for (let value = 1.5; value < 10; value *= 1.5) [v, n] = [v.mul(x.get(0)), n.add(v)];
      return n;
    },
  },
  {
    name: "map",
    args: [[1, 2, 3]],
    looped: (x) => lax.map((v: vn.NDArray) => v.mul(v).add(x.sum()), x).mul(x).sum(),
    plain: (x) => x.mul(x).add(x.sum()).mul(x).sum(),
  },
];

function close(a: vn.NDArray, b: vn.NDArray, what: string): void {
  assertEquals(a.shape, b.shape, what);
  const [x, y] = [a.dataSync(), b.dataSync()];
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [Number(x[i]), Number(y[i])];
    assert(
      Math.abs(p - q) <= 1e-9 * Math.max(1, Math.abs(q)),
      `${what}: element ${i} is ${p}, written out ${q}`,
    );
  }
}

for (const { name, args, looped, plain, reverse = true } of pairs) {
  const xs = args.map((a) => np.array([...a], { dtype: "float64" }));
  const ones = xs.map((x) => np.onesLike(x));
  const along = (f: Fn): Fn => (...v) => vn.jvp(f, v, ones)[1];
  const gradient = (f: Fn): Fn => (...v) =>
    np.concatenate(vn.grad(f, { argnums: v.map((_, i) => i) })(...v));
  const many = (f: Fn): Fn => (...v) => {
    // Near enough to one another that branches and lengths stay the same.
    const batch = v.map((x) => np.stack([x, x.mul(1.001)]));
    return vn.vmap(f)(...batch);
  };
  const forms: [string, (f: Fn) => Fn][] = [
    ["value", (f) => f],
    ["jvp", along],
    ["vmap", many],
    ["vmap of jvp", (f) => many(along(f))],
    ["jvp of vmap", (f) => along(many(f))],
    ["jvp of jvp", (f) => along(along(f))],
  ];
  if (reverse) {
    forms.push(
      ["grad", gradient],
      ["vmap of grad", (f) => many(gradient(f))],
      ["grad of vmap", (f) => gradient((...v) => many(f)(...v).sum())],
      ["grad of grad", (f) => gradient((...v) => gradient(f)(...v).mul(2).sum())],
      ["jvp of grad", (f) => along(gradient(f))],
      ["grad of jvp", (f) => gradient(along(f))],
    );
  }
  for (const [form, transform] of forms) {
    Deno.test(`${name}: ${form}, at once and compiled`, () => {
      const expected = transform(plain)(...xs);
      close(transform(looped)(...xs), expected, "at once");
      close(vn.filterJit(transform(looped))(...xs), expected, "compiled");
    });
  }
}

Deno.test("loops of no steps give the start", () => {
  const xs = np.zeros([0, 2]);
  for (const run of [(f: () => unknown) => f(), (f: () => unknown) => vn.filterJit(f)()]) {
    const [carry, ys] = run(() =>
      lax.scan((c: vn.NDArray, x: vn.NDArray) => [c.add(x.sum()), x], np.array(5), xs)
    ) as vn.NDArray[];
    assertEquals([carry.item(), ys.shape], [5, [0, 2]]);
    assertEquals(
      (run(() =>
        lax.whileLoop((x: vn.NDArray) => x.less(0), (x: vn.NDArray) => x.sub(1), np.array(5))
      ) as vn.NDArray).item(),
      5,
    );
    assertEquals(
      (run(() => lax.foriLoop(3, 1, (_i, x: vn.NDArray) => x.mul(2), np.array(5))) as vn.NDArray)
        .item(),
      5,
    );
  }
});

Deno.test("a long loop is a loop: a thousand steps compile as quickly as ten", () => {
  const f = vn.filterJit((w: vn.NDArray, xs: vn.NDArray) => {
    const [h] = lax.scan(
      (h: vn.NDArray, x: vn.NDArray) => [np.tanh(w.matmul(h).add(x)), null],
      np.zeros([16]),
      xs,
    );
    return h;
  });
  const w = vn.random.normal(vn.random.key(0), [16, 16]).mul(0.2);
  const xs = vn.random.normal(vn.random.key(1), [1000, 16]);
  assertEquals(f(w, xs).shape, [16]);
  const lines = f.lower(w, xs).nests().split("\n").length;
  assert(lines < 80, `${lines} lines`);
});

Deno.test("symbolic zeros pass through loops: what does not depend on a tangent has none", () => {
  const [, tangents] = vn.filterJvp(
    (x: vn.NDArray, y: vn.NDArray) => {
      const [[a, b], ys] = lax.scan(
        (
          [a, b]: [vn.NDArray, vn.NDArray],
          _: null,
        ): [[vn.NDArray, vn.NDArray], vn.NDArray] => [[a.mul(2), b.mul(2)], b],
        [x, y] as [vn.NDArray, vn.NDArray],
        null,
        { length: 3 },
      );
      return [a, b, ys];
    },
    [np.array(1), np.array(2)],
    [np.array(1), null],
  );
  assertEquals((tangents as unknown[]).map((t) => t === null), [false, true, true]);
});

Deno.test("bad loops and branches say what is wrong, by path", () => {
  const rows: [() => unknown, new (m: string) => Error, string[]][] = [
    [
      () =>
        lax.scan(
          (c: vn.NDArray, x: vn.NDArray) => [np.stack([c, x]), x],
          np.array(0),
          np.zeros([3]),
        ),
      vn.ShapeError,
      ["lax.scan", "carry", "f32[]", "f32[2]"],
    ],
    [
      () => lax.scan((c: vn.NDArray) => [c.astype("int32"), null], np.array(0), np.zeros([3])),
      vn.DTypeError,
      ["f32[]", "i32[]"],
    ],
    [() => lax.scan((c: vn.NDArray) => c as never, np.array(0), np.zeros([3])), vn.TreeError, [
      "pair",
    ]],
    [() => lax.scan((c: vn.NDArray) => [c, null], np.array(0), null), vn.ArgumentError, ["length"]],
    [
      () => lax.scan((c: vn.NDArray) => [c, null], np.array(0), [np.zeros([3]), np.zeros([4])]),
      vn.ShapeError,
      ["xs[1]", "4", "3"],
    ],
    [() => lax.whileLoop((x: vn.NDArray) => x, (x: vn.NDArray) => x, np.array(0)), vn.DTypeError, [
      "lax.whileLoop",
      "bool",
    ]],
    [
      () => lax.cond(true, (x: vn.NDArray) => x, (x: vn.NDArray) => [x] as never, np.array(0)),
      vn.TreeError,
      ["lax.cond"],
    ],
    [
      () => lax.cond(true, (x: vn.NDArray) => x, (x: vn.NDArray) => x.astype("int32"), np.array(0)),
      vn.DTypeError,
      ["f32[]", "i32[]"],
    ],
    [() => lax.switch(0, [], np.array(0)), vn.ArgumentError, ["lax.switch"]],
    [
      () =>
        vn.grad((x: vn.NDArray) =>
          lax.whileLoop((v: vn.NDArray) => v.less(9), (v: vn.NDArray) => v.mul(2), x)
        )(np.array(1)),
      vn.DifferentiationError,
      ["lax.scan"],
    ],
  ];
  for (const [cause, cls, parts] of rows) {
    const error = assertThrows(cause, cls) as Error;
    for (const part of parts) assertStringIncludes(error.message, part);
  }
});
