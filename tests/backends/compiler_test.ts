/**
 * The compile worker: answers while the main thread waits, hands errors on, and never keeps a process alive.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CompileError } from "../../src/errors.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import {
  beginCompiling,
  compileProgram,
  disassemble,
  stopCompiler,
} from "../../src/backends/wasm/compiler.ts";
import { emitProgram } from "../../src/backends/wasm/emit.ts";
import { type Binaryen, withAllIfNeeded } from "../../src/backends/wasm/binaryen.ts";
import { loadQuickly } from "../../src/backends/wasm/quick_binaryen.ts";
import { warmUpProgram } from "../../src/backends/wasm/warm_up.ts";

const root = new URL("../../", import.meta.url);

Deno.test("a program is compiled synchronously, and the module can be read as text", () => {
  const compiled = compileProgram(warmUpProgram());
  assert(WebAssembly.validate(compiled.bytes));
  assertEquals(WebAssembly.Module.exports(compiled.module), [{ name: "run", kind: "function" }]);
  const text = disassemble(compiled.bytes);
  assertStringIncludes(text, "f32x4.relaxed_madd");
  assertStringIncludes(text, '(export "run")');
});

Deno.test("a deterministic program has no fused multiply-add", () => {
  const { bytes } = compileProgram(warmUpProgram(), { deterministic: true });
  const text = disassemble(bytes);
  assert(!text.includes("relaxed"), "relaxed instructions are left");
  assertStringIncludes(text, "f32x4.mul");
});

Deno.test("what the worker refuses is a CompileError with the worker's stack", () => {
  const step = { kind: "kernel", name: "no_such_kernel", args: [] } as const;
  const program: Program = { name: "bad", buffers: [], steps: [step], scratchBytes: 0 };
  const error = assertThrows(() => compileProgram(program), CompileError, "no_such_kernel");
  assertStringIncludes(error.stack ?? "", "in the compile worker");
  assertStringIncludes(error.stack ?? "", "emit.ts");
  assert(WebAssembly.validate(compileProgram(warmUpProgram()).bytes), "the worker is gone");
});

type Arrive = ReturnType<typeof beginCompiling>;

/** What a compilation in the background comes to. */
async function arrived<T>(arrive: () => T | null): Promise<T> {
  for (let turns = 0; turns < 6000; turns++) {
    const found = arrive();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it does not arrive");
}

Deno.test("what is compiled in the background comes to whoever asked for it, in any order", async () => {
  const program = warmUpProgram();
  const [fused, plain] = [false, true].map((deterministic) =>
    beginCompiling(program, { deterministic })
  ) as [Arrive, Arrive];
  beginCompiling(program, {}); // nobody waits for it
  const now = compileProgram(program, { deterministic: true });
  assertEquals((await arrived(plain)).bytes, now.bytes);
  assertEquals((await arrived(fused)).bytes, compileProgram(program).bytes);
});

Deno.test("what is compiled in the background ends with the worker, and not with another", async () => {
  const lost = beginCompiling(warmUpProgram(), {});
  stopCompiler();
  const other = beginCompiling(warmUpProgram(), {});
  assertThrows(lost, CompileError, "does not answer");
  assert(WebAssembly.validate((await arrived(other)).bytes));
});

/** Runs a script in a process of its own and tells what it printed. */
async function runScript(
  body: string,
  options: { base?: string; permissions?: string[] } = {},
): Promise<{ output: string; errors: string; code: number; timedOut: boolean }> {
  const base = options.base ?? root.href;
  const script = `
    import * as compiler from "${base}src/backends/wasm/compiler.ts";
    import { warmUpProgram } from "${base}src/backends/wasm/warm_up.ts";
    ${body}`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        // Modules served over http would find their way into the lock file.
        ...["run", "--no-check", "--no-prompt", "--no-lock"],
        ...["--config", new URL("deno.json", root).pathname],
        ...(options.permissions ?? ["--allow-all"]),
        file,
      ],
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill();
    }, 60_000);
    const { stdout, stderr, code } = await child.output();
    clearTimeout(timer);
    const decoder = new TextDecoder();
    const output = decoder.decode(stdout).trim();
    return { output, errors: decoder.decode(stderr), code, timedOut };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a process ends when its own work is done", async () => {
  const results = await Promise.all([
    runScript(`compiler.startCompiler(); console.log("started");`),
    runScript(`console.log(compiler.compileProgram(warmUpProgram()).bytes.length > 100);`),
    runScript(`compiler.startCompiler(); throw new Error("on purpose");`),
  ]);
  for (const { timedOut, errors } of results) assert(!timedOut, `hangs: ${errors}`);
  assertEquals(results.map((r) => r.code), [0, 0, 1]);
  assertEquals(results[1]!.output, "true");
});

