import { oracleTests } from "./run.ts";

oracleTests("more");
