import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  DifferentiationError,
  DTypeError,
  grad,
  hessian,
  jacfwd,
  jit,
  type NDArray,
  numpy as np,
  random,
  ShapeError,
  vmap,
} from "@vernal/vernal";

const key = random.key(0);

Deno.test("gamma: each element has a key of its own, whatever the other parameters are", () => {
  const some = random.gamma(key, np.array([0.5, 3, 20])).tolist() as number[];
  const others = random.gamma(key, np.array([0.5, 800, 20])).tolist() as number[];
  assertEquals([some[0], some[2]], [others[0], others[2]]);
});

Deno.test("gamma: the derivative of a sample keeps its quantile", () => {
  // Of parameter 1 it is an exponential number; that of parameter 2 has the distribution function 1 - (1 + x)·exp(-x).
  const x = random.gamma(key, 2, [50], { dtype: "float64" });
  const a = np.full([50], 2, { dtype: "float64" });
  const slope = grad((a: NDArray) => random.gamma(key, a, { dtype: "float64" }).sum())(a);
  const cdf = (a: number, x: number) => { // by Simpson's rule, for a > 1
    const [n, h] = [4000, x / 4000];
    const f = (t: number) => t === 0 ? 0 : Math.exp((a - 1) * Math.log(t) - t);
    let sum = 0;
    for (let i = 0; i <= n; i++) sum += f(i * h) * (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2);
    return sum * h / 3 / gammaAt(a);
  };
  // Γ near 2: its derivative there is 1 - γ, the second one 0.8237.
  const gammaAt = (a: number) =>
    1 + 0.42278433509846714 * (a - 2) + 0.4118403304264397 * (a - 2) ** 2;
  const e = 1e-4;
  const [xs, slopes] = [x.tolist() as number[], slope.tolist() as number[]];
  for (let i = 0; i < 50; i++) {
    const density = xs[i] * Math.exp(-xs[i]);
    const expected = -(cdf(2 + e, xs[i]) - cdf(2 - e, xs[i])) / (2 * e) / density;
    assertAlmostEquals(slopes[i], expected, 1e-4 * Math.max(1, expected));
  }
});

Deno.test("gamma: forward and reverse mode agree, compiled and not", () => {
  const f = (a: NDArray) => random.loggamma(key, a, { dtype: "float64" });
  const a = np.array([0.01, 0.7, 4, 300], { dtype: "float64" });
  const reverse = grad((a: NDArray) => f(a).sum())(a);
  const forward = np.diag(jacfwd(f)(a) as NDArray);
  const compiled = jit(grad((a: NDArray) => f(a).sum()))(a) as NDArray;
  assert(np.allclose(reverse, forward, { rtol: 1e-12 }).item());
  assert(np.allclose(reverse, compiled, { rtol: 1e-12 }).item());
});

Deno.test("gamma: a second derivative with respect to the parameter is refused, one past it is not", () => {
  assertThrows(
    () => hessian((a: NDArray) => random.gamma(key, a))(np.array(2)),
    DifferentiationError,
    "no derivative itself",
  );
  const square = (y: NDArray) => random.gamma(key, 2).mul(y).mul(y);
  const twice = random.gamma(key, 2).mul(2).item() as number;
  assertAlmostEquals((hessian(square)(np.array(3)) as NDArray).item() as number, twice, 1e-5);
});

Deno.test("distributions take their shape alone, among the options, or from their parameters", () => {
  const forms = [
    random.beta(key, 2, 3, [2, 2]),
    random.beta(key, 2, 3, { shape: [2, 2] }),
    random.beta(key, np.full([2, 2], 2), 3),
    random.beta(key, np.full([2, 2], 2), 3, null),
  ];
  for (const form of forms) assertEquals(form.tolist(), forms[0].tolist());
  assertEquals(random.t(key, 3, [2], { dtype: "float64" }).dtype, "float64");
  assertEquals(random.poisson(key, 3, { dtype: "uint8" }).dtype, "uint8");
});

Deno.test("distributions say what is wrong with their arguments", () => {
  assertThrows(() => random.gamma(key, np.ones([2, 3]), [3]), ShapeError, "random.gamma");
  assertThrows(() => random.poisson(key, np.ones([2]), [3]), ShapeError, "random.poisson");
  assertThrows(() => random.dirichlet(key, 2), ShapeError, "alpha");
  assertThrows(() => random.multinomial(key, 2, 0.5), ShapeError, "axis of the outcomes");
  assertThrows(() => random.t(key, 2, { dtype: "int32" }), DTypeError, "floating");
  assertThrows(() => random.geometric(key, 0.5, { dtype: "float32" }), DTypeError, "integer");
  assertThrows(
    () => random.gamma(key, np.array([1]).astype("complex64")),
    DTypeError,
    "a must be real",
  );
  assertThrows(() => random.gamma(random.split(key), 1), ShapeError, "single key");
});

Deno.test("counts have no derivative with respect to their parameters, and do not stop one", () => {
  const f = (p: NDArray) => random.binomial(key, 30, p).add(p.mul(3));
  assertEquals((grad(f)(np.array(0.4)) as NDArray).item(), 3);
  const g = (rate: NDArray) => random.poisson(key, rate).astype("float32").mul(rate);
  const count = random.poisson(key, 4).item();
  assertEquals((grad(g)(np.array(4)) as NDArray).item(), count);
});

Deno.test("samples mapped over keys are those of each key, though they end after different numbers of steps", () => {
  const keys = random.split(key, 5);
  const draws: ((k: NDArray) => NDArray)[] = [
    (k) => random.gamma(k, 0.8),
    (k) => random.poisson(k, np.array([2, 30])),
    (k) => random.binomial(k, 40, np.array([0.1, 0.6])),
    (k) => random.multinomial(k, 9, np.array([0.2, 0.3, 0.5])),
  ];
  for (const draw of draws) {
    const each = Array.from({ length: 5 }, (_, i) => draw(keys.get(i)).tolist());
    assertEquals((vmap(draw)(keys) as NDArray).tolist(), each);
    assertEquals((jit(vmap(draw))(keys) as NDArray).tolist(), each);
  }
});

Deno.test("outcomes of a multinomial add up to the trials", () => {
  const counts = random.multinomial(key, 50, np.array([0.1, 0.2, 0.3, 0.4]), { shape: [20, 4] });
  assertEquals(counts.sum(-1).tolist(), Array(20).fill(50));
});
