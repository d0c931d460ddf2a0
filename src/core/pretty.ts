/**
 * Laying out text: documents of text, breaks, groups and indentation, after Wadler, "A prettier printer" (2003).
 *
 * A group is printed on one line if all of it fits there, else each break of its own starts a new line. What follows
 * a group is not looked at, because JAX's printer, whose output this must equal, does not look either.
 *
 * @module
 */

/** A document to be laid out. */
export type Doc =
  | string
  | { readonly kind: "concat"; readonly parts: readonly Doc[] }
  | { readonly kind: "break"; readonly flat: string }
  | { readonly kind: "nest"; readonly by: number; readonly doc: Doc }
  | { readonly kind: "group"; readonly doc: Doc };

/** One document after the other. */
export function concat(...parts: readonly Doc[]): Doc {
  return { kind: "concat", parts };
}

/** A new line, or `flat` where the group is on one line. */
export function brk(flat = " "): Doc {
  return { kind: "break", flat };
}

/** A document whose new lines are indented by `by` more. */
export function nest(by: number, doc: Doc): Doc {
  return { kind: "nest", by, doc };
}

/** A document that is on one line if it fits. */
export function group(doc: Doc): Doc {
  return { kind: "group", doc };
}

/** Documents with a separator between them. */
export function join(separator: Doc, docs: readonly Doc[]): Doc {
  return concat(...docs.flatMap((d, i) => i === 0 ? [d] : [separator, d]));
}

/** The width of a document on one line; counting stops beyond `limit`. */
function flatWidth(doc: Doc, limit: number): number {
  if (typeof doc === "string") return doc.length;
  if (doc.kind === "break") return doc.flat.length;
  if (doc.kind !== "concat") return flatWidth(doc.doc, limit);
  let width = 0;
  for (const part of doc.parts) {
    width += flatWidth(part, limit - width);
    if (width > limit) break;
  }
  return width;
}

/** The text of a document, in lines of `width` characters where that can be. */
export function layOut(root: Doc, width = 80): string {
  let out = "";
  let column = 0;
  const write = (doc: Doc, indent: number, flat: boolean): void => {
    if (typeof doc === "string") {
      out += doc;
      column += doc.length;
    } else if (doc.kind === "concat") {
      for (const part of doc.parts) write(part, indent, flat);
    } else if (doc.kind === "nest") {
      write(doc.doc, indent + doc.by, flat);
    } else if (doc.kind === "group") {
      const room = width - column;
      write(doc.doc, indent, flat || flatWidth(doc.doc, room) <= room);
    } else if (flat) {
      out += doc.flat;
      column += doc.flat.length;
    } else {
      out += "\n" + " ".repeat(indent);
      column = indent;
    }
  };
  write(root, 0, false);
  return out;
}
