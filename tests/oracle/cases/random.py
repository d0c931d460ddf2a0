"""``random``: bit for bit where the result is integer or plain arithmetic on bits, else within a few ulp.

``normal``, ``truncatedNormal`` go through ``erf_inv``, ``gumbel`` and ``exponential`` through ``log``:
there the tolerance says how far an implementation of those functions may stray from XLA's, which is
itself some ulp off the truth. A uniform over another range than [0, 1) is scaled by a product and a
sum, which XLA fuses into one rounding: near zero that is an absolute error of the range's ulp.
"""

import numpy as onp

from cases.inputs import uniform
from record import close, np, random, ulp, vn

F32 = close(4e-6, 2e-6)
F64 = close(2e-14, 2e-14)
SHAPES = [(), (1,), (2,), (3,), (5,), (8,), (2, 3), (0,), (3, 0), (1, 1, 4), (1000,)]
SEEDS = [0, 1, 42, 2**31 - 1, 2**32 - 1, 123456789]


def write(file):
    file.tol = ulp(0)
    add = file.add
    normal = {"float32": ulp(24, 3e-7), "float64": ulp(64, 1e-15)}
    for seed in SEEDS + [-1, 2**40 + 3]:
        add(f"random.keyData/key {seed}", lambda: random.key_data(random.key(seed)), x64=seed > 2**33)
        add(f"random.PRNGKey/{seed}", lambda: random.PRNGKey(seed), x64=seed > 2**33)
    for seed in SEEDS:
        add(f"random.split/{seed}", lambda: random.key_data(random.split(random.key(seed))))
        add(f"random.split/{seed} of 5", lambda: random.key_data(random.split(random.key(seed), num=5)))
        add(f"random.foldIn/{seed}", lambda: [random.key_data(random.fold_in(random.key(seed), n)) for n in (0, 1, 7, 123456)])
        add(f"random.bits/{seed}", lambda: random.bits(random.key(seed), (7,)))
        add(f"random.uniform/{seed}", lambda: random.uniform(random.key(seed), (7,)))
        add(f"random.normal/{seed}", lambda: random.normal(random.key(seed), (7,)), tol=normal["float32"])
        add(f"random.randint/{seed}", lambda: random.randint(random.key(seed), (7,), 0, 10))
        add(f"random.bernoulli/{seed}", lambda: random.bernoulli(random.key(seed), shape=(9,)))
        add(f"random.permutation/{seed}", lambda: random.permutation(random.key(seed), 10))
        add(f"random.choice/{seed}", lambda: random.choice(random.key(seed), 10, shape=(6,)))
    add("random.split/shape", lambda: random.key_data(random.split(random.key(3), num=(2, 3))))
    add("random.split/old keys", lambda: random.split(random.PRNGKey(3), num=3))
    add("random.foldIn/old keys", lambda: random.fold_in(random.PRNGKey(3), 5))
    add("random.foldIn/array", lambda d: random.key_data(random.fold_in(random.key(3), d)), onp.array(9, "int32"))
    add("random.wrapKeyData", lambda d: random.normal(random.wrap_key_data(d), (3,)), onp.array([7, 9], "uint32"), tol=normal["float32"])
    add("random.split/index", lambda: random.normal(random.split(random.key(3))[1], (3,)), tol=normal["float32"])
    for shape in SHAPES:
        for dtype in ("uint32", "uint8"):
            add(f"random.bits/{shape} {dtype}", lambda: random.bits(random.key(5), shape, dtype=dtype))
        add(f"random.uniform/{shape}", lambda: random.uniform(random.key(5), shape))
        add(f"random.uniform/{shape} float64", lambda: random.uniform(random.key(5), shape, dtype="float64"), x64=True)
        add(f"random.normal/{shape}", lambda: random.normal(random.key(5), shape), tol=normal["float32"])
        add(f"random.normal/{shape} float64", lambda: random.normal(random.key(5), shape, dtype="float64"), tol=normal["float64"], x64=True)
        add(f"random.randint/{shape}", lambda: random.randint(random.key(5), shape, -5, 100))
    add("random.uniform/no shape", lambda: random.uniform(random.key(5)))
    add("random.uniform/range", lambda: random.uniform(random.key(5), (9,), minval=-3.0, maxval=7.5), tol=ulp(1, 5e-7))
    add("random.uniform/range float64", lambda: random.uniform(random.key(5), (9,), minval=-3.0, maxval=7.5, dtype="float64"), tol=ulp(1, 9e-16), x64=True)
    add("random.uniform/array range", lambda a, b: random.uniform(random.key(5), (2, 3), minval=a, maxval=b), uniform(3, lo=-2, hi=0), uniform((2, 1), lo=1, hi=2), tol=ulp(1, 2.4e-7))
    add("random.uniform/int32", lambda: random.uniform(random.key(5), (3,), dtype="int32"), throws=True)
    add("random.uniform/old key", lambda: random.uniform(random.PRNGKey(5), (3,)))
    for dtype in ("int32", "uint32", "uint8", "int64"):
        for lo, hi in [(0, 10), (3, 4), (0, 256), (0, 255), (5, 5), (7, 3), (0, 1)]:
            if dtype == "uint8" and hi == 256:
                continue
            add(f"random.randint/{dtype} {lo} {hi}", lambda: random.randint(random.key(8), (9,), lo, hi, dtype=dtype), x64=dtype == "int64")
    add("random.randint/whole int32", lambda: random.randint(random.key(8), (9,), -(2**31), 2**31 - 1))
    add("random.randint/large int64", lambda: random.randint(random.key(8), (9,), -(2**50), 2**50, dtype="int64"), x64=True)
    add("random.randint/arrays", lambda a, b: random.randint(random.key(8), (3, 2), a, b), onp.array([0, 50], "int32"), onp.array([10, 1000], "int32"))
    add("random.randint/uint8 overflow", lambda: random.randint(random.key(8), (9,), 250, 256, dtype="uint8"))
    for p in (0.0, 0.1, 0.5, 0.9, 1.0):
        add(f"random.bernoulli/p {p}", lambda: random.bernoulli(random.key(6), p=p, shape=(4, 5)))
    add("random.bernoulli/array", lambda p: random.bernoulli(random.key(6), p=p), uniform((4, 5), lo=0, hi=1))
    add("random.bernoulli/array and shape", lambda p: random.bernoulli(random.key(6), p=p, shape=(4, 5)), uniform((5,), lo=0, hi=1))
    for n in (0, 1, 2, 3, 17, 100, 1000):
        add(f"random.permutation/of {n}", lambda: random.permutation(random.key(9), n))
    for dtype in ("float32", "int32", "uint8"):
        add(f"random.permutation/array {dtype}", lambda x: random.permutation(random.key(9), x), uniform((7,), dtype))
    add("random.permutation/rows", lambda x: random.permutation(random.key(9), x), uniform((5, 3)))
    add("random.permutation/columns", lambda x: random.permutation(random.key(9), x, axis=1), uniform((3, 5)))
    add("random.permutation/independent", lambda x: random.permutation(random.key(9), x, axis=1, independent=True), uniform((3, 5)))
    p5 = onp.array([0.1, 0.0, 0.4, 0.3, 0.2], "float32")
    for replace in (True, False):
        add(f"random.choice/{replace}", lambda: random.choice(random.key(4), 5, shape=(4,), replace=replace))
        add(f"random.choice/{replace} 2-d", lambda: random.choice(random.key(4), 50, shape=(4, 3), replace=replace))
        add(f"random.choice/{replace} scalar", lambda: random.choice(random.key(4), 5, replace=replace))
        add(f"random.choice/{replace} array", lambda x: random.choice(random.key(4), x, shape=(4,), replace=replace), uniform(5))
        add(f"random.choice/{replace} rows", lambda x: random.choice(random.key(4), x, shape=(2,), replace=replace), uniform((5, 3)))
        add(f"random.choice/{replace} p", lambda p: random.choice(random.key(4), 5, shape=(4,), replace=replace, p=p), p5)
        add(f"random.choice/{replace} array p", lambda x, p: random.choice(random.key(4), x, shape=(3,), replace=replace, p=p), uniform(5), p5)
    add("random.choice/axis", lambda x: random.choice(random.key(4), x, shape=(2,), axis=1), uniform((3, 5)))
    add("random.choice/too many", lambda: random.choice(random.key(4), 3, shape=(4,), replace=False), throws=True)
    logits = uniform((4, 6))
    add("random.categorical", lambda x: random.categorical(random.key(2), x), logits)
    add("random.categorical/axis", lambda x: random.categorical(random.key(2), x, axis=0), logits)
    add("random.categorical/shape", lambda x: random.categorical(random.key(2), x, shape=(3, 4)), logits)
    add("random.categorical/one row", lambda x: random.categorical(random.key(2), x, shape=(20,)), logits[0])
    add("random.categorical/impossible", lambda x: random.categorical(random.key(2), x, shape=(20,)), onp.array([-onp.inf, 0, -onp.inf, 1], "float32"))
    for lo, hi in [(-2.0, 2.0), (0.0, 1.0), (-0.5, 5.0), (-onp.inf, 0.5)]:
        add(f"random.truncatedNormal/{lo} {hi}", lambda: random.truncated_normal(random.key(1), lo, hi, shape=(9,)), tol=close(3e-6, 1e-6))
    add("random.truncatedNormal/float64", lambda: random.truncated_normal(random.key(1), -2.0, 2.0, shape=(9,), dtype="float64"), tol=close(1e-14, 1e-14), x64=True)
    for shape in [(), (3,), (2, 5)]:
        add(f"random.gumbel/{shape}", lambda: random.gumbel(random.key(1), shape), tol=ulp(8, 5e-7))
        add(f"random.exponential/{shape}", lambda: random.exponential(random.key(1), shape), tol=ulp(8))
        add(f"random.logistic/{shape}", lambda: random.logistic(random.key(1), shape), tol=ulp(16, 1e-6))
        add(f"random.laplace/{shape}", lambda: random.laplace(random.key(1), shape), tol=ulp(16, 1e-6))
        add(f"random.cauchy/{shape}", lambda: random.cauchy(random.key(1), shape), tol=close(1e-5, 1e-6))
        add(f"random.rademacher/{shape}", lambda: random.rademacher(random.key(1), shape, dtype="int32"))
    add("random.gumbel/float64", lambda: random.gumbel(random.key(1), (5,), dtype="float64"), tol=ulp(16, 1e-15), x64=True)
    add("random.exponential/float64", lambda: random.exponential(random.key(1), (5,), dtype="float64"), tol=ulp(8), x64=True)
    add("random.normal/int32", lambda: random.normal(random.key(5), (3,), dtype="int32"), throws=True)
    gammas(file)
    transformed(file)
    of_matrices(file)
    counts(file)


