/**
 * The behaviours of Equinox's `test_nn.py`, each under its upstream name: convolutions.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { assertClose, counted, keys } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

interface AnyConv {
  readonly weight: vn.NDArray;
  readonly bias: vn.NDArray | null;
  call(x: vn.NDArray): vn.NDArray;
}

/** A layer with other parameters, of the same shapes. */
function withParameters<C extends AnyConv>(conv: C, weight: vn.NDArray, bias: number[]): C {
  assertEquals(weight.shape, conv.weight.shape);
  return vn.treeAt(
    (c) => [c.weight, c.bias],
    conv,
    [weight, np.array(bias).reshape(conv.bias!.shape)],
  );
}

/** A layer whose parameters are all ones. */
function allOnes<C>(conv: C): C {
  return vn.tree.map((leaf: unknown) => vn.isArray(leaf) ? np.onesLike(leaf) : leaf, conv) as C;
}

const answer2d = [[[-37, -31, -9], [25, 61, 49], [23, 41, 27]]];

/** Two groups: the second's kernel is twice the first's. */
const groupedWeight = () => {
  const kernel = counted([1, 1, 3, 3]);
  return np.concatenate([kernel, kernel.mul(2)]);
};
const groupedInput = () => np.broadcastTo(counted([1, 3, 3], -4), [2, 3, 3]);
const groupedAnswer = () => {
  const part = np.array(answer2d).sub(1);
  return np.concatenate([part.add(1), part.mul(2).add(2)]);
};

Deno.test("equinox/nn/test_conv1d: shapes, strides, values", () => {
  const key = keys();
  const x = (channels: number) => random.normal(key(), [channels, 32]);
  assertEquals(new nn.Conv1d(1, 3, 3, { key: key() }).call(x(1)).shape, [3, 30]);
  assertEquals(new nn.Conv1d(1, 3, [3], { key: key() }).call(x(1)).shape, [3, 30]);
  const plain = new nn.Conv1d(1, 3, [3], { padding: 1, useBias: false, key: key() });
  assertEquals(plain.call(x(1)).shape, [3, 32]);
  const strided = new nn.Conv1d(3, 1, [3], { stride: 2, padding: 1, key: key() });
  assertEquals(strided.call(x(3)).shape, [1, 16]);
  const conv = withParameters(
    new nn.Conv1d(1, 3, 3, { padding: 1, key: key() }),
    counted([3, 1, 3]),
    [1, 2, 3],
  );
  assertClose(conv.call(counted([1, 6], -3)), [
    [-6, -3, 0, 3, 6, 3],
    [-20, -20, -8, 4, 16, 13],
    [-34, -37, -16, 5, 26, 23],
  ]);
});

Deno.test("equinox/nn/test_conv2d: shapes, strides, values, groups", () => {
  const key = keys();
  const x = (channels: number) => random.normal(key(), [channels, 32, 32]);
  assertEquals(new nn.Conv2d(1, 3, 3, { key: key() }).call(x(1)).shape, [3, 30, 30]);
  assertEquals(new nn.Conv2d(1, 3, [3, 3], { key: key() }).call(x(1)).shape, [3, 30, 30]);
  const plain = new nn.Conv2d(1, 3, [3, 3], { padding: 1, useBias: false, key: key() });
  assertEquals(plain.call(x(1)).shape, [3, 32, 32]);
  const strided = new nn.Conv2d(3, 1, [3, 3], { stride: 2, padding: 1, key: key() });
  assertEquals(strided.call(x(3)).shape, [1, 16, 16]);
  const conv = withParameters(
    new nn.Conv2d(1, 1, 3, { padding: 1, key: key() }),
    counted([1, 1, 3, 3]),
    [1],
  );
  assertClose(conv.call(counted([1, 3, 3], -4)), answer2d);
  const complex = new nn.Conv2d(1, 1, 3, { padding: 1, dtype: "complex64", key: key() });
  const [unit, c64] = [new vn.Complex(1, 1), { dtype: "complex64" } as const];
  const turned = vn.treeAt((c) => [c.weight, c.bias], complex, [
    counted([1, 1, 3, 3]).astype("complex64"),
    np.array([[[unit]]], c64),
  ]);
  assertEquals([complex.weight.dtype, complex.bias!.shape], ["complex64", [1, 1, 1]]);
  const out = turned.call(np.array(unit, c64).mul(counted([1, 3, 3], -4)));
  assertClose(np.real(out), answer2d);
  assertClose(np.imag(out), answer2d);
  const grouped = withParameters(
    new nn.Conv2d(2, 2, 3, { padding: 1, groups: 2, key: key() }),
    groupedWeight(),
    [1, 2],
  );
  assertClose(grouped.call(groupedInput()), groupedAnswer());
});

