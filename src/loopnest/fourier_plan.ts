/**
 * Plans of the Fourier transforms of `kernels/fft/`: how a length is divided, the tables of roots of unity, and scratch space.
 *
 * @module
 */

import type { Rounds } from "./kernels.ts";

/** Complex numbers, forwards and backwards, or real ones on one side, whose frequencies beyond n/2 are conjugates. */
export type FourierKind = "fft" | "ifft" | "rfft" | "irfft";

/** What the kernels tell apart: of a real array all frequencies may be wanted. */
export type FourierWork = FourierKind | "fft of reals" | "ifft of reals";

/** As the kernels number them. */
export const fourierWorks: readonly FourierWork[] = [
  "fft",
  "ifft",
  "rfft",
  "irfft",
  "fft of reals",
  "ifft of reals",
];

/** Elements that a row of n has, of what is given and of what comes out. */
export function fourierElements(work: FourierWork, n: number): readonly [number, number] {
  const half = 2 * (Math.floor(n / 2) + 1);
  const isReal = work === "rfft" || work.endsWith("reals");
  return [
    work === "irfft" ? half : isReal ? n : 2 * n,
    work === "irfft" ? n : work === "rfft" ? half : 2 * n,
  ];
}

/** How the transform of one length is computed. */
interface LengthPlan {
  /** Each row is a lane; columns and then rows of n1 · n2; a convolution with a chirp. */
  readonly how: "lanes" | "two" | "chirp";
  readonly n: number;
  /** All of it unless there are two. */
  readonly n1: number;
  readonly n2: number;
  /** The length of the convolution. */
  readonly m: number;
}

/** Elements before the tables of a plan. */
const HEADER = 64;
/** Bytes of a line of the cache; so wide is a row of what is transformed at once. */
const LINE = 64;
/** Up to this length rows are lanes: for one row that takes longer, but nothing that counts. */
const LONGEST_LANES = 32;

/** The radices of the passes for a length: its prime factors, those of 2 together; last those that take the least, since these turn nothing. */
function radicesOf(n: number): number[] {
  let rest = n;
  let twos = 0;
  for (; rest % 2 === 0; rest /= 2) twos++;
  const radices: number[] = [];
  for (let r = 3; r * r <= rest; r += 2) {
    for (; rest % r === 0; rest /= r) radices.unshift(r);
  }
  if (rest > 1) radices.unshift(rest);
  if (twos % 2 === 1) {
    radices.push(twos > 1 ? 8 : 2);
    twos -= twos > 1 ? 3 : 1;
  }
  for (; twos > 0; twos -= 2) radices.push(4);
  return radices;
}

/** Instructions, about, of the passes for each element, with reading and writing it. */
function costOf(n: number): number {
  const usual: Record<number, number> = { 2: 4, 3: 6, 4: 6, 5: 9, 8: 9 };
  return radicesOf(n).reduce((sum, r) => sum + (usual[r] ?? 6 + 1.2 * r), 6);
}

function padded(n: number, to: number): number {
  return Math.ceil(n / to) * to;
}

/** The cost of a transform as columns of n1 and rows of n2. */
function costOfTwo(n1: number, n2: number): number {
  const far = (n: number) => n * LINE * 2 > 32768 ? 1.3 : 1;
  return n1 * padded(n2, 4) * (costOf(n1) * far(n1) + 6) +
    n2 * padded(n1, 4) * costOf(n2) * far(n2);
}

/** The best division of a length in two. */
function bestTwo(n: number): { readonly n1: number; readonly cost: number } {
  let best = { n1: 1, cost: Infinity };
  for (let a = 2; a * a <= n; a++) {
    if (n % a !== 0) continue;
    for (const n1 of [a, n / a]) {
      const cost = costOfTwo(n1, n / n1);
      if (cost < best.cost) best = { n1, cost };
    }
  }
  return best;
}

