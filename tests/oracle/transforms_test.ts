import { oracleTests } from "./run.ts";

oracleTests("transforms");
