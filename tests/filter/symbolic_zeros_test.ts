/**
 * Zeros known without looking: which outputs have a tangent, which arguments are perturbed, which cotangents arrive. Row by row as measured on
 * Equinox, with `x` differentiated and `y` not, and each row inside of every transformation that hands derivatives through.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { noinline } from "../../src/internal/mod.ts";

const { lax, numpy: np } = vn;

type Arrays = readonly vn.NDArray[];
/** A function of `x` and `y`. */
type Program = (x: vn.NDArray, y: vn.NDArray) => Arrays;

const direct: Program = (x, y) => [x.mul(2), y.mul(2), x.add(y), y];
const positive = (x: vn.NDArray) => np.greater(x.sum(), 0);
const pair = (f: (a: vn.NDArray, b: vn.NDArray) => Arrays) => (c: Arrays) => f(c[0], c[1]);

/** One turn of a loop over (x, y), three times. */
const scanned = (step: (a: vn.NDArray, b: vn.NDArray) => Arrays): Program => (x, y) =>
  lax.scan((c: Arrays, _: null) => [pair(step)(c), null], [x, y] as Arrays, null, { length: 3 })[0];

/** Programs, and for each output whether it has a tangent: T does, 0 has none. */
const rows: readonly [what: string, program: Program, expected: string][] = [
  ["x*2, y*2, x+y, y", direct, "T0T0"],
  ["the same under jit", vn.jit(direct as never) as Program, "T0T0"],
  ["the same under filterJit", vn.filterJit(direct), "T0T0"],
  ["the same under filterCheckpoint", vn.filterCheckpoint(direct) as Program, "T0T0"],
  ["the same under filterVmap", vn.filterVmap(direct as never) as Program, "T0T0"],
  ["the same under noinline", noinline(direct), "T0T0"],
  [
    "the same under filterClosureConvert",
    (x, y) => vn.filterClosureConvert(direct, x, y)(x, y),
    "T0T0",
  ],
  [
    "the same after errorIf",
    (x, y) => direct(...vn.errorIf([x, y] as [vn.NDArray, vn.NDArray], x.less(-9), "no")),
    "T0T0",
  ],
  ["scan, independent carries", scanned((a, b) => [a.mul(2), b.mul(2)]), "T0"],
  ["scan, a carry that takes from the other", scanned((a, b) => [a.mul(b), a.mul(b)]), "TT"],
  ["scan, a tangent that arrives in the second turn", scanned((a, b) => [b, a]), "TT"],
  [
    "scan, ys of either",
    (x, y) => lax.scan((c: Arrays, _: null) => [c, c], [x, y] as Arrays, null, { length: 2 })[1],
    "T0",
  ],
  [
    "scan, over xs of either",
    (x, y) =>
      lax.scan(
        (c: vn.NDArray, [a, b]: Arrays) => [c.add(b), [a.mul(2), b.mul(2), c]],
        y.sum(),
        [x, y] as Arrays,
      ).flat() as Arrays,
    "0T00",
  ],
  [
    "fori, independent carries",
    (x, y) =>
      lax.foriLoop(0, 3, (_i, c: Arrays) => pair((a, b) => [a.mul(2), b.mul(2)])(c), [
        x,
        y,
      ] as Arrays),
    "T0",
  ],
  [
    "while, independent carries",
    (x, y) =>
      lax.whileLoop(
        (c: Arrays) => c[1].sum().less(99),
        pair((a, b) => [a.mul(2), b.mul(2)]),
        [x, y] as Arrays,
      ),
    "T0",
  ],
  [
    "cond, unperturbed in both branches, perturbed in one",
    (x, y) =>
      lax.cond(
        positive(y),
        pair((a, b) => [a, b.mul(2), a]),
        pair((a, b) => [a.mul(2), b, b]),
        [x, y] as Arrays,
      ),
    "T0T",
  ],
  [
    "switch, unperturbed in all branches, perturbed in one",
    (x, y) =>
      lax.switch(np.array(1, { dtype: "int32" }), [
        pair((_a, b) => [b, b]),
        pair((_a, b) => [b.mul(2), b]),
        pair((a, b) => [b.mul(3), a]),
      ], [x, y] as Arrays),
    "0T",
  ],
  ["where(p, x, y)", (x, y) => [np.where(np.greater(y, 0), x, y)], "T"],
  ["where(p, y, y)", (x, y) => [np.where(np.greater(x, 0), y, y)], "0"],
  ["stack([x, y])", (x, y) => [np.stack([x, y])], "T"],
  ["x*0", (x) => [x.mul(0)], "T"],
  ["zerosLike(x)", (x) => [np.zerosLike(x)], "0"],
  ["floor, round, sign", (x) => [np.floor(x), np.round(x), np.sign(x)], "000"],
  ["comparison, argmax", (x, y) => [np.greater(x, y), np.argmax(x)], "00"],
  ["to int and back", (x) => [x.astype("int32").astype("float32")], "0"],
  ["to float64", (x) => [x.astype("float64")], "T"],
  ["stopGradient(x)", (x) => [lax.stopGradient(x)], "0"],
  [
    "at(0).set of y into zeros, of x into zeros, of y into x",
    (x, y) => [
      np.zeros([3]).at(0).set(y.get(0)),
      np.zeros([3]).at(0).set(x.get(0)),
      x.mul(np.ones([3])).at(0).set(y.get(0)),
    ],
    "0TT",
  ],
  ["optimizationBarrier([x, y])", (x, y) => lax.optimizationBarrier([x, y]), "TT"],
];

