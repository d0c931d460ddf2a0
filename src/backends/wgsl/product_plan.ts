/**
 * How a product is computed: by tiles in workgroup memory or by blocks in registers, and in pieces of what size, by its shape and by the
 * adapter.
 *
 * @module
 */
import { directKernel, type DirectPlan, directTurns } from "./direct.ts";
import type { Consumer } from "./finish.ts";
import type { Kernel, NestContext } from "./nest.ts";
import { type Product, sizeOfAxes } from "./product.ts";
import { depth, termsOfSplit, tiledKernel, type TiledPlan, tiledWidth } from "./tiled.ts";
import type { AdapterTraits } from "./traits.ts";

/** A way to compute a product. */
export type ProductPlan =
  | { readonly kind: "direct"; readonly plan: DirectPlan }
  | { readonly kind: "tiled"; readonly plan: TiledPlan };

/** Drivers stop an invocation's loops after 65,535 turns (Mesa, silently). */
const tooLong = 30000;
/** The most partial results. */
export const mostSplits = 16;
/** Products with fewer rows or columns are not worth tiles. */
const narrow = 24;
/** Workgroups that a graphics card runs at a time, and invocations that fill it. */
const atATime = 128;
const enough = 16384;

/**
 * Tiles: rows, columns, those of one invocation, and how fast one is. The larger the block in registers, the less of it goes through workgroup
 * memory.
 */
const tiles: readonly (readonly [number, number, number, number, number])[] = [
  [128, 128, 8, 8, 1],
  [128, 64, 8, 4, 0.8],
  [64, 128, 4, 8, 0.8],
  [64, 64, 4, 4, 0.6],
  [64, 32, 4, 4, 0.5],
  [32, 64, 4, 4, 0.5],
  [32, 32, 4, 4, 0.4],
];

interface Extents {
  readonly rows: number;
  readonly cols: number;
  readonly terms: number;
  readonly batch: number;
}

/** How a product is computed; `null` where its sums are too long for one invocation.
 *
 * @param most The most partial results.
 */
export function planProduct(
  product: Product,
  traits: AdapterTraits,
  most: number = mostSplits,
): ProductPlan | null {
  const size: Extents = {
    rows: sizeOfAxes(product.rows),
    cols: sizeOfAxes(product.cols),
    terms: sizeOfAxes(product.terms),
    batch: sizeOfAxes(product.batch),
  };
  if (!traits.isSoftware && size.rows >= narrow && size.cols >= narrow) {
    const plan = tiledPlan(size, traits, most);
    if (plan !== null) return { kind: "tiled", plan };
  }
  const first = traits.isSoftware ? softwarePlan(product, size) : narrowPlan(product, size, traits);
  for (let splits = Math.min(first.splits, most); splits <= most; splits++) {
    const plan = { ...first, splits };
    if (directTurns(product, plan) <= tooLong) return { kind: "direct", plan };
  }
  return null;
}

/** How many results one invocation computes. */
export function resultsOfInvocation({ kind, plan }: ProductPlan): number {
  return kind === "direct" ? plan.rows * plan.cols : plan.blockRows * plan.blockCols;
}

/** The kernel of a product by a plan.
 *
 * @param consumer What becomes of its elements, if they are not just stored.
 */
export function productKernel(
  product: Product,
  { kind, plan }: ProductPlan,
  consumer: Consumer | null,
  context: NestContext,
): Kernel {
  return kind === "direct"
    ? directKernel(product, plan, consumer, context)
    : tiledKernel(product, plan, consumer, context);
}

/** The tiles that are done first, by the time of one and how many rounds of them there are. */
function tiledPlan(
  { rows, cols, terms, batch }: Extents,
  traits: AdapterTraits,
  most: number,
): TiledPlan | null {
  let best: { plan: TiledPlan; cost: number } | null = null;
  for (const [tall, wide, blockRows, blockCols, speed] of tiles) {
    const groups = Math.ceil(rows / tall) * Math.ceil(cols / wide) * batch;
    const wanted = Math.floor(Math.min(most, atATime / groups, terms / 512));
    const splits = Math.ceil(terms / termsOfSplit(terms, Math.max(1, wanted)));
    const plan = { rows: tall, cols: wide, blockRows, blockCols, splits };
    const bytes = 4 * depth * (tall + wide);
    if (tiledWidth(plan) > traits.maxInvocations || bytes > traits.workgroupBytes) continue;
    // Partial results are stored and read once more.
    const own = terms / splits + (splits > 1 ? 32 : 0);
    const cost = Math.ceil(groups * splits / atATime) * tall * wide * own / speed;
    if (best === null || cost < best.cost) best = { plan, cost };
  }
  return best?.plan ?? null;
}

/** A number of rows or columns of a block: at most `most`, wasting little. */
function block(extent: number, most: number, byFour: boolean): number {
  const each = Math.ceil(extent / Math.ceil(extent / most));
  return byFour && (each > 3 || extent % 4 === 0) ? Math.ceil(each / 4) * 4 : each;
}

function blocksOf({ rows, cols, batch }: Extents, down: number, across: number): number {
  return Math.ceil(rows / down) * Math.ceil(cols / across) * batch;
}

/**
 * The processor's: what is read once serves more sums in a larger block, but the driver takes several times as
 * long to compile one of 16 by 16 as one of 8 by 8: only large products are worth that.
 */
function softwarePlan(product: Product, size: Extents): DirectPlan {
  const isLarge = size.rows * size.cols * size.terms * size.batch >= 2 ** 27;
  const most = isLarge && blocksOf(size, 16, 16) >= 128 ? 16 : blocksOf(size, 8, 8) >= 64 ? 8 : 4;
  const rows = block(size.rows, most, product.rows.at(-1)!.lhs === 1);
  const cols = block(size.cols, most, true);
  const blocks = blocksOf(size, rows, cols);
  const splits = Math.max(1, Math.min(mostSplits, Math.floor(64 / blocks), size.terms >> 9));
  return { rows, cols, width: blocks >= 512 ? 32 : 8, sharing: 1, splits };
}

/** A graphics card's, for few rows or columns: sums are shared until there are invocations enough. */
function narrowPlan(product: Product, size: Extents, traits: AdapterTraits): DirectPlan {
  const rows = block(size.rows, 4, product.rows.at(-1)!.lhs === 1);
  const cols = block(size.cols, 4, true);
  const blocks = blocksOf(size, rows, cols);
  let sharing = 1;
  while (sharing < 64 && blocks * sharing < enough && size.terms / sharing > 32) sharing *= 2;
  const fill = Math.min(mostSplits, enough / (blocks * sharing), size.terms / 4096);
  const width = Math.min(256, traits.maxInvocations);
  return { rows, cols, width, sharing, splits: Math.max(1, Math.floor(fill)) };
}
