import { oracleTests } from "./run.ts";

oracleTests("checks");
