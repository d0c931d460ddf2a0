/**
 * Random numbers from explicit keys, bit for bit `jax.random`'s threefry.
 *
 * @module
 */
export {
  bits,
  type BitsOptions,
  clone,
  foldIn,
  key,
  keyData,
  PRNGKey,
  split,
  wrapKeyData,
} from "./keys.ts";
export {
  cauchy,
  exponential,
  gumbel,
  laplace,
  logistic,
  normal,
  truncatedNormal,
  type TruncatedOptions,
  uniform,
  type UniformOptions,
} from "./continuous.ts";
export {
  bernoulli,
  type BernoulliOptions,
  categorical,
  type CategoricalOptions,
  choice,
  type ChoiceOptions,
  permutation,
  type PermutationOptions,
  rademacher,
  type RademacherOptions,
  randint,
  type RandintOptions,
} from "./discrete.ts";
export {
  ball,
  type BallOptions,
  beta,
  chisquare,
  dirichlet,
  f,
  gamma,
  generalizedNormal,
  loggamma,
  t,
} from "./gamma.ts";
export { binomial, geometric, multinomial, poisson } from "./counts.ts";
export {
  multivariateNormal,
  type MultivariateNormalOptions,
  orthogonal,
  type OrthogonalOptions,
} from "./matrices.ts";
export {
  doubleSidedMaxwell,
  lognormal,
  type LognormalOptions,
  maxwell,
  pareto,
  rayleigh,
  triangular,
  wald,
  weibullMin,
} from "./transformed.ts";
export type {
  FloatOptions,
  FloatSampleOptions,
  IntegerOptions,
  IntegerSampleOptions,
  ShapeOption,
} from "./parameters.ts";
