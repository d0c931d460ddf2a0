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
  type FloatOptions,
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
