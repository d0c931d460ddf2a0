/**
 * The behaviours of Equinox's `test_serialisation.py`, each under its upstream name; and files that go both ways.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { same } from "./layers.ts";
import { counted } from "./nn_helpers.ts";

const { nn, numpy: np, random } = vn;

/** A sink in memory. */
function memory(): { write(bytes: Uint8Array): void; bytes(): Uint8Array } {
  const parts: number[] = [];
  return {
    write: (bytes) => void parts.push(...bytes),
    bytes: () => Uint8Array.from(parts),
  };
}

async function bytesOf(tree: unknown, options?: vn.SerialiseOptions): Promise<Uint8Array> {
  const sink = memory();
  await vn.treeSerialiseLeaves(sink, tree, options);
  return sink.bytes();
}

async function inFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const exampleTrees = () => {
  const [marker, likeMarker] = [Symbol("of the tree"), Symbol("of like")];
  const likeFn = (x: unknown) => x;
  return {
    tree: [
      np.array(1, { dtype: "int32" }),
      np.array([1, 2]),
      new Int32Array([1]),
      new Float64Array([1, 2]),
      [true, 1, 1.5, 3n, new vn.Complex(1, 1)],
      (x: unknown) => x,
      marker,
    ],
    like: [
      np.array(5, { dtype: "int32" }),
      np.array([6, 7]),
      new Int32Array([5]),
      new Float64Array([6, 7]),
      [false, 6, 6.5, 6n, new vn.Complex(6, 6)],
      likeFn,
      likeMarker,
    ],
    likeFn,
    likeMarker,
  };
};

function assertLoaded(
  loaded: unknown[],
  { tree, likeFn, likeMarker }: ReturnType<typeof exampleTrees>,
) {
  assert(same(tree.slice(0, 5), loaded.slice(0, 5)));
  assert(vn.treeEqual(tree.slice(2, 5), loaded.slice(2, 5), vn.kwargs({ typematch: true })));
  assertStrictEquals(loaded[5], likeFn);
  assertStrictEquals(loaded[6], likeMarker);
}

Deno.test("equinox/serialisation/test_leaf_serialisation_path: to a file, which gets its suffix", async () => {
  await inFolder(async (folder) => {
    const example = exampleTrees();
    await vn.treeSerialiseLeaves(`${folder}/tree`, example.tree);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["tree.eqx"]);
    assertLoaded(await vn.treeDeserialiseLeaves(`${folder}/tree`, example.like), example);
    assertLoaded(await vn.treeDeserialiseLeaves(`${folder}/tree.eqx`, example.like), example);
    const url = new URL(`file://${folder}/tree`);
    assertLoaded(await vn.treeDeserialiseLeaves(url, example.like), example);
    await vn.treeSerialiseLeaves(`${folder}/.hidden`, 1);
    await vn.treeSerialiseLeaves(`${folder}/tree.bin`, 1);
    assertEquals(
      [...Deno.readDirSync(folder)].map((entry) => entry.name).sort(),
      [".hidden.eqx", "tree.bin", "tree.eqx"],
    );
  });
});

Deno.test("equinox/serialisation/test_leaf_serialisation_file: to sinks and from sources of bytes", async () => {
  await inFolder(async (folder) => {
    const example = exampleTrees();
    {
      // Several things in one file, as with Equinox's header line before a model.
      using file = await Deno.open(`${folder}/open`, { write: true, create: true });
      await file.write(new TextEncoder().encode("line\n"));
      await vn.treeSerialiseLeaves(file, example.tree);
      await vn.treeSerialiseLeaves(file, 7);
    }
    using file = await Deno.open(`${folder}/open`);
    await file.read(new Uint8Array(5));
    assertLoaded(await vn.treeDeserialiseLeaves(file, example.like), example);
    assertEquals(await vn.treeDeserialiseLeaves(file, 0), 7);
    const bytes = await bytesOf(example.tree);
    assertLoaded(await vn.treeDeserialiseLeaves(bytes, example.like), example);
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const read = new Response(stream.readable).bytes();
    const writer = stream.writable.getWriter();
    await vn.treeSerialiseLeaves(writer, example.tree);
    await writer.close();
    assertEquals(await read, bytes);
  });
});

