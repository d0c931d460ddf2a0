/**
 * The package as it is published: each entry point's types and documentation come from the sources, its code from one bundle for them
 * all. A process that imports it reads a few files instead of 400, which takes a fifth of the time.
 *
 * @module
 */

/** The configuration, as far as it is used here. */
interface Config {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly publish: { readonly include: readonly string[] };
  readonly [key: string]: unknown;
}

const root = new URL("../", import.meta.url);

/** What the published package depends on: reached by `import()`, and never part of the bundle. */
const dependencies = ["binaryen", "wabt"];

/** Modules that run in threads of their own, each with its own copy of what it needs. */
const threads = ["worker", "thread"];

/** Entry points that the main one does not reach. */
const beside = ["internal"];

async function run(folder: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder })
    .output();
  if (!success) throw new Error(`deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

async function copy(from: URL, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    return Deno.copyFile(from, to);
  }
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    await copy(new URL(isDirectory ? `${name}/` : name, from), `${to.replace(/\/$/, "")}/${name}`);
  }
}

/** Copies what the configuration says is published. */
async function copySources(include: readonly string[], folder: string): Promise<void> {
  for (const path of include) {
    const [, parent, ext] = path.match(/^(.*\/)\*(\.\w+)$/) ?? [];
    if (parent === undefined) {
      await copy(new URL(path, root), `${folder}/${path}`);
      continue;
    }
    for await (const { name } of Deno.readDir(new URL(parent, root))) {
      if (name.endsWith(ext!)) {
        await copy(new URL(parent + name, root), folder + "/" + parent + name);
      }
    }
  }
}

/** Modules of the sources that the bundle names without holding them. */
const outside = [...dependencies, ...threads.map((name) => `./${name}.ts`)];

/** Bundles a thread's module with all that it imports. */
function bundleThread(folder: string, from: string, to: string): Promise<void> {
  const external = dependencies.flatMap((name) => ["--external", name]);
  return run(folder, "bundle", "--quiet", "--platform", "deno", ...external, "-o", to, from);
}

/**
 * Bundles a module with all that it imports; what is reached by `import()` only goes to files of its own. In one file such modules
 * would become functions, whose variables and classes V8 can neither keep compiled nor see through.
 */
function bundle(folder: string, from: string, to: string): Promise<void> {
  const external = outside.flatMap((name) => ["--external", name]);
  const options = ["--quiet", "--platform", "deno", "--code-splitting", ...external];
  return run(folder, "bundle", ...options, "--outdir", to, from);
}

/**
 * The same code in ASCII alone: V8 keeps a text with any other character in two bytes each, made anew in each process. Such
 * characters are in comments and strings only, where the escape means the same.
 */
function toAscii(code: string): string {
  return code.replace(
    /[^\0-\x7f]/gu,
    (c) =>
      c.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** Replaces a text that must occur exactly once. */
function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`the bundle has ${parts.length - 1} times ${from}`);
  return parts.join(to);
}

/** Replaces a file's text. */
async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

/** Classes that name themselves are called so again: the bundler writes `var Name = class _Name`. */
function withClassNames(code: string): string {
  for (const [, name, inner] of code.matchAll(/^var (\w+) = class (\w+) /gm)) {
    if (inner === `_${name}`) code = code.replaceAll(new RegExp(`\\b${inner}\\b`, "g"), name!);
  }
  return code;
}

/** Leads a fresh bundle to the threads' modules, and gives functions and classes their own names back. */
async function finishBundle(folder: string, main: string): Promise<void> {
  const dist = `${folder}/dist`;
  const missing = new Set(threads);
  for await (const { name: file } of Deno.readDir(dist)) {
    await rewrite(`${dist}/${file}`, (code) => {
      for (const name of threads) {
        const [from, to] = [".ts", ".js"].map((ext) =>
          `new URL("./${name}${ext}", import.meta.url)`
        );
        if (!code.includes(from!)) continue;
        missing.delete(name);
        code = replaceOnce(code, from!, to!);
      }
      return toAscii(withClassNames(code));
    });
  }
  if (missing.size > 0) throw new Error(`the bundle names no ${[...missing].join(", ")}`);
  const names = await namesToRestore(dist, main);
  // Never called: what comes over http is fetched before it is needed.
  const imports = threads.map((name) => `import("./${name}.js")`);
  await rewrite(
    `${dist}/${main}`,
    (code) => `${code}${names}void (() => [${imports.join(", ")}]);\n`,
  );
}

/** A public function or class: how it is reached in the bundle's main module, and what it is called in the sources. */
interface PublicName {
  readonly reached: string;
  readonly name: string;
}

/**
 * Code that renames public functions and classes where the bundler had to: one module for all needs different names. (It can see to that
 * itself, by a call for every function in the package, public or not, whenever it is made.)
 */
async function namesToRestore(dist: string, main: string): Promise<string> {
  const code = await Deno.readTextFile(`${dist}/${main}`);
  const exports = /\nexport \{([^}]*)\};\s*$/.exec(code)?.[1];
  if (exports === undefined) throw new Error(`${main} does not end with its exports`);
  const locals = new Map(
    exports.split(",").map((text): [string, string] => {
      const [local, exported = local] = text.trim().split(" as ");
      return [exported!, local!];
    }),
  );
  const sources = {
    ...await import(new URL("mod.ts", root).href),
    ...Object.fromEntries(
      await Promise.all(
        beside.map(async (name) => [name, await import(new URL(`src/${name}/mod.ts`, root).href)]),
      ),
    ),
  };
  const bundled = await import(new URL(`file://${dist}/${main}`).href);
  const wrong: PublicName[] = [];
  const compare = (source: object, made: Record<string, unknown>, at: (key: string) => string) => {
    for (const [key, value] of Object.entries(source)) {
      const other = made[key];
      if (typeof value === "function" && typeof other === "function") {
        if (value.name !== other.name) wrong.push({ reached: at(key), name: value.name });
      } else if (isNamespace(value)) {
        compare(value, other as Record<string, unknown>, (inner) => `${at(key)}.${inner}`);
      }
    }
  };
  compare(sources, bundled, (key) => locals.get(key)!);
  const rows = wrong.map(({ reached, name }) => `  [${reached}, "${name}"],\n`).join("");
  return `for (const [f, value] of [\n${rows}]) {\n` +
    `  Object.defineProperty(f, "name", { value, configurable: true });\n}\n`;
}

