/**
 * A page with what was learnt: the loss and the accuracy over the epochs, and digits that were misread.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { type Images, pixelsPerImage } from "./data.ts";
import type { Epoch } from "./train.ts";

/** The history of one seed. */
export interface History {
  readonly seed: number;
  readonly epochs: readonly Epoch[];
}

const side = Math.sqrt(pixelsPerImage);

/** The page, as HTML with the pictures drawn into it. */
export function page(
  title: string,
  histories: readonly History[],
  test: Images,
  predicted: readonly number[],
): string {
  // The plotting library draws into a document; its type would need the browser's declarations.
  const { document } = parseHTML("<html></html>") as unknown as { document: object };
  const points = histories.flatMap(({ seed, epochs }) =>
    epochs.map(({ loss, accuracy }, i) => ({ seed: `seed ${seed}`, epoch: i + 1, loss, accuracy }))
  );
  const loss = Plot.plot({
    document,
    width: 560,
    height: 300,
    grid: true,
    color: { legend: true },
    x: { label: "epoch" },
    y: { type: "log", label: "training loss", tickFormat: "~g" },
    marks: [Plot.lineY(points, { x: "epoch", y: "loss", stroke: "seed" })],
  });
  const accuracy = Plot.plot({
    document,
    width: 560,
    height: 300,
    grid: true,
    x: { label: "epoch" },
    y: { label: "test accuracy", domain: [Math.min(0.9, ...points.map((p) => p.accuracy)), 1] },
    marks: [
      Plot.ruleY([0.96], { strokeDasharray: "4 3" }),
      Plot.lineY(points, { x: "epoch", y: "accuracy", stroke: "seed" }),
    ],
  });

  const misread = predicted.flatMap((digit, i) => digit === test.labels[i] ? [] : [i]).slice(0, 12);
  const cells = misread.flatMap((image) =>
    Array.from({ length: pixelsPerImage }, (_, j) => ({
      image: `${test.labels[image]} read as ${predicted[image]}`,
      // Two misread digits may have the same caption; the number keeps them apart.
      at: misread.indexOf(image),
      x: j % side,
      y: Math.floor(j / side),
      ink: test.pixels[image * pixelsPerImage + j]!,
    }))
  );
  const gallery = Plot.plot({
    document,
    width: 100 * misread.length,
    height: 118,
    marginTop: 24,
    marginLeft: 4,
    marginRight: 4,
    marginBottom: 4,
    color: { scheme: "greys", domain: [-1, 1] },
    x: { axis: null, padding: 0 },
    y: { axis: null, padding: 0 },
    fx: {
      label: null,
      axis: "top",
      padding: 0.12,
      tickFormat: (at: number) => cells[at * pixelsPerImage]!.image,
    },
    marks: [Plot.cell(cells, { fx: "at", x: "x", y: "y", fill: "ink" })],
  });

  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Digits</title>
<body style="font-family: system-ui, sans-serif; max-width: 1140px; margin: 2em auto">
<h1>${title}</h1>
<div style="display: flex; flex-wrap: wrap">${loss.outerHTML}${accuracy.outerHTML}</div>
${misread.length > 0 ? `<h2>Misread</h2>${gallery.outerHTML}` : ""}
</body>
</html>
`;
}
