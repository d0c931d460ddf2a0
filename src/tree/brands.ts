/**
 * Marks by which objects are known across layers and copies of the package.
 *
 * @module
 */

/** Arrays carry this on their prototype: trees know no arrays, but they are nearly all of the leaves. */
export const arrayBrand: unique symbol = Symbol.for("vernal.array") as never;

/** Functions made by the unfiltered transformations carry this: the function that they wrap. */
export const transformedBrand: unique symbol = Symbol.for("vernal.transformed") as never;

/** Bound methods carry this: the object that they are bound to. */
export const boundBrand: unique symbol = Symbol.for("vernal.bound") as never;

/** A value with this method decides itself what it equals. */
export const equalsKey: unique symbol = Symbol.for("vernal.equals") as never;
/** A value with {@linkcode equalsKey} may return a string or number here, the same for equal values. */
export const hashKey: unique symbol = Symbol.for("vernal.hash") as never;

/** An object with this method writes itself where trees are printed, unless the method gives `null`. */
export const pformatKey: unique symbol = Symbol.for("vernal.pformat") as never;
