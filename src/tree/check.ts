/**
 * Looks for containers that occur twice in a tree.
 *
 * @module
 */
import { TreeError } from "../errors.ts";
import { flattenOneLevel } from "./flatten.ts";
import { keystr, type Path } from "./path.ts";
import { nodeTypeOf } from "./registry.ts";

/**
 * Checks that no container object occurs twice in a tree, or within itself.
 *
 * A shared container is cut in two by every transformation, as a tree has no notion of sharing. Leaves, `null`
 * and empty containers may occur as often as they like.
 *
 * @throws {TreeError} At the second occurrence, naming both paths.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { treeCheck } from "@vernal/vernal/tree";
 *
 * const shared = [1, 2];
 * assertThrows(() => treeCheck({ a: shared, b: shared }));
 * ```
 */
export function treeCheck(tree: unknown): void {
  const seen = new Map<object, Path>();
  const open = new Set<object>();
  const visit = (node: unknown, path: Path): void => {
    if (node == null || nodeTypeOf(node).kind === "leaf") return;
    const here = () => keystr(path, "tree");
    if (open.has(node as object)) {
      throw new TreeError(`treeCheck: ${here()} contains itself; trees must end`);
    }
    const before = seen.get(node as object);
    if (before !== undefined) {
      throw new TreeError(
        `treeCheck: the same object is at ${
          keystr(before, "tree")
        } and at ${here()}; give each place a copy, ` +
          "or share it with nn.Shared",
      );
    }
    open.add(node as object);
    const [children, treedef] = flattenOneLevelUnchecked(node, here);
    children.forEach((child, i) => visit(child, [...path, treedef.childKey(i)]));
    open.delete(node as object);
    if (children.length > 0) seen.set(node as object, path);
  };
  visit(tree, []);
}

function flattenOneLevelUnchecked(
  node: unknown,
  here: () => string,
): ReturnType<typeof flattenOneLevel> {
  try {
    return flattenOneLevel(node);
  } catch (error) {
    if (error instanceof TreeError) {
      throw new TreeError(`treeCheck: ${here()} contains itself; trees must end`, { cause: error });
    }
    throw error;
  }
}
