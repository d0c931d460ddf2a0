import { oracleTests } from "./run.ts";

oracleTests("partition");
