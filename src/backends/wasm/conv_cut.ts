/**
 * How a convolution is cut for threads to share: ranges of its examples, of its groups, or of places of the output. The list that describes it
 * (`src/loopnest/conv_plan.ts`) then says for each unit how many of them there are, and where they begin.
 *
 * An element of the output is the same sum whatever the range, as long as the kernel chooses the same form for it, which
 * hangs on the last axis of the places where there are few rows (`isThin` in `kernels/conv/thin.ts`).
 *
 * @module
 */
import { maddCost } from "./dot_step.ts";

/** What is patched in the list for a unit: the range of something that there are `extent` of. */
export interface ConvRange {
  readonly extent: number;
  /** Where the list says how many there are. */
  readonly at: number;
  /** Where it says what grows with the start of the range. */
  readonly starts: readonly {
    readonly at: number;
    readonly initial: number;
    readonly stride: number;
  }[];
  /** By how many elements operand, kernel and output begin later for each step of the start. */
  readonly moves?: readonly [x: number, w: number, out: number];
}

/** A convolution in units. */
export interface ConvCut {
  readonly units: number;
  readonly ranges: readonly ConvRange[];
  /** About how many instructions all of it executes. */
  readonly cost: number;
}

// Where things are in the list: `kernels/conv/spec.ts`, in words.
const [groupsAt, rowsAt, batchAt, copyRankAt, partsAt, formAt, copyAxesAt] = [
  0,
  4,
  7,
  11,
  14,
  15,
  16,
];
/** The kinds of forms. */
const [nineKind, winogradKind, windowsKind] = [1, 2, 4];
/** In a form of single features: the rows of the output that are to be computed. */
const [firstRowAt, rowCountAt] = [13, 14];
/** In Winograd's: columns of the output; the output features and lines of tiles that are to be computed. */
const columnsAt = 12;
const [firstFeatureAt, featureCountAt, firstLineAt, lineCountAt] = [16, 17, 18, 19];
/** Up to so many rows the kernel looks at the last axis of places. */
const thinRows = 4;

/** Cuts a convolution of elements of `bytes` bytes; `null` where there is too little to cut. */
export function cutConv(list: readonly number[], bytes: number, threads: number): ConvCut | null {
  const [groups, rows, batch] = [list[groupsAt]!, list[rowsAt]!, list[batchAt]!];
  const [xGroup, wGroup, outGroup] = list.slice(1, 4) as [number, number, number];
  const [xBatch, outBatch] = list.slice(9, 11) as [number, number];
  const parts = partsOf(list);
  const products = parts.reduce((sum, p) => sum + p.places * p.steps, 0) * batch * rows * groups;
  const cost = products * bytes / 16 * maddCost;
  const form = list[formAt]!;
  if (form !== 0 && list[form] === winogradKind) return cutWinograd(list, form, cost / 2, threads);
  const batchIsLast = parts.some((p) => p.batchAxis >= 0 && p.batchAxis === p.axes.length - 1);
  if (batch >= 2 * threads && !batchIsLast) {
    const range = { extent: batch, at: batchAt, starts: [] };
    return {
      units: 2 * threads,
      ranges: [{ ...range, moves: [xBatch, 0, outBatch] }],
      cost,
    };
  }
  if (groups >= 2 * threads) {
    const range = { extent: groups, at: groupsAt, starts: [] };
    return {
      units: Math.min(groups, 4 * threads),
      ranges: [{ ...range, moves: [xGroup, wGroup, outGroup] }],
      cost,
    };
  }
  if (form !== 0) {
    if (list[form] !== nineKind && list[form] !== windowsKind) return null;
    const extent = list[form + rowCountAt]!;
    if (extent < 2 * threads) return null;
    const starts = [{ at: form + firstRowAt, initial: 0, stride: 1 }];
    return { units: threads, ranges: [{ extent, at: form + rowCountAt, starts }], cost };
  }
  const ranges: ConvRange[] = [];
  for (const part of parts) {
    const last = part.axes.length - 1;
    const axes = part.axes.filter((_, i) =>
      i !== part.batchAxis && (rows > thinRows || i !== last)
    );
    const longest = axes.reduce<PlaceAxis | null>(
      (best, axis) => best === null || axis.size > best.size ? axis : best,
      null,
    );
    if (longest === null || longest.size < 2 * threads) return null;
    const { at, size, x, out } = longest;
    ranges.push({
      extent: size,
      at,
      starts: [
        { at: part.at, initial: list[part.at]!, stride: x },
        { at: part.at + 2, initial: list[part.at + 2]!, stride: out },
      ],
    });
  }
  if (ranges.length === 0) return null;
  const isLong = ranges.every(({ extent }) => extent >= 8 * threads);
  return { units: isLong ? 2 * threads : threads, ranges, cost };
}

/**
 * Ranges of lines of tiles, for each of which the kernel is transformed again; or where that is more work, of output features, for each of which
 * the operand is.
 */
function cutWinograd(
  list: readonly number[],
  form: number,
  cost: number,
  threads: number,
): ConvCut | null {
  const [features, lines] = [list[form + featureCountAt]!, list[form + lineCountAt]!];
  const quads = lines * Math.ceil(list[form + columnsAt]! / 8);
  const byLines = features < 4 * quads && lines >= 2 * threads;
  const extent = byLines ? lines : features;
  if (extent < 2 * threads) return null;
  const at = form + (byLines ? lineCountAt : featureCountAt);
  const starts = [{ at: form + (byLines ? firstLineAt : firstFeatureAt), initial: 0, stride: 1 }];
  const isCheap = byLines && features < quads && lines >= 8 * threads;
  return { units: isCheap ? 2 * threads : threads, ranges: [{ extent, at, starts }], cost };
}

/** An axis of places, and where it stands in the list. */
interface PlaceAxis {
  readonly at: number;
  readonly size: number;
  readonly x: number;
  readonly out: number;
}

/** What the list says of a part. */
interface Part {
  readonly at: number;
  readonly batchAxis: number;
  readonly axes: readonly PlaceAxis[];
  /** Places of one example, and steps of the sum for each. */
  readonly places: number;
  readonly steps: number;
}

function partsOf(list: readonly number[]): Part[] {
  let at = copyAxesAt + 4 * list[copyRankAt]!;
  return Array.from({ length: list[partsAt]! }, (): Part => {
    const start = at;
    const [rank, batchAxis, kRank] = list.slice(start + 3, start + 6) as [number, number, number];
    at += 6;
    const axes = Array.from({ length: rank }, (_, i): PlaceAxis => {
      const [size, x, out] = list.slice(at + 3 * i, at + 3 * i + 3) as [number, number, number];
      return { at: at + 3 * i, size, x, out };
    });
    at += 3 * rank;
    let steps = 1;
    for (let i = 0; i < kRank; i++) steps *= list[at + 3 * i]!;
    at += 3 * kRank;
    const places = axes.reduce((n, { size }, i) => i === batchAxis ? n : n * size, 1);
    return { at: start, batchAxis, axes, places, steps };
  });
}
