/**
 * Attention of float32 is computed block by block: the same as with the whole matrix of logits, which is how float64 goes, derivatives
 * included, and in memory that grows with the sequence alone.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "@vernal/vernal";
import { type NDArray, nn, numpy as np, random } from "@vernal/vernal";

type Options = nn.AttentionOptions;
type Arrays = [q: NDArray, k: NDArray, v: NDArray];

const [batch, queries, keys, heads, size] = [2, 11, 19, 4, 8] as const;

const wide = (x: NDArray): NDArray => x.astype("float64");
const normal = (seed: number, shape: number[]) => random.normal(random.key(seed), shape);

const mask = np.greater(normal(3, [batch, heads, queries, keys]), 0);
const bias = normal(4, [1, heads, queries, keys]);

const forms: Readonly<Record<string, Options>> = {
  "everything": {},
  "no later keys": { isCausal: true },
  "a window": { localWindowSize: [3, 1] },
  "a mask": { mask },
  "a mask of keys": { mask: np.greater(normal(5, [batch, 1, 1, keys]), 0) },
  "a bias": { bias },
  "all of it": { mask, bias, isCausal: true, scale: 0.7 },
};

function operands(groups: number): Arrays {
  return [
    normal(0, [batch, queries, heads, size]),
    normal(1, [batch, keys, groups, size]),
    normal(2, [batch, keys, groups, size]),
  ];
}

function assertNear(actual: unknown, expected: unknown, tolerance: number, what: string): void {
  const [a, e] = [actual, expected].map((x) => vn.tree.leaves(x) as NDArray[]);
  assertEquals(a!.length, e!.length, what);
  a!.forEach((x, i) => {
    const scale = 1 + Number(np.max(np.abs(e![i]!)).item());
    const error = Number(np.max(np.abs(np.subtract(x.astype("float64"), e![i]!))).item());
    assert(error <= tolerance * scale, `${what}, ${i}: off by ${error} of ${scale}`);
  });
}

const loss = (options: Options) => (xs: Arrays): NDArray =>
  np.sum(np.sin(nn.dotProductAttention(...xs, options)));

/** The gradient of the sum of the squares of the gradient. */
const second = (options: Options) =>
  vn.filterGrad((xs: Arrays) => {
    const gradient = vn.filterGrad(loss(options))(xs) as unknown as Arrays;
    return gradient.reduce(
      (sum, g) => sum.add(np.sum(np.square(g))),
      np.array(0, { dtype: xs[0].dtype }),
    );
  });

for (const [name, options] of Object.entries(forms)) {
  Deno.test(`attention in blocks, ${name}: as in one piece, with its derivatives`, () => {
    for (const groups of [4, 2, 1]) {
      const xs = operands(groups);
      const along = operands(groups).map((x) => x.mul(0.5).add(0.1)) as Arrays;
      const wideOptions = { ...options, ...options.bias && { bias: wide(options.bias) } };
      const [ws, wideAlong] = [xs.map(wide) as Arrays, along.map(wide) as Arrays];
      const both = (
        of: (o: Options) => (...args: Arrays[]) => unknown,
        args: Arrays[],
        wideArgs: Arrays[],
        tolerance: number,
        what: string,
      ) => {
        const expected = of(wideOptions)(...wideArgs);
        const f = of(options);
        assertNear(f(...args), expected, tolerance, `${groups} groups, ${what}`);
        const jitted = vn.filterJit((...args: Arrays[]) => f(...args));
        assertNear(jitted(...args), expected, tolerance, `${groups} groups, ${what}, jitted`);
      };
      both((o) => (xs) => nn.dotProductAttention(...xs!, o), [xs], [ws], 2e-6, "values");
      both((o) => vn.filterGrad(loss(o)) as never, [xs], [ws], 3e-6, "gradients");
      both(second as never, [xs], [ws], 5e-5, "second derivatives");
      both(
        (o) => (xs, ts) =>
          vn.filterJvp(
            (...xs: Arrays) => nn.dotProductAttention(...xs, o),
            xs!,
            ts!,
          )[1],
        [xs, along],
        [ws, wideAlong],
        3e-6,
        "tangents",
      );
    }
  });
}

Deno.test("attention in blocks has the gradient of a bias", () => {
  const xs = operands(heads);
  const of = (xs: Arrays) => (b: NDArray) => loss({ bias: b, mask })(xs);
  const expected = vn.filterGrad(of(xs.map(wide) as Arrays))(wide(bias));
  assertNear(vn.filterJit(vn.filterGrad(of(xs)))(bias), expected, 3e-6, "bias");
});

Deno.test("attention in blocks is mapped over any of its operands, gradients too", () => {
  const xs = operands(2);
  for (const which of [0, 1, 2]) {
    const many = normal(7 + which, [3, ...xs[which]!.shape]);
    const one = (x: NDArray) => {
      const given = xs.map((y, i) => i === which ? x : x.dtype === "float64" ? wide(y) : y);
      return given as Arrays;
    };
    const f = (x: NDArray) => nn.dotProductAttention(...one(x), { mask });
    assertNear(vn.filterVmap(f)(many), vn.filterVmap(f)(wide(many)), 2e-6, `operand ${which}`);
    const g = vn.filterGrad((x: NDArray) => loss({ mask })(one(x)));
    const mapped = vn.filterJit(vn.filterVmap(g));
    assertNear(mapped(many), vn.filterVmap(g)(wide(many)), 3e-6, `gradient of operand ${which}`);
  }
});

Deno.test("the logits of attention are never in memory, forwards or backwards", () => {
  const [length, width] = [4096, 32];
  const struct = new vn.ShapeDtypeStruct([length, 2, width], "float32");
  const attend = (q: NDArray, k: NDArray, v: NDArray) =>
    nn.dotProductAttention(q, k, v, { isCausal: true });
  const gradients = vn.filterGrad(([q, k, v]: Arrays) => np.sum(np.square(attend(q, k, v))));
  const logits = 4 * length * length;
  const operand = 4 * length * 2 * width;
  const forward = vn.filterJit(attend).lower(struct, struct, struct).compile().memoryAnalysis();
  assert(forward.tempSizeInBytes < 2 * operand, `${forward.tempSizeInBytes} bytes`);
  const backward = vn.filterJit(gradients).lower([struct, struct, struct] as never).compile()
    .memoryAnalysis();
  assert(backward.tempSizeInBytes < 8 * operand, `${backward.tempSizeInBytes} bytes`);
  assert(backward.tempSizeInBytes < logits / 4, `${backward.tempSizeInBytes} bytes`);
});

Deno.test("a layer of attention drops weights as before, and otherwise goes in blocks", () => {
  const layer = new nn.MultiheadAttention(2, 8, { key: random.key(0), dropoutP: 0.5 });
  const x = normal(6, [5, 8]);
  const text = (inference: boolean) =>
    String(vn.makeJaxpr((x: NDArray) => layer.call(x, x, x, { key: random.key(1), inference }))(x));
  assert(text(true).includes("dot_product_attention"));
  assert(!text(false).includes("dot_product_attention"));
});
