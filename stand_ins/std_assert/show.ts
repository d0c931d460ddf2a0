/**
 * Values as text, for the messages of failed assertions.
 *
 * @module
 */

/** The value as `Deno.inspect` prints it, deep, with sorted keys, cut where it gets long. */
export function show(value: unknown): string {
  const text = Deno.inspect(value, {
    depth: 12,
    iterableLimit: 200,
    strAbbreviateSize: 4000,
    sorted: true,
    trailingComma: true,
  });
  return text.length <= 6000 ? text : `${text.slice(0, 6000)}… (${text.length} characters)`;
}
