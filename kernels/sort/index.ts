export * from "./argsort";
export * from "./rounds";
export * from "./values";
