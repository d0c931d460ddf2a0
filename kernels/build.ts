/**
 * Builds the kernels: AssemblyScript in, checked-in TypeScript modules out. `module.ts` holds the
 * whole WASM, for direct use; `text.ts` holds each function as text, so that the runtime
 * compiler links only what a program needs; `literal.ts` holds what loads that compiler.
 *
 * `deno task kernels` builds everything. `deno run -A kernels/build.ts --entry math/index.ts --out DIR`
 * builds a part elsewhere, for work in progress; `--baseline` leaves out relaxed SIMD.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { constantGlobals } from "../src/backends/wasm/kernel_constants.ts";
import { hashSources, kernelSources } from "./source_hash.ts";

const ROOT = new URL("./", import.meta.url);

/** What the table says of one function. */
interface KernelFunction {
  readonly params: readonly string[];
  readonly result: string;
  readonly wat: string;
  readonly deps: readonly string[];
  readonly exported: boolean;
  /** The folder of its source. */
  readonly folder: string;
}

/** Of the library: the memory of all arrays, and function names for the table. */
const libraryOptions = [
  ...["--debug", "--importMemory", "--noExportMemory", "--sharedMemory"],
  ...["--initialMemory", "1", "--maximumMemory", "65536"],
];

/** Compiles the entry with asc. */
async function compile(
  entry: string,
  relaxed: boolean,
  memory: readonly string[] = libraryOptions,
): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  const files = new Map<string, string>();
  for (const { path, text } of await kernelSources(ROOT)) files.set(path, text);
  let binary: Uint8Array | undefined;
  const features = relaxed ? "simd,relaxed-simd,threads" : "simd,threads";
  const { error, stderr } = await asc.main(
    [
      entry,
      ...["--outFile", "kernels.wasm", "-O3", "--noAssert", "--runtime", "stub"],
      ...["--enable", features, "--use", "abort=", ...memory],
    ],
    {
      readFile: (name: string) => files.get(name) ?? null,
      writeFile: (name: string, contents: Uint8Array | string) => {
        if (name.endsWith(".wasm") && typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new Error(`asc failed: ${error?.message ?? ""}\n${stderr}`);
  return binary;
}

/** Cuts the top-level forms out of the text of a module. */
function topLevelForms(wat: string): string[] {
  const forms: string[] = [];
  let depth = 0;
  let start = 0;
  let inString = false;
  for (let i = 0; i < wat.length; i++) {
    const c = wat[i];
    if (inString) {
      if (c === "\\") i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "(" && ++depth === 2) start = i;
    else if (c === ")" && depth-- === 2) forms.push(wat.slice(start, i + 1));
  }
  return forms;
}

/** Shortens the text: one blank between words, no type uses (the parser infers them). */
function compact(wat: string): string {
  return wat.replace(/\(type \$\S+\) ?/g, "").replace(/\s+/g, " ").replace(/ \)/g, ")")
    .replace(/\) \(/g, ")(");
}

/** Refuses whatever would tie a kernel to state outside its arguments and the shared memory. */
function checkForms(forms: readonly string[]): void {
  for (const form of forms) {
    const kind = /^\((\S+)/.exec(form)?.[1];
    const allowed = kind === "func" || kind === "export" || kind === "type" ||
      (kind === "import" && form.includes("(memory ")) ||
      (kind === "global" && !form.includes("(mut "));
    if (!allowed) {
      throw new Error(`kernels may not contain this; keep constants inline: ${form.slice(0, 200)}`);
    }
  }
}

/**
 * Turns SIMD constants into immutable globals named after their value. V8 builds a constant in three
 * instructions each time it meets one, in loops too, while a global costs one load: `exp` takes
 * 0.7 instead of 1.7 ns per element. Zeros and ones stay, because they have instructions of their own.
 */
function nameConstants(wat: string): string {
  return wat.replace(/\(v128\.const i32x4 ([^)]*)\)/g, (constant, lanes: string) => {
    const words = lanes.trim().split(/\s+/).map((w) => Number(w).toString(16).padStart(8, "0"));
    if (words.every((w) => w === "00000000") || words.every((w) => w === "ffffffff")) {
      return constant;
    }
    const [a, b, c, d] = words;
    const name = a === c && b === d ? (a === b ? a : a + b!) : words.join("");
    return `(global.get $c_${name})`;
  });
}

/** Takes the module apart: one entry for each function, under its exported (or a short) name. */
function dismember(wat: string): Record<string, KernelFunction> {
  const forms = topLevelForms(wat);
  checkForms(forms);
  const names = new Map<string, string>();
  // The compiler merges equal functions, which then have several exported names.
  const aliases: [alias: string, name: string][] = [];
  for (const form of forms) {
    const match = /^\(export "([^"]+)" \(func \$([^\s)]+)\)\)/.exec(form);
    if (!match) continue;
    const known = names.get(match[2]!);
    if (known === undefined) names.set(match[2]!, match[1]!);
    else aliases.push([match[1]!, known]);
  }
  const exported = new Set(names.values());
  const funcs = forms.filter((f) => f.startsWith("(func "));
  for (const func of funcs) {
    const long = /^\(func \$([^\s)]+)/.exec(func)![1]!;
    if (!names.has(long)) {
      const short = "_" + long.replace(/^.*\//, "").replace(/[^\w.]/g, "_");
      if ([...names.values()].includes(short)) throw new Error(`two functions named ${short}`);
      names.set(long, short);
    }
  }
  const table: Record<string, KernelFunction> = {};
  for (const func of funcs) {
    const long = /^\(func \$([^\s)]+)/.exec(func)![1]!;
    const name = names.get(long)!;
    const folder = long.slice(0, Math.max(0, long.lastIndexOf("/")));
    table[name] = { ...describe(name, func, names), exported: exported.has(name), folder };
  }
  for (const [alias, name] of aliases) {
    const row = table[name]!;
    table[alias] = { ...row, wat: row.wat.replaceAll(`$${name} `, `$${alias} `) };
  }
  return table;
}

/** One function's row: short names for what it calls, its signature read from its head. */
function describe(
  name: string,
  func: string,
  names: ReadonlyMap<string, string>,
): Pick<KernelFunction, "params" | "result" | "wat" | "deps"> {
  if (/\bglobal\.|call_indirect|\btable\.|\bmemory\.init/.test(func)) {
    throw new Error(`${name} uses a global, a table or a data segment`);
  }
  const deps = new Set<string>();
  const calls = /\((func|call|return_call|ref\.func) \$([^\s)]+)/g;
  const text = func.replace(calls, (_, kind: string, callee: string) => {
    const target = names.get(callee);
    if (target === undefined) throw new Error(`${name} uses ${callee}, which is not in the module`);
    if (kind !== "func" && target !== name) deps.add(target);
    return `(${kind} $${target}`;
  });
  const head = text.slice(0, text.indexOf("\n"));
  return {
    params: [...head.matchAll(/\(param (?:\$\S+ )?([^)]+)\)/g)].map((m) => m[1]!),
    result: /\(result ([^)]+)\)/.exec(head)?.[1] ?? "none",
    wat: nameConstants(compact(text)),
    deps: [...deps].sort(),
  };
}

