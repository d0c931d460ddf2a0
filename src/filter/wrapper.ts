/**
 * Transformed functions: JavaScript functions that are trees too.
 *
 * `filterGrad(model)` can be called, and flattens to the leaves of `model`; two wrappers of the same function with
 * equal options have equal structures, so that compiling a freshly made one finds what was compiled before.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { abandon, callableOf, isCallable, isGenerator, isPromise } from "../tree/callable.ts";
import { registerPytreeNode } from "../tree/registry.ts";

/** A transformation: what calling a wrapped function does. */
export interface Transformation {
  /** The public name, for messages. */
  readonly name: string;
  /** Calls `fun`, transformed, on `args`. `self` is the wrapper. */
  readonly call: (
    fun: unknown,
    options: readonly unknown[],
    args: unknown[],
    self: object,
  ) => unknown;
  /** Gives a new wrapper what it has beside being called. */
  readonly finish?: (wrapper: object, fun: unknown, options: readonly unknown[]) => void;
}

/** A static option of a wrapper that is compared by identity, whatever is in it. */
export class Opaque<T> {
  /** @param value What it holds. */
  constructor(readonly value: T) {}
}

interface WrapperState {
  readonly transformation: Transformation;
  readonly fun: unknown;
  readonly options: readonly unknown[];
}

const states: WeakMap<object, WrapperState> = new WeakMap();

/** The class of transformed functions, as trees see it: the wrapped function is the only child. */
abstract class Transformed {}
Object.setPrototypeOf(Transformed.prototype, Function.prototype);

let registered = false;

function register(): void {
  registered = true;
  registerPytreeNode(
    Transformed,
    (wrapper) => {
      const { transformation, fun, options } = states.get(wrapper)!;
      return [[fun], [transformation, ...options]];
    },
    ([transformation, ...options]: [Transformation, ...unknown[]], [fun]) =>
      makeWrapper(transformation, fun, options),
    {
      flattenWithKeys: (wrapper) => {
        const { transformation, fun, options } = states.get(wrapper)!;
        return [[["fun", fun]], [transformation, ...options]];
      },
    },
  );
}

/** Wraps a callable; the result is a function and a tree. */
export function makeWrapper(
  transformation: Transformation,
  fun: unknown,
  options: readonly unknown[],
): (...args: unknown[]) => unknown {
  if (!registered) register();
  const wrapper = (...args: unknown[]) => transformation.call(fun, options, args, wrapper);
  Object.setPrototypeOf(wrapper, Transformed.prototype);
  const name = (fun as { name?: unknown } | null)?.name;
  Object.defineProperty(wrapper, "name", {
    value: typeof name === "string" && name !== "" ? name : transformation.name,
  });
  states.set(wrapper, { transformation, fun, options });
  transformation.finish?.(wrapper, fun, options);
  return wrapper;
}

/** What a wrapper wraps, or `undefined` for anything else. */
export function wrapped(fun: unknown): unknown {
  return typeof fun === "function" ? states.get(fun)?.fun : undefined;
}

/** The public name of the transformation that made a wrapper. */
export function transformationName(wrapper: unknown): string | undefined {
  return typeof wrapper === "function" ? states.get(wrapper)?.transformation.name : undefined;
}

/** The options that a wrapper was made with. */
export function optionsOf(wrapper: object): readonly unknown[] {
  return states.get(wrapper)?.options ?? [];
}

const standIns: WeakMap<object, unknown> = new WeakMap();

/** Notes that `plain`, a function that users hold, calls a wrapper: a decorated method does. */
export function standFor<F extends object>(plain: F, wrapper: unknown): F {
  standIns.set(plain, wrapper);
  return plain;
}

/** The wrapper that a function is, or calls; `undefined` where it has nothing to do with one. */
export function wrapperOf(fun: unknown): object | undefined {
  if (typeof fun !== "function") return undefined;
  return (states.has(fun) ? fun : standIns.get(fun)) as object | undefined;
}

/** The context of a decorator, which goes on methods only; `null` where `x` is none. */
function methodContext(name: string, x: unknown): ClassMethodDecoratorContext | null {
  const { kind, addInitializer } = Object(x) as Partial<DecoratorContext>;
  if (typeof kind !== "string" || typeof addInitializer !== "function") return null;
  if (kind === "method") return x as ClassMethodDecoratorContext;
  throw new ArgumentError(
    `${name}: decorates methods; got a ${kind}. Call it instead: ${name}(${
      kind === "class" ? "TheClass" : "theFunction"
    })`,
  );
}

