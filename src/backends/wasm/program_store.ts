/**
 * Compiled programs on disk, so that the second run of a script compiles nothing and does not even load the compiler.
 *
 * A program is found by a hash of its text, of the compiler's version and of the machine. Each is a file of its own, in one of
 * sixteen folders, written under another name and then renamed: who reads finds all of it or nothing. A file is checked when it is
 * read, and one that is damaged is removed. Whatever goes wrong with the disk, programs are compiled as if there were no store.
 *
 * What a program is made from has a text, too: where a file of that text's name tells which program it came to, nothing need be scheduled.
 *
 * Only under Deno, and only where reading and writing are permitted already.
 *
 * @module
 */
import { cacheFolder } from "../../core/cache_folder.ts";
import { canonicalText } from "../../loopnest/canonical.ts";
import type { Program, ProgramInterface } from "../../loopnest/ir.ts";
import type { EmitOptions } from "./emit.ts";
import { bytesHash, textHash } from "./hash.ts";
import type { Sharing } from "./jobs.ts";

/** What is kept of a program. */
export interface StoredProgram {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly scratchBytes: number;
  readonly sharing: Sharing | null;
  /** Nests of which it was not yet measured which choice is the faster (`Emitted.close`). */
  readonly close: readonly number[];
}

/** A program that was found by what it is made from. */
export interface StoredSource {
  /** What the program is stored under. */
  readonly key: string;
  readonly program: ProgramInterface;
}

/** "VNL" and the version of the files' form. */
const magic = 0x564e4c03;
/** The same, of files that name a program: the magic, the hash of all that follows, JSON. */
const sourceMagic = 0x564e4c12;
/**
 * Bytes before the close nests and the module: the magic, the hash of all that follows, the scratch's bytes, of what is shared among threads
 * the jobs, their cost and each thread's bytes, and how many nests are close, of which each takes as much as one of these numbers.
 */
const headerBytes = 48;
/** What each of the sixteen folders may hold. */
const shardBytes = 16 * 2 ** 20;
/** Milliseconds, after which reading a file says anew that it is in use. */
const day = 24 * 60 * 60 * 1000;

/** Deno's functions for files; all of them may throw. */
type Files = Pick<
  typeof Deno,
  | "mkdirSync"
  | "readDirSync"
  | "readFileSync"
  | "removeSync"
  | "renameSync"
  | "statSync"
  | "utimeSync"
  | "writeFileSync"
>;

/** A folder of programs. */
export class ProgramStore {
  readonly #files: Files;
  readonly #folder: string;
  readonly #compiler: string;

  /**
   * @param folder Made when something is first stored.
   * @param compiler What compiles, and for what machine: programs of another one are not found.
   */
  constructor(files: Files, folder: string, compiler: string) {
    this.#files = files;
    this.#folder = folder;
    this.#compiler = compiler;
  }

  /** What a program is found by. */
  keyOf(program: Program, options: EmitOptions): string {
    return textHash(`${this.#compiler}\n${JSON.stringify(options)}\n${canonicalText(program)}`);
  }

  /** A program that was stored, or `null`. */
  find(key: string): StoredProgram | null {
    return this.#read(key, decode);
  }

  /** Keeps a program. */
  store(key: string, program: StoredProgram): void {
    this.#write(key, encode(program));
  }

  /** What a file holds; `null` where there is none, or a damaged one, which is removed. */
  #read<T>(key: string, decoded: (file: Uint8Array<ArrayBuffer>) => T | null): T | null {
    const path = this.#pathOf(key);
    let file: Uint8Array<ArrayBuffer>;
    try {
      file = this.#files.readFileSync(path);
    } catch {
      return null;
    }
    const found = decoded(file);
    if (found === null) this.remove(key);
    else this.#touch(path);
    return found;
  }

  #write(key: string, file: Uint8Array): void {
    const path = this.#pathOf(key);
    const shard = path.slice(0, path.lastIndexOf("/"));
    const unfinished = `${path}.${crypto.randomUUID()}`;
    try {
      this.#files.mkdirSync(shard, { recursive: true, mode: 0o700 });
      this.#files.writeFileSync(unfinished, file, { mode: 0o600 });
      this.#files.renameSync(unfinished, path);
      this.#prune(shard);
    } catch {
      this.#tryToRemove(unfinished); // a full disk, or one that may not be written: nothing is kept
    }
  }

  /** What is found under a text from which programs are made. */
  sourceKeyOf(source: string, options: EmitOptions): string {
    return textHash(`${this.#compiler}\n${JSON.stringify(options)}\nsource\n${source}`);
  }

  /** Which program a source came to, or `null`. */
  findSource(key: string): StoredSource | null {
    return this.#read(key, decodeSource);
  }

  /** Remembers which program a source came to. */
  storeSource(key: string, source: StoredSource): void {
    this.#write(key, encodeSource(source));
  }

  /** Forgets a program, as one that is damaged. */
  remove(key: string): void {
    this.#tryToRemove(this.#pathOf(key));
  }

  /** Whether a script's programs were all found the last time it ran. */
  knows(script: string): boolean {
    try {
      return this.#files.statSync(this.#markOf(script)).isFile;
    } catch {
      return false;
    }
  }

  /** Remembers whether a script's programs are here. */
  setKnown(script: string, known: boolean): void {
    if (known === this.knows(script)) return;
    const mark = this.#markOf(script);
    if (!known) return this.#tryToRemove(mark);
    try {
      this.#files.mkdirSync(`${this.#folder}/scripts`, { recursive: true, mode: 0o700 });
      this.#files.writeFileSync(mark, new Uint8Array(0));
      this.#prune(`${this.#folder}/scripts`);
    } catch {
      // The compiler will be loaded early, for nothing.
    }
  }

  #pathOf(key: string): string {
    return `${this.#folder}/${key[0]}/${key}`;
  }

  #markOf(script: string): string {
    return `${this.#folder}/scripts/${textHash(this.#compiler + script)}`;
  }

  #tryToRemove(path: string): void {
    try {
      this.#files.removeSync(path);
    } catch {
      // Another process did, or nobody may.
    }
  }

  /** Says now and then that a file is in use, so that others go first. */
  #touch(path: string): void {
    try {
      const now = new Date();
      const { mtime } = this.#files.statSync(path);
      if (mtime !== null && now.getTime() - mtime.getTime() > day) {
        this.#files.utimeSync(path, now, now);
      }
    } catch {
      // A disk that is only read.
    }
  }

  /** Removes what was not used for longest, where a folder holds too much. */
  #prune(folder: string): void {
    const entries = [];
    let total = 0;
    for (const { name } of this.#files.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      const { size, mtime } = this.#files.statSync(path);
      // Even an empty file takes a block.
      const bytes = Math.max(size, 4096);
      entries.push({ path, bytes, time: mtime?.getTime() ?? 0 });
      total += bytes;
    }
    if (total <= shardBytes) return;
    entries.sort((a, b) => a.time - b.time);
    for (const { path, bytes } of entries) {
      if (total <= shardBytes * 3 / 4) return;
      this.#tryToRemove(path);
      total -= bytes;
    }
  }
}