/** Whether JavaScript can call it: a v128 cannot be passed, such functions are only for linking. */
function isCallable(f: KernelFunction): boolean {
  return f.exported && ![...f.params, f.result].includes("v128");
}

/** Folders of kernels that programs call in the instantiated library: nobody links their text. */
const CALLED = ["attention", "conv", "cumulative", "factor", "fft", "gemm", "sort", "threads"];

/** Folders of kernels that eager operations call and programs never do. */
const EAGER = ["eager", "random"];

function isEager({ folder }: KernelFunction): boolean {
  return EAGER.includes(folder.split("/")[0]!);
}

function isCalled({ folder }: KernelFunction): boolean {
  return CALLED.includes(folder.split("/")[0]!);
}

/** The functions that a program may want to link: all but those of eager operations. */
function linkable(table: Record<string, KernelFunction>): Set<string> {
  const names = new Set<string>();
  const pending = Object.keys(table).filter((name) =>
    table[name]!.exported && !isEager(table[name]!)
  );
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    if (!isCalled(table[name]!)) pending.push(...table[name]!.deps);
  }
  return names;
}

/** The text of the whole module, put together again from the table. */
function assemble(table: Record<string, KernelFunction>): string {
  const functions = Object.values(table).map((f) => f.wat).join("\n");
  const exports = Object.keys(table).filter((name) => isCallable(table[name]!))
    .map((name) => `(export "${name}" (func $${name}))`).join("\n");
  return `(module (import "env" "memory" (memory 1 65536 shared))\n` +
    `${constantGlobals(functions)}\n${functions}\n${exports})`;
}

