/**
 * The part of binaryen.js that the code generator uses, typed, and its loading. The types that come with it are
 * wrong in places and lack the raw C API, which alone has relaxed SIMD.
 *
 * @module
 */
import { loadQuickly } from "./quick_binaryen.ts";

/** An expression in a module under construction; it may be used once. */
export type Ref = number;

/** A value type. */
export type WasmType = number;

/** A builder of instructions of one type, by name. */
type Instructions = Readonly<Record<string, (...args: unknown[]) => Ref>>;

/** A module under construction. */
export interface BinaryenModule {
  readonly ptr: number;
  readonly memory: {
    copy(to: Ref, from: Ref, size: Ref): Ref;
    fill(to: Ref, value: Ref, size: Ref): Ref;
  };
  readonly local: {
    get(i: number, type: WasmType): Ref;
    set(i: number, value: Ref): Ref;
    tee(i: number, value: Ref, type: WasmType): Ref;
  };
  readonly global: { get(name: string, type: WasmType): Ref; set(name: string, value: Ref): Ref };
  setFeatures(features: number): void;
  addMemoryImport(name: string, module: string, base: string, shared: boolean): void;
  addGlobal(name: string, type: WasmType, mutable: boolean, init: Ref): void;
  addGlobalImport(
    name: string,
    module: string,
    base: string,
    type: WasmType,
    mutable: boolean,
  ): void;
  addFunction(name: string, params: WasmType, results: WasmType, vars: WasmType[], body: Ref): void;
  addFunctionImport(
    name: string,
    module: string,
    base: string,
    params: WasmType,
    results: WasmType,
  ): void;
  addFunctionExport(name: string, exported: string): void;
  block(label: string | null, children: Ref[], type?: WasmType): Ref;
  loop(label: string, body: Ref): Ref;
  if(condition: Ref, then: Ref, otherwise?: Ref): Ref;
  br(label: string, condition?: Ref, value?: Ref): Ref;
  switch(labels: string[], otherwise: string, index: Ref, value?: Ref): Ref;
  call(name: string, args: Ref[], type: WasmType): Ref;
  select(condition: Ref, then: Ref, otherwise: Ref): Ref;
  drop(value: Ref): Ref;
  return(value?: Ref): Ref;
  nop(): Ref;
  runPasses(passes: string[]): void;
  validate(): number;
  emitBinary(): Uint8Array;
  emitText(): string;
  dispose(): void;
  readonly [namespace: string]: unknown;
}

/** Extensions of WebAssembly that generated modules may use. */
export type Feature =
  | "Atomics"
  | "BulkMemory"
  | "BulkMemoryOpt"
  | "ExtendedConst"
  | "Multivalue"
  | "MutableGlobals"
  | "NontrappingFPToInt"
  | "ReferenceTypes"
  | "RelaxedSIMD"
  | "SIMD128"
  | "SignExt";

/** binaryen.js. */
export interface Binaryen {
  readonly Module: new () => BinaryenModule;
  readonly none: WasmType;
  readonly i32: WasmType;
  readonly i64: WasmType;
  readonly f32: WasmType;
  readonly f64: WasmType;
  readonly v128: WasmType;
  readonly Features: Readonly<Record<Feature, number>>;
  createType(types: WasmType[]): WasmType;
  parseText(text: string): BinaryenModule;
  _BinaryenLoad(
    module: number,
    bytes: number,
    signed: boolean,
    offset: number,
    align: number,
    type: WasmType,
    address: Ref,
    memory: number,
  ): Ref;
  _BinaryenStore(
    module: number,
    bytes: number,
    offset: number,
    align: number,
    address: Ref,
    value: Ref,
    type: WasmType,
    memory: number,
  ): Ref;
  _BinaryenSIMDLoad(
    module: number,
    op: number,
    offset: number,
    align: number,
    address: Ref,
    memory: number,
  ): Ref;
  _BinaryenSIMDLoadStoreLane(
    module: number,
    op: number,
    offset: number,
    align: number,
    lane: number,
    address: Ref,
    vector: Ref,
    memory: number,
  ): Ref;
  _BinaryenSIMDTernary(module: number, op: number, a: Ref, b: Ref, c: Ref): Ref;
  _BinaryenUnary(module: number, op: number, x: Ref): Ref;
  _BinaryenBinary(module: number, op: number, x: Ref, y: Ref): Ref;
  readonly [constant: string]: unknown;
}

/** The instructions of a namespace (`f32x4`, `i64`, …), as the module offers them. */
export function instructionsOf(module: BinaryenModule, namespace: string): Instructions {
  return module[namespace] as Instructions;
}

/** Loads binaryen: about 100 MB, and 0.1 to 0.35 s, so only in the compile worker, or where none can be had. */
export async function loadBinaryen(): Promise<Binaryen> {
  const quick = await loadQuickly().catch(() => null);
  if (quick !== null) return quick;
  const { default: binaryen } = await import("binaryen");
  return binaryen as unknown as Binaryen;
}

/** Loads the part of binaryen that is known to be called, in half the time; all of it where that cannot be done. Other functions trap. */
export async function loadUsedPart(): Promise<Binaryen> {
  return await loadQuickly("part").catch(() => null) ?? await loadBinaryen();
}

/**
 * Does something with a part of binaryen, and, where that traps because a function is missing, does it again with all of it.
 *
 * @param all Gives all of it; what it gives is to be used from then on.
 */
export async function withAllIfNeeded<T>(
  part: Binaryen,
  all: () => Promise<Binaryen>,
  use: (binaryen: Binaryen) => T,
): Promise<T> {
  try {
    return use(part);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    return use(await all());
  }
}
