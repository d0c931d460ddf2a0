/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: pools.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { counted, keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

/** `[0, 1, ...]` as int32. */
function integers(shape: readonly number[]): vn.NDArray {
  return counted(shape).astype("int32");
}

Deno.test("equinox/nn/test_maxpool1d: integers, strides, ceil", () => {
  const x = integers([1, 14]);
  const out = new nn.MaxPool1d(2, { stride: 3 }).call(x);
  assertEquals([out.dtype, out.tolist()], ["int32", [[1, 4, 7, 10, 13]]]);
  const ceil = new nn.MaxPool1d(3, { stride: 3, padding: 0, useCeil: true });
  assertEquals(ceil.call(x).tolist(), [[2, 5, 8, 11, 13]]);
});

Deno.test("equinox/nn/test_avgpool1d: of integers the mean is floating", () => {
  const out = new nn.AvgPool1d(2, { stride: 3 }).call(integers([1, 14]));
  assertEquals([out.dtype, out.tolist()], ["float32", [[0.5, 3.5, 6.5, 9.5, 12.5]]]);
});

Deno.test("equinox/nn/test_adaptive_avgpool1d: sizes that divide, and that do not", () => {
  const x = counted([1, 14]);
  assertEquals(new nn.AdaptiveAvgPool1d(4).call(x).tolist(), [[1.5, 5.5, 9, 12]]);
  assertEquals(new nn.AdaptiveAvgPool1d(14).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_adaptive_maxpool1d: sizes that divide, and that do not", () => {
  const x = counted([1, 14]);
  assertEquals(new nn.AdaptiveMaxPool1d(4).call(x).tolist(), [[3, 7, 10, 13]]);
  assertEquals(new nn.AdaptiveMaxPool1d(14).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_maxpool2d: strides for each axis, padding with ceil", () => {
  const x = integers([1, 6, 6]);
  assertEquals(
    new nn.MaxPool2d(2, { stride: [3, 2] }).call(x).tolist(),
    [[[7, 9, 11], [25, 27, 29]]],
  );
  assertEquals(
    new nn.MaxPool2d([3, 3], { stride: 2, padding: [1, 1], useCeil: true }).call(x).tolist(),
    [[[7, 9, 11, 11], [19, 21, 23, 23], [31, 33, 35, 35], [31, 33, 35, 35]]],
  );
});

Deno.test("equinox/nn/test_avgpool2d: windows that are not square", () => {
  assertEquals(
    new nn.AvgPool2d([1, 3], { stride: 2 }).call(integers([1, 6, 6])).tolist(),
    [[[1, 3], [13, 15], [25, 27]]],
  );
});

Deno.test("equinox/nn/test_adaptive_avgpool2d: a size for each axis", () => {
  const x = counted([1, 3, 4]);
  assertEquals(
    new nn.AdaptiveAvgPool2d([2, 3]).call(x).tolist(),
    [[[2.5, 4, 5], [8.5, 10, 11]]],
  );
  assertEquals(new nn.AdaptiveAvgPool2d([3, 4]).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_adaptive_maxpool2d: a size for each axis", () => {
  const x = counted([1, 3, 4]);
  assertEquals(new nn.AdaptiveMaxPool2d([2, 3]).call(x).tolist(), [[[5, 6, 7], [9, 10, 11]]]);
  assertEquals(new nn.AdaptiveMaxPool2d([3, 4]).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_maxpool3d: strides for each axis, padding with ceil", () => {
  const x = counted([1, 4, 4, 4]);
  assertEquals(
    new nn.MaxPool3d(2, { stride: [3, 2, 1] }).call(x).tolist(),
    [[[[21, 22, 23], [29, 30, 31]]]],
  );
  const ceil = new nn.MaxPool3d(3, { padding: [0, 1, 1], stride: 2, useCeil: true });
  assertEquals(ceil.call(x).tolist(), [[
    [[37, 39, 39], [45, 47, 47], [45, 47, 47]],
    [[53, 55, 55], [61, 63, 63], [61, 63, 63]],
  ]]);
});

Deno.test("equinox/nn/test_avgpool3d: windows that are no cubes", () => {
  assertEquals(
    new nn.AvgPool3d([1, 3, 1], { stride: 2 }).call(counted([1, 4, 4, 4])).tolist(),
    [[[[4, 6]], [[36, 38]]]],
  );
});

Deno.test("equinox/nn/test_adaptive_avgpool3d: a size for each axis", () => {
  const x = counted([1, 3, 2, 3]);
  assertEquals(
    new nn.AdaptiveAvgPool3d([2, 1, 3]).call(x).tolist(),
    [[[[4.5, 5.5, 6.5]], [[13.5, 14.5, 15.5]]]],
  );
  assertEquals(new nn.AdaptiveAvgPool3d([3, 2, 3]).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_adaptive_maxpool3d: a size for each axis", () => {
  const x = counted([1, 3, 2, 3]);
  assertEquals(
    new nn.AdaptiveMaxPool3d([2, 1, 3]).call(x).tolist(),
    [[[[9, 10, 11]], [[15, 16, 17]]]],
  );
  assertEquals(new nn.AdaptiveMaxPool3d([3, 2, 3]).call(x).tolist(), x.tolist());
});

Deno.test("equinox/nn/test_poolpadding: a pair for each axis", () => {
  const pool = new nn.MaxPool3d(2, { stride: 1, padding: [[0, 1], [0, 1], [0, 1]] });
  assertEquals(pool.call(counted([1, 4, 4, 4])).shape, [1, 4, 4, 4]);
});

Deno.test("equinox/nn/test_poolbackprop: the gradient goes to the largest element of each window", () => {
  const pool = new nn.MaxPool3d([2, 2, 2], { padding: [[0, 1], [0, 1], [0, 1]] });
  const mean = (x: vn.NDArray) => pool.call(x).mean();
  const [value, grad] = vn.filterValueAndGrad(mean)(counted([1, 4, 4, 4]));
  // Along each axis elements 1, 2 and 3 are largest in one, one and two windows.
  const hits = np.array([0, 1, 1, 2]);
  const expected = np.einsum("i,j,k->ijk", hits, hits, hits).div(64).reshape([1, 4, 4, 4]);
  assertEquals(grad.tolist(), expected.tolist());
  assertEquals(value.item(), counted([1, 4, 4, 4]).mul(expected).sum().item());
});

class CNN extends vn.Module {
  readonly convLayers: readonly [vn.nn.Conv2d, vn.nn.MaxPool2d];
  readonly linearLayers: readonly vn.nn.Linear[];
  constructor(key: vn.NDArray) {
    super();
    const [k1, k2, k3] = random.split(key, 3) as Iterable<vn.NDArray> as vn.NDArray[];
    this.convLayers = [new nn.Conv2d(3, 2, 3, { key: k1 }), new nn.MaxPool2d(2, { stride: 2 })];
    this.linearLayers = [
      new nn.Linear(450, 256, { key: k2 }),
      new nn.Linear(256, 10, { key: k3 }),
    ];
  }
  call(x: vn.NDArray): vn.NDArray {
    for (const layer of this.convLayers) x = layer.call(x);
    x = np.ravel(x);
    for (const layer of this.linearLayers) x = nn.relu(layer.call(x));
    return x;
  }
}

Deno.test("equinox/nn/test_poolnetworkbackprop: gradients of a network, mapped", () => {
  const key = keys();
  const cnn = new CNN(key());
  const loss = vn.filterVmap(
    vn.filterValueAndGrad((x: vn.NDArray, y: vn.NDArray) => y.sub(cnn.call(x)).pow(2).mean()),
  );
  const [values, grads] = loss(
    random.normal(key(), [10, 3, 32, 32]),
    random.normal(key(), [10, 10]),
  );
  assertEquals(values.shape, [10]);
  assertEquals(grads.shape, [10, 3, 32, 32]);
  assert(np.any(grads.notEqual(0)).item() === 1);
});

Deno.test("pools say what is wrong", () => {
  assertThrows(
    () => new nn.MaxPool2d(1, { padding: 2 }).call(np.ones([1, 4, 4])),
    vn.ArgumentError,
    "nn.MaxPool2d: padding must not be larger than the window; got [2,2] for a window of 1 along spatial axis 0",
  );
  assertThrows(
    () => new nn.AvgPool2d(2).call(np.ones([4, 4])),
    vn.ShapeError,
    "nn.AvgPool2d: expected one example of 3 axes, [channels, size1, size2]; got shape [4, 4]",
  );
  assertThrows(() => new nn.AvgPool2d([2]), vn.ArgumentError, "nn.AvgPool2d: kernelSize");
  assertThrows(
    () => new nn.AdaptiveMaxPool1d(4).call(np.ones([1, 3])),
    vn.ShapeError,
    "cannot reduce an axis of 3 to 4",
  );
  assertThrows(() => new nn.AdaptiveMaxPool2d([4]), vn.ArgumentError, "targetShape");
});
