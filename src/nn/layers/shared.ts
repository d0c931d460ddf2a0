/**
 * Sharing parts of a model.
 *
 * @module
 */
import { TreeError } from "../../errors.ts";
import { filterEvalShape } from "../../filter/eval_shape.ts";
import { treePformat } from "../../filter/pformat.ts";
import { treeAt } from "../../filter/tree_at.ts";
import { treeEqual } from "../../filter/tree_equal.ts";
import { Module } from "../../tree/module.ts";
import { inspectKey } from "../../tree/treedef.ts";

/** What stands in a {@linkcode Shared} where a node was taken out. */
export class SharedNode {
  /** `SharedNode`. */
  toString(): string {
    return "SharedNode";
  }
  /** What `console.log` shows. */
  [inspectKey](): string {
    return this.toString();
  }
}

/**
 * Ties nodes of a tree together: what stands at one place is used at another as well.
 *
 * A Module is a tree, so a layer that stands in two places is two layers, which are trained apart. Here the second is taken out of the
 * tree, and comes back, as the first, where {@linkcode Shared.call} puts the tree together.
 *
 * @example
 * ```ts
 * import { Module, type NDArray, nn, random } from "@vernal/vernal";
 *
 * class LanguageModel extends Module {
 *   readonly shared: nn.Shared<[nn.Embedding, nn.Linear]>;
 *   constructor(key: NDArray) {
 *     super();
 *     const [k1, k2] = random.split(key);
 *     const embedding = new nn.Embedding({ numEmbeddings: 10, embeddingSize: 4, key: k1 });
 *     const head = new nn.Linear(4, 10, { key: k2 });
 *     // The head's weight is the embedding's.
 *     this.shared = new nn.Shared(
 *       [embedding, head],
 *       ([, head]) => head.weight,
 *       ([embedding]) => embedding.weight,
 *     );
 *   }
 *   call(token: number): NDArray {
 *     const [embedding, head] = this.shared.call();
 *     return head.call(embedding.call(token));
 *   }
 * }
 *
 * new LanguageModel(random.key(0)).call(3).shape; // [10]
 * ```
 */
export class Shared<T = unknown> extends Module {
  /** The tree, without the nodes that come from elsewhere in it. */
  pytree: T;
  /** Picks the nodes that were taken out. */
  where: (pytree: T) => unknown;
  /** Gives what stands there. */
  get: (pytree: T) => unknown;

  /**
   * Takes the nodes out.
   *
   * @param pytree Any tree.
   * @param where Picks the node that is to be another one, or an array of them, as for {@linkcode treeAt}.
   * @param get Gives what it is to be, or an array of as many: nodes of the tree, or something computed of them, such as a
   * transpose.
   * @throws {TreeError} Where the two differ in structure, shapes or dtypes.
   */
  constructor(pytree: T, where: (pytree: T) => unknown, get: (pytree: T) => unknown) {
    super();
    const source = filterEvalShape(get, pytree);
    const destination = filterEvalShape(where, pytree);
    if (treeEqual(source, destination) !== true) {
      const text = (x: unknown) => treePformat(x, { structAsArray: true });
      throw new TreeError(
        "nn.Shared: nodes that are shared must have the same structure, shapes and dtypes. " +
          `get gives\n${text(source)}\nand where\n${text(destination)}`,
      );
    }
    this.pytree = treeAt(where, pytree, { replaceFn: () => new SharedNode() });
    this.where = where;
    this.get = get;
  }

  /** The whole tree, with the shared nodes in their places. */
  call(): T {
    return treeAt(this.where, this.pytree, this.get(this.pytree));
  }
}
