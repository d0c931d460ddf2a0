export * from "./argsort";
export * from "./values";
