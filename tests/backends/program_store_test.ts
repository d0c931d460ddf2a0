/**
 * Compiled programs on disk: found again by what they are, never wrong, never in the way.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { canonicalText } from "../../src/loopnest/canonical.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { ProgramStore, type StoredProgram } from "../../src/backends/wasm/program_store.ts";
import { Dice, randomProgram } from "./random_program.ts";

const root = new URL("../../", import.meta.url);

async function inFolder(run: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function stored(length: number, seed = 1): StoredProgram {
  const dice = new Dice(seed);
  return {
    bytes: Uint8Array.from({ length }, () => dice.below(256)),
    scratchBytes: 64 * seed,
    sharing: seed % 2 === 0 ? null : { jobs: seed, cost: 1e12, privateBytes: 4096 },
    close: Array.from({ length: seed % 3 }, (_, i) => 7 * i),
  };
}

/** All files of a folder, inner folders included. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesIn(path) : [path];
  });
}

Deno.test("a program's text does not depend on what was made before", () => {
  const first = canonicalText(randomProgram(7).program);
  randomProgram(8);
  assertEquals(canonicalText(randomProgram(7).program), first);
});

Deno.test("programs that differ in anything have different texts", () => {
  const texts = Array.from(
    { length: 200 },
    (_, seed) => canonicalText(randomProgram(seed).program),
  );
  assertEquals(new Set(texts).size, texts.length);
  const { program } = randomProgram(3);
  const changed = (change: (copy: Program) => void) => {
    const copy = structuredClone(program);
    change(copy);
    return canonicalText(copy);
  };
  const text = canonicalText(program);
  assertEquals(changed(() => {}), text);
  const edits: ((copy: { -readonly [K in keyof Program]: Program[K] }) => void)[] = [
    (copy) => copy.scratchBytes += 64,
    (copy) => copy.buffers = copy.buffers.map((b) => ({ ...b, size: b.size + 1 })),
    (copy) => copy.steps = copy.steps.slice(1),
    (copy) => copy.name += "x",
  ];
  for (const edit of edits) assertNotEquals(changed(edit), text);
  const [plus, minus] = [0, -0].map((value) =>
    canonicalText({
      ...program,
      steps: [{ kind: "kernel", name: "k", args: [{ kind: "number", value }] }],
    })
  );
  assertNotEquals(plus, minus);
});

Deno.test("what was stored is found, by that compiler, those options and that program only", async () => {
  await inFolder((folder) => {
    const store = new ProgramStore(Deno, `${folder}/new`, "compiler 1");
    const { program } = randomProgram(1);
    const key = store.keyOf(program, {});
    assertEquals(store.find(key), null);
    store.store(key, stored(1001));
    assertEquals(store.find(key), stored(1001));
    assertEquals(store.keyOf(randomProgram(1).program, {}), key);
    const others = [
      store.keyOf(program, { deterministic: true }),
      store.keyOf(randomProgram(2).program, {}),
      new ProgramStore(Deno, folder, "compiler 2").keyOf(program, {}),
    ];
    for (const other of others) assertNotEquals(other, key);
    store.store(key, stored(500, 2));
    assertEquals(store.find(key), stored(500, 2), "the newer one stays");
  });
});

Deno.test("a file that is cut off or has one bit changed is not used, and removed", async () => {
  await inFolder((folder) => {
    const store = new ProgramStore(Deno, folder, "compiler");
    const key = store.keyOf(randomProgram(1).program, {});
    store.store(key, stored(203));
    const [path] = filesIn(folder);
    const good = Deno.readFileSync(path);
    const damaged = [
      ...[0, 1, 15, 16, 40, 100, good.length - 1].map((length) => good.slice(0, length)),
      Uint8Array.from([...good, 0]),
      ...Array.from(good, (_, i) => {
        const copy = good.slice();
        copy[i] ^= 1 << (i % 8);
        return copy;
      }),
    ];
    for (const [i, bytes] of damaged.entries()) {
      Deno.writeFileSync(path, bytes);
      assertEquals(store.find(key), null, `damage ${i}`);
      assertEquals(filesIn(folder), [], `damage ${i}`);
    }
    store.store(key, stored(203));
    assertEquals(store.find(key), stored(203));
  });
});

Deno.test("a disk that is full or not to be written is as no store", async () => {
  await inFolder((folder) => {
    const refuse = (): never => {
      throw new Deno.errors.WriteZero("No space left on device");
    };
    const full = { ...Deno, writeFileSync: refuse };
    const half = {
      ...Deno,
      writeFileSync(path: string, data: Uint8Array) {
        Deno.writeFileSync(path, data.subarray(0, 10));
        refuse();
      },
    };
    const readOnly = {
      ...Deno,
      mkdirSync: refuse,
      writeFileSync: refuse,
      utimeSync: refuse,
      removeSync: refuse,
    };
    for (const files of [full, half as unknown as typeof Deno, readOnly]) {
      const store = new ProgramStore(files, folder, "compiler");
      const key = store.keyOf(randomProgram(1).program, {});
      store.store(key, stored(100));
      assertEquals(store.find(key), null);
      assertEquals(filesIn(folder), []);
    }
    Deno.writeTextFileSync(`${folder}/file`, "no folder");
    const store = new ProgramStore(Deno, `${folder}/file`, "compiler");
    const key = store.keyOf(randomProgram(1).program, {});
    store.store(key, stored(100));
    assertEquals(store.find(key), null);
  });
});

Deno.test("a store is bounded, and what was used last stays", async () => {
  await inFolder((folder) => {
    const store = new ProgramStore(Deno, folder, "compiler");
    const size = 2 ** 20;
    const keys = Array.from({ length: 24 }, (_, i) => `0${i.toString(16).padStart(31, "0")}`);
    for (const [i, key] of keys.entries()) {
      store.store(key, { bytes: new Uint8Array(size), scratchBytes: 0, sharing: null, close: [] });
      const time = new Date(Date.UTC(2020, 0, i + 1));
      Deno.utimeSync(`${folder}/0/${key}`, time, time);
      store.find(keys[0]); // old, and in use
    }
    const left = keys.filter((key) => store.find(key) !== null);
    assert(left.length <= 16 && left.length >= 11, `${left.length} are left`);
    assert(left.includes(keys[0]), "what is in use went");
    assert(left.includes(keys[23]), "what came last went");
  });
});

Deno.test("which scripts need the compiler is remembered", async () => {
  await inFolder((folder) => {
    const store = new ProgramStore(Deno, folder, "compiler");
    assert(!store.knows("a.ts"));
    store.setKnown("a.ts", true);
    assert(store.knows("a.ts") && !store.knows("b.ts"));
    assert(!new ProgramStore(Deno, folder, "another").knows("a.ts"));
    store.setKnown("a.ts", false);
    assert(!store.knows("a.ts"));
  });
});

/** Runs a script that computes, and tells what it printed. */
async function runScript(folder: string, permissions = ["--allow-all"]): Promise<string> {
  const file = `${folder}/script.ts`;
  await Deno.writeTextFile(
    file,
    `import { filterJit, filterGrad, numpy as np } from "${root.href}mod.ts";
    import { isCompilerStarted } from "${root.href}src/backends/wasm/compiler.ts";
    // Node's part of Deno takes tens of milliseconds to load.
    const { get } = Object.getOwnPropertyDescriptor(globalThis, "process")!;
    let loadsNode = false;
    Object.defineProperty(globalThis, "process", {
      configurable: true,
      get: () => {
        loadsNode = true;
        return get!.call(globalThis);
      },
    });
    const f = filterJit(filterGrad((x: unknown) => np.sum(np.tanh(np.matmul(x, x)))));
    const result = f(np.ones([3, 3])).tolist().join(";");
    console.log(result, isCompilerStarted() || loadsNode);`,
  );
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--no-check",
        "--no-prompt",
        "--no-lock",
        "--config",
        new URL("deno.json", root).pathname,
      ],
      ...permissions,
      file,
    ],
    env: { VERNAL_CACHE: "", VERNAL_CACHE_DIR: `${folder}/cache` },
  }).output();
  const decoder = new TextDecoder();
  assert(success, decoder.decode(stderr));
  return decoder.decode(stdout).trim();
}

Deno.test("the second run of a script loads no compiler and nothing of Node, and gives the same", async () => {
  await inFolder(async (folder) => {
    const [first, second] = [await runScript(folder), await runScript(folder)];
    assert(first.endsWith(" true"), first);
    assertEquals(second, first.replace("true", "false"));
    for (const path of filesIn(`${folder}/cache`)) {
      Deno.writeFileSync(path, Deno.readFileSync(path).fill(7, 20));
    }
    assertEquals(await runScript(folder), first, "after damage");
    assertEquals(
      await runScript(folder, ["--allow-read", "--allow-env"]),
      first,
      "without leave to write",
    );
  });
});

Deno.test("processes that share a store do not disturb each other", async () => {
  await inFolder(async (folder) => {
    const outputs = await Promise.all([runScript(folder), runScript(folder), runScript(folder)]);
    const values = outputs.map((output) => output.replace(/ (true|false)$/, ""));
    assertEquals(new Set(values).size, 1, outputs.join("\n"));
  });
});