def gammas(file):
    """The gamma distribution and its kin: rejection must take the same turns as JAX's, so that all that differs is rounding."""
    add = file.add
    sizes = onp.array([1e-3, 0.1, 0.5, 0.999, 1.0, 1.001, 2.5, 10.0, 1e3, 1e6], "float32")
    three = onp.array([0.5, 2.0, 7.0], "float32")
    for name in ("gamma", "loggamma"):
        draw = getattr(random, name)
        where = f"random.{name}"
        for seed in SEEDS:
            add(f"{where}/{seed}", lambda a: draw(random.key(seed), a), sizes, tol=F32)
        for shape in SHAPES:
            add(f"{where}/{shape}", lambda: draw(random.key(5), 1.5, shape=shape), tol=F32)
        add(f"{where}/float64", lambda a: draw(random.key(5), a, dtype="float64"), sizes.astype("float64"), tol=F64, x64=True)
        add(f"{where}/broadcast", lambda a: draw(random.key(5), a, shape=(4, 3)), three, tol=F32)
        add(f"{where}/int32", lambda a: draw(random.key(5), a, shape=(4, 3)), onp.array([1, 2, 3], "int32"), tol=F32)
        add(f"{where}/shape of one more axis", lambda a: draw(random.key(5), a, shape=(3,)), uniform((2, 3), lo=1, hi=2), throws=True)
        add(f"{where}/integer dtype", lambda: draw(random.key(5), 2.0, dtype="int32"), throws=True)
        add(f"{where}/vmap", lambda a: vn.vmap(lambda k, a: draw(k, a, shape=(2,)))(random.split(random.key(3), 3), a), three, tol=F32)
        add(f"{where}/vmap of the parameter", lambda a: vn.vmap(lambda a: draw(random.key(3), a, shape=(2,)))(a), three, tol=F32)
        # At 1e6 float32 has no digits of it left, neither here nor in JAX: the difference of log(x) and digamma(a) is 1e-6 of each.
        add(f"{where}/grad", lambda a: vn.grad(lambda a: draw(random.key(5), a).sum())(a), sizes[1:-1], tol=close(2e-5, 1e-5))
        add(f"{where}/grad of many", lambda a: vn.grad(lambda a: draw(random.key(5), a, shape=(50, 3)).sum())(a), three, tol=close(2e-5, 1e-5))
        add(f"{where}/grad float64", lambda a: vn.grad(lambda a: draw(random.key(5), a, dtype="float64").sum())(a), sizes[1:].astype("float64"), tol=close(1e-10, 1e-12), x64=True)
        add(f"{where}/jvp", lambda a, t: vn.jvp(lambda a: draw(random.key(5), a), [a], [t]), three, three, tol=close(2e-5, 1e-5))
        add(f"{where}/grad under vmap", lambda a: vn.vmap(vn.grad(lambda a: draw(random.key(5), a)))(a), three, tol=close(2e-5, 1e-5))
    for seed in SEEDS:
        add(f"random.beta/{seed}", lambda a: random.beta(random.key(seed), a, 2.0), sizes, tol=F32)
        add(f"random.dirichlet/{seed}", lambda a: random.dirichlet(random.key(seed), a), three, tol=F32)
        add(f"random.chisquare/{seed}", lambda a: random.chisquare(random.key(seed), a), three, tol=F32)
        add(f"random.t/{seed}", lambda a: random.t(random.key(seed), a), three, tol=F32)
        add(f"random.f/{seed}", lambda a: random.f(random.key(seed), a, 3.0), three, tol=F32)
        add(f"random.generalizedNormal/{seed}", lambda: random.generalized_normal(random.key(seed), 1.5, shape=(5,)), tol=F32)
        add(f"random.ball/{seed}", lambda: random.ball(random.key(seed), 3, shape=(4,)), tol=F32)
    for shape in [(3,), (2, 3), (0, 3)]:
        add(f"random.beta/{shape}", lambda a: random.beta(random.key(1), a, 2.0, shape=shape), three, tol=F32)
        add(f"random.chisquare/{shape}", lambda a: random.chisquare(random.key(1), a, shape=shape), three, tol=F32)
        add(f"random.t/{shape}", lambda a: random.t(random.key(1), a, shape=shape), three, tol=F32)
        add(f"random.dirichlet/{shape}", lambda a: random.dirichlet(random.key(1), a, shape=shape), three, tol=F32)
        add(f"random.f/{shape}", lambda: random.f(random.key(1), 2.0, 3.0, shape=shape), tol=F32)
    add("random.beta/tiny", lambda: random.beta(random.key(1), 1e-3, 1e-3, shape=(20,)), tol=F32)
    add("random.beta/both", lambda a, b: random.beta(random.key(1), a, b), uniform((2, 1), lo=1, hi=2), three, tol=F32)
    add("random.beta/float64", lambda a: random.beta(random.key(1), a, a, dtype="float64"), three.astype("float64"), tol=F64, x64=True)
    add("random.beta/grad", lambda a: vn.grad(lambda a: random.beta(random.key(1), a, 2.0).sum())(a), three, tol=close(3e-5, 1e-5))
    add("random.dirichlet/grad", lambda a: vn.grad(lambda a: random.dirichlet(random.key(1), a)[0])(a), three, tol=close(3e-5, 1e-5))
    add("random.t/grad", lambda a: vn.grad(lambda a: random.t(random.key(1), a).sum())(a), three, tol=close(3e-5, 1e-5))
    add("random.dirichlet/no axis", lambda: random.dirichlet(random.key(1), 2.0), throws=True)
    add("random.ball/1-norm", lambda: random.ball(random.key(1), 4, p=1.0, shape=(2, 3)), tol=F32)
    add("random.ball/point", lambda: random.ball(random.key(1), 4), tol=F32)