/** The length of the convolution for a transform of length n: at least 2n - 1, with small factors. */
function chirpLength(n: number): number {
  let best = { m: 0, cost: Infinity };
  for (const odd of [1, 3, 5, 9, 15]) {
    let m = odd * 16;
    while (m < 2 * n - 1) m *= 2;
    const { cost } = bestTwo(m);
    if (cost < best.cost) best = { m, cost };
  }
  return best.m;
}

const plans = new Map<number, LengthPlan>();

function planOf(n: number): LengthPlan {
  let plan = plans.get(n);
  if (plan !== undefined) return plan;
  const whole = { n, n1: n, n2: 1, m: 0 };
  // Where only some of the rows' lanes are used, it is worth twice as much on average.
  const inLanes = 2 * n * (costOf(n) + 4);
  if (n <= LONGEST_LANES) plan = { ...whole, how: "lanes" };
  else {
    const two = bestTwo(n);
    const m = Math.max(...radicesOf(n)) > 16 ? chirpLength(n) : 0;
    const byChirp = m === 0 ? Infinity : 2.2 * bestTwo(m).cost + 12 * m;
    if (byChirp < Math.min(two.cost, inLanes)) plan = { ...whole, how: "chirp", m };
    else if (two.cost <= inLanes) plan = { n, n1: two.n1, n2: n / two.n1, m: 0, how: "two" };
    else plan = { ...whole, how: "lanes" };
  }
  if (plans.size >= 1024) plans.clear();
  plans.set(n, plan);
  return plan;
}

/** The real transform of even length goes by pairs of neighbours. */
function isByPairs(work: FourierWork, n: number): boolean {
  return work !== "fft" && work !== "ifft" && n % 2 === 0;
}

/** `exp(-2πi · k/n)`, exact to the last digit for any k: of an angle up to an eighth of a turn. */
export function rootOfUnity(k: number, n: number): readonly [re: number, im: number] {
  const at = 8 * (((k % n) + n) % n);
  const octant = Math.floor(at / n);
  const rest = at - octant * n;
  const angle = (Math.PI / 4) * ((octant % 2 === 0 ? rest : n - rest) / n);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = octant % 4 === 0 || octant % 4 === 3 ? [c, s] : [s, c];
  const re = octant < 2 || octant > 5 ? x : -x;
  return [re, octant < 4 ? -y : y];
}

/** Lines of 16 elements. */
function inLines(elements: number): number {
  return padded(elements, 16);
}

/** Writes tables one after the other. */
class TableWriter {
  readonly data: Float64Array;
  at = 0;

  constructor(elements: number) {
    this.data = new Float64Array(elements);
  }

  number(x: number): void {
    this.data[this.at++] = x;
  }

  root(k: number, n: number): void {
    const [re, im] = rootOfUnity(k, n);
    this.number(re);
    this.number(im);
  }

  /** Goes on where a line begins. */
  align(): void {
    this.at = inLines(this.at);
  }
}

const hasPass = (r: number) => r === 2 || r === 3 || r === 4 || r === 5 || r === 8;

function passElements(n: number): number {
  let m = n;
  return radicesOf(n).reduce((sum, r) => {
    m /= r;
    return sum + (m > 1 ? 2 * m * (r - 1) : 0) + (hasPass(r) ? 0 : 2 * ((r - 1) / 2) ** 2);
  }, 0);
}

function writePasses(to: TableWriter, n: number): void {
  let m = n;
  for (const r of radicesOf(n)) {
    const length = m;
    m /= r;
    for (let p = 0; m > 1 && p < m; p++) for (let j = 1; j < r; j++) to.root(p * j, length);
    if (hasPass(r)) continue;
    for (let j = 1; j <= (r - 1) / 2; j++) {
      for (let k = 1; k <= (r - 1) / 2; k++) {
        const [c, s] = rootOfUnity(j * k, r);
        to.number(c);
        to.number(-s);
      }
    }
  }
}

