/**
 * A text that tells apart the parameters of a primitive: equal texts mean equal parameters.
 *
 * Numbers, strings, lists and plain objects compare by structure; functions, jaxprs, arrays and
 * whatever else has a class by identity.
 *
 * @module
 */

const identities = new WeakMap<object, number>();
let nextIdentity = 1;

/** A number that stands for an object as long as it lives. */
export function identityOf(object: object): number {
  let id = identities.get(object);
  if (id === undefined) identities.set(object, id = nextIdentity++);
  return id;
}

/** The text of a primitive's parameters; "" where there are none. */
export function paramsKey(params: unknown): string {
  if (params === null || params === undefined) return "";
  let key = "";
  for (const name in params) {
    key += name + "=" + valueKey((params as Record<string, unknown>)[name]) + ";";
  }
  return key;
}

/** The text of one value. */
export function valueKey(value: unknown): string {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "symbol":
      // Registered symbols cannot be keys of a WeakMap; their description is their identity.
      return `sym(${Symbol.keyFor(value) ?? value.description ?? ""})`;
    case "function":
      return `#${identityOf(value)}`;
    default:
      return value === null ? "null" : objectKey(value as object);
  }
}

function objectKey(value: object): string {
  if (Array.isArray(value)) {
    let key = "[";
    for (let i = 0; i < value.length; i++) key += (i > 0 ? "," : "") + valueKey(value[i]);
    return key + "]";
  }
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  // Jaxprs are plain objects, but large; where equal ones are worth finding, jaxpr_key.ts compares them.
  if (isPlain && !("eqns" in value) && !("jaxpr" in value)) return `{${paramsKey(value)}}`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return `${value.constructor.name}(${(value as Uint8Array).join()})`;
  }
  return `#${identityOf(value)}`;
}