def of_matrices(file):
    add = file.add
    mean, cov = onp.array([0.5, -1.0, 2.0], "float32"), onp.array([[2, 0.5, 0.1], [0.5, 1, 0.3], [0.1, 0.3, 1.5]], "float32")
    near = close(1e-4, 1e-4)
    add("random.multivariateNormal", lambda m, c: random.multivariate_normal(random.key(1), m, c), mean, cov, tol=near)
    add("random.multivariateNormal/shape", lambda m, c: random.multivariate_normal(random.key(1), m, c, shape=(4, 2)), mean, cov, tol=near)
    add("random.multivariateNormal/batch", lambda m, c: random.multivariate_normal(random.key(1), m, c), onp.stack([mean, 2 * mean]), onp.stack([cov, 3 * cov]), tol=near)
    add("random.multivariateNormal/float64", lambda m, c: random.multivariate_normal(random.key(1), m, c, dtype="float64"), mean.astype("float64"), cov.astype("float64"), tol=F64, x64=True)
    add("random.multivariateNormal/grad", lambda m, c: vn.grad(lambda c: (random.multivariate_normal(random.key(1), m, c) ** 2).sum())(c), mean, cov, tol=close(1e-3, 1e-3))
    add("random.multivariateNormal/wrong", lambda m, c: random.multivariate_normal(random.key(1), m[:2], c), mean, cov, throws=True)
    for n, m in ((3, 3), (4, 2), (2, 4)):
        add(f"random.orthogonal/{n} {m}", lambda: random.orthogonal(random.key(1), n, m=m), tol=near)
    add("random.orthogonal/shape", lambda: random.orthogonal(random.key(1), 3, shape=(2,)), tol=near)