function planElements({ how, n, n1, n2, m }: LengthPlan, lanes: number): number {
  if (how === "lanes") return HEADER + inLines(passElements(n));
  if (how === "chirp") {
    return HEADER + inLines(2 * n) + inLines(2 * m) + planElements(twoOf(m), lanes);
  }
  const between = 2 * padded(n1, lanes) * padded(n2, lanes);
  return HEADER + inLines(passElements(n1)) + inLines(passElements(n2)) + inLines(between);
}

/** The plan of a convolution's length, which is divided in two. */
function twoOf(m: number): LengthPlan {
  const { n1 } = bestTwo(m);
  return { how: "two", n: m, n1, n2: m / n1, m: 0 };
}

function writePlan(to: TableWriter, plan: LengthPlan, lanes: number): void {
  const { how, n, n1, n2, m } = plan;
  const start = to.at;
  const [first, second] = how === "chirp" ? [[], []] : [radicesOf(n1), radicesOf(n2)];
  const hows = { lanes: 0, two: 1, chirp: 2 };
  [hows[how], n1, n2, first.length, second.length, m].forEach((x) => to.number(x));
  to.at = start + 8;
  first.forEach((r) => to.number(r));
  to.at = start + 36;
  second.forEach((r) => to.number(r));
  to.at = start + HEADER;
  if (how === "chirp") return writeChirp(to, n, m, lanes);
  writePasses(to, n1);
  to.align();
  if (how === "lanes") return;
  writePasses(to, n2);
  to.align();
  // As they are read: for some columns, row by row, blocks of a vector's real and of its imaginary parts.
  const width = 2 * lanes;
  const [re, im] = rootsOfUnity(n);
  for (let c = 0; c < n2; c += width) {
    const count = padded(Math.min(width, n2 - c), lanes);
    for (let k = 0; k < padded(n1, lanes); k++) {
      for (let block = 0; block < count; block += lanes) {
        for (let l = 0; l < lanes; l++) {
          // Rows and columns beyond the last are filled up.
          const at = ((c + block + l) * k) % n;
          to.data[to.at + l] = re[at];
          to.data[to.at + lanes + l] = im[at];
        }
        to.at += 2 * lanes;
      }
    }
  }
  to.align();
}

function writeChirp(to: TableWriter, n: number, m: number, lanes: number): void {
  // Since j·k = (j² + k² - (k - j)²)/2.
  const [rootsRe, rootsIm] = rootsOfUnity(2 * n);
  const [re, im] = [new Float64Array(m), new Float64Array(m)];
  // j² modulo 2n, from one to the next: squares of large numbers are not exact.
  for (let j = 0, square = 0; j < n; j++) {
    const c = rootsRe[square];
    const s = rootsIm[square];
    to.number(c);
    to.number(s);
    re[j] = c / m;
    im[j] = -s / m;
    if (j > 0) {
      re[m - j] = re[j];
      im[m - j] = im[j];
    }
    square = (square + 2 * j + 1) % (2 * n);
  }
  to.align();
  const [filterRe, filterIm] = transformed(re, im);
  for (let k = 0; k < m; k++) {
    to.number(filterRe[k]);
    to.number(filterIm[k]);
  }
  to.align();
  writePlan(to, twoOf(m), lanes);
}

/** The table of a transform of `n` elements on the real side, for numbers of `size` bytes. */
export function fourierTable(work: FourierWork, n: number, size: 4 | 8): Float64Array {
  const lanes = 16 / size;
  const to = new TableWriter(fourierTableElements(work, n, size));
  const isByPair = isByPairs(work, n);
  if (isByPair) {
    for (let k = 0; k <= Math.floor(n / 4); k++) to.root(k, n);
    to.align();
  }
  writePlan(to, planOf(isByPair ? n / 2 : n), lanes);
  return to.data;
}

/** How many elements it has. */
export function fourierTableElements(work: FourierWork, n: number, size: 4 | 8): number {
  if (!isByPairs(work, n)) return planElements(planOf(n), 16 / size);
  return inLines(2 * (Math.floor(n / 4) + 1)) + planElements(planOf(n / 2), 16 / size);
}