const TS_TYPES: Record<string, string> = {
  i32: "number",
  i64: "bigint",
  f32: "number",
  f64: "number",
  none: "void",
};

function parameterList(params: readonly string[]): string {
  return params.map((type, i) => `a${i}: ${TS_TYPES[type]}`).join(", ");
}

/** The text of a generated TypeScript module. */
function generated(doc: string, body: string): string {
  return `// Generated by \`deno task kernels\`; do not edit.\n// deno-fmt-ignore-file\n` +
    `/**\n * ${doc}\n *\n * @module\n */\n${body}`;
}

/** Builds the entry and writes `module.ts` and `text.ts` to the folder; tells the sizes. */
export async function build(entry: string, out: URL, relaxed: boolean): Promise<void> {
  const hash = await hashSources(await kernelSources(ROOT));
  const named = await compile(entry, relaxed);
  const { default: binaryen } = await import("binaryen");
  const compiled = binaryen.readBinary(named);
  const table = dismember(compiled.emitText());
  compiled.dispose();
  const module = binaryen.parseText(assemble(table));
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error("the assembled kernels are not valid WASM");
  module.runPasses(["remove-unused-module-elements"]);
  const binary = module.emitBinary();
  module.dispose();

  const sorted = Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
  const signatures = sorted.filter(([, f]) => isCallable(f))
    .map(([name, f]) => `  ${name}(${parameterList(f.params)}): ${TS_TYPES[f.result]};`);
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(
    new URL("module.ts", out),
    generated(
      "All kernels as one WASM module.",
      `/** SHA-256 of the kernel sources this was built from. */\n` +
        `export const SOURCE_HASH: string = "${hash}";\n\n` +
        `/** The module in base64; it imports \`env.memory\`, shared, and nothing else. */\n` +
        `export const KERNELS_BASE64: string =\n  "${binary.toBase64()}";\n\n` +
        `/** The exports that JavaScript can call. */\n` +
        `export interface KernelExports {\n${signatures.join("\n")}\n}\n`,
    ),
  );
  const linked = linkable(table);
  const rows = sorted.filter(([name]) => linked.has(name))
    .map(([name, f]) => {
      const { params, result } = f;
      const [wat, deps] = isCalled(f) ? ["", []] : [f.wat, f.deps];
      return `  ${name}: ${JSON.stringify({ params, result, deps, wat })},`;
    });
  await Deno.writeTextFile(
    new URL("text.ts", out),
    generated(
      "The kernel functions as text, for linking into generated modules.",
      `/** One function: WASM types, the functions it calls, its \`(func …)\` form (empty where it is called only). */\n` +
        `export interface KernelText {\n  readonly params: readonly string[];\n` +
        `  readonly result: string;\n  readonly deps: readonly string[];\n` +
        `  readonly wat: string;\n}\n\n` +
        `/** The functions by name. */\n` +
        `export const KERNEL_TEXT: Record<string, KernelText> = {\n${rows.join("\n")}\n};\n`,
    ),
  );
  const textBytes = rows.reduce((n, row) => n + row.length, 0);
  console.log(
    `${signatures.length} kernels for JavaScript in ${binary.length} bytes of WASM, ` +
      `${rows.length} functions for linking in ${textBytes} bytes of text`,
  );
}

/** Builds the decoder of literals, a module with a memory of its own that it exports, and writes `literal.ts`. */
async function buildLiteral(out: URL): Promise<void> {
  const binary = await compile("literal/index.ts", false, ["--initialMemory", "1"]);
  await Deno.writeTextFile(
    new URL("literal.ts", out),
    generated(
      "The decoder of literals as a WASM module.",
      `/** The module in base64; it imports nothing, and exports its memory. */\n` +
        `export const LITERAL_BASE64: string =\n  "${binary.toBase64()}";\n`,
    ),
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      entry: { type: "string", default: "index.ts" },
      out: { type: "string" },
      baseline: { type: "boolean", default: false },
    },
  });
  const out = values.out === undefined
    ? new URL("build/", ROOT)
    : new URL(`${values.out}/`, `file://${Deno.cwd()}/`);
  await build(values.entry, out, !values.baseline);
  await buildLiteral(out);
}
