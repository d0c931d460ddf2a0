export * from "./fft";
export * from "./rounds";