Deno.test("equinox/serialisation/test_helpful_errors: they name the leaf", async () => {
  const i32 = (n: number) => np.array(n, { dtype: "int32" });
  const fails = async (tree: unknown, like: unknown, message: string) => {
    const error = await assertRejects(
      async () => await vn.treeDeserialiseLeaves(await bytesOf(tree), like),
      vn.SerialisationError,
    );
    assert(error.message.includes(message), error.message);
  };
  await fails(
    [i32(1), {}],
    [i32(2), { a: i32(2), b: i32(2) }],
    "error at the leaf like[1].a: the file ends too early",
  );
  const tree = [i32(1), { a: i32(1), b: i32(1) }];
  await fails(
    tree,
    [i32(2), { a: np.array(2), b: i32(2) }],
    "like[1].a: the dtype has changed from float32 in like to int32 in the file",
  );
  await fails(
    tree,
    [i32(2), { a: np.zeros([2], { dtype: "int32" }), b: i32(2) }],
    "like[1].a: the shape has changed from [2] in like to [] in the file",
  );
  await fails(
    np.zeros([2]),
    new Float64Array(2),
    "the leaf like: the type has changed from Float64Array in like to Float32Array in the file",
  );
  await fails(
    np.zeros([2]),
    1,
    "expected one number; the file has an array of dtype float32 and shape [2]",
  );
  await fails(1.5, 1n, "1.5");
  await fails(
    new vn.Complex(1, 2),
    1,
    "expected one number; the file has an array of dtype complex128",
  );
  const noRecord = await assertRejects(
    () => vn.treeDeserialiseLeaves(new Uint8Array(200), [np.zeros([2])]),
    vn.SerialisationError,
  );
  assert(noRecord.message.includes("like[0]: there is no .npy record here"));
  await assertRejects(() => vn.treeDeserialiseLeaves(3 as never, 1), vn.ArgumentError, "a path");
  await assertRejects(() => vn.treeSerialiseLeaves(3 as never, 1), vn.ArgumentError, "a path");
});