Deno.test("equinox/nn/test_conv3d: shapes, strides, values", () => {
  const key = keys();
  const x = (channels: number) => random.normal(key(), [channels, 3, 32, 32]);
  assertEquals(new nn.Conv3d(1, 3, 3, { key: key() }).call(x(1)).shape, [3, 1, 30, 30]);
  assertEquals(new nn.Conv3d(1, 3, [3, 3, 3], { key: key() }).call(x(1)).shape, [3, 1, 30, 30]);
  const plain = new nn.Conv3d(1, 3, [3, 3, 3], { padding: 1, useBias: false, key: key() });
  assertEquals(plain.call(x(1)).shape, [3, 3, 32, 32]);
  const strided = new nn.Conv3d(3, 1, [3, 3, 3], { stride: 2, padding: 1, key: key() });
  assertEquals(strided.call(x(3)).shape, [1, 2, 16, 16]);
  const conv = withParameters(
    new nn.Conv3d(1, 1, [2, 1, 1], { padding: [1, 0, 0], key: key() }),
    counted([1, 1, 2, 1, 1]),
    [1],
  );
  const values = [-3, -2, -1, 0, 1, 2, 3, 4, 1, 1, 1, 1];
  assertClose(conv.call(counted([1, 2, 2, 2], -4)), np.array(values).reshape([1, 3, 2, 2]));
});

Deno.test("equinox/nn/test_conv_padding: a pair for each axis", () => {
  const key = keys();
  const conv = new nn.Conv2d(3, 8, 1, { stride: 2, padding: [[0, 1], [0, 3]], key: key() });
  assertEquals(conv.call(random.normal(key(), [3, 32, 32])).shape, [8, 17, 18]);
});

Deno.test("equinox/nn/test_conv_circular: rolling goes through", () => {
  const key = keys();
  const conv = new nn.Conv1d(1, 1, 3, { padding: "SAME", paddingMode: "CIRCULAR", key: key() });
  const x = random.normal(key(), [1, 6]);
  const rolled = conv.call(np.roll(x, 2, { axis: 1 }));
  assertClose(conv.call(x), np.roll(rolled, -2, { axis: 1 }));
});

const strideAndDilation = (key: vn.NDArray) => ({
  stride: 2,
  padding: 1,
  outputPadding: 1,
  dilation: 2,
  useBias: false,
  key,
});

Deno.test("equinox/nn/test_convtranspose1d: shapes, stride and dilation, values", () => {
  const key = keys();
  const plain = new nn.ConvTranspose1d(1, 3, 3, { key: key() });
  assertEquals(plain.call(random.normal(key(), [1, 32])).shape, [3, 34]);
  const strided = new nn.ConvTranspose1d(3, 1, 3, strideAndDilation(key()));
  assertEquals(strided.call(random.normal(key(), [3, 31])).shape, [1, 64]);
  const conv = withParameters(plain, counted([3, 1, 3]), [1, 2, 3]);
  assertEquals(conv.call(counted([1, 6], -3)).tolist(), [
    [-5, -6, -3, 0, 3, 6, 3, 1],
    [-13, -20, -20, -8, 4, 16, 13, 8],
    [-21, -34, -37, -16, 5, 26, 23, 15],
  ]);
});

Deno.test("equinox/nn/test_convtranspose2d: shapes, stride and dilation, values, groups", () => {
  const key = keys();
  const plain = new nn.ConvTranspose2d(1, 3, 3, { key: key() });
  assertEquals(plain.call(random.normal(key(), [1, 32, 32])).shape, [3, 34, 34]);
  const strided = new nn.ConvTranspose2d(3, 1, [3, 3], strideAndDilation(key()));
  assertEquals(strided.call(random.normal(key(), [3, 31, 31])).shape, [1, 64, 64]);
  const conv = withParameters(
    new nn.ConvTranspose2d(1, 1, 3, { padding: 1, key: key() }),
    counted([1, 1, 3, 3]),
    [1],
  );
  assertEquals(conv.call(counted([1, 3, 3], -4)).tolist(), answer2d);
  const grouped = withParameters(
    new nn.ConvTranspose2d(2, 2, 3, { padding: 1, groups: 2, key: key() }),
    groupedWeight(),
    [1, 2],
  );
  assertClose(grouped.call(groupedInput()), groupedAnswer());
});

Deno.test("equinox/nn/test_convtranspose3d: shapes, stride and dilation, values", () => {
  const key = keys();
  const plain = new nn.ConvTranspose3d(1, 3, 3, { key: key() });
  assertEquals(plain.call(random.normal(key(), [1, 3, 32, 32])).shape, [3, 5, 34, 34]);
  const strided = new nn.ConvTranspose3d(3, 1, [3, 3, 3], strideAndDilation(key()));
  assertEquals(strided.call(random.normal(key(), [3, 2, 31, 31])).shape, [1, 6, 64, 64]);
  const conv = withParameters(
    new nn.ConvTranspose3d(1, 1, [2, 2, 2], { padding: [0, 0, 0], key: key() }),
    counted([1, 1, 2, 2, 2]),
    [1],
  );
  assertEquals(conv.call(counted([1, 2, 2, 2], -4)).tolist(), [[
    [[-27, -44, -17], [-33, -49, -17], [-9, -12, -3]],
    [[-11, -9, 1], [5, 29, 21], [9, 23, 13]],
    [[1, 4, 3], [7, 15, 7], [3, 4, 1]],
  ]]);
});

