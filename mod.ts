/**
 * Vernal: filtered transformations over plain trees, compiled at runtime.
 *
 * Write a function over arrays, Modules and anything else; wrap it with {@linkcode filterJit}, {@linkcode filterGrad} or
 * {@linkcode filterVmap}; call it. Names and results are those of Equinox and JAX, in camelCase.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const model = new vn.nn.MLP(2, 1, 8, 2, { key: vn.random.key(0) });
 * const loss = (m: vn.nn.MLP, x: vn.NDArray, y: vn.NDArray) =>
 *   vn.filterVmap((row: vn.NDArray) => m.call(row))(x).sub(y).pow(2).mean();
 * const step = vn.filterJit(vn.filterValueAndGrad(loss));
 * const [value, grads] = step(model, vn.numpy.ones([4, 2]), vn.numpy.zeros([4, 1]));
 * ```
 *
 * @module
 */
import { installJaxprPrinter } from "./src/core/jaxpr.ts";
import { printJaxpr } from "./src/core/jaxpr_print.ts";
import { installArrayMethods } from "./src/numpy/methods.ts";
import { installRuntime } from "./src/runtime/evaluate.ts";
import { installJit } from "./src/runtime/jit_backend.ts";

installJaxprPrinter(printJaxpr);
installArrayMethods();
installRuntime();
installJit();