const x = np.array([1, 2, 3]);
const y = np.array([4, 5, 6]);
const ones = np.ones([3]);

/** Which of the arrays are there, in the table's letters. */
const letters = (tangents: readonly unknown[]) =>
  tangents.map((t) => t === null ? "0" : "T").join("");

/** What hands a program's derivatives through as they are. */
const wraps: readonly [string, (f: Program) => Program][] = [
  ["plainly", (f) => f],
  ["in filterJit", (f) => vn.filterJit(f)],
  ["in filterJit twice", (f) => vn.filterJit(vn.filterJit(f))],
  ["in filterCheckpoint", (f) => vn.filterCheckpoint(f) as Program],
  [
    "in filterScan of one step",
    (f) => (x, y) =>
      vn.filterScan(
        (c: Arrays, _: null): [Arrays, Arrays] => [c, pair(f)(c)],
        [x, y] as Arrays,
        null,
        {
          length: 1,
        },
      )[1].map((out) => out),
  ],
  ["in filterClosureConvert", (f) => (x, y) => vn.filterClosureConvert(f, x, y)(x, y)],
  [
    "in a scan that carries x and y along",
    (f) => (x, y) => {
      const [, ys] = lax.scan(
        (c: Arrays, _: null): [Arrays, Arrays] => [c, pair(f)(c)],
        [x, y] as Arrays,
        null,
        { length: 1 },
      );
      return ys;
    },
  ],
  ["in a branch", (f) => (x, y) => lax.cond(positive(y), pair(f), pair(f), [x, y] as Arrays)],
];

for (const [how, wrap] of wraps) {
  Deno.test(`symbolic zeros of tangents, ${how}`, () => {
    for (const [what, program, expected] of rows) {
      const [, tangents] = vn.filterJvp(wrap(program), [x, y], [ones, null]);
      assertEquals(letters(tangents as readonly unknown[]), expected, what);
    }
  });
}

Deno.test("symbolic zeros of tangents, mapped", () => {
  const batch = (v: vn.NDArray) => np.stack([v, v.mul(2)]);
  for (const [what, program, expected] of rows) {
    // It maps already, and its own arguments have no axis to map.
    if (what === "the same under filterVmap") continue;
    const mapped = vn.filterVmap(program as never) as Program;
    const [, outer] = vn.filterJvp(mapped, [batch(x), batch(y)], [batch(ones), null]);
    assertEquals(letters(outer as readonly unknown[]), expected, `jvp of vmap: ${what}`);
  }
});

Deno.test("symbolic zeros survive a second differentiation: of (x, y) only x is perturbed, however often", () => {
  for (const [what, program, expected] of rows) {
    if (what.startsWith("while")) continue;
    // Reverse over forward: outputs without a tangent have none under the outer gradient either.
    let seen = "";
    vn.filterGrad((x: vn.NDArray) => {
      const [, tangents] = vn.filterJvp(program, [x, y], [ones, null]);
      seen = letters(tangents as readonly unknown[]);
      return x.sum();
    })(x);
    assertEquals(seen, expected, what);
  }
});

// ---------------------------------------------------------------- custom_vjp

type Pair = [vn.NDArray, vn.NDArray];

/** A function that notes which arguments are perturbed, and which cotangents arrive. */
function observer() {
  const seen = { perturbed: "", cotangents: "" };
  const f = vn.filterCustomVjp(([x, y]: Pair) => [x.mul(2), y.mul(2), x.add(y)] as Arrays);
  f.defFwd((perturbed, [x, y]) => {
    seen.perturbed = (perturbed as unknown as boolean[]).map(Number).join("");
    return [[x.mul(2), y.mul(2), x.add(y)], null];
  });
  f.defBwd((_residuals, cts) => {
    seen.cotangents = letters(cts);
    return [cts[0] ?? cts[2], cts[1] ?? cts[2]];
  });
  return { f, seen };
}