function isNamespace(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === "Module";
}

/**
 * Makes the package in a folder.
 *
 * @param folder An empty folder.
 */
export async function stagePackage(folder: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as Config;
  await copySources(config.publish.include, folder);
  const { tasks: _tasks, links: _links, fmt: _fmt, lint: _lint, exclude: _exclude, ...kept } =
    config;
  const names = Object.keys(config.exports).map((key) => key === "." ? "mod" : key.slice(2));
  const staged = {
    ...kept,
    exports: Object.fromEntries(
      Object.keys(config.exports).map((key, i) => [key, `./dist/${names[i]}.js`]),
    ),
    imports: Object.fromEntries(dependencies.map((name) => [name, config.imports[name]])),
    publish: { include: [...config.publish.include, "dist/"] },
  };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(staged, null, 2) + "\n");

  const all = `${folder}/all.ts`;
  const more = beside.map((name) => `export * as ${name} from "${config.exports[`./${name}`]}";\n`);
  await Deno.writeTextFile(all, `export * from "${config.exports["."]}";\n${more.join("")}`);
  await bundle(folder, "all.ts", "dist");
  await Deno.remove(all);
  await Deno.rename(`${folder}/dist/all.js`, `${folder}/dist/vernal.js`);
  await finishBundle(folder, "vernal.js");
  const wasm = "src/backends/wasm";
  for (const name of threads) {
    await bundleThread(folder, `${wasm}/${name}.ts`, `dist/${name}.js`);
    await rewrite(`${folder}/dist/${name}.js`, toAscii);
  }

  for (const [i, source] of Object.values(config.exports).entries()) {
    const exported = Object.keys(await import(new URL(source, root).href)).sort();
    const name = names[i]!;
    const types = `/* @ts-self-types="${source.replace("./", "../")}" */\n`;
    const text = name === "mod"
      ? `export {\n${exported.map((e) => `  ${e},\n`).join("")}} from "./vernal.js";\n`
      : `import { ${name} as all } from "./vernal.js";\n` +
        exported.map((e) =>
          // A name may be a reserved word.
          `const ${e}_ = all.${e};\n`
        ).join("") + `export {\n${exported.map((e) => `  ${e}_ as ${e},\n`).join("")}};\n`;
    await Deno.writeTextFile(`${folder}/dist/${name}.js`, types + text);
  }
}