def transformed(file):
    add = file.add
    three = onp.array([0.5, 2.0, 7.0], "float32")
    for seed in SEEDS[:3]:
        add(f"random.pareto/{seed}", lambda b: random.pareto(random.key(seed), b), three, tol=F32)
        add(f"random.weibullMin/{seed}", lambda: random.weibull_min(random.key(seed), 2.0, 1.5, shape=(2, 3)), tol=F32)
        add(f"random.rayleigh/{seed}", lambda s: random.rayleigh(random.key(seed), s), three, tol=F32)
        add(f"random.maxwell/{seed}", lambda: random.maxwell(random.key(seed), shape=(5,)), tol=F32)
        add(f"random.doubleSidedMaxwell/{seed}", lambda: random.double_sided_maxwell(random.key(seed), 1.0, 2.0, shape=(5,)), tol=F32)
        # What is small is the difference of two large numbers there.
        add(f"random.wald/{seed}", lambda m: random.wald(random.key(seed), m), three, tol=close(3e-4, 1e-5))
        add(f"random.wald/{seed} float64", lambda m: random.wald(random.key(seed), m, dtype="float64"), three.astype("float64"), tol=close(1e-11, 1e-13), x64=True)
        add(f"random.triangular/{seed}", lambda: random.triangular(random.key(seed), -1.0, 0.5, 2.0, shape=(7,)), tol=F32)
        add(f"random.lognormal/{seed}", lambda s: random.lognormal(random.key(seed), sigma=s), three[:2], tol=F32)
    add("random.pareto/shape", lambda b: random.pareto(random.key(1), b, shape=(2, 3)), three, tol=F32)
    add("random.rayleigh/shape", lambda s: random.rayleigh(random.key(1), s, shape=(2, 3)), three, tol=F32)
    add("random.rayleigh/other shape", lambda s: random.rayleigh(random.key(1), s, shape=(2,)), three, throws=True)
    add("random.maxwell/one", lambda: random.maxwell(random.key(1)), tol=F32)
    add("random.maxwell/float64", lambda: random.maxwell(random.key(1), shape=(2, 2), dtype="float64"), tol=F64, x64=True)
    add("random.doubleSidedMaxwell/arrays", lambda s: random.double_sided_maxwell(random.key(1), 1.0, s), three, tol=F32)
    add("random.doubleSidedMaxwell/shape", lambda s: random.double_sided_maxwell(random.key(1), s, s, shape=(2,)), three, tol=F32)
    add("random.triangular/arrays", lambda m: random.triangular(random.key(1), 0.0, m, 7.0, shape=(2, 3)), three, tol=F32)
    add("random.lognormal/no shape", lambda: random.lognormal(random.key(1)), tol=F32)
    add("random.lognormal/shape", lambda: random.lognormal(random.key(1), shape=(4,)), tol=F32)
    add("random.weibullMin/grad", lambda c: vn.grad(lambda c: random.weibull_min(random.key(1), 1.0, c, shape=(3,)).sum())(c), three, tol=close(3e-5, 1e-5))


