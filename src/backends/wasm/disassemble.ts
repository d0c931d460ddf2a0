/**
 * WASM as text, by wabt.
 *
 * @module
 */

/** The part of wabt that is used here. */
interface Wabt {
  readWasm(bytes: Uint8Array, options: Record<string, boolean>): {
    generateNames(): void;
    applyNames(): void;
    toText(options: Record<string, boolean>): string;
    destroy(): void;
  };
}

/** Loads wabt; gives a function from a module to its folded text. */
export async function loadDisassembler(): Promise<(bytes: Uint8Array) => string> {
  const { default: load } = await import("wabt");
  const wabt = await load() as unknown as Wabt;
  const features = { readDebugNames: true, simd: true, relaxed_simd: true, threads: true };
  return (bytes) => {
    const module = wabt.readWasm(bytes, features);
    try {
      module.generateNames();
      module.applyNames();
      return module.toText({ foldExprs: true, inlineExport: true });
    } finally {
      module.destroy();
    }
  };
}
