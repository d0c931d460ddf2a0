import { oracleTests } from "./run.ts";

oracleTests("loops");
