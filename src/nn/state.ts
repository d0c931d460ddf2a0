/**
 * The state of models: values that change as the model runs, kept beside it and handed from call to call.
 *
 * @module
 */
import { ArgumentError, TreeError } from "../errors.ts";
import { asArray } from "../numpy/promote.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { structOf } from "../filter/struct.ts";
import { treePformat } from "../filter/pformat.ts";
import { pformatKey } from "../tree/brands.ts";
import { callableName, callableOf } from "../tree/callable.ts";
import { type Field, field } from "../tree/field.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { flattenWithPath, map } from "../tree/map.ts";
import { Module } from "../tree/module.ts";
import { keystr } from "../tree/path.ts";
import { registerPytreeNode } from "../tree/registry.ts";
import { inspectKey } from "../tree/treedef.ts";

/** What stands for an initial value that {@linkcode deleteInitState} took out: a tree without leaves. */
class Deleted extends Module {}

/** By what a {@linkcode State} knows a {@linkcode StateIndex}: a symbol, or after {@linkcode makeWithState} its path in the model. */
export type StateMarker = symbol | string;

/**
 * Where a layer's state is found in a {@linkcode State}, and what it is at first. Layers keep one as a field.
 *
 * @example
 * ```ts
 * import { Module, type NDArray, nn, numpy as np } from "@vernal/vernal";
 *
 * class Counter extends Module {
 *   readonly count = new nn.StateIndex(np.array(0));
 *   call(x: NDArray, { state }: { state: nn.State }): [NDArray, nn.State] {
 *     const count = state.get(this.count);
 *     return [x.add(count), state.set(this.count, count.add(1))];
 *   }
 * }
 *
 * const [counter, state] = nn.makeWithState(Counter)();
 * const [y, next] = counter.call(np.array(5), { state });
 * y.item(); // 5
 * counter.call(np.array(5), { state: next })[0].item(); // 6
 * ```
 */
export class StateIndex<T = unknown> extends Module {
  /** By what the state is looked up. */
  readonly marker: StateMarker;
  /** The value at first: a tree of arrays. */
  readonly init: T;

  /** `marker` is part of the structure. */
  static fields: Record<string, Field> = { marker: field({ static: true }) };

  /**
   * Makes an index of its own.
   *
   * @param init The value at first: a tree of arrays and numbers.
   * @throws {ArgumentError} For a function: the value itself is wanted.
   */
  constructor(init: T) {
    super();
    if (typeof init === "function") {
      throw new ArgumentError(
        "nn.StateIndex: expected the initial value itself, a tree of arrays; got a function",
      );
    }
    this.marker = Symbol("state");
    this.init = init;
  }
}

function isIndex(x: unknown): x is StateIndex {
  return x instanceof StateIndex;
}

/** A copy of an index with other contents: as unflattening makes one, without the constructor. */
function indexWith(marker: StateMarker, init: unknown): StateIndex {
  return Object.freeze(Object.assign(Object.create(StateIndex.prototype), { marker, init }));
}

type Values = ReadonlyMap<StateMarker, unknown>;

/** The values of a state that is not used up, for trees. */
let valuesOf: (state: State) => Values;

/** Values taken from another State, where otherwise a model is given. */
class Collected {
  constructor(readonly values: Values) {}
}

function collect(model: unknown): Values {
  const values = new Map<StateMarker, unknown>();
  for (const leaf of flatten(model, { isLeaf: isIndex })[0]) {
    if (!isIndex(leaf)) continue;
    if (leaf.init instanceof Deleted) {
      throw new ArgumentError(
        "nn.State: this model's initial state was taken out of it. Do not call new nn.State(model) on it: " +
          "const [model, state] = nn.makeWithState(ModelClass)(...args) gives both",
      );
    }
    values.set(leaf.marker, toArrays(leaf.init, "nn.State"));
  }
  return values;
}

function toArrays(value: unknown, where: string): unknown {
  return map((leaf) => asArray(leaf as ArrayLike, where), value);
}

function describe(value: unknown): string {
  const structs = map((leaf) => structOf((leaf as NDArray).aval), value);
  return treePformat(structs, { structAsArray: true });
}

