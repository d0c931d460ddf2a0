/**
 * The digits: read, checked, scaled and split.
 *
 * @module
 */

/** Images as rows of 64 numbers from -1 (paper) to 1 (ink), with the digit that each shows. */
export interface Images {
  readonly count: number;
  readonly pixels: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array<ArrayBuffer>;
}

/** What is trained on, and what is kept apart to test. */
export interface Digits {
  readonly train: Images;
  readonly test: Images;
}

const file = new URL("digits.csv.gz", import.meta.url);
const sha256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22";

/** The number of pixels of an image. */
export const pixelsPerImage = 64;

/**
 * Reads the vendored file; every fifth row, from the first, is for testing.
 *
 * @throws Error where the file is not the one that was vendored.
 */
export async function loadDigits(): Promise<Digits> {
  const bytes = await Deno.readFile(file);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (digest.toHex() !== sha256) {
    throw new Error(`${file.pathname} is not the vendored file: its sha256 is ${digest.toHex()}`);
  }
  const unzipped = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(unzipped).text();
  const rows = text.trimEnd().split("\n").map((line) => line.split(",").map(Number));
  return {
    train: toImages(rows.filter((_, i) => i % 5 !== 0)),
    test: toImages(rows.filter((_, i) => i % 5 === 0)),
  };
}

function toImages(rows: readonly number[][]): Images {
  const pixels = new Float32Array(rows.length * pixelsPerImage);
  const labels = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    for (let j = 0; j < pixelsPerImage; j++) pixels[i * pixelsPerImage + j] = row[j]! / 8 - 1;
    labels[i] = row[pixelsPerImage]!;
  });
  return { count: rows.length, pixels, labels };
}