Deno.test("equinox/nn/test_convtranspose_padding: a pair for each axis", () => {
  const key = keys();
  const conv = new nn.ConvTranspose2d(8, 3, 1, {
    stride: 2,
    padding: [[0, 1], [0, 3]],
    key: key(),
  });
  assertEquals(conv.call(random.normal(key(), [8, 17, 18])).shape, [3, 32, 32]);
});

/** Checks that two layers connect the same elements: the one's jacobian is the other's transpose. */
function assertTransposed(conv: AnyConv, transposed: AnyConv, x: vn.NDArray): void {
  const [down, up] = [allOnes(conv), allOnes(transposed)];
  const y = down.call(x);
  const jacobian = (layer: AnyConv, at: vn.NDArray) =>
    (vn.filterJacrev((v: vn.NDArray) => layer.call(v))(at) as vn.NDArray)
      .reshape([-1, at.size]);
  assertClose(jacobian(down, x), jacobian(up, y).T);
}

Deno.test("equinox/nn/test_convtranspose_same_padding: it connects what the convolution connects", () => {
  const key = keys();
  const options = { stride: 2, padding: "SAME", dilation: 2, useBias: false } as const;
  const conv = new nn.Conv1d(1, 1, 3, { ...options, key: key() });
  const transposed = new nn.ConvTranspose1d(1, 1, 3, { ...options, outputPadding: 1, key: key() });
  assertTransposed(conv, transposed, random.normal(key(), [1, 5]));
});

Deno.test("equinox/nn/test_convtranspose_circular: it connects what the convolution connects", () => {
  const key = keys();
  const options = {
    stride: 2,
    padding: "SAME",
    dilation: 2,
    useBias: false,
    paddingMode: "CIRCULAR",
  } as const;
  const conv = new nn.Conv1d(1, 1, 3, { ...options, key: key() });
  const transposed = new nn.ConvTranspose1d(1, 1, 3, { ...options, key: key() });
  assertTransposed(conv, transposed, random.normal(key(), [1, 6]));
});

Deno.test("convolutions say which argument is wrong", () => {
  const key = random.key(0);
  const conv = new nn.Conv2d(3, 4, 3, { key });
  const refused: [() => unknown, new (m: string) => Error, string][] = [
    [() => new nn.Conv2d(3, 4, [3], { key }), vn.ArgumentError, "nn.Conv2d: kernelSize must be"],
    [() => new nn.Conv2d(3, 4, 3, { stride: 0, key }), vn.ArgumentError, "stride must be"],
    [() => new nn.Conv2d(3, 4, 3, { groups: 2, key }), vn.ArgumentError, "divisible by groups"],
    [
      () => new nn.Conv2d(3, 4, 3, { padding: "half" as "SAME", key }),
      vn.ArgumentError,
      'padding by name must be "SAME", "SAME_LOWER" or "VALID"; got "half"',
    ],
    [
      () => new nn.Conv2d(3, 4, 3, { padding: [1], key }),
      vn.ArgumentError,
      "padding must be an integer, or a list of 2",
    ],
    [
      () => new nn.Conv2d(3, 4, 3, { paddingMode: "MIRROR" as "REFLECT", key }),
      vn.ArgumentError,
      "paddingMode must be",
    ],
    // @ts-expect-error -- the key is missing
    [() => new nn.Conv2d(3, 4, 3), vn.ArgumentError, "nn.Conv2d: needs a key"],
    [() => conv.call(np.ones([2, 3, 8, 8])), vn.ShapeError, "filterVmap((image)"],
    [
      () => conv.call(np.ones([2, 8, 8])),
      vn.ShapeError,
      "expected 3 channels; got shape [2, 8, 8]",
    ],
    [
      () => new nn.ConvTranspose1d(3, 4, 3, { outputPadding: 1, key }),
      vn.ArgumentError,
      "outputPadding must be less than the stride",
    ],
    [
      () => new nn.ConvTranspose1d(3, 4, 3, { paddingMode: "REFLECT", key }),
      vn.ArgumentError,
      'paddingMode "REFLECT" has no transpose',
    ],
    [
      () => new nn.ConvTranspose1d(3, 4, 3, { paddingMode: "CIRCULAR", key }),
      vn.ArgumentError,
      'needs padding "SAME" or "SAME_LOWER"',
    ],
  ];
  for (const [fn, type, message] of refused) assertThrows(fn, type, message);
});
