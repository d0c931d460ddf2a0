export * from "./cumulative";
export * from "./parts";
