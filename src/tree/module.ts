/**
 * `Module`: a class whose instances are trees.
 *
 * @module
 */
import { finishModule, openMembers, refuseAbstract } from "./finish.ts";
import { guardInstance, settle } from "./guard.ts";
import type { FieldOptions } from "./field.ts";
import { type ModuleClass, moduleMark } from "./layout.ts";
import { nodeTypeOfPrototype } from "./registry.ts";

/** Classes whose construction is settled by {@linkcode checked}. */
const checkedClasses: WeakSet<object> = new WeakSet();

/**
 * The base of models and of every other class whose instances are trees.
 *
 * The fields are those that the class declares, superclass's first, in declaration order. Those marked
 * static (`static fields = { tag: field({ static: true }) }` or `@field({ static: true })`) belong to the
 * structure; the others are children. After construction, at the latest when the instance is first used
 * from outside of its constructor: a field left `undefined` is an error (use `null` for "empty"); converters
 * run, once; every `checkInit()` of the class and its superclasses runs, the class's own first; the instance
 * is frozen, and assigning to it throws a `ModuleError`. With the decorator {@linkcode checked} all this
 * happens before `new` returns.
 *
 * Unflattening makes instances without constructor, converters and checks. Hence: no `#private` fields in
 * Modules (copies would lack them), and no function fields that use `this` (copies would call the original);
 * such functions are refused or warned of where that can be seen.
 *
 * A Module with a method `call` may be handed to any transformation in place of a function.
 * `static abstractMembers = ["name"]` demands that subclasses define these members.
 *
 * @example
 * ```ts
 * import { leaves, map, Module } from "@vernal/vernal/tree";
 *
 * class Line extends Module {
 *   slope: number;
 *   offset: number;
 *   constructor(slope: number, offset: number) {
 *     super();
 *     this.slope = slope;
 *     this.offset = offset;
 *   }
 *   call(x: number): number {
 *     return this.slope * x + this.offset;
 *   }
 * }
 *
 * const line = new Line(2, 1);
 * leaves(line); // [2, 1]
 * map((x: number) => 10 * x, line).call(1); // 30
 * ```
 */
export abstract class Module {
  /** Marks instances; on the prototype. */
  declare readonly [moduleMark]: true;

  /** Begins the construction; subclasses set their fields after `super()`. */
  constructor() {
    const cls = nodeTypeOfPrototype(Object.getPrototypeOf(this)) as ModuleClass;
    // A class that states open members is abstract itself. Whether a subclass has filled them with
    // fields is known at the end of its construction.
    if (Object.hasOwn(new.target, "abstractMembers")) {
      const open = openMembers(cls, this);
      if (open.length > 0) refuseAbstract(cls, open);
    }
    return guardInstance(this, checkedClasses.has(new.target), finishModule) as this;
  }

  static {
    Object.defineProperty(this.prototype, moduleMark, { value: true });
  }
}

/**
 * A class decorator: instances are checked, converted and frozen before `new` returns.
 *
 * Without it the same happens at the first access from outside of the constructor, so that a failing
 * `checkInit` is reported there. Subclasses of a decorated class are not decorated by that.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { checked, Module } from "@vernal/vernal/tree";
 *
 * @checked
 * class Positive extends Module {
 *   value: number;
 *   constructor(value: number) {
 *     super();
 *     this.value = value;
 *   }
 *   checkInit() {
 *     if (this.value <= 0) throw new RangeError("value must be positive");
 *   }
 * }
 *
 * assertThrows(() => new Positive(-1), RangeError);
 * ```
 */
export function checked<C extends abstract new (...args: never[]) => Module>(
  cls: C,
  _context?: ClassDecoratorContext<C>,
): C {
  const proxy: C = new Proxy(cls, {
    construct(target, args, newTarget) {
      const instance = Reflect.construct(target, args, newTarget);
      if (newTarget === proxy) settle(instance);
      return instance;
    },
  });
  Object.defineProperty(cls.prototype, "constructor", {
    value: proxy,
    writable: true,
    configurable: true,
  });
  checkedClasses.add(proxy);
  return proxy;
}

/** Whether `x` is a Module. */
export function isModule(x: unknown): x is Module {
  return typeof x === "object" && x !== null && moduleMark in x;
}

/**
 * The field specifications of a Module class, superclasses' included: what `field(...)` was given, by name.
 *
 * @param module A Module, or its class.
 */
export function fieldsOf(
  module: Module | (abstract new (...args: never[]) => Module),
): ReadonlyMap<string, FieldOptions> {
  const proto = typeof module === "function" ? module.prototype : Object.getPrototypeOf(module);
  return (nodeTypeOfPrototype(proto) as ModuleClass).specs;
}
