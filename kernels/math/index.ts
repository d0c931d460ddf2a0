export * from "./exp";
