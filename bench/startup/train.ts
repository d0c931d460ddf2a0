/** A script as a user writes it: a network, its training step, and one call of that. @module */
import * as vn from "@vernal/vernal";

const { nn, optim, random } = vn;

const tx = optim.sgd(0.1);
const loss = (model: vn.nn.MLP, x: vn.NDArray, labels: vn.NDArray): vn.NDArray =>
  nn.logSoftmax(vn.filterVmap(model)(x)).mul(nn.oneHot(labels, 10)).sum().mul(-1 / 128);
const step = vn.filterJit(
  (model: vn.nn.MLP, x: vn.NDArray, labels: vn.NDArray): [vn.NDArray, vn.nn.MLP] => {
    const [value, grads] = vn.filterValueAndGrad(loss)(model, x, labels);
    const [updates] = tx.update(grads, tx.init(model), model);
    return [value, vn.applyUpdates(model, updates)];
  },
  { donate: "all" },
);
const model = new nn.MLP(784, 10, 512, 2, { key: random.key(0) });
const x = random.normal(random.key(1), [128, 784]);
const labels = random.randint(random.key(2), [128], 0, 10);
console.log(step(model, x, labels)[0].item());
