import { oracleTests } from "./run.ts";

oracleTests("lax");
