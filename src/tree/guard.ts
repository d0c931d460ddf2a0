/**
 * The end of a Module's construction.
 *
 * A Module is checked, converted and frozen when its constructor has ended. JavaScript gives a base class
 * no way to run code then: `new Sub()` runs the base's constructor first and tells nobody when the rest is
 * done. So `Module`'s constructor returns a `Proxy` of the instance, its *guard*. The guard lets the
 * constructor work, and at the first access from outside of it (a property read or written, a flatten, a
 * transformation) it settles the instance: unset fields are errors, converters run, every `checkInit` runs,
 * the instance is frozen. From then on the guard has no read traps (a read through it costs some 15 ns), and refuses
 * assignments with an error that names the field. Trees are flattened from the instance behind it, and
 * what unflattening makes is plain frozen objects, so transformed code never meets a guard.
 *
 * "From outside" means that no constructor of the instance's classes is on the call stack. That is read off
 * a stack trace (7 µs, for accesses before settling only); on an engine without V8's structured
 * traces, reads count as inside and trees settle. A class decorated with `@checked` is settled by
 * its construction itself, at the end of `new`, and needs none of this.
 *
 * What was measured and rejected: finishing at the first tree use alone (a converted field would be seen
 * unconverted until then), in a microtask (too late for the next line), checks at the last first-assignment
 * (wrong for constructors that assign twice), a second construction (the arguments are not known).
 *
 * @module
 */
import { ModuleError } from "../errors.ts";
import { anonymous, className, layoutWithKeys, type ModuleClass } from "./layout.ts";
import { nodeTypeOfPrototype } from "./registry.ts";

/** What {@linkcode Guard}'s settling does with an instance; given by finish.ts. */
export type Finish = (instance: object, target: Record<string, unknown>, cls: ModuleClass) => void;

type Stage = "constructing" | "settling" | "settled" | "failed";

const guards: WeakMap<object, Guard> = new WeakMap();

class Guard {
  stage: Stage = "constructing";
  error: unknown = null;
  /** Whether class-field definitions were seen: then fields that were not defined are mistakes. */
  #declares = false;
  readonly #target: Record<string, unknown>;
  readonly #cls: ModuleClass;
  readonly #finish: Finish;
  /** Whether the end of construction will be told, by `@checked`. */
  readonly #told: boolean;
  #names: Set<string> | null = null;
  proxy: object | null = null;

  constructor(target: object, cls: ModuleClass, finish: Finish, told: boolean) {
    this.#target = target as Record<string, unknown>;
    this.#cls = cls;
    this.#finish = finish;
    this.#told = told;
  }

