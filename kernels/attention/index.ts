export * from "./attention";
export * from "./gradients";
