/**
 * Field specifications of Modules: static fields, converters, metadata.
 *
 * @module
 */
import { ModuleError } from "../errors.ts";

/** What {@linkcode field} takes. */
export interface FieldOptions {
  /** The field belongs to the structure: no leaf, compared instead. */
  readonly static?: boolean;
  /** Called once with the value, after the constructor; what it returns becomes the field. */
  // deno-lint-ignore no-explicit-any -- it takes what the constructor leaves in the field
  readonly converter?: (value: any) => unknown;
  /** Anything of the user's own; see `fieldsOf`. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Where decorators leave the specifications, in the class's metadata. */
const specsKey: unique symbol = Symbol.for("vernal.fields") as never;

/** A field's specification: an entry of `static fields`, or a decorator of the field. */
export interface Field {
  /** As a decorator: `@field({ static: true }) tag`. */
  (value: undefined, context: ClassFieldDecoratorContext): void;
  /** The options that it was made from. */
  readonly options: FieldOptions;
}

/**
 * Says that a Module's field is static, or has a converter.
 *
 * @param options `static`: the field is part of the tree's structure. Its value is compared by `Object.is`,
 * by its own `[Symbol.for("vernal.equals")]`, and, for plain arrays, plain objects and trees, part by part.
 * `converter`: called once with the value when the constructor has ended. `metadata`: kept for the user.
 * @throws {ModuleError} Where `metadata` has an entry `static` or `converter`: options put in the wrong place.
 *
 * @example
 * ```ts
 * import { field, leaves, Module } from "@vernal/vernal/tree";
 *
 * class Scale extends Module {
 *   static fields = { axis: field({ static: true }) };
 *   factor: number;
 *   axis: string;
 *   constructor(factor: number, axis: string) {
 *     super();
 *     this.factor = factor;
 *     this.axis = axis;
 *   }
 * }
 *
 * class Shift extends Module {
 *   @field({ converter: (x: number | string) => Number(x) })
 *   by: number | string = "3";
 * }
 *
 * leaves(new Scale(2, "rows")); // [2]
 * leaves(new Shift()); // [3]
 * ```
 */
export function field(options: FieldOptions = {}): Field {
  for (const name of ["static", "converter"]) {
    if (options.metadata !== undefined && name in options.metadata) {
      throw new ModuleError(
        `field: metadata must not contain '${name}'; pass it as field({ ${name}: ... })`,
      );
    }
  }
  const decorate = (_value: undefined, context: ClassFieldDecoratorContext) => {
    const isField = context.kind === "field" && !context.private && !context.static;
    if (!isField || typeof context.name !== "string") {
      throw new ModuleError(
        `field: only public instance fields can be decorated; got ${String(context.name)}`,
      );
    }
    const specs = context.metadata as Record<symbol, Map<string, FieldOptions> | undefined>;
    // The metadata object inherits from the superclass's, so its own table must be made, not found.
    if (!Object.hasOwn(specs, specsKey)) specs[specsKey] = new Map();
    specs[specsKey]!.set(context.name, options);
  };
  return Object.assign(decorate, { options });
}

/** The specifications that a class itself states, in `static fields` or by decorators. */
export function ownFieldSpecs(cls: object): Map<string, FieldOptions> {
  const specs = new Map<string, FieldOptions>();
  // `Symbol.metadata` is standard, but not yet in every engine; transpilers agree on this key.
  const metadataKey = Symbol.metadata ?? Symbol.for("Symbol.metadata");
  const decorated = Object.hasOwn(cls, metadataKey)
    ? (cls as Record<symbol, Record<symbol, Map<string, FieldOptions>>>)[metadataKey]
    : undefined;
  if (decorated !== undefined && Object.hasOwn(decorated, specsKey)) {
    for (const [name, options] of decorated[specsKey]!) specs.set(name, options);
  }
  if (Object.hasOwn(cls, "fields")) {
    const stated = (cls as { fields: unknown }).fields;
    for (const [name, spec] of Object.entries(stated as Record<string, unknown>)) {
      const options = (spec as Partial<Field> | null)?.options;
      if (options === undefined) {
        throw new ModuleError(
          `${nameOf(cls)}.fields.${name}: expected field({ ... }); got ${String(spec)}`,
        );
      }
      specs.set(name, options);
    }
  }
  return specs;
}

function nameOf(cls: object): string {
  return (cls as { name?: unknown }).name?.toString() ?? "Module";
}