type Apply = (x: vn.NDArray, y: vn.NDArray) => Arrays;
/** A loss of `x` and `y` around a call of the observed function. */
type Around = (f: Apply) => (x: vn.NDArray, y: vn.NDArray) => vn.NDArray;

const sum = (outs: Arrays) => outs.reduce((a, b) => a.add(b)).sum();

const perturbations: readonly [string, Around, string][] = [
  ["directly", (f) => (x, y) => sum(f(x, y)), "10"],
  [
    "through arguments of jit",
    (f) => (x, y) => vn.filterJit((...v: Pair) => sum(f(...v)))(x, y),
    "10",
  ],
  [
    "in scan, y constant",
    (f) => (x, y) =>
      lax.scan((c: vn.NDArray) => [f(c, y)[2], null], x, null, { length: 2 })[0].sum(),
    "10",
  ],
  [
    "in scan, y in the carry",
    (f) => (x, y) =>
      sum(
        lax.scan(([a, b]: Arrays) => [[f(a, b)[2], b], null], [x, y] as Arrays, null, {
          length: 2,
        })[0] as Arrays,
      ),
    "10",
  ],
  [
    "in cond",
    (f) => (x, y) =>
      lax.cond(positive(y), (x: vn.NDArray) => sum(f(x, y)), (x: vn.NDArray) => x.sum(), x),
    "10",
  ],
  ["in vmap", (f) => (x, y) => sum(vn.filterVmap((...v: Pair) => f(...v))(x, y) as Arrays), "10"],
  ["in checkpoint", (f) => (x, y) => sum(vn.filterCheckpoint(f)(x, y) as Arrays), "10"],
  [
    "in a gradient of a gradient",
    (f) => (x, y) => vn.filterGrad((x: vn.NDArray) => np.square(sum(f(x, y))))(x).sum(),
    "10",
  ],
  ["stopGradient(x)", (f) => (x, y) => sum(f(lax.stopGradient(x), y)).add(x.sum()), ""],
  ["zerosLike(x)", (f) => (x, y) => sum(f(np.zerosLike(x), y)).add(x.sum()), ""],
  ["stopGradient(x), and x", (f) => (x) => sum(f(lax.stopGradient(x), x)), "01"],
];

Deno.test("symbolic zeros: perturbed of a custom vjp", () => {
  for (const [what, around, expected] of perturbations) {
    for (const compiled of [false, true]) {
      const { f, seen } = observer();
      const grad = vn.filterGrad(around((x, y) => f([x, y])));
      (compiled ? vn.filterJit(grad) : grad)(x, y);
      assertEquals(seen.perturbed, expected, `${what}, ${compiled ? "compiled" : "at once"}`);
    }
  }
});

Deno.test("symbolic zeros: cotangents of outputs that nobody uses are null", () => {
  const uses: readonly [string, Around][] = [
    ["directly", (f) => (x, y) => f(x, y)[0].sum()],
    ["through jit", (f) => (x, y) => vn.filterJit(f)(x, y)[0].sum()],
    ["in jit", (f) => (x, y) => vn.filterJit((...v: Pair) => f(...v)[0].sum())(x, y)],
    [
      "in scan",
      (f) => (x, y) =>
        lax.scan((c: vn.NDArray) => [f(c, y)[0], null], x, null, { length: 2 })[0].sum(),
    ],
    ["in vmap", (f) => (x, y) => vn.filterVmap((...v: Pair) => f(...v)[0])(x, y).sum()],
    ["in checkpoint", (f) => (x, y) => (vn.filterCheckpoint(f)(x, y) as Arrays)[0].sum()],
    [
      "in cond",
      (f) => (x, y) =>
        lax.cond(positive(y), (x: vn.NDArray) => f(x, y)[0], (x: vn.NDArray) => x, x).sum(),
    ],
  ];
  for (const [what, around] of uses) {
    for (const compiled of [false, true]) {
      const { f, seen } = observer();
      const grad = vn.filterGrad(around((x, y) => f([x, y])));
      const g = (compiled ? vn.filterJit(grad) : grad)(x, y);
      assertEquals(seen.cotangents, "T00", `${what}, ${compiled ? "compiled" : "at once"}`);
      assert(g.shape.length === 1);
    }
  }
});
