export * from "./threefry";
