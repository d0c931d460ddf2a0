export * from "./argreduce";
export * from "./binary";
export * from "./compare";
export * from "./convert";
export * from "./copy";
export * from "./reduce";
export * from "./stored";
export * from "./unary";