def counts(file):
    add = file.add
    rates = onp.array([0.0, 1e-3, 0.7, 3.0, 9.99, 10.0, 10.5, 50.0, 1e3, 1e5, onp.nan], "float32")
    chances = onp.array([0.0, 1e-3, 0.2, 0.5, 0.501, 0.9, 1.0], "float32")
    for seed in SEEDS:
        add(f"random.poisson/{seed}", lambda lam: random.poisson(random.key(seed), lam), rates)
        add(f"random.geometric/{seed}", lambda p: random.geometric(random.key(seed), p), chances[1:-1])
        for n in (1.0, 7.0, 40.0, 1000.0):
            add(f"random.binomial/{seed} of {n}", lambda p: random.binomial(random.key(seed), n, p), chances)
        add(f"random.multinomial/{seed}", lambda p: random.multinomial(random.key(seed), 30.0, p), onp.array([0.1, 0.0, 0.4, 0.3, 0.2], "float32"))
    for shape in [(), (3,), (2, 5), (0,), (400,)]:
        add(f"random.poisson/{shape} small", lambda: random.poisson(random.key(1), 4.0, shape=shape))
        add(f"random.poisson/{shape} large", lambda: random.poisson(random.key(1), 40.0, shape=shape))
        add(f"random.geometric/{shape}", lambda: random.geometric(random.key(1), 0.3, shape=shape))
        add(f"random.binomial/{shape} few", lambda: random.binomial(random.key(1), 9.0, 0.3, shape=shape))
        add(f"random.binomial/{shape} many", lambda: random.binomial(random.key(1), 90.0, 0.3, shape=shape))
    for dtype in ("int32", "uint8", "int16", "int64"):
        add(f"random.poisson/{dtype}", lambda lam: random.poisson(random.key(2), lam, dtype=dtype), rates[:8], x64=dtype == "int64")
    add("random.poisson/broadcast", lambda lam: random.poisson(random.key(2), lam, shape=(4, 11)), rates)
    add("random.poisson/vmap", lambda lam: vn.vmap(lambda k, lam: random.poisson(k, lam, shape=(2,)))(random.split(random.key(3), 11), lam), rates)
    add("random.poisson/float dtype", lambda: random.poisson(random.key(2), 3.0, dtype="float32"), throws=True)
    add("random.poisson/other shape", lambda lam: random.poisson(random.key(2), lam, shape=(3,)), rates, throws=True)
    add("random.geometric/int16", lambda: random.geometric(random.key(2), 0.1, shape=(5,), dtype="int16"))
    odd = onp.array([onp.nan, -1.0, 0.0, 2.7, onp.inf, 30.0], "float32")
    add("random.binomial/odd counts", lambda n: random.binomial(random.key(2), n, 0.4), odd)
    add("random.binomial/odd chances", lambda p: random.binomial(random.key(2), 30.0, p), onp.array([onp.nan, -0.5, 1.5, 0.5], "float32"))
    add("random.binomial/int32", lambda n: random.binomial(random.key(2), n, 0.4, shape=(2, 3)), onp.array([3, 40, 500], "int32"))
    add("random.binomial/float64", lambda n, p: random.binomial(random.key(2), n, p, dtype="float64"), onp.array([3, 40, 500], "float64"), onp.array([0.4], "float64"), x64=True)
    add("random.binomial/vmap", lambda p: vn.vmap(lambda k, p: random.binomial(k, 50.0, p, shape=(2,)))(random.split(random.key(3), 7), p), chances)
    add("random.multinomial/shape", lambda n, p: random.multinomial(random.key(2), n, p, shape=(4, 2, 3)), onp.array([10, 200], "float32"), onp.array([0.5, 0.3, 0.2], "float32"))
