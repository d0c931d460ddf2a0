/**
 * Programs found by what they are made from: the second run of a script schedules nothing, and computes the same.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { makeJaxpr, type NDArray, nn, numpy as np, random } from "../../mod.ts";
import { ProgramStore, type StoredSource } from "../../src/backends/wasm/program_store.ts";
import { simplifyJaxpr } from "../../src/compile/pipeline.ts";
import { portableJaxprKey } from "../../src/core/jaxpr_key.ts";
import { randomProgram } from "./random_program.ts";

const root = new URL("../../", import.meta.url);

async function inFolder(run: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const keyOf = (f: (x: NDArray) => NDArray, shape = [3]): string | null =>
  portableJaxprKey(simplifyJaxpr(makeJaxpr(f)(np.ones(shape))).closed);

Deno.test("no two primitives have one name", async () => {
  const found = new Map<string, unknown>();
  for (const folder of ["ops", "control"]) {
    for (const { name: file } of Deno.readDirSync(new URL(`src/${folder}/`, root))) {
      for (const value of Object.values(await import(`${root.href}src/${folder}/${file}`))) {
        if (typeof value !== "object" || value === null || !("abstractEval" in value)) continue;
        const { name } = value as unknown as { name: string };
        assert((found.get(name) ?? value) === value, name);
        found.set(name, value);
      }
    }
  }
  assert(found.size > 100);
});

Deno.test("texts of jaxprs tell apart all that is computed, and not how variables are called", () => {
  const f = (x: NDArray) => np.tanh(x).mul(2).sum();
  const key = keyOf(f);
  assert(key !== null);
  makeJaxpr((x: NDArray) => x.mul(x))(np.ones([7, 5]));
  assertEquals(keyOf((y) => np.tanh(y).mul(2).sum()), key);
  const others = [
    keyOf(f, [4]),
    keyOf((x) => np.tanh(x).mul(3).sum()),
    keyOf((x) => np.tanh(x).mul(-0).sum()),
    keyOf((x) => np.tanh(x).mul(0).sum()),
    keyOf((x) => np.sin(x).mul(2).sum()),
    keyOf((x) => np.tanh(x).mul(2).sum({ keepdims: true })),
    keyOf((x) => np.tanh(x).add(2).sum()),
    keyOf((x) => nn.relu(x).mul(2).sum()),
    keyOf((x) => random.normal(random.key(1), [3]).mul(x).sum()),
  ];
  assertEquals(new Set([key, ...others]).size, others.length + 1);
  assert(!others.includes(null), others.join("\n\n"));
});

Deno.test("a jaxpr that is closed over arrays, or calls the host, has no text", () => {
  const table = np.arange(100);
  assertEquals(keyOf((x) => x.add(table.sum()).add(table.get(x.astype("int32")))), null);
});

Deno.test("a source that was stored is found, until its file is damaged", async () => {
  await inFolder((folder) => {
    const store = new ProgramStore(Deno, folder, "compiler");
    const { program } = randomProgram(4);
    const key = store.sourceKeyOf("source", {});
    assertNotEquals(key, store.sourceKeyOf("source", { threads: 2 }));
    assertNotEquals(key, store.sourceKeyOf("another", {}));
    assertEquals(store.findSource(key), null);
    const source: StoredSource = { key: store.keyOf(program, {}), program };
    store.storeSource(key, source);
    const { name, buffers, scratchBytes } = program;
    const shown = buffers.filter((b) => b.role !== "temp");
    assertEquals(store.findSource(key), {
      key: source.key,
      program: { name, buffers: shown, scratchBytes },
    });
    const path = `${folder}/${key[0]}/${key}`;
    const good = Deno.readFileSync(path);
    const damaged = [
      ...[0, 1, 7, 8, 9, good.length - 1].map((length) => good.slice(0, length)),
      ...Array.from(good, (_, i) => {
        const copy = good.slice();
        copy[i] ^= 1 << (i % 8);
        return copy;
      }),
    ];
    for (const [i, bytes] of damaged.entries()) {
      Deno.writeFileSync(path, bytes);
      assertEquals(store.findSource(key), null, `damage ${i}`);
      assertEquals([...Deno.readDirSync(`${folder}/${key[0]}`)], [], `damage ${i}`);
    }
    // A program under a source's name, and the other way round.
    store.store(key, { bytes: new Uint8Array(100), scratchBytes: 0, sharing: null, close: [] });
    assertEquals(store.findSource(key), null);
    store.storeSource(key, source);
    assertEquals(store.find(key), null);
  });
});

/** What a run of the script below computed, and which programs it scheduled. */
interface Run {
  readonly results: Record<string, unknown>;
  readonly scheduled: number;
  readonly err: string;
}

/** Runs a script with programs of many kinds. */
async function runScript(folder: string, threads = 1): Promise<Run> {
  const file = `${folder}/script.ts`;
  await Deno.writeTextFile(
    file,
    `import * as vn from "${root.href}mod.ts";
    const { numpy: np, lax, random, filterJit: jit } = vn;
    const loss = (m, x) => np.square(vn.filterVmap(m)(x)).mean();
    const functions = {
      train: (m, x) => vn.filterValueAndGrad(loss)(m, x),
      scan: (m, x) => lax.scan((c, row) => [c.add(row), c.mul(row)], x.get(0), x),
      loop: (m, x) => lax.whileLoop((c) => np.less(c.sum(), 100), (c) => c.mul(2).add(1), x),
      sort: (m, x) => np.sort(x, 0).add(np.cumsum(x, 1)),
      complex: (m, x) => np.real(np.exp(lax.complex(x, x))),
      scalars: (m, x) => [x.sum(), x.shape[0], np.zeros([2])],
      print: (m, x) => (vn.debug.print("sum {}", x.sum()), x.sum()),
      check: (m, x) => vn.errorIf(x, np.less(x.sum(), -1e9), "too small"),
    };
    const model = new vn.nn.MLP(4, 2, 8, 2, { key: random.key(0) });
    const x = random.normal(random.key(1), [5, 4]);
    const results = {};
    const [, { events }] = vn.profile(() => {
      for (const [name, f] of Object.entries(functions)) {
        results[name] = vn.treePformat(vn.tree.map((y) => y.tolist?.() ?? y, jit(f)(model, x)));
      }
      results.donated = jit((x) => x.mul(3), { donate: "all" })(np.copy(x)).tolist();
      try {
        jit(functions.check)(model, x.sub(1e12));
      } catch (error) {
        results.refused = error.message;
      }
    });
    const names = events.filter((e) => e.kind === "schedule" && e.name === "fuse").length;
    const lowered = jit(functions.sort).lower(model, x).nests();
    console.log(JSON.stringify({ results: { ...results, lowered }, scheduled: names }));`,
  );
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", new URL("deno.json", root).pathname, file],
    env: {
      VERNAL_CACHE: "",
      VERNAL_CACHE_DIR: `${folder}/cache`,
      VERNAL_THREADS: String(threads),
      NO_COLOR: "1",
    },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, err);
  const lines = out.trim().split("\n");
  return { ...JSON.parse(lines.pop()!), err: lines.join("\n") };
}

for (const threads of [1, 2]) {
  Deno.test(`the second run schedules what calls the host only, and computes the same, on ${threads} threads`, async () => {
    await inFolder(async (folder) => {
      const first = await runScript(folder, threads);
      const second = await runScript(folder, threads);
      assertEquals(second.results, first.results);
      assertEquals([first.err, second.err], ["sum", "sum"].map(() => first.err));
      assertEquals([first.scheduled, second.scheduled], [9, 2]);
    });
  });
}