/** Refuses to decorate, for transformations that give no function of an instance. */
export function refuseDecoration(name: string, context: unknown): void {
  if (methodContext(name, context) === null) return;
  throw new ArgumentError(
    `${name}: cannot decorate a method: what it gives is not called on an instance. Give it a function of the instance, and call ` +
      "that in the method",
  );
}

/**
 * The three spellings of a transformation: `T(fun, options)`, `T(options)` as a decorator to be, and `@T` or
 * `@T(options)` on a method, which gets its instance as first argument.
 */
export function transform(
  transformation: Transformation,
  readOptions: (options: object) => readonly unknown[],
  first: unknown,
  second: unknown,
): unknown {
  const { name } = transformation;
  const context = methodContext(name, second);
  if (context !== null) return decorateMethod(transformation, readOptions({}), first, context);
  if (isCallable(first)) {
    return makeWrapper(transformation, first, readOptions(optionsObject(name, second)));
  }
  if (first !== undefined && (typeof first !== "object" || first === null)) {
    throw new ArgumentError(
      `${name}: expected a function, or a Module with a call method; got ${String(first)}`,
    );
  }
  const options = readOptions(optionsObject(name, first));
  return (fun: unknown, second?: unknown) => {
    const context = methodContext(name, second);
    if (context !== null) return decorateMethod(transformation, options, fun, context);
    if (!isCallable(fun)) {
      throw new ArgumentError(
        `${name}: expected a function, or a Module with a call method; got ${String(fun)}`,
      );
    }
    return makeWrapper(transformation, fun, options);
  };
}

function optionsObject(name: string, options: unknown): object {
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null) {
    throw new ArgumentError(`${name}: options must be an object; got ${String(options)}`);
  }
  return options;
}

const methods: WeakMap<object, unknown> = new WeakMap();

/** The method that a decorated method's function calls with its first argument as `this`; `undefined` for any other function. */
export function methodOf(fun: unknown): unknown {
  return typeof fun === "function" ? methods.get(fun) : undefined;
}

/** A method whose instance becomes the first argument of the transformed function. A static one has no instance: its class is `this` alone. */
function decorateMethod(
  transformation: Transformation,
  options: readonly unknown[],
  method: unknown,
  context: ClassMethodDecoratorContext,
): unknown {
  const plain = method as (...args: unknown[]) => unknown;
  const name = { value: plain.name };
  if (context.static) {
    let owner: unknown;
    context.addInitializer(function () {
      owner = this;
    });
    const bound = (...args: unknown[]) => plain.apply(owner, args);
    return makeWrapper(transformation, Object.defineProperty(bound, "name", name), options);
  }
  const unbound = (self: unknown, ...args: unknown[]) => plain.apply(self, args);
  methods.set(unbound, plain);
  const wrapper = makeWrapper(
    transformation,
    Object.defineProperty(unbound, "name", name),
    options,
  );
  const decorated = function (this: unknown, ...args: unknown[]): unknown {
    return wrapper(this, ...args);
  };
  Object.defineProperty(decorated, "name", name);
  transformation.finish?.(decorated, unbound, options);
  return standFor(decorated, wrapper);
}

/**
 * Calls a function, a class (with `new`), or a Module.
 *
 * @throws {ArgumentError} Where it is asynchronous, or a generator: what it would compute later belongs to no transformation any more.
 */
export function invoke(fun: unknown, args: readonly unknown[]): unknown {
  const callable = callableOf(fun);
  const out: unknown = callable(...args);
  const isLater = isPromise(out);
  if (!isLater && !isGenerator(out)) return out;
  if (isLater) abandon(out);
  throw new ArgumentError(
    `the function ${callable.name || "(anonymous)"} returned a ${
      isLater ? "Promise" : "generator"
    }: transformed functions must be synchronous. ` + (isLater
      ? "Await what they need before the call, and pass it in"
      : "Return an array of what it yields"),
  );
}

/** Refuses what cannot be called, where it is given and not where it is called. */
export function checkCallable(fun: unknown, caller: string): void {
  callableOf(fun, caller);
}