export * from "./src/errors.ts";
export {
  type ArrayLike,
  type Index,
  type IndexUpdate,
  type LookupOptions,
  NDArray,
  type NestedList,
  type ReduceOptions,
  type Shard,
  slice,
  sliceBrand,
  type SliceIndex,
  type UpdateOptions,
} from "./src/core/array.ts";
export type { Shape, ShapedArray } from "./src/core/aval.ts";
export type { AxisName } from "./src/core/axis_env.ts";
export type { DType, HostScalar, TypedArray } from "./src/core/dtype.ts";
export type {
  Atom,
  ClosedJaxpr,
  Jaxpr,
  JaxprEqn,
  JaxprVar,
  Literal,
  NamedPrimitive,
} from "./src/core/jaxpr.ts";
export * as numpy from "./src/numpy/mod.ts";
export { clearCaches } from "./src/filter/caches.ts";
export { type DeviceRecord, explainDevice, explainRetraces } from "./src/filter/explain.ts";
export { filterJit, type JitOptions, type Jitted } from "./src/filter/jit.ts";
export type { ChoiceReason, DeviceChoice } from "./src/runtime/device_choice.ts";
export type { DeviceEstimate } from "./src/runtime/device_costs.ts";
export type { Donate } from "./src/filter/jit_program.ts";
export type { Compiled, CompileOptions, Lowerable, Lowered } from "./src/filter/lowered.ts";
export type { InsertedCollective, Partitioned } from "./src/control/jit_call.ts";
export type { Change, TraceRecord } from "./src/filter/retraces.ts";
export type { ProgramMemory } from "./src/control/jit_call.ts";
export { filterGrad, filterValueAndGrad, type GradOptions } from "./src/filter/grad.ts";
export { type CheckpointOptions, filterCheckpoint } from "./src/filter/checkpoint.ts";
export {
  checkpointName,
  type CheckpointPolicies,
  checkpointPolicies,
  type SaveAndOffloadOptions,
} from "./src/filter/checkpoint_policies.ts";
export type { CheckpointPolicy, Offloadable, Saving } from "./src/transform/rematerialise.ts";
export { filterPmap, type PmapOptions, type Pmapped } from "./src/filter/pmap.ts";
export { filterVmap, type VmapOptions } from "./src/filter/vmap.ts";
export { filterEvalShape, filterMakeJaxpr } from "./src/filter/eval_shape.ts";
export { Complex } from "./src/core/complex.ts";
export { ShapeDtypeStruct, type StructOptions, type Structs } from "./src/filter/struct.ts";
export { filterJvp } from "./src/filter/forward.ts";
export { filterVjp } from "./src/filter/reverse.ts";
export {
  type Differentiable,
  filterHessian,
  filterJacfwd,
  type FilterJacobianOptions,
  filterJacrev,
  type Jacobian,
} from "./src/filter/jacobian.ts";
export {
  customJvp,
  type CustomJvpFunction,
  type CustomRuleOptions,
  customVjp,
  type CustomVjpFunction,
} from "./src/filter/custom_rules.ts";
export { type CustomJvp, filterCustomJvp, type JvpRuleFunction } from "./src/filter/custom_jvp.ts";
export {
  type CustomVjp,
  type CustomVjpBwd,
  type CustomVjpFwd,
  filterCustomVjp,
} from "./src/filter/custom_vjp.ts";
export { type ClosureConverted, filterClosureConvert } from "./src/filter/closure_convert.ts";
export { filterCond } from "./src/filter/cond.ts";
export { filterScan, type FilterScanOptions } from "./src/filter/scan.ts";
export { filterWhileLoop, type WhileLoopOptions } from "./src/filter/while_loop.ts";
export type { BufferPicker } from "./src/filter/loop_carry.ts";
export type { BufferSetOptions, BufferUpdate, LoopBuffer } from "./src/filter/loop_buffer.ts";
export { ifArray } from "./src/filter/if_array.ts";
export { Enumeration, EnumerationItem, type EnumerationOf } from "./src/filter/enumeration.ts";
export {
  type CallbackResult,
  type CallbackStructs,
  filterPureCallback,
  type PureCallbackOptions,
} from "./src/filter/pure_callback.ts";
export type { VmapMethod } from "./src/control/callback.ts";
export {
  branchedErrorIf,
  errorIf,
  type ErrorIfOptions,
  type OnError,
  setOnError,
} from "./src/filter/error_if.ts";
export * as tree from "./src/tree/mod.ts";
export {
  type Callable,
  checked,
  type Field,
  field,
  type FieldOptions,
  isKwargs,
  type Kwargs,
  kwargs,
  method,
  Module,
  Partial,
  Static,
  type TreeDef,
} from "./src/tree/mod.ts";
export {
  isArray,
  isArrayLike,
  isInexactArray,
  isInexactArrayLike,
} from "./src/filter/predicates.ts";
export {
  combine,
  filter,
  type FilterOptions,
  type FilterSpec,
  partition,
  type PartitionOptions,
} from "./src/filter/filters.ts";
export { treeAt, type TreeAtOptions } from "./src/filter/tree_at.ts";
export { treeEqual, type TreeEqualOptions } from "./src/filter/tree_equal.ts";
export { applyUpdates } from "./src/filter/update.ts";
export {
  defaultDeserialiseFilterSpec,
  defaultSerialiseFilterSpec,
  type DeserialiseOptions,
  type DeserialiseSpec,
  type SerialiseOptions,
  type SerialiseSpec,
  treeDeserialiseLeaves,
  treeSerialiseLeaves,
} from "./src/filter/serialise.ts";
export type { ByteReader, ByteSink, ByteSource } from "./src/filter/byte_streams.ts";
export { type PformatOptions, treePformat, treePprint } from "./src/filter/pformat.ts";
export type { AnyTree, AxesOf, AxesSpec, Axis, Grad, PyTree } from "./src/filter/types.ts";
export * as random from "./src/random/mod.ts";
export * as nn from "./src/nn/mod.ts";
export * as lax from "./src/lax/mod.ts";
export * as optim from "./src/optim/mod.ts";
export * as ops from "./src/segment/mod.ts";
export * as debug from "./src/debug/mod.ts";
export {
  type AnyFunction,
  checkpoint,
  type CheckpointArgOptions,
  evalShape,
  grad,
  type GradArgOptions,
  hessian,
  jacfwd,
  type JacobianOptions,
  jacrev,
  jit,
  type JitArgOptions,
  jvp,
  linearize,
  makeJaxpr,
  valueAndGrad,
  vjp,
  vmap,
  type VmapArgOptions,
} from "./src/filter/unfiltered.ts";
export { Device, type Platform } from "./src/core/device.ts";
export type { Placement } from "./src/core/placement.ts";
export {
  type Box,
  makeMesh,
  type MakeMeshOptions,
  Mesh,
  NamedSharding,
  type NestedDevices,
  P,
  PartitionSpec,
  Sharding,
  SingleDeviceSharding,
  type SpecEntry,
} from "./src/core/sharding.ts";
export { defaultDevice, devices, init, type InitOptions } from "./src/runtime/device.ts";
export { type DeviceOrShardings, devicePut, filterShard, type Put } from "./src/filter/shard.ts";
export { memory, type MemoryReport } from "./src/runtime/memory_report.ts";
export type { DeviceMemory } from "./src/runtime/graphics.ts";
export { scope } from "./src/runtime/scope.ts";
export type { SpanKind } from "./src/core/spans.ts";
export { Profile, profile, type ProfileEvent, type ProfileOptions } from "./src/runtime/profile.ts";
export type { HolomorphicOptions } from "./src/filter/holomorphic.ts";