/** Whether two trees of arrays have the same structure, shapes, dtypes and weak types. */
function sameKind(a: unknown, b: unknown): boolean {
  const [[x, xDef], [y, yDef]] = [flatten(a), flatten(b)];
  return xDef === yDef && x.every((leaf, i) => (leaf as NDArray).aval === (y[i] as NDArray).aval);
}

/**
 * The state of a model: the values of all its {@linkcode StateIndex}es, such as the running statistics of
 * {@linkcode BatchNorm}. A tree, so it goes through every transformation.
 *
 * `set` and `update` give a new one, and use up the one that they were called on, so that dropping the new one by
 * mistake cannot go unnoticed: any later use of the old one is an error. (A transformed function gets a copy: the caller's
 * stays as it is.) Made by {@linkcode makeWithState}.
 */
export class State {
  /** The values by marker, in the order in which the model has them; `null` once used up. */
  #values: Values | null;

  /**
   * Collects the initial state of all stateful layers of a model.
   *
   * @param model Any tree, with {@linkcode StateIndex}es in it.
   * @throws {ArgumentError} Where the initial values were taken out: whoever made the model so has its state too.
   */
  constructor(model: unknown) {
    register();
    this.#values = model instanceof Collected ? model.values : collect(model);
  }

  /**
   * The value of an index.
   *
   * @throws {ArgumentError} Where the state is used up, or does not have the index.
   */
  get<T>(item: StateIndex<T>): T {
    return this.#entry(item, "get")[1] as T;
  }

  /**
   * A new state, in which an index has another value. This one is used up.
   *
   * @param item The index.
   * @param value A tree of the same structure, shapes, dtypes and weak types as the value so far.
   * @throws {ArgumentError} Where the state is used up, or does not have the index.
   * @throws {TreeError} Where the value is of another kind.
   */
  set<T>(item: StateIndex<T>, value: NoInfer<T>): State {
    const [values, old] = this.#entry(item, "set");
    const next = toArrays(value, "nn.State.set: value");
    if (!sameKind(old, next)) {
      throw new TreeError(
        `nn.State.set: the new value must have the old one's structure, shapes, dtypes and weak types. The old one is ${
          describe(old)
        }, the new one ${describe(next)}`,
      );
    }
    return this.#replacedBy(new Map(values).set(item.marker, next));
  }

