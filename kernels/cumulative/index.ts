export * from "./cumulative";
