/**
 * Compiling, which needs no permission and no worker, and showing modules, which a worker does while the main thread waits, and
 * which never keeps a process alive.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CompileError } from "../../src/errors.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { compileProgram } from "../../src/backends/wasm/compiler.ts";
import { disassemble } from "../../src/backends/wasm/module_text.ts";
import { sampleProgram } from "./sample.ts";

const root = new URL("../../", import.meta.url);

Deno.test("a program is compiled synchronously, and the module can be read as text", () => {
  const compiled = compileProgram(sampleProgram());
  assert(WebAssembly.validate(compiled.bytes));
  assertEquals(WebAssembly.Module.exports(compiled.module), [{ name: "run", kind: "function" }]);
  const text = disassemble(compiled.bytes);
  assertStringIncludes(text, "f32x4.relaxed_madd");
  assertStringIncludes(text, '(export "run")');
});

Deno.test("a deterministic program has no fused multiply-add", () => {
  const { bytes } = compileProgram(sampleProgram(), { deterministic: true });
  const text = disassemble(bytes);
  assert(!text.includes("relaxed"), "relaxed instructions are left");
  assertStringIncludes(text, "f32x4.mul");
});

Deno.test("what cannot be compiled is a CompileError that names it", () => {
  const step = { kind: "kernel", name: "no_such_kernel", args: [] } as const;
  const program: Program = { name: "bad", buffers: [], steps: [step], scratchBytes: 0 };
  assertThrows(() => compileProgram(program), CompileError, "no_such_kernel");
});

Deno.test("what the disassembler refuses is a CompileError with its stack, and it goes on working", () => {
  const error = assertThrows(() => disassemble(Uint8Array.of(1, 2, 3)), CompileError);
  assertStringIncludes(error.stack ?? "", "in the disassembler's thread");
  assertStringIncludes(disassemble(compileProgram(sampleProgram()).bytes), "(module");
});

/** Runs a script in a process of its own and tells what it printed. */
async function runScript(
  body: string,
  options: { base?: string; permissions?: string[] } = {},
): Promise<{ output: string; errors: string; code: number; timedOut: boolean }> {
  const base = options.base ?? root.href;
  const script = `
    import { compileProgram } from "${base}src/backends/wasm/compiler.ts";
    import * as text from "${base}src/backends/wasm/module_text.ts";
    import { sampleProgram } from "${base}tests/backends/sample.ts";
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
  const show = `text.disassemble(compileProgram(sampleProgram()).bytes).length > 1000`;
  const results = await Promise.all([
    runScript(`console.log(${show});`),
    runScript(`${show}; throw new Error("on purpose");`),
  ]);
  for (const { timedOut, errors } of results) assert(!timedOut, `hangs: ${errors}`);
  assertEquals(results.map((r) => [r.code, r.output]), [[0, "true"], [1, ""]]);
});

Deno.test("compiling needs no permission; showing a module one to read, or a disassembler that was loaded before", async () => {
  const { output, errors, code } = await runScript(
    `const { bytes } = compileProgram(sampleProgram());
    console.log(bytes.length > 100);
    try { text.disassemble(bytes); } catch (e) { console.log(e.name); }
    await text.loadDisassemblerHere();
    console.log(text.disassemble(bytes).length > 1000);`,
    { permissions: [] },
  );
  assertEquals([output, code], ["true\nCompileError\ntrue", 0], errors);
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
      `console.log(text.disassemble(compileProgram(sampleProgram()).bytes).length > 1000);`,
      { base, permissions: [`--allow-import=127.0.0.1:${server.addr.port}`] },
    );
    assertEquals([output, code], ["true", 0], errors);
  } finally {
    await server.shutdown();
  }
});