/** Bytes of what stands between columns and rows. */
function middleBytes({ n1, n2 }: LengthPlan, size: number): number {
  const lanes = 16 / size;
  return padded(n2, lanes) * (2 * size * padded(n1, lanes) + LINE);
}

function planScratch(plan: LengthPlan, size: number): number {
  const { how, n, n1, n2, m } = plan;
  const lanes = 16 / size;
  const work = (length: number) => 32 * Math.max(...radicesOf(length), 1);
  if (how === "lanes") return 2 * n * LINE + work(n);
  if (how === "chirp") return 2 * size * inLines(2 * m) + planScratch(twoOf(m), size);
  const wide = padded(n1, lanes);
  return 2 * Math.max(wide, n2) * LINE + middleBytes(plan, size) + Math.max(work(n1), work(n2));
}

/** Bytes of scratch of `fft_<dtype>`, where `inner` elements lie between neighbours. */
export function fourierScratchBytes(
  work: FourierWork,
  n: number,
  inner: number,
  size: 4 | 8,
): number {
  const isByPair = isByPairs(work, n);
  const plan = planOf(isByPair ? n / 2 : n);
  const width = LINE / (2 * size);
  const group = plan.how === "lanes" ? width : 1;
  const room = work === "fft" || work === "ifft" ? 0 : size * inLines(2 * n * group);
  const [given, made] = fourierElements(work, n);
  const columns = inner === 1 ? 0 : width * size * (inLines(given) + inLines(made) + 32);
  return columns + (isByPair ? 1 : 2) * room + planScratch(plan, size);
}

/** Units of a round: `UNITS` in `kernels/fft/rounds.ts`. */
const unitsOfRound = 8;

/**
 * Bytes of complex numbers from which on one row is shared, and columns are. Between columns and rows half of them go from one processor's cache to the
 * other's: 512 KiB took 1.6 times as long on two threads as on one, 2 MiB 1.2, 8 MiB half as long. Of columns 512 KiB took 0.8.
 */
const [longRow, largeColumns] = [1 << 22, 1 << 18];

/**
 * The rounds of one row, columns and then rows, and of real ones what comes after; of `inner` elements between neighbours one round, in
 * which each thread needs scratch of its own.
 */
export function fourierRounds([, n, inner, kind]: readonly number[], size: 4 | 8): Rounds | null {
  const work = fourierWorks[kind];
  if (inner > 1) {
    if (2 * size * n * inner < largeColumns) return null;
    return { count: 1, units: unitsOfRound, ownBytes: fourierScratchBytes(work, n, inner, size) };
  }
  const isComplex = work === "fft" || work === "ifft";
  const isByPair = isByPairs(work, n);
  const plan = planOf(isByPair ? n / 2 : n);
  if (plan.how !== "two" || !(isComplex || isByPair)) return null;
  if (2 * size * plan.n < longRow) return null;
  const ownBytes = planScratch(plan, size) - middleBytes(plan, size);
  return { count: isComplex || work === "irfft" ? 2 : 3, units: unitsOfRound, ownBytes };
}

/** Instructions, about, of one row. */
export function fourierCost(work: FourierWork, n: number): number {
  const isByPair = isByPairs(work, n);
  const { how, n1, n2, m } = planOf(isByPair ? n / 2 : n);
  const per = how === "lanes" ? n1 * costOf(n1) : how === "two" ? costOfTwo(n1, n2) : 0;
  return how === "chirp" ? 2.2 * bestTwo(m).cost : per + (isByPair ? 4 * n : 0);
}

