/**
 * Reading handwritten digits: a model trained on real images, saved, loaded again and looked at.
 *
 * Run it with `deno task digits`; `--seeds 3`, `--epochs 20` and `--out examples/digits/out` are what it does
 * unless told otherwise. `--device webgpu` trains on the graphics card, if one is found.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
// @ts-types="@types/cli-progress"
import { Presets, SingleBar } from "cli-progress";
import * as vn from "@vernal/vernal";
import { type Digits, loadDigits } from "./data.ts";
import { type History, page } from "./picture.ts";
import { accuracy, type Epoch, makeModel, predict, stepsPerEpoch, train } from "./train.ts";

type Model = Awaited<ReturnType<typeof train>>;

/** Trains one model and reports: by a bar on a terminal, by a line elsewhere. */
async function trainSeed(
  digits: Digits,
  seed: number,
  epochs: number,
): Promise<[Model, Epoch[]]> {
  const history: Epoch[] = [];
  const steps = stepsPerEpoch(digits.train) * epochs;
  const bar = Deno.stdout.isTerminal()
    ? new SingleBar({
      format: `seed ${seed} {bar} {value}/{total} steps | loss {loss} | accuracy {accuracy}`,
    }, Presets.shades_classic)
    : null;
  bar?.start(steps, 0, { loss: "–", accuracy: "–" });
  const begin = performance.now();
  const model = await train(digits.train, digits.test, {
    seed,
    epochs,
    onStep: (loss) => bar?.increment(1, { loss: loss.toFixed(4) }),
    onEpoch: (epoch) => {
      history.push(epoch);
      bar?.update({ accuracy: epoch.accuracy.toFixed(3) });
    },
  });
  bar?.stop();
  const seconds = (performance.now() - begin) / 1000;
  const last = history.at(-1)!;
  console.log(
    `seed ${seed}: loss ${last.loss.toFixed(4)}, test accuracy ${last.accuracy.toFixed(3)} ` +
      `(${steps} steps in ${seconds.toFixed(1)} s)`,
  );
  return [model, history];
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "3" },
    epochs: { type: "string", default: "20" },
    out: { type: "string" },
    device: { type: "string", default: "cpu" },
  },
});
const [seeds, epochs] = [Number(options.seeds), Number(options.epochs)];
if (!(seeds >= 1 && epochs >= 1)) throw new RangeError("--seeds and --epochs: at least 1 each");
const out = options.out === undefined
  ? new URL("out/", import.meta.url)
  : pathToFileURL(`${options.out}/`);
await Deno.mkdir(out, { recursive: true });

if (options.device !== "cpu" && options.device !== "webgpu") {
  throw new RangeError("--device: cpu or webgpu");
}
const [device] = await vn.init(options.device);
vn.defaultDevice(device);

const digits = await loadDigits();
console.log(`${digits.train.count} images to train on, ${digits.test.count} to test with`);

const runs = [];
for (let seed = 0; seed < seeds; seed++) {
  const [model, history] = await trainSeed(digits, seed, epochs);
  runs.push({ seed, model, epochs: history, accuracy: history.at(-1)!.accuracy });
}
// Of an even number of seeds the lower of the two in the middle: it is the accuracy of a real model.
const best = runs.toSorted((a, b) => a.accuracy - b.accuracy)[(seeds - 1) >> 1]!;

const file = new URL("model.eqx", out);
await vn.treeSerialiseLeaves(file, best.model);
const loaded = await vn.treeDeserialiseLeaves(file, makeModel(seeds));
if (await accuracy(loaded, digits.test) !== best.accuracy) {
  throw new Error(`the model in ${file.pathname} does not read as the one that was saved`);
}
console.log(`saved ${file.pathname}; loaded again it reads the same`);

const picture = new URL("digits.html", out);
const histories: History[] = runs.map(({ seed, epochs }) => ({ seed, epochs }));
const summary = `test accuracy ${best.accuracy.toFixed(3)} (median of ${seeds} seeds)`;
await Deno.writeTextFile(
  picture,
  page(
    `Handwritten digits: ${summary}`,
    histories,
    digits.test,
    await predict(loaded, digits.test),
  ),
);
console.log(`drew ${picture.pathname}`);
console.log(summary);
