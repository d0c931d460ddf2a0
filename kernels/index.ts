// The kernels that are built: every function that this file exports ends up in the artefact.
export * from "./eager";
export * from "./gemm";
export * from "./math";