Deno.test("compiling works in the main thread where there may be no worker", async () => {
  // Without permission to read, a worker cannot load its module.
  const { output, errors, code } = await runScript(
    `try { compiler.compileProgram(warmUpProgram()); } catch (e) { console.log(e.name); }
    await compiler.loadCompilerHere();
    console.log(compiler.compileProgram(warmUpProgram()).bytes.length > 100);`,
    { permissions: [] },
  );
  assertEquals([output, code], ["CompileError\ntrue", 0], errors);
});

/** Runs Deno in a folder with a script in it that compiles, awaits `init` and compiles again; gives what it printed. */
async function compileAfterInit(folder: string, ...commands: string[][]): Promise<string> {
  const script = `import { filterJit, init, numpy as np } from "${new URL("mod.ts", root).href}";
    const f = filterJit((x) => np.tanh(x).sum());
    try { f(np.zeros([100])); } catch (e) { console.log(e.name, e.message.includes("await init()")); }
    await init();
    console.log(f(np.zeros([100])).item(), np.ones([3]).add(1).tolist().join());`;
  await Deno.writeTextFile(`${folder}/script.ts`, script);
  let printed = "";
  for (const args of commands) {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: folder,
      env: { NO_COLOR: "1", VERNAL_CACHE: "off" },
    }).output();
    printed = new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
  }
  return printed;
}

const config = ["--config", new URL("deno.json", root).pathname];

Deno.test("nothing is permitted: an error says to await init, and after that everything compiles", async () => {
  const folder = await Deno.makeTempDir();
  const run = ["run", "--no-prompt", "--no-check", ...config, "script.ts"];
  assertEquals(await compileAfterInit(folder, run), "CompileError true\n0 2,2,2\n");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a bundle has no modules for workers: an error says to await init, and after that everything compiles", async () => {
  const folder = await Deno.makeTempDir();
  const bundle = ["bundle", "-q", ...config, "-o", "script.js", "script.ts"];
  const run = ["run", "-A", "--no-config", "script.js"];
  assertEquals(await compileAfterInit(folder, bundle, run), "CompileError true\n0 2,2,2\n");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("compiling works in a package that comes over http", async () => {
  const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    const text = await Deno.readTextFile(new URL(path, root));
    return new Response(text, { headers: { "content-type": "application/typescript" } });
  });
  try {
    const base = `http://127.0.0.1:${server.addr.port}/`;
    const { output, errors, code } = await runScript(
      `console.log(compiler.compileProgram(warmUpProgram()).bytes.length > 100);`,
      { base, permissions: [`--allow-import=127.0.0.1:${server.addr.port}`] },
    );
    assertEquals([output, code], ["true", 0], errors);
  } finally {
    await server.shutdown();
  }
});

Deno.test("binaryen is loaded the quick way, and that gives the same modules", async () => {
  const quick = await loadQuickly();
  assert(quick !== null, "the form of binaryen's file has changed");
  const { default: usual } = await import("binaryen");
  const program = warmUpProgram();
  assertEquals(
    emitProgram(quick, program).bytes,
    emitProgram(usual as unknown as typeof quick, program).bytes,
  );
});

Deno.test("a tenth of binaryen is enough for programs, and gives the same modules", async () => {
  const [part, whole] = [await loadQuickly("part"), await loadQuickly()];
  assert(part !== null && whole !== null, "binaryen's file is not the one that the part is of");
  const program = warmUpProgram();
  for (const options of [{}, { deterministic: true }, { threads: 2, shareCost: 1 }]) {
    assertEquals(
      emitProgram(part, program, options).bytes,
      emitProgram(whole, program, options).bytes,
    );
  }
});

Deno.test("where the part of binaryen lacks a function, all of it takes over", async () => {
  const [part, whole] = [await loadQuickly("part"), await loadQuickly()];
  assert(part !== null && whole !== null);
  // Nobody but people reads modules as text, so the part cannot write them so.
  const asText = (binaryen: Binaryen): string => {
    const module = new binaryen.Module();
    try {
      module.addFunction(
        "f",
        binaryen.none,
        binaryen.i32,
        [],
        (module["i32"] as { const(x: number): number }).const(1),
      );
      return module.emitText();
    } finally {
      module.dispose();
    }
  };
  assertThrows(() => asText(part), WebAssembly.RuntimeError, "unreachable");
  const text = await withAllIfNeeded(part, () => Promise.resolve(whole), asText);
  assertStringIncludes(text, "i32.const 1");
  const other = new TypeError("not of a missing function");
  const failed = withAllIfNeeded(part, () => Promise.resolve(whole), () => {
    throw other;
  });
  assertEquals(await failed.catch((error) => error), other);
});
