/**
 * The model and its training: one compiled step, called for every minibatch.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import { type Images, pixelsPerImage } from "./data.ts";

const { nn, numpy: np, optim, random } = vn;

/** The size of the model. */
export const size = { width: 128, depth: 2, classes: 10 } as const;

/** The number of images in a minibatch. */
export const batchSize = 32;

/** What is learnt after each epoch. */
export interface Epoch {
  /** The mean loss of the epoch's minibatches. */
  readonly loss: number;
  /** The share of the test images that is read rightly. */
  readonly accuracy: number;
}

/** An untrained model, the same for a seed. */
export function makeModel(seed: number): vn.nn.MLP {
  const key = random.key(seed);
  return new nn.MLP(pixelsPerImage, size.classes, size.width, size.depth, { key });
}

/** The mean cross entropy of the model's reading of some images. */
function loss(model: vn.nn.MLP, pixels: vn.NDArray, labels: vn.NDArray): vn.NDArray {
  const logits = vn.filterVmap(model)(pixels);
  const picked = nn.logSoftmax(logits).mul(nn.oneHot(labels, size.classes));
  return picked.sum({ axis: -1 }).mean().neg();
}

const optimizer = optim.adam(1e-3);

type Data = readonly [pixels: vn.NDArray, labels: vn.NDArray];
type OptState = ReturnType<typeof optimizer.init>;

/**
 * One step: gradients, the optimiser, the update. The old model and optimiser state are donated, so that
 * the new ones take their place in memory; the data, which come first, are kept.
 */
const step = vn.filterJit(
  (
    [pixels, labels]: Data,
    rows: vn.NDArray,
    model: vn.nn.MLP,
    state: OptState,
  ): [vn.NDArray, vn.nn.MLP, OptState] => {
    const [value, grads] = vn.filterValueAndGrad(loss)(model, pixels.get(rows), labels.get(rows));
    const [updates, next] = optimizer.update(grads, state, model);
    return [value, vn.applyUpdates(model, updates), next];
  },
  { donate: "all-except-first" },
);

const readImages = vn.filterJit((model: vn.nn.MLP, pixels: vn.NDArray): vn.NDArray =>
  np.argmax(vn.filterVmap(model)(pixels), { axis: -1 })
);

function toArrays(images: Images): Data {
  return [
    np.array(images.pixels).reshape([images.count, pixelsPerImage]),
    np.array(images.labels),
  ];
}

/** The digits that the model sees in the images. */
export async function predict(model: vn.nn.MLP, images: Images): Promise<number[]> {
  return Array.from(await readImages(model, toArrays(images)[0]).data(), Number);
}

/** The share of the images that is read rightly. */
export async function accuracy(model: vn.nn.MLP, images: Images): Promise<number> {
  const digits = await predict(model, images);
  const right = digits.filter((digit, i) => digit === images.labels[i]);
  return right.length / images.count;
}

/** How many steps an epoch has: whole minibatches only. */
export function stepsPerEpoch(images: Images): number {
  return Math.floor(images.count / batchSize);
}

/**
 * Trains a model on the default device, telling `onEpoch` how it went after each epoch, and `onStep` of each step's loss. Losses are read
 * once an epoch, so that a device that answers later is waited for once.
 */
export async function train(
  images: Images,
  test: Images,
  options: {
    readonly seed: number;
    readonly epochs: number;
    readonly onStep: (loss: number) => void;
    readonly onEpoch: (epoch: Epoch) => void;
  },
): Promise<vn.nn.MLP> {
  const data = toArrays(images);
  const steps = stepsPerEpoch(images);
  let model = makeModel(options.seed);
  let state = optimizer.init(vn.filter(model, vn.isInexactArray));
  let key = random.foldIn(random.key(options.seed), 1);

  for (let epoch = 0; epoch < options.epochs; epoch++) {
    let shuffle: vn.NDArray;
    [key, shuffle] = random.split(key) as unknown as [vn.NDArray, vn.NDArray];
    const order = random.permutation(shuffle, images.count)
      .get(vn.slice(0, steps * batchSize))
      .reshape([steps, batchSize]);
    const values: vn.NDArray[] = [];
    for (const rows of order) {
      let value: vn.NDArray;
      [value, model, state] = step(data, rows, model, state);
      values.push(value);
    }
    const losses = Array.from(await np.stack(values).data(), Number);
    losses.forEach(options.onStep);
    const total = losses.reduce((sum, x) => sum + x);
    options.onEpoch({ loss: total / steps, accuracy: await accuracy(model, test) });
  }
  return model;
}
