/**
 * Trees: nested arrays, plain objects, `Map`s and Modules, with arrays and whatever else at the leaves.
 *
 * Every function that takes a model, a batch or an optimiser's state takes a tree. The functions here take
 * trees apart, put them together and walk them; {@linkcode Module} is the class to make one's own.
 *
 * @example
 * ```ts
 * import { flatten, map, unflatten } from "@vernal/vernal/tree";
 *
 * const params = { weight: [1, 2], bias: 3, name: null };
 * const [leaves, treedef] = flatten(params); // [3, 1, 2], TreeDef({ bias: *, name: null, weight: [*, *] })
 * unflatten(treedef, leaves); // { bias: 3, name: null, weight: [1, 2] }
 * map((x: number) => -x, params); // { bias: -3, name: null, weight: [-1, -2] }
 * ```
 *
 * @module
 */
export { flatten, flattenOneLevel, type IsLeafOption, leafPaths, unflatten } from "./flatten.ts";
export {
  all,
  broadcastPrefix,
  flattenUpTo,
  flattenWithPath,
  leaves,
  map,
  mapWithPath,
  reduce,
  type ReduceTreeOptions,
  structure,
  transpose,
} from "./map.ts";
export { treeCheck } from "./check.ts";
export { formatPathKey, keystr, type Path, type PathKey } from "./path.ts";
export {
  type FlattenFn,
  type FlattenWithKeysFn,
  registerPytreeNode,
  type UnflattenFn,
} from "./registry.ts";
export { type NodeKind, TreeDef } from "./treedef.ts";
export { isKwargs, type Kwargs, kwargs, kwargsBrand, type KwargsBranded } from "./kwargs.ts";
export { type Field, field, type FieldOptions } from "./field.ts";
export { checked, fieldsOf, isModule, Module } from "./module.ts";
export { BoundMethod, method, type MethodName, Partial, Static } from "./partial.ts";
export { type AsTuples, type Callable, callableOf, type HasCall, isCallable } from "./callable.ts";
