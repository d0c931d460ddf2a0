export * from "./fft";
