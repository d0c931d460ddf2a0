export * from "./argsort";