/** All roots of unity of n, as two lists: eight by one where they lie in eighths. */
function rootsOfUnity(n: number): [re: Float64Array, im: Float64Array] {
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  if (n % 8 !== 0) {
    for (let k = 0; k < n; k++) [re[k], im[k]] = rootOfUnity(k, n);
    return [re, im];
  }
  const [quarter, half] = [n / 4, n / 2];
  for (let k = 0; k <= n / 8; k++) {
    const angle = (Math.PI / 4) * (8 * k / n);
    const c = Math.cos(angle);
    const s = Math.sin(angle);
    // Further ones are written later, so that those on the axes have zeros of one sign.
    re[quarter - k] = s;
    im[quarter - k] = -c;
    re[quarter + k] = -s;
    im[quarter + k] = -c;
    re[half - k] = -c;
    im[half - k] = -s;
    re[half + k] = -c;
    im[half + k] = s;
    re[half + quarter - k] = -s;
    im[half + quarter - k] = c;
    re[half + quarter + k] = s;
    im[half + quarter + k] = c;
    if (k > 0) {
      re[n - k] = c;
      im[n - k] = s;
    }
    re[k] = c;
    im[k] = -s;
  }
  return [re, im];
}

/** The transform of complex numbers in float64, plainly: by factors, and a sum for a prime. */
export function transformed(re: Float64Array, im: Float64Array): [Float64Array, Float64Array] {
  const n = re.length;
  const [wr, wi] = rootsOfUnity(n);
  /** Of the `size` elements from `start` on, `n / size` apart. */
  const of = (start: number, size: number): [Float64Array, Float64Array] => {
    const step = n / size;
    const [yr, yi] = [new Float64Array(size), new Float64Array(size)];
    let r = 2;
    while (size % r !== 0 && r < size) r++;
    const m = size <= 16 ? 1 : size / r;
    if (m === 1) {
      // Few, or a prime: a sum for each.
      for (let j = 0, i = start; j < size; j++, i += step) {
        for (let k = 0, at = 0; k < size; k++) {
          yr[k] += re[i] * wr[at] - im[i] * wi[at];
          yi[k] += re[i] * wi[at] + im[i] * wr[at];
          at += j * step;
          if (at >= n) at -= n;
        }
      }
      return [yr, yi];
    }
    for (let j = 0; j < r; j++) {
      const [pr, pi] = of(start + j * step, m);
      // Element k of the part takes part in k, k + m, …, turned by j·k.
      for (let k = 0, from = 0, at = 0; k < size; k++) {
        yr[k] += pr[from] * wr[at] - pi[from] * wi[at];
        yi[k] += pr[from] * wi[at] + pi[from] * wr[at];
        if (++from === m) from = 0;
        at += j * step;
        if (at >= n) at -= n;
      }
    }
    return [yr, yi];
  };
  return of(0, n);
}

type Floats = Float32Array | Float64Array;

/** What the kernel computes, plainly: `(outer, n, inner, work, scale, x, table, out, scratch)`. */
export function runFourier(
  [outer, n, inner]: readonly number[],
  work: FourierWork,
  scale: number,
  x: Floats,
  out: Floats,
): void {
  const [given, made] = fourierElements(work, n);
  const isReal = work === "rfft" || work.endsWith("reals");
  const [rowsIn, rowsOut] = [isReal ? given : given / 2, work === "irfft" ? made : made / 2];
  const flip = work.startsWith("i");
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const [re, im] = [new Float64Array(n), new Float64Array(n)];
      for (let j = 0; j < rowsIn; j++) {
        const at = (o * rowsIn + j) * inner + i;
        if (isReal) re[j] = x[at];
        else [re[j], im[j]] = [x[2 * at], x[2 * at + 1]];
      }
      if (work === "irfft") {
        im[0] = 0;
        if (n % 2 === 0) im[n / 2] = 0;
        for (let j = 1; 2 * j < n; j++) [re[n - j], im[n - j]] = [re[j], -im[j]];
      }
      const [yr, yi] = flip ? transformed(im, re).reverse() : transformed(re, im);
      for (let k = 0; k < rowsOut; k++) {
        const at = (o * rowsOut + k) * inner + i;
        if (work === "irfft") out[at] = yr[k] * scale;
        else [out[2 * at], out[2 * at + 1]] = [yr[k] * scale, yi[k] * scale];
      }
    }
  }
}
