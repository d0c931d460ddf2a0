export * from "./pool";