  /**
   * A smaller state: that of a part of the model, for a part that is called apart, such as under `filterVmap`. Its changes come
   * back by {@linkcode State.update}.
   *
   * @param pytree The part of the model.
   * @throws {ArgumentError} Where the state is used up, or does not have all of the part's indices.
   */
  substate(pytree: unknown): State {
    const indices = flatten(pytree, { isLeaf: isIndex })[0].filter(isIndex);
    return new State(
      new Collected(
        new Map(indices.map((index) => [index.marker, this.#entry(index, "substate")[1]])),
      ),
    );
  }

  /**
   * A new state with all the values of a smaller one. This one is used up.
   *
   * @param substate What {@linkcode State.substate} gave, changed since.
   * @throws {ArgumentError} Where either is used up, or the smaller one has an index that this one has not.
   */
  update(substate: State): State {
    const values = new Map(this.#live());
    if (!(substate instanceof State)) {
      throw new ArgumentError(
        `nn.State.update: expected a State, as substate(part) gives; got ${String(substate)}`,
      );
    }
    for (const [marker, value] of substate.#live()) {
      if (!values.has(marker)) {
        throw new ArgumentError(
          `nn.State.update: state1.update(state2) needs a state2 that is a substate of state1; it has ${
            String(marker)
          }, which state1 has not`,
        );
      }
      values.set(marker, value);
    }
    return this.#replacedBy(values);
  }

  /** As {@linkcode treePformat} writes it: `State(~old~)` once used up. */
  toString(): string {
    return treePformat(this);
  }
  /** What `console.log` shows. */
  [inspectKey](): string {
    return this.toString();
  }
  /** A state that is used up has no parts to be written. */
  [pformatKey](): string | null {
    return this.#values === null ? "State(~old~)" : null;
  }

  #live(): Values {
    if (this.#values !== null) return this.#values;
    throw new ArgumentError(
      "nn.State: attempted to use an old state. After `const [y, state2] = layer.call(x, { state: state1 })` the " +
        "state is state2; state1 is used up. To use a state twice on purpose, copy it before: " +
        "tree.map((leaf) => leaf, state1)",
    );
  }

  #entry(item: unknown, method: string): [values: Values, value: unknown] {
    const values = this.#live();
    if (!isIndex(item)) {
      throw new ArgumentError(
        `nn.State.${method}: states are looked up by a StateIndex; got ${String(item)}`,
      );
    }
    if (!values.has(item.marker)) {
      throw new ArgumentError(
        `nn.State.${method}: this state does not have the index ${
          String(item.marker)
        }: it belongs to another model, or to another part of it`,
      );
    }
    return [values, values.get(item.marker)];
  }

  #replacedBy(values: Values): State {
    this.#values = null;
    return new State(new Collected(values));
  }

  static {
    valuesOf = (state) => state.#live();
  }
}

let registered = false;

/** Makes states nodes of trees; when the first is made, as importing is to do nothing. */
function register(): void {
  if (registered) return;
  registered = true;
  registerPytreeNode(
    State,
    (state) => {
      const values = valuesOf(state);
      return [[...values.values()], [...values.keys()]];
    },
    (markers: readonly StateMarker[], values) =>
      new State(new Collected(new Map(markers.map((marker, i) => [marker, values[i]])))),
    {
      flattenWithKeys: (state) => {
        const values = valuesOf(state);
        const named = [...values].map(([marker, value], i) =>
          [typeof marker === "string" ? marker : i, value] as const
        );
        return [named, [...values.keys()]];
      },
    },
  );
}

/**
 * A copy of a model without the initial values of its state, which would otherwise keep their memory.
 *
 * @param model Any tree.
 */
export function deleteInitState<T>(model: T): T {
  return map(
    (leaf: unknown) => isIndex(leaf) ? indexWith(leaf.marker, new Deleted()) : leaf,
    model,
    { isLeaf: isIndex },
  ) as T;
}

/**
 * Makes a model and its state.
 *
 * States made by two calls of the same function fit each other's models.
 *
 * @param makeModel A class of Modules, or a function that gives a tree.
 * @returns A function of the same arguments that gives `[model, state]`: the model without initial values of state, and those as a
 * {@linkcode State}.
 *
 * @example
 * ```ts
 * import { filterVmap, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const make = (key: NDArray) =>
 *   new nn.Sequential([
 *     new nn.Linear(3, 4, { key }),
 *     new nn.BatchNorm(4, "batch", { mode: "batch" }),
 *   ]);
 * const [model, state] = nn.makeWithState(make)(random.key(0));
 * const run = filterVmap((x: NDArray, state: nn.State) => model.call(x, { state }), {
 *   axisName: "batch",
 *   inAxes: [0, null],
 *   outAxes: [0, null],
 * });
 * const [y, next] = run(np.ones([8, 3]), state);
 * y.shape; // [8, 4]
 * run(np.ones([8, 3]), next);
 * ```
 */
export function makeWithState<A extends unknown[], T>(
  makeModel: (...args: A) => T,
): (...args: A) => [model: T, state: State];
/** As above, for a class. */
export function makeWithState<A extends unknown[], T>(
  makeModel: new (...args: A) => T,
): (...args: A) => [model: T, state: State];
export function makeWithState(makeModel: unknown): (...args: unknown[]) => [unknown, State] {
  const make = callableOf(makeModel, "nn.makeWithState");
  return (...args) => {
    const made = make(...args);
    const root = callableName(made);
    const [entries, treedef] = flattenWithPath(made, { isLeaf: isIndex });
    // Markers that say where the index stands are the same for every model made so.
    const model = unflatten(
      treedef,
      entries.map(([path, leaf]) =>
        isIndex(leaf) ? indexWith(keystr(path, root), leaf.init) : leaf
      ),
    );
    return [deleteInitState(model), new State(model)];
  };
}
