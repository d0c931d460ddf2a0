import { oracleTests } from "./run.ts";

oracleTests("spatial");
