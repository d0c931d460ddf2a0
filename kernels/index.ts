// The kernels that are built: every function that this file exports ends up in the artefact.
export * from "./attention";
export * from "./conv";
export * from "./cumulative";
export * from "./eager";
export * from "./factor";
export * from "./fft";
export * from "./gemm";
export * from "./math";
export * from "./random";
export * from "./sort";
export * from "./threads";
