export * from "./cumulative";
export * from "./groups";
