export * from "./conv";