Deno.test("what fails to be saved is named, and leaves the file that was there", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/model.eqx`;
    await vn.treeSerialiseLeaves(path, { a: 1 });
    const before = await Deno.readFile(path);
    const error = await assertRejects(
      () => vn.treeSerialiseLeaves(path, { a: 2, b: [2n ** 70n] }),
      vn.SerialisationError,
    );
    assert(error.message.includes("the leaf pytree.b[0]: the bigint"), error.message);
    assertEquals(await Deno.readFile(path), before);
  });
});

Deno.test("equinox/serialisation/test_generic_dtype_serialisation: every dtype comes back, also out of filterJit", async () => {
  const dtypes = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "complex64",
    "complex128",
  ] as const;
  const tree = dtypes.map((dtype) => np.array([0, 1, 0, 3]).astype(dtype).reshape([2, 2]));
  const like = tree.map((x) => np.zerosLike(x));
  for (const given of [tree, vn.filterJit((x: vn.NDArray[]) => x)(tree)]) {
    const loaded = await vn.treeDeserialiseLeaves(await bytesOf(given), like);
    assertEquals(loaded.map((x) => x.dtype), [...dtypes]);
    assert(same(loaded, tree));
  }
});

Deno.test("equinox/serialisation/test_python_scalar: numbers come back as they were", async () => {
  assertEquals(await vn.treeDeserialiseLeaves(await bytesOf(1e-8), 0), 1e-8);
  const tree = [NaN, -0, 2 ** 53, true, -(2n ** 63n)];
  assertEquals(await vn.treeDeserialiseLeaves(await bytesOf(tree), [0, 0, 0, false, 0n]), tree);
  // As in Python, a number takes what the file has.
  assertEquals(await vn.treeDeserialiseLeaves(await bytesOf([2n, true]), [0, 0]), [2, 1]);
});

Deno.test("equinox/serialisation/test_custom_leaf_serialisation: functions of one's own say what is saved", async () => {
  const { tree, like, likeMarker } = exampleTrees();
  const filterSpec: vn.SerialiseSpec = (sink, x) =>
    x instanceof vn.NDArray ? undefined : vn.defaultSerialiseFilterSpec(sink, x);
  const bytes = await bytesOf(tree, { filterSpec });
  const other = (x: number) => -x;
  const loadSpec: vn.DeserialiseSpec = (source, x) =>
    typeof x === "function" ? other : vn.defaultDeserialiseFilterSpec(source, x);
  const loaded = await vn.treeDeserialiseLeaves(bytes, like.slice(2), { filterSpec: loadSpec });
  assert(vn.treeEqual(loaded.slice(0, 3), tree.slice(2, 5)) === true);
  assertStrictEquals(loaded[3], other);
  assertStrictEquals(loaded[4], likeMarker);
});

Deno.test("filterSpec may be a tree of functions, a prefix of what is saved", async () => {
  const skip = () => {};
  const keep = (_: unknown, leaf: unknown) => leaf;
  const tree = { a: [np.array([1, 2]), 3], b: { c: np.array([4]) } };
  const bytes = await bytesOf(tree, {
    filterSpec: { a: vn.defaultSerialiseFilterSpec, b: skip },
  });
  const like = { a: [np.zeros([2]), 0], b: { c: np.array([9]) } };
  const loaded = await vn.treeDeserialiseLeaves(bytes, like, {
    filterSpec: { a: vn.defaultDeserialiseFilterSpec, b: keep },
  });
  assert(same(loaded, { a: tree.a, b: like.b }));
  const wrong = await assertRejects(
    () => bytesOf(tree, { filterSpec: { a: skip, b: true } }),
    vn.SerialisationError,
  );
  assert(wrong.message.includes("filterSpec.b it has true"), wrong.message);
  await assertRejects(() => bytesOf(tree, { filterSpec: { a: skip } }), vn.TreeError);
});

Deno.test("isLeaf takes nodes whole, and writes what one likes", async () => {
  const isLeaf = (x: unknown) => Array.isArray(x);
  const filterSpec: vn.SerialiseSpec = (sink, x) => sink.write(Uint8Array.of(x.length));
  assertEquals(await bytesOf({ a: [1, 2], b: [] }, { isLeaf, filterSpec }), Uint8Array.of(2, 0));
  const load: vn.DeserialiseSpec = async (source, _) =>
    Array.from({ length: (await source.read(1))[0] }, (_, i) => i);
  const loaded = await vn.treeDeserialiseLeaves(Uint8Array.of(2, 0), { a: [], b: [] }, {
    isLeaf,
    filterSpec: load,
  });
  assertEquals(loaded as unknown, { a: [0, 1], b: [] });
});

Deno.test("equinox/serialisation/test_stateful: states whose indices differ fit, as they are in one order", async () => {
  const make = (): [vn.nn.BatchNorm[], vn.nn.State] => {
    const model = [3, 4].map((size) => new nn.BatchNorm(size, "batch", { mode: "ema" }));
    return [model, new nn.State(model)];
  };
  const [model, state] = make();
  const moved = state.set(model[1].emaStateIndex!, [
    np.ones([4]),
    np.full([4], 2, { dtype: "float32" }),
  ]);
  const [model2, state2] = await vn.treeDeserialiseLeaves(await bytesOf([model, moved]), make());
  assertEquals(
    state2.get(model2[1].emaStateIndex!).map((x) => x.tolist()),
    [[1, 1, 1, 1], [2, 2, 2, 2]],
  );
});

Deno.test("equinox/serialisation/test_eval_shape: structs say what to load", async () => {
  const make = (seed: number) => new nn.MLP(2, 2, 2, 2, { key: random.key(seed) });
  const model = make(0);
  const like = vn.filterEvalShape(make, 1);
  const loaded = await vn.treeDeserialiseLeaves<vn.nn.MLP>(await bytesOf(model), like);
  const equal = vn.treeEqual(model, loaded, vn.kwargs({ typematch: true }));
  assertEquals((equal as vn.NDArray).item(), 1);
});

Deno.test("a model and its state are loaded by their structs", async () => {
  const make = nn.makeWithState((key: vn.NDArray) =>
    new nn.Sequential([
      new nn.Linear(2, 3, { key }),
      new nn.BatchNorm(3, "batch", { mode: "batch" }),
    ])
  );
  const [model, state] = make(random.key(0));
  const index = (model.at(1) as vn.nn.BatchNorm).batchStateIndex!;
  const trained = state.set(index, [np.ones([3]), np.full([3], 4, { dtype: "float32" })]);
  const like = vn.filterEvalShape(make, random.key(1));
  const [loaded, loadedState] = await vn.treeDeserialiseLeaves<[vn.nn.Sequential, vn.nn.State]>(
    await bytesOf([model, trained]),
    like as vn.Structs<[vn.nn.Sequential, vn.nn.State]>,
  );
  assert(same(loaded, model));
  assertEquals(loadedState.get(index).map((x) => x.tolist()), [[1, 1, 1], [4, 4, 4]]);
});

Deno.test("typed PRNG keys are saved as their words, which load as raw keys too", async () => {
  const typed = random.split(random.key(3), 2);
  const bytes = await bytesOf(typed);
  const loaded = await vn.treeDeserialiseLeaves(bytes, random.split(random.key(0), 2));
  assertEquals(loaded.dtype, "key<fry>");
  assertEquals(random.keyData(loaded).tolist(), random.keyData(typed).tolist());
  const raw = await vn.treeDeserialiseLeaves(bytes, np.zeros([2, 2], { dtype: "uint32" }));
  assertEquals(raw.tolist(), random.keyData(typed).tolist());
});

/** The tree of `tests/oracle/serialised.py`. */
function pythonTree() {
  const key = random.key(0);
  const fill = <T>(tree: T): T =>
    vn.tree.map((leaf: unknown) => {
      if (!(leaf instanceof vn.NDArray)) return leaf;
      const step = leaf.dtype.includes("float") ? 0.25 : 1;
      return counted(leaf.shape).mul(step).astype(leaf.dtype);
    }, tree) as T;
  const linear = (o: vn.nn.Features) => new nn.Linear(2, o, { key });
  const [model, state] = nn.makeWithState(() =>
    new nn.Sequential([
      new nn.MLP(3, 4, 5, 2, { key }),
      new nn.BatchNorm(4, "batch", { mode: "batch" }),
      new nn.BatchNorm(4, "batch", { mode: "ema" }),
      new nn.Dropout({ p: 0.25 }),
      new nn.GRUCell(2, 3, { key }) as unknown as vn.nn.Layer,
      new nn.LSTMCell(2, 3, { useBias: false, key }) as unknown as vn.nn.Layer,
      new nn.MultiheadAttention(2, 4, { key }) as unknown as vn.nn.Layer,
      new nn.GroupNorm(2, { channels: 4 }),
      new nn.LayerNorm([2, 3]),
      new nn.WeightNorm(linear("scalar")),
      new nn.SpectralNorm(linear(3), "weight", { key }),
      new nn.PReLU(),
      new nn.Embedding({ numEmbeddings: 3, embeddingSize: 2, key }),
    ])
  )();
  const floats = ["float16", "bfloat16", "float32", "float64"] as const;
  const integers = [
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
  ] as const;
  const dtypes = [...floats, ...integers, "complex64", "complex128"] as const;
  const shapes = [[], [3], [0, 2], [2, 1, 3]];
  const arrays = Object.fromEntries(
    dtypes.map((dtype) => [dtype, shapes.map((shape) => np.zeros(shape, { dtype }))]),
  );
  const flags = np.array([[true, false], [false, true]]);
  const scalars = { "b": true, "c": new vn.Complex(1, 2), "x": 2.5, "negative zero": -0 };
  return [fill([model, state]), fill(arrays), flags, scalars, Float64Array.of(0, 1, 2)] as const;
}

const pythonFile = new URL("../oracle/data/serialised.eqx", import.meta.url);

Deno.test("the file of a tree is byte for byte the one that Equinox writes", async () => {
  assertEquals(await bytesOf(pythonTree()), await Deno.readFile(pythonFile));
});

Deno.test("a file that Equinox wrote is read", async () => {
  const tree = pythonTree();
  const zeros = vn.tree.map((leaf: unknown) => {
    if (leaf instanceof vn.NDArray) return np.zerosLike(leaf);
    if (ArrayBuffer.isView(leaf)) return new Float64Array(3);
    if (leaf instanceof vn.Complex) return new vn.Complex(0);
    return typeof leaf === "number" ? 7 : typeof leaf === "boolean" ? !leaf : leaf;
  }, tree);
  assert(same(await vn.treeDeserialiseLeaves(pythonFile, zeros), tree));
});

Deno.test("an array in Fortran's order, which NumPy may save, is read as it is", async () => {
  const x = counted([2, 3]);
  const bytes = await bytesOf(x.T);
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
    .replace("False, 'shape': (3, 2)", "True, 'shape': (2, 3) ");
  const fortran = Uint8Array.from(text, (c) => c.charCodeAt(0));
  assertEquals((await vn.treeDeserialiseLeaves(fortran, np.zeros([2, 3]))).tolist(), x.tolist());
});
