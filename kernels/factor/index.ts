export * from "./cholesky";
export * from "./eigh";
export * from "./lu";
export * from "./qr";
export * from "./svd";
export * from "./triangular";
