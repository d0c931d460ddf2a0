/**
 * What happens to a Module when its constructor has ended.
 *
 * @module
 */
import { ModuleError, TreeError, warn } from "../errors.ts";
import { arrayBrand, boundBrand, transformedBrand } from "./brands.ts";
import { flatten } from "./flatten.ts";
import type { ModuleClass } from "./layout.ts";

/**
 * Checks that every field is set, runs the converters, warns of likely mistakes, and runs every `checkInit`
 * of the class and its superclasses, the class's own first.
 *
 * @param instance What the user holds, `this` in `checkInit`.
 * @param fields The object that holds its fields.
 * @throws {ModuleError} Where a field is unset, or holds a method of the instance itself.
 */
export function finishModule(
  instance: object,
  fields: Record<string, unknown>,
  cls: ModuleClass,
): void {
  const open = openMembers(cls, fields);
  if (open.length > 0) refuseAbstract(cls, open);
  for (const name of cls.specs.keys()) {
    if (!Object.hasOwn(fields, name)) refuseUnset(cls, name);
  }
  for (const name of Object.keys(fields)) {
    if (fields[name] === undefined) refuseUnset(cls, name);
  }
  if (Object.getOwnPropertySymbols(fields).length > 0) {
    throw new ModuleError(
      `${cls.name}: fields must have names; got one with a symbol as its key, which trees would lose`,
    );
  }
  for (const [name, convert] of cls.converters) fields[name] = convert(fields[name]);
  for (const name of Object.keys(fields)) checkField(instance, name, fields[name], cls);
  for (const check of cls.checks) check.call(instance);
}

/** The abstract members that neither the instance, its prototypes nor its classes have. */
export function openMembers(cls: ModuleClass, fields: object): string[] {
  return cls.required.filter((name) =>
    !(name in fields) && !cls.chain.some((ctor) => Object.hasOwn(ctor, name))
  );
}

/** Throws for a class that leaves abstract members open. */
export function refuseAbstract(cls: ModuleClass, names: readonly string[]): never {
  throw new ModuleError(
    `cannot instantiate ${cls.name}: it leaves abstract ${
      names.map((name) => `'${name}'`).join(", ")
    } open; define them in a subclass`,
  );
}

function refuseUnset(cls: ModuleClass, name: string): never {
  throw new ModuleError(
    `${cls.name}: field '${name}' was not initialized: set it in the constructor, to null if it is to be empty`,
  );
}

function checkField(instance: object, name: string, value: unknown, cls: ModuleClass): void {
  if (cls.specs.get(name)?.static === true && holdsArray(value)) {
    warn(
      `${cls.name}: an array is set as static field '${name}'. It will be compared by identity, not traced, and ` +
        "no transformation sees it: make the field dynamic, or convert the value to numbers",
    );
  }
  if (typeof value === "function") checkFunctionField(instance, name, value, cls);
  else if ((value as Record<symbol, unknown> | null)?.[boundBrand] === instance) {
    refuseOwnMethod(cls, name);
  }
}

function checkFunctionField(
  instance: object,
  name: string,
  // deno-lint-ignore ban-types -- any function at all
  value: Function,
  cls: ModuleClass,
): void {
  const method = value.name.startsWith("bound ") ? value.name.slice("bound ".length) : null;
  // A native bound method cannot be asked what it is bound to; its name is all there is to go by.
  if (method !== null && typeof (instance as Record<string, unknown>)[method] === "function") {
    refuseOwnMethod(cls, name);
  }
  const wrapped = (value as unknown as Record<symbol, unknown>)[transformedBrand];
  if (wrapped !== undefined && holdsArray(wrapped)) {
    if ((wrapped as Record<symbol, unknown>)[boundBrand] === instance) refuseOwnMethod(cls, name);
    warn(
      `${cls.name}: field '${name}' holds a function made by an unfiltered transformation. It is a leaf: the arrays of ` +
        "what it wraps are neither traced nor differentiated; use the filter... transformation instead",
    );
    return;
  }
  if (isArrow(value) && /\bthis\b/.test(Function.prototype.toString.call(value))) {
    warn(
      `${cls.name}: field '${name}' holds an arrow function that uses 'this'. It keeps this instance for ever: copies ` +
        "made by transformations would call the old one; make it a method, and use method(model, name)",
    );
  }
}

// deno-lint-ignore ban-types -- any function at all
function isArrow(value: Function): boolean {
  return !Object.hasOwn(value, "prototype") &&
    /^(async\s*)?(\(|[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>)/u.test(
      Function.prototype.toString.call(value),
    );
}

function refuseOwnMethod(cls: ModuleClass, name: string): never {
  throw new ModuleError(
    `${cls.name}: cannot assign a method of the instance to its field '${name}': the copy made by unflattening would ` +
      "still call the old instance; call the method, or hand out method(model, name)",
  );
}

/** Whether a tree has an array among its leaves; a value that contains itself is not looked into. */
function holdsArray(value: unknown): boolean {
  try {
    return flatten(value)[0].some((leaf) =>
      (leaf as Record<symbol, unknown>)[arrayBrand] === true || ArrayBuffer.isView(leaf)
    );
  } catch (error) {
    if (error instanceof TreeError) return false;
    throw error;
  }
}
