import { oracleTests } from "./run.ts";

oracleTests("reductions");