  /** The instance behind the guard, settled unless its constructor is still running. */
  settledTarget(): object {
    if (this.stage === "failed") throw this.error;
    if (this.stage === "constructing" && !this.#told) {
      const constructors = running ?? runningConstructors(Infinity) ?? [];
      if (running === null) running = constructors;
      if (!this.#isAmong(constructors)) this.settle();
    }
    return this.#target;
  }

  settleFromOutside(): void {
    if (this.stage === "failed") throw this.error;
    if (this.stage === "constructing" && !this.#inside()) this.settle();
  }

  settle(): void {
    if (this.stage !== "constructing") return;
    this.stage = "settling";
    try {
      this.#finish(this.proxy!, this.#target, this.#cls);
      Object.freeze(this.#target);
      layoutWithKeys(this.#cls, Object.keys(this.#target));
    } catch (error) {
      this.stage = "failed";
      this.error = error;
      throw error;
    }
    this.stage = "settled";
    // Without these traps, reads go straight to the instance.
    Object.assign(this, { get: undefined, ownKeys: undefined });
  }

  get(target: object, key: string | symbol, receiver: unknown): unknown {
    if (typeof key === "string" && key !== "constructor") this.settleFromOutside();
    return Reflect.get(target, key, receiver);
  }

  ownKeys(target: object): (string | symbol)[] {
    this.settleFromOutside();
    return Reflect.ownKeys(target);
  }

  set(
    target: Record<string | symbol, unknown>,
    key: string | symbol,
    value: unknown,
    receiver: unknown,
  ): boolean {
    const own = Object.hasOwn(target, key);
    // A field that was declared and never set is being set by the constructor: no need to look at the stack.
    if (!(this.stage === "constructing" && own && target[key] === undefined)) {
      if (this.stage === "constructing") this.settleFromOutside();
      if (this.stage === "failed") throw this.error;
      if (this.stage !== "constructing") this.#refuse("assign to", key);
    }
    if (!own && key in target) return Reflect.set(target, key, value, receiver); // a setter, perhaps
    if (!own && this.#declares && !this.#cls.specs.has(key as string)) {
      throw new ModuleError(
        `${this.#cls.name}: cannot assign to field '${
          String(key)
        }': the class does not declare it; ` +
          "declare it in the class body",
      );
    }
    target[key] = value;
    return true;
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (this.stage !== "constructing") this.#refuse("define", key);
    this.#declares = true;
    return Reflect.defineProperty(target, key, descriptor);
  }

  deleteProperty(target: object, key: string | symbol): boolean {
    this.settleFromOutside();
    if (this.stage !== "constructing") this.#refuse("delete", key);
    return Reflect.deleteProperty(target, key);
  }

  #refuse(what: string, key: string | symbol): never {
    throw new ModuleError(
      `cannot ${what} field '${
        String(key)
      }' of ${this.#cls.name}: Modules are immutable once constructed; ` +
        "make a changed copy with treeAt(m => m.field, model, replacement)",
    );
  }

  /** Whether the constructor is running; taken to be where the engine cannot tell. */
  #inside(): boolean {
    if (this.#told) return true;
    // It is nearly always near: the whole stack is looked at only to be sure that it is not there.
    const near = runningConstructors(8);
    if (near === null || this.#isAmong(near)) return true;
    return this.#isAmong(runningConstructors(Infinity)!);
  }

  #isAmong(constructors: readonly (string | null)[]): boolean {
    if (constructors.length === 0) return false;
    const names = this.#names ??= new Set(this.#cls.chain.map(className));
    // A frame or class without a name might be any.
    return constructors.some((name) => !name || names.has(name) || names.has(anonymous));
  }
}

/**
 * The constructors on the stack of the current walk of a tree, so that one look serves all its Modules; `null`
 * before that look, `undefined` outside of walks.
 */
let running: readonly (string | null)[] | null | undefined = undefined;

/** Begins a walk of a tree; what it returns is to be handed to {@linkcode leaveTree}. */
export function enterTree(): unknown {
  const outer = running;
  running = null;
  return outer;
}

/** Ends a walk of a tree. */
export function leaveTree(outer: unknown): void {
  running = outer as typeof running;
}

/** Puts a guard before an instance that is being constructed. */
export function guardInstance(instance: object, told: boolean, finish: Finish): object {
  const cls = nodeTypeOfPrototype(Object.getPrototypeOf(instance)) as ModuleClass;
  const guard = new Guard(instance, cls, finish, told);
  const proxy = new Proxy(instance, guard as ProxyHandler<object>);
  guard.proxy = proxy;
  guards.set(proxy, guard);
  return proxy;
}

/** Settles an instance whose construction is known to have ended. */
export function settle(instance: object): void {
  guards.get(instance)?.settle();
}

/** The plain object that holds a Module's fields. */
export function unguarded(instance: object): object {
  const guard = guards.get(instance);
  return guard === undefined ? instance : guard.settledTarget();
}

/** V8's structured stack frame, the part that is used. */
interface Frame {
  isConstructor(): boolean;
  getFunctionName(): string | null;
}

/** V8's additions to `Error`. */
interface V8Error {
  stackTraceLimit: number;
  prepareStackTrace: unknown;
  captureStackTrace?: (holder: object) => void;
}

/** The names of the constructors among the innermost frames of the stack; `null` where the engine cannot tell. */
function runningConstructors(limit: number): (string | null)[] | null {
  const v8 = Error as unknown as V8Error;
  if (typeof v8.captureStackTrace !== "function") return null;
  const { stackTraceLimit, prepareStackTrace } = v8;
  try {
    v8.prepareStackTrace = (_: unknown, frames: unknown) => frames;
    v8.stackTraceLimit = limit;
    const holder: { stack?: unknown } = {};
    v8.captureStackTrace(holder);
    if (!Array.isArray(holder.stack)) return null;
    return (holder.stack as Frame[]).filter((frame) => frame.isConstructor())
      .map((frame) => frame.getFunctionName());
  } finally {
    v8.stackTraceLimit = stackTraceLimit;
    v8.prepareStackTrace = prepareStackTrace;
  }
}