function encode({ bytes, scratchBytes, sharing, close }: StoredProgram): Uint8Array {
  const start = headerBytes + 8 * close.length;
  const file = new Uint8Array(start + bytes.length);
  const header = new DataView(file.buffer);
  file.set(bytes, start);
  const { jobs, cost, privateBytes } = sharing ?? { jobs: 0, cost: 0, privateBytes: 0 };
  const numbers = [scratchBytes, jobs, cost, privateBytes, close.length, ...close];
  numbers.forEach((x, i) => header.setFloat64(8 + 8 * i, x, true));
  header.setUint32(4, bytesHash(file.subarray(8)), true);
  header.setUint32(0, magic, true);
  return file;
}

/** `null` for what is no such file, or not all of it. */
function decode(file: Uint8Array<ArrayBuffer>): StoredProgram | null {
  if (file.length < headerBytes) return null;
  const header = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (header.getUint32(0, true) !== magic) return null;
  if (header.getUint32(4, true) !== bytesHash(file.subarray(8))) return null;
  const numberAt = (i: number): number => header.getFloat64(8 + 8 * i, true);
  const [scratchBytes, jobs, cost, privateBytes, count] = [0, 1, 2, 3, 4].map(numberAt) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const sharing = jobs === 0 ? null : { jobs, cost, privateBytes };
  const close = Array.from({ length: count }, (_, i) => numberAt(5 + i));
  return { bytes: file.subarray(headerBytes + 8 * count), scratchBytes, sharing, close };
}

function encodeSource({ key, program }: StoredSource): Uint8Array {
  const { name, buffers, scratchBytes } = program;
  const shown = buffers.filter((b) => b.role !== "temp");
  const text = new TextEncoder().encode(
    JSON.stringify({ key, program: { name, buffers: shown, scratchBytes } }),
  );
  const file = new Uint8Array(8 + text.length);
  const header = new DataView(file.buffer);
  file.set(text, 8);
  header.setUint32(4, bytesHash(text), true);
  header.setUint32(0, sourceMagic, true);
  return file;
}

/** `null` for what is no such file, or not all of it. */
function decodeSource(file: Uint8Array<ArrayBuffer>): StoredSource | null {
  if (file.length < 8) return null;
  const header = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const text = file.subarray(8);
  if (header.getUint32(0, true) !== sourceMagic) return null;
  if (header.getUint32(4, true) !== bytesHash(text)) return null;
  return JSON.parse(new TextDecoder().decode(text)) as StoredSource;
}

/** The store of this process; `null` where nothing may be kept. */
export function openProgramStore(): ProgramStore | null {
  try {
    const folder = cacheFolder();
    return folder === null ? null : new ProgramStore(Deno, folder, compilerVersion(Deno));
  } catch {
    return null;
  }
}

/**
 * What makes programs: a published package by its address, which has its version; a working copy by its files' sizes and times. And
 * for what: the processor's kind and the version of V8.
 */
function compilerVersion({ build, version, readDirSync, statSync }: typeof Deno): string {
  const parts = [build.target, version.v8, import.meta.url];
  if (import.meta.url.startsWith("file:")) {
    // A bundle lies in one folder.
    const isBundle = !import.meta.url.endsWith(".ts");
    const folders = (isBundle ? ["./"] : ["../../", "../../../kernels/build/"])
      .map((folder) => new URL(folder, import.meta.url).href);
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = [...readDirSync(new URL(folder))].sort((a, b) => a.name < b.name ? -1 : 1);
      for (const { name, isDirectory } of entries) {
        if (isDirectory) {
          folders.push(`${folder}${name}/`);
          continue;
        }
        const { size, mtime } = statSync(new URL(folder + name));
        parts.push(`${name} ${size} ${mtime?.getTime()}`);
      }
    }
  }
  return parts.join("\n");
}
